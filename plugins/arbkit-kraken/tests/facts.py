"""What the tests of every venue (``tests/venues``) must know about Kraken."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from zlib import crc32

from frames import STARTS, SocketTeller, Wire

from arbkit.core.types import Role, VenueSettings
from arbkit.testing.tapeserver import TrueTop


def native(number: int) -> str:
    return f"C{number}/USDT"


Side = Sequence[tuple[str, str]]
"""Prices and sizes as they are written, best first."""


def checked(bids: Side, asks: Side) -> int:
    """The venue's checksum of these levels."""
    words = [word for side in (asks[:10], bids[:10]) for level in side for word in level]
    return crc32("".join(f"{Decimal(word):f}".replace(".", "").lstrip("0") for word in words).encode())


def push(kind: str, symbol: str, bids: Side, asks: Side, checksum: int, at: str = "2026-06-01T10:00:00.000000Z") -> str:
    """A book push. Numbers are written digit by digit, as a JSON library would not."""
    sides = (",".join(f'{{"price":{px},"qty":{qty}}}' for px, qty in side) for side in (bids, asks))
    bid, ask = sides
    row = f'{{"symbol":"{symbol}","bids":[{bid}],"asks":[{ask}],"checksum":{checksum},"timestamp":"{at}"}}'
    return f'{{"channel":"book","type":"{kind}","data":[{row}]}}'


class KrakenTeller(SocketTeller):
    """Kraken's side: each subscription is acknowledged, that of a book is answered by a snapshot."""

    def symbol(self, data: str | bytes) -> str:
        frame = json.loads(data)
        return str(frame["data"][0]["symbol"]) if frame.get("channel") == "book" else ""

    def ws(self, text: str, truths: Mapping[str, TrueTop]) -> Sequence[str]:
        request = json.loads(text)
        method, params = request["method"], request.get("params", {})
        if method == "ping":
            return [json.dumps({"method": "pong", "req_id": request["req_id"], "time_in": ""})]
        frames = []
        for symbol in params.get("symbol", [""]):
            result = {"channel": params["channel"], "symbol": symbol}
            answer = {"method": method, "req_id": request["req_id"], "success": True, "result": result}
            frames.append(json.dumps(answer))
            truth = truths.get(symbol)
            if method == "subscribe" and params["channel"] == "book" and truth is not None:
                bids, asks = ([(f"{px:.2f}", f"{qty:.8f}") for px, qty in side] for side in (truth.bids, truth.asks))
                frames.append(push("snapshot", symbol, bids, asks, checked(bids, asks)))
        return frames


class KrakenWire(Wire):
    """``book`` of ten levels: a snapshot, then changes with the checksum of the book after them.

    A checksum sees a wrong book and not a gap: two frames in the wrong order may leave the right book. Levels that are
    pushed out of the window are not deleted."""

    window = 10
    style = "tick"
    counts = ""
    quirks: Sequence[str] = (
        "other zeros",
        "exponents",
        "absent deletes",
        "gap",
        "repeated",
        "idle",
        "restart",
        "unasked snapshot",
        "reconnect",
        *STARTS,
    )

    def write(self, kind: str, message: Any, bids: Side, asks: Side) -> str:
        return push(kind, message.native, bids, asks, checked(*message.top))

    def snapshot(self, message: Any) -> str:
        return self.write("snapshot", message, message.bids, message.asks)

    def delta(self, message: Any) -> str:
        """Without the deletes of what left the window at its far end."""
        sides = []
        for sign, changes, top in ((-1, message.bids, message.top[0]), (1, message.asks, message.top[1])):
            worst = sign * float(top[-1][0]) if len(top) == self.window else float("inf")
            sides.append([(px, qty) for px, qty in changes if float(qty) or sign * float(px) <= worst])
        return self.write("update", message, *sides)

    idle = delta

    def asked(self, text: str) -> Sequence[str]:
        request = json.loads(text)
        params = request.get("params", {})
        return params["symbol"] if request["method"] == "subscribe" and params["channel"] == "book" else ()


class DeepWire(KrakenWire):
    """25 levels; the checksum is of ten."""

    options = {"depth": "25"}
    window = 25
    quirks = ("absent deletes", "idle", "unasked snapshot", "reconnect")


WIRES = {"": KrakenWire(), "-25": DeepWire()}
RECORDINGS = {"-transcoded-v2": (404, 1)}
READ_ONLY = {"-ws1": "WebSocket v1, with other names and frames"}
TELLER = KrakenTeller()
TAPES = {"-transcoded-v2": {"frames": 404, "symbols": {"BTC/USD"}, "levels": 10, "window": 4}}
_SIM = dict.fromkeys(("rest", "ws_public", "ws_private", "ws_trade"), "ws://127.0.0.1:1")
ENDPOINTS = [
    (
        VenueSettings(),
        {
            Role.PUBLIC: "wss://ws.kraken.com/v2",
            Role.PRIVATE: "wss://ws-auth.kraken.com/v2",
            Role.TRADE: "wss://ws-auth.kraken.com/v2",
            Role.REST: "https://api.kraken.com/0/public/Time",
        },
    ),
    (
        VenueSettings(options={"api": "beta"}, endpoints={"ws_trade": "wss://other/"}),
        {Role.PUBLIC: "wss://beta-ws.kraken.com/v2", Role.TRADE: "wss://other/v2"},
    ),
    (VenueSettings(environment="sim", endpoints=_SIM), {Role.PRIVATE: "ws://127.0.0.1:1/v2"}),
]
BAD_SETTINGS = [
    (VenueSettings(environment="sim"), "needs endpoints"),
    (VenueSettings(environment="testnet"), "environments with built-in endpoints: prod"),
    (VenueSettings(options={"dept": "10"}), "did you mean 'depth'"),
    (VenueSettings(options={"depth": "50"}), "10, 25, 100, 500, 1000"),
]
WORDS = ["book", "C1/USDT", "0", "1e400", "NaN", "-1", "executions", "subscribe", "snapshot", "update", "pong"]
KEYS = [
    "channel",
    "method",
    "type",
    "data",
    "symbol",
    "bids",
    "asks",
    "price",
    "qty",
    "checksum",
    "timestamp",
    "success",
    "error",
    "req_id",
    "result",
    "time_in",
    "order_id",
    "order_status",
    "exec_type",
    "fees",
    "pairs",
]
_BIDS, _ASKS = (("2501.2", "37.50000000"),), (("2501.3", "62.00000000"),)
FRAMES = [
    push("snapshot", "C1/USDT", _BIDS, _ASKS, checked(_BIDS, _ASKS)),
    (
        '{"channel":"executions","type":"update","sequence":1,"data":[{"order_id":"O4","symbol":"C1/USDT","side":"sell",'
        '"exec_type":"trade","order_status":"partially_filled","exec_id":"T2","last_qty":1.5,"last_price":3.25,'
        '"cum_qty":1.5,"liquidity_ind":"t","fees":[{"asset":"USDT","qty":0.02}],'
        '"timestamp":"2026-06-01T10:00:00.123456Z"}]}'
    ),
    '{"method":"add_order","req_id":7,"success":false,"error":"EOrder:Insufficient funds","time_out":""}',
]
"""The fields are those of docs.kraken.com/api/docs/websocket-v2 (book, executions, add_order)."""
ACCEPTED = b'{"error":[],"result":{"txid":["O4"]}}'
CODES_LEFT_OUT = {
    "withdrawals and deposits": (
        *("EFunding:Unknown withdraw key", "EFunding:Invalid amount", "EFunding:No funding method"),
        "EFunding:Unknown asset",
    ),
    "parts of texts that stand in the table whole": (
        *(":Cancel pending", ":IInsufficient funds", ":Invalid arguments:volume", ":Invalid nonce", ":Invalid order"),
        ":Rate limit exceeded",
    ),
    "begins with a text of the table": ("EOrder:Invalid price:Invalid price argument",),
    "the mode of one market, which refuses the order": (
        *("EService:Market in cancel_only mode", "EService:Market in post_only mode"),
    ),
    "market orders by quote": (":Invalid arguments:viqc",),
}
CODES = {
    "a cancel that found no open order": ("EOrder:Unknown order",),
    "the token of a socket, not the key": ("ESession:Invalid session",),
}
ANSWERS = [
    ("EOrder:Insufficient funds", "(insufficient user funds)", "rejected insufficient_funds"),
    ("EOrder:Tick size check failed", "", "rejected bad_price"),
    ("EOrder:Invalid price", ":Invalid price argument", "rejected bad_price"),
    ("EOrder:Order minimum not met", "", "rejected bad_qty"),
    ("EGeneral:Invalid arguments:volume", "", "rejected bad_qty"),
    ("EOrder:Cost minimum not met", "", "rejected min_notional"),
    ("EOrder:Post only order", "", "rejected post_only"),
    ("EService:Market in", "cancel_only mode", "rejected instrument"),
    ("EQuery:Unknown asset pair", "", "rejected instrument lasting"),
    ("EBM:limit exceeded:CAL", "", "rejected instrument lasting"),
    ("EAccount:Invalid permissions", ":USDT trading restricted for AT.", "rejected instrument lasting"),
    ("EAccount:Invalid permissions", "", "rejected auth lasting"),
    ("EAPI:Invalid key", "", "rejected auth lasting"),
    ("EAPI:Invalid signature", "", "rejected auth lasting"),
    ("EGeneral:Permission denied", "", "rejected auth lasting"),
    ("EAPI:Invalid nonce", "", "rejected clock"),
    ("EGeneral:Invalid arguments", "", "rejected other"),
    ("ESession:Invalid session", "", "rejected other"),
    ("EOrder:Orders limit exceeded", "", "rejected other"),
    ("EGeneral:Invalid arguments:cl_ord_id not unique", "", "unknown duplicate"),
    ("EAPI:Rate limit exceeded", "", "unknown throttled"),
    ("EOrder:Rate limit exceeded", "", "unknown throttled"),
    ("EOrder:Domain rate limit exceeded", "", "unknown throttled"),
    ("EService:Throttled", ": 1780000000", "unknown throttled"),
    ("EGeneral:Temporary lockout", "", "unknown throttled"),
    ("EService:Unavailable", "", "unknown"),
    ("EService:Busy", "", "unknown"),
    ("EGeneral:Internal error", "[42]", "unknown"),
    ("EService:Deadline elapsed", "", "unknown"),
    ("ETomorrow:Something new", "", "unknown"),
    ("ok", "", "new"),
]
GONE = ["EOrder:Unknown order", "EOrder:Invalid order", "EOrder:Cancel pending"]
QUERIES = {"EOrder:Unknown order": "", "EOrder:Invalid order": "", "EAPI:Rate limit exceeded": ""}
LOGINS = {
    "EAPI:Invalid key": "key",
    "EAPI:Invalid signature": "key",
    "EGeneral:Permission denied": "permissions",
    "EAPI:Invalid nonce": "",
    "ESession:Invalid session": "",
    "EAPI:Rate limit exceeded": "",
    "EService:Unavailable": "",
}
