"""The file of a strategy is code that a run executes: with keys at hand, only if nobody else can change it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from arbkit import cli
from arbkit.app import target
from arbkit.app.beginning import begin
from arbkit.core.errors import ConfigError
from arbkit.plugins.registry import Registry, load

MINE = """
from pathlib import Path
from arbkit import SpreadArb
Path("ran").touch()

class Mine(SpreadArb):
    symbols = ("BTC-USDT",)
"""
LIVE = """
mode = "live"
distributions = ["arbkit-binance"]
[strategy]
target = "strategy:Mine"
[venues.binance]
environment = "testnet"
key = "env:A_KEY"
secret = "env:A_KEY"
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of a bot, which is the current one."""
    folder = tmp_path / "bot"
    (folder / "parts").mkdir(parents=True, mode=0o755)
    (folder / "strategy.py").write_text(MINE)
    (folder / "parts" / "__init__.py").write_text(MINE)
    (folder / "helper.py").touch()
    for file in folder.rglob("*.py"):
        file.chmod(0o644)
    folder.chmod(0o755)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("A_KEY", "the-key-of-a-bot")
    before = set(sys.modules), list(sys.path)
    yield folder
    for name in set(sys.modules) - before[0]:
        if name in ("strategy", "parts", "arbkit_target_strategy"):
            del sys.modules[name]
    sys.path[:] = before[1]


@pytest.mark.parametrize(
    ("name", "open_to", "mode", "told"),
    [
        ("strategy:Mine", "strategy.py", 0o664, "chmod go-w {}"),
        ("strategy.py:Mine", "strategy.py", 0o666, "chmod go-w {}"),
        ("strategy:Mine", "helper.py", 0o646, "chmod go-w {}"),
        ("strategy:Mine", ".", 0o777, "chmod go-w {}"),
        ("parts:Mine", "parts/__init__.py", 0o666, "chmod go-w {}"),
        ("parts:Mine", "parts", 0o775, "chmod go-w {}"),
        ("strategy:Mine", "..", 0o777, "others can exchange"),
    ],
)
def test_what_others_can_change_does_not_run(place: Path, name: str, open_to: str, mode: int, told: str) -> None:
    """The file, what stands beside it, and the folders; told with the command that mends it, before any of it runs."""
    there = (place / open_to).resolve()
    there.chmod(mode)
    with pytest.raises(ConfigError, match=told.format(there)):
        target.load(name, Registry(), signed=True)
    assert not (place / "ran").exists()
    assert target.load(name, Registry()).__name__ == "Mine"  # without keys it is the user's own affair
    assert (place / "ran").exists()


@pytest.mark.parametrize("name", ["strategy:Mine", "parts:Mine"])
def test_what_is_ours_alone_runs(place: Path, name: str) -> None:
    assert target.load(name, Registry(), signed=True).__name__ == "Mine"


def test_a_live_run_and_the_check_of_its_configuration_refuse_it(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2 and one line; nothing of the file has run. A paper run takes it."""
    (place / "arbkit.toml").write_text(LIVE)
    (place / "arbkit.toml").chmod(0o600)
    (place / "strategy.py").chmod(0o666)
    for command in (["run", "--live"], ["config", "check"], ["config", "check", "--live"]):
        with pytest.raises(SystemExit) as ended:
            cli.main(command)
        said = capsys.readouterr().err
        assert ended.value.code == 2, said
        assert f"{place / 'strategy.py'}: others can change it: chmod go-w {place / 'strategy.py'}" in said
        assert "Traceback" not in said
    assert not (place / "ran").exists()
    with pytest.raises(SystemExit):
        cli.main(["doctor", "--json"])
    assert "others can change it" in capsys.readouterr().out
    assert not (place / "ran").exists()


def test_what_init_writes_is_not_refused_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the umask lets a group write: a live run would refuse the strategy and the configuration."""
    before = os.umask(0o002)
    try:
        begin(tmp_path / "bot", ["binance", "okx"], load(("arbkit-binance", "arbkit-okx")))
    finally:
        os.umask(before)
    monkeypatch.chdir(tmp_path / "bot")
    assert {file.stat().st_mode & 0o777 for file in (tmp_path / "bot").iterdir()} == {0o644}
    assert target.load("strategy.py:Mine", Registry(), signed=True).__name__ == "Mine"
