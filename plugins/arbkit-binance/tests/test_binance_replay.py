"""Two streams in one book. The recorded books are compared in ``tests/venues``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from arbkit_binance.adapter import Binance
from arbkit_binance.dialect import BinanceDialect

from arbkit.core.types import VenueSettings
from arbkit.testing import corpus, recording
from arbkit.testing.recorder import record, write_frames


def lines(path: Path, fused: bool) -> list[str]:
    """The printed books, and the summary."""
    found: list[str] = []
    recording.print_books(path, Binance(VenueSettings()), fused=fused, out=found.append)
    return found


def check(fused: list[str]) -> None:
    """No crossed book, no price twice."""
    for line in map(json.loads, fused[:-1]):
        assert float(line["bid"][0]) < float(line["ask"][0])
        assert [px for px, _ in line["bids5"]] == sorted({px for px, _ in line["bids5"]}, key=float, reverse=True)


def test_fused_books_follow_the_faster_stream(tmp_path: Path) -> None:
    """With the best-bid-ask stream joined in there are more lines, and none shows a crossed book."""
    write_frames(tmp_path / "frames.jsonl", record(Binance, BinanceDialect, 30))
    depth, fused = (lines(tmp_path / "frames.jsonl", fused) for fused in (False, True))
    assert len(fused) > len(depth) > 100
    check(fused)


@pytest.mark.recordings("binance", "frames")
def test_recorded_fused_books_follow_the_faster_stream() -> None:
    """The real best-bid-ask stream has several times as many frames."""
    path = corpus.find("binance", "frames")
    assert path is not None
    depth, fused = (lines(path, fused) for fused in (False, True))
    assert len(fused) > 5 * len(depth)
    check(fused)
