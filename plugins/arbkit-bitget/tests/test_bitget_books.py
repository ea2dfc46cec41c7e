"""The public socket: subscriptions that are answered by name, books by ``action``, ``seq`` and ``pseq``, prints."""

from __future__ import annotations

import json
from typing import Any

import pytest
from arbkit_bitget.adapter import Bitget
from arbkit_bitget.dialect import BitgetDialect
from wires import instrument

from arbkit.core.errors import BadFrame
from arbkit.core.types import (
    BookLost,
    BookState,
    BookUpdate,
    Catalogue,
    Instrument,
    Notice,
    Ready,
    Role,
    Send,
    Side,
    Trade,
    VenueSettings,
)
from arbkit.testing.conformance import RULES, VenueUnderTest

S = 1_000_000_000
BIG = 1_304_314_508_780_744_705
"""A real size of ``seq``: above 2**53, so no float holds it."""


def spot(base: str) -> Instrument:
    return instrument("bitget", f"{base}USDT", "0.01", "0.001", f"{base}-USDT")


BTC, ETH = spot("BTC"), spot("ETH")


def opened(channel: str = "books", trades: bool = False) -> Any:
    exchange = Bitget(VenueSettings(options={"channel": channel}))
    link = exchange.links([BTC, ETH], "", [ETH] if trades else [])[0]
    assert link.role is Role.PUBLIC
    return exchange.session(link, Catalogue([BTC, ETH]), None)


def arg(channel: str = "books", native: str = "BTCUSDT") -> dict[str, str]:
    return {"instType": "SPOT", "channel": channel, "instId": native}


def tell(session: Any, frame: Any, now_ns: int = S) -> list[Any]:
    return list(session.receive(frame if isinstance(frame, str) else json.dumps(frame), now_ns))


def push(action: str, channel: str = "books", native: str = "BTCUSDT", **row: Any) -> dict[str, Any]:
    data = {"asks": [["100.5", "2"]], "bids": [["100.4", "1"]], "ts": "1749999123456", **row}
    return {"action": action, "arg": arg(channel, native), "data": [data], "ts": 1749999123460}


def requests(outputs: Any) -> list[dict[str, Any]]:
    return [json.loads(out.data) for out in outputs if isinstance(out, Send) and out.data != "ping"]


def test_all_books_are_asked_for_at_once_and_confirmed_one_by_one() -> None:
    """One request with an argument each; the answers repeat the argument and no number."""
    session = opened()
    (request,) = requests(session.start(0))
    assert request == {"op": "subscribe", "args": [arg(), arg(native="ETHUSDT")]}
    assert tell(session, {"event": "subscribe", "arg": arg(native="ETHUSDT")}) == []
    assert tell(session, {"event": "subscribe", "arg": arg()}) == [Ready("bitget.public.0", S)]


@pytest.mark.parametrize("named", [True, False], ids=["with its argument", "named in the text only"])
def test_a_refused_book_costs_no_other(named: bool) -> None:
    """The refusal names its channel in ``arg``, or only in the text. The other book goes on, and the refused one is
    asked for again."""
    session = opened()
    session.start(0)
    tell(session, {"event": "subscribe", "arg": arg()})
    refusal = {"event": "error", "code": 30001, "msg": "instType:SPOT,channel:books,instId:ETHUSDT doesn't exist"}
    out = tell(session, refusal | ({"arg": arg(native="ETHUSDT")} if named else {}))
    assert [one.instrument for one in out if isinstance(one, BookLost)] == [ETH.id]
    assert Ready("bitget.public.0", S) in out
    again = requests(session.tick(3 * S))
    assert again == [{"op": "subscribe", "args": [arg(native="ETHUSDT")]}]


def test_an_error_that_names_nothing_is_told() -> None:
    """And changes no subscription."""
    session = opened()
    session.start(0)
    (notice,) = tell(session, {"event": "error", "code": "30006", "msg": "Too many requests"})
    assert isinstance(notice, Notice)
    assert "30006 Too many requests" in notice.text


def test_a_chain_of_updates() -> None:
    """The snapshot's ``pseq`` is 0; each update's must be the last ``seq``. Time is the matching engine's."""
    session = opened()
    (snapshot,) = tell(session, push("snapshot", seq=BIG, pseq=0))
    assert (snapshot.snapshot, snapshot.seq, snapshot.exch_ns) == (True, BIG, 1749999123456 * 1_000_000)
    (update,) = tell(session, push("update", seq=str(BIG + 5), pseq=str(BIG), bids=[["100.4", "0.0000"]], asks=[]))
    assert (update.snapshot, update.seq) == (False, BIG + 5)
    assert [(level.px, level.qty) for level in update.bids] == [(100.4, 0.0)]


def test_one_digit_of_a_large_number_is_a_gap() -> None:
    """As floats the two numbers would be equal. The book is lost, and its subscription is made again."""
    session = opened()
    tell(session, push("snapshot", seq=BIG, pseq=0))
    out = tell(session, push("update", seq=BIG + 9, pseq=BIG + 1))
    assert isinstance(out[0], BookLost)
    assert [(one["op"], one["args"]) for one in requests(out)] == [("unsubscribe", [arg()]), ("subscribe", [arg()])]
    assert tell(session, {"event": "unsubscribe", "arg": arg()}) == []
    (snapshot,) = tell(session, push("snapshot", seq=7, pseq=0))
    assert snapshot.snapshot
    assert session.books["books", "BTCUSDT"].state is BookState.SYNCED


def test_a_fall_of_seq_that_follows_the_last_one_is_a_reset() -> None:
    """The numbers may begin again at maintenance."""
    session = opened()
    tell(session, push("snapshot", seq=1000, pseq=0))
    (update,) = tell(session, push("update", seq=3, pseq=1000))
    assert isinstance(update, BookUpdate)


@pytest.mark.parametrize("channel", ["books", "books15", "books5", "books1"])
def test_the_action_counts_and_not_the_channel(channel: str) -> None:
    """A snapshot replaces the book on every channel, and an update changes it on every channel: a feed that sends whole
    books today may send changes tomorrow."""
    session = opened(channel)
    for seq in (4, 9):
        (snapshot,) = tell(session, push("snapshot", channel, seq=seq))
        assert snapshot.snapshot
    (update,) = tell(session, push("update", channel, seq=12, pseq=9))
    assert not update.snapshot
    assert isinstance(tell(session, push("update", channel, seq=20, pseq=13))[0], BookLost)


def test_an_update_without_pseq_cannot_be_checked() -> None:
    """So the book is lost: it is never trusted without a check."""
    session = opened()
    tell(session, push("snapshot", seq=4, pseq=0))
    (lost, *_) = tell(session, push("update", seq=5))
    assert isinstance(lost, BookLost)
    assert lost.reason == "an update without pseq"


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"action":"snapshot"}',
        json.dumps(push("merge", seq=4)),
        json.dumps(push("snapshot", seq="x")),
        json.dumps(push("snapshot", seq=4, bids=[["NaN", "1"]])),
        json.dumps(push("snapshot", seq=4, bids=[["-1", "1"]])),
        json.dumps(push("snapshot", seq=4, bids=None)),
        json.dumps({"action": "snapshot", "arg": arg(), "data": [{"seq": 4}]}),
        json.dumps({"action": "snapshot", "arg": arg(), "data": {"bids": [], "asks": [], "seq": 4}}),
    ],
)
def test_garbage_is_no_book(frame: str) -> None:
    """Also the snapshot of a tokenised stock, which is an object in place of a list. The other books go on."""
    session = opened()
    tell(session, push("snapshot", native="ETHUSDT", seq=1, pseq=0))
    with pytest.raises((BadFrame, ValueError)):
        tell(session, frame)
    (update,) = tell(session, push("update", native="ETHUSDT", seq=2, pseq=1))
    assert isinstance(update, BookUpdate)


def test_a_confirmed_book_that_stays_silent_is_asked_for_again() -> None:
    """A real symbol under a wrong ``instType`` is acknowledged, and nothing follows."""
    session = opened()
    session.start(0)
    for native in ("BTCUSDT", "ETHUSDT"):
        tell(session, {"event": "subscribe", "arg": arg(native=native)})
    tell(session, push("snapshot", seq=1, pseq=0))
    out = list(session.tick(12 * S))
    assert [one.instrument for one in out if isinstance(one, BookLost)] == [ETH.id]
    assert {name["instId"] for one in requests(out) for name in one["args"]} == {"ETHUSDT"}


def test_prints_are_oldest_first() -> None:
    """A message has the newest trade first; it is about the instruments whose trades are wanted."""
    session = opened(trades=True)
    (request,) = requests(session.start(0))
    assert request["args"] == [arg(), arg(native="ETHUSDT"), arg("trade", "ETHUSDT")]
    rows = [
        {"ts": "1749999123457", "price": "2501", "size": "0.5", "side": "sell", "tradeId": "12"},
        {"ts": "1749999123456", "price": "2502", "size": "1", "side": "buy", "tradeId": "11"},
    ]
    out = tell(session, {"action": "update", "arg": arg("trade", "ETHUSDT"), "data": rows, "ts": 1749999123460})
    assert out == [
        Trade(ETH.id, Side.BUY, 2502.0, 1.0, "11", 1749999123456 * 1_000_000, S),
        Trade(ETH.id, Side.SELL, 2501.0, 0.5, "12", 1749999123457 * 1_000_000, S),
    ]


def test_a_ping_every_20_seconds() -> None:
    """Bitget cuts a connection after two minutes without one; the answer is no message."""
    session = opened()
    session.start(0)
    pings = [now for now in range(1, 70) if any(getattr(out, "data", "") == "ping" for out in session.tick(now * S))]
    assert pings == [20, 40, 60]
    assert tell(session, "pong") == []


@pytest.mark.parametrize("channel", ["books15", "books5", "books1"])
def test_the_other_channels_give_the_true_book(channel: str) -> None:
    """Against the simulated venue, over three cut connections."""
    RULES["book_reconnect"](VenueUnderTest(Bitget, BitgetDialect, options={"channel": channel}))
