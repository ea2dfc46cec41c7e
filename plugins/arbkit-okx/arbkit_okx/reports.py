"""Converts OKX rows to events and commands to OKX parameters, for the private, trade and REST links."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from arbkit.adapters.wire import ms_ns, number
from arbkit.core.types import (
    Balance,
    CancelOrder,
    Catalogue,
    NewOrder,
    OrderUpdate,
    OrdStatus,
    RejectReason,
    Side,
    Tif,
    plain,
)
from arbkit_okx import codes
from arbkit_okx.wire import VENUE, AccountRow, AckRow, FillRow, OrderRow

_ZERO = Decimal(0)
_STATES = {
    "live": OrdStatus.NEW,
    "partially_filled": OrdStatus.PARTIALLY_FILLED,
    "filled": OrdStatus.FILLED,
    "canceled": OrdStatus.CANCELED,
    "mmp_canceled": OrdStatus.EXPIRED,
}
_BY_USER = "1"
"""``cancelSource`` of an order that its owner cancelled, also of a resting post-only order."""
_SIDES = {"buy": Side.BUY, "sell": Side.SELL}
_TIFS = {Tif.GTC: "limit", Tif.IOC: "ioc", Tif.FOK: "fok"}


def instrument_id(catalogue: Catalogue, native: str) -> str:
    """Our instrument id. OKX spot names are BASE-QUOTE, so it is right also for names that are not in the catalogue."""
    instrument = catalogue.native(VENUE, native)
    return instrument.id if instrument is not None else f"{VENUE}:{native}"


def native(catalogue: Catalogue, instrument: str) -> str:
    """OKX's name. Orders of an earlier run may be queried before the catalogue arrives, or after a delisting."""
    known = catalogue.get(instrument)
    return known.native if known is not None else instrument.partition(":")[2]


def order_update(row: OrderRow, account: str, catalogue: Catalogue, source: str, now_ns: int) -> OrderUpdate:
    """One order row. A push contains the fill that caused it; a polled row only repeats the last fill, without its
    fee."""
    status = _STATES.get(row.state, OrdStatus.UNKNOWN)
    cum = number(row.acc_fill_sz) if row.acc_fill_sz else None
    reason = None
    by_itself = row.ord_type in ("ioc", "fok", "optimal_limit_ioc", "post_only") and row.cancel_source != _BY_USER
    if status is OrdStatus.CANCELED and by_itself:
        status = OrdStatus.EXPIRED
        if not cum:
            reason = RejectReason.POST_ONLY if row.ord_type == "post_only" else RejectReason.NO_MATCH
    fill = source == "stream" and row.trade_id not in ("", "0") and number(row.fill_sz) > 0
    return OrderUpdate(
        account=account,
        instrument=instrument_id(catalogue, row.inst_id),
        cl_ord_id=row.cl_ord_id,
        order_id=row.ord_id,
        ord_status=status,
        side=_SIDES.get(row.side),
        px=number(row.px) if row.px else None,
        qty=number(row.sz) if row.sz else None,
        cum_qty=cum,
        last_px=number(row.fill_px) if fill else _ZERO,
        last_qty=number(row.fill_sz) if fill else _ZERO,
        trade_id=row.trade_id if fill else "",
        fee=-number(row.fill_fee) if fill and row.fill_fee else None,
        fee_asset=row.fill_fee_ccy if fill else "",
        maker=fill and row.exec_type == "M",
        reason=reason,
        text=f"cancelSource {row.cancel_source}" if row.cancel_source else "",
        source=source,
        exch_ns=ms_ns(row.u_time),
        recv_ns=now_ns,
    )


def fill_update(row: FillRow, account: str, catalogue: Catalogue, now_ns: int) -> OrderUpdate:
    """One row of the fills listing."""
    return OrderUpdate(
        account=account,
        instrument=instrument_id(catalogue, row.inst_id),
        cl_ord_id=row.cl_ord_id,
        order_id=row.ord_id,
        ord_status=OrdStatus.PARTIALLY_FILLED,
        side=_SIDES.get(row.side),
        last_px=number(row.fill_px),
        last_qty=number(row.fill_sz),
        trade_id=row.trade_id,
        fee=-number(row.fee) if row.fee else None,
        fee_asset=row.fee_ccy,
        maker=row.exec_type == "M",
        source="poll",
        exch_ns=ms_ns(row.ts),
        recv_ns=now_ns,
    )


def balances(rows: Sequence[AccountRow], account: str, margin: bool, snapshot: bool, now_ns: int) -> list[Balance]:
    """Free is ``availBal``, or ``availEq`` in the margin modes."""
    return [
        Balance(
            account=account,
            asset=row.ccy,
            free=number(row.avail_eq if margin else row.avail_bal),
            locked=number(row.frozen_bal),
            snapshot=snapshot,
            exch_ns=ms_ns(row.u_time),
            recv_ns=now_ns,
        )
        for account_row in rows
        for row in account_row.details
    ]


def order_answer(
    account: str, instrument: str, cl_ord_id: str, code: str, msg: str, rows: Sequence[AckRow], now_ns: int
) -> OrderUpdate:
    """The venue's answer to a new order; the item's own code is used if there is one."""
    row = rows[0] if rows else AckRow()
    code = row.s_code or (code if code != "0" else "no item")
    status, reason = codes.verdict(code)
    return OrderUpdate(
        account=account,
        instrument=instrument,
        cl_ord_id=cl_ord_id,
        order_id=row.ord_id,
        ord_status=status,
        reason=reason,
        text="" if code == "0" else f"{code} {row.s_msg or msg}".strip(),
        source="ack",
        exch_ns=ms_ns(row.ts),
        recv_ns=now_ns,
    )


def cancel_answer(
    account: str, instrument: str, cl_ord_id: str, code: str, msg: str, rows: Sequence[AckRow], now_ns: int
) -> OrderUpdate:
    """The venue's answer to a cancel. Success means that the order exists; its end is reported as ``canceled``."""
    row = rows[0] if rows else AckRow()
    code = row.s_code or code
    reason = None if code == "0" else RejectReason.UNKNOWN_ORDER if code in codes.GONE else codes.REJECTS.get(code)
    return OrderUpdate(
        account=account,
        instrument=instrument,
        cl_ord_id=cl_ord_id,
        order_id=row.ord_id,
        ord_status=OrdStatus.NEW if code == "0" else OrdStatus.UNKNOWN,
        reason=reason,
        about_cancel=code != "0",
        text="" if code == "0" else f"{code} {row.s_msg or msg}".strip(),
        source="ack",
        exch_ns=ms_ns(row.ts),
        recv_ns=now_ns,
    )


def order_params(what: NewOrder, trade_mode: str) -> dict[str, str]:
    """All parameters of a new order except the instrument."""
    return {
        "tdMode": trade_mode,
        "side": what.side.value,
        "ordType": "post_only" if what.post_only else _TIFS[what.tif],
        "px": plain(what.px),
        "sz": plain(what.qty),
        "clOrdId": what.cl_ord_id,
    }


def cancel_params(what: CancelOrder) -> dict[str, str]:
    return {"ordId": what.order_id} if what.order_id else {"clOrdId": what.cl_ord_id}
