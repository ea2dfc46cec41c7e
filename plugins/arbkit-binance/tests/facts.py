"""What the tests of every venue (``tests/venues``) must know about Binance."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from arbkit.core.types import HttpRequest, Role, VenueSettings
from arbkit.testing.tapeserver import TrueTop


def native(number: int) -> str:
    return f"C{number}USDT"


class BinanceTeller:
    """Binance's side: depth over REST, acknowledgements on the socket."""

    def symbol(self, data: str | bytes) -> str:
        frame = json.loads(data)
        return frame["data"]["s"] if "@depth" in frame.get("stream", "") else ""

    def http(self, request: HttpRequest, truths: Mapping[str, TrueTop]) -> bytes | None:
        query = dict(part.split("=") for part in request.url.partition("?")[2].split("&"))
        truth = truths.get(query["symbol"])
        if truth is None:
            return None
        count = int(query["limit"])
        sides = {
            name: [[repr(px), repr(qty)] for px, qty in levels[:count]]
            for name, levels in (("bids", truth.bids), ("asks", truth.asks))
        }
        return json.dumps({"lastUpdateId": truth.seq, **sides}).encode()

    def ws(self, text: str, truths: Mapping[str, TrueTop]) -> Sequence[str]:
        return [json.dumps({"result": None, "id": json.loads(text)["id"]})]


class BinanceWire:
    """``depth@100ms``: changes by ``U`` and ``u``, joined to a snapshot over REST."""

    options = {"depth": "5000"}
    replayed = False
    window = 0
    style = "padded"
    zero = "0.00000000"
    counts = "updates"
    kind = "rest"
    quirks = (
        "other zeros",
        "numbers",
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

    def delta(self, message: Any) -> str:
        data = {"e": "depthUpdate", "E": message.ms, "s": message.native, "U": message.first, "u": message.last}
        data |= self.more(message) | {"b": message.bids, "a": message.asks}
        stream = f"{message.native.lower()}@depth@100ms"
        return json.dumps({"stream": stream, "data": data}, separators=(",", ":"))

    def more(self, message: Any) -> dict[str, Any]:
        return {}

    def body(self, message: Any) -> bytes:
        return json.dumps({"lastUpdateId": message.last, "bids": message.bids, "asks": message.asks}).encode()

    def asked(self, text: str) -> Sequence[str]:
        return ()


class FuturesWire(BinanceWire):
    """Futures: each change also names the last id of the one before, as ``pu``."""

    def more(self, message: Any) -> dict[str, Any]:
        return {"T": message.ms, "pu": message.prev}


WIRES = {"": BinanceWire(), "-futures": FuturesWire()}
CCXT_QUIRKS = (
    "other zeros",
    "numbers",
    "exponents",
    "absent deletes",
    "repeated",
    "reconnect",
    "straddle",
    "late snapshot",
)
"""What ccxt.pro follows by itself. Its join takes any snapshot, so the old one is left out."""
CCXT_GAP = "ChecksumError"
RECORDINGS = {
    "": (995, 1),
    "-small2021": (176, 4),
    "-usdm": (571, 1),
    "-usdm2021": (434, 2),
    "-coinm2021": (331, 2),
}
TELLER = BinanceTeller()
TAPES = {
    "": {"frames": 997, "symbols": {"BTCUSDT"}, "levels": 200, "options": {"depth": "200"}, "window": 3},
    "-small2021": {
        "frames": 177,
        "symbols": {"BLZETH", "LRCBTC", "NKNUSDT", "RUNEEUR"},
        "levels": 200,
        "options": {"depth": "200"},
    },
}
ENDPOINTS = [
    (
        VenueSettings(),
        {
            Role.PUBLIC: "wss://stream.binance.com:9443/stream",
            Role.TRADE: "wss://ws-api.binance.com:443/ws-api/v3",
            Role.REST: "https://api.binance.com/api/v3/time",
        },
    ),
    (
        VenueSettings(environment="testnet"),
        {
            Role.PUBLIC: "wss://stream.testnet.binance.vision/stream",
            Role.TRADE: "wss://ws-api.testnet.binance.vision/ws-api/v3",
            Role.REST: "https://testnet.binance.vision/api/v3/time",
        },
    ),
    (
        VenueSettings(environment="demo"),
        {
            Role.PUBLIC: "wss://demo-stream.binance.com/stream",
            Role.TRADE: "wss://demo-ws-api.binance.com/ws-api/v3",
            Role.REST: "https://demo-api.binance.com/api/v3/time",
        },
    ),
    (
        VenueSettings(
            environment="sim",
            endpoints={name: f"http://127.0.0.1:1/{name}/" for name in ("rest", "ws_public", "ws_private", "ws_trade")},
        ),
        {
            Role.PUBLIC: "http://127.0.0.1:1/ws_public/stream",
            Role.TRADE: "http://127.0.0.1:1/ws_trade/ws-api/v3",
            Role.REST: "http://127.0.0.1:1/rest/api/v3/time",
        },
    ),
]
BAD_SETTINGS = [
    (VenueSettings(environment="simulated"), "endpoints.rest"),
    (VenueSettings(options={"dept": "5"}), "did you mean 'depth'"),
    (VenueSettings(options={"depth": "lots"}), "options.depth"),
    (VenueSettings(options={"recv_window_ms": "60001"}), "60000"),
    (VenueSettings(options={"key_type": "rsa"}), "key_type"),
]
WORDS = [
    "c1usdt@depth@100ms",
    "depthUpdate",
    "executionReport",
    "outboundAccountPosition",
    "0",
    "NaN",
    "logon",
    "nC1USDT",
]
KEYS = [
    "stream",
    "data",
    "e",
    "E",
    "s",
    "U",
    "u",
    "b",
    "a",
    "B",
    "A",
    "id",
    "status",
    "result",
    "error",
    "code",
    "msg",
    "event",
    "c",
    "C",
    "i",
    "X",
    "x",
    "z",
    "l",
    "L",
    "n",
    "N",
    "t",
    "T",
    "orderId",
    "price",
    "qty",
]
FRAMES = [
    (
        '{"stream":"c1usdt@depth@100ms","data":{"e":"depthUpdate","E":1749999123456,"s":"C1USDT","U":501,"u":507,'
        '"b":[["12.5","3"]],"a":[["12.75","41.5"]]}}'
    ),
    (
        '{"subscriptionId":0,"event":{"e":"executionReport","E":1749999123459,"s":"C1USDT","c":"a","S":"BUY","o":"LIMIT",'
        '"f":"IOC","q":"4.0","p":"12.5","C":"","x":"TRADE","X":"FILLED","r":"NONE","i":880005,"l":"4.0","z":"4.0",'
        '"L":"12.5","n":"0","N":null,"T":1749999123456,"t":1,"m":false}}'
    ),
    '{"id":"naC1USDT","status":200,"result":{"symbol":"C1USDT","orderId":880006,"clientOrderId":"a","status":"NEW"}}',
]
"""The fields are those of developers.binance.com/docs/binance-spot-api-docs (web-socket-streams, user-data-stream and
websocket-api/trading-requests)."""
