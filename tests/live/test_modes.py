"""Stopped from outside while it trades: kill file, signals, ``arbkit mode``. The judge: the venues' own orders."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from arbkit.core.runtime.clock import Clock

CLOCK = Clock()
ARBKIT = str(Path(sys.executable).parent / "arbkit")
FAST = 'symbols = ["BTC-USDT", "ETH-USDT"], min_edge = 0.0003, max_notional = 500.0, cooldown_s = 0.02'


def trading(stage: Any) -> tuple[Any, Any]:
    venues = stage.sim("binance", "okx", "--edge-every", "0.1")
    run = stage.run(venues, params=FAST)
    run.wait("deal.closed")
    return venues, run


def arbkit(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ARBKIT, *words, "--state", str(folder / "state")], capture_output=True, text=True, timeout=60, check=False
    )


def stands_still(venues: Any, seconds: float = 0.6) -> bool:
    """Whether no order comes, though there are edges."""
    time.sleep(0.3)
    before = len(venues.orders())
    time.sleep(seconds)
    return len(venues.orders()) == before


def goes_on(venues: Any) -> None:
    before = len(venues.orders())
    end_ns = CLOCK.now_ns() + 60 * 10**9
    while len(venues.orders()) == before:
        assert CLOCK.now_ns() < end_ns, "no order after the mode was lifted"
        time.sleep(0.02)


def test_the_kill_file_and_signals_stop_all_orders_until_they_are_lifted(stage: Any, tmp_path: Path) -> None:
    venues, run = trading(stage)
    kill = tmp_path / "state" / "live" / "kill"
    kill.touch()
    run.wait("risk.restricted", scope="all", mode="halted")
    assert stands_still(venues)
    kill.unlink()
    goes_on(venues)
    run.stop(signal.SIGUSR1)
    run.wait("risk.restricted", 2, scope="all", mode="halted")
    assert stands_still(venues)
    run.stop(signal.SIGUSR2)
    goes_on(venues)
    run.stop()
    code, out = run.ended()
    assert (code, json.loads(out)["unresolved"]) == (0, 0), run.text


def test_arbkit_mode_is_kept_over_a_restart(stage: Any, tmp_path: Path) -> None:
    """One venue of two is taken out: nothing can be traded, in the next run neither, until somebody says active."""
    venues, run = trading(stage)
    assert arbkit(tmp_path, "mode").stderr == "all: active\n"
    status = arbkit(tmp_path, "status", "--json")
    assert {one["reason"] for one in json.loads(status.stdout)["idle"]}, status.stderr
    told = arbkit(tmp_path, "mode", "reducing", "--scope", "okx", "--why", "maintenance", "--json")
    assert json.loads(told.stdout)["modes"] == {"okx": {"mode": "reducing", "why": "maintenance"}}, told.stderr
    assert stands_still(venues)
    run.stop()
    assert run.ended()[0] == 0
    assert arbkit(tmp_path, "mode").returncode == 4
    again = stage.run(venues, params=FAST)
    again.wait("risk.restricted", scope="okx", mode="reducing")
    again.wait("venue.ready", 2)
    assert stands_still(venues)
    wrong = arbkit(tmp_path, "mode", "active", "--scope", "kraken")
    assert (wrong.returncode, "'kraken' is no venue of this run" in wrong.stderr) == (2, True)
    assert arbkit(tmp_path, "mode", "active", "--scope", "okx").returncode == 0
    goes_on(venues)
    again.stop()
    assert again.ended()[0] == 0


@pytest.mark.quiet
def test_no_order_leaves_50_ms_after_the_kill_file(stage: Any, tmp_path: Path) -> None:
    """200 times; an order counts when it arrives at the venue."""
    venues, run = trading(stage)
    kill = tmp_path / "state" / "live" / "kill"
    late, stops = [], []
    for _ in range(200):
        began_ns = CLOCK.now_ns()
        kill.touch()
        time.sleep(0.2)
        ended_ns = CLOCK.now_ns()
        kill.unlink()
        stops.append((began_ns + 50_000_000, ended_ns))
        goes_on(venues)
    for order in venues.orders():
        late += [order for after, before in stops if after < order["ns"] < before]
    assert late == []
    run.stop()
    assert run.ended()[0] == 0
