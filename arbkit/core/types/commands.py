"""Commands of the engine, and the wire requests that a session encodes them into."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import Enum
from typing import TypeAlias

from msgspec import Struct

from arbkit.core.types.events import Event
from arbkit.core.types.market import Side, Tif
from arbkit.core.types.text import Secret

__all__ = [
    "NEVER",
    "Ask",
    "AskKind",
    "CancelAll",
    "CancelOrder",
    "Command",
    "Dial",
    "HttpAnswer",
    "HttpRequest",
    "Lane",
    "ListFills",
    "ListOpenOrders",
    "Mode",
    "NewOrder",
    "Output",
    "Purpose",
    "QueryOrder",
    "ReplaceOrder",
    "Send",
    "Wire",
]

NEVER = 1 << 62
"""The ``due_ns`` of a component that has nothing scheduled."""


class Mode(Enum):
    """What the gate accepts. ACTIVE: everything. REDUCING: only orders that lower exposure. HALTED: only cancels and
    queries."""

    ACTIVE = "active"
    REDUCING = "reducing"
    HALTED = "halted"


class Lane(Enum):
    """Priority when rate-limit tokens are short. The value is the share of a bucket that the lane may use."""

    CANCEL = 1.0
    HEDGE = 0.98
    QUERY = 0.95
    ORDER = 0.85
    READ = 0.6

    __hash__ = object.__hash__  # Enum hashes the name, in Python: these are keys on the way of an order


class Purpose(Enum):
    """What an order is for. ENTRY: a leg as planned. HEDGE: completes a leg. UNWIND: takes back what a leg filled."""

    ENTRY = "entry"
    HEDGE = "hedge"
    UNWIND = "unwind"


class NewOrder(Struct, frozen=True, gc=False, kw_only=True):
    """FIX NewOrderSingle. Price and size are already multiples of tick and lot."""

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
    """The venue must not execute the order after this time, by our clock (0 = the venue's default window)."""
    deal: int = 0
    leg: int = 0
    purpose: Purpose = Purpose.ENTRY


class CancelOrder(Struct, frozen=True, gc=False, kw_only=True):
    """FIX OrderCancelRequest."""

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
    """"" = the order is known by its ``order_id`` only; the question is whose it is. Sent by REST only."""
    order_id: str = ""


class ListOpenOrders(Struct, frozen=True, gc=False, kw_only=True):
    account: str
    instrument: str = ""


class ListFills(Struct, frozen=True, gc=False, kw_only=True):
    account: str
    instrument: str
    """"" = all of the account, where one listing has them (``Capabilities.fills_by_account``)."""
    since_ns: int = 0
    """By the venue's clock."""
    order_id: str = ""


Command: TypeAlias = NewOrder | ReplaceOrder | CancelOrder | CancelAll | QueryOrder | ListOpenOrders | ListFills


class AskKind(Enum):
    CATALOGUE = "catalogue"
    SNAPSHOT = "snapshot"
    TOKEN = "token"  # noqa: S105 - a kind of ask, not a password
    TIME = "time"
    FEES = "fees"
    BALANCES = "balances"
    ASSETS = "assets"
    ORDER = "order"
    """Query a second endpoint for an order that ``QueryOrder`` did not find. ``ref`` is its client order id, or its
    order id if the query had no other."""
    ACCOUNT = "account"
    """The account's mode and the key's permissions; only asked if ``Capabilities.account_status``."""
    PAGE = "page"
    """The next page of a listing. ``ref`` is for the session that asked: ``<name of the call> <number>``."""


class Ask(Struct, frozen=True, gc=False, kw_only=True):
    """A read request from a session or the desk. ``execution.requests`` takes rate tokens for it, sends it, applies a
    timeout and repeats it.

    The REST session of the account encodes it. The session that asked gets the answer in ``answered``.
    Order queries and listings are commands (``QueryOrder``, ``ListOpenOrders``, ``ListFills``), sent the same way.
    """

    kind: AskKind
    instrument: str = ""
    ref: str = ""
    """For the requester's own use, for example a page cursor or an attempt number."""
    lane: Lane = Lane.READ
    not_before_ns: int = 0
    """Do not send before this time. Used to repeat a snapshot request with growing delay."""


class Send(Struct, frozen=True, gc=False):
    """Text to send on the session's own link (login, subscription, ping)."""

    data: str | Secret
    cost: int = 1
    """How many messages it counts as under the venue's per-connection limit."""


class HttpRequest(Struct, frozen=True, gc=False):
    """One REST call; ``url`` is the complete URL. A signed URL or header value is a ``Secret``."""

    method: str
    url: str
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""
    """Not shown by ``repr``: some venues have the key and the signature in it."""
    most: int = 1 << 20
    """An answer of more bytes is not read. ``execution.requests`` raises it for the listings that need more."""

    def __repr__(self) -> str:
        return f"HttpRequest({self.method!r}, {self.url!r}, {self.headers!r}, <{len(self.body)} bytes>)"


class HttpAnswer(Struct, frozen=True, gc=False):
    """A complete HTTP response with any status. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    sent_ns: int = 0
    recv_ns: int = 0


class Dial(Struct, frozen=True, gc=False):
    """The address of a WebSocket connection. A URL or header value that contains a token is a ``Secret``."""

    url: str
    headers: Sequence[tuple[str, str]] = ()
    deflate: bool = False
    """Offer permessage-deflate. It saves bandwidth but costs CPU time, so use it only for high-volume feeds."""
    most: int = 1 << 20
    """A message of more bytes, after decompression, closes the connection. Several times the largest snapshot of a
    book with limited depth. A message holds everything else until it is read, so allow more (at most 16 MiB) only where
    whole books need it; links of an account never have more."""


Wire: TypeAlias = Send | HttpRequest


Output: TypeAlias = Event | Ask | Send
