"""Watches the books of one desk: how often they change, how late, and every state that they had."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from arbkit.core.market.book import Book
from arbkit.core.protocols import Strategy, View
from arbkit.core.types import Catalogue, Instrument, Opportunity

__all__ = ["LEVELS", "Seen", "Watcher", "quantile"]

LEVELS = 5
"""Levels a side that are compared."""
_MOST = 100_000
"""States and samples that are kept of a book."""
State = tuple[tuple[float, float], ...]


class Seen:
    """One book."""

    __slots__ = ("first_ns", "gaps_ns", "last_ns", "late_ns", "numbered", "states", "updates")

    def __init__(self) -> None:
        self.first_ns = 0
        self.last_ns = 0
        self.updates = 0
        """Reads of the socket that changed it."""
        self.numbered = False
        """Whether updates had sequence numbers."""
        self.gaps_ns: list[int] = []
        """Times between two of them."""
        self.late_ns: list[int] = []
        """Time of receipt minus time of the venue, by our clock; of updates that had one."""
        self.states: dict[State, int] = {}
        """Best levels -> when it had them last."""

    def note(self, book: Book, now_ns: int) -> None:
        """It changed."""
        if self.last_ns and len(self.gaps_ns) < _MOST:
            self.gaps_ns.append(now_ns - self.last_ns)
        self.first_ns = self.first_ns or now_ns
        self.last_ns = now_ns
        self.updates += 1
        self.numbered = self.numbered or book.seq > 0
        if book.exch_ns > 0 and len(self.late_ns) < _MOST:
            self.late_ns.append(book.recv_ns - book.exch_ns)
        if len(self.states) < _MOST:
            self.states[(*book.bids.top(LEVELS), *book.asks.top(LEVELS))] = now_ns


class Watcher(Strategy):
    """Makes no deal. ``choose``: the instruments, given the catalogue."""

    def __init__(self, choose: Callable[[Catalogue], Iterable[Instrument]]) -> None:
        self._choose = choose
        self.seen: dict[str, Seen] = {}
        self.on_book: Callable[[Book], object] = lambda book: None
        """Called with each book that changed and is trusted."""

    def instruments(self, catalogue: Catalogue) -> Iterable[Instrument]:
        chosen = list(self._choose(catalogue))
        self.seen = {one.id: self.seen.get(one.id) or Seen() for one in chosen}
        return chosen

    def decide(self, view: View, touched: Sequence[str], now_ns: int) -> Sequence[Opportunity]:
        for name in touched:
            book, seen = view.book(name), self.seen.get(name)
            if book is not None and seen is not None:
                seen.note(book, now_ns)
                self.on_book(book)
        return ()


def quantile(values: Sequence[int], share: float) -> float:
    """In ms; the values are in ns. 0.0 = there are none."""
    ordered = sorted(values)
    return round(ordered[min(int(share * len(ordered)), len(ordered) - 1)] / 1e6, 1) if ordered else 0.0
