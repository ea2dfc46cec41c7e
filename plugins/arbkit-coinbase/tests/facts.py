"""What the tests of every venue (``tests/venues``) must know about Coinbase."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from frames import ORDER, STARTS, WRITTEN, SocketTeller, Wire, texts

from arbkit.core.types import Role, VenueSettings
from arbkit.testing.tapeserver import TrueTop

AT = "2026-03-01T10:20:30.123456Z"


def native(number: int) -> str:
    return f"C{number}-USDT"


def push(product: str, kind: str, bids: Sequence[Any], asks: Sequence[Any], number: int = 0) -> str:
    """A message of ``level2``, with its documented fields."""
    levels = [
        {"side": side, "event_time": AT, "price_level": px, "new_quantity": qty}
        for side, rows in (("bid", bids), ("offer", asks))
        for px, qty in rows
    ]
    event = {"type": kind, "product_id": product, "updates": levels}
    head = {"channel": "l2_data", "client_id": "", "timestamp": AT, "sequence_num": number}
    return json.dumps(head | {"events": [event]})


class CoinbaseTeller(SocketTeller):
    """Coinbase's side: the snapshots of ``level2``, then the list of what is subscribed."""

    counter = "sequence_num"

    def symbol(self, data: str | bytes) -> str:
        frame = json.loads(data)
        name: str = frame["events"][0]["product_id"] if frame.get("channel") == "l2_data" else ""
        return name

    def ws(self, text: str, truths: Mapping[str, TrueTop]) -> Sequence[str]:
        request = json.loads(text)
        names = request.get("product_ids", [])
        frames = []
        if request["channel"] == "level2" and request["type"] == "subscribe":
            for known in (truths[name] for name in names if name in truths):
                sides = (texts(side) for side in (known.bids, known.asks))
                frames.append(push(known.native, "snapshot", *sides))
        listed = {request["channel"]: names or [request["channel"]]} if request["type"] == "subscribe" else {}
        head = {"channel": "subscriptions", "timestamp": AT, "sequence_num": 0}
        return [*frames, json.dumps(head | {"events": [{"subscriptions": listed}]})]


class CoinbaseWire(Wire):
    """``level2``: all levels, then changes; the messages of the connection are counted."""

    window = 0
    counts = "connection"
    quirks: Sequence[str] = (*WRITTEN, *ORDER, "idle", "unasked snapshot", "reconnect", *STARTS)

    def snapshot(self, message: Any) -> str:
        return push(message.native, "snapshot", message.bids, message.asks)

    def delta(self, message: Any) -> str:
        return push(message.native, "update", message.bids, message.asks)

    idle = delta

    def numbered(self, data: str, number: int) -> str:
        return json.dumps(json.loads(data) | {"sequence_num": number})

    def asked(self, text: str) -> Sequence[str]:
        request = json.loads(text)
        wanted = request["channel"] == "level2" and request["type"] == "subscribe"
        return request["product_ids"] if wanted else ()


WIRES = {"": CoinbaseWire()}
CCXT_QUIRKS = (*WRITTEN, "idle", "repeated", "unasked snapshot", "reconnect", "late snapshot")
"""What ccxt.pro follows by itself."""
CCXT_GAP = ""
"""ccxt.pro does not look at the numbers."""
RECORDINGS = {"": (375, 1)}
READ_ONLY = {"-exchange2021": "Coinbase Exchange, the feed of institutions, with its format of 2021"}
TELLER = CoinbaseTeller()
TAPES = {"": {"frames": 630, "symbols": {"", "ETH-USD"}, "levels": 400, "window": 4}}
ENDPOINTS = [
    (
        VenueSettings(),
        {
            Role.PUBLIC: "wss://advanced-trade-ws.coinbase.com",
            Role.PRIVATE: "wss://advanced-trade-ws-user.coinbase.com",
            Role.REST: "https://api.coinbase.com/api/v3/brokerage/time",
        },
    ),
    (
        VenueSettings(endpoints={"ws_private": "wss://other/"}),
        {Role.PRIVATE: "wss://other", Role.PUBLIC: "wss://advanced-trade-ws.coinbase.com"},
    ),
    (
        VenueSettings(
            environment="sim", endpoints=dict.fromkeys(("rest", "ws_public", "ws_private"), "ws://127.0.0.1:1")
        ),
        {Role.PRIVATE: "ws://127.0.0.1:1"},
    ),
]
BAD_SETTINGS = [
    (VenueSettings(environment="sim"), "needs endpoints"),
    (VenueSettings(environment="testnet"), "prod"),
    (VenueSettings(options={"keytype": "ecdsa"}), "did you mean 'key_type'"),
    (VenueSettings(options={"key_type": "rsa"}), "ed25519"),
]
WORDS = ["l2_data", "user", "subscriptions", "BTC-USD", "0", "1e400", "NaN", "-1", "snapshot", "bid", "error", "OPEN"]
KEYS = [
    *("channel", "timestamp", "sequence_num", "events", "type", "product_id", "updates", "side", "event_time"),
    *("price_level", "new_quantity", "trades", "trade_id", "price", "size", "subscriptions", "message", "orders"),
    *("order_id", "client_order_id", "status", "cumulative_quantity", "limit_price", "heartbeat_counter"),
]
FRAMES = [
    push("C1-USDT", "snapshot", [["2501.24", "62"]], [["2501.25", "37.5"]], 3),
    (
        '{"channel":"user","timestamp":"2026-03-01T10:20:30.5Z","sequence_num":4,"events":[{"type":"update","orders":'
        '[{"order_id":"4","client_order_id":"","product_id":"C1-USDT","order_side":"SELL","status":"OPEN",'
        '"limit_price":"2500.5","cumulative_quantity":"0.001","leaves_quantity":"1"}]}]}'
    ),
    '{"type":"error","message":"authentication failure"}',
]
"""The fields are those of docs.cdp.coinbase.com (WebSocket channels)."""
ACCEPTED = b'{"success":true,"success_response":{"order_id":"1"}}'
CODES_LEFT_OUT = {
    "texts beside codes that decide": (
        "Insufficient balance in source account",
        "order with self orderID was not found",
    ),
    "a stop, which we do not place": ("PREVIEW_STOP_PRICE_ABOVE_LAST_TRADE_PRICE",),
}
CODES: dict[str, Sequence[str]] = {}
ANSWERS = [
    ("INSUFFICIENT_FUND", "Insufficient balance in source account", "rejected insufficient_funds"),
    ("PREVIEW_INSUFFICIENT_FUND", "", "rejected insufficient_funds"),
    ("INVALID_PRICE_PRECISION", "", "rejected bad_price"),
    ("LIMIT_PRICE_TOO_FAR_FROM_MARKET", "", "rejected bad_price"),
    ("INVALID_SIZE_PRECISION", "", "rejected bad_qty"),
    ("PREVIEW_INVALID_BASE_SIZE_TOO_SMALL", "", "rejected bad_qty"),
    ("PREVIEW_INVALID_QUOTE_SIZE_TOO_SMALL", "", "rejected min_notional"),
    ("INVALID_LIMIT_PRICE_POST_ONLY", "", "rejected post_only"),
    ("INVALID_NO_LIQUIDITY", "", "rejected no_match"),
    ("ORDER_ENTRY_DISABLED", "", "rejected instrument"),
    ("PRODUCT_TRADING_HALTED", "", "rejected instrument"),
    ("INVALID_PRODUCT_ID", "", "rejected instrument lasting"),
    ("GEOFENCING_RESTRICTION", "", "rejected instrument lasting"),
    ("UNSUPPORTED_ORDER_CONFIGURATION", "", "rejected other lasting"),
    ("COMMANDER_REJECTED_NEW_ORDER", "", "rejected other"),
    (401, "Unauthorized", "rejected auth lasting"),
    (401, "request timestamp expired", "rejected clock"),
    ("PERMISSION_DENIED", "", "rejected auth lasting"),
    ("DUPLICATE_CLIENT_ORDER_ID", "", "unknown duplicate"),
    ("rate_limit_exceeded", "Too many requests", "unknown throttled"),
    ("resource_exhausted", "", "unknown throttled"),
    ("UNKNOWN_FAILURE_REASON", "", "unknown"),
    ("internal_server_error", "", "unknown"),
    ("unknown", "", "unknown"),
    (200, "", "new"),
]
GONE = ["UNKNOWN_CANCEL_ORDER", "DUPLICATE_CANCEL_REQUEST", "ORDER_IS_FULLY_FILLED", "NOT_FOUND"]
QUERIES = {"NOT_FOUND": "absent", "rate_limit_exceeded": "", "unknown": ""}
LOGINS = {401: "key", "PERMISSION_DENIED": "key", "rate_limit_exceeded": "", "UNKNOWN_FAILURE_REASON": ""}
