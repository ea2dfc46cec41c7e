"""The simulated Bitget keeps the venue's rules: signatures, time windows, sequences, order states, codes and limits."""

from __future__ import annotations

import base64
import hmac
import json
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import ccxt
import ccxt.pro
import pytest
from arbkit_bitget.dialect import BitgetDialect

from arbkit.sim.faults import Fault
from arbkit.sim.market import MAKER, Divergence
from arbkit.sim.venue import DELISTED, Account
from arbkit.sim.wire import Answer, Close, Reply, Request, SimFrame
from arbkit.sim.world import World

T0 = 1_750_000_000_000_000_000
MS = 1_000_000
S = 1_000 * MS
KEYS = {"apiKey": "ccxt-key", "secret": "ccxt-secret", "password": "ccxt-pass"}
BOOKS = {"instType": "SPOT", "channel": "books", "instId": "BTCUSDT"}
ORDERS = {"instType": "SPOT", "channel": "orders", "instId": "default"}
FILLS = {"instType": "SPOT", "channel": "fill", "instId": "default"}
MONEY = {"instType": "SPOT", "channel": "account", "coin": "default"}


def sign(secret: str, payload: str) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), payload.encode(), "sha256")).decode()


def limit(**item: Any) -> dict[str, Any]:
    base = {"symbol": "BTCUSDT", "side": "buy", "orderType": "limit", "force": "gtc", "price": "60000", "size": "0.01"}
    return {name: value for name, value in (base | item).items() if value is not None}


class Client:
    """One client of a simulated Bitget, in virtual time that stands still unless moved."""

    def __init__(self, faults: list[Fault] | None = None) -> None:
        self.world = World([BitgetDialect], seed=1, start_ns=T0, faults=faults or [], divergence=Divergence(noise=0))
        self.exchange = self.world.sites["bitget"].exchange
        self.now_ns = T0
        self.main = self.exchange.accounts["main"]
        self.ref = 0
        self.pushed: list[Any] = []
        """What came on sockets with the answers to REST calls."""

    def raw(self, request: Request) -> Reply:
        self.ref += 1
        self.world.http("bitget", request, self.ref, self.now_ns)
        outs = self.world.drain()
        self.pushed += [json.loads(out.text) for out in outs if isinstance(out, SimFrame)]
        (reply,) = [out.reply for out in outs if isinstance(out, Answer) and out.ref == self.ref]
        assert reply is not None
        return reply

    def call(self, method: str, path: str, query: str = "", body: Any = None, **headers: str) -> dict[str, Any]:
        """The answer with its HTTP status as ``http``. An empty header is left out."""
        path = path if path.startswith("/") else f"/api/v2/{path}"
        text = "" if body is None else json.dumps(body)
        stamp = headers.get("timestamp", str(self.now_ns // MS))
        signed: dict[str, str] = {
            "key": self.main.key,
            "passphrase": self.main.passphrase,
            "timestamp": stamp,
            "sign": sign(self.main.secret, f"{stamp}{method}{path}{'?' + query if query else ''}{text}"),
        }
        given = {f"access-{name}": value for name, value in (signed | headers).items() if value}
        reply = self.raw(Request(method, path, query, given | {"content-type": "application/json"}, text.encode()))
        found: dict[str, Any] = json.loads(reply.body)
        return found | {"http": reply.status}

    def get(self, path: str, query: str = "") -> Any:
        """The data of a call that succeeds."""
        found = self.call("GET", path, query)
        assert found["code"] == "00000", found
        return found["data"]

    def place(self, **item: Any) -> dict[str, Any]:
        return self.call("POST", "spot/trade/place-order", body=limit(**item))

    def placed(self, **item: Any) -> str:
        """The id of an accepted order."""
        found = self.place(**item)
        assert found["code"] == "00000", found
        order_id: str = found["data"]["orderId"]
        return order_id

    def cancel(self, **item: Any) -> dict[str, Any]:
        return self.call("POST", "spot/trade/cancel-order", body={"symbol": "BTCUSDT"} | item)

    def order(self, order_id: str) -> dict[str, Any]:
        (row,) = self.get("spot/trade/orderInfo", f"orderId={order_id}")
        return dict(row)

    def connect(self, path: str = "private", login: bool = True) -> int:
        conn, refused = self.world.connect("bitget", f"/v2/ws/{path}", {}, self.now_ns)
        assert refused is None
        if path == "private" and login:
            assert self.login(conn) == [{"event": "login", "code": 0, "msg": ""}]
        return conn

    def login(self, conn: int, **change: str) -> list[Any]:
        stamp = change.get("timestamp", str(self.now_ns // S))
        arg = {
            "apiKey": self.main.key,
            "passphrase": self.main.passphrase,
            "timestamp": stamp,
            "sign": sign(self.main.secret, f"{stamp}GET/user/verify"),
        }
        return self.text(conn, json.dumps({"op": "login", "args": [arg | change]}))

    def ask(self, conn: int, *args: Any, op: str = "subscribe") -> list[Any]:
        return self.text(conn, json.dumps({"op": op, "args": list(args)}))

    def text(self, conn: int, text: str) -> list[Any]:
        """Send a frame; what comes at once on that connection: JSON, or what it is."""
        self.world.frame(conn, text, self.now_ns)
        return [
            json.loads(out.text) if isinstance(out, SimFrame) and out.text != "pong" else out
            for out in self.world.drain()
            if not isinstance(out, Answer) and out.conn == conn
        ]

    def run(self, seconds: float) -> list[Any]:
        """Let time pass; the frames and ends that came."""
        until, outs = self.now_ns + round(seconds * S), []
        while self.world.due_ns <= until:
            self.now_ns = max(self.now_ns, self.world.due_ns)
            self.world.tick(self.now_ns)
            outs += self.world.drain()
        self.now_ns = until
        return [json.loads(out.text) if isinstance(out, SimFrame) else out for out in outs]


# --- signatures and clocks -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        ("create_order", "BTC/USDT", "limit", "buy", 0.0123, 60000.5, {"timeInForce": "IOC"}),
        ("cancel_order", "1234567890", "BTC/USDT"),
        ("fetch_order", "1234567890", "BTC/USDT"),
        ("fetch_balance",),
    ],
    ids=lambda call: call[0],
)
def test_ccxt_signatures_are_accepted(ccxt_client: Any, call: tuple[Any, ...]) -> None:
    """Requests as ccxt signs them pass; with one letter of the body, query or time changed they do not."""
    client = Client()
    client.exchange.open(Account("ccxt", *KEYS.values()))
    sent = ccxt_client(ccxt.bitget({**KEYS, "options": {"uta": False}}), "BTCUSDT", T0 // MS).request(*call)
    parts = urlsplit(sent.url)
    headers, body = {name.lower(): value for name, value in sent.headers.items()}, sent.body.encode()
    good = json.loads(client.raw(Request(sent.method, parts.path, parts.query, headers, body)).body)
    assert good["code"] in ("00000", "43001", "43012")
    for bad in (
        Request(sent.method, parts.path, f"{parts.query}&a=b", headers, body),
        Request(sent.method, parts.path, parts.query, headers, body + b" "),
        Request(sent.method, parts.path, parts.query, headers | {"access-timestamp": str(T0 // MS + 1)}, body),
    ):
        reply = client.raw(bad)
        assert (reply.status, json.loads(reply.body)["code"]) == (400, "40009")


def test_the_query_is_signed_as_it_reads() -> None:
    """Not as it is encoded."""
    client = Client()
    stamp = str(T0 // MS)
    text = f"{stamp}GET/api/v2/spot/account/assets?coin=$X"
    headers = {"access-key": client.main.key, "access-passphrase": client.main.passphrase}
    headers |= {"access-timestamp": stamp, "access-sign": sign(client.main.secret, text)}
    reply = client.raw(Request("GET", "/api/v2/spot/account/assets", "coin=%24X", headers))
    assert json.loads(reply.body)["data"] == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"key": ""}, "40001"),
        ({"sign": ""}, "40002"),
        ({"passphrase": ""}, "40011"),
        ({"key": "nobody"}, "40006"),
        ({"passphrase": "wrong"}, "40012"),
        ({"sign": "wrong"}, "40009"),
        ({"timestamp": "x"}, "40005"),
        ({"timestamp": str(T0 // MS - 31_000)}, "40008"),
        ({"timestamp": str(T0 // MS + 31_000)}, "40008"),
    ],
)
def test_what_is_wrong_with_a_request(change: dict[str, str], code: str) -> None:
    """Each with its own code and HTTP 400."""
    found = Client().call("GET", "spot/account/assets", **change)
    assert (found["http"], found["code"]) == (400, code)
    assert found["data"] is None


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"apiKey": "nobody"}, 30011),
        ({"passphrase": "wrong"}, 30012),
        ({"sign": "wrong"}, 30015),
        ({"timestamp": "x"}, 30013),
        ({"timestamp": str(T0 // S - 31)}, 30014),
        ({"apiKey": ""}, 30005),
    ],
)
def test_a_refused_login(change: dict[str, str], code: int) -> None:
    """The code as a number; then the connection ends."""
    client = Client()
    conn = client.connect(login=False)
    error, end = client.login(conn, **change)
    assert (error["event"], error["code"]) == ("error", code)
    assert isinstance(end, Close)


def test_a_login_that_ccxt_signed(ccxt_client: Any) -> None:
    """The time in seconds."""
    client = Client()
    client.exchange.open(Account("ccxt", *KEYS.values()))
    made = ccxt_client(ccxt.pro.bitget(KEYS), "BTCUSDT", T0 // MS).frame("authenticate", {"url": "wss://x"})
    conn = client.connect(login=False)
    assert client.text(conn, json.dumps(made))[0] == {"event": "login", "code": 0, "msg": ""}


def test_the_account_of_another_api() -> None:
    """A unified account is refused by v2 calls; a classic one by v3."""
    client = Client()
    client.main.settings["unified"] = True
    assert client.call("GET", "spot/account/assets")["code"] == "40085"
    assert client.call("GET", "/api/v3/account/settings")["code"] == "25245"


# --- public ----------------------------------------------------------------------------------------------------------


def test_pairs_and_halts() -> None:
    """Steps as numbers of decimals. A halt shows as a state, a delisted pair is no more in the list."""
    client = Client()
    client.exchange.halted["ETH-USDT"] = "for the test"
    rows = {row["symbol"]: row for row in client.get("spot/public/symbols")}
    btc = rows["BTCUSDT"]
    assert (btc["pricePrecision"], btc["quantityPrecision"], btc["minTradeUSDT"], btc["status"]) == (
        "2",
        "6",
        "1",
        "online",
    )
    assert (btc["baseCoin"], btc["quoteCoin"], rows["ETHUSDT"]["status"]) == ("BTC", "USDT", "halt")
    assert [row["symbol"] for row in client.get("spot/public/symbols", "symbol=BTCUSDT")] == ["BTCUSDT"]
    client.exchange.halted["ETH-USDT"] = "gray"
    assert client.get("spot/public/symbols", "symbol=ETHUSDT")[0]["status"] == "gray"
    client.exchange.halted["ETH-USDT"] = DELISTED
    assert [row["symbol"] for row in client.get("spot/public/symbols")] == ["BTCUSDT"]


def test_the_book_over_rest() -> None:
    """At most 150 levels; no number."""
    client = Client()
    book = client.get("spot/market/orderbook", "symbol=BTCUSDT&type=step0&limit=400")
    assert set(book) == {"asks", "bids", "ts"}
    assert 20 < len(book["bids"]) <= 150
    assert len(client.get("spot/market/orderbook", "symbol=BTCUSDT&limit=5")["asks"]) == 5
    assert client.call("GET", "spot/market/orderbook", "symbol=NOUSDT")["code"] == "40034"
    assert client.call("GET", "spot/market/orderbook")["code"] == "40019"


def test_market_data_over_rest() -> None:
    """Tickers, trades with the newest first, candles with the oldest first, the time."""
    client = Client()
    client.run(130)
    (ticker,) = client.get("spot/market/tickers", "symbol=BTCUSDT")
    assert Decimal(ticker["bidPr"]) < Decimal(ticker["askPr"])
    trades = client.get("spot/market/fills", "symbol=BTCUSDT&limit=5")
    ids = [int(row["tradeId"]) for row in trades]
    assert ids == sorted(ids, reverse=True)
    candles = client.get("spot/market/candles", "symbol=BTCUSDT&granularity=1min&limit=2")
    assert len(candles) == 2
    assert int(candles[0][0]) < int(candles[1][0])
    assert client.call("GET", "spot/market/candles", "symbol=BTCUSDT&granularity=2min")["code"] == "40017"
    assert client.get("public/time") == {"serverTime": str(client.now_ns // MS)}


def test_a_chain_of_book_updates() -> None:
    """The answer repeats the argument; then the snapshot with ``pseq`` 0, and changes that follow each other."""
    client = Client()
    conn = client.connect("public")
    confirmed, snapshot = client.ask(conn, BOOKS)
    assert confirmed == {"event": "subscribe", "arg": BOOKS}
    assert (snapshot["action"], snapshot["arg"], snapshot["data"][0]["pseq"]) == ("snapshot", BOOKS, 0)
    last = snapshot["data"][0]["seq"]
    updates = client.run(3)
    assert len(updates) > 10
    for update in updates:
        row = update["data"][0]
        assert (update["action"], row["pseq"]) == ("update", last)
        assert row["seq"] > last
        last = row["seq"]
    assert "checksum" not in row
    assert client.ask(conn, BOOKS, op="unsubscribe") == [{"event": "unsubscribe", "arg": BOOKS}]
    assert client.run(1) == []


@pytest.mark.parametrize(("channel", "levels"), [("books1", 1), ("books5", 5), ("books15", 15)])
def test_channels_that_send_whole_books(channel: str, levels: int) -> None:
    """Every push is a snapshot."""
    client = Client()
    conn = client.connect("public")
    client.ask(conn, BOOKS | {"channel": channel})
    pushes = client.run(2)
    assert len(pushes) > 3
    assert {push["action"] for push in pushes} == {"snapshot"}
    assert {len(push["data"][0]["bids"]) for push in pushes} == {levels}


def test_trades_begin_with_the_latest() -> None:
    """First a snapshot, the newest first, then each trade."""
    client = Client()
    client.run(20)
    conn = client.connect("public")
    _, snapshot = client.ask(conn, BOOKS | {"channel": "trade"})
    ids = [int(row["tradeId"]) for row in snapshot["data"]]
    assert ids == sorted(ids, reverse=True)
    later = client.run(20)
    assert later
    assert {push["action"] for push in later} == {"update"}
    assert min(int(push["data"][0]["tradeId"]) for push in later) > ids[0]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"instId": "NOUSDT"}, 30001),
        ({"channel": "book"}, 30001),
        ({"channel": "books50"}, 30016),
        ({"channel": "orders", "instId": "default"}, 30004),
    ],
)
def test_refused_channels(change: dict[str, str], code: int) -> None:
    """The refusal repeats its argument; the other arguments of the request are served."""
    client = Client()
    conn = client.connect("public")
    error, confirmed, _ = client.ask(conn, BOOKS | change, BOOKS)
    assert (error["event"], error["code"], error["arg"]) == ("error", code, BOOKS | change)
    assert confirmed["event"] == "subscribe"


def test_another_product_type_is_silent() -> None:
    """A known name under a wrong ``instType`` is acknowledged, and nothing comes."""
    client = Client()
    conn = client.connect("public")
    assert client.ask(conn, BOOKS | {"instType": "USDT-FUTURES"}) == [
        {"event": "subscribe", "arg": BOOKS | {"instType": "USDT-FUTURES"}}
    ]
    assert client.run(2) == []


def test_a_connection_needs_pings() -> None:
    """It ends after two minutes without one, although data flows."""
    client = Client()
    conn = client.connect("public")
    client.ask(conn, BOOKS)
    client.run(100)
    assert client.text(conn, "ping")[0].text == "pong"
    assert not [out for out in client.run(110) if isinstance(out, Close)]
    assert [out for out in client.run(20) if isinstance(out, Close)]


def test_too_many_messages_end_a_connection() -> None:
    """Ten a second, pings included."""
    client = Client()
    conn = client.connect("public")
    outs = [out for _ in range(11) for out in client.text(conn, "ping")]
    assert [type(out) for out in outs] == [SimFrame] * 10 + [Close]


def test_too_many_requests_end_a_connection() -> None:
    """240 an hour."""
    client = Client()
    conn = client.connect("public")
    for _ in range(120):
        client.ask(conn, BOOKS)
        client.ask(conn, BOOKS, op="unsubscribe")
        client.run(1)
        client.text(conn, "ping")
    error, end = client.ask(conn, BOOKS)
    assert error["code"] == 30007
    assert isinstance(end, Close)


@pytest.mark.parametrize(
    ("text", "code"),
    [("hello", 30002), ("{}", 30002), ('{"op":"subscribe","args":[]}', 30002), ('{"op":"x","args":[1]}', 30003)],
)
def test_frames_that_are_no_requests(text: str, code: int) -> None:
    """The connection stays."""
    client = Client()
    conn = client.connect("public")
    assert [out["code"] for out in client.text(conn, text)] == [code]
    assert len(client.ask(conn, BOOKS)) == 2
    long = [BOOKS] * 80
    assert [out["code"] for out in client.ask(conn, *long)] == [30002]


def test_only_the_venues_paths_can_be_dialled() -> None:
    """300 connections in five minutes."""
    client = Client()
    reply = client.world.connect("bitget", "/v3/ws/public", {}, client.now_ns)[1]
    assert reply is not None
    assert reply.status == 404
    for _ in range(300):
        client.connect("public")
    reply = client.world.connect("bitget", "/v2/ws/public", {}, client.now_ns)[1]
    assert reply is not None
    assert reply.status == 429


# --- orders ----------------------------------------------------------------------------------------------------------


def test_the_life_of_a_resting_order() -> None:
    """Placed, listed, cancelled: the rows of the query, the listings and the stream."""
    client = Client()
    order_id = client.placed(clientOid="mine-1", price="50000")
    row = client.order(order_id)
    assert (row["clientOid"], row["status"], row["price"], row["size"]) == ("mine-1", "live", "50000", "0.01")
    assert (row["baseVolume"], row["priceAvg"], row["feeDetail"], row["cancelReason"]) == ("0", "0", "", "")
    (listed,) = client.get("spot/trade/unfilled-orders")
    assert (listed["orderId"], listed["priceAvg"], listed["basePrice"]) == (order_id, "50000", "0")
    assert "price" not in listed
    (by_ours,) = client.get("spot/trade/orderInfo", "clientOid=mine-1")
    assert by_ours == row
    assert client.cancel(clientOid="mine-1")["data"] == {"orderId": order_id, "clientOid": "mine-1"}
    ended = client.order(order_id)
    assert (ended["status"], ended["cancelReason"]) == ("cancelled", "normal_cancel")
    assert client.get("spot/trade/unfilled-orders") == []
    assert [one["orderId"] for one in client.get("spot/trade/history-orders", "symbol=BTCUSDT")] == [order_id]
    assert client.get("spot/trade/orderInfo", "orderId=123") == []
    assert client.call("GET", "spot/trade/orderInfo")["code"] == "40924"


def test_the_stream_of_an_order_that_takes() -> None:
    """A push for each change; the fill's fee is negative on the order channel and positive on the fill channel."""
    client = Client()
    conn = client.connect()
    client.ask(conn, ORDERS, FILLS, MONEY)
    client.placed(price="63000", force="ioc", size="0.001", clientOid="t")
    by_channel: dict[str, list[Any]] = {}
    for push in client.pushed:
        assert push["action"] == "snapshot"
        by_channel.setdefault(push["arg"]["channel"], []).extend(push["data"])
    new, *rest = by_channel["orders"]
    assert (new["status"], "tradeId" in new, new["force"], new["newSize"]) == ("live", False, "ioc", "0.001")
    assert (rest[-1]["status"], rest[-1]["clientOid"], rest[-1]["accBaseVolume"]) == ("filled", "t", "0.001")
    fills = by_channel["fill"]
    assert [row["tradeId"] for row in fills] == [row["tradeId"] for row in rest]
    for told, fill in zip(rest, fills, strict=True):
        assert Decimal(told["fillFee"]) == -Decimal(fill["feeDetail"][0]["totalFee"]) < 0
        assert (told["tradeScope"], fill["tradeScope"], told["fillFeeCoin"]) == ("T", "taker", "BTC")
        assert "clientOid" not in fill
    assert {row["coin"] for row in by_channel["account"]} == {"BTC", "USDT"}


def test_fills_over_rest() -> None:
    """Newest first; pages by ``idLessThan``; the fee is an object and negative; the query's fee is JSON in a text."""
    client = Client()
    ids = [client.placed(price="63000", force="ioc", size="0.001") for _ in range(3)]
    rows = client.get("spot/trade/fills", "symbol=BTCUSDT")
    assert [row["orderId"] for row in rows] == ids[::-1]
    assert Decimal(rows[0]["feeDetail"]["totalFee"]) == -Decimal(rows[0]["size"]) * Decimal("0.001")
    older = client.get("spot/trade/fills", f"limit=1&idLessThan={rows[0]['tradeId']}")
    assert older == [rows[1]]
    assert len(client.get("spot/trade/fills", f"orderId={ids[0]}")) == 1
    detail = json.loads(client.order(ids[0])["feeDetail"])
    assert set(detail) == {"newFees", "BTC"}
    assert client.call("GET", "spot/trade/fills", "startTime=1600000000000&endTime=1700000000000")["code"] == "00001"


@pytest.mark.parametrize(
    ("item", "code"),
    [
        ({"symbol": None}, "40019"),
        ({"symbol": "NOUSDT"}, "40034"),
        ({"side": "hold"}, "40017"),
        ({"side": None}, "40019"),
        ({"orderType": "stop"}, "40017"),
        ({"force": None}, "40019"),
        ({"force": "day"}, "40017"),
        ({"price": None}, "40019"),
        ({"price": "-1"}, "40017"),
        ({"price": "1e5"}, "40017"),
        ({"price": "60000.001"}, "40808"),
        ({"size": "0.0000001"}, "45111"),
        ({"size": "0.0100001"}, "40808"),
        ({"size": "99999"}, "45112"),
        ({"size": "0.00001"}, "45110"),
        ({"size": 1}, "40017"),
        ({"size": "100"}, "43012"),
        ({"price": "99000"}, "43009"),
        ({"side": "sell", "price": "40000"}, "43008"),
        ({"clientOid": "ä"}, "40017"),
        ({"clientOid": "a" * 51}, "40304"),
        ({"stpMode": "x"}, "40017"),
        ({"requestTime": str(T0 // MS - 100), "receiveWindow": "50"}, "40078"),
        ({"requestTime": str(T0 // MS), "receiveWindow": "60000"}, "40079"),
    ],
)
def test_refused_orders(item: dict[str, Any], code: str) -> None:
    """Each rule with its code, HTTP 400, and no order."""
    client = Client()
    found = client.place(**item)
    assert (found["http"], found["code"]) == (400, code)
    assert client.exchange.orders == {}


def test_an_order_within_its_window() -> None:
    """And parameters that nobody knows are ignored."""
    client = Client()
    assert client.placed(requestTime=str(T0 // MS - 100), receiveWindow="5000", tag="x")


def test_halted_and_delisted_pairs() -> None:
    """Maintenance passes, offline does not."""
    client = Client()
    client.exchange.halted["BTC-USDT"] = "for the test"
    assert client.place()["code"] == "41114"
    client.exchange.halted["BTC-USDT"] = DELISTED
    assert client.place()["code"] == "41113"


def test_client_ids() -> None:
    """Unique among open orders."""
    client = Client()
    client.placed(clientOid="one", price="50000")
    assert client.place(clientOid="one", price="50000")["code"] == "43118"


def test_a_cancel() -> None:
    """An order that is not open is not found; the same order can be cancelled once a second."""
    client = Client()
    order_id = client.placed(price="50000")
    assert client.cancel(orderId=order_id)["code"] == "00000"
    assert client.cancel(orderId=order_id)["code"] == "43001"
    assert client.cancel(clientOid="nobody")["code"] == "43001"
    assert client.cancel()["code"] == "40924"
    for _ in range(2):
        client.placed(price="50000")
    assert client.call("POST", "spot/trade/cancel-symbol-order", body={"symbol": "BTCUSDT"})["data"] == {
        "symbol": "BTCUSDT"
    }
    assert client.get("spot/trade/unfilled-orders") == []


def test_orders_are_found_by_our_id_for_two_hours() -> None:
    """By the venue's id for longer."""
    client = Client()
    order_id = client.placed(clientOid="old", price="50000")
    client.now_ns += 7201 * S
    assert client.get("spot/trade/orderInfo", "clientOid=old") == []
    assert client.order(order_id)["status"] == "live"


@pytest.mark.parametrize(("force", "status"), [("ioc", "cancelled"), ("fok", "cancelled"), ("post_only", "live")])
def test_orders_that_do_not_match(force: str, status: str) -> None:
    """An IOC or FOK ends at once."""
    client = Client()
    assert client.order(client.placed(price="50000", force=force.upper()))["status"] == status


def test_a_post_only_order_that_would_take_is_cancelled() -> None:
    """Nothing says why."""
    client = Client()
    row = client.order(client.placed(price="63000", force="post_only"))
    assert (row["status"], row["baseVolume"], row["cancelReason"]) == ("cancelled", "0", "normal_cancel")


def test_market_orders() -> None:
    """A buy counts in quote coins, a sell in base coins."""
    client = Client()
    bought = client.order(client.placed(orderType="market", force=None, price=None, size="100"))
    assert (bought["size"], bought["status"], bought["orderSource"]) == ("100", "filled", "market")
    assert Decimal("99") < Decimal(bought["quoteVolume"]) <= 100
    sold = client.order(client.placed(orderType="market", side="sell", price=None, size="0.001"))
    assert (sold["baseVolume"], sold["status"]) == ("0.001", "filled")


@pytest.mark.parametrize(("given", "mode"), [("cancel_taker", "taker"), ("cancel_both", "both"), (None, "none")])
def test_self_trade_prevention(given: str | None, mode: str) -> None:
    """None by default."""
    client = Client()
    order_id = client.placed(price="50000", stpMode=given)
    assert client.exchange.orders[int(order_id)].stp == mode


def test_the_key_needs_the_right_to_trade() -> None:
    """Place and cancel, not reads."""
    client = Client()
    client.main.settings["authorities"] = ["stor"]
    for found in (client.place(), client.cancel(orderId="1")):
        assert (found["http"], found["code"]) == (403, "40014")
    assert client.get("spot/account/info")["authorities"] == ["stor"]


# --- account and limits ----------------------------------------------------------------------------------------------


def test_balances_fees_and_coins() -> None:
    """Only what is held, or all; own rates; whether coins can be moved."""
    client = Client()
    client.placed(price="50000")
    usdt = next(row for row in client.get("spot/account/assets") if row["coin"] == "USDT")
    assert usdt["frozen"] == "500"
    assert Decimal(usdt["available"]) + 500 == 200_000
    assert [row["coin"] for row in client.get("spot/account/assets", "coin=btc")] == ["BTC"]
    assert client.get("spot/account/deduct-info") == {"deduct": "off"}
    client.main.taker, client.main.maker = Decimal("0.0005"), Decimal("-0.0001")
    rates = {"makerFeeRate": "-0.0001", "takerFeeRate": "0.0005"}
    for name in ("business", "businessType"):
        assert client.get("common/trade-rate", f"symbol=BTCUSDT&{name}=spot") == rates
    client.exchange.immovable["BTC"] = (False, True)
    (coin,) = client.get("spot/public/coins", "coin=BTC")
    assert (coin["chains"][0]["rechargeable"], coin["chains"][0]["withdrawable"]) == ("false", "true")


def test_the_account_channel_begins_with_all_balances() -> None:
    """Then the coins that changed."""
    client = Client()
    conn = client.connect()
    _, first = client.ask(conn, MONEY)
    assert {row["coin"] for row in first["data"]} >= {"BTC", "USDT"}
    client.placed(price="50000")
    (push,) = client.pushed
    (row,) = push["data"]
    assert (push["arg"], row["coin"], row["frozen"]) == (MONEY, "USDT", "500")


@pytest.mark.parametrize(("path", "most"), [("spot/trade/orderInfo", 20), ("spot/account/assets", 10)])
def test_each_call_has_its_limit(path: str, most: int) -> None:
    """By user and second: HTTP 429 with the code 429, and no waiting time."""
    client = Client()
    codes = [client.call("GET", path, "orderId=1")["code"] for _ in range(most + 1)]
    assert codes == ["00000"] * most + ["429"]
    client.now_ns += S
    assert client.call("GET", path, "orderId=1")["code"] == "00000"


def test_an_address_has_a_limit() -> None:
    """6,000 calls a minute of all kinds."""
    client = Client()
    for number in range(6000):
        client.now_ns = T0 + number * 2 * MS
        client.world.http("bitget", Request("GET", "/api/v2/nothing"), 10_000 + number, client.now_ns)
    client.world.drain()
    assert client.raw(Request("GET", "/api/v2/public/time")).status == 429


def test_calls_that_do_not_exist() -> None:
    """40404, and a body that is no JSON object."""
    client = Client()
    assert client.call("GET", "spot/nothing")["code"] == "40404"
    assert client.call("POST", "spot/trade/place-order", body=[1])["code"] == "40017"


def test_the_words_of_faults() -> None:
    """Too many requests, busy, banned: as the venue answers."""
    dialect = Client().world.sites["bitget"].dialect
    assert json.loads(dialect.limited(T0, S).body)["code"] == "429"
    assert json.loads(dialect.busy(T0).body)["code"] == "40015"
    assert dialect.banned(T0, S).status == 403


def test_faults_of_logins_and_subscriptions() -> None:
    """A login is refused although the key is good, and a channel for a passing reason."""
    client = Client([Fault(kind="login"), Fault(kind="refuse")])
    conn = client.connect(login=False)
    error, end = client.login(conn)
    assert error["code"] == 30006
    assert isinstance(end, Close)
    public = client.connect("public")
    assert client.ask(public, BOOKS)[0]["code"] == 30016
    assert client.ask(public, BOOKS)[0]["event"] == "subscribe"


def test_a_gap_shows_in_pseq() -> None:
    """After lost changes ``pseq`` is not the last ``seq``."""
    client = Client([Fault(kind="skip", at_s=1)])
    conn = client.connect("public")
    _, snapshot = client.ask(conn, BOOKS)
    last, gaps = snapshot["data"][0]["seq"], 0
    for update in client.run(4):
        gaps += update["data"][0]["pseq"] != last
        last = update["data"][0]["seq"]
    assert gaps == 1


def test_makers_of_the_market_get_no_pushes() -> None:
    """Only the account's own orders are told."""
    client = Client()
    conn = client.connect()
    client.ask(conn, ORDERS)
    client.exchange.quote(MAKER, "BTC-USDT", True, 5_000_000, 100, client.now_ns)
    assert [out for out in client.run(1) if isinstance(out, dict)] == []
