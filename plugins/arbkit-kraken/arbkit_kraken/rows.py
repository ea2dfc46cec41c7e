"""Kraken's messages as typed structures for msgspec. https://docs.kraken.com/api/docs/websocket-v2/book"""

from __future__ import annotations

from typing import Any

from msgspec import Raw, Struct
from msgspec.json import Decoder

import arbkit.venue as kit


class LevelRow(Struct, gc=False):
    """A level. A number with a fraction stays the text that Kraken sent, because the checksum is made of it."""

    price: Any
    qty: Any


class BookRow(Struct, gc=False):
    """The data of a book push; ``timestamp`` is an ISO time in UTC. ``system`` is the state of the whole venue, which
    the ``status`` channel tells: online, maintenance, cancel_only, post_only."""

    symbol: str = ""
    bids: list[LevelRow] = []
    asks: list[LevelRow] = []
    checksum: int | None = None
    timestamp: str = ""
    system: str = ""


class Result(Struct, frozen=True, gc=False):
    """What a request did: the subscribed channel, or the order."""

    channel: str = ""
    order_id: str = ""
    cl_ord_id: str = ""


class Frame(Struct, gc=False):
    """The answer to a request (``method``), or a push (``channel``)."""

    channel: str = ""
    type: str = ""
    method: str = ""
    success: bool = True
    error: str = ""
    req_id: int = 0
    result: Result = Result()
    time_in: str = ""
    time_out: str = ""


class PublicFrame(Frame, gc=False):
    """Any message of the public socket. ``data``: books, or the object of the ``instrument`` channel; the rows of other
    channels are decoded again."""

    data: list[BookRow] | dict[str, Any] = []


class PrivateFrame(Frame, gc=False):
    """Any message of an authenticated socket. ``sequence`` counts the messages of a subscription."""

    data: Raw = Raw(b"[]")
    sequence: int = 0


class TradeRow(Struct, gc=False):
    """One row of the ``trade`` channel; ``side`` is the taker's."""

    symbol: str
    price: kit.Px
    qty: kit.Qty
    side: kit.Side
    trade_id: int
    timestamp: str = ""

    def trade(self, context: kit.Context, now_ns: int) -> kit.Trade:
        name, exch_ns = context.instrument(self.symbol), kit.iso_ns(self.timestamp)
        return kit.Trade(name, self.side, self.price, self.qty, str(self.trade_id), exch_ns, now_ns)


class Envelope(Struct, gc=False):
    """A REST answer."""

    error: list[str]
    result: Raw = Raw(b"{}")


trades_frame = Decoder(kit.Data[list[TradeRow]]).decode
public_frame = Decoder(PublicFrame, float_hook=str).decode
private_frame = Decoder(PrivateFrame).decode
ENVELOPE = Decoder(Envelope)
