"""Bybit's formats for the dialect: numbers, orders, executions, coins and errors."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from arbkit import sim
from arbkit.core.types import OrdStatus, Side, plain

MS: Final = 1_000_000
LINK_ID: Final = re.compile(r"[a-zA-Z0-9_-]{1,36}", re.ASCII)
"""v5/order/create-order, "orderLinkId"."""
_STATUS: Final = {
    OrdStatus.NEW: "New",
    OrdStatus.PARTIALLY_FILLED: "PartiallyFilled",
    OrdStatus.FILLED: "Filled",
    OrdStatus.REJECTED: "Rejected",
}
# v5/enum "rejectReason", by why the order ended
_WHY: Final = sim.texts(
    "venue:EC_Others ioc:EC_NoImmediateQtyToFill no_liquidity:EC_NoImmediateQtyToFill fok:EC_NoEnoughQtyToFill"
    " post_only:EC_PostOnlyWillTakeLiquidity"
)
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
    "band_high": (170372, "The price of a buy order is above the price limit."),
    "band_low": (170371, "The price of a sell order is below the price limit."),
}
NOTATION: Final = sim.Notation(
    native=lambda symbol: symbol.replace("-", ""),
    side=lambda side: side.name.capitalize(),
    time=lambda ns: str(ns // MS),
)

# --- rows: each field with the fact that it shows, and fields that have no value for spot -----------------------------

_INSTRUMENT: Final = sim.RowType(
    "symbolId=number symbol=native baseCoin=base quoteCoin=quote innovation:0 stTag:0 status:Trading"
    " marginTrading:utaOnly symbolType: xstockMultiplier:1",
    {"riskParameters": {"priceLimitRatioX": "0.005", "priceLimitRatioY": "0.01"}},
)
_SIZE: Final = sim.RowType(
    "basePrecision=lot quotePrecision=quote_step minOrderQty=min_qty minOrderAmt=min_notional maxOrderQty=max_qty"
    " maxLimitOrderQty=max_qty maxMarketOrderQty=max_qty postOnlyMaxLimitOrderSize=max_qty maxOrderAmt:8000000"
)
_ORDER: Final = sim.RowType(
    "symbol=native orderId=id orderLinkId=cl_ord_id side price=px avgPrice=average leavesQty=left"
    " leavesValue=left_value cumExecQty=cum cumExecValue=cum_value createdTime=at updatedTime=updated_at blockTradeId:"
    " stopOrderType: orderIv: takeProfit: stopLoss: tpTriggerBy: slTriggerBy: triggerBy: tpslMode: smpOrderId:"
    " placeType: ocoTriggerBy: tpLimitPrice:0 slLimitPrice:0 isLeverage:0 triggerPrice:0.0 smpType:None"
    " createType:CreateByUser",
    sim.fields("positionIdx triggerDirection smpGroup", 0),
    sim.fields("reduceOnly closeOnTrigger", False),
)
_FAST: Final = sim.RowType(
    "symbol=native execId=id execPrice=px execQty=qty orderId=order_id isMaker=maker side execTime=at category:spot"
)
_EXECUTION: Final = sim.RowType(
    "symbol=native execId=id execPrice=px execQty=qty orderId=order_id isMaker=maker side execTime=at"
    " orderLinkId=cl_ord_id execValue=value execFee=fee feeCurrency=fee_asset stopOrderType: closedSize: blockTradeId:"
    " markPrice: tradeIv: markIv: indexPrice: underlyingPrice: execPnl:0 isLeverage:0 category:spot feeCurrencyV2:"
    " createType:CreateByUser execType:Trade"
)
TRANSFERABLE: Final = sim.RowType("coin=asset walletBalance=total transferBalance=free bonus:")
TRADE: Final = sim.RowType(
    "execId=id symbol=native price=px size=qty side time=at", sim.fields("isBlockTrade isRPITrade", False)
)
TRADE_PUSH: Final = sim.RowType("i=id s=native p=px v=qty S=side", sim.fields("BT RPI", False))
DAY: Final = sim.RowType(
    "symbol=native lastPrice=last highPrice24h=high lowPrice24h=low prevPrice24h=open volume24h=qty"
    " turnover24h=turnover price24hPcnt=fraction usdIndexPrice:"
)
PERIODS: Final = {str(n): n * sim.MINUTE for n in (1, 3, 5, 15, 30, 60, 120, 240, 360, 720)} | {"D": 1440 * sim.MINUTE}
"""The intervals of klines that are served: not W and M."""
KLINE: Final = sim.RowType("at open high low last qty turnover")
KLINE_PUSH: Final = sim.RowType("open close=last high low volume=qty turnover confirm=closed")
LIMIT: Final = sim.RowType("symbol=native buyLmt=buy_most sellLmt=sell_least")
RATES: Final = sim.RowType("symbol=native takerFeeRate=taker makerFeeRate=maker")
TOP: Final = sim.RowType("bid1Price=bid bid1Size=bid_qty ask1Price=ask ask1Size=ask_qty")
_COIN: Final = sim.RowType(
    "coin=asset equity=total walletBalance=total usdValue=usd locked availableToWithdraw: availableToBorrow:"
    " borrowAmount:0 spotBorrow:0 accruedInterest:0 spotHedgingQty:0 totalOrderIM:0 totalPositionIM:0"
    " totalPositionMM:0 unrealisedPnl:0 cumRealisedPnl:0 bonus:0",
    sim.fields("collateralSwitch marginCollateral", True),
)


def problem(error: sim.Problem | sim.Refused) -> sim.Problem:
    """The venue's error for a rejection of the exchange."""
    return sim.Problem(*_REFUSED[error.rule]) if isinstance(error, sim.Refused) else error


def wrong(name: str, why: sim.Why) -> sim.Problem:
    """The error for a parameter. A number where text is expected is refused, as the venue sometimes does."""
    said = {"missing": "missing", "invalid": "invalid", "type": "must be a string"}[why]
    return sim.Problem(10001, f"params error: {name} {said}.")


def instrument_row(facts: sim.Facts, symbol: str, number: int, quote_step: str) -> dict[str, Any]:
    """v5/market/instrument: every listed spot symbol is ``Trading``."""
    known = facts.pair(symbol) | {"number": number, "quote_step": quote_step}
    return _INSTRUMENT.of(known, lotSizeFilter=_SIZE.of(known), priceFilter={"tickSize": known["tick"]})


def _status(now: sim.OrderState) -> str:
    """v5/enum "orderStatus". For spot, PartiallyFilledCanceled is any end after a partial fill."""
    if now.status in _STATUS:
        return _STATUS[now.status]
    if now.order.reason == "post_only" and now.order.id % 4 < 2:
        return "Rejected"
    return "PartiallyFilledCanceled" if now.cum else "Cancelled"


def order_row(facts: sim.Facts, order: sim.SimOrder, report: sim.OrderReport | None = None) -> dict[str, Any]:
    """An order as v5/order/open-order returns it: as it is now, or as it was at ``report``."""
    known, market, exchange = facts.order(order, report), order.kind == "market", facts.exchange
    now: sim.OrderState = known["state"]
    ended = now.status.terminal and now.status is not OrdStatus.FILLED
    return _ORDER.of(
        known,
        orderType="Market" if market else "Limit",
        qty=known["budget"] if order.quote_qty else known["qty"],
        marketUnit="quoteCoin" if order.quote_qty else "baseCoin" if market else "",
        timeInForce="PostOnly" if order.post_only else "IOC" if market else order.tif.name,
        orderStatus=_status(now),
        cancelType="CancelByUser" if ended and order.reason == "user" else "UNKNOWN",
        rejectReason=_WHY.get(order.reason, "EC_NoError") if ended else "EC_NoError",
        cumExecFee=sim.text(sum(now.fees().values())),
        cumFeeDetail={asset: sim.text(fee) for asset, fee in now.fees().items()},
        lastPriceOnCreated=exchange.pairs[order.symbol].px_text(order.middle),
        extraFees=_extra(exchange, now.fills),
    )


def order_push(facts: sim.Facts, order: sim.SimOrder, report: sim.OrderReport | None = None) -> dict[str, Any]:
    """An order as v5/websocket/private/order sends it: its sample has no leavesQty once an order is filled."""
    row = order_row(facts, order, report)
    asset = next(iter(row["cumFeeDetail"]), "")
    left = {"leavesQty": ""} if row["leavesQty"] == "0" else {}
    return {"category": "spot"} | row | {"feeCurrency": asset, "closedPnl": "0"} | left


def execution_row(facts: sim.Facts, order: sim.SimOrder, fill: sim.SimFill) -> dict[str, Any]:
    """A fill as v5/order/execution returns it and v5/websocket/private/execution sends it."""
    exchange, pair = facts.exchange, facts.exchange.pairs[fill.symbol]
    cum = sum(one.qty for one in order.fills[: order.fills.index(fill) + 1])
    return _EXECUTION.of(
        facts.fill(fill),
        orderPrice=pair.px_text(order.px),
        orderQty=pair.qty_text(order.qty),
        leavesQty=pair.qty_text(order.qty - cum),
        orderType="Market" if order.kind == "market" else "Limit",
        marketUnit="quoteCoin" if order.quote_qty else "baseCoin",
        feeRate=plain(exchange.rates(fill.account, fill.symbol)[0 if fill.maker else 1]),
        extraFees=_extra(exchange, [fill]),
        seq=fill.id % 10**12,
    )


def fast_row(facts: sim.Facts, fill: sim.SimFill) -> dict[str, Any]:
    """v5/websocket/private/fast-execution: no fee; no orderLinkId for maker fills."""
    return _FAST.of(facts.fill(fill), orderLinkId="" if fill.maker else fill.cl_ord_id, seq=fill.id % 10**12)


def _extra(exchange: sim.SimExchange, fills: list[sim.SimFill]) -> str:
    """``extraFees``: taxes of some regions, as JSON text; "" if there are none."""
    total = sum(fill.extra_fee for fill in fills)
    if not total:
        return ""
    pair, fill = exchange.pairs[fills[0].symbol], fills[0]
    coin, rate = pair.base if fill.side is Side.BUY else pair.quote, plain(exchange.accounts[fill.account].extra_fee)
    row = {"feeCoin": coin, "feeType": "TAX", "subFeeType": "VAT", "feeRate": rate, "fee": sim.text(total)}
    return sim.encode([row]).decode()


def wallet_row(facts: sim.Facts, account: str, balances: Iterable[tuple[str, int, int]]) -> dict[str, Any]:
    """v5/account/wallet-balance and v5/websocket/private/wallet: the account and some of its coins.

    ``walletBalance`` includes ``locked``. ``availableToWithdraw`` is empty: deprecated for unified accounts.
    ``settings["marginInUse"]``: the dollars that derivatives hold.
    """
    exchange = facts.exchange
    total = exchange.prices.total(exchange.balances(account))
    used = exchange.accounts[account].settings.get("marginInUse", "0")
    margin = "totalInitialMargin totalInitialMarginByMp totalMaintenanceMargin totalMaintenanceMarginByMp"
    return {
        "accountType": "UNIFIED",
        **sim.fields("totalEquity totalWalletBalance totalMarginBalance", total),
        "totalAvailableBalance": plain(Decimal(total) - Decimal(used)),
        **sim.fields("accountIMRate accountIMRateByMp accountMMRate accountMMRateByMp totalPerpUPL accountLTV", "0"),
        **sim.fields(margin, used),
        "coin": [_COIN.of(facts.money(*row)) for row in balances],
    }
