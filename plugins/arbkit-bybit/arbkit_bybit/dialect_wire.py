"""Bybit's formats for the dialect: numbers, orders, executions, coins and errors."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from arbkit.core.types import OrdStatus, Side, Tif, plain
from arbkit.sim.calls import Problem, Why
from arbkit.sim.pair import Pair, text
from arbkit.sim.rows import OrderState, average, fields
from arbkit.sim.venue import OrderReport, Refused, SimExchange, SimFill, SimOrder

__all__ = [
    "LINK_ID",
    "coin_rows",
    "execution_row",
    "fast_row",
    "instrument_row",
    "levels",
    "ms",
    "native",
    "order_push",
    "order_row",
    "refusal",
    "trade_row",
    "wallet_row",
    "wrong",
]

LINK_ID: Final = re.compile(r"[a-zA-Z0-9_-]{1,36}", re.ASCII)
"""v5/order/create-order, "orderLinkId"."""
_MS: Final = 1_000_000
_TIF: Final = {Tif.GTC: "GTC", Tif.IOC: "IOC", Tif.FOK: "FOK"}
_STATUS: Final = {
    OrdStatus.NEW: "New",
    OrdStatus.PARTIALLY_FILLED: "PartiallyFilled",
    OrdStatus.FILLED: "Filled",
    OrdStatus.REJECTED: "Rejected",
}
# v5/enum "rejectReason", by why the order ended
_WHY: Final = {
    "venue": "EC_Others",
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
    "band_high": (170372, "The price of a buy order is above the price limit."),
    "band_low": (170371, "The price of a sell order is below the price limit."),
}
# fields that have no value for spot
_NO_ORDER: Final = (
    fields(
        "blockTradeId stopOrderType orderIv takeProfit stopLoss tpTriggerBy slTriggerBy triggerBy tpslMode smpOrderId"
        " placeType ocoTriggerBy"
    )
    | fields("tpLimitPrice slLimitPrice", "0")
    | fields("positionIdx triggerDirection smpGroup", 0)
)
_NO_EXECUTION: Final = fields(
    "stopOrderType closedSize blockTradeId markPrice tradeIv markIv indexPrice underlyingPrice feeCurrencyV2"
)
_NO_COIN: Final = fields("availableToWithdraw availableToBorrow") | fields(
    "borrowAmount spotBorrow accruedInterest spotHedgingQty totalOrderIM totalPositionIM totalPositionMM unrealisedPnl"
    " cumRealisedPnl bonus",
    "0",
)


def refusal(refused: Refused) -> Problem:
    """The venue's error for a rejection of the exchange."""
    return Problem(*_REFUSED[refused.rule])


def wrong(name: str, why: Why) -> Problem:
    """The error for a parameter. A number where text is expected is refused, as the venue sometimes does."""
    said = {"missing": "missing", "invalid": "invalid", "type": "must be a string"}[why]
    return Problem(10001, f"params error: {name} {said}.")


def native(symbol: str) -> str:
    """``BTC-USDT`` as Bybit writes it."""
    return symbol.replace("-", "")


def ms(ns: int) -> str:
    """A time in rows: milliseconds as text."""
    return str(ns // _MS)


def levels(pair: Pair, rows: Iterable[tuple[int, int]]) -> list[list[str]]:
    """Book levels: ``[["price", "size"], ..]``."""
    return [[pair.px_text(px), pair.qty_text(lots)] for px, lots in rows]


def instrument_row(pair: Pair, number: int, quote_step: str) -> dict[str, Any]:
    """v5/market/instrument: every listed spot symbol is ``Trading``."""
    most = f"{pair.max_qty:f}"
    return {
        "symbolId": number,
        "symbol": native(pair.symbol),
        "baseCoin": pair.base,
        "quoteCoin": pair.quote,
        **fields("innovation stTag", "0"),
        "status": "Trading",
        "marginTrading": "utaOnly",
        "lotSizeFilter": {
            "basePrecision": plain(pair.rule_lot),
            "quotePrecision": quote_step,
            "minOrderQty": f"{pair.min_qty:f}",
            "minOrderAmt": f"{pair.min_notional:f}",
            "maxOrderAmt": "8000000",
            **fields("maxOrderQty maxLimitOrderQty maxMarketOrderQty postOnlyMaxLimitOrderSize", most),
        },
        "priceFilter": {"tickSize": plain(pair.rule_tick)},
        "riskParameters": {"priceLimitRatioX": "0.005", "priceLimitRatioY": "0.01"},
        "symbolType": "",
        "xstockMultiplier": "1",
    }


def _status(now: OrderState) -> str:
    """v5/enum "orderStatus". For spot, PartiallyFilledCanceled is any end after a partial fill."""
    if now.status in _STATUS:
        return _STATUS[now.status]
    if now.order.reason == "post_only" and now.order.id % 4 < 2:
        return "Rejected"
    return "PartiallyFilledCanceled" if now.cum else "Cancelled"


def order_row(exchange: SimExchange, order: SimOrder, report: OrderReport | None = None) -> dict[str, Any]:
    """An order as v5/order/open-order returns it: as it is now, or as it was at ``report``."""
    pair, now = exchange.pairs[order.symbol], OrderState(order, report)
    fees, by_value, market = now.fees(), order.quote_qty > 0, order.kind == "market"
    ended, left = now.status.terminal and now.status is not OrdStatus.FILLED, order.qty - now.cum
    return _NO_ORDER | {
        "symbol": native(order.symbol),
        "orderId": str(order.id),
        "orderLinkId": order.cl_ord_id,
        "side": order.side.name.capitalize(),
        "orderType": "Market" if market else "Limit",
        "price": pair.px_text(order.px),
        "qty": text(order.quote_qty) if by_value else pair.qty_text(order.qty),
        "isLeverage": "0",
        "marketUnit": "quoteCoin" if by_value else "baseCoin" if market else "",
        "timeInForce": "PostOnly" if order.post_only else "IOC" if market else _TIF[order.tif],
        "orderStatus": _status(now),
        "cancelType": "CancelByUser" if ended and order.reason == "user" else "UNKNOWN",
        "rejectReason": _WHY.get(order.reason, "EC_NoError") if ended else "EC_NoError",
        "avgPrice": average(now.cum_quote, now.cum * pair.lot_units, 8),
        "leavesQty": pair.qty_text(left),
        "leavesValue": text(left * order.px * pair.unit),
        "cumExecQty": pair.qty_text(now.cum),
        "cumExecValue": text(now.cum_quote),
        "cumExecFee": text(sum(fees.values())),
        "cumFeeDetail": {asset: text(fee) for asset, fee in fees.items()},
        "lastPriceOnCreated": pair.px_text(exchange.prices.middle(order.symbol)),
        "triggerPrice": "0.0",
        "smpType": "None",
        "createType": "CreateByUser",
        **fields("reduceOnly closeOnTrigger", False),
        "extraFees": _extra(exchange, now.fills),
        "createdTime": ms(order.ns),
        "updatedTime": ms(now.ns),
    }


def order_push(exchange: SimExchange, order: SimOrder, report: OrderReport | None = None) -> dict[str, Any]:
    """An order as v5/websocket/private/order sends it: its sample has no leavesQty once an order is filled."""
    row = order_row(exchange, order, report)
    asset = next(iter(row["cumFeeDetail"]), "")
    left = {"leavesQty": ""} if row["leavesQty"] == "0" else {}
    return {"category": "spot"} | row | {"feeCurrency": asset, "closedPnl": "0"} | left


def execution_row(exchange: SimExchange, order: SimOrder, fill: SimFill) -> dict[str, Any]:
    """A fill as v5/order/execution returns it and v5/websocket/private/execution sends it."""
    pair = exchange.pairs[fill.symbol]
    maker, taker = exchange.rates(fill.account, fill.symbol)
    cum = sum(one.qty for one in order.fills[: order.fills.index(fill) + 1])
    return (
        _NO_EXECUTION
        | fast_row(exchange, fill)
        | {
            "orderLinkId": fill.cl_ord_id,
            "orderPrice": pair.px_text(order.px),
            "orderQty": pair.qty_text(order.qty),
            "leavesQty": pair.qty_text(order.qty - cum),
            "orderType": "Market" if order.kind == "market" else "Limit",
            "marketUnit": "quoteCoin" if order.quote_qty else "baseCoin",
            "createType": "CreateByUser",
            "execType": "Trade",
            "execValue": text(fill.quote),
            "execFee": text(fill.fee),
            "execPnl": "0",
            "feeRate": plain(maker if fill.maker else taker),
            "feeCurrency": fill.fee_asset,
            "extraFees": _extra(exchange, [fill]),
            "isLeverage": "0",
        }
    )


def _extra(exchange: SimExchange, fills: list[SimFill]) -> str:
    """``extraFees``: taxes of some regions, as JSON text; "" if there are none."""
    total = sum(fill.extra_fee for fill in fills)
    if not total:
        return ""
    pair, fill = exchange.pairs[fills[0].symbol], fills[0]
    row = {
        "feeCoin": pair.base if fill.side is Side.BUY else pair.quote,
        "feeType": "TAX",
        "subFeeType": "VAT",
        "feeRate": plain(exchange.accounts[fill.account].extra_fee),
        "fee": text(total),
    }
    return msgspec.json.encode([row]).decode()


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
        "side": fill.side.name.capitalize(),
        "execTime": ms(fill.ns),
        "seq": fill.id % 10**12,
    }


def trade_row(pair: Pair, px: int, qty: int, side: Side) -> dict[str, str]:
    """What a public trade is called in v5/market/recent-trade."""
    return {"price": pair.px_text(px), "size": pair.qty_text(qty), "side": side.name.capitalize()}


def wallet_row(exchange: SimExchange, account: str, coins: list[dict[str, Any]]) -> dict[str, Any]:
    """v5/account/wallet-balance and v5/websocket/private/wallet: the account and its ``coins``.

    ``settings["marginInUse"]``: the dollars that derivatives hold.
    """
    total, used = (
        exchange.prices.total(exchange.balances(account)),
        exchange.accounts[account].settings.get("marginInUse", "0"),
    )
    free = plain(Decimal(total) - Decimal(used))
    margin = "totalInitialMargin totalInitialMarginByMp totalMaintenanceMargin totalMaintenanceMarginByMp"
    return {
        "accountType": "UNIFIED",
        **fields("totalEquity totalWalletBalance totalMarginBalance", total),
        "totalAvailableBalance": free,
        **fields("accountIMRate accountIMRateByMp accountMMRate accountMMRateByMp totalPerpUPL accountLTV", "0"),
        **fields(margin, used),
        "coin": coins,
    }


def coin_rows(exchange: SimExchange, balances: Iterable[tuple[str, int, int]]) -> list[dict[str, Any]]:
    """Coins of a wallet: ``walletBalance`` includes ``locked``. ``availableToWithdraw`` is empty: deprecated for
    unified accounts."""
    return [
        _NO_COIN
        | {
            "coin": asset,
            **fields("equity walletBalance", text(free + locked)),
            "usdValue": exchange.prices.worth(asset, free + locked),
            "locked": text(locked),
            **fields("collateralSwitch marginCollateral", True),
        }
        for asset, free, locked in balances
    ]
