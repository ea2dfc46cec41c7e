"""The facts that rows show: the records of a simulated exchange, by name, as one venue writes values."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from arbkit.core.types import Side, plain
from arbkit.sim.pair import text, units
from arbkit.sim.rows import OrderState, average
from arbkit.sim.trades import Candle
from arbkit.sim.venue import OrderReport, SimExchange, SimFill, SimOrder, TopReport, TradeReport

__all__ = ["Facts", "Notation"]


@dataclass(frozen=True, slots=True)
class Notation:
    """How a venue writes values."""

    native: Callable[[str], str]
    """A canonical symbol."""
    side: Callable[[Side], str]
    number: Callable[[int], Any] = str
    """An id."""
    time: Callable[[int], Any] = lambda ns: ns // 1_000_000
    """A time in nanoseconds; as milliseconds where a venue does not say otherwise."""
    pad: int = 0
    """The least number of decimals."""
    missing: str = ""
    """What stands for price and size of a level that a book does not have."""
    digits: int = 8
    """The decimals of an average price."""


class Facts:
    """Makes facts: plain dicts, for ``RowType.of``."""

    __slots__ = ("exchange", "native", "notation", "symbols", "time")

    def __init__(self, exchange: SimExchange, notation: Notation) -> None:
        self.exchange = exchange
        self.notation = notation
        self.native, self.time = notation.native, notation.time
        self.symbols = {notation.native(symbol): symbol for symbol in exchange.pairs}
        """The canonical symbols by the venue's own."""

    def amount(self, amount: int) -> str:
        """Ledger units."""
        return text(amount, pad=self.notation.pad)

    def levels(self, symbol: str, side: Iterable[tuple[int, int]]) -> list[list[str]]:
        """One side of a book: ``[["price", "size"], ..]``."""
        return self.exchange.pairs[symbol].level_texts(side, self.notation.pad)

    def pair(self, symbol: str) -> dict[str, Any]:
        """The names and the rules of a pair."""
        pair = self.exchange.pairs[symbol]
        rules = {
            "tick": pair.rule_tick,
            "lot": pair.rule_lot,
            "min_qty": pair.min_qty,
            "max_qty": pair.max_qty,
            "min_notional": pair.min_notional,
        }
        names = {"symbol": symbol, "native": self.native(symbol), "base": pair.base, "quote": pair.quote}
        return names | {name: self.amount(units(value)) if value.is_finite() else "" for name, value in rules.items()}

    def band(self, symbol: str) -> dict[str, str]:
        """The prices at which a pair may be bought and sold: the highest and the lowest one now, and the multiples of
        the middle. The venue has a band."""
        band = self.exchange.profile.band
        assert band is not None
        most, least = self.exchange.prices.bounds(symbol, band)
        multiples = {
            "buy_up": band.buy_most,
            "buy_down": band.buy_least or band.sell_least,
            "sell_up": band.sell_most or band.buy_most,
            "sell_down": band.sell_least,
        }
        names = {"symbol": symbol, "native": self.native(symbol), "buy_most": most, "sell_least": least}
        return names | {name: plain(value) for name, value in multiples.items()}

    def rates(self, account: str, symbol: str) -> dict[str, str]:
        """The fee rates of an account."""
        maker, taker = (plain(rate) for rate in self.exchange.rates(account, symbol))
        return {"symbol": symbol, "native": self.native(symbol), "maker": maker, "taker": taker}

    def asset(self, asset: str) -> dict[str, Any]:
        """Whether an asset can be moved."""
        deposit, withdraw = self.exchange.immovable.get(asset, (True, True))
        return {"asset": asset, "deposit": deposit, "withdraw": withdraw}

    def money(self, asset: str, free: int, locked: int) -> dict[str, Any]:
        """A balance. ``usd``: the value of all of it."""
        worth = self.exchange.prices.worth(asset, free + locked)
        amounts = {"free": free, "locked": locked, "total": free + locked}
        return {"asset": asset, "usd": worth} | {name: self.amount(value) for name, value in amounts.items()}

    def top(self, top: TopReport) -> dict[str, Any]:
        """The best levels of a book."""
        missing = [[self.notation.missing] * 2]
        ((bid, bid_qty),) = self.levels(top.symbol, [(top.bid_px, top.bid_qty)]) if top.bid_qty else missing
        ((ask, ask_qty),) = self.levels(top.symbol, [(top.ask_px, top.ask_qty)]) if top.ask_qty else missing
        sides = {"bid": bid, "bid_qty": bid_qty, "ask": ask, "ask_qty": ask_qty}
        return {"native": self.native(top.symbol), "seq": top.seq, **sides}

    def day(self, symbol: str, now_ns: int = 0) -> dict[str, Any]:
        """24-hour statistics and the best levels. The day begins with the world; before the first trade all prices are
        the best ask."""
        book, day = self.exchange.books[symbol], self.exchange.trades[symbol].day
        top = TopReport(symbol, book.seq, *book.top())
        moved = day.last / day.open - 1 if day.open else 0
        return {
            **self.top(top),
            **self._traded(symbol, day, top.ask_px),
            "symbol": symbol,
            "fraction": f"{moved:.4f}",
            "percent": f"{100 * moved:.3f}",
            "now": self.time(now_ns),
        }

    def candle(self, symbol: str, candle: Candle, period_ns: int, now_ns: int) -> dict[str, Any]:
        """A candle. ``closed``: its time is over."""
        end_ns = candle.ns + period_ns
        names = {"native": self.native(symbol), "end": self.time(end_ns - 1), "closed": end_ns <= now_ns}
        return self._traded(symbol, candle, 0) | names | {"ns": candle.ns}

    def candles(
        self, symbol: str, period_ns: int, since_ns: int, now_ns: int, until_ns: int = 0
    ) -> list[dict[str, Any]]:
        """The candles that begin from ``since_ns`` to ``until_ns`` (0 = now), oldest first."""
        rows = self.exchange.trades[symbol].candles(period_ns, since_ns, min(until_ns or now_ns, now_ns))
        return [self.candle(symbol, one, period_ns, now_ns) for one in rows]

    def _traded(self, symbol: str, candle: Candle, px: int) -> dict[str, Any]:
        pair, pad = self.exchange.pairs[symbol], self.notation.pad
        average = candle.turnover // candle.qty if candle.qty else px
        prices = {"open": candle.open, "high": candle.high, "low": candle.low, "last": candle.last, "average": average}
        lots = {"qty": candle.qty, "last_qty": candle.last_qty, "bought": candle.bought}
        amounts = {"turnover": candle.turnover, "spent": candle.spent}
        return {
            "at": self.time(candle.ns),
            **{name: pair.px_text(value or px, pad) for name, value in prices.items()},
            **{name: pair.qty_text(value, pad) for name, value in lots.items()},
            **{name: self.amount(value * pair.unit) for name, value in amounts.items()},
            "change": pair.px_text(candle.last - candle.open, pad),
            "count": candle.count,
            "first_id": candle.first_id or -1,
            "last_id": candle.last_id or -1,
        }

    def trade(self, trade: TradeReport) -> dict[str, Any]:
        """A public trade. ``side`` is the taker's; ``sold``: the taker sold."""
        pair, pad = self.exchange.pairs[trade.symbol], self.notation.pad
        return {
            "id": self.notation.number(trade.id),
            "symbol": trade.symbol,
            "native": self.native(trade.symbol),
            "px": pair.px_text(trade.px, pad),
            "qty": pair.qty_text(trade.qty, pad),
            "value": self.amount(trade.px * trade.qty * pair.unit),
            "side": self.notation.side(trade.side),
            "sold": trade.side is Side.SELL,
            "at": self.time(trade.ns),
        }

    def fill(self, fill: SimFill) -> dict[str, Any]:
        """One account's side of an execution."""
        pair, pad = self.exchange.pairs[fill.symbol], self.notation.pad
        return {
            "id": self.notation.number(fill.id),
            "order_id": self.notation.number(fill.order_id),
            "cl_ord_id": fill.cl_ord_id,
            "symbol": fill.symbol,
            "native": self.native(fill.symbol),
            "quote": pair.quote,
            "px": pair.px_text(fill.px, pad),
            "qty": pair.qty_text(fill.qty, pad),
            "value": self.amount(fill.quote),
            "fee": self.amount(fill.fee),
            "fee_asset": fill.fee_asset,
            "side": self.notation.side(fill.side),
            "bought": fill.side is Side.BUY,
            "maker": fill.maker,
            "at": self.time(fill.ns),
        }

    def order(self, order: SimOrder, report: OrderReport | None = None) -> dict[str, Any]:
        """An order as it is now, or as it was at ``report``. ``state``: the same as ``OrderState``."""
        pair, pad, now = self.exchange.pairs[order.symbol], self.notation.pad, OrderState(order, report)
        left = order.qty - now.cum
        return {
            "state": now,
            "id": self.notation.number(order.id),
            "cl_ord_id": order.cl_ord_id,
            "symbol": order.symbol,
            "native": self.native(order.symbol),
            "quote": pair.quote,
            "side": self.notation.side(order.side),
            "px": pair.px_text(order.px, pad),
            "qty": pair.qty_text(order.qty, pad),
            "budget": self.amount(order.quote_qty),
            "cum": pair.qty_text(now.cum, pad),
            "cum_value": self.amount(now.cum_quote),
            "left": pair.qty_text(left, pad),
            "left_value": self.amount(left * order.px * pair.unit),
            "average": average(now.cum_quote, now.cum * pair.lot_units, self.notation.digits),
            "at": self.time(order.ns),
            "updated_at": self.time(now.ns),
        }
