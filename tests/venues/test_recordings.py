"""The books equal what independent programs made of the same recordings."""

from __future__ import annotations

import gzip
import json
from typing import Any

from arbkit.core.types import VenueSettings
from arbkit.testing.recording import print_books


def test_each_expected_book_is_reproduced(venue: Any, recording: tuple[str, tuple[int, int]]) -> None:
    """Best five levels a side after each frame, to the last digit; the summary counts no gap and no error."""
    suffix, (lines, books) = recording
    printed: list[str] = []
    summary = print_books(venue.data / f"frames{suffix}.jsonl.gz", venue.exchange(VenueSettings()), out=printed.append)
    found = {(line["i"], line["symbol"]): line for line in map(json.loads, printed[:-1])}
    with gzip.open(venue.data / f"expected{suffix}.jsonl.gz", "rt") as file:
        expected = [json.loads(line) for line in file]
    assert len(expected) == lines
    assert [found.get((line["i"], line["symbol"])) for line in expected] == expected
    assert len({line["symbol"] for line in expected}) == books
    assert json.loads(printed[-1])["summary"] == {"frames": summary.frames, "books": books, "gaps": 0, "errors": 0}


def test_every_expected_file_is_checked(venue: Any) -> None:
    """A recording with expected books that ``RECORDINGS`` does not name would be checked by nobody."""
    files = {file.name.removeprefix("expected").removesuffix(".jsonl.gz") for file in venue.data.glob("expected*.gz")}
    assert files == set(getattr(venue.facts, "RECORDINGS", ()))
