"""An order book with price-time priority, in ticks and lots, and the feeds that report its changes."""

from __future__ import annotations

__all__ = ["Book", "Feed"]


class Feed:
    """The levels of one book that changed since the last ``take``: what an incremental stream sends."""

    def take(self) -> tuple[int, int, list[tuple[int, int]], list[tuple[int, int]]]:
        """``(first, last, bids, asks)``: the update ids covered, and (px ticks, total lots) of each changed level,
        0 lots = gone. ``first == last + 1`` when nothing changed.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Stop collecting."""


class Book:
    """One pair's book."""

    seq: int
    """The venue's update id: rises by one a changed level."""

    def feed(self) -> Feed:
        """A new collector of changes, from ``seq`` on."""
        raise NotImplementedError

    def depth(self, limit: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Best levels (px ticks, total lots): bids from the highest, asks from the lowest."""
        raise NotImplementedError

    def top(self) -> tuple[int, int, int, int]:
        """``(bid px, bid lots, ask px, ask lots)``, zeros where a side is empty."""
        raise NotImplementedError
