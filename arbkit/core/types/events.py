"""Events: what a session returns to the desk. ``Event`` is the closed union of them.

An event refers to instruments, accounts and orders by id only. The texts of an event that a venue can fill are cut to
``LONGEST_TEXT`` characters; ids of an impossible length and numbers over 62 bits make it unreadable (``ValueError``).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from enum import Enum
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import force_setattr

from arbkit.core.types.market import Instrument, Level, Side
from arbkit.core.types.text import LONGEST_TEXT, check_ids, check_whole, cut

__all__ = [
    "AccountStatus",
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


def _cut(event: Struct, field: str, text: str) -> None:
    if len(text) > LONGEST_TEXT:
        force_setattr(event, field, cut(text))


class OrdStatus(Enum):
    """FIX OrdStatus(39), plus UNKNOWN: the outcome is not proved yet. UNKNOWN counts as full exposure."""

    PENDING_NEW = "pending_new"
    """The intent is in the journal; no report has arrived."""
    NEW = "new"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    """Ended by the venue: the unfilled part of an IOC or FOK, self-trade prevention, a price band."""
    REJECTED = "rejected"
    UNKNOWN = "unknown"

    @property
    def terminal(self) -> bool:
        return self in _TERMINAL


_TERMINAL = frozenset({OrdStatus.FILLED, OrdStatus.CANCELED, OrdStatus.EXPIRED, OrdStatus.REJECTED})


class RejectReason(Enum):
    """The reason of a definitive rejection; compare FIX OrdRejReason(103)."""

    INSUFFICIENT_FUNDS = "insufficient_funds"
    BAD_PRICE = "bad_price"
    """Tick, band or precision."""
    BAD_QTY = "bad_qty"
    """Lot, minimum, maximum or precision."""
    MIN_NOTIONAL = "min_notional"
    DUPLICATE = "duplicate"
    """The client order id is in use, so the first copy of the order arrived. Do not send again; query it."""
    POST_ONLY = "post_only"
    NO_MATCH = "no_match"
    """An IOC or FOK that could not match."""
    THROTTLED = "throttled"
    """Too many requests. The venue may still have accepted a new order. Do not send it again; query it."""
    CLOCK = "clock"
    """The request was outside the venue's time window or past its expiry; it was not executed."""
    AUTH = "auth"
    """Key, signature, permission, address or environment: fatal for the account."""
    INSTRUMENT = "instrument"
    """Halted, unknown or closed to this account."""
    UNKNOWN_ORDER = "unknown_order"
    """A cancel or replace found no open order; query the final state."""
    GATE = "gate"
    """Refused by our own gate; nothing was sent."""
    OTHER = "other"

    @property
    def definite(self) -> bool:
        """Whether this reason proves that a new order does not exist (REJECTED). Otherwise it is UNKNOWN."""
        return self not in (RejectReason.DUPLICATE, RejectReason.THROTTLED)


class BookUpdate(Struct, frozen=True, gc=False):
    """Absolute sizes per level; 0 deletes the level. ``snapshot`` replaces the whole book and starts a new epoch."""

    instrument: str
    bids: Sequence[Level]
    asks: Sequence[Level]
    snapshot: bool = False
    seq: int = 0
    """The venue's sequence number after this update, 0 where there is none."""
    exch_ns: int = 0
    recv_ns: int = 0
    depth: int = 0
    """Levels per side that the feed keeps up to date (0 = all that it sends). Set with a snapshot."""
    window: bool = False
    """The venue sends no delete for a level that falls out of ``depth``, and sends it anew when it comes back: levels
    beyond ``depth`` are dropped at once. Set with a snapshot."""


class BookLost(Struct, frozen=True, gc=False):
    """The book may be wrong from now on. It is not used for trading until the next snapshot."""

    instrument: str
    reason: str
    recv_ns: int = 0

    def __post_init__(self) -> None:
        _cut(self, "reason", self.reason)


class TopUpdate(Struct, frozen=True, gc=False):
    """Best bid and ask from a faster stream with the same sequence numbers. It overlays the book while its ``seq`` is
    newer."""

    instrument: str
    bid: Level
    ask: Level
    seq: int
    exch_ns: int = 0
    recv_ns: int = 0


class Trade(Struct, frozen=True, gc=False):
    """One trade (print) at a venue, of anybody."""

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

    It may come from a stream, an acknowledgement or a poll. It may be late, duplicated or out of order;
    ``core.orders.orders`` handles that. ``ord_status`` UNKNOWN: the venue did not report the outcome (a timeout code,
    a throttle, a 5xx).
    """

    account: str
    instrument: str
    cl_ord_id: str
    """Our id, without a venue's prefix. An order that is not ours has its own id or "". An id that is not ours proves
    that the order is not ours; so does "" in the answer to a query of the order (a poll without a fill). Elsewhere ""
    proves nothing."""
    ord_status: OrdStatus
    order_id: str = ""
    side: Side | None = None
    px: Decimal | None = None
    qty: Decimal | None = None
    cum_qty: Decimal | None = None
    """Total filled quantity; None if the report does not contain it."""
    last_px: Decimal = Decimal(0)
    last_qty: Decimal = Decimal(0)
    trade_id: str = ""
    fee: Decimal | None = None
    """Fee of this fill: positive = paid, negative = rebate, None = not in this report."""
    fee_asset: str = ""
    maker: bool = False
    reason: RejectReason | None = None
    text: str = ""
    """The venue's message and code."""
    lasting: bool = False
    """The refusal cannot change by itself: the same order would be refused again until somebody changes something."""
    extra_fees: Sequence[tuple[str, Decimal]] = ()
    """Taxes and the like beside ``fee``: (asset, amount paid) each."""
    about_cancel: bool = False
    """The rejection (UNKNOWN_ORDER, THROTTLED, ...) is about a cancel or replace, not about the order itself."""
    source: str = "stream"
    """``stream``, ``ack`` or ``poll``."""
    exch_ns: int = 0
    recv_ns: int = 0

    def __post_init__(self) -> None:
        check_ids(self.cl_ord_id, self.order_id, self.trade_id, self.instrument, self.fee_asset)
        for asset, _ in self.extra_fees:
            check_ids(asset)
        check_whole(self.exch_ns)
        _cut(self, "text", self.text)


class OrderAbsent(Struct, frozen=True, gc=False):
    """The venue answered that it does not know the order now. This is no proof of absence, because replicas lag."""

    account: str
    instrument: str
    cl_ord_id: str
    recv_ns: int = 0


class Fill(Struct, frozen=True, gc=False, kw_only=True):
    """One execution. It is booked once; the key is (account, instrument, trade_id)."""

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
    extra_fees: Sequence[tuple[str, Decimal]] = ()
    """Taxes and the like beside ``fee``: (asset, amount paid) each."""
    maker: bool = False
    exch_ns: int = 0

    @property
    def fees(self) -> Sequence[tuple[str, Decimal]]:
        """All that was paid for it, ``fee`` first: (asset, amount) each; negative = rebate."""
        return ((self.fee_asset, self.fee), *self.extra_fees) if self.fee else self.extra_fees


class Listing(Struct, frozen=True, gc=False, kw_only=True):
    """The answer to a listing request: open orders, or fills since ``since_ns``."""

    account: str
    kind: str
    """``open_orders`` or ``fills``."""
    instrument: str = ""
    """The instrument that was asked for, or "" for all."""
    updates: Sequence[OrderUpdate] = ()
    since_ns: int = 0
    complete: bool = True
    """False: the venue truncated the list, so absence from it proves nothing."""
    sent_ns: int = 0
    """When its first page was asked for (0 = when the request that this answers was sent)."""
    recv_ns: int = 0


class NoAnswer(Struct, frozen=True, gc=False):
    """The result of a request without a usable answer."""

    reason: str
    sent: bool = True
    """False only if it is certain that no byte was sent."""
    status: int = 0
    """The HTTP status, where there was one."""
    retry_ns: int = 0
    """Do not retry before this time (0 = the venue gave none)."""
    recv_ns: int = 0

    def __post_init__(self) -> None:
        check_whole(self.retry_ns)
        _cut(self, "reason", self.reason)


class Balance(Struct, frozen=True, gc=False, kw_only=True):
    account: str
    asset: str
    free: Decimal
    locked: Decimal = Decimal(0)
    snapshot: bool = False
    """Part of a full listing."""
    exch_ns: int = 0
    recv_ns: int = 0

    def __post_init__(self) -> None:
        check_ids(self.asset)
        check_whole(self.exch_ns)


class FeeUpdate(Struct, frozen=True, gc=False):
    """The account's own fee rates as fractions (0.001 = 10 bps; negative = rebate)."""

    account: str
    instrument: str
    maker: Decimal
    taker: Decimal


class InstrumentUpdate(Struct, frozen=True, gc=False):
    instrument: Instrument


class AssetStatus(Struct, frozen=True, gc=False):
    """Whether an asset can be deposited and withdrawn; None = the venue does not say."""

    venue: str
    asset: str
    deposit: bool | None
    withdraw: bool | None
    contracts: Sequence[str] = ()
    """Its contract address on each chain where it is a token, as far as the venue tells it. The end of an address (its
    last 6 characters or more) is enough. The engine compares them between venues: a ticker can mean two assets."""

    def __post_init__(self) -> None:
        check_ids(self.asset)


class AccountStatus(Struct, frozen=True, gc=False):
    """The venue's answer about the account and its key (mode, permissions). Trading waits for one without problem."""

    account: str
    problem: str = ""
    """What keeps this account from trading here, and what to change; "" = nothing."""
    warnings: Sequence[str] = ()
    """What a person should know: a key that expires, a key without address list."""
    withdraw: bool | None = None
    """Whether the key may withdraw or transfer money; None = the venue does not tell. Such a key does not trade."""
    rights: Sequence[str] = ()
    """What the key may do, in the venue's own words."""

    def __post_init__(self) -> None:
        _cut(self, "problem", self.problem)
        if any(len(warning) > LONGEST_TEXT for warning in self.warnings):
            force_setattr(self, "warnings", tuple(cut(warning) for warning in self.warnings))
        if any(len(right) > LONGEST_TEXT for right in self.rights):
            force_setattr(self, "rights", tuple(cut(right) for right in self.rights))


class ClockSample(Struct, frozen=True, gc=False):
    """The venue's clock is our clock plus ``offset_ns``, with an error of up to ``error_ns``."""

    venue: str
    offset_ns: int
    error_ns: int
    recv_ns: int = 0

    def __post_init__(self) -> None:
        check_whole(self.offset_ns, self.error_ns)


class RateReport(Struct, frozen=True, gc=False, kw_only=True):
    """State of a rate limit as reported by the venue: used and limit from headers, or ``until_ns`` (send nothing
    before it) after a 429 or a ban."""

    venue: str
    bucket: str
    """A ``RateLimit.bucket``, as ``bucket:key`` if it is counted per key; "*" = all limits of this venue."""
    used: int | None = None
    limit: int | None = None
    until_ns: int = 0
    recv_ns: int = 0

    def __post_init__(self) -> None:
        check_whole(self.used, self.limit, self.until_ns)


class Notice(Struct, frozen=True, gc=False):
    """A message for the operator. ``going_away``: the venue will close this link soon; the desk dials a new one now."""

    venue: str
    text: str
    going_away: bool = False
    recv_ns: int = 0

    def __post_init__(self) -> None:
        _cut(self, "text", self.text)


class Ready(Struct, frozen=True, gc=False):
    """The link is ready for use: subscribed (public), streaming (private) or logged in (trade)."""

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
    | AccountStatus
    | ClockSample
    | RateReport
    | Notice
    | Ready
)
