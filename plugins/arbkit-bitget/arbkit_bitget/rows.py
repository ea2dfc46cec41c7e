"""Bitget's messages and envelopes as typed structures for msgspec. https://www.bitget.com/api-doc/common/websocket-intro"""

from __future__ import annotations

from msgspec import Raw, Struct, field
from msgspec.json import Decoder

import arbkit.venue as kit


class Arg(Struct, rename={"inst_id": "instId"}, gc=False):
    """What a push, an answer or a refusal is about."""

    channel: str = ""
    inst_id: str = ""


class BookRow(kit.BookMessage, gc=False):
    """The data of a book push. ``seq`` and ``pseq`` are numbers or texts; ``ts``: of the matching engine, in ms."""

    bids: kit.Levels | kit.UnsetType = kit.UNSET
    asks: kit.Levels | kit.UnsetType = kit.UNSET
    seq: int = 0
    pseq: int | kit.UnsetType = kit.UNSET
    ts: int = 0


class PublicFrame(Struct, gc=False):
    """Any message of a public socket except ``pong``. A push of another channel than a book is decoded again."""

    action: str = ""
    arg: Arg | None = None
    data: list[BookRow] = []
    event: str = ""
    op: str = ""
    code: int | str = ""
    msg: str = ""


class TradeRow(Struct, gc=False):
    """One row of the channel ``trade``; ``side`` is the taker's."""

    px: kit.Px = field(name="price")
    qty: kit.Qty = field(name="size")
    side: str
    trade_id: str = field(name="tradeId")
    ms: int = field(name="ts")


class PrivateFrame(Struct, gc=False):
    """Any message of the private socket except ``pong``."""

    arg: Arg | None = None
    data: Raw = Raw(b"[]")
    event: str = ""
    op: str = ""
    code: int | str = ""
    msg: str = ""


class Envelope(Struct, rename={"request_time": "requestTime"}, gc=False):
    """A REST answer. Some errors have ``message`` in place of ``msg``."""

    code: str
    msg: str | None = ""
    message: str | None = ""
    request_time: int = 0
    data: Raw = Raw(b"null")


class Ids(Struct, rename={"order_id": "orderId"}, gc=False):
    """The data of an accepted order or cancel."""

    order_id: str = ""


public_frame = Decoder(PublicFrame, strict=False).decode
trades_frame = Decoder(kit.Data[list[TradeRow]], strict=False).decode
private_frame = Decoder(PrivateFrame, strict=False).decode
ENVELOPE = Decoder(Envelope, strict=False)
