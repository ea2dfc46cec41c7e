"""OKX's formats for the dialect: errors, orders, fills, balances and instruments as JSON (docs-v5)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from arbkit import sim
from arbkit.core.types import OrdStatus, Side, plain

MS: Final = 1_000_000
ID: Final = re.compile(r"[a-zA-Z0-9]{1,32}", re.ASCII)
"""Client order ids and request ids: "a combination of case-sensitive alphanumerics ... up to 32 characters"."""
_STATE: Final = {
    OrdStatus.NEW: "live",
    OrdStatus.PARTIALLY_FILLED: "partially_filled",
    OrdStatus.FILLED: "filled",
}
"""All others are ``canceled``."""
# "Order channel", cancelSource
_SOURCE: Final = sim.texts("venue:0 user:1 fok:13 ioc:14 no_liquidity:14 post_only:31 stp:32")
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
NOTATION: Final = sim.Notation(native=str, side=lambda side: side.value, time=lambda ns: str(ns // MS), digits=12)

# --- rows: each field with the fact that it shows, and fields that have no value for spot -----------------------------

_INSTRUMENT: Final = sim.RowType(
    "instId=symbol baseCcy=base quoteCcy=quote tickSz=tick lotSz=lot minSz=min_qty maxLmtSz=max_qty"
    " maxIcebergSz=max_qty maxTriggerSz=max_qty maxTwapSz=max_qty instType:SPOT category:1 instCategory:1"
    " maxLmtAmt:20000000 maxMktAmt:1000000 rpi:0 ruleType:normal listTime:1600000000000",
    sim.fields("alias auctionEndTime contTdSwTime ctMult ctType ctVal ctValCcy expTime instFamily lever maxMktSz"),
    sim.fields("maxStopSz openType optType preMktSwTime settleCcy stk uly"),
    {"futureSettlement": False, "upcChg": []},
)
_TICKER: Final = sim.RowType(
    "instId=symbol last open24h=open high24h=high low24h=low sodUtc0=open sodUtc8=open lastSz=last_qty askPx=ask"
    " askSz=ask_qty bidPx=bid bidSz=bid_qty vol24h=qty volCcy24h=turnover instType:SPOT"
)
_LIMIT: Final = sim.RowType("instType:SPOT instId=symbol buyLmt=buy_most sellLmt=sell_least", {"enabled": True})
TRADE: Final = sim.RowType("instId=symbol tradeId=id px sz=qty side ts=at source:0")
BARS: Final = {
    **{f"{minutes}m": minutes * sim.MINUTE for minutes in (1, 3, 5, 15, 30)},
    **{f"{hours}H": hours * 60 * sim.MINUTE for hours in (1, 2, 4)},
    **{f"{name}utc": hours * 60 * sim.MINUTE for name, hours in (("6H", 6), ("12H", 12), ("1D", 24))},
}
"""The bars of candles that are served: not those of days in Hong Kong, weeks and months."""
_CANDLE: Final = sim.RowType("at open high low last qty turnover value=turnover")
_ORDER: Final = sim.RowType(
    "instId=symbol ordId=id clOrdId=cl_ord_id side accFillSz=cum avgPx=average tradeQuoteCcy=quote cTime=at"
    " uTime=updated_at reduceOnly:false isTpLimit:false pnl:0 category:normal",
    sim.fields("algoClOrdId algoId attachAlgoClOrdId cancelSourceReason ccy lever posSide pxType pxUsd pxVol"),
    sim.fields("quickMgnType slOrdPx slTriggerPx slTriggerPxType source stpId tpOrdPx tpTriggerPx tpTriggerPxType"),
    {"attachAlgoOrds": [], "linkedAlgoOrd": {"algoId": ""}},
)
_LAST: Final = sim.RowType("fillPx=px fillSz=qty fillTime=at tradeId=id")
_NO_LAST: Final = sim.fields("fillPx fillTime tradeId") | {"fillSz": "0"}
_NO_FILL: Final = sim.fields("fillPxVol fillPxUsd fillMarkVol fillFwdPx fillMarkPx fillIdxPx")
_NO_PUSH: Final = {
    **_NO_FILL,
    **sim.fields("amendResult amendSource execType fillFeeCcy fillNotionalUsd reqId msg"),
    **sim.fields("fillFee fillPnl code", "0"),
}
_FILL: Final = sim.RowType(
    "instId=symbol tradeId=id ordId=order_id clOrdId=cl_ord_id fillPx=px fillSz=qty side feeCcy=fee_asset"
    " tradeQuoteCcy=quote ts=at fillTime=at posSide:net fillPnl:0",
    _NO_FILL,
)
_DETAIL: Final = sim.RowType(
    "ccy=asset cashBal=total eq=total eqUsd=usd availBal=free availEq=free frozenBal=locked ordFrozen=locked uTime=at"
    " autoLendStatus:unsupported",
    sim.fields("accAvgPx borrowFroz clSpotInUseAmt colBorrAutoConversion crossLiab interest isoLiab liab maxLoan"),
    sim.fields("maxSpotInUse mgnRatio openAvgPx spotBal spotInUseAmt spotUpl spotUplRatio totalPnl"),
    sim.fields("totalPnlRatio uplLiab"),
    sim.fields("autoLendMtAmt disEq fixedBal frpType imr isoEq isoUpl mmr notionalLever rewardBal smtSyncEq", "0"),
    sim.fields("spotCopyTradingEq spotIsoBal stgyEq twap upl colRes", "0"),
    sim.fields("collateralEnabled collateralRestrict", False),
)
_NO_ACCOUNT: Final = {
    **sim.fields("adjEq availEq borrowFroz delta deltaLever deltaNeutralStatus imr mgnRatio mmr notionalUsd"),
    **sim.fields("notionalUsdForBorrow notionalUsdForFutures notionalUsdForOption notionalUsdForSwap ordFroz upl"),
    "isoEq": "0",
}


@dataclass(frozen=True, slots=True)
class Mark:
    """What an order has beside the exchange's own record."""

    tag: str = ""
    cross: bool = False
    """Placed with ``tdMode`` cross: its type is MARGIN."""

    @property
    def kind(self) -> str:
        return "MARGIN" if self.cross else "SPOT"


def problem(error: sim.Problem | sim.Refused) -> sim.Problem:
    """The venue's error for a rejection of the exchange."""
    if isinstance(error, sim.Problem):
        return error
    code, msg = _REFUSED[error.rule]
    return sim.Problem(code, msg.format(error), sub="1000" if error.rule == "balance" else "")


def wrong(name: str, why: sim.Why) -> sim.Problem:
    """The error for a parameter: 50014 if missing, 51000 if invalid; all values are strings."""
    if why == "missing":
        return sim.Problem("50014", f"Parameter {name} can not be empty.", 400)
    return sim.Problem("51000", f"Parameter {name} error", 400)


def levels(facts: sim.Facts, symbol: str, bids: sim.Levels, asks: sim.Levels) -> dict[str, Any]:
    """Both sides of a book: ``[[price, size, "0", orders], ..]``."""
    sides = {"asks": facts.levels(symbol, asks), "bids": facts.levels(symbol, bids)}
    return {name: [[px, size, "0", "1" if size != "0" else "0"] for px, size in side] for name, side in sides.items()}


def group(exchange: sim.SimExchange, symbol: str) -> str:
    """The fee group of an instrument: "1", or "2" for special pairs."""
    special = exchange.profile.special
    return "2" if symbol in special or exchange.pairs[symbol].quote in special else "1"


def instrument_row(facts: sim.Facts, symbol: str, code: int) -> dict[str, Any]:
    """Get instruments. Spot has no minimum notional field: ``minSz`` is the minimum. The reason of a halt may be one of
    the venue's own states, else the state is ``suspend``."""
    halted, known = facts.exchange.halted.get(symbol), facts.pair(symbol)
    return _INSTRUMENT.of(
        known,
        instIdCode=code,
        groupId=group(facts.exchange, symbol),
        tradeQuoteCcyList=[known["quote"]],
        state="live" if halted is None else halted if halted in ("preopen", "test") else "suspend",
    )


def ticker_row(facts: sim.Facts, symbol: str) -> dict[str, Any]:
    """Get ticker, without ``ts``."""
    return _TICKER.of(facts.day(symbol))


def candle_row(known: Mapping[str, Any]) -> list[str]:
    """Get candlesticks: time, prices, volumes in base and (twice) in quote, and "1" if it is closed."""
    return [*_CANDLE.of(known).values(), str(int(known["closed"]))]


def limit_row(facts: sim.Facts, symbol: str) -> dict[str, Any]:
    """Get limit price, without ``ts``: the highest buy price and the lowest sell price."""
    return _LIMIT.of(facts.band(symbol))


def five_row(facts: sim.Facts, symbol: str) -> dict[str, Any]:
    """books5, without ``ts``: the five best levels."""
    book = facts.exchange.books[symbol]
    return {**levels(facts, symbol, *book.depth(5)), "instId": symbol}


def _signed(fee: int) -> str:
    """A fee with OKX's sign: negative = charged, positive = rebate."""
    return sim.text(-fee) if fee else "0"


def _order_type(order: sim.SimOrder) -> str:
    if order.kind == "market":
        return "market"
    return "post_only" if order.post_only else {"GTC": "limit", "IOC": "ioc", "FOK": "fok"}[order.tif.name]


def order_row(
    facts: sim.Facts, order: sim.SimOrder, mark: Mark, report: sim.OrderReport | None = None
) -> dict[str, Any]:
    """An order as queries return it: as it is now, or as it was at ``report``."""
    known, pair, market = facts.order(order, report), facts.exchange.pairs[order.symbol], order.kind == "market"
    now: sim.OrderState = known["state"]
    last, state = now.fills[-1] if now.fills else None, _STATE.get(now.status, "canceled")
    got, gave = (pair.base, pair.quote) if order.side is Side.BUY else (pair.quote, pair.base)
    fees = {last.fee_asset if last else got: 0} | now.fees()
    asset = next(iter(fees))  # one currency an order: the venue has one field
    return _ORDER.of(
        known,
        **(_LAST.of(facts.fill(last)) if last else _NO_LAST),
        instType=mark.kind,
        tag=mark.tag,
        tdMode="cross" if mark.cross else "cash",
        ordType=_order_type(order),
        state=state,
        px="" if market else known["px"],
        sz=known["budget"] if order.quote_qty else known["qty"],
        tgtCcy=("quote_ccy" if order.quote_qty else "base_ccy") if market else "",
        fee=_signed(max(fees[asset], 0)),
        feeCcy=asset,
        rebate=sim.text(max(-fees[asset], 0)),
        rebateCcy=gave,
        stpMode=_STP[order.stp],
        cancelSource=_SOURCE.get(order.reason, "") if state == "canceled" else "",
    )


def order_push(facts: sim.Facts, row: Mapping[str, Any], fill: sim.SimFill | None, usd: str) -> dict[str, Any]:
    """A row of the Order channel: the row of a query, plus the reported fill; without a fill no ``tradeId``.

    ``usd``: the order's value.
    """
    push = {**row, **_NO_PUSH, **_NO_LAST, "lastPx": row["fillPx"], "notionalUsd": usd}
    if fill is not None:
        kind, fee = "M" if fill.maker else "T", {"fillFee": _signed(fill.fee), "fillFeeCcy": fill.fee_asset}
        push |= _LAST.of(facts.fill(fill)) | fee | {"fillNotionalUsd": usd, "execType": kind}
    return push


def fill_row(facts: sim.Facts, fill: sim.SimFill, mark: Mark, bill: int) -> dict[str, Any]:
    """Get transaction details."""
    return _FILL.of(
        facts.fill(fill),
        instType=mark.kind,
        tag=mark.tag,
        billId=str(bill),
        subType="1" if fill.side is Side.BUY else "2",
        execType="M" if fill.maker else "T",
        fee=_signed(fill.fee),
        feeRate=plain(-facts.exchange.rates(fill.account, fill.symbol)[0 if fill.maker else 1]),
    )


def account_row(facts: sim.Facts, account: str, details: Iterable[Mapping[str, Any]], ns: int) -> dict[str, Any]:
    """The account (Get balance, Account channel) with some of its balances, as facts; most fields are empty in Spot
    mode: free is ``availBal``, locked ``frozenBal``."""
    equity = facts.exchange.prices.total(facts.exchange.balances(account))
    rows = [_DETAIL.of(known) for known in details]
    return {**_NO_ACCOUNT, "totalEq": equity, "uTime": facts.time(ns), "details": rows}
