"""Replays recorded frames through an adapter and prints the book after each frame that changed one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from arbkit.core.book import Book
from arbkit.core.protocols import Exchange
from arbkit.core.types import plain
from arbkit.testing.recording import Replay, Summary, read_frames

__all__ = ["line", "run"]


def run(
    path: str | Path, exchange: Exchange, *, top: int = 5, fused: bool = False, out: Callable[[str], object] = print
) -> Summary:
    """Replay a recording; one JSON line goes to ``out`` for each frame that changed a book, and one with the summary.

    ``fused`` joins the best-bid-ask stream in where the venue has one. Raises ``OSError`` for a file that cannot be
    opened."""
    summary = Summary()
    replay = Replay(exchange, fused=fused)
    for number, frame in read_frames(path, summary):
        summary.frames += 1
        for instrument_id in replay.feed(frame):
            out(json.dumps({"i": number, **line(replay.native(instrument_id), replay.books[instrument_id], top)}))
    summary.gaps = replay.gaps
    summary.errors += replay.errors
    summary.books = sum(1 for book in replay.books.values() if book.epoch)
    out(json.dumps({"summary": summary.as_dict()}))
    return summary


def line(native: str, book: Book, top: int) -> dict[str, Any]:
    """A book's best levels with numbers as plain decimal text."""
    bids = _levels(book.levels_to_sell(), top)
    asks = _levels(book.levels_to_buy(), top)
    return {
        "symbol": native,
        "bid": bids[0] if bids else None,
        "ask": asks[0] if asks else None,
        f"bids{top}": bids[:top],
        f"asks{top}": asks[:top],
    }


def _levels(levels: Iterator[tuple[float, float]], top: int) -> list[list[str]]:
    return [[_text(px), _text(qty)] for (px, qty), _ in zip(levels, range(max(top, 1)), strict=False)]


def _text(value: float) -> str:
    return plain(Decimal(repr(value)))
