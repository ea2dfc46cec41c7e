"""Requests for streams: cut, confirmed, refused, unanswered, silent."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from arbkit.adapters.chained import Chained, Depth
from arbkit.adapters.context import Context
from arbkit.adapters.sockets import BookFeed, BookSocket
from arbkit.adapters.subscriptions import Stream, Subscriptions
from arbkit.core.errors import LocalProtocolError
from arbkit.core.types import BookLost, Catalogue, Instrument, LinkSpec, Notice, Output, Ready, Role, Send

S = 1_000_000_000


def write(op: str, streams: Sequence[Stream], number: int) -> str:
    return json.dumps({"op": op, "args": [f"{channel}.{native}" for channel, native in streams], "id": number})


def asked(outputs: Sequence[Any]) -> list[dict[str, Any]]:
    return [json.loads(out.data) for out in outputs if isinstance(out, Send)]


@pytest.mark.parametrize(("most", "most_bytes"), [(7, 0), (1000, 300), (7, 120), (1, 0)])
def test_requests_keep_both_limits(most: int, most_bytes: int) -> None:
    """Every stream is asked for once, in order; no request is longer than it may be, and none is needlessly short."""
    wanted = [("book", f"€{number}USDT") for number in range(40)]
    sends = Subscriptions("x.0", "x", write, lambda *_: (), most=most, most_bytes=most_bytes).ask(wanted, 0)
    requests = asked(sends)
    assert [arg for request in requests for arg in request["args"]] == [".".join(stream) for stream in wanted]
    for request, send in zip(requests, sends, strict=True):
        assert len(request["args"]) <= most
        assert not most_bytes or len(str(send.data).encode()) <= most_bytes
    if most_bytes:
        fullest = max(len(str(send.data).encode()) for send in sends)
        assert len(requests[0]["args"]) == most or fullest > most_bytes - 40


def test_a_request_without_answer_is_sent_again_and_the_link_is_not_ready() -> None:
    """After 10 s, then later each time."""
    subscriptions = Subscriptions("x.0", "x", write, lambda *_: ())
    subscriptions.ask([("book", "A")], 0)
    at = [now for now in range(1, 200) if subscriptions.due_ns <= now * S and subscriptions.tick(now * S)]
    assert at == [10, 30, 70, 150]
    assert not subscriptions.ready


def test_answers_that_name_one_stream_each() -> None:
    """Without numbers: each stream of a request is confirmed or refused alone, in any order; the link is ready after
    the last. What was not answered is asked for again, without the rest."""
    subscriptions = Subscriptions("x.0", "x", write, lambda *_: (), most=9)
    a, b, c = (("book", name) for name in "ABC")
    subscriptions.ask([a, b, c], 0)
    assert subscriptions.number(("book", "D")) == 0
    assert subscriptions.confirmed(subscriptions.number(b), S) == []
    assert subscriptions.number(b) == 0
    out = subscriptions.refused(subscriptions.number(c), "closed", 2 * S)
    assert [type(one) for one in out] == [Notice]
    assert not subscriptions.ready
    assert asked(subscriptions.tick(3 * S))[0]["args"] == ["book.C"]
    assert asked(subscriptions.tick(10 * S))[0]["args"] == ["book.A"]
    assert subscriptions.confirmed(subscriptions.number(a), 11 * S) == []
    assert subscriptions.confirmed(subscriptions.number(c), 12 * S) == [Ready("x.0", 12 * S)]
    assert [subscriptions.silent_since(stream) for stream in (a, b, c)] == [11 * S, S, 12 * S]


def test_one_bad_stream_does_not_cost_the_others() -> None:
    """A refused request is split; what is refused alone is lost, and asked for again with growing delay."""
    lost: list[Stream] = []

    def lose(stream: Stream, reason: str, now_ns: int) -> Sequence[BookLost]:
        lost.append(stream)
        return (BookLost(f"x:{stream[1]}", reason, now_ns),)

    subscriptions = Subscriptions("x.0", "x", write, lose, most=10)
    subscriptions.ask([("book", "A"), ("book", "BAD")], 0)
    one, other = asked(subscriptions.refused(1, "no", 0))
    assert subscriptions.confirmed(one["id"], 0) == []
    *told, ready = subscriptions.refused(other["id"], "no such symbol", 0)
    assert [type(out) for out in told] == [Notice, BookLost]
    assert isinstance(ready, Ready)
    times = []
    for now in range(1, 1000):
        for request in asked(subscriptions.tick(now * S)):
            if request["op"] == "unsubscribe":
                continue
            times.append(now)
            subscriptions.refused(request["id"], "no such symbol", now * S)
    assert times[:6] == [1, 3, 7, 15, 31, 63]
    assert max(b - a for a, b in itertools.pairwise(times)) <= 300
    assert set(lost) == {("book", "BAD")}


def read(socket: BookSocket, data: str | bytes, now_ns: int) -> Sequence[Output]:
    message = json.loads(data)
    return socket.confirmed(message["id"], now_ns) if "id" in message else (socket.open("A", "book", "A"), ())[1]


def test_a_silent_symbol_is_told_ten_seconds_after_its_confirmation() -> None:
    """Its neighbour sends. Then it is asked for again and again, at most once in two minutes."""
    pairs = [
        Instrument(venue="x", symbol=f"{name}-Q", native=name, base=name, quote="Q", tick=Decimal(1), lot=Decimal(1))
        for name in "AB"
    ]
    link = LinkSpec(link="x.0", venue="x", role=Role.PUBLIC, instruments=[one.id for one in pairs])
    socket = BookSocket(
        Context(link, Catalogue(pairs), None),
        url="",
        read=read,
        feeds={"book": BookFeed(10, Chained)},
        streams=lambda native: [("book", native)],
        write=write,
        most=10,
    )
    out = list(socket.start(0))
    told = []
    socket.receive("{}", S)
    for now in range(2, 700):
        for request in asked(out):
            if request["op"] == "subscribe":
                socket.receive(json.dumps({"id": request["id"]}), now * S)
        out = list(socket.tick(now * S)) if socket.due_ns <= now * S else []
        told += [(now, one.instrument) for one in out if isinstance(one, BookLost)]
    assert {name for _, name in told} == {"x:B-Q"}
    times = [now for now, _ in told]
    assert times[0] == 12  # confirmed at 2
    assert 5 <= len(times) <= 10
    assert max(b - a for a, b in itertools.pairwise(times)) <= 121


def test_a_stream_that_the_venue_holds_already_is_let_go_first() -> None:
    """An answer was lost, so the venue knows of a subscription that we do not: it refuses a second one, for ever. After
    two refusals the stream is unsubscribed before it is asked for."""
    held = {"book.XUSDT"}
    subscriptions = Subscriptions("x.0", "x", write, lambda *_: ())
    requests = asked(subscriptions.ask([("book", "XUSDT")], 0))
    for now in range(1, 10):
        for request in requests:
            if request["op"] == "unsubscribe":
                held -= set(request["args"])
            elif held & set(request["args"]):
                subscriptions.refused(request["id"], "already subscribed", now * S)
            else:
                assert subscriptions.confirmed(request["id"], now * S) == []
                assert subscriptions.due_ns > 10**18
                return
        requests = asked(subscriptions.tick(now * S))
    pytest.fail("it is still refused")


def test_a_book_of_a_channel_that_is_no_feed_is_refused() -> None:
    """It would be subscribed, and each of its messages ignored: the error names the stream and the channels."""
    link = LinkSpec(link="x.public.0", venue="x", role=Role.PUBLIC, instruments=["x:A-B"])
    feeds = {"depth": BookFeed(0, Chained)}
    socket = BookSocket(
        Context(link, Catalogue(), None),
        url="",
        read=lambda socket, data, now_ns: (),
        feeds=feeds,
        streams=lambda native: [("dept", native)],
        write=write,
    )
    with pytest.raises(LocalProtocolError, match=r"the first stream of AB is 'dept', .* its feeds: depth"):
        socket.start(0)


def test_a_request_of_one_channel() -> None:
    """Where a request names one channel, each channel has requests of its own, also when all is asked for again."""
    wanted = [("book", "A"), ("trades", "A"), ("book", "B"), ("beat", "")]
    subscriptions = Subscriptions("x.0", "x", write, lambda *_: (), most=9, one_channel=True)
    args = [["book.A", "book.B"], ["trades.A"], ["beat."]]
    assert [request["args"] for request in asked(subscriptions.ask(wanted, 0))] == args
    again = asked(subscriptions.again_all(wanted[:3], 0))
    assert [(one["op"], one["args"]) for one in again] == [
        (op, some) for op in ("unsubscribe", "subscribe") for some in args[:2]
    ]
    assert len({one["id"] for one in again}) == 4


def snapshot(socket: BookSocket, data: str | bytes, now_ns: int) -> Sequence[Output]:
    book = socket.books.get(data) or socket.open(data, "book", str(data))
    out: Sequence[Output] = book.snapshot(Depth((), (), 7), now_ns)
    return out


def test_a_gap_of_the_connection_loses_every_book_by_one_request() -> None:
    """All are lost and asked for together; so they are again when no snapshot comes. Without a book: nothing."""
    names = "ABCDE"
    pairs = [
        Instrument(venue="x", symbol=f"{name}-Q", native=name, base=name, quote="Q", tick=Decimal(1), lot=Decimal(1))
        for name in names
    ]
    socket = BookSocket(
        Context(LinkSpec(link="x.0", venue="x", role=Role.PUBLIC), Catalogue(pairs), None),
        url="",
        read=snapshot,
        feeds={"book": BookFeed(10, Chained)},
        streams=lambda native: [("book", native)],
        write=write,
        most=3,
    )
    assert socket.lose_all("no books yet", 0) == []
    for name in names:
        socket.receive(name, 0)
    out = socket.lose_all("a message is missing", S)
    assert {one.instrument for one in out if isinstance(one, BookLost)} == {pair.id for pair in pairs}
    batches = [["book.A", "book.B", "book.C"], ["book.D", "book.E"]]
    assert [one["args"] for one in asked(out)] == batches * 2
    for request in asked(out)[2:]:
        socket.confirmed(request["id"], 2 * S)
    socket.receive("A", 3 * S)
    late = asked(socket.tick(11 * S))
    assert [one["args"] for one in late] == [["book.B", "book.C", "book.D"], ["book.E"]] * 2


def test_a_venue_that_takes_no_message_at_first_gets_its_subscriptions_later() -> None:
    """Once, when the wait is over."""
    coin = Instrument(venue="x", symbol="A-USDT", native="A", base="A", quote="USDT", tick=Decimal(1), lot=Decimal(1))
    link = LinkSpec(link="x.0", venue="x", role=Role.PUBLIC, instruments=[coin.id])
    socket = BookSocket(
        Context(link, Catalogue([coin]), None),
        url="wss://x",
        read=read,
        feeds={"book": BookFeed(10, Chained)},
        streams=lambda native: [("book", native)],
        write=write,
        wait_ns=S,
    )
    assert socket.start(0) == ()
    assert socket.due_ns == S
    assert asked(socket.tick(S - 1)) == []
    assert [one["args"] for one in asked(socket.tick(S))] == [["book.A"]]
    assert asked(socket.tick(2 * S)) == []
