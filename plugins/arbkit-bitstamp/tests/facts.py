"""What the tests of every venue (``tests/venues``) must know about Bitstamp."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from arbkit.core.types import Role, VenueSettings


def native(number: int) -> str:
    return f"c{number}usdt"


class DiffWire:
    """``diff_order_book_``: changes by the time of the book, joined to a snapshot over REST. Nothing shows a gap, so
    the quirks that are played with one are left out; ``test_bitstamp_books.py`` has them without."""

    options: dict[str, str] = {}
    replayed = False
    window = 0
    style = "plain"
    zero = "0.00000000"
    counts = "updates"
    kind = "rest"
    quirks: Sequence[str] = (
        "other zeros",
        "absent deletes",
        "repeated",
        "reconnect",
    )

    def delta(self, message: Any) -> str:
        data = {"timestamp": str(message.ms // 1000), "microtimestamp": str(message.last)}
        sides = {"bids": message.bids, "asks": message.asks}
        return json.dumps({"data": data | sides, "channel": f"{BOOK}{message.native}", "event": "data"})

    def body(self, message: Any) -> bytes:
        return json.dumps(json.loads(self.delta(message))["data"]).encode()

    def asked(self, text: str) -> Sequence[str]:
        return ()


BOOK = "diff_order_book_"
WIRES = {"": DiffWire()}
CCXT_QUIRKS = ("other zeros", "absent deletes", "repeated", "reconnect")
"""What ccxt.pro follows by itself."""
RECORDINGS = {"": (615, 9)}
ENDPOINTS = [
    (
        VenueSettings(),
        {
            Role.PUBLIC: "wss://ws.bitstamp.net",
            Role.PRIVATE: "wss://ws.bitstamp.net",
            Role.REST: "https://www.bitstamp.net/api/v2/eur_usd/",
        },
    ),
    (
        VenueSettings(
            environment="sim", endpoints=dict.fromkeys(("rest", "ws_public", "ws_private"), "ws://127.0.0.1:1")
        ),
        {Role.PUBLIC: "ws://127.0.0.1:1", Role.PRIVATE: "ws://127.0.0.1:1"},
    ),
]
BAD_SETTINGS = [
    (VenueSettings(environment="sim"), "needs endpoints"),
    (VenueSettings(environment="demo"), "needs endpoints"),
    (VenueSettings(options={"depth": "100"}), "no such option"),
]
WORDS = [
    "diff_order_book_c1usdt",
    "live_trades_c1usdt",
    "private-my_orders_c1usdt-7",
    "data",
    "trade",
    "0",
    "NaN",
    "-1",
]
KEYS = [
    *("event", "channel", "data", "timestamp", "microtimestamp", "bids", "asks", "code", "message"),
    *("id", "id_str", "type", "price_str", "amount_str", "amount_traded", "amount_at_create", "client_order_id"),
]


def frame(event: str, channel: str, **data: object) -> str:
    return json.dumps({"event": event, "channel": channel, "data": data})


FRAMES = [
    frame(
        "trade", "live_trades_c1usdt", id=7, microtimestamp="1749999123456789", amount_str="2", price_str="3", type=1
    ),
    frame(
        "order_deleted",
        "private-my_orders_c1usdt-7",
        id_str="4",
        order_type=0,
        microtimestamp="1749999123456789",
        amount_str="0",
        amount_at_create="0.5",
        price_str="60000",
        client_order_id="a",
    ),
]
"""The fields are those of www.bitstamp.net/websocket/v2 (live trades, my orders)."""
ACCEPTED = b'{"id":"7","client_order_id":"a"}'
CODES_LEFT_OUT: dict[str, Sequence[str]] = {
    "addresses of withdrawals": ("Ensure self value has at least",),
    "the name of the parameter stands before it, and decides": ("Ensure that there are no more than",),
    "a page of fills, not an order": ("Invalid offset.",),
    "proves nothing about an order": (
        "Bitstamp.net is under scheduled maintenance. We'll be back soon.",
        "Order could not be placed.",
    ),
    "means the code 404.002": ("Order not found.",),
}
CODES: dict[str, Sequence[str]] = {}
"""ccxt has texts only; those that mean something are among the sayings."""
ANSWERS = [
    ("400.009", "", "rejected insufficient_funds"),
    ("400.075", "", "rejected insufficient_funds"),
    (
        "text",
        "You have only 1.00 USD available. Check your account balance for details.",
        "rejected insufficient_funds",
    ),
    ("400.005", "", "rejected bad_qty"),
    ("400.020", "", "rejected bad_qty"),
    ("400.037", "", "rejected bad_qty"),
    ("text", "amount: Ensure that there are no more than 8 decimal places.", "rejected bad_qty"),
    ("400.046", "", "rejected bad_qty"),
    ("400.046", "Minimum order size is 10.0 USD.", "rejected min_notional"),
    ("text", "Minimum order size is 10.0 USD.", "rejected min_notional"),
    ("400.006", "", "rejected bad_price"),
    ("400.021", "", "rejected bad_price"),
    ("text", "price: Ensure that there are no more than 2 decimal places.", "rejected bad_price"),
    ("text", "Price is more than 20% above market price.", "rejected bad_price"),
    ("400.003", "", "rejected instrument lasting"),
    ("404.003", "", "rejected instrument lasting"),
    ("400.004", "", "rejected other"),
    ("API0020", "", "rejected other"),
    ("API0004", "Invalid nonce", "rejected clock"),
    ("API0017", "", "rejected clock"),
    ("text", "Invalid nonce", "rejected clock"),
    ("API0001", "", "rejected auth lasting"),
    ("API0003", "No permission found", "rejected auth lasting"),
    ("API0005", "Invalid signature", "rejected auth lasting"),
    ("API0006", "", "rejected auth lasting"),
    ("403.004", "Trading is currently unavailable for your account.", "rejected auth lasting"),
    ("text", "IP address not allowed", "rejected auth lasting"),
    ("400.019", "", "unknown duplicate"),
    ("400.002", "", "unknown throttled"),
    ("400.067", "", "unknown throttled"),
    ("400.068", "", "unknown throttled"),
    ("500.001", "", "unknown"),
    ("text", "Order could not be placed.", "unknown"),
    ("text", "Bitstamp.net is under scheduled maintenance. We'll be back soon.", "unknown"),
    ("text", "something new", "unknown"),
    ("400.999", "", "unknown"),
    ("ok", "", "new"),
]
GONE = ["404.001", "404.002"]
QUERIES = {"404.001": "absent", "404.002": "absent", "400.002": "", "500.001": "", "API0001": "", "text": ""}
LOGINS = {"API0001": "key", "API0005": "key", "API0011": "IP list", "API0017": "", "400.002": "", "500.001": ""}
