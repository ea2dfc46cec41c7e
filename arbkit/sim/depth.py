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

    __slots__ = ("_book", "_feed", "_last", "_sides", "levels")

    def __init__(self, book: SimBook, levels: int) -> None:
        self._book = book
        self._feed: Feed = book.feed()
        self.levels = levels
        self._sides = [dict(side) for side in book.depth(levels)]  # bids, asks; in any order
        self._last = [book.last_px(True, levels), book.last_px(False, levels)]
        """The worst published price of each side; 0 if all levels of the side are published."""

    @property
    def bids(self) -> Levels:
        return sorted(self._sides[0].items(), reverse=True)

    @property
    def asks(self) -> Levels:
        return sorted(self._sides[1].items())

    @property
    def seq(self) -> int:
        """The update id of the published levels."""
        return self._feed.last

    def step(self) -> Change | None:
        """The changes within the depth since the last call; None if the book did not change."""
        feed, book = self._feed, self._book
        if not feed.pending:
            return None
        lost = feed.lost
        first, bids, asks = feed.changed()
        if lost:  # what is told are the changes after the fault, wherever they are
            self._move(0, dict(book.depth(self.levels)[0]), whole=True)
            self._move(1, dict(book.depth(self.levels)[1]), whole=True)
            return lost, first, book.told(True, bids.items()), book.told(False, asks.items())
        return lost, first, book.told(True, self._move(0, bids)), book.told(False, self._move(1, asks))

    def _move(self, at: int, changed: dict[int, int], *, whole: bool = False) -> Levels:
        """Publish the present levels of a side. Returns those that changed: first those that left, best price first.
        ``changed``: the levels of the book that changed; with ``whole``, all levels that are published now."""
        published, buy = self._sides[at], not at
        before, self._last[at] = self._last[at], self._book.last_px(buy, self.levels)
        last = self._last[at]
        if whole:
            changed |= dict.fromkeys(published.keys() - changed.keys(), 0)
        elif before != last:
            # the levels between the two ends of the depth enter or leave it, whether they changed or not
            changed |= self._book.between(buy, before, last)
        gone: Levels = []
        kept: Levels = []
        for px, lots in changed.items():
            if lots and not (last and (px < last if buy else px > last)):
                if published.get(px) != lots:
                    published[px] = lots
                    kept.append((px, lots))
            elif published.pop(px, 0):
                gone.append((px, 0))
        gone.sort(reverse=buy)
        kept.sort(reverse=buy)
        return gone + kept

    def close(self) -> None:
        self._feed.close()
