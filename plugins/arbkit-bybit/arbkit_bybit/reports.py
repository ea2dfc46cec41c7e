"""Converts Bybit rows to events and commands to Bybit parameters, for the private, trade and REST links."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from arbkit.adapters.wire import ms_ns, number
from arbkit.core.types import (
    Balance,
    CancelOrder,
    Catalogue,
    NewOrder,
    OrderUpdate,
    OrdStatus,
    RateReport,
    RejectReason,
    Side,
    Tif,
    plain,
)
from arbkit_bybit import codes
from arbkit_bybit.wire import VENUE, ExecutionRow, Ids, OrderRow, WalletRow

_ZERO = Decimal(0)
_STATUSES = {
    "New": OrdStatus.NEW,
    "Untriggered": OrdStatus.NEW,
    "Triggered": OrdStatus.NEW,
    "PartiallyFilled": OrdStatus.PARTIALLY_FILLED,
    "Filled": OrdStatus.FILLED,
    "Cancelled": OrdStatus.CANCELED,
    "PartiallyFilledCanceled": OrdStatus.CANCELED,
    "Deactivated": OrdStatus.CANCELED,
    "Rejected": OrdStatus.REJECTED,
}
_SIDES = {"Buy": Side.BUY, "Sell": Side.SELL}
_WIRE_SIDES = {side: text for text, side in _SIDES.items()}
_TIFS = {Tif.GTC: "GTC", Tif.IOC: "IOC", Tif.FOK: "FOK"}
_SECOND_NS = 1_000_000_000


def instrument_id(catalogue: Catalogue, symbol: str) -> str:
    instrument = catalogue.native(VENUE, symbol)
    return instrument.id if instrument is not None else f"{VENUE}:{symbol}"


def native(catalogue: Catalogue, instrument: str) -> str:
    """Bybit's name. Orders of an earlier run may be queried before the catalogue arrives, or after a delisting."""
    known = catalogue.get(instrument)
    return known.native if known is not None else instrument.partition(":")[2].replace("-", "")


def order_update(row: OrderRow, account: str, catalogue: Catalogue, source: str, now_ns: int) -> OrderUpdate:
    """One order row. It contains quantities; the fills come from ``execution``, possibly after the order's last
    report."""
    status = _STATUSES.get(row.order_status, OrdStatus.UNKNOWN)
    cum = number(row.cum_exec_qty) if row.cum_exec_qty else None
    reason = codes.REASONS.get(row.reject_reason)
    if status is OrdStatus.REJECTED:
        reason = reason or RejectReason.OTHER
        if reason is RejectReason.DUPLICATE:
            status = OrdStatus.UNKNOWN  # the first order with this id may be open
        elif cum:
            status = OrdStatus.EXPIRED  # "Rejected" has been seen after a partial fill
    elif (
        status is OrdStatus.CANCELED
        and row.time_in_force in ("IOC", "FOK", "PostOnly")
        and row.cancel_type != "CancelByUser"
    ):
        status = OrdStatus.EXPIRED
    return OrderUpdate(
        account=account,
        instrument=instrument_id(catalogue, row.symbol),
        cl_ord_id=row.order_link_id,
        order_id=row.order_id,
        ord_status=status,
        side=_SIDES.get(row.side),
        px=number(row.price) if row.price else None,
        qty=number(row.qty) if row.qty else None,
        cum_qty=cum,
        reason=reason if status is not OrdStatus.FILLED else None,
        text="" if row.reject_reason in ("", "EC_NoError") else row.reject_reason,
        source=source,
        exch_ns=ms_ns(row.updated_time),
        recv_ns=now_ns,
    )


def fill_update(row: ExecutionRow, account: str, catalogue: Catalogue, source: str, now_ns: int) -> OrderUpdate:
    """One execution. ``execFee`` is positive when paid; without a fee currency, a buy pays in base."""
    instrument = catalogue.native(VENUE, row.symbol)
    asset = row.fee_currency
    if not asset and instrument is not None and row.exec_fee and not row.exec_fee.startswith("-"):
        asset = instrument.base if row.side == "Buy" else instrument.quote
    return OrderUpdate(
        account=account,
        instrument=instrument.id if instrument is not None else f"{VENUE}:{row.symbol}",
        cl_ord_id=row.order_link_id,
        order_id=row.order_id,
        ord_status=OrdStatus.PARTIALLY_FILLED,
        side=_SIDES.get(row.side),
        last_px=number(row.exec_price),
        last_qty=number(row.exec_qty),
        trade_id=row.exec_id,
        fee=number(row.exec_fee) if row.exec_fee and asset else None,
        fee_asset=asset if row.exec_fee else "",
        maker=row.is_maker,
        source=source,
        exch_ns=ms_ns(row.exec_time),
        recv_ns=now_ns,
    )


def fills(
    rows: Iterable[ExecutionRow], account: str, catalogue: Catalogue, source: str, now_ns: int
) -> list[OrderUpdate]:
    """Spot trades only; funding, settlement and other categories use the same rows."""
    return [
        fill_update(row, account, catalogue, source, now_ns)
        for row in rows
        if row.exec_type == "Trade" and row.category in ("", "spot")
    ]


def balances(rows: Sequence[WalletRow], account: str, snapshot: bool, exch_ns: int, now_ns: int) -> list[Balance]:
    """Free is neither locked nor borrowed, and never below 0: the locked amount has been seen to exceed the wallet."""
    found: list[Balance] = []
    for coin in (coin for row in rows for coin in row.coin):
        locked = number(coin.locked)
        free = number(coin.wallet_balance) - locked - number(coin.spot_borrow)
        found.append(
            Balance(
                account=account,
                asset=coin.coin,
                free=max(free, _ZERO),
                locked=locked,
                snapshot=snapshot,
                exch_ns=exch_ns,
                recv_ns=now_ns,
            )
        )
    return found


def order_answer(
    account: str, instrument: str, cl_ord_id: str, code: int | None, msg: str, ids: Ids, exch_ns: int, now_ns: int
) -> OrderUpdate:
    """The venue's answer to a new order. Success means that the order exists; it may still end as Rejected."""
    status, reason = codes.verdict(code)
    return OrderUpdate(
        account=account,
        instrument=instrument,
        cl_ord_id=cl_ord_id,
        order_id=ids.order_id,
        ord_status=status,
        reason=reason,
        text="" if code == 0 else f"{code} {msg}".strip(),
        source="ack",
        exch_ns=exch_ns,
        recv_ns=now_ns,
    )


def cancel_answer(
    account: str, instrument: str, cl_ord_id: str, code: int | None, msg: str, ids: Ids, exch_ns: int, now_ns: int
) -> OrderUpdate:
    """The venue's answer to a cancel. Success means that the order exists; its end is reported on ``order``."""
    reason = None
    if code is not None and code != 0:
        reason = RejectReason.UNKNOWN_ORDER if code in codes.GONE else codes.REJECTS.get(code)
    return OrderUpdate(
        account=account,
        instrument=instrument,
        cl_ord_id=cl_ord_id,
        order_id=ids.order_id,
        ord_status=OrdStatus.NEW if code == 0 else OrdStatus.UNKNOWN,
        reason=reason,
        about_cancel=code != 0,
        text="" if code == 0 else f"{code} {msg}".strip(),
        source="ack",
        exch_ns=exch_ns,
        recv_ns=now_ns,
    )


def order_params(what: NewOrder, symbol: str) -> dict[str, object]:
    return {
        "category": "spot",
        "symbol": symbol,
        "side": _WIRE_SIDES[what.side],
        "orderType": "Limit",
        "qty": plain(what.qty),
        "price": plain(what.px),
        "timeInForce": "PostOnly" if what.post_only else _TIFS[what.tif],
        "orderLinkId": what.cl_ord_id,
        "isLeverage": 0,
    }


def cancel_params(what: CancelOrder, symbol: str) -> dict[str, object]:
    which = {"orderId": what.order_id} if what.order_id else {"orderLinkId": what.cl_ord_id}
    return {"category": "spot", "symbol": symbol, **which}


def rate_report(headers: Mapping[str, object], bucket: str, exceeded: bool, now_ns: int) -> RateReport | None:
    """The limit as reported by the venue (``X-Bapi-Limit*`` of REST, the same keys in a trade reply's header)."""
    lower = {name.lower(): str(value) for name, value in headers.items() if name.lower().startswith("x-bapi-limit")}
    limit, left = lower.get("x-bapi-limit", ""), lower.get("x-bapi-limit-status", "")
    known = limit.isdecimal() and left.isdecimal()
    if not known and not exceeded:
        return None
    return RateReport(
        venue=VENUE,
        bucket=bucket,
        used=int(limit) - int(left) if known else None,
        limit=int(limit) if known else None,
        # limits are counted over one second; the reset time is in the venue's clock, so it is not used
        until_ns=now_ns + _SECOND_NS if exceeded else 0,
        recv_ns=now_ns,
    )
