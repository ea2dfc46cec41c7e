"""What the tests of every venue (``tests/venues``) must know about Bybit."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from arbkit.core.types import HttpRequest, Role, VenueSettings
from arbkit.testing.tapeserver import TrueTop


def native(number: int) -> str:
    return f"C{number}USDT"


class BybitTeller:
    """Bybit's side: a subscription is acknowledged and answered by a snapshot; one answer for all topics."""

    def symbol(self, data: str | bytes) -> str:
        frame = json.loads(data)
        return frame["data"]["s"] if frame.get("topic", "").startswith("orderbook.") else ""

    def http(self, request: HttpRequest, truths: Mapping[str, TrueTop]) -> bytes | None:
        return None

    def ws(self, text: str, truths: Mapping[str, TrueTop]) -> Sequence[str]:
        request = json.loads(text)
        frames = [json.dumps({"success": True, "ret_msg": "", "req_id": request["req_id"], "op": request["op"]})]
        for topic in request.get("args", ()) if request["op"] == "subscribe" else ():
            truth = truths.get(topic.split(".")[2])
            if truth is not None:
                sides = {
                    name: [[repr(px), repr(qty)] for px, qty in levels]
                    for name, levels in (("b", truth.bids), ("a", truth.asks))
                }
                data = {"s": truth.native, **sides, "u": truth.seq, "seq": 1}
                frames.append(json.dumps({"topic": topic, "ts": 1, "type": "snapshot", "data": data, "cts": 1}))
        return frames


class BybitWire:
    """``orderbook.50`` and deeper: a snapshot, then changes whose ``u`` rises by one."""

    replayed = False
    style = "tick"
    zero = "0"
    counts = "frames"
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
        "restart by delta",
        "unasked snapshot",
        "reconnect",
        "early deltas",
        "late snapshot",
    )

    def __init__(self, depth: str) -> None:
        self.depth = depth
        self.options = {"depth": depth}
        self.window = int(depth) if depth.isdigit() else 0

    def data(self, message: Any) -> dict[str, Any]:
        levels = {"s": message.native, "b": message.bids, "a": message.asks}
        return levels | {"u": message.last, "seq": 7_000_000_000 + message.engine}

    def push(self, message: Any, kind: str) -> str:
        topic = f"orderbook.{self.depth}.{message.native}"
        frame = {"topic": topic, "ts": message.ms + 2, "type": kind, "data": self.data(message), "cts": message.ms}
        return json.dumps(frame, separators=(",", ":"))

    def snapshot(self, message: Any) -> str:
        return self.push(message, "snapshot")

    def delta(self, message: Any) -> str:
        return self.push(message, "delta")

    def asked(self, text: str) -> Sequence[str]:
        request = json.loads(text)
        return [topic.split(".")[2] for topic in request["args"]] if request["op"] == "subscribe" else ()


class TopWire(BybitWire):
    """``orderbook.1``: each push is the whole book of one level, sent again with the same ``u`` after 3 s."""

    kind = "whole"
    quirks = ("numbers", "exponents", "gap", "repeated", "idle", "restart", "reconnect")

    def delta(self, message: Any) -> str:
        return self.push(message, "snapshot")

    def asked(self, text: str) -> Sequence[str]:
        return ()


class FullWire(BybitWire):
    """``orderbook.full``: changes only, joined to a snapshot over REST by ``u``; a restart begins again at 1."""

    kind = "rest"
    quirks = (
        "other zeros",
        "numbers",
        "exponents",
        "absent deletes",
        "gap",
        "reordered",
        "repeated",
        "restart by delta",
        "reconnect",
        "late snapshot",
        "old snapshot",
        "refused snapshot",
    )

    def body(self, message: Any) -> bytes:
        result = self.data(message) | {"ts": message.ms + 2, "cts": message.ms}
        return json.dumps({"retCode": 0, "retMsg": "OK", "result": result, "time": message.ms + 9}).encode()

    def asked(self, text: str) -> Sequence[str]:
        return ()


WIRES = {"": BybitWire("50"), "-200": BybitWire("200"), "-1": TopWire("1"), "-full": FullWire("full")}
CCXT_QUIRKS = (
    "other zeros",
    "numbers",
    "exponents",
    "absent deletes",
    "repeated",
    "restart",
    "unasked snapshot",
    "reconnect",
    "early deltas",
    "late snapshot",
)
"""What ccxt.pro follows by itself. It does not check ``u``, so it does not see a gap."""
CCXT_GAP = ""
RECORDINGS = {"": (300, 1), "-linear": (794, 2)}
TELLER = BybitTeller()
TAPES = {
    "": {"frames": 300, "symbols": {"BTCUSDT"}, "levels": 200, "options": {"depth": "200"}, "window": 4},
    "-linear": {
        "frames": 794,
        "symbols": {"BTCUSDT", "DOGEUSDT"},
        "levels": 200,
        "options": {"depth": "200"},
        "window": 6,
    },
}
ENDPOINTS = [
    (
        VenueSettings(),
        {
            Role.PUBLIC: "wss://stream.bybit.com/v5/public/spot",
            Role.PRIVATE: "wss://stream.bybit.com/v5/private",
            Role.TRADE: "wss://stream.bybit.com/v5/trade",
            Role.REST: "https://api.bybit.com/v5/market/time",
        },
    ),
    (VenueSettings(environment="testnet"), {Role.TRADE: "wss://stream-testnet.bybit.com/v5/trade"}),
    (
        VenueSettings(environment="demo"),
        {
            Role.PUBLIC: "wss://stream.bybit.com/v5/public/spot",
            Role.PRIVATE: "wss://stream-demo.bybit.com/v5/private",
        },
    ),
    (
        VenueSettings(options={"domain": "bybit.eu"}, endpoints={"ws_trade": "wss://other/"}),
        {Role.REST: "https://api.bybit.eu/v5/market/time", Role.TRADE: "wss://other/v5/trade"},
    ),
    (
        VenueSettings(
            environment="sim",
            endpoints=dict.fromkeys(("rest", "ws_public", "ws_private", "ws_trade"), "ws://127.0.0.1:1"),
        ),
        {Role.TRADE: "ws://127.0.0.1:1/v5/trade"},
    ),
]
BAD_SETTINGS = [
    (VenueSettings(environment="sim"), "needs endpoints"),
    (VenueSettings(environment="staging"), "testnet"),
    (VenueSettings(options={"dept": "50"}), "did you mean 'depth'"),
    (VenueSettings(options={"depth": "5"}), "200"),
]
WORDS = ["orderbook.50.C1USDT", "order", "execution", "wallet", "0", "NaN", "auth", "order.create"]
KEYS = [
    "topic",
    "type",
    "data",
    "b",
    "a",
    "u",
    "ts",
    "cts",
    "op",
    "success",
    "retCode",
    "reqId",
    "ret_msg",
    "header",
    "symbol",
    "orderId",
    "orderStatus",
    "cumExecQty",
    "coin",
    "execId",
]
FRAMES = [
    (
        '{"topic":"orderbook.50.C1USDT","ts":1,"type":"snapshot","data":{"s":"C1USDT","b":[["20125.50","0.75"]],'
        '"a":[["20131.00","1.25"]],"u":40001,"seq":990001},"cts":1749999123456}'
    ),
    (
        '{"topic":"order","creationTime":1,"data":[{"category":"spot","symbol":"C1USDT","orderId":"1","price":"72.5",'
        '"qty":"1","orderStatus":"Filled","cumExecQty":"1","updatedTime":"1749999123457"}]}'
    ),
    '{"reqId":"a-1-C1USDT","retCode":0,"retMsg":"OK","op":"order.create","data":{"orderId":"a"},"header":{"a":"b"}}',
]
"""The fields are those of bybit-exchange.github.io/docs/v5 (websocket/public/orderbook, websocket/private/order and
websocket/trade/guideline)."""
ACCEPTED = b'{"retCode":0,"result":{"orderId":"1"}}'
