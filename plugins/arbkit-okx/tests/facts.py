"""What the tests of every venue (``tests/venues``) must know about OKX."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any
from zlib import crc32

from arbkit.core.types import HttpRequest, Role, VenueSettings
from arbkit.testing.tapeserver import TrueTop


def native(number: int) -> str:
    return f"C{number}-USDT"


class OkxTeller:
    """OKX's side: a subscription to ``books`` is acknowledged and answered by a snapshot."""

    def symbol(self, data: str | bytes) -> str:
        frame = json.loads(data)
        return frame["arg"]["instId"] if "action" in frame else ""

    def http(self, request: HttpRequest, truths: Mapping[str, TrueTop]) -> bytes | None:
        return None

    def ws(self, text: str, truths: Mapping[str, TrueTop]) -> Sequence[str]:
        if text == "ping":
            return ["pong"]
        request = json.loads(text)
        frames = []
        for arg in request["args"]:
            frames.append(json.dumps({"id": request["id"], "event": request["op"], "arg": arg}))
            truth = truths.get(arg["instId"])
            if request["op"] == "subscribe" and truth is not None:
                sides = {
                    name: [[repr(px), repr(qty), "0", "1"] for px, qty in levels]
                    for name, levels in (("bids", truth.bids), ("asks", truth.asks))
                }
                row = {**sides, "ts": "1723161254137", "checksum": 0, "prevSeqId": -1, "seqId": truth.seq}
                frames.append(json.dumps({"arg": arg, "action": "snapshot", "data": [row]}))
        return frames


def keep_alive(data: str | bytes) -> bool:
    """No levels, and ``seqId`` = ``prevSeqId``."""
    row = json.loads(data)["data"][0]
    return bool(row["seqId"] == row["prevSeqId"])


class OkxWire:
    """``books``: a snapshot of 400 levels, then changes by ``prevSeqId`` and ``seqId``."""

    options: dict[str, str] = {}
    channel = "books"
    replayed = False
    window = 400
    style = "plain"
    zero = "0"
    counts = "updates"
    kind = "socket"
    quirks: Sequence[str] = (
        "other zeros",
        "numbers",
        "exponents",
        "absent deletes",
        "gap",
        "reordered",
        "repeated",
        "idle",
        "restart",
        "reset",
        "unasked snapshot",
        "reconnect",
        "early deltas",
        "late snapshot",
    )

    def row(self, message: Any, prev: int) -> dict[str, Any]:
        return {"checksum": 0, "prevSeqId": prev, "seqId": message.last}

    def push(self, message: Any, prev: int, **action: str) -> str:
        bids, asks = ([[px, size, "0", "3"] for px, size in side] for side in (message.bids, message.asks))
        row = {"asks": asks, "bids": bids, "ts": str(message.ms)} | self.row(message, prev)
        arg = {"channel": self.channel, "instId": message.native}
        return json.dumps({"arg": arg, **action, "data": [row]}, separators=(",", ":"))

    def snapshot(self, message: Any) -> str:
        return self.push(message, -1, action="snapshot")

    def delta(self, message: Any) -> str:
        return self.push(message, message.prev, action="update")

    idle = delta

    def asked(self, text: str) -> Sequence[str]:
        request = {} if text == "ping" else json.loads(text)
        return [arg["instId"] for arg in request["args"]] if request.get("op") == "subscribe" else ()


class ChecksumWire(OkxWire):
    """``books`` of 2022: no sequence numbers, but a CRC32 of the best 25 levels a side as they were written.

    Two frames in the wrong order may leave the book of the first one with its right checksum, so that is no quirk."""

    replayed = True
    counts = ""
    quirks = (
        "other zeros",
        "exponents",
        "absent deletes",
        "gap",
        "repeated",
        "idle",
        "unasked snapshot",
        "reconnect",
    )

    def row(self, message: Any, prev: int) -> dict[str, Any]:
        words = [word for pair in zip_longest(*message.top, fillvalue=()) for level in pair for word in level]
        value = crc32(":".join(words).encode())
        return {"checksum": value - (1 << 32) if value >= 1 << 31 else value}


class Books5Wire(OkxWire):
    """``books5``: each push is the whole book of five levels, and an unchanged one may be sent again."""

    options = {"channel": "books5"}
    channel = "books5"
    window = 5
    kind = "whole"
    quirks = ("numbers", "exponents", "gap", "reordered", "repeated", "idle", "reconnect")

    def row(self, message: Any, prev: int) -> dict[str, Any]:
        return {"seqId": message.last}

    def delta(self, message: Any) -> str:
        return self.push(message, 0)

    snapshot = delta

    def asked(self, text: str) -> Sequence[str]:
        return ()


WIRES = {"": OkxWire(), "-2022": ChecksumWire(), "-books5": Books5Wire()}
CCXT_QUIRKS = (
    "other zeros",
    "numbers",
    "exponents",
    "absent deletes",
    "idle",
    "restart",
    "reset",
    "unasked snapshot",
    "reconnect",
    "early deltas",
    "late snapshot",
)
"""What ccxt.pro follows by itself. It takes a repeated frame for a gap."""
CCXT_GAP = "InvalidNonce"
RECORDINGS = {"": (290, 3), "-transcoded-seq": (448, 1)}
TELLER = OkxTeller()
TAPES = {
    "-transcoded-seq": {
        "frames": 452,
        "symbols": {"BTC-USDT"},
        "levels": 400,
        "window": 4,
        "keep_alive": keep_alive,
        "keep_alives": 4,
    },
}
ENDPOINTS = [
    (
        VenueSettings(),
        {
            Role.PUBLIC: "wss://ws.okx.com:443/ws/v5/public",
            Role.PRIVATE: "wss://ws.okx.com:443/ws/v5/private",
            Role.TRADE: "wss://ws.okx.com:443/ws/v5/private",
            Role.REST: "https://openapi.okx.com/api/v5/public/time",
        },
    ),
    (VenueSettings(environment="demo"), {Role.PUBLIC: "wss://wspap.okx.com:443/ws/v5/public"}),
    (
        VenueSettings(options={"region": "eea"}, endpoints={"ws_trade": "wss://other/"}),
        {Role.REST: "https://eea.okx.com/api/v5/public/time", Role.TRADE: "wss://other/ws/v5/private"},
    ),
    (
        VenueSettings(
            environment="sim",
            endpoints=dict.fromkeys(("rest", "ws_public", "ws_private", "ws_trade"), "ws://127.0.0.1:1"),
        ),
        {Role.TRADE: "ws://127.0.0.1:1/ws/v5/private"},
    ),
]
BAD_SETTINGS = [
    (VenueSettings(environment="sim"), "needs endpoints"),
    (VenueSettings(environment="testnet"), "demo"),
    (VenueSettings(options={"chanel": "books"}), "did you mean 'channel'"),
    (VenueSettings(options={"channel": "book"}), "books5"),
]
WORDS = ["books", "BTC-USDT", "0", "1e400", "NaN", "-1", "order", "login", "subscribe", "error"]
KEYS = [
    "arg",
    "channel",
    "instId",
    "data",
    "action",
    "bids",
    "asks",
    "ts",
    "seqId",
    "prevSeqId",
    "event",
    "code",
    "op",
    "id",
    "msg",
    "ordId",
    "state",
    "details",
    "ccy",
    "tradeId",
    "sCode",
]
FRAMES = [
    (
        '{"arg":{"channel":"books","instId":"C1-USDT"},"action":"snapshot","data":[{"asks":[["2501.25","37.5","0","3"]],'
        '"bids":[["2501.24","62","0","2"]],"ts":"1749999123456","checksum":0,"prevSeqId":-1,"seqId":40001}]}'
    ),
    (
        '{"arg":{"channel":"orders"},"data":[{"instId":"C1-USDT","ordId":"4","clOrdId":"","side":"sell","px":"2500.5",'
        '"sz":"0.001","state":"filled","accFillSz":"0.001","fillPx":"3","fillSz":"1","tradeId":"2","fillFee":"-0.02"}]}'
    ),
    '{"id":"1","op":"order","data":[{"clOrdId":"a","ordId":"1","ts":"16","sCode":"0","sMsg":""}],"code":"0","msg":""}',
]
"""The fields are those of www.okx.com/docs-v5/en (order book channel, order channel, place order)."""
ACCEPTED = b'{"code":"0","data":[{"sCode":"0"}]}'
