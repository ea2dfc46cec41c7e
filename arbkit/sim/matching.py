"""The matching engine: an order book with price-time priority, in ticks and lots, and feeds of its changes.

``SimExchange`` owns one ``SimBook`` per pair; dialects take ``Feed`` objects from it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable
from typing import Literal, TypeAlias

from msgspec import Struct

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


class _Side:
    """One side of a book. A level is in all of ``prices``, ``totals`` and ``queues``, or in none."""

    __slots__ = ("fed", "prices", "queues", "totals")

    def __init__(self) -> None:
        self.prices: list[int] = []
        """Ascending: the best bid is the last, the best ask the first."""
        self.totals: dict[int, int] = {}
        """The lots of each level."""
        self.queues: dict[int, dict[int, Resting]] = {}
        """The orders of each level by id, oldest first."""
        self.fed: list[dict[int, int]] = []
        """What each feed has collected of this side."""


class Feed:
    """Collects the levels of one book that changed since the last ``take``, for an incremental stream."""

    __slots__ = ("_book", "_last", "asks", "bids", "lost")

    def __init__(self, book: SimBook) -> None:
        self._book = book
        self._last = book.seq
        self.bids: dict[int, int] = {}
        """The total lots of the levels that changed since the last ``take``. The book fills it."""
        self.asks: dict[int, int] = {}
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

    def take(self) -> tuple[int, int, list[tuple[int, int]], list[tuple[int, int]]]:
        """``(first, last, bids, asks)``: the range of update ids, and (px ticks, total lots) of each changed level.

        0 lots = the level is gone. ``first == last + 1`` if nothing changed. A venue whose messages contain the
        previous id sends ``first - 1``.
        """
        first, bids, asks = self.changed()
        return first, self._last, self._book.told(True, bids.items()), self._book.told(False, asks.items())

    def changed(self) -> tuple[int, dict[int, int], dict[int, int]]:
        """Like ``take``, but also with the levels that are not told: the first update id, and the total lots of each
        changed level by price: bids, asks."""
        first, self.lost = self._last + 1, False
        self._last = self._book.seq
        bids, asks = self.bids.copy(), self.asks.copy()
        self.bids.clear()
        self.asks.clear()
        return first, bids, asks

    def restart(self) -> None:
        """The book numbers its updates from a low id again (a fault)."""
        self._last = self._book.seq

    def skip(self) -> None:
        """Drop the pending changes (a fault). The ids of the next ``take`` then have a gap."""
        self._last = self._book.seq
        self.lost = True
        self.bids.clear()
        self.asks.clear()

    def close(self) -> None:
        """Stop collecting."""
        self._book.leave(self)


class SimBook:
    """One pair's book."""

    __slots__ = ("_asks", "_bids", "feeds", "ghost", "seq")

    def __init__(self, seq: int = 0) -> None:
        self.seq = seq
        """The venue's update id; increases by one per changed level."""
        self.feeds: list[Feed] = []
        self.ghost: tuple[bool, int] | None = None
        """(buy, px) of a level whose deletion is not told (a fault)."""
        self._bids, self._asks = _Side(), _Side()

    def feed(self) -> Feed:
        """A new ``Feed`` of the changes after ``seq``."""
        feed = Feed(self)
        self.feeds.append(feed)
        self._feed_sides()
        return feed

    def leave(self, feed: Feed) -> None:
        """A feed ends."""
        self.feeds.remove(feed)
        self._feed_sides()

    def _feed_sides(self) -> None:
        self._bids.fed = [feed.bids for feed in self.feeds]
        self._asks.fed = [feed.asks for feed in self.feeds]

    def skip(self) -> None:
        """Skip an update id and drop the pending changes of every feed (a fault)."""
        self.seq += 1
        for feed in self.feeds:
            feed.skip()

    def restart(self) -> None:
        """Number the updates from a low id again (a fault); nothing is lost."""
        self.seq = 100
        for feed in self.feeds:
            feed.restart()

    def told(self, buy: bool, changes: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
        """The changed levels of one side as streams tell them."""
        if self.ghost is None or self.ghost[0] is not buy:
            return list(changes)
        hidden = self.ghost[1]
        return [(px, lots) for px, lots in changes if lots or px != hidden]

    def last_px(self, buy: bool, limit: int) -> int:
        """The price of the level that is ``limit``-th from the best; 0 if there are no more levels than ``limit``."""
        prices = self._bids.prices if buy else self._asks.prices
        return 0 if len(prices) <= limit else prices[-limit] if buy else prices[limit - 1]

    def between(self, buy: bool, one: int, other: int) -> dict[int, int]:
        """The total lots of the levels from one price to another, both included; a price of 0 stands for the worst."""
        side = self._bids if buy else self._asks
        prices, totals = side.prices, side.totals
        low, high = min(one, other), max(one, other)
        if not low and not buy:
            low, high = high, prices[-1] if prices else 0
        return {px: totals[px] for px in prices[bisect_left(prices, low) : bisect_right(prices, high)]}

    def depth(self, limit: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Best levels (px ticks, total lots): bids from the highest, asks from the lowest."""
        bids, asks = self._bids.totals, self._asks.totals
        return (
            [(px, bids[px]) for px in self._bids.prices[: -limit - 1 : -1]],
            [(px, asks[px]) for px in self._asks.prices[:limit]],
        )

    def top(self) -> tuple[int, int, int, int]:
        """``(bid px, bid lots, ask px, ask lots)``; zeros for an empty side."""
        bids, asks = self._bids, self._asks
        bid = bids.prices[-1] if bids.prices else 0
        ask = asks.prices[0] if asks.prices else 0
        return bid, bids.totals[bid] if bid else 0, ask, asks.totals[ask] if ask else 0

    def crosses(self, buy: bool, px: int) -> bool:
        """Whether an order at ``px`` would match."""
        if buy:
            asks = self._asks.prices
            return bool(asks) and asks[0] <= px
        bids = self._bids.prices
        return bool(bids) and bids[-1] >= px

    def makers(self, buy: bool, px: int | None, qty: int) -> list[tuple[Resting, int]]:
        """The resting orders that ``qty`` lots would match now, in priority order. Changes nothing. ``px`` None = any
        price."""
        met: list[tuple[Resting, int]] = []
        side = self._asks if buy else self._bids
        for level_px in side.prices if buy else reversed(side.prices):
            if px is not None and (level_px > px if buy else level_px < px):
                break
            for resting in side.queues[level_px].values():
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
        side = self._asks if buy else self._bids
        prices = side.prices
        while result.left and prices and not result.stopped:
            best = prices[0] if buy else prices[-1]
            if px is not None and (best > px if buy else best < px):
                break
            resting = next(iter(side.queues[best].values()))
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
        return (self._bids if buy else self._asks).queues[px][order_id]

    def add(self, resting: Resting) -> None:
        """Add an order at the end of its level's queue. It must not cross; call ``match`` first."""
        side, px, total = self._bids if resting.buy else self._asks, resting.px, resting.qty
        queue = side.queues.get(px)
        if queue is None:
            side.queues[px] = {resting.id: resting}
            insort(side.prices, px)
        else:
            queue[resting.id] = resting
            total += side.totals[px]
        side.totals[px] = total
        self.seq += 1
        for changed in side.fed:
            changed[px] = total

    def resize(self, resting: Resting, qty: int) -> None:
        """Change the remaining quantity. Less keeps the place in the queue, more moves to the end, 0 removes."""
        side, px, had = self._bids if resting.buy else self._asks, resting.px, resting.qty
        total = side.totals[px] + qty - had
        resting.qty = qty
        if total:
            side.totals[px] = total
            queue = side.queues[px]
            if len(queue) > 1 and (qty > had or not qty):
                del queue[resting.id]
                if qty:
                    queue[resting.id] = resting
        else:
            del side.totals[px], side.queues[px], side.prices[bisect_left(side.prices, px)]
        self.seq += 1
        for changed in side.fed:
            changed[px] = total

    def withdraw(self, buy: bool, orders: Iterable[Resting]) -> None:
        """Remove many orders of one side, as ``resize`` to 0 does."""
        side = self._bids if buy else self._asks
        prices, totals, queues = side.prices, side.totals, side.queues
        changed: dict[int, int] = {}
        for resting in orders:
            px = resting.px
            left = totals[px] - resting.qty
            resting.qty = 0
            if left:
                totals[px] = left
                del queues[px][resting.id]
            else:
                del totals[px], queues[px], prices[bisect_left(prices, px)]
            changed[px] = left
            self.seq += 1
        for fed in side.fed:
            fed.update(changed)

    def remove(self, resting: Resting) -> None:
        """Remove an order; ``resting.qty`` keeps its remaining quantity."""
        left = resting.qty
        self.resize(resting, 0)
        resting.qty = left
