"""The simulated KuCoin keeps the venue's rules: signatures, windows, tokens, sequences, order states and codes."""

from __future__ import annotations

import base64
import hmac
import json
from typing import Any

import pytest
from arbkit_kucoin.dialect import KucoinDialect

from arbkit.sim.market import Divergence
from arbkit.sim.venue import DELISTED
from arbkit.sim.wire import Answer, Close, Request, SimFrame
from arbkit.sim.world import World

T0 = 1_750_000_000_000_000_000
MS = 1_000_000
S = 1_000 * MS
BOOK = {"action": "subscribe", "channel": "obu", "tradeType": "SPOT", "symbol": "BTC-USDT", "depth": "increment@10ms"}


class Client:
    """One client, in virtual time that stands still unless moved."""

    def __init__(self) -> None:
        self.world = World([KucoinDialect], seed=1, start_ns=T0, divergence=Divergence(noise=0))
        self.exchange = self.world.sites["kucoin"].exchange
        self.main = self.exchange.accounts["main"]
        self.now_ns, self.ref = T0, 0
        self.pushed: list[Any] = []
        """What came on sockets with the answers to REST calls."""

    def _mac(self, text: str) -> str:
        return base64.b64encode(hmac.digest(self.main.secret.encode(), text.encode(), "sha256")).decode()

    def call(self, method: str, path: str, body: Any = None, **change: str) -> Any:
        """The answer with its HTTP status as ``http``. ``change``: other headers than the right ones."""
        target, text = f"/api/{path}", "" if body is None else json.dumps(body)
        stamp = str(self.now_ns // MS)
        proof = {"key": self.main.key, "timestamp": stamp, "passphrase": self._mac(self.main.passphrase)}
        proof |= {"sign": self._mac(f"{stamp}{method}{target}{text}")} | change
        headers = {f"kc-api-{name}": value for name, value in proof.items()} | {"content-type": "application/json"}
        self.ref += 1
        bare, _, query = target.partition("?")
        self.world.http("kucoin", Request(method, bare, query, headers, text.encode()), self.ref, self.now_ns)
        outs = self.world.drain()
        self.pushed += [json.loads(out.data) for out in outs if isinstance(out, SimFrame)]
        (reply,) = [out.reply for out in outs if isinstance(out, Answer) and out.ref == self.ref]
        assert reply is not None
        return json.loads(reply.body) | {"http": reply.status}

    def place(self, **item: Any) -> Any:
        base = {"symbol": "BTC-USDT", "side": "buy", "type": "limit", "price": "60000", "size": "0.01"}
        return self.call("POST", "v1/hf/orders", base | {"clientOid": f"id{self.ref}"} | item)

    def order(self, order_id: str) -> Any:
        return self.call("GET", f"v1/hf/orders/{order_id}?symbol=BTC-USDT")["data"]

    def connect(self, query: str = "") -> int:
        conn, refused = self.world.connect("kucoin", f"/{query}", {}, self.now_ns)
        assert refused is None
        return conn

    def send(self, conn: int, **message: Any) -> list[Any]:
        self.world.frame(conn, json.dumps(message), self.now_ns)
        return self.outs()

    def outs(self) -> list[Any]:
        return [json.loads(out.data) if isinstance(out, SimFrame) else out for out in self.world.drain()]

    def wait(self, seconds: float) -> list[Any]:
        made, end_ns = [], self.now_ns + round(seconds * S)
        while self.now_ns < end_ns:
            self.now_ns = min(max(self.world.due_ns, self.now_ns + MS), end_ns)
            self.world.tick(self.now_ns)
            made += self.outs()
        return made


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"key": "nobody"}, "400003"),
        ({"sign": "x"}, "400005"),
        ({"passphrase": "pass"}, "400004"),
        ({"timestamp": str((T0 - 6 * S) // MS)}, "400002"),
        ({"timestamp": "now"}, "400002"),
        ({"sign": ""}, "400001"),
    ],
)
def test_a_wrong_proof_is_refused(change: dict[str, str], code: str) -> None:
    """The passphrase is signed too; the time may be five seconds off. No order comes of it."""
    client = Client()
    assert client.call("POST", "v1/hf/orders", {}, **change)["code"] == code
    assert client.exchange.open_orders("main", "") == []


@pytest.mark.parametrize(
    ("item", "code"),
    [
        ({"symbol": "XXX-USDT"}, "900001"),
        ({"price": "60000.01"}, "400100"),
        ({"size": "0.000001"}, "400100"),
        ({"size": "0.00001"}, "600101"),
        ({"size": "100"}, "200004"),
        ({"price": "90000"}, "400370"),
        ({"side": "sell", "price": "30000"}, "400760"),
        ({"clientTimestamp": (T0 - 6 * S) // MS, "allowMaxTimeWindow": 5000}, "400002"),
    ],
)
def test_what_is_no_order(item: dict[str, Any], code: str) -> None:
    """Also one that arrives after its window. Errors have the HTTP status 200."""
    client = Client()
    found = client.place(**item)
    assert (found["http"], found["code"]) == (200, code)
    assert client.exchange.open_orders("main", "") == []


def test_a_client_order_id_is_taken_while_its_order_is_open() -> None:
    client = Client()
    first = client.place(clientOid="mine")["data"]["orderId"]
    again = client.place(clientOid="mine")
    assert (again["code"], again["msg"]) == ("400100", "validation.createOrder.clientOidDuplicated")
    assert client.call("DELETE", f"v1/hf/orders/{first}?symbol=BTC-USDT")["code"] == "200000"
    gone = client.call("DELETE", f"v1/hf/orders/{first}?symbol=BTC-USDT")
    assert (gone["code"], gone["msg"]) == ("400100", "order_not_exist_or_not_allow_to_cancel")
    assert client.place(clientOid="mine")["code"] == "200000"


@pytest.mark.parametrize(
    ("item", "active", "cancelled", "filled"),
    [
        ({}, True, False, False),
        ({"postOnly": True}, True, False, False),
        ({"postOnly": True, "price": "63000"}, False, True, False),
        ({"timeInForce": "IOC"}, False, True, False),
        ({"timeInForce": "FOK"}, False, True, False),
        ({"timeInForce": "IOC", "price": "63000"}, False, False, True),
        ({"timeInForce": "FOK", "price": "60000", "side": "sell"}, False, False, True),
    ],
)
def test_the_states_of_an_order(item: dict[str, Any], active: bool, cancelled: bool, filled: bool) -> None:
    client = Client()
    row = client.order(client.place(**item)["data"]["orderId"])
    assert (row["active"], row["cancelExist"], float(row["dealSize"]) > 0) == (active, cancelled, filled)
    assert client.world.ledger()["kucoin"]["conserved"]


def test_a_halted_and_a_delisted_pair() -> None:
    client = Client()
    order_id = client.place()["data"]["orderId"]
    client.exchange.halted |= {"BTC-USDT": "maintenance", "ETH-USDT": "auction", "SOL-USDT": DELISTED}
    rows = {row["symbol"]: row for row in client.call("GET", "v2/symbols")["data"]}
    assert (rows["BTC-USDT"]["enableTrading"], rows["ETH-USDT"]["callauctionIsEnabled"]) == (False, True)
    assert "SOL-USDT" not in rows
    assert client.place()["code"] == "400600"
    assert client.call("DELETE", f"v1/hf/orders/{order_id}?symbol=BTC-USDT")["code"] == "200000"


def test_both_sockets_speak_first() -> None:
    """The Classic one knows its client by a token, which is good for a day."""
    client = Client()
    client.connect()
    (welcome,) = client.outs()
    assert welcome["message"] == "welcome"
    token = client.call("POST", "v1/bullet-private", {})["data"]["token"]
    client.connect(f"?token={token}&connectId=me")
    assert client.outs() == [{"id": "me", "type": "welcome"}]
    client.now_ns += 24 * 3600 * S
    client.connect(f"?token={token}&connectId=me")
    error, end = client.outs()
    assert (error["type"], error["code"]) == ("error", 401)
    assert isinstance(end, Close)


def test_the_deltas_of_a_book_follow_its_snapshot() -> None:
    """``O`` of each is the last ``C`` + 1. A second subscription is no second stream; an unknown pair is silent."""
    client = Client()
    conn = client.connect()
    client.outs()
    answer, snapshot = client.send(conn, id="1", **BOOK)
    assert answer == {"id": "1", "result": True}
    assert (snapshot["t"], snapshot["d"]["O"]) == ("snapshot", snapshot["d"]["C"])
    assert client.send(conn, id="2", **BOOK) == [{"id": "2", "result": True}]
    assert client.send(conn, id="3", **(BOOK | {"symbol": "XXX-USDT"})) == [{"id": "3", "result": True}]
    deltas = [one for one in client.wait(1) if one.get("t") == "delta"]
    assert len(deltas) > 5
    numbers = [(one["d"]["O"], one["d"]["C"]) for one in [snapshot, *deltas]]
    assert [first for first, _ in numbers[1:]] == [last + 1 for _, last in numbers[:-1]]


@pytest.mark.parametrize(
    "change", [{"action": "sub"}, {"tradeType": "FUTURES"}, {"channel": "level2"}, {"depth": "20"}, {"symbol": ""}]
)
def test_a_request_that_is_refused(change: dict[str, str]) -> None:
    client = Client()
    conn = client.connect()
    client.outs()
    (refusal,) = client.send(conn, id="1", **(BOOK | change))
    assert (refusal["id"], refusal["result"]) == ("1", False)


def test_a_silent_client_is_cut() -> None:
    """At about a minute; a ping keeps it."""
    client = Client()
    conn = client.connect()
    client.outs()
    client.wait(50)
    (pong,) = client.send(conn, id="p", type="ping")
    assert (pong["id"], pong["type"]) == ("p", "pong")
    assert not [one for one in client.wait(50) if isinstance(one, Close)]
    assert [one for one in client.wait(15) if isinstance(one, Close)]


def test_the_account_is_told_on_its_socket() -> None:
    """Only with a token; fills have no fee there."""
    client = Client()
    token = client.call("POST", "v1/bullet-private", {})["data"]["token"]
    conn = client.connect(f"?token={token}")
    client.outs()
    topics = ("/spotMarket/tradeOrdersV2", "/account/balance")
    for topic in topics:
        asked = {"id": topic, "type": "subscribe", "topic": topic, "privateChannel": True, "response": True}
        assert client.send(conn, **asked) == [{"id": topic, "type": "ack"}]
    order_id = client.place(timeInForce="IOC", price="63000")["data"]["orderId"]
    told = client.pushed + client.wait(0.5)
    rows = [one["data"] for one in told if one.get("topic") == topics[0]]
    assert rows[0]["type"] == "received"
    assert rows[-1]["type"] == "filled"
    assert {row["orderId"] for row in rows} == {order_id}
    assert not [row for row in rows if "fee" in row]
    assert {one["data"]["currency"] for one in told if one.get("topic") == topics[1]} == {"BTC", "USDT"}
