"""A stranger's adapter without a simulated venue, through ``arbkit adapters test`` and the pytest plugin."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from arbkit.testing.conformance import KINDS, RULES
from arbkit.testing.recording import RecordedFrame

ROOT = Path(__file__).parents[2]
BOOKS_ONLY = '''
"""The toy venue of the examples, as a package of its own."""

import arbkit
from arbkit_toy import Toy

class Better(Toy):
    def __init__(self, settings):
        super().__init__(settings)

@arbkit.hookimpl
def register_exchanges(register): register(Better)
'''
WORSE = BOOKS_ONLY.replace(
    "super().__init__(settings)",
    "super().__init__(arbkit.VenueSettings(environment=settings.environment, endpoints=settings.endpoints))",
)


def book(seq: int, prev: int | None, price: str) -> RecordedFrame:
    """A frame of the toy venue, with one bid and one ask."""
    message: dict[str, Any] = {"symbol": "BTCUSDT", "seq": seq, "bids": [[price, "1"]], "asks": [["200", "2"]]}
    data = json.dumps(message if prev is None else {**message, "prev": prev})
    return RecordedFrame(dir="in", kind="ws", data=data, t=1.0 + seq, url="wss://stream.toy.example/v1", conn="1")


FRAMES = (book(1, None, "100"), book(2, 1, "101"), book(3, 2, "102"), book(4, 3, "103"))
EXPECTED = tuple(
    {"i": line, "symbol": "BTCUSDT", "bid": [str(100 + line), "1"], "ask": ["200", "2"]} for line in range(4)
)


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """An environment with the stranger's package installed, and its recording in the folder."""
    install(tmp_path / "site", BOOKS_ONLY)
    (tmp_path / "frames.jsonl").write_bytes(b"".join(msgspec.json.encode(frame) + b"\n" for frame in FRAMES))
    (tmp_path / "expected.jsonl").write_text("".join(json.dumps(line) + "\n" for line in EXPECTED))
    return {**os.environ, "PYTHONPATH": f"{tmp_path / 'site'}{os.pathsep}{ROOT / 'examples/plugin'}"}


def install(folder: Path, code: str) -> None:
    """A package with an entry point, as pip leaves it."""
    folder.mkdir(exist_ok=True)
    (folder / "arbkit_better.py").write_text(code)
    info = folder / "arbkit_better-1.0.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: arbkit-better\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[arbkit]\nmain = arbkit_better\n")


def call(env: dict[str, str], folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *args]
    return subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def outcomes(rows: Sequence[dict[str, str]]) -> dict[str, str]:
    return {row["rule"]: row["outcome"] for row in rows}


def test_an_adapter_without_a_simulated_venue_is_tested(env: dict[str, str], tmp_path: Path) -> None:
    """The market rules pass, with the recording too; each other rule says what it lacks; exit 0, one JSON document."""
    done = call(env, tmp_path, "arbkit", "adapters", "test", "toy", "--recording", "frames.jsonl", "--json")
    document = json.loads(done.stdout)
    assert (done.returncode, document["failed"]) == (0, 0), done.stdout + done.stderr
    rules = {row["rule"]: row for row in document["rules"]}
    assert set(rules) == set(RULES)
    assert {row["kind"] for row in rules.values()} == set(KINDS)
    passed = {name for name, row in rules.items() if row["outcome"] == "pass"}
    assert {
        "links",
        "options",
        "endpoints",
        "pure",
        "subscriptions",
        "pings",
        "recording",
        "recording_faults",
    } <= passed
    assert rules["recording"]["note"] == "4 books compared"
    assert rules["book"]["note"] == "no simulated venue is registered"
    assert rules["signing_vectors"]["note"] == "no --vectors given"


def test_a_wrong_book_and_a_broken_rule_are_told(env: dict[str, str], tmp_path: Path) -> None:
    """A failing rule gives exit 1; the table names rule, result and what was seen, and ends with the counts."""
    install(tmp_path / "site", WORSE)
    lines = (tmp_path / "expected.jsonl").read_text()
    (tmp_path / "expected.jsonl").write_text(lines.replace('"103"', '"103.5"'))
    done = call(env, tmp_path, "arbkit", "adapters", "test", "toy", "--recording", "frames.jsonl")
    assert done.returncode == 1, done.stderr
    shown = {line.split()[0]: line for line in done.stdout.splitlines() if line}
    assert "FAIL" in shown["recording"]
    assert "BTCUSDT after line 4: bid is ['103', '1'], expected ['103.5', '1']" in shown["recording"]
    assert "'no_such_option' was accepted" in shown["options"]
    assert "not run" in shown["top"]
    rows = [f"{line} " for line in done.stdout.splitlines()[1:-2]]
    counts = [sum(f" {outcome} " in row for row in rows) for outcome in ("pass", "FAIL", "not run")]
    assert done.stdout.splitlines()[-1] == f"{counts[0]} passed, 2 failed, {counts[2]} not run"
    assert counts[1] == 2


@pytest.mark.parametrize(
    ("arguments", "files", "words"),
    [
        (("tpy",), {}, "no plugin registers the venue 'tpy', did you mean 'toy'?"),
        (("toy", "--recording", "none.jsonl"), {}, "'none.jsonl' does not exist"),
        (
            ("toy", "--recording", "bad.jsonl"),
            {"bad.jsonl": '{"dir":"in","kind":"ws","data":"x"}\n{"dir":\n{"dir":"in","kind":"ws","data":"x"}\n'},
            "bad.jsonl: line 2 is no frame",
        ),
        (("toy", "--recording", "torn.jsonl"), {"torn.jsonl": '{"dir":"in"'}, "torn.jsonl: line 1 is no frame"),
        (("toy", "--recording", "empty.jsonl"), {"empty.jsonl": ""}, "empty.jsonl: contains no frames"),
        (("toy", "--vectors", "bad.json"), {"bad.json": '{"clock_ms": 1,\n"rest": ]}'}, "bad.json: line 2: not valid"),
        (("toy", "--vectors", "less.json"), {"less.json": '{"rest": []}'}, "less.json: Object missing required field"),
    ],
)
def test_a_mistake_is_one_line_and_exit_2(
    arguments: tuple[str, ...], files: dict[str, str], words: str, env: dict[str, str], tmp_path: Path
) -> None:
    """What, where, and what to do; never a traceback."""
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    done = call(env, tmp_path, "arbkit", "adapters", "test", *arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr


AUTHORS_TEST = "def test_conformance(adapter_rule):\n    adapter_rule()\n"


def test_the_plugin_makes_one_test_of_each_rule(env: dict[str, str], tmp_path: Path) -> None:
    """Two lines of test and one of configuration: a rule that lacks something is skipped with the reason, a violation
    fails with the rule and what was seen, without our traceback."""
    install(tmp_path / "site", WORSE)
    (tmp_path / "test_mine.py").write_text(AUTHORS_TEST)
    (tmp_path / "pytest.ini").write_text("[pytest]\narbkit_adapter = toy\narbkit_recording = frames.jsonl\n")
    done = call(env, tmp_path, "pytest", "-q", "-rsf", "-p", "no:cacheprovider", "-p", "no:asyncio")
    assert done.returncode == 1, done.stdout + done.stderr
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
    assert len(failed) == 1
    assert "test_mine.py::test_conformance[options]" in failed[0]
    assert "An unknown option and an unknown environment raise ``ConfigError``" in done.stdout
    assert "'no_such_option' was accepted" in done.stdout
    assert "no simulated venue is registered" in done.stdout
    assert "def check" not in done.stdout


def test_the_plugin_tells_what_is_missing(env: dict[str, str], tmp_path: Path) -> None:
    """No adapter named, and one that is not installed."""
    (tmp_path / "test_mine.py").write_text(AUTHORS_TEST)
    for text, words in (
        ("[pytest]\n", 'set arbkit_adapter = "NAME" in the configuration of pytest'),
        ("[pytest]\narbkit_adapter = tpy\n", "did you mean 'toy'?"),
        ("[pytest]\narbkit_adapter = toy\narbkit_vectors = none.json\n", "none.json: cannot be read"),
    ):
        (tmp_path / "pytest.ini").write_text(text)
        done = call(env, tmp_path, "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:asyncio")
        assert done.returncode != 0
        assert words in done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr


def test_a_project_without_conformance_tests_loads_nothing_of_the_kit(env: dict[str, str], tmp_path: Path) -> None:
    """The plugin is there in each run of pytest where arbkit is installed: it must cost nothing."""
    (tmp_path / "test_other.py").write_text(
        "import sys\n"
        "def test_other(pytestconfig):\n"
        "    assert pytestconfig.pluginmanager.hasplugin('arbkit')\n"
        "    heavy = ('arbkit.testing', 'arbkit.sim', 'arbkit.plugins.registry', 'asyncio', 'ssl')\n"
        "    assert [name for name in heavy if name in sys.modules] == []\n"
    )
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    off = [f"no:{name}" for name in ("cacheprovider", "asyncio", "xdist", "hypothesispytest", "anyio", "schemathesis")]
    done = call(env, tmp_path, "pytest", "-q", *(word for name in off for word in ("-p", name)))
    assert done.returncode == 0, done.stdout + done.stderr
