"""The simulated Gate keeps the venue's rules: signatures, time windows, ids, order states, labels and limits."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from decimal import Decimal
from hashlib import sha512
from typing import Any
from urllib.parse import urlsplit

import ccxt
import ccxt.pro
import pytest
from arbkit_gate.dialect import GateDialect

from arbkit.core.types import Side, Tif
from arbkit.sim.faults import Fault
from arbkit.sim.market import MAKER, Divergence
from arbkit.sim.venue import Account
from arbkit.sim.wire import Answer, Close, Request, SimFrame, SimWire
from arbkit.sim.world import World

S = 1_000_000_000
T0 = 1_750_000_000 * S
MS = 1_000_000
BOOK = "ob.BTC_USDT.50"
KEYS = {"apiKey": "ccxt-key", "secret": "ccxt-secret"}


def sign(secret: str, *lines: str) -> str:
    return hmac.digest(secret.encode(), "\n".join(lines).encode(), "sha512").hex()


class Client:
    """One client of a simulated Gate, in virtual time that stands still unless moved."""

    def __init__(self, faults: list[Fault] | None = None) -> None:
        self.world = World([GateDialect], seed=1, start_ns=T0, faults=faults or [], divergence=Divergence(noise=0))
        self.exchange = self.world.sites["gate"].exchange
        self.now_ns = T0
        self.main = self.exchange.accounts["main"]
        self.ref = 0

    def raw(self, request: Request) -> Any:
        self.ref += 1
        self.world.http("gate", request, self.ref, self.now_ns)
        for out in self.world.drain():
            if isinstance(out, Answer) and out.ref == self.ref:
                return out.reply
        raise AssertionError("no answer")

    def request(
        self, method: str, path: str, query: str = "", body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Request:
        path, text = f"/api/v4/{path}", "" if body is None else json.dumps(body)
        stamp = str(self.now_ns // S)
        proof = sign(self.main.secret, method, path, query, sha512(text.encode()).hexdigest(), stamp)
        signed = {"key": self.main.key, "timestamp": stamp, "sign": proof, "content-type": "application/json"}
        return Request(method, path, query, signed | dict(headers or {}), text.encode())

    def call(self, method: str, path: str, query: str = "", body: Any = None, **headers: str) -> tuple[int, Any]:
        """Status and value of a signed call; ``x_gate_exptime`` names a header."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        reply = self.raw(self.request(method, path, query, body, named))
        return reply.status, json.loads(reply.body)

    def get(self, path: str, query: str = "") -> Any:
        status, value = self.call("GET", path, query)
        assert status == 200, value
        return value

    def order(self, **item: Any) -> tuple[int, Any]:
        return self.call("POST", "spot/orders", body=limit(**item))

    def label(self, **item: Any) -> str:
        """The label of the refusal of an order."""
        status, value = self.order(**item)
        assert status >= 400, value
        return str(value["label"])

    def connect(self, path: str = "/ws/v4/") -> int:
        conn, refused = self.world.connect("gate", path, {}, self.now_ns)
        assert refused is None
        return conn

    def text(self, conn: int, text: str) -> list[Any]:
        """Send a frame; what comes at once on that connection: JSON, or what it is."""
        self.world.frame(conn, text, self.now_ns)
        return [
            json.loads(out.text) if isinstance(out, SimFrame) else out
            for out in self.world.drain()
            if not isinstance(out, Answer) and out.conn == conn
        ]

    def say(self, conn: int, channel: str, event: str = "subscribe", payload: Any = (), **more: Any) -> list[Any]:
        message = {"time": self.now_ns // S, "id": 5, "channel": channel, "event": event, "payload": payload}
        return self.text(conn, json.dumps(message | more))

    def private(self, conn: int, channel: str, payload: Any = ("!all",), secret: str = "") -> list[Any]:
        stamp = self.now_ns // S
        text = f"channel={channel}&event=subscribe&time={stamp}"
        auth = {"method": "api_key", "KEY": self.main.key, "SIGN": sign(secret or self.main.secret, text)}
        return self.say(conn, channel, payload=payload, auth=auth)

    def api(self, conn: int, name: str, params: Any, ref: str = "r1", **more: Any) -> list[Any]:
        payload = {"req_id": ref, "req_param": params} | more
        return self.say(conn, f"spot.{name}", "api", payload)

    def login(self, conn: int, params: str | None = "{}", secret: str = "", ahead: int = 0) -> list[Any]:
        stamp = str(self.now_ns // S + ahead)
        proof = sign(secret or self.main.secret, "api", "spot.login", params or "", stamp)
        payload = {"req_id": "in", "api_key": self.main.key, "signature": proof, "timestamp": stamp}
        return self.say(conn, "spot.login", "api", payload | ({} if params is None else {"req_param": {}}))

    def run(self, seconds: float) -> list[Any]:
        """Let time pass; all that was sent."""
        until, outs = self.now_ns + round(seconds * S), []
        while self.world.due_ns <= until:
            self.now_ns = max(self.now_ns, self.world.due_ns)
            self.world.tick(self.now_ns)
            outs += self.world.drain()
        self.now_ns = until
        return outs


def limit(**item: Any) -> dict[str, Any]:
    base = {"currency_pair": "BTC_USDT", "side": "buy", "type": "limit", "price": "60000", "amount": "0.01"}
    return {name: value for name, value in (base | {"account": "spot"} | item).items() if value is not None}


# --- signatures and clocks -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        ("fetch_balance",),
        ("create_order", "BTC/USDT", "limit", "buy", 0.0123, 61000.5, {"timeInForce": "IOC"}),
        ("create_order", "BTC/USDT", "limit", "sell", 0.0123, 61900.5),
        ("cancel_order", "1234567890", "BTC/USDT"),
        ("fetch_order", "1234567890", "BTC/USDT"),
        ("fetch_open_orders", "BTC/USDT"),
        ("fetch_closed_orders", "BTC/USDT"),
        ("fetch_my_trades", "BTC/USDT"),
    ],
    ids=lambda call: call[0],
)
def test_ccxt_signatures_are_accepted(ccxt_client: Any, call: tuple[Any, ...]) -> None:
    """Requests as ccxt signs them pass; with one letter of the body, query or time changed they do not."""
    client = Client()
    client.exchange.open(Account("ccxt", KEYS["apiKey"], KEYS["secret"]))
    made = ccxt.gate(KEYS | {"options": {"unifiedAccount": False}})
    sent = ccxt_client(made, "BTC_USDT", T0 // MS).request(*call)
    parts = urlsplit(sent.url)
    headers = {name.lower(): value for name, value in sent.headers.items()}
    body = sent.body.encode()
    good = client.raw(Request(sent.method, parts.path, parts.query, headers, body))
    assert good.status not in (401, 403)
    for bad in (
        Request(sent.method, parts.path, f"{parts.query}&a=b", headers, body),
        Request(sent.method, parts.path, parts.query, headers, body + b" "),
        Request(sent.method, parts.path, parts.query, headers | {"timestamp": str(T0 // S + 1)}, body),
    ):
        reply = client.raw(bad)
        assert (reply.status, json.loads(reply.body)["label"]) == (401, "INVALID_SIGNATURE")


def test_what_ccxt_signs_for_the_socket(ccxt_client: Any) -> None:
    """A private subscription and the login."""
    client = Client()
    client.exchange.open(Account("ccxt", KEYS["apiKey"], KEYS["secret"]))
    conn = client.connect()
    frame = ccxt_client(ccxt.pro.gate(KEYS), "BTC_USDT", T0 // MS).frame("watch_orders", "BTC/USDT")
    assert client.text(conn, json.dumps(frame))[0]["result"] == {"status": "success"}
    frame = ccxt_client(ccxt.pro.gate(KEYS), "BTC_USDT", T0 // MS).frame("authenticate", "wss://x", "spot")
    (answer,) = client.text(conn, json.dumps(frame, separators=(",", ":")))
    assert (answer["header"]["status"], answer["data"]["result"]["api_key"]) == ("200", "ccxt-key")


@pytest.mark.parametrize(
    ("change", "status", "label"),
    [
        ({"key": ""}, 400, "MISSING_REQUIRED_HEADER"),
        ({"sign": ""}, 400, "MISSING_REQUIRED_HEADER"),
        ({"timestamp": ""}, 400, "MISSING_REQUIRED_HEADER"),
        ({"key": "nobody"}, 401, "INVALID_KEY"),
        ({"sign": "ab" * 64}, 401, "INVALID_SIGNATURE"),
        ({"timestamp": "soon"}, 403, "REQUEST_EXPIRED"),
        ({"timestamp": str(T0 // S - 61)}, 403, "REQUEST_EXPIRED"),
        ({"timestamp": str(T0 // S + 61)}, 403, "REQUEST_EXPIRED"),
    ],
)
def test_rest_authentication(change: Mapping[str, str], status: int, label: str) -> None:
    """Each broken header is refused with its own label; nothing is placed."""
    client = Client()
    reply = client.raw(client.request("POST", "spot/orders", body=limit(), headers=change))
    assert (reply.status, json.loads(reply.body)["label"]) == (status, label)
    assert not client.exchange.orders


def test_the_query_is_signed_without_percent_encoding() -> None:
    """As the page says: what stands encoded in the request line is signed decoded."""
    client = Client()
    good = client.request("GET", "spot/accounts", "currency=B T")
    assert client.raw(Request("GET", good.path, "currency=B%20T", good.headers)).status == 200


@pytest.mark.parametrize(
    ("change", "label"),
    [
        ({"secret": "wrong"}, "INVALID_SIGNATURE"),
        ({"ahead": 61}, "REQUEST_EXPIRED"),
        ({"ahead": -61}, "REQUEST_EXPIRED"),
    ],
)
def test_a_login_is_refused(change: dict[str, Any], label: str) -> None:
    """And orders are refused before one. The parameters may be empty or left out, as they are signed."""
    client = Client()
    conn = client.connect()
    (answer,) = client.login(conn, **change)
    assert answer["data"]["errs"]["label"] == label
    (refused,) = client.api(conn, "order_place", limit())
    assert (refused["header"]["status"], refused["data"]["errs"]["label"]) == ("400", "AUTHENTICATION_FAILED")
    for params in ("{}", None):
        assert client.login(client.connect(), params)[0]["header"]["status"] == "200"


def test_a_private_subscription_is_refused() -> None:
    """Code 4, with the error of the REST API as text."""
    client = Client()
    (answer,) = client.private(client.connect(), "spot.orders", secret="wrong")
    assert (answer["error"]["code"], answer["result"]) == (4, {"status": "fail"})
    assert json.loads(answer["error"]["message"])["label"] == "INVALID_SIGNATURE"


# --- the book --------------------------------------------------------------------------------------------------------


def test_subscribing() -> None:
    """One answer to all streams of a request, then their books; a stream twice is refused, and lives on."""
    client = Client()
    conn = client.connect()
    answer, *books = client.say(conn, "spot.obu", payload=[BOOK, "ob.ETH_USDT.400"])
    assert (answer["id"], answer["event"], answer["error"], answer["result"]) == (
        5,
        "subscribe",
        None,
        {"status": "success"},
    )
    assert [(one["result"]["s"], one["result"]["full"], "event" in one) for one in books] == [
        (BOOK, True, False),
        ("ob.ETH_USDT.400", True, False),
    ]
    (again,) = client.say(conn, "spot.obu", payload=[BOOK])
    assert again["error"] == {"code": 2, "message": f"Alert sub {BOOK}"}
    assert any(BOOK in out.text for out in client.run(1) if isinstance(out, SimFrame))
    assert client.say(conn, "spot.obu", "unsubscribe", [BOOK])[0]["result"] == {"status": "success"}
    assert not any(BOOK in out.text for out in client.run(1) if isinstance(out, SimFrame))
    assert client.say(conn, "spot.obu", payload=[BOOK])[1]["result"]["full"]


@pytest.mark.parametrize("name", ["ob.NOPE_USDT.50", "ob.BTC_USDT.20", "BTC_USDT"])
def test_a_stream_that_does_not_exist_is_acknowledged_and_silent(name: str) -> None:
    """As measured: the client must notice it itself."""
    client = Client()
    conn = client.connect()
    assert [one["result"] for one in client.say(conn, "spot.obu", payload=[name])] == [{"status": "success"}]
    assert client.run(5) == []


@pytest.mark.parametrize(
    ("channel", "payload", "code"),
    [
        ("spot.trades", ["NOPE_USDT"], 2),
        ("spot.nothing", ["BTC_USDT"], 2),
        ("spot.order_book_update", ["BTC_USDT", "5ms"], 2),
        ("spot.order_book_update", ["BTC_USDT"], 2),
        ("spot.trades", [1], 1),
    ],
)
def test_wrong_subscriptions(channel: str, payload: list[Any], code: int) -> None:
    """A code, and ``fail``."""
    (answer,) = Client().say(1, channel, payload=payload) or [None]
    assert answer is None  # there is no such connection
    client = Client()
    (answer,) = client.say(client.connect(), channel, payload=payload)
    assert (answer["error"]["code"], answer["result"]) == (code, {"status": "fail"})


def test_frames_without_sense_and_old_ones() -> None:
    """Code 1; the socket stays. A request whose time is more than a minute off is refused."""
    client = Client()
    conn = client.connect()
    for text in ("nonsense", "[]", '{"time":"x"}', '{"channel":"spot.obu"}'):
        assert client.text(conn, text)[0]["error"]["code"] == 1
    assert client.say(conn, "spot.obu", payload=[BOOK], time=T0 // S - 61)[0]["error"]["code"] == 1
    assert client.say(conn, "spot.ping", "", [])[0]["channel"] == "spot.pong"
    assert client.world.connect("gate", "/ws/v5/", {}, T0)[1] is not None


def rebuilt(frames: list[Any], whole: Any) -> tuple[dict[str, dict[str, str]], int, int]:
    """The book after these pushes, its id, and the pushes without levels. Each must follow the one before."""
    book = {side: dict(whole[side]) for side in ("b", "a")}
    last, bare = whole["u"], 0
    for frame in frames:
        result = frame["result"]
        assert result["U"] == last + 1
        last = result["u"]
        bare += "b" not in result and "a" not in result
        for side in ("b", "a"):
            for px, qty in result.get(side, []):
                book[side].pop(px, None) if qty == "0" else book[side].update({px: qty})
    return book, last, bare


def test_obu_chains_without_a_hole() -> None:
    """``U`` follows ``u``; pushes without levels advance the id too; the chain rebuilds the venue's 50 levels."""
    client = Client()
    conn = client.connect()
    whole = client.say(conn, "spot.obu", payload=[BOOK])[1]["result"]
    frames = [json.loads(out.text) for out in client.run(4)]
    client.exchange.quote(MAKER, "BTC-USDT", True, 100_000, 7, client.now_ns)  # far below the 50 levels
    frames += [json.loads(out.text) for out in client.run(1)]
    book, last, bare = rebuilt(frames, whole)
    assert len(frames) > 20
    assert bare > 0
    row = client.get("spot/order_book", "currency_pair=BTC_USDT&limit=50&with_id=true")
    assert (book["b"], book["a"], last) == (dict(row["bids"]), dict(row["asks"]), row["id"])


def test_the_older_channel_joins_the_snapshot() -> None:
    """Its pushes begin before or after the snapshot's id and hold no whole book; 100 levels."""
    client = Client()
    conn = client.connect()
    (answer,) = client.say(conn, "spot.order_book_update", payload=["BTC_USDT", "100ms"])
    assert answer["result"] == {"status": "success"}
    client.run(0.05)
    row = client.get("spot/order_book", "currency_pair=BTC_USDT&limit=100&with_id=true")
    frames = [json.loads(out.text) for out in client.run(2.95)]
    assert {frame["result"]["l"] for frame in frames} == {"100"}
    frames = [frame for frame in frames if frame["result"]["u"] > row["id"]]
    assert frames[0]["result"]["U"] <= row["id"] + 1
    frames[0]["result"]["U"] = row["id"] + 1
    book, last, _ = rebuilt(frames, {"u": row["id"], "b": row["bids"], "a": row["asks"]})
    row = client.get("spot/order_book", "currency_pair=BTC_USDT&limit=100&with_id=true")
    assert (book["b"], book["a"], last) == (dict(row["bids"]), dict(row["asks"]), row["id"])


def test_a_hole_shows_in_the_chain() -> None:
    """The fault ``skip``: the next push does not follow the last one."""
    client = Client([Fault(kind="skip", symbol="BTC-USDT", at_s=1)])
    conn = client.connect()
    last = client.say(conn, "spot.obu", payload=[BOOK])[1]["result"]["u"]
    holes = 0
    for out in client.run(3):
        result = json.loads(out.text)["result"]
        holes += result["U"] != last + 1
        last = result["u"]
    assert holes == 1


def test_the_depth_call() -> None:
    """10 levels and no id unless asked for; too many are refused."""
    client = Client()
    row = client.get("spot/order_book", "currency_pair=BTC_USDT")
    assert (len(row["bids"]), "id" in row) == (10, False)
    assert client.call("GET", "spot/order_book", "currency_pair=BTC_USDT&limit=1001") == (
        400,
        {"label": "TOO_BIG", "message": "limit too big"},
    )
    assert client.call("GET", "spot/order_book", "currency_pair=NOPE")[1]["label"] == "INVALID_CURRENCY_PAIR"
    assert client.call("GET", "spot/order_book")[1]["label"] == "MISSING_REQUIRED_PARAM"


def test_best_prices_trades_and_tickers() -> None:
    """Pushed as they happen; the ids of ``spot.book_ticker`` are those of the book."""
    client = Client()
    conn = client.connect()
    for channel in ("spot.trades", "spot.book_ticker", "spot.tickers"):
        answer, *first = client.say(conn, channel, payload=["BTC_USDT"])
        assert answer["result"] == {"status": "success"}
        assert len(first) == (channel == "spot.book_ticker")
    client.order(price="63000", time_in_force="ioc")
    seen: dict[str, Any] = {}
    for out in client.run(2):
        frame = json.loads(out.text)
        seen[frame["channel"]] = frame["result"]
    assert seen.keys() == {"spot.trades", "spot.book_ticker", "spot.tickers"}
    assert {"id", "create_time_ms", "side", "currency_pair", "amount", "price"} <= seen["spot.trades"].keys()
    top = seen["spot.book_ticker"]
    assert Decimal(top["b"]) < Decimal(top["a"])
    assert client.get("spot/trades", "currency_pair=BTC_USDT&limit=1")[0]["currency_pair"] == "BTC_USDT"


# --- orders ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("item", "label"),
    [
        ({"currency_pair": None}, "MISSING_REQUIRED_PARAM"),
        ({"currency_pair": "NOPE_USDT"}, "INVALID_CURRENCY_PAIR"),
        ({"side": None}, "MISSING_REQUIRED_PARAM"),
        ({"side": "long"}, "INVALID_PARAM_VALUE"),
        ({"type": "stop"}, "INVALID_PARAM_VALUE"),
        ({"account": "margin"}, "INVALID_PARAM_VALUE"),
        ({"time_in_force": "gtd"}, "INVALID_PARAM_VALUE"),
        ({"type": "market", "price": None}, "INVALID_PARAM_VALUE"),
        ({"stp_act": "cn"}, "INVALID_PARAM_VALUE"),
        ({"action_mode": "FAST"}, "INVALID_PARAM_VALUE"),
        ({"text": "mine"}, "INVALID_PARAM_VALUE"),
        ({"text": "t-" + "x" * 29}, "INVALID_PARAM_VALUE"),
        ({"text": "t-a b"}, "INVALID_PARAM_VALUE"),
        ({"price": None}, "MISSING_REQUIRED_PARAM"),
        ({"price": "-1"}, "INVALID_PARAM_VALUE"),
        ({"price": 60000}, "INVALID_PARAM_VALUE"),
        ({"price": "60000.05"}, "INVALID_PRECISION"),
        ({"amount": None}, "MISSING_REQUIRED_PARAM"),
        ({"amount": "0.000015"}, "INVALID_PRECISION"),
        ({"amount": "0.000001"}, "AMOUNT_TOO_LITTLE"),
        ({"amount": "1001"}, "AMOUNT_TOO_MUCH"),
        ({"amount": "0.00004"}, "INVALID_PARAM_VALUE"),
        ({"amount": "10"}, "BALANCE_NOT_ENOUGH"),
        ({"price": "63000", "time_in_force": "poc"}, "POC_FILL_IMMEDIATELY"),
        ({"price": "70000"}, "PRICE_THRESHOLD_EXCEEDED"),
        ({"side": "sell", "price": "50000"}, "PRICE_THRESHOLD_EXCEEDED"),
    ],
)
def test_refused_orders(item: dict[str, Any], label: str) -> None:
    """Over REST and on the socket alike; nothing is placed."""
    client = Client()
    assert client.label(**item) == label
    conn = client.connect()
    client.login(conn)
    ack, answer = client.api(conn, "order_place", limit(**item))
    assert (ack["ack"], ack["request_id"], answer["request_id"]) == (True, "r1", "r1")
    assert answer["data"]["errs"]["label"] == label
    assert not client.exchange.orders


def test_unknown_parameters_are_ignored() -> None:
    """As ccxt sends one."""
    assert Client().order(textIsRequired=True)[0] == 201


def test_bad_bodies_and_paths() -> None:
    """Not JSON, not an object, not there."""
    client = Client()
    bodies: tuple[Any, ...] = ([], "x", 1)
    for body in bodies:
        assert client.call("POST", "spot/orders", body=body)[1]["label"] == "INVALID_REQUEST_BODY"
    assert client.call("GET", "spot/nothing") == (404, {"label": "NOT_FOUND", "message": "Not found"})


def test_a_read_only_key_places_nothing() -> None:
    """403."""
    client = Client()
    client.main.settings["read_only"] = True
    assert client.order() == (403, {"label": "READ_ONLY", "message": "The key is read-only"})
    assert client.get("spot/accounts")


def test_an_order_that_comes_too_late_is_refused() -> None:
    """``x-gate-exptime``, as a header and on the socket."""
    client = Client()
    late, soon = str(T0 // MS - 1), str(T0 // MS + 1)
    assert client.call("POST", "spot/orders", body=limit(), x_gate_exptime=late)[1]["label"] == "REQUEST_EXPIRED"
    assert client.call("POST", "spot/orders", body=limit(), x_gate_exptime=soon)[0] == 201
    conn = client.connect()
    client.login(conn)
    *_, answer = client.api(conn, "order_place", limit(), req_header={"x-gate-exptime": late})
    assert answer["data"]["errs"]["label"] == "REQUEST_EXPIRED"
    *_, answer = client.api(conn, "order_place", limit(), req_header={"x-gate-exptime": "soon"})
    assert answer["data"]["errs"]["label"] == "INVALID_PARAM_VALUE"
    assert len(client.exchange.orders) == 1


def test_a_halted_and_a_delisted_pair() -> None:
    """A halted one is untradable, and its orders can be cancelled; a delisted one is not listed."""
    client = Client()
    order = client.order()[1]
    client.exchange.halted["BTC-USDT"] = "break"
    assert client.label() == "TRADE_RESTRICTED"
    assert {row["id"]: row["trade_status"] for row in client.get("spot/currency_pairs")}["BTC_USDT"] == "untradable"
    assert client.call("DELETE", f"spot/orders/{order['id']}", "currency_pair=BTC_USDT")[1]["status"] == "cancelled"
    client.exchange.delist("BTC-USDT", client.now_ns)
    assert client.label() == "INVALID_CURRENCY_PAIR"
    assert [row["id"] for row in client.get("spot/currency_pairs")] == ["ETH_USDT"]


@pytest.mark.parametrize(
    ("item", "status", "finish_as"),
    [
        ({"price": "60000"}, "open", "open"),
        ({"price": "63000"}, "closed", "filled"),
        ({"price": "60000", "time_in_force": "ioc"}, "cancelled", "ioc"),
        ({"price": "60000", "time_in_force": "fok"}, "cancelled", "fok"),
        ({"type": "market", "price": None, "side": "sell", "time_in_force": "ioc"}, "closed", "filled"),
        ({"type": "market", "price": None, "amount": "100", "time_in_force": "ioc"}, "closed", "filled"),
    ],
)
def test_the_answer_to_an_order(item: dict[str, Any], status: str, finish_as: str) -> None:
    """The whole order with its fees, or without them, or its names only."""
    client = Client()
    code, row = client.order(text="t-mine", **item)
    assert (code, row["status"], row["finish_as"], row["text"]) == (201, status, finish_as, "t-mine")
    assert Decimal(row["amount"]) - Decimal(row["left"]) == Decimal(
        row["filled_total"] if item.get("amount") == "100" else row["filled_amount"]
    )
    assert (Decimal(row["fee"]) > 0) == (status == "closed")
    assert client.get(f"spot/orders/{row['id']}", "currency_pair=BTC_USDT") == row
    _, short = client.order(text="t-mine", action_mode="RESULT", **item)
    assert row.keys() - short.keys() == {
        *("fee", "fee_currency", "gt_fee", "gt_maker_fee", "gt_taker_fee", "gt_discount", "point_fee"),
        *("rebated_fee", "rebated_fee_currency"),
    }
    _, names = client.order(action_mode="ACK", **item)
    assert names == {"id": names["id"], "text": "apiv4", "amend_text": "-"}


def test_a_text_is_not_reserved() -> None:
    """A second order with the same text is accepted, and takes the queries by text over."""
    client = Client()
    first, second = (client.order(text="t-twice")[1]["id"] for _ in range(2))
    assert first != second
    assert client.get("spot/orders/t-twice", "currency_pair=BTC_USDT")["id"] == second


def test_how_long_an_ended_order_is_known() -> None:
    """One without a fill for a minute, and never among the finished; by text perhaps not even that long."""
    client = Client()
    rows = {
        name: client.order(text=f"t-{name}", price=px, time_in_force="ioc")[1]
        for name, px in (("none", "60000"), ("full", "63000"))
    }

    def known(name: str) -> int:
        return client.call("GET", f"spot/orders/{name}", "currency_pair=BTC_USDT")[0]

    assert [known(name) for name in (rows["none"]["id"], rows["full"]["id"], "t-none", "t-full")] == [200] * 4
    client.main.settings["forgets_texts"] = True
    assert [known(name) for name in ("t-none", "t-full")] == [404, 404]
    client.now_ns += 61 * S
    assert [known(name) for name in (rows["none"]["id"], rows["full"]["id"])] == [404, 200]
    finished = client.get("spot/orders", "currency_pair=BTC_USDT&status=finished")
    assert [row["text"] for row in finished] == ["t-full"]


def test_cancels() -> None:
    """By id and by text; an ended one and an unknown one have labels of their own."""
    client = Client()
    done = client.order(price="63000")[1]["id"]
    for text in ("t-a", "t-b", "t-c"):
        client.order(text=text)
    status, row = client.call("DELETE", "spot/orders/t-a", "currency_pair=BTC_USDT&account=spot")
    assert (status, row["status"], row["finish_as"]) == (200, "cancelled", "cancelled")
    for name, label in (
        (row["id"], "ORDER_CANCELLED"),
        (done, "ORDER_CLOSED"),
        ("1", "ORDER_NOT_FOUND"),
        ("t-never", "CLIENT_ID_NOT_FOUND"),
    ):
        assert client.call("DELETE", f"spot/orders/{name}", "currency_pair=BTC_USDT")[1]["label"] == label
    assert client.call("DELETE", "spot/orders/t-b")[1]["label"] == "MISSING_REQUIRED_PARAM"
    conn = client.connect()
    client.login(conn)
    (answer,) = client.api(conn, "order_cancel", {"order_id": "t-b", "currency_pair": "BTC_USDT"})
    assert answer["data"]["result"]["status"] == "cancelled"
    assert [row["text"] for row in client.call("DELETE", "spot/orders", "side=buy")[1]] == ["t-c"]
    assert client.get("spot/open_orders") == []


def test_listings_and_their_pages() -> None:
    """Open orders by pair, newest first, and so are their pages; fills of a week unless a time is given."""
    client = Client()
    for number in range(3):
        client.order(text=f"t-{number}")
        client.now_ns += 200 * MS
    (group,) = client.get("spot/open_orders", "limit=2")
    assert (group["currency_pair"], group["total"]) == ("BTC_USDT", 3)
    assert [row["text"] for row in group["orders"]] == ["t-2", "t-1"]
    (group,) = client.get("spot/open_orders", "limit=2&page=2")
    assert [row["text"] for row in group["orders"]] == ["t-0"]
    assert client.call("GET", "spot/open_orders", "limit=101")[1]["label"] == "INVALID_PARAM_VALUE"
    client.order(price="63000", text="t-full")
    fills = client.get("spot/my_trades", "currency_pair=BTC_USDT")
    assert {(row["text"], row["role"], row["fee_currency"]) for row in fills} == {("t-full", "taker", "BTC")}
    client.now_ns += 8 * 86_400 * S
    assert client.get("spot/my_trades", "currency_pair=BTC_USDT") == []
    assert client.get("spot/my_trades", f"currency_pair=BTC_USDT&from={T0 // S}") == fills
    client.now_ns += 23 * 86_400 * S
    assert client.call("GET", "spot/my_trades", f"from={T0 // S}")[1]["label"] == "INVALID_PARAM_VALUE"


def test_the_limits() -> None:
    """Ten orders a second and pair, on each way; 200 calls in ten seconds an endpoint. The end is in the answer."""
    client = Client()
    codes = [client.order()[0] for _ in range(12)]
    assert codes == [201] * 10 + [429] * 2
    assert client.order(currency_pair="ETH_USDT", price="2300")[0] == 201
    conn = client.connect()
    client.login(conn)
    answers = [client.api(conn, "order_place", limit())[-1] for _ in range(11)]
    assert [one["header"]["status"] for one in answers] == ["200"] * 10 + ["429"]
    assert answers[-1]["header"]["x_gate_ratelimit_reset_timestamp"] == T0 // MS + 1_000
    assert answers[-1]["data"]["errs"]["label"] == "TOO_MANY_REQUESTS"
    replies = [client.raw(Request("GET", "/api/v4/spot/time")) for _ in range(201)]
    assert [reply.status for reply in replies] == [200] * 200 + [429]
    assert replies[3].headers["x-gate-ratelimit-requests-remain"] == "196"
    assert replies[-1].headers["x-gate-ratelimit-reset-timestamp"] == str(T0 // S + 10)


# --- the private channels --------------------------------------------------------------------------------------------


def test_the_private_stream() -> None:
    """Orders without a status but with what happened, fills, balances; times as texts; pairs or all."""
    client = Client()
    conn = client.connect()
    for channel in ("spot.orders", "spot.usertrades", "spot.balances"):
        assert client.private(conn, channel)[0]["error"] is None
    other = client.connect()
    client.private(other, "spot.orders_v2", ["ETH_USDT"])
    client.order(text="t-rests")
    client.order(text="t-takes", price="63000", time_in_force="ioc")
    client.call("DELETE", "spot/orders/t-rests", "currency_pair=BTC_USDT")
    client.world.drain()
    client = Client()
    conn = client.connect()
    for channel in ("spot.orders", "spot.usertrades", "spot.balances"):
        client.private(conn, channel)
    client.world.http("gate", client.request("POST", "spot/orders", body=limit(text="t-a", price="63000")), 1, T0)
    frames = [json.loads(out.text) for out in client.world.drain() if isinstance(out, SimFrame)]
    orders = [frame["result"][0] for frame in frames if frame["channel"] == "spot.orders"]
    fills = [frame["result"][0] for frame in frames if frame["channel"] == "spot.usertrades"]
    balances = [row for frame in frames if frame["channel"] == "spot.balances" for row in frame["result"]]
    assert (orders[0]["event"], orders[-1]["event"], orders[-1]["finish_as"]) == ("put", "finish", "filled")
    assert "status" not in orders[0]
    assert isinstance(orders[0]["create_time_ms"], str)
    assert sum(Decimal(row["amount"]) for row in fills) == Decimal("0.01")
    assert {row["text"] for row in (*orders, *fills)} == {"t-a"}
    assert {row["currency"] for row in balances} == {"BTC", "USDT"}
    for row in balances:
        assert Decimal(row["total"]) == Decimal(row["available"]) + Decimal(row["freeze"])


def test_the_channels_without_fees() -> None:
    """``_v2``; only the pairs that were asked for."""
    client = Client()
    conn = client.connect()
    for channel in ("spot.orders_v2", "spot.usertrades_v2"):
        client.private(conn, channel, ["BTC_USDT"])
    for number, pair in enumerate(("ETH_USDT", "BTC_USDT")):
        body = limit(currency_pair=pair, price="2500" if number == 0 else "63000", time_in_force="ioc")
        client.world.http("gate", client.request("POST", "spot/orders", body=body), number, T0)
    rows = [json.loads(out.text)["result"][0] for out in client.world.drain() if isinstance(out, SimFrame)]
    assert {row["currency_pair"] for row in rows} == {"BTC_USDT"}
    assert not any("fee" in row for row in rows)


def test_a_maker_pays_as_a_maker() -> None:
    """A resting order that is hit: the role, the fee off what was received."""
    client = Client()
    client.order(price="61000", text="t-rests")
    pair = client.exchange.pairs["BTC-USDT"]
    bid = client.exchange.books["BTC-USDT"].top()[0]
    client.exchange.take(MAKER, "BTC-USDT", False, min(bid, int(Decimal(61_000) / pair.tick)), 10**9, T0)
    (row,) = client.get("spot/my_trades", "currency_pair=BTC_USDT")
    assert (row["role"], row["fee_currency"], row["text"]) == ("maker", "BTC", "t-rests")
    assert Decimal(row["fee"]) == Decimal(row["amount"]) / 1000


def test_a_socket_without_a_subscription_is_closed() -> None:
    """After 30 s without a ping. One subscription, or pings, keep it."""
    client = Client()
    idle, pinged, subscribed = (client.connect() for _ in range(3))
    client.say(subscribed, "spot.trades", payload=["BTC_USDT"])
    closed = []
    for _ in range(5):
        client.say(pinged, "spot.ping", "", [])
        closed += [out.conn for out in client.run(20) if isinstance(out, Close)]
    assert closed == [idle]


# --- faults ----------------------------------------------------------------------------------------------------------


def test_faults_that_the_dialect_performs() -> None:
    """A login refused, a subscription refused, an order that was placed and answered as throttled."""
    client = Client([Fault(kind="login"), Fault(kind="refuse"), Fault(kind="overrun")])
    conn = client.connect()
    client.run(0.1)
    assert client.login(conn)[0]["data"]["errs"]["label"] == "INVALID_KEY"
    assert client.login(conn)[0]["header"]["status"] == "200"
    assert client.say(conn, "spot.obu", payload=[BOOK])[0]["error"]["code"] == 3
    assert client.say(conn, "spot.obu", payload=[BOOK])[0]["error"] is None
    *_, answer = client.api(conn, "order_place", limit())
    assert (answer["header"]["status"], len(client.exchange.orders)) == ("429", 1)


def test_what_an_overloaded_venue_answers() -> None:
    """Throttled with the time of its end, busy, banned."""
    dialect = GateDialect(Client().exchange, SimWire())
    limited = dialect.limited(T0, 3 * S)
    assert (limited.status, json.loads(limited.body)["label"]) == (429, "TOO_MANY_REQUESTS")
    assert limited.headers["x-gate-ratelimit-reset-timestamp"] == str(T0 // S + 3)
    busy = dialect.busy(T0)
    assert (busy.status, json.loads(busy.body)["label"]) == (503, "TOO_BUSY")
    assert dialect.banned(T0, S).status == 403


def test_the_account() -> None:
    """Fees, balances, the key's mode, and the state of assets."""
    client = Client()
    fee = client.get("wallet/fee", "currency_pair=BTC_USDT")
    assert (fee["maker_fee"], fee["taker_fee"], fee["gt_discount"]) == ("0.001", "0.001", False)
    client.order()
    rows = {row["currency"]: row for row in client.get("spot/accounts")}
    assert (rows["USDT"]["available"], rows["USDT"]["locked"]) == ("199400", "600")
    assert [row["currency"] for row in client.get("spot/accounts", "currency=BTC")] == ["BTC"]
    assert client.get("account/detail")["key"] == {"mode": 1}
    client.exchange.immovable["BTC"] = (True, False)
    (row,) = [row for row in client.get("spot/currencies") if row["currency"] == "BTC"]
    assert (row["chains"][0]["deposit_disabled"], row["chains"][0]["withdraw_disabled"]) == (False, True)


def test_an_order_of_another_program() -> None:
    """Placed without a text: the rows say ``apiv4``."""
    client = Client()
    client.exchange.place("main", "BTC-USDT", Side.BUY, now_ns=T0, qty=Decimal("0.01"), px=Decimal(60_000), tif=Tif.GTC)
    (group,) = client.get("spot/open_orders")
    assert group["orders"][0]["text"] == "apiv4"
