"""The matching engine: an order book with price-time priority, in ticks and lots, and feeds of its changes.

``SimExchange`` owns one ``SimBook`` per pair; dialects take ``Feed`` objects from it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Mapping
from typing import Literal, TypeAlias

from msgspec import Struct, field

__all__ = ["SimBook", "Feed", "Match", "Resting", "Stp"]

Stp: TypeAlias = Literal["none", "taker", "maker", "both"]
"""Self-trade prevention: which of two orders of one owner is cancelled when they would match."""


class Resting(Struct, gc=False):
    """An order in the book; ``qty`` is the remaining quantity."""

    id: int
    owner: str
    buy: bool
    px: int
    qty: int


class Match:
    """The result of matching an incoming order."""

    __slots__ = ("cancelled", "fills", "left", "stopped")

    def __init__(self, left: int) -> None:
        self.fills: list[tuple[Resting, int]] = []
        """(resting order, lots), in the order of execution, at the resting order's price."""
        self.cancelled: list[Resting] = []
        """Resting orders that self-trade prevention removed."""
        self.left = left
        """Lots not filled."""
        self.stopped = False
        """Self-trade prevention ended the incoming order."""


class _Level(Struct):
    total: int
    orders: dict[int, Resting] = field(default_factory=dict)
    """Insertion order is time priority."""


class Feed:
    """Collects the levels of one book that changed since the last ``take``, for an incremental stream."""

    __slots__ = ("_asks", "_bids", "_book", "_last", "lost")

    def __init__(self, book: SimBook) -> None:
        self._book = book
        self._last = book.seq
        self._bids: dict[int, int] = {}
        self._asks: dict[int, int] = {}
        self.lost = False
        """Whether changes since the last ``take`` were dropped (a fault)."""

    @property
    def last(self) -> int:
        """The update id of the last ``take``."""
        return self._last

    @property
    def pending(self) -> bool:
        """Whether something changed since the last ``take``."""
        return self._book.seq != self._last

    def changed(self) -> tuple[dict[int, int], dict[int, int]]:
        """The total lots of each level that changed since the last ``take``, also of those that are not told: bids,
        asks."""
        return self._bids.copy(), self._asks.copy()

    def take(self) -> tuple[int, int, list[tuple[int, int]], list[tuple[int, int]]]:
        """``(first, last, bids, asks)``: the range of update ids, and (px ticks, total lots) of each changed level.

        0 lots = the level is gone. ``first == last + 1`` if nothing changed. A venue whose messages contain the
        previous id sends ``first - 1``.
        """
        first, self.lost = self._last + 1, False
        self._last = last = self._book.seq
        bids, asks = self._book.told(True, self._bids), self._book.told(False, self._asks)
        self._bids.clear()
        self._asks.clear()
        return first, last, bids, asks

    def skip(self) -> None:
        """Drop the pending changes (a fault). The ids of the next ``take`` then have a gap."""
        self._last = self._book.seq
        self.lost = True
        self._bids.clear()
        self._asks.clear()

    def close(self) -> None:
        """Stop collecting."""
        self._book.feeds.remove(self)


class SimBook:
    """One pair's book."""

    __slots__ = ("_ask_px", "_asks", "_bid_px", "_bids", "feeds", "ghost", "seq")

    def __init__(self, seq: int = 0) -> None:
        self.seq = seq
        """The venue's update id; increases by one per changed level."""
        self.feeds: list[Feed] = []
        self.ghost: tuple[bool, int] | None = None
        """(buy, px) of a level whose deletion is not told (a fault)."""
        self._bids: dict[int, _Level] = {}
        self._asks: dict[int, _Level] = {}
        self._bid_px: list[int] = []  # both ascending: the best bid is the last, the best ask the first
        self._ask_px: list[int] = []

    def feed(self) -> Feed:
        """A new ``Feed`` of the changes after ``seq``."""
        feed = Feed(self)
        self.feeds.append(feed)
        return feed

    def skip(self) -> None:
        """Skip an update id and drop the pending changes of every feed (a fault)."""
        self.seq += 1
        for feed in self.feeds:
            feed.skip()

    def restart(self) -> None:
        """Number the updates from a low id again (a fault); nothing is lost."""
        self.seq = 100
        for feed in self.feeds:
            feed._last = self.seq

    def told(self, buy: bool, changes: Mapping[int, int]) -> list[tuple[int, int]]:
        """The changed levels of one side as streams tell them."""
        hidden = self.ghost[1] if self.ghost and self.ghost[0] is buy else None
        return [(px, lots) for px, lots in changes.items() if lots or px != hidden]

    def last_px(self, buy: bool, limit: int) -> int:
        """The price of the level that is ``limit``-th from the best; 0 if there are no more levels than ``limit``."""
        prices = self._bid_px if buy else self._ask_px
        return 0 if len(prices) <= limit else prices[-limit] if buy else prices[limit - 1]

    def between(self, buy: bool, one: int, other: int) -> dict[int, int]:
        """The total lots of the levels from one price to another, both included; a price of 0 stands for the worst."""
        prices, levels = (self._bid_px, self._bids) if buy else (self._ask_px, self._asks)
        low, high = min(one, other), max(one, other)
        if not low and not buy:
            low, high = high, prices[-1] if prices else 0
        return {px: levels[px].total for px in prices[bisect_left(prices, low) : bisect_right(prices, high)]}

    def depth(self, limit: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Best levels (px ticks, total lots): bids from the highest, asks from the lowest."""
        bids = [(px, self._bids[px].total) for px in self._bid_px[: -limit - 1 : -1]]
        asks = [(px, self._asks[px].total) for px in self._ask_px[:limit]]
        return bids, asks

    def top(self) -> tuple[int, int, int, int]:
        """``(bid px, bid lots, ask px, ask lots)``; zeros for an empty side."""
        bid = self._bid_px[-1] if self._bid_px else 0
        ask = self._ask_px[0] if self._ask_px else 0
        return bid, self._bids[bid].total if bid else 0, ask, self._asks[ask].total if ask else 0

    def crosses(self, buy: bool, px: int) -> bool:
        """Whether an order at ``px`` would match."""
        if buy:
            return bool(self._ask_px) and self._ask_px[0] <= px
        return bool(self._bid_px) and self._bid_px[-1] >= px

    def makers(self, buy: bool, px: int | None, qty: int) -> list[tuple[Resting, int]]:
        """The resting orders that ``qty`` lots would match now, in priority order. Changes nothing. ``px`` None = any
        price."""
        met: list[tuple[Resting, int]] = []
        for level_px in self._ask_px if buy else reversed(self._bid_px):
            if px is not None and (level_px > px if buy else level_px < px):
                break
            for resting in (self._asks if buy else self._bids)[level_px].orders.values():
                met.append((resting, min(resting.qty, qty)))
                qty -= met[-1][1]
                if not qty:
                    return met
        return met

    def match(
        self, owner: str, buy: bool, px: int | None, qty: int, stp: Stp = "none", budget: int | None = None
    ) -> Match:
        """Match up to ``qty`` lots at ``px`` or better (None = any price), best price first, oldest order first.

        ``budget``: the maximum to spend, in ticks times lots.
        """
        result = Match(qty)
        prices = self._ask_px if buy else self._bid_px
        levels = self._asks if buy else self._bids
        while result.left and prices and not result.stopped:
            best = prices[0] if buy else prices[-1]
            if px is not None and (best > px if buy else best < px):
                break
            resting = next(iter(levels[best].orders.values()))
            if resting.owner == owner and stp != "none":
                if stp != "taker":
                    self.remove(resting)
                    result.cancelled.append(resting)
                result.stopped = stp != "maker"
                continue
            lots = min(resting.qty, result.left)
            if budget is not None:
                lots = min(lots, budget // best)
                budget -= lots * best
            if not lots:
                break
            self.resize(resting, resting.qty - lots)
            result.left -= lots
            result.fills.append((resting, lots))
        return result

    def resting(self, order_id: int, buy: bool, px: int) -> Resting:
        """The order ``order_id`` that rests at ``px``. Raises ``KeyError`` if there is none."""
        return (self._bids if buy else self._asks)[px].orders[order_id]

    def add(self, resting: Resting) -> None:
        """Add an order at the end of its level's queue. It must not cross; call ``match`` first."""
        buy, px, qty = resting.buy, resting.px, resting.qty
        levels = self._bids if buy else self._asks
        level = levels.get(px)
        if level is None:
            levels[px] = _Level(qty, {resting.id: resting})
            insort(self._bid_px if buy else self._ask_px, px)
        else:
            level.orders[resting.id] = resting
            qty = level.total = level.total + qty
        self.seq += 1
        for feed in self.feeds:
            (feed._bids if buy else feed._asks)[px] = qty

    def resize(self, resting: Resting, qty: int) -> None:
        """Change the remaining quantity. Less keeps the place in the queue, more moves to the end, 0 removes."""
        buy, px, had = resting.buy, resting.px, resting.qty
        levels = self._bids if buy else self._asks
        level = levels[px]
        total = level.total = level.total + qty - had
        if not qty:
            del level.orders[resting.id]
            if not level.orders:
                del levels[px]
                prices = self._bid_px if buy else self._ask_px
                del prices[bisect_left(prices, px)]
        elif qty > had:
            del level.orders[resting.id]
            level.orders[resting.id] = resting
        resting.qty = qty
        self.seq += 1
        for feed in self.feeds:
            (feed._bids if buy else feed._asks)[px] = total

    def remove(self, resting: Resting) -> None:
        """Remove an order; ``resting.qty`` keeps its remaining quantity."""
        left = resting.qty
        self.resize(resting, 0)
        resting.qty = left
