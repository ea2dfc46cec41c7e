"""How Bybit words things: number and order texts, errors, and the parameters of a call."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from arbkit.core.types import OrdStatus, Side, Tif
from arbkit.sim.pair import Pair, text
from arbkit.sim.venue import Account, OrderReport, Refused, SimExchange, SimFill, SimOrder

__all__ = [
    "Call",
    "Problem",
    "coin_rows",
    "execution_row",
    "fast_row",
    "levels",
    "ms",
    "native",
    "order_row",
    "ratio",
    "refusal",
]

_MS: Final = 1_000_000
_DECIMAL: Final = re.compile(r"^[0-9]{1,20}(\.[0-9]{1,20})?$", re.ASCII)
_LINK_ID: Final = re.compile(r"^[a-zA-Z0-9_-]{1,36}$", re.ASCII)  # v5/order/create-order, "orderLinkId"
_TIF: Final = {Tif.GTC: "GTC", Tif.IOC: "IOC", Tif.FOK: "FOK"}
_STATUS: Final = {
    OrdStatus.NEW: "New",
    OrdStatus.PARTIALLY_FILLED: "PartiallyFilled",
    OrdStatus.FILLED: "Filled",
}
# v5/enum "rejectReason", by why the order ended
_WHY: Final = {
    "ioc": "EC_NoImmediateQtyToFill",
    "no_liquidity": "EC_NoImmediateQtyToFill",
    "fok": "EC_NoEnoughQtyToFill",
    "post_only": "EC_PostOnlyWillTakeLiquidity",
}
# v5/error, the spot codes (1701xx)
_REFUSED: Final[Mapping[str, tuple[int, str]]] = {
    "symbol": (170121, "Invalid symbol."),
    "halted": (170151, "This trading pair is not available yet."),
    "tick": (170134, "Order price has too many decimals."),
    "lot": (170137, "Order quantity has too many decimals."),
    "min_qty": (170136, "Order quantity exceeded lower limit."),
    "max_qty": (170124, "Order amount too large."),
    "min_notional": (170140, "Order value exceeded lower limit."),
    "balance": (170131, "Insufficient balance."),
    "duplicate": (170141, "Duplicate clientOrderId"),
    "unknown_order": (170213, "Order does not exist."),
}


class Problem(Exception):
    """An error reply: ``retCode`` and ``retMsg`` (v5/error). The HTTP status stays 200."""

    def __init__(self, code: int, msg: str) -> None:
        super().__init__(msg)
        self.code = code
        self.msg = msg


def refusal(refused: Refused) -> Problem:
    """The exchange's "no" in the venue's words."""
    return Problem(*_REFUSED[refused.rule])


class Call:
    """One request, from REST or the trade socket alike: its parameters, who asks, and when."""

    __slots__ = ("account", "now_ns", "params")

    def __init__(self, params: Mapping[str, Any], account: Account | None, now_ns: int) -> None:
        self.params = params
        self.account = account
        self.now_ns = now_ns

    @property
    def owner(self) -> str:
        """The account's name; the call is signed."""
        assert self.account is not None
        return self.account.name

    def text(self, name: str, default: str = "") -> str:
        """A parameter given as text; a number in its place is refused (10001), as the venue does at times."""
        value = self.params.get(name, default)
        if not isinstance(value, str):
            raise Problem(10001, f"params error: {name} must be a string.")
        return value

    def need(self, name: str) -> str:
        """A mandatory parameter (10001)."""
        value = self.text(name)
        if not value:
            raise Problem(10001, f"params error: {name} missing.")
        return value

    def integer(self, name: str, default: int) -> int:
        """A whole number in a query (10001)."""
        value = self.text(name) or str(default)
        if not (value.isascii() and value.isdigit() and len(value) < 20):
            raise Problem(10001, f"params error: {name} invalid.")
        return int(value)

    def decimal(self, name: str) -> Decimal:
        """A positive decimal given as text (10001)."""
        value = self.need(name)
        if not _DECIMAL.match(value):
            raise Problem(10001, f"params error: {name} invalid.")
        return Decimal(value)

    def link_id(self) -> str:
        """``orderLinkId`` (10001 where it is malformed)."""
        value = self.text("orderLinkId")
        if value and not _LINK_ID.match(value):
            raise Problem(10001, "params error: orderLinkId invalid.")
        return value


def native(symbol: str) -> str:
    """``BTC-USDT`` as Bybit writes it."""
    return symbol.replace("-", "")


def ms(ns: int) -> str:
    """A time as Bybit gives it in rows: milliseconds, as text."""
    return str(ns // _MS)


def ratio(quote: int, base: int) -> str:
    """An average price of ledger amounts, to 8 decimals; empty where nothing was traded."""
    return text(quote * 10**8 // base, 8) if base else ""


def levels(pair: Pair, rows: Iterable[tuple[int, int]]) -> list[list[str]]:
    """Book levels: ``[["price", "size"], ..]``."""
    return [[pair.px_text(px), pair.qty_text(lots)] for px, lots in rows]


def _status(order: SimOrder, status: OrdStatus, cum: int) -> str:
    """v5/enum "orderStatus"; PartiallyFilledCanceled is spot's word for any end after a partial fill."""
    if status in _STATUS:
        return _STATUS[status]
    if order.reason == "post_only" and order.id % 4 < 2:
        return "Rejected"
    return "PartiallyFilledCanceled" if cum else "Cancelled"


def order_row(exchange: SimExchange, order: SimOrder, report: OrderReport | None = None) -> dict[str, Any]:
    """An order as v5/order/open-order gives it and v5/websocket/private/order streams it.

    ``report``: as the order was after that change; else as it is.
    """
    pair = exchange.pairs[order.symbol]
    status, cum, cum_quote = order.status, order.cum, order.cum_quote
    updated_ns = order.updated_ns
    if report is not None:
        status, cum, cum_quote, updated_ns = report.status, report.cum, report.cum_quote, report.ns
    fees: dict[str, int] = {}
    seen = 0
    for fill in order.fills:
        if seen == cum:
            break
        seen += fill.qty
        fees[fill.fee_asset] = fees.get(fill.fee_asset, 0) + fill.fee
    by_value = order.quote_qty > 0
    ended = status.terminal and status is not OrdStatus.FILLED
    left = order.qty - cum
    return {
        "category": "spot",
        "symbol": native(order.symbol),
        "orderId": str(order.id),
        "orderLinkId": order.cl_ord_id,
        "blockTradeId": "",
        "side": order.side.name.capitalize(),
        "orderType": "Market" if order.kind == "market" else "Limit",
        "price": pair.px_text(order.px),
        "qty": text(order.quote_qty) if by_value else pair.qty_text(order.qty),
        "isLeverage": "0",
        "positionIdx": 0,
        "marketUnit": "quoteCoin" if by_value else "baseCoin" if order.kind == "market" else "",
        "timeInForce": "PostOnly" if order.post_only else "IOC" if order.kind == "market" else _TIF[order.tif],
        "orderStatus": _status(order, status, cum),
        "cancelType": "CancelByUser" if ended and order.reason == "user" else "UNKNOWN",
        "rejectReason": _WHY.get(order.reason, "EC_NoError") if ended else "EC_NoError",
        "avgPrice": ratio(cum_quote, cum * pair.lot_units),
        # the stream's documented sample has no leavesQty once an order is filled
        "leavesQty": "" if report is not None and not left else pair.qty_text(left),
        "leavesValue": text(left * order.px * pair.unit),
        "cumExecQty": pair.qty_text(cum),
        "cumExecValue": text(cum_quote),
        "cumExecFee": text(sum(fees.values())),
        "cumFeeDetail": {asset: text(fee) for asset, fee in fees.items()},
        "stopOrderType": "",
        "triggerPrice": "0.0",
        "smpType": "None",
        "smpGroup": 0,
        "smpOrderId": "",
        "placeType": "",
        "createType": "CreateByUser",
        "reduceOnly": False,
        "closeOnTrigger": False,
        "createdTime": ms(order.ns),
        "updatedTime": ms(updated_ns),
    }


def execution_row(exchange: SimExchange, order: SimOrder, fill: SimFill) -> dict[str, Any]:
    """A fill as v5/order/execution gives it and v5/websocket/private/execution streams it."""
    pair = exchange.pairs[fill.symbol]
    maker, taker = exchange.rates(fill.account)
    cum = 0
    for earlier in order.fills:
        cum += earlier.qty
        if earlier is fill:
            break
    return fast_row(exchange, fill) | {
        "orderLinkId": fill.cl_ord_id,
        "orderPrice": pair.px_text(order.px),
        "orderQty": pair.qty_text(order.qty),
        "leavesQty": pair.qty_text(order.qty - cum),
        "orderType": "Market" if order.kind == "market" else "Limit",
        "stopOrderType": "",
        "createType": "CreateByUser",
        "execType": "Trade",
        "execValue": text(fill.quote),
        "execFee": text(fill.fee),
        "feeRate": f"{maker if fill.maker else taker:f}",
        "feeCurrency": fill.fee_asset,
        "isLeverage": "0",
        "closedSize": "",
        "blockTradeId": "",
        "markPrice": "",
    }


def fast_row(exchange: SimExchange, fill: SimFill) -> dict[str, Any]:
    """v5/websocket/private/fast-execution: no fee; no orderLinkId for maker fills."""
    pair = exchange.pairs[fill.symbol]
    return {
        "category": "spot",
        "symbol": native(fill.symbol),
        "execId": str(fill.id),
        "execPrice": pair.px_text(fill.px),
        "execQty": pair.qty_text(fill.qty),
        "orderId": str(fill.order_id),
        "isMaker": fill.maker,
        "orderLinkId": "" if fill.maker else fill.cl_ord_id,
        "side": "Buy" if fill.side is Side.BUY else "Sell",
        "execTime": ms(fill.ns),
        "seq": fill.id % 10**12,
    }


def coin_rows(balances: Iterable[tuple[str, int, int]]) -> list[dict[str, Any]]:
    """Coins of v5/account/wallet-balance and v5/websocket/private/wallet: ``walletBalance`` includes ``locked``.

    ``free`` and ``availableToWithdraw`` are empty: deprecated for unified accounts.
    """
    rows = []
    for asset, free, locked in balances:
        total = text(free + locked)
        rows.append(
            {
                "coin": asset,
                "equity": total,
                "usdValue": "",
                "walletBalance": total,
                "locked": text(locked),
                "availableToWithdraw": "",
                "borrowAmount": "0",
                "spotBorrow": "0",
                "accruedInterest": "0",
                "spotHedgingQty": "0",
                "totalOrderIM": "0",
                "totalPositionIM": "0",
                "totalPositionMM": "0",
                "unrealisedPnl": "0",
                "cumRealisedPnl": "0",
                "bonus": "0",
                "collateralSwitch": True,
                "marginCollateral": True,
            }
        )
    return rows
