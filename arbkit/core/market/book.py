"""One order book: levels, epoch, trust, age, and the price window it can vouch for.

Nothing here is linear in the size of the book but a memory move. Each side is one sorted list of keys with the best
price at its *end* (where nearly all changes happen) and a dict of sizes. A deleted level stays in both with size 0, as
the wire says it, until it is met at the end of the list or the side is swept: deleting costs one assignment.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator, Sequence
from itertools import islice

from arbkit.core.types import BookState, BookUpdate, Level, TopUpdate

__all__ = ["Book", "Ladder"]

_SYNCED = BookState.SYNCED
_ALL = 1 << 60
_SLACK = 64
"""Keys beyond twice those alive at the last sweep before the next one."""


class Ladder:
    """One side of a book. ``sign`` +1 keeps bids (best = highest), -1 asks (best = lowest)."""

    __slots__ = ("_sweep_at", "keys", "sign", "sizes")

    def __init__(self, sign: float) -> None:
        self.sign = sign
        self.keys: list[float] = []
        """``sign * price``, ascending; the last is the best and alive, others may be deleted (size 0)."""
        self.sizes: dict[float, float] = {}
        """By the same keys."""
        self._sweep_at = _SLACK

    def __len__(self) -> int:
        """Levels alive. Linear: for people and tests."""
        return sum(1 for size in self.sizes.values() if size)

    def replace(self, levels: Sequence[Level]) -> None:
        """Forget everything and take these."""
        sign = self.sign
        self.sizes = {sign * level.px: level.qty for level in levels if level.qty}
        self.keys = sorted(self.sizes)
        self._sweep_at = 2 * len(self.keys) + _SLACK

    def apply(self, levels: Sequence[Level]) -> None:
        """Absolute sizes; 0 deletes, also a level that is not there (normal on every venue)."""
        sign = self.sign
        sizes = self.sizes
        keys = self.keys
        for level in levels:
            key = sign * level.px
            if key in sizes:
                sizes[key] = level.qty
            elif qty := level.qty:
                sizes[key] = qty
                if not keys or key > keys[-1]:
                    keys.append(key)
                else:
                    insort(keys, key)
        while keys and not sizes[keys[-1]]:
            del sizes[keys.pop()]
        if len(keys) > self._sweep_at:
            self._sweep()

    def _sweep(self) -> None:
        """Let go of deleted levels, in one pass for many."""
        sizes = self.sizes
        self.keys = keys = [key for key in self.keys if sizes[key]]
        self.sizes = {key: sizes[key] for key in keys}
        self._sweep_at = 2 * len(keys) + _SLACK

    def prune(self, most: int) -> None:
        """Drop the worst levels beyond ``most``."""
        self._sweep()
        surplus = len(self.keys) - most
        if surplus > 0:
            for key in self.keys[:surplus]:
                del self.sizes[key]
            del self.keys[:surplus]

    def best(self) -> tuple[float, float] | None:
        """(price, size)."""
        keys = self.keys
        if not keys:
            return None
        key = keys[-1]
        return self.sign * key, self.sizes[key]

    def __iter__(self) -> Iterator[tuple[float, float]]:
        """(price, size) from the best outward. Not to be held across a change."""
        sign = self.sign
        sizes = self.sizes
        for key in reversed(self.keys):
            if size := sizes[key]:
                yield sign * key, size

    def top(self, count: int) -> list[tuple[float, float]]:
        """The best ``count`` levels."""
        return list(islice(self, count))


class Book:
    """The book of one instrument. A strategy gets it only while it is ``trusted``."""

    __slots__ = (
        "_most",
        "asks",
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
        self.bids = Ladder(1.0)
        self.asks = Ladder(-1.0)
        self.state = BookState.SYNCING
        self.reason = "no snapshot yet"
        """Why it is not SYNCED."""
        self.epoch = 0
        """Rises with each snapshot: levels of two epochs never mix."""
        self.seq = 0
        self.exch_ns = 0
        self.recv_ns = 0
        self.transit_ns = 0
        """How much later than usual the last frame came (``core.market.watchdog``): adds to the age."""
        self.depth = 0
        """Levels a side that the venue vouches for; 0 = all."""
        self._most = _ALL
        """Keys a side at which the far levels are let go."""
        self.top: TopUpdate | None = None
        """A newer best bid and ask from a faster stream of the same id space."""
        self.crossed_ns = 0
        """Since when it is crossed, 0 = it is not."""
        self.updates = 0

    def apply(self, update: BookUpdate) -> None:
        """Take one update. A snapshot makes the book SYNCED; a delta on an unsynced book is ignored."""
        if update.snapshot:
            self.bids.replace(update.bids)
            self.asks.replace(update.asks)
            self.epoch += 1
            self.depth = update.depth
            self._most = 2 * update.depth + _SLACK if update.depth else _ALL
            self.state = _SYNCED
            self.reason = ""
            self.top = None
        else:
            if self.state is not _SYNCED:
                if self.state is not BookState.STALE or not self.epoch:
                    return
                self.state = _SYNCED
                self.reason = ""
            self.bids.apply(update.bids)
            self.asks.apply(update.asks)
        self.seq = update.seq
        self.exch_ns = update.exch_ns
        self.recv_ns = update.recv_ns
        self.updates += 1
        top = self.top
        if top is not None and top.seq <= update.seq:
            self.top = top = None
        bid, ask = self.bids.keys, self.asks.keys
        most = self._most
        if len(bid) > most or len(ask) > most:
            self._prune(2 * self.depth)
            bid, ask = self.bids.keys, self.asks.keys
        if top is None and bid and ask and bid[-1] < -ask[-1]:
            self.crossed_ns = 0  # the usual case
        else:
            self._cross(update.recv_ns)

    def _cross(self, recv_ns: int) -> None:
        """Whether bids and asks overlap, in the levels or in the faster stream's top."""
        bid, ask = self.bids.keys, self.asks.keys
        top = self.top
        if (bid and ask and bid[-1] >= -ask[-1]) or (top is not None and top.bid.px >= top.ask.px):
            self.crossed_ns = self.crossed_ns or recv_ns or 1
        else:
            self.crossed_ns = 0

    def _prune(self, most: int) -> None:
        """Levels far beyond what the venue vouches for only grow old."""
        self.bids.prune(most)
        self.asks.prune(most)

    def overlay(self, top: TopUpdate) -> bool:
        """Lay a faster best bid and ask over the book; False when the book already knows more."""
        if self.state is not BookState.SYNCED or top.seq <= self.seq:
            return False
        if self.top is not None and top.seq <= self.top.seq:
            return False
        self.top = top
        self.recv_ns = top.recv_ns
        self._cross(top.recv_ns)
        return True

    def lose(self, state: BookState, reason: str) -> None:
        """No longer to be trusted, and why."""
        self.state = state
        self.reason = reason
        self.top = None

    @property
    def trusted(self) -> bool:
        """SYNCED and not crossed. Age is the view's business: it knows the symbol's usual rate."""
        return self.state is BookState.SYNCED and not self.crossed_ns

    def age_ns(self, now_ns: int) -> int:
        """The larger of the time since the last frame and its transit excess."""
        age = now_ns - self.recv_ns
        return age if age > self.transit_ns else self.transit_ns

    def best_bid(self) -> tuple[float, float] | None:
        """(price, size), the faster stream's where it is newer."""
        top = self.top
        return (top.bid.px, top.bid.qty) if top is not None else self.bids.best()

    def best_ask(self) -> tuple[float, float] | None:
        top = self.top
        return (top.ask.px, top.ask.qty) if top is not None else self.asks.best()

    def levels_to_sell(self) -> Iterator[tuple[float, float]]:
        """Bids from the best outward, under the faster stream's top where it is newer: what a seller would walk.

        No further than ``depth``: levels kept beyond it may be long gone."""
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
        """Asks from the best outward, over the faster stream's top where it is newer: what a buyer would walk."""
        top = self.top
        asks = islice(self.asks, self.depth or None)
        if top is None:
            yield from asks
            return
        yield top.ask.px, top.ask.qty
        for px, qty in asks:
            if px > top.ask.px:
                yield px, qty
