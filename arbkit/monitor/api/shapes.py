"""The rows of the API: what a client reads, and the OpenAPI document is made from.

A topic is a table. A WebSocket client gets all its rows once (``Snapshot``) and then those that changed (``Changes``);
a GET of the topic returns the same rows. Times are whole microseconds since 1970 (``_us``), which a JavaScript number
holds exactly. Amounts are exact, as text. Prices of books, shares and edges are numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta, Struct

__all__ = [
    "TOPICS",
    "Acted",
    "Amount",
    "AskMode",
    "AskNow",
    "AskRelease",
    "AskVenue",
    "Balance",
    "Book",
    "Changes",
    "Deal",
    "Exposure",
    "Failure",
    "Fill",
    "Gain",
    "Ladder",
    "Latency",
    "Leg",
    "Limit",
    "Line",
    "Link",
    "Login",
    "Looked",
    "Order",
    "Session",
    "Snapshot",
    "Spread",
    "Stages",
    "Status",
    "Subscribe",
    "Topic",
    "Unsubscribe",
    "Venue",
]

Amount: TypeAlias = Annotated[str, Meta(pattern=r"^-?[0-9]+(\.[0-9]+)?$")]
"""Exact, in plain digits without an exponent."""
Modes = Literal["active", "reducing", "halted"]


class Status(Struct, frozen=True, kw_only=True):
    """The run now. One row."""

    at_us: int
    began_us: int
    kind: Literal["live", "paper", "demo"]
    version: str
    mode: Modes
    """Of everything; see ``restricted`` for venues and pairs."""
    why: str
    """Why the mode is not active."""
    restricted: Mapping[str, str]
    """Why a scope (a venue, or a pair) is not active, by scope."""
    idle: str
    """Why nothing is traded now; "" = nothing is in the way."""
    asset: str
    """The reporting asset of all gains and values."""
    marked: Amount | None
    """The gain of this run at present prices; None = a price is missing."""
    deals: Mapping[str, int]
    """Closed deals of this run by outcome."""
    open_deals: int
    held: int
    unresolved: int
    """Orders whose outcome is not proved."""
    books: int
    trusted: int
    """Trusted books."""
    messages: int
    """Received, of all links, since the start."""
    stopping: bool


class Link(Struct, frozen=True, kw_only=True):
    name: str
    role: Literal["public", "private", "trade", "rest"]
    up: bool
    messages: int
    messages_per_s: float
    bytes: int
    gaps: int
    reconnects: int
    transit_us: int | None
    """How much later than usual its last frame came."""


class Venue(Struct, frozen=True, kw_only=True):
    """Key: ``name``."""

    name: str
    environment: str
    """``production``, a testnet, ``sim``, or ``paper``."""
    why: str
    """Why it cannot trade; "" = it can."""
    mode: Modes
    links: Sequence[Link]
    clock_us: int | None
    """The venue's clock minus ours; None = not known yet."""
    clock_error_us: int | None
    latency_us: int
    """From an order sent to its first report, as used for the edge."""
    headroom: Mapping[str, float]
    """The free share (0 to 1) of each rate limit."""
    mishaps: int
    """Refusals and faults that count against its health."""
    books: int
    trusted: int


class Book(Struct, frozen=True, kw_only=True):
    """The best prices of a book. Key: ``instrument``."""

    instrument: str
    """``venue:SYMBOL``, as ``okx:BTC-USDT``."""
    state: str
    """``synced`` is trusted; any other is not traded on."""
    reason: str
    """Why it is not trusted; "" = it is."""
    bid_px: float | None
    bid_qty: float | None
    ask_px: float | None
    ask_qty: float | None
    age_us: int
    """Since its last update came, at the ``at_us`` of the message. A book that is quiet is told again each second."""
    updates: int
    levels: int
    """Of both sides."""


class Ladder(Struct, frozen=True, kw_only=True):
    """The levels of a book, the best first. Key: ``instrument``."""

    instrument: str
    state: str
    age_us: int
    bids: Sequence[tuple[float, float]]
    """(price, quantity)."""
    asks: Sequence[tuple[float, float]]


class Spread(Struct, frozen=True, kw_only=True):
    """The edge of a purchase at one venue and a sale at another, at the best prices, net of the taker fees of this
    account. Key: ``symbol``, ``buy``, ``sell``."""

    symbol: str
    buy: str
    """The venue of the purchase; likewise ``sell``."""
    sell: str
    gross: float | None
    """As a share of the price; None = a book is not trusted."""
    net: float | None
    notional: float | None
    """What the best levels carry, in the quote asset."""


class Looked(Struct, frozen=True, kw_only=True):
    """What became of the opportunities of one pair. Key: ``pair``."""

    pair: str
    """Its instruments, sorted and joined by "+"."""
    seen: int
    taken: int
    dropped: Mapping[str, int]
    """By reason: those that the engine did not take."""
    last_us: int | None
    edge: float | None
    """Of the last one, net, as a share of the price."""
    reason: str
    """Why it is not traded now: a short word; "" = nothing is in the way."""
    text: str
    """The same as a sentence."""


class Stages(Struct, frozen=True, kw_only=True):
    """Where the time of an order went, each in microseconds; None = not measured, or not there yet. They follow each
    other without a gap. A hedge has no ``wire_in``, ``decide`` and ``gate``: its ``sign`` begins with the report that
    caused it."""

    wire_in: float | None = None
    """From the venue's time stamp to the socket read, on the corrected clock."""
    decode: float | None = None
    """From the socket read to the events of a frame. One frame in 16 is timed, so that the others are not slower:
    without it, its time is in ``decide``; likewise ``book``."""
    book: float | None = None
    """To the books with these events."""
    decide: float | None = None
    """To the opportunity."""
    gate: float | None = None
    """Plan, reservation, gate and tokens."""
    sign: float | None = None
    """Journal, signature and encoding."""
    wire_out: float | None = None
    """To the transport."""
    ack: float | None = None
    """From then to the first report."""
    fill: float | None = None
    """From the first report to the end of an order that filled."""


class Leg(Struct, frozen=True, kw_only=True):
    instrument: str
    side: Literal["buy", "sell"]
    wave: int
    qty: Amount
    px: Amount
    """The limit price of its first order."""
    filled: Amount
    avg_px: Amount | None
    fees: Mapping[str, Amount]
    """Paid, by asset."""


class Order(Struct, frozen=True, kw_only=True):
    """Open, or ended a short while ago. Key: ``cl_ord_id``."""

    cl_ord_id: str
    order_id: str
    deal: str
    account: str
    instrument: str
    purpose: str
    """``entry``, ``hedge``, ``unwind``."""
    side: Literal["buy", "sell"]
    qty: Amount
    px: Amount
    tif: str
    channel: str
    """The role of the link that carried it."""
    status: str
    filled: Amount
    sent_us: int
    acked_us: int | None
    ended_us: int | None
    text: str
    """What the venue said to a refusal."""
    stages: Stages


class Deal(Struct, frozen=True, kw_only=True):
    """Open, or closed a short while ago. Key: ``id``."""

    id: str
    strategy: str
    pair: str
    state: str
    outcome: str | None
    why: str
    asset: str
    expected: Amount
    """Net gain, in ``asset``."""
    realised: Amount | None
    """None = it is open, or something has no price."""
    opened_us: int
    closed_us: int | None
    legs: Sequence[Leg]
    orders: Sequence[Order]


class Fill(Struct, frozen=True, kw_only=True):
    """Key: ``cl_ord_id``, ``trade_id``."""

    at_us: int
    cl_ord_id: str
    trade_id: str
    deal: str
    instrument: str
    side: Literal["buy", "sell"]
    qty: Amount
    px: Amount
    fees: Mapping[str, Amount]
    maker: bool


class Balance(Struct, frozen=True, kw_only=True):
    """Key: ``account``, ``asset``."""

    account: str
    asset: str
    total: Amount
    free: Amount
    """Neither in an order nor reserved."""
    value: Amount | None
    """In the reporting asset."""


class Exposure(Struct, frozen=True, kw_only=True):
    """What is naked of an asset: deals that are open, held, or have left something. Key: ``asset``."""

    asset: str
    open: Amount
    """Surplus of open deals, HELD ones included."""
    left: Amount
    """Carried from closed deals."""
    value: Amount | None
    cap: Amount | None


class Gain(Struct, frozen=True, kw_only=True):
    """A point of the curve: each five seconds of the newest hour, each minute of the 23 hours before; what is older is
    in the history. Key: ``at_us``."""

    at_us: int
    marked: Amount | None
    booked: Amount | None
    """Of closed deals, at present prices."""


class Limit(Struct, frozen=True, kw_only=True):
    """Key: ``name``, ``scope``."""

    name: str
    scope: str
    """"" = everything, a venue, an asset, or a pair."""
    used: Amount
    most: Amount | None


class Latency(Struct, frozen=True, kw_only=True):
    """A histogram. Key: ``stage``, ``venue``."""

    stage: str
    """``decode``, ``book``, ``decision``, ``tick_to_order``, ``durable``, ``ack``, or ``callback STRATEGY.HOOK``."""
    venue: str
    """Of ``ack``; "" = all."""
    bounds_us: Sequence[float]
    """Upper bounds of the buckets; the last bucket has none."""
    counts: Sequence[int]
    p50_us: float
    p95_us: float
    p99_us: float
    count: int


class Line(Struct, frozen=True, kw_only=True):
    """A line of the log for a person. Key: ``n``."""

    n: int
    at_us: int
    kind: str
    """``deal``, ``fault``, ``healed``, ``alarm`` or ``note``."""
    text: str


Topic = Literal[
    "status",
    "venues",
    "books",
    "ladders",
    "spreads",
    "opportunities",
    "deals",
    "orders",
    "fills",
    "balances",
    "exposure",
    "pnl",
    "limits",
    "latency",
    "log",
]

TOPICS: Mapping[str, tuple[type[Struct], tuple[str, ...]]] = {
    "status": (Status, ()),
    "venues": (Venue, ("name",)),
    "books": (Book, ("instrument",)),
    "ladders": (Ladder, ("instrument",)),
    "spreads": (Spread, ("symbol", "buy", "sell")),
    "opportunities": (Looked, ("pair",)),
    "deals": (Deal, ("id",)),
    "orders": (Order, ("cl_ord_id",)),
    "fills": (Fill, ("cl_ord_id", "trade_id")),
    "balances": (Balance, ("account", "asset")),
    "exposure": (Exposure, ("asset",)),
    "pnl": (Gain, ("at_us",)),
    "limits": (Limit, ("name", "scope")),
    "latency": (Latency, ("stage", "venue")),
    "log": (Line, ("n",)),
}
"""The row of each topic, and the fields that are its key. A client replaces a row by one with the same key."""


class Subscribe(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="subscribe", tag_field="do"):
    """What a WebSocket client sends. A second one for a topic replaces the first."""

    topic: Topic
    symbols: Sequence[str] = ()
    """Of ``books``, ``ladders`` and ``spreads``: only these symbols (as ``BTC-USDT``). ``ladders`` needs them. Without
    them ``spreads`` has the best pair of each symbol."""
    depth: int = 10
    """Of ``ladders``: levels of each side, 1 to 50."""
    every_ms: int = 100
    """At most one message in so many milliseconds, 100 to 10,000."""


class Unsubscribe(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="unsubscribe", tag_field="do"):
    topic: Topic


class Snapshot(Struct, frozen=True, kw_only=True, tag="snapshot", tag_field="kind"):
    """All rows of a topic: at first, and again when the client was too slow for changes."""

    topic: Topic
    at_us: int
    rows: Sequence[Any]


class Changes(Struct, frozen=True, kw_only=True, tag="changes", tag_field="kind"):
    """The rows that are new or changed, whole, and the keys of those that are gone. A client that was slow may be told
    of the end of a row that it never had."""

    topic: Topic
    at_us: int
    rows: Sequence[Any]
    gone: Sequence[Sequence[Any]] = ()


class Failure(Struct, frozen=True, kw_only=True, tag="error", tag_field="kind"):
    """Of a WebSocket message, and the body of each refused request: what is wrong, and what to do."""

    error: str


_Why = Annotated[str, Meta(max_length=500, description="For the log and the journal.")]
_Scope = Annotated[str, Meta(max_length=500)]


class AskMode(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of ``POST /api/v1/actions/mode``."""

    mode: Modes
    scope: _Scope = ""
    """"" = everything, a venue, or a pair."""
    why: _Why = ""


class AskVenue(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of ``POST /api/v1/actions/venue``: switch a venue on or off."""

    mode: Literal["active", "reducing"]
    scope: _Scope
    """The venue."""
    why: _Why = ""


class AskRelease(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of ``POST /api/v1/actions/release``: try the HELD deals of a pair again at once, and let the pair trade.
    What they left open counts as before."""

    scope: _Scope
    """The pair."""
    why: _Why = ""


class AskNow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of ``POST /api/v1/actions/kill`` (HALTED for everything) and ``.../resolve`` (ask now for all orders
    that are not proved)."""

    why: _Why = ""


class Acted(Struct, frozen=True, kw_only=True):
    """The answer to an action that was done."""

    mode: Modes
    """Of everything."""
    restricted: Mapping[str, str]
    """Mode and reason of each venue and pair that is not active."""


class Login(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of ``POST /api/v1/login``, with the token of the link. The answer sets the cookie of the session."""

    token: str


class Session(Struct, frozen=True, kw_only=True):
    """The answer to a login and to ``GET /api/v1/session``."""

    scope: Literal["read", "trade"]
    """``read`` may not act."""
