"""Converts Binance's orders, fills and errors to arbkit events, and commands to parameters. REST and WebSocket API use
it.

Codes: https://developers.binance.com/docs/binance-spot-api-docs/errors, enums: .../enums.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from msgspec import Struct

from arbkit.adapters.wire import MS, check_amount, own_id
from arbkit.core.types import (
    CancelOrder,
    Command,
    NewOrder,
    OrderAbsent,
    OrderUpdate,
    OrdStatus,
    Output,
    QueryOrder,
    RejectReason,
    Side,
    Tif,
    plain,
)
from arbkit_binance.limits import LIMITED

__all__ = [
    "ApiError",
    "Execution",
    "Fill",
    "MyTrade",
    "Report",
    "execution",
    "key_params",
    "order_params",
    "query_failed",
    "refused",
    "reject_reason",
    "report",
    "window_ms",
]

_STATUS = {
    "NEW": OrdStatus.NEW,
    "PENDING_NEW": OrdStatus.NEW,
    "PARTIALLY_FILLED": OrdStatus.PARTIALLY_FILLED,
    "FILLED": OrdStatus.FILLED,
    "CANCELED": OrdStatus.CANCELED,
    "REJECTED": OrdStatus.REJECTED,
    "EXPIRED": OrdStatus.EXPIRED,
    "EXPIRED_IN_MATCH": OrdStatus.EXPIRED,
}
"""Any other status is UNKNOWN and must be queried (PENDING_CANCEL is documented as not used)."""
_SIDE = {"BUY": Side.BUY, "SELL": Side.SELL}
SIDE_WORD = {Side.BUY: "BUY", Side.SELL: "SELL"}
TIF_WORD = {Tif.GTC: "GTC", Tif.IOC: "IOC", Tif.FOK: "FOK"}


# --- refusals


class ApiError(Struct, gc=False):
    """``{"code", "msg"}``: the body over REST, ``error`` over the socket."""

    code: int
    msg: str = ""
    data: dict[str, object] | None = None


_REASONS = {
    -1003: RejectReason.THROTTLED,
    -1015: RejectReason.THROTTLED,
    -1021: RejectReason.CLOCK,
    -1022: RejectReason.AUTH,
    -2014: RejectReason.AUTH,
    -2015: RejectReason.AUTH,
    -1100: RejectReason.OTHER,
    -1102: RejectReason.OTHER,
    -1106: RejectReason.OTHER,
    -1121: RejectReason.INSTRUMENT,
}
"""The rejection reason of each code. A code that is not here proves nothing. A throttle does not prove that a new order
was not executed."""

_FILTERS = (
    ("MIN_NOTIONAL", RejectReason.MIN_NOTIONAL),
    ("NOTIONAL", RejectReason.MIN_NOTIONAL),
    ("LOT_SIZE", RejectReason.BAD_QTY),
    ("PRICE", RejectReason.BAD_PRICE),
    ("quantity", RejectReason.BAD_QTY),
    ("price", RejectReason.BAD_PRICE),
)
"""The texts of -1013 and -1111 contain the name of the filter or the parameter."""

_NEW_ORDER = (
    ("insufficient balance", RejectReason.INSUFFICIENT_FUNDS),
    ("Duplicate order", RejectReason.DUPLICATE),
    ("immediately match", RejectReason.POST_ONLY),
    ("Market is closed", RejectReason.INSTRUMENT),
    ("may not", RejectReason.AUTH),
)
"""The reason of -2010 is recognized by its text."""


def reject_reason(error: ApiError) -> RejectReason | None:
    """The reason of a definitive rejection; None if the code proves nothing."""
    known = _REASONS.get(error.code)
    if known is not None:
        return known
    if error.code in (-1013, -1111):
        return next((reason for word, reason in _FILTERS if word in error.msg), RejectReason.OTHER)
    if error.code == -2010:
        return next((reason for word, reason in _NEW_ORDER if word in error.msg), RejectReason.OTHER)
    if error.code == -2011:
        return RejectReason.UNKNOWN_ORDER
    return None


def refused(
    kind: type[Command], account: str, instrument: str, cl_ord_id: str, error: ApiError, status: int, now_ns: int
) -> Sequence[OrderUpdate]:
    """The update for an error in answer to a new order or a cancel.

    5xx and unlisted codes prove nothing. A rate limit, a ban and the firewall prove nothing about a new order."""
    reason = reject_reason(error) if status < 500 else None
    text = f"{error.code} {error.msg}"
    if kind is CancelOrder:
        if reason is None:
            return ()
        return (
            OrderUpdate(
                account=account,
                instrument=instrument,
                cl_ord_id=cl_ord_id,
                ord_status=OrdStatus.UNKNOWN,
                reason=reason,
                text=text,
                about_cancel=True,
                source="ack",
                recv_ns=now_ns,
            ),
        )
    sure = reason is not None and reason.definite and status not in LIMITED
    return (
        OrderUpdate(
            account=account,
            instrument=instrument,
            cl_ord_id=cl_ord_id,
            ord_status=OrdStatus.REJECTED if sure else OrdStatus.UNKNOWN,
            reason=reason,
            text=text,
            source="ack",
            recv_ns=now_ns,
        ),
    )


def query_failed(
    account: str, instrument_id: str, cl_ord_id: str, error: ApiError, status: int, now_ns: int
) -> Sequence[Output]:
    """The outputs for an error in answer to a query. Unknown order: ``OrderAbsent``. Archived without a fill: final.
    Other codes and 5xx: nothing."""
    if status >= 500:
        return ()
    if error.code == -2013:
        return (OrderAbsent(account, instrument_id, cl_ord_id, now_ns),)
    if error.code == -2026:
        return (
            OrderUpdate(
                account=account,
                instrument=instrument_id,
                cl_ord_id=cl_ord_id,
                ord_status=OrdStatus.CANCELED,
                cum_qty=Decimal(0),
                text=f"{error.code} {error.msg}",
                source="poll",
                recv_ns=now_ns,
            ),
        )
    return ()


# --- answers


class Fill(Struct, gc=False):
    """One entry of ``fills`` in a FULL response."""

    price: Decimal
    qty: Decimal
    commission: Decimal
    commissionAsset: str  # noqa: N815 - the venue's spelling
    tradeId: int = -1  # noqa: N815

    def __post_init__(self) -> None:
        check_amount(self.price, self.qty, self.commission)


class Report(Struct, gc=False, rename="camel"):
    """An order in the answers to new orders, cancels, queries and listings."""

    symbol: str
    order_id: int
    status: str = ""
    client_order_id: str = ""
    orig_client_order_id: str = ""
    side: str = ""
    price: Decimal | None = None
    orig_qty: Decimal | None = None
    executed_qty: Decimal | None = None
    transact_time: int = 0
    update_time: int = 0
    fills: list[Fill] = []

    def __post_init__(self) -> None:
        check_amount(self.price, self.orig_qty, self.executed_qty)


class MyTrade(Struct, gc=False, rename="camel"):
    """A fill of ``GET /api/v3/myTrades``. It has no client order id."""

    symbol: str
    id: int
    order_id: int
    price: Decimal
    qty: Decimal
    commission: Decimal
    commission_asset: str
    time: int = 0
    is_buyer: bool = False
    is_maker: bool = False

    def __post_init__(self) -> None:
        check_amount(self.price, self.qty, self.commission)

    def update(self, account: str, instrument: str, now_ns: int) -> OrderUpdate:
        return OrderUpdate(
            account=account,
            instrument=instrument,
            cl_ord_id="",
            ord_status=OrdStatus.PARTIALLY_FILLED,
            order_id=str(self.order_id),
            side=Side.BUY if self.is_buyer else Side.SELL,
            last_px=self.price,
            last_qty=self.qty,
            trade_id=str(self.id),
            fee=self.commission,
            fee_asset=self.commission_asset,
            maker=self.is_maker,
            source="poll",
            exch_ns=self.time * MS,
            recv_ns=now_ns,
        )


def report(
    said: Report, account: str, instrument: str, now_ns: int, source: str, cl_ord_id: str = ""
) -> list[OrderUpdate]:
    """One update per fill, then the order's state. ``cl_ord_id``: of the request; if "", it is read from the answer."""
    cl_ord_id = cl_ord_id or own_id(said.orig_client_order_id or said.client_order_id)
    exch_ns = (said.transact_time or said.update_time) * MS
    order_id = str(said.order_id)
    side = _SIDE.get(said.side)
    updates = []
    cum = Decimal(0)
    for fill in said.fills:
        cum += fill.qty
        updates.append(
            OrderUpdate(
                account=account,
                instrument=instrument,
                cl_ord_id=cl_ord_id,
                ord_status=OrdStatus.PARTIALLY_FILLED,
                order_id=order_id,
                side=side,
                px=said.price,
                qty=said.orig_qty,
                cum_qty=cum,
                last_px=fill.price,
                last_qty=fill.qty,
                trade_id=str(fill.tradeId),
                fee=fill.commission,
                fee_asset=fill.commissionAsset,
                source=source,
                exch_ns=exch_ns,
                recv_ns=now_ns,
            )
        )
    updates.append(
        OrderUpdate(
            account=account,
            instrument=instrument,
            cl_ord_id=cl_ord_id,
            ord_status=_STATUS.get(said.status, OrdStatus.UNKNOWN),
            order_id=order_id,
            side=side,
            px=said.price,
            qty=said.orig_qty,
            cum_qty=said.executed_qty,
            text=said.status,
            source=source,
            exch_ns=exch_ns,
            recv_ns=now_ns,
        )
    )
    return updates


# --- the user stream


class Execution(Struct, gc=False):
    """``executionReport``. The letters are the venue's."""

    s: str
    c: str
    S: str
    q: Decimal
    p: Decimal
    x: str
    X: str
    i: int
    l: Decimal  # noqa: E741
    z: Decimal
    L: Decimal
    C: str = ""
    r: str = "NONE"
    n: Decimal | None = None
    N: str | None = None
    T: int = 0
    t: int = -1
    m: bool = False
    eR: str | int | None = None  # noqa: N815

    def __post_init__(self) -> None:
        check_amount(self.q, self.p, self.l, self.z, self.L, self.n)


def execution(said: Execution, account: str, instrument: str, now_ns: int) -> OrderUpdate:
    """A fill only for execution type TRADE. ``TRADE_PREVENTION`` reports a size that was not traded."""
    # for a cancel, c is the cancel's id and C is the order's id
    name = said.C or said.c
    status = _STATUS.get(said.X, OrdStatus.UNKNOWN)
    traded = said.x == "TRADE" and said.l > 0 and said.L > 0
    refusal = "" if said.r in ("", "NONE") else said.r
    return OrderUpdate(
        account=account,
        instrument=instrument,
        cl_ord_id=own_id(name),
        ord_status=status,
        order_id=str(said.i),
        side=_SIDE.get(said.S),
        px=said.p,
        qty=said.q,
        cum_qty=said.z,
        last_px=said.L if traded else Decimal(0),
        last_qty=said.l if traded else Decimal(0),
        trade_id=str(said.t) if traded and said.t >= 0 else "",
        fee=said.n if traded else None,
        fee_asset=(said.N or "") if traded else "",
        maker=said.m if traded else False,
        reason=_stream_reason(refusal) if status is OrdStatus.REJECTED else None,
        text=" ".join(str(word) for word in (said.X, refusal, said.eR or "") if word),
        exch_ns=said.T * MS,
        recv_ns=now_ns,
    )


def _stream_reason(word: str) -> RejectReason:
    if "INSUFFICIENT" in word:
        return RejectReason.INSUFFICIENT_FUNDS
    if word == "GTX_ORDER_REJECT" or "WOULD_MATCH" in word:
        return RejectReason.POST_ONLY
    return RejectReason.OTHER


# --- requests


def order_params(command: NewOrder, native: str) -> list[tuple[str, str]]:
    """Parameters of a new order, in the order in which REST signs them."""
    params = [
        ("symbol", native),
        ("side", SIDE_WORD[command.side]),
        ("newClientOrderId", command.cl_ord_id),
        ("newOrderRespType", "FULL"),
        ("type", "LIMIT_MAKER" if command.post_only else "LIMIT"),
        ("quantity", plain(command.qty)),
        ("price", plain(command.px)),
    ]
    if not command.post_only:
        params.append(("timeInForce", TIF_WORD[command.tif]))
    return params


def key_params(command: CancelOrder | QueryOrder, native: str) -> list[tuple[str, str]]:
    """The order's key: the venue's id if it is known (the fastest query), else our own id."""
    if command.order_id:
        return [("symbol", native), ("orderId", command.order_id)]
    return [("symbol", native), ("origClientOrderId", command.cl_ord_id)]


def window_ms(command: Command, longest_ms: int, now_ns: int) -> int:
    """``recvWindow`` in ms, after which the venue does not execute; limited to the order's own deadline."""
    if isinstance(command, NewOrder) and command.deadline_ns:
        return max(1, min(longest_ms, (command.deadline_ns - now_ns) // MS))
    return longest_ms
