"""What the venues' own pages say, beside what the adapters declare and do. Figures are copied from the pages."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from itertools import pairwise
from random import Random
from typing import Any

import msgspec
import pytest
from arbkit_binance.adapter import Binance
from arbkit_binance.dialect import BinanceDialect
from arbkit_bybit.adapter import Bybit
from arbkit_bybit.dialect import BybitDialect
from arbkit_okx.adapter import Okx
from arbkit_okx.dialect import OkxDialect
from msgspec.structs import replace

from arbkit.core.counters import Counters
from arbkit.core.execution.dialer import Dialer
from arbkit.core.log import no_log
from arbkit.core.market.books import Books
from arbkit.core.market.watchdog import Watchdog
from arbkit.core.types import (
    Ask,
    AskKind,
    CancelOrder,
    Catalogue,
    ClientIdScope,
    HttpAnswer,
    HttpRequest,
    Instrument,
    Lane,
    ListFills,
    Listing,
    ListOpenOrders,
    NewOrder,
    Notice,
    OrderUpdate,
    OrdStatus,
    QueryOrder,
    RateReport,
    Ready,
    Role,
    Secret,
    Send,
    Tif,
    VenueSettings,
)
from arbkit.core.venues.guard import Guard
from arbkit.core.venues.link import Phase
from arbkit.core.venues.throttle import Throttle
from arbkit.sim.world import ACCOUNT
from arbkit.testing.conformance import VenueUnderTest
from arbkit.testing.conformance.rig import SECOND, Rig

SUBJECTS = {
    "binance": VenueUnderTest(Binance, BinanceDialect),
    "okx": VenueUnderTest(Okx, OkxDialect),
    "bybit": VenueUnderTest(Bybit, BybitDialect),
}
MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86_400 * SECOND

LIMITS: dict[str, dict[str, tuple[int, int]]] = {
    # rest-api/limits: weight by address, orders by account; web-socket-streams: connection attempts
    "binance": {
        "weight": (6000, MINUTE),
        "orders_10s": (50, 10 * SECOND),
        "orders_1d": (160_000, DAY),
        "connections": (300, 300 * SECOND),
    },
    # each call's "Rate limit"
    "okx": {
        "place": (60, 2 * SECOND),
        "cancel": (60, 2 * SECOND),
        "query": (60, 2 * SECOND),
        "pending": (60, 2 * SECOND),
        "fills": (60, 2 * SECOND),
        "balance": (10, 2 * SECOND),
        "config": (5, 2 * SECOND),
        "fee": (5, 2 * SECOND),
        "currencies": (6, SECOND),
        "instruments": (20, 2 * SECOND),
        "time": (10, 2 * SECOND),
        "connections": (3, SECOND),
    },
    # v5/rate-limit
    "bybit": {
        "ip": (600, 5 * SECOND),
        "ws": (3000, SECOND),
        "create": (20, SECOND),
        "cancel": (20, SECOND),
        "cancel_all": (20, SECOND),
        "realtime": (50, SECOND),
        "history": (50, SECOND),
        "executions": (50, SECOND),
        "wallet": (50, SECOND),
        "fee": (5, SECOND),
        "key": (10, SECOND),
        "assets": (5, SECOND),
        "connections": (500, 300 * SECOND),
    },
}


def spots(venue: str, count: int) -> list[Instrument]:
    """Invented pairs with names as long as the longest real ones."""
    dash = "-" if venue == "okx" else ""
    return [
        Instrument(
            venue=venue,
            symbol=f"LONGNAME{n}-USDT",
            native=f"LONGNAME{n}{dash}USDT",
            base=f"LONGNAME{n}",
            quote="USDT",
            tick=Decimal(1),
            lot=Decimal(1),
            venue_ref=str(n),
        )
        for n in range(count)
    ]


@pytest.mark.parametrize("venue", SUBJECTS)
def test_limits_are_those_of_the_pages(venue: str) -> None:
    """Each bucket has the page's figure and window, and no other bucket is declared."""
    exchange = SUBJECTS[venue].exchange(VenueSettings())
    declared = {limit.bucket: (limit.limit, limit.window_ns) for limit in exchange.rate_limits}
    assert declared == LIMITS[venue]


@pytest.mark.parametrize("venue", SUBJECTS)
def test_guarantees_are_the_weaker_reading(venue: str) -> None:
    """Client ids count as taken while open only; orders expire; queries may lag; the date is one of the pages'."""
    guarantees = SUBJECTS[venue].exchange(VenueSettings()).capabilities
    assert guarantees.client_id_scope is ClientIdScope.OPEN_ONLY
    assert 0 < guarantees.order_window_ns <= 60 * SECOND
    assert guarantees.lookup_lag_ns >= SECOND
    assert (guarantees.book_check, guarantees.fill_ids) == ("sequence", True)
    assert date(2026, 6, 1) <= date.fromisoformat(guarantees.checked) <= date(2026, 11, 30)


def test_weights_of_binance_calls() -> None:
    """rest-api: depth by its size, order look-up 4, open orders 6 or 80, trades 20 or 5, account and catalogue 20."""
    exchange = Binance(VenueSettings())
    me, one = "binance:main", "binance:BTC-USDT"
    weights: list[tuple[Any, int]] = [
        (QueryOrder(account=me, instrument=one, cl_ord_id="a"), 4),
        (ListOpenOrders(account=me), 80),
        (ListOpenOrders(account=me, instrument=one), 6),
        (ListFills(account=me, instrument=one), 20),
        (ListFills(account=me, instrument=one, order_id="1"), 5),
        (Ask(kind=AskKind.CATALOGUE), 20),
        (Ask(kind=AskKind.BALANCES), 20),
        (Ask(kind=AskKind.FEES), 20),
        (Ask(kind=AskKind.TIME), 1),
    ]
    for what, weight in weights:
        assert dict(exchange.cost(what, Role.REST))["weight"] == weight, what
    for depth, weight in ((100, 5), (500, 25), (1000, 50), (5000, 250)):
        deep = Binance(VenueSettings(options={"depth": str(depth)}))
        assert deep.cost(Ask(kind=AskKind.SNAPSHOT, instrument=one), Role.REST) == (("weight", weight),)


def test_okx_counts_orders_by_instrument() -> None:
    """Place and cancel limits hold per user and instrument: a full bucket of one leaves the other's alone."""
    exchange = Okx(VenueSettings())
    throttle = Throttle(exchange.rate_limits)
    cancels = [CancelOrder(account="okx:main", instrument=f"okx:{s}-USDT", cl_ord_id="a") for s in ("BTC", "ETH")]
    first, second = (exchange.cost(cancel, Role.TRADE) for cancel in cancels)
    assert first == exchange.cost(cancels[0], Role.REST)
    for _ in range(60):
        assert throttle.take(first, Lane.CANCEL, 0)
    assert not throttle.take(first, Lane.CANCEL, 0)
    assert throttle.take(second, Lane.CANCEL, 0)


@pytest.mark.parametrize("venue", SUBJECTS)
def test_many_subscriptions_are_cut_as_the_venue_wants_them(venue: str) -> None:
    """700 books: each on exactly one link, and no link or request beyond what the venue takes."""
    subject = SUBJECTS[venue]
    exchange = subject.exchange(VenueSettings())
    instruments = spots(venue, 700)
    catalogue = Catalogue(instruments)
    links = [link for link in exchange.links(instruments, "") if link.role is Role.PUBLIC]
    assert [one for link in links for one in link.instruments] == [one.id for one in instruments]
    assert len({link.link for link in links}) == len(links)
    for link in links:
        session = exchange.session(link, catalogue, None)
        sends = [out for out in session.start(0) if isinstance(out, Send)]
        texts = [str.__str__(send.data) for send in sends]
        asked = [msgspec.json.decode(text) for text in texts]
        if venue == "binance":
            streams = [name for each in asked for name in each["params"]]
            assert len(streams) == 2 * len(link.instruments) <= 1024
            assert all(len(text.encode()) <= 4_000 for text in texts)
            assert link.send_limit is not None
            # 5 messages a second, pongs included
            assert (link.send_limit.limit, link.send_limit.window_ns) == (4, SECOND)
        elif venue == "okx":
            assert len(link.instruments) < 30
            assert all(len(text) < 65_536 for text in texts)
            assert link.send_limit is not None
            assert (link.send_limit.limit, link.send_limit.window_ns) == (480, HOUR)
            assert all(each["id"].isalnum() and len(each["id"]) <= 32 for each in asked)
            # a request a book, and one for the rules of all instruments
            assert sum(send.cost for send in sends) == len(link.instruments) + 1
        else:
            assert all(len(each["args"]) <= 10 for each in asked)
            assert sum(len(arg) for each in asked for arg in each["args"]) <= 21_000
            assert len({each["req_id"] for each in asked}) == len(asked)


def test_binance_is_not_flooded_with_subscriptions() -> None:
    """A link that begins with many messages sends no more than 4 of them in a second."""
    exchange = Binance(VenueSettings())
    instruments = spots("binance", 512)
    spec = replace(exchange.links(instruments, "")[0], instruments=[one.id for one in instruments])
    port = Sent()
    dialer = Dialer(
        port,  # type: ignore[arg-type]  # the part of a port that is used here
        {},
        None,  # type: ignore[arg-type]  # no session here asks for anything
        Guard(),
        Watchdog(),
        Books(),
        Random(1),
        Counters(),
        no_log,
    )
    link = dialer.add(spec, 0, exchange.session(spec, Catalogue(instruments), None))
    link.phase = Phase.UP
    begin = [out for out in link.session.start(0) if isinstance(out, Send)]
    for send in begin:
        dialer.send(link, send, 0)
    while len(port.times) < len(begin):
        port.now_ns = dialer.alarms.due_ns
        dialer.alarms.take(port.now_ns)
        dialer.wake(link, port.now_ns)
    assert len(begin) > 4
    assert all(later - first >= SECOND for first, later in zip(port.times, port.times[4:], strict=False))


class Sent:
    """A port that notes when each message left."""

    def __init__(self) -> None:
        self.now_ns = 0
        self.times: list[int] = []

    def send(self, link: str, text: str) -> bool:
        self.times.append(self.now_ns)
        return True


# --- notices that a link will end -----------------------------------------------------------------------------------

_BINANCE = '{"event":{"e":"serverShutdown","E":1749999123456}}'
_OKX = '{"event":"notice","code":"64008","msg":"The socket ends in a minute: open another.","connId":"0c0ffee0"}'
_BYBIT = (
    '{"reqId":"x","retCode":10019,"retMsg":"ws trade service is restarting","op":"order.create","data":{},'
    '"retExtInfo":{},"header":{},"connId":"c"}'
)
GOING = {
    "binance raw": ("binance", Role.PUBLIC, '{"e":"serverShutdown","E":1749999123456}'),
    "binance combined": (
        "binance",
        Role.PUBLIC,
        '{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1749999123456}}',
    ),
    "binance private": ("binance", Role.PRIVATE, _BINANCE),
    "binance trade": ("binance", Role.TRADE, _BINANCE),
    "okx public": ("okx", Role.PUBLIC, _OKX),
    "okx private": ("okx", Role.PRIVATE, _OKX),
    "okx trade": ("okx", Role.TRADE, _OKX),
    "bybit trade": ("bybit", Role.TRADE, _BYBIT),
}


@pytest.mark.parametrize("name", GOING)
def test_a_link_that_will_end_is_replaced(name: str) -> None:
    """The venue's own words for "this connection ends soon" ask for a new connection, and it serves."""
    venue, role, text = GOING[name]
    solo = SUBJECTS[venue].rig().boot()
    line = solo.line(role)
    solo.hear(role, text)
    assert solo.outs(Notice)[-1].going_away
    solo.run_for(15)
    assert line.ends == ["going away"]
    assert line.ready


def test_binance_links_outlive_their_24_hours() -> None:
    """Each socket is cut after a day: all come back ready, and orders go on."""
    solo = SUBJECTS["binance"].rig().boot(roles=(Role.PRIVATE, Role.TRADE, Role.REST))
    solo.freeze()
    solo.run_for(25 * 3600)
    for role in (Role.PRIVATE, Role.TRADE):
        line = solo.line(role)
        assert (line.ends, line.ready) == (["1001 24 hours"], True)
    order = solo.order()
    solo.do(order)
    assert any(update.ord_status.terminal for update in solo.updates(order.cl_ord_id))


def test_bybit_ban_of_an_address_closes_all_calls_for_ten_minutes() -> None:
    """More than 600 requests in 5 s: HTTP 403, and nothing may be asked over HTTP for 10 minutes."""
    solo = SUBJECTS["bybit"].rig().boot(roles=(Role.REST,))
    rest = solo.line(Role.REST)
    for _ in range(610):
        solo.put(Ask(kind=AskKind.TIME), Role.REST)
    solo.run_for(0.5)
    assert any(answer.status == 403 for _, answer in solo.bodies)
    throttle = Throttle(solo.exchange.rate_limits)
    reports = solo.outs(RateReport)
    for report in reports:
        throttle.report(report, solo.now_ns)
    order = solo.order()
    for what in (order, Ask(kind=AskKind.BALANCES), QueryOrder(account="a", instrument="b", cl_ord_id="c")):
        ready_ns = throttle.ready_ns(solo.exchange.cost(what, Role.REST), Lane.CANCEL, solo.now_ns)
        assert 590 * SECOND < ready_ns - solo.now_ns <= 601 * SECOND
    said = rest.session.answered(order, HttpAnswer(403, {}, b"access too frequent"), solo.now_ns)
    assert not any(isinstance(out, OrderUpdate) and out.ord_status.terminal for out in said)


@pytest.mark.parametrize(("venue", "days"), [("okx", 3), ("bybit", 7)])
def test_fills_beyond_the_venues_memory_prove_nothing(venue: str, days: int) -> None:
    """A listing that goes back further than the call does is not complete: no order is proved absent by it."""
    solo = SUBJECTS[venue].rig().boot()
    for since_ns, complete in (
        (solo.now_ns - days * DAY + HOUR, True),
        (solo.now_ns - days * DAY - HOUR, False),
        (0, False),
    ):
        command = ListFills(account=solo.account, instrument=f"{venue}:BTC-USDT", since_ns=since_ns)
        [listing] = solo.outs(Listing, solo.do(command))
        assert listing.complete is complete


def test_bybit_looks_elsewhere_by_the_id_that_is_known() -> None:
    """Without an id the history would give every order there is: it is asked with ours, or else with the venue's."""
    solo = SUBJECTS["bybit"].rig().boot()
    solo.do(solo.order())
    said = solo.do(QueryOrder(account=solo.account, instrument="bybit:BTC-USDT", cl_ord_id="", order_id="77"))
    assert solo.outs(OrderUpdate, said) == []
    [elsewhere] = [what for what, _ in solo.bodies if isinstance(what, Ask) and what.kind is AskKind.ORDER]
    assert elsewhere.ref == "77"


@pytest.mark.parametrize("venue", SUBJECTS)
@pytest.mark.parametrize("name", ["", "x" * 32, "by-hand-0123456789-0123456789-01234"])
def test_an_order_of_somebody_else_can_be_cancelled(venue: str, name: str) -> None:
    """By the venue's id, whatever client id it has, over every way in: the request is well formed and is answered."""
    subject = SUBJECTS[venue]
    for role in (Role.TRADE, Role.REST):
        solo = subject.rig().boot()
        order = _by_hand(solo, name)
        command = CancelOrder(
            account=solo.account, instrument=f"{venue}:BTC-USDT", cl_ord_id=name, order_id=str(order.id)
        )
        said = solo.do(command, role)
        assert order.status.terminal
        assert not name or not solo.outs(Notice, said)


def _by_hand(solo: Rig, name: str) -> Any:
    px = solo.best("BTC-USDT", ask=False) - 500
    order = solo.order(tif=Tif.GTC)
    return solo.truth.place(
        ACCOUNT, "BTC-USDT", order.side, now_ns=solo.now_ns, qty=Decimal("0.01"), px=px, cl_ord_id=name
    )


@pytest.mark.parametrize("venue", SUBJECTS)
def test_pings_keep_to_the_venues_rhythm(venue: str) -> None:
    """Quiet private links: OKX a text ping within its 30 s, Bybit one each 20 s, Binance none of ours (it pings)."""
    solo = SUBJECTS[venue].rig().boot()
    solo.freeze()
    began = len(solo.sent)
    solo.run_for(600)
    pings: dict[str, list[int]] = {}
    for at_ns, link, sent in solo.sent[began:]:
        assert isinstance(sent, Send | HttpRequest)
        if isinstance(sent, Send) and "ping" in str.__str__(sent.data):
            pings.setdefault(link, []).append(at_ns)
    if venue == "binance":
        assert pings == {}
        return
    for role in (Role.PRIVATE, Role.TRADE):
        times = pings[solo.line(role).spec.link]
        gaps = [later - earlier for earlier, later in pairwise(times)]
        assert len(times) >= 25
        assert max(gaps) <= (25 if venue == "okx" else 20) * SECOND + 10_000_000


@pytest.mark.parametrize("venue", SUBJECTS)
def test_a_link_is_ready_once_a_connection(venue: str) -> None:
    """Ready is said once, when all is confirmed; a desk lists orders and balances each time."""
    solo = SUBJECTS[venue].rig().boot(("BTC-USDT", "ETH-USDT"))
    solo.run_for(30)
    assert sorted(ready.link for ready in solo.outs(Ready)) == sorted(
        line.spec.link for line in solo.lines.values() if line.spec.role is not Role.REST
    )


@pytest.mark.parametrize("venue", SUBJECTS)
def test_an_order_is_sized_and_priced_in_plain_text(venue: str) -> None:
    """No exponent, no float: the smallest lot and tick leave as the digits that they are."""
    solo = SUBJECTS[venue].rig().boot()
    order = NewOrder(
        account=solo.account,
        instrument=f"{venue}:BTC-USDT",
        cl_ord_id=solo.cl_ord_id(),
        side=solo.order().side,
        qty=Decimal("1E-8"),
        px=Decimal("6E+4"),
    )
    for role in solo.exchange.route(order):
        [wire] = solo.line(role).session.encode([order], solo.now_ns)
        sent = wire.data if isinstance(wire, Send) else wire.url
        text = sent.reveal() if isinstance(sent, Secret) else sent
        text += "" if isinstance(wire, Send) else wire.body.decode()
        assert "0.00000001" in text
        assert "60000" in text
        assert "E-8" not in text
        assert "E+4" not in text


# --- answers to a new order that do not say whether it was taken ----------------------------------------------------

_BUSY: dict[str, tuple[int, ...]] = {
    "binance": (-1001, -1003, -1006, -1007, -1008, -1015),
    "okx": (50001, 50004, 50011, 50013, 50026, 50040, 50061, 51149, 60014),
    "bybit": (10000, 10006, 10016, 10019, 10403, 10429, 20003, 170005, 170007, 170032, 170146, 170147, 170222),
}
"""Throttled, busy, timed out: the pages do not say that nothing was executed."""
_NO = {"binance": -2015, "okx": 51008, "bybit": 170131}
"""A definite "no" where it comes as a usual answer."""
_LIMITED = {"binance": (403, 418, 429), "okx": (429,), "bybit": (403, 429)}
"""HTTP statuses of what stands before the order book: a body of any kind may come with them."""
_BODIES = {
    "binance": ('{"code":%(code)s,"msg":"words"}',),
    "okx": (
        '{"code":"%(code)s","msg":"words","data":[]}',
        '{"code":"1","data":[{"clOrdId":"%(id)s","sCode":"%(code)s","sMsg":"words"}]}',
    ),
    "bybit": ('{"retCode":%(code)s,"retMsg":"words","result":{},"time":1}',),
}
_FRAMES = {
    "binance": ('{"id":"n%(id)sBTCUSDT","status":%(status)s,"error":{"code":%(code)s,"msg":"words"}}',),
    "okx": (
        '{"id":"n%(id)sBTCUSDT","op":"order","code":"%(code)s","msg":"words","data":[]}',
        '{"id":"n%(id)sBTCUSDT","op":"order","code":"1","data":[{"clOrdId":"%(id)s","sCode":"%(code)s","sMsg":"words"}]}',
    ),
    "bybit": ('{"reqId":"n%(id)s0001BTCUSDT","op":"order.create","retCode":%(code)s,"retMsg":"words","data":{}}',),
}


def unclear(venue: str, cl_ord_id: str) -> list[HttpAnswer | str]:
    """All such answers to an order: over HTTP, and as frames of the trade socket."""
    limited, server = _LIMITED[venue], (500, 502, 503, 504)
    codes = [(status, code) for code in _BUSY[venue] for status in (200 if venue != "binance" else 400, *limited)]
    codes += [(status, _NO[venue]) for status in (*limited, *server)]
    found: list[HttpAnswer | str] = [
        HttpAnswer(status, {}, (form % {"id": cl_ord_id, "code": code}).encode())
        for status, code in codes
        for form in _BODIES[venue]
    ]
    found += [HttpAnswer(status, {}, body) for status in (*limited, *server) for body in (b"", b"{}", b"<html></html>")]
    if venue != "binance":  # their frames carry no status
        codes = [(0, code) for code in _BUSY[venue]]
    found += [
        form % {"id": cl_ord_id, "code": code, "status": status} for status, code in codes for form in _FRAMES[venue]
    ]
    return found


@pytest.mark.parametrize("venue", SUBJECTS)
def test_an_answer_that_does_not_say_whether_an_order_was_taken_leaves_it_unknown(venue: str) -> None:
    """A throttle or a failure may come after the order was taken: by no code, status or channel is it REJECTED."""
    solo = SUBJECTS[venue].rig().boot()
    order = solo.order()
    for answer in unclear(venue, order.cl_ord_id):
        if isinstance(answer, str):
            said = solo.line(Role.TRADE).session.receive(answer, solo.now_ns)
            assert solo.outs(OrderUpdate, said), answer
        else:
            said = solo.line(Role.REST).session.answered(order, answer, solo.now_ns)
        for update in solo.outs(OrderUpdate, said):
            assert update.cl_ord_id == order.cl_ord_id
            assert update.ord_status is OrdStatus.UNKNOWN, answer
