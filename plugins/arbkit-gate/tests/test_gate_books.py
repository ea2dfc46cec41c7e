"""The public link: subscriptions, both book channels, gaps, prints, keep-alive."""

from __future__ import annotations

import json
from typing import Any

import pytest
from arbkit_gate.adapter import Gate
from wires import instrument

from arbkit.core.errors import BadFrame
from arbkit.core.types import (
    Ask,
    AskKind,
    BookLost,
    BookUpdate,
    Catalogue,
    Dial,
    HttpAnswer,
    Instrument,
    NoAnswer,
    Notice,
    RateReport,
    Ready,
    Role,
    Send,
    Side,
    Trade,
    VenueSettings,
    rest_link,
)

MS = 1_000_000
S = 1_000 * MS
NOW_NS = 1_750_000_000 * S


def spot(native: str) -> Instrument:
    base, _, quote = native.partition("_")
    return instrument("gate", native, "0.1", "0.1", f"{base}-{quote}")


BTC, ETH = spot("BTC_USDT"), spot("ETH_USDT")


def opened(**options: str) -> Any:
    exchange = Gate(VenueSettings(options=options))
    link = next(link for link in exchange.links([BTC, ETH], "") if link.role is Role.PUBLIC)
    return exchange.session(link, Catalogue([BTC, ETH]), None)


def obu(native: str = "BTC_USDT", levels: str = "50", **result: Any) -> str:
    row = {"t": 1_749_999_123_456, "s": f"ob.{native}.{levels}", **result}
    return json.dumps({"channel": "spot.obu", "result": row, "time_ms": 1_749_999_123_460})


def whole(native: str = "BTC_USDT", u: int = 10, **more: Any) -> str:
    return obu(native, full=True, u=u, b=[["2501.24", "62"]], a=[["2501.25", "37.5"]], **more)


def update(first: int, last: int, native: str = "BTC_USDT", **result: Any) -> str:
    row = {"t": 1_749_999_123_456, "e": "depthUpdate", "E": 1_749_999_123, "s": native, "l": "100"}
    row |= {"U": first, "u": last, "b": [["2501.2", "1"]], "a": []} | result
    return json.dumps({"time": 1_749_999_123, "channel": "spot.order_book_update", "event": "update", "result": row})


def ack(request: dict[str, Any], **change: Any) -> str:
    names = ("id", "channel", "event", "payload")
    return json.dumps(
        {name: request[name] for name in names} | {"error": None, "result": {"status": "success"}} | change
    )


def requests(outputs: Any) -> list[dict[str, Any]]:
    return [json.loads(out.data) for out in outputs if isinstance(out, Send)]


def refused(request: dict[str, Any], code: int, message: str) -> str:
    return ack(request, error={"code": code, "message": message}, result={"status": "fail"})


def test_each_book_is_subscribed_and_ready_when_all_are_confirmed() -> None:
    """One stream a request, so that a refusal names its own; each has the time and an id."""
    session = opened()
    assert session.dial(0) == Dial("wss://api.gateio.ws/ws/v4/")
    sent = requests(session.start(NOW_NS))
    assert [(one["channel"], one["event"], one["payload"], one["time"]) for one in sent] == [
        ("spot.obu", "subscribe", [f"ob.{name}.50"], NOW_NS // S) for name in ("BTC_USDT", "ETH_USDT")
    ]
    assert session.receive(ack(sent[0]), 1) == []
    assert session.receive(ack(sent[1]), 2) == [Ready("gate.public.0", 2)]


@pytest.mark.parametrize(
    ("options", "channel", "payload"),
    [
        ({"channel": "obu.400"}, "spot.obu", ["ob.BTC_USDT.400"]),
        ({"channel": "order_book_update"}, "spot.order_book_update", ["BTC_USDT", "100ms"]),
        ({"region": "eu"}, "spot.order_book_update", ["BTC_USDT", "100ms"]),
    ],
)
def test_other_channels(options: dict[str, str], channel: str, payload: list[str]) -> None:
    """Gate EU has no ``spot.obu``, so its books come from the older channel."""
    sent = requests(opened(**options).start(NOW_NS))
    assert (sent[0]["channel"], sent[0]["payload"]) == (channel, payload)


def test_a_whole_book_and_a_change() -> None:
    """Numbers, sequence, the venue's time, and the depth it vouches for."""
    session = opened()
    (first,) = session.receive(whole(), 5)
    assert first.snapshot
    assert (first.instrument, first.seq, first.depth, first.exch_ns, first.recv_ns) == (
        "gate:BTC-USDT",
        10,
        50,
        1_749_999_123_456 * MS,
        5,
    )
    assert (first.bids[0].px, first.asks[0].qty) == (2501.24, 37.5)
    (change,) = session.receive(obu(U=11, u=12, b=[["1.5", "0"]]), 6)
    assert (change.snapshot, change.seq, change.bids[0].qty, list(change.asks)) == (False, 12, 0.0, [])


def test_a_change_without_levels_advances_the_id() -> None:
    """Half of the pushes of a busy pair have neither ``b`` nor ``a``; the next one follows them."""
    session = opened()
    session.receive(whole(u=10), 0)
    assert [out.seq for out in session.receive(obu(U=11, u=15), 1)] == [15]
    assert isinstance(session.receive(obu(U=16, u=17, a=[["3000", "1"]]), 2)[0], BookUpdate)


def test_a_whole_book_may_come_at_any_time() -> None:
    """It replaces the book, whatever its id."""
    session = opened()
    session.receive(whole(u=10), 0)
    for u in (50, 3):
        (again,) = session.receive(whole(u=u), 1)
        assert (again.snapshot, again.seq) == (True, u)
    assert isinstance(session.receive(obu(U=4, u=4), 2)[0], BookUpdate)


def test_a_book_that_comes_before_its_confirmation_is_read() -> None:
    """As on the testnet since 2026-03-31."""
    session = opened()
    sent = requests(session.start(NOW_NS))
    assert session.receive(whole(), NOW_NS)[0].snapshot
    assert isinstance(session.receive(obu(U=11, u=11), NOW_NS)[0], BookUpdate)
    assert session.receive(ack(sent[0]), NOW_NS) == []


def test_a_gap_is_flagged_and_subscribed_again_for_that_book_alone() -> None:
    """Unsubscribe, subscribe, and wait for the whole book."""
    session = opened()
    session.receive(whole(u=10), 0)
    lost, *sent = session.receive(obu(U=12, u=13), 1)
    assert isinstance(lost, BookLost)
    assert [(one["event"], one["payload"]) for one in requests(sent)] == [
        ("unsubscribe", ["ob.BTC_USDT.50"]),
        ("subscribe", ["ob.BTC_USDT.50"]),
    ]
    assert session.receive(obu(U=14, u=14), 2) == ()
    assert session.receive(whole(u=20), 3)[0].snapshot


def joined(session: Any, **rest: Any) -> Any:
    """An update, and the answer to the snapshot that it asks for."""
    (ask,) = session.receive(update(11, 12), NOW_NS)
    assert (ask.kind, ask.instrument) == (AskKind.SNAPSHOT, "gate:BTC-USDT")
    body = {"id": 10, "current": 1, "update": 1_749_999_123_000, "asks": [["2501.25", "1"]], "bids": [["2501.24", "2"]]}
    body = {name: value for name, value in (body | rest).items() if value is not None}
    return session.answered(ask, HttpAnswer(200, {}, json.dumps(body).encode(), 1, 2), NOW_NS)


def test_the_older_channel_is_joined_to_a_snapshot() -> None:
    """The push of ids 11 to 12 follows a snapshot of id 10; a gap asks for the next one."""
    session = opened(channel="order_book_update")
    first, change = joined(session)
    assert (first.snapshot, first.seq, first.depth, first.exch_ns) == (True, 10, 100, 1_749_999_123_000 * MS)
    assert (change.seq, change.bids[0].px) == (12, 2501.2)
    lost, ask = session.receive(update(14, 15), NOW_NS)
    assert isinstance(lost, BookLost)
    assert isinstance(ask, Ask)


def test_the_request_of_the_snapshot() -> None:
    """With the id, and as many levels as the channel keeps up to date: Gate EU answers more with empty sides."""
    rest: Any = Gate(VenueSettings(options={"region": "eu"})).session(rest_link("gate"), Catalogue([BTC]), None)
    (request,) = rest.encode(Ask(kind=AskKind.SNAPSHOT, instrument=BTC.id), 0)
    assert request.url == (
        "https://api.gateeu.com/api/v4/spot/order_book?currency_pair=BTC_USDT&limit=100&with_id=true"
    )


def test_an_answer_without_an_id_is_no_snapshot() -> None:
    """Nor is an error: it is asked for again, and no empty book appears."""
    session = opened(channel="order_book_update")
    (ask,) = joined(session, id=None)
    assert isinstance(ask, Ask)
    headers = {"x-gate-ratelimit-reset-timestamp": str(NOW_NS // S + 7)}
    *reports, again = session.answered(ask, HttpAnswer(429, headers, b"{}", 1, 2), NOW_NS)
    assert reports[-1] == RateReport(venue="gate", bucket="book", until_ns=NOW_NS + 7 * S, recv_ns=NOW_NS)
    assert reports[:-1] == [RateReport(venue="gate", bucket="book", until_ns=NOW_NS + S, recv_ns=NOW_NS)]
    page, *_ = session.answered(ask, HttpAnswer(403, {}, b"<html>blocked</html>", 1, 2), NOW_NS)
    assert page == RateReport(venue="gate", bucket="*", until_ns=NOW_NS + 60 * S, recv_ns=NOW_NS)
    assert again.not_before_ns > NOW_NS
    assert isinstance(session.answered(again, NoAnswer("timed out"), NOW_NS)[0], Ask)


def test_a_whole_book_on_the_older_channel_replaces_it() -> None:
    """``full`` is a newer addition there."""
    session = opened(channel="order_book_update")
    joined(session)
    (again,) = session.receive(update(0, 90, full=True, a=[["2501.3", "4"]]), NOW_NS)
    assert (again.snapshot, again.seq) == (True, 90)
    assert session.receive(update(91, 95), NOW_NS)[0].seq == 95


def test_two_book_channels_never_mix_in_one_book() -> None:
    """A recording may hold several: the deepest seen feeds the book, the others are not read."""
    session = opened()
    assert session.receive(whole(u=10), 0)
    deep = obu(levels="400", full=True, u=11, b=[["2501", "1"]], a=[["2502", "1"]])
    assert session.receive(deep, 0)[0].depth == 400
    assert session.receive(obu(U=11, u=12, b=[["2501.3", "7"]]), 0) == ()
    assert session.receive(update(11, 12), 0) == ()


def test_trades_are_told_to_whoever_asks() -> None:
    """``side`` is the taker's, the time has decimals. Subscribed for the instruments of ``LinkSpec.trades`` only."""
    exchange = Gate(VenueSettings())
    link = next(link for link in exchange.links([BTC], "", [ETH]) if link.role is Role.PUBLIC)
    session = exchange.session(link, Catalogue([BTC, ETH]), None)
    sent = requests(session.start(NOW_NS))
    assert [one["payload"] for one in sent if one["channel"] == "spot.trades"] == [["ETH_USDT"]]
    row = {"id": 77, "create_time": 1_749_999_123, "create_time_ms": "1749999123456.789", "side": "sell"}
    row |= {"currency_pair": "ETH_USDT", "amount": "0.25", "price": "2501.5"}
    frame = {"time": 1, "channel": "spot.trades", "event": "update", "result": row}
    (trade,) = session.receive(json.dumps(frame), 9)
    assert trade == Trade("gate:ETH-USDT", Side.SELL, 2501.5, 0.25, "77", 1_749_999_123_456 * MS, 9)


def test_other_channels_and_unknown_instruments_say_nothing() -> None:
    """Whole books of ``spot.order_book``, best prices, futures; a pair that the catalogue lacks."""
    session = opened()
    push = {"event": "update", "channel": "spot.book_ticker", "result": {"u": 1, "s": "BTC_USDT", "b": "1", "a": "2"}}
    book = {"lastUpdateId": 4, "s": "BTC_USDT", "bids": [["1", "1"]], "asks": []}
    futures = {"s": "BTC_USDT", "U": 1, "u": 2, "b": [{"p": "1", "s": 2}], "a": []}
    for frame in (
        push,
        {"event": "update", "channel": "spot.order_book", "result": book},
        {"event": "update", "channel": "futures.order_book_update", "result": futures},
        {"event": "", "channel": "spot.pong", "result": None},
    ):
        assert session.receive(json.dumps(frame), 0) == ()
    assert session.receive(whole("DOGE_USDT"), 0) == ()


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
        {"t": {}},
    ],
)
@pytest.mark.parametrize("channel", ["spot.obu", "spot.order_book_update"])
def test_a_book_with_an_impossible_number_is_refused(channel: str, row: dict[str, Any]) -> None:
    """A ``ValueError``, which the link counts as a bad frame; the next one shows the gap."""
    session = opened()
    session.receive(whole(u=10), 0)
    bad = json.loads(obu(U=11, u=11, b=[], a=[])) | {"channel": channel}
    bad["result"] |= row
    with pytest.raises(ValueError, match=r"."):
        session.receive(json.dumps(bad), 1)
    assert isinstance(session.receive(obu(U=12, u=12), 2)[0], BookLost)


@pytest.mark.parametrize("frame", ["{}", '{"channel":"spot.obu","result":{"u":1}}', '{"result":null}'])
def test_a_frame_that_is_nothing_known_is_refused(frame: str) -> None:
    """No channel; a book without a name."""
    with pytest.raises(BadFrame):
        opened().receive(frame, 0)


def test_a_refused_subscription_is_told_and_asked_for_again() -> None:
    """The reason may pass; the other book goes on."""
    session = opened()
    sent = requests(session.start(NOW_NS))
    session.receive(ack(sent[0]), NOW_NS)
    notice, lost, ready = session.receive(refused(sent[1], 2, "unknown channel"), NOW_NS)
    assert isinstance(notice, Notice)
    assert "unknown channel" in notice.text
    assert (lost.instrument, ready) == ("gate:ETH-USDT", Ready("gate.public.0", NOW_NS))
    again = requests(session.tick(NOW_NS + S))
    assert [one["payload"] for one in again if one["channel"] == "spot.obu"] == [["ob.ETH_USDT.50"]]


def test_a_stream_that_is_subscribed_already_lives_on() -> None:
    """Code 2 ``Alert sub``: the answer to our first request was lost, and the stream is there."""
    session = opened()
    sent = requests(session.start(NOW_NS))
    session.receive(ack(sent[0]), NOW_NS)
    out = session.receive(refused(sent[1], 2, "Alert sub ob.ETH_USDT.50"), NOW_NS)
    assert out == [Ready("gate.public.0", NOW_NS)]


def test_a_subscription_that_is_confirmed_and_silent_is_asked_for_again() -> None:
    """An unknown pair or a wrong level is acknowledged and never sends: it is told, and no other book is touched."""
    session = opened()
    for request in requests(session.start(NOW_NS)):
        session.receive(ack(request), NOW_NS)
    session.receive(whole(), NOW_NS)
    out = session.tick(NOW_NS + 11 * S)
    assert {one.instrument for one in out if isinstance(one, BookLost)} == {"gate:ETH-USDT"}
    assert [one["payload"] for one in requests(out) if one.get("event") == "subscribe"] == [["ob.ETH_USDT.50"]]


def test_it_pings_every_ten_seconds() -> None:
    """The venue's own ping message: the pong also shows that the venue lives."""
    session = opened()
    session.start(NOW_NS)
    pings = [
        (second, one["time"] - NOW_NS // S)
        for second in range(1, 45)
        for one in requests(session.tick(NOW_NS + second * S))
        if one["channel"] == "spot.ping"
    ]
    assert pings == [(10, 10), (20, 20), (30, 30), (40, 40)]


def test_the_farewell_notice() -> None:
    """Before an upgrade; it has no channel."""
    (notice,) = opened().receive('{"type":"upgrade","msg":"The connection will soon be closed"}', 3)
    assert notice.going_away


def test_a_bytes_frame_reads_like_text() -> None:
    """The transport may hand over either."""
    (book,) = opened().receive(whole().encode(), 0)
    assert isinstance(book, BookUpdate)


def test_a_name_in_another_script_is_kept() -> None:
    """Ids with letters outside of ASCII exist: in the request, and back."""
    coin = spot("币安人生_USDT")
    exchange = Gate(VenueSettings())
    link = next(link for link in exchange.links([coin], "") if link.role is Role.PUBLIC)
    session: Any = exchange.session(link, Catalogue([coin]), None)
    assert requests(session.start(NOW_NS))[0]["payload"] == ["ob.币安人生_USDT.50"]
    assert session.receive(whole("币安人生_USDT"), 0)[0].instrument == "gate:币安人生-USDT"
