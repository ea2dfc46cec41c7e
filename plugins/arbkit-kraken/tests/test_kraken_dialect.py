"""The simulated Kraken keeps the venue's rules: signatures, tokens, checksums, order states, texts and limits."""

from __future__ import annotations

import base64
import hmac
import json
from decimal import Decimal
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode
from zlib import crc32

import pytest
from arbkit_kraken.dialect import KrakenDialect

from arbkit.sim.market import Divergence
from arbkit.sim.wire import Answer, Close, Request, SimFrame
from arbkit.sim.world import World

T0 = 1_780_000_000_000_000_000
S = 10**9
BUY = {"pair": "XBTUSDT", "type": "buy", "ordertype": "limit", "volume": "0.01", "price": "50000"}
ADD = {"order_type": "limit", "side": "buy", "symbol": "BTC/USDT", "order_qty": 0.01, "limit_price": 50000}


class Client:
    """One client of a simulated Kraken, in virtual time that stands still unless moved."""

    def __init__(self) -> None:
        self.world = World([KrakenDialect], seed=1, start_ns=T0, divergence=Divergence(noise=0))
        self.exchange = self.world.sites["kraken"].exchange
        self.main = self.exchange.accounts["main"]
        self.now_ns = T0
        self.ref = self.nonce = 0
        self.held: list[Any] = []

    def raw(self, request: Request) -> Any:
        self.ref += 1
        self.world.http("kraken", request, self.ref, self.now_ns)
        for out in self.world.drain():
            if isinstance(out, Answer) and out.ref == self.ref:
                return out.reply
            self.held.append(out)
        raise AssertionError("no answer")

    def get(self, name: str, query: str = "") -> Any:
        return json.loads(self.raw(Request("GET", f"/0/public/{name}", query)).body)

    def post(self, name: str, *, secret: str = "", nonce: Any = None, key: str = "", **params: Any) -> Any:
        self.nonce += 1
        number = self.nonce if nonce is None else nonce
        path, body = f"/0/private/{name}", urlencode({"nonce": number} | params).encode()
        payload = path.encode() + sha256(f"{number}".encode() + body).digest()
        made = hmac.digest(base64.b64decode(secret or self.main.secret), payload, "sha512")
        headers = {"api-key": key or self.main.key, "api-sign": base64.b64encode(made).decode()}
        return json.loads(self.raw(Request("POST", path, "", headers, body)).body)

    def ok(self, name: str, **params: Any) -> Any:
        answer = self.post(name, **params)
        assert answer["error"] == []
        return answer["result"]

    def error(self, name: str, **params: Any) -> str:
        (text,) = self.post(name, **params)["error"]
        return str(text)

    def connect(self, path: str = "/v2") -> int:
        conn, refused = self.world.connect("kraken", path, {}, self.now_ns)
        assert refused is None
        return int(conn)

    def tell(self, conn: int, text: Any) -> list[Any]:
        self.world.frame(conn, text if isinstance(text, str) else json.dumps(text), self.now_ns)
        return self.frames()

    def frames(self) -> list[Any]:
        outs, self.held = [*self.held, *self.world.drain()], []
        return [json.loads(out.text) if isinstance(out, SimFrame) else out for out in outs]

    def wait(self, seconds: float) -> list[Any]:
        end_ns, found = self.now_ns + int(seconds * S), []
        while self.now_ns < end_ns:
            self.now_ns = min(end_ns, max(self.now_ns + 1, self.world.due_ns))
            self.world.tick(self.now_ns)
            found += self.frames()
        return found

    def private(self, channel: str = "executions", **more: Any) -> tuple[int, str, list[Any]]:
        conn, token = self.connect("/auth/v2"), self.ok("GetWebSocketsToken")["token"]
        self.frames()
        params = {"channel": channel, "token": token, **more}
        return conn, token, self.tell(conn, {"method": "subscribe", "params": params, "req_id": 5})


# --- REST ---


def test_who_may_call() -> None:
    """The secret is base64, the digest is of nonce and body; a nonce must rise."""
    client = Client()
    assert client.ok("BalanceEx")["USDT"] == {
        "balance": "200000",
        "credit": "0.0000",
        "credit_used": "0.0000",
        "hold_trade": "0",
    }
    assert client.error("BalanceEx", key="nobody") == "EAPI:Invalid key"
    assert client.error("BalanceEx", secret="AAAA" + client.main.secret) == "EAPI:Invalid signature"
    assert client.error("BalanceEx", nonce=1) == "EAPI:Invalid nonce"
    assert client.error("BalanceEx", nonce="soon") == "EAPI:Invalid nonce"
    assert client.error("Teleport") == "EGeneral:Unknown method"
    assert client.get("Teleport")["error"] == ["EGeneral:Unknown method"]


def test_permissions() -> None:
    """Each call needs its own; the key's are told."""
    client = Client()
    client.main.settings["permissions"] = ["query-funds"]
    assert client.ok("GetApiKeyInfo")["permissions"] == ["query-funds"]
    assert client.ok("TradeVolume", pair="XBTUSDT")["fees"]["XBTUSDT"]["fee"] == "0.200"
    for name in ("OpenOrders", "TradesHistory", "GetWebSocketsToken"):
        assert client.error(name) == "EGeneral:Permission denied"
    assert client.error("AddOrder", **BUY) == "EGeneral:Permission denied"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"volume": "9"}, "EOrder:Insufficient funds"),
        ({"price": "50000.05"}, "EOrder:Tick size check failed"),
        ({"volume": "0.000001"}, "EOrder:Order minimum not met"),
        ({"volume": "0.00001", "price": "50"}, "EOrder:Cost minimum not met"),
        ({"volume": "0.010000001"}, "EGeneral:Invalid arguments:volume"),
        ({"volume": "much"}, "EGeneral:Invalid arguments:volume"),
        ({"price": ""}, "EGeneral:Invalid arguments:price"),
        ({"type": "borrow"}, "EGeneral:Invalid arguments:type"),
        ({"pair": "NOPAIR"}, "EQuery:Unknown asset pair"),
        ({"oflags": "post", "price": "90000"}, "EOrder:Post only order"),
        ({"cl_ord_id": "x" * 19}, "EGeneral:Invalid arguments:cl_ord_id"),
        ({"deadline": "2026-05-28T20:26:41.000Z"}, "EGeneral:Invalid arguments:deadline"),
        ({"deadline": "2026-05-28T20:28:41.000Z"}, "EGeneral:Invalid arguments:deadline"),
        ({"deadline": "2026-05-28T20:26:39.000Z"}, "EService:Deadline elapsed"),
        ({"deadline": "soon"}, "EGeneral:Invalid arguments:deadline"),
    ],
)
def test_an_order_that_is_refused_leaves_nothing(change: dict[str, str], text: str) -> None:
    """The texts of the page "spot-errors"."""
    client = Client()
    assert client.error("AddOrder", **(BUY | change)) == text
    assert client.ok("OpenOrders") == {"open": {}}


def test_a_halted_pair_takes_no_order() -> None:
    client = Client()
    client.exchange.halted["BTC-USDT"] = "test"
    assert client.error("AddOrder", **BUY) == "EService:Market in cancel_only mode"
    assert client.get("AssetPairs")["result"]["XBTUSDT"]["status"] == "cancel_only"


def test_the_life_of_an_order_over_rest() -> None:
    """Found by our id among the open and then among the closed orders, by Kraken's id always."""
    client = Client()
    (txid,) = client.ok("AddOrder", **BUY, cl_ord_id="mine")["txid"]
    assert client.error("AddOrder", **BUY, cl_ord_id="mine") == "EGeneral:Invalid arguments:cl_ord_id not unique"
    (row,) = client.ok("OpenOrders", cl_ord_id="mine")["open"].values()
    assert (row["status"], row["vol"], row["descr"]["pair"], row["cl_ord_id"]) == ("open", "0.01", "XBTUSDT", "mine")
    assert client.ok("OpenOrders", cl_ord_id="other") == {"open": {}}
    assert client.ok("BalanceEx")["USDT"]["hold_trade"] == "500"
    assert client.ok("CancelOrder", cl_ord_id="mine") == {"count": 1}
    assert client.error("CancelOrder", txid=txid) == "EOrder:Unknown order"
    assert client.ok("OpenOrders")["open"] == {}
    (row,) = client.ok("ClosedOrders", cl_ord_id="mine")["closed"].values()
    assert (row["status"], row["reason"]) == ("canceled", "User requested")
    assert client.ok("QueryOrders", txid=txid)[txid]["status"] == "canceled"
    assert client.error("QueryOrders", txid="123") == "EOrder:Unknown order"
    assert client.ok("AddOrder", **BUY, validate="true").keys() == {"descr"}
    client.ok("AddOrder", **BUY, cl_ord_id="mine")  # an id may be used again


def test_fees_are_paid_in_the_quote_asset() -> None:
    client = Client()
    client.ok("AddOrder", **(BUY | {"price": "90000", "timeinforce": "IOC"}))
    trades = client.ok("TradesHistory")["trades"].values()
    cost, fee = (sum(Decimal(row[name]) for row in trades) for name in ("cost", "fee"))
    assert fee == pytest.approx(cost * Decimal("0.002"), abs=Decimal("1e-9"))
    money = client.ok("Balance")
    assert Decimal(money["XXBT"]) == Decimal("3.01")
    assert Decimal(money["USDT"]) == 200_000 - cost - fee


def test_pages_of_trades() -> None:
    """50 a page, newest first, by offset."""
    client = Client()
    for _ in range(55):
        client.wait(2)
        client.ok("AddOrder", **(BUY | {"price": "90000", "volume": "0.00002", "timeinforce": "IOC"}))
    client.wait(60)
    every = len(client.exchange.fills_of("main"))
    pages = [list(client.ok("TradesHistory", ofs=at)["trades"].values()) for at in (0, 50)]
    assert [len(page) for page in pages] == [50, every - 50]
    numbers = [row["trade_id"] for page in pages for row in page]
    assert numbers == sorted(numbers, reverse=True)
    times = [row["time"] for page in pages for row in page]
    client.wait(60)
    assert len(client.ok("TradesHistory", start=int(times[0]) + 1)["trades"]) == 0


def test_the_call_counter() -> None:
    """20, less one in two seconds; a list of trades counts four; orders do not count."""
    client = Client()
    for _ in range(4):
        client.ok("TradesHistory")
    for _ in range(4):
        client.ok("BalanceEx")
    assert client.error("BalanceEx") == "EAPI:Rate limit exceeded"
    client.ok("AddOrder", **BUY)
    client.wait(2.1)
    client.ok("BalanceEx")
    assert client.error("BalanceEx") == "EAPI:Rate limit exceeded"


def test_the_trading_counter() -> None:
    """60 a pair, less one a second: an order counts one, a cancel by the order's age."""
    client = Client()
    conn, token, _ = client.private()

    def send(method: str, **params: Any) -> Any:
        frames = client.tell(conn, {"method": method, "params": {**params, "token": token}})
        return next(one for one in frames if one.get("method") == method)

    for _ in range(6):
        order_id = send("add_order", **ADD)["result"]["order_id"]
        assert send("cancel_order", order_id=[order_id])["success"]
    assert [send("add_order", **ADD)["success"] for _ in range(6)] == [True] * 6
    assert send("add_order", **ADD)["error"] == "EOrder:Rate limit exceeded"
    assert send("add_order", **(ADD | {"symbol": "ETH/USDT", "limit_price": 1000}))["success"]
    assert client.error("AddOrder", **BUY) == "EOrder:Rate limit exceeded"
    client.wait(310)
    assert client.ok("CancelAll")["count"] == 7


# --- sockets ---


def test_the_first_message_and_heartbeats() -> None:
    """A heartbeat a second once something is subscribed; an idle connection is closed after a minute."""
    client = Client()
    conn = client.connect()
    (status,) = client.frames()
    assert (status["channel"], status["data"][0]["system"]) == ("status", "online")
    client.tell(conn, {"method": "subscribe", "params": {"channel": "instrument", "snapshot": False}})
    beats = [one for one in client.wait(10) if one == {"channel": "heartbeat"}]
    assert 8 <= len(beats) <= 11
    client.connect()
    closed = [one for one in client.wait(61) if isinstance(one, Close)]
    assert len(closed) == 1


def test_ping() -> None:
    client = Client()
    conn = client.connect()
    client.frames()
    (pong,) = client.tell(conn, {"method": "ping", "req_id": 99})
    assert (pong["method"], pong["req_id"], pong["time_in"]) == ("pong", 99, "2026-05-28T20:26:40.000000Z")


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"channel": "book", "symbol": ["XBT/USDT"]}, "Currency pair not supported XBT/USDT"),
        ({"channel": "book", "symbol": ["BTC/USDT"], "depth": 50}, "Book depth not supported"),
        ({"channel": "book"}, "Symbol(s) not found"),
        ({"channel": "weather"}, "Channel not supported weather"),
        ({"channel": "executions", "token": "x"}, "Private data and trading are unavailable on this endpoint"),
    ],
)
def test_refused_subscriptions(params: dict[str, Any], text: str) -> None:
    client = Client()
    conn = client.connect()
    client.frames()
    (answer,) = client.tell(conn, {"method": "subscribe", "params": params, "req_id": 3})
    assert (answer["success"], answer["error"], answer["req_id"]) == (False, text, 3)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"method":5}', '{"params":{}}', '{"method":"fly"}'])
def test_garbage_is_answered(text: str) -> None:
    client = Client()
    conn = client.connect()
    client.frames()
    (answer,) = client.tell(conn, text)
    assert answer["success"] is False


def test_one_answer_for_each_symbol() -> None:
    client = Client()
    conn = client.connect()
    client.frames()
    params = {"channel": "book", "symbol": ["BTC/USDT", "NO/USDT", "ETH/USDT"]}
    frames = client.tell(conn, {"method": "subscribe", "params": params, "req_id": 3})
    answers = [one for one in frames if one.get("method") == "subscribe"]
    assert [one["success"] for one in answers] == [True, False, True]
    again = client.tell(conn, {"method": "subscribe", "params": {"channel": "book", "symbol": ["BTC/USDT"]}})
    assert again[0]["error"] == "Already subscribed"


def test_a_client_that_keeps_ten_levels_has_every_checksum() -> None:
    """Written after the guide "spot-ws-book-v2", with the text of the numbers; the book is the venue's at the end."""
    client = Client()
    conn = client.connect()
    client.frames()
    params = {"channel": "book", "symbol": ["BTC/USDT"], "depth": 10}
    texts: list[str] = []
    client.world.frame(conn, json.dumps({"method": "subscribe", "params": params}), client.now_ns)
    texts += [out.text for out in client.world.drain() if isinstance(out, SimFrame)]
    for _ in range(600):
        client.now_ns += S // 20
        client.world.tick(client.now_ns)
        texts += [out.text for out in client.world.drain() if isinstance(out, SimFrame)]
    sides: dict[str, dict[Decimal, tuple[str, str]]] = {"bids": {}, "asks": {}}
    pushes, cut = 0, 0
    for frame in (json.loads(text, parse_float=str, parse_int=str) for text in texts):
        if frame.get("channel") != "book":
            continue
        row = frame["data"][0]
        for name, book in sides.items():
            if frame["type"] == "snapshot":
                book.clear()
            for level in row[name]:
                if Decimal(level["qty"]):
                    book[Decimal(level["price"])] = level["price"], level["qty"]
                else:
                    book.pop(Decimal(level["price"]))  # nothing that the client does not have is deleted
            for px in sorted(book, reverse=name == "bids")[10:]:
                del book[px]
                cut += 1
        words = [
            w
            for name in ("asks", "bids")
            for px in sorted(sides[name], reverse=name == "bids")
            for w in sides[name][px]
        ]
        digits = "".join(word.replace(".", "").lstrip("0") for word in words)
        assert crc32(digits.encode()) == int(row["checksum"])
        pushes += 1
    assert pushes > 50
    assert cut > 5
    pair, (bids, _) = client.exchange.pairs["BTC-USDT"], client.exchange.books["BTC-USDT"].depth(10)
    assert sorted(sides["bids"], reverse=True) == [Decimal(pair.px_text(px)) for px, _ in bids]


def test_a_token_is_for_fifteen_minutes_unless_it_is_used() -> None:
    client = Client()
    conn, token, _ = client.private("balances", snapshot=False)
    unused = client.ok("GetWebSocketsToken")
    assert unused["expires"] == 900
    client.wait(901)
    (taken, *_) = client.tell(conn, {"method": "add_order", "params": {**ADD, "token": token}})
    assert taken["success"]
    late = client.connect("/auth/v2")
    client.frames()
    params = {"channel": "executions", "token": unused["token"]}
    (refused,) = client.tell(late, {"method": "subscribe", "params": params})
    assert refused["error"] == "ESession:Invalid session"
    (refused,) = client.tell(late, {"method": "add_order", "params": {**ADD, "token": "nobody's"}})
    assert refused["error"] == "ESession:Invalid session"


def test_reports_are_numbered_and_only_the_first_is_whole() -> None:
    client = Client()
    conn, token, frames = client.private()
    assert [one.get("method") or (one["type"], one["sequence"]) for one in frames] == ["subscribe", ("snapshot", 1)]
    order = {**ADD, "limit_price": 90000, "time_in_force": "ioc", "cl_ord_id": "mine", "token": token}
    answer, *pushes = client.tell(conn, {"method": "add_order", "params": order, "req_id": 8})
    assert (answer["success"], answer["req_id"], answer["result"]["cl_ord_id"]) == (True, 8, "mine")
    assert [one["sequence"] for one in pushes] == list(range(2, 2 + len(pushes)))
    rows = [one["data"][0] for one in pushes]
    kinds = [row["exec_type"] for row in rows]
    assert kinds == ["pending_new", "new", *["trade"] * (len(rows) - 3), "filled"]
    assert [row for row in rows if "cl_ord_id" in row] == rows[:1]
    assert rows[-1]["order_status"] == "filled"
    assert sum(Decimal(str(row.get("last_qty", 0))) for row in rows) == Decimal("0.01")
    assert all(row["fees"][0]["asset"] == "USDT" for row in rows if row["exec_type"] == "trade")


def test_who_ended_it() -> None:
    """An IOC has no reason; a cancel has; each cancel is answered alone."""
    client = Client()
    conn, token, _ = client.private()
    ioc = {**ADD, "time_in_force": "ioc", "token": token}
    *_, last = client.tell(conn, {"method": "add_order", "params": ioc})
    assert (last["data"][0]["exec_type"], last["data"][0].get("reason")) == ("canceled", None)
    client.tell(conn, {"method": "add_order", "params": {**ADD, "cl_ord_id": "mine", "token": token}})
    params = {"cl_ord_id": ["mine", "nobody"], "token": token}
    first, second, push = client.tell(conn, {"method": "cancel_order", "params": params, "req_id": 4})
    assert (first["success"], first["result"]["cl_ord_id"]) == (True, "mine")
    assert (second["success"], second["error"]) == (False, "EOrder:Unknown order")
    assert push["data"][0]["reason"] == "User requested"


def test_balances_tell_ledger_entries_only() -> None:
    """What an order locks is no entry."""
    client = Client()
    conn, token, frames = client.private("balances")
    assert {row["asset"] for row in frames[1]["data"]} >= {"BTC", "USDT"}
    client.ok("AddOrder", **BUY)
    assert client.frames() == []
    client.ok("AddOrder", **(BUY | {"price": "90000", "timeinforce": "IOC"}))
    rows = [row for one in client.frames() for row in one["data"]]
    assert {row["asset"] for row in rows} == {"BTC", "USDT"}
    assert rows[-1]["wallet_type"] == "spot"
    assert conn
    assert token
