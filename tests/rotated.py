"""Which venues a dear test tries in the default gate. ``make long`` tries all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

EVERY = 4


def rotated(venues: Sequence[str], turn: int) -> list[Any]:
    """Every fourth venue, from another one on each ``turn``; the others are marked ``long``. Tests with different turns
    try different venues, so that the gate has something of each."""
    return [
        venue if (number + turn) % EVERY == 0 else pytest.param(venue, marks=pytest.mark.long)
        for number, venue in enumerate(venues)
    ]
