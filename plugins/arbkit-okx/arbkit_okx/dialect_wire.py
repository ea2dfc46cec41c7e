"""OKX's formats for the dialect: errors, orders, fills, balances and instruments as JSON (docs-v5)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from arbkit.core.types import OrdStatus, Side, plain
from arbkit.sim.calls import Problem, Why
from arbkit.sim.pair import Pair, text
from arbkit.sim.rows import OrderState, average, fields
from arbkit.sim.venue import Refused, SimExchange, SimFill, SimOrder

__all__ = [
    "ID",
    "MS",
    "Mark",
    "account_row",
    "balance_row",
    "fill_row",
    "group",
    "instrument_row",
    "levels",
    "limit_row",
    "ms",
    "order_push",
    "order_row",
    "refusal",
    "ticker_row",
    "wrong",
]

MS: Final = 1_000_000
ID: Final = re.compile(r"[a-zA-Z0-9]{1,32}", re.ASCII)
"""Client order ids and request ids: "a combination of case-sensitive alphanumerics ... up to 32 characters"."""
_STATE: Final = {
    OrdStatus.NEW: "live",
    OrdStatus.PARTIALLY_FILLED: "partially_filled",
    OrdStatus.FILLED: "filled",
    OrdStatus.CANCELED: "canceled",
    OrdStatus.EXPIRED: "canceled",
    OrdStatus.REJECTED: "canceled",
}
# "Order channel", cancelSource
_SOURCE: Final = {
    "venue": "0",
    "user": "1",
    "fok": "13",
    "ioc": "14",
    "no_liquidity": "14",
    "post_only": "31",
    "stp": "32",
}
_STP: Final = {"none": "", "taker": "cancel_taker", "maker": "cancel_maker", "both": "cancel_both"}
# "Error Code": REST API, Trade. The codes are the venue's, the texts are ours.
_REFUSED: Final[Mapping[str, tuple[str, str]]] = {
    "symbol": ("51001", "Instrument ID, Instrument ID code, or Spread ID doesn't exist."),
    "halted": ("51022", "Instrument is suspended."),
    "tick": ("51000", "Parameter px error"),
    "lot": ("51121", "Order quantity must be a multiple of the lot size."),
    "min_qty": ("51020", "Your order should meet or exceed the minimum order amount."),
    "min_notional": ("51020", "Your order should meet or exceed the minimum order amount."),
    "max_qty": ("51203", "The order amount exceeds the limit of the limit order size."),
    "balance": ("51008", "Order failed. Insufficient {} balance in account."),
    "duplicate": ("51016", "Duplicated client order ID."),
    "expired": ("50037", "The order expired: its expTime passed before it was executed."),
    "unknown_order": ("51400", "Cancellation failed as the order has been filled, canceled or does not exist."),
    "band_high": ("51137", "The price of a buy order is above the price limit."),
    "band_low": ("51138", "The price of a sell order is below the price limit."),
}
# fields that have no value for spot
_NO_INSTRUMENT: Final = fields(
    "alias auctionEndTime contTdSwTime ctMult ctType ctVal ctValCcy expTime instFamily lever maxMktSz maxStopSz"
    " openType optType preMktSwTime settleCcy stk uly"
)
_NO_ORDER: Final = fields(
    "algoClOrdId algoId attachAlgoClOrdId cancelSourceReason ccy lever posSide pxType pxUsd pxVol quickMgnType slOrdPx"
    " slTriggerPx slTriggerPxType source stpId tpOrdPx tpTriggerPx tpTriggerPxType"
)
_NO_FILL: Final = fields("fillPxVol fillPxUsd fillMarkVol fillFwdPx fillMarkPx fillIdxPx")
_NO_PUSH: Final = _NO_FILL | fields("amendResult amendSource execType fillFeeCcy fillNotionalUsd reqId msg")
_NO_DETAIL: Final = fields(
    "accAvgPx borrowFroz clSpotInUseAmt colBorrAutoConversion crossLiab interest isoLiab liab maxLoan maxSpotInUse"
    " mgnRatio openAvgPx spotBal spotInUseAmt spotUpl spotUplRatio totalPnl totalPnlRatio uplLiab"
) | fields(
    "autoLendMtAmt disEq fixedBal frpType imr isoEq isoUpl mmr notionalLever rewardBal smtSyncEq spotCopyTradingEq"
    " spotIsoBal stgyEq twap upl colRes",
    "0",
)
_NO_ACCOUNT: Final = fields(
    "adjEq availEq borrowFroz delta deltaLever deltaNeutralStatus imr mgnRatio mmr notionalUsd notionalUsdForBorrow"
    " notionalUsdForFutures notionalUsdForOption notionalUsdForSwap ordFroz upl"
) | {"isoEq": "0"}


class Mark:
    """What an order has beside the exchange's own record."""

    __slots__ = ("cross", "tag")

    def __init__(self, tag: str = "", cross: bool = False) -> None:
        self.tag = tag
        self.cross = cross
        """Placed with ``tdMode`` cross: its type is MARGIN."""

    @property
    def kind(self) -> str:
        return "MARGIN" if self.cross else "SPOT"


def refusal(refused: Refused) -> Problem:
    """The venue's error for a rejection of the exchange."""
    code, msg = _REFUSED[refused.rule]
    return Problem(code, msg.format(refused), sub="1000" if refused.rule == "balance" else "")


def wrong(name: str, why: Why) -> Problem:
    """The error for a parameter: 50014 if missing, 51000 if invalid; all values are strings."""
    if why == "missing":
        return Problem("50014", f"Parameter {name} can not be empty.", 400)
    return Problem("51000", f"Parameter {name} error", 400)


def ms(ns: int) -> str:
    return str(ns // MS)


def levels(pair: Pair, side: Iterable[tuple[int, int]]) -> str:
    """``[[price, size, "0", orders], ..]`` as JSON."""
    rows = [f'["{pair.px_text(px)}","{pair.qty_text(lots)}","0","{1 if lots else 0}"]' for px, lots in side]
    return f"[{','.join(rows)}]"


def group(exchange: SimExchange, symbol: str) -> str:
    """The fee group of an instrument: "1", or "2" for special pairs."""
    special = exchange.profile.special
    return "2" if symbol in special or exchange.pairs[symbol].quote in special else "1"


def instrument_row(exchange: SimExchange, symbol: str, code: int) -> dict[str, Any]:
    """Get instruments. Spot has no minimum notional field: ``minSz`` is the minimum. The reason of a halt may be one of
    the venue's own states, else the state is ``suspend``."""
    pair, halted = exchange.pairs[symbol], exchange.halted.get(symbol)
    largest = fields("maxLmtSz maxIcebergSz maxTriggerSz maxTwapSz", plain(pair.max_qty))
    return (
        _NO_INSTRUMENT
        | largest
        | {
            "instType": "SPOT",
            "instId": pair.symbol,
            "instIdCode": code,
            "baseCcy": pair.base,
            "quoteCcy": pair.quote,
            "tradeQuoteCcyList": [pair.quote],
            "tickSz": plain(pair.rule_tick),
            "lotSz": plain(pair.rule_lot),
            "minSz": plain(pair.min_qty),
            "maxLmtAmt": "20000000",
            "maxMktAmt": "1000000",
            "category": "1",
            "groupId": group(exchange, symbol),
            "instCategory": "1",
            "futureSettlement": False,
            "rpi": "0",
            "state": "live" if halted is None else halted if halted in ("preopen", "test") else "suspend",
            "ruleType": "normal",
            "listTime": "1600000000000",
            "upcChg": [],
        }
    )


def ticker_row(exchange: SimExchange, symbol: str) -> dict[str, str]:
    """Get ticker, without ``ts``. The day begins with the world; before the first trade all prices are the best ask."""
    pair, day = exchange.pairs[symbol], exchange.days[symbol]
    bid, bids, ask, asks = exchange.books[symbol].top()
    prices = {"last": day.last, "open24h": day.open, "high24h": day.high, "low24h": day.low}
    return {
        "instType": "SPOT",
        "instId": symbol,
        **{name: pair.px_text(px or ask) for name, px in prices.items()},
        **fields("sodUtc0 sodUtc8", pair.px_text(day.open or ask)),
        "lastSz": pair.qty_text(day.last_qty),
        "askPx": pair.px_text(ask),
        "askSz": pair.qty_text(asks),
        "bidPx": pair.px_text(bid),
        "bidSz": pair.qty_text(bids),
        "vol24h": pair.qty_text(day.qty),
        "volCcy24h": text(day.turnover * pair.unit),
    }


def limit_row(exchange: SimExchange, symbol: str) -> dict[str, Any]:
    """Get limit price, without ``ts``: the highest buy price and the lowest sell price."""
    assert exchange.profile.band is not None
    buy, sell = exchange.prices.bounds(symbol, exchange.profile.band)
    return {"instType": "SPOT", "instId": symbol, "buyLmt": buy, "sellLmt": sell, "enabled": True}


def _signed(fee: int) -> str:
    """A fee with OKX's sign: negative = charged, positive = rebate."""
    return text(-fee) if fee else "0"


def _order_type(order: SimOrder) -> str:
    if order.kind == "market":
        return "market"
    return "post_only" if order.post_only else {"GTC": "limit", "IOC": "ioc", "FOK": "fok"}[order.tif.name]


def order_row(pair: Pair, now: OrderState, mark: Mark) -> dict[str, Any]:
    """An order as queries return it."""
    order = now.order
    last = now.fills[-1] if now.fills else None
    buy, market, state = order.side is Side.BUY, order.kind == "market", _STATE[now.status]
    got, gave = (pair.base, pair.quote) if buy else (pair.quote, pair.base)
    fees = {last.fee_asset if last else got: 0} | now.fees()
    asset = next(iter(fees))  # one currency an order: the venue has one field
    return _NO_ORDER | {
        "instType": mark.kind,
        "instId": order.symbol,
        "ordId": str(order.id),
        "clOrdId": order.cl_ord_id,
        "tag": mark.tag,
        "side": order.side.value,
        "ordType": _order_type(order),
        "tdMode": "cross" if mark.cross else "cash",
        "state": state,
        "px": "" if market else pair.px_text(order.px),
        "sz": text(order.quote_qty) if order.quote_qty else pair.qty_text(order.qty),
        "tgtCcy": ("quote_ccy" if order.quote_qty else "base_ccy") if market else "",
        "accFillSz": pair.qty_text(now.cum),
        "avgPx": average(now.cum_quote, now.cum * pair.lot_units, 12),
        "fee": _signed(max(fees[asset], 0)),
        "feeCcy": asset,
        "rebate": text(max(-fees[asset], 0)),
        "rebateCcy": gave,
        "pnl": "0",
        "category": "normal",
        "reduceOnly": "false",
        "isTpLimit": "false",
        "attachAlgoOrds": [],
        "linkedAlgoOrd": {"algoId": ""},
        "tradeQuoteCcy": pair.quote,
        "stpMode": _STP[order.stp],
        "cancelSource": _SOURCE.get(order.reason, "") if state == "canceled" else "",
        "fillPx": pair.px_text(last.px) if last else "",
        "fillSz": pair.qty_text(last.qty) if last else "0",
        "fillTime": ms(last.ns) if last else "",
        "tradeId": str(last.id) if last else "",
        "cTime": ms(order.ns),
        "uTime": ms(now.ns),
    }


def order_push(row: Mapping[str, Any], fill: SimFill | None, pair: Pair, usd: str) -> dict[str, Any]:
    """A row of the Order channel: the row of a query, plus the reported fill; without a fill no ``tradeId``.

    ``usd``: the order's value.
    """
    push = {**row, **_NO_PUSH, **fields("fillPx fillTime tradeId"), **fields("fillSz fillFee fillPnl code", "0")}
    push |= {"lastPx": row["fillPx"], "notionalUsd": usd}
    if fill is not None:
        push |= {
            "fillPx": pair.px_text(fill.px),
            "fillSz": pair.qty_text(fill.qty),
            "fillTime": ms(fill.ns),
            "tradeId": str(fill.id),
            "fillFee": _signed(fill.fee),
            "fillFeeCcy": fill.fee_asset,
            "fillNotionalUsd": usd,
            "execType": "M" if fill.maker else "T",
        }
    return push


def fill_row(pair: Pair, fill: SimFill, mark: Mark, bill: int, rate: str) -> dict[str, Any]:
    """Get transaction details. ``rate``: the fee rate with the venue's sign."""
    return _NO_FILL | {
        "instType": mark.kind,
        "instId": fill.symbol,
        "tradeId": str(fill.id),
        "ordId": str(fill.order_id),
        "clOrdId": fill.cl_ord_id,
        "billId": str(bill),
        "subType": "1" if fill.side is Side.BUY else "2",
        "tag": mark.tag,
        "fillPx": pair.px_text(fill.px),
        "fillSz": pair.qty_text(fill.qty),
        "side": fill.side.value,
        "posSide": "net",
        "execType": "M" if fill.maker else "T",
        "feeCcy": fill.fee_asset,
        "fee": _signed(fill.fee),
        "feeRate": rate,
        "fillPnl": "0",
        "tradeQuoteCcy": pair.quote,
        **fields("ts fillTime", ms(fill.ns)),
    }


def balance_row(exchange: SimExchange, asset: str, free: int, locked: int, ns: int) -> dict[str, Any]:
    """One of ``details`` (Get balance, Account channel); Spot mode: free is ``availBal``, locked ``frozenBal``."""
    return _NO_DETAIL | {
        "ccy": asset,
        **fields("cashBal eq", text(free + locked)),
        "eqUsd": exchange.prices.worth(asset, free + locked),
        **fields("availBal availEq", text(free)),
        **fields("frozenBal ordFrozen", text(locked)),
        "autoLendStatus": "unsupported",
        "collateralEnabled": False,
        "collateralRestrict": False,
        "uTime": ms(ns),
    }


def account_row(details: list[dict[str, Any]], equity: str, now_ns: int) -> dict[str, Any]:
    """The account row with ``details``; most fields are empty in Spot mode."""
    return _NO_ACCOUNT | {"totalEq": equity, "uTime": ms(now_ns), "details": details}
