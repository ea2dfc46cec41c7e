"""KuCoin's formats for the dialect: errors, orders, fills, balances and pairs as JSON (www.kucoin.com/docs-new).

A row type has each field with the fact that it shows.
"""

from __future__ import annotations

import re
from typing import Any, Final

from arbkit import sim
from arbkit.core.types import OrdStatus, Side

MS: Final = 1_000_000
ID: Final = re.compile(r"[0-9A-Za-z_\-]{1,40}", re.ASCII)
STP: Final[dict[str, sim.Stp]] = {"": "none", "CN": "taker", "CO": "maker", "CB": "both"}
_STP_NAMES: Final = {mode: name for name, mode in STP.items()}
BAND: Final = "0.1"
# codes of the pages of the calls, and of clients; none has a table of all. Of "expired" no page says the code.
_CODES: Final = sim.texts(
    "symbol:900001 halted:400600 tick:400100 lot:400100 min_qty:400100 max_qty:400100 min_notional:600101"
    " balance:200004 duplicate:400100 expired:400002 unknown_order:400100 band_high:400370 band_low:400760"
)
_SAID: Final = {
    "tick": "Price increment invalid.",
    "lot": "Order size increment invalid.",
    "min_qty": "Order size below the minimum requirement.",
    "max_qty": "Order size above the maximum requirement.",
    "min_notional": "The order funds are below the minimum.",
    "balance": "Balance insufficient!",
    "duplicate": "validation.createOrder.clientOidDuplicated",
    "halted": "validation.createOrder.symbolNotAvailable",
    "unknown_order": "order_not_exist_or_not_allow_to_cancel",
}
NOTATION: Final = sim.Notation(str, lambda side: side.value, str, lambda ns: ns // MS, digits=12)


def problem(error: sim.Refused) -> sim.Problem:
    """The venue's error for a rejection of the exchange: HTTP 200 with a code."""
    if str(error) == sim.DELISTED:
        return sim.Problem(_CODES["symbol"], "symbol not exists")
    return sim.Problem(_CODES[error.rule], _SAID.get(error.rule, error.rule))


def wrong(name: str, why: sim.Why) -> sim.Problem:
    """The error for a parameter."""
    return sim.Problem("400100", f"{name} is {'mandatory' if why == 'missing' else 'invalid'}")


# --- market ---


_SYMBOL: Final = sim.RowType(
    "symbol=native name=native baseCurrency=base quoteCurrency=quote feeCurrency=quote market=quote baseMinSize=min_qty"
    " baseMaxSize=max_qty baseIncrement=lot priceIncrement=tick quoteMinSize:0.1 quoteMaxSize:99999999"
    " quoteIncrement:0.000001 minFunds=min_notional makerFeeCoefficient:1.00 takerFeeCoefficient:1.00",
    {"priceLimitRate": BAND, "isMarginEnabled": False, "feeCategory": 1, "st": False, "callauctionIsEnabled": False},
    sim.fields("tradingStartTime callauctionPriceFloor callauctionPriceCeiling callauctionFirstStageStartTime", None),
)


def symbol_row(facts: sim.Facts, symbol: str) -> dict[str, Any]:
    """Get All Symbols. A pair whose halt has the reason ``auction`` is in a call auction."""
    halted = facts.exchange.halted.get(symbol)
    row = _SYMBOL.of(facts.pair(symbol), enableTrading=halted in (None, "auction"))
    return row | {"callauctionIsEnabled": halted == "auction"}


_TICKER: Final = sim.RowType(
    "symbol=native symbolName=native buy=bid bestBidSize=bid_qty sell=ask bestAskSize=ask_qty changeRate=fraction"
    " changePrice=change high low vol=qty volValue=turnover last averagePrice=average makerCoefficient:1"
    " takerCoefficient:1"
)

LISTED: Final = ("symbolName", "bestBidSize", "bestAskSize")
"""Only in the rows of Get All Tickers, not in those of Get 24hr Stats."""


def ticker_row(facts: sim.Facts, symbol: str) -> dict[str, Any]:
    profile = facts.exchange.profile
    return _TICKER.of(facts.day(symbol), takerFeeRate=str(profile.taker), makerFeeRate=str(profile.maker))


_CHAIN: Final = sim.RowType(
    "chainName=asset withdrawalMinSize:0.001 depositMinSize:0.001 withdrawalMinFee:0 withdrawFeeRate:0"
    " contractAddress: isDepositEnabled=deposit isWithdrawEnabled=withdraw",
    {"confirms": 1, "preConfirms": 1, "withdrawPrecision": 8, "maxWithdraw": None, "maxDeposit": None},
    {"needTag": False},
)


def coin_row(facts: sim.Facts, asset: str) -> dict[str, Any]:
    """Get All Currencies."""
    row: dict[str, Any] = {"currency": asset, "name": asset, "fullName": asset, "precision": 8, "confirms": None}
    row |= {"contractAddress": None, "isMarginEnabled": False, "isDebitEnabled": False}
    return row | {"chains": [_CHAIN.of(facts.asset(asset), chainId=asset.lower())]}


# --- account ---


_MONEY: Final = sim.RowType("currency=asset balance=total available=free holds=locked")


def money_row(facts: sim.Facts, row: tuple[str, int, int], kind: str) -> dict[str, Any]:
    return {"id": f"54867{row[0]}", "type": kind, **_MONEY.of(facts.money(*row))}


_PUSHED: Final = sim.RowType("currency=asset total available=free hold=locked")


def money_push(facts: sim.Facts, row: tuple[str, int, int], ns: int) -> dict[str, Any]:
    """The topic /account/balance. What an order changed is left out: ``relationContext`` and the changes."""
    told = _PUSHED.of(facts.money(*row), availableChange="0", holdChange="0", time=str(ns // MS))
    return {"accountId": f"54867{row[0]}", "relationEvent": "trade.setted", "relationEventId": str(ns), **told}


def _fee(now: sim.OrderState) -> str:
    return sim.text(sum(now.fees().values()))


_ORDER: Final = sim.RowType(
    "id clientOid=cl_ord_id symbol=native side price=px size=qty dealSize=cum dealFunds=cum_value feeCurrency=quote"
    " createdAt=at lastUpdatedAt=updated_at opType:DEAL channel:API tradeType:TRADE cancelledFunds:0 remainFunds:0"
    " visibleSize:0",
    {"hidden": False, "iceberg": False, "cancelAfter": 0, "remark": None, "tags": None, "tax": "0"},
)


def order_row(facts: sim.Facts, order: sim.SimOrder) -> dict[str, Any]:
    """Get Order By OrderId, Get Open Orders, Get Closed Orders."""
    known = facts.order(order)
    now: sim.OrderState = known["state"]
    over, cancelled = now.status.terminal, now.status.terminal and now.status is not OrdStatus.FILLED
    left = known["left"]
    return _ORDER.of(
        known,
        type=order.kind,
        funds=known["budget"] if order.quote_qty else "0",
        fee=_fee(now),
        stp=_STP_NAMES[order.stp] or None,
        timeInForce=order.tif.name,
        postOnly=order.post_only,
        cancelledSize=left if cancelled else "0",
        remainSize="0" if over else left,
        active=not over,
        inOrderBook=not over,
        cancelExist=cancelled,
    )


_FILL: Final = sim.RowType(
    "symbol=native orderId=order_id side price=px size=qty funds=value fee feeCurrency=fee_asset createdAt=at stop:"
    " tradeType:TRADE counterOrderId:0",
    {"forceTaker": False, "tax": "0", "taxRate": "0"},
)


def fill_row(facts: sim.Facts, fill: sim.SimFill) -> dict[str, Any]:
    """Get Trade History."""
    rates = facts.rates(fill.account, fill.symbol)
    liquidity = "maker" if fill.maker else "taker"
    kind = facts.exchange.orders[fill.order_id].kind
    more = {"feeRate": rates[liquidity], "liquidity": liquidity, "type": kind}
    return {"id": fill.id, "tradeId": fill.id, **_FILL.of(facts.fill(fill), **more)}


_EVENT: Final = sim.RowType("symbol=native side orderId=id clientOid=cl_ord_id originSize=qty orderTime=at")


def order_events(facts: sim.Facts, report: sim.OrderReport) -> list[dict[str, Any]]:
    """The rows of the topic /spotMarket/tradeOrdersV2 for one change: ``received`` and ``open``; ``match``, and
    ``filled`` with the last one; ``canceled``."""
    order, fill = report.order, report.fill
    known = facts.order(order, report)
    base = _EVENT.of(known, orderType=order.kind, ts=report.ns)
    over = report.status.terminal
    left = known["left"]
    state = {"size": known["qty"], "filledSize": known["cum"], "remainSize": "0" if over else left}
    state |= {"price": known["px"], "canceledSize": "0"} if order.kind == "limit" else {"canceledSize": "0"}
    if report.kind == "new":
        rows = [base | {"type": "received", "status": "new"} | ({"price": known["px"]} if known["px"] else {})]
        rests = not order.status.terminal or order.reason == "user"
        return rows + ([base | state | {"type": "open", "status": "open"}] if rests else [])
    if fill is not None:
        told = facts.fill(fill)
        liquidity = "maker" if fill.maker else "taker"
        match = {"matchPrice": told["px"], "matchSize": told["qty"], "tradeId": str(fill.id)}
        match |= {"liquidity": liquidity, "feeType": f"{liquidity}Fee", "type": "match", "status": "match"}
        done = [base | state | {"type": "filled", "status": "done"}] if report.status is OrdStatus.FILLED else []
        return [base | state | {"remainSize": left} | match, *done]
    return [base | state | {"canceledSize": left, "type": "canceled", "status": "done"}]


def outcome(facts: sim.Facts, order: sim.SimOrder) -> dict[str, Any]:
    """The answer of a call that waits for the matching."""
    row = order_row(facts, order)
    names = {"size": "originSize", "dealSize": "dealSize", "remainSize": "remainSize", "cancelledSize": "canceledSize"}
    status = "done" if order.status.terminal else "match" if order.cum else "open"
    told = {"orderId": row["id"], "clientOid": order.cl_ord_id, "orderTime": row["createdAt"], "status": status}
    return told | {name: row[field] for field, name in names.items()} | {"matchTime": row["lastUpdatedAt"]}


def trade_push(facts: sim.Facts, report: sim.TradeReport) -> dict[str, Any]:
    """The data of the Pro channel ``trade``."""
    told, number = facts.trade(report), str(report.id)
    side = "buy" if report.side is Side.BUY else "sell"
    names = {"s": told["native"], "p": told["px"], "q": told["qty"], "S": side}
    return names | {"ti": number, "E": number, "M": str(report.ns)}
