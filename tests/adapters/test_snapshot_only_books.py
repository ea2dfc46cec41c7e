"""Books of which each message is a snapshot."""

from __future__ import annotations

from arbkit.adapters.chained import Depth
from arbkit.adapters.snapshot_only import SnapshotOnly
from arbkit.core.types import NEVER, BookState, Level, Send


def test_each_message_replaces_the_book() -> None:
    """Also one with the same number: venues repeat an unchanged book."""
    book = SnapshotOnly("x:A-B", lambda now_ns: (), depth=5)
    for seq in (3, 3, 9):
        (update,) = book.update(Depth([Level(1.0, 2.0)], [], seq, 0, 7), 8)
        assert (update.snapshot, update.seq, update.depth, update.exch_ns, update.recv_ns) == (True, seq, 5, 7, 8)
    assert book.state is BookState.SYNCED


def test_an_older_message_is_ignored_but_a_reset_of_the_numbers_is_not() -> None:
    """Older by number and by the venue's clock."""
    book = SnapshotOnly("x:A-B", lambda now_ns: (), depth=5)
    book.update(Depth([], [], 10, 0, 100), 0)
    assert book.update(Depth([], [], 9, 0, 99), 0) == ()
    assert len(book.update(Depth([], [], 1, 0, 101), 0)) == 1


def test_a_lost_book_asks_and_the_next_message_heals_it() -> None:
    """Like the other kinds of books."""
    book = SnapshotOnly("x:A-B", lambda now_ns: (Send("again"),), depth=5)
    assert book.lose("why", 0)[1:] == (Send("again"),)
    assert book.state is BookState.LOST
    book.update(Depth([], [], 1), 1)
    assert book.state is BookState.SYNCED
    assert book.due_ns == NEVER
