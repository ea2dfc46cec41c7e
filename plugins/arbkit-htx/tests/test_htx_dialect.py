"""The simulated HTX keeps the venue's rules: signatures, times, gzip, sequences, order states, codes and limits."""

from __future__ import annotations

import base64
import gzip
import hmac
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from arbkit_htx.dialect import HtxDialect

from arbkit.sim.market import Divergence
from arbkit.sim.venue import DELISTED
from arbkit.sim.wire import Answer, Close, Request, SimFrame
from arbkit.sim.world import World

T0 = 1_750_000_000_000_000_000
MS = 1_000_000
S = 1_000 * MS
TOPIC = "market.btcusdt.mbp.150"


class Client:
    """One client, in virtual time that stands still unless moved."""

    def __init__(self) -> None:
        self.world = World([HtxDialect], seed=1, start_ns=T0, divergence=Divergence(noise=0))
        self.exchange = self.world.sites["htx"].exchange
        self.main = self.exchange.accounts["main"]
        self.now_ns, self.ref = T0, 0
        self.number = self.data("GET", "/v1/account/accounts")[0]["id"]

    def stamp(self) -> str:
        return f"{datetime.fromtimestamp(self.now_ns // S, UTC):%Y-%m-%dT%H:%M:%S}"

    def sign(self, method: str, path: str, given: dict[str, str]) -> str:
        query = "&".join(f"{name}={quote(given[name], safe='')}" for name in sorted(given))
        text = f"{method}\napi.huobi.pro\n{path}\n{query}"
        return base64.b64encode(hmac.digest(self.main.secret.encode(), text.encode(), "sha256")).decode()

    def call(self, method: str, path: str, body: Any = None, *, change: Any = None, **params: Any) -> Any:
        """The answer with its HTTP status as ``http``. ``change``: other values than the right ones of the proof."""
        change = change or {}
        given = {name: str(value) for name, value in params.items()}
        if method == "POST":
            given = {}
        given |= {"AccessKeyId": self.main.key, "SignatureMethod": "HmacSHA256", "SignatureVersion": "2"}
        given |= {"Timestamp": self.stamp()} | {name: value for name, value in change.items() if name != "Signature"}
        given["Signature"] = change.get("Signature", self.sign(method, path, given))
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in given.items())
        headers = {"host": "api.huobi.pro", "content-type": "application/json"}
        sent = b"" if body is None else json.dumps(body).encode()
        return self.answered(Request(method, path, query, headers, sent))

    def answered(self, request: Request) -> Any:
        self.ref += 1
        self.world.http("htx", request, self.ref, self.now_ns)
        (reply,) = [out.reply for out in self.world.drain() if isinstance(out, Answer) and out.ref == self.ref]
        assert reply is not None
        return json.loads(reply.body) | {"http": reply.status}

    def data(self, method: str, path: str, body: Any = None, **params: Any) -> Any:
        found = self.call(method, path, body, **params)
        assert found.get("status") == "ok", found
        return found["data"]

    def place(self, **item: Any) -> Any:
        base = {"account-id": self.number, "symbol": "btcusdt", "type": "buy-limit", "amount": "0.01"}
        row = base | {"price": "60000", "source": "spot-api"} | item
        return self.call("POST", "/v1/order/orders/place", row)

    def placed(self, **item: Any) -> str:
        found = self.place(**item)
        assert found["status"] == "ok", found
        return str(found["data"])

    def order(self, number: str) -> Any:
        return self.data("GET", f"/v1/order/orders/{number}")

    def connect(self, path: str) -> int:
        conn, refused = self.world.connect("htx", path, {"host": "api.huobi.pro"}, self.now_ns)
        assert refused is None
        return conn

    def send(self, conn: int, **message: Any) -> list[Any]:
        self.world.frame(conn, json.dumps(message), self.now_ns)
        return self.outs()

    def outs(self) -> list[Any]:
        """Messages, and closes. What is binary is gzip."""
        found: list[Any] = []
        for out in self.world.drain():
            if isinstance(out, SimFrame):
                data = out.data
                found.append(json.loads(gzip.decompress(data) if isinstance(data, bytes) else data))
            elif isinstance(out, Close):
                found.append(out)
        return found

    def wait(self, seconds: float) -> list[Any]:
        made, end_ns = [], self.now_ns + round(seconds * S)
        while self.now_ns < end_ns:
            self.now_ns = min(max(self.world.due_ns, self.now_ns + MS), end_ns)
            self.world.tick(self.now_ns)
            made += self.outs()
        return made

    def own(self, *channels: str) -> int:
        """The account's socket, logged in, with channels."""
        conn = self.connect("/ws/v2")
        given = {"accessKey": self.main.key, "signatureMethod": "HmacSHA256", "signatureVersion": "2.1"}
        given |= {"timestamp": self.stamp()}
        proof = {"authType": "api", **given, "signature": self.sign("GET", "/ws/v2", given)}
        (login,) = self.send(conn, action="req", ch="auth", params=proof)
        assert login["code"] == 200
        for channel in channels:
            assert self.send(conn, action="sub", ch=channel)[0]["code"] == 200
        return conn


@pytest.mark.parametrize(
    "change",
    [
        {"Signature": "x" * 44},
        {"AccessKeyId": "nobody"},
        {"SignatureMethod": "HmacMD5"},
        {"SignatureVersion": "1"},
        {"Timestamp": "2025-06-15T15:01:39"},
        {"Timestamp": "1750000000"},
    ],
)
def test_a_wrong_proof_is_refused(change: dict[str, str]) -> None:
    """Also a time that is more than five minutes off. No order comes of it."""
    client = Client()
    found = client.call("POST", "/v1/order/orders/place", {}, change=change)
    assert (found["status"], found["err-code"]) == ("error", "api-signature-not-valid")
    assert client.exchange.open_orders("main", "") == []


def test_open_orders_are_cancelled_by_symbol_oldest_first() -> None:
    """batchCancelOpenOrders: the account is optional, several symbols, at most ``size``, and where it goes on."""
    client, path = Client(), "/v1/order/orders/batchCancelOpenOrders"
    first, second, third = (client.placed() for _ in range(3))
    other = client.placed(symbol="ethusdt", price="2300")
    told = client.data("POST", path, {"symbol": "btcusdt", "size": 2})
    assert told == {"success-count": 2, "failed-count": 0, "next-id": int(third)}
    assert [client.order(number)["state"] for number in (first, second, third)] == ["canceled", "canceled", "submitted"]
    told = client.data("POST", path, {"account-id": client.number, "symbol": "btcusdt,ethusdt"})
    assert told == {"success-count": 2, "failed-count": 0, "next-id": -1}
    assert client.order(other)["state"] == "canceled"
    assert client.call("POST", path, {"account-id": 1})["err-code"] == "account-get-accounts-inexistent-error"


def test_the_host_is_in_the_signature() -> None:
    client = Client()
    given = {"AccessKeyId": client.main.key, "SignatureMethod": "HmacSHA256", "SignatureVersion": "2"}
    given |= {"Timestamp": client.stamp()}
    given["Signature"] = client.sign("GET", "/v1/account/accounts", given)
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in given.items())
    other = Request("GET", "/v1/account/accounts", query, {"host": "api-aws.huobi.pro"})
    assert client.answered(other)["err-code"] == "api-signature-not-valid"


@pytest.mark.parametrize(
    ("item", "code"),
    [
        ({"symbol": "xxxusdt"}, "invalid-parameter"),
        ({"account-id": "1"}, "account-get-accounts-inexistent-error"),
        ({"type": "buy-lmt"}, "validation-format-error"),
        ({"price": "60000.001"}, "order-orderprice-precision-error"),
        ({"amount": "0.0100001"}, "order-orderamount-precision-error"),
        ({"amount": "0.0001"}, "order-value-min-error"),
        ({"amount": "100"}, "account-frozen-balance-insufficient-error"),
        ({"price": "90000"}, "order-limitorder-price-max-error"),
        ({"type": "sell-limit", "price": "30000"}, "order-limitorder-price-min-error"),
        ({"client-order-id": "a b"}, "validation-format-error"),
        ({"time-in-force": "ioc"}, "validation-format-error"),
    ],
)
def test_what_is_no_order(item: dict[str, str], code: str) -> None:
    client = Client()
    found = client.place(**item)
    assert (found["status"], found["err-code"]) == ("error", code)
    assert client.exchange.open_orders("main", "") == []


def test_a_client_order_id_is_taken_for_a_day() -> None:
    """Also when its order has ended."""
    client = Client()
    number = client.placed(**{"client-order-id": "mine"})
    client.data("POST", f"/v1/order/orders/{number}/submitcancel", {})
    assert client.place(**{"client-order-id": "mine"})["err-code"] == "invalid-client-order-id"
    client.now_ns += 24 * 3600 * S + S
    client.placed(**{"client-order-id": "mine"})


@pytest.mark.parametrize(
    ("kind", "price", "state"),
    [
        ("buy-limit", "60000", "submitted"),
        ("buy-limit-maker", "60000", "submitted"),
        ("buy-limit-maker", "63000", "canceled"),
        ("buy-ioc", "60000", "canceled"),
        ("buy-limit-fok", "60000", "canceled"),
        ("buy-ioc", "63000", "filled"),
        ("sell-limit-fok", "60000", "filled"),
    ],
)
def test_the_states_of_an_order(kind: str, price: str, state: str) -> None:
    client = Client()
    row = client.order(client.placed(type=kind, price=price))
    assert (row["state"], row["type"]) == (state, kind)
    fills = client.data("GET", f"/v1/order/orders/{row['id']}/matchresults")
    assert bool(fills) is (state == "filled")
    assert client.world.ledger()["htx"]["conserved"]


def test_cancels_by_both_ids() -> None:
    """By the venue's id an ended order is refused; by the client's the answer is a state."""
    client = Client()
    number = client.placed(**{"client-order-id": "mine"})
    assert client.data("POST", f"/v1/order/orders/{number}/submitcancel", {}) == number
    again = client.call("POST", f"/v1/order/orders/{number}/submitcancel", {})
    assert again["err-code"] == "order-orderstate-error"
    path = "/v1/order/orders/submitCancelClientOrder"
    assert client.data("POST", path, {"client-order-id": "mine"}) == -1
    assert client.data("POST", path, {"client-order-id": "none"}) == 0
    client.placed(**{"client-order-id": "other"})
    assert client.data("POST", path, {"client-order-id": "other"}) == 10


def test_an_ended_order_is_forgotten_by_its_client_id_after_two_hours() -> None:
    client = Client()
    number = client.placed(**{"client-order-id": "mine", "type": "buy-ioc"})
    assert client.data("GET", "/v1/order/orders/getClientOrder", clientOrderId="mine")["state"] == "canceled"
    client.now_ns += 7201 * S
    gone = client.call("GET", "/v1/order/orders/getClientOrder", clientOrderId="mine")
    assert gone["err-code"] == "base-record-invalid"
    assert str(client.data("GET", "/v1/order/history", symbol="btcusdt")[0]["id"]) == number


def test_a_limit_of_calls() -> None:
    """100 orders in two seconds, by user; then HTTP 429 with the end of the window."""
    client = Client()
    found = [client.place(amount="0.0001") for _ in range(101)]
    assert {one["http"] for one in found[:100]} == {200}
    assert (found[100]["http"], found[100]["err-code"]) == (429, "rate-too-many-requests")
    client.now_ns += 2 * S
    assert client.place(amount="0.0001")["http"] == 200


@pytest.mark.parametrize("state", ["suspend", "offline", "fuse"])
def test_a_halted_pair(state: str) -> None:
    """It says so, takes no order, and its topics are acknowledged and silent. A resting order can be cancelled."""
    client = Client()
    number = client.placed()
    client.exchange.halted["BTC-USDT"] = state
    rows = client.data("GET", "/v1/settings/common/market-symbols")
    assert {row["symbol"]: row["state"] for row in rows}["btcusdt"] == state
    assert client.place()["err-code"] == "base-symbol-trade-disabled"
    conn = client.connect("/feed")
    assert [one["status"] for one in client.send(conn, sub=TOPIC, id="1")] == ["ok"]
    assert client.send(conn, req=TOPIC, id="2") == []
    assert [one for one in client.wait(3) if "tick" in one] == []
    assert client.data("POST", f"/v1/order/orders/{number}/submitcancel", {}) == number


def test_a_delisted_pair_is_not_listed() -> None:
    client = Client()
    client.exchange.halted["BTC-USDT"] = DELISTED
    assert "btcusdt" not in {row["symbol"] for row in client.data("GET", "/v1/settings/common/market-symbols")}


def test_books_are_chained_and_the_whole_book_stands_in_the_chain() -> None:
    client = Client()
    conn = client.connect("/feed")
    assert client.send(conn, sub=TOPIC, id="1")[0]["subbed"] == TOPIC
    changes = [one["tick"] for one in client.wait(2) if "tick" in one]
    assert len(changes) > 5
    assert [one["prevSeqNum"] for one in changes[1:]] == [one["seqNum"] for one in changes[:-1]]
    (whole,) = client.send(conn, req=TOPIC, id="2")
    assert whole["data"]["seqNum"] == changes[-1]["seqNum"]
    assert max(px for px, _ in whole["data"]["bids"]) < min(px for px, _ in whole["data"]["asks"])
    (early,) = client.send(conn, req=TOPIC, id="3")
    assert (early["status"], early["id"]) == ("error", "3")


@pytest.mark.parametrize(
    ("path", "topic"),
    [("/feed", "market.btcusdt.trade.detail"), ("/ws", TOPIC), ("/feed", "market.xxxusdt.mbp.150"), ("/feed", "x")],
)
def test_a_topic_that_a_socket_does_not_have(path: str, topic: str) -> None:
    client = Client()
    (refusal,) = client.send(client.connect(path), sub=topic, id="7")
    assert (refusal["status"], refusal["err-code"], refusal["id"]) == ("error", "bad-request", "7")


def test_a_client_that_answers_no_ping_is_cut() -> None:
    """And one that answers is not."""
    client = Client()
    client.connect("/feed")
    found = client.wait(20)
    assert sum("ping" in one for one in found if isinstance(one, dict)) >= 2
    assert isinstance(found[-1], Close)
    conn = client.connect("/feed")
    for _ in range(6):
        pings = [one["ping"] for one in client.wait(5) if isinstance(one, dict) and "ping" in one]
        client.send(conn, pong=pings[-1])
    assert not [one for one in client.wait(4) if isinstance(one, Close)]


def test_the_account_is_told_on_its_socket() -> None:
    """Each fill on both channels, its fee on the clearing one; money with what is free."""
    client = Client()
    client.own("orders#*", "trade.clearing#*#0", "accounts.update#2")
    client.outs()
    client.ref += 1
    body = {"account-id": client.number, "symbol": "btcusdt", "type": "buy-ioc", "amount": "0.01", "price": "63000"}
    given = {"AccessKeyId": client.main.key, "SignatureMethod": "HmacSHA256", "SignatureVersion": "2"}
    given |= {"Timestamp": client.stamp()}
    given["Signature"] = client.sign("POST", "/v1/order/orders/place", given)
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in given.items())
    headers = {"host": "api.huobi.pro", "content-type": "application/json"}
    sent = Request("POST", "/v1/order/orders/place", query, headers, json.dumps(body).encode())
    client.world.http("htx", sent, client.ref, client.now_ns)
    told = [one for one in client.outs() + client.wait(0.5) if isinstance(one, dict) and one.get("action") == "push"]
    orders = [one["data"] for one in told if one["ch"].startswith("orders#")]
    cleared = [one["data"] for one in told if one["ch"].startswith("trade.clearing#")]
    assert next(row["eventType"] for row in orders) == "creation"
    assert orders[-1]["orderStatus"] == "filled"
    assert {row["tradeId"] for row in cleared} == {row["tradeId"] for row in orders if row["eventType"] == "trade"}
    assert {row["feeCurrency"] for row in cleared} == {"btc"}
    assert sum(float(row["transactFee"]) for row in cleared) == pytest.approx(0.01 * 0.002)
    assert {one["data"]["currency"] for one in told if one["ch"].startswith("accounts")} == {"btc", "usdt"}


@pytest.mark.parametrize("wrong", [{"accessKey": "nobody"}, {"signature": "x"}, {"timestamp": "2020-01-01T00:00:00"}])
def test_a_wrong_login_is_refused(wrong: dict[str, str]) -> None:
    client = Client()
    conn = client.connect("/ws/v2")
    given = {"accessKey": client.main.key, "signatureMethod": "HmacSHA256", "signatureVersion": "2.1"}
    given |= {"timestamp": client.stamp()}
    proof = {"authType": "api", **given, "signature": client.sign("GET", "/ws/v2", given)} | wrong
    answer = client.send(conn, action="req", ch="auth", params=proof)[0]
    assert answer["code"] == 2002
    assert client.send(conn, action="sub", ch="orders#*")[0]["code"] != 200
