"""Bybit's public messages and envelopes as typed structures for msgspec. https://bybit-exchange.github.io/docs/v5/"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Raw, Struct, field
from msgspec.json import Decoder

import arbkit.venue as kit


class BookRow(kit.BookMessage, gc=False):
    """``data`` of an ``orderbook`` push; other topics are not read by it."""

    bids: kit.Levels | kit.UnsetType = field(default=kit.UNSET, name="b")
    asks: kit.Levels | kit.UnsetType = field(default=kit.UNSET, name="a")
    u: int = 0
    cts: int = 0
    """Some samples of the venue's pages have it here."""


class PublicFrame(Struct, gc=False):
    """Any message of a public link; ``ts`` and ``cts`` (of the matching engine) are in ms. Trades are decoded again."""

    topic: str = ""
    type: str = ""
    ts: int = 0
    cts: int = 0
    data: BookRow | list[Raw] | None = None
    op: str = ""
    success: bool | None = None
    ret_msg: str = ""
    req_id: str = ""


class TradeRow(Struct, gc=False):
    """One row of ``publicTrade``; the side is the taker's."""

    px: kit.Px = field(name="p")
    qty: kit.Qty = field(name="v")
    side: str = field(name="S")
    trade_id: str = field(name="i")
    ms: int = field(default=0, name="T")


class PrivateFrame(Struct, rename="camel", gc=False):
    """Any message of a private or trade link; the type of ``data`` depends on the topic or operation.

    The private link writes ``ret_msg``, the trade link ``retMsg`` and ``reqId``.
    """

    topic: str = ""
    creation_time: int = 0
    data: Raw = Raw(b"")
    op: str = ""
    success: bool | None = None
    ret_code: int | None = None
    ret_msg: str = ""
    snake_msg: str = field(default="", name="ret_msg")
    req_id: str = ""
    header: dict[str, Any] = {}

    @property
    def text(self) -> str:
        return self.ret_msg or self.snake_msg

    @property
    def failed(self) -> bool:
        return self.success is False or self.ret_code not in (None, 0)


class Ids(Struct, rename="camel", gc=False):
    """The result of an accepted order or cancel."""

    order_id: str = ""
    order_link_id: str = ""


class Envelope(Struct, rename="camel", gc=False):
    """A REST answer; the type of ``result`` depends on the call. ``time`` is in ms."""

    ret_code: int
    ret_msg: str = ""
    result: Raw = Raw(b"{}")
    time: int = 0


class Page(Struct, rename="camel", gc=False):
    """The result of a listing."""

    rows: list[dict[str, Any]] = field(default_factory=list, name="list")
    category: str = ""
    next_page_cursor: str = ""

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.rows)


public_frame = Decoder(PublicFrame, strict=False).decode
trades_frame = Decoder(kit.Data[list[TradeRow]], strict=False).decode
private_frame = Decoder(PrivateFrame).decode
IDS = Decoder(Ids)
ENVELOPE = Decoder(Envelope)
