"""The simulated Crypto.com keeps the venue's rules: signatures, times, channels, heartbeats, codes and limits."""

from __future__ import annotations

import hmac
import json
from typing import Any

import pytest
from arbkit_cryptocom.dialect import CryptocomDialect

from arbkit.sim.market import Divergence
from arbkit.sim.venue import DELISTED
from arbkit.sim.wire import Answer, Close, Reply, Request, SimFrame
from arbkit.sim.world import World

MS = 1_000_000
S = 1_000 * MS
T0 = 1_750_000_000 * S


class Client:
    """One client of a simulated Crypto.com, in virtual time that stands still unless moved."""

    def __init__(self) -> None:
        self.world = World([CryptocomDialect], seed=1, start_ns=T0, divergence=Divergence(noise=0))
        self.exchange = self.world.sites["cryptocom"].exchange
        self.main = self.exchange.accounts["main"]
        self.now_ns = T0
        self.ref = 0

    def raw(self, request: Request) -> Reply:
        self.ref += 1
        self.world.http("cryptocom", request, self.ref, self.now_ns)
        (reply,) = [out.reply for out in self.world.drain() if isinstance(out, Answer) and out.ref == self.ref]
        assert reply is not None
        return reply

    def signed(self, method: str, params: dict[str, Any], **change: Any) -> dict[str, Any]:
        body = {"id": 7, "method": method, "params": params, "api_key": self.main.key, "nonce": self.now_ns // MS}
        body |= change
        flat = "".join(f"{k}{''.join(v) if isinstance(v, list) else v}" for k, v in sorted(params.items()))
        text = f"{method}{body['id']}{body['api_key']}{flat}{body['nonce']}"
        return {"sig": hmac.digest(self.main.secret.encode(), text.encode(), "sha256").hex()} | body

    def call(self, method: str, params: dict[str, Any] | None = None, **change: Any) -> dict[str, Any]:
        """The answer with its HTTP status as ``http``."""
        body = json.dumps(self.signed(f"private/{method}", params or {}, **change)).encode()
        reply = self.raw(Request("POST", f"/exchange/v1/private/{method}", body=body))
        found: dict[str, Any] = json.loads(reply.body)
        return found | {"http": reply.status}

    def place(self, **item: Any) -> dict[str, Any]:
        order = {"instrument_name": "BTC_USDT", "side": "BUY", "type": "LIMIT", "price": "50000", "quantity": "0.01"}
        return self.call("create-order", {name: value for name, value in (order | item).items() if value is not None})

    def connect(self, path: str) -> int:
        conn, refused = self.world.connect("cryptocom", f"/exchange/v1/{path}", {}, self.now_ns)
        assert refused is None
        return conn

    def tell(self, conn: int, **message: Any) -> list[Any]:
        self.world.frame(conn, json.dumps(message), self.now_ns)
        return [json.loads(out.text) for out in self.world.drain() if isinstance(out, SimFrame)]

    def wait(self, time_ns: int) -> list[Any]:
        """Everything that comes within the time: frames as JSON, and closes."""
        out: list[Any] = []
        end_ns = self.now_ns + time_ns
        while self.now_ns < end_ns:
            self.now_ns = min(self.now_ns + 100 * MS, end_ns)
            self.world.tick(self.now_ns)
            found = self.world.drain()
            out += [json.loads(one.text) if isinstance(one, SimFrame) else one for one in found]
        return out


@pytest.mark.parametrize(
    ("item", "code", "status"),
    [
        ({"price": None}, 40004, 400),
        ({"price": 50000}, 40004, 400),
        ({"side": "buy"}, 40004, 400),
        ({"type": "STOP"}, 40004, 400),
        ({"spot_margin": "MARGIN"}, 40004, 400),
        ({"client_oid": "x" * 37}, 40004, 400),
        ({"exec_inst": ["X"]}, 219, 500),
        ({"exec_inst": ["POST_ONLY"], "time_in_force": "FILL_OR_KILL"}, 221, 500),
        ({"instrument_name": "XYZ_USDT"}, 209, 500),
        ({"price": "50000.001"}, 308, 500),
        ({"quantity": "0.0100001"}, 213, 500),
        ({"quantity": "0.0000001"}, 415, 500),
        ({"quantity": "5000"}, 306, 500),
    ],
)
def test_refusals_of_an_order(item: dict[str, Any], code: int, status: int) -> None:
    """Bad parameters have HTTP 400; what the engine and the risk check refuse has 500."""
    found = Client().place(**item)
    assert (found["code"], found["http"]) == (code, status)


def test_states_of_a_market_and_of_ids() -> None:
    """Halted, delisted; a client order id that is taken; an order that is not there."""
    client = Client()
    assert client.place(client_oid="a")["result"]["client_oid"] == "a"
    assert client.place(client_oid="a")["code"] == 204
    assert client.call("cancel-order", {"order_id": "1"})["code"] == 212
    missing = client.call("get-order-detail", {"order_id": "1"})
    assert (missing["code"], missing["http"]) == (40401, 200)
    assert client.call("cancel-order", {"client_oid": "a"})["code"] == 0
    assert client.call("cancel-order", {"client_oid": "a"})["code"] == 316
    client.exchange.halted["BTC-USDT"] = "halt"
    assert client.place()["code"] == 309
    client.exchange.halted["BTC-USDT"] = DELISTED
    assert client.place()["code"] == 208


def test_signatures_and_times() -> None:
    """A wrong key or signature, and a time that is more than a minute off."""
    client = Client()
    assert client.call("user-balance")["code"] == 0
    for change, code in (
        ({"api_key": "no"}, 40101),
        ({"sig": "0" * 64}, 40101),
        ({"nonce": T0 // MS - 61_000}, 40102),
        ({"nonce": T0 // MS + 61_000}, 40102),
    ):
        found = client.call("user-balance", **change)
        assert (found["code"], found["http"]) == (code, 401)


def test_calls_have_limits() -> None:
    """15 orders in a tenth of a second; one listing of fills a second."""
    client = Client()
    codes = [client.place(price=str(40000 + number))["code"] for number in range(16)]
    assert codes == [0] * 15 + [42901]
    assert [client.call("get-trades")["http"] for _ in range(2)] == [200, 429]


def test_a_book_is_confirmed_opened_and_chained() -> None:
    """One answer for each channel; the book a second later; empty changes on an idle book."""
    client = Client()
    conn = client.connect("market")
    params = {"book_subscription_type": "SNAPSHOT_AND_UPDATE", "book_update_frequency": "10"}
    names = ["book.BTC_USDT.50", "book.ETH_USDT.10"]
    answers = client.tell(conn, id=3, method="subscribe", params={"channels": names} | params)
    assert answers == [{"id": 3, "method": "subscribe", "code": 0, "channel": name} for name in names]
    pushed = [one["result"] for one in client.wait(10 * S) if isinstance(one, dict) and "result" in one]
    mine = [one for one in pushed if one["subscription"] == names[0]]
    assert mine[0]["channel"] == "book"
    assert len(mine) > 1
    last = mine[0]["data"][0]["u"]
    for one in mine[1:]:
        (row,) = one["data"]
        assert (one["channel"], row["pu"]) == ("book.update", last)
        last = row["u"]


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("book.XYZ_USDT.50", {}),
        ("book.BTC_USDT.20", {}),
        ("book.BTC_USDT.150", {"book_subscription_type": "SNAPSHOT_AND_UPDATE"}),
        ("book.BTC_USDT.50", {"book_subscription_type": "SNAPSHOT_AND_UPDATE", "book_update_frequency": 500}),
        ("candles.BTC_USDT", {}),
    ],
)
def test_refused_channels(name: str, more: dict[str, Any]) -> None:
    client = Client()
    (answer,) = client.tell(client.connect("market"), id=3, method="subscribe", params={"channels": [name]} | more)
    assert (answer["code"], answer["channel"]) == (40003, name)


def test_heartbeats_must_be_answered() -> None:
    """Every 30 s; the socket is closed at the third that is not."""
    client = Client()
    silent, lively = client.connect("market"), client.connect("market")
    for _ in range(4):
        for one in client.wait(30 * S):
            assert not (isinstance(one, Close) and one.conn == lively)
            if isinstance(one, Close) and one.conn == silent:
                assert one.code == 1000
                assert client.now_ns - T0 >= 60 * S
                return
        client.tell(lively, id=1, method="public/respond-heartbeat")
    raise AssertionError("the silent socket was not closed")


def test_the_user_socket_needs_a_login() -> None:
    client = Client()
    conn = client.connect("user")
    request = {"id": 5, "method": "private/create-order", "params": {}}
    assert client.tell(conn, **request)[0]["code"] == 40101
    assert client.tell(conn, id=6, method="subscribe", params={"channels": ["user.order"]})[0]["code"] == 40101
    assert client.tell(conn, **client.signed("public/auth", {}, sig="0"))[0]["code"] == 40101
    assert client.tell(conn, **client.signed("public/auth", {})) == [{"id": 7, "method": "public/auth", "code": 0}]
    assert client.tell(conn, **request)[0]["code"] == 40004
    assert client.tell(conn, id=8, method="private/get-trades")[0]["code"] == 40003
