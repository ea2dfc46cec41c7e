"""What the tests of every venue (``tests/venues``) must know about Gate."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from frames import ORDER, STARTS, WRITTEN, Wire, texts

from arbkit.core.types import HttpRequest, Role, VenueSettings
from arbkit.testing.tapeserver import TrueTop


def native(number: int) -> str:
    return f"C{number}_USDT"


def acknowledged(request: Mapping[str, Any]) -> str:
    """The answer to a subscription; one to all its streams."""
    names = ("time", "id", "channel", "event", "payload")
    return json.dumps({name: request[name] for name in names} | {"error": None, "result": {"status": "success"}})


class GateTeller:
    """Gate's side: ``spot.obu`` begins with a whole book, the older channel's snapshot is a REST call."""

    def symbol(self, data: str | bytes) -> str:
        frame = json.loads(data)
        name = (frame.get("result") or {}).get("s", "") if frame.get("event", "update") == "update" else ""
        return name.split(".")[1] if frame.get("channel") == "spot.obu" and name else name

    def http(self, request: HttpRequest, truths: Mapping[str, TrueTop]) -> bytes | None:
        query = dict(part.split("=") for part in request.url.partition("?")[2].split("&"))
        truth = truths.get(query["currency_pair"])
        if truth is None:
            return None
        sides = {
            name: texts(levels, int(query["limit"])) for name, levels in (("bids", truth.bids), ("asks", truth.asks))
        }
        return json.dumps({"id": truth.seq, "current": 1, "update": 1, **sides}).encode()

    def ws(self, text: str, truths: Mapping[str, TrueTop]) -> Sequence[str]:
        request = json.loads(text)
        if request["channel"] == "spot.ping":
            return [json.dumps({"time": request["time"], "channel": "spot.pong", "event": "", "result": None})]
        frames = [acknowledged(request)]
        if (request["channel"], request["event"]) == ("spot.obu", "subscribe"):
            for name in request["payload"]:
                if truth := truths.get(name.split(".")[1]):
                    sides = {side: texts(levels) for side, levels in (("b", truth.bids), ("a", truth.asks))}
                    result = {"t": 1_723_161_254_137, "full": True, "s": name, "u": truth.seq, **sides}
                    frames.append(json.dumps({"channel": "spot.obu", "result": result}))
        return frames


class ObuWire(Wire):
    """``spot.obu``: a whole book of 50 levels, then changes by ``U`` and ``u``. A side without change is absent."""

    window = 50
    quirks: Sequence[str] = (*WRITTEN, *ORDER, "restart", "unasked snapshot", "reconnect", *STARTS)

    def push(self, message: Any, **more: Any) -> str:
        sides = {name: side for name, side in (("b", message.bids), ("a", message.asks)) if side}
        result = {"t": message.ms, **more, "s": f"ob.{message.native}.50", "u": message.last, **sides}
        return json.dumps({"channel": "spot.obu", "result": result, "time_ms": message.ms + 150})

    def snapshot(self, message: Any) -> str:
        return self.push(message, full=True)

    def delta(self, message: Any) -> str:
        return self.push(message, U=message.first)

    def asked(self, text: str) -> Sequence[str]:
        request = json.loads(text)
        if (request["channel"], request.get("event")) != ("spot.obu", "subscribe"):
            return ()
        return [name.split(".")[1] for name in request["payload"]]


class UpdateWire(Wire):
    """``spot.order_book_update``: changes by ``U`` and ``u``, joined to a snapshot over REST."""

    options = {"channel": "order_book_update"}
    window = 0  # a push tells each level that changed, also one that left again
    kind = "rest"
    quirks = (*WRITTEN, *ORDER, "reconnect", "straddle", "late snapshot", "old snapshot", "refused snapshot")

    def delta(self, message: Any) -> str:
        result = {"t": message.ms, "e": "depthUpdate", "E": message.ms // 1000, "s": message.native, "l": "100"}
        result |= {"U": message.first, "u": message.last, "b": message.bids, "a": message.asks}
        head = {"time": message.ms // 1000, "time_ms": message.ms, "channel": "spot.order_book_update"}
        return json.dumps(head | {"event": "update", "result": result})

    def snapshot(self, message: Any) -> bytes:
        sides = {"asks": message.asks, "bids": message.bids}
        return json.dumps({"id": message.last, "current": message.ms, "update": message.ms, **sides}).encode()

    body = snapshot

    def asked(self, text: str) -> Sequence[str]:
        return ()


WIRES = {"": ObuWire(), "-updates": UpdateWire()}
CCXT_QUIRKS = (*WRITTEN, "repeated", "restart", "unasked snapshot", "reconnect", "late snapshot")
"""What ccxt.pro follows by itself."""
CCXT_GAP = ""
"""It does not look at ``U``: only the model judges gaps."""
RECORDINGS = {"": (70, 4, 1), "-transcoded-obu": (448, 1)}
READ_ONLY = {"-futures": "futures: another product, sizes in contracts"}
TELLER = GateTeller()
TAPES = {
    "-transcoded-obu": {
        "frames": 448,
        "symbols": {"BTC_USDT"},
        "levels": 50,
        "window": 4,
        "left_out": range(296, 301),  # frame 300 is a whole book
    },
}
ENDPOINTS = [
    (
        VenueSettings(),
        {
            Role.PUBLIC: "wss://api.gateio.ws/ws/v4/",
            Role.PRIVATE: "wss://api.gateio.ws/ws/v4/",
            Role.TRADE: "wss://api.gateio.ws/ws/v4/",
            Role.REST: "https://api.gateio.ws/api/v4/spot/time",
        },
    ),
    (
        VenueSettings(environment="testnet"),
        {
            Role.PUBLIC: "wss://ws-testnet.gate.com/v4/ws/spot",
            Role.REST: "https://api-testnet.gateapi.io/api/v4/spot/time",
        },
    ),
    (
        VenueSettings(options={"region": "eu"}, endpoints={"ws_trade": "wss://other/"}),
        {
            Role.PUBLIC: "wss://api.gateeu.com/ws/v4/",
            Role.REST: "https://api.gateeu.com/api/v4/spot/time",
            Role.TRADE: "wss://other/ws/v4/",
        },
    ),
    (
        VenueSettings(
            environment="sim",
            endpoints=dict.fromkeys(("rest", "ws_public", "ws_private", "ws_trade"), "ws://127.0.0.1:1"),
        ),
        {Role.TRADE: "ws://127.0.0.1:1/ws/v4/"},
    ),
]
BAD_SETTINGS = [
    (VenueSettings(environment="sim"), "needs endpoints"),
    (VenueSettings(environment="demo"), "testnet"),
    (VenueSettings(environment="testnet", options={"region": "eu"}), "needs endpoints"),
    (VenueSettings(options={"chanel": "obu.50"}), "did you mean 'channel'"),
    (VenueSettings(options={"channel": "obu.20"}), "obu.400"),
    (VenueSettings(options={"region": "eu", "channel": "obu.50"}), "does not exist in the region eu"),
]
WORDS = ["spot.obu", "spot.order_book_update", "ob.C1_USDT.50", "C1_USDT", "update", "subscribe", "0", "NaN", "-1"]
KEYS = [
    "channel",
    "event",
    "result",
    "error",
    "code",
    "message",
    "type",
    "id",
    "s",
    "t",
    "U",
    "u",
    "b",
    "a",
    "full",
    "request_id",
    "ack",
    "header",
    "status",
    "data",
    "errs",
    "label",
    "text",
    "currency_pair",
    "finish_as",
]
FRAMES = [
    (
        '{"channel":"spot.obu","result":{"t":1749999123456,"full":true,"s":"ob.C1_USDT.50","u":40001,'
        '"b":[["2501.24","62"]],"a":[["2501.25","37.5"]]},"time_ms":1749999123460}'
    ),
    (
        '{"time":1749999123,"time_ms":1749999123456,"channel":"spot.orders","event":"update","result":[{"id":"4",'
        '"text":"t-a","update_time_ms":"1749999123456","currency_pair":"C1_USDT","side":"sell","amount":"0.001",'
        '"price":"2500.5","left":"0","filled_amount":"0.001","event":"finish","finish_as":"filled"}]}'
    ),
    (
        '{"request_id":"n0000000000000000C1USDT","header":{"status":"400","channel":"spot.order_place"},'
        '"data":{"errs":{"label":"BALANCE_NOT_ENOUGH","message":"no"}}}'
    ),
]
"""The fields are those of www.gate.com/docs/developers/apiv4/ws/en (Order Book V2, Orders Channel, Order Place)."""
ACCEPTED = b'{"id":"7","text":"t-a","status":"open"}'
CODES_LEFT_OUT = {
    "withdrawals and transfers": (
        *("TOO_MUCH_FUTURES_AVAILABLE", "FUTURES_BALANCE_NOT_ENOUGH", "ACCOUNT_EXCEPTION", "ADDRESS_NOT_USED"),
        *("SUB_ACCOUNT_TRANSFER_FAILED", "WITHDRAWAL_OVER_LIMIT", "API_WITHDRAW_DISABLED", "INVALID_WITHDRAW_ID"),
        *("INVALID_WITHDRAW_CANCEL_STATUS", "MARGIN_TRANSFER_FAILED"),
    ),
    "loans and margin": (
        *("MARGIN_BALANCE_EXCEPTION", "LOAN_NOT_FOUND", "LOAN_RECORD_NOT_FOUND", "NO_MATCHED_LOAN", "NOT_MERGEABLE"),
        *("REPAY_TOO_MUCH", "AUTO_BORROW_TOO_MUCH", "CROSS_ACCOUNT_NOT_FOUND", "USER_LOAN_EXCEEDED"),
    ),
    "futures": (
        *("CONTRACT_NO_COUNTER", "CONTRACT_NOT_FOUND", "RISK_LIMIT_EXCEEDED", "INSUFFICIENT_AVAILABLE"),
        *("LIQUIDATE_IMMEDIATELY", "LEVERAGE_TOO_HIGH", "LEVERAGE_TOO_LOW", "ORDER_NOT_OWNED"),
        *("POSITION_CROSS_MARGIN", "POSITION_IN_LIQUIDATION", "POSITION_IN_CLOSE", "POSITION_EMPTY"),
        *("REMOVE_TOO_MUCH", "RISK_LIMIT_NOT_MULTIPLE", "RISK_LIMIT_TOO_HIGH", "RISK_LIMIT_TOO_lOW"),
        *("SIZE_TOO_LARGE", "SIZE_TOO_SMALL", "PRICE_OVER_LIQUIDATION", "PRICE_OVER_BANKRUPT"),
        *("ORDER_POC_IMMEDIATE", "INCREASE_POSITION", "CONTRACT_IN_DELISTING", "RISK_LIMIT_TOO_LOW"),
        *("AUTO_TRIGGER_PRICE_LESS_LAST", "AUTO_TRIGGER_PRICE_GREATE_LAST", "POSITION_HOLDING"),
    ),
    "amending, not used": ("NO_CHANGE",),
}
CODES = {
    "the clock or the order's own deadline, not the key": ("REQUEST_EXPIRED",),
    "the pair or the account's region is closed, not a lack of money": ("TRADE_RESTRICTED",),
    "no such sub-account: the key is of no use": ("SUB_ACCOUNT_NOT_FOUND",),
    "the order has ended: its end is asked for": ("ORDER_CLOSED", "ORDER_CANCELLED", "ORDER_FINISHED"),
    "the first copy may have arrived": ("REPEATED_CREATION",),
}
ANSWERS = [
    ("BALANCE_NOT_ENOUGH", "Not enough balance", "rejected insufficient_funds"),
    ("MARGIN_BALANCE_NOT_ENOUGH", "", "rejected insufficient_funds"),
    ("INVALID_PRECISION", "Invalid price precision", "rejected bad_price"),
    ("INVALID_PRECISION", "Invalid amount precision", "rejected bad_qty"),
    ("PRICE_THRESHOLD_EXCEEDED", "", "rejected bad_price"),
    ("AMOUNT_TOO_LITTLE", "", "rejected bad_qty"),
    ("QUANTITY_NOT_ENOUGH", "", "rejected bad_qty"),
    (
        "INVALID_PARAM_VALUE",
        "Your order size 0.6 USDT is too small. The minimum is 3 USDT",
        "rejected min_notional",
    ),
    ("INVALID_PARAM_VALUE", "Invalid param value: text", "rejected other"),
    ("POC_FILL_IMMEDIATELY", "", "rejected post_only"),
    ("FOK_NOT_FILL", "", "rejected no_match"),
    ("INVALID_CURRENCY_PAIR", "", "rejected instrument lasting"),
    ("TRADE_RESTRICTED", "", "rejected instrument lasting"),
    ("INVALID_KEY", "Invalid key provided", "rejected auth lasting"),
    ("INVALID_SIGNATURE", "Signature mismatch", "rejected auth lasting"),
    ("IP_FORBIDDEN", "", "rejected auth lasting"),
    ("READ_ONLY", "", "rejected auth lasting"),
    ("AUTHENTICATION_FAILED", "Not login", "rejected other"),
    ("REQUEST_EXPIRED", "", "rejected clock"),
    ("TOO_MANY_ORDERS", "", "rejected other"),
    ("REPEATED_CREATION", "", "unknown duplicate"),
    ("ORDER_EXISTS", "", "unknown duplicate"),
    ("TOO_MANY_REQUESTS", "Request Rate limit Exceeded (211)", "unknown throttled"),
    ("TOO_FAST", "", "unknown throttled"),
    ("TOO_BUSY", "", "unknown"),
    ("SERVER_ERROR", "", "unknown"),
    ("SERVER_TIMEOUT", "", "unknown"),
    ("INTERNAL", "", "unknown"),
    ("SOMETHING_NEW", "", "unknown"),
    ("ok", "", "new"),
]
GONE = ["ORDER_NOT_FOUND", "CLIENT_ID_NOT_FOUND", "ORDER_CLOSED", "ORDER_CANCELLED", "ORDER_FINISHED", "CANCEL_FAIL"]
QUERIES = {
    "ORDER_NOT_FOUND": "absent",
    "CLIENT_ID_NOT_FOUND": "absent",
    "TOO_MANY_REQUESTS": "",
    "SERVER_ERROR": "",
    "INVALID_KEY": "",
}
LOGINS = {
    "INVALID_KEY": "key",
    "INVALID_SIGNATURE": "key",
    "IP_FORBIDDEN": "IP list",
    "4": "key",
    "REQUEST_EXPIRED": "",
    "TOO_MANY_REQUESTS": "",
    "SERVER_ERROR": "",
}
