"""MEXC's messages: the schema of its binary frames, and typed structures.

https://github.com/mexcdevelop/websocket-proto and https://www.mexc.com/api-docs/spot-v3/websocket-market-streams
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from msgspec import Struct, convert
from msgspec.json import Decoder

import arbkit.venue as kit
from arbkit.venue import MS
from arbkit_mexc.protobuf import LEVELS, NUMBER, TEXT, Schema, read

DEPTHS: Schema = {1: ("asks", LEVELS), 2: ("bids", LEVELS), 4: ("fromVersion", TEXT), 5: ("toVersion", TEXT)}
DEAL: Schema = {
    1: ("price", TEXT),
    2: ("quantity", TEXT),
    3: ("tradeType", NUMBER),
    4: ("time", NUMBER),
    5: ("tradeId", TEXT),
}
ORDER: Schema = {
    1: ("id", TEXT),
    2: ("clientId", TEXT),
    3: ("price", TEXT),
    4: ("quantity", TEXT),
    7: ("orderType", NUMBER),
    8: ("tradeType", NUMBER),
    13: ("cumulativeQuantity", TEXT),
    15: ("status", NUMBER),
    16: ("createTime", NUMBER),
}
OWN_DEAL: Schema = {
    1: ("price", TEXT),
    2: ("quantity", TEXT),
    4: ("tradeType", NUMBER),
    5: ("isMaker", NUMBER),
    7: ("tradeId", TEXT),
    8: ("clientOrderId", TEXT),
    9: ("orderId", TEXT),
    10: ("feeAmount", TEXT),
    11: ("feeCurrency", TEXT),
    12: ("time", NUMBER),
}
ACCOUNT: Schema = {1: ("vcoinName", TEXT), 3: ("balanceAmount", TEXT), 5: ("frozenAmount", TEXT), 8: ("time", NUMBER)}
_HEAD: Schema = {1: ("channel", TEXT), 3: ("symbol", TEXT), 6: ("sendTime", NUMBER)}
PUBLIC: Schema = {**_HEAD, 313: ("depths", DEPTHS), 314: ("deals", {1: ("deals", [DEAL])})}
PRIVATE: Schema = {**_HEAD, 304: ("order", ORDER), 306: ("deal", OWN_DEAL), 307: ("account", ACCOUNT)}
SIDES = {1: "buy", 2: "sell"}
"""``tradeType``."""


class Depths(Struct, gc=False, rename={"first": "fromVersion", "last": "toVersion"}):
    """``publicAggreDepths``: absolute sizes; 0 deletes the level."""

    first: int
    last: int
    bids: list[kit.Level] = []
    asks: list[kit.Level] = []
    ms: int = 0

    @property
    def prev(self) -> int:
        """The frames do not have the version of the one before."""
        return 0

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


class Whole(Struct, gc=False, rename={"last": "lastUpdateId", "ms": "timestamp"}):
    """``GET /api/v3/depth``."""

    last: int
    bids: list[kit.Level]
    asks: list[kit.Level]
    ms: int = 0

    @property
    def exch_ns(self) -> int:
        return self.ms * MS


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


def depths(frame: dict[str, Any]) -> Depths:
    return convert({**frame["depths"], "ms": frame.get("sendTime", 0)}, Depths, strict=False)


def prints(frame: dict[str, Any]) -> list[Print]:
    deals = frame["deals"].get("deals", ())
    return convert([{**deal, "side": SIDES[deal.get("tradeType", 0)]} for deal in deals], list[Print], strict=False)


def pushed(frame: dict[str, Any], name: str) -> dict[str, Any]:
    """A message of the account, with its pair, the words of its side, and when it was sent."""
    row = {**frame[name], "symbol": frame.get("symbol", ""), "sendTime": frame.get("sendTime", 0)}
    return {**row, "side": SIDES.get(row.get("tradeType", 0), "")}


said = Decoder(Said).decode
row = Decoder(dict[str, Any], float_hook=Decimal).decode
WHOLE = Decoder(Whole, strict=False)
ERROR = Decoder(Error)
__all__ = ["ERROR", "PRIVATE", "PUBLIC", "WHOLE", "Info", "depths", "prints", "pushed", "read", "row", "said"]
