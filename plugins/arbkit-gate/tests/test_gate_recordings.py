"""The recordings under other settings. The recorded books are compared in ``tests/venues``."""

from __future__ import annotations

import json

import pytest
from arbkit_gate.adapter import Gate

from arbkit.core.types import VenueSettings
from arbkit.testing import corpus
from arbkit.testing.recording import print_books


@pytest.mark.recordings("gate", "frames", "frames-transcoded-obu")
@pytest.mark.parametrize("name", ["", "-transcoded-obu"])
@pytest.mark.parametrize(
    "options", [{"region": "eu"}, {"channel": "obu.400"}, {"channel": "order_book_update"}], ids=str
)
def test_the_books_do_not_depend_on_what_would_be_subscribed(name: str, options: dict[str, str]) -> None:
    """Both channels are read, whichever was chosen: the same books to the last digit."""
    path = corpus.find("gate", f"frames{name}")
    assert path is not None
    expected = corpus.expected("gate", name)
    printed: list[str] = []
    print_books(path, Gate(VenueSettings(options=options)), out=printed.append)
    found = {(line["i"], line["symbol"]): line for line in map(json.loads, printed[:-1])}
    assert len(expected) > 50
    assert [found.get((line["i"], line["symbol"])) for line in expected] == expected
