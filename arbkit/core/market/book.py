"""One order book, to read: best prices, levels, state, age. ``market.books`` is the only writer.

States (``BookState``), and what moves a book from one to the other:

=========  =====================================  ==========================================
state      entered by                             left by
=========  =====================================  ==========================================
SYNCING    creation                               a snapshot -> SYNCED
SYNCED     a snapshot; an update of a STALE book  ``stale`` -> STALE; ``lose`` -> LOST
STALE      silence, late frames, a late loop      any update -> SYNCED; ``lose`` -> LOST
LOST       sequence gap, bad checksum, link down  a snapshot -> SYNCED
=========  =====================================  ==========================================
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from math import inf

from arbkit.core.market.speed import ladder
from arbkit.core.types import BookState, TopUpdate

__all__ = ["Book"]


class Book:
    """The book of one instrument. A strategy gets it only while it is ``trusted``; it has no method that changes it."""

    __slots__ = (
        "ask_px",
        "asks",
        "bid_px",
        "bids",
        "crossed_ns",
        "depth",
        "epoch",
        "exch_ns",
        "instrument",
        "reason",
        "recv_ns",
        "seq",
        "state",
        "top",
        "transit_ns",
        "updates",
    )

    def __init__(self, instrument: str) -> None:
        self.instrument = instrument
        self.bids = ladder.Ladder(1.0)
        self.asks = ladder.Ladder(-1.0)
        self.bid_px = 0.0
        """Best bid, from the faster top-of-book stream where that is newer; 0.0 when there is no bid."""
        self.ask_px = inf
        """Best ask, likewise; ``inf`` when there is no ask."""
        self.state = BookState.SYNCING
        self.reason = "no snapshot yet"
        """Why it is not SYNCED."""
        self.epoch = 0
        """Rises with each snapshot: levels of two epochs never mix."""
        self.seq = 0
        self.exch_ns = 0
        self.recv_ns = 0
        self.transit_ns = 0
        """How much later than it should the last frame came (``market.watchdog``): adds to the age."""
        self.depth = 0
        """Levels a side that the venue vouches for; 0 = all."""
        self.top: TopUpdate | None = None
        """A newer best bid and ask from a faster stream of the same id space."""
        self.crossed_ns = 0
        """Since when it is crossed; 0 = it is not."""
        self.updates = 0

    @property
    def trusted(self) -> bool:
        """SYNCED and not crossed. The view judges the age: it knows the time."""
        return self.state is BookState.SYNCED and not self.crossed_ns

    def age_ns(self, now_ns: int) -> int:
        """How old its content is by the venue's clock: the time since the last frame, and how late that frame came."""
        age = now_ns - self.recv_ns
        return age + self.transit_ns if self.transit_ns > 0 else age

    def best_bid(self) -> tuple[float, float] | None:
        """(price, size), from the faster stream where that is newer; None when there is no bid."""
        top = self.top
        return (top.bid.px, top.bid.qty) if top is not None else self.bids.best()

    def best_ask(self) -> tuple[float, float] | None:
        """(price, size), from the faster stream where that is newer; None when there is no ask."""
        top = self.top
        return (top.ask.px, top.ask.qty) if top is not None else self.asks.best()

    def levels_to_sell(self) -> Iterator[tuple[float, float]]:
        """Bids from the best outward: the levels that a seller takes. The faster stream's best bid comes first where it
        is newer. Not beyond ``depth``: levels kept beyond it may be out of date."""
        top = self.top
        bids = islice(self.bids, self.depth or None)
        if top is None:
            yield from bids
            return
        yield top.bid.px, top.bid.qty
        for px, qty in bids:
            if px < top.bid.px:
                yield px, qty

    def levels_to_buy(self) -> Iterator[tuple[float, float]]:
        """Asks from the best outward: the levels that a buyer takes. See ``levels_to_sell``."""
        top = self.top
        asks = islice(self.asks, self.depth or None)
        if top is None:
            yield from asks
            return
        yield top.ask.px, top.ask.qty
        for px, qty in asks:
            if px > top.ask.px:
                yield px, qty
