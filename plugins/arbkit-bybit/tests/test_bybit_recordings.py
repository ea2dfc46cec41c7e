"""The adapter against recorded books: every line that independent programs expect."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from arbkit_bybit.adapter import Bybit

from arbkit.core.types import VenueSettings
from arbkit.testing.recording import print_books as run

DATA = Path(__file__).parent / "data"


def replayed(name: str) -> tuple[dict[tuple[int, str], dict[str, Any]], dict[str, int]]:
    printed: list[dict[str, Any]] = []
    run(DATA / name, Bybit(VenueSettings()), out=lambda text: printed.append(json.loads(text)))
    return {(line["i"], line["symbol"]): line for line in printed if "i" in line}, printed[-1]["summary"]


@pytest.mark.parametrize(("session", "claims", "books"), [("", 300, 1), ("-linear", 794, 2)], ids=["spot", "linear"])
def test_each_expected_book_is_reproduced(session: str, claims: int, books: int) -> None:
    """Best five levels a side after each frame; the summary counts no gap and no error."""
    ours, summary = replayed(f"frames{session}.jsonl.gz")
    with gzip.open(DATA / f"expected{session}.jsonl.gz", "rt") as file:
        expected = [json.loads(line) for line in file]
    assert len(expected) == claims
    assert [ours.get((line["i"], line["symbol"])) for line in expected] == expected
    assert (summary["books"], summary["gaps"], summary["errors"]) == (books, 0, 0)


def test_the_api_before_v5_is_survived() -> None:
    """Another protocol on the socket: no book, no crash."""
    ours, summary = replayed("frames-legacy2021.jsonl.gz")
    assert not ours
    assert summary["books"] == 0
