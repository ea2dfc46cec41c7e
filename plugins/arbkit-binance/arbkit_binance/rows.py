"""Binance's market data and envelopes as typed structures for msgspec.

https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams and .../websocket-api
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from msgspec import Raw, Struct, field
from msgspec.json import Decoder, Encoder

import arbkit.venue as kit
from arbkit.venue import MS


class Diff(kit.BookMessage, gc=False, rename={"last": "u", "first": "U", "prev": "pu", "bids": "b", "asks": "a"}):
    """``depthUpdate``: absolute sizes. ``pu`` exists in futures messages only."""

    last: int
    first: int
    bids: kit.Levels
    asks: kit.Levels
    s: str
    E: int = 0
    prev: int = 0

    @property
    def exch_ns(self) -> int:
        return self.E * MS


class Whole(kit.WholeBook, gc=False, kw_only=True):
    """A snapshot over REST, and ``@depth5|10|20``."""

    last: int = field(name="lastUpdateId")
    ms: int = field(default=0, name="E")


class WholeFrame(Struct, gc=False):
    stream: str
    data: Whole


class Top(Struct, gc=False):
    """``bookTicker``. Prices are 0 if a side is empty."""

    u: int
    s: str
    b: kit.Qty
    B: kit.Qty
    a: kit.Qty
    A: kit.Qty
    E: int = 0


class Print(Struct, gc=False):
    """``trade`` (id ``t``) and ``aggTrade`` (id ``a``). ``m``: the buyer was the maker."""

    s: str
    p: kit.Px
    q: kit.Qty
    m: bool
    t: int = 0
    a: int = 0
    T: int = 0


class Error(Struct, gc=False):
    """``{"code", "msg"}``: the body over REST, ``error`` on a socket."""

    code: int
    msg: str = ""
    data: dict[str, Any] | None = None


class Loose(Struct, gc=False):
    """Any message of a public link that does not begin with its stream name."""

    stream: str = ""
    data: Raw = kit.NOTHING
    id: int | str | None = None
    code: int | None = None
    msg: str = ""
    error: Error | None = None
    e: str = ""
    s: str = ""
    u: int | None = None


class Limit(Struct, gc=False, rename="camel"):
    """An entry of ``rateLimits``."""

    rate_limit_type: str
    interval: str
    interval_num: int
    limit: int
    count: int | None = None


class Info(Struct, gc=False, rename="camel"):
    """``exchangeInfo``."""

    symbols: list[dict[str, Any]]
    rate_limits: list[Limit] = []


class Frame(Struct, gc=False, rename="camel"):
    """A message of the WebSocket API: an answer, or an event (in ``event``; bare on Binance.US)."""

    id: int | str | None = None
    status: int = 0
    result: Raw = kit.NOTHING
    error: Error | None = None
    rate_limits: list[Limit] = []
    event: Raw = kit.NOTHING
    data: Raw = kit.NOTHING
    e: str = ""


diff_frame = Decoder(kit.Data[Diff], strict=False).decode
whole_frame = Decoder(WholeFrame, strict=False).decode
top_frame = Decoder(kit.Data[Top], strict=False).decode
print_frame = Decoder(kit.Data[Print], strict=False).decode
loose = Decoder(Loose).decode
frame = Decoder(Frame).decode
numbers = Decoder(dict[str, int]).decode
row = Decoder(dict[str, Any], float_hook=Decimal).decode
WHOLE = Decoder(Whole, strict=False)
ERROR = Decoder(Error)
encode = Encoder().encode
