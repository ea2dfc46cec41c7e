"""Gate's messages as typed structures for msgspec.

https://www.gate.com/docs/developers/apiv4/ws/en/ and https://www.gate.com/docs/developers/apiv4/en/
"""

from __future__ import annotations

from typing import Any, ClassVar

from msgspec import Raw, Struct, field
from msgspec.json import Decoder

import arbkit.venue as kit
from arbkit.venue import MS, S


class Depth(
    kit.BookMessage,
    gc=False,
    rename={"name": "s", "first": "U", "last": "u", "bids": "b", "asks": "a", "ms": "t", "seconds": "E"},
):
    """``result`` of ``spot.obu`` and ``spot.order_book_update``. A side without change may be absent. Frames of 2021
    have the time in whole seconds only."""

    name: str = ""
    """``ob.<pair>.<levels>``, or the pair. "" = the result of a request, which has a status."""
    first: int = 0
    last: int = 0
    bids: kit.Levels = []
    asks: kit.Levels = []
    full: bool = False
    ms: int = 0
    seconds: int = 0
    status: str = ""
    prev: ClassVar[int] = 0
    """The frames do not have the id of the one before."""

    @property
    def exch_ns(self) -> int:
        return self.ms * MS or self.seconds * S


class Error(Struct, gc=False):
    """Why a subscription was refused."""

    code: int = 0
    message: str = ""


class PublicFrame(Struct, gc=False):
    """A push of a book, or the answer to a request. ``type``: a notice of the venue, which has no channel."""

    channel: str = ""
    event: str = ""
    result: Depth | None = None
    error: Error | None = None
    id: int = 0
    type: str = ""
    msg: str = ""


class Print(Struct, gc=False, rename={"px": "price", "qty": "amount", "pair": "currency_pair", "ms": "create_time_ms"}):
    """``result`` of ``spot.trades``. ``side`` is the taker's; the time is in ms, with decimals."""

    px: kit.Px
    qty: kit.Qty
    side: str
    pair: str
    id: int
    ms: float = 0.0


class PrintFrame(Struct, gc=False):
    result: Print


class Whole(kit.WholeBook, gc=False, kw_only=True):
    """``GET /spot/order_book`` with ``with_id``. Without an id it is no snapshot, so the id is mandatory."""

    last: int = field(name="id")
    ms: int = field(default=0, name="update")


class OpenOrders(Struct, gc=False):
    """A pair of ``GET /spot/open_orders``, with a page of its orders."""

    currency_pair: str
    orders: list[dict[str, Any]]


class Header(Struct, frozen=True, gc=False):
    """The header of an answer on the order socket. A field is written in two ways in the documentation."""

    status: str = ""
    channel: str = ""
    response_time: str = ""
    x_gate_ratelimit_reset_timestamp: int = 0
    x_gat_ratelimit_reset_timestamp: int = 0


class Refusal(Struct, gc=False):
    """The body of an error."""

    label: str = ""
    message: str = ""


class Data(Struct, frozen=True, gc=False):
    """``data`` of an answer on the order socket."""

    result: Raw = Raw(b"null")
    errs: Refusal | None = None


class Frame(Struct, gc=False):
    """Any message of a private link: a push or an answer to a subscription (``channel``), or an answer to a login or an
    order (``request_id``). ``ack``: the gateway has the request; the answer follows."""

    channel: str = ""
    event: str = ""
    result: Raw = Raw(b"null")
    error: Error | None = None
    type: str = ""
    msg: str = ""
    request_id: str = ""
    ack: bool = False
    header: Header = Header()
    data: Data = Data()


public_frame = Decoder(PublicFrame, strict=False).decode
print_frame = Decoder(PrintFrame, strict=False).decode
frame = Decoder(Frame, strict=False).decode
loose = Decoder(dict[str, Any]).decode
WHOLE = Decoder(Whole, strict=False)
REFUSAL = Decoder(Refusal)
