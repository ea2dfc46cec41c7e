"""What a run does before it trades: no core file, and no label that a venue can invent without end."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from arbkit.app.metrics import MOST_ASSETS, sources
from arbkit.core.types import Catalogue, Instrument


def test_a_live_run_leaves_no_core_file() -> None:
    """The limit of its process is 0, whatever it was."""
    code = (
        "import resource; from arbkit.app import launch; "
        "launch._no_core_file(); print(resource.getrlimit(resource.RLIMIT_CORE)[0])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "0\n"


def instrument(base: str) -> Instrument:
    return Instrument(
        venue="v", symbol=f"{base}-USDT", native=base, base=base, quote="USDT", tick=Decimal(1), lot=Decimal(1)
    )


def test_assets_that_no_venue_lists_are_no_labels() -> None:
    """The asset of a fee is text of a venue: a new one with each fill would be a new series with each fill."""
    booked = {"USDT": Decimal(1), **{f"EVIL{number}": Decimal(1) for number in range(1000)}, "BTC": Decimal(2)}
    desk: Any = SimpleNamespace(
        catalogue=Catalogue([instrument("BTC")]), ledger=SimpleNamespace(pnl=lambda: booked), counters=None
    )
    log: Any = None
    assert sources(desk, log).pnl() == {"USDT": 1, "BTC": 2}
    desk.catalogue = Catalogue([instrument(name) for name in booked])
    assert len(sources(desk, log).pnl()) == MOST_ASSETS
