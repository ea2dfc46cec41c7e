"""The whole of arbkit with the compiled code and without: two processes get the same input and say what came of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from arbkit.testing import corpus

pytestmark = pytest.mark.compiled

START = """
import json, sys
from hashlib import sha256
from arbkit.core.market.speed import USED
from arbkit.core.types import VenueSettings
from arbkit.plugins.registry import load
registry = load(dialects=True)
"""
BOOKS = """
from arbkit.testing.recording import print_books
digest, lines = sha256(), []
for venue, path in json.loads(sys.argv[1]):
    print_books(path, registry.exchange(venue)(VenueSettings()), out=lines.append)
    digest.update("\\n".join(lines).encode())
print(json.dumps([USED, len(lines), digest.hexdigest()]))
"""
RUN = """
from arbkit.strategies import SpreadArb
from arbkit.testing.simulated import simulate
pairs = {registry.exchange(venue): registry.dialects[venue] for venue in ("binance", "okx")}
run = simulate(SpreadArb(symbols=("BTC-USDT",), min_edge=0.0003), pairs, seed=int(sys.argv[1]))
books = {name: [book.bids.top(50), book.asks.top(50), book.updates] for name, book in run.desk.books.items()}
run.run_for(10)
print(json.dumps([USED, run.desk.commands_hash(), sha256(json.dumps(books).encode()).hexdigest()]))
"""
CHAOS = """
from pathlib import Path
from arbkit import cli
log = Path(sys.argv[1]) / USED[:6]
words = "chaos --seeds 0..1 --profile rough --venues binance,okx --seconds 6 --log"
code = cli._run([*words.split(), str(log)])
reports = [json.loads(line) for line in log.read_text().splitlines() if "commands_hash" in line]
print(json.dumps([USED, code, [{name: told for name, told in one.items() if name != "cpu_s"} for one in reports]]))
"""


def both(code: str, *words: str) -> tuple[list[Any], list[Any]]:
    """What the program says with the compiled code, and with Python alone."""
    said = []
    for choice in ("on", "off"):
        done = subprocess.run(
            [sys.executable, "-c", START + code, *words],
            env=os.environ | {"ARBKIT_SPEED": choice},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        used, *found = json.loads(done.stdout.splitlines()[-1])
        assert used.startswith("arbkit-speed" if choice == "on" else "Python")
        said.append(found)
    return said[0], said[1]


def test_recorded_frames_make_the_same_books() -> None:
    """Every recording that is here: each book after each frame, and what was counted."""
    known = [
        (venue, f"frames{name}")
        for venue in ("binance", "okx", "bybit", "bitget", "gate")
        for name in corpus.names(venue)
    ]
    files = [(venue, str(path)) for venue, name in known if (path := corpus.find(venue, name)) is not None]
    compiled, python = both(BOOKS, json.dumps(files))
    assert compiled == python


def test_a_virtual_run_ends_with_the_same_commands_and_books() -> None:
    """Two simulated venues and deals: the hash of all commands, and the levels at the end."""
    compiled, python = both(RUN, "3")
    assert compiled == python


def test_chaos_ends_the_same(tmp_path: Path) -> None:
    """Two seeds of bad weather: the same faults, orders, deals and verdicts, and the same hash of all commands."""
    compiled, python = both(CHAOS, str(tmp_path))
    assert compiled == python
    assert len(compiled[1]) == 2
    assert all(report["commands_hash"] for report in compiled[1])
