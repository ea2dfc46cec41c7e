"""Every file of ``examples/`` does what it says."""

from __future__ import annotations

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from arbkit_binance.adapter import Binance
from arbkit_binance.dialect import BinanceDialect
from arbkit_okx.adapter import Okx
from arbkit_okx.dialect import OkxDialect

from arbkit import Strategy, VenueSettings
from arbkit.app import target
from arbkit.config.load import StrategyConfig
from arbkit.plugins import registry as plugins
from arbkit.testing import corpus
from arbkit.testing.recording import RecordedFrame, Replay
from arbkit.testing.simulated import differences, simulate

EXAMPLES = Path(__file__).parent.parent / "examples"
VENUES = {Binance: BinanceDialect, Okx: OkxDialect}
RUN_HERE = {"spread.py", "own_strategy.py", "watch_books.py", "virtual_time.py", "replay_recording.py"}


def test_no_example_is_left_out() -> None:
    """A new file needs a test here."""
    assert {file.name for file in EXAMPLES.glob("*.py")} == RUN_HERE


@pytest.mark.parametrize("name", ["spread.py:Majors", "own_strategy.py:Patient"])
def test_a_strategy_trades_and_its_books_are_the_venues(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loaded as ``arbkit run`` loads it: half a minute of virtual time brings deals, and both ledgers are equal."""
    monkeypatch.chdir(EXAMPLES)
    monkeypatch.setattr(sys, "path", list(sys.path))
    made: Strategy = target.make(target.load(name, plugins.load()), StrategyConfig(target=name))
    run = simulate(made, VENUES)
    run.run_for(30)
    assert run.stop()
    assert run.desk.counters.deals["hedged"] >= 5
    assert differences(run) == []


def test_watch_books_prints_a_line_a_second(capsys: pytest.CaptureFixture[str]) -> None:
    """Both venues' best prices once both books are trusted."""
    runpy.run_path(str(EXAMPLES / "watch_books.py"))["main"](5.0)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) >= 4
    assert re.fullmatch(r"binance: \d+\.\d\d \| \d+\.\d\d   okx: \d+\.\d\d \| \d+\.\d\d", lines[-1])


def test_virtual_time_survives_its_faults_and_repeats_itself(capsys: pytest.CaptureFixture[str]) -> None:
    """All five faults fired, nothing unresolved, ledgers equal; the same seed gives the same commands."""
    main = runpy.run_path(str(EXAMPLES / "virtual_time.py"))["main"]
    main(3)
    once = capsys.readouterr().out
    main(3)
    again = capsys.readouterr().out
    for fault in ("skip", "close", "lose_ack", "partial", "throttle"):
        assert f"'{fault}': " in once
    assert "unresolved 0, finished True" in once
    assert "exactly equal on every venue" in once
    assert once == again


def test_a_simulated_venue_is_recorded_and_replayed(capsys: pytest.CaptureFixture[str]) -> None:
    """Without an argument it makes its own frames."""
    runpy.run_path(str(EXAMPLES / "replay_recording.py"))["main"]()
    last = capsys.readouterr().out.splitlines()[-1]
    found = re.fullmatch(r"(\d+) frames, (\d+) changes of books, 0 gaps, 0 errors", last)
    assert found is not None
    assert int(found[1]) > int(found[2]) > 100


@pytest.mark.recordings("binance", "frames")
def test_a_recording_is_replayed(capsys: pytest.CaptureFixture[str]) -> None:
    """A file is read to its end."""
    runpy.run_path(str(EXAMPLES / "replay_recording.py"))["main"](str(corpus.find("binance", "frames")))
    assert capsys.readouterr().out.endswith("10859 frames, 995 changes of books, 0 gaps, 0 errors\n")


def _install(folder: Path) -> None:
    """What pip does of the plugin's pyproject.toml, without a network."""
    project = (EXAMPLES / "plugin/pyproject.toml").read_text()
    entry = re.search(r"\[project.entry-points.arbkit\]\n(.*)\n", project)
    assert entry is not None
    shutil.copy(EXAMPLES / "plugin/arbkit_toy.py", folder)
    info = folder / "arbkit_toy-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: arbkit-toy\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text(f"[arbkit]\n{entry[1].replace(chr(34), '')}\n")


def test_the_plugin_is_found_without_touching_our_files(tmp_path: Path) -> None:
    """Its venue and its strategy are listed by the command line of an arbkit that has never heard of it."""
    _install(tmp_path)
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    found = {}
    for kind in ("adapters", "strategies"):
        command = [Path(sys.executable).parent / "arbkit", kind, "list", "--json"]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=True)
        found[kind] = json.loads(done.stdout)[kind]
    assert ("toy", "arbkit-toy", "ok") in [(r["venue"], r["distribution"], r["status"]) for r in found["adapters"]]
    assert ("widest", "arbkit-toy", "ok") in [(r["name"], r["distribution"], r["status"]) for r in found["strategies"]]


def test_the_plugins_venue_keeps_a_book() -> None:
    """A snapshot and its changes make a book; a hole in the sequence loses it at once."""
    replay = Replay(runpy.run_path(str(EXAMPLES / "plugin/arbkit_toy.py"))["Toy"](VenueSettings()))

    def feed(**fields: object) -> list[str]:
        return replay.feed(
            RecordedFrame(dir="in", kind="ws", data=json.dumps({"symbol": "BTCUSDT", "bids": [], **fields}))
        )

    assert feed(seq=7, bids=[["100", "1"]], asks=[["101", "2"], ["102", "1"]]) == ["toy:BTCUSDT"]
    assert feed(seq=8, prev=7, asks=[["101", "0"]]) == ["toy:BTCUSDT"]
    assert replay.books["toy:BTCUSDT"].best_ask() == (102.0, 1.0)
    assert feed(seq=10, prev=9, asks=[]) == []
    assert not replay.books["toy:BTCUSDT"].trusted
    assert replay.errors == 0


def test_fifteen_lines_trade_over_real_sockets(tmp_path: Path) -> None:
    """simulator.toml and spread.py as they stand (ports apart): signed orders, hedged deals, a clean end, exit 0."""
    arbkit = Path(sys.executable).parent / "arbkit"
    code = (EXAMPLES / "spread.py").read_text()
    assert len([line for line in code[code.rindex('"""\n\nimport') :].splitlines() if line]) <= 15
    (tmp_path / "spread.py").write_text(code)
    with subprocess.Popen(
        [arbkit, "sim", "binance", "okx", "--edge-every", "1", "--json"], stdout=subprocess.PIPE, text=True
    ) as sim:
        try:
            assert sim.stdout is not None
            said = json.loads(sim.stdout.readline())["venues"]
            config = (EXAMPLES / "simulator.toml").read_text()
            env = {**os.environ}
            for venue, port in (("binance", "9301"), ("okx", "9302")):
                config = config.replace(f"127.0.0.1:{port}", said[venue]["rest"].rpartition("/")[2])
                env |= {f"SIM_{venue.upper()}_{part.upper()}": said[venue][part] for part in ("key", "secret")}
            env["SIM_OKX_PASSPHRASE"] = said["okx"]["passphrase"]
            (tmp_path / "simulator.toml").write_text(config)
            command = [arbkit, "run", "spread.py:Majors", "--config", "simulator.toml", "--live", "--state", "state"]
            done = subprocess.run(
                [*command, "--seconds", "8", "--json"],
                cwd=tmp_path,
                env=env,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
        finally:
            sim.kill()
    assert done.returncode == 0, done.stderr
    last = json.loads(done.stdout)
    assert last["hedged"] >= 2, done.stderr
    assert (last["unresolved"], last["held"], last["open_orders"]) == (0, 0, 0)
