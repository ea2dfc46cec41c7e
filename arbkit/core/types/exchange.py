"""What an exchange adapter declares: its links, its rate limits, what the venue guarantees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum

from msgspec import Struct

__all__ = ["Capabilities", "ClientIdScope", "LinkSpec", "RateLimit", "Role", "VenueSettings"]


class Role(Enum):
    """What a link is for. A REST link has no socket and never dies."""

    PUBLIC = "public"
    PRIVATE = "private"
    TRADE = "trade"
    REST = "rest"


class RateLimit(Struct, frozen=True, gc=False):
    """``limit`` units in ``window_ns``. A cost names it as ``bucket``, or ``bucket:key`` where it is kept per key.

    The bucket ``connections`` is counted when a link is dialled; no cost names it."""

    bucket: str
    limit: int
    window_ns: int


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
