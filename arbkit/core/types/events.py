"""Events: what a session says. A closed union; each event carries ids, never objects.

Events compare with ``==``, hash fast and print well.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from enum import Enum
from typing import TypeAlias

from msgspec import Struct

from arbkit.core.types.market import Instrument, Level, Side

__all__ = [
    "AssetStatus",
    "Balance",
    "BookLost",
    "BookUpdate",
    "ClockSample",
    "Event",
    "FeeUpdate",
    "Fill",
    "InstrumentUpdate",
    "Listing",
    "NoAnswer",
    "Notice",
    "OrdStatus",
    "OrderAbsent",
    "OrderUpdate",
    "RateReport",
    "Ready",
    "RejectReason",
    "TopUpdate",
    "Trade",
]


class OrdStatus(Enum):
    """FIX OrdStatus(39), and UNKNOWN: an outcome nobody has proved yet. UNKNOWN counts as full exposure."""

    PENDING_NEW = "pending_new"
    """The intent is written; nothing has answered."""
    NEW = "new"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    """Ended by the venue: the rest of an IOC or FOK, self-trade prevention, a price band."""
    REJECTED = "rejected"
    UNKNOWN = "unknown"

    @property
    def terminal(self) -> bool:
        return self in _TERMINAL


_TERMINAL = frozenset({OrdStatus.FILLED, OrdStatus.CANCELED, OrdStatus.EXPIRED, OrdStatus.REJECTED})


class RejectReason(Enum):
    """FIX OrdRejReason(103) in words: why a definitive "no" was said."""

    INSUFFICIENT_FUNDS = "insufficient_funds"
    BAD_PRICE = "bad_price"
    """Tick, band or precision."""
    BAD_QTY = "bad_qty"
    """Lot, minimum, maximum or precision."""
    MIN_NOTIONAL = "min_notional"
    DUPLICATE = "duplicate"
    """The client id is taken: the first copy landed. Never a reason to try again; query."""
    POST_ONLY = "post_only"
    NO_MATCH = "no_match"
    """An IOC or FOK that found nothing."""
    THROTTLED = "throttled"
    """Too many requests. The venue may have taken a new order all the same: never a reason to try again; query."""
    CLOCK = "clock"
    """Outside the venue's time window, or past its own expiry: not executed."""
    AUTH = "auth"
    """Key, signature, permission, address or environment: fatal for the account."""
    INSTRUMENT = "instrument"
    """Halted, unknown or closed to this account."""
    UNKNOWN_ORDER = "unknown_order"
    """A cancel or replace that found no open order: ask for the final state."""
    GATE = "gate"
    """Refused here, before a byte left."""
    OTHER = "other"

    @property
    def definite(self) -> bool:
        """A new order refused for this reason does not exist: REJECTED. For any other reason it may: UNKNOWN."""
        return self not in (RejectReason.DUPLICATE, RejectReason.THROTTLED)


class BookUpdate(Struct, frozen=True, gc=False):
    """Absolute sizes; 0 deletes. ``snapshot`` replaces the whole book and gives it a new epoch."""

    instrument: str
    bids: Sequence[Level]
    asks: Sequence[Level]
    snapshot: bool = False
    seq: int = 0
    """The venue's sequence number after this update, 0 where there is none."""
    exch_ns: int = 0
    recv_ns: int = 0
    depth: int = 0
    """Levels a side that the venue vouches for, 0 = all it sends. Given with a snapshot."""


class BookLost(Struct, frozen=True, gc=False):
    """The book may be wrong from now on: not to be traded on until a snapshot."""

    instrument: str
    reason: str
    recv_ns: int = 0


class TopUpdate(Struct, frozen=True, gc=False):
    """Best bid and ask from a faster stream of the same id space: overlays the book while ``seq`` is newer."""

    instrument: str
    bid: Level
    ask: Level
    seq: int
    exch_ns: int = 0
    recv_ns: int = 0


class Trade(Struct, frozen=True, gc=False):
    instrument: str
    side: Side
    """The aggressor's."""
    px: float
    qty: float
    trade_id: str = ""
    exch_ns: int = 0
    recv_ns: int = 0


class OrderUpdate(Struct, frozen=True, gc=False, kw_only=True):
    """FIX ExecutionReport. One per fill; a report without a fill has ``last_qty`` 0.

    It may come from a stream, an ack or a poll, late, twice or out of order: ``core.orders.orders`` sorts that out.
    ``ord_status`` UNKNOWN says that the venue itself did not tell (a timeout code, a throttle, a 5xx).
    """

    account: str
    instrument: str
    cl_ord_id: str
    """Ours, unwrapped. A foreign order has its own id or "", as the venue tells: an id that is not ours proves that it
    is not our order, "" proves nothing."""
    ord_status: OrdStatus
    order_id: str = ""
    side: Side | None = None
    px: Decimal | None = None
    qty: Decimal | None = None
    cum_qty: Decimal | None = None
    """All that has filled, where this report tells it."""
    last_px: Decimal = Decimal(0)
    last_qty: Decimal = Decimal(0)
    trade_id: str = ""
    fee: Decimal | None = None
    """Of this fill: positive = paid, negative = rebate; None = not told here."""
    fee_asset: str = ""
    maker: bool = False
    reason: RejectReason | None = None
    text: str = ""
    """The venue's own words and code."""
    about_cancel: bool = False
    """The "no" (reason UNKNOWN_ORDER, THROTTLED, ...) answers a cancel or replace, not the order."""
    source: str = "stream"
    """``stream``, ``ack`` or ``poll``."""
    exch_ns: int = 0
    recv_ns: int = 0


class OrderAbsent(Struct, frozen=True, gc=False):
    """The venue says it knows no such order *now*: evidence, not proof (replicas lag)."""

    account: str
    instrument: str
    cl_ord_id: str
    recv_ns: int = 0


class Fill(Struct, frozen=True, gc=False, kw_only=True):
    """One execution, booked once: the key is (account, instrument, trade_id)."""

    account: str
    instrument: str
    cl_ord_id: str
    order_id: str
    trade_id: str
    side: Side
    px: Decimal
    qty: Decimal
    fee: Decimal
    fee_asset: str
    maker: bool = False
    exch_ns: int = 0


class Listing(Struct, frozen=True, gc=False, kw_only=True):
    """A complete answer to "what is there": open orders, or fills since ``since_ns``."""

    account: str
    kind: str
    """``open_orders`` or ``fills``."""
    instrument: str = ""
    """Restricted to one instrument, or "" for all."""
    updates: Sequence[OrderUpdate] = ()
    since_ns: int = 0
    complete: bool = True
    """False: the venue cut the list; absence from it proves nothing."""
    recv_ns: int = 0


class NoAnswer(Struct, frozen=True, gc=False):
    """A request that got no usable answer."""

    reason: str
    sent: bool = True
    """False only when provably no byte left."""
    status: int = 0
    """The HTTP status, where there was one."""
    retry_ns: int = 0
    """Not before this time, where the venue told."""
    recv_ns: int = 0


class Balance(Struct, frozen=True, gc=False, kw_only=True):
    account: str
    asset: str
    free: Decimal
    locked: Decimal = Decimal(0)
    snapshot: bool = False
    """Part of a full listing."""
    exch_ns: int = 0
    recv_ns: int = 0


class FeeUpdate(Struct, frozen=True, gc=False):
    """The account's own rates as fractions (0.001 = 10 bps; negative = rebate)."""

    account: str
    instrument: str
    maker: Decimal
    taker: Decimal


class InstrumentUpdate(Struct, frozen=True, gc=False):
    instrument: Instrument


class AssetStatus(Struct, frozen=True, gc=False):
    """Whether an asset can be moved; None = the venue does not tell."""

    venue: str
    asset: str
    deposit: bool | None
    withdraw: bool | None


class ClockSample(Struct, frozen=True, gc=False):
    """The venue's clock is ours + ``offset_ns``, give or take ``error_ns``."""

    venue: str
    offset_ns: int
    error_ns: int
    recv_ns: int = 0


class RateReport(Struct, frozen=True, gc=False, kw_only=True):
    """What the venue says of a limit: used and limit from headers, or "nothing until" after a 429 or a ban."""

    venue: str
    bucket: str
    """A ``RateLimit.bucket``, with ``:key`` where it is kept per key; "*" = everything at this venue."""
    used: int | None = None
    limit: int | None = None
    until_ns: int = 0
    recv_ns: int = 0


class Notice(Struct, frozen=True, gc=False):
    """Something a person should read. ``going_away``: the venue will close this link, dial a new one now."""

    venue: str
    text: str
    going_away: bool = False
    recv_ns: int = 0


class Ready(Struct, frozen=True, gc=False):
    """This link can do its work: subscribed (public), streaming (private), logged in (trade)."""

    link: str
    recv_ns: int = 0


Event: TypeAlias = (
    BookUpdate
    | BookLost
    | TopUpdate
    | Trade
    | OrderUpdate
    | OrderAbsent
    | Listing
    | NoAnswer
    | Balance
    | FeeUpdate
    | InstrumentUpdate
    | AssetStatus
    | ClockSample
    | RateReport
    | Notice
    | Ready
)
