"""KuCoin's messages and envelopes as typed structures for msgspec. https://www.kucoin.com/docs-new/"""

from __future__ import annotations

from typing import Any

from msgspec import Raw, Struct, field
from msgspec.json import Decoder

import arbkit.venue as kit


class Pushed(
    kit.BookMessage,
    gc=False,
    rename={"native": "s", "first": "O", "last": "C", "engine_ns": "M", "bids": "b", "asks": "a"},
):
    """The data of a push: a book, or the name only of another channel's. ``first`` and ``last``: its sequence numbers;
    ``engine_ns``: the time of the matching engine, a number or a text."""

    native: str = ""
    bids: kit.Levels | kit.UnsetType = kit.UNSET
    asks: kit.Levels | kit.UnsetType = kit.UNSET
    first: int = 0
    last: int = 0
    engine_ns: int = 0


class PublicFrame(Struct, rename={"topic": "T", "depth": "dp", "kind": "t", "data": "d"}, gc=False):
    """Any message of the Pro socket. A push of trades is decoded again."""

    topic: str = ""
    depth: str = ""
    kind: str = ""
    data: Pushed | None = None
    id: str = ""
    result: bool | None = None
    type: str = ""
    message: str = ""
    reason: str = ""


class TradeRow(Struct, gc=False):
    """The data of the channel ``trade``; ``side`` is the taker's."""

    native: str = field(name="s")
    px: kit.Px = field(name="p")
    qty: kit.Qty = field(name="q")
    side: str = field(name="S")
    trade_id: str = field(name="ti")
    engine_ns: int = field(name="M")

    @property
    def ms(self) -> int:
        return self.engine_ns // kit.MS


class TradeFrame(Struct, gc=False):
    data: TradeRow = field(name="d")


class PrivateFrame(Struct, gc=False):
    """Any message of the private socket. ``data`` is a text in an error."""

    id: str = ""
    type: str = ""
    topic: str = ""
    code: int | str = ""
    data: Raw = Raw(b"null")


class Envelope(Struct, gc=False):
    """A REST answer; also an error has the HTTP status 200."""

    code: str
    msg: str | None = ""
    data: Raw = Raw(b"null")


class Ids(Struct, rename={"order_id": "orderId"}, gc=False):
    """The data of an accepted order or cancel."""

    order_id: str = ""


class Server(Struct, gc=False):
    endpoint: str


class Token(Struct, rename={"servers": "instanceServers"}, gc=False):
    """Where the private socket is, and the token that stands in its address."""

    token: str
    servers: list[Server]


class Fills(Struct, rename={"last_id": "lastId"}, gc=False):
    """A page of fills; ``last_id`` is the cursor of the next one."""

    items: list[dict[str, Any]] = []
    last_id: int | str = 0


class Symbols(Struct, gc=False):
    """The pairs with open orders."""

    symbols: list[str] = []


public_frame = Decoder(PublicFrame, strict=False).decode
trade_frame = Decoder(TradeFrame, strict=False).decode
private_frame = Decoder(PrivateFrame, strict=False).decode
ENVELOPE = Decoder(Envelope, strict=False)
TOKEN = Decoder(Token, strict=False)
