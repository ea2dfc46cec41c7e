"""The simulated Bitstamp keeps the venue's rules: signatures, nonces, forms, channels, errors and limits."""

from __future__ import annotations

import hmac
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from arbkit_bitstamp.dialect import BitstampDialect

from arbkit.sim.market import Divergence
from arbkit.sim.venue import DELISTED
from arbkit.sim.wire import Answer, Close, Reply, Request, SimFrame
from arbkit.sim.world import World

MS = 1_000_000
S = 1_000 * MS
T0 = 1_750_000_000 * S
FORM = "application/x-www-form-urlencoded"


class Client:
    """One client of a simulated Bitstamp, in virtual time that stands still unless moved."""

    def __init__(self) -> None:
        self.world = World([BitstampDialect], seed=1, start_ns=T0, divergence=Divergence(noise=0))
        self.exchange = self.world.sites["bitstamp"].exchange
        self.main = self.exchange.accounts["main"]
        self.now_ns = T0
        self.ref = 0
        self.waiting: list[Any] = []
        """What its sockets were told during a call."""

    def raw(self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b"") -> Reply:
        self.ref += 1
        name, _, query = path.partition("?")
        request = Request(method, f"/api/v2/{name}", query, headers or {}, body)
        self.world.http("bitstamp", request, self.ref, self.now_ns)
        outs = list(self.world.drain())
        self.waiting += [out for out in outs if not isinstance(out, Answer)]
        (reply,) = [out.reply for out in outs if isinstance(out, Answer)]
        assert reply is not None
        return reply

    def get(self, path: str) -> Any:
        return json.loads(self.raw("GET", path).body)

    def headers(self, path: str, body: bytes, **change: str) -> dict[str, str]:
        """Those of the documentation's example, in its order."""
        given = {
            "x-auth": f"BITSTAMP {self.main.key}",
            "x-auth-nonce": f"00000000-0000-4000-8000-{self.ref:012x}",
            "x-auth-timestamp": str(self.now_ns // MS),
            "x-auth-version": "v2",
            "content-type": FORM if body else "",
        } | change
        text = (
            f"{given['x-auth']}POSTwww.bitstamp.net/api/v2/{path}{given['content-type']}{given['x-auth-nonce']}"
            f"{given['x-auth-timestamp']}{given['x-auth-version']}"
        )
        sign = hmac.digest(self.main.secret.encode(), text.encode() + body, "sha256").hex()
        return {"x-auth-signature": sign} | given

    def post(self, path: str, change: dict[str, str] | None = None, **form: Any) -> tuple[int, Any]:
        """The HTTP status and the answer of a signed call."""
        body = urlencode(form).encode()
        reply = self.raw("POST", path, self.headers(path, body, **(change or {})), body)
        return reply.status, json.loads(reply.body)

    def buy(self, **form: Any) -> tuple[int, Any]:
        order = {"amount": "0.01", "price": "50000"} | form
        return self.post("buy/btcusdt/", **{name: value for name, value in order.items() if value is not None})

    def connect(self) -> int:
        conn, refused = self.world.connect("bitstamp", "/", {}, self.now_ns)
        assert refused is None
        return conn

    def tell(self, conn: int, event: str, **data: str) -> list[Any]:
        return self.say(conn, json.dumps({"event": event, "data": data}))

    def say(self, conn: int, text: str) -> list[Any]:
        """Frames as JSON, and closes."""
        self.world.frame(conn, text, self.now_ns)
        return self._heard()

    def wait(self, time_ns: int) -> list[Any]:
        out: list[Any] = []
        end_ns = self.now_ns + time_ns
        while self.now_ns < end_ns:
            self.now_ns = min(self.now_ns + 100 * MS, end_ns)
            self.world.tick(self.now_ns)
            out += self._heard()
        return out

    def _heard(self) -> list[Any]:
        outs, self.waiting = [*self.waiting, *self.world.drain()], []
        return [json.loads(out.text) if isinstance(out, SimFrame) else out for out in outs]


@pytest.mark.parametrize(
    ("form", "code", "text"),
    [
        ({"price": None}, "400.004", "required"),
        ({"price": "5e4"}, "400.001", "valid value"),
        ({"ioc_order": "True", "fok_order": "True"}, "400.001", "valid value"),
        ({"price": "50000.1"}, "400.021", "no more than 0 decimal places"),
        ({"amount": "0.010000001"}, "400.020", "no more than 8 decimal places"),
        ({"amount": "0.0001"}, "400.046", "Minimum order size is 10 USDT"),
        ({"amount": "5000"}, "400.009", "You have only"),
        ({"price": "90000"}, None, "more than 20% above market price"),
    ],
)
def test_refusals_of_an_order(form: dict[str, Any], code: str | None, text: str) -> None:
    """The code is missing where only a text is known."""
    client = Client()
    status, found = client.buy(**form)
    assert (status, found["status"], found.get("response_code")) == (400, "error", code)
    assert text in json.dumps(found["reason"])
    assert client.exchange.orders == {}


def test_states_of_a_market_and_of_ids() -> None:
    """A client order id is taken for good; a halt has the words of an internal error; a delisted pair is unknown."""
    client = Client()
    status, placed = client.buy(client_order_id="mine")
    assert (status, placed["client_order_id"]) == (200, "mine")
    assert client.buy(client_order_id="mine")[1]["response_code"] == "400.019"
    assert client.post("cancel_order/", id=placed["id"])[0] == 200
    assert client.buy(client_order_id="mine")[1]["response_code"] == "400.019"
    assert client.post("cancel_order/", id=placed["id"])[1]["response_code"] == "404.002"
    assert client.post("order_status/", client_order_id="mine")[1]["status"] == "Canceled"
    assert client.post("order_status/", id=1)[0] == 404
    assert client.post("order_status/")[1]["response_code"] == "400.004"
    client.exchange.halted["BTC-USDT"] = "halt"
    status, found = client.buy()
    assert (status, found["reason"], "response_code" in found) == (
        400,
        {"__all__": ["Order could not be placed."]},
        False,
    )
    client.exchange.halted["BTC-USDT"] = DELISTED
    assert client.buy()[1]["response_code"] == "404.003"


def test_kinds_of_an_order() -> None:
    """IOC, FOK and maker-or-cancel by flags; market by base, instant by quote."""
    client = Client()
    ask = client.exchange.books["BTC-USDT"].depth(1)[1][0][0]
    price = client.exchange.pairs["BTC-USDT"].px_text(ask)
    for form, ended in (
        ({"price": price, "ioc_order": "True"}, "Finished"),
        ({"price": "50000", "ioc_order": "True"}, "Canceled"),
        ({"price": "50000", "fok_order": "True"}, "Canceled"),
        ({"price": price, "moc_order": "True"}, "Canceled"),
        ({"price": "50000", "moc_order": "True"}, "Open"),
    ):
        status, placed = client.buy(**form)
        assert status == 200
        assert client.post("order_status/", id=placed["id"])[1]["status"] == ended
    for path, form in (("buy/instant/btcusdt/", {"amount": "100"}), ("sell/market/btcusdt/", {"amount": "0.001"})):
        status, placed = client.post(path, **form)
        assert client.post("order_status/", id=placed["id"])[1]["status"] == "Finished"
    assert len(client.post("open_orders/all/")[1]) == 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"x-auth": "BITSTAMP nobody"}, "API0001"),
        ({"x-auth-signature": "0" * 64}, "API0005"),
        ({"x-auth-timestamp": str((T0 - 151 * S) // MS)}, "API0017"),
        ({"x-auth-timestamp": str((T0 + 151 * S) // MS)}, "API0017"),
        ({"x-auth-nonce": "not-a-uuid"}, "API0004"),
        ({"x-auth-nonce": "00000000-0000-1000-8000-000000000001"}, "API0004"),
        ({"content-type": "application/json"}, "API0020"),
        ({"x-auth-version": ""}, None),
    ],
)
def test_signatures(change: dict[str, str], code: str | None) -> None:
    client = Client()
    assert client.post("account_balances/")[0] == 200
    client.ref += 1
    status, found = client.post("account_balances/", change)
    assert status in (400, 403)
    assert found.get("code") == code


def test_a_nonce_counts_once_and_an_answer_is_signed() -> None:
    """Within 150 s; the answer's signature covers nonce, time, content type and body."""
    client = Client()
    nonce = "00000000-0000-4000-8000-00000000abcd"
    body, path = b"", "account_balances/"
    headers = client.headers(path, body, **{"x-auth-nonce": nonce})
    reply = client.raw("POST", path, headers, body)
    text = f"{nonce}{headers['x-auth-timestamp']}application/json".encode() + reply.body
    assert reply.headers["x-server-auth-signature"] == hmac.digest(client.main.secret.encode(), text, "sha256").hex()
    assert client.post(path, {"x-auth-nonce": nonce})[1]["code"] == "API0004"
    client.now_ns += 151 * S
    assert client.post(path, {"x-auth-nonce": nonce})[0] == 200
    assert client.post(path, {"content-type": FORM})[1]["code"] == "API0020"


def test_what_an_account_may() -> None:
    """A key without trading reads; a frozen account does nothing."""
    client = Client()
    client.main.settings["read_only"] = True
    assert client.post("account_balances/")[0] == 200
    assert client.buy()[1]["code"] == "API0003"
    client.main.settings["frozen"] = True
    assert client.post("account_balances/")[1]["code"] == "API0006"


def test_the_limit_of_requests() -> None:
    """400 a second; then 429 without a waiting time."""
    client = Client()
    statuses = [client.raw("GET", "ticker/btcusdt/").status for _ in range(401)]
    assert statuses == [200] * 400 + [429]


def test_a_book_comes_from_a_cache_and_has_no_number() -> None:
    """The same URL within a second gives the same answer; with another parameter it is fresh. Pushes have a time
    only, and there is none at the beginning."""
    client = Client()
    first = client.get("order_book/btcusdt/")
    conn = client.connect()
    assert client.tell(conn, "bts:subscribe", channel="diff_order_book_btcusdt") == [
        {"event": "bts:subscription_succeeded", "channel": "diff_order_book_btcusdt", "data": {}}
    ]
    pushes = [one for one in client.wait(900 * MS) if isinstance(one, dict) and one["event"] == "data"]
    assert client.get("order_book/btcusdt/") == first
    fresh = client.get("order_book/btcusdt/?_=1")
    assert int(fresh["microtimestamp"]) >= int(pushes[-1]["data"]["microtimestamp"]) > int(first["microtimestamp"])
    assert {*pushes[0]["data"]} == {"timestamp", "microtimestamp", "bids", "asks"}


@pytest.mark.parametrize("channel", ["diff_order_book", "candles_btcusdt", "private-my_orders_btcusdt-7", ""])
def test_channels_that_are_refused(channel: str) -> None:
    """The error does not name the channel."""
    client = Client()
    (answer,) = client.tell(client.connect(), "bts:subscribe", channel=channel)
    assert (answer["event"], answer["channel"]) == ("bts:error", "")


def test_an_unknown_pair_is_acknowledged_and_silent() -> None:
    client = Client()
    conn = client.connect()
    assert (
        client.tell(conn, "bts:subscribe", channel="diff_order_book_xyzusd")[0]["event"] == "bts:subscription_succeeded"
    )
    assert [one for one in client.wait(5 * S) if isinstance(one, dict)] == []


def test_a_private_channel_needs_a_token_and_the_right_user() -> None:
    """A token is good for a minute."""
    client = Client()
    token = client.post("websockets_token/")[1]
    channel = f"private-my_orders_btcusdt-{token['user_id']}"
    conn = client.connect()
    (answer,) = client.tell(conn, "bts:subscribe", channel=f"{channel}1", auth=token["token"])
    assert answer["data"]["code"] == 4009
    (answer,) = client.tell(conn, "bts:subscribe", channel=channel, auth=token["token"])
    assert answer["event"] == "bts:subscription_succeeded"
    status, placed = client.buy(client_order_id="mine")
    events = [one for one in client.wait(S) if isinstance(one, dict) and one["channel"] == channel]
    assert [(one["event"], one["data"]["client_order_id"]) for one in events] == [("order_created", "mine")]
    client.now_ns += 61 * S
    (answer,) = client.tell(client.connect(), "bts:subscribe", channel=channel, auth=token["token"])
    assert answer["data"]["code"] == 4009
    assert (status, placed["id"]) == (200, str(events[0]["data"]["id"]))


def test_frames_of_a_client() -> None:
    """Heartbeats are answered; 512 bytes are too many; what is no JSON is told."""
    client = Client()
    conn = client.connect()
    assert client.say(conn, '{"event":"bts:heartbeat"}')[0]["data"] == {"status": "success"}
    assert client.say(conn, "{")[0]["data"]["message"] == "Incorrect JSON format."
    assert client.say(conn, '{"event":"bts:dance"}')[0]["data"]["message"] == "Bad subscription string."
    (closed,) = client.tell(conn, "bts:subscribe", channel="x" * 512)
    assert isinstance(closed, Close)
    assert closed.code == 1009
