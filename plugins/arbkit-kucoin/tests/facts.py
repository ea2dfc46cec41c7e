"""What the tests of every venue (``tests/venues``) must know about KuCoin."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from frames import ORDER, STARTS, WRITTEN, SocketTeller, Wire, texts

from arbkit.core.types import Role, VenueSettings
from arbkit.testing.tapeserver import TrueTop

STAMP = "1723161254137000000"


def native(number: int) -> str:
    return f"C{number}-USDT"


class KucoinTeller(SocketTeller):
    """KuCoin's side: each subscription to ``obu`` is acknowledged and answered by a snapshot."""

    def symbol(self, data: str | bytes) -> str:
        frame = json.loads(data)
        return frame["d"]["s"] if frame.get("T") == "obu.SPOT" else ""

    def ws(self, text: str, truths: Mapping[str, TrueTop]) -> Sequence[str]:
        request = json.loads(text)
        if request.get("type") == "ping":
            return [json.dumps({"id": request["id"], "type": "pong", "ts": STAMP})]
        frames = [json.dumps({"id": request["id"], "result": True})]
        truth = truths.get(request["symbol"])
        if request["action"] == "subscribe" and request["channel"] == "obu" and truth is not None:
            row = {"s": request["symbol"], "O": truth.seq, "C": truth.seq, "M": STAMP}
            row |= {"a": texts(truth.asks), "b": texts(truth.bids)}
            head = {"T": "obu.SPOT", "dp": request["depth"], "t": "snapshot", "P": STAMP}
            frames.append(json.dumps(head | {"d": row}))
        return frames


class BooksWire(Wire):
    """``increment@10ms``: a snapshot, then deltas whose ``O`` follows the last ``C``; binary frames."""

    depth = "increment@10ms"
    window = 500
    welcome = b'{"message":"welcome","pingInterval":18000}'
    quirks: Sequence[str] = (*WRITTEN, *ORDER, "restart", "unasked snapshot", "reconnect", *STARTS)

    def push(self, message: Any, kind: str, first: int) -> bytes:
        row = {"s": message.native, "O": first, "C": message.last, "M": message.ms * 1_000_000}
        row |= {"a": message.asks, "b": message.bids}
        frame = {"T": "obu.SPOT", "dp": self.depth, "t": kind, "P": str(message.ms * 1_000_000 + 3), "d": row}
        return json.dumps(frame, separators=(",", ":")).encode()

    def snapshot(self, message: Any) -> bytes:
        return self.push(message, "snapshot", message.last)

    def delta(self, message: Any) -> bytes:
        return self.push(message, "delta", message.prev + 1)

    idle = delta

    def asked(self, text: str) -> Sequence[str]:
        request = json.loads(text)
        return [request["symbol"]] if request.get("action") == "subscribe" else ()


class Depth50Wire(BooksWire):
    """Depth 50: each push is a whole book, and an unchanged one is sent again."""

    options = {"depth": "50"}
    depth = "50"
    window = 50
    kind = "whole"
    quirks = ("numbers", "exponents", "gap", "repeated", "idle", "reconnect")

    def delta(self, message: Any) -> bytes:
        return self.push(message, "snapshot", message.last)

    idle = snapshot = delta

    def asked(self, text: str) -> Sequence[str]:
        """The first frame is no answer."""
        return ()


WIRES = {"": BooksWire(), "-50": Depth50Wire()}
CCXT_WIRE = "-50"
CCXT_QUIRKS = ("numbers", "exponents", "repeated", "idle", "reconnect")
"""ccxt.pro applies no delta of ``increment@10ms``, so it judges depth 50. The next frame makes a lost one good."""
RECORDINGS = {"-transcoded-pro": (448, 1)}
READ_ONLY = {"": "the Classic socket of 2021: /market/level2 and level2 over REST"}
TELLER = KucoinTeller()
TAPES = {"-transcoded-pro": {"frames": 448, "symbols": {"BTC-USDT"}, "levels": 400, "window": 4}}
_SIM = dict.fromkeys(("rest", "ws_public", "ws_private"), "ws://127.0.0.1:1")
ENDPOINTS = [
    (
        VenueSettings(),
        {Role.PUBLIC: "wss://x-push-spot.kucoin.com", Role.REST: "https://api.kucoin.com/api/v1/timestamp"},
    ),
    (VenueSettings(endpoints={"ws_public": "wss://other/"}), {Role.PUBLIC: "wss://other"}),
    (VenueSettings(environment="sim", endpoints=_SIM), {Role.PUBLIC: "ws://127.0.0.1:1"}),
]
BAD_SETTINGS = [
    (VenueSettings(environment="sim"), "needs endpoints rest, ws_public, ws_private "),
    (VenueSettings(environment="testnet"), "prod"),
    (VenueSettings(options={"dept": "50"}), "did you mean 'depth'"),
    (VenueSettings(options={"depth": "20"}), "increment@10ms"),
]
WORDS = ["obu.SPOT", "BTC-USDT", "0", "1e400", "NaN", "-1", "snapshot", "delta", "welcome", "ack", "error", "message"]
KEYS = [
    *("T", "dp", "t", "P", "d", "s", "O", "C", "M", "a", "b", "id", "result", "type", "message", "topic", "data"),
    *("orderId", "clientOid", "status", "filledSize", "matchPrice", "ts", "currency", "available", "hold"),
]
FRAMES = [
    (
        '{"T":"obu.SPOT","dp":"increment@10ms","t":"snapshot","P":"1749999123460000000","d":{"s":"C1-USDT","O":40001,'
        '"C":40001,"M":"1749999123456000000","a":[["2501.25","37.5"]],"b":[["2501.24","62"]]}}'
    ),
    (
        '{"topic":"/spotMarket/tradeOrdersV2","type":"message","subject":"orderChange","channelType":"private","data":'
        '{"symbol":"C1-USDT","orderType":"limit","side":"sell","orderId":"4","clientOid":"","originSize":"0.001",'
        '"filledSize":"0.001","remainSize":"0","price":"2500.5","matchPrice":"2500.6","matchSize":"0.001","tradeId":"2",'
        '"feeType":"takerFee","type":"match","status":"match","ts":1749999123456000000}}'
    ),
    (
        '{"topic":"/account/balance","type":"message","subject":"account.balance","channelType":"private","data":'
        '{"currency":"USDT","total":"3","available":"2","hold":"1","relationEvent":"trade.hold","time":"1749999123456"}}'
    ),
]
"""The fields are those of www.kucoin.com/docs-new/websocket-api (order book, private order, account balance)."""
ACCEPTED = b'{"code":"200000","data":{"orderId":"7","clientOid":"a"}}'
CODES_LEFT_OUT = {
    "HTTP statuses; the codes have six digits": (400, 401, 403, 404, 405, 415, 429, 500, 503),
    "margin trading and lending": (
        *(101030, 103000, 126000, 126001, 126002, 126005, 126010, 126021, 126027, 126028, 126034, 126036, 126037),
        *(126042, 126045, 126046, range(130101, 130109), range(130201, 130205), range(130301, 130316), 135005, 135018),
        *(210014,),
    ),
    "futures": (300003, 300009, 300012, 330005, 330008, 330012),
    "withdrawals and deposits": (260000, 260100, 260220, 900014),
    "texts of withdrawals, transfers, listings and futures": (
        *("The withdrawal amount is below the minimum requirement.", "The amount increment is invalid."),
        *("Unsuccessful! Exceeded the max. funds out-transfer limit", "recAccountType not in the given range"),
        *("Position does not exist", "pageSize should not greater than 500"),
    ),
    "beside codes that have a class, or part of a text that has a saying": (
        *("not in the given range!", "Exceeded the access frequency", "require more permission"),
    ),
}
CODES = {
    "ccxt has only the general class": (126004, 126006, 126007, 126009, 126015, 126041),
    "the client order id is in use: the first copy arrived": (126033, 126044),
    "no page says when it comes: it proves nothing": (300000,),
    "its text decides": (400100,),
    "the pair, not the order": (400200,),
    "a timeout: the order may exist": (408000,),
    "the minimum notional, by its text": (600100,),
    "the order has ended": (100004,),
}
ANSWERS = [
    ("200000", "", "new"),
    ("200004", "Balance insufficient!", "rejected insufficient_funds"),
    ("400370", "Max. price: 0.025", "rejected bad_price"),
    ("400760", "order price should be more than 1", "rejected bad_price"),
    ("300011", "the price is out of range", "rejected bad_price"),
    ("400100", "Price increment invalid.", "rejected bad_price"),
    ("400100", "Order size below the minimum requirement.", "rejected bad_qty"),
    ("400100", "The quantity is below the minimum requirement.", "rejected bad_qty"),
    ("600100", "Order size increment invalid.", "rejected bad_qty"),
    ("600100", "Funds below the minimum requirement.", "rejected min_notional"),
    ("600101", "The order funds should more then 0.1 USDT.", "rejected min_notional"),
    ("400100", "Unsupported trading pair.", "rejected instrument lasting"),
    ("400600", "validation.createOrder.symbolNotAvailable", "rejected instrument lasting"),
    ("900001", "symbol not exists", "rejected instrument lasting"),
    ("400200", "Forbidden to place an order", "rejected instrument lasting"),
    ("200001", "Order creation for this pair suspended", "rejected instrument"),
    ("200003", "Number of orders breaks the limit", "rejected other"),
    ("400002", "KC-API-TIMESTAMP Invalid", "rejected clock"),
    ("400005", "Invalid KC-API-SIGN", "rejected auth lasting"),
    ("400006", "The requested ip address is not in the api whitelist", "rejected auth lasting"),
    ("411100", "User are frozen", "rejected auth lasting"),
    ("400100", "validation.createOrder.clientOidDuplicated", "unknown duplicate"),
    ("400100", "a text that nobody knows", "unknown"),
    ("429000", "Too many requests. System-level rate limit exceeded.", "unknown throttled"),
    ("200002", "Order cancel for this pair suspended", "unknown throttled"),
    ("500000", "Internal Server Error", "unknown"),
    ("408000", "Network timeout, please try again later", "unknown"),
    ("123456", "a code that is on no page", "unknown"),
]
GONE = ["100004", "order_not_exist_or_not_allow_to_cancel", "order_not_exist", "126043"]
QUERIES = {"order_not_exist": "absent", "126043": "absent", "400100": "", "429000": "", "500000": "", "200000": ""}
LOGINS = {"400003": "key", "400004": "passphrase", "400005": "key", "400006": "IP list", "429000": "", "400002": ""}
