"""A day of all venues in virtual time: planned and unplanned ends of connections, tokens that are renewed, no trade.

``make day`` calls it (HOURS=25). Each venue has two books with about a message a second. Connections are cut once an
hour a venue. The venues that end their connections after a day (``LinkSpec.life_ns``) are cut once only, in the first
minutes: their planned ends come in hour 25. Listen keys and tokens are renewed. Each book is looked at every second:
one that cannot be trusted for longer than ``HEALED_S`` is told, and so is one that differs from the venue's at the end.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections import Counter
from decimal import Decimal
from typing import Any

from arbkit.core.types import VenueSettings
from arbkit.plugins import registry as plugins
from arbkit.sim.faults import Fault
from arbkit.strategies import SpreadArb
from arbkit.testing.simulated import simulate
from arbkit.testing.virtual import VirtualRun

SYMBOLS = ("BTC-USDT", "ETH-USDT")
PRICES = {"BTC-USDT": Decimal(60_000), "ETH-USDT": Decimal(3_000)}
HEALED_S = 60
SAME = 5
"""So many of the best levels are compared with the venue's at the end."""


def day(hours: float, seed: int, names: list[str], said: Any = None) -> dict[str, Any]:
    """Run it. Returns counts, and what was wrong: ``unhealed`` and ``wrong``."""
    registry = plugins.load(dialects=True)
    venues = {registry.exchange(name): registry.dialect(name) for name in names}
    told: Counter[str] = Counter()
    planned = {
        each.venue
        for each in venues
        if any(link.life_ns for link in each(VenueSettings()).links([], f"{each.venue}:x"))
    }
    faults = [
        Fault(kind="close", venue=name, at_s=30.0 + 7 * number, every_s=3600.0, count=name in planned, on="any")
        for number, name in enumerate(names)
    ]
    strategy = SpreadArb(symbols=SYMBOLS, min_edge=0.02, max_edge=0.03)
    run = simulate(
        strategy,
        venues,
        seed=seed,
        edge_every_s=0,
        faults=faults,
        prices=PRICES,
        pace=0.01,
        log=lambda event, **_: told.update([event]),
    )
    since: dict[str, int] = {}
    unhealed: list[str] = []
    longest_s = 0
    run.run_for(30)
    for second in range(round(hours * 3600) - 30):
        run.run_for(1)
        for name, book in run.desk.books.items():
            if book.trusted:
                if name in since:
                    longest_s = max(longest_s, second - since.pop(name))
            elif second - since.setdefault(name, second) == HEALED_S:
                unhealed.append(f"{name} at {second} s: {book.state.value}, {book.reason}")
        if said is not None and second % 3600 == 3599:
            said(f"{second // 3600 + 1} h: {dict(told)}, {_megabytes():.0f} MB")
    run.run_for(5)
    return {
        "hours": hours,
        "venues": len(names),
        "books": len(run.desk.books),
        "frames": sum(link.counted.messages for link in run.desk.links.values()),
        "cuts": told["link.down"],
        "taken_over": told["link.taken_over"],
        "books_lost": told["book.lost"],
        "longest_s": longest_s,
        "megabytes": round(_megabytes()),
        "unhealed": unhealed,
        "wrong": wrong(run),
    }


def wrong(run: VirtualRun) -> list[str]:
    """The books that differ from those of the venues now, once all messages that were on their way have come."""
    for symbol in SYMBOLS:
        run.world.market.stop(symbol)
    run.run_for(10)
    found = []
    for name, book in run.desk.books.items():
        venue, _, symbol = name.partition(":")
        exchange = run.world.sites[venue].exchange
        pair = exchange.pairs[symbol]
        sides = [
            [(float(pair.px_text(px)), float(pair.qty_text(lots))) for px, lots in side]
            for side in exchange.books[symbol].depth(SAME)
        ]
        if [book.bids.top(SAME), book.asks.top(SAME)] != sides:
            found.append(
                f"{name}: ours {book.bids.top(1)} {book.asks.top(1)}, the venue's {sides[0][:1]} {sides[1][:1]}"
            )
    return found


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=25.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--venues", default="", help="names with commas between; all if left out")
    chosen = parser.parse_args()
    names = chosen.venues.split(",") if chosen.venues else sorted(plugins.load(dialects=True).dialects)
    began = time.process_time()
    found = day(chosen.hours, chosen.seed, names, lambda text: print(text, file=sys.stderr, flush=True))
    print(json.dumps(found | {"cpu_s": round(time.process_time() - began)}, indent=2))
    return 1 if found["unhealed"] or found["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
