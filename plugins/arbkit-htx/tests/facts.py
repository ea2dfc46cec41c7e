"""What the tests of every venue (``tests/venues``) must know about HTX."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from typing import Any

from frames import ORDER, SocketTeller, Wire

from arbkit.core.types import Role, VenueSettings
from arbkit.testing.tapeserver import TrueTop


def native(number: int) -> str:
    return f"c{number}usdt"


class HtxTeller(SocketTeller):
    """HTX's side: a subscription is acknowledged; the whole book comes when it is asked for. The tape's server answers
    with text, which the adapter reads too."""

    def symbol(self, data: str | bytes) -> str:
        topic: str = json.loads(self.text(data)).get("ch", "")
        return topic.split(".")[1] if ".mbp." in topic else ""

    def text(self, data: str | bytes) -> str:
        return gzip.decompress(data).decode() if isinstance(data, bytes) else data

    def ws(self, text: str, truths: Mapping[str, TrueTop]) -> Sequence[str]:
        asked = json.loads(text)
        if "sub" in asked:
            return [json.dumps({"id": asked["id"], "status": "ok", "subbed": asked["sub"], "ts": 1723161254137})]
        truth = truths.get(asked["req"].split(".")[1]) if "req" in asked else None
        if truth is None:
            return []
        data = {"seqNum": truth.seq, "bids": list(truth.bids), "asks": list(truth.asks)}
        told = {"id": asked["id"], "rep": asked["req"], "status": "ok", "ts": 1723161254138, "data": data}
        return [json.dumps(told)]


TELLER = HtxTeller()


class ChangesWire(Wire):
    """``mbp.150``: changes by ``prevSeqNum``; a whole book comes for each request. JSON numbers, in gzip."""

    channel = "mbp.150"
    window = 150
    quirks = ("absent deletes", *ORDER, "idle", "reconnect", "early deltas", "late snapshot")

    def body(self, message: Any) -> dict[str, Any]:
        sides = {"bids": message.bids, "asks": message.asks}
        return {side: [[float(px), float(qty)] for px, qty in levels] for side, levels in sides.items()}

    def delta(self, message: Any) -> bytes:
        tick = {"seqNum": message.last, "prevSeqNum": message.prev, **self.body(message)}
        told = {"ch": f"market.{message.native}.{self.channel}", "ts": message.ms, "tick": tick}
        return gzip.compress(json.dumps(told).encode(), 1, mtime=0)

    idle = delta

    def snapshot(self, message: Any) -> bytes:
        topic, data = f"market.{message.native}.{self.channel}", {"seqNum": message.last, **self.body(message)}
        told = {"id": topic, "rep": topic, "status": "ok", "ts": message.ms, "data": data}
        return gzip.compress(json.dumps(told).encode(), 1, mtime=0)

    def asked(self, text: str) -> Sequence[str]:
        request = json.loads(text)
        return [request["req"].split(".")[1]] if "req" in request else ()

    def acks(self, text: str) -> Sequence[str]:
        return TELLER.ws(text, {}) if "sub" in json.loads(text) else ()


WIRES = {"": ChangesWire()}
# No CCXT_QUIRKS: ccxt.pro joins a whole book only if a change came before it, and asks again after a real second else.
# It made the expected books of the recording.
RECORDINGS = {"-transcoded-mbp": (445, 1)}
READ_ONLY = {
    "": "whole books each second and trades of /ws, of 2021",
    "-swap": "swaps: whole books, with sizes in contracts",
}
TAPES = {"-transcoded-mbp": {"frames": 447, "symbols": {"btcusdt"}, "levels": 150, "window": 4}}
ENDPOINTS = [
    (
        VenueSettings(),
        {
            Role.PUBLIC: "wss://api.huobi.pro/feed",
            Role.PRIVATE: "wss://api.huobi.pro/ws/v2",
            Role.REST: "https://api.huobi.pro/v1/common/timestamp",
        },
    ),
    (
        VenueSettings(options={"region": "aws"}),
        {Role.PUBLIC: "wss://api-aws.huobi.pro/feed", Role.PRIVATE: "wss://api-aws.huobi.pro/ws/v2"},
    ),
    (VenueSettings(endpoints={"ws_private": "wss://other/"}), {Role.PRIVATE: "wss://other/ws/v2"}),
]
BAD_SETTINGS = [
    (VenueSettings(environment="sim"), "needs endpoints rest, ws_public, ws_private "),
    (VenueSettings(environment="testnet"), "prod"),
    (VenueSettings(options={"chanel": "mbp.5"}), "did you mean 'channel'"),
    (VenueSettings(options={"channel": "mbp.refresh.20"}), "mbp.150"),
    (VenueSettings(options={"region": "eu"}), "aws"),
]
WORDS = ["market.btcusdt.mbp.150", "btcusdt", "0", "1e400", "NaN", "-1", "orders#*", "auth", "ok", "error", "push"]
KEYS = [
    *("ch", "ts", "tick", "seqNum", "prevSeqNum", "bids", "asks", "id", "status", "subbed", "rep", "data", "ping"),
    *("err-code", "err-msg", "action", "code", "message", "orderId", "orderStatus", "tradeId", "currency", "balance"),
]
FRAMES = [
    (
        '{"ch":"market.c1usdt.mbp.150","ts":1749999123456,"tick":{"seqNum":40002,"prevSeqNum":40001,'
        '"bids":[[2501.24,62.5]],"asks":[[2501.25,0]]}}'
    ),
    (
        '{"action":"push","ch":"orders#c1usdt","data":{"eventType":"trade","symbol":"c1usdt","orderId":4,'
        '"clientOrderId":"","orderPrice":"2500.5","orderSize":"0.001","type":"sell-ioc","orderStatus":"filled",'
        '"tradePrice":"2501","tradeVolume":"0.001","tradeId":2,"tradeTime":1749999123456,"aggressor":true,'
        '"remainAmt":"0","execAmt":"0.001"}}'
    ),
    (
        '{"action":"push","ch":"accounts.update#2","data":{"currency":"usdt","accountId":9,"balance":"7.5",'
        '"available":"7","changeType":"order.match","accountType":"trade","seqNum":"3","changeTime":1749999123456}}'
    ),
]
"""The fields are those of the venue's pages (market by price, order updates, account change)."""
ACCEPTED = b'{"status":"ok","data":"7"}'
CODES = {"a parameter is missing; that says nothing about the pair": ("require-symbol",)}
CODES_LEFT_OUT = {
    "withdrawals": (
        *("base-currency-chain-error", "base-withdraw-fee-error", "invalid-address"),
        *("dw-insufficient-balance", "dw-withdraw-min-limit"),
    ),
    "conditional orders": ("order-stop-order-hit-trigger",),
    "texts, of contracts too": (
        *("API key has no permission", "maintain"),
        "contract is restricted of closing positions on API.  Please contact customer service",
    ),
    "contracts": (
        *(1010, 1013, 1017, 1034, 1036, 1039, 1041, 1047, 1048, 1051, 1061, 1066, 1067, 1094, 1220, 1303, 1461, 4007),
    ),
}
ANSWERS = [
    ("account-frozen-balance-insufficient-error", "", "rejected insufficient_funds"),
    ("order-value-min-error", "", "rejected min_notional"),
    ("order-limitorder-amount-min-error", "", "rejected bad_qty"),
    ("order-orderprice-precision-error", "", "rejected bad_price"),
    ("order-limitorder-price-buy-max-error", "", "rejected bad_price"),
    ("base-symbol-error", "", "rejected instrument lasting"),
    ("base-symbol-trade-disabled", "", "rejected instrument"),
    ("api-signature-not-valid", "", "rejected auth lasting"),
    ("api-signature-not-valid", "Signature not valid: timestamp", "rejected clock"),
    ("validation-format-error", "", "rejected other"),
    ("invalid-client-order-id", "", "unknown duplicate"),
    ("rate-too-many-requests", "", "unknown throttled"),
    ("base-request-exceed-frequency-limit", "", "unknown throttled"),
    ("gateway-internal-error", "", "unknown"),
    ("system-maintenance", "", "unknown"),
    ("a-code-that-is-on-no-page", "", "unknown"),
    ("ok", "", "new"),
]
GONE = ["order-orderstate-error", "order-user-cancel-forbidden", "base-record-invalid", "not-found"]
QUERIES = {
    "base-record-invalid": "absent",
    "order-queryorder-invalid": "absent",
    "order-orderstate-error": "",
    "429": "",
}
LOGINS = {"2002": "key", "2000": "key", "4000": "", "500": ""}
