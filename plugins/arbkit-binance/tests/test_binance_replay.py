"""The books equal what two independent programs made of the same recordings."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from arbkit_binance.adapter import Binance

from arbkit.core.types import VenueSettings
from arbkit.testing import recording

DATA = Path(__file__).parent / "data"


@pytest.mark.parametrize(("name", "lines"), [("", 995), ("-small2021", 176), ("-coinm2021", 331)])
def test_every_expected_line_is_reproduced(name: str, lines: int) -> None:
    """Best bid, best ask and five levels a side after every depth frame, to the last digit (futures too)."""
    printed: list[str] = []
    summary = recording.print_books(DATA / f"frames{name}.jsonl.gz", Binance(VenueSettings()), out=printed.append)
    found = {(line["i"], line["symbol"]): line for line in map(json.loads, printed[:-1])}
    with gzip.open(DATA / f"expected{name}.jsonl.gz", "rt") as file:
        expected = [json.loads(line) for line in file]
    assert len(expected) == lines
    for line in expected:
        assert found[line["i"], line["symbol"]] == line
    assert json.loads(printed[-1])["summary"] == {
        "frames": summary.frames,
        "books": len({line["symbol"] for line in expected}),
        "gaps": 0,
        "errors": 0,
    }


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
