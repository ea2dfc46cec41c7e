"""OKX's formats for the dialect: errors, orders, fills, balances and instruments as JSON (docs-v5)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from arbkit.core.types import OrdStatus, Side, plain
from arbkit.sim.pair import Pair, text
from arbkit.sim.venue import Refused, SimFill, SimOrder

__all__ = [
    "ID",
    "MS",
    "Problem",
    "balance_row",
    "decimal",
    "fill_row",
    "instrument_row",
    "level",
    "ms",
    "order_push",
    "order_row",
    "refusal",
]

MS: Final = 1_000_000
ID: Final = re.compile(r"^[a-zA-Z0-9]{1,32}$", re.ASCII)
"""Client order ids and request ids: "a combination of case-sensitive alphanumerics ... up to 32 characters"."""
_DECIMAL: Final = re.compile(r"^[0-9]{1,20}(\.[0-9]{1,12})?$", re.ASCII)
_STATE: Final = {
    OrdStatus.NEW: "live",
    OrdStatus.PARTIALLY_FILLED: "partially_filled",
    OrdStatus.FILLED: "filled",
    OrdStatus.CANCELED: "canceled",
    OrdStatus.EXPIRED: "canceled",
}
# "Order channel", cancelSource
_SOURCE: Final = {"user": "1", "fok": "13", "ioc": "14", "no_liquidity": "14", "post_only": "31", "stp": "32"}
_STP: Final = {"none": "", "taker": "cancel_taker", "maker": "cancel_maker", "both": "cancel_both"}
_NOTHING: Final = dict.fromkeys(
    (
        "algoClOrdId",
        "algoId",
        "attachAlgoClOrdId",
        "cancelSourceReason",
        "ccy",
        "lever",
        "posSide",
        "pxType",
        "pxUsd",
        "pxVol",
        "quickMgnType",
        "slOrdPx",
        "slTriggerPx",
        "slTriggerPxType",
        "source",
        "stpId",
        "tpOrdPx",
        "tpTriggerPx",
        "tpTriggerPxType",
    ),
    "",
)
"""Order fields that are empty for spot."""
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
}


class Problem(Exception):
    """An error: the venue's code and message, and the HTTP status if the whole request fails."""

    def __init__(self, code: str, msg: str, status: int = 200, sub: str = "") -> None:
        super().__init__(msg)
        self.code = code
        self.msg = msg
        self.status = status
        self.sub = sub


def refusal(refused: Refused) -> Problem:
    """The venue's error for a rejection of the exchange."""
    code, msg = _REFUSED[refused.rule]
    return Problem(code, msg.format(refused), sub="1000" if refused.rule == "balance" else "")


def decimal(item: Mapping[str, Any], name: str) -> Decimal:
    """A positive number as text ("all values are strings"); 50014 if missing, 51000 if invalid."""
    value = item.get(name)
    if value is None or value == "":
        raise Problem("50014", f"Parameter {name} can not be empty.", 400)
    if not isinstance(value, str) or not _DECIMAL.match(value):
        raise Problem("51000", f"Parameter {name} error", 400)
    return Decimal(value)


def ms(ns: int) -> str:
    return str(ns // MS)


def level(pair: Pair, px: int, lots: int) -> str:
    """``[price, size, "0", orders]`` as JSON."""
    return f'["{pair.px_text(px)}","{pair.qty_text(lots)}","0","{1 if lots else 0}"]'


def instrument_row(pair: Pair, code: int, halted: str | None) -> dict[str, Any]:
    """Get instruments. Spot has no minimum notional field: ``minSz`` is the minimum. The reason of a halt may be one of
    the venue's own states, else the state is ``suspend``."""
    empty = dict.fromkeys(
        (
            "alias",
            "auctionEndTime",
            "ctMult",
            "ctType",
            "ctVal",
            "ctValCcy",
            "expTime",
            "instFamily",
            "lever",
            "optType",
            "settleCcy",
            "stk",
            "uly",
            "maxMktSz",
            "contTdSwTime",
            "openType",
        ),
        "",
    )
    largest = plain(pair.max_qty)
    return {
        **empty,
        "instType": "SPOT",
        "instId": pair.symbol,
        "instIdCode": code,
        "baseCcy": pair.base,
        "quoteCcy": pair.quote,
        "tradeQuoteCcyList": [pair.quote],
        "tickSz": plain(pair.tick),
        "lotSz": plain(pair.lot),
        "minSz": plain(pair.min_qty),
        "maxLmtSz": largest,
        "maxLmtAmt": "20000000",
        "maxMktAmt": "1000000",
        "maxIcebergSz": largest,
        "maxStopSz": "",
        "maxTriggerSz": largest,
        "maxTwapSz": largest,
        "category": "1",
        "groupId": "1",
        "state": "live" if halted is None else halted if halted in ("preopen", "test") else "suspend",
        "ruleType": "normal",
        "listTime": "1600000000000",
        "upcChg": [],
    }


def _signed(fee: int) -> str:
    """A fee with OKX's sign: negative = charged, positive = rebate."""
    return text(-fee) if fee else "0"


def _order_type(order: SimOrder) -> str:
    if order.kind == "market":
        return "market"
    return "post_only" if order.post_only else {"GTC": "limit", "IOC": "ioc", "FOK": "fok"}[order.tif.name]


def order_row(
    pair: Pair,
    order: SimOrder,
    tag: str,
    status: OrdStatus,
    cum: int,
    cum_quote: int,
    fills: Iterable[SimFill],
    ns: int,
) -> dict[str, Any]:
    """An order as queries return it, in the state after ``fills``. Spot fees are taken from the received asset."""
    fills = list(fills)
    last = fills[-1] if fills else None
    fee, rebate = sum(max(f.fee, 0) for f in fills), sum(max(-f.fee, 0) for f in fills)
    buy = order.side is Side.BUY
    got, gave = (pair.base, pair.quote) if buy else (pair.quote, pair.base)
    average = round(Decimal(cum_quote) / (cum * pair.lot_units), 12) if cum else None
    market = order.kind == "market"
    state = _STATE[status]
    return {
        **_NOTHING,
        "instType": "SPOT",
        "instId": order.symbol,
        "ordId": str(order.id),
        "clOrdId": order.cl_ord_id,
        "tag": tag,
        "side": order.side.value,
        "ordType": _order_type(order),
        "tdMode": "cash",
        "state": state,
        "px": "" if market else pair.px_text(order.px),
        "sz": text(order.quote_qty) if order.quote_qty else pair.qty_text(order.qty),
        "tgtCcy": ("quote_ccy" if order.quote_qty else "base_ccy") if market else "",
        "accFillSz": pair.qty_text(cum),
        "avgPx": "" if average is None else plain(average),
        "fee": _signed(fee),
        "feeCcy": got,
        "rebate": text(rebate),
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
        "uTime": ms(ns),
    }


def order_push(row: Mapping[str, Any], fill: SimFill | None, pair: Pair) -> dict[str, Any]:
    """A row of the Order channel: the row of a query, plus the reported fill; without a fill no ``tradeId``."""
    push = {
        **row,
        "fillPx": "",
        "fillSz": "0",
        "fillTime": "",
        "tradeId": "",
        "fillFee": "0",
        "fillFeeCcy": "",
        "execType": "",
        "fillPnl": "0",
        "fillNotionalUsd": "",
        "fillPxVol": "",
        "fillPxUsd": "",
        "fillFwdPx": "",
        "fillMarkVol": "",
        "fillMarkPx": "",
        "fillIdxPx": "",
        "lastPx": row["fillPx"],
        "notionalUsd": "",
        "amendResult": "",
        "amendSource": "",
        "reqId": "",
        "code": "0",
        "msg": "",
    }
    if fill is not None:
        push |= {
            "fillPx": pair.px_text(fill.px),
            "fillSz": pair.qty_text(fill.qty),
            "fillTime": ms(fill.ns),
            "tradeId": str(fill.id),
            "fillFee": _signed(fill.fee),
            "fillFeeCcy": fill.fee_asset,
            "execType": "M" if fill.maker else "T",
        }
    return push


def fill_row(pair: Pair, fill: SimFill, tag: str, bill: int) -> dict[str, Any]:
    """Get transaction details."""
    return {
        "instType": "SPOT",
        "instId": fill.symbol,
        "tradeId": str(fill.id),
        "ordId": str(fill.order_id),
        "clOrdId": fill.cl_ord_id,
        "billId": str(bill),
        "subType": "1" if fill.side is Side.BUY else "2",
        "tag": tag,
        "fillPx": pair.px_text(fill.px),
        "fillSz": pair.qty_text(fill.qty),
        "side": fill.side.value,
        "posSide": "net",
        "execType": "M" if fill.maker else "T",
        "feeCcy": fill.fee_asset,
        "fee": _signed(fill.fee),
        "fillPnl": "0",
        "fillIdxPx": "",
        "fillPxVol": "",
        "fillPxUsd": "",
        "fillMarkVol": "",
        "fillFwdPx": "",
        "fillMarkPx": "",
        "tradeQuoteCcy": pair.quote,
        "ts": ms(fill.ns),
        "fillTime": ms(fill.ns),
    }


def balance_row(asset: str, free: int, locked: int, ns: int) -> dict[str, Any]:
    """One of ``details`` (Get balance, Account channel); Spot mode: free is ``availBal``, locked ``frozenBal``."""
    total = text(free + locked)
    empty = dict.fromkeys(
        (
            "accAvgPx",
            "borrowFroz",
            "clSpotInUseAmt",
            "coinUsdPrice",
            "crossLiab",
            "eqUsd",
            "interest",
            "liab",
            "maxLoan",
            "maxSpotInUseAmt",
            "mgnRatio",
            "openAvgPx",
            "spotBal",
            "spotInUseAmt",
            "spotUpl",
            "spotUplRatio",
            "totalPnl",
            "totalPnlRatio",
            "uplLiab",
        ),
        "",
    )
    zero = dict.fromkeys(
        (
            "disEq",
            "fixedBal",
            "imr",
            "isoEq",
            "isoUpl",
            "mmr",
            "notionalLever",
            "rewardBal",
            "smtSyncEq",
            "spotCopyTradingEq",
            "spotIsoBal",
            "stgyEq",
            "twap",
            "upl",
        ),
        "0",
    )
    return {
        **empty,
        **zero,
        "ccy": asset,
        "cashBal": total,
        "eq": total,
        "availBal": text(free),
        "availEq": text(free),
        "frozenBal": text(locked),
        "ordFrozen": text(locked),
        "collateralEnabled": False,
        "collateralRestrict": False,
        "uTime": ms(ns),
    }
