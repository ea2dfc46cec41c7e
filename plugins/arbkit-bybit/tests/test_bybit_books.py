"""The public link: subscriptions, book depths, gaps, keep-alive."""

from __future__ import annotations

import json
from typing import Any

import pytest
from arbkit_bybit.adapter import Bybit
from wires import instrument

from arbkit.core.errors import BadFrame
from arbkit.core.types import (
    BookLost,
    Catalogue,
    Dial,
    Instrument,
    Notice,
    Ready,
    Role,
    Send,
    Side,
    Trade,
    VenueSettings,
)

MS = 1_000_000
S = 1_000 * MS


def spot(base: str) -> Instrument:
    return instrument("bybit", f"{base}USDT", "0.1", "0.1", f"{base}-USDT")


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
    """One bad topic may have failed them all; the bad one is told, its book is lost, and it is asked for later."""
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
    assert session.due_ns == S + 3
    (send,) = session.tick(session.due_ns)
    assert json.loads(send.data)["args"] == ["orderbook.50.ETHUSDT"]


def test_a_topic_that_stays_silent_is_asked_for_again() -> None:
    """Confirmed, and no snapshot came."""
    session = opened(BTC)
    (request,) = [json.loads(send.data) for send in session.start(0)]
    session.receive(reply(request), S)
    out = [one for now in range(2, 12) for one in session.tick(now * S)]
    assert [one.instrument for one in out if isinstance(one, BookLost)] == [BTC.id]
    ops = [json.loads(one.data)["op"] for one in out if isinstance(one, Send)]
    assert ops == ["unsubscribe", "subscribe"]


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
    """The venue's page promises the chain word for word only for another channel."""
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
    """Candles, tickers; an instrument that the catalogue lacks."""
    session = opened()
    for topic, data in (("kline.1.BTCUSDT", [{"open": "1"}]), ("tickers.BTCUSDT", {"symbol": "BTCUSDT"})):
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
    (request,) = [json.loads(send.data) for send in session.start(0)]
    session.receive(reply(request), 0)
    session.receive(book("snapshot", 5), 0)
    session.receive(book("snapshot", 5, "orderbook.50.ETHUSDT"), 0)
    (ping,) = session.tick(20 * S)
    assert ping == Send('{"req_id":"ping","op":"ping"}', 0)
    assert session.due_ns == 40 * S
    assert session.receive('{"success":true,"ret_msg":"pong","conn_id":"c","op":"ping"}', 21 * S) == ()


def test_trades_are_read_for_who_asks() -> None:
    """``publicTrade``: the taker's side, each row of a push; for another instrument than the books if wanted."""
    exchange = Bybit(VenueSettings())
    link = next(iter(exchange.links([BTC], "", [ETH])))
    session: Any = exchange.session(link, Catalogue([BTC, ETH]), None)
    (request,) = [json.loads(send.data) for send in session.start(0)]
    assert request["args"] == ["orderbook.50.BTCUSDT", "publicTrade.ETHUSDT"]
    rows = [
        {"T": 1749999123456, "s": "ETHUSDT", "S": side, "v": "0.5", "p": "2000.25", "i": name, "BT": False, "seq": 9}
        for side, name in (("Buy", "t1"), ("Sell", "t2"))
    ]
    frame = json.dumps({"topic": "publicTrade.ETHUSDT", "type": "snapshot", "ts": 1749999123458, "data": rows})
    assert session.receive(frame, 5) == [
        Trade(ETH.id, side, 2000.25, 0.5, name, 1749999123456 * MS, 5)
        for side, name in ((Side.BUY, "t1"), (Side.SELL, "t2"))
    ]
    with pytest.raises(ValueError, match="Expected `float`"):
        session.receive(frame.replace("2000.25", "NaN"), 6)
