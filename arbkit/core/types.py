"""The nouns: what flows from a venue to a strategy and back.

Prices and sizes are float64 from the wire to the strategy, and ``Decimal`` from the executor on.
Time is int nanoseconds: ``recv_ns`` is ours, ``exch_ns`` the venue's (0 where it tells none).
An *instrument id* is ``venue:SYMBOL`` (``binance:BTC-USDT``), an *account id* ``venue:name`` (``binance:main``);
events carry ids, never objects, so that they compare with ``==``, hash fast and print well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from enum import Enum
from typing import Annotated, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType

__all__ = [
    "UNSET",
    "Ask",
    "AskKind",
    "AssetStatus",
    "Balance",
    "BookLost",
    "BookState",
    "BookUpdate",
    "CancelAll",
    "CancelOrder",
    "Capabilities",
    "Catalogue",
    "ClientIdScope",
    "ClockSample",
    "Command",
    "Dial",
    "Event",
    "FeeUpdate",
    "Fill",
    "Funding",
    "HttpAnswer",
    "HttpRequest",
    "Instrument",
    "InstrumentUpdate",
    "Lane",
    "Leg",
    "Level",
    "LinkChange",
    "LinkSpec",
    "ListFills",
    "ListOpenOrders",
    "Listing",
    "Mode",
    "NewOrder",
    "NoAnswer",
    "Notice",
    "Opportunity",
    "OrdStatus",
    "OrderAbsent",
    "OrderUpdate",
    "Output",
    "Px",
    "Purpose",
    "Qty",
    "QueryOrder",
    "RateLimit",
    "RateReport",
    "Ready",
    "RejectReason",
    "ReplaceOrder",
    "Role",
    "Secret",
    "Send",
    "Side",
    "Tif",
    "TopUpdate",
    "Trade",
    "UnsetType",
    "VenueSettings",
    "Wire",
    "plain",
]

Px: TypeAlias = Annotated[float, Meta(gt=0, lt=1e15)]
"""A price on the wire, quoted or not: decode with ``strict=False``. NaN, infinity, zero and negatives are refused."""
Qty: TypeAlias = Annotated[float, Meta(ge=0, lt=1e15)]
"""A size on the wire; 0 (also "-0" and underflow) deletes a level."""


class Side(Enum):
    """FIX Side(54)."""

    BUY = "buy"
    SELL = "sell"

    @property
    def opposite(self) -> Side:
        return Side.SELL if self is Side.BUY else Side.BUY


class Tif(Enum):
    """FIX TimeInForce(59)."""

    GTC = "gtc"
    IOC = "ioc"
    FOK = "fok"


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


class BookState(Enum):
    SYNCING = "syncing"
    SYNCED = "synced"
    STALE = "stale"
    LOST = "lost"


class Mode(Enum):
    """What the gate lets through: everything, only what lowers exposure, or cancels and queries alone."""

    ACTIVE = "active"
    REDUCING = "reducing"
    HALTED = "halted"


class Role(Enum):
    """What a link is for. A REST link has no socket and never dies."""

    PUBLIC = "public"
    PRIVATE = "private"
    TRADE = "trade"
    REST = "rest"


class Lane(Enum):
    """Who goes first when tokens are short; the value is the share of a bucket that a lane may use up to."""

    CANCEL = 1.0
    HEDGE = 0.98
    QUERY = 0.95
    ORDER = 0.85
    READ = 0.6


class Purpose(Enum):
    ENTRY = "entry"
    HEDGE = "hedge"
    UNWIND = "unwind"


class Secret(str):
    """Wire text that holds a secret. It is the text for the wire, and ``***`` wherever it is shown.

    ``str(secret)`` and formatting give ``***``, and msgspec refuses to encode it; ``reveal()`` at the socket only.
    """

    __slots__ = ()

    def reveal(self) -> str:
        """The text itself."""
        return "".join(self)

    def __repr__(self) -> str:
        return "***"

    def __str__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return "***"


def plain(value: Decimal) -> str:
    """Decimal text as venues want it: never an exponent, no trailing zeros (``str(Decimal("1E-8"))`` is a trap)."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


class Level(Struct, array_like=True, frozen=True, gc=False):
    """One price level; ``[px, qty, ...]`` on the wire decodes straight into it and further columns are ignored."""

    px: Px
    qty: Qty


# --- reference data -------------------------------------------------------------------------------------------------


class Instrument(Struct, frozen=True, gc=False, kw_only=True):
    """What can be traded and by which rules. Rules are exact; a rule that the venue lacks is 0 (minimum) or None."""

    venue: str
    symbol: str
    """Canonical ``BASE-QUOTE``; perpetuals ``BASE-QUOTE-PERP``."""
    native: str
    """The venue's own name, as on its wire."""
    base: str
    quote: str
    tick: Decimal
    lot: Decimal
    min_qty: Decimal = Decimal(0)
    max_qty: Decimal | None = None
    min_notional: Decimal = Decimal(0)
    max_notional: Decimal | None = None
    tradable: bool = True
    status: str = ""
    """The venue's word for it."""
    venue_ref: str = ""
    """A second id some wires want (OKX ``instIdCode``)."""
    fee_group: str = ""
    kind: str = "spot"
    multiplier: Decimal = Decimal(1)
    settle: str = ""
    inverse: bool = False

    @property
    def id(self) -> str:
        return f"{self.venue}:{self.symbol}"

    def quantize_px(self, px: float | Decimal, side: Side) -> Decimal:
        """The price on the tick, rounded toward safety: a buy never pays more, a sell never asks less."""
        return _step(px, self.tick, ROUND_FLOOR if side is Side.BUY else ROUND_CEILING)

    def quantize_qty(self, qty: float | Decimal) -> Decimal:
        """The size on the lot, rounded down; 0 when less than one lot is left."""
        return _step(qty, self.lot, ROUND_FLOOR)


def _step(value: float | Decimal, step: Decimal, rounding: str) -> Decimal:
    exact = value if isinstance(value, Decimal) else Decimal(repr(value))
    if not step:
        return exact
    return (exact / step).quantize(Decimal(1), rounding=rounding) * step


class Catalogue:
    """The instruments known now, by id and by each venue's own name."""

    __slots__ = ("_by_id", "_by_native")

    def __init__(self, instruments: Iterable[Instrument] = ()) -> None:
        self._by_id: dict[str, Instrument] = {}
        self._by_native: dict[tuple[str, str], Instrument] = {}
        for instrument in instruments:
            self.add(instrument)

    def add(self, instrument: Instrument) -> None:
        """Learn an instrument, or its changed rules."""
        self._by_id[instrument.id] = instrument
        self._by_native[instrument.venue, instrument.native] = instrument

    def __getitem__(self, instrument_id: str) -> Instrument:
        return self._by_id[instrument_id]

    def __contains__(self, instrument_id: str) -> bool:
        return instrument_id in self._by_id

    def __iter__(self) -> Iterator[Instrument]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    def get(self, instrument_id: str) -> Instrument | None:
        return self._by_id.get(instrument_id)

    def native(self, venue: str, name: str) -> Instrument | None:
        """The instrument that ``venue`` calls ``name``."""
        return self._by_native.get((venue, name))

    def venue(self, venue: str) -> list[Instrument]:
        """All of one venue."""
        return [instrument for instrument in self._by_id.values() if instrument.venue == venue]

    def symbol(self, symbol: str) -> list[Instrument]:
        """One canonical symbol on every venue that has it, in the order the venues were loaded."""
        return [instrument for instrument in self._by_id.values() if instrument.symbol == symbol]


# --- events: what a session says ------------------------------------------------------------------------------------


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


class Funding(Struct, frozen=True, gc=False):
    instrument: str
    rate: float
    next_ns: int
    recv_ns: int = 0


class OrderUpdate(Struct, frozen=True, gc=False, kw_only=True):
    """FIX ExecutionReport. One per fill; a report without a fill has ``last_qty`` 0.

    It may come from a stream, an ack or a poll, late, twice or out of order: ``core.orders`` sorts that out.
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


class LinkChange(Struct, frozen=True, gc=False):
    link: str
    up: bool
    reason: str = ""
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
    | Funding
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
    | LinkChange
    | Ready
)


# --- commands: what the engine wants --------------------------------------------------------------------------------


class NewOrder(Struct, frozen=True, gc=False, kw_only=True):
    """FIX NewOrderSingle. Exact: price and size already stand on tick and lot."""

    account: str
    instrument: str
    cl_ord_id: str
    side: Side
    qty: Decimal
    px: Decimal
    tif: Tif = Tif.IOC
    post_only: bool = False
    reduce_only: bool = False
    deadline_ns: int = 0
    """Our time after which the venue must not execute it (0 = the venue's own window)."""
    deal: int = 0
    leg: int = 0
    purpose: Purpose = Purpose.ENTRY


class CancelOrder(Struct, frozen=True, gc=False, kw_only=True):
    account: str
    instrument: str
    cl_ord_id: str
    order_id: str = ""


class ReplaceOrder(Struct, frozen=True, gc=False, kw_only=True):
    account: str
    instrument: str
    cl_ord_id: str
    new_cl_ord_id: str
    qty: Decimal
    px: Decimal
    order_id: str = ""


class CancelAll(Struct, frozen=True, gc=False, kw_only=True):
    account: str
    instrument: str = ""


class QueryOrder(Struct, frozen=True, gc=False, kw_only=True):
    account: str
    instrument: str
    cl_ord_id: str
    order_id: str = ""


class ListOpenOrders(Struct, frozen=True, gc=False, kw_only=True):
    account: str
    instrument: str = ""


class ListFills(Struct, frozen=True, gc=False, kw_only=True):
    account: str
    instrument: str
    since_ns: int = 0
    order_id: str = ""


Command: TypeAlias = NewOrder | ReplaceOrder | CancelOrder | CancelAll | QueryOrder | ListOpenOrders | ListFills


# --- asks and wires: how a session talks to the outside -------------------------------------------------------------


class AskKind(Enum):
    CATALOGUE = "catalogue"
    SNAPSHOT = "snapshot"
    TOKEN = "token"  # noqa: S105 - a kind of ask, not a password
    TIME = "time"
    FEES = "fees"
    BALANCES = "balances"
    ASSETS = "assets"
    ORDER = "order"
    """The second place to look for an order (``ref`` = its client id) that a ``QueryOrder`` did not find."""


class Ask(Struct, frozen=True, gc=False, kw_only=True):
    """A read that a session (or the desk) wants done. The gateway grants, sends, times out and repeats it.

    The REST session of the account encodes it; whoever asked gets the answer in ``answered``.
    Order queries and listings are commands (``QueryOrder``, ``ListOpenOrders``, ``ListFills``) and travel the same way.
    """

    kind: AskKind
    instrument: str = ""
    ref: str = ""
    """Free for the asker: a page cursor, an attempt number."""
    lane: Lane = Lane.READ
    not_before_ns: int = 0
    """Do not send earlier (a snapshot asked again, with growing delay)."""


class Send(Struct, frozen=True, gc=False):
    """Text for the link that this session speaks on (login, subscription, ping)."""

    data: str | Secret
    cost: int = 1
    """Messages it counts as under the venue's per-connection limit."""


class HttpRequest(Struct, frozen=True, gc=False):
    """One REST call; ``url`` is whole. A signed URL or header value is a ``Secret``."""

    method: str
    url: str
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""


class HttpAnswer(Struct, frozen=True, gc=False):
    """A whole answer, whatever its status. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    sent_ns: int = 0
    recv_ns: int = 0


class Dial(Struct, frozen=True, gc=False):
    """Where to connect. A url or header value with a token in it is a ``Secret``."""

    url: str
    headers: Sequence[tuple[str, str]] = ()
    deflate: bool = False
    """Offer permessage-deflate: fewer bytes for more time; only where the venue's volume asks for it."""


Wire: TypeAlias = Send | HttpRequest
Output: TypeAlias = Event | Ask | Send


# --- what a venue declares ------------------------------------------------------------------------------------------


class RateLimit(Struct, frozen=True, gc=False):
    """``limit`` units in ``window_ns``. A cost names it as ``bucket``, or ``bucket:key`` where it is kept per key.

    The bucket ``connections`` is counted when a link is dialled; no cost names it."""

    bucket: str
    limit: int
    window_ns: int
    scope: str = "ip"
    """``ip``, ``account`` or ``link``."""


class LinkSpec(Struct, frozen=True, gc=False, kw_only=True):
    """One link to hold: a socket, or (role REST) the account's request channel."""

    link: str
    """Unique and stable: ``binance.public.0``, ``binance.main.trade``."""
    venue: str
    role: Role
    account: str = ""
    instruments: Sequence[str] = ()
    send_limit: RateLimit | None = None
    """Client messages on this socket."""
    silence_ns: int = 30_000_000_000
    """The socket counts as dead after so long without a byte (pings and pongs are bytes)."""
    quiet_ns: int = 0
    """The subscription counts as dead after so long without data of any of its instruments (0 = no such promise)."""


class ClientIdScope(Enum):
    """How long a client order id stays taken: the truth that idempotency may lean on."""

    ALWAYS = "always"
    WINDOW = "window"
    OPEN_ONLY = "open_only"
    NONE = "none"


class Capabilities(Struct, frozen=True, gc=False, kw_only=True):
    """What the venue really guarantees; the weaker of two readings until proved."""

    client_id_scope: ClientIdScope
    order_window_ns: int
    """An order not executed within this time of its signing never will be (recvWindow, expTime)."""
    lookup_window_ns: int = 0
    """How long a finished order is found by client id; 0 = not at all."""
    lookup_lag_ns: int = 0
    """How long a fresh order may be missing from queries."""
    cancel_on_disconnect: bool = False
    dead_man_timer: bool = False
    fill_ids: bool = True
    ack_is_final: bool = False
    """The answer to a new order carries its final state and fills."""
    book_check: str = "sequence"
    """``sequence``, ``checksum`` or ``none``."""
    ws_orders: bool = True
    replace: bool = False
    batch: int = 1
    checked: str = ""
    """Date (ISO) at which this was compared with the venue's pages."""


class VenueSettings(Struct, frozen=True, gc=False, kw_only=True):
    """What an exchange class is made with."""

    environment: str = "prod"
    """``prod``, ``testnet``, ``demo`` or ``sim``."""
    endpoints: Mapping[str, str] = {}
    """Base URLs that replace the environment's: ``rest``, ``ws_public``, ``ws_private``, ``ws_trade``."""
    options: Mapping[str, str] = {}
    """The venue's own switches (book channel, regional host); an unknown one is a ``ConfigError``."""


# --- opportunities --------------------------------------------------------------------------------------------------


class Leg(Struct, frozen=True, gc=False, kw_only=True):
    """One side of an opportunity, in floats: the executor makes it exact."""

    instrument: str
    side: Side
    qty: float
    px: float
    """The worst price still worth taking: the last level walked, with the slippage allowance."""
    wave: int = 0
    maker: bool = False


class Opportunity(Struct, frozen=True, gc=False, kw_only=True):
    """A trade that a strategy proposes; ranked by ``expected_net``."""

    legs: Sequence[Leg]
    expected_net: float
    """In ``asset``, after fees, slippage allowance and latency penalty."""
    asset: str
    edge: float
    """expected_net over the notional."""
    seen_ns: int
    """The time of the event that showed it."""
    deadline_ns: int = 0
    note: str = ""
