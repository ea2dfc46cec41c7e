"""OKX's public messages and envelopes as typed structures for msgspec. https://www.okx.com/docs-v5/en/"""

from __future__ import annotations

from msgspec import Raw, Struct, field
from msgspec.json import Decoder

import arbkit.venue as kit


class Arg(Struct, rename="camel", gc=False):
    """The argument of a subscription or a push."""

    channel: str = ""
    inst_id: str = ""


class BookRow(kit.BookMessage, rename="camel", gc=False):
    """The data of a book push. Fields that a channel does not have stay unset; ``ts`` is in ms."""

    bids: kit.Levels | kit.UnsetType = kit.UNSET
    asks: kit.Levels | kit.UnsetType = kit.UNSET
    ts: int = 0
    seq_id: int = 0
    prev_seq_id: int | kit.UnsetType = kit.UNSET


class PublicFrame(Struct, gc=False):
    """Any message of a public link except ``pong``. Pushes of other channels than books are decoded again."""

    arg: Arg | None = None
    action: str = ""
    data: list[BookRow] = []
    event: str = ""
    code: str = ""
    msg: str = ""
    id: str = ""


class TradeRow(Struct, rename="camel", gc=False):
    """One row of the ``trades`` channel; ``side`` is the taker's."""

    trade_id: str
    px: kit.Px
    qty: kit.Qty = field(name="sz")
    side: str = ""
    ms: int = field(default=0, name="ts")


class TextRow(Struct, gc=False):
    """A book row of 2022: without sequence ids, with a CRC32 of the levels' text."""

    bids: list[list[str]]
    asks: list[list[str]]
    ts: int
    checksum: int


class TextFrame(Struct, gc=False):
    data: list[TextRow]
    action: str = ""


class Envelope(Struct, gc=False):
    """A REST answer, or any message of a private link except ``pong``."""

    data: Raw = Raw(b"[]")
    code: str = ""
    msg: str = ""
    id: str = ""
    op: str = ""
    event: str = ""
    arg: Arg | None = None


class Ack(Struct, rename="camel", gc=False):
    """One item of an answer to order entry."""

    ord_id: str = ""
    cl_ord_id: str = ""
    s_code: str = ""
    s_msg: str = ""
    ts: str = ""


public_frame = Decoder(PublicFrame, strict=False).decode
trades_frame = Decoder(kit.Data[list[TradeRow]], strict=False).decode
text_frame = Decoder(TextFrame, strict=False).decode
envelope = Decoder(Envelope).decode
acks = Decoder(list[Ack]).decode
ENVELOPE = Decoder(Envelope)
