"""Binance's formats for the dialect: numbers, errors, and rows (github.com/binance/binance-spot-api-docs)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Any, Final

from arbkit import sim
from arbkit.core.types import OrdStatus

MS: Final = 1_000_000
SYMBOL: Final = re.compile(r"[A-Z0-9-_.]{1,20}", re.ASCII)
CLIENT_ID: Final = re.compile(r"[a-zA-Z0-9-_]{1,36}", re.ASCII)
STP: Final[Mapping[sim.Stp, str]] = {
    "none": "NONE",
    "taker": "EXPIRE_TAKER",
    "maker": "EXPIRE_MAKER",
    "both": "EXPIRE_BOTH",
}
_ZERO: Final = "0.00000000"
_EMPTY: Final = "INSUFFICIENT_LIQUIDITY"
# errors.md and rest-api.md
_REFUSED: Final[Mapping[str, tuple[int, str]]] = {
    "symbol": (-1121, "Invalid symbol."),
    "halted": (-2010, "Market is closed."),
    "tick": (-1013, "Filter failure: PRICE_FILTER"),
    **sim.fields("lot min_qty max_qty", (-1013, "Filter failure: LOT_SIZE")),
    "min_notional": (-1013, "Filter failure: NOTIONAL"),
    "balance": (-2010, "Account has insufficient balance for requested action."),
    "duplicate": (-2010, "Duplicate order sent."),
    "post_only": (-2010, "Order would immediately match and take."),
    "expired": (-1021, "Timestamp for this request is outside of the recvWindow."),
    "unknown_order": (-2011, "Unknown order sent."),
    **sim.fields("band_high band_low", (-1013, "Filter failure: PERCENT_PRICE_BY_SIDE")),
}
_RANGES: Final = {
    "symbol": "^[A-Z0-9-_.]{1,20}$",
    **sim.fields("newClientOrderId origClientOrderId", "^[a-zA-Z0-9-_]{1,36}$"),
    **sim.fields("quantity quoteOrderQty price", "^([0-9]{1,20})(\\.[0-9]{1,20})?$"),
}
_WORDS: Final = {
    "side": (-1117, "Invalid side."),
    "type": (-1116, "Invalid orderType."),
    "timeInForce": (-1115, "Invalid timeInForce."),
    "interval": (-1120, "Invalid interval."),
}
_MINUTES: Final = {"m": (1, 3, 5, 15, 30), "h": (60, 120, 240, 360, 480, 720), "d": (1440, 4320)}
PERIODS: Final = {
    f"{minutes // _MINUTES[unit][0]}{unit}": minutes * sim.MINUTE for unit in _MINUTES for minutes in _MINUTES[unit]
}
"""The intervals of klines that are served: not 1s, 1w and 1M."""

# --- rows: each field with the fact that it shows -------------------------------------------------------------------

_ALL: Final = (
    " price=px origQty=qty executedQty=cum origQuoteOrderQty=budget cummulativeQuoteQty=cum_value status"
    " timeInForce=tif type side selfTradePreventionMode=stp workingTime=at"
)
_ID: Final = "symbol=native orderId=id clientOrderId=cl_ord_id"
_ACK: Final = sim.RowType(f"{_ID} transactTime=updated_at", {"orderListId": -1})
_RESULT: Final = sim.RowType(f"{_ID} transactTime=updated_at{_ALL}", {"orderListId": -1})
_ORDER: Final = sim.RowType(
    f"{_ID} time=at updateTime=updated_at{_ALL} stopPrice:{_ZERO} icebergQty:{_ZERO}",
    {"orderListId": -1, "isWorking": True},
)
_FILL: Final = sim.RowType("price=px qty commission=fee commissionAsset=fee_asset tradeId=id")
MY_TRADE: Final = sim.RowType(
    "symbol=native id orderId=order_id price=px qty quoteQty=value commission=fee commissionAsset=fee_asset time=at"
    " isBuyer=bought isMaker=maker",
    {"orderListId": -1, "isBestMatch": True},
)
_REPORT: Final = sim.RowType(
    "s=native S=side o=type f=tif q=qty p=px X=status i=id z=cum T=updated_at O=at W=at Z=cum_value Q=budget V=stp"
    " e:executionReport r:NONE n:0",
    {"g": -1, "M": False, "m": False, "N": None, "t": -1},
    sim.fields("P F l L Y", _ZERO),
)
_REPORTED: Final = sim.RowType("l=qty L=px n=fee N=fee_asset t=id m=maker Y=value")
BALANCE: Final = sim.RowType("asset free locked")
POSITION: Final = sim.RowType("a=asset f=free l=locked")
TRADE: Final = sim.RowType("id price=px qty quoteQty=value time=at isBuyerMaker=sold", {"isBestMatch": True})
TRADE_EVENT: Final = sim.RowType("t=id p=px q=qty T=at m=sold", {"M": True})
_AGGREGATE: Final = sim.RowType("a=id f=id p=px T=at m=sold", {"M": True})
TOP: Final = sim.RowType("symbol=native bidPrice=bid bidQty=bid_qty askPrice=ask askQty=ask_qty")
TOP_EVENT: Final = sim.RowType("u=seq s=native b=bid B=bid_qty a=ask A=ask_qty")
PRICE: Final = sim.RowType("symbol=native price=ask")
DAY: Final = sim.RowType(
    "symbol=native lastPrice=last openPrice=open highPrice=high lowPrice=low prevClosePrice=open"
    " weightedAvgPrice=average priceChange=change priceChangePercent=percent bidPrice=bid bidQty=bid_qty askPrice=ask"
    " askQty=ask_qty lastQty=last_qty volume=qty quoteVolume=turnover openTime=now closeTime=now firstId=first_id"
    " lastId=last_id count"
)
MINI_EVENT: Final = sim.RowType("c=last o=open h=high l=low v=qty q=turnover")
DAY_EVENT: Final = sim.RowType(
    "c=last o=open h=high l=low v=qty q=turnover p=change P=percent w=average x=open Q=last_qty b=bid B=bid_qty a=ask"
    " A=ask_qty O=now C=now F=first_id L=last_id n=count"
)
KLINE: Final = sim.RowType("at open high low last qty end turnover count bought spent")
KLINE_EVENT: Final = sim.RowType(
    "t=at T=end s=native f=first_id L=last_id o=open c=last h=high l=low v=qty n=count x=closed q=turnover V=bought"
    " Q=spent B:0"
)
_FILTERS: Final = (
    sim.RowType("filterType:PRICE_FILTER minPrice=tick maxPrice:1000000.00000000 tickSize=tick"),
    sim.RowType("filterType:LOT_SIZE minQty=min_qty maxQty=max_qty stepSize=lot"),
    sim.RowType(f"filterType:MARKET_LOT_SIZE minQty:{_ZERO} maxQty=max_qty stepSize:{_ZERO}"),
    sim.RowType(
        "filterType:PERCENT_PRICE_BY_SIDE bidMultiplierUp=buy_up bidMultiplierDown=buy_down askMultiplierUp=sell_up"
        " askMultiplierDown=sell_down",
        {"avgPriceMins": 5},
    ),
    sim.RowType(
        "filterType:NOTIONAL minNotional=min_notional maxNotional:9000000.00000000",
        {"applyMinToMarket": True, "applyMaxToMarket": False, "avgPriceMins": 5},
    ),
    sim.RowType("filterType:MAX_NUM_ORDERS", {"maxNumOrders": 200}),
)
_SYMBOL: Final = sim.RowType(
    "symbol=native baseAsset=base quoteAsset=quote status defaultSelfTradePreventionMode=stp filters",
    sim.fields(
        "baseAssetPrecision quotePrecision quoteAssetPrecision baseCommissionPrecision quoteCommissionPrecision", 8
    ),
    sim.fields("icebergAllowed ocoAllowed otoAllowed opoAllowed allowTrailingStop pegInstructionsAllowed", False),
    sim.fields("cancelReplaceAllowed amendAllowed isMarginTradingAllowed", False),
    sim.fields("quoteOrderQtyMarketAllowed isSpotTradingAllowed", True),
    {"orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"], "permissions": [], "permissionSets": [["SPOT"]]},
    {"allowedSelfTradePreventionModes": list(STP.values())},
)


def notation(div: int) -> sim.Notation:
    """How Binance writes values; ``div``: nanoseconds per unit of time."""
    return sim.Notation(
        native=lambda symbol: symbol.replace("-", ""),
        side=lambda side: side.name,
        number=int,
        time=lambda ns: ns // div,
        pad=8,
        missing=_ZERO,
    )


def problem(error: sim.Problem | sim.Refused) -> sim.Problem:
    """The venue's error for a rejection of the exchange."""
    return sim.Problem(*_REFUSED[error.rule], 400) if isinstance(error, sim.Refused) else error


def wrong(name: str, why: sim.Why) -> sim.Problem:
    """The error for a parameter: -1102 if it is missing, -1100 (or the enum's own code) if it is malformed."""
    if why == "missing":
        return sim.Problem(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.", 400)
    if name in _WORDS:
        return sim.Problem(*_WORDS[name], 400)
    legal = _RANGES.get(name, "^[0-9]{1,20}$")
    return sim.Problem(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.", 400)


def decimal(call: sim.SimCall, name: str) -> Decimal:
    """A decimal (-1111: more than the asset's 8 decimals)."""
    value = call.decimal(name)
    if len(call.text(name).partition(".")[2].rstrip("0")) > 8:
        raise sim.Problem(-1111, f"Parameter '{name}' has too much precision.", 400)
    return value


def symbol_row(facts: sim.Facts, symbol: str, status: str, stp: str) -> dict[str, Any]:
    """A symbol of exchangeInfo, with its filters (filters.md)."""
    known = facts.pair(symbol) | facts.band(symbol)
    rows = [row.of(known) for row in _FILTERS]
    return _SYMBOL.of(known | {"status": status, "stp": stp, "filters": rows})


def snapshot(facts: sim.Facts, symbol: str, levels: int) -> dict[str, Any]:
    """The best levels of a book."""
    book = facts.exchange.books[symbol]
    bids, asks = (facts.levels(symbol, side) for side in book.depth(levels))
    return {"lastUpdateId": book.seq, "bids": bids, "asks": asks}


def _order(facts: sim.Facts, order: sim.SimOrder, status: OrdStatus) -> dict[str, Any]:
    """Facts of an order beside the common ones. An order that expired for its own kind has another status."""
    kind = "MARKET" if order.kind == "market" else "LIMIT_MAKER" if order.post_only else "LIMIT"
    prevented = status is OrdStatus.EXPIRED and order.reason == "stp"
    said = "EXPIRED_IN_MATCH" if prevented else status.name
    return {"type": kind, "tif": order.tif.name, "stp": STP[order.stp], "status": said}


def _why(row: dict[str, Any]) -> dict[str, Any]:
    """rest-api.md, "Conditional fields": why an order expired."""
    return row | ({"expiryReason": _EMPTY} if row["status"] == "EXPIRED" else {})


def order_row(facts: sim.Facts, order: sim.SimOrder) -> dict[str, Any]:
    """An order as queries return it."""
    return _why(_ORDER.of(facts.order(order) | _order(facts, order, order.status)))


def order_ack(facts: sim.Facts, order: sim.SimOrder, kind: str = "RESULT") -> dict[str, Any]:
    """The reply to a new order: ``kind`` ACK, RESULT or FULL."""
    known = facts.order(order) | _order(facts, order, order.status)
    if kind == "ACK":
        return _ACK.of(known)
    fills = {"fills": [_FILL.of(facts.fill(fill)) for fill in order.fills]} if kind == "FULL" else {}
    return _why(_RESULT.of(known, **fills))


def execution_report(facts: sim.Facts, report: sim.OrderReport, now_ns: int, cancel_id: str) -> dict[str, Any]:
    """The user stream's executionReport (user-data-stream.md). On a cancel ``c`` is its own id, ``C`` the order's."""
    order, status = report.order, report.status
    canceled, kind = report.kind == "canceled", report.kind.upper()
    if report.kind == "expired" and order.reason == "stp":
        kind = "TRADE_PREVENTION"
    event = _REPORT.of(
        facts.order(order, report) | _order(facts, order, status),
        E=facts.time(now_ns),
        c=cancel_id if canceled else order.cl_ord_id,
        C=order.cl_ord_id if canceled else "",
        x=kind,
        I=report.seq,
        w=status in (OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED) and order.tif.name == "GTC",
    )
    if report.fill is not None:
        event |= _REPORTED.of(facts.fill(report.fill))
    return event | {"REJECTED": {"r": "INSUFFICIENT_BALANCES"}, "EXPIRED": {"eR": _EMPTY}}.get(kind, {})


def aggregated(trades: Iterable[sim.TradeReport]) -> list[list[sim.TradeReport]]:
    """The trades in groups: one taker order, one price (web-socket-streams.md, "Aggregate Trade Streams")."""
    return [list(group) for _, group in groupby(trades, lambda one: (one.symbol, one.side, one.px, one.ns))]


def aggregate_row(facts: sim.Facts, group: Sequence[sim.TradeReport]) -> dict[str, Any]:
    """One aggregate trade. ``a`` is the id of its first trade; ``m``: the buyer was the maker."""
    qty = facts.exchange.pairs[group[0].symbol].qty_text(sum(one.qty for one in group), 8)
    return _AGGREGATE.of(facts.trade(group[0]), q=qty, l=group[-1].id)


def since_ns(call: sim.SimCall, name: str = "startTime") -> int:
    """A time parameter, in milliseconds or in microseconds, told apart by its size."""
    return stamp_ns(call.integer(name))


def stamp_ns(stamp: int) -> int:
    return stamp * (1000 if stamp >= 10**14 else MS)
