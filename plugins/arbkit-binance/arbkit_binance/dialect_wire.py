"""Binance's formats for the dialect: numbers, orders, errors, and the parameters of a call."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Any, Final

from arbkit.core.types import OrdStatus, Side
from arbkit.sim.pair import Pair, text
from arbkit.sim.venue import Account, OrderReport, Refused, SimExchange, SimFill, SimOrder, TradeReport

__all__ = [
    "Call",
    "Problem",
    "aggregate_row",
    "aggregated",
    "decimal8",
    "execution_report",
    "native",
    "order_ack",
    "order_row",
    "refusal",
    "status_of",
    "trade_row",
]

# binance-spot-api-docs, errors.md and rest-api.md
_DECIMAL: Final = re.compile(r"^([0-9]{1,20})(\.[0-9]{1,20})?$", re.ASCII)
_CLIENT_ID: Final = re.compile(r"^[a-zA-Z0-9-_]{1,36}$", re.ASCII)
_STATUS: Final = {
    OrdStatus.NEW: "NEW",
    OrdStatus.PARTIALLY_FILLED: "PARTIALLY_FILLED",
    OrdStatus.FILLED: "FILLED",
    OrdStatus.CANCELED: "CANCELED",
    OrdStatus.EXPIRED: "EXPIRED",
}
_STP: Final = {"none": "NONE", "taker": "EXPIRE_TAKER", "maker": "EXPIRE_MAKER", "both": "EXPIRE_BOTH"}
_REFUSED: Final[Mapping[str, tuple[int, str]]] = {
    "symbol": (-1121, "Invalid symbol."),
    "halted": (-2010, "Market is closed."),
    "tick": (-1013, "Filter failure: PRICE_FILTER"),
    "lot": (-1013, "Filter failure: LOT_SIZE"),
    "min_qty": (-1013, "Filter failure: LOT_SIZE"),
    "max_qty": (-1013, "Filter failure: LOT_SIZE"),
    "min_notional": (-1013, "Filter failure: NOTIONAL"),
    "balance": (-2010, "Account has insufficient balance for requested action."),
    "duplicate": (-2010, "Duplicate order sent."),
    "post_only": (-2010, "Order would immediately match and take."),
    "expired": (-1021, "Timestamp for this request is outside of the recvWindow."),
    "unknown_order": (-2011, "Unknown order sent."),
}


class Problem(Exception):
    """An error reply: HTTP status (also the WS API's), code and message as in errors.md."""

    def __init__(self, code: int, msg: str, status: int = 400, data: Mapping[str, int] | None = None) -> None:
        super().__init__(msg)
        self.code = code
        self.msg = msg
        self.status = status
        self.data = data


def refusal(refused: Refused) -> Problem:
    """The venue's error for a rejection of the exchange."""
    return Problem(*_REFUSED[refused.rule])


class Call:
    """One request, from REST or the WS API: its parameters as text, the account and the time."""

    __slots__ = ("account", "conn", "div", "now_ns", "params")

    def __init__(self, params: Mapping[str, str], account: Account | None, now_ns: int, div: int, conn: int) -> None:
        self.params = params
        self.account = account
        self.now_ns = now_ns
        self.div = div
        """Nanoseconds per unit of the times in replies (milliseconds, or microseconds on request)."""
        self.conn = conn
        """The WS API connection; 0 = REST."""

    @property
    def owner(self) -> str:
        """The account's name; the call is signed."""
        assert self.account is not None
        return self.account.name

    def need(self, name: str) -> str:
        """A mandatory parameter (-1102)."""
        value = self.params.get(name, "")
        if not value:
            raise Problem(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
        return value

    def integer(self, name: str, default: int = 0) -> int:
        """A whole number (-1100)."""
        value = self.params.get(name, "")
        if not value:
            return default
        if not (value.isascii() and value.isdigit() and len(value) <= 20):
            raise Problem(-1100, f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'.")
        return int(value)

    def limit(self, default: int, most: int) -> int:
        """``limit``, at most ``most``."""
        return min(self.integer("limit") or default, most)

    def decimal(self, name: str) -> Decimal:
        """A decimal (-1100: the documented pattern; -1111: more than the asset's 8 decimals)."""
        value = self.need(name)
        if not _DECIMAL.match(value):
            raise Problem(
                -1100, f"Illegal characters found in parameter '{name}'; legal range is '{_DECIMAL.pattern}'."
            )
        if len(value.partition(".")[2].rstrip("0")) > 8:
            raise Problem(-1111, f"Parameter '{name}' has too much precision.")
        return Decimal(value)

    def client_id(self, name: str) -> str:
        """A client order id (-1100 also for its length)."""
        value = self.params.get(name, "")
        if value and not _CLIENT_ID.match(value):
            raise Problem(
                -1100, f"Illegal characters found in parameter '{name}'; legal range is '^[a-zA-Z0-9-_]{{1,36}}$'."
            )
        return value


def native(symbol: str) -> str:
    """``BTC-USDT`` as Binance writes it."""
    return symbol.replace("-", "")


def decimal8(units: int) -> str:
    """Ledger units with 8 decimals."""
    return text(units, pad=8)


def status_of(order: SimOrder, status: OrdStatus) -> str:
    """Binance's name of a status (enums.md)."""
    if status is OrdStatus.EXPIRED and order.reason == "stp":
        return "EXPIRED_IN_MATCH"
    return _STATUS[status]


def _type(order: SimOrder) -> str:
    if order.kind == "market":
        return "MARKET"
    return "LIMIT_MAKER" if order.post_only else "LIMIT"


def _fill(pair: Pair, fill: SimFill) -> dict[str, Any]:
    return {
        "price": pair.px_text(fill.px, 8),
        "qty": pair.qty_text(fill.qty, 8),
        "commission": decimal8(fill.fee),
        "commissionAsset": fill.fee_asset,
        "tradeId": fill.id,
    }


def order_ack(exchange: SimExchange, order: SimOrder, call: Call, kind: str) -> dict[str, Any]:
    """The reply to a new order: ``kind`` ACK, RESULT or FULL."""
    pair = exchange.pairs[order.symbol]
    row = {
        "symbol": native(order.symbol),
        "orderId": order.id,
        "orderListId": -1,
        "clientOrderId": order.cl_ord_id,
        "transactTime": order.updated_ns // call.div,
    }
    if kind == "ACK":
        return row
    row |= _common(pair, order)
    row |= {"workingTime": order.ns // call.div}
    if kind == "FULL":
        row["fills"] = [_fill(pair, fill) for fill in order.fills]
    return row


def order_row(exchange: SimExchange, order: SimOrder, call: Call) -> dict[str, Any]:
    """An order as queries return it."""
    return {
        "symbol": native(order.symbol),
        "orderId": order.id,
        "orderListId": -1,
        "clientOrderId": order.cl_ord_id,
        **_common(exchange.pairs[order.symbol], order),
        "stopPrice": "0.00000000",
        "icebergQty": "0.00000000",
        "time": order.ns // call.div,
        "updateTime": order.updated_ns // call.div,
        "isWorking": True,
        "workingTime": order.ns // call.div,
    }


def _common(pair: Pair, order: SimOrder) -> dict[str, Any]:
    return {
        "price": pair.px_text(order.px, 8),
        "origQty": pair.qty_text(order.qty, 8),
        "executedQty": pair.qty_text(order.cum, 8),
        "origQuoteOrderQty": decimal8(order.quote_qty),
        "cummulativeQuoteQty": decimal8(order.cum_quote),
        "status": status_of(order, order.status),
        "timeInForce": order.tif.name,
        "type": _type(order),
        "side": order.side.name,
        "selfTradePreventionMode": _STP[order.stp],
    }


def trade_row(exchange: SimExchange, fill: SimFill, call: Call) -> dict[str, Any]:
    """A fill as ``myTrades`` returns it."""
    row = _fill(exchange.pairs[fill.symbol], fill)
    return {
        "symbol": native(fill.symbol),
        "id": row.pop("tradeId"),
        "orderId": fill.order_id,
        "orderListId": -1,
        **row,
        "quoteQty": decimal8(fill.quote),
        "time": fill.ns // call.div,
        "isBuyer": fill.side is Side.BUY,
        "isMaker": fill.maker,
        "isBestMatch": True,
    }


def aggregated(trades: Iterable[TradeReport]) -> list[list[TradeReport]]:
    """The trades in groups: one taker order, one price (web-socket-streams.md, "Aggregate Trade Streams")."""
    return [list(group) for _, group in groupby(trades, lambda one: (one.symbol, one.side, one.px, one.ns))]


def aggregate_row(pair: Pair, group: Sequence[TradeReport], div: int) -> dict[str, Any]:
    """One aggregate trade. ``a`` is the id of its first trade; ``m``: the buyer was the maker."""
    first = group[0]
    return {
        "a": first.id,
        "p": pair.px_text(first.px, 8),
        "q": pair.qty_text(sum(one.qty for one in group), 8),
        "f": first.id,
        "l": group[-1].id,
        "T": first.ns // div,
        "m": first.side is Side.SELL,
        "M": True,
    }


def execution_report(exchange: SimExchange, report: OrderReport, now: int, div: int, cancel_id: str) -> dict[str, Any]:
    """The user stream's executionReport (user-data-stream.md). On a cancel ``c`` is its own id, ``C`` the order's."""
    order, fill = report.order, report.fill
    pair = exchange.pairs[order.symbol]
    canceled = report.kind == "canceled"
    kind = {"new": "NEW", "trade": "TRADE", "canceled": "CANCELED", "expired": "EXPIRED"}[report.kind]
    if report.kind == "expired" and order.reason == "stp":
        kind = "TRADE_PREVENTION"
    event = {
        "e": "executionReport",
        "E": now,
        "s": native(order.symbol),
        "c": cancel_id if canceled else order.cl_ord_id,
        "S": order.side.name,
        "o": _type(order),
        "f": order.tif.name,
        "q": pair.qty_text(order.qty, 8),
        "p": pair.px_text(order.px, 8),
        "P": "0.00000000",
        "F": "0.00000000",
        "g": -1,
        "C": order.cl_ord_id if canceled else "",
        "x": kind,
        "X": status_of(order, report.status),
        "r": "NONE",
        "i": order.id,
        "l": pair.qty_text(fill.qty if fill else 0, 8),
        "z": pair.qty_text(report.cum, 8),
        "L": pair.px_text(fill.px if fill else 0, 8),
        "n": decimal8(fill.fee) if fill else "0",
        "N": fill.fee_asset if fill else None,
        "T": report.ns // div,
        "t": fill.id if fill else -1,
        "I": report.seq,
        "w": report.status in (OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED) and order.tif.name == "GTC",
        "m": fill.maker if fill else False,
        "M": False,
        "O": order.ns // div,
        "Z": decimal8(report.cum_quote),
        "Y": decimal8(fill.quote if fill else 0),
        "Q": decimal8(order.quote_qty),
        "W": order.ns // div,
        "V": _STP[order.stp],
    }
    if kind == "EXPIRED":
        event["eR"] = "INSUFFICIENT_LIQUIDITY"
    return event
