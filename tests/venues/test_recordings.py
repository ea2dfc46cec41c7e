"""The books equal what independent programs made of the same recordings; those of other formats make no wrong book."""

from __future__ import annotations

import json
from typing import Any

from arbkit.core.types import VenueSettings
from arbkit.testing import corpus
from arbkit.testing.recording import print_books


def test_each_expected_book_is_reproduced(venue: Any, recording: tuple[str, tuple[int, ...] | None]) -> None:
    """Best five levels a side after each frame, to the last digit; the summary counts no gap and no error, and also the
    books of which nothing is expected."""
    name, known = recording
    path = corpus.find(venue.name, f"frames{name}")
    assert path is not None
    expected = corpus.expected(venue.name, name)
    lines, books, *others = known or (len(expected), len({line["symbol"] for line in expected}))
    printed: list[str] = []
    summary = print_books(path, venue.exchange(VenueSettings()), out=printed.append)
    found = {(line["i"], line["symbol"]): line for line in map(json.loads, printed[:-1])}
    assert len(expected) == lines > 0
    assert [found.get((line["i"], line["symbol"])) for line in expected] == expected
    assert len({line["symbol"] for line in expected}) == books
    counted = {"frames": summary.frames, "books": books + sum(others), "gaps": 0, "errors": 0}
    assert json.loads(printed[-1])["summary"] == counted


def test_a_foreign_recording_is_read_and_makes_no_wrong_book(venue: Any, foreign: tuple[str, str]) -> None:
    """Each line is read; a book that comes out of it is the expected one, for as long as it is trusted."""
    name, what = foreign
    path = corpus.find(venue.name, f"frames{name}")
    assert path is not None
    printed: list[str] = []
    summary = print_books(path, venue.exchange(VenueSettings()), out=printed.append)
    assert summary.frames > 0, what
    expected = corpus.expected(venue.name, name) if name in corpus.names(venue.name) else []
    right = {(line["i"], line["symbol"]): line for line in expected}
    books = [json.loads(line) for line in printed[:-1]]
    assert [book for book in books if right.get((book["i"], book["symbol"]), book) != book] == []
