"""Commands of the engine, and the requests and texts that a session makes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import Enum
from typing import TypeAlias

from msgspec import Struct

from arbkit.core.types.events import Event
from arbkit.core.types.market import Side, Tif

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
    "Secret",
    "Send",
    "Wire",
]

NEVER = 1 << 62
"""A ``due_ns`` that does not come."""


class Mode(Enum):
    """What the gate lets through: everything, only what lowers exposure, or cancels and queries alone."""

    ACTIVE = "active"
    REDUCING = "reducing"
    HALTED = "halted"


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
