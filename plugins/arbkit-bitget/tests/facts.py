"""What the tests of every venue (``tests/venues``) must know about Bitget."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from frames import ORDER, STARTS, WRITTEN, SocketTeller, Wire

from arbkit.core.types import Role, VenueSettings
from arbkit.testing.tapeserver import TrueTop


def native(number: int) -> str:
    return f"C{number}USDT"


class BitgetTeller(SocketTeller):
    """Bitget's side: each argument of a subscription to ``books`` is acknowledged and answered by a snapshot."""

    def symbol(self, data: str | bytes) -> str:
        frame = {} if data == "pong" else json.loads(data)
        return frame["arg"]["instId"] if "action" in frame else ""

    def ws(self, text: str, truths: Mapping[str, TrueTop]) -> Sequence[str]:
        if text == "ping":
            return ["pong"]
        request = json.loads(text)
        frames = []
        for arg in request["args"]:
            frames.append(json.dumps({"event": request["op"], "arg": arg}))
            truth = truths.get(arg["instId"])
            if request["op"] == "subscribe" and arg["channel"] == "books" and truth is not None:
                row = {
                    "asks": [[repr(px), repr(qty)] for px, qty in truth.asks],
                    "bids": [[repr(px), repr(qty)] for px, qty in truth.bids],
                    "seq": truth.seq,
                    "pseq": 0,
                    "ts": "1723161254137",
                }
                frames.append(json.dumps({"action": "snapshot", "arg": arg, "data": [row], "ts": 1723161254138}))
        return frames


class BooksWire(Wire):
    """``books``: a snapshot, then changes by ``pseq`` and ``seq``."""

    channel = "books"
    window = 200
    quirks: Sequence[str] = (*WRITTEN, *ORDER, "restart", "reset", "unasked snapshot", "reconnect", *STARTS)

    def push(self, message: Any, action: str, prev: int) -> str:
        row = {"asks": message.asks, "bids": message.bids, "ts": str(message.ms), "seq": message.last, "pseq": prev}
        arg = {"instType": "SPOT", "channel": self.channel, "instId": message.native}
        return json.dumps({"action": action, "arg": arg, "data": [row], "ts": message.ms + 1}, separators=(",", ":"))

    def snapshot(self, message: Any) -> str:
        return self.push(message, "snapshot", 0)

    def delta(self, message: Any) -> str:
        return self.push(message, "update", message.prev)

    idle = delta

    def asked(self, text: str) -> Sequence[str]:
        request = {} if text == "ping" else json.loads(text)
        return [arg["instId"] for arg in request["args"]] if request.get("op") == "subscribe" else ()


class TextSeqWire(BooksWire):
    """The same with ``seq`` and ``pseq`` as texts."""

    quirks = ("gap", "repeated", "reset", "late snapshot")

    def push(self, message: Any, action: str, prev: int) -> str:
        frame = json.loads(super().push(message, action, prev))
        frame["data"][0] |= {"seq": str(message.last), "pseq": str(prev)}
        return json.dumps(frame)


class Books5Wire(BooksWire):
    """``books5``: each push is a snapshot of five levels, and an unchanged one may be sent again."""

    options = {"channel": "books5"}
    channel = "books5"
    window = 5
    kind = "whole"
    quirks = ("numbers", "exponents", "gap", "repeated", "idle", "reconnect")

    def delta(self, message: Any) -> str:
        return self.push(message, "snapshot", 0)

    idle = snapshot = delta

    def asked(self, text: str) -> Sequence[str]:
        return ()


WIRES = {"": BooksWire(), "-text-seq": TextSeqWire(), "-books5": Books5Wire()}
CCXT_QUIRKS = (*WRITTEN, "repeated", "restart", "reset", "unasked snapshot", "reconnect", "late snapshot")
"""What ccxt.pro follows by itself. It does not read ``seq``, and does not clear its book on a snapshot: after a lost
frame it stays wrong, so it is no judge of gaps."""
RECORDINGS = {"-transcoded-v2": (448, 1)}
READ_ONLY = {"-v1spot": "the v1 API of 2022: checksums in place of seq and pseq, trades as arrays"}
TELLER = BitgetTeller()
TAPES = {"-transcoded-v2": {"frames": 448, "symbols": {"BTCUSDT"}, "levels": 400, "window": 4}}
ENDPOINTS = [
    (
        VenueSettings(),
        {
            Role.PUBLIC: "wss://ws.bitget.com/v2/ws/public",
            Role.PRIVATE: "wss://ws.bitget.com/v2/ws/private",
            Role.REST: "https://api.bitget.com/api/v2/public/time",
        },
    ),
    (
        VenueSettings(environment="demo"),
        {
            Role.PUBLIC: "wss://wspap.bitget.com/v2/ws/public",
            Role.PRIVATE: "wss://wspap.bitget.com/v2/ws/private",
            Role.REST: "https://api.bitget.com/api/v2/public/time",
        },
    ),
    (
        VenueSettings(endpoints={"ws_private": "wss://other/"}),
        {Role.PUBLIC: "wss://ws.bitget.com/v2/ws/public", Role.PRIVATE: "wss://other/v2/ws/private"},
    ),
    (
        VenueSettings(
            environment="sim", endpoints=dict.fromkeys(("rest", "ws_public", "ws_private"), "ws://127.0.0.1:1")
        ),
        {Role.PRIVATE: "ws://127.0.0.1:1/v2/ws/private"},
    ),
]
BAD_SETTINGS = [
    (VenueSettings(environment="sim"), "needs endpoints rest, ws_public, ws_private "),
    (VenueSettings(environment="testnet"), "demo"),
    (VenueSettings(options={"chanel": "books"}), "did you mean 'channel'"),
    (VenueSettings(options={"channel": "books50"}), "books15"),
]
WORDS = ["books", "BTCUSDT", "0", "1e400", "NaN", "-1", "orders", "fill", "login", "subscribe", "error", "snapshot"]
KEYS = [
    "arg",
    "channel",
    "instId",
    "data",
    "action",
    "bids",
    "asks",
    "ts",
    "seq",
    "pseq",
    "event",
    "code",
    "op",
    "msg",
    "orderId",
    "status",
    "feeDetail",
    "coin",
    "tradeId",
]
FRAMES = [
    (
        '{"action":"snapshot","arg":{"instType":"SPOT","channel":"books","instId":"C1USDT"},"data":[{"asks":[["2501.25",'
        '"37.5"]],"bids":[["2501.24","62"]],"ts":"1749999123456","seq":40001,"pseq":0}],"ts":1749999123460}'
    ),
    (
        '{"action":"snapshot","arg":{"instType":"SPOT","channel":"orders","instId":"default"},"data":[{"instId":"C1USDT",'
        '"orderId":"4","clientOid":"","newSize":"0.001","price":"2500.5","force":"ioc","side":"sell","tradeId":"2",'
        '"accBaseVolume":"0.001","status":"filled","uTime":"1749999123456"}],"ts":1749999123460}'
    ),
    (
        '{"action":"snapshot","arg":{"instType":"SPOT","channel":"fill","instId":"default"},"data":[{"symbol":"C1USDT",'
        '"orderId":"4","tradeId":"2","side":"sell","priceAvg":"3","size":"1","tradeScope":"taker","cTime":"1749999123456",'
        '"feeDetail":[{"feeCoin":"USDT","deduction":"no","totalFee":"0.02"}]}],"ts":1749999123460}'
    ),
]
"""The fields are those of www.bitget.com/api-doc/spot/websocket (depth channel, order channel, fill channel)."""
ACCEPTED = b'{"code":"00000","msg":"success","requestTime":1749999123456,"data":{"orderId":"7","clientOid":"a"}}'
CODES_LEFT_OUT = {
    "HTTP statuses; the code of a throttle is 429": (400, 401, 403, 404, 405, 415, 500),
    "not on the page: codes of an API before v1": (
        *(1, range(1001, 1004), 4001, 4002, 4010, 20003, 21009),
        *(range(30008, 30011), range(30017, 30039), range(32001, 32084), range(33001, 33066), range(34001, 34040)),
        *(range(35001, 35100), range(36001, 36231)),
    ),
    "texts of that API": (
        *("failure to get a peer from the ring-balancer", "invalid sign", "invalid currency", "invalid symbol"),
        *("invalid period", "invalid user", "invalid amount", "invalid type", "invalid orderId", "invalid record"),
        *("invalid accountId", "invalid address", "accesskey not None", "illegal accesskey", "sign not null"),
        *("req_time is too much difference from server time", "permissions not right", "illegal sign invalid"),
        *("user locked", "Request Frequency Is Too High", "more than a daily rate of cash"),
        *("more than the maximum daily withdrawal amount", "need to bind email or mobile", "user forbid"),
        *("User Prohibited Cash Withdrawal", "Cash Withdrawal Is Less Than The Minimum Value"),
        *("Cash Withdrawal Is More Than The Maximum Value", "the account with in 24 hours ban coin"),
        *("order cancel fail", "base symbol error", "base date error", "api signature not valid"),
        *("gateway internal error", "audit failed", "order queryorder invalid", "userid not equal to account_id"),
        *("your balance is low", "address invalid cointype", "system exception", "invalid order query time"),
        *("invalid start time", "invalid end time"),
    ),
    "not on the page any more, or of sub-accounts, contracts and transfers": (
        *(range(40106, 40109), range(40201, 40210), 40300, 40302, 40308, 40400, 40401, 40403, range(40405, 40408)),
        *(range(40500, 40510), range(40600, 40610), range(40700, 40704), 40709, range(40711, 40715), 40774, 40917),
        *(41117, 43025, 45122),
    ),
    "margin trading": (50003, 50004, range(50006, 50011), 50014, 50015, 50021),
}
CODES = {
    "ccxt has the meaning of an older API; those of v2 stand in the WebSocket page": (
        *(30001, 30002, 30003, 30004, 30005, 30006, 30007, 30013, 30014),
    ),
    "timed out: it may have been executed": (40010,),
    "the account or the address is refused; ccxt has no class": (40013, 40103, 40104, 40710, 50019),
    "the pair, not the request": (40102, 50026),
    "the client order id is in use: the first copy arrived": (40708,),
    "one pair is closed, not the venue": (41114, 43115),
    "a parameter of the request": (43111,),
    "the words of a size stand in it, which our code 40808 explains": ("invalid size, valid range",),
}
ANSWERS = [
    ("43012", "Insufficient balance", "rejected insufficient_funds"),
    ("40762", "The order size is greater than the max open size", "rejected insufficient_funds"),
    ("43009", "The current order price exceeds the limit", "rejected bad_price"),
    ("43008", "The current order price cannot be less than 5", "rejected bad_price"),
    ("45115", "The price you enter should be a multiple of 0.01", "rejected bad_price"),
    ("40808", "Parameter verification exception price checkBDScale error", "rejected bad_price"),
    ("40808", "Parameter verification exception size checkBDScale error", "rejected bad_qty"),
    ("40808", "Parameter verification exception margin mode == FIXED", "rejected other"),
    ("45111", "less than the minimum order quantity", "rejected bad_qty"),
    ("45112", "more than the maximum order quantity", "rejected bad_qty"),
    ("45110", "less than the minimum amount 1 USDT", "rejected min_notional"),
    ("22045", "Insufficient liquidity in the market", "rejected no_match"),
    ("41113", "symbol is offline", "rejected instrument lasting"),
    ("40102", "Symbol does not exist", "rejected instrument lasting"),
    ("22004", "This symbol not support API trade", "rejected instrument lasting"),
    ("41114", "The current trading pair is under maintenance", "rejected instrument"),
    ("43115", "The current trading pair is opening soon", "rejected instrument"),
    ("40034", "Parameter XYZUSDT does not exist", "rejected other"),
    ("400172", "Parameter verification failed", "rejected other"),
    ("43005", "Exceed the maximum number of orders", "rejected other"),
    ("40008", "Request timestamp expired", "rejected clock"),
    ("40078", "Timestamp for this request is outside of the ME receiveWindow.", "rejected clock"),
    ("40009", "sign signature error", "rejected auth lasting"),
    ("40014", "Incorrect permissions, need spot permissions", "rejected auth lasting"),
    ("40018", "Invalid IP", "rejected auth lasting"),
    ("40085", "Unified Account mode", "rejected auth lasting"),
    ("40103", "based on your IP address", "rejected auth lasting"),
    ("40110", "It is currently unavailable in a demo trading", "rejected other lasting"),
    ("43118", "clientOrderId duplicate", "unknown duplicate"),
    ("45034", "clientOid duplicate", "unknown duplicate"),
    ("429", "Too many requests", "unknown throttled"),
    ("40010", "Request timed out", "unknown"),
    ("40725", "service return an error", "unknown"),
    ("40200", "Server upgrade, please try again later", "unknown"),
    ("43002", "Pending order failed", "unknown"),
    ("45001", "Unknown error", "unknown"),
    ("99999", "a code that is on no page", "unknown"),
    ("00000", "success", "new"),
]
GONE = ["22001", "43004", "45031", "45055", "50062", "43001", "40109", "40768", "45057"]
QUERIES = {"43001": "absent", "40109": "absent", "45057": "absent", "22001": "", "429": "", "40725": "", "00000": ""}
LOGINS = {
    "30011": "key",
    "30012": "passphrase",
    "30015": "key",
    "30005": "environment",
    "40085": "key",
    "30006": "",
    "30013": "",
    "30014": "",
    "40725": "",
}
