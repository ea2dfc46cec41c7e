"""The simulated MEXC keeps the venue's rules: signatures, time windows, versions, order states, codes and limits.

Binary frames are read by ccxt's copy of the published schema.
"""

from __future__ import annotations

import hmac
import json
from typing import Any

import pytest
from arbkit_mexc import dialect_calls
from arbkit_mexc.dialect import MexcDialect
from ccxt.protobuf.mexc.PushDataV3ApiWrapper_pb2 import PushDataV3ApiWrapper as Push

from arbkit.sim.market import Divergence
from arbkit.sim.wire import Answer, Close, Reply, Request, SimFrame
from arbkit.sim.world import World

T0 = 1_750_000_000_000_000_000
MS = 1_000_000
S = 1_000 * MS
DEPTH = "spot@public.aggre.depth.v3.api.pb@100ms@BTCUSDT"


class Client:
    """One client, in virtual time that stands still unless moved."""

    def __init__(self) -> None:
        self.world = World([MexcDialect], seed=1, start_ns=T0, divergence=Divergence(noise=0))
        self.exchange = self.world.sites["mexc"].exchange
        self.main = self.exchange.accounts["main"]
        self.now_ns, self.ref = T0, 0

    def call(self, method: str, path: str, query: str = "", signed: bool = True, **change: str) -> tuple[int, Any]:
        """HTTP status and body. ``change``: other header values, or ``stamp``, ``window``, ``signature``."""
        if signed:
            stamp = change.get("stamp", str(self.now_ns // MS))
            text = f"{query}&timestamp={stamp}&recvWindow={change.get('window', '5000')}".lstrip("&")
            mac = hmac.digest(self.main.secret.encode(), text.encode(), "sha256").hex()
            query = f"{text}&signature={change.get('signature', mac)}"
        headers = {"x-mexc-apikey": change.get("key", self.main.key)}
        headers["content-type"] = change.get("kind", "application/json")
        self.ref += 1
        self.world.http("mexc", Request(method, f"/api/v3/{path}", query, headers), self.ref, self.now_ns)
        (reply,) = [out.reply for out in self.world.drain() if isinstance(out, Answer) and out.ref == self.ref]
        assert isinstance(reply, Reply)
        return reply.status, json.loads(reply.body)

    def place(self, **item: str) -> tuple[int, Any]:
        base = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "0.01", "price": "60000"}
        return self.call("POST", "order", "&".join(f"{name}={value}" for name, value in (base | item).items() if value))

    def connect(self, query: str = "") -> int:
        conn, refused = self.world.connect("mexc", f"/ws{query}", {}, self.now_ns)
        assert refused is None
        return conn

    def send(self, conn: int, **message: Any) -> list[Any]:
        self.world.frame(conn, json.dumps(message), self.now_ns)
        return self.outs()

    def outs(self) -> list[Any]:
        """Texts and binary messages as they came, and closes."""
        made: list[Any] = []
        for out in self.world.drain():
            if isinstance(out, SimFrame):
                data = out.data
                made.append(Push.FromString(data) if isinstance(data, bytes) else data)
            elif isinstance(out, Close):
                made.append(out)
        return made

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
        ({"signature": "0" * 64}, 700002),
        ({"key": "nobody"}, 10072),
        ({"key": ""}, 400),
        ({"stamp": str(T0 // MS - 5001)}, 700003),
        ({"stamp": str(T0 // MS + 1000)}, 700003),
        ({"stamp": ""}, 700004),
        ({"window": "60001"}, 700005),
        ({"kind": "text/plain"}, 700013),
    ],
)
def test_a_request_that_is_not_signed_well_is_refused(change: dict[str, str], code: int) -> None:
    status, body = Client().call("DELETE", "openOrders", "symbol=BTCUSDT", **change)
    assert (status, body["code"]) == (400, code)


@pytest.mark.parametrize(
    ("item", "code"),
    [
        ({"symbol": "XXXUSDT"}, -1121),
        ({"side": ""}, 700004),
        ({"type": "STOP"}, 700008),
        ({"quantity": "x"}, 700008),
        ({"quantity": "0.0100001"}, 10096),
        ({"price": "60000.001"}, 30010),
        ({"price": "900000"}, 30087),
        ({"quantity": "0.00001", "price": "50000"}, 30002),
        ({"quantity": "900"}, 30004),
    ],
)
def test_an_order_against_a_rule_is_refused(item: dict[str, str], code: int) -> None:
    client = Client()
    status, body = client.place(**item)
    assert (status, body["code"]) == (400, code)
    assert client.exchange.orders == {}


def test_a_closed_pair_takes_no_order() -> None:
    """Paused for all, or closed to API keys; the catalogue says so."""
    client = Client()
    for why, code, status in (("halt", 30016, "2"), ("api", 10007, "1")):
        client.exchange.halted["BTC-USDT"] = why
        assert client.place()[1]["code"] == code
        _, info = client.call("GET", "exchangeInfo", "symbol=BTCUSDT", signed=False)
        assert (info["symbols"][0]["status"], info["symbols"][0]["isSpotTradingAllowed"]) == (status, False)


def test_an_order_is_queried_listed_and_cancelled() -> None:
    client = Client()
    _, placed = client.place(price="50000", newClientOrderId="mine")
    assert "status" not in placed
    _, row = client.call("GET", "order", "symbol=BTCUSDT&origClientOrderId=mine")
    assert (row["orderId"], row["status"], row["executedQty"]) == (placed["orderId"], "NEW", "0")
    assert client.call("GET", "openOrders")[1]["code"] == 700004
    assert [one["orderId"] for one in client.call("GET", "openOrders", "symbol=BTCUSDT")[1]] == [placed["orderId"]]
    assert client.call("DELETE", "order", f"symbol=BTCUSDT&orderId={placed['orderId']}")[0] == 200
    assert client.call("DELETE", "order", "symbol=BTCUSDT&origClientOrderId=mine")[1]["code"] == -2011
    assert client.call("GET", "order", "symbol=BTCUSDT&orderId=C02__9")[1]["code"] == -2013


def test_too_many_requests_are_429_with_a_time() -> None:
    client = Client()
    answers = [client.call("GET", "tradeFee", "symbol=BTCUSDT")[0] for _ in range(26)]
    assert answers == [200] * 25 + [429]


def test_a_book_is_joined_by_its_versions() -> None:
    client = Client()
    conn = client.connect()
    assert json.loads(client.send(conn, id=4, method="SUBSCRIPTION", params=[DEPTH])[0]) == {
        "id": 4,
        "code": 0,
        "msg": DEPTH,
    }
    pushed = [one.publicAggreDepths for one in client.wait(3) if isinstance(one, Push)]
    versions = [(int(one.fromVersion), int(one.toVersion)) for one in pushed]
    assert len(versions) > 5
    assert [first for first, _ in versions[1:]] == [last + 1 for _, last in versions[:-1]]
    _, whole = client.call("GET", "depth", "symbol=BTCUSDT&limit=5", signed=False)
    assert whole["lastUpdateId"] >= versions[-1][1]
    assert len(whole["bids"]) == 5


def test_a_topic_that_is_not_served_is_named_in_a_text_with_code_0() -> None:
    client = Client()
    conn = client.connect()
    bad = DEPTH.replace("BTCUSDT", "XXXUSDT")
    fine, failed = (json.loads(text) for text in client.send(conn, id=1, method="SUBSCRIPTION", params=[DEPTH, bad]))
    assert (fine["code"], fine["msg"]) == (0, DEPTH)
    assert failed["code"] == 0
    assert failed["msg"].startswith(f"Not Subscribed successfully! [{bad}]")


def test_an_idle_or_unused_socket_is_closed() -> None:
    """30 s without a subscription; 60 s without a message of the client, though data comes."""
    client = Client()
    client.connect()
    assert any(isinstance(one, Close) for one in client.wait(30.5))
    conn = client.connect()
    client.send(conn, method="SUBSCRIPTION", params=[DEPTH])
    client.wait(50)
    assert json.loads(client.send(conn, method="PING")[0])["msg"] == "PONG"
    assert not any(isinstance(one, Close) for one in client.wait(55))
    assert any(isinstance(one, Close) for one in client.wait(10))


def test_the_account_is_told_on_its_stream() -> None:
    """By a listen key, valid for an hour unless it is renewed."""
    client = Client()
    key = client.call("POST", "userDataStream")[1]["listenKey"]
    conn = client.connect(f"?listenKey={key}")
    topics = [f"spot@private.{name}.v3.api.pb" for name in ("orders", "deals", "account")]
    client.send(conn, method="SUBSCRIPTION", params=topics)
    client.call("PUT", "userDataStream", f"listenKey={key}")
    client.now_ns += MS
    self_ref = client.ref + 1
    client.world.http(
        "mexc", _signed(client, "side=BUY&type=IMMEDIATE_OR_CANCEL&quantity=0.01&price=63000"), self_ref, client.now_ns
    )
    client.ref = self_ref
    pushed = [one for one in client.outs() if isinstance(one, Push)]
    bodies = [(name, getattr(one, name)) for one in pushed if (name := one.WhichOneof("body"))]
    deals = [body for name, body in bodies if name == "privateDeals"]
    assert {(deal.tradeType, deal.isMaker, deal.feeCurrency) for deal in deals} == {(1, False, "BTC")}
    assert [body.status for name, body in bodies if name == "privateOrders"][-1] == 2
    assert {body.vcoinName for name, body in bodies if name == "privateAccount"} == {"BTC", "USDT"}
    client.now_ns += 3601 * S
    assert client.call("PUT", "userDataStream", f"listenKey={key}")[1]["code"] == 730708
    client.connect(f"?listenKey={key}")
    assert "Invalid listen key" in client.outs()


@pytest.mark.parametrize("ends", ["DELETE", "time"])
def test_a_stream_ends_with_its_listen_key(ends: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A life of three seconds in place of an hour."""
    monkeypatch.setattr(dialect_calls, "_KEY_NS", 3 * S)
    client = Client()
    key = client.call("POST", "userDataStream")[1]["listenKey"]
    conn = client.connect(f"?listenKey={key}")
    client.send(conn, method="SUBSCRIPTION", params=["spot@private.orders.v3.api.pb"])
    if ends == "DELETE":
        client.call("DELETE", "userDataStream", f"listenKey={key}")
    else:
        assert client.wait(2.9) == []
    assert client.wait(1.1) == ["Invalid listen key", Close(conn, 1000, "Invalid listen key")]


def _signed(client: Client, item: str) -> Request:
    text = f"symbol=BTCUSDT&{item}&timestamp={client.now_ns // MS}"
    mac = hmac.digest(client.main.secret.encode(), text.encode(), "sha256").hex()
    headers = {"x-mexc-apikey": client.main.key, "content-type": "application/json"}
    return Request("POST", "/api/v3/order", f"{text}&signature={mac}", headers)
