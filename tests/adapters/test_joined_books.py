"""Snapshot-joined books: correct or LOST, whatever happens."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from arbkit.adapters.joined import Joined
from arbkit.core.market.books import Books
from arbkit.core.types import Ask, AskKind, BookLost, BookState, BookUpdate, Level

ID = "venue:A-B"


class Message(Struct, gc=False):
    last: int
    first: int = 0
    prev: int = 0
    bids: Sequence[Level] = ()
    asks: Sequence[Level] = ()
    exch_ns: int = 0


def level(px: float, qty: float = 1.0) -> list[Level]:
    return [Level(px, qty)]


def synced(last: int, *, prev: int = 0) -> Joined:
    book = Joined(ID)
    book.update(Message(last, last, prev), 1)
    book.snapshot(Message(last), 1)
    assert book.state is BookState.SYNCED
    return book


def test_it_asks_once_and_joins() -> None:
    """Buffer messages, request a snapshot, drop what the snapshot includes, apply the rest."""
    book = Joined(ID, depth=50)
    assert book.update(Message(10, 9, bids=level(1)), 5) == (Ask(kind=AskKind.SNAPSHOT, instrument=ID, ref="1"),)
    assert book.update(Message(12, 11, bids=level(2)), 6) == ()
    assert book.update(Message(15, 13, bids=level(3)), 7) == ()
    assert book.snapshot(Message(11, asks=level(9)), 8) == [
        BookUpdate(ID, (), level(9), True, 11, 0, 8, 50),
        BookUpdate(ID, level(2), (), False, 12, 0, 8),
        BookUpdate(ID, level(3), (), False, 15, 0, 8),
    ]
    assert book.update(Message(16, 16, asks=level(9, 0)), 9) == (BookUpdate(ID, (), level(9, 0), False, 16, 0, 9),)


def test_snapshot_newer_than_everything_buffered() -> None:
    """The snapshot is used alone, and the stream continues from it."""
    book = Joined(ID)
    book.update(Message(10, 9), 1)
    (update,) = book.snapshot(Message(20), 2)
    assert isinstance(update, BookUpdate)
    assert book.update(Message(18, 11), 3) == ()
    assert book.update(Message(22, 19), 3) == (BookUpdate(ID, (), (), False, 22, 0, 3),)


def test_snapshot_older_than_the_buffer_is_asked_again_with_growing_delay() -> None:
    """No update until a snapshot fits; the delay doubles up to 30 s and starts again after success."""
    book = Joined(ID)
    book.update(Message(10, 9), 0)
    delays = []
    for _ in range(10):
        (ask,) = book.snapshot(Message(5), 1000)
        assert isinstance(ask, Ask)
        delays.append((ask.not_before_ns - 1000) / 1e9)
    assert delays == [0.25, 0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    book.snapshot(Message(8), 2000)
    assert book.state is BookState.SYNCED
    assert book.update(Message(99, 99), 3000)[1] == Ask(kind=AskKind.SNAPSHOT, instrument=ID, ref="1")


def test_gap_loses_the_book_at_once() -> None:
    """LOST, a snapshot is requested, and SYNCED again with the snapshot and the messages since then."""
    book = synced(10)
    lost, ask = book.update(Message(13, 12), 5)
    assert isinstance(lost, BookLost)
    assert "10 then 12..13" in lost.reason
    assert isinstance(ask, Ask)
    assert book.state is BookState.LOST
    assert book.update(Message(14, 14), 6) == ()
    updates = book.snapshot(Message(13), 7)
    assert [one.seq for one in updates if isinstance(one, BookUpdate)] == [13, 14]


def test_old_and_doubled_messages_change_nothing() -> None:
    """No update, no loss."""
    book = synced(10)
    book.update(Message(12, 11), 1)
    for message in (Message(12, 11), Message(10, 9), Message(3, 1)):
        assert book.update(message, 2) == ()
    assert book.state is BookState.SYNCED


def test_ids_that_start_lower_are_followed_and_repetitions_are_not() -> None:
    """A venue that counts from a low number again sends old ids that rise, with no other between them. Repeated deltas
    come between others, or again and again."""
    book = synced(1000)
    number = 1001
    for _ in range(50):
        assert len(book.update(Message(number, number), 1)) == 1
        for old in (number - 1, number - 2, number):
            assert book.update(Message(old, old), 1) == ()
        number += 1
    assert book.update(Message(5, 5), 2) == ()
    assert book.update(Message(6, 6), 2) == ()
    lost, ask = book.update(Message(7, 7), 2)
    assert isinstance(lost, BookLost)
    assert "restarted" in lost.reason
    assert isinstance(ask, Ask)
    book.update(Message(8, 8), 2)
    assert [one.seq for one in book.snapshot(Message(7), 3) if isinstance(one, BookUpdate)] == [7, 8]


def test_overlapping_message_is_applied() -> None:
    """Sizes are absolute, so a message that starts earlier than needed is correct."""
    assert len(synced(10).update(Message(14, 8), 1)) == 1


def test_neighbours_swapped_before_the_snapshot_are_put_in_order() -> None:
    """They are sorted by their ids."""
    book = Joined(ID)
    for first, last in ((9, 10), (13, 15), (11, 12)):
        book.update(Message(last, first), 1)
    assert [one.seq for one in book.snapshot(Message(10), 2) if isinstance(one, BookUpdate)] == [10, 12, 15]


def test_predecessor_ids_are_held_to_exactly() -> None:
    """Futures: ids are not contiguous, ``prev`` must be the last seen; the first may straddle the snapshot."""
    book = Joined(ID)
    book.update(Message(100, 90, 80), 1)
    book.update(Message(130, 105, 100), 1)
    assert [one.seq for one in book.snapshot(Message(120), 2) if isinstance(one, BookUpdate)] == [120, 130]
    assert len(book.update(Message(150, 140, 130), 3)) == 1
    assert isinstance(book.update(Message(170, 151, 149), 3)[0], BookLost)


def test_difference_that_ends_on_a_futures_snapshot_is_still_taken() -> None:
    """The venue's rule drops only what ends before the snapshot; for spot, such a message is old."""
    futures = Joined(ID)
    futures.update(Message(100, 90, 80), 1)
    assert [one.seq for one in futures.snapshot(Message(100), 2) if isinstance(one, BookUpdate)] == [100, 100]
    spot = Joined(ID)
    spot.update(Message(100, 90), 1)
    assert len(spot.snapshot(Message(100), 2)) == 1


def test_buffer_is_bounded() -> None:
    """Without a snapshot the memory is limited; a later snapshot still joins."""
    book = Joined(ID)
    for number in range(1, 10_001):
        book.update(Message(number, number), 1)
    assert len(book._buffer) <= 2_000
    assert book.snapshot(Message(9_990), 2)[-1].seq == 10_000  # type: ignore[union-attr]


def test_late_second_snapshot_is_ignored() -> None:
    """A SYNCED book never goes back."""
    book = synced(10)
    book.update(Message(12, 11), 1)
    assert book.snapshot(Message(11), 2) == ()
    assert book.refused(2) == ()


@settings(max_examples=300, deadline=None)
@given(data=st.data(), chained=st.booleans())
def test_a_synced_book_is_the_truth_at_its_id(data: st.DataObject, chained: bool) -> None:
    """Any mix of lost, repeated, swapped and late messages and old snapshots: SYNCED means equal to a brute-force
    book."""
    messages: list[Message] = []
    truth: dict[int, dict[float, float]] = {0: {}}
    held: dict[float, float] = {}
    last = 0
    for _ in range(data.draw(st.integers(3, 25))):
        first = last + 1 + (data.draw(st.integers(0, 3)) if chained else 0)
        end = first + data.draw(st.integers(0, 3))
        changes = [
            Level(float(data.draw(st.integers(1, 6))), float(data.draw(st.integers(0, 3))))
            for _ in range(data.draw(st.integers(0, 3)))
        ]
        messages.append(Message(end, first, last if chained else 0, changes))
        for change in changes:
            held[change.px] = change.qty
        last = end
        truth[end] = {px: qty for px, qty in held.items() if qty}
    ids = sorted(truth)
    order = list(range(len(messages)))
    for _ in range(data.draw(st.integers(0, 6))):
        at = data.draw(st.integers(0, len(order) - 1))
        match data.draw(st.sampled_from(["drop", "double", "swap"])):
            case "drop" if len(order) > 1:
                del order[at]
            case "double":
                order.insert(at, order[at])
            case "swap" if at + 1 < len(order):
                order[at], order[at + 1] = order[at + 1], order[at]
    normalizer = Joined(ID)
    market = Books()
    book = market.create(ID)
    waiting = False

    def take(outputs: Sequence[BookUpdate | BookLost | Ask]) -> None:
        nonlocal waiting
        for output in outputs:
            match output:
                case BookUpdate():
                    market.apply(output)
                case BookLost():
                    market.lose(ID, output.reason)
                case Ask():
                    assert not waiting, "two requests at once"
                    waiting = True
        if normalizer.state is BookState.SYNCED:
            assert book.state is BookState.SYNCED
            assert book.seq == normalizer.last
            assert dict(iter(book.bids)) == truth[normalizer.last]
        else:
            assert book.state is not BookState.SYNCED

    for index in order:
        take(normalizer.update(messages[index], 1))
        if waiting and data.draw(st.booleans()):
            waiting = False
            seq = data.draw(st.sampled_from([one for one in ids if one <= messages[index].last]))
            bids = [Level(px, qty) for px, qty in truth[seq].items()]
            take(normalizer.snapshot(Message(seq, bids=bids), 1))
    if waiting:
        take(normalizer.snapshot(Message(last, bids=[Level(px, qty) for px, qty in truth[last].items()]), 1))
        assert normalizer.state is BookState.SYNCED
