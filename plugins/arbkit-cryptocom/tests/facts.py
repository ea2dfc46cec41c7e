"""What the tests of every venue (``tests/venues``) must know about Crypto.com."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from arbkit.core.types import HttpRequest, Role, VenueSettings
from arbkit.testing.tapeserver import TrueTop


def native(number: int) -> str:
    return f"C{number}_USDT"


def books(text: str) -> Sequence[tuple[str, str]]:
    """(channel, symbol) of each book that a request subscribes."""
    request = json.loads(text)
    if request["method"] != "subscribe":
        return ()
    return [(one, one.split(".")[1]) for one in request["params"]["channels"] if one.startswith("book.")]


def push(name: str, kind: str, row: Any) -> str:
    _, symbol, depth = name.split(".")
    result = {"instrument_name": symbol, "subscription": name, "channel": kind, "depth": int(depth), "data": [row]}
    return json.dumps({"id": -1, "method": "subscribe", "code": 0, "result": result}, separators=(",", ":"))


def sides(message: Any) -> dict[str, Any]:
    """The levels with their numbers of orders."""
    return {name: [[*level, "1"] for level in getattr(message, name)] for name in ("asks", "bids")}


class CryptocomTeller:
    """Crypto.com's side: each channel of a subscription is acknowledged alone, and a book answered by a snapshot."""

    def symbol(self, data: str | bytes) -> str:
        frame = json.loads(data)
        return (frame.get("result") or {}).get("instrument_name", "")

    def http(self, request: HttpRequest, truths: Mapping[str, TrueTop]) -> bytes | None:
        return None

    def ws(self, text: str, truths: Mapping[str, TrueTop]) -> Sequence[str]:
        request = json.loads(text)
        frames = []
        for name in request.get("params", {}).get("channels", ()):
            ack = {"id": request["id"], "method": request["method"], "code": 0, "channel": name}
            frames.append(json.dumps(ack))
        for name, symbol in books(text):
            truth = truths.get(symbol)
            if truth is not None:
                row = {
                    "asks": [[repr(px), repr(qty), "1"] for px, qty in truth.asks],
                    "bids": [[repr(px), repr(qty), "1"] for px, qty in truth.bids],
                    "t": 1723161254138,
                    "tt": 1723161254133,
                    "u": truth.seq,
                }
                frames.append(push(name, "book", row))
        return frames


class BooksWire:
    """``book.<symbol>.50``: a snapshot, then changes by ``pu`` and ``u``."""

    options: dict[str, str] = {}
    depth = 50
    replayed = False
    window = 50
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
        "idle",
        "reconnect",
        "early deltas",
        "late snapshot",
    )

    def push(self, message: Any, kind: str, row: Any) -> str:
        times = {"t": message.ms + 6, "tt": message.ms, "u": message.last}
        return push(f"book.{message.native}.{self.depth}", kind, row | times)

    def snapshot(self, message: Any) -> str:
        return self.push(message, "book", sides(message))

    def delta(self, message: Any) -> str:
        row = {"update": sides(message), "pu": message.prev, "cs": -781431132}
        return self.push(message, "book.update", row)

    idle = delta

    def asked(self, text: str) -> Sequence[str]:
        return [symbol for _, symbol in books(text)]


class Books10Wire(BooksWire):
    """The same with ten levels."""

    options = {"channel": "book.10"}
    depth = window = 10
    quirks = ("gap", "repeated", "absent deletes", "late snapshot")


WIRES = {"": BooksWire(), "-10": Books10Wire()}
CCXT_QUIRKS = ("other zeros", "unasked snapshot")
"""It raises ChecksumError for a message that does not follow the last one, also for a copy of it."""
RECORDINGS = {"-transcoded-v1": (435, 1)}
READ_ONLY = {"": "v2/market of 2021: whole books of 150 levels without u and pu"}
TELLER = CryptocomTeller()
TAPES = {"-transcoded-v1": {"frames": 435, "symbols": {"BTC_USDT"}, "levels": 50, "window": 4}}
_MARKET, _USER = "wss://stream.crypto.com/exchange/v1/market", "wss://stream.crypto.com/exchange/v1/user"
ENDPOINTS = [
    (
        VenueSettings(),
        {
            Role.PUBLIC: _MARKET,
            Role.PRIVATE: _USER,
            Role.TRADE: _USER,
            Role.REST: "https://api.crypto.com/exchange/v1/public/get-book?instrument_name=BTC_USDT&depth=1",
        },
    ),
    (
        VenueSettings(environment="testnet"),
        {
            Role.PUBLIC: "wss://uat-stream.3ona.co/exchange/v1/market",
            Role.PRIVATE: "wss://uat-stream.3ona.co/exchange/v1/user",
            Role.REST: "https://uat-api.3ona.co/exchange/v1/public/get-book?instrument_name=BTC_USDT&depth=1",
        },
    ),
    (
        VenueSettings(endpoints={"ws_private": "wss://other/"}),
        {Role.PUBLIC: _MARKET, Role.PRIVATE: "wss://other/exchange/v1/user", Role.TRADE: _USER},
    ),
    (
        VenueSettings(
            environment="sim",
            endpoints=dict.fromkeys(("rest", "ws_public", "ws_private", "ws_trade"), "ws://127.0.0.1:1"),
        ),
        {Role.PRIVATE: "ws://127.0.0.1:1/exchange/v1/user"},
    ),
]
BAD_SETTINGS = [
    (VenueSettings(environment="sim"), "needs endpoints rest, ws_public, ws_private, ws_trade "),
    (VenueSettings(environment="demo"), "testnet"),
    (VenueSettings(options={"chanel": "book.50"}), "did you mean 'channel'"),
    (VenueSettings(options={"channel": "book.150"}), "book.50"),
]
WORDS = [
    "book",
    "book.update",
    "book.C1_USDT.50",
    "trade.C1_USDT",
    "0",
    "1e400",
    "NaN",
    "-1",
    "user.order",
    "user.trade",
]
WORDS += ["subscribe", "public/heartbeat", "public/auth", "private/create-order"]
KEYS = ["id", "method", "code", "message", "channel", "result", "subscription", "instrument_name", "data", "update"]
KEYS += ["bids", "asks", "u", "pu", "t", "d", "order_id", "client_oid", "status", "reason", "trade_id", "fees"]
FRAMES = [
    (
        '{"id":-1,"method":"subscribe","code":0,"result":{"instrument_name":"C1_USDT","subscription":"book.C1_USDT.50",'
        '"channel":"book","depth":50,"data":[{"asks":[["2501.25","37.5","2"]],"bids":[["2501.24","62","1"]],'
        '"t":1749999123456,"tt":1749999123450,"u":40001}]}}'
    ),
    (
        '{"id":-1,"method":"subscribe","code":0,"result":{"instrument_name":"C1_USDT","subscription":"user.order",'
        '"channel":"user.order","data":[{"order_id":"4","client_oid":"","side":"SELL","quantity":"0.001",'
        '"limit_price":"2500.5","time_in_force":"IMMEDIATE_OR_CANCEL","cumulative_quantity":"0.001","status":"FILLED",'
        '"instrument_name":"C1_USDT","update_time":1749999123456}]}}'
    ),
    (
        '{"id":-1,"method":"subscribe","code":0,"result":{"instrument_name":"C1_USDT","subscription":"user.trade",'
        '"channel":"user.trade","data":[{"order_id":"4","client_oid":"","trade_id":"2","side":"SELL",'
        '"traded_price":"3","traded_quantity":"1","taker_side":"TAKER","fees":"-0.02","fee_instrument_name":"USDT",'
        '"instrument_name":"C1_USDT","create_time":1749999123456}]}}'
    ),
]
"""The fields are those of exchange-developer.crypto.com/exchange/v1/docs (book, user.order, user.trade)."""
ACCEPTED = b'{"id":1,"method":"private/create-order","code":0,"result":{"client_oid":"a","order_id":"7"}}'
CODES_LEFT_OUT = {
    "codes of the API before Exchange v1": (
        *(range(10001, 10010), 20001, 20002, 20005, range(30003, 30018), 30023, 30025),
    ),
    "not in the notes that we have of the table": (325, 40007),
}
CODES = {
    "a request that was sent twice: the first copy arrived": (40006,),
}
ANSWERS = [
    (306, "INSUFFICIENT_AVAILABLE_BALANCE", "rejected insufficient_funds"),
    (308, "INVALID_PRICE", "rejected bad_price"),
    (315, "FAR_AWAY_LIMIT_PRICE", "rejected bad_price"),
    (213, "INVALID_ORDERQTY", "rejected bad_qty"),
    (415, "BELOW_MIN_ORDER_SIZE", "rejected bad_qty"),
    (43005, "POST_ONLY_REJ", "rejected post_only"),
    (43004, "IOC_REJ", "rejected no_match"),
    (208, "INSTRUMENT_NOT_TRADABLE", "rejected instrument lasting"),
    (309, "MARKET_IS_NOT_OPEN", "rejected instrument"),
    (40102, "INVALID_NONCE", "rejected clock"),
    (40101, "UNAUTHORIZED", "rejected auth lasting"),
    (40103, "IP_ILLEGAL", "rejected auth lasting"),
    (202, "ACCOUNT_IS_SUSPENDED", "rejected auth lasting"),
    (40004, "MISSING_OR_INVALID_ARGUMENT", "rejected other"),
    (318, "EXCEEDS_MAX_ALLOWED_ORDERS", "rejected other"),
    (204, "DUPLICATE_CLORDID", "unknown duplicate"),
    (40006, "DUPLICATE_REQUEST", "unknown duplicate"),
    (42901, "TOO_MANY_REQUESTS", "unknown throttled"),
    (40801, "REQUEST_TIMEOUT", "unknown"),
    (50001, "ERR_INTERNAL", "unknown"),
    (9010001, "SYSTEM_MAINTENANCE", "unknown"),
    (99999, "a code that is on no page", "unknown"),
    (0, "NO_ERROR", "new"),
]
GONE = [212, 316, 40401]
QUERIES = {40401: "absent", 316: "", 42901: "", 50001: "", 0: ""}
LOGINS = {40101: "key", 40103: "IP list", 202: "key", 40102: "", 42901: "", 50001: ""}
