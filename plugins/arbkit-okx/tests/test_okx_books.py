"""The public link: subscriptions, every book channel, gaps, keep-alive."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from arbkit_okx.adapter import Okx

from arbkit.core.errors import BadFrame
from arbkit.core.types import (
    BookLost,
    BookUpdate,
    Catalogue,
    Dial,
    Instrument,
    Notice,
    Ready,
    Role,
    Secret,
    Send,
    Side,
    Trade,
    VenueSettings,
)
from arbkit.core.venues.signer import LocalSigner

MS = 1_000_000
S = 1_000 * MS


def spot(native: str) -> Instrument:
    base, _, quote = native.partition("-")
    return Instrument(
        venue="okx", symbol=native, native=native, base=base, quote=quote, tick=Decimal("0.1"), lot=Decimal("0.1")
    )


BTC, ETH = spot("BTC-USDT"), spot("ETH-USDT")


def opened(channel: str = "books", signer: LocalSigner | None = None) -> Any:
    exchange = Okx(VenueSettings(options={"channel": channel}))
    account = "okx:main" if signer else ""
    link = next(link for link in exchange.links([BTC, ETH], account) if link.role is Role.PUBLIC)
    return exchange.session(link, Catalogue([BTC, ETH]), signer)


def book(channel: str, action: str = "", native: str = "BTC-USDT", **row: Any) -> str:
    level = ["2501.25", "37.5", "0", "3"]
    data = {"asks": [level], "bids": [["2501.24", "62", "0", "2"]], "ts": "1749999123456", "checksum": 0, **row}
    frame: dict[str, Any] = {"arg": {"channel": channel, "instId": native}, "data": [data]}
    return json.dumps(frame | {"action": action} if action else frame)


def test_each_book_is_subscribed_and_ready_when_all_are_confirmed() -> None:
    """One request a book: a refusal names its own."""
    session = opened()
    assert session.dial(0) == Dial("wss://ws.okx.com:443/ws/v5/public")
    sent = [json.loads(send.data) for send in session.start(0)]
    assert [request["args"][0] for request in sent] == [
        {"channel": "books", "instId": "BTC-USDT"},
        {"channel": "books", "instId": "ETH-USDT"},
        {"channel": "instruments", "instType": "SPOT"},
    ]
    assert all(request["id"].isalnum() for request in sent)
    acks = [{"id": one["id"], "event": "subscribe", "arg": one["args"][0], "connId": "a"} for one in sent]
    assert session.receive(json.dumps(acks[0]), 1) == []
    assert session.receive(json.dumps(acks[1]), 2) == []
    assert session.receive(json.dumps(acks[2]), 2) == [Ready("okx.public.0", 2)]


def test_a_snapshot_and_a_delta() -> None:
    """Numbers, sequence, the venue's time, and the depth it vouches for."""
    session = opened()
    (first,) = session.receive(book("books", "snapshot", prevSeqId=-1, seqId=10), 5)
    assert first.snapshot
    assert (first.instrument, first.seq, first.depth, first.exch_ns, first.recv_ns) == (
        "okx:BTC-USDT",
        10,
        400,
        1749999123456 * MS,
        5,
    )
    assert (first.bids[0].px, first.asks[0].qty) == (2501.24, 37.5)
    (delta,) = session.receive(book("books", "update", prevSeqId=10, seqId=12, bids=[["1.5", "0", "0", "0"]]), 6)
    assert (delta.snapshot, delta.seq, delta.bids[0].qty) == (False, 12, 0.0)


def test_a_gap_is_flagged_and_subscribed_again_for_that_book_alone() -> None:
    """Unsubscribe, subscribe, and wait for the snapshot."""
    session = opened()
    session.receive(book("books", "snapshot", prevSeqId=-1, seqId=10), 0)
    lost, *sent = session.receive(book("books", "update", prevSeqId=11, seqId=12), 1)
    assert isinstance(lost, BookLost)
    assert [json.loads(send.data)["op"] for send in sent] == ["unsubscribe", "subscribe"]
    assert {json.loads(send.data)["args"][0]["instId"] for send in sent} == {"BTC-USDT"}
    assert session.receive(book("books", "snapshot", prevSeqId=-1, seqId=20), 2)[0].snapshot


@pytest.mark.parametrize(("channel", "depth"), [("bbo-tbt", 1), ("books5", 5)])
def test_channels_that_push_whole_books(channel: str, depth: int) -> None:
    """No action, no ``prevSeqId``: each push replaces."""
    session = opened(channel)
    for seq in (5, 9):
        (update,) = session.receive(book(channel, seqId=seq), 0)
        assert (update.snapshot, update.depth, update.seq) == (True, depth, seq)


@pytest.mark.parametrize(("channel", "depth"), [("books50-l2-tbt", 50), ("books-l2-tbt", 400)])
def test_fast_channels_log_in_first(channel: str, depth: int) -> None:
    """They need VIP4 and a login; without the tier the open channel takes over."""
    session = opened(channel, LocalSigner("key", "secret", "pass"))
    (login,) = session.start(0)
    assert isinstance(login.data, Secret)
    sent = session.receive('{"event":"login","code":"0","msg":""}', 1)
    assert {json.loads(send.data)["args"][0]["channel"] for send in sent} == {channel, "instruments"}
    (update,) = session.receive(book(channel, "snapshot", prevSeqId=-1, seqId=1), 1)
    assert update.depth == depth
    notice, *again = session.receive('{"event":"error","code":"64003","msg":"VIP"}', 2)
    assert isinstance(notice, Notice)
    assert {json.loads(send.data)["args"][0]["channel"] for send in again} == {"books", "instruments"}


def test_two_book_channels_never_mix_in_one_book() -> None:
    """A recording may hold several: the deepest seen feeds the book, the others are not read."""
    session = opened()
    assert session.receive(book("bbo-tbt", native="ETH-USDT", seqId=1), 0)
    assert session.receive(book("books", "snapshot", "ETH-USDT", prevSeqId=-1, seqId=2), 0)
    assert session.receive(book("bbo-tbt", native="ETH-USDT", seqId=3), 0) == ()
    assert session.receive(book("books5", native="ETH-USDT", seqId=3), 0) == ()
    assert session.receive(book("books", "update", "ETH-USDT", prevSeqId=2, seqId=4), 0)


def test_trades_are_told_to_whoever_asks() -> None:
    """``side`` is the taker's. The channel is subscribed for the instruments of ``LinkSpec.trades`` only."""
    exchange = Okx(VenueSettings())
    link = next(link for link in exchange.links([BTC], "", [ETH]) if link.role is Role.PUBLIC)
    session = exchange.session(link, Catalogue([BTC, ETH]), None)
    asked = [json.loads(send.data)["args"][0] for send in session.start(0)]
    assert [arg for arg in asked if arg["channel"] == "trades"] == [{"channel": "trades", "instId": "ETH-USDT"}]
    row = {"instId": "ETH-USDT", "tradeId": "77", "px": "2501.5", "sz": "0.25", "side": "sell", "ts": "1749999123456"}
    (trade,) = session.receive(json.dumps({"arg": {"channel": "trades", "instId": "ETH-USDT"}, "data": [row]}), 9)
    assert trade == Trade("okx:ETH-USDT", Side.SELL, 2501.5, 0.25, "77", 1749999123456 * MS, 9)


def test_changed_rules_are_told() -> None:
    """The ``instruments`` channel: a suspended pair is not tradable; a new listing without rules neither."""
    rows = [
        {"instType": "SPOT", "instId": "BTC-USDT", "baseCcy": "BTC", "quoteCcy": "USDT", "tickSz": "0.1"}
        | {"lotSz": "0.001", "minSz": "0.001", "state": state, "instIdCode": 7}
        for state in ("suspend", "live")
    ]
    new = {"instType": "SPOT", "instId": "NEW-USDT", "state": "live", "listTime": "1749999123456"}
    frame = {"arg": {"channel": "instruments", "instType": "SPOT"}, "data": [*rows, new]}
    told = [update.instrument for update in opened().receive(json.dumps(frame), 0)]
    assert [(one.id, one.tradable) for one in told] == [
        ("okx:BTC-USDT", False),
        ("okx:BTC-USDT", True),
        ("okx:NEW-USDT", False),
    ]


def test_other_channels_and_unknown_instruments_say_nothing() -> None:
    """Tickers; an instrument that the catalogue lacks."""
    session = opened()
    ticker = {"arg": {"channel": "tickers", "instId": "BTC-USDT"}, "data": [{"last": "1", "ts": "3"}]}
    assert session.receive(json.dumps(ticker), 0) == ()
    assert session.receive(book("books", "snapshot", "DOGE-USDT", prevSeqId=-1, seqId=1), 0) == ()


@pytest.mark.parametrize(
    "row",
    [
        {"bids": [["NaN", "1"]]},
        {"bids": [["-1", "1"]]},
        {"asks": [["1", "1e400"]]},
        {"asks": [[" 1", "1"]]},
        {"bids": [["1"]]},
        {"bids": None},
        {"seqId": "x"},
        {"ts": {}},
    ],
)
def test_a_book_with_an_impossible_number_is_refused(row: dict[str, Any]) -> None:
    """A ``ValueError``, which the link counts as a bad frame; the next one shows the gap."""
    session = opened()
    session.receive(book("books", "snapshot", prevSeqId=-1, seqId=10), 0)
    with pytest.raises(ValueError, match=r"."):
        session.receive(book("books", "update", **{"prevSeqId": 10, "seqId": 11, **row}), 1)
    assert isinstance(session.receive(book("books", "update", prevSeqId=11, seqId=12), 2)[0], BookLost)


def test_a_frame_that_is_nothing_known_is_refused() -> None:
    """No event, no push; a book without a side."""
    session = opened()
    for frame in ("{}", '{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"update","data":[{"bids":[]}]}'):
        with pytest.raises(BadFrame):
            session.receive(frame, 0)


def test_a_refused_subscription_is_told_and_asked_for_again() -> None:
    """The reason may pass. The delay grows, so that the budget of requests is not burnt."""
    session = opened()
    requests = {
        json.loads(send.data)["args"][0].get("instId"): json.loads(send.data)["id"] for send in session.start(0)
    }
    for name in ("BTC-USDT", None):
        session.receive(json.dumps({"id": requests[name], "event": "subscribe"}), 1)
    session.receive(book("books", "snapshot", prevSeqId=-1, seqId=10), 2)
    at = []
    number = requests["ETH-USDT"]
    for now in range(1, 3600):
        frame = {"id": number, "event": "error", "code": "60014", "msg": "Requests too frequent"}
        out = session.receive(json.dumps(frame), now * S) if number else []
        if number:
            at.append(now)
            assert [type(one) for one in out][:2] == [Notice, BookLost]
            assert any(isinstance(one, Ready) for one in out) == (len(at) == 1)
        asked = [json.loads(one.data) for one in session.tick(now * S) if isinstance(one, Send) and "ETH" in one.data]
        sent = [one for one in asked if one["op"] == "subscribe"]
        number = sent[0]["id"] if sent else ""
    assert at[:5] == [1, 3, 6, 11, 20]
    assert 14 <= len(at) <= 24


def test_a_snapshot_that_never_comes_is_asked_for_again() -> None:
    """Subscribed and confirmed, and nothing comes: it is told, and asked for again with growing delay."""
    session = opened()
    answers = [json.loads(send.data)["id"] for send in session.start(0)]
    out: list[Any] = []
    for now in range(1, 601):
        for number in answers:
            session.receive(json.dumps({"id": number, "event": "subscribe"}), now * S)
        told = session.tick(now * S)
        answers = [json.loads(one.data)["id"] for one in told if isinstance(one, Send) and '"subscribe"' in one.data]
        out += told
    sent = [one for one in out if isinstance(one, Send) and '"subscribe"' in one.data]
    assert 2 * 5 <= len(sent) <= 2 * 10
    assert {one.instrument for one in out if isinstance(one, BookLost)} == {"okx:BTC-USDT", "okx:ETH-USDT"}
    assert len([one for one in out if isinstance(one, Notice)]) == len(sent)


def test_it_pings_every_twenty_seconds() -> None:
    """Text ping, text pong; OKX closes after 30 s without data."""
    session = opened()
    session.start(0)
    pings = [now for now in range(1, 100) if Send("ping", 0) in session.tick(now * S)]
    assert pings == [20, 40, 60, 80]
    assert session.receive("pong", 101 * S) == ()


def test_the_farewell_notice() -> None:
    """64008: about 60 s later the link is closed."""
    frame = '{"event":"notice","code":"64008","msg":"soon closed","connId":"a"}'
    (notice,) = opened().receive(frame, 3)
    assert notice.going_away


def test_a_bytes_frame_reads_like_text() -> None:
    """The transport may hand over either."""
    (update,) = opened().receive(book("books", "snapshot", prevSeqId=-1, seqId=10).encode(), 0)
    assert isinstance(update, BookUpdate)
