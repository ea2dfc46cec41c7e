"""What an exchange adapter declares: its links, its rate limits and the venue's guarantees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum

from msgspec import Struct

__all__ = ["Capabilities", "ClientIdScope", "LinkSpec", "RateLimit", "Role", "VenueSettings", "rest_link"]


class Role(Enum):
    """The purpose of a link. A REST link is not one socket and is never down."""

    PUBLIC = "public"
    PRIVATE = "private"
    TRADE = "trade"
    REST = "rest"

    __hash__ = object.__hash__  # Enum hashes the name, in Python: these are keys on the way of an order


class RateLimit(Struct, frozen=True, gc=False):
    """``limit`` units per ``window_ns``. ``Exchange.cost`` names it as ``bucket``, or ``bucket:key`` if it is counted
    per key.

    The bucket ``connections`` is counted when a link is dialled; ``Exchange.cost`` does not name it."""

    bucket: str
    limit: int
    window_ns: int
    decays: bool = False
    """The venue's counter goes down evenly, by ``limit`` in ``window_ns``: what it says is used comes back so."""


class LinkSpec(Struct, frozen=True, gc=False, kw_only=True):
    """One link that the desk keeps open: a socket, or (role REST) the account's request channel."""

    link: str
    """Unique and stable: ``binance.public.0``, ``binance.main.trade``."""
    venue: str
    role: Role
    account: str = ""
    instruments: Sequence[str] = ()
    trades: Sequence[str] = ()
    """Instruments whose trades (prints) it subscribes. They may be others than ``instruments``."""
    send_limit: RateLimit | None = None
    """Limit of client messages on this socket."""
    send_burst: RateLimit | None = None
    """A second limit of the same messages over a shorter time; its bucket has the same name."""
    silence_ns: int = 30_000_000_000
    """The socket counts as dead after this time without any byte (pings and pongs count)."""
    life_ns: int = 0
    """The venue cuts the connection after this time; another one takes its place before (0 = it may live on)."""
    quiet_ns: int = 0
    """The subscription counts as dead after this time without data for any of its instruments (0 = no limit)."""


def rest_link(venue: str, account: str = "") -> LinkSpec:
    """The REST link of an account, or the keyless one of a venue: ``binance.main.rest``, ``binance.rest``.

    It needs no catalogue and no subscription: the core makes it first, and reads the catalogue with it."""
    name = account.replace(":", ".") or venue
    return LinkSpec(link=f"{name}.rest", venue=venue, role=Role.REST, account=account)


class ClientIdScope(Enum):
    """How long the venue rejects a second order with the same client order id."""

    ALWAYS = "always"
    WINDOW = "window"
    OPEN_ONLY = "open_only"
    NONE = "none"


class Capabilities(Struct, frozen=True, gc=False, kw_only=True):
    """What the venue guarantees. If the documentation allows two readings, declare the weaker one."""

    client_id_scope: ClientIdScope = ClientIdScope.OPEN_ONLY
    order_window_ns: int
    """The venue's gateway refuses an order that arrives later than this after signing (recvWindow, expTime)."""
    order_window_source: str = ""
    """The page that says so."""
    order_timeout_ns: int = 10_000_000_000
    """An order that passed the gateway is executed or refused within this time. The proof of absence waits for it."""
    order_timeout_source: str = "assumed: the longest that any venue states (Binance); this one states none"
    """The page that says so, or "assumed" with the reason."""
    least_deadline_ns: int = 0
    """The venue takes no deadline of an order that is nearer, so an order with a nearer one gets this."""
    lookup_lag_ns: int = 2_000_000_000
    """How long a new order may be missing from queries."""
    keeps_deadlines: bool = True
    """The venue refuses an order that arrives after its own deadline (``NewOrder.deadline_ns``)."""
    fill_ids: bool = True
    account_status: bool = False
    """``AskKind.ACCOUNT`` is answered by an ``AccountStatus``."""
    fees_at_once: bool = False
    """``AskKind.FEES`` without an instrument is answered with the rates of all instruments."""
    end_reasons: bool = True
    """Reports say why an order ended: an IOC or FOK is EXPIRED also in a query, and a post-only order that would have
    matched has its reason. Without it some ends read as plain CANCELED."""
    tells_maker: bool = True
    """Fills say whether the order was the maker. Otherwise ``Fill.maker`` is false for all of them."""
    streams_fills: bool = True
    """The private stream tells each fill. Otherwise it tells how much of an order is filled, and the fills are listed
    at once (``ListFills``)."""
    streams_fees: bool = True
    """A fill on the private stream has its fee. Otherwise the listing tells it later (``ListFills``)."""
    fills_by_account: bool = False
    """One listing has the fills of all instruments, whichever is asked for: the core asks without an instrument."""
    answers_named: bool = True
    """The answer to a request on a trade socket tells which order it is about, so that any session can read it.
    Otherwise only the session that asked can; the end of its link makes the order UNKNOWN as ever."""
    streams_balances: bool = True
    """The private stream tells what is free and what is locked after each change. Otherwise only the listing does
    (``AskKind.BALANCES``), and between two listings fills move the balances."""
    book_check: str = "sequence"
    """``sequence``, ``connection`` (messages are numbered over all books of a connection: a missing one spoils them
    all), ``checksum`` or ``none``."""
    clock_step_ns: int = 0
    """The venue tells its time in whole steps of this length at best (0 = 1 ms or less)."""
    checked: str = ""
    """ISO date of the last comparison with the venue's documentation."""
    changes: Mapping[str, str] = {}
    """Changes that the venue has announced and that touch what the adapter uses: ISO date -> what changes, and what it
    means here."""


class VenueSettings(Struct, frozen=True, gc=False, kw_only=True):
    """The constructor argument of an exchange class."""

    environment: str = "prod"
    """``prod``, ``testnet``, ``demo`` or ``sim``."""
    endpoints: Mapping[str, str] = {}
    """Base URLs that replace those of the environment: ``rest``, ``ws_public``, ``ws_private``, ``ws_trade``."""
    options: Mapping[str, str] = {}
    """Venue-specific options (book channel, regional host). An unknown one raises ``ConfigError``."""
