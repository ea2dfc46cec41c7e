"""The net profit of trading around several instruments, back to the asset where it began: after fees, slippage and
latency penalty.

Pure functions in floats. ``around`` takes the levels of all books from the best outward. Each further unit earns no
more than the one before, so the best size is reached when the next unit no longer pays.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf

from msgspec import Struct

from arbkit.core.market.book import Book
from arbkit.core.types import Side

__all__ = ["Hop", "Trip", "around"]


class Hop(Struct, frozen=True, gc=False, kw_only=True):
    """One order of a way around, with its costs as fractions of price and its order rules."""

    side: Side
    fee: float
    """The account's taker fee."""
    fee_beside: bool = False
    """The fee of a purchase is paid in the quote asset beside the price. Else it is taken from what is received."""
    fee_elsewhere: bool = False
    """The fee is paid in another coin: it counts in the profit, and all that is bought is there."""
    slippage: float = 0.0
    """How far beyond its last level the order may fill. It is subtracted from the profit."""
    penalty: float = 0.0
    """Expected price move against the order, as a fraction: by the age of the book and the latency of the order."""
    lot: float = 0.0
    min_qty: float = 0.0
    min_notional: float = 0.0
    max_qty: float = inf
    most_spent: float = inf
    """How much of the spent asset there is, at the limit price."""
    most_notional: float = inf
    """What the limits allow, in the quote asset, at the limit price."""

    @property
    def received(self) -> float:
        """The part of what the order brings that is there for the next one."""
        return 1.0 if self.fee_elsewhere or (self.fee_beside and self.side is Side.BUY) else 1.0 - self.fee

    @property
    def kept(self) -> float:
        """The part of its value that it keeps, by slippage, penalty, and a fee in another coin."""
        elsewhere = self.fee if self.fee_elsewhere else 0.0
        return 1.0 - self.slippage - self.penalty - elsewhere

    def rate(self, px: float) -> float:
        """What a unit of the spent asset brings for the next order at this price."""
        if self.side is Side.SELL:
            return px * self.received
        return self.received / (px * (1.0 + self.fee)) if self.fee_beside else self.received / px


class Trip(Struct, frozen=True, gc=False, kw_only=True):
    """The best trade around. ``qtys`` (base) and ``pxs`` (the worst level used, without slippage) are by hop; amounts
    are in the asset where it begins."""

    qtys: Sequence[float]
    pxs: Sequence[float]
    spent: float
    back: float
    """What comes back, by the levels and after fees that are taken from it."""
    net: float
    """``back - spent``, minus slippage, penalties, and fees in another coin."""

    @property
    def edge(self) -> float:
        """``net`` as a fraction of ``spent``."""
        return self.net / self.spent


class _Step(Struct, frozen=True, gc=False):
    """A part of a trip, of one level on each hop."""

    spent: float
    back: float
    net: float
    bases: Sequence[float]
    pxs: Sequence[float]


class _Side:
    """The levels of one hop, while they are used up."""

    __slots__ = ("hop", "left", "levels", "notional", "px", "qty", "rate", "spent", "worst")

    def __init__(self, book: Book, hop: Hop) -> None:
        self.hop = hop
        self.levels: Iterator[tuple[float, float]] = (
            book.levels_to_buy() if hop.side is Side.BUY else book.levels_to_sell()
        )
        self.left = self.px = self.rate = self.worst = 0.0
        """``left``: what can still be spent at this level."""
        self.qty = self.spent = self.notional = 0.0
        """Base, spent asset and quote so far."""

    def next(self) -> bool:
        """Go on to the next level. False if there is none."""
        px, size = next(self.levels, (0.0, 0.0))
        if not size:
            return False
        self.px, self.rate = px, self.hop.rate(px)
        self.left = self._spends(size)
        return True

    def _spends(self, base: float) -> float:
        hop = self.hop
        if hop.side is Side.SELL:
            return base
        return base * self.px * (1.0 + hop.fee if hop.fee_beside else 1.0)

    def base(self, spent: float) -> float:
        """The base that so much of the spent asset trades at this level."""
        hop = self.hop
        if hop.side is Side.SELL:
            return spent
        return spent / (self.px * (1.0 + hop.fee if hop.fee_beside else 1.0))

    def room(self) -> float:
        """How much more may be spent: by the level, the balance, the limits and the largest order."""
        hop, px = self.hop, self.px
        limit = 1.0 + hop.slippage if hop.side is Side.BUY else 1.0
        base = min(hop.max_qty - self.qty, (hop.most_notional / limit - self.notional) / px)
        return min(self.left, self._spends(base), hop.most_spent / limit - self.spent)

    def take(self, spent: float) -> float:
        """Use up. Returns the base."""
        base = self.base(spent)
        self.left -= spent
        self.spent += spent
        self.qty += base
        self.notional += base * self.px
        self.worst = self.px
        return base


def around(books: Sequence[Book], hops: Sequence[Hop], *, least_edge: float = 0.0) -> Trip | None:
    """The trade with the largest net profit of which no unit loses and whose edge is at least ``least_edge``. The first
    hop spends the asset in which the trade gains, each other one spends what the one before brings, and the last one
    brings the first asset. Its size is a multiple of the lot of the hop where a lot weighs most. None if nothing
    tradable is profitable."""
    sides = [_Side(book, hop) for book, hop in zip(books, hops, strict=True)]
    kept = 1.0
    for side in sides:
        kept *= side.hop.kept
        if not side.next():
            return None
    steps: list[_Step] = []
    spent = net = 0.0
    while True:
        rate, take = 1.0, inf
        for side in sides:
            take = min(take, side.room() / rate)
            rate *= side.rate
        gain = rate * kept - 1.0
        if gain <= 0.0 or take <= 0.0:
            break
        short = least_edge - gain
        if short > 0.0:  # this level lowers the average edge: take only so much that it stays at least_edge
            take = min(take, (net - least_edge * spent) / short)
            if take <= 0.0:
                break
        there, bases = take, []
        for side in sides:
            bases.append(side.take(there))
            there *= side.rate
        steps.append(_Step(take, there, gain * take, bases, [side.px for side in sides]))
        spent += take
        net += gain * take
        if not all(side.left > 1e-12 * side.spent or side.next() for side in sides):
            break
    return _whole(steps, sides) if steps else None


def _whole(steps: list[_Step], sides: Sequence[_Side]) -> Trip | None:
    """The trip of these steps without the part of a lot at their end; None if an order of it would be too small."""
    coarse = max(range(len(sides)), key=lambda index: sides[index].hop.lot / sides[index].qty)
    lot, qty = sides[coarse].hop.lot, sides[coarse].qty
    excess = max(qty - int(qty / lot + 1e-9) * lot, 0.0) if lot else 0.0
    while steps and excess >= steps[-1].bases[coarse]:
        excess -= steps.pop().bases[coarse]
    if not steps:
        return None
    last = steps[-1]
    away = excess / last.bases[coarse]
    qtys = [
        round(sum(step.bases[index] for step in steps) - away * last.bases[index], 12) for index in range(len(sides))
    ]
    for side, size, px in zip(sides, qtys, last.pxs, strict=True):
        hop = side.hop
        limit = px * (1.0 - hop.slippage) if hop.side is Side.SELL else px
        if size < max(hop.min_qty, hop.lot) or size * limit < hop.min_notional:
            return None
    return Trip(
        qtys=qtys,
        pxs=last.pxs,
        spent=sum(step.spent for step in steps) - away * last.spent,
        back=sum(step.back for step in steps) - away * last.back,
        net=sum(step.net for step in steps) - away * last.net,
    )
