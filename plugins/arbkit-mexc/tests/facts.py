"""What the tests of every venue (``tests/venues``) must know about MEXC."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from arbkit_mexc import rows
from arbkit_mexc.dialect_pack import pack
from google.protobuf.json_format import MessageToJson

from arbkit.core.types import HttpRequest, Role, VenueSettings
from arbkit.testing.tapeserver import TrueTop

DEPTH = "spot@public.aggre.depth.v3.api.pb@100ms"


def native(number: int) -> str:
    return f"C{number}USDT"


class MexcTeller:
    """MEXC's side: depth over REST, acknowledgements on the socket."""

    def symbol(self, data: str | bytes) -> str:
        if isinstance(data, str):
            return ""
        frame = rows.push(data)
        return frame.symbol if frame.HasField("depths") else ""

    def text(self, data: str | bytes) -> str:
        return data if isinstance(data, str) else MessageToJson(rows.push(data))

    def http(self, request: HttpRequest, truths: Mapping[str, TrueTop]) -> bytes | None:
        query = dict(part.split("=") for part in request.url.partition("?")[2].split("&"))
        truth = truths.get(query["symbol"])
        if truth is None:
            return None
        sides = {
            name: [[repr(px), repr(qty)] for px, qty in levels[: int(query["limit"])]]
            for name, levels in (("bids", truth.bids), ("asks", truth.asks))
        }
        return json.dumps({"lastUpdateId": truth.seq, **sides}).encode()

    def ws(self, text: str, truths: Mapping[str, TrueTop]) -> Sequence[str]:
        message = json.loads(text)
        if message["method"] == "PING":
            return ['{"id":0,"code":0,"msg":"PONG"}']
        return [json.dumps({"id": message["id"], "code": 0, "msg": ",".join(message["params"])})]


class DepthWire:
    """``aggre.depth``: changes by ``fromVersion`` and ``toVersion``, joined to a snapshot over REST."""

    options = {"depth": "5000"}
    replayed = False
    window = 0
    style = "plain"
    zero = "0"
    counts = "updates"
    kind = "rest"
    quirks = (
        "other zeros",
        "exponents",
        "absent deletes",
        "gap",
        "reordered",
        "repeated",
        "reconnect",
        "straddle",
        "late snapshot",
        "old snapshot",
        "refused snapshot",
    )

    def delta(self, message: Any) -> bytes:
        sides = {
            name: [{"price": str(px), "quantity": str(qty)} for px, qty in side]
            for name, side in (("asks", message.asks), ("bids", message.bids))
        }
        body = {**sides, "eventType": DEPTH, "fromVersion": str(message.first), "toVersion": str(message.last)}
        head = {"channel": f"{DEPTH}@{message.native}", "symbol": message.native, "sendTime": message.ms}
        return pack(json.dumps({**head, "publicAggreDepths": body}).encode())

    def body(self, message: Any) -> bytes:
        return json.dumps({"lastUpdateId": message.last, "bids": message.bids, "asks": message.asks}).encode()

    def asked(self, text: str) -> Sequence[str]:
        return ()


WIRES = {"": DepthWire()}
CCXT_READS = bytes
CCXT_QUIRKS = ("other zeros", "exponents", "absent deletes", "repeated", "reconnect", "late snapshot")
"""What ccxt.pro follows by itself, with its own copy of the schema. It drops a change that the snapshot is inside of,
and does not look at ``toVersion``: after a lost frame it stays wrong, so it is no judge of gaps."""
RECORDINGS = {"-transcoded-v3pb": (445, 1)}
TELLER = MexcTeller()
TAPES = {"-transcoded-v3pb": {"frames": 447, "symbols": {"BTCUSDT"}, "levels": 1000, "window": 4}}
_SOCKET = "wss://wbs-api.mexc.com/ws"
ENDPOINTS = [
    (VenueSettings(), {Role.PUBLIC: _SOCKET, Role.REST: "https://api.mexc.com/api/v3/time"}),
    (
        VenueSettings(
            environment="sim",
            endpoints={name: f"http://127.0.0.1:1/{name}/" for name in ("rest", "ws_public", "ws_private")},
        ),
        {Role.PUBLIC: "http://127.0.0.1:1/ws_public/ws", Role.REST: "http://127.0.0.1:1/rest/api/v3/time"},
    ),
]
BAD_SETTINGS = [
    (VenueSettings(environment="testnet"), "needs endpoints rest"),
    (VenueSettings(endpoints={"ws_pubic": "wss://x"}), "did you mean 'ws_public'"),
    (VenueSettings(options={"dept": "5"}), "did you mean 'depth'"),
    (VenueSettings(options={"depth": "7"}), "options.depth"),
    (VenueSettings(options={"speed": "1s"}), "10ms"),
]
WORDS = [f"{DEPTH}@C1USDT", "spot@private.orders.v3.api.pb", "PONG", "0", "NaN", "1e400", "Invalid listen key"]
KEYS = ["id", "code", "msg", "channel", "symbol", "price", "quantity", "orderId", "status", "clientOrderId", "symbols"]
FRAMES = [
    f'{{"id":2,"code":0,"msg":"Not Subscribed successfully! [{DEPTH}@C1USDT]. Reason: Blocked!"}}',
    '{"id":0,"code":700,"msg":"msg format invalid"}',
]
"""Texts are answers only: data is binary, and bent in ``test_mexc_books.py``."""
ACCEPTED = b'{"symbol":"C1USDT","orderId":"7","orderListId":-1,"price":"1","origQty":"5","type":"LIMIT","side":"BUY"}'
ANSWERS = [
    (30004, "Insufficient position", "rejected insufficient_funds"),
    (10101, "Insufficient balance", "rejected insufficient_funds"),
    (30010, "no valid trade price", "rejected bad_price"),
    (30087, "outside of the range", "rejected bad_price"),
    (10096, "quantity precision", "rejected bad_qty"),
    (30002, "below the minimum", "rejected min_notional"),
    (30003, "above the maximum", "rejected other"),
    (30025, "no opposite order", "rejected no_match"),
    (30016, "trading disabled", "rejected instrument lasting"),
    (10007, "symbol not support api", "rejected instrument lasting"),
    (-1121, "Invalid symbol.", "rejected instrument lasting"),
    (30000, "trading suspended", "rejected instrument"),
    (30019, "api market order is disabled", "rejected other lasting"),
    (30029, "too many open orders", "rejected other"),
    (700003, "outside of the recvWindow", "rejected clock"),
    (700002, "signature", "rejected auth lasting"),
    (700007, "permission", "rejected auth lasting"),
    (429, "Too many requests", "unknown throttled"),
    (510, "Too frequent", "unknown throttled"),
    (603, "repeated request", "unknown duplicate"),
    (604, "maintenance", "unknown"),
    (500, "internal error", "unknown"),
    (503, "busy", "unknown"),
    (99999, "a code that is on no page", "unknown"),
    (0, "", "new"),
]
GONE = [-2011, 30026, -2013]
QUERIES = {-2013: "absent", -2011: "", 429: "", 500: "", 10072: ""}
LOGINS = {10072: "key", 700002: "key", 700007: "key", 700006: "key", 700003: "", 429: "", 500: "", 730708: ""}
CODES_LEFT_OUT = {
    "a text without a meaning of its own; its code decides": (
        "Order quantity error, please try to modify.",
        "Combination of optional parameters invalid",
        "api market order is disabled",
        "Contract not allow place order!",
        "Oversold",
        "Insufficient position",
        "Insufficient balance!",
        "Bid price is great than max allow price",
        "Invalid symbol.",
        "Param error!",
        "maintenance",
    )
}
CODES = {
    "a cancel that found no open order": (-2011, 30026),
    "the first request may have been executed": (603,),
    "too little of an asset": (30005,),
    "the key, or its address, is refused": (400, 10072, 700006),
    "the account is restricted": (10098, 60005),
    "the time check": (10073,),
    "the pair is closed, to all or to API keys": (26, 30000, 30001, 30014, 30016, 30021),
    "market orders of this pair are closed, not the account": (30018,),
    "recvWindow is above its maximum: no matter of the clock": (700005,),
    "the header Content-Type, not the key": (700013,),
}
