"""Two streams in one book. The recorded books are compared in ``tests/venues``."""

from __future__ import annotations

import json
from pathlib import Path

from arbkit_binance.adapter import Binance

from arbkit.core.types import VenueSettings
from arbkit.testing import recording

DATA = Path(__file__).parent / "data"


def test_fused_books_follow_the_faster_stream() -> None:
    """With the best-bid-ask stream joined in there are more lines, and none shows a crossed book."""
    depth: list[str] = []
    fused: list[str] = []
    recording.print_books(DATA / "frames.jsonl.gz", Binance(VenueSettings()), out=depth.append)
    recording.print_books(DATA / "frames.jsonl.gz", Binance(VenueSettings()), fused=True, out=fused.append)
    assert len(fused) > 5 * len(depth)
    for line in map(json.loads, fused[:-1]):
        assert float(line["bid"][0]) < float(line["ask"][0])
        assert [px for px, _ in line["bids5"]] == sorted({px for px, _ in line["bids5"]}, key=float, reverse=True)
