"""The market-data session: subscriptions, channels, notices, and garbage."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from typing import Any

import pytest
from arbkit_binance.adapter import Binance
from arbkit_binance.dialect import BinanceDialect
from hypothesis import example, given, settings
from hypothesis import strategies as st
from wires import instrument

from arbkit.core.errors import BadFrame
from arbkit.core.types import (
    NEVER,
    Ask,
    AskKind,
    BookLost,
    BookUpdate,
    Catalogue,
    HttpAnswer,
    Instrument,
    Level,
    LinkSpec,
    NoAnswer,
    Notice,
    RateReport,
    Ready,
    Role,
    Send,
    Side,
    TopUpdate,
    Trade,
    VenueSettings,
)
from arbkit.testing import corpus
from arbkit.testing.recorder import record
from arbkit.testing.recording import AnyCatalogue, RecordedFrame, Summary, read_frames

NOW = 10**18
BTC = "binance:BTC-USDT"


def market(native: str) -> Instrument:
    base = native.removesuffix("USDT")
    return instrument("binance", native, "1", "1", f"{base}-USDT")


def session(*natives: str) -> Any:
    found = [market(native) for native in natives]
    link = LinkSpec(link="binance.public.0", venue="binance", role=Role.PUBLIC, instruments=[one.id for one in found])
    return Binance(VenueSettings()).session(link, Catalogue(found), None)


def frame(stream: str, **data: Any) -> str:
    return json.dumps({"stream": stream, "data": data}, separators=(",", ":"))


def diff(first: int, last: int, **more: Any) -> str:
    return frame(
        "btcusdt@depth@100ms", e="depthUpdate", E=7, s="BTCUSDT", U=first, u=last, **{"b": [], "a": [], **more}
    )


# --- subscriptions


def asked(natives: Sequence[str], sends: Sequence[Send]) -> list[Any]:
    """The SUBSCRIBE texts, after what must hold for any of them: the venue answers it, and each stream is in one."""
    assert max(len(one.data.encode()) for one in sends) <= 4_000
    texts = [json.loads(one.data) for one in sends]
    assert max(len(text["params"]) for text in texts) <= 200
    wanted = [f"{native.lower()}@{channel}" for native in natives for channel in ("depth@100ms", "bookTicker")]
    assert [stream for text in texts for stream in text["params"]] == wanted
    assert len({text["id"] for text in texts}) == len(texts)
    return texts


@pytest.mark.parametrize(("streams", "texts"), [(100, 1), (300, 2), (1024, 6)])
def test_a_subscription_is_cut_into_texts_that_the_venue_answers(streams: int, texts: int) -> None:
    """Binance never answers a SUBSCRIBE of more than about 4,090 bytes; ready comes with the last acknowledgement."""
    natives = [f"C{number}USDT" for number in range(streams // 2)]
    public = session(*natives)
    ids = [text["id"] for text in asked(natives, public.start(NOW))]
    assert len(ids) == texts
    for done in reversed(ids[1:]):
        assert list(public.receive(f'{{"result":null,"id":{done}}}', NOW)) == []
    assert list(public.receive(f'{{"result":null,"id":{ids[0]}}}', NOW)) == [Ready("binance.public.0", NOW)]
    for native in natives:
        public.receive(diff(1, 2).replace("BTCUSDT", native).replace("btcusdt", native.lower()), NOW)
    public.tick(public.due_ns)
    assert public.due_ns == NEVER


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 512), st.text(st.sampled_from("AZ币安人生"), max_size=40))
@example(512, "币" * 40)
def test_no_subscription_text_is_too_long_whatever_the_names(count: int, name: str) -> None:
    """Symbols may be of any script: it is the bytes on the wire that count, also when they are asked for again."""
    natives = [f"{name}{number}" for number in range(count)]
    public = session(*natives)
    first = asked(natives, public.start(NOW))
    again = asked(natives, public.tick(public.due_ns))
    assert not {text["id"] for text in first} & {text["id"] for text in again}


def sends(out: Sequence[Any]) -> list[Any]:
    return [json.loads(one.data) for one in out if isinstance(one, Send)]


def test_only_what_was_not_acknowledged_is_subscribed_again() -> None:
    """A lost acknowledgement costs one message, under a new id; a late one for the old id counts for nothing."""
    public = session(*(f"C{number}USDT" for number in range(150)))
    first = sends(public.start(NOW))
    public.receive('{"result":null,"id":1}', NOW + 1)
    (again,) = sends(public.tick(NOW + 10**10))
    assert again["id"] > 2
    assert again["params"] == first[1]["params"]
    assert list(public.receive('{"result":null,"id":2}', NOW)) == []
    done = public.receive(json.dumps({"result": None, "id": again["id"]}), NOW)
    assert list(done) == [Ready("binance.public.0", NOW)]


@pytest.mark.parametrize("form", ['{"code":2,"msg":"Invalid","id":%d}', '{"error":{"code":2,"msg":"Invalid"},"id":%d}'])
def test_a_refused_subscription_is_told_and_asked_for_again(form: str) -> None:
    """One bad stream may be the reason, so each is asked for alone; a refused one again after a second, then later."""
    public = session("BTCUSDT")
    public.start(NOW)
    alone = sends(public.receive(form % 1, NOW))
    assert [one["params"] for one in alone] == [["btcusdt@depth@100ms"], ["btcusdt@bookTicker"]]
    out = public.receive(form % alone[0]["id"], NOW)
    (notice,) = [one for one in out if isinstance(one, Notice)]
    assert "2 Invalid" in notice.text
    assert [one.instrument for one in out if isinstance(one, BookLost)] == [BTC]
    assert list(public.receive(json.dumps({"result": None, "id": alone[1]["id"]}), NOW)) == [
        Ready("binance.public.0", NOW)
    ]
    assert public.due_ns == NOW + 10**9
    (again,) = sends(public.tick(public.due_ns))
    assert again["params"] == ["btcusdt@depth@100ms"]
    public.receive(form % again["id"], NOW + 10**9)
    assert public.due_ns == NOW + 3 * 10**9


def test_shutdown_notice_in_each_of_its_forms() -> None:
    """Combined and raw: dial a new socket now."""
    for text in (
        '{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1}}',
        '{"e":"serverShutdown","E":1749999123456}',
    ):
        (notice,) = session("BTCUSDT").receive(text, NOW)
        assert notice.going_away


def test_trades_are_subscribed_for_whoever_asks() -> None:
    """Of instruments with a book or without one."""
    found = [market("BTCUSDT"), market("ETHUSDT")]
    link = LinkSpec(
        link="binance.public.0",
        venue="binance",
        role=Role.PUBLIC,
        instruments=[found[0].id],
        trades=[one.id for one in found],
    )
    public = Binance(VenueSettings()).session(link, Catalogue(found), None)
    (text,) = sends(public.start(NOW))
    assert text["params"] == ["btcusdt@depth@100ms", "btcusdt@bookTicker", "btcusdt@trade", "ethusdt@trade"]


# --- channels


def test_book_is_asked_for_and_joined() -> None:
    """First difference asks; the answer's weight header is passed on; the snapshot and what followed come out."""
    public = session("BTCUSDT")
    (ask,) = public.receive(diff(11, 12, b=[["1.5", "2"]]), NOW)
    assert ask == Ask(kind=AskKind.SNAPSHOT, instrument=BTC, ref="1")
    assert public.receive(diff(13, 14, a=[["1.75", "0.00000000"]]), NOW) == ()
    body = b'{"lastUpdateId":12,"bids":[["1.5","2"]],"asks":[["1.75","3"]]}'
    rate, snapshot, delta = public.answered(ask, HttpAnswer(200, {"x-mbx-used-weight-1m": "55"}, body), NOW)
    assert rate == RateReport(venue="binance", bucket="weight", used=55, recv_ns=NOW)
    assert snapshot == BookUpdate(BTC, [Level(1.5, 2.0)], [Level(1.75, 3.0)], True, 12, 0, NOW, 1000)
    assert delta == BookUpdate(BTC, [], [Level(1.75, 0.0)], False, 14, 7_000_000, NOW)


def test_refused_snapshot_is_asked_again_with_growing_delay() -> None:
    """No answer, an error page and a cut body alike."""
    public = session("BTCUSDT")
    (ask,) = public.receive(diff(11, 12), NOW)
    delays = []
    for answer in (NoAnswer("timeout"), HttpAnswer(503, {}, b"<html>"), HttpAnswer(200, {}, b'{"lastUp')):
        (ask,) = public.answered(ask, answer, NOW)
        delays.append(ask.not_before_ns - NOW)
    assert delays == [250_000_000, 500_000_000, 1_000_000_000]


def test_best_bid_and_ask_is_a_top_of_the_same_ids() -> None:
    """An empty side (price 0) is no top."""
    public = session("BTCUSDT")
    text = frame("btcusdt@bookTicker", u=15, s="BTCUSDT", b="1.5", B="2", a="1.75", A="3")
    assert public.receive(text, NOW) == (TopUpdate(BTC, Level(1.5, 2.0), Level(1.75, 3.0), 15, 0, NOW),)
    empty = frame("btcusdt@bookTicker", u=16, s="BTCUSDT", b="0.00000000", B="0.00000000", a="1.75", A="3")
    assert public.receive(empty, NOW) == ()


def test_trade_side_is_the_aggressors() -> None:
    """m = the buyer was the maker, so the seller came last."""
    public = session("BTCUSDT")
    text = frame("btcusdt@trade", e="trade", E=1, s="BTCUSDT", t=9, p="1.5", q="2", T=3, m=True, M=True)
    assert public.receive(text, NOW) == (Trade(BTC, Side.SELL, 1.5, 2.0, "9", 3_000_000, NOW),)


def test_whole_books_count_only_without_differences() -> None:
    """@depth5/10/20 frames are snapshots that never go back; where differences come they are left alone."""
    for channel, depth in (("depth5", 5), ("depth10@100ms", 10), ("depth20@1000ms", 20)):
        public = session("BTCUSDT")
        text = frame(f"btcusdt@{channel}", lastUpdateId=160, bids=[["1.5", "10"]], asks=[["1.75", "100"]])
        assert public.receive(text, NOW) == (
            BookUpdate(BTC, [Level(1.5, 10.0)], [Level(1.75, 100.0)], True, 160, 0, NOW, depth),
        )
        assert public.receive(text, NOW) == ()
        public.receive(diff(161, 162), NOW)
        later = frame(f"btcusdt@{channel}", lastUpdateId=170, bids=[["1.5", "10"]], asks=[["1.75", "100"]])
        assert public.receive(later, NOW) == ()


def test_all_depth_speeds_and_raw_streams_read_alike() -> None:
    """@depth, @depth@100ms, bytes or text, key order, and the payload without its envelope."""
    wanted = session("BTCUSDT").receive(diff(11, 12), NOW)
    payload = json.loads(diff(11, 12))["data"]
    forms: list[str | bytes] = [
        diff(11, 12).encode(),
        diff(11, 12).replace("@100ms", ""),
        diff(11, 12).replace("@100ms", "@1000ms"),
        json.dumps({"data": payload, "stream": "btcusdt@depth@100ms"}),
        json.dumps({"stream": "btcusdt@depth@100ms", "data": payload}, indent=1),
        json.dumps(payload),
        json.dumps(payload).encode(),
    ]
    for text in forms:
        assert session("BTCUSDT").receive(text, NOW) == wanted


def test_frames_of_strangers_are_left_alone() -> None:
    """Symbols nobody knows and channels nobody reads change nothing."""
    public = session("BTCUSDT")
    assert public.receive(diff(1, 2).replace("BTCUSDT", "XXXUSDT"), NOW) == ()
    assert public.receive(frame("btcusdt@kline_1m", e="kline", s="BTCUSDT", k={}), NOW) == ()
    assert public.receive(frame("xxxusdt@bookTicker", u=1, s="XXXUSDT", b="1", B="1", a="2", A="1"), NOW) == ()


# --- garbage


def test_numbers_no_market_has_are_refused() -> None:
    """NaN, infinity, negatives, overflow and padding never reach a book; -0 and underflow delete."""
    for px, qty in (
        ("NaN", "1"),
        ("Infinity", "1"),
        ("-1", "1"),
        ("0", "1"),
        ("1e400", "1"),
        (" 1", "1"),
        ("1_0", "1"),
        ("1", "NaN"),
        ("1", "-1"),
        ("1", "1e15"),
        ("1e15", "1"),
        ("", "1"),
        (None, "1"),
        ("1", []),
    ):
        try:
            session("BTCUSDT").receive(diff(1, 2, b=[[px, qty]]), NOW)
        except ValueError:
            continue
        raise AssertionError((px, qty))
    session("BTCUSDT").receive(diff(1, 2, b=[["1", "-0"], ["2", "1e-999"], ["3", "4", []]]), NOW)


def real_frames() -> list[RecordedFrame]:
    """The first frames of two recordings, if they are there."""
    paths = [corpus.find("binance", file) for file in ("frames", "frames-small2021")]
    return [frame for path in paths if path for _, frame in islice(read_frames(path, Summary()), 300)]


FRAMES = [one.data.encode() for one in (*record(Binance, BinanceDialect, 10), *real_frames()) if one.kind == "ws"]


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_mutated_frames_raise_nothing_but_what_the_link_counts(data: st.DataObject) -> None:
    """Cut, flipped, doubled, spliced and nested frames: read, or refused in the agreed ways."""
    public = Binance(VenueSettings()).session(
        LinkSpec(link="binance.public.0", venue="binance", role=Role.PUBLIC), AnyCatalogue(), None
    )
    for _ in range(data.draw(st.integers(1, 4))):
        text = data.draw(st.sampled_from(FRAMES))
        for _ in range(data.draw(st.integers(0, 4))):
            at = data.draw(st.integers(0, len(text)))
            head, tail = text[:at], text[at:]
            match data.draw(st.sampled_from(["cut", "byte", "double", "insert", "splice"])):
                case "cut":
                    text = head
                case "byte":
                    text = head + bytes([data.draw(st.integers(0, 255))]) + tail[1:]
                case "double":
                    text = text + text
                case "insert":
                    junk = [b"[" * 3000, b'{"a":', b"null", b"-0", b"1e999", b'"', b"\\u0000", b"\xff", b'"data":1,']
                    text = head + data.draw(st.sampled_from(junk)) + tail
                case _:
                    text = head + data.draw(st.sampled_from(FRAMES))[at:]
        with suppress(BadFrame, ValueError, KeyError, RecursionError):
            public.receive(data.draw(st.sampled_from([text, text.decode("utf-8", "replace")])), NOW)


@settings(max_examples=300, deadline=None)
@given(text=st.one_of(st.binary(max_size=200), st.text(max_size=200), st.just(b"[" * 100_000)))
def test_noise_raises_nothing_but_what_the_link_counts(text: str | bytes) -> None:
    """Bytes that were never a frame."""
    with suppress(BadFrame, ValueError, KeyError, RecursionError):
        session("BTCUSDT").receive(text, NOW)


def test_public_link_carries_no_requests() -> None:
    """Snapshots are asked for, not sent, from here."""
    assert all(isinstance(one, Send) for one in session("BTCUSDT").start(NOW))
