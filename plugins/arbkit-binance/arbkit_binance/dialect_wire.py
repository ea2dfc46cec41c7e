"""Binance's formats for the dialect: numbers, orders, errors, and the parameters of a call."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Any, Final

from arbkit.core.types import OrdStatus, Side, plain
from arbkit.sim.calls import Problem, SimCall, Why
from arbkit.sim.pair import Pair, text
from arbkit.sim.rows import fields
from arbkit.sim.venue import OrderReport, Refused, SimExchange, SimFill, SimOrder, TradeReport

__all__ = [
    "CLIENT_ID",
    "STP",
    "SYMBOL",
    "aggregate_row",
    "aggregated",
    "day_row",
    "decimal",
    "decimal8",
    "execution_report",
    "native",
    "order_ack",
    "order_row",
    "refusal",
    "symbol_row",
    "trade_row",
    "wrong",
]

# binance-spot-api-docs, errors.md and rest-api.md
_EMPTY: Final = "INSUFFICIENT_LIQUIDITY"
_STATUS: Final = {
    OrdStatus.NEW: "NEW",
    OrdStatus.PARTIALLY_FILLED: "PARTIALLY_FILLED",
    OrdStatus.FILLED: "FILLED",
    OrdStatus.CANCELED: "CANCELED",
    OrdStatus.EXPIRED: "EXPIRED",
    OrdStatus.REJECTED: "REJECTED",
}
STP: Final = {"none": "NONE", "taker": "EXPIRE_TAKER", "maker": "EXPIRE_MAKER", "both": "EXPIRE_BOTH"}
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
    "band_high": (-1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
    "band_low": (-1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
}


SYMBOL: Final = re.compile(r"[A-Z0-9-_.]{1,20}", re.ASCII)
CLIENT_ID: Final = re.compile(r"[a-zA-Z0-9-_]{1,36}", re.ASCII)
_RANGES: Final = {
    "symbol": "^[A-Z0-9-_.]{1,20}$",
    "newClientOrderId": "^[a-zA-Z0-9-_]{1,36}$",
    "origClientOrderId": "^[a-zA-Z0-9-_]{1,36}$",
    **fields("quantity quoteOrderQty price", "^([0-9]{1,20})(\\.[0-9]{1,20})?$"),
}
_WORDS: Final = {
    "side": (-1117, "Invalid side."),
    "type": (-1116, "Invalid orderType."),
    "timeInForce": (-1115, "Invalid timeInForce."),
}


def refusal(refused: Refused) -> Problem:
    """The venue's error for a rejection of the exchange."""
    return Problem(*_REFUSED[refused.rule], 400)


def wrong(name: str, why: Why) -> Problem:
    """The error for a parameter: -1102 if it is missing, -1100 (or the enum's own code) if it is malformed."""
    if why == "missing":
        return Problem(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.", 400)
    if name in _WORDS:
        return Problem(*_WORDS[name], 400)
    legal = _RANGES.get(name, "^[0-9]{1,20}$")
    return Problem(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.", 400)


def decimal(call: SimCall, name: str) -> Decimal:
    """A decimal (-1111: more than the asset's 8 decimals)."""
    value = call.decimal(name)
    if len(call.text(name).partition(".")[2].rstrip("0")) > 8:
        raise Problem(-1111, f"Parameter '{name}' has too much precision.", 400)
    return value


def native(symbol: str) -> str:
    """``BTC-USDT`` as Binance writes it."""
    return symbol.replace("-", "")


def decimal8(units: int) -> str:
    """Ledger units with 8 decimals."""
    return text(units, pad=8)


def _status(order: SimOrder, status: OrdStatus) -> dict[str, str]:
    """The status (enums.md) and, for an expired order, the reason (rest-api.md, conditional fields)."""
    if status is OrdStatus.EXPIRED:
        return (
            {"status": "EXPIRED_IN_MATCH"} if order.reason == "stp" else {"status": "EXPIRED", "expiryReason": _EMPTY}
        )
    return {"status": _STATUS[status]}


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


def symbol_row(exchange: SimExchange, symbol: str, state: str, stp: str) -> dict[str, Any]:
    """A symbol of exchangeInfo, with its filters (filters.md)."""
    pair, band = exchange.pairs[symbol], exchange.profile.band
    assert band is not None
    lot, smallest, largest = f"{pair.rule_lot:.8f}", f"{pair.min_qty:.8f}", f"{pair.max_qty:.8f}"
    none, tick = "0.00000000", f"{pair.rule_tick:.8f}"
    filters = [
        {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "1000000.00000000", "tickSize": tick},
        {"filterType": "LOT_SIZE", "minQty": smallest, "maxQty": largest, "stepSize": lot},
        {"filterType": "MARKET_LOT_SIZE", "minQty": none, "maxQty": largest, "stepSize": none},
        {
            "filterType": "PERCENT_PRICE_BY_SIDE",
            "bidMultiplierUp": plain(band.buy_most),
            "bidMultiplierDown": plain(band.buy_least or band.sell_least),
            "askMultiplierUp": plain(band.sell_most or band.buy_most),
            "askMultiplierDown": plain(band.sell_least),
            "avgPriceMins": 5,
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": f"{pair.min_notional:.8f}",
            "applyMinToMarket": True,
            "maxNotional": "9000000.00000000",
            "applyMaxToMarket": False,
            "avgPriceMins": 5,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
    ]
    precisions = (
        "baseAssetPrecision quotePrecision quoteAssetPrecision baseCommissionPrecision quoteCommissionPrecision"
    )
    refused = "icebergAllowed ocoAllowed otoAllowed opoAllowed allowTrailingStop cancelReplaceAllowed amendAllowed"
    return {
        "symbol": native(symbol),
        "status": state,
        "baseAsset": pair.base,
        "quoteAsset": pair.quote,
        **fields(precisions, 8),
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
        **fields(refused + " pegInstructionsAllowed isMarginTradingAllowed", False),
        **fields("quoteOrderQtyMarketAllowed isSpotTradingAllowed", True),
        "filters": filters,
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": stp,
        "allowedSelfTradePreventionModes": list(STP.values()),
    }


def day_row(exchange: SimExchange, symbol: str, now: int) -> dict[str, Any]:
    """24-hour statistics. The day begins with the world; before the first trade all prices are the best ask."""
    pair, day = exchange.pairs[symbol], exchange.days[symbol]
    bid, bids, ask, asks = exchange.books[symbol].top()
    average = day.turnover // day.qty if day.qty else ask
    prices = {
        "lastPrice": day.last,
        "openPrice": day.open,
        "highPrice": day.high,
        "lowPrice": day.low,
        "prevClosePrice": day.open,
        "weightedAvgPrice": average,
    }
    return {
        "symbol": native(symbol),
        **{name: pair.px_text(px or ask, 8) for name, px in prices.items()},
        "priceChange": pair.px_text(day.last - day.open, 8),
        "priceChangePercent": f"{100 * (day.last / day.open - 1) if day.open else 0:.3f}",
        "bidPrice": pair.px_text(bid, 8),
        "bidQty": pair.qty_text(bids, 8),
        "askPrice": pair.px_text(ask, 8),
        "askQty": pair.qty_text(asks, 8),
        "lastQty": pair.qty_text(day.last_qty, 8),
        "volume": pair.qty_text(day.qty, 8),
        "quoteVolume": decimal8(day.turnover * pair.unit),
        **fields("openTime closeTime", now),
        "firstId": day.first_id or -1,
        "lastId": day.last_id or -1,
        "count": day.count,
    }


def order_ack(exchange: SimExchange, order: SimOrder, call: SimCall, kind: str) -> dict[str, Any]:
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


def order_row(exchange: SimExchange, order: SimOrder, call: SimCall) -> dict[str, Any]:
    """An order as queries return it."""
    return {
        "symbol": native(order.symbol),
        "orderId": order.id,
        "orderListId": -1,
        "clientOrderId": order.cl_ord_id,
        **_common(exchange.pairs[order.symbol], order),
        **fields("stopPrice icebergQty", "0.00000000"),
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
        **_status(order, order.status),
        "timeInForce": order.tif.name,
        "type": _type(order),
        "side": order.side.name,
        "selfTradePreventionMode": STP[order.stp],
    }


def trade_row(exchange: SimExchange, fill: SimFill, call: SimCall) -> dict[str, Any]:
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
    kind = report.kind.upper()
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
        **fields("P F", "0.00000000"),
        "g": -1,
        "C": order.cl_ord_id if canceled else "",
        "x": kind,
        "X": _status(order, report.status)["status"],
        "r": "INSUFFICIENT_BALANCES" if kind == "REJECTED" else "NONE",
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
        "V": STP[order.stp],
    }
    if kind == "EXPIRED":
        event["eR"] = _EMPTY
    return event
