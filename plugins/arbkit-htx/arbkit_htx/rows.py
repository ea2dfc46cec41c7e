"""HTX's messages and envelopes as typed structures for msgspec. https://www.htx.com/en-us/opend/newApiPages/ (spot)"""

from __future__ import annotations

import zlib
from typing import ClassVar

from msgspec import Raw, Struct, field
from msgspec.json import Decoder

import arbkit.venue as kit

MOST_BYTES = 1 << 20
"""Of an unpacked message. The largest real one, a book of 400 levels, has about 20 kB."""


def inflate(data: bytes) -> bytes:
    """A message of ``/feed`` and ``/ws``: one gzip member. Raises ``BadFrame`` for anything else, and for one of more
    than ``MOST_BYTES``, of which no more is unpacked."""
    member = zlib.decompressobj(wbits=31)
    try:
        text = member.decompress(data, MOST_BYTES)
    except zlib.error as error:
        raise kit.BadFrame(f"not gzip: {error}") from None
    if not member.eof or member.unused_data:
        raise kit.BadFrame(f"not one whole gzip member of at most {MOST_BYTES} bytes")
    return text


class Tick(Struct, gc=False, rename={"last": "seqNum", "before": "prevSeqNum"}):
    """A change of a book, or the whole book. A side without change may be absent."""

    last: int = 0
    before: int | kit.UnsetType = kit.UNSET
    """``last`` of the change before; unset in a whole book."""
    bids: list[kit.Level] = []
    asks: list[kit.Level] = []
    first: ClassVar[int] = 0
    exch_ns: int = 0
    """Set by the reader: the time stands outside."""

    @property
    def prev(self) -> int:
        return 0 if self.before is kit.UNSET else self.before


class PublicFrame(Struct, gc=False, rename={"err_code": "err-code", "err_msg": "err-msg"}):
    """Any message of a public socket: a push (``ch``), the answer to a request (``rep``) or a subscription, a ping."""

    ch: str = ""
    tick: Tick | None = None
    ts: int = 0
    rep: str = ""
    data: Tick | None = None
    id: int | str = ""
    status: str = ""
    subbed: str = ""
    unsubbed: str = ""
    err_code: str = ""
    err_msg: str = ""
    ping: int | None = None


class Print(Struct, gc=False):
    """A row of ``trade.detail``; ``direction`` is the taker's."""

    px: kit.Px = field(name="price")
    qty: kit.Qty = field(name="amount")
    side: str = field(name="direction")
    number: int = field(name="tradeId")
    ms: int = field(name="ts")

    @property
    def trade_id(self) -> str:
        return str(self.number)


class PrintFrame(Struct, gc=False):
    tick: kit.Data[list[Print]]


class PrivateFrame(Struct, gc=False):
    """Any message of ``/ws/v2``. A ping in the form of other HTX sockets has ``op``."""

    action: str = ""
    ch: str = ""
    code: int = 0
    message: str = ""
    data: Raw = Raw(b"null")
    op: str = ""
    ts: int = 0


class Envelope(Struct, gc=False, rename={"err_code": "err-code", "err_msg": "err-msg"}):
    """A REST answer: of v1 with ``status``, of v2 with ``code``."""

    status: str = ""
    err_code: str | None = ""
    err_msg: str | None = ""
    code: int = 0
    message: str | None = ""
    data: Raw = Raw(b"null")


public_frame = Decoder(PublicFrame, strict=False).decode
print_frame = Decoder(PrintFrame, strict=False).decode
private_frame = Decoder(PrivateFrame, strict=False).decode
ENVELOPE = Decoder(Envelope, strict=False)
