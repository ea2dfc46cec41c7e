"""What the process prints: no secret, no control character, whatever a venue, a plugin or a library says."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from arbkit.config.secrets import resolve
from arbkit.monitor import redactor
from arbkit.monitor.terminal import emit, say, show

CANARY = "CANARY-beef+0123/=\"'x"
EVIL = f"bad \x1b]0;title\x07\x1b[2J\u202e you sent {CANARY}\nand passphrase=hunter2&x"


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A key that the configuration resolved."""
    before = redactor.PROCESS._known
    resolve("env:MY_KEY", {"MY_KEY": CANARY})
    yield
    redactor.PROCESS._known = before


def test_texts_are_struck_and_cannot_control_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """On both streams; a line stays a line."""
    show(EVIL)
    say(EVIL)
    printed = capsys.readouterr()
    assert printed.out == printed.err
    assert printed.out.splitlines() == [
        "bad \\x1b]0;title\\x07\\x1b[2J\\u202e you sent ***",
        "and passphrase=***&x",
    ]


def test_a_document_stays_json(capsys: pytest.CaptureFixture[str]) -> None:
    """Secrets and control characters are struck in names and values; the rest is as it was."""
    emit({"text": EVIL, EVIL: [1, None, {"deep": CANARY}], "n": 1.5})
    out = capsys.readouterr().out
    assert out.isascii() or "\u202e" not in out
    assert CANARY not in out
    assert json.dumps(CANARY)[1:-1] not in out
    said = json.loads(out)
    assert said["n"] == 1.5
    assert said["text"].startswith("bad \\x1b]0;title")


@pytest.mark.parametrize(
    "fault",
    [
        "raise RuntimeError(SECRET)",
        "import threading; t = threading.Thread(target=lambda: 1 / len(SECRET[:0]) or SECRET); t.start(); t.join()",
        "class A:\n    def __del__(self): raise RuntimeError(SECRET)\nA()",
        "import click; raise click.UsageError(SECRET)",
    ],
    ids=["raised", "thread", "unraisable", "usage"],
)
def test_a_fault_of_a_command_shows_no_secret(tmp_path: Path, fault: str) -> None:
    """The traceback of the process, of a thread, of a destructor, and a usage error: told, without the key."""
    program = tmp_path / "program.py"
    program.write_text(
        "import os\nfrom arbkit import cli\nfrom arbkit.config.secrets import resolve\n"
        "resolve('env:MY_KEY')\nSECRET = '\\x1b[2J' + os.environ['MY_KEY']\n"
        "import click\n@cli.group.command('boom')\ndef boom():\n"
        + "".join(f"    {line}\n" for line in fault.splitlines())
        + "cli._COMMANDS['boom'] = ('boom_module', '')\n"
        "import sys, types\nsys.modules['boom_module'] = types.SimpleNamespace(command=boom)\n"
        "cli.main(['boom'])\n"
    )
    done = subprocess.run(
        [sys.executable, str(program)],
        env={"MY_KEY": CANARY, "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Error" in done.stderr
    for part in (CANARY, "beef", "\x1b"):
        assert part not in done.stderr + done.stdout
