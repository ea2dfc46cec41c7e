"""The simulated Bybit keeps the venue's rules: signatures, time windows, filters, limits, ids, books and reports."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from decimal import Decimal
from itertools import pairwise
from typing import Any

import ccxt
import ccxt.pro
import pytest
from arbkit_bybit.dialect import BybitDialect
from hypothesis import given, settings
from hypothesis import strategies as st

from arbkit.core.types import Side
from arbkit.sim.faults import Fault
from arbkit.sim.market import Divergence
from arbkit.sim.venue import Account
from arbkit.sim.wire import Answer, Close, Reply, Request, SimFrame
from arbkit.sim.world import World

T0 = 1_750_000_000_000_000_000
MS = 1_000_000
S = 1_000 * MS
LIMIT = {
    "category": "spot",
    "symbol": "BTCUSDT",
    "side": "Buy",
    "orderType": "Limit",
    "qty": "0.01",
    "price": "60000",
    "timeInForce": "GTC",
}


def _sign(secret: str, payload: str) -> str:
    return hmac.new(secret.encode(), payload.encode(), "sha256").hexdigest()


class Client:
    """One client of a simulated Bybit, in virtual time that stands still unless moved."""

    def __init__(self, *faults: Fault) -> None:
        self.world = World([BybitDialect], seed=1, start_ns=T0, faults=faults, divergence=Divergence(noise=0))
        self.exchange = self.world.sites["bybit"].exchange
        self.now_ns = T0
        main = self.exchange.accounts["main"]
        self.key, self.secret = main.key, main.secret
        self.ref = 0
        self.outs: list[Any] = []

    # --- REST

    def raw(self, method: str, path: str, query: str, headers: Mapping[str, str], body: str = "") -> Reply | None:
        self.ref += 1
        request = Request(method, path, query, headers, body.encode())
        self.world.http("bybit", request, self.ref, self.now_ns)
        self.outs = self.world.drain()
        (reply,) = [out.reply for out in self.outs if isinstance(out, Answer)]
        return reply

    def signed(
        self, method: str, path: str, payload: str, ahead_ms: int = 0, window: str = "5000", **change: str
    ) -> Reply:
        stamp = str(self.now_ns // MS + ahead_ms)
        headers = {
            "x-bapi-api-key": self.key,
            "x-bapi-timestamp": stamp,
            "x-bapi-recv-window": window,
            "x-bapi-sign": _sign(self.secret, f"{stamp}{self.key}{window}{payload}"),
            "content-type": "application/json",
        } | change
        query, body = (payload, "") if method == "GET" else ("", payload)
        reply = self.raw(method, path, query, headers, body)
        assert reply is not None
        return reply

    def get(self, path: str, query: str = "category=spot", **change: Any) -> Any:
        return json.loads(self.signed("GET", path, query, **change).body)

    def post(self, path: str, body: Mapping[str, Any], **change: Any) -> Any:
        return json.loads(self.signed("POST", path, json.dumps(body), **change).body)

    def create(self, **change: Any) -> Any:
        body = {name: value for name, value in (LIMIT | change).items() if value is not None}
        return self.post("/v5/order/create", body)

    def public(self, path: str, query: str = "category=spot") -> Any:
        reply = self.raw("GET", path, query, {})
        assert reply is not None
        return json.loads(reply.body)

    # --- sockets

    def open(self, path: str) -> int:
        conn, refused = self.world.connect("bybit", path, {}, self.now_ns)
        assert refused is None
        return conn

    def say(self, conn: int, **message: Any) -> list[Any]:
        """Send a frame; all frames that come at once on this connection."""
        self.world.frame(conn, json.dumps(message), self.now_ns)
        self.outs = self.world.drain()
        return self.heard(conn)

    def heard(self, conn: int) -> list[Any]:
        return [json.loads(out.text) for out in self.outs if isinstance(out, SimFrame) and out.conn == conn]

    def auth(self, conn: int, secret: str = "", after_ms: int = 1000, key: str = "") -> Any:
        expires = self.now_ns // MS + after_ms
        sign = _sign(secret or self.secret, f"GET/realtime{expires}")
        return self.say(conn, op="auth", args=[key or self.key, expires, sign])[0]

    def private(self, *topics: str) -> int:
        conn = self.open("/v5/private")
        assert self.auth(conn)["success"]
        assert self.say(conn, op="subscribe", args=list(topics))[0]["success"]
        return conn

    def trade(self, conn: int, op: str, args: Mapping[str, Any], ref: str, ahead_ms: int = 0) -> list[Any]:
        header = {"X-BAPI-TIMESTAMP": str(self.now_ns // MS + ahead_ms), "X-BAPI-RECV-WINDOW": "5000"}
        return self.say(conn, reqId=ref, header=header, op=op, args=[args])

    def run(self, until_ns: int) -> list[Any]:
        """Let time pass; all that leaves meanwhile."""
        self.outs = []
        while (due_ns := self.world.due_ns) <= until_ns:
            self.now_ns = due_ns
            self.world.tick(due_ns)
            self.outs += self.world.drain()
        self.now_ns = until_ns
        return self.outs

    def ask(self) -> Decimal:
        return Decimal(self.exchange.books["BTC-USDT"].top()[2]) / 10


# --- signatures and times -------------------------------------------------------------------------------------------


KEYS = {"apiKey": "ccxt-key", "secret": "ccxt-secret"}


def test_ccxt_signatures_are_accepted(ccxt_client: Any) -> None:
    """ccxt signs timestamp + key + window + raw query or raw body: it passes, a changed byte does not."""
    client = Client()
    client.exchange.open(Account("own", *KEYS.values()))
    query, body = "category=spot&symbol=BTCUSDT", '{"category":"spot","symbol":"BTCUSDT"}'

    def code(method: str, path: str, payload: str, ms: int, sign: str) -> int:
        client.now_ns = ms * MS
        headers = {"x_bapi_api_key": KEYS["apiKey"], "x_bapi_timestamp": str(ms), "x_bapi_sign": sign}
        named: dict[str, Any] = {name.replace("_", "-"): value for name, value in headers.items()}
        return int(json.loads(client.signed(method, path, payload, **named).body)["retCode"])

    def signed(method: str, path: str, ms: int) -> str:
        made = ccxt_client(ccxt.bybit(KEYS), "BTCUSDT", ms).signed(method, path, category="spot", symbol="BTCUSDT")
        return str(made.headers["X-BAPI-SIGN"])

    good = signed("GET", "v5/account/fee-rate", 1658384314791)
    assert code("GET", "/v5/account/fee-rate", query, 1658384314791, good) == 0
    assert code("GET", "/v5/account/fee-rate", query.upper(), 1658384314791, good) == 10004
    assert code("GET", "/v5/account/fee-rate", query, 1658384314792, good) == 10004
    good = signed("POST", "v5/order/cancel-all", 1658385579423)
    assert code("POST", "/v5/order/cancel-all", body, 1658385579423, good) == 0
    assert code("POST", "/v5/order/cancel-all", body.replace(",", ", "), 1658385579423, good) == 10004
    assert code("POST", "/v5/order/cancel-all", body, 1658385579423, good.upper()) == 10004


@pytest.mark.parametrize(
    ("ahead_ms", "window", "code"),
    [
        (0, "5000", 0),
        (999, "5000", 0),
        (1000, "5000", 10002),
        (-5000, "5000", 0),
        (-5001, "5000", 10002),
        (-100, "99", 10002),
        (-5000, "", 0),
        (0, "x", 10001),
    ],
)
def test_time_window(ahead_ms: int, window: str, code: int) -> None:
    """server - window <= timestamp < server + 1000, and 5000 where no window is given; over the trade socket alike."""
    client = Client()
    reply = client.get("/v5/account/wallet-balance", "accountType=UNIFIED", ahead_ms=ahead_ms, window=window)
    assert reply["retCode"] == code
    if window == "5000":
        conn = client.open("/v5/trade")
        client.auth(conn)
        assert client.trade(conn, "order.create", LIMIT, "r1", ahead_ms)[0]["retCode"] == code
        assert len(client.exchange.orders) == (not code)


def test_credentials_and_bodies() -> None:
    """Unknown key 10003, wrong sign 10004, no header 10001; a GET with a body is answered 403."""
    client = Client()
    path, query = "/v5/account/wallet-balance", "accountType=UNIFIED"
    assert client.get(path, query, **{"x-bapi-api-key": "nobody"})["retCode"] == 10003
    assert client.get(path, query, **{"x-bapi-sign": "0" * 64})["retCode"] == 10004
    assert client.get(path, query, **{"x-bapi-timestamp": ""})["retCode"] == 10001
    assert client.post("/v5/order/create", LIMIT, **{"content-type": "text/plain"})["retCode"] == 10001
    refused = client.raw("GET", "/v5/market/time", "", {}, "{}")
    assert refused is not None
    assert refused.status == 403
    missing = client.raw("GET", "/v5/nothing", "", {})
    assert missing is not None
    assert missing.status == 404
    assert client.create(qty=0.01)["retCode"] == 10001  # a number where text belongs
    assert not client.exchange.orders


def test_socket_auth(ccxt_client: Any) -> None:
    """GET/realtime + expires, a time to come; without it nothing private; a second login is refused."""
    client = Client()
    conn = client.open("/v5/private")
    assert not client.say(conn, op="subscribe", args=["order"])[0]["success"]
    assert client.auth(conn, secret="wrong")["retCode"] == 10004
    assert client.auth(conn, key="nobody")["retMsg"] == "Invalid apikey"
    assert client.auth(conn, after_ms=0)["retCode"] == 10001
    assert client.auth(conn) == {"success": True, "ret_msg": "", "op": "auth", "conn_id": "sim000001-pr"}
    assert client.auth(conn)["retCode"] == 20001
    client.exchange.open(Account("own", *KEYS.values()))
    client.now_ns = 1662350390000 * MS
    trader = ccxt_client(ccxt.pro.bybit(KEYS), "BTCUSDT", 1662350390000)
    key, expires, sign = trader.frame("authenticate", "wss://stream.bybit.com/v5/trade")["args"]
    trade = client.open("/v5/trade")
    assert client.trade(trade, "order.create", LIMIT, "r1")[0]["retCode"] == 10005
    reply = client.say(trade, reqId="a", op="auth", args=[key, int(expires), sign])
    assert reply == [{"reqId": "a", "retCode": 0, "retMsg": "OK", "op": "auth", "connId": "sim000002-tr"}]


# --- books ----------------------------------------------------------------------------------------------------------


def _apply(book: dict[str, dict[str, str]], frame: Mapping[str, Any]) -> None:
    for side in ("b", "a"):
        if frame["type"] == "snapshot":
            book[side] = {}
        for px, size in frame["data"][side]:
            if size == "0":
                del book[side][px]  # only a level that was there is deleted
            else:
                book[side][px] = size


@pytest.mark.parametrize("depth", [50, 200, 1000])
def test_book_is_a_snapshot_then_consecutive_deltas(depth: int) -> None:
    """``u`` rises by one a frame, ``seq`` rises, and the sum of the frames is the venue's window."""
    client = Client()
    conn, topic = client.open("/v5/public/spot"), f"orderbook.{depth}.BTCUSDT"
    ack, first = client.say(conn, req_id="7", op="subscribe", args=[topic])
    assert ack == {
        "success": True,
        "ret_msg": "subscribe",
        "conn_id": "sim000001-pu",
        "req_id": "7",
        "op": "subscribe",
    }
    frames = [first]
    assert list(first) == ["topic", "ts", "type", "data", "cts"]
    for step in range(1, 6):
        client.create(side="Buy", price=str(client.ask() - step), qty="0.001")
        client.run(T0 + step * S)
        frames += client.heard(conn)
    assert [frame["type"] for frame in frames] == ["snapshot"] + ["delta"] * (len(frames) - 1)
    assert len(frames) > 10
    us = [frame["data"]["u"] for frame in frames]
    assert us == list(range(us[0], us[0] + len(us)))
    seqs = [frame["data"]["seq"] for frame in frames]
    assert seqs == sorted(set(seqs))
    book: dict[str, dict[str, str]] = {}
    for frame in frames:
        _apply(book, frame)
    pair = client.exchange.pairs["BTC-USDT"]
    bids, asks = client.exchange.books["BTC-USDT"].depth(depth)
    assert book["b"] == {pair.px_text(px): pair.qty_text(lots) for px, lots in bids}
    assert book["a"] == {pair.px_text(px): pair.qty_text(lots) for px, lots in asks}
    period_ms = {50: 20, 200: 100, 1000: 200}[depth]
    assert all(frame["ts"] % period_ms == 0 for frame in frames[1:])


_STEPS = st.lists(
    st.tuples(st.sampled_from(["Buy", "Sell"]), st.integers(-60, 60), st.integers(1, 300), st.integers(0, 250)),
    max_size=12,
)


@settings(max_examples=25, deadline=None)
@given(steps=_STEPS, depth=st.sampled_from([1, 50, 200, 1000]))
def test_frames_add_up_to_the_window(steps: list[tuple[str, int, int, int]], depth: int) -> None:
    """Whatever is ordered, near or far from the top, the frames lead to the book that matching itself has."""
    client = Client()
    conn = client.open("/v5/public/spot")
    book: dict[str, dict[str, str]] = {}
    _apply(book, client.say(conn, op="subscribe", args=[f"orderbook.{depth}.BTCUSDT"])[1])
    for side, ticks, lots, wait_ms in steps:
        price = str(client.ask() + Decimal(ticks) / 10)
        client.create(side=side, price=price, qty=str(Decimal(lots) / 1000))
        client.run(client.now_ns + wait_ms * MS)
        for frame in client.heard(conn):
            _apply(book, frame)
    client.run(client.now_ns // (200 * MS) * 200 * MS + 200 * MS)  # the next push of every depth
    for frame in client.heard(conn):
        _apply(book, frame)
    pair = client.exchange.pairs["BTC-USDT"]
    for side, rows in zip("ba", client.exchange.books["BTC-USDT"].depth(depth), strict=True):
        assert book[side] == {pair.px_text(px): pair.qty_text(size) for px, size in rows}


def test_orderbook_1_is_snapshots_only() -> None:
    """Each frame is the best bid and ask; unchanged for 3 s it comes again with the same ``u``."""
    client = Client()
    conn = client.open("/v5/public/spot")
    _, first = client.say(conn, op="subscribe", args=["orderbook.1.BTCUSDT"])
    client.run(T0 + 5 * S)
    frames = [first, *client.heard(conn)]
    assert {frame["type"] for frame in frames} == {"snapshot"}
    assert all(len(frame["data"]["b"]) == len(frame["data"]["a"]) == 1 for frame in frames)
    for one, two in pairwise(frames):
        same = one["data"]["b"] == two["data"]["b"] and one["data"]["a"] == two["data"]["a"]
        assert two["data"]["u"] - one["data"]["u"] == (0 if same else 1)
        assert not same or two["ts"] - one["ts"] >= 3000


def test_orderbook_1_repeats_itself_when_nothing_happens() -> None:
    """A book that does not move is pushed again every 3 s, with the same ``u``."""
    client = Client()
    conn = client.open("/v5/public/spot")
    _, first = client.say(conn, op="subscribe", args=["orderbook.1.BTCUSDT"])
    dialect = client.world.sites["bybit"].dialect
    frames = []
    while dialect.timers.due_ns <= T0 + 7 * S:  # the venue's own timers alone: the market stands still
        dialect.timers.tick(dialect.timers.due_ns)
        frames += [json.loads(out.text) for out in client.world.sites["bybit"].wire.take() if isinstance(out, SimFrame)]
    assert [frame["data"]["u"] for frame in frames] == [first["data"]["u"]] * 2
    assert [frame["ts"] - T0 // MS for frame in frames] == [3000, 6000]


def test_a_burnt_id_is_a_hole_in_u() -> None:
    """A skipped update shows as a jump of ``u``; a new subscription starts from a fresh snapshot."""
    client = Client(Fault(kind="skip", symbol="BTC-USDT", at_s=1.0))
    conn, topic = client.open("/v5/public/spot"), "orderbook.50.BTCUSDT"
    frames = client.say(conn, op="subscribe", args=[topic])[1:]
    client.run(T0 + 3 * S)
    frames += client.heard(conn)
    us = [frame["data"]["u"] for frame in frames]
    assert sorted({two - one for one, two in pairwise(us)}) == [1, 2]
    assert client.say(conn, op="unsubscribe", args=[topic])[0]["op"] == "unsubscribe"
    assert not client.run(T0 + 4 * S)
    _, fresh = client.say(conn, op="subscribe", args=[topic])
    assert fresh["type"] == "snapshot"
    assert fresh["data"]["u"] > us[-1]
    rest = client.public("/v5/market/orderbook", "category=spot&symbol=BTCUSDT&limit=50")["result"]
    assert (rest["b"], rest["a"]) == (fresh["data"]["b"], fresh["data"]["a"])


def test_two_subscribers_share_one_count() -> None:
    """``u`` belongs to the topic: whoever joins later gets the window last published, and then the same deltas."""
    client = Client()
    one, two = client.open("/v5/public/spot"), client.open("/v5/public/spot")
    client.say(one, op="subscribe", args=["orderbook.50.BTCUSDT"])
    client.run(T0 + 2 * S)
    last = client.heard(one)[-1]["data"]["u"]
    _, joined = client.say(two, op="subscribe", args=["orderbook.50.BTCUSDT"])
    assert joined["data"]["u"] == last
    client.run(T0 + 4 * S)
    assert client.heard(one) == client.heard(two)
    assert client.heard(two)[0]["data"]["u"] == last + 1
    for conn in (one, two):
        client.world.closed(conn, client.now_ns)
    assert not client.exchange.books["BTC-USDT"].feeds


def test_subscription_rules() -> None:
    """At most 10 args a request, one answer a request, no unknown topic, none twice; ``ping`` keeps its op."""
    client = Client()
    conn = client.open("/v5/public/spot")

    def why(*args: str) -> str:
        (reply,) = client.say(conn, op="subscribe", args=list(args))
        assert not reply["success"]
        return str(reply["ret_msg"])

    assert why(*[f"publicTrade.X{i}" for i in range(11)]) == "args size >10"
    assert why("invalid.topic.BTCUSDT") == "Invalid topic: invalid.topic.BTCUSDT"
    assert why("publicTrade.BTCUSDT", "orderbook.25.BTCUSDT") == "Invalid topic: orderbook.25.BTCUSDT"
    assert why("orderbook.50.NOPE").startswith("Invalid topic")
    assert client.say(conn, op="subscribe", args=["publicTrade.BTCUSDT"])[0]["success"]
    assert "already subscribed" in why("publicTrade.BTCUSDT")
    assert not client.say(conn, op="dance")[0]["success"]
    client.world.frame(conn, "not json", client.now_ns)
    client.world.drain()
    (pong,) = client.say(conn, req_id="1", op="ping")
    assert pong == {"success": True, "ret_msg": "pong", "conn_id": "sim000001-pu", "req_id": "1", "op": "ping"}
    client.create(price=str(client.ask() + 5), timeInForce="IOC")
    (trades,) = client.heard(conn)
    assert (trades["topic"], trades["type"]) == ("publicTrade.BTCUSDT", "snapshot")
    assert {row["S"] for row in trades["data"]} == {"Buy"}
    assert sum(Decimal(row["v"]) for row in trades["data"]) == Decimal("0.01")


# --- orders ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"price": "60000.05"}, 170134),
        ({"qty": "0.0100001"}, 170137),
        ({"qty": "0.0000001"}, 170136),
        ({"qty": "0.00001"}, 170140),
        ({"qty": "231"}, 170124),
        ({"qty": "100"}, 170131),
        ({"symbol": "NOPE"}, 170121),
        ({"category": "linear"}, 10001),
        ({"side": "BUY"}, 10001),
        ({"timeInForce": "GTX"}, 10001),
        ({"qty": "1e-2"}, 10001),
        ({"price": None}, 10001),
        ({"orderLinkId": "has.dot"}, 10001),
        ({"orderLinkId": "x" * 37}, 10001),
        ({"orderType": "Market", "qty": "10.00000001"}, 170137),
    ],
)
def test_order_rules(change: Mapping[str, Any], code: int) -> None:
    """Each broken rule is refused with its own code and HTTP 200, and no order is born."""
    client = Client()
    assert client.create(**change)["retCode"] == code
    assert not client.exchange.orders


def test_order_link_ids_are_unique_for_good() -> None:
    """An id stays taken after its order has ended."""
    client = Client()
    assert client.create(orderLinkId="a")["result"]["orderLinkId"] == "a"
    assert client.create(orderLinkId="a")["retCode"] == 170141
    cancel = {"category": "spot", "symbol": "BTCUSDT", "orderLinkId": "a"}
    assert client.post("/v5/order/cancel", cancel)["retCode"] == 0
    assert client.create(orderLinkId="a")["retCode"] == 170141
    assert client.post("/v5/order/cancel", cancel)["retCode"] == 170213
    assert client.post("/v5/order/cancel", cancel | {"orderLinkId": "b"})["retCode"] == 170213


def test_a_cancel_after_the_fill_tells_the_fill_again() -> None:
    """The cancel is refused, and the order comes a second time: Filled, with a reason of its own."""
    client = Client()
    events = client.private("order")
    order_id = client.create(price=str(client.ask() + 5), timeInForce="IOC")["result"]["orderId"]
    cancel = {"category": "spot", "symbol": "BTCUSDT", "orderId": order_id}
    assert client.post("/v5/order/cancel", cancel)["retCode"] == 170213
    (again,) = client.heard(events)[0]["data"]
    assert (again["orderId"], again["orderStatus"]) == (order_id, "Filled")
    assert again["rejectReason"] == "EC_OrigClOrdIDDoesNotExist"
    client.create(timeInForce="IOC", orderLinkId="none")
    client.post("/v5/order/cancel", {"category": "spot", "symbol": "BTCUSDT", "orderLinkId": "none"})
    assert client.heard(events) == []


def test_market_buys_are_sized_in_quote() -> None:
    """A market buy's qty is quote unless marketUnit says baseCoin; a sell's is base."""
    client = Client()
    market: dict[str, Any] = {"orderType": "Market", "price": None, "timeInForce": None}
    client.create(qty="618", **market)
    client.create(qty="0.01", marketUnit="baseCoin", **market)
    client.create(qty="0.01", side="Sell", **market)
    by_value, bought, sold = client.exchange.orders.values()
    spent = Decimal(by_value.cum_quote) / 10**12
    assert Decimal(617) < spent <= Decimal(618)
    assert bought.cum == sold.cum == 10_000


def test_ack_says_accepted_and_the_stream_says_the_rest() -> None:
    """The answer carries ids only and comes first; then order, execution and wallet on the private socket."""
    client = Client()
    events, conn = client.private("order", "execution", "wallet"), client.open("/v5/trade")
    client.auth(conn)
    order = LIMIT | {"price": str(client.ask() + 5), "timeInForce": "IOC", "orderLinkId": "take"}
    (ack,) = client.trade(conn, "order.create", order, "r1")
    assert (ack["reqId"], ack["retCode"], ack["op"]) == ("r1", 0, "order.create")
    assert ack["data"] == {"orderId": str(next(iter(client.exchange.orders))), "orderLinkId": "take"}
    assert (ack["header"]["X-Bapi-Limit"], ack["header"]["X-Bapi-Limit-Status"]) == ("20", "19")
    frames = [out for out in client.outs if isinstance(out, SimFrame)]
    assert frames[0].conn == conn
    told = client.heard(events)
    fills = [row for frame in told if frame["topic"] == "execution" for row in frame["data"]]
    assert sum(Decimal(row["execQty"]) for row in fills) == Decimal("0.01")
    assert {(row["feeCurrency"], row["isMaker"], row["orderLinkId"]) for row in fills} == {("BTC", False, "take")}
    last = [frame for frame in told if frame["topic"] == "order"][-1]["data"][0]
    assert (last["orderStatus"], last["cumExecQty"], last["leavesQty"]) == ("Filled", "0.01", "")
    assert Decimal(last["cumFeeDetail"]["BTC"]) == sum(Decimal(row["execFee"]) for row in fills)
    wallet = {row["coin"]: Decimal(row["walletBalance"]) for row in told[-1]["data"][0]["coin"]}
    assert wallet["BTC"] == Decimal(3) + Decimal("0.01") - Decimal(last["cumFeeDetail"]["BTC"])
    assert client.trade(conn, "order.create", order | {"orderLinkId": "b"}, "r1")[0]["retCode"] == 20006
    assert client.trade(conn, "order.dance", order, "r2")[0]["retCode"] == 10404
    assert client.trade(conn, "order.create", order, "r3")[0]["retCode"] == 170141
    assert len(client.exchange.orders) == 1


def test_order_and_execution_come_in_either_order() -> None:
    """Even ids: execution, then order, each step; odd ids: the final order first, then its executions."""
    client = Client()
    events = client.private("order.spot", "execution.spot")
    seen = {}
    for _ in range(2):
        reply = client.create(price=str(client.ask() + 5), timeInForce="IOC")
        told = [(f["topic"], f["data"][-1].get("orderStatus", "")) for f in client.heard(events)]
        seen[int(reply["result"]["orderId"]) % 2] = told
    assert seen[0][0] == ("order.spot", "New")
    assert seen[0][-2:] == [("execution.spot", ""), ("order.spot", "Filled")]
    assert seen[1] == [("order.spot", "Filled"), ("execution.spot", "")]


def test_maker_fills() -> None:
    """What others take of a resting order comes as executions of a maker; the fast ones name no client id."""
    client = Client()
    events = client.private("order", "execution", "execution.fast")
    bid, before, *_ = client.exchange.books["BTC-USDT"].top()  # those at this price come first
    px, qty = Decimal(bid) / 10, Decimal(before) / 10**6 + Decimal("0.005")
    cl_ord_id = "rest"
    reply = client.create(price=str(px), qty="0.02", orderLinkId=cl_ord_id)
    client.exchange.open(Account("other"), [("BTC", Decimal(100))])
    client.exchange.place("other", "BTC-USDT", Side.SELL, now_ns=T0, qty=qty, px=px)
    cancel = {"category": "spot", "symbol": "BTCUSDT", "orderId": reply["result"]["orderId"], "orderLinkId": "ignored"}
    assert client.post("/v5/order/cancel", cancel)["result"]["orderLinkId"] == cl_ord_id
    rows: dict[str, list[Any]] = {topic: [] for topic in ("order", "execution", "execution.fast")}
    for frame in client.heard(events):
        rows[frame["topic"]] += frame["data"]
    (fill,), (fast,) = rows["execution"], rows["execution.fast"]
    assert (fill["isMaker"], fill["feeCurrency"], fill["execFee"]) == (True, "BTC", "0.000005")
    assert (fill["orderLinkId"], fast["orderLinkId"]) == (cl_ord_id, "")
    assert (fill["execQty"], fill["leavesQty"], fill["execId"]) == ("0.005", "0.015", fast["execId"])
    end = rows["order"][-1]
    assert (end["orderStatus"], end["cancelType"]) == ("PartiallyFilledCanceled", "CancelByUser")
    assert (Decimal(end["avgPrice"]), end["leavesQty"]) == (px, "0.015")


def test_how_orders_end() -> None:
    """Spot's words for an IOC, FOK or post-only order that did not (wholly) trade, and for a cancel."""
    client = Client()

    def end(**change: Any) -> tuple[str, str]:
        reply = client.create(**change)
        assert reply["retCode"] == 0
        query = f"category=spot&orderId={reply['result']['orderId']}"
        (row,) = client.get("/v5/order/realtime", query)["result"]["list"]
        assert client.get("/v5/order/history", query)["result"]["list"] == [row]
        return row["orderStatus"], row["rejectReason"]

    assert end(timeInForce="IOC") == ("Cancelled", "EC_NoImmediateQtyToFill")
    assert end(timeInForce="FOK") == ("Cancelled", "EC_NoEnoughQtyToFill")
    best = client.exchange.books["BTC-USDT"].top()
    more = client.exchange.pairs["BTC-USDT"].qty_text(best[3] + 10)
    px = str(client.ask())
    assert end(timeInForce="IOC", price=px, qty=more) == ("PartiallyFilledCanceled", "EC_NoImmediateQtyToFill")
    ends = {end(timeInForce="PostOnly", price=str(client.ask() + 100), qty="0.001") for _ in range(4)}
    assert ends == {(status, "EC_PostOnlyWillTakeLiquidity") for status in ("Cancelled", "Rejected")}
    assert end(timeInForce="IOC", price=str(client.ask() + 5)) == ("Filled", "EC_NoError")


def test_the_price_at_creation_stays() -> None:
    """v5/order/open-order: ``lastPriceOnCreated`` is the price when the order was placed, whatever it is later."""
    client = Client()
    client.create(orderLinkId="a", price="59900")

    def told() -> tuple[str, str]:
        (row,) = client.get("/v5/order/realtime", "category=spot&orderLinkId=a")["result"]["list"]
        return row["lastPriceOnCreated"], client.get("/v5/market/tickers")["result"]["list"][0]["ask1Price"]

    first, ask = told()
    client.run(T0 + 60 * S)
    later, moved = told()
    assert moved != ask
    assert later == first


def test_queries_and_pages() -> None:
    """Open orders newest first with a cursor; ended ones only by id, or in the history; fills by order."""
    client = Client()
    ids = [client.create(orderLinkId=f"o{i}")["result"]["orderId"] for i in range(5)]
    page = client.get("/v5/order/realtime", "category=spot&limit=3")["result"]
    assert [row["orderId"] for row in page["list"]] == ids[:1:-1]
    page = client.get("/v5/order/realtime", f"category=spot&limit=3&cursor={page['nextPageCursor']}")["result"]
    assert [row["orderId"] for row in page["list"]] == ids[1::-1]
    assert page["nextPageCursor"] == ""
    ended = client.post("/v5/order/cancel-all", {"category": "spot", "symbol": "BTCUSDT"})["result"]
    assert (len(ended["list"]), ended["success"]) == (5, "1")
    assert client.get("/v5/order/realtime")["result"]["list"] == []
    (row,) = client.get("/v5/order/realtime", "category=spot&orderLinkId=o3")["result"]["list"]
    assert (row["orderId"], row["orderStatus"], row["cancelType"]) == (ids[3], "Cancelled", "CancelByUser")
    assert len(client.get("/v5/order/history")["result"]["list"]) == 5
    for nobody in ("orderLinkId=never", "orderId=none", "orderId=0"):
        assert client.get("/v5/order/realtime", f"category=spot&{nobody}")["result"]["list"] == []
    assert len(client.get("/v5/order/realtime", "category=spot&openOnly=1")["result"]["list"]) == 5
    taken = client.create(price=str(client.ask() + 5), timeInForce="IOC")["result"]["orderId"]
    fills = client.get("/v5/execution/list", f"category=spot&orderId={taken}")["result"]["list"]
    assert sum(Decimal(row["execQty"]) for row in fills) == Decimal("0.01")
    assert client.get("/v5/execution/list", f"category=spot&orderId={ids[0]}")["result"]["list"] == []
    assert client.get("/v5/execution/list", "category=spot&startTime=1&endTime=9999999999")["retCode"] == 10001


def test_all_pages_of_many_orders_and_fills() -> None:
    """v5/order/open-order: 50 a page at most; v5/order/execution: 100; the cursor leads to the end."""
    client = Client()
    for i in range(120):
        px = Decimal(60_000) if i < 60 else client.ask() + 5
        client.exchange.place("main", "BTC-USDT", Side.BUY, px=px, qty=Decimal("0.001"), now_ns=T0)
    for path, size, name, total in (("order/realtime", 50, "orderId", 60), ("execution/list", 100, "execId", 60)):
        seen, cursor = [], ""
        while True:
            result = client.get(f"/v5/{path}", f"category=spot&limit={size}{cursor}")["result"]
            assert len(result["list"]) <= size
            seen += [row[name] for row in result["list"]]
            if not result["nextPageCursor"]:
                break
            cursor = f"&cursor={result['nextPageCursor']}"
        assert len(seen) == len(set(seen)) >= total
        assert client.get(f"/v5/{path}", f"category=spot&limit={size + 1}")["retCode"] == 10001


@pytest.mark.parametrize("over", ["rest", "ws"])
def test_batches_answer_order_by_order(over: str) -> None:
    """Top-level success; each order's own code is in retExtInfo."""
    client = Client()
    batch = {"category": "spot", "request": [dict(LIMIT, orderLinkId="a"), dict(LIMIT, orderLinkId="a")]}
    if over == "rest":
        reply = client.post("/v5/order/create-batch", batch)
        rows = reply["result"]["list"]
    else:
        conn = client.open("/v5/trade")
        client.auth(conn)
        (reply,) = client.trade(conn, "order.create-batch", batch, "r1")
        rows = reply["data"]["list"]
    assert reply["retCode"] == 0
    assert [note["code"] for note in reply["retExtInfo"]["list"]] == [0, 170141]
    assert [bool(row["orderId"]) for row in rows] == [True, False]
    assert client.post("/v5/order/create-batch", {"category": "spot", "request": []})["retCode"] == 10001


# --- limits, faults, keep-alive -------------------------------------------------------------------------------------


def test_twenty_orders_in_any_second() -> None:
    """The window rolls; REST and the trade socket share it; a refused request tells when to come back."""
    client = Client()
    conn = client.open("/v5/trade")
    client.auth(conn)
    client.run(T0 + 900 * MS)
    codes = [client.create(qty="0.0001")["retCode"] for _ in range(20)]
    client.run(T0 + 1100 * MS)
    (reply,) = client.trade(conn, "order.create", LIMIT, "r1")
    assert (codes, reply["retCode"]) == ([0] * 20, 10006)
    head = reply["header"]
    assert (head["X-Bapi-Limit-Status"], head["X-Bapi-Limit-Reset-Timestamp"]) == ("0", str(T0 // MS + 1900))
    refused = client.signed("POST", "/v5/order/create", json.dumps(LIMIT))
    assert (refused.status, refused.headers["x-bapi-limit"]) == (200, "20")
    assert len(client.exchange.orders) == 20
    client.run(T0 + 1901 * MS)
    assert client.create()["retCode"] == 0


def test_an_address_over_its_limit_is_shut_out() -> None:
    """More than 600 requests in 5 s: HTTP 403, and 10 minutes of it."""
    client = Client()

    def status() -> int:
        reply = client.raw("GET", "/v5/market/time", "", {})
        assert reply is not None
        return reply.status

    assert [status() for _ in range(601)] == [200] * 600 + [403]
    client.now_ns += 599 * S
    assert status() == 403
    client.now_ns += 2 * S
    assert status() == 200


def test_an_answer_of_too_many_requests_may_come_after_the_order() -> None:
    """``overrun``: the answer is 10006 with its header, and the order is there."""
    client = Client(Fault(kind="overrun"))
    conn = client.open("/v5/trade")
    client.auth(conn)
    (reply,) = client.trade(conn, "order.create", LIMIT, "r1")
    assert (reply["retCode"], reply["header"]["X-Bapi-Limit-Status"]) == (10006, "0")
    assert len(client.exchange.open_orders("main")) == 1


def test_a_throttle_fault_answers_10006() -> None:
    """While a fault throttles the venue, REST and the trade socket say 10006 and nothing is executed."""
    client = Client(Fault(kind="throttle", at_s=0.5, for_s=2.0))
    conn = client.open("/v5/trade")
    client.auth(conn)
    client.run(T0 + 1 * S)
    reply = client.signed("POST", "/v5/order/create", json.dumps(LIMIT))
    assert json.loads(reply.body)["retCode"] == 10006
    assert int(reply.headers["x-bapi-limit-reset-timestamp"]) > T0 // MS + 1000
    assert client.trade(conn, "order.create", LIMIT, "r1")[0]["retCode"] == 10006
    assert not client.exchange.orders


@pytest.mark.parametrize("cut", [False, True])
def test_a_lost_ack_leaves_exactly_one_order(cut: bool) -> None:
    """The order is accepted; the answer never comes; the private socket tells, for it is another one."""
    client = Client(Fault(kind="lose_ack", cut=cut))
    events, conn = client.private("order"), client.open("/v5/trade")
    client.auth(conn)
    assert client.trade(conn, "order.create", LIMIT | {"orderLinkId": "once"}, "r1") == []
    assert [order.cl_ord_id for order in client.exchange.orders.values()] == ["once"]
    assert client.heard(events)[0]["data"][0]["orderLinkId"] == "once"
    assert (conn in client.world.sites["bybit"].conns) is not cut


def test_a_blind_replica_does_not_stop_a_cancel() -> None:
    """Queries may not know an order yet; the engine that cancels it does."""
    client = Client(Fault(kind="blind", at_s=0.1, for_s=5.0))
    client.run(T0 + 1 * S)
    client.create(orderLinkId="new")
    assert client.get("/v5/order/realtime", "category=spot&orderLinkId=new")["result"]["list"] == []
    cancel = {"category": "spot", "symbol": "BTCUSDT", "orderLinkId": "new"}
    assert client.post("/v5/order/cancel", cancel)["retCode"] == 0
    assert client.get("/v5/order/history")["result"]["list"] == []
    client.run(T0 + 7 * S)
    assert len(client.get("/v5/order/history")["result"]["list"]) == 1


@pytest.mark.parametrize(
    "text",
    [
        "not json",
        "[]",
        "1",
        '{"op":["x"]}',
        '{"op":"subscribe","args":{"a":1}}',
        '{"op":"auth","args":["k","\u00b2","s"]}',
        '{"op":"order.create","args":[1]}',
        '{"op":"subscribe","args":[["order"]]}',
        '{"op":"unsubscribe","args":["order"]}',
    ],
)
@pytest.mark.parametrize("path", ["/v5/public/spot", "/v5/private", "/v5/trade"])
def test_nonsense_is_answered(path: str, text: str) -> None:
    """Whatever a client sends, the venue stays up and says one thing."""
    client = Client()
    conn = client.open(path)
    for authed in (False, True):
        client.world.frame(conn, text, client.now_ns)
        client.outs = client.world.drain()
        assert len(client.heard(conn)) == 1
        if authed or path == "/v5/public/spot":
            break
        client.auth(conn)
    missing = client.raw("GET", "/v5/market/orderbook", "category=spot&symbol=BTCUSDT&limit=" + "9" * 30, {})
    assert missing is not None
    assert json.loads(missing.body)["retCode"] == 10001
    assert client.post("/v5/order/create", [1])["retCode"] == 10001  # type: ignore[arg-type]  # not an object


def test_private_topics_do_not_mix() -> None:
    """All-in-one topics and categorised ones do not go into one request."""
    client = Client()
    conn = client.open("/v5/private")
    client.auth(conn)
    assert not client.say(conn, op="subscribe", args=["order", "execution.spot"])[0]["success"]
    assert not client.say(conn, op="subscribe", args=["order.linear"])[0]["success"]
    assert client.say(conn, op="subscribe", args=["order.spot", "wallet"])[0]["success"]
    (pong,) = client.say(conn, req_id="t", op="ping")
    assert pong == {"req_id": "t", "op": "pong", "args": [str(T0 // MS)], "conn_id": "sim000001-pr"}


def test_silent_private_sockets_are_cut() -> None:
    """10 minutes without a ping or a push, or max_active_time; a ping keeps it open."""
    client = Client()
    quick, slow = client.open("/v5/private?max_active_time=30s"), client.open("/v5/trade")
    closed = [out.conn for out in client.run(T0 + 61 * S) if isinstance(out, Close)]
    assert closed == [quick]
    (pong,) = client.say(slow, op="ping")
    assert pong == {
        "retCode": 0,
        "retMsg": "OK",
        "op": "pong",
        "data": [str(client.now_ns // MS)],
        "connId": "sim000002-tr",
    }


# --- account and market ---------------------------------------------------------------------------------------------


def test_account_and_assets() -> None:
    """Wallet with what orders hold, own rates, and deposits and withdrawals by chain."""
    client = Client()
    client.create()
    (wallet,) = client.get("/v5/account/wallet-balance", "accountType=UNIFIED")["result"]["list"]
    coins = {row["coin"]: row for row in wallet["coin"]}
    assert (coins["USDT"]["walletBalance"], coins["USDT"]["locked"]) == ("200000", "600")
    assert client.get("/v5/account/wallet-balance", "accountType=SPOT")["retCode"] == 10001
    (rate,) = client.get("/v5/account/fee-rate", "category=spot&symbol=BTCUSDT")["result"]["list"]
    assert rate == {"symbol": "BTCUSDT", "takerFeeRate": "0.001", "makerFeeRate": "0.001"}
    client.exchange.immovable["BTC"] = (False, True)
    (row,) = client.get("/v5/asset/coin/query-info", "coin=BTC")["result"]["rows"]
    assert (row["chains"][0]["chainDeposit"], row["chains"][0]["chainWithdraw"]) == ("0", "1")


def test_what_a_key_may_do() -> None:
    """v5/user/apikey-info: permissions, addresses and expiry; 10005 for an order of a key that only reads."""
    client = Client()
    row = client.get("/v5/user/query-api", "")["result"]
    assert (row["readOnly"], row["permissions"]["Spot"], row["ips"], row["uta"]) == (0, ["SpotTrade"], ["*"], 1)
    assert row["expiredAt"] > "2026"
    settings = client.exchange.accounts["main"].settings
    for change in ({"readOnly": 1}, {"permissions": {"Spot": []}}):
        settings.clear()
        settings |= change
        shown = client.get("/v5/user/query-api", "")["result"]
        assert {name: shown[name] for name in change} == change
        assert client.create()["retCode"] == 10005
        assert client.get("/v5/order/realtime")["retCode"] == 0
    settings["marginMode"] = "PORTFOLIO_MARGIN"
    assert client.get("/v5/account/info", "")["result"]["marginMode"] == "PORTFOLIO_MARGIN"
    rows = client.get("/v5/account/fee-rate")["result"]["list"]
    assert [row["symbol"] for row in rows] == ["BTCUSDT", "ETHUSDT"]


def test_market_calls() -> None:
    """Time, and instruments: what cannot be traded is not listed, for spot knows no other status."""
    client = Client()
    time = client.public("/v5/market/time", "")
    assert (time["result"]["timeNano"], time["time"]) == (str(T0), T0 // MS)
    rows = client.public("/v5/market/instruments-info")["result"]["list"]
    assert [(r["symbol"], r["priceFilter"]["tickSize"], r["lotSizeFilter"]["basePrecision"]) for r in rows] == [
        ("BTCUSDT", "0.1", "0.000001"),
        ("ETHUSDT", "0.01", "0.00001"),
    ]
    client.exchange.halted["BTC-USDT"] = "maintenance"
    rows = client.public("/v5/market/instruments-info")["result"]["list"]
    assert [row["symbol"] for row in rows] == ["ETHUSDT"]
    assert client.create()["retCode"] == 170151
    tops = client.public("/v5/market/tickers", "category=spot&symbol=BTCUSDT")["result"]["list"]
    assert float(tops[0]["bid1Price"]) < float(tops[0]["ask1Price"])


# --- what the venue refuses, and what it serves besides --------------------------------------------------------------


def test_prices_out_of_the_limits() -> None:
    """v5/market/order-price-limit: a buy above ``buyLmt`` is 170372, a sell below ``sellLmt`` 170371."""
    client = Client()
    row = client.public("/v5/market/price-limit", "category=spot&symbol=BTCUSDT")["result"]
    buy, sell, tick = Decimal(row["buyLmt"]), Decimal(row["sellLmt"]), Decimal("0.1")
    assert sell < client.ask() < buy
    for side, price, code in (
        ("Buy", buy + tick, 170372),
        ("Sell", sell - tick, 170371),
        ("Buy", buy, 0),
        ("Sell", sell, 0),
        ("Buy", sell - tick, 0),
    ):
        assert client.create(side=side, price=str(price), timeInForce="IOC")["retCode"] == code


def test_other_categories_are_empty_and_position_is_silent() -> None:
    """A client of all categories finds no orders, fills or positions outside spot; it may subscribe positions."""
    client = Client()
    client.create()
    for path in ("/v5/order/realtime", "/v5/order/history", "/v5/execution/list", "/v5/position/list"):
        result = client.get(path, "category=linear")["result"]
        assert result == {"category": "linear", "list": [], "nextPageCursor": ""}
    assert client.get("/v5/order/realtime", "category=cash")["retCode"] == 10001
    conn = client.private("position", "order", "wallet")
    client.create()
    assert {frame["topic"] for frame in client.heard(conn)} == {"order", "wallet"}


def test_taxes_are_extra_fees() -> None:
    """v5/order/execution ``extraFees``: a tax beside the fee, off the received coin; the wallet has what is left."""
    client = Client()
    client.exchange.accounts["main"].extra_fee = Decimal("0.002")
    events = client.private("execution", "wallet")
    client.create(price=str(client.ask() + 5), timeInForce="IOC")
    frames = client.heard(events)
    fills = [row for frame in frames if frame["topic"] == "execution" for row in frame["data"]]
    taxes = [json.loads(row["extraFees"])[0] for row in fills]
    assert {(tax["feeCoin"], tax["feeRate"]) for tax in taxes} == {("BTC", "0.002")}
    assert sum(Decimal(tax["fee"]) for tax in taxes) == Decimal("0.01") * Decimal("0.002")
    fees = sum(Decimal(row["execFee"]) for row in fills)
    (coin,) = [row for row in frames[-1]["data"][0]["coin"] if row["coin"] == "BTC"]
    assert Decimal(coin["walletBalance"]) == Decimal("3.01") - fees - Decimal("0.00002")
    assert client.world.ledger()["bybit"]["conserved"]


def test_fees_in_another_coin() -> None:
    """``feeCurrency`` MNT: the fee is taken in that coin at its price while there is enough of it, else as usual."""
    client = Client()
    main = client.exchange.accounts["main"]
    main.fee_asset = "ETH"
    free = client.exchange.ledger.free("main", "ETH")

    def fills() -> list[Any]:
        taken = client.create(price=str(client.ask() + 5), timeInForce="IOC")["result"]["orderId"]
        rows = client.get("/v5/execution/list", f"category=spot&orderId={taken}")["result"]["list"]
        assert sum(Decimal(row["execQty"]) for row in rows) == Decimal("0.01")
        return list(rows)

    rows = fills()
    assert {row["feeCurrency"] for row in rows} == {"ETH"}
    paid = sum(Decimal(row["execFee"]) for row in rows)
    assert client.exchange.ledger.free("main", "ETH") == free - int(paid * 10**12)
    prices = [
        Decimal(client.exchange.books[s].top()[0]) * client.exchange.pairs[s].tick for s in ("BTC-USDT", "ETH-USDT")
    ]
    assert abs(paid / (Decimal("0.00001") * prices[0] / prices[1]) - 1) < Decimal("0.001")
    main.fee_asset = "MNT"  # has none
    assert {row["feeCurrency"] for row in fills()} == {"BTC"}


def test_values_in_dollars_and_margin_in_use() -> None:
    """Wallet: values are numbers; ``totalAvailableBalance`` is without what derivatives hold."""
    client = Client()
    client.exchange.accounts["main"].settings["marginInUse"] = "1000"
    (row,) = client.get("/v5/account/wallet-balance", "accountType=UNIFIED")["result"]["list"]
    total = sum(Decimal(coin["usdValue"]) for coin in row["coin"])
    assert total == Decimal(row["totalEquity"]) > 300_000
    assert Decimal(row["totalAvailableBalance"]) == total - 1000


def test_batches_of_cancels_and_recent_trades() -> None:
    """v5/order/batch-cancel: code by code. v5/market/recent-trade: the trades of the stream, newest first."""
    client = Client()
    conn = client.open("/v5/public/spot")
    client.say(conn, op="subscribe", args=["publicTrade.BTCUSDT", "tickers.BTCUSDT"])
    client.create(orderLinkId="a")
    request = [{"symbol": "BTCUSDT", "orderLinkId": name} for name in ("a", "b")]
    reply = client.post("/v5/order/cancel-batch", {"category": "spot", "request": request})
    assert [note["code"] for note in reply["retExtInfo"]["list"]] == [0, 170213]
    client.run(T0 + 30 * S)
    frames = client.heard(conn)
    trades = [row for frame in frames if frame["topic"] == "publicTrade.BTCUSDT" for row in frame["data"]]
    rest = client.public("/v5/market/recent-trade", "category=spot&symbol=BTCUSDT")["result"]["list"]
    assert [(row["execId"], row["price"], row["size"], row["side"]) for row in rest] == [
        (row["i"], row["p"], row["v"], row["S"]) for row in reversed(trades)
    ][:60]
    assert [frame for frame in frames if frame["topic"] != "publicTrade.BTCUSDT"][-1]["data"]["lastPrice"] == rest[0][
        "price"
    ]


def test_candles_are_those_of_the_trades() -> None:
    """v5/market/kline and the kline topic tell what publicTrade told, newest first; another interval is refused."""
    client = Client()
    conn = client.open("/v5/public/spot")
    client.say(conn, op="subscribe", args=["publicTrade.BTCUSDT", "kline.1.BTCUSDT"])
    client.run(T0 + 90 * S)
    frames = client.heard(conn)
    minutes: dict[int, list[Any]] = {}
    for frame in frames:
        for trade in frame["data"] if frame["topic"] == "publicTrade.BTCUSDT" else ():
            minutes.setdefault(trade["T"] // 60_000 * 60_000, []).append(trade)
    assert len(minutes) == 3
    wanted = []
    for start, trades in minutes.items():
        prices, sizes = [Decimal(t["p"]) for t in trades], [Decimal(t["v"]) for t in trades]
        value = sum(px * size for px, size in zip(prices, sizes, strict=True))
        wanted.append((start, prices[0], max(prices), min(prices), prices[-1], sum(sizes), value))
    rows = client.public("/v5/market/kline", "category=spot&symbol=BTCUSDT&interval=1")["result"]["list"]
    assert [tuple(map(Decimal, row)) for row in rows] == wanted[::-1]
    newest = client.public("/v5/market/kline", "category=spot&symbol=BTCUSDT&interval=1&limit=1")["result"]["list"]
    assert newest == rows[:1]
    told = [row for frame in frames if frame["topic"] == "kline.1.BTCUSDT" for row in frame["data"] if row["confirm"]]
    assert [(row["start"], Decimal(row["close"]), Decimal(row["volume"])) for row in told] == [
        (row[0], row[4], row[5]) for row in wanted[:-1]
    ]
    assert client.public("/v5/market/kline", "category=spot&symbol=BTCUSDT&interval=7")["retCode"] == 10001
    assert not client.say(conn, op="subscribe", args=["kline.7.BTCUSDT"])[0]["success"]
