"""MEXC's messages: the binary frames (``push.proto``), and typed structures.

https://github.com/mexcdevelop/websocket-proto and https://www.mexc.com/api-docs/spot-v3/websocket-market-streams
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar

from google.protobuf.message import DecodeError, Message
from msgspec import Struct, convert, field
from msgspec.json import Decoder

import arbkit.venue as kit
from arbkit.venue import MS
from arbkit_mexc.push_pb2 import Push

SIDES = {1: "buy", 2: "sell"}
"""``tradeType``."""


class Depths(Struct, gc=False, rename={"first": "fromVersion", "last": "toVersion"}):
    """``publicAggreDepths``: absolute sizes; 0 deletes the level."""

    first: int
    last: int
    bids: list[kit.Level] = []
    asks: list[kit.Level] = []
    ms: int = 0
    prev: ClassVar[int] = 0
    """The frames do not have the version of the one before."""

    @property
    def exch_ns(self) -> int:
        return self.ms * MS


class Print(Struct, gc=False, rename={"px": "price", "qty": "quantity", "trade_id": "tradeId", "ms": "time"}):
    """A row of ``publicAggreDeals``."""

    px: kit.Px
    qty: kit.Qty
    side: str
    trade_id: str = ""
    ms: int = 0


class Whole(kit.WholeBook, gc=False, kw_only=True):
    """``GET /api/v3/depth``."""

    last: int = field(name="lastUpdateId")
    ms: int = field(default=0, name="timestamp")


class Said(Struct, gc=False):
    """A text frame: the answer to a subscription or a ping."""

    id: int = 0
    code: int = 0
    msg: str = ""


class Info(Struct, gc=False):
    """``exchangeInfo``."""

    symbols: list[dict[str, Any]]


class Error(Struct, gc=False):
    """The body of a refusal; an answer with data has no code, or 0."""

    code: int = 0
    msg: str | None = None


def push(data: bytes) -> Push:
    """A binary frame. Raises ``BadFrame`` if it is cut off or not of the schema."""
    try:
        return Push.FromString(data)
    except DecodeError as error:
        raise kit.BadFrame(str(error)) from None


def depths(frame: Push) -> Depths:
    body = frame.depths
    sides = {
        "bids": [(level.price, level.quantity) for level in body.bids],
        "asks": [(level.price, level.quantity) for level in body.asks],
    }
    numbers = {"fromVersion": body.fromVersion, "toVersion": body.toVersion, "ms": frame.sendTime}
    return convert(sides | numbers, Depths, strict=False)


def prints(frame: Push) -> list[Print]:
    made = [_fields(deal) for deal in frame.deals.deals]
    return convert([{**deal, "side": SIDES[deal.get("tradeType", 0)]} for deal in made], list[Print], strict=False)


def pushed(frame: Push, body: Message) -> dict[str, Any]:
    """A message of the account, with its pair, the words of its side, and when it was sent."""
    row = {**_fields(body), "symbol": frame.symbol, "sendTime": frame.sendTime}
    return {**row, "side": SIDES.get(row.get("tradeType", 0), "")}


def _fields(message: Message) -> dict[str, Any]:
    """The fields that are in it: proto3 leaves out empty texts and 0."""
    return {field.name: value for field, value in message.ListFields()}


said = Decoder(Said).decode
row = Decoder(dict[str, Any], float_hook=Decimal).decode
WHOLE = Decoder(Whole, strict=False)
ERROR = Decoder(Error)
