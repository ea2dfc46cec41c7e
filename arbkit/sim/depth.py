"""The best levels of a book as an incremental stream publishes them."""

from __future__ import annotations

from arbkit.sim.matching import Feed, SimBook

__all__ = ["Change", "SimDepth", "Levels"]

Levels = list[tuple[int, int]]
"""(px ticks, lots), best first; 0 lots = the level left the published depth."""
Change = tuple[bool, int, Levels, Levels]
"""Whether earlier changes were lost (a fault), the first update id, bids and asks."""


class SimDepth:
    """The published levels of one book. ``step`` goes on to the present ones."""

    __slots__ = ("_book", "_feed", "asks", "bids", "levels")

    def __init__(self, book: SimBook, levels: int) -> None:
        self._book = book
        self._feed: Feed = book.feed()
        self.levels = levels
        self.bids, self.asks = (dict(side) for side in book.depth(levels))

    @property
    def seq(self) -> int:
        """The update id of the published levels."""
        return self._feed.last

    def step(self) -> Change | None:
        """The changes within the depth since the last call; None if the book did not change."""
        if not self._feed.pending:
            return None
        lost = self._feed.lost
        first, _, bids, asks = self._feed.take()
        old, (new_bids, new_asks) = (self.bids, self.asks), self._book.depth(self.levels)
        self.bids, self.asks = dict(new_bids), dict(new_asks)
        if not lost:
            told = self._book.told
            bids, asks = told(True, _changes(old[0], self.bids)), told(False, _changes(old[1], self.asks))
        return lost, first, bids, asks

    def close(self) -> None:
        self._feed.close()


def _changes(old: dict[int, int], new: dict[int, int]) -> dict[int, int]:
    gone = {px: 0 for px in old if px not in new}
    return gone | {px: lots for px, lots in new.items() if old.get(px) != lots}
