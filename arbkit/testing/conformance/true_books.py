"""Records the true books of a simulated venue, to check the books of an adapter. ``Rig`` uses it."""

from __future__ import annotations

from arbkit.core.market.book import Book
from arbkit.core.types import BookState
from arbkit.sim.venue import SimExchange

__all__ = ["TrueBooks"]

DEPTHS = (1, 5, 20)
"""Levels per side that are compared: the largest of these that is not more than the book's depth."""
RECENT_NS = 700_000_000
"""A book must equal a true book of at most this long ago: push interval, latency and the time of a snapshot request."""


class TrueBooks:
    """Records every state of all books of one exchange."""

    def __init__(self, exchange: SimExchange) -> None:
        self._exchange = exchange
        self._states: dict[tuple[str, int], dict[tuple[tuple[float, float], ...], int]] = {}
        """By symbol and depth: the best levels, and the last time at which the book had them."""
        self._tops: dict[tuple[str, int], tuple[float, float, float, float]] = {}
        self._at_ns = 0
        self.compared = 0
        """Number of books that equalled a true book."""
        self.wrong: list[str] = []
        """The first books that did not, as text."""

    def learn(self, now_ns: int) -> None:
        """Record the present books."""
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
        """Check a SYNCED book: it must equal a book that the venue had within ``RECENT_NS``."""
        if book.state is not BookState.SYNCED:
            return
        depth = max((each for each in DEPTHS if each <= (book.depth or each)), default=1)
        have = (*book.bids.top(depth), *book.asks.top(depth))
        if self._at_ns - self._states[symbol, depth].get(have, 0) <= RECENT_NS:
            self.compared += 1
        elif len(self.wrong) < 5:
            self.wrong.append(f"{symbol} at seq {book.seq}: the venue had no such book recently; best bid {have[:1]}")

    def top(self, symbol: str, seq: int) -> tuple[float, float, float, float] | None:
        """(best bid, its size, best ask, its size) at the update id; None if it was not recorded."""
        return self._tops.get((symbol, seq))
