"""Faults of a script that a venue performs: what a client of the venue sees, in the venue's own words."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode

import pytest
from arbkit_binance.dialect import BinanceDialect
from arbkit_bybit.dialect import BybitDialect
from arbkit_okx.dialect import OkxDialect

from arbkit.core.types import OrdStatus
from arbkit.sim.faults import Fault, FaultKind
from arbkit.sim.market import Divergence
from arbkit.sim.venue import SimExchange
from arbkit.sim.wire import Answer, Close, Reply, Request, SimFrame
from arbkit.sim.world import World

T0 = 1_780_000_000_000_000_000
MS = 1_000_000
S = 1_000 * MS
VENUES = ("binance", "okx", "bybit")
_BOOKS = {
    "binance": ("/stream", {"method": "SUBSCRIBE", "params": ["btcusdt@depth@100ms"], "id": 1}),
    "okx": ("/ws/v5/public", {"op": "subscribe", "args": [{"channel": "books", "instId": "BTC-USDT"}]}),
    "bybit": ("/v5/public/spot", {"op": "subscribe", "args": ["orderbook.50.BTCUSDT"]}),
}


class Venues:
    """One client of the three venues. Time moves by ``run`` only."""

    def __init__(self, kind: FaultKind, **fields: Any) -> None:
        fault = Fault(kind=kind, **fields)
        dialects = [BinanceDialect, OkxDialect, BybitDialect]
        self.world = World(dialects, seed=1, start_ns=T0, faults=[fault], divergence=Divergence(noise=0))
        self.now_ns, self.ref = T0, 0

    def exchange(self, venue: str) -> SimExchange:
        return self.world.sites[venue].exchange

    def run(self, seconds: float) -> list[Any]:
        """Let time pass; all that was sent."""
        until, outs = self.now_ns + round(seconds * S), self.world.drain()
        while (due_ns := self.world.due_ns) <= until:
            self.now_ns = max(self.now_ns, due_ns)
            self.world.tick(self.now_ns)
            outs += self.world.drain()
        self.now_ns = until
        return outs

    def http(self, venue: str, method: str, path: str, params: dict[str, str], sign: bool = True) -> Reply:
        """A request as the venue wants it signed. The venue's clock may be wrong: the client's is not."""
        main = self.exchange(venue).accounts["main"]
        query, body = urlencode(params), ""
        now_ms, headers = str(self.now_ns // MS), {"content-type": "application/json"}
        if method == "POST" and venue != "binance":
            query, body = "", json.dumps(params)
        if venue == "binance" and sign:
            query = f"{query}&timestamp={now_ms}"
            query += f"&signature={hmac.new(main.secret.encode(), query.encode(), 'sha256').hexdigest()}"
            headers["x-mbx-apikey"] = main.key
        elif venue == "bybit":
            text = f"{now_ms}{main.key}5000{query or body}"
            sign_text = hmac.new(main.secret.encode(), text.encode(), "sha256").hexdigest()
            headers |= {"x-bapi-api-key": main.key, "x-bapi-timestamp": now_ms, "x-bapi-recv-window": "5000"}
            headers["x-bapi-sign"] = sign_text
        elif venue == "okx":
            stamp = datetime.fromtimestamp(self.now_ns / S, UTC).isoformat(timespec="milliseconds")[:23] + "Z"
            text = f"{stamp}{method}{path}{'?' + query if query else ''}{body}"
            digest = base64.b64encode(hmac.digest(main.secret.encode(), text.encode(), "sha256")).decode()
            headers |= {"ok-access-key": main.key, "ok-access-passphrase": main.passphrase}
            headers |= {"ok-access-timestamp": stamp, "ok-access-sign": digest}
        self.ref += 1
        self.world.http(venue, Request(method, path, query, headers, body.encode()), self.ref, self.now_ns)
        (reply,) = [o.reply for o in self.world.drain() if isinstance(o, Answer) and o.ref == self.ref]
        assert reply is not None
        return reply

    def order(self, venue: str, px: str = "61000", symbol: str = "BTC-USDT", **more: str) -> Reply:
        """A limit order; in the venue's own words."""
        name = symbol.replace("-", "")
        if venue == "binance":
            order = {
                "symbol": name,
                "side": "BUY",
                "type": "LIMIT",
                "timeInForce": "GTC",
                "quantity": "0.01",
                "price": px,
            }
            return self.http(venue, "POST", "/api/v3/order", order | more)
        if venue == "okx":
            order = {"instId": symbol, "tdMode": "cash", "side": "buy", "ordType": "limit", "sz": "0.01", "px": px}
            return self.http(venue, "POST", "/api/v5/trade/order", order | more)
        order = {"category": "spot", "symbol": name, "side": "Buy", "orderType": "Limit", "qty": "0.01", "price": px}
        return self.http(venue, "POST", "/v5/order/create", order | more)

    def code(self, reply: Reply) -> str:
        """The venue's code in a reply; "0" where all is well."""
        body = json.loads(reply.body)
        row = body["data"][0] if body.get("data") else {}
        return str(row.get("sCode") or body.get("code") or body.get("retCode") or 0)

    def book(self, venue: str) -> tuple[int, list[Any]]:
        """A subscription of the book; the connection and what came at once."""
        target, message = _BOOKS[venue]
        conn, refused = self.world.connect(venue, target, {}, self.now_ns)
        assert refused is None
        self.world.frame(conn, json.dumps(message), self.now_ns)
        return conn, [json.loads(o.text) for o in self.world.drain() if isinstance(o, SimFrame) and o.conn == conn]


def of(outs: Sequence[Any], conn: int) -> list[Any]:
    return [json.loads(out.text) for out in outs if isinstance(out, SimFrame) and out.conn == conn]


@pytest.mark.parametrize(("venue", "status"), [("binance", 418), ("okx", 403), ("bybit", 403)])
def test_a_ban_lasts_minutes(venue: str, status: int) -> None:
    """``ban``: requests and handshakes are refused; Binance tells until when, in a header and in the text."""
    venues = Venues("ban", for_s=180)
    venues.run(1)
    reply = venues.order(venue)
    assert reply.status == status
    if venue == "binance":
        assert int(reply.headers["retry-after"]) in (179, 180)
        assert str((T0 + 180 * S) // MS)[:9] in json.loads(reply.body)["msg"]
    refused = venues.world.connect(venue, _BOOKS[venue][0], {}, venues.now_ns)[1]
    assert refused is not None
    assert not venues.exchange(venue).orders
    venues.run(180)
    assert venues.code(venues.order(venue)) == "0"


@pytest.mark.parametrize("venue", VENUES)
def test_maintenance_cuts_everything_and_prices_are_others_after_it(venue: str) -> None:
    """``maintenance``: connections are cut, answers are 503; afterwards the market has moved."""
    venues = Venues("maintenance", at_s=1, for_s=60, amount=0.02)
    conn, _ = venues.book(venue)
    middle = venues.exchange(venue).prices.middle("BTC-USDT")
    assert [out.code for out in venues.run(1.2) if isinstance(out, Close) and out.conn == conn] == [1006]
    assert venues.order(venue).status == 503
    refused = venues.world.connect(venue, _BOOKS[venue][0], {}, venues.now_ns)[1]
    assert refused is not None
    assert refused.status == 503
    venues.run(60)
    assert venues.exchange(venue).prices.middle("BTC-USDT") / middle > 1.01
    assert venues.code(venues.order(venue)) == "0"


@pytest.mark.parametrize(("venue", "code"), [("binance", "-2010"), ("okx", "51022"), ("bybit", "170151")])
def test_a_halt_in_the_middle_of_a_deal(venue: str, code: str) -> None:
    """``halt`` on "reply": the first order is accepted, the next one refused; then it goes on."""
    venues = Venues("halt", on="reply", for_s=30)
    assert venues.code(venues.order(venue)) == "0"
    assert venues.code(venues.order(venue)) == code
    venues.run(31)
    assert venues.code(venues.order(venue)) == "0"


@pytest.mark.parametrize(("venue", "code"), [("binance", "-1121"), ("okx", "51001"), ("bybit", "170121")])
def test_a_delisting_ends_orders_and_the_listing(venue: str, code: str) -> None:
    """``delist``: the open order ends, the symbol is listed no more, and an order for it is refused as unknown."""
    venues = Venues("delist", at_s=1, symbol="BTC-USDT")
    venues.order(venue)
    venues.run(1.2)
    assert [order.status for order in venues.exchange(venue).orders.values()] == [OrdStatus.CANCELED]
    assert venues.code(venues.order(venue)) == code
    paths = {
        "binance": "/api/v3/exchangeInfo",
        "okx": "/api/v5/public/instruments",
        "bybit": "/v5/market/instruments-info",
    }
    params: dict[str, dict[str, str]] = {"binance": {}, "okx": {"instType": "SPOT"}, "bybit": {"category": "spot"}}
    listed = venues.http(venue, "GET", paths[venue], params[venue], sign=False).body.decode()
    assert "ETH" in listed
    assert '"BTCUSDT"' not in listed
    assert '"BTC-USDT"' not in listed


@pytest.mark.parametrize(("venue", "code"), [("binance", "-1013"), ("okx", "51000"), ("bybit", "170134")])
def test_new_rules_for_price_and_size(venue: str, code: str) -> None:
    """``rules``: what kept the old step is refused, and what keeps the new one passes."""
    venues = Venues("rules", at_s=1, symbol="BTC-USDT")
    old, new = {"binance": ("61000.01", "61000.1"), "okx": ("61000.1", "61001"), "bybit": ("61000.1", "61001")}[venue]
    assert venues.code(venues.order(venue, old)) == "0"
    venues.run(1.2)
    assert venues.code(venues.order(venue, old)) == code
    assert venues.code(venues.order(venue, new)) == "0"


@pytest.mark.parametrize("venue", VENUES)
def test_a_feed_that_falls_behind(venue: str) -> None:
    """``late``: frames come later and later after the time in them, in order, and none is lost."""
    venues = Venues("late", at_s=1, for_s=10, fraction=0.5)
    conn, _ = venues.book(venue)
    delays, ids = [], []
    until = T0 + 30 * S
    while (due_ns := venues.world.due_ns) <= until:
        venues.world.tick(due_ns)
        for frame in of(venues.world.drain(), conn):
            data = frame["data"][0] if venue == "okx" else frame["data"]
            sent = int({"binance": data.get("E"), "okx": data.get("ts"), "bybit": frame.get("ts")}[venue] or 0)
            delays.append((due_ns / S - T0 / S, due_ns // MS - sent))
            ids.append(data.get("u") or data["seqId"])
    assert max(delay for at, delay in delays if at < 1) < 10
    assert max(delay for at, delay in delays if 5 < at < 6) > 1_000
    assert max(delay for at, delay in delays if at > 20) < 10
    assert ids == sorted(ids)


@pytest.mark.parametrize("venue", VENUES)
def test_a_symbol_falls_silent(venue: str) -> None:
    """``silent``: the subscription stays and says nothing; other symbols go on, and later this one too."""
    venues = Venues("silent", at_s=1, for_s=5, symbol="BTC-USDT")
    conn, _ = venues.book(venue)
    assert of(venues.run(0.9), conn)
    venues.run(0.5)
    assert of(venues.run(4), conn) == []
    assert of(venues.run(2), conn)


@pytest.mark.parametrize(("venue", "code"), [("binance", "-1021"), ("okx", "50102"), ("bybit", "10002")])
def test_the_venues_clock_jumps(venue: str, code: str) -> None:
    """``clock``: a client whose clock is right is outside of the window, and the time endpoint says the new time."""
    venues = Venues("clock", at_s=1, amount=40.0)
    assert venues.code(venues.order(venue)) == "0"
    venues.run(1.2)
    assert venues.code(venues.order(venue)) == code
    paths = {"binance": "/api/v3/time", "okx": "/api/v5/public/time", "bybit": "/v5/market/time"}
    body = venues.http(venue, "GET", paths[venue], {}, sign=False).body.decode()
    assert str((venues.now_ns + 40 * S) // MS)[:10] in body


@pytest.mark.parametrize("venue", VENUES)
def test_the_owner_trades_and_deposits_by_hand(venue: str) -> None:
    """``trade`` and ``deposit``: an order that the client did not send, and money from outside."""
    venues = Venues("trade", at_s=1, symbol="BTC-USDT", amount=50.0)
    venues.run(1.2)
    (order,) = venues.exchange(venue).orders.values()
    assert (order.account, order.cl_ord_id, order.status) == ("main", "", OrdStatus.FILLED)
    venues = Venues("deposit", at_s=1, amount=500.0)
    before = venues.exchange(venue).ledger.free("main", "USDT")
    venues.run(1.2)
    assert venues.exchange(venue).ledger.free("main", "USDT") == before + 500 * 10**12
    assert venues.world.ledger()[venue]["conserved"]


def test_ids_that_start_low_again() -> None:
    """``restart``: on OKX the new id follows the old one although it is lower (a valid chain); Bybit replaces the book
    with ``u`` 1; Binance goes on from a low id."""
    venues = Venues("restart", at_s=1, symbol="BTC-USDT")
    conns = {venue: venues.book(venue) for venue in VENUES}
    outs = venues.run(3)
    last, falls = conns["okx"][1][-1]["data"][0]["seqId"], 0
    for frame in of(outs, conns["okx"][0]):
        (data,) = frame["data"]
        assert data["prevSeqId"] == last
        falls += data["seqId"] < last
        last = data["seqId"]
    assert falls == 1
    frames = of(outs, conns["bybit"][0])
    assert [frame["type"] for frame in frames if frame["data"]["u"] == 1] == ["snapshot"]
    firsts = [frame["data"]["U"] for frame in of(outs, conns["binance"][0])]
    assert sum(b < a for a, b in pairwise(firsts)) == 1


@pytest.mark.parametrize("venue", VENUES)
def test_a_ghost_level_stays(venue: str) -> None:
    """``ghost``: the deletion of the best bid is not told, while the chain of ids has no gap."""
    venues = Venues("ghost", at_s=1, for_s=60, symbol="BTC-USDT")
    conn, first = venues.book(venue)
    pair, exchange = venues.exchange(venue).pairs["BTC-USDT"], venues.exchange(venue)
    frames = first + of(venues.run(1), conn)
    ghost = exchange.books["BTC-USDT"].ghost
    assert ghost is not None
    while exchange.books["BTC-USDT"].top()[0] >= ghost[1]:
        frames += of(venues.run(1), conn)
    frames += of(venues.run(1), conn)
    px = Decimal(pair.px_text(ghost[1]))
    sizes = []
    for frame in frames:
        data = frame["data"][0] if venue == "okx" and "data" in frame else frame.get("data", {})
        sizes += [Decimal(row[1]) for row in data.get("b", data.get("bids", [])) if Decimal(row[0]) == px]
    assert sizes
    assert 0 not in sizes


@pytest.mark.parametrize("venue", VENUES)
def test_an_order_is_rejected_after_it_was_accepted(venue: str) -> None:
    """``reject``: acknowledged, open for a while, then ended by the venue without a fill; the money is free again."""
    venues = Venues("reject", for_s=2)
    free = venues.exchange(venue).ledger.free("main", "USDT")
    assert venues.code(venues.order(venue, "62000")) == "0"
    (order,) = venues.exchange(venue).orders.values()
    assert (order.status, order.cum) == (OrdStatus.NEW, 0)
    venues.run(3)
    assert (order.status, order.cum) == (OrdStatus.REJECTED, 0)
    assert venues.exchange(venue).ledger.free("main", "USDT") == free
    params = {
        "binance": ("/api/v3/order", {"symbol": "BTCUSDT", "orderId": str(order.id)}, '"status":"REJECTED"'),
        "okx": ("/api/v5/trade/order", {"instId": "BTC-USDT", "ordId": str(order.id)}, '"state":"canceled"'),
        "bybit": ("/v5/order/realtime", {"category": "spot", "orderId": str(order.id)}, '"orderStatus":"Rejected"'),
    }
    path, query, said = params[venue]
    assert said in venues.http(venue, "GET", path, query).body.decode()
    assert venues.code(venues.order(venue)) == "0"


def test_logins_that_are_refused_with_a_good_key() -> None:
    """``login``: OKX 60032 and the end of the connection; Bybit's trade socket 10003, which is no bad key."""
    venues = Venues("login")
    main, seconds = venues.exchange("okx").accounts["main"], str(venues.now_ns // S)
    digest = hmac.digest(main.secret.encode(), f"{seconds}GET/users/self/verify".encode(), "sha256")
    arg = {"apiKey": main.key, "passphrase": main.passphrase, "timestamp": seconds}
    login = {"op": "login", "args": [arg | {"sign": base64.b64encode(digest).decode()}]}
    conn, _ = venues.world.connect("okx", "/ws/v5/private", {}, venues.now_ns)
    venues.world.frame(conn, json.dumps(login), venues.now_ns)
    outs = venues.world.drain()
    assert [frame["code"] for frame in of(outs, conn)] == ["60032"]
    assert any(isinstance(out, Close) and out.code == 4001 for out in outs)
    main, expires = venues.exchange("bybit").accounts["main"], venues.now_ns // MS + 1000
    sign = hmac.new(main.secret.encode(), f"GET/realtime{expires}".encode(), "sha256").hexdigest()
    auth = json.dumps({"op": "auth", "args": [main.key, expires, sign]})
    conn, _ = venues.world.connect("bybit", "/v5/trade", {}, venues.now_ns)
    told = []
    for _ in range(2):
        venues.world.frame(conn, auth, venues.now_ns)
        told += of(venues.world.drain(), conn)
    assert [(reply["retCode"], "sessions" in reply["retMsg"]) for reply in told] == [(10003, True), (0, False)]


@pytest.mark.parametrize("venue", VENUES)
def test_a_subscription_is_refused_once(venue: str) -> None:
    """``refuse``: an error in the venue's form; asked again, the subscription is accepted."""
    venues = Venues("refuse")
    _, (refused,) = venues.book(venue)
    assert refused.get("event") == "error" or refused.get("success") is False or "error" in refused
    _, (answer, *_) = venues.book(venue)
    assert answer.get("event") == "subscribe" or answer.get("success") or answer.get("result", 1) is None


@pytest.mark.parametrize(
    ("venue", "body", "status", "code"),
    [
        ("binance", "limited", 429, "-1003"),
        ("okx", "limited", 429, "50011"),
        ("bybit", "limited", 200, "10006"),
        ("binance", "busy", 503, "-1008"),
        ("okx", "busy", 429, "50013"),
        ("bybit", "busy", 200, "10016"),
    ],
)
def test_throttled_or_busy_after_the_order_was_accepted(venue: str, body: Any, status: int, code: str) -> None:
    """``status`` with the venue's own answer and ``applied``: the answer says no, and the order is there."""
    venues = Venues("status", body=body, applied=True, path="POST")
    reply = venues.order(venue)
    assert (reply.status, venues.code(reply)) == (status, code)
    assert len(venues.exchange(venue).orders) == 1


@pytest.mark.parametrize("venue", VENUES)
def test_money_leaves_and_another_program_trades(venue: str) -> None:
    """``withdraw``: the amount is gone. ``foreign``: a limit order with a client id that is not ours, which ends."""
    venues = Venues("withdraw", at_s=1, amount=500.0)
    before = venues.exchange(venue).ledger.free("main", "USDT")
    venues.run(1.2)
    assert venues.exchange(venue).ledger.free("main", "USDT") == before - 500 * 10**12
    assert venues.world.ledger()[venue]["conserved"]
    venues = Venues("foreign", at_s=1, symbol="BTC-USDT", amount=50.0, for_s=2.0)
    venues.run(1.2)
    (order,) = venues.exchange(venue).orders.values()
    assert (order.account, order.kind) == ("main", "limit")
    assert order.cl_ord_id.startswith("other")
    venues.run(3)
    assert order.status.terminal


@pytest.mark.parametrize("venue", VENUES)
def test_fees_in_a_third_asset(venue: str) -> None:
    """``fee``: from now on the account pays in another asset, if it has some."""
    venues = Venues("fee", at_s=1, asset="BTC")
    venues.run(1.2)
    assert venues.exchange(venue).accounts["main"].fee_asset == "BTC"


@pytest.mark.parametrize("venue", VENUES)
def test_a_feed_that_is_late_by_the_same_time(venue: str) -> None:
    """``lag``: for its time every book frame comes that much later than it would, in the same order."""

    def books(venues: Venues) -> list[tuple[int, str]]:
        path, subscribe = _BOOKS[venue]
        conn, _ = venues.world.connect(venue, path, {}, venues.now_ns)
        venues.world.frame(conn, json.dumps(subscribe), venues.now_ns)
        seen: list[tuple[int, str]] = []
        for _ in range(400):
            outs = [out for out in venues.run(0.01) if isinstance(out, SimFrame) and out.kind == "book"]
            seen += [(venues.now_ns, out.text) for out in outs]
        return seen

    late = books(Venues("lag", at_s=1.0, amount=0.5, for_s=10.0))
    usual = {text: at_ns for at_ns, text in books(Venues("lag", at_s=900.0))}
    delays = [at_ns - usual[text] for at_ns, text in late if text in usual and usual[text] > T0 + 2 * S]
    assert len(delays) > 10
    assert all(450 * MS <= delay <= 550 * MS for delay in delays)


def test_a_fill_is_told_after_the_end_of_its_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """``late_fill``: the report of a fill comes for_s later; the venue's own record has it at once."""
    venues = Venues("late_fill", for_s=2.0)
    venues.run(0.1)
    site = venues.world.sites["binance"]
    told: list[tuple[int, str]] = []
    reports = site.dialect.reports

    def watched(some: Any, now_ns: int) -> None:
        told.extend((venues.now_ns, one.kind) for one in some if hasattr(one, "fill") and one.fill is not None)
        reports(some, now_ns)

    monkeypatch.setattr(site.dialect, "reports", watched)
    began_ns = venues.now_ns
    assert venues.code(venues.order("binance", px="62500")) == "0"
    venues.run(5)
    (order,) = venues.exchange("binance").orders.values()
    assert order.fills
    late = [at_ns for at_ns, _ in told if at_ns >= began_ns + 2 * S]
    assert len(late) == 1


@pytest.mark.parametrize("venue", VENUES)
def test_healing_ends_everything(venue: str) -> None:
    """``heal``: a ban, a halt and a wrong clock are over."""
    for kind, fields in (("ban", {"for_s": 900}), ("halt", {"for_s": 900}), ("clock", {"amount": 90.0})):
        venues = Venues(kind, **fields)  # type: ignore[arg-type]  # kinds of fault
        venues.run(1)
        venues.world.heal()
        assert venues.code(venues.order(venue)) == "0"
