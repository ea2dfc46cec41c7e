"""Bitstamp's messages as typed structures for msgspec.

https://www.bitstamp.net/websocket/v2/ and https://www.bitstamp.net/api/
"""

from __future__ import annotations

from typing import Any, ClassVar

from msgspec import Raw, Struct, convert
from msgspec.json import Decoder

import arbkit.venue as kit


class Book(kit.BookMessage, gc=False, rename={"us": "microtimestamp"}):
    """``data`` of a push: the levels that changed. A size of 0 deletes a level. ``us`` is the time of the last
    change of the book, in microseconds; there is no sequence number."""

    us: int
    bids: kit.Levels
    asks: kit.Levels
    prev: ClassVar[int] = 0
    first: int = 0
    """The first microsecond that the push tells of; it begins after the push before it."""

    @property
    def last(self) -> int:
        return self.us

    @property
    def exch_ns(self) -> int:
        return self.us * 1000


class Whole(Struct, gc=False, rename={"us": "microtimestamp"}):
    """The answer of ``order_book/``."""

    us: int
    bids: list[list[str]]
    asks: list[list[str]]


class Snapshot(Struct, gc=False, frozen=True):
    """The whole book. On a quiet pair its time is old though the book is current, so it dates nothing."""

    last: int
    bids: list[kit.Level]
    asks: list[kit.Level]
    exch_ns: int = 0


def snapshot(whole: Whole) -> Snapshot:
    """Levels with the price 0 were seen in it, and are left out. Raises ``ValueError`` for what is no level."""
    sides = ([row for row in side if kit.number(row[0])] for side in (whole.bids, whole.asks))
    bids, asks = (convert(side, list[kit.Level], strict=False) for side in sides)
    return Snapshot(whole.us, bids, asks)


class Frame(Struct, gc=False):
    """Any message of a socket."""

    event: str
    channel: str = ""
    data: Raw = Raw(b"null")


class Print(
    Struct, gc=False, rename={"trade_id": "id", "px": "price_str", "qty": "amount_str", "us": "microtimestamp"}
):
    """``data`` of ``live_trades_``. ``type``: 0 = the taker bought, 1 = sold."""

    trade_id: int
    px: kit.Px
    qty: kit.Qty
    type: int
    us: int


class Refusal(Struct, gc=False):
    """``data`` of ``bts:error``."""

    code: int | None = None
    message: str = ""


class Token(Struct, gc=False):
    """The answer of ``websockets_token/``: valid for ``valid_sec``, to subscribe private channels."""

    token: str
    user_id: int


class Problem(Struct, gc=False):
    """The body of an error, in one of three forms. ``reason`` is a text, or texts by the name of a parameter."""

    status: str = ""
    code: str = ""
    reason: Any = None
    error: Any = None
    response_code: str = ""
    response_explanation: str = ""


frame = Decoder(Frame).decode
book = Decoder(Book, strict=False).decode
print_ = Decoder(Print, strict=False).decode
refusal = Decoder(Refusal, strict=False).decode
WHOLE = Decoder(Whole, strict=False)
TOKEN = Decoder(Token, strict=False)
PROBLEM = Decoder(Problem, strict=False)
