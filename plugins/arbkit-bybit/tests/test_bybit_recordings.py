"""A recording of another protocol. The recorded books are compared in ``tests/venues``."""

from __future__ import annotations

import json
from typing import Any

import pytest
from arbkit_bybit.adapter import Bybit

from arbkit.core.types import VenueSettings
from arbkit.testing import corpus
from arbkit.testing.recording import print_books as run


@pytest.mark.recordings("bybit", "frames-legacy2021")
def test_the_api_before_v5_is_survived() -> None:
    """Another protocol on the socket: no book, no crash."""
    printed: list[dict[str, Any]] = []
    path = corpus.find("bybit", "frames-legacy2021")
    assert path is not None
    run(path, Bybit(VenueSettings()), out=lambda text: printed.append(json.loads(text)))
    assert not [line for line in printed if "i" in line]
    assert printed[-1]["summary"]["books"] == 0
