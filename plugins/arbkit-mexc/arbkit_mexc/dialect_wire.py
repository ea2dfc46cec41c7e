"""MEXC's formats for the dialect: errors, orders, fills, balances and pairs (www.mexc.com/api-docs/spot-v3).

A row type has each field with the fact that it shows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from arbkit import sim
from arbkit.core.types import OrdStatus, Side

MS: Final = 1_000_000
CLIENT_ID: Final = re.compile(r"[0-9A-Za-z_-]{1,32}", re.ASCII)
STP: Final[Mapping[str, sim.Stp]] = {
    "": "none",
    "cancel_taker": "taker",
    "cancel_maker": "maker",
    "cancel_both": "both",
}
_STP_NAMES: Final = {mode: name for name, mode in STP.items()}
# general-info, "Error Code"
_REFUSED: Final[Mapping[str, tuple[int, str]]] = {
    "symbol": (-1121, "Invalid symbol."),
    "halted": (30016, "Trading disabled"),
    "tick": (30010, "Order price cannot exceed the price precision"),
    "lot": (10096, "quantity precision"),
    **sim.fields("min_qty max_qty", (10097, "invalid quantity")),
    "min_notional": (30002, "The minimum transaction volume cannot be less than the limit"),
    "balance": (30004, "Insufficient position"),
    "expired": (700003, "Timestamp for this request is outside of the recvWindow."),
    "unknown_order": (-2011, "Unknown order sent."),
    **sim.fields("band_high band_low", (30087, "the price is outside of the allowed range")),
}
_TYPES: Final = {"GTC": ("LIMIT", 1), "IOC": ("IMMEDIATE_OR_CANCEL", 3), "FOK": ("FILL_OR_KILL", 4)}
"""``type`` over REST and ``orderType`` on the stream, by what the order does."""
_STATES: Final = {OrdStatus.NEW: ("NEW", 1), OrdStatus.PARTIALLY_FILLED: ("PARTIALLY_FILLED", 3)}
_STATES_DONE: Final = {OrdStatus.FILLED: ("FILLED", 2)}
NOTATION: Final = sim.Notation(
    native=lambda symbol: symbol.replace("-", ""),
    side=lambda side: side.name,
    digits=8,
)


def problem(error: sim.Refused) -> sim.Problem:
    return sim.Problem(*_REFUSED[error.rule], 400)


def wrong(name: str, why: sim.Why) -> sim.Problem:
    """The error for a parameter."""
    if why == "missing":
        return sim.Problem(700004, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.", 400)
    return sim.Problem(700008, f"Illegal characters found in parameter '{name}'.", 400)


def order_number(text: str) -> int:
    """The order that a client names; -1 if it is none of the venue's, which are opaque texts."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else -1


def trade_type(side: Side) -> int:
    return 1 if side is Side.BUY else 2


_SYMBOL: Final = sim.RowType(
    "symbol=native baseAsset=base quoteAsset=quote quoteAmountPrecision=min_notional baseSizePrecision=min_qty"
    " maxQuoteAmount:2000000 quoteAmountPrecisionMarket=min_notional maxQuoteAmountMarket:100000 tradeSideType:1",
    {"isMarginTradingAllowed": False, "permissions": ["SPOT"], "st": False},
    {"orderTypes": ["LIMIT", "MARKET", "LIMIT_MAKER"]},
)


def symbol_row(facts: sim.Facts, symbol: str) -> dict[str, Any]:
    """A pair of Exchange Information. A halted one has the state 2, or is closed to API keys if that is the reason."""
    known, why, band = facts.pair(symbol), facts.exchange.halted.get(symbol), facts.band(symbol)
    price, size = (len(known[name].partition(".")[2]) for name in ("tick", "lot"))
    profile = facts.exchange.profile
    limits = {"bidMultiplierUp": band["buy_up"], "askMultiplierDown": band["sell_down"]}
    return _SYMBOL.of(
        known,
        status="1" if why in (None, "api") else "2",
        isSpotTradingAllowed=why is None,
        baseAssetPrecision=size,
        baseCommissionPrecision=size,
        **sim.fields("quotePrecision quoteAssetPrecision quoteCommissionPrecision", price),
        filters=[{"filterType": "PERCENT_PRICE_BY_SIDE", **limits}],
        makerCommission=str(profile.maker),
        takerCommission=str(profile.taker),
    )


def _kind(order: sim.SimOrder) -> tuple[str, int]:
    if order.kind == "market":
        return "MARKET", 5
    return ("LIMIT_MAKER", 2) if order.post_only else _TYPES[order.tif.name]


def _state(now: sim.OrderState) -> tuple[str, int]:
    """One that ended with a rest is cancelled, or partially cancelled."""
    known = (_STATES | _STATES_DONE).get(now.status)
    return known or (("PARTIALLY_CANCELED", 5) if now.cum else ("CANCELED", 4))


_PLACED: Final = sim.RowType("symbol=native price=px origQty=qty side", {"orderListId": -1})
_ORDER: Final = sim.RowType(
    "symbol=native price=px origQty=qty executedQty=cum cummulativeQuoteQty=cum_value side time=at"
    " updateTime=updated_at origQuoteOrderQty=budget stopPrice:0 icebergQty:0 cancelReason:",
    {"orderListId": -1, "isWorking": True},
)


def placed_row(facts: sim.Facts, order: sim.SimOrder) -> dict[str, Any]:
    """The answer to New Order: no state and no fills."""
    own = {"orderId": str(order.id), "type": _kind(order)[0], "stpMode": _STP_NAMES[order.stp]}
    return _PLACED.of(facts.order(order), **own, transactTime=facts.time(order.ns))


def order_row(facts: sim.Facts, order: sim.SimOrder) -> dict[str, Any]:
    """Query Order, Current Open Orders, All Orders."""
    known = facts.order(order)
    return _ORDER.of(
        known,
        orderId=str(order.id),
        clientOrderId=order.cl_ord_id or None,
        status=_state(known["state"])[0],
        timeInForce=order.tif.name,
        type=_kind(order)[0],
        stpMode=_STP_NAMES[order.stp],
    )


_FILL: Final = sim.RowType(
    "symbol=native id price=px qty quoteQty=value commission=fee commissionAsset=fee_asset time=at isBuyer=bought"
    " isMaker=maker",
    {"orderListId": -1, "isBestMatch": True, "isSelfTrade": False},
)


def fill_row(facts: sim.Facts, fill: sim.SimFill) -> dict[str, Any]:
    """Account Trade List."""
    return _FILL.of(facts.fill(fill), orderId=str(fill.order_id), clientOrderId=fill.cl_ord_id or None)


_ORDER_PUSH: Final = sim.RowType(
    "clientId=cl_ord_id price=px quantity=qty avgPrice=average cumulativeQuantity=cum cumulativeAmount=cum_value"
    " remainQuantity=left remainAmount=left_value createTime=at"
)


def order_push(facts: sim.Facts, report: sim.OrderReport) -> dict[str, Any]:
    """Spot Account Orders."""
    order = report.order
    known = facts.order(order, report)
    last = {"lastDealQuantity": facts.fill(report.fill)["qty"]} if report.fill is not None else {}
    return {
        "id": str(order.id),
        **_ORDER_PUSH.of(known),
        "orderType": _kind(order)[1],
        "tradeType": trade_type(order.side),
        "isMaker": report.fill is not None and report.fill.maker,
        "status": _state(known["state"])[1],
        **last,
    }


_DEAL_PUSH: Final = sim.RowType(
    "price=px quantity=qty amount=value tradeId=id clientOrderId=cl_ord_id feeAmount=fee feeCurrency=fee_asset time=at"
    " isMaker=maker"
)


def deal_push(facts: sim.Facts, fill: sim.SimFill) -> dict[str, Any]:
    """Spot Account Deals."""
    return _DEAL_PUSH.of(facts.fill(fill), orderId=str(fill.order_id), tradeType=trade_type(fill.side))


def money_push(facts: sim.Facts, row: tuple[str, int, int], ns: int) -> dict[str, Any]:
    """Spot Account Update. ``balanceAmount`` is what is free."""
    known = facts.money(*row)
    return {
        "vcoinName": known["asset"],
        "balanceAmount": known["free"],
        "frozenAmount": known["locked"],
        "type": "ENTRUST",
        "time": facts.time(ns),
    }


MONEY: Final = sim.RowType("asset free locked available=free")
TOP: Final = sim.RowType("symbol=native bidPrice=bid bidQty=bid_qty askPrice=ask askQty=ask_qty")
TOP_PUSH: Final = sim.RowType("bidPrice=bid bidQuantity=bid_qty askPrice=ask askQuantity=ask_qty")
PRICE: Final = sim.RowType("symbol=native price=last")
DAY: Final = sim.RowType(
    "symbol=native priceChange=change priceChangePercent=fraction prevClosePrice=open lastPrice=last bidPrice=bid"
    " bidQty=bid_qty askPrice=ask askQty=ask_qty openPrice=open highPrice=high lowPrice=low volume=qty"
    " quoteVolume=turnover openTime=now closeTime=now",
    {"count": None},
)
PRINT: Final = sim.RowType(
    "price=px qty quoteQty=value time=at isBuyerMaker=sold", {"id": None, "isBestMatch": True, "tradeType": ""}
)


def print_push(facts: sim.Facts, trade: sim.TradeReport) -> dict[str, Any]:
    known = facts.trade(trade)
    names = {"price": known["px"], "quantity": known["qty"], "tradeType": trade_type(trade.side)}
    return names | {"time": known["at"], "tradeId": known["id"]}


def level_rows(levels: list[list[str]]) -> list[dict[str, str]]:
    return [{"price": price, "quantity": size} for price, size in levels]


_NETWORK: Final = sim.RowType(
    "coin=asset name=asset network=asset netWork=asset depositEnable=deposit withdrawEnable=withdraw withdrawFee:0"
    " withdrawMax:1000000 withdrawMin:0 contract:",
    {"sameAddress": False, "minConfirm": 1},
    sim.fields("depositDesc withdrawTips depositTips withdrawIntegerMultiple", None),
)


def coin_row(facts: sim.Facts, asset: str) -> dict[str, Any]:
    """Query the currency information."""
    return {"coin": asset, "name": asset, "networkList": [_NETWORK.of(facts.asset(asset))]}
