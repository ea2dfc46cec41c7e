"""Records the true books of a simulated venue, to check the books of an adapter. ``Rig`` uses it."""

from __future__ import annotations

from msgspec import Struct

from arbkit.core.market.book import Book
from arbkit.core.types import BookState
from arbkit.sim.pair import Pair
from arbkit.sim.venue import SimExchange

__all__ = ["TrueBooks"]

DEPTHS = (1, 5, 20)
"""Levels per side that are compared: the largest of these that is not more than the book's depth."""
RECENT_NS = 700_000_000
"""A book must equal a true book of at most this long ago: push interval, latency and the time of a snapshot request."""


_Levels = list[tuple[int, int]]


class _State(Struct):
    """One state of a book: its best levels in ticks and lots, and the last time at which the book had them."""

    seq: int
    bids: _Levels
    asks: _Levels
    until_ns: int


class _Symbol:
    """The states of one book. They are written as numbers only when a book is compared with them: most runs compare
    one symbol, and a state has most of its levels from the one before."""

    def __init__(self, pair: Pair) -> None:
        self._pair = pair
        self._numbers: dict[tuple[int, int], tuple[float, float]] = {}
        self._known: dict[int, dict[tuple[tuple[float, float], ...], int]] = {depth: {} for depth in DEPTHS}
        """By depth: the best levels, and the last time at which the book had them."""
        self._new: list[_State] = []
        """The states that are not in ``_known``, and the present one."""
        self.tops: dict[int, tuple[tuple[int, int], tuple[int, int]]] = {}
        """By update id: the best bid and the best ask."""

    def learn(self, seq: int, bids: _Levels, asks: _Levels, now_ns: int) -> None:
        self._new.append(_State(seq, bids, asks, now_ns))
        if bids and asks:
            self.tops.setdefault(seq, (bids[0], asks[0]))

    def lasts(self, seq: int, now_ns: int) -> bool:
        """Whether the book is still the last state."""
        if not self._new or self._new[-1].seq != seq:
            return False
        self._new[-1].until_ns = now_ns
        return True

    def last_ns(self, depth: int, levels: tuple[tuple[float, float], ...]) -> int:
        """When the book had these best levels for the last time; 0 = never."""
        for state in self._new:
            bids, asks = (tuple(map(self.number, side)) for side in (state.bids, state.asks))
            for each, known in self._known.items():
                known[bids[:each] + asks[:each]] = state.until_ns
        del self._new[:-1]
        return self._known[depth].get(levels, 0)

    def number(self, level: tuple[int, int]) -> tuple[float, float]:
        known = self._numbers.get(level)
        if known is None:
            px, lots = level
            known = self._numbers[level] = float(self._pair.px_text(px)), float(self._pair.qty_text(lots))
        return known


class TrueBooks:
    """Records every state of all books of one exchange."""

    def __init__(self, exchange: SimExchange) -> None:
        self._exchange = exchange
        self._symbols: dict[str, _Symbol] = {}
        self._at_ns = 0
        self.compared = 0
        """Number of books that equalled a true book."""
        self.wrong: list[str] = []
        """The first books that did not, as text."""

    def learn(self, now_ns: int) -> None:
        """Record the present books."""
        self._at_ns = now_ns
        for symbol, book in self._exchange.books.items():
            known = self._symbols.get(symbol)
            if known is None:
                known = self._symbols[symbol] = _Symbol(self._exchange.pairs[symbol])
            if not known.lasts(book.seq, now_ns):
                known.learn(book.seq, *book.depth(DEPTHS[-1]), now_ns)

    def check(self, symbol: str, book: Book) -> None:
        """Check a SYNCED book: it must equal a book that the venue had within ``RECENT_NS``."""
        if book.state is not BookState.SYNCED:
            return
        depth = max((each for each in DEPTHS if each <= (book.depth or each)), default=1)
        have = (*book.bids.top(depth), *book.asks.top(depth))
        if self._at_ns - self._symbols[symbol].last_ns(depth, have) <= RECENT_NS:
            self.compared += 1
        elif len(self.wrong) < 5:
            self.wrong.append(f"{symbol} at seq {book.seq}: the venue had no such book recently; best bid {have[:1]}")

    def top(self, symbol: str, seq: int) -> tuple[float, float, float, float] | None:
        """(best bid, its size, best ask, its size) at the update id; None if it was not recorded."""
        known = self._symbols.get(symbol)
        levels = known.tops.get(seq) if known is not None else None
        if known is None or levels is None:
            return None
        bid, ask = levels
        return (*known.number(bid), *known.number(ask))
