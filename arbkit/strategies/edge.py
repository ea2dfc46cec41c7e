"""The net profit of buying on one book and selling on another, after fees, slippage and latency penalty.

Pure functions in floats, used by strategies. ``walk`` takes the asks of one book and the bids of the other, from the
best level outward. Each further unit earns no more than the one before, so the best size is reached when the next unit
no longer pays.
"""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from math import gcd, inf, lcm

from msgspec import Struct

from arbkit.core.market.book import Book
from arbkit.core.protocols import View
from arbkit.core.types import Instrument

__all__ = ["Edge", "Terms", "common_lot", "top_ratio", "walk"]


class Terms(Struct, frozen=True, gc=False, kw_only=True):
    """The costs of buying one instrument and selling another, as fractions of price, and their order rules."""

    buy_fee: float
    """The account's taker fee at the buying venue."""
    sell_fee: float
    fee_in_base: bool = False
    """The buying venue takes its fee from the bought asset, so 1 / (1 - fee) must be bought to receive 1."""
    slippage: float = 0.0
    """How far beyond its last level each order may fill. It is subtracted from the profit for both legs."""
    cost_per_s: float = 0.0
    """Expected price move against each leg per second of book age and order latency."""
    buy_latency_ns: int = 0
    """With the doubt in books that cannot be checked (``View.doubt_ns``); likewise ``sell_latency_ns``."""
    sell_latency_ns: int = 0
    lot: float = 0.0
    """The common lot of both instruments; 0 = none."""
    buy_lot: float = 0.0
    min_qty: float = 0.0
    """The larger minimum of both instruments; likewise ``min_notional``."""
    min_notional: float = 0.0
    max_qty: float = inf
    """The smaller maximum of both instruments; likewise ``max_notional``."""
    max_notional: float = inf

    @classmethod
    def between(
        cls, view: View, buy: Instrument, sell: Instrument, *, slippage: float, cost_per_s: float, fee_in_base: bool
    ) -> Terms:
        """The terms with the present fees, latencies and rules. ``fee_in_base`` counts where the buying venue does not
        charge in the quote asset."""
        return cls(
            buy_fee=view.taker_fee(buy.id),
            sell_fee=view.taker_fee(sell.id),
            fee_in_base=fee_in_base and not buy.fee_in_quote and view.fee_in_base(buy.id),
            slippage=slippage,
            cost_per_s=cost_per_s,
            buy_latency_ns=view.latency_ns(buy.venue) + view.doubt_ns(buy.venue),
            sell_latency_ns=view.latency_ns(sell.venue) + view.doubt_ns(sell.venue),
            lot=float(common_lot(buy.lot, sell.lot)),
            buy_lot=float(buy.lot),
            min_qty=float(max(buy.min_qty, sell.min_qty)),
            min_notional=float(max(buy.min_notional, sell.min_notional)),
            max_qty=_least(buy.max_qty, sell.max_qty),
            max_notional=_least(buy.max_notional, sell.max_notional),
        )

    @property
    def gross_up(self) -> float:
        """Units to order per unit received."""
        return 1.0 / (1.0 - self.buy_fee) if self.fee_in_base else 1.0

    @property
    def pays(self) -> float:
        """Cost of one received unit as a multiple of the ask, without latency penalty."""
        return (self.gross_up if self.fee_in_base else 1.0 + self.buy_fee) + self.slippage

    @property
    def keeps(self) -> float:
        """Proceeds of one unit as a multiple of the bid, without latency penalty."""
        return 1.0 - self.sell_fee - self.slippage

    def hurdle(self, edge: float) -> float:
        """The ratio of bid to ask at which a trade earns ``edge``, without latency penalty."""
        return (self.pays + edge) / self.keeps


class Edge(Struct, frozen=True, gc=False, kw_only=True):
    """The best trade between two books. Amounts are in the quote asset."""

    qty: float
    """The quantity to sell; also what remains of the purchase after a fee in base."""
    buy_qty: float
    """The quantity to buy. It is larger than ``qty`` if the fee is taken in base. It is rounded down to the buying
    instrument's lot, so the purchase can be short by less than one lot."""
    buy_px: float
    """The price of the worst level used, without slippage."""
    sell_px: float
    cost: float
    """Cost of ``qty`` at the levels used; ``edge`` is ``net`` divided by it."""
    gross: float
    """Proceeds minus cost."""
    fees: float
    slippage: float
    penalty: float
    """Latency penalty, for book age and order latency."""

    @property
    def net(self) -> float:
        return self.gross - self.fees - self.slippage - self.penalty

    @property
    def edge(self) -> float:
        return self.net / self.cost


@lru_cache(4096)
def common_lot(one: Decimal, other: Decimal) -> Decimal:
    """The smallest size that is a multiple of both lots (0 = no lot)."""
    if not one or not other:
        return one or other
    (a, b), (c, d) = one.as_integer_ratio(), other.as_integer_ratio()
    return Decimal(lcm(a, c)) / gcd(b, d)


def top_ratio(buy: Book, sell: Book) -> float:
    """Best bid of ``sell`` divided by best ask of ``buy``; 0 if a side is empty. A cheap first test."""
    return sell.bid_px / buy.ask_px


def walk(
    buy: Book,
    sell: Book,
    terms: Terms,
    now_ns: int,
    *,
    least_edge: float = 0.0,
    most_quote: float = inf,
    most_base: float = inf,
    most_notional: float = inf,
) -> Edge | None:
    """The trade with the largest net profit of which no unit loses and whose edge is at least ``least_edge``.

    ``most_quote``: free quote at the buying venue; ``most_base``: free base at the selling venue; ``most_notional``:
    what the limits allow. They apply at the order's limit price. None if nothing tradable is profitable.
    """
    slippage = terms.slippage
    gross_up = terms.gross_up
    buy_penalty = terms.cost_per_s * 1e-9 * (buy.age_ns(now_ns) + terms.buy_latency_ns)
    sell_penalty = terms.cost_per_s * 1e-9 * (sell.age_ns(now_ns) + terms.sell_latency_ns)
    bare = gross_up if terms.fee_in_base else 1.0 + terms.buy_fee
    pays = bare + slippage + buy_penalty
    keeps = 1.0 - terms.sell_fee - slippage - sell_penalty

    asks = buy.levels_to_buy()
    bids = sell.levels_to_sell()
    ask, asked = next(asks, (0.0, 0.0))
    bid, wanted = next(bids, (0.0, 0.0))
    if not asked or not wanted or bid * keeps <= ask * pays:
        return None
    asked /= gross_up
    most_notional = min(most_notional, terms.max_notional)
    most = min(most_base, terms.max_qty / gross_up, most_notional / bid)
    spend = min(most_quote / bare, most_notional / gross_up) / (1.0 + slippage)
    steps: list[tuple[float, float, float]] = []
    qty = net = cost = 0.0
    while True:
        gain = bid * keeps - ask * pays
        room = min(most, spend / ask) - qty
        if gain <= 0.0 or room <= 0.0:
            break
        take = min(asked, wanted, room)
        short = least_edge * ask - gain
        if short > 0.0:  # this level lowers the average edge: take only so much that it stays at least_edge
            take = min(take, (net - least_edge * cost) / short)
            if take <= 0.0:
                break
        steps.append((ask, bid, take))
        qty += take
        net += gain * take
        cost += ask * take
        asked -= take
        wanted -= take
        if asked > 0.0 and wanted > 0.0:
            break
        if asked <= 0.0:
            ask, asked = next(asks, (0.0, 0.0))
            asked /= gross_up
        if wanted <= 0.0:
            bid, wanted = next(bids, (0.0, 0.0))
        if not ask or not bid:
            break
    whole = _floor(qty, terms.lot)
    if whole <= 0.0 or whole < terms.min_qty:
        return None
    return _sum(steps, qty - whole, whole, terms, bare, buy_penalty, sell_penalty)


def _sum(
    steps: list[tuple[float, float, float]],
    excess: float,
    qty: float,
    terms: Terms,
    bare: float,
    buy_penalty: float,
    sell_penalty: float,
) -> Edge | None:
    """The ``Edge`` of ``steps``, after removing ``excess`` (from rounding to the lot) from their end."""
    while excess >= steps[-1][2]:
        excess -= steps.pop()[2]
    buy_px, sell_px, take = steps[-1]
    cost = -buy_px * excess
    proceeds = -sell_px * excess
    for ask, bid, take in steps:
        cost += ask * take
        proceeds += bid * take
    if min(buy_px, sell_px * (1.0 - terms.slippage)) * qty < terms.min_notional:
        return None
    return Edge(
        qty=qty,
        buy_qty=_floor(qty * terms.gross_up, terms.buy_lot) if terms.fee_in_base else qty,
        buy_px=buy_px,
        sell_px=sell_px,
        cost=cost,
        gross=proceeds - cost,
        fees=cost * (bare - 1.0) + proceeds * terms.sell_fee,
        slippage=terms.slippage * (cost + proceeds),
        penalty=buy_penalty * cost + sell_penalty * proceeds,
    )


def _floor(qty: float, lot: float) -> float:
    """Round down to a multiple of the lot. A difference of 1e-9 lots is treated as a float rounding error."""
    return round(int(qty / lot + 1e-9) * lot, 12) if lot else qty


def _least(one: Decimal | None, other: Decimal | None) -> float:
    return min(float(one) if one is not None else inf, float(other) if other is not None else inf)
