"""Sequence-chained books: the next message in sequence is applied; any other loses the book and requests a snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from arbkit.adapters.chained import Chained, Depth
from arbkit.core.market.books import Books
from arbkit.core.types import NEVER, BookLost, BookState, BookUpdate, Level, Send

S = 1_000_000_000
AGAIN = (Send("unsubscribe"), Send("subscribe"))


def chained(**options: bool) -> Chained:
    return Chained("x:A-B", lambda now_ns: AGAIN, depth=400, **options)


def depth(seq: int, prev: int, qty: float = 1.0) -> Depth:
    return Depth([Level(10.0, qty)], [Level(11.0, qty)], seq, prev)


def test_a_delta_on_the_last_message_is_applied_with_its_numbers() -> None:
    """Times, sequence and depth reach the update."""
    book = chained()
    first = book.snapshot(Depth([Level(10.0, 1.0)], [], 5, -1, 77), 99)
    assert first == (BookUpdate("x:A-B", [Level(10.0, 1.0)], [], True, 5, 77, 99, 400),)
    assert book.update(depth(9, 5), 100) == (
        BookUpdate("x:A-B", [Level(10.0, 1.0)], [Level(11.0, 1.0)], False, 9, 0, 100),
    )
    assert book.state is BookState.SYNCED


def test_a_gap_loses_the_book_in_the_same_message_and_asks_at_once() -> None:
    """It does not wait for a timer; deltas are ignored until the snapshot is there."""
    book = chained()
    book.snapshot(depth(5, -1), 0)
    lost, *asked = book.update(depth(9, 6), 1)
    assert isinstance(lost, BookLost)
    assert "5" in lost.reason
    assert tuple(asked) == AGAIN
    assert book.state is BookState.LOST
    assert book.update(depth(10, 9), 2) == ()
    assert book.snapshot(depth(12, -1), 3)[0].snapshot
    assert book.state is BookState.SYNCED


def test_a_repeated_message_is_ignored() -> None:
    """Twice the same delta is no gap."""
    book = chained()
    book.snapshot(depth(5, -1), 0)
    book.update(depth(9, 5), 1)
    assert book.update(depth(9, 5), 2) == ()
    assert book.state is BookState.SYNCED


def test_a_keep_alive_and_a_fall_of_the_sequence_are_valid_while_the_chain_holds() -> None:
    """OKX's own example: 10, 15, 15, 3, 5."""
    book = chained()
    book.snapshot(depth(10, -1), 0)
    for seq, prev in ((15, 10), (15, 15), (3, 15), (5, 3)):
        assert book.update(depth(seq, prev), 1)[0].seq == seq
    assert book.state is BookState.SYNCED


def test_asking_again_waits_longer_each_time() -> None:
    """1, 2, 4 ... 60 s between requests without success; at once again after a minute without a loss."""
    book = chained()
    book.snapshot(depth(5, -1), 0)
    assert len(book.update(depth(9, 6), 0)) == 3
    book.snapshot(depth(9, -1), 1)
    assert len(book.update(depth(19, 16), 2)) == 1  # too soon
    assert book.due_ns == 1 * S
    assert book.tick(1 * S) == AGAIN
    moments, now = [], 1 * S
    for _ in range(8):
        now = book.due_ns
        moments.append(now)
        assert book.tick(now) == AGAIN
    assert all(later - earlier <= 60 * S for earlier, later in pairwise(moments))
    assert moments[-1] - moments[-2] == 60 * S
    book.snapshot(depth(20, -1), now)
    assert book.due_ns == NEVER
    assert len(book.update(depth(29, 26), now + 200 * S)) == 3


def test_a_delta_before_any_snapshot_asks_for_one() -> None:
    """The snapshot was lost on the way."""
    book = chained()
    assert book.update(depth(5, 4), 0) == AGAIN


def test_a_snapshot_that_does_not_come_is_asked_for_again() -> None:
    """``expect`` after a subscription sets the timer."""
    book = chained()
    book.resync.expect(0)
    assert book.due_ns == 10 * S
    assert book.tick(10 * S) == AGAIN


def test_the_check_can_be_switched_off() -> None:
    """For a venue that promises no chain."""
    book = chained(check=False)
    book.snapshot(depth(5, -1), 0)
    assert book.update(depth(9, 7), 1)[0].seq == 9


@given(st.lists(st.integers(0, 3), max_size=40))
def test_a_synced_book_is_always_the_true_one(fates: Sequence[int]) -> None:
    """Whatever messages are dropped, repeated or swapped: while SYNCED, it equals the venue's book at that message."""
    truth = {1: 1.0}
    market = Books()
    book, ours = chained(), market.create("x:A-B")
    told = [(0, -1, dict(truth))]
    for number in range(1, len(fates) + 1):
        truth[number % 5 + 1] = float(number)
        told.append((number, number - 1, dict(truth)))
    order: list[int] = [0]
    for number, fate in enumerate(fates, 1):
        if fate == 1:
            order += [number, number]
        elif fate == 2 and len(order) > 1:
            order.insert(len(order) - 1, number)
        elif fate == 0:
            order.append(number)
    for number in order:
        seq, prev, levels = told[number]
        if prev == -1:
            out = book.snapshot(Depth([Level(float(px), qty) for px, qty in levels.items()], [], seq, prev), 0)
        else:
            changed = seq % 5 + 1
            out = book.update(Depth([Level(float(changed), levels[changed])], [], seq, prev), 0)
        for event in out:
            if isinstance(event, BookUpdate):
                market.apply(event)
        if book.state is BookState.SYNCED:
            assert dict(ours.bids.top(99)) == {float(px): qty for px, qty in told[ours.seq][2].items()}
