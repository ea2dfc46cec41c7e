"""The market sockets: gzip with a limit, the whole book on request, the chain of ``prevSeqNum``, pings, trades."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any

import pytest
from arbkit_htx import rows
from arbkit_htx.adapter import Htx
from wires import instrument

from arbkit.core.errors import BadFrame
from arbkit.core.types import (
    BookLost,
    BookUpdate,
    Catalogue,
    Notice,
    Ready,
    Role,
    Send,
    Side,
    Trade,
    VenueSettings,
)

S = 1_000_000_000
BTC = instrument("htx", "btcusdt", "0.01", "0.000001")
TOPIC = "market.btcusdt.mbp.150"
REQUEST = {"req": TOPIC, "id": TOPIC}


def opened(trades: bool = False) -> Any:
    exchange = Htx(VenueSettings())
    links = [link for link in exchange.links([BTC], "", [BTC]) if link.role is Role.PUBLIC]
    return exchange.session(links[trades], Catalogue([BTC]), None)


def tell(session: Any, frame: Any, now_ns: int = S) -> list[Any]:
    return list(session.receive(gzip.compress(json.dumps(frame).encode(), mtime=0), now_ns))


def change(seq: int, prev: int, **sides: Any) -> dict[str, Any]:
    return {"ch": TOPIC, "ts": 1749999123456, "tick": {"seqNum": seq, "prevSeqNum": prev, **sides}}


def whole(seq: int) -> dict[str, Any]:
    data = {"seqNum": seq, "bids": [[100.5, 2]], "asks": [[100.75, 9.493e-11]]}
    return {"id": TOPIC, "rep": TOPIC, "status": "ok", "ts": 1749999123456, "data": data}


def sent(outputs: Any) -> list[Any]:
    return [json.loads(str(out.data)) for out in outputs if isinstance(out, Send)]


def synced(seq: int = 10) -> Any:
    session = opened()
    session.start(0)
    tell(session, {"id": "1", "status": "ok", "subbed": TOPIC, "ts": 1})
    tell(session, whole(seq))
    return session


def test_the_whole_book_is_asked_for_when_the_subscription_is_confirmed() -> None:
    """A quiet market sends no change for long, and has a book all the same."""
    session = opened()
    assert sent(session.start(0)) == [{"sub": TOPIC, "id": "1"}]
    out = tell(session, {"id": "1", "status": "ok", "subbed": TOPIC, "ts": 1})
    assert Ready("htx.public.0", S) in out
    assert sent(out) == [REQUEST]
    (book,) = tell(session, whole(10))
    assert (book.snapshot, book.seq, book.depth, book.window) == (True, 10, 150, True)
    assert (book.exch_ns, book.asks[0].qty) == (1749999123456 * 1_000_000, 9.493e-11)


def test_changes_follow_by_prev_seq_num_and_a_side_may_be_missing() -> None:
    session = synced()
    (update,) = tell(session, change(17, 10, asks=[[100.75, 0]]))
    assert (update.snapshot, update.seq, list(update.bids)) == (False, 17, [])
    (empty,) = tell(session, change(19, 17, bids=[], asks=[]))
    assert empty.seq == 19
    out = tell(session, change(30, 22, bids=[], asks=[]), 99 * S)
    assert isinstance(out[0], BookLost)
    assert sent(out) == [REQUEST]


def test_a_change_without_prev_seq_num_is_no_change() -> None:
    session = synced()
    frame = change(17, 10)
    del frame["tick"]["prevSeqNum"]
    with pytest.raises(BadFrame):
        tell(session, frame)


def test_a_refused_request_is_made_again() -> None:
    """The refusal repeats the id, which is the topic."""
    session = opened()
    session.start(0)
    tell(session, {"id": "1", "status": "ok", "subbed": TOPIC, "ts": 1})
    refusal = {"status": "error", "err-code": "bad-request", "err-msg": "429 too many request", "id": TOPIC, "ts": 1}
    assert tell(session, refusal) == []
    assert sent(session.tick(3 * S)) == [REQUEST]


def test_a_refused_subscription_is_made_again() -> None:
    session = opened()
    session.start(0)
    refusal = {"status": "error", "err-code": "bad-request", "err-msg": f"invalid topic {TOPIC}", "id": "1", "ts": 1}
    out = tell(session, refusal)
    assert [type(one) for one in out if isinstance(one, Notice | BookLost)] == [Notice, BookLost]
    assert sent(session.tick(3 * S)) == [{"sub": TOPIC, "id": "2"}]


def test_a_suspended_symbol_is_told() -> None:
    """It is acknowledged, and neither a change nor the whole book comes."""
    session = opened()
    session.start(0)
    tell(session, {"id": "1", "status": "ok", "subbed": TOPIC, "ts": 1})
    out = list(session.tick(12 * S))
    assert [one.instrument for one in out if isinstance(one, BookLost)] == [BTC.id]
    assert sent(out) == [REQUEST]


def test_a_ping_is_answered_at_once_and_with_its_number() -> None:
    """Outside of the limit of messages: HTX closes the socket after two pings without an answer."""
    (pong,) = tell(opened(), {"ping": 1749999123456})
    assert (pong.data, pong.cost) == ('{"pong":1749999123456}', 0)


def test_a_bomb_is_not_unpacked() -> None:
    """A message of 64 MiB of blanks in 64 kB: no more than the limit is unpacked."""
    bomb = gzip.compress(b" " * (64 << 20), 9)
    member = zlib.decompressobj(wbits=31)
    assert len(member.decompress(bomb, rows.MOST_BYTES)) == rows.MOST_BYTES
    with pytest.raises(BadFrame, match="at most 1048576 bytes"):
        synced().receive(bomb, S)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"\x1f\x8b",
        gzip.compress(b"{}", mtime=0)[:-4],
        gzip.compress(b"{}", mtime=0) + b"x",
        gzip.compress(b"{", mtime=0),
        gzip.compress(b"[]", mtime=0),
        gzip.compress(b"{}", mtime=0),
        gzip.compress(json.dumps(change(17, 10, bids=[["NaN", 1]])).encode(), mtime=0),
        gzip.compress(json.dumps(change(17, 10, bids=[[-1, 1]])).encode(), mtime=0),
        gzip.compress(json.dumps(change(17, 10, bids=None)).encode(), mtime=0),
    ],
)
def test_garbage_is_no_book(data: bytes) -> None:
    """The book goes on with the next good message."""
    session = synced()
    with pytest.raises((BadFrame, ValueError)):
        session.receive(data, S)
    (update,) = tell(session, change(17, 10))
    assert isinstance(update, BookUpdate)


def test_trades_come_on_their_own_socket_oldest_first() -> None:
    session = opened(trades=True)
    assert session.dial(0).url == "wss://api.huobi.pro/ws"
    assert sent(session.start(0)) == [{"sub": "market.btcusdt.trade.detail", "id": "1"}]
    made = [
        {"id": 137005445109359286410323766, "ts": 2, "tradeId": 12, "amount": 0.5, "price": 2501, "direction": "sell"},
        {"id": 137005445109359286410323765, "ts": 1, "tradeId": 11, "amount": 1, "price": 2502, "direction": "buy"},
    ]
    out = tell(session, {"ch": "market.btcusdt.trade.detail", "ts": 3, "tick": {"id": 9, "ts": 2, "data": made}})
    assert out == [
        Trade(BTC.id, Side.BUY, 2502.0, 1.0, "11", 1_000_000, S),
        Trade(BTC.id, Side.SELL, 2501.0, 0.5, "12", 2_000_000, S),
    ]
