"""Books that are read from generated frames equal the model's, whatever the wire does."""

from __future__ import annotations

from typing import Any

import pytest
from generated import QUIRKS, Played

HARMFUL = ("gap", "reordered", "reconnect", "restart by delta")
SEEDS = (1, 2, 3)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_plain_stream(venue: Any, wire: tuple[str, Any], seed: int) -> None:
    """Without any quirk: each book is SYNCED from its snapshot on, and equal after each frame."""
    played = Played(venue, wire[1], (), seed, count=300)
    assert played.faults == []
    assert played.losses == 0
    assert len(played.log) > 300


@pytest.mark.parametrize("quirk", QUIRKS)
def test_each_quirk_alone(venue: Any, wire: tuple[str, Any], quirk: str) -> None:
    """It happens several times in the stream, and no book is ever wrong while it is SYNCED."""
    if quirk not in wire[1].quirks:
        return
    played = Played(venue, wire[1], (quirk,), 7)
    assert played.faults == []
    assert played.seen[quirk] > 1
    assert quirk in HARMFUL or played.losses == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_all_quirks_at_once(venue: Any, wire: tuple[str, Any], seed: int) -> None:
    """Hundreds of frames with everything that the wire may do."""
    played = Played(venue, wire[1], wire[1].quirks, seed, count=500)
    assert played.faults == []
    assert set(played.seen) >= set(wire[1].quirks)
