"""HTX's formats for the dialect: errors, orders, fills, balances and pairs as JSON.

https://www.htx.com/en-us/opend/newApiPages/ (spot). A row type has each field with the fact that it shows.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from arbkit import sim
from arbkit.core.types import OrdStatus, Side, Tif

MS: Final = 1_000_000
S: Final = 1_000 * MS
ID: Final = re.compile(r"[A-Za-z0-9_\-]{1,64}", re.ASCII)
"""Client order ids."""
KINDS: Final = {
    "limit": (Tif.GTC, False),
    "limit-maker": (Tif.GTC, True),
    "ioc": (Tif.IOC, False),
    "limit-fok": (Tif.FOK, False),
    "market": (Tif.IOC, False),
}
"""What stands behind the side in an order's type: time in force, and whether it may only rest."""
_STATES: Final = {
    OrdStatus.NEW: "submitted",
    OrdStatus.PARTIALLY_FILLED: "partial-filled",
    OrdStatus.FILLED: "filled",
}
_REFUSALS: Final = sim.texts(
    "symbol:base-symbol-error halted:base-symbol-trade-disabled tick:order-orderprice-precision-error "
    "lot:order-orderamount-precision-error min_qty:order-limitorder-amount-min-error "
    "max_qty:order-limitorder-amount-max-error min_notional:order-value-min-error "
    "balance:account-frozen-balance-insufficient-error duplicate:invalid-client-order-id "
    "band_high:order-limitorder-price-max-error band_low:order-limitorder-price-min-error "
    "unknown_order:order-orderstate-error"
)
NOTATION: Final = sim.Notation(
    lambda symbol: symbol.replace("-", "").lower(),
    lambda side: side.value,
    int,
    lambda ns: ns // MS,
    digits=12,
)


def pack(text: bytes) -> bytes:
    """A message of ``/feed`` and ``/ws``: one gzip member."""
    return gzip.compress(text, 1, mtime=0)


def problem(error: sim.Refused) -> sim.Problem:
    """The venue's error for a rejection of the exchange."""
    return sim.Problem(_REFUSALS[error.rule], f"refused: {error.rule}")


def wrong(name: str, why: sim.Why) -> sim.Problem:
    """The error for a parameter."""
    if why == "missing":
        return sim.Problem("validation-constraints-required", f"field is required: {name}")
    return sim.Problem("validation-format-error", f"format error: {name}")


def bare(number: str) -> msgspec.Raw:
    """A JSON number with these digits."""
    return msgspec.Raw(number.encode())


def levels(facts: sim.Facts, symbol: str, side: Iterable[tuple[int, int]]) -> list[list[msgspec.Raw]]:
    return [[bare(px), bare(qty)] for px, qty in facts.levels(symbol, side)]


def _places(step: str) -> int:
    return len(step.partition(".")[2])


_SYMBOL: Final = sim.RowType(
    "symbol=native sp:main at:enabled tags:",
    {"vp": 8, "slmgt": bare("0.9"), "blmlt": bare("1.1"), "maxov": 10_000_000, "bmmaxov": 1_000_000},
)


def _state(facts: sim.Facts, symbol: str) -> str:
    """A halt may have one of the venue's own states as its reason, else the state is ``suspend``."""
    halted = facts.exchange.halted.get(symbol)
    known = ("pre-online", "offline", "suspend", "transfer-board", "fuse")
    return "online" if halted is None else halted if halted in known else "suspend"


def symbol_row(facts: sim.Facts, symbol: str) -> dict[str, Any]:
    """Get market symbols setting."""
    known = facts.pair(symbol)
    least, most, notional = (bare(known[name] or "0") for name in ("min_qty", "max_qty", "min_notional"))
    return _SYMBOL.of(
        known,
        state=_state(facts, symbol),
        bc=known["base"].lower(),
        qc=known["quote"].lower(),
        pp=_places(known["tick"]),
        ap=_places(known["lot"]),
        minov=notional,
        **dict.fromkeys(("minoa", "lominoa", "smminoa"), least),
        **(dict.fromkeys(("maxoa", "lomaxoa", "lomaxba", "lomaxsa", "smmaxoa"), most) if known["max_qty"] else {}),
    )


_OLD: Final = sim.texts(
    "base-currency:bc quote-currency:qc price-precision:pp amount-precision:ap symbol-partition:sp "
    "symbol:symbol state:state value-precision:vp min-order-amt:minoa min-order-value:minov "
    "limit-order-min-order-amt:lominoa sell-market-min-order-amt:smminoa "
    "buy-market-max-order-value:bmmaxov api-trading:at tags:tags"
)
"""The fields of ``/v1/common/symbols``, by those of today."""


def old_symbol_row(facts: sim.Facts, symbol: str) -> dict[str, Any]:
    row = symbol_row(facts, symbol)
    return {name: row[today] for name, today in _OLD.items()}


def currency_row(facts: sim.Facts, asset: str) -> dict[str, Any]:
    """Get currencies and chains: one chain each."""
    known, name = facts.asset(asset), asset.lower()
    chain = {
        "chain": name,
        "displayName": asset,
        "depositStatus": "allowed" if known["deposit"] else "prohibited",
        "withdrawStatus": "allowed" if known["withdraw"] else "prohibited",
        "numOfConfirmations": 1,
        "minDepositAmt": "0",
        "minWithdrawAmt": "0",
        "maxWithdrawAmt": "1000000",
        "withdrawPrecision": 8,
        "withdrawFeeType": "fixed",
        "transactFeeWithdraw": "0",
    }
    return {"currency": name, "assetType": 1, "chains": [chain], "instStatus": "normal"}


def ticker(facts: sim.Facts, symbol: str) -> dict[str, Any]:
    """``tick`` of Get latest aggregated ticker; prices and volumes are numbers."""
    day = facts.day(symbol)
    fields = {"open": "open", "close": "last", "high": "high", "low": "low", "amount": "qty", "vol": "turnover"}
    best = {side: [bare(day[side] or "0"), bare(day[f"{side}_qty"] or "0")] for side in ("bid", "ask")}
    return {name: bare(day[fact]) for name, fact in fields.items()} | best | {"count": day["count"], "id": day["seq"]}


def trade_row(facts: sim.Facts, trade: sim.TradeReport) -> dict[str, Any]:
    """A row of ``trade.detail``; ``direction`` is the taker's. The id has more digits than a double holds."""
    known = facts.trade(trade)
    amounts = {"amount": bare(known["qty"]), "price": bare(known["px"])}
    ids = {"id": bare(f"{known['id']}000001"), "tradeId": known["id"]}
    return {**ids, "ts": known["at"], "direction": known["side"], **amounts}


def _kind(order: sim.SimOrder) -> str:
    if order.kind == "market":
        return "market"
    return next(word for word, how in KINDS.items() if how == (order.tif, order.post_only))


def kind(order: sim.SimOrder) -> str:
    """The type of an order: ``buy-limit-fok``."""
    return f"{order.side.value}-{_kind(order)}"


def state(now: sim.OrderState) -> str:
    """What ends unfilled is canceled, also an IOC and a FOK."""
    return _STATES.get(now.status) or ("partial-canceled" if now.cum else "canceled")


_ORDER: Final = sim.RowType("id symbol=native client-order-id=cl_ord_id price=px created-at=at source:spot-api")


def order_row(facts: sim.Facts, order: sim.SimOrder, account: int, *, listed: bool = False) -> dict[str, Any]:
    """Get the order detail, Search past orders. ``listed``: Get all open orders, which spells what is filled right."""
    known = facts.order(order)
    now: sim.OrderState = known["state"]
    filled = {"amount": known["cum"], "cash-amount": known["cum_value"], "fees": sim.text(sum(now.fees().values()))}
    row = _ORDER.of(known, type=kind(order), state=state(now), amount=_amount(order, known))
    row |= {"account-id": account} | {
        f"{'filled' if listed else 'field'}-{name}": text for name, text in filled.items()
    }
    if listed:
        return row
    ended = known["updated_at"] if now.status.terminal else 0
    return row | {"finished-at": ended, "canceled-at": ended if state(now).endswith("canceled") else 0}


def _amount(order: sim.SimOrder, known: Mapping[str, Any]) -> str:
    """In base coins, except for a market buy."""
    return str(known["budget"] if order.quote_qty else known["qty"])


_FILL: Final = sim.RowType(
    "symbol=native order-id=order_id price=px created-at=at trade-id=id id match-id=id filled-amount=qty"
    " filled-fees=fee source:spot-api filled-points:0.0 fee-deduct-currency: fee-deduct-state:done"
)


def fill_row(facts: sim.Facts, fill: sim.SimFill) -> dict[str, Any]:
    """Search match results."""
    own = {"type": kind(facts.exchange.orders[fill.order_id]), "fee-currency": fill.fee_asset.lower()}
    return _FILL.of(facts.fill(fill), **own, role="maker" if fill.maker else "taker")


_PUSH: Final = sim.RowType("symbol=native orderId=id clientOrderId=cl_ord_id orderSource:spot-api")


def order_push(facts: sim.Facts, report: sim.OrderReport, account: int) -> dict[str, Any]:
    """The data of ``orders``: of a creation, a trade, or a cancellation. A fill stands without its fee."""
    order, fill = report.order, report.fill
    known = facts.order(order, report)
    now: sim.OrderState = known["state"]
    row = _PUSH.of(known, accountId=account, type=kind(order), orderStatus=state(now))
    row |= {"orderSize": _amount(order, known)} | ({} if order.kind == "market" else {"orderPrice": known["px"]})
    if report.kind == "new":
        return row | {"eventType": "creation", "orderCreateTime": known["at"]}
    row |= {"remainAmt": known["left"], "execAmt": known["cum"]}
    if fill is None:
        return row | {"eventType": "cancellation", "lastActTime": known["updated_at"]}
    told = facts.fill(fill)
    traded = {"tradePrice": told["px"], "tradeVolume": told["qty"], "tradeId": told["id"], "tradeTime": told["at"]}
    return row | traded | {"eventType": "trade", "aggressor": not fill.maker}


_CLEARED: Final = sim.RowType(
    "symbol=native orderId=order_id clientOrderId=cl_ord_id tradePrice=px tradeVolume=qty tradeId=id tradeTime=at"
    " orderSide=side transactFee=fee eventType:trade source:spot-api feeDeduct:0 feeDeductType:"
)


def cleared(facts: sim.Facts, report: sim.OrderReport, fill: sim.SimFill, account: int) -> dict[str, Any]:
    """The data of ``trade.clearing``."""
    order = facts.order(report.order, report)
    told = {"orderPrice": order["px"], "orderSize": _amount(report.order, order), "orderCreateTime": order["at"]}
    own = {"orderType": kind(report.order), "orderStatus": state(order["state"]), "aggressor": not fill.maker}
    return _CLEARED.of(facts.fill(fill), **told, **own, feeCurrency=fill.fee_asset.lower(), accountId=account)


def money_rows(facts: sim.Facts, row: tuple[str, int, int]) -> list[dict[str, Any]]:
    """Get account balance: what is free and what is locked are two rows."""
    known = facts.money(*row)
    return [
        {"currency": row[0].lower(), "type": name, "balance": known[fact], "seq-num": "1"}
        for name, fact in (("trade", "free"), ("frozen", "locked"))
    ]


def money_push(facts: sim.Facts, row: tuple[str, int, int], account: int, why: str | None, ns: int) -> dict[str, Any]:
    """The data of ``accounts.update#2``."""
    known = facts.money(*row)
    return {
        "currency": row[0].lower(),
        "accountId": account,
        "balance": known["total"],
        "available": known["free"],
        "changeType": why,
        "accountType": "trade",
        "seqNum": str(ns),
        "changeTime": None if why is None else facts.time(ns),
    }


def side_of(word: str) -> tuple[Side, str]:
    """The side and the rest of an order's type. Raises ``ValueError``."""
    side, _, rest = word.partition("-")
    return Side(side), rest
