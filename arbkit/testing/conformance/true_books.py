"""What a simulated venue's books really were, moment by moment: the judge of the books that an adapter makes."""

from __future__ import annotations

from arbkit.core.market.book import Book
from arbkit.core.types import BookState
from arbkit.sim.venue import SimExchange

__all__ = ["TrueBooks"]

DEPTHS = (1, 5, 20)
"""Levels a side that are compared: as many as the book's venue vouches for, 20 at the most."""
RECENT_NS = 700_000_000
"""How long ago a book may have been true: push interval, latency, a snapshot's way."""


class TrueBooks:
    """Remembers every state of every book of one exchange."""

    def __init__(self, exchange: SimExchange) -> None:
        self._exchange = exchange
        self._states: dict[tuple[str, int], dict[tuple[tuple[float, float], ...], int]] = {}
        """By symbol and depth: the best levels, and when they were so last."""
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
            bids, asks = (
                tuple((float(pair.px_text(px)), float(pair.qty_text(lots))) for px, lots in side)
                for side in book.depth(DEPTHS[-1])
            )
            for depth in DEPTHS:
                self._states.setdefault((symbol, depth), {})[bids[:depth] + asks[:depth]] = now_ns
            if (symbol, book.seq) not in self._tops and bids and asks:
                self._tops[symbol, book.seq] = (*bids[0], *asks[0])

    def check(self, symbol: str, book: Book) -> None:
        """Compare a book that its adapter vouches for: it must be one that the venue had a moment ago."""
        if book.state is not BookState.SYNCED:
            return
        depth = max((each for each in DEPTHS if each <= (book.depth or each)), default=1)
        have = (*book.bids.top(depth), *book.asks.top(depth))
        if self._at_ns - self._states[symbol, depth].get(have, 0) <= RECENT_NS:
            self.compared += 1
        elif len(self.wrong) < 5:
            self.wrong.append(f"{symbol} at seq {book.seq}: bids {have[:1]} and so on were not the venue's of late")

    def top(self, symbol: str, seq: int) -> tuple[float, float, float, float] | None:
        """Best bid, its size, best ask, its size at the book's update id; None where nobody looked then."""
        return self._tops.get((symbol, seq))
