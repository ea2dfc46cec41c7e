"""The market socket: one answer for each channel, heartbeats, books by ``pu`` and ``u``, prints."""

from __future__ import annotations

import json
from typing import Any

import pytest
from arbkit_cryptocom.adapter import Cryptocom
from arbkit_cryptocom.dialect import CryptocomDialect
from wires import instrument

from arbkit.core.errors import BadFrame
from arbkit.core.types import (
    BookLost,
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
BIG = 78_795_598_253_024_011
"""Above 2**53, so no float holds it."""


def spot(base: str) -> Instrument:
    return instrument("cryptocom", f"{base}_USDT", "0.01", "0.001", f"{base}-USDT")


BTC, ETH = spot("BTC"), spot("ETH")
BOOKS = ["book.BTC_USDT.50", "book.ETH_USDT.50"]


def opened(trades: bool = False) -> Any:
    """A session whose first second is over."""
    exchange = Cryptocom(VenueSettings())
    link = exchange.links([BTC, ETH], "", [ETH] if trades else [])[0]
    assert link.role is Role.PUBLIC
    session = exchange.session(link, Catalogue([BTC, ETH]), None)
    session.start(0)
    return session


def tell(session: Any, frame: Any, now_ns: int = 2 * S) -> list[Any]:
    return list(session.receive(frame if isinstance(frame, str) else json.dumps(frame), now_ns))


def ack(name: str, number: int = 1, **more: Any) -> dict[str, Any]:
    return {"id": number, "method": "subscribe", "code": 0, "channel": name} | more


def push(native: str = "BTC_USDT", number: int = -1, **row: Any) -> dict[str, Any]:
    """A whole book, or with ``pu`` a change."""
    sides = {"asks": [["100.5", "2", "1"]], "bids": [["100.4", "1", "3"]]}
    data = ({"update": sides} if "pu" in row else sides) | {"t": 1749999123456, "tt": 1749999123450} | row
    kind = "book.update" if "pu" in row else "book"
    result = {"instrument_name": native, "subscription": f"book.{native}.50", "channel": kind, "depth": 50}
    return {"id": number, "method": "subscribe", "code": 0, "result": result | {"data": [data]}}


def requests(outputs: Any) -> list[dict[str, Any]]:
    return [json.loads(out.data) for out in outputs if isinstance(out, Send)]


def test_nothing_is_sent_in_the_first_second() -> None:
    """What comes right after connecting is refused. Then all books are asked for at once."""
    session = opened()
    assert session.due_ns == S
    assert requests(session.tick(S - 1)) == []
    (request,) = requests(session.tick(S))
    params = {"channels": BOOKS, "book_subscription_type": "SNAPSHOT_AND_UPDATE", "book_update_frequency": 10}
    assert request == {"id": 1, "method": "subscribe", "params": params}


def test_each_channel_is_confirmed_alone() -> None:
    """The answers have the number of the request and a channel each; the link is ready after the last."""
    session = opened()
    session.tick(S)
    assert tell(session, ack(BOOKS[1])) == []
    assert tell(session, ack(BOOKS[1])) == []
    assert tell(session, ack(BOOKS[0])) == [Ready("cryptocom.public.0", 2 * S)]


def test_an_answer_without_a_channel_confirms_the_request() -> None:
    """So it stands on the page."""
    session = opened()
    session.tick(S)
    assert tell(session, {"id": 1, "code": 0, "method": "subscribe"}) == [Ready("cryptocom.public.0", 2 * S)]


@pytest.mark.parametrize("named", [True, False], ids=["with its channel", "by the number only"])
def test_a_refused_book_costs_no_other(named: bool) -> None:
    """The refused one is told, and asked for again."""
    session = opened()
    session.tick(S)
    tell(session, ack(BOOKS[0]))
    refusal = {"id": 1, "method": "subscribe", "code": 40003, "message": "Unknown symbol"}
    out = tell(session, refusal | ({"channel": BOOKS[1]} if named else {}))
    assert [one.instrument for one in out if isinstance(one, BookLost)] == [ETH.id]
    assert any(isinstance(one, Notice) and "40003 Unknown symbol" in one.text for one in out)
    assert Ready("cryptocom.public.0", 2 * S) in out
    (again,) = requests(session.tick(4 * S))
    assert again["params"]["channels"] == [BOOKS[1]]


def test_a_heartbeat_is_answered_with_its_id() -> None:
    """At once, and without a price."""
    out = tell(opened(), {"id": 1749999123456, "method": "public/heartbeat", "code": 0})
    assert out == [Send('{"id":1749999123456,"method":"public/respond-heartbeat"}', 0)]


def test_a_book_is_chained_by_pu() -> None:
    """``u`` grows by any step. Each level has a third number, which is not read."""
    session = opened()
    (book,) = tell(session, push(u=BIG))
    assert (book.snapshot, book.seq, book.bids[0].px, book.asks[0].qty) == (True, BIG, 100.4, 2.0)
    assert book.exch_ns == 1749999123456 * 1_000_000
    (change,) = tell(session, push(u=BIG + 7000, pu=BIG, cs=-781431132))
    assert (change.snapshot, change.seq) == (False, BIG + 7000)
    (whole,) = tell(session, push(u=5))
    assert whole.snapshot


def test_an_empty_change_of_an_idle_book_repeats_u() -> None:
    """It has ``pu`` equal to ``u``, and the chain goes on."""
    session = opened()
    tell(session, push(u=BIG))
    empty = {"update": {"asks": [], "bids": []}}
    assert not any(isinstance(one, BookLost) for one in tell(session, push(u=BIG, pu=BIG, **empty)))
    assert not any(isinstance(one, BookLost) for one in tell(session, push(u=BIG + 1, pu=BIG)))


@pytest.mark.parametrize("pu", [BIG - 1, BIG + 1, None])
def test_a_gap_loses_the_book_and_subscribes_it_again(pu: int | None) -> None:
    """So does a change without ``pu``; the other books go on."""
    session = opened()
    tell(session, push(u=BIG))
    tell(session, push("ETH_USDT", u=3))
    frame = push(u=BIG + 9, pu=pu or 0)
    if pu is None:
        del frame["result"]["data"][0]["pu"]
    out = tell(session, frame)
    assert [one.instrument for one in out if isinstance(one, BookLost)] == [BTC.id]
    assert [(one["method"], one["params"]["channels"]) for one in requests(out)] == [
        ("unsubscribe", [BOOKS[0]]),
        ("subscribe", [BOOKS[0]]),
    ]
    (update,) = tell(session, push("ETH_USDT", u=4, pu=3))
    assert isinstance(update, BookUpdate)


def test_data_with_the_number_of_the_request_confirm_it() -> None:
    """Some channels have no other answer."""
    session = opened()
    session.tick(S)
    tell(session, ack(BOOKS[0]))
    book, ready = sorted(tell(session, push("ETH_USDT", number=1, u=7)), key=lambda out: type(out).__name__)
    assert isinstance(book, BookUpdate)
    assert ready == Ready("cryptocom.public.0", 2 * S)


@pytest.mark.parametrize(
    "frame",
    [
        "pong",
        "{}",
        '{"id":-1}',
        json.dumps(push(u="x")),
        json.dumps(push(u=4, bids=[["NaN", "1", "1"]])),
        json.dumps(push(u=4, bids=[["-1", "1", "1"]])),
        json.dumps(push(u=4, bids=None)),
        json.dumps(push(u=4, pu=3, update={"bids": []})),
        json.dumps(push(u=4) | {"result": []}),
    ],
)
def test_garbage_is_no_book(frame: str) -> None:
    session = opened()
    tell(session, push("ETH_USDT", u=1))
    with pytest.raises((BadFrame, ValueError)):
        tell(session, frame)
    (update,) = tell(session, push("ETH_USDT", u=2, pu=1))
    assert isinstance(update, BookUpdate)


def test_prints_are_oldest_first() -> None:
    """A message has the newest trade first; it is about the instruments whose trades are wanted."""
    session = opened(trades=True)
    (request,) = requests(session.tick(S))
    assert request["params"]["channels"] == [*BOOKS, "trade.ETH_USDT"]
    rows = [
        {"d": "12", "t": 1749999123457, "p": "2501", "q": "0.5", "s": "SELL", "i": "ETH_USDT"},
        {"d": "11", "t": 1749999123456, "p": "2502", "q": "1", "s": "BUY", "i": "ETH_USDT"},
    ]
    result = {"instrument_name": "ETH_USDT", "subscription": "trade.ETH_USDT", "channel": "trade", "data": rows}
    assert tell(session, {"id": -1, "method": "subscribe", "code": 0, "result": result}) == [
        Trade(ETH.id, Side.BUY, 2502.0, 1.0, "11", 1749999123456 * 1_000_000, 2 * S),
        Trade(ETH.id, Side.SELL, 2501.0, 0.5, "12", 1749999123457 * 1_000_000, 2 * S),
    ]


def test_the_other_channel_gives_the_true_book() -> None:
    """Against the simulated venue, over three cut connections."""
    RULES["book_reconnect"](VenueUnderTest(Cryptocom, CryptocomDialect, options={"channel": "book.10"}))
