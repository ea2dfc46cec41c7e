"""Books whose snapshot is asked for on the socket: once, and again when it is late or too old."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from msgspec import Struct

from arbkit.adapters.requested import Requested
from arbkit.core.market.books import Books
from arbkit.core.types import BookLost, BookState, BookUpdate, Level, Send

ID = "venue:A-B"
S = 1_000_000_000
ASK = Send("again")


class Message(Struct, gc=False):
    last: int
    prev: int = 0
    bids: Sequence[Level] = ()
    asks: Sequence[Level] = ()
    exch_ns: int = 0

    @property
    def first(self) -> int:
        return 0


def made(depth: int = 0, window: bool = False) -> Requested:
    return Requested(ID, lambda now_ns: [ASK], depth=depth, window=window)


def test_it_asks_when_it_is_subscribed_and_joins_what_comes() -> None:
    """One request, though deltas come before the answer; those that the snapshot has are dropped."""
    book = made(depth=150, window=True)
    assert book.begin(0) == [ASK]
    assert book.begin(0) == []
    assert book.update(Message(7, 5), 1) == []
    assert book.update(Message(9, 7, [Level(1.0, 2.0)]), 2) == []
    out = book.snapshot(Message(7, asks=[Level(3.0, 1.0)]), 3)
    assert [(one.snapshot, one.seq) for one in out if isinstance(one, BookUpdate)] == [
        (True, 7),
        (False, 7),
        (False, 9),
    ]
    assert (out[0].depth, out[0].window) == (150, True)  # type: ignore[union-attr]  # a BookUpdate
    assert book.state is BookState.SYNCED
    (last,) = book.update(Message(12, 9), 4)
    assert isinstance(last, BookUpdate)


def test_a_snapshot_that_is_too_old_is_asked_for_again() -> None:
    """After a second, and the deltas are kept."""
    book = made()
    book.update(Message(9, 7), 0)
    assert book.snapshot(Message(5), 1) == []
    assert book.due_ns == S
    assert book.tick(S) == [ASK]
    out = book.snapshot(Message(7), S + 1)
    assert [one.seq for one in out if isinstance(one, BookUpdate)] == [7, 9]


def test_a_gap_loses_the_book_and_asks() -> None:
    book = made()
    book.update(Message(9, 7), 0)
    book.snapshot(Message(9), 1)
    lost, sent = book.update(Message(15, 12), 70 * S)
    assert isinstance(lost, BookLost)
    assert sent == ASK
    assert book.update(Message(20, 15), 71 * S) == []
    assert book.snapshot(Message(15), 72 * S) != []
    assert book.state is BookState.SYNCED


def test_a_request_without_answer_is_told_and_repeated() -> None:
    """As of a suspended symbol: subscribed, and silent."""
    book = made()
    book.begin(0)
    assert book.due_ns == 10 * S
    lost, sent = book.tick(10 * S)
    assert isinstance(lost, BookLost)
    assert sent == ASK
    assert book.due_ns == 20 * S


@pytest.mark.parametrize(("window", "kept"), [(True, 2), (False, 3)])
def test_levels_that_fall_out_of_a_window_are_dropped(window: bool, kept: int) -> None:
    """The venue sends no delete for them. Where it does, they may stay a while."""
    books = Books()
    book = made(depth=2, window=window)
    book.begin(0)
    for out in book.snapshot(Message(7, bids=[Level(9.0, 1.0), Level(8.0, 1.0)]), 1):
        assert isinstance(out, BookUpdate)
        books.apply(out)
    for out in book.update(Message(8, 7, bids=[Level(10.0, 1.0)]), 1):
        assert isinstance(out, BookUpdate)
        books.apply(out)
    levels = books.by_id[ID].bids.top(10)
    assert [px for px, _ in levels] == [10.0, 9.0, 8.0][:kept]
