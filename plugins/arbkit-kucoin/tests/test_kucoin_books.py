"""The Pro socket: the welcome before anything is sent, subscriptions by number, books by ``O`` and ``C``, prints."""

from __future__ import annotations

import json
from typing import Any

import pytest
from arbkit_kucoin.adapter import Kucoin
from wires import instrument

from arbkit.core.errors import BadFrame
from arbkit.core.types import (
    BookLost,
    BookState,
    BookUpdate,
    Catalogue,
    Instrument,
    Ready,
    Send,
    Side,
    Trade,
    VenueSettings,
)

S = 1_000_000_000
INCREMENT = "increment@10ms"


def spot(base: str) -> Instrument:
    return instrument("kucoin", f"{base}-USDT", "0.01", "0.001", f"{base}-USDT")


BTC, ETH = spot("BTC"), spot("ETH")


def opened(depth: str = INCREMENT, trades: bool = False) -> Any:
    exchange = Kucoin(VenueSettings(options={"depth": depth}))
    link = exchange.links([BTC, ETH], "", [ETH] if trades else [])[0]
    return exchange.session(link, Catalogue([BTC, ETH]), None)


def tell(session: Any, frame: Any, now_ns: int = S) -> list[Any]:
    return list(session.receive(json.dumps(frame).encode(), now_ns))


def push(kind: str, first: int, last: int, native: str = "BTC-USDT", depth: str = INCREMENT, **more: Any) -> Any:
    row = {"s": native, "O": first, "C": last, "M": "1749999123456000007", "a": [["100.5", "2"]], "b": [["100.4", "1"]]}
    return {"T": "obu.SPOT", "dp": depth, "t": kind, "P": "1749999123460000000", "d": row | more}


def requests(outputs: Any) -> list[dict[str, Any]]:
    return [json.loads(out.data) for out in outputs if isinstance(out, Send)]


WELCOME = {"message": "welcome", "pingInterval": 18000}


def test_nothing_is_sent_before_the_welcome() -> None:
    """Then one request for each pair; the link is ready when each is confirmed by its number."""
    session = opened()
    assert list(session.start(0)) == []
    first, second = requests(tell(session, WELCOME))
    fields = {"action": "subscribe", "channel": "obu", "tradeType": "SPOT", "depth": INCREMENT, "rpiFilter": 0}
    assert first == {"id": first["id"], **fields, "symbol": "BTC-USDT"}
    assert second["symbol"] == "ETH-USDT"
    assert tell(session, {"id": first["id"], "result": True}) == []
    assert tell(session, {"id": second["id"], "result": True}) == [Ready("kucoin.public.0", S)]


def test_a_refused_book_costs_no_other() -> None:
    session = opened()
    session.start(0)
    first, second = requests(tell(session, WELCOME))
    tell(session, {"id": first["id"], "result": True})
    out = tell(session, {"id": second["id"], "result": False, "reason": "no such channel"})
    assert [one.instrument for one in out if isinstance(one, BookLost)] == [ETH.id]
    assert Ready("kucoin.public.0", S) in out
    assert "ETH-USDT" in {one["symbol"] for one in requests(session.tick(3 * S))}


def test_a_chain_of_deltas() -> None:
    """``O`` must follow the last ``C``; the time is the engine's, in ns."""
    session = opened()
    (snapshot,) = tell(session, push("snapshot", 9, 9))
    assert (snapshot.snapshot, snapshot.seq, snapshot.exch_ns) == (True, 9, 1749999123456000007)
    (delta,) = tell(session, push("delta", 10, 12, b=[["100.4", "0"]], a=[]))
    assert isinstance(delta, BookUpdate)
    assert (delta.snapshot, delta.seq, [(level.px, level.qty) for level in delta.bids]) == (False, 12, [(100.4, 0.0)])
    assert tell(session, push("delta", 10, 12, b=[["100.4", "0"]], a=[])) == []


def test_a_gap_loses_the_book_and_subscribes_it_again() -> None:
    """First it is unsubscribed: after a second subscription of the same book nothing came for 12 s once."""
    session = opened()
    tell(session, push("snapshot", 9, 9))
    out = tell(session, push("delta", 11, 12))
    assert isinstance(out[0], BookLost)
    assert [(one["action"], one["symbol"]) for one in requests(out)] == [
        ("unsubscribe", "BTC-USDT"),
        ("subscribe", "BTC-USDT"),
    ]
    (snapshot,) = tell(session, push("snapshot", 20, 20))
    assert snapshot.snapshot
    assert session.books[INCREMENT, "BTC-USDT"].state is BookState.SYNCED


@pytest.mark.parametrize("depth", ["50", "5"])
def test_the_other_depths_send_whole_books(depth: str) -> None:
    """An unchanged one is sent again with the same numbers."""
    session = opened(depth)
    for number in (9, 9, 14):
        (book,) = tell(session, push("snapshot", number, number, depth=depth))
        assert (book.snapshot, book.seq) == (True, number)


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "{",
        "[]",
        "{}",
        json.dumps(push("merge", 4, 4)),
        json.dumps(push("delta", 0, 0)),
        json.dumps(push("delta", 5, 4)),
        json.dumps(push("snapshot", 4, 4, b=None)),
        json.dumps(push("snapshot", 4, 4, b=[["NaN", "1"]])),
        json.dumps(push("snapshot", 4, 4, b=[["-1", "1"]])),
        json.dumps(push("snapshot", 4, 4, C="x")),
        json.dumps({"T": "obu.SPOT", "dp": INCREMENT, "t": "snapshot", "d": {"s": "BTC-USDT", "O": 1, "C": 1}}),
    ],
)
def test_garbage_is_no_book(frame: str) -> None:
    """The other books go on."""
    session = opened()
    tell(session, push("snapshot", 1, 1, "ETH-USDT"))
    with pytest.raises((BadFrame, ValueError)):
        session.receive(frame.encode(), S)
    (update,) = tell(session, push("delta", 2, 2, "ETH-USDT"))
    assert isinstance(update, BookUpdate)


def test_prints() -> None:
    """One trade a message; they are asked for where somebody reads them."""
    session = opened(trades=True)
    session.start(0)
    *_, asked = requests(tell(session, WELCOME))
    assert asked == {
        "id": asked["id"],
        "action": "subscribe",
        "channel": "trade",
        "tradeType": "SPOT",
        "symbol": ETH.native,
    }
    row = {"s": "ETH-USDT", "p": "2501", "q": "0.5", "S": "sell", "ti": "12", "E": "12", "M": "1749999123457000000"}
    assert tell(session, {"T": "trade.SPOT", "P": "1749999123460000000", "d": row}) == [
        Trade(ETH.id, Side.SELL, 2501.0, 0.5, "12", 1749999123457 * 1_000_000, S)
    ]


def test_a_ping_before_the_interval_of_the_welcome() -> None:
    session = opened()
    session.start(0)
    sent = [(now, one) for now in range(1, 50) for one in requests(session.tick(now * S)) if one.get("type") == "ping"]
    assert [now for now, _ in sent] == [15, 30, 45]
    assert tell(session, {"id": sent[0][1]["id"], "type": "pong", "ts": "1749999123456000000"}) == []
