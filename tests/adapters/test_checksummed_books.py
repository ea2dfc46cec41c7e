"""Checksummed books: the text of the best levels must give the venue's number."""

from __future__ import annotations

from itertools import zip_longest
from zlib import crc32

from hypothesis import given
from hypothesis import strategies as st

from arbkit.adapters.checksummed import CheckedDepth, Checksummed, interleaved_crc32
from arbkit.core.types import BookLost, BookState, BookUpdate, Level, Send

AGAIN = (Send("again"),)


def test_levels_alternate() -> None:
    """OKX's rule (www.okx.com/docs-v5/en, order book channel): bid, ask, bid, ask, each price:size as text; signed."""
    bids = [["210.4", "5"], ["210.1", "2.5"]]
    asks = [["210.7", "1"], ["211", "2"]]
    want = crc32(b"210.4:5:210.7:1:210.1:2.5:211:2") - (1 << 32)
    assert interleaved_crc32(iter(bids), iter(asks)) == want < 0


def test_a_side_that_ends_early_is_skipped() -> None:
    """bid, ask, bid, bid."""
    want = crc32(b"3:1:4:1:2:1:1:1")
    got = interleaved_crc32(iter([["3", "1"], ["2", "1"], ["1", "1"]]), iter([["4", "1"]]))
    assert got % (1 << 32) == want


def test_a_wrong_checksum_loses_the_book_and_asks() -> None:
    """Also that of a snapshot; nothing is applied."""
    book = Checksummed("x:A-B", lambda now_ns: AGAIN, depth=400)
    (lost, *asked) = book.snapshot(CheckedDepth([["1", "1"]], [], 5), 0)
    assert isinstance(lost, BookLost)
    assert tuple(asked) == AGAIN
    assert book.state is BookState.LOST


def test_text_is_kept_as_received_and_numbers_are_decoded() -> None:
    """``1.10`` counts as ``1.10`` in the checksum and as 1.1 in the book; a size of 0 deletes."""
    book = Checksummed("x:A-B", lambda now_ns: AGAIN)
    (first,) = book.snapshot(
        CheckedDepth([["1.10", "2.0", "0", "1"]], [], interleaved_crc32(iter([["1.10", "2.0"]]), iter([]))), 0
    )
    assert isinstance(first, BookUpdate)
    assert first.bids == [Level(1.1, 2.0)]
    (gone,) = book.update(CheckedDepth([["1.1", "0"]], [], 0), 0)
    assert isinstance(gone, BookUpdate)
    assert gone.bids == [Level(1.1, 0.0)]


def test_the_text_book_is_bounded() -> None:
    """Levels far outside the checksum window are dropped."""
    book = Checksummed("x:A-B", lambda now_ns: AGAIN, depth=10, checksum=lambda bids, asks: 0)
    book.snapshot(CheckedDepth([], [], 0), 0)
    for px in range(1, 1000):
        book.update(CheckedDepth([[str(px), "1"]], [], 0), 0)
    assert book.held <= 20


def test_a_level_that_falls_out_of_the_window_is_deleted_at_once() -> None:
    """The venue sends no delete for it: kept, it would stand in the book again when better levels go."""
    book = Checksummed("x:A-B", lambda now_ns: AGAIN, depth=2, checksum=lambda bids, asks: 0, window=True)
    book.snapshot(CheckedDepth([["9", "1"], ["8", "1"]], [["10", "1"], ["11", "1"]], 0), 0)
    (pushed,) = book.update(CheckedDepth([["8.5", "2"]], [["9.5", "3"]], 0), 0)
    assert isinstance(pushed, BookUpdate)
    assert pushed.bids == [Level(8.5, 2.0), Level(8.0, 0.0)]
    assert pushed.asks == [Level(9.5, 3.0), Level(11.0, 0.0)]
    assert book.held == 2


levels = st.lists(st.tuples(st.integers(1, 40), st.sampled_from(["0", "1", "2.50"])), max_size=8)


@given(st.lists(st.tuples(levels, levels), max_size=12))
def test_against_a_plain_oracle(messages: list[tuple[list[tuple[int, str]], list[tuple[int, str]]]]) -> None:
    """Sorted dictionaries give the same checksum after each message."""
    book = Checksummed("x:A-B", lambda now_ns: AGAIN)
    sides: tuple[dict[int, str], dict[int, str]] = ({}, {})
    for number, message in enumerate(messages):
        for side, changes in zip(sides, message, strict=True):
            for px, qty in changes:
                if qty == "0":
                    side.pop(px, None)
                else:
                    side[px] = qty
        bids = sorted(sides[0].items(), reverse=True)[:25]
        asks = sorted(sides[1].items())[:25]
        parts = [f"{px}:{qty}" for pair in zip_longest(bids, asks) for level in pair if level for px, qty in [level]]
        value = crc32(":".join(parts).encode())
        text = [[[str(px), qty] for px, qty in changes] for changes in message]
        checked = CheckedDepth(text[0], text[1], value - (1 << 32) if value >> 31 else value)
        (event,) = book.update(checked, 0) if number else book.snapshot(checked, 0)
        assert isinstance(event, BookUpdate)
