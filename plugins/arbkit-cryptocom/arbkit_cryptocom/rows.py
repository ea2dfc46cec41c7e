"""Crypto.com's messages and envelopes as typed structures for msgspec.

https://exchange-developer.crypto.com/exchange/v1/docs
"""

from __future__ import annotations

from msgspec import Raw, Struct, field
from msgspec.json import Decoder

import arbkit.venue as kit


class Sides(kit.BookMessage, gc=False):
    """The levels that changed."""

    bids: kit.Levels
    asks: kit.Levels


class BookRow(kit.BookMessage, gc=False):
    """The data of a book push: a whole book, or an ``update``. ``u`` and ``pu``: numbers of this message and of the one
    before; ``t``: when it was published, in ms."""

    u: int = 0
    pu: int | kit.UnsetType = kit.UNSET
    t: int = 0
    bids: kit.Levels | kit.UnsetType = kit.UNSET
    asks: kit.Levels | kit.UnsetType = kit.UNSET
    update: Sides | kit.UnsetType = kit.UNSET


class BookResult(Struct, gc=False):
    """``subscription``: the channel as it was asked for; ``channel``: its kind."""

    subscription: str = ""
    channel: str = ""
    instrument_name: str = ""
    data: list[BookRow] = []


class PublicFrame(Struct, gc=False):
    """Any message of the market socket. ``id`` is that of a request, -1 of a push, and of a heartbeat the time in ms.
    The rows of other channels than books are decoded again."""

    id: int = 0
    method: str = ""
    code: int = 0
    message: str = ""
    channel: str = ""
    result: BookResult | None = None


class TradeRow(Struct, gc=False):
    """One row of the channel ``trade``; ``side`` is the taker's."""

    trade_id: str = field(name="d")
    px: kit.Px = field(name="p")
    qty: kit.Qty = field(name="q")
    side: str = field(name="s")
    ms: int = field(name="t")


class TradesFrame(Struct, gc=False):
    result: kit.Data[list[TradeRow]]


class PrivateResult(Struct, gc=False):
    """Of a push, or (with ids) of an answer to an order or a cancel."""

    channel: str = ""
    data: Raw = Raw(b"[]")
    order_id: str = ""
    client_oid: str = ""


class PrivateFrame(Struct, gc=False):
    """Any message of the user socket."""

    id: int = 0
    method: str = ""
    code: int = 0
    message: str = ""
    channel: str = ""
    result: PrivateResult | None = None


class Envelope(Struct, gc=False):
    """A REST answer."""

    code: int
    message: str | None = ""
    result: Raw = Raw(b"null")


class Data(Struct, gc=False):
    """The result of most calls has its rows one level deeper."""

    data: Raw = Raw(b"")


class Ids(Struct, gc=False):
    """The result of an accepted order or cancel."""

    order_id: str = ""


public_frame = Decoder(PublicFrame, strict=False).decode
trades_frame = Decoder(TradesFrame, strict=False).decode
private_frame = Decoder(PrivateFrame, strict=False).decode
ENVELOPE = Decoder(Envelope, strict=False)
DATA = Decoder(Data, strict=False)
