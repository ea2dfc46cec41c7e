"""What the tests of every venue (``tests/venues``) must know about Bybit."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from frames import ORDER, STARTS, WRITTEN, SocketTeller, Wire, texts

from arbkit.core.types import Role, VenueSettings
from arbkit.testing.tapeserver import TrueTop


def native(number: int) -> str:
    return f"C{number}USDT"


class BybitTeller(SocketTeller):
    """Bybit's side: a subscription is acknowledged and answered by a snapshot; one answer for all topics."""

    def symbol(self, data: str | bytes) -> str:
        frame = json.loads(data)
        return frame["data"]["s"] if frame.get("topic", "").startswith("orderbook.") else ""

    def ws(self, text: str, truths: Mapping[str, TrueTop]) -> Sequence[str]:
        request = json.loads(text)
        frames = [json.dumps({"success": True, "ret_msg": "", "req_id": request["req_id"], "op": request["op"]})]
        for topic in request.get("args", ()) if request["op"] == "subscribe" else ():
            truth = truths.get(topic.split(".")[2])
            if truth is not None:
                sides = {name: texts(levels) for name, levels in (("b", truth.bids), ("a", truth.asks))}
                data = {"s": truth.native, **sides, "u": truth.seq, "seq": 1}
                frames.append(json.dumps({"topic": topic, "ts": 1, "type": "snapshot", "data": data, "cts": 1}))
        return frames


class BybitWire(Wire):
    """``orderbook.50`` and deeper: a snapshot, then changes whose ``u`` rises by one."""

    style = "tick"
    counts = "frames"
    quirks: Sequence[str] = (*WRITTEN, *ORDER, "restart", "restart by delta", "unasked snapshot", "reconnect", *STARTS)

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


WIRES = {"": BybitWire("50"), "-200": BybitWire("200"), "-1": TopWire("1")}
CCXT_QUIRKS = (*WRITTEN, "repeated", "restart", "unasked snapshot", "reconnect", *STARTS)
"""What ccxt.pro follows by itself. It does not check ``u``, so it does not see a gap."""
CCXT_GAP = ""
RECORDINGS = {"": (300, 1), "-linear": (794, 2)}
READ_ONLY = {"-legacy2021": "the format before v5"}
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
        VenueSettings(options={"domain": "bybit.eu"}),
        {
            Role.PUBLIC: "wss://stream.bybit.eu/v5/public/spot",
            Role.PRIVATE: "wss://stream.bybit.eu/v5/private",
            Role.TRADE: "wss://stream.bybit.eu/v5/trade",
        },
    ),
    (
        VenueSettings(options={"domain": "bybit.nl"}),
        {
            Role.REST: "https://api.bybit.nl/v5/market/time",
            Role.PUBLIC: "wss://stream.bybit.com/v5/public/spot",
            Role.TRADE: "wss://stream.bybit.com/v5/trade",
        },
    ),
    (
        VenueSettings(options={"domain": "bybitgeorgia.ge"}),
        {
            Role.REST: "https://api.bybitgeorgia.ge/v5/market/time",
            Role.PRIVATE: "wss://stream.bybitgeorgia.ge/v5/private",
        },
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
    (VenueSettings(options={"depth": "full"}), "1000"),
    (VenueSettings(options={"domain": "bybit.us"}), "bybit.eu"),
    (VenueSettings(environment="testnet", options={"domain": "bybit.kz"}), "needs endpoints"),
    (VenueSettings(endpoints={"ws_publik": "wss://other"}), "did you mean 'ws_public'"),
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
CODES_LEFT_OUT = {
    "APIs before v5": (
        *(range(-10009, -6016), range(-2013, -1003), range(5004, 7002), 10020, range(12137, 12202)),
        *(range(20004, 20006), range(20007, 20085), range(30001, 30079), range(34026, 35016)),
        *(range(130006, 131000), range(140001, 140071), range(175000, 176000)),
    ),
    "a text of another product or of an older API": (
        *("Not supported symbols", "Request timeout", "invalid api_key", "new_oc", "oc_diff"),
        *("openapi sign params error!", "unknown orderInfo"),
    ),
    "positions, leverage, TP/SL and triggers of contracts": (
        *(110005, 110009, 110011, range(110013, 110017), range(110021, 110030), 110031, range(110033, 110044)),
        *(range(110046, 110050), range(110054, 110063), range(110064, 110066), 110071, range(110073, 110094)),
    ),
    "assets, deposits, withdrawals": (range(131000, 131233),),
    "not on the page any more": (170135,),
    "triggers of spot orders": (range(170202, 170207),),
    "spot margin, leveraged tokens": (range(176000, 182001),),
    "settings of the account, other products": (range(340099, 3400046),),
}
CODES = {
    "the request or id is in use: the first copy may have arrived": (10014, 110030, 110072, 170141, 20006),
    "a symbol, coin or zone closed to this account; the key is good": (10024, 10029, 170037, 170121, 170221, 170224),
    "the state or kind of the instrument, not the order": (*(110050, 110063, 110066, 110070, 170151, 170157, 170159),),
    "the order ended before: a cancel found it so": (110008, 110010, 170139, 170142, 170143, 170190),
    "the account mode does not offer leverage; the key is good": (110068,),
    "too many orders or requests: no word on execution": (170005, 20003),
    "still processing or timed out: the outcome is not known": (170035, 170144, 170146, 170147, 170191),
    "worded as a warning: the order may exist": (range(170195, 170201),),
    "orderFilter is a parameter, no permission": (170201,),
    "a loan is liquidated: not the balance of the order": (170223, 170226),
    "logged in already (v5); ccxt has the meaning of an older API": (20001,),
}
ANSWERS = [
    (170131, "Balance insufficient", "rejected insufficient_funds"),
    (110012, "Insufficient available balance.", "rejected insufficient_funds"),
    (170134, "Order price decimal too long.", "rejected bad_price"),
    (170192, "Order price cannot be higher", "rejected bad_price"),
    (110120, "the price limitation", "rejected bad_price"),
    (170136, "Order quantity lower than the minimum.", "rejected bad_qty"),
    (170341, "exceeds maximum limit", "rejected bad_qty"),
    (170382, "Order quantity too large.", "rejected bad_qty"),
    (170140, "Order value exceeded lower limit", "rejected min_notional"),
    (170218, "The LIMIT-MAKER order is rejected", "rejected post_only"),
    (170115, "Invalid timeInForce.", "rejected other"),
    (170130, "Data sent for parameter is not valid.", "rejected other"),
    (170210, "New order rejected.", "rejected other"),
    (10404, "op type is not found", "rejected other"),
    (170220, "Spot Trading Restriction", "rejected other"),
    (110066, "Trading is currently not allowed.", "rejected instrument"),
    (110124, "cooling-off period", "rejected instrument"),
    (170151, "The trading pair is not open yet", "rejected instrument lasting"),
    (170157, "not available for api trading", "rejected instrument lasting"),
    (170209, "only available to the region", "rejected instrument lasting"),
    (170224, "not a user of the Innovation Zone", "rejected instrument lasting"),
    (170241, "risk disclosure document", "rejected instrument lasting"),
    (110132, "Product not available in your region", "rejected instrument lasting"),
    (10024, "Compliance rules triggered", "rejected instrument lasting"),
    (10003, "API key is invalid.", "rejected auth lasting"),
    (10009, "unavailable for your region", "rejected auth lasting"),
    (10028, "unified account users", "rejected auth lasting"),
    (170348, "another site", "rejected auth lasting"),
    (10002, "The request time exceeds the time window range.", "rejected clock"),
    (-1, "request expired", "rejected clock"),
    (170141, "Duplicate clientOrderId", "unknown duplicate"),
    (110072, "OrderLinkedID is duplicate", "unknown duplicate"),
    (10006, "Too many visits.", "unknown throttled"),
    (10429, "System level frequency protection", "unknown throttled"),
    (170005, "Too many new orders", "unknown throttled"),
    (10000, "Server Timeout", "unknown"),
    (10016, "Server error.", "unknown"),
    (10019, "ws trade service is restarting", "unknown"),
    (170007, "Timeout waiting for response", "unknown"),
    (170146, "Order creation timeout", "unknown"),
    (170035, "Submitted to the system for processing!", "unknown"),
    (0, "OK", "new"),
]
GONE = [110001, 110008, 110010, 170139, 170142, 170143, 170190, 170213]
QUERIES = {110001: "absent", 170143: "absent", 170213: "absent", 170139: "", 10006: "", 10016: ""}
LOGINS = {
    10003: "key",
    10004: "key",
    10005: "key",
    10007: "key",
    10010: "key",
    -2015: "key",
    33004: "key",
    10002: "",
    10006: "",
    10016: "",
    10019: "",
    20001: "",
}
