"""What the tests of every venue (``tests/venues``) must know about Binance."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from frames import ORDER, WRITTEN, Wire, texts

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
        sides = {name: texts(levels, count) for name, levels in (("bids", truth.bids), ("asks", truth.asks))}
        return json.dumps({"lastUpdateId": truth.seq, **sides}).encode()

    def ws(self, text: str, truths: Mapping[str, TrueTop]) -> Sequence[str]:
        return [json.dumps({"result": None, "id": json.loads(text)["id"]})]


class BinanceWire(Wire):
    """``depth@100ms``: changes by ``U`` and ``u``, joined to a snapshot over REST."""

    options = {"depth": "5000"}
    window = 0
    style = "padded"
    zero = "0.00000000"
    kind = "rest"
    quirks = (*WRITTEN, *ORDER, "reconnect", "straddle", "late snapshot", "old snapshot", "refused snapshot")

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
CCXT_QUIRKS = (*WRITTEN, "repeated", "reconnect", "straddle", "late snapshot")
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
    (VenueSettings(environment="simulated"), "needs endpoints rest"),
    (VenueSettings(endpoints={"ws_pubic": "wss://x"}), "did you mean 'ws_public'"),
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
CODES_LEFT_OUT = {
    "margin, wallet, futures, earn and other products": (range(-32603, -2999), 400002, 100001003, 200003903),
    "on the page of margin, not on that of spot": (-1004, -1099, -2008),
    "a text without a meaning of its own; its code decides": (
        "API key does not exist",
        "Limit orders require GTC for self phase.",
        "MAX_POSITION",
        "Order would trigger immediately.",
        "System abnormality",
        "System is under maintenance.",
        "This order type is not possible",
        "This type of sub-account exceeds the maximum number limit",
        "Too many requests. Please try again later.",
        "You are not authorized to execute self request.",
        "You don't have permission.",
        "has no operation privilege",
    ),
}
CODES = {
    "shutting down: no word on execution": (-1016,),
    "a listen key, not the key of the account": (-1125,),
    "closed to this account on this symbol or for this action; the key is good": (
        "This action is disabled on self account.",
        "This symbol is not permitted for self account.",
        "This symbol is restricted for self account.",
    ),
    "the list of symbols is wrong, not a symbol": (-1151,),
    "a query's answer: the order ended, too long ago": (-2026,),
    'a stop order, not used; the word "price" is that of -1111': ("Stop price would trigger immediately.",),
}
ANSWERS = [
    (-2010, "Account has insufficient balance for requested action.", "rejected insufficient_funds"),
    (-2010, "Duplicate order sent.", "unknown duplicate"),
    (-2010, "Order would immediately match and take.", "rejected post_only"),
    (-2010, "Market is closed.", "rejected instrument lasting"),
    (-1013, "Market is closed.", "rejected instrument lasting"),
    (-2010, "This account may not place or cancel orders.", "rejected auth lasting"),
    (-2010, "This symbol is not permitted for this account.", "rejected instrument lasting"),
    (-2010, "This symbol is restricted for this account.", "rejected instrument lasting"),
    (-2010, "This action is disabled on this account.", "rejected instrument lasting"),
    (-2010, "Market orders are not supported for this symbol.", "rejected other lasting"),
    (-2010, "A text of tomorrow.", "rejected other"),
    (-1010, "A text of tomorrow.", "unknown"),
    (-1013, "Filter failure: PRICE_FILTER", "rejected bad_price"),
    (-1013, "Filter failure: PERCENT_PRICE_BY_SIDE", "rejected bad_price"),
    (-1013, "Filter failure: LOT_SIZE", "rejected bad_qty"),
    (-1013, "Filter failure: MARKET_LOT_SIZE", "rejected bad_qty"),
    (-1013, "Filter failure: MIN_NOTIONAL", "rejected min_notional"),
    (-1013, "Filter failure: NOTIONAL", "rejected min_notional"),
    (-1013, "Filter failure: MAX_NUM_ORDERS", "rejected other"),
    (-1013, "Invalid quantity.", "rejected bad_qty"),
    (-1013, "Invalid price.", "rejected bad_price"),
    (-2010, "Order book liquidity is less than LOT_SIZE filter minimum quantity.", "rejected no_match"),
    (-1111, "Parameter 'quantity' has too much precision.", "rejected bad_qty"),
    (-1111, "Parameter 'price' has too much precision.", "rejected bad_price"),
    (-1102, "Mandatory parameter 'price' was not sent.", "rejected other"),
    (-1131, "recvWindow must be less than 60000.", "rejected other"),
    (-1121, "Invalid symbol.", "rejected instrument lasting"),
    (-1021, "Timestamp for this request is outside of the recvWindow.", "rejected clock"),
    (-1002, "You are not authorized to execute this request.", "rejected auth lasting"),
    (-2015, "Invalid API-key, IP, or permissions for action.", "rejected auth lasting"),
    (-1003, "Too many requests queued.", "unknown throttled"),
    (-1015, "Too many new orders.", "unknown throttled"),
    (-1008, "Server is currently overloaded with other requests.", "unknown"),
    (-1007, "Timeout waiting for response from backend server.", "unknown"),
    (-1006, "An unexpected response was received from the message bus.", "unknown"),
    (-1001, "Internal error; unable to process your request.", "unknown"),
    (0, "", "new"),
]
GONE = [-2011, -2013, -2026]
QUERIES = {-2013: "absent", -2026: "ended", -2011: "", -1003: "", -1007: ""}
LOGINS = {-1002: "key", -1022: "key", -2014: "key", -2015: "key", -1021: "", -1003: "", -1007: ""}
