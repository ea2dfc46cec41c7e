"""Coinbase's messages and answers as typed structures for msgspec.

https://docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/websocket/websocket-channels
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct, field
from msgspec.json import Decoder

import arbkit.venue as kit


class Change(kit.Level, array_like=False, frozen=True, gc=False):
    """A level of a book: its new size, and the time of the engine."""

    px: kit.Px = field(name="price_level")
    qty: kit.Qty = field(name="new_quantity")
    side: Literal["bid", "offer"] = field()
    event_time: str = ""


class TradeRow(Struct, gc=False):
    """A public trade. ``maker_side``: the venue names the side of the maker."""

    product_id: str
    trade_id: str
    px: kit.Px = field(name="price")
    qty: kit.Qty = field(name="size")
    maker_side: Literal["BUY", "SELL"] = field(name="side")
    time: str = ""

    @property
    def side(self) -> str:
        """The taker's."""
        return "sell" if self.maker_side == "BUY" else "buy"

    @property
    def ms(self) -> int:
        return kit.iso_ns(self.time) // kit.MS


class Event(Struct, gc=False):
    """An event of any channel: a book has ``updates``, the channel ``user`` has ``orders``, the list of what is
    subscribed has ``subscriptions``."""

    type: str = ""
    product_id: str = ""
    updates: list[Change] = []
    trades: list[TradeRow] = []
    orders: list[dict[str, Any]] = []
    subscriptions: dict[str, list[str]] = {}


class Frame(Struct, gc=False):
    """Any message of a socket. An error has ``type`` and ``message``, and no channel or number."""

    channel: str = ""
    sequence_num: int = -1
    timestamp: str = ""
    events: list[Event] = []
    type: str = ""
    message: str = ""


frame = Decoder(Frame, strict=False).decode


class Page(Struct, gc=False):
    """A page of any list, under the list's name. None: the answer has no such list."""

    products: list[dict[str, Any]] | None = None
    accounts: list[dict[str, Any]] | None = None
    orders: list[dict[str, Any]] | None = None
    fills: list[dict[str, Any]] | None = None
    data: list[dict[str, Any]] | None = None
    has_next: bool = False
    cursor: str = ""
    pagination: dict[str, Any] | None = None


class Problem(Struct, gc=False):
    """The body of an HTTP error, in either of two forms."""

    error: str = ""
    message: str = ""
    error_details: str = ""
    errors: list[dict[str, Any]] = []


PROBLEM = Decoder(Problem, strict=False)
