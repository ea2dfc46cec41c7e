"""A recording of another protocol. The recorded books are compared in ``tests/venues``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from arbkit_bybit.adapter import Bybit

from arbkit.core.types import VenueSettings
from arbkit.testing.recording import print_books as run

DATA = Path(__file__).parent / "data"


def test_the_api_before_v5_is_survived() -> None:
    """Another protocol on the socket: no book, no crash."""
    printed: list[dict[str, Any]] = []
    run(
        DATA / "frames-legacy2021.jsonl.gz",
        Bybit(VenueSettings()),
        out=lambda text: printed.append(json.loads(text)),
    )
    assert not [line for line in printed if "i" in line]
    assert printed[-1]["summary"]["books"] == 0
