"""Bitget's formats for the dialect: errors, orders, fills, balances and pairs as JSON (www.bitget.com/api-doc/spot).

A row type has each field with the fact that it shows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from arbkit import sim
from arbkit.core.types import OrdStatus, Side

MS: Final = 1_000_000
ID: Final = re.compile(r"[0-9A-Za-z_:#\-+]{1,64}", re.ASCII)
"""Client order ids; longer than 50 characters, or with other characters, they are refused."""
STP: Final[Mapping[str, sim.Stp]] = {
    "none": "none",
    "cancel_taker": "taker",
    "cancel_maker": "maker",
    "cancel_both": "both",
}
_STP_NAMES: Final = {mode: name for name, mode in STP.items()}
_STATES: Final = {"live": OrdStatus.NEW, "partially_filled": OrdStatus.PARTIALLY_FILLED, "filled": OrdStatus.FILLED}
_STATUS: Final = {status: word for word, status in _STATES.items()}
"""All others are ``cancelled``."""
# spot/error-code/restapi
_CODES: Final = sim.texts(
    "symbol:40034 halted:41114 tick:40808 lot:40808 min_qty:45111 max_qty:45112 min_notional:45110 balance:43012"
    " duplicate:43118 expired:40078 unknown_order:43001 band_high:43009 band_low:43008"
)
_SAID: Final = {
    "tick": "Parameter verification exception price checkBDScale error",
    "lot": "Parameter verification exception size checkBDScale error",
}
"""One code for both; for the other rules their names do as the text."""
NOTATION: Final = sim.Notation(
    lambda symbol: symbol.replace("-", ""), lambda side: side.value, str, lambda ns: str(ns // MS), digits=12
)

TRADE: Final = sim.RowType("tradeId=id side price=px size=qty ts=at")
_PERIODS: Final = "1min:1 3min:3 5min:5 15min:15 30min:30 1h:60 4h:240 6Hutc:360 12Hutc:720 1Dutc:1440"
BARS: Final = {name: int(minutes) * sim.MINUTE for name, minutes in sim.texts(_PERIODS).items()}
"""The candles that are served: not those of days in Hong Kong, weeks and months."""


def problem(error: sim.Refused) -> sim.Problem:
    """The venue's error for a rejection of the exchange: HTTP 400."""
    if str(error) == sim.DELISTED:
        return sim.Problem("41113", "symbol is offline", 400)
    return sim.Problem(_CODES[error.rule], _SAID.get(error.rule, error.rule), 400)


def wrong(name: str, why: sim.Why) -> sim.Problem:
    """The error for a parameter."""
    if why == "missing":
        return sim.Problem("40019", f"Parameter {name} cannot be empty", 400)
    return sim.Problem("40017", f"Parameter verification failed {name}", 400)


def _decimals(step: str) -> str:
    return str(len(step.partition(".")[2]))


_SYMBOL: Final = sim.RowType(
    "symbol=native baseCoin=base quoteCoin=quote maxTradeAmount=max_qty minTradeAmount:0 quotePrecision:8"
    " buyLimitPriceRatio:0.05 sellLimitPriceRatio:0.05 areaSymbol:no orderQuantity:200 openTime:1532454360000 offTime:"
)


def symbol_row(facts: sim.Facts, symbol: str) -> dict[str, Any]:
    """Get Symbol Info. A halt may have one of the venue's own states as its reason, else the state is ``halt``."""
    known, halted = facts.pair(symbol), facts.exchange.halted.get(symbol)
    profile = facts.exchange.profile
    return _SYMBOL.of(
        known,
        takerFeeRate=str(profile.taker),
        makerFeeRate=str(profile.maker),
        pricePrecision=_decimals(known["tick"]),
        quantityPrecision=_decimals(known["lot"]),
        minTradeUSDT=known["min_notional"] if known["quote"] == "USDT" else "1",
        status="online" if halted is None else halted if halted in ("gray", "offline") else "halt",
    )


_TICKER: Final = sim.RowType(
    "high24h=high low24h=low open=open lastPr=last quoteVolume=turnover baseVolume=qty usdtVolume=turnover bidPr=bid"
    " askPr=ask bidSz=bid_qty askSz=ask_qty openUtc=open changeUtc24h=fraction change24h=fraction"
)


def ticker_row(facts: sim.Facts, symbol: str, now_ns: int, name: str) -> dict[str, Any]:
    """A ticker; ``name``: the field of its symbol."""
    return {name: facts.native(symbol), **_TICKER.of(facts.day(symbol)), "ts": facts.time(now_ns)}


_CANDLE: Final = sim.RowType("at open high low last qty turnover value=turnover")


def candle_row(known: Mapping[str, Any]) -> list[str]:
    """Get Candlestick Data: time, prices, volumes in base and (twice) in quote."""
    return list(_CANDLE.of(known).values())


_CHAIN: Final = sim.RowType(
    "chain=asset needTag:false withdrawFee:0 extraWithdrawFee:0 depositConfirm:1 withdrawConfirm:1 minDepositAmount:0"
    " minWithdrawAmount:0 browserUrl: contractAddress: withdrawStep:0 withdrawMinScale:8 congestion:normal"
)


def coin_row(facts: sim.Facts, asset: str, number: int) -> dict[str, Any]:
    """Get Coin Info: one chain each, with truth values as text."""
    known = facts.asset(asset)
    flags = {"withdrawable": known["withdraw"], "rechargeable": known["deposit"]}
    chain = _CHAIN.of(known, **{name: str(value).lower() for name, value in flags.items()})
    return {"coinId": str(number), "coin": asset, "transfer": "true", "chains": [chain]}


_COIN: Final = sim.RowType("coin=asset available=free frozen=locked locked:0 limitAvailable:0 uTime=at")


def money_row(facts: sim.Facts, row: tuple[str, int, int], ns: int) -> dict[str, Any]:
    """A balance, of Get Account Assets and of the account channel."""
    return _COIN.of(facts.money(*row) | {"at": facts.time(ns)})


def _charged(fee: int) -> str:
    """A fee with the sign of the REST calls and the order channel: negative = charged."""
    return sim.text(-fee) if fee else "0"


def _size(order: sim.SimOrder, known: Mapping[str, Any]) -> str:
    """Base coins, except for a market buy."""
    return str(known["budget"] if order.quote_qty else known["qty"])


def _force(order: sim.SimOrder) -> str:
    return "post_only" if order.post_only else order.tif.name.lower()


def _fee_detail(now: sim.OrderState) -> str:
    """JSON text inside JSON; empty without a fill."""
    detail: dict[str, Any] = {}
    for asset, fee in now.fees().items():
        amount = float(_charged(fee))
        detail["newFees"] = {"c": 0, "d": 0, "deduction": False, "r": amount, "t": amount, "totalDeductionFee": 0}
        detail[asset] = {"deduction": False, "feeCoinCode": asset, "totalDeductionFee": 0, "totalFee": amount}
    return sim.encode(detail).decode() if detail else ""


_ORDER: Final = sim.RowType(
    "symbol=native orderId=id clientOid=cl_ord_id side baseVolume=cum quoteVolume=cum_value cTime=at uTime=updated_at"
    " enterPointSource:API"
)
_OPEN: Final = sim.texts("presetTakeProfitPrice: executeTakeProfitPrice: presetStopLossPrice: executeStopLossPrice:")


def order_row(facts: sim.Facts, order: sim.SimOrder, *, listed: bool = False) -> dict[str, Any]:
    """Get Order Info, Get History Orders. ``listed``: Get Current Orders, where ``priceAvg`` is the limit price."""
    known = facts.order(order)
    now: sim.OrderState = known["state"]
    status = _STATUS.get(now.status, "cancelled")
    row = _ORDER.of(
        known,
        userId=str(facts.exchange.accounts[order.account].uid),
        size=_size(order, known),
        orderType=order.kind,
        status=status,
        orderSource="market" if order.kind == "market" else "normal",
    )
    if listed:
        own = {
            "priceAvg": known["px"],
            "basePrice": known["average"] or "0",
            "tpslType": "normal",
            "triggerPrice": None,
        }
        return row | own | _OPEN
    why = {"stp": "stp_cancel"}.get(order.reason, "normal_cancel") if status == "cancelled" else ""
    paid = {"price": known["px"], "priceAvg": known["average"] or "0", "feeDetail": _fee_detail(now)}
    return row | paid | {"cancelReason": why}


_PUSH: Final = sim.RowType(
    "instId=native orderId=id clientOid=cl_ord_id side accBaseVolume=cum cTime=at uTime=updated_at enterPointSource:API"
)


def order_push(facts: sim.Facts, report: sim.OrderReport) -> dict[str, Any]:
    """A row of the order channel. Without a fill it has no fields of a fill, and a market order has no price."""
    order, fill = report.order, report.fill
    known = facts.order(order, report)
    now: sim.OrderState = known["state"]
    fees = [{"feeCoin": asset, "fee": _charged(fee)} for asset, fee in now.fees().items()]
    row = _PUSH.of(
        known,
        size=known["budget"] if order.side is Side.BUY and order.quote_qty else known["qty"],
        newSize=_size(order, known),
        orderType=order.kind,
        force=_force(order),
        priceAvg=known["average"] or "0",
        status=_STATUS.get(now.status, "cancelled"),
        feeDetail=fees,
        stpMode=_STP_NAMES[order.stp],
    )
    row |= (
        {"notional": known["budget"]} if order.quote_qty else {} if order.kind == "market" else {"price": known["px"]}
    )
    if fill is not None:
        told = facts.fill(fill)
        row |= {"fillPrice": told["px"], "tradeId": told["id"], "baseVolume": told["qty"], "fillTime": told["at"]}
        row |= {"fillFee": _charged(fill.fee), "fillFeeCoin": fill.fee_asset, "tradeScope": "M" if fill.maker else "T"}
    return row


_FILL: Final = sim.RowType(
    "symbol=native orderId=order_id tradeId=id side priceAvg=px size=qty amount=value cTime=at uTime=at"
)


def fill_row(facts: sim.Facts, fill: sim.SimFill, *, pushed: bool) -> dict[str, Any]:
    """Get Fills, and a row of the fill channel, where the fee is a list and a charge is positive."""
    kind = {"orderType": facts.exchange.orders[fill.order_id].kind, "tradeScope": "maker" if fill.maker else "taker"}
    fee: dict[str, Any] = {"deduction": "no", "feeCoin": fill.fee_asset}
    if pushed:
        fee |= {"totalDeductionFee": "0", "totalFee": sim.text(fill.fee)}
        return _FILL.of(facts.fill(fill), **kind, feeDetail=[fee])
    fee |= {"totalDeductionFee": "", "totalFee": _charged(fill.fee)}
    return _FILL.of(facts.fill(fill), **kind, feeDetail=fee, userId=str(facts.exchange.accounts[fill.account].uid))
