"""The public link: subscriptions, book depths, gaps, keep-alive."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from arbkit_bybit.adapter import Bybit

from arbkit.core.errors import BadFrame
from arbkit.core.types import (
    Ask,
    AskKind,
    BookLost,
    Catalogue,
    Dial,
    HttpAnswer,
    Instrument,
    LinkSpec,
    NoAnswer,
    Notice,
    Ready,
    Role,
    Send,
    VenueSettings,
)

MS = 1_000_000
S = 1_000 * MS


def spot(base: str) -> Instrument:
    return Instrument(
        venue="bybit",
        symbol=f"{base}-USDT",
        native=f"{base}USDT",
        base=base,
        quote="USDT",
        tick=Decimal("0.1"),
        lot=Decimal("0.1"),
    )


BTC, ETH = spot("BTC"), spot("ETH")


def opened(*instruments: Instrument, **options: str) -> Any:
    exchange = Bybit(VenueSettings(options=options))
    known = instruments or (BTC, ETH)
    link = next(link for link in exchange.links(known, "") if link.role is Role.PUBLIC)
    return exchange.session(link, Catalogue(known), None)


def book(kind: str, u: Any, topic: str = "orderbook.50.BTCUSDT", **row: Any) -> str:
    symbol = topic.rpartition(".")[2]
    data = {"s": symbol, "b": [["20125.50", "0.75"]], "a": [["20131.00", "1.25"]], "u": u, "seq": 7, **row}
    return json.dumps({"topic": topic, "ts": 1749999123458, "type": kind, "data": data, "cts": 1749999123456})


def reply(request: dict[str, Any], success: bool = True) -> str:
    return json.dumps(
        {"success": success, "ret_msg": "", "conn_id": "c", "req_id": request["req_id"], "op": request["op"]}
    )


def test_ten_topics_a_request_and_ready_when_all_are_confirmed() -> None:
    """Spot takes at most ten args a request."""
    session = opened(*[spot(f"C{number}") for number in range(25)])
    assert session.dial(0) == Dial("wss://stream.bybit.com/v5/public/spot")
    sent = [json.loads(send.data) for send in session.start(0)]
    assert [len(request["args"]) for request in sent] == [10, 10, 5]
    assert sent[0]["args"][0] == "orderbook.50.C0USDT"
    answers = [session.receive(reply(request), 1) for request in sent]
    assert answers == [[], [], [Ready("bybit.public.0", 1)]]


def test_a_refused_batch_is_sent_again_one_by_one() -> None:
    """One bad topic may have failed them all; the bad one is told and not repeated."""
    session = opened()
    (request,) = [json.loads(send.data) for send in session.start(0)]
    again = [json.loads(send.data) for send in session.receive(reply(request, False), 1)]
    assert [one["args"] for one in again] == [["orderbook.50.BTCUSDT"], ["orderbook.50.ETHUSDT"]]
    assert session.receive(reply(again[0]), 2) == []
    session.receive(book("snapshot", 5), 2)
    notice, lost, ready = session.receive(reply(again[1], False), 3)
    assert isinstance(notice, Notice)
    assert isinstance(lost, BookLost)
    assert lost.instrument == ETH.id
    assert ready == Ready("bybit.public.0", 3)
    sent = [out for now in range(1, 200) for out in session.tick(now * S)]
    assert {json.loads(send.data)["op"] for send in sent} == {"ping"}


def test_a_snapshot_and_a_delta() -> None:
    """Numbers, ``u``, the engine's time, and the depth it vouches for."""
    session = opened()
    (first,) = session.receive(book("snapshot", 10), 5)
    assert (first.instrument, first.snapshot, first.seq, first.depth, first.exch_ns, first.recv_ns) == (
        BTC.id,
        True,
        10,
        50,
        1749999123456 * MS,
        5,
    )
    (delta,) = session.receive(book("delta", 11, b=[["1", "0"]], a=[]), 6)
    assert (delta.snapshot, delta.seq, delta.bids[0].qty, delta.asks) == (False, 11, 0.0, [])


def test_a_gap_is_flagged_and_subscribed_again_for_that_book_alone() -> None:
    """``u`` must rise by one."""
    session = opened()
    session.receive(book("snapshot", 10), 0)
    lost, *sent = session.receive(book("delta", 12), 1)
    assert isinstance(lost, BookLost)
    assert [(json.loads(send.data)["op"], json.loads(send.data)["args"]) for send in sent] == [
        ("unsubscribe", ["orderbook.50.BTCUSDT"]),
        ("subscribe", ["orderbook.50.BTCUSDT"]),
    ]
    assert session.receive(book("delta", 13), 2) == ()
    assert session.receive(book("snapshot", 20), 3)[0].snapshot


def test_the_gap_test_can_be_switched_off() -> None:
    """The page promises the chain word for word only for the full book."""
    session = opened(gap_check="off")
    session.receive(book("snapshot", 10), 0)
    assert session.receive(book("delta", 12), 1)[0].seq == 12


@pytest.mark.parametrize("kind", ["delta", "snapshot"])
def test_u_of_one_is_a_restart(kind: str) -> None:
    """Whatever the type says, it replaces the book."""
    session = opened()
    session.receive(book("snapshot", 10), 0)
    assert session.receive(book(kind, 1), 1)[0].snapshot
    assert session.receive(book("delta", 2), 2)[0].seq == 2


def test_a_snapshot_replaces_at_any_time() -> None:
    """Bybit sends one after trouble of its own."""
    session = opened()
    session.receive(book("snapshot", 10), 0)
    assert session.receive(book("snapshot", 900), 1)[0].snapshot


def test_depth_one_is_not_tested_for_gaps() -> None:
    """Whole books, repeated with the same ``u`` when nothing changes."""
    session = opened(depth="1")
    for u in (5, 5, 90):
        (update,) = session.receive(book("snapshot", u, "orderbook.1.BTCUSDT"), 0)
        assert (update.snapshot, update.depth) == (True, 1)


def test_two_depths_never_mix_in_one_book() -> None:
    """A recording may hold several: the deepest seen feeds the book."""
    session = opened(spot("XRP"), depth="1")
    assert session.receive(book("snapshot", 5, "orderbook.1.XRPUSDT"), 0)
    assert session.receive(book("snapshot", 7, "orderbook.200.XRPUSDT"), 0)
    assert session.receive(book("snapshot", 6, "orderbook.1.XRPUSDT"), 0) == ()
    assert session.receive(book("delta", 8, "orderbook.200.XRPUSDT"), 0)


def test_other_topics_and_unknown_instruments_say_nothing() -> None:
    """Trades, tickers; an instrument that the catalogue lacks."""
    session = opened()
    for topic, data in (("publicTrade.BTCUSDT", [{"p": "1"}]), ("tickers.BTCUSDT", {"symbol": "BTCUSDT"})):
        assert session.receive(json.dumps({"topic": topic, "ts": 1, "type": "snapshot", "data": data}), 0) == ()
    assert session.receive(book("snapshot", 5, "orderbook.50.DOGEUSDT"), 0) == ()


@pytest.mark.parametrize(
    "row",
    [
        {"b": [["NaN", "1"]]},
        {"b": [["-1", "1"]]},
        {"a": [["1", "1e400"]]},
        {"a": [[" 1", "1"]]},
        {"b": [["1"]]},
        {"b": None},
        {"u": "x"},
        {"u": 0},
    ],
)
def test_a_book_with_an_impossible_number_is_refused(row: dict[str, Any]) -> None:
    """The link counts it as a bad frame; the next one shows the gap."""
    session = opened()
    session.receive(book("snapshot", 10), 0)
    with pytest.raises((ValueError, BadFrame)):
        session.receive(book("delta", **{"u": 11, **row}), 1)
    assert isinstance(session.receive(book("delta", 12), 2)[0], BookLost)


def test_a_frame_that_is_nothing_known_is_refused() -> None:
    """No topic, no reply; a book without a side; a type nobody knows."""
    session = opened()
    for frame in ("{}", '{"topic":"orderbook.50.BTCUSDT","type":"delta","data":{"u":5,"b":[]}}', book("merge", 5)):
        with pytest.raises(BadFrame):
            session.receive(frame, 0)


def test_it_pings_every_twenty_seconds() -> None:
    """JSON; the public reply keeps ``op: ping``."""
    session = opened()
    session.start(0)
    session.receive(book("snapshot", 5), 0)
    session.receive(book("snapshot", 5, "orderbook.50.ETHUSDT"), 0)
    (ping,) = session.tick(20 * S)
    assert ping == Send('{"req_id":"ping","op":"ping"}', 0)
    assert session.due_ns == 40 * S
    assert session.receive('{"success":true,"ret_msg":"pong","conn_id":"c","op":"ping"}', 21 * S) == ()


def full(u: int, **row: Any) -> str:
    return book("delta", u, "orderbook.full.BTCUSDT", **row)


def snapshot(u: int, code: int = 0, seq: int = 7) -> HttpAnswer:
    result = {"s": "BTCUSDT", "b": [["9", "1"]], "a": [["11", "2"]], "ts": 5, "u": u, "seq": seq, "cts": 4}
    return HttpAnswer(200, {}, json.dumps({"retCode": code, "retMsg": "", "result": result}).encode())


def test_the_full_book_joins_a_rest_snapshot() -> None:
    """Changes are held until the snapshot comes; older ones are dropped, the next must follow."""
    session = opened(depth="full")
    assert json.loads(session.start(0)[0].data)["args"][0] == "orderbook.full.BTCUSDT"
    (ask,) = session.receive(full(10), 0)
    assert (ask.kind, ask.instrument) == (AskKind.SNAPSHOT, BTC.id)
    assert session.receive(full(11), 0) == ()
    assert session.receive(full(12, b=[["9", "0"]], a=[]), 0) == ()
    first, *later = session.answered(ask, snapshot(10), 1)
    assert (first.snapshot, first.seq, first.depth, first.exch_ns) == (True, 10, 10_000, 4 * MS)
    assert [update.seq for update in later] == [11, 12]
    assert session.receive(full(13), 2)[0].seq == 13
    lost, again = session.receive(full(15), 3)
    assert isinstance(lost, BookLost)
    assert again.kind is AskKind.SNAPSHOT


def test_a_snapshot_of_the_full_book_that_is_too_old_or_refused_is_asked_again() -> None:
    """Later each time."""
    session = opened(depth="full")
    (ask,) = session.receive(full(10), 0)
    (again,) = session.answered(ask, snapshot(7), 1)
    (third,) = session.answered(again, snapshot(10, code=10001), 2)
    assert again.not_before_ns < third.not_before_ns
    assert session.answered(third, NoAnswer("none"), 3)[0].kind is AskKind.SNAPSHOT


def test_a_restart_of_the_full_book_starts_it_anew() -> None:
    """``u`` = 1: the numbers begin again."""
    session = opened(depth="full")
    (ask,) = session.receive(full(10), 0)
    session.answered(ask, snapshot(10), 1)
    lost, ask = session.receive(full(1), 2)
    assert isinstance(lost, BookLost)
    (update,) = session.answered(ask, snapshot(1), 3)
    assert (update.snapshot, update.seq) == (True, 1)


def test_a_late_snapshot_from_before_a_restart_is_not_joined() -> None:
    """Its ``u`` is large and its ``seq`` older than the restart: taking it would freeze the book, since every later
    change would look old. It is asked for again."""
    session = opened(depth="full")
    (ask,) = session.receive(full(10, seq=7), 0)
    _, new = session.receive(full(1, seq=9), 1)
    (again,) = session.answered(ask, snapshot(10), 2)
    assert (new.kind, again.kind) == (AskKind.SNAPSHOT, AskKind.SNAPSHOT)
    update, change = session.answered(again, snapshot(1, seq=9), 3)[0], session.receive(full(2, seq=10), 4)[0]
    assert (update.snapshot, update.seq, change.seq) == (True, 1, 2)


def test_the_full_book_is_asked_for_without_a_key() -> None:
    """Public data."""
    exchange = Bybit(VenueSettings())
    rest = exchange.session(LinkSpec(link="x", venue="bybit", role=Role.REST), Catalogue([BTC]), None)
    (request,) = rest.encode(Ask(kind=AskKind.SNAPSHOT, instrument=BTC.id), 0)
    assert request.url == "https://api.bybit.com/v5/market/full_orderbook?category=spot&symbol=BTCUSDT"
