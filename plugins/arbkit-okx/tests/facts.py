"""What the tests of every venue (``tests/venues``) must know about OKX."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any
from zlib import crc32

from frames import ORDER, STARTS, WRITTEN, SocketTeller, Wire, texts

from arbkit.core.types import Role, VenueSettings
from arbkit.testing.tapeserver import TrueTop


def native(number: int) -> str:
    return f"C{number}-USDT"


class OkxTeller(SocketTeller):
    """OKX's side: a subscription to ``books`` is acknowledged and answered by a snapshot."""

    def symbol(self, data: str | bytes) -> str:
        frame = json.loads(data)
        return frame["arg"]["instId"] if "action" in frame else ""

    def ws(self, text: str, truths: Mapping[str, TrueTop]) -> Sequence[str]:
        if text == "ping":
            return ["pong"]
        request = json.loads(text)
        frames = []
        for arg in request["args"]:
            frames.append(json.dumps({"id": request["id"], "event": request["op"], "arg": arg}))
            truth = truths.get(arg.get("instId", ""))
            if request["op"] == "subscribe" and truth is not None:
                sides = {
                    name: texts(levels, None, "0", "1") for name, levels in (("bids", truth.bids), ("asks", truth.asks))
                }
                row = {**sides, "ts": "1723161254137", "checksum": 0, "prevSeqId": -1, "seqId": truth.seq}
                frames.append(json.dumps({"arg": arg, "action": "snapshot", "data": [row]}))
        return frames


def keep_alive(data: str | bytes) -> bool:
    """No levels, and ``seqId`` = ``prevSeqId``."""
    row = json.loads(data)["data"][0]
    return bool(row["seqId"] == row["prevSeqId"])


class OkxWire(Wire):
    """``books``: a snapshot of 400 levels, then changes by ``prevSeqId`` and ``seqId``."""

    channel = "books"
    window = 400
    quirks: Sequence[str] = (*WRITTEN, *ORDER, "idle", "restart", "reset", "unasked snapshot", "reconnect", *STARTS)

    def row(self, message: Any, prev: int) -> dict[str, Any]:
        return {"checksum": 0, "prevSeqId": prev, "seqId": message.last}

    def push(self, message: Any, prev: int, **action: str) -> str:
        bids, asks = ([[px, size, "0", "3"] for px, size in side] for side in (message.bids, message.asks))
        row = {"asks": asks, "bids": bids, "ts": str(message.ms)} | self.row(message, prev)
        arg = {"channel": self.channel, "instId": message.native}
        return json.dumps({"arg": arg, **action, "data": [row]}, separators=(",", ":"))

    def snapshot(self, message: Any) -> str:
        return self.push(message, -1, action="snapshot")

    def delta(self, message: Any) -> str:
        return self.push(message, message.prev, action="update")

    idle = delta

    def asked(self, text: str) -> Sequence[str]:
        request = {} if text == "ping" else json.loads(text)
        return [arg["instId"] for arg in request["args"] if "instId" in arg] if request.get("op") == "subscribe" else ()


class ChecksumWire(OkxWire):
    """``books`` of 2022: no sequence numbers, but a CRC32 of the best 25 levels a side as they were written.

    Two frames in the wrong order may leave the book of the first one with its right checksum, so that is no quirk."""

    replayed = True
    counts = ""
    quirks = ("other zeros", "exponents", "absent deletes", "gap", "repeated", "idle", "unasked snapshot", "reconnect")

    def row(self, message: Any, prev: int) -> dict[str, Any]:
        words = [word for pair in zip_longest(*message.top, fillvalue=()) for level in pair for word in level]
        value = crc32(":".join(words).encode())
        return {"checksum": value - (1 << 32) if value >= 1 << 31 else value}


class Books5Wire(OkxWire):
    """``books5``: each push is the whole book of five levels, and an unchanged one may be sent again."""

    options = {"channel": "books5"}
    channel = "books5"
    window = 5
    kind = "whole"
    quirks = ("numbers", "exponents", "gap", "reordered", "repeated", "idle", "reconnect")

    def row(self, message: Any, prev: int) -> dict[str, Any]:
        return {"seqId": message.last}

    def delta(self, message: Any) -> str:
        return self.push(message, 0)

    snapshot = delta

    def asked(self, text: str) -> Sequence[str]:
        return ()


WIRES = {"": OkxWire(), "-2022": ChecksumWire(), "-books5": Books5Wire()}
CCXT_QUIRKS = (*WRITTEN, "idle", "restart", "reset", "unasked snapshot", "reconnect", *STARTS)
"""What ccxt.pro follows by itself. It takes a repeated frame for a gap."""
CCXT_GAP = "InvalidNonce"
RECORDINGS = {"": (290, 3), "-transcoded-seq": (448, 1)}
TELLER = OkxTeller()
TAPES = {
    "-transcoded-seq": {
        "frames": 452,
        "symbols": {"BTC-USDT"},
        "levels": 400,
        "window": 4,
        "keep_alive": keep_alive,
        "keep_alives": 4,
    },
}
ENDPOINTS = [
    (
        VenueSettings(),
        {
            Role.PUBLIC: "wss://ws.okx.com:443/ws/v5/public",
            Role.PRIVATE: "wss://ws.okx.com:443/ws/v5/private",
            Role.TRADE: "wss://ws.okx.com:443/ws/v5/private",
            Role.REST: "https://openapi.okx.com/api/v5/public/time",
        },
    ),
    (VenueSettings(environment="demo"), {Role.PUBLIC: "wss://wspap.okx.com:443/ws/v5/public"}),
    (
        VenueSettings(options={"region": "eea"}, endpoints={"ws_trade": "wss://other/"}),
        {Role.REST: "https://eea.okx.com/api/v5/public/time", Role.TRADE: "wss://other/ws/v5/private"},
    ),
    (
        VenueSettings(
            environment="sim",
            endpoints=dict.fromkeys(("rest", "ws_public", "ws_private", "ws_trade"), "ws://127.0.0.1:1"),
        ),
        {Role.TRADE: "ws://127.0.0.1:1/ws/v5/private"},
    ),
]
BAD_SETTINGS = [
    (VenueSettings(environment="sim"), "needs endpoints"),
    (VenueSettings(environment="testnet"), "demo"),
    (VenueSettings(options={"chanel": "books"}), "did you mean 'channel'"),
    (VenueSettings(options={"channel": "book"}), "books5"),
]
WORDS = ["books", "BTC-USDT", "0", "1e400", "NaN", "-1", "order", "login", "subscribe", "error"]
KEYS = [
    "arg",
    "channel",
    "instId",
    "data",
    "action",
    "bids",
    "asks",
    "ts",
    "seqId",
    "prevSeqId",
    "event",
    "code",
    "op",
    "id",
    "msg",
    "ordId",
    "state",
    "details",
    "ccy",
    "tradeId",
    "sCode",
]
FRAMES = [
    (
        '{"arg":{"channel":"books","instId":"C1-USDT"},"action":"snapshot","data":[{"asks":[["2501.25","37.5","0","3"]],'
        '"bids":[["2501.24","62","0","2"]],"ts":"1749999123456","checksum":0,"prevSeqId":-1,"seqId":40001}]}'
    ),
    (
        '{"arg":{"channel":"orders"},"data":[{"instId":"C1-USDT","ordId":"4","clOrdId":"","side":"sell","px":"2500.5",'
        '"sz":"0.001","state":"filled","accFillSz":"0.001","fillPx":"3","fillSz":"1","tradeId":"2","fillFee":"-0.02"}]}'
    ),
    '{"id":"1","op":"order","data":[{"clOrdId":"a","ordId":"1","ts":"16","sCode":"0","sMsg":""}],"code":"0","msg":""}',
]
"""The fields are those of www.okx.com/docs-v5/en (order book channel, order channel, place order)."""
ACCEPTED = b'{"code":"0","data":[{"sCode":"0"}]}'
CODES_LEFT_OUT = {
    "close frames of the socket, not codes of messages": (range(1009, 4089),),
    "a text of an HTTP 5xx, which proves nothing": ("Internal Server Error", "server error"),
    "derivatives and brokers": (50023, 50044),
    "contracts, options, positions, TP/SL, lead trades": (
        *(51002, 51004, 51007, 51014, range(51018, 51020), 51023, range(51026, 51102), range(51103, 51109)),
        *(51112, 51115, range(51117, 51120), range(51125, 51127), 51132, range(51134, 51137), range(51156, 51167)),
        *(54011, 54074),
    ),
    "algo orders and bots": (range(51250, 51331),),
    "amending, not used": (range(51500, 51503), range(51506, 51509), 51511),
    "other trading calls, not on the page any more": (range(51732, 51775),),
    "futures, funding, bots": (range(55100, 58351),),
    "settings of the account, sub-accounts": (range(59000, 59110), 59128, range(59216, 59687)),
    "not on the page any more": (
        *(range(60001, 60004), 60010, range(60015, 60018), range(60020, 60023), 60025, range(60029, 60031)),
    ),
    "block trading": (range(70010, 70068),),
}
CODES = {
    "frozen by a liquidation: it passes, and the key is good": (50009,),
    "the account, the key or the host is refused; ccxt has no class": (50012, 50028, 50100, 50108, 50109),
    "the account's order rate": (50061,),
    "a timestamp: the clock, not the key": (50112, 60004),
    "this instrument or country; the key is good": (51009, 51024, 59113),
    "the id is in use: the first copy may have arrived": (51011, 51016),
    "a limit of borrowing is a lack of funds": (51017,),
    "the state of the market or a rule of the instrument, not the order": (
        *(51110, 51124, 54000, 54072, 54073, 54094),
    ),
    "the margin currency is wrong, not the instrument": (51130,),
    "nothing to cancel or amend any more": (51405, 51510),
    "the endpoint does not have this channel": (60008,),
    "not logged in yet: log in and go on": (60011,),
    "a login that failed inside OKX": (63999,),
    "the fee tier is too low for the channel": (64003,),
}
ANSWERS = [
    ("51008", "Insufficient USDT balance", "rejected insufficient_funds"),
    ("51131", "Insufficient balance.", "rejected insufficient_funds"),
    ("51006", "not within the price limit", "rejected bad_price"),
    ("51138", "lowest price limit for sell orders", "rejected bad_price"),
    ("51000", "Parameter px error", "rejected bad_price"),
    ("51000", "Parameter sz error", "rejected bad_qty"),
    ("51000", "Parameter clOrdId error", "rejected other"),
    ("51020", "minimum order amount", "rejected bad_qty"),
    ("51005", "exceeds the max order amount", "rejected bad_qty"),
    ("51185", "maximum value allowed per order", "rejected bad_qty"),
    ("54051", "", "rejected min_notional"),
    ("54094", "", "rejected instrument"),
    ("50014", "Parameter sz can not be empty.", "rejected other"),
    ("51001", "Instrument ID doesn't exist.", "rejected instrument lasting"),
    ("51022", "suspended", "rejected instrument lasting"),
    ("51087", "Listing canceled for this crypto", "rejected instrument lasting"),
    ("51155", "local compliance requirements", "rejected instrument lasting"),
    ("50033", "Instrument blocked.", "rejected instrument lasting"),
    ("51009", "Order blocked.", "rejected instrument lasting"),
    ("51010", "Request unsupported under current account mode", "rejected auth lasting"),
    ("50027", "This account is restricted from trading.", "rejected auth lasting"),
    ("50113", "Invalid signature.", "rejected auth lasting"),
    ("50102", "Timestamp request expired.", "rejected clock"),
    ("50036", "expTime", "rejected clock"),
    ("60011", "Please log in", "rejected other"),
    ("51016", "Client order ID already exists.", "unknown duplicate"),
    ("50011", "Too Many Requests", "unknown throttled"),
    ("50061", "maximum order rate limit", "unknown throttled"),
    ("60014", "Requests too frequent", "unknown throttled"),
    ("50013", "Systems are busy.", "unknown"),
    ("50026", "System error.", "unknown"),
    ("50004", "API endpoint request timeout.", "unknown"),
    ("51149", "Order timed out.", "unknown"),
    ("1", "All operations failed", "unknown"),
    ("0", "", "new"),
]
GONE = ["51400", "51401", "51402", "51410", "51412", "51503", "51509", "51510", "51603"]
QUERIES = {"51603": "absent", "51400": "", "50011": "", "50004": ""}
LOGINS = {
    "50113": "key",
    "60009": "passphrase",
    "60031": "region",
    "60032": "region",
    "63999": "later",
    "60004": "",
    "60006": "",
    "60014": "",
    "50011": "",
}
