"""What the tests of every venue (``tests/venues``) must know about Bybit."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

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
