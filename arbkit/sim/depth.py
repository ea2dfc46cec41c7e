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
        if not self._feed.pending:
            return None
        lost, changed = self._feed.lost, self._feed.changed()
        first, _, bids, asks = self._feed.take()
        moved = [self._move(at, None if lost else side) for at, side in enumerate(changed)]
        if not lost:
            bids, asks = (self._book.told(not at, side) for at, side in enumerate(moved))
        return lost, first, bids, asks

    def _move(self, at: int, changed: dict[int, int] | None) -> dict[int, int]:
        """Publish the present levels of a side. Returns those that changed: first those that left, best price first.
        ``changed``: the levels of the book that changed; None = not known."""
        old, sign, buy = self._sides[at], 1 if at else -1, not at
        last, self._last[at] = self._last[at], self._book.last_px(buy, self.levels)
        if changed is None:
            changed = dict(self._book.depth(self.levels)[at])
            changed |= dict.fromkeys(old.keys() - changed.keys(), 0)
        elif last != (now := self._last[at]):
            # the levels between the two ends of the depth enter or leave it, whether they changed or not
            changed |= self._book.between(buy, last, now)
        if now := self._last[at]:
            changed = {px: lots if sign * px <= sign * now else 0 for px, lots in changed.items()}
        moved = {px: lots for px, lots in changed.items() if lots != old.get(px, 0)}
        for px, lots in moved.items():
            if lots:
                old[px] = lots
            else:
                del old[px]
        gone = sorted((px for px, lots in moved.items() if not lots), reverse=buy)
        kept = sorted((px for px, lots in moved.items() if lots), reverse=buy)
        return dict.fromkeys(gone, 0) | {px: moved[px] for px in kept}

    def close(self) -> None:
        self._feed.close()
