"""Binary frames of the dialect: a message as JSON, and the same as protocol buffers by the venue's published schema.

https://github.com/mexcdevelop/websocket-proto. Default values ("" and 0) are left out, as proto3 does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

__all__ = ["pack"]

_Fields = Mapping[str, Any]
"""The number of each field by its name; of a message: (number, its fields)."""


def _fields(names: str) -> dict[str, int]:
    """``name:number ...``"""
    return {name: int(number) for name, _, number in (part.partition(":") for part in names.split())}


_LEVEL: Final = _fields("price:1 quantity:2")
_BOOK: Final = {"asks": (1, _LEVEL), "bids": (2, _LEVEL), "eventType": 3}
_ORDER: Final = _fields(
    "id:1 clientId:2 price:3 quantity:4 amount:5 avgPrice:6 orderType:7 tradeType:8 isMaker:9 remainAmount:10"
    " remainQuantity:11 lastDealQuantity:12 cumulativeQuantity:13 cumulativeAmount:14 status:15 createTime:16"
)
_DEAL: Final = _fields(
    "price:1 quantity:2 amount:3 tradeType:4 isMaker:5 isSelfTrade:6 tradeId:7 clientOrderId:8 orderId:9 feeAmount:10"
    " feeCurrency:11 time:12"
)
_ACCOUNT: Final = _fields(
    "vcoinName:1 coinId:2 balanceAmount:3 balanceAmountChange:4 frozenAmount:5 frozenAmountChange:6 type:7 time:8"
)
_PRINT: Final = _fields("price:1 quantity:2 tradeType:3 time:4 tradeId:5")
_WRAPPER: Final[_Fields] = {
    **_fields("channel:1 symbol:3 symbolId:4 createTime:5 sendTime:6"),
    "publicLimitDepths": (303, {**_BOOK, "version": 4}),
    "privateOrders": (304, _ORDER),
    "privateDeals": (306, _DEAL),
    "privateAccount": (307, _ACCOUNT),
    "publicAggreDepths": (313, {**_BOOK, "fromVersion": 4, "toVersion": 5, "lastOrderCreateTime": 6}),
    "publicAggreDeals": (314, {"deals": (1, _PRINT), "eventType": 2}),
    "publicAggreBookTicker": (315, _fields("bidPrice:1 bidQuantity:2 askPrice:3 askQuantity:4 version:5")),
}


def pack(text: bytes) -> bytes:
    """The binary frame of a JSON text. A text that a fault has cut stays as it is, which no client can read."""
    try:
        body = msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError:
        return text
    return _message(body, _WRAPPER)


def _message(body: Mapping[str, Any], fields: _Fields) -> bytes:
    made = bytearray()
    for name, value in body.items():
        known = fields[name]
        number, inner = known if isinstance(known, tuple) else (known, {})
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, int):
                made += _varint(number << 3) + _varint(one) if one else b""
                continue
            content = one.encode() if isinstance(one, str) else _message(one, inner)
            if content or not isinstance(one, str):
                made += _varint(number << 3 | 2) + _varint(len(content)) + content
    return bytes(made)


def _varint(value: int) -> bytes:
    made = bytearray()
    while value > 127:
        made.append(value & 127 | 128)
        value >>= 7
    made.append(value)
    return bytes(made)
