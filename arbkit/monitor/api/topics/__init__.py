"""How the rows of each topic are made. A topic is a generator over the desk: ``feeds`` takes its cells in slices, so
that none keeps the loop.

Between two cells the desk goes on: a generator copies each mapping before it walks over it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from arbkit.monitor.api.facts import RunFacts
from arbkit.monitor.api.samples import Samples
from arbkit.monitor.api.shapes import Subscribe, Topic
from arbkit.monitor.api.table import Cell
from arbkit.monitor.api.topics import account, market, run, trading

__all__ = ["SOURCES", "Source"]

Source = Callable[[RunFacts, Samples, Subscribe], Iterator[Cell]]

SOURCES: Mapping[Topic, tuple[Source, int]] = {
    "status": (run.status, 250),
    "venues": (run.venues, 500),
    "books": (market.books, 100),
    "ladders": (market.ladders, 100),
    "spreads": (market.spreads, 100),
    "opportunities": (trading.opportunities, 500),
    "deals": (trading.deals, 100),
    "orders": (trading.orders, 100),
    "fills": (trading.fills, 100),
    "balances": (account.balances, 1_000),
    "exposure": (account.exposure, 500),
    "pnl": (account.pnl, 1_000),
    "limits": (account.limits, 500),
    "latency": (run.latency, 1_000),
    "log": (run.log, 100),
}
"""By topic: how its cells are made, and the least interval in milliseconds, whatever a client asks for."""
