"""What a trade between two books is worth, after everything that we know it will cost.

Pure functions on two ``Book``s, in floats. Buying eats the asks of one book and selling the bids of the other, each
from the best outward, so the profit of one more unit only ever falls: taking units while the next one still pays is the
best size there is, and no search is needed.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import inf, lcm

from msgspec import Struct

from arbkit.core.book import Book
from arbkit.core.types import Instrument

__all__ = ["Edge", "Terms", "common_lot", "crosses", "walk"]


class Terms(Struct, frozen=True, gc=False, kw_only=True):
    """What it costs to trade one ordered pair of instruments, as fractions of price, and what its rules allow."""

    buy_fee: float
    """Taker fee of the buying venue."""
    sell_fee: float
    fee_in_base: bool = False
    """The buying venue takes its fee out of what is bought: to have one unit, 1 / (1 - fee) must be bought."""
    slippage: float = 0.0
    """How much worse than its last level each order may fill; the edge pays for it on both legs."""
    buy_penalty: float = 0.0
    """What the asks may move against us, per second of age and order latency."""
    sell_penalty: float = 0.0
    buy_latency_ns: int = 0
    sell_latency_ns: int = 0
    lot: float = 0.0
    """The common lot of both; 0 = none."""
    buy_lot: float = 0.0
    min_qty: float = 0.0
    """The larger of both."""
    min_notional: float = 0.0
    """The larger of both."""
    max_qty: float = inf
    max_notional: float = inf
    """The smaller of both."""


class Edge(Struct, frozen=True, gc=False):
    """The best trade between two books. Money is in the quote asset."""

    qty: float
    """Sold; and what is left of the purchase after a fee in base."""
    buy_qty: float
    """To be ordered: more than ``qty`` where the fee is taken in base."""
    buy_px: float
    """The worst level that is needed, without slippage."""
    sell_px: float
    gross: float
    """Proceeds less cost at the levels walked, for equal sizes, before everything below."""
    fees: float
    slippage: float
    penalty: float
    net: float
    cost: float
    """What ``qty`` costs at the levels walked: the notional that ``edge`` is a fraction of."""

    @property
    def edge(self) -> float:
        """Net profit over cost."""
        return self.net / self.cost


def common_lot(one: Decimal, other: Decimal) -> Decimal:
    """The smallest size that stands on both lots (0 = no lot): the coarser of two, where one divides the other."""
    raise NotImplementedError


def crosses(buy: Book, sell: Book, hurdle: float) -> bool:
    """Whether the best bid of ``sell`` is above the best ask of ``buy`` times ``hurdle``: the first and cheapest question."""
    raise NotImplementedError


def walk(
    buy: Book, sell: Book, terms: Terms, now_ns: int, *, most_quote: float = inf, most_base: float = inf,
    most_notional: float = inf, least_edge: float = 0.0,
) -> Edge | None:  # fmt: skip
    """The size with the largest net profit of which no unit loses and whose edge is at least ``least_edge``.

    ``most_quote``: free quote at the buying venue; ``most_base``: free base at the selling one; ``most_notional``: what
    the limits leave. None when nothing tradable pays.
    """
    raise NotImplementedError
