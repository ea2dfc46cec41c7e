"""What a simulated venue's books really were, moment by moment: the judge of the books that an adapter makes."""

from __future__ import annotations

from arbkit.core.book import Book
from arbkit.core.types import BookState
from arbkit.sim.venue import Exchange

__all__ = ["Truth"]

DEPTH = 20
"""Levels a side that are compared."""
RECENT_NS = 700_000_000
"""How long ago a book may have been true: push interval, latency, a snapshot's way."""


class Truth:
    """Remembers every state of every book of one exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._states: dict[str, dict[tuple[tuple[float, float], ...], int]] = {symbol: {} for symbol in exchange.pairs}
        """The best levels, and when they were so last, by symbol."""
        self._tops: dict[tuple[str, int], tuple[float, float, float, float]] = {}
        self._at_ns = 0
        self.compared = 0
        """Books found to be a true one."""
        self.wrong: list[str] = []
        """Books that were not, the first few."""

    def learn(self, now_ns: int) -> None:
        """The books as they are now."""
        self._at_ns = now_ns
        for symbol, book in self._exchange.books.items():
            pair = self._exchange.pairs[symbol]
            bids, asks = book.depth(DEPTH)
            levels = tuple((float(pair.px_text(px)), float(pair.qty_text(lots))) for px, lots in (*bids, *asks))
            self._states[symbol][levels] = now_ns
            if (symbol, book.seq) not in self._tops and bids and asks:
                self._tops[symbol, book.seq] = (*levels[0], *levels[len(bids)])

    def check(self, symbol: str, book: Book) -> None:
        """Compare a book that its adapter vouches for: it must be one that the venue had a moment ago."""
        if book.state is not BookState.SYNCED:
            return
        have = (*book.bids.top(DEPTH), *book.asks.top(DEPTH))
        if self._at_ns - self._states[symbol].get(have, 0) <= RECENT_NS:
            self.compared += 1
        elif len(self.wrong) < 5:
            self.wrong.append(f"{symbol} at seq {book.seq}: bids {have[:1]} and so on were not the venue's of late")

    def top(self, symbol: str, seq: int) -> tuple[float, float, float, float] | None:
        """Best bid, its size, best ask, its size at the book's update id; None where nobody looked then."""
        return self._tops.get((symbol, seq))
