"""The short form of ``make crash``: three points, one run each, on real sockets."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

RUNS = Path(__file__).with_name("crash_runs.py")


@pytest.mark.quiet
def test_three_crash_points_hold_every_promise() -> None:
    """Killed when the venue's word on an order arrives, after an order's end and before a deal's end is written: the
    next process trades again, each intent was accepted at most once, the ledgers are equal, what was naked is told."""
    points = "answered,outcome,closed"
    command = [sys.executable, str(RUNS), "--points", points, "--runs", "1", "--jobs", "3", "--venues", "binance,okx"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = [line.split(" | ") for line in done.stdout.splitlines()[2:]]
    assert len(rows) == 3
    assert all(row[1] == "1" for row in rows)
