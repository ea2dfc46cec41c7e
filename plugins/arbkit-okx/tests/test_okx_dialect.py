"""The simulated OKX keeps the venue's rules: signatures, time windows, sequences, order states, codes and limits."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import ccxt
import ccxt.pro
import pytest
from arbkit_okx.dialect import OkxDialect

from arbkit.core.types import Side, Tif
from arbkit.sim.faults import Fault
from arbkit.sim.market import MAKER, Divergence
from arbkit.sim.venue import Account, SimExchange
from arbkit.sim.wire import Answer, Close, Request, SimFrame, SimWire
from arbkit.sim.world import World

T0 = 1_750_000_000_000_000_000
ISO = "2025-06-15T15:06:40.000Z"  # T0
MS = 1_000_000
S = 1_000 * MS
SPOT = {"channel": "orders", "instType": "SPOT"}
BOOKS = {"channel": "books", "instId": "BTC-USDT"}


def sign(secret: str, payload: str) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), payload.encode(), "sha256")).decode()


class Client:
    """One client of a simulated OKX, in virtual time that stands still unless moved."""

    def __init__(self, faults: list[Fault] | None = None) -> None:
        self.world = World([OkxDialect], seed=1, start_ns=T0, faults=faults or [], divergence=Divergence(noise=0))
        self.exchange = self.world.sites["okx"].exchange
        self.now_ns = T0
        self.main = self.exchange.accounts["main"]
        self.ref = 0
        self.codes: dict[str, int] = {}

    def raw(self, request: Request) -> Any:
        self.ref += 1
        self.world.http("okx", request, self.ref, self.now_ns)
        for out in self.world.drain():
            if isinstance(out, Answer) and out.ref == self.ref:
                return out.reply
        raise AssertionError("no answer")

    def get(self, path: str, query: str = "", **headers: str) -> Any:
        return json.loads(self.raw(self.request("GET", path, query, "", headers)).body)

    def post(self, path: str, body: Any, **headers: str) -> Any:
        return json.loads(self.raw(self.request("POST", path, "", json.dumps(body), headers)).body)

    def request(self, method: str, path: str, query: str, body: str, headers: Mapping[str, str]) -> Request:
        path = f"/api/v5/{path}"
        target = f"{path}?{query}" if query else path
        signed: dict[str, str] = {
            "ok-access-key": self.main.key,
            "ok-access-passphrase": self.main.passphrase,
            "ok-access-timestamp": ISO,
            "ok-access-sign": sign(self.main.secret, f"{ISO}{method}{target}{body}"),
            "content-type": "application/json",
        }
        return Request(method, path, query, signed | dict(headers), body.encode())

    def order(self, **item: Any) -> dict[str, Any]:
        """Place over REST; the row of the answer."""
        row: dict[str, Any] = self.post("trade/order", {"instId": "BTC-USDT"} | limit(**item))["data"][0]
        return row

    def connect(self, path: str = "private", login: bool = True) -> int:
        conn, refused = self.world.connect("okx", f"/ws/v5/{path}", {}, self.now_ns)
        assert refused is None
        if path == "private" and login:
            assert self.login(conn)[0]["event"] == "login"
        return conn

    def refused(self, target: str) -> int:
        """The HTTP status that refuses a handshake."""
        reply = self.world.connect("okx", target, {}, self.now_ns)[1]
        assert reply is not None
        return reply.status

    def login(self, conn: int, **change: str) -> list[Any]:
        stamp = change.get("timestamp", str(self.now_ns // S))
        arg = {
            "apiKey": self.main.key,
            "passphrase": self.main.passphrase,
            "timestamp": stamp,
            "sign": sign(self.main.secret, f"{stamp}GET/users/self/verify"),
        }
        return self.say(conn, op="login", args=[arg | change])

    def say(self, conn: int, **message: Any) -> list[Any]:
        return self.text(conn, json.dumps(message))

    def text(self, conn: int, text: str) -> list[Any]:
        """Send a frame; what comes at once on that connection: JSON, or what it is."""
        self.world.frame(conn, text, self.now_ns)
        return [
            json.loads(out.text) if isinstance(out, SimFrame) and out.text != "pong" else out
            for out in self.world.drain()
            if not isinstance(out, Answer) and out.conn == conn
        ]

    def subscribe(self, conn: int, *args: Any) -> list[Any]:
        return self.say(conn, id="s1", op="subscribe", args=list(args))

    def place(self, conn: int, ref: str = "r1", **item: Any) -> list[Any]:
        code = self.code("BTC-USDT")
        return self.say(conn, id=ref, op="order", args=[{"instIdCode": code} | limit(**item)])

    def code(self, name: str) -> int:
        """The instrument's ``instIdCode``."""
        if not self.codes:
            rows = self.get("public/instruments", "instType=SPOT")["data"]
            self.codes = {row["instId"]: row["instIdCode"] for row in rows}
        return self.codes[name]

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
    base = {"tdMode": "cash", "side": "buy", "ordType": "limit", "px": "60000", "sz": "0.01"}
    return {name: value for name, value in (base | item).items() if value is not None}


# --- signatures and clocks -------------------------------------------------------------------------------------------


KEYS = {"apiKey": "ccxt-key", "secret": "ccxt-secret", "password": "ccxt-pass"}


@pytest.mark.parametrize(
    "call",
    [
        ("fetch_balance",),
        ("create_order", "BTC/USDT", "limit", "buy", 0.0123, 65000.5, {"timeInForce": "IOC"}),
        ("create_order", "BTC/USDT", "limit", "sell", 0.0123, 65000.5),
        ("cancel_order", "1234567890", "BTC/USDT"),
        ("fetch_order", "1234567890", "BTC/USDT"),
        ("fetch_open_orders", "BTC/USDT"),
    ],
    ids=lambda call: call[0],
)
def test_ccxt_signatures_are_accepted(ccxt_client: Any, call: tuple[Any, ...]) -> None:
    """Requests as ccxt signs them pass; with one letter of the body, query or key changed they do not."""
    client = Client()
    client.exchange.open(Account("ccxt", *KEYS.values()))
    sent = ccxt_client(ccxt.okx(KEYS), "BTC-USDT", T0 // MS).request(*call)
    path, _, query = sent.url.removeprefix("https://www.okx.com").partition("?")
    headers = {name.lower(): value for name, value in sent.headers.items()}
    body = sent.body.encode()
    good = client.raw(Request(sent.method, path, query, headers, body))
    assert not json.loads(good.body)["code"].startswith("501")
    for bad in (
        Request(sent.method, path, f"{query}&a=b", headers, body),
        Request(sent.method, path, query, headers, body + b" "),
        Request(sent.method, path, query, headers | {"ok-access-timestamp": ISO.replace("0Z", "1Z")}, body),
    ):
        reply = client.raw(bad)
        assert (reply.status, json.loads(reply.body)["code"]) == (401, "50113")


def test_a_query_and_a_login_that_ccxt_signed(ccxt_client: Any) -> None:
    """The query is in the signed text; the WebSocket login counts in seconds."""
    client = Client()
    client.exchange.open(Account("ccxt", *KEYS.values()))
    client.now_ns = 1_607_418_537_715 * MS
    signer = ccxt_client(ccxt.okx(KEYS), "BTC-USDT", 1_607_418_537_715).signed("GET", "account/balance", ccy="BTC")
    change = {name.lower(): value for name, value in signer.headers.items()}
    assert client.get("account/balance", "ccy=BTC", **change)["code"] == "0"
    assert client.get("account/balance", **change)["code"] == "50113"
    client.now_ns = 1_538_054_050 * S
    conn = client.connect(login=False)
    frame = ccxt_client(ccxt.pro.okx(KEYS), "BTC-USDT", 1_538_054_050_000).frame("authenticate")
    (reply,) = client.login(conn, **frame["args"][0])
    assert (reply["event"], reply["code"]) == ("login", "0")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"ok-access-key": ""}, "50103"),
        ({"ok-access-passphrase": ""}, "50104"),
        ({"ok-access-sign": ""}, "50106"),
        ({"ok-access-timestamp": ""}, "50107"),
        ({"ok-access-key": "nobody"}, "50111"),
        ({"ok-access-passphrase": "wrong"}, "50105"),
        ({"ok-access-timestamp": "1750000000000"}, "50112"),
        ({"ok-access-timestamp": "2025-13-15T15:06:40.000Z"}, "50112"),
        ({"ok-access-timestamp": "2025-06-15T15:06:09.999Z"}, "50102"),
        ({"ok-access-timestamp": "2025-06-15T15:07:10.001Z"}, "50102"),
    ],
)
def test_rest_authentication(change: Mapping[str, str], code: str) -> None:
    """Each broken header is refused with its own code and HTTP 401."""
    client = Client()
    reply = client.raw(client.request("GET", "account/balance", "", "", change))
    assert (reply.status, json.loads(reply.body)["code"]) == (401, code)


@pytest.mark.parametrize("ahead", [-30, 30])
def test_rest_time_window(ahead: int) -> None:
    """30 seconds either way are allowed."""
    client = Client()
    client.now_ns += ahead * S
    assert client.get("account/balance")["code"] == "0"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"apiKey": "nobody"}, "60005"),
        ({"passphrase": "wrong"}, "60024"),
        ({"sign": "d3Jvbmc="}, "60007"),
        ({"sign": ""}, "60009"),
        ({"timestamp": "1750000000000"}, "60004"),
        ({"timestamp": str(T0 // S - 31)}, "60006"),
        ({"timestamp": str(T0 // S + 31)}, "60006"),
    ],
)
def test_login_is_refused(change: dict[str, str], code: str) -> None:
    """A bad login gets its code, and the connection ends with 4001."""
    client = Client()
    error, close = client.login(client.connect(login=False), **change)
    assert (error["event"], error["code"]) == ("error", code)
    assert (type(close), close.code) == (Close, 4001)


# --- the book --------------------------------------------------------------------------------------------------------


def test_subscribing() -> None:
    """One answer to each arg, with the id; snapshot after it. Unknown, elsewhere and VIP channels are refused."""
    client = Client()
    conn = client.connect("public")
    args = [
        BOOKS,
        {"channel": "books", "instId": "NOPE-USDT"},
        {"channel": "books50-l2-tbt", "instId": "BTC-USDT"},
        SPOT,
    ]
    frames = client.subscribe(conn, *args)
    assert [(f.get("event"), f.get("code")) for f in frames] == [
        ("subscribe", None),
        (None, None),
        ("error", "60018"),
        ("error", "64003"),
        ("error", "60018"),
    ]
    assert {f["id"] for f in frames if "event" in f} == {"s1"}
    assert frames[0]["arg"] == BOOKS
    assert (frames[1]["action"], frames[1]["data"][0]["prevSeqId"], frames[1]["data"][0]["checksum"]) == (
        "snapshot",
        -1,
        0,
    )
    assert client.subscribe(conn, BOOKS)[0]["event"] == "subscribe"
    assert client.say(conn, op="unsubscribe", args=[BOOKS])[0]["event"] == "unsubscribe"
    assert not any(isinstance(out, SimFrame) for out in client.run(0.5))
    assert client.subscribe(conn, BOOKS)[1]["action"] == "snapshot"
    for text in ("nonsense", "[]", '{"op":"dance","args":[]}', '{"op":"subscribe","args":[1]}'):
        assert client.text(conn, text)[0]["code"] == "60012"
    private = client.connect(login=False)
    assert client.subscribe(private, SPOT)[0]["code"] == "60011"
    assert client.place(private)[0]["code"] == "60011"
    assert client.connect("business")
    assert client.refused("/ws/v5/nope") == 404


def test_books_chain_without_a_hole() -> None:
    """prevSeqId is the seqId before; ids jump; two connections see the same ids; the chain rebuilds the book."""
    client = Client()
    conns = [client.connect("public"), client.connect("public")]
    books: dict[int, dict[str, dict[str, str]]] = {}
    chains: dict[int, list[int]] = {conn: [] for conn in conns}

    def follow(conn: int, message: Any) -> None:
        (data,) = message["data"]
        if message["action"] == "snapshot":
            books[conn] = {"bids": {}, "asks": {}}
        else:
            assert data["prevSeqId"] == chains[conn][-1]
        chains[conn].append(data["seqId"])
        for side in ("bids", "asks"):
            for px, qty, zero, _ in data[side]:
                assert zero == "0"
                books[conn][side].pop(px, None) if qty == "0" else books[conn][side].update({px: qty})

    for conn in conns:
        follow(conn, client.subscribe(conn, BOOKS)[1])
    for out in client.run(5):
        follow(out.conn, json.loads(out.text))
    assert chains[conns[0]] == chains[conns[1]]
    assert len(chains[conns[0]]) > 20
    assert any(b - a > 1 for a, b in zip(chains[conns[0]], chains[conns[0]][1:], strict=False))
    (row,) = client.get("market/books", "instId=BTC-USDT&sz=400")["data"]
    for side in ("bids", "asks"):
        assert books[conns[0]][side] == {px: qty for px, qty, *_ in row[side]}
    assert row["seqId"] == chains[conns[0]][-1]


def test_a_hole_shows_in_the_chain() -> None:
    """The fault ``skip``: the next update does not follow the last one."""
    client = Client([Fault(kind="skip", symbol="BTC-USDT", at_s=1)])
    conn = client.connect("public")
    last = client.subscribe(conn, BOOKS)[1]["data"][0]["seqId"]
    holes = 0
    for out in client.run(3):
        (data,) = json.loads(out.text)["data"]
        holes += data["prevSeqId"] != last
        last = data["seqId"]
    assert holes == 1


class Quiet:
    """A venue whose market does not move by itself."""

    def __init__(self) -> None:
        pairs = [pair for pair in OkxDialect.profile.pairs if pair.symbol == "BTC-USDT"]
        self.exchange = SimExchange("okx", OkxDialect.profile, pairs)
        self.exchange.open(Account("maker", synthetic=True), [("BTC", Decimal(10**9)), ("USDT", Decimal(10**12))])
        self.wire = SimWire()
        self.dialect = OkxDialect(self.exchange, self.wire)
        self.now_ns = T0
        for i in range(500):
            self.quote(i, 1000)
        self.exchange.take_reports()

    def quote(self, i: int, lots: int) -> None:
        """The bid ``i`` ticks below the best."""
        self.exchange.quote("maker", "BTC-USDT", True, 600_000 - i, lots, self.now_ns)

    def run(self, seconds: float) -> list[Any]:
        until = self.now_ns + round(seconds * S)
        while self.dialect.timers.due_ns <= until:
            self.now_ns = self.dialect.timers.due_ns
            self.dialect.timers.tick(self.now_ns)
        self.now_ns = until
        return self.take()

    def take(self) -> list[Any]:
        self.dialect.reports(self.exchange.take_reports(), self.now_ns)
        return [json.loads(o.text) if isinstance(o, SimFrame) and o.text != "pong" else o for o in self.wire.take()]

    def open(self, *args: Any) -> list[Any]:
        assert self.dialect.connect(1, "/ws/v5/public", {}, self.now_ns) is None
        if args:
            self.dialect.frame(1, json.dumps({"op": "subscribe", "args": args}), self.now_ns)
        return self.take()


def test_quiet_book_is_kept_alive() -> None:
    """After 60 s without a change: an update without levels whose two ids are the last one. 4004 needs 30 s."""
    venue = Quiet()
    seq = venue.open(BOOKS)[1]["data"][0]["seqId"]
    frames = []
    for _ in range(7):
        venue.dialect.frame(1, "ping", venue.now_ns)
        frames += venue.run(20)
    updates = [f["data"][0] for f in frames if isinstance(f, dict)]
    assert [(u["prevSeqId"], u["seqId"], u["bids"], u["asks"]) for u in updates] == [(seq, seq, [], [])] * 2
    assert sum(isinstance(f, SimFrame) for f in frames) == 7


def test_books_show_400_levels() -> None:
    """Levels come into the window, and leave it, by updates; what moves beyond it is not told."""
    venue = Quiet()
    (data,) = venue.open(BOOKS)[1]["data"]
    assert len(data["bids"]) == 400
    venue.quote(450, 7)
    assert venue.run(0.2) == []
    venue.quote(0, 0)
    ((update,),) = [frame["data"] for frame in venue.run(0.2)]
    assert {px: qty for px, qty, *_ in update["bids"]} == {"60000": "0", "59960": "0.00001"}
    assert update["prevSeqId"] == data["seqId"]
    venue.quote(0, 5)
    ((update,),) = [frame["data"] for frame in venue.run(0.2)]
    assert {px: qty for px, qty, *_ in update["bids"]} == {"60000": "0.00000005", "59960": "0"}


def test_bbo_and_books5_are_snapshots() -> None:
    """bbo-tbt at each change of the best, books5 each 100 ms when the five best changed; both with seqId alone."""
    venue = Quiet()
    frames = venue.open({"channel": "bbo-tbt", "instId": "BTC-USDT"}, {"channel": "books5", "instId": "BTC-USDT"})
    bbo, five = frames[1], frames[3]
    assert bbo["data"][0]["bids"] == [["60000", "0.00001", "0", "1"]]
    assert bbo["data"][0]["asks"] == []
    assert "action" not in bbo
    assert "prevSeqId" not in bbo["data"][0]
    assert len(five["data"][0]["bids"]) == 5
    assert venue.run(1) == []
    venue.quote(0, 3)
    assert [f["arg"]["channel"] for f in venue.take()] == ["bbo-tbt"]
    assert [f["arg"]["channel"] for f in venue.run(0.1)] == ["books5"]
    venue.quote(9, 3)
    assert venue.run(1) == []


def test_idle_connections_end() -> None:
    """Nothing sent to the client for 30 s: closed with 4004. Each ``ping`` is answered ``pong`` and counts."""
    venue = Quiet()
    venue.open()
    assert venue.run(29) == []
    venue.dialect.frame(1, "ping", venue.now_ns)
    (pong,) = venue.run(29)
    assert pong.text == "pong"
    (close,) = venue.run(2)
    assert (type(close), close.code) == (Close, 4004)


def test_public_trades() -> None:
    """The trades channel tells the taker's side."""
    client = Client()
    conn = client.connect("public")
    client.subscribe(conn, {"channel": "trades", "instId": "BTC-USDT"})
    client.order(ordType="ioc", px="63000")
    private = client.connect()
    client.world.frame(private, json.dumps({"op": "subscribe", "args": [SPOT]}), client.now_ns)
    client.world.drain()
    code = client.code("BTC-USDT")
    item = {"instIdCode": code} | limit(ordType="ioc", side="sell", px="60000")
    client.world.frame(private, json.dumps({"id": "1", "op": "order", "args": [item]}), client.now_ns)
    frames = [json.loads(out.text) for out in client.world.drain() if isinstance(out, SimFrame) and out.conn == conn]
    assert {frame["data"][0]["side"] for frame in frames} == {"sell"}
    assert sum(Decimal(frame["data"][0]["sz"]) for frame in frames) == Decimal("0.01")


# --- orders ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"px": "60000.05"}, "51000"),
        ({"px": None}, "50014"),
        ({"px": 60000}, "51000"),
        ({"px": "6e4"}, "51000"),
        ({"sz": "0.010000001"}, "51121"),
        ({"sz": "0.000001"}, "51020"),
        ({"sz": "10000"}, "51203"),
        ({"sz": "10000", "ordType": "market", "tgtCcy": "base_ccy"}, "51202"),
        ({"sz": "100"}, "51008"),
        ({"side": "hold"}, "51000"),
        ({"side": None}, "50014"),
        ({"tdMode": "cross"}, "51010"),
        ({"tdMode": None}, "50014"),
        ({"ordType": "GTC"}, "51000"),
        ({"clOrdId": "has-dash"}, "51000"),
        ({"clOrdId": "x" * 33}, "51000"),
        ({"stpMode": "none"}, "51000"),
        ({"instId": "NOPE-USDT"}, "51001"),
        ({"instId": ""}, "50014"),
    ],
)
def test_order_rules(change: Mapping[str, Any], code: str) -> None:
    """Each broken rule is refused with its own code in the item, and no order is born."""
    client = Client()
    row = client.order(**change)
    assert (row["sCode"], row["ordId"]) == (code, "")
    assert not client.exchange.orders


def test_halted_instruments() -> None:
    """A suspended instrument says so, and refuses orders."""
    client = Client()
    client.exchange.halted["BTC-USDT"] = "maintenance"
    states = {row["instId"]: row["state"] for row in client.get("public/instruments", "instType=SPOT")["data"]}
    assert states == {"BTC-USDT": "suspend", "ETH-USDT": "live"}
    assert client.order()["sCode"] == "51022"


def test_the_instruments_channel_tells_changes() -> None:
    """Instruments channel: no list at first; a row when an instrument is suspended, live again, or has new rules."""
    client = Client()
    conn = client.connect("public")
    arg = {"channel": "instruments", "instType": "SPOT"}
    swaps = {"channel": "instruments", "instType": "SWAP"}
    assert [frame["arg"] for frame in client.subscribe(conn, arg, swaps)] == [arg, swaps]  # answers, no data
    assert client.subscribe(conn, {"channel": "instruments", "instType": "X"})[0]["code"] == "60018"
    told = []
    pair = client.exchange.pairs["BTC-USDT"]
    steps = (
        lambda: client.exchange.halted.update({"BTC-USDT": "maintenance"}),
        client.exchange.halted.clear,
        lambda: client.exchange.pairs.update({"BTC-USDT": replace(pair, min_qty=Decimal("0.001"))}),
    )
    for step in steps:
        step()
        frames = [json.loads(out.text) for out in client.run(0.2) if isinstance(out, SimFrame) and out.conn == conn]
        told += [(frame["arg"], row["instId"], row["state"], row["minSz"]) for frame in frames for row in frame["data"]]
    assert told == [
        (arg, "BTC-USDT", "suspend", "0.00001"),
        (arg, "BTC-USDT", "live", "0.00001"),
        (arg, "BTC-USDT", "live", "0.001"),
    ]
    (row,) = client.get("public/instruments", "instType=SPOT&instId=BTC-USDT")["data"]
    assert row["minSz"] == "0.001"


def test_what_a_key_may_do() -> None:
    """Get account configuration: mode, permissions, fee type; 50120 for an order of a key that only reads."""
    client = Client()
    (row,) = client.get("account/config")["data"]
    assert {name: row[name] for name in ("acctLv", "posMode", "feeType", "perm", "ip", "enableSpotBorrow")} == {
        "acctLv": "1",
        "posMode": "net_mode",
        "feeType": "0",
        "perm": "read_only,trade",
        "ip": "",
        "enableSpotBorrow": False,
    }
    client.main.settings |= {"perm": "read_only", "tradeQuoteCcyList": {"BTC-USDT": ["USDT", "USDC"]}}
    assert client.get("account/config")["data"][0]["perm"] == "read_only"
    assert client.post("trade/order", {"instId": "BTC-USDT"} | limit())["code"] == "50120"
    rows = {path: client.get(f"{path}/instruments", "instType=SPOT")["data"][0] for path in ("account", "public")}
    assert rows["account"]["tradeQuoteCcyList"] == ["USDT", "USDC"]
    assert rows["public"]["tradeQuoteCcyList"] == ["USDT"]


def test_client_ids_are_unique_among_live_orders() -> None:
    """51016 while live; afterwards the id may return, and a query finds the newest."""
    client = Client()
    assert client.order(clOrdId="a1")["sCode"] == "0"
    assert client.order(clOrdId="a1")["sCode"] == "51016"
    cancel = {"instId": "BTC-USDT", "clOrdId": "a1"}
    assert client.post("trade/cancel-order", cancel)["data"][0]["sCode"] == "0"
    assert client.post("trade/cancel-order", cancel)["data"][0]["sCode"] == "51400"
    second = client.order(clOrdId="a1")
    assert second["sCode"] == "0"
    (row,) = client.get("trade/order", "instId=BTC-USDT&clOrdId=a1")["data"]
    assert (row["ordId"], row["state"]) == (second["ordId"], "live")
    assert client.get("trade/order", "instId=BTC-USDT&clOrdId=b1")["code"] == "51603"
    assert client.get("trade/order", "instId=ETH-USDT&clOrdId=a1")["code"] == "51603"
    assert client.get("trade/order", "instId=BTC-USDT")["code"] == "51003"


def test_unfilled_cancelled_orders_vanish() -> None:
    """They can be queried for two hours."""
    client = Client()
    client.order(clOrdId="a1")
    client.post("trade/cancel-order", {"instId": "BTC-USDT", "clOrdId": "a1"})
    assert client.get("trade/order", "instId=BTC-USDT&clOrdId=a1")["data"][0]["state"] == "canceled"
    client.now_ns += 7201 * S
    later = "2025-06-15T17:06:41.000Z"
    path = "/api/v5/trade/order?instId=BTC-USDT&clOrdId=a1"
    headers = {"ok-access-timestamp": later, "ok-access-sign": sign(client.main.secret, f"{later}GET{path}")}
    assert client.get("trade/order", "instId=BTC-USDT&clOrdId=a1", **headers)["code"] == "51603"


def test_ws_orders_need_the_instrument_code() -> None:
    """``instIdCode``, an integer; ``instId`` alone is refused. REST goes by ``instId``."""
    client = Client()
    conn = client.connect()

    def code(op: str, **item: Any) -> str:
        (reply, *_) = client.say(conn, id="r1", op=op, args=[item])
        assert (reply["id"], reply["op"], reply["code"]) == ("r1", op, "1")
        return str(reply["data"][0]["sCode"])

    assert code("order", instId="BTC-USDT", **limit()) == "50014"
    assert code("order", instIdCode=1, **limit()) == "51001"
    assert code("order", instIdCode=str(client.code("BTC-USDT")), **limit()) == "51001"
    assert code("cancel-order", instId="BTC-USDT", clOrdId="a1") == "50014"
    assert code("cancel-order", instIdCode=client.code("BTC-USDT"), clOrdId="a1") == "51400"
    assert not client.exchange.orders
    wrong: list[list[dict[str, Any]]] = [[], [{}, {}]]
    for args in wrong:
        (reply,) = client.say(conn, id="r1", op="order", args=args)
        assert (reply["code"], reply["data"]) == ("60013", [])
    public = client.connect("public")
    assert client.place(public)[0]["code"] == "60018"


def test_states_of_orders() -> None:
    """The answer first; then live, a push a fill with its own fee and trade id, and the end."""
    client = Client()
    conn = client.connect()
    assert client.subscribe(conn, SPOT)[1]["event"] == "channel-conn-count"
    ack, *pushes = client.place(conn, ordType="ioc", px="63000", sz="1", clOrdId="take1", tag="bot")
    assert (ack["id"], ack["op"], ack["code"], ack["data"][0]["sCode"]) == ("r1", "order", "0", "0")
    assert {push["arg"]["uid"] for push in pushes} == {str(client.main.uid)}
    rows = [row for push in pushes for row in push["data"]]
    assert {row["ordId"] for row in rows} == {ack["data"][0]["ordId"]}
    assert {(row["clOrdId"], row["tag"]) for row in rows} == {("take1", "bot")}
    live, *fills = rows
    assert (live["state"], live["tradeId"], live["accFillSz"], live["fee"]) == ("live", "", "0", "0")
    assert [row["state"] for row in fills] == ["partially_filled"] * (len(fills) - 1) + ["filled"]
    assert len({row["tradeId"] for row in fills}) == len(fills)
    cum = fee = Decimal(0)
    for row in fills:
        cum, fee = cum + Decimal(row["fillSz"]), fee + Decimal(row["fillFee"])
        assert (Decimal(row["accFillSz"]), Decimal(row["fee"])) == (cum, fee)
        assert (row["fillFeeCcy"], row["feeCcy"], row["execType"]) == ("BTC", "BTC", "T")
        assert Decimal(row["fillFee"]) == -Decimal(row["fillSz"]) / 1000
    assert cum == 1
    (query,) = client.get("trade/order", "instId=BTC-USDT&clOrdId=take1")["data"]
    assert (query["state"], query["avgPx"], query["fee"]) == ("filled", fills[-1]["avgPx"], fills[-1]["fee"])
    listed = client.get("trade/fills", "instType=SPOT&ordId=" + query["ordId"])["data"]
    assert [row["tradeId"] for row in listed] == [row["tradeId"] for row in reversed(fills)]

    _, *pushes = client.place(conn, clOrdId="rest1", px="50000")
    assert [push["data"][0]["state"] for push in pushes] == ["live"]
    cancel = {"instIdCode": client.code("BTC-USDT"), "clOrdId": "rest1"}
    ack, push = client.say(conn, id="c1", op="cancel-order", args=[cancel])
    assert (ack["op"], ack["data"][0]["sCode"]) == ("cancel-order", "0")
    assert (push["data"][0]["state"], push["data"][0]["cancelSource"]) == ("canceled", "1")
    for kind, px, source in (("ioc", "50000", "14"), ("fok", "50000", "13"), ("post_only", "63000", "31")):
        ack, *pushes = client.place(conn, ordType=kind, px=px)
        assert ack["code"] == "0"
        assert [push["data"][0]["state"] for push in pushes] == ["live", "canceled"]
        assert (pushes[1]["data"][0]["cancelSource"], pushes[1]["data"][0]["accFillSz"]) == (source, "0")


def test_maker_fills_and_sell_fees() -> None:
    """A resting sell that is taken pays the maker's rate, in quote."""
    client = Client()
    client.exchange.open(Account("other", key="o"), [("USDT", Decimal(10**6))])
    conn = client.connect()
    client.subscribe(conn, SPOT)
    pair, (_, _, ask, lots) = client.exchange.pairs["BTC-USDT"], client.exchange.books["BTC-USDT"].top()
    px = pair.px_text(ask)
    client.place(conn, side="sell", px=px, sz="0.01")
    size = Decimal(pair.qty_text(lots)) + Decimal("0.01")  # what was there before, and this
    client.exchange.place("other", "BTC-USDT", Side.BUY, qty=size, px=Decimal(px), tif=Tif.IOC, now_ns=T0)
    client.world.tick(client.now_ns)
    rows = [json.loads(out.text)["data"][0] for out in client.world.drain() if isinstance(out, SimFrame)]
    (row,) = [row for row in rows if row.get("tradeId")]
    assert (row["state"], row["execType"], row["fillFeeCcy"]) == ("filled", "M", "USDT")
    assert Decimal(row["fillFee"]) == -Decimal(px) * Decimal("0.01") * Decimal("0.0008")


@pytest.mark.parametrize(
    ("mode", "maker", "taker"),
    [
        (None, "canceled", "live"),
        ("cancel_maker", "canceled", "live"),
        ("cancel_taker", "live", "canceled"),
        ("cancel_both", "canceled", "canceled"),
    ],
)
def test_self_trades_are_prevented(mode: str | None, maker: str, taker: str) -> None:
    """By default the resting order goes (cancel_maker), without a fill."""
    client = Client()
    pair, (_, _, ask, _) = client.exchange.pairs["BTC-USDT"], client.exchange.books["BTC-USDT"].top()
    for level, _ in client.exchange.books["BTC-USDT"].depth(1000)[1]:  # nothing else to meet
        client.exchange.quote(MAKER, "BTC-USDT", False, level, 0, T0)
    px = pair.px_text(ask)
    first = client.order(side="sell", px=px)["ordId"]
    second = client.order(px=px, stpMode=mode)["ordId"]
    rows = {row["ordId"]: row for row in client.get("trade/orders-history", "instType=SPOT")["data"]}
    rows |= {row["ordId"]: row for row in client.get("trade/orders-pending")["data"]}
    assert (rows[first]["state"], rows[second]["state"]) == (maker, taker)
    assert {row["cancelSource"] for row in rows.values() if row["state"] == "canceled"} == {"32"}
    assert client.get("trade/fills")["data"] == []


def test_expired_requests_are_dropped() -> None:
    """expTime, in the frame or as a header: past it nothing is placed; a cancel does not know it."""
    client = Client()
    conn = client.connect()
    now = T0 // MS
    item = {"instIdCode": client.code("BTC-USDT"), **limit()}
    (reply,) = client.say(conn, id="r1", op="order", args=[item], expTime=str(now - 1))
    assert (reply["code"], reply["data"]) == ("50036", [])
    assert client.post("trade/order", {"instId": "BTC-USDT"} | limit(), exptime=str(now - 1))["code"] == "50036"
    assert not client.exchange.orders
    (reply,) = client.say(conn, id="r1", op="order", args=[item], expTime=str(now))
    assert reply["code"] == "0"
    body = {"instId": "BTC-USDT"} | limit()
    (row,) = client.post("trade/order", body, exptime=str(now + 1))["data"]
    assert row["sCode"] == "0"
    cancel = {"instId": "BTC-USDT", "ordId": row["ordId"]}
    assert client.post("trade/cancel-order", cancel, exptime="1")["code"] == "0"
    assert client.post("trade/order", body, exptime="soon")["code"] == "51000"


def test_market_orders_count_quote_or_base() -> None:
    """A buy's ``sz`` is quote by default, a sell's is base; ``tgtCcy`` says otherwise."""
    client = Client()
    for change, name, most in (
        ({"side": "buy", "sz": "100"}, "quote_ccy", Decimal(100)),
        ({"side": "buy", "sz": "0.001", "tgtCcy": "base_ccy"}, "base_ccy", None),
        ({"side": "sell", "sz": "0.001"}, "base_ccy", None),
    ):
        row = client.order(ordType="market", px=None, **change)
        (order,) = client.get("trade/order", f"instId=BTC-USDT&ordId={row['ordId']}")["data"]
        assert (order["state"], order["tgtCcy"], order["px"], order["sz"]) == ("filled", name, "", change["sz"])
        if most is None:
            assert order["accFillSz"] == "0.001"
        else:
            assert most * Decimal("0.999") < Decimal(order["accFillSz"]) * Decimal(order["avgPx"]) <= most


def test_batches_succeed_in_part() -> None:
    """Code 0 all, 1 none, 2 some; 20 at most."""
    client = Client()
    conn = client.connect()
    good = {"instId": "BTC-USDT", "clOrdId": "a1"} | limit()
    assert client.post("trade/batch-orders", [good, good])["code"] == "2"
    assert client.post("trade/batch-orders", [good, good])["code"] == "1"
    assert client.post("trade/batch-orders", [good] * 21)["code"] == "50025"
    assert client.post("trade/batch-orders", {})["code"] == "50002"
    code = client.code("BTC-USDT")
    items = [{"instIdCode": code, "clOrdId": name} for name in ("a1", "b1")]
    (reply,) = client.say(conn, id="r1", op="batch-cancel-orders", args=items)
    assert (reply["code"], [row["sCode"] for row in reply["data"]]) == ("2", ["0", "51400"])
    items = [{"instIdCode": code, "clOrdId": name} | limit(px="50000") for name in ("c1", "d1")]
    (reply,) = client.say(conn, id="r1", op="batch-orders", args=items)
    assert reply["code"] == "0"
    pending = client.get("trade/orders-pending", "instType=SPOT")["data"]
    assert [row["clOrdId"] for row in pending] == ["d1", "c1"]
    older = client.get("trade/orders-pending", f"instType=SPOT&after={pending[0]['ordId']}")["data"]
    assert [row["clOrdId"] for row in older] == ["c1"]
    gone = [{"instId": "BTC-USDT", "ordId": row["ordId"]} for row in pending]
    assert client.post("trade/cancel-batch-orders", gone)["code"] == "0"
    assert client.get("trade/orders-pending")["data"] == []
    history = client.get("trade/orders-history", "instType=SPOT&state=canceled")["data"]
    assert [row["clOrdId"] for row in history] == ["d1", "c1", "a1"]


def test_dead_man_timer() -> None:
    """cancel-all-after ends all orders unless it is called again in time."""
    client = Client()
    client.order()
    assert client.post("trade/cancel-all-after", {"timeOut": "5"})["code"] == "51000"
    client.now_ns += S
    assert client.post("trade/cancel-all-after", {"timeOut": "10"})["data"][0]["triggerTime"] == str(T0 // MS + 11_000)
    client.run(9)
    assert client.post("trade/cancel-all-after", {"timeOut": "10"})["code"] == "0"
    client.run(9)
    assert len(client.exchange.open_orders("main")) == 1
    client.run(2)
    assert client.exchange.open_orders("main") == []


# --- account and limits ----------------------------------------------------------------------------------------------


def test_account_channel() -> None:
    """A full snapshot first; then what each event touched; at intervals unless updateInterval is 0."""
    client = Client()
    conn = client.connect()
    arg = {"channel": "account", "extraParams": '{"updateInterval":"0"}'}
    _, count, push = client.subscribe(conn, arg)
    assert count["connCount"] == "1"
    assert (push["eventType"], push["curPage"], push["lastPage"]) == ("snapshot", 1, True)
    details = {row["ccy"]: (row["availBal"], row["frozenBal"]) for row in push["data"][0]["details"]}
    assert details == {"BTC": ("3", "0"), "ETH": ("80", "0"), "USDT": ("200000", "0")}
    _, event = client.place(conn, sz="0.1")
    assert event["eventType"] == "event_update"
    (row,) = event["data"][0]["details"]
    assert (row["ccy"], row["availBal"], row["frozenBal"], row["cashBal"]) == ("USDT", "194000", "6000", "200000")
    (rest,) = client.get("account/balance", "ccy=USDT")["data"]
    assert rest["details"] == [row]
    # "Get balance" names it maxSpotInUse; a client that knows both names refuses a row with both
    assert [name for name in row if name.startswith("maxSpotInUse")] == ["maxSpotInUse"]
    assert not any(isinstance(out, SimFrame) for out in client.run(20))
    client.text(conn, "ping")
    client.say(conn, op="unsubscribe", args=[arg])
    assert client.subscribe(conn, {"channel": "account"})[-1]["eventType"] == "snapshot"
    kinds = [json.loads(out.text)["eventType"] for out in client.run(11)]
    assert kinds == ["interval_update"] * 2
    assert client.subscribe(conn, {"channel": "account", "ccy": "BTC", "extraParams": "{"})[0]["code"] == "60012"


def test_fees_and_asset_status() -> None:
    """Rates are negative where charged and go by the instrument's group; deposits and withdrawals by currency."""
    client = Client()
    (instrument,) = client.get("public/instruments", "instType=SPOT&instId=BTC-USDT")["data"]
    (fees,) = client.get("account/trade-fee", "instType=SPOT&instId=BTC-USDT")["data"]
    rates = {row["groupId"]: (row["maker"], row["taker"]) for row in fees["feeGroup"]}
    assert rates[instrument["groupId"]] == ("-0.0008", "-0.001")
    client.exchange.immovable["BTC"] = (False, True)
    rows = {row["ccy"]: (row["canDep"], row["canWd"]) for row in client.get("asset/currencies")["data"]}
    assert rows == {"BTC": (False, True), "USDT": (True, True), "ETH": (True, True)}
    assert client.get("account/config")["data"][0]["acctLv"] == "1"
    assert client.get("public/time")["data"] == [{"ts": str(T0 // MS)}]


def test_rate_limits() -> None:
    """60 orders in 2 s for one instrument, REST and WebSocket together; then 429 and 50011, 60014 on the socket."""
    client = Client()
    conn = client.connect()
    for _ in range(30):
        assert client.order(px="50000", sz="0.00001")["sCode"] == "0"
        assert client.place(conn, px="50000", sz="0.00001")[0]["code"] == "0"
        client.now_ns += MS
    reply = client.raw(client.request("POST", "trade/order", "", json.dumps({"instId": "ETH-USDT"} | limit()), {}))
    assert reply.status == 200
    body = json.dumps({"instId": "BTC-USDT"} | limit())
    reply = client.raw(client.request("POST", "trade/order", "", body, {}))
    assert (reply.status, json.loads(reply.body)["code"]) == (429, "50011")
    (reply,) = client.place(conn)
    assert (reply["code"], reply["data"]) == ("60014", [])
    client.now_ns += 2 * S
    assert client.order()["sCode"] == "0"
    for _ in range(10):
        assert client.get("account/balance")["code"] == "0"
    assert client.get("account/balance")["code"] == "50011"


def test_a_throttled_venue_refuses_everything() -> None:
    """The fault ``throttle``: 429 over HTTP, 60014 on sockets, and nothing is placed."""
    client = Client([Fault(kind="throttle", for_s=2)])
    conn = client.connect()
    client.code("BTC-USDT")
    client.world.tick(client.now_ns)
    assert client.place(conn)[0]["code"] == "60014"
    reply = client.raw(client.request("GET", "account/balance", "", "", {}))
    assert (reply.status, json.loads(reply.body)["code"]) == (429, "50011")
    assert client.subscribe(conn, SPOT)[0]["code"] == "60014"
    assert not client.exchange.orders


@pytest.mark.parametrize("cut", [False, True])
def test_a_lost_ack_leaves_exactly_one_order(cut: bool) -> None:
    """The order is accepted; the reply never comes, and with ``cut`` the socket and its pushes are gone too."""
    client = Client([Fault(kind="lose_ack", cut=cut)])
    conn = client.connect()
    client.subscribe(conn, SPOT)
    frames = client.place(conn, clOrdId="once")
    assert [order.cl_ord_id for order in client.exchange.orders.values()] == ["once"]
    assert not any(isinstance(frame, dict) and "op" in frame for frame in frames)
    assert any(isinstance(frame, dict) and frame.get("data") for frame in frames) is not cut


def test_an_answer_of_too_many_requests_may_come_after_the_order() -> None:
    """``overrun``: the answer is 60014, and the order is there."""
    client = Client([Fault(kind="overrun")])
    reply, *_ = client.place(client.connect())
    assert (reply["code"], reply["data"]) == ("60014", [])
    assert len(client.exchange.open_orders("main")) == 1


def test_connections_are_limited() -> None:
    """Three a second from one address."""
    client = Client()
    for _ in range(3):
        client.connect("public")
    assert client.refused("/ws/v5/public") == 429
    client.now_ns += S
    client.connect("public")


def test_pages_of_a_hundred() -> None:
    """orders-pending and fills: 100 rows a page; ``after`` with the last id gives the next, until none is left."""
    client = Client()
    for _ in range(130):
        client.exchange.place("main", "BTC-USDT", Side.BUY, px=Decimal(50_000), qty=Decimal("0.001"), now_ns=T0)
    for _ in range(130):
        px = Decimal(63_000)
        client.exchange.place("main", "BTC-USDT", Side.BUY, px=px, qty=Decimal("0.0001"), tif=Tif.IOC, now_ns=T0)
    for path, name in (("orders-pending", "ordId"), ("fills", "billId")):
        pages, after = [], ""
        while rows := client.get(f"trade/{path}", f"instType=SPOT{after}")["data"]:
            pages.append([int(row[name]) for row in rows])
            after = f"&after={pages[-1][-1]}"
        assert [len(page) for page in pages] == [100, 30]
        ids = [one for page in pages for one in page]
        assert ids == sorted(set(ids), reverse=True)


# --- what the venue refuses, and what it serves besides ---------------------------------------------------------------


def test_prices_out_of_the_limits() -> None:
    """Get limit price: a buy above ``buyLmt`` is 51137, a sell below ``sellLmt`` is 51138; at the limit both pass."""
    client = Client()
    (row,) = client.get("public/price-limit", "instId=BTC-USDT")["data"]
    buy, sell = Decimal(row["buyLmt"]), Decimal(row["sellLmt"])
    ask = Decimal(client.exchange.books["BTC-USDT"].top()[2]) / 10
    assert sell < ask < buy
    tick = Decimal("0.1")
    for side, px, code in (
        ("buy", buy + tick, "51137"),
        ("sell", sell - tick, "51138"),
        ("buy", buy, "0"),
        ("sell", sell, "0"),
        ("buy", sell - tick, "0"),
    ):
        assert client.order(side=side, px=str(px), ordType="ioc")["sCode"] == code
    assert client.get("public/price-limit", "instId=NOPE-USDT")["code"] == "51001"


def test_keys_of_another_environment_and_a_second_login() -> None:
    """50101: a live key with the demo header. 60031: a login on a connection that has one, which stays open."""
    client = Client()
    reply = client.raw(client.request("GET", "account/balance", "", "", {"x-simulated-trading": "1"}))
    assert (reply.status, json.loads(reply.body)["code"]) == (401, "50101")
    conn = client.connect()
    (error,) = client.login(conn)
    assert (error["event"], error["code"]) == ("error", "60031")
    assert client.place(conn)[0]["code"] == "0"


@pytest.mark.parametrize(
    ("side", "change", "asset"),
    [
        ("sell", {"sz": "5"}, "BTC"),
        ("buy", {"sz": "900000"}, "USDT"),
        ("buy", {"sz": "50", "tgtCcy": "base_ccy"}, "USDT"),
    ],
)
def test_market_orders_are_reduced_to_the_balance(side: str, change: dict[str, str], asset: str) -> None:
    """Place order, ``banAmend``: by default a market order of more than the balance is reduced to it; else 51008."""
    client = Client()
    order = {"side": side, "ordType": "market", "px": None, **change}
    assert client.order(**order, banAmend=True)["sCode"] == "51008"
    row = client.order(**order)
    assert row["sCode"] == "0"
    assert client.get("trade/order", f"instId=BTC-USDT&ordId={row['ordId']}")["data"][0]["state"] == "filled"
    details = {row["ccy"]: Decimal(row["availBal"]) for row in client.get("account/balance")["data"][0]["details"]}
    assert details.get(asset, Decimal(0)) * (61_800 if asset == "BTC" else 1) < 10


def test_accounts_with_margin_trade_in_cross_mode() -> None:
    """Account mode 3: ``tdMode`` is cross, and the order's type is MARGIN in the channel, in listings and in fills."""
    client = Client()
    client.main.settings["acctLv"] = "3"
    spot, any_type = client.connect(), client.connect()
    client.subscribe(spot, SPOT)
    client.subscribe(any_type, SPOT | {"instType": "ANY"})
    assert client.order()["sCode"] == "51010"
    client.ref += 1
    body = {"instId": "BTC-USDT"} | limit(tdMode="cross", px="63000", ordType="ioc")
    client.world.http("okx", client.request("POST", "trade/order", "", json.dumps(body), {}), client.ref, T0)
    outs = [out for out in client.world.drain() if isinstance(out, SimFrame)]
    assert {out.conn for out in outs} == {any_type}
    assert {row["instType"] for out in outs for row in json.loads(out.text)["data"]} == {"MARGIN"}
    assert client.order(tdMode="cross")["sCode"] == "0"
    for path in ("orders-pending", "fills"):
        assert client.get(f"trade/{path}", "instType=SPOT")["data"] == []
        assert client.get(f"trade/{path}", "instType=MARGIN")["data"] == client.get(f"trade/{path}")["data"] != []


def test_the_currency_that_pays() -> None:
    """``tradeQuoteCcy``: mandatory where the account has more than one (51000), and one of the list."""
    client = Client()
    assert client.order(tradeQuoteCcy="USDC")["sCode"] == "51000"
    client.main.settings["tradeQuoteCcyList"] = {"BTC-USDT": ["USDT", "USDC"]}
    assert client.order()["sCode"] == "51000"
    assert client.order(tradeQuoteCcy="USD")["sCode"] == "51000"
    assert client.order(tradeQuoteCcy="USDT")["sCode"] == "0"


def test_fee_type_1_takes_the_fee_in_quote_on_both_sides() -> None:
    """account/config ``feeType`` 1: a buy's fee is in the quote currency too."""
    client = Client()
    client.main.fee_asset = "quote"
    assert client.get("account/config")["data"][0]["feeType"] == "1"
    for side, px in (("buy", "63000"), ("sell", "60000")):
        row = client.order(side=side, ordType="ioc", px=px)
        (order,) = client.get("trade/order", f"instId=BTC-USDT&ordId={row['ordId']}")["data"]
        assert order["feeCcy"] == "USDT"
        assert Decimal(order["fee"]) == -Decimal(order["avgPx"]) * Decimal("0.01") * Decimal("0.001")
    assert client.world.ledger()["okx"]["conserved"]
    (row,) = client.get("account/balance", "ccy=BTC")["data"][0]["details"]
    assert row["availBal"] == "3"


def test_null_arguments_and_channels_without_news() -> None:
    """An argument that is null counts as not given; channels that a spot account never hears of are accepted."""
    client = Client()
    conn = client.connect()
    (ack, *_) = client.subscribe(conn, SPOT | {"instId": None, "instFamily": None})
    assert (ack["event"], ack["arg"]) == ("subscribe", SPOT)
    for arg in ({"channel": "positions", "instType": "ANY"}, {"channel": "balance_and_position"}):
        assert [frame["event"] for frame in client.subscribe(conn, arg)] == ["subscribe"]
    assert client.subscribe(conn, {"channel": "fills"})[0]["code"] == "64003"
    assert client.subscribe(conn, {"channel": "nothing"})[0]["code"] == "60018"
    for path in ("account/positions", "account/bills", "asset/balances"):
        assert client.get(path) == {"code": "0", "data": [], "msg": ""}


def test_tickers_follow_the_trades() -> None:
    """Tickers channel and Get ticker: the last price and the volume are those of the public trades."""
    client = Client()
    conn = client.connect("public")
    client.subscribe(conn, {"channel": "tickers", "instId": "BTC-USDT"}, {"channel": "trades", "instId": "BTC-USDT"})
    frames = [json.loads(out.text) for out in client.run(30) if isinstance(out, SimFrame)]
    trades = [row for frame in frames if frame["arg"]["channel"] == "trades" for row in frame["data"]]
    ticker = [frame for frame in frames if frame["arg"]["channel"] == "tickers"][-1]["data"][0]
    prices = [Decimal(row["px"]) for row in trades]
    assert len(prices) > 3
    assert (Decimal(ticker["last"]), Decimal(ticker["high24h"])) == (prices[-1], max(prices))
    assert Decimal(ticker["vol24h"]) == sum(Decimal(row["sz"]) for row in trades)
    client.now_ns = T0
    rest = client.get("market/trades", "instId=BTC-USDT")["data"]
    assert [row["tradeId"] for row in rest] == [row["tradeId"] for row in reversed(trades)][:100]


def test_values_in_dollars_are_numbers() -> None:
    """Get balance: ``eqUsd`` and ``totalEq``; Order channel: ``notionalUsd``. They follow the books."""
    client = Client()
    (row,) = client.get("account/balance")["data"]
    values = {one["ccy"]: Decimal(one["eqUsd"]) for one in row["details"]}
    bid, _, ask, _ = client.exchange.books["BTC-USDT"].top()
    assert abs(values["BTC"] - 3 * Decimal(bid + ask) / 20) < 1
    assert values["USDT"] == 200_000
    assert Decimal(row["totalEq"]) == sum(values.values())
    conn = client.connect()
    client.subscribe(conn, SPOT)
    push = client.place(conn)[1]["data"][0]
    assert Decimal(push["notionalUsd"]) == 600


def test_candles_are_those_of_the_trades() -> None:
    """Get candlesticks and the candle channel of the business socket tell what the trades channel told, newest first;
    the channel is not served on the public socket, and another bar is refused."""
    client = Client()
    arg = {"channel": "candle1m", "instId": "BTC-USDT"}
    public, business = client.connect("public"), client.connect("business")
    client.say(public, op="subscribe", args=[{"channel": "trades", "instId": "BTC-USDT"}])
    assert client.say(public, op="subscribe", args=[arg])[0]["code"] == "60018"
    assert client.say(business, op="subscribe", args=[arg])[0]["event"] == "subscribe"
    heard: dict[int, list[Any]] = {public: [], business: []}
    while client.now_ns < T0 + 90 * S:
        for conn in heard if client.now_ns // (20 * S) != client.world.due_ns // (20 * S) else ():
            client.text(conn, "ping")
        client.now_ns = client.world.due_ns
        client.world.tick(client.now_ns)
        for out in client.world.drain():
            if isinstance(out, SimFrame) and out.text != "pong":
                heard[out.conn] += json.loads(out.text).get("data", [])
    minutes: dict[int, list[Any]] = {}
    for trade in heard[public]:
        minutes.setdefault(int(trade["ts"]) // 60_000 * 60_000, []).append(trade)
    assert len(minutes) == 3
    wanted = []
    for start, trades in minutes.items():
        prices, sizes = [Decimal(t["px"]) for t in trades], [Decimal(t["sz"]) for t in trades]
        value = sum(px * size for px, size in zip(prices, sizes, strict=True))
        wanted.append([start, prices[0], max(prices), min(prices), prices[-1], sum(sizes), value, value, 1])
    wanted[-1][-1] = 0
    rows = client.get("market/candles", "instId=BTC-USDT&bar=1m")["data"]
    assert [list(map(Decimal, row)) for row in rows] == wanted[::-1]
    assert client.get("market/candles", f"instId=BTC-USDT&after={rows[0][0]}&limit=1")["data"] == rows[1:2]
    assert [list(map(Decimal, row)) for row in heard[business] if row[8] == "1"] == wanted[:-1]
    assert client.get("market/candles", "instId=BTC-USDT&bar=7m")["code"] == "51000"
