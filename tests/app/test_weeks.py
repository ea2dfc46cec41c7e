"""A month at one deal a second: how long the next start takes, and how much memory. Run with ``make bench``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from arbkit.core.runtime.clock import Clock

WRITE = """
import sys, time
from decimal import Decimal
from pathlib import Path
from arbkit.app.recovery import open_journal
from arbkit.core.orders.ids import IntentIds, format_cl_ord_id
from arbkit.core.orders.journal import encode
from arbkit.core.orders.records import DealClosed, DealOpened, Intent, OrderOutcome
from arbkit.core.runtime.clock import Clock
from arbkit.core.runtime.journal_file import StateFolder
from arbkit.core.types import NewOrder, OrdStatus, Side, Tif

ids = IntentIds(1_780_000_000)
legs = (("v", Side.BUY), ("w", Side.SELL))

def deal(number, over):
    pair = ["v:BTC-USDT", "w:BTC-USDT"]
    records = [DealOpened(at_ns=number, deal=number, strategy="SpreadArb", instruments=pair)]
    for venue, side in legs:
        order = NewOrder(
            account=f"{venue}:main", instrument=f"{venue}:BTC-USDT", cl_ord_id=format_cl_ord_id(ids.next()), side=side,
            qty=Decimal("0.00242"), px=Decimal("61834.12"), tif=Tif.IOC, deal=number,
        )
        records.append(Intent(at_ns=number, order=order, channel="trade", link=f"{venue}.main.trade"))
        if over:
            records.append(OrderOutcome(
                at_ns=number, account=order.account, cl_ord_id=order.cl_ord_id, status=OrdStatus.FILLED,
                filled=order.qty, order_id="1234567890",
            ))
    if over:
        records.append(DealClosed(at_ns=number, deal=number, outcome="hedged", why="both legs filled equally"))
    return b"".join(map(encode, records))

journal, _ = open_journal(StateFolder(Path(sys.argv[1]), "live"), Clock())
fresh = []
journal.start(lambda _: None, lambda _: None, lambda: fresh.append(1))
journal.append(deal(1, False))
deals = [deal(number, True) for number in range(2, 1000)]
for number in range(int(sys.argv[2])):
    position = journal.append(deals[number % len(deals)])
    while number % 500 == 0 and journal.durable < position:
        if fresh:
            fresh.clear()
            journal.take_fresh()
        time.sleep(0.0005)
journal.close()
print(journal.position)
"""
START = """
import resource, sys
from pathlib import Path
from arbkit.app.recovery import open_journal
from arbkit.core.runtime.clock import Clock
from arbkit.core.runtime.journal_file import StateFolder
journal, carried = open_journal(StateFolder(Path(sys.argv[1]), "live"), Clock())
left = carried.of({"v:main": "prod", "w:main": "prod"})
if sys.platform == "linux":  # what getrusage tells begins with the memory of the process that started this one
    status = Path("/proc/self/status").read_text()
    most = int(status.partition("VmHWM:")[2].split()[0]) * 1024
else:
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(len(left.unresolved), len(left.interrupted), most)
"""


def ran(code: str, *args: object) -> list[int]:
    done = subprocess.run([sys.executable, "-c", code, *map(str, args)], check=True, capture_output=True, text=True)
    return [int(word) for word in done.stdout.split()]


@pytest.mark.parametrize("days", [0.1, pytest.param(30, marks=pytest.mark.quiet)])
def test_a_start_after_weeks(tmp_path: Path, days: float) -> None:
    """A deal of the first second is still open: it is found. The start takes under 5 s with the interpreter, and under
    300 MB. How long it takes is judged only after the month, on a quiet machine."""
    (written,) = ran(WRITE, tmp_path, round(days * 86_400))
    assert written > days * 86_400 * 900
    size = (tmp_path / "live" / "journal").stat().st_size
    began_ns = Clock().perf_ns()
    unresolved, interrupted, memory = ran(START, tmp_path)
    took = (Clock().perf_ns() - began_ns) / 1e9
    assert (unresolved, interrupted) == (2, 1)
    assert memory < 300e6
    if days == 30:
        print(f"{written / 1e9:.1f} GB in all, {size / 1e6:.0f} MB at the end; {took:.2f} s, {memory / 1e6:.0f} MB")
        assert size < 80e6
        assert took < 5
