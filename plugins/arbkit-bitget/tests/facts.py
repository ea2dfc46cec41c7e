"""What the tests of every venue (``tests/venues``) must know about Bitget."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from arbkit.core.types import HttpRequest, Role, VenueSettings
from arbkit.testing.tapeserver import TrueTop


def native(number: int) -> str:
    return f"C{number}USDT"


class BitgetTeller:
    """Bitget's side: each argument of a subscription to ``books`` is acknowledged and answered by a snapshot."""

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
            frames.append(json.dumps({"event": request["op"], "arg": arg}))
            truth = truths.get(arg["instId"])
            if request["op"] == "subscribe" and arg["channel"] == "books" and truth is not None:
                row = {
                    "asks": [[repr(px), repr(qty)] for px, qty in truth.asks],
                    "bids": [[repr(px), repr(qty)] for px, qty in truth.bids],
                    "seq": truth.seq,
                    "pseq": 0,
                    "ts": "1723161254137",
                }
                frames.append(json.dumps({"action": "snapshot", "arg": arg, "data": [row], "ts": 1723161254138}))
        return frames


class BooksWire:
    """``books``: a snapshot, then changes by ``pseq`` and ``seq``."""

    options: dict[str, str] = {}
    channel = "books"
    replayed = False
    window = 200
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
        "restart",
        "reset",
        "unasked snapshot",
        "reconnect",
        "early deltas",
        "late snapshot",
    )

    def push(self, message: Any, action: str, prev: int) -> str:
        row = {"asks": message.asks, "bids": message.bids, "ts": str(message.ms), "seq": message.last, "pseq": prev}
        arg = {"instType": "SPOT", "channel": self.channel, "instId": message.native}
        return json.dumps({"action": action, "arg": arg, "data": [row], "ts": message.ms + 1}, separators=(",", ":"))

    def snapshot(self, message: Any) -> str:
        return self.push(message, "snapshot", 0)

    def delta(self, message: Any) -> str:
        return self.push(message, "update", message.prev)

    idle = delta

    def asked(self, text: str) -> Sequence[str]:
        request = {} if text == "ping" else json.loads(text)
        return [arg["instId"] for arg in request["args"]] if request.get("op") == "subscribe" else ()


class TextSeqWire(BooksWire):
    """The same with ``seq`` and ``pseq`` as texts, above 2**53."""

    quirks = ("gap", "repeated", "reset", "late snapshot")

    def push(self, message: Any, action: str, prev: int) -> str:
        frame = json.loads(super().push(message, action, prev))
        base = 1_300_000_000_000_000_000
        frame["data"][0] |= {"seq": str(base + message.last), "pseq": str(base + prev if prev else 0)}
        return json.dumps(frame)


class Books5Wire(BooksWire):
    """``books5``: each push is a snapshot of five levels, and an unchanged one may be sent again."""

    options = {"channel": "books5"}
    channel = "books5"
    window = 5
    kind = "whole"
    quirks = ("numbers", "exponents", "gap", "repeated", "idle", "reconnect")

    def delta(self, message: Any) -> str:
        return self.push(message, "snapshot", 0)

    idle = snapshot = delta

    def asked(self, text: str) -> Sequence[str]:
        return ()


WIRES = {"": BooksWire(), "-text-seq": TextSeqWire(), "-books5": Books5Wire()}
CCXT_QUIRKS = (
    "other zeros",
    "numbers",
    "exponents",
    "absent deletes",
    "repeated",
    "restart",
    "reset",
    "unasked snapshot",
    "reconnect",
    "late snapshot",
)
"""What ccxt.pro follows by itself. It does not read ``seq``."""
CCXT_GAP = ""
RECORDINGS = {"-transcoded-v2": (448, 1)}
READ_ONLY = {"-v1spot": "the v1 API of 2022: checksums in place of seq and pseq, trades as arrays"}
TELLER = BitgetTeller()
TAPES = {"-transcoded-v2": {"frames": 448, "symbols": {"BTCUSDT"}, "levels": 400, "window": 4}}
ENDPOINTS = [
    (
        VenueSettings(),
        {
            Role.PUBLIC: "wss://ws.bitget.com/v2/ws/public",
            Role.PRIVATE: "wss://ws.bitget.com/v2/ws/private",
            Role.REST: "https://api.bitget.com/api/v2/public/time",
        },
    ),
    (
        VenueSettings(environment="demo"),
        {
            Role.PUBLIC: "wss://wspap.bitget.com/v2/ws/public",
            Role.PRIVATE: "wss://wspap.bitget.com/v2/ws/private",
            Role.REST: "https://api.bitget.com/api/v2/public/time",
        },
    ),
    (
        VenueSettings(endpoints={"ws_private": "wss://other/"}),
        {Role.PUBLIC: "wss://ws.bitget.com/v2/ws/public", Role.PRIVATE: "wss://other/v2/ws/private"},
    ),
    (
        VenueSettings(
            environment="sim", endpoints=dict.fromkeys(("rest", "ws_public", "ws_private"), "ws://127.0.0.1:1")
        ),
        {Role.PRIVATE: "ws://127.0.0.1:1/v2/ws/private"},
    ),
]
BAD_SETTINGS = [
    (VenueSettings(environment="sim"), "needs endpoints rest, ws_public, ws_private "),
    (VenueSettings(environment="testnet"), "demo"),
    (VenueSettings(options={"chanel": "books"}), "did you mean 'channel'"),
    (VenueSettings(options={"channel": "books50"}), "books15"),
]
WORDS = ["books", "BTCUSDT", "0", "1e400", "NaN", "-1", "orders", "fill", "login", "subscribe", "error", "snapshot"]
KEYS = [
    "arg",
    "channel",
    "instId",
    "data",
    "action",
    "bids",
    "asks",
    "ts",
    "seq",
    "pseq",
    "event",
    "code",
    "op",
    "msg",
    "orderId",
    "status",
    "feeDetail",
    "coin",
    "tradeId",
]
FRAMES = [
    (
        '{"action":"snapshot","arg":{"instType":"SPOT","channel":"books","instId":"C1USDT"},"data":[{"asks":[["2501.25",'
        '"37.5"]],"bids":[["2501.24","62"]],"ts":"1749999123456","seq":40001,"pseq":0}],"ts":1749999123460}'
    ),
    (
        '{"action":"snapshot","arg":{"instType":"SPOT","channel":"orders","instId":"default"},"data":[{"instId":"C1USDT",'
        '"orderId":"4","clientOid":"","newSize":"0.001","price":"2500.5","force":"ioc","side":"sell","tradeId":"2",'
        '"accBaseVolume":"0.001","status":"filled","uTime":"1749999123456"}],"ts":1749999123460}'
    ),
    (
        '{"action":"snapshot","arg":{"instType":"SPOT","channel":"fill","instId":"default"},"data":[{"symbol":"C1USDT",'
        '"orderId":"4","tradeId":"2","side":"sell","priceAvg":"3","size":"1","tradeScope":"taker","cTime":"1749999123456",'
        '"feeDetail":[{"feeCoin":"USDT","deduction":"no","totalFee":"0.02"}]}],"ts":1749999123460}'
    ),
]
"""The fields are those of www.bitget.com/api-doc/spot/websocket (depth channel, order channel, fill channel)."""
ACCEPTED = b'{"code":"00000","msg":"success","requestTime":1749999123456,"data":{"orderId":"7","clientOid":"a"}}'
