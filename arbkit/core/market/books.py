"""All books of a desk, and the only code that changes one. The desk calls it; everybody else reads ``Book``.

``market.book`` has the table of states.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from arbkit.core.market.book import Book
from arbkit.core.market.ladder import SLACK
from arbkit.core.market.speed import ladder
from arbkit.core.market.watchdog import LinkWatch, Watchdog
from arbkit.core.types import BookState, BookUpdate, TopUpdate

__all__ = ["Books"]

_SYNCED = BookState.SYNCED
CROSSED_NS = 2_000_000_000
"""A book that is crossed for longer holds a level that is gone. Until then it is only not trusted: where bids and asks
come in two messages, a book is crossed between them."""
LONGEST_NS = 60_000_000_000


_CONTENT = sorted({*Book.__slots__} - {"instrument", "epoch", "updates"})


class _Crossed(Struct):
    """A book that is crossed, or was a short time ago."""

    due_ns: int
    """When it is asked for, if it is crossed then."""
    delay_ns: int = CROSSED_NS


class Books:
    """See the module."""

    __slots__ = ("_crossed", "_watchdog", "by_id", "moved", "touched")

    def __init__(self, watchdog: Watchdog | None = None) -> None:
        self._watchdog = watchdog or Watchdog()
        self.by_id: dict[str, Book] = {}
        """By instrument id. Readers are given this mapping; only this class adds to it."""
        self.touched: dict[str, None] = {}
        """Instruments whose book changed since the last decision, in order."""
        self.moved: dict[str, None] = {}
        """Those of them of which a best price moved, or whose book is trusted again."""
        self._crossed: dict[str, _Crossed] = {}

    def create(self, instrument: str) -> Book:
        """A new, empty book; the same one when it is there already."""
        book = self.by_id.get(instrument)
        if book is None:
            book = self.by_id[instrument] = Book(instrument)
        return book

    def update(self, update: BookUpdate, watch: LinkWatch, now_ns: int) -> bool:
        """One update of a link's session: apply it, and mark the book STALE where the data is late.

        True when the link has just turned late; all its books are STALE then, not only this one. An update of an
        unknown instrument is ignored."""
        instrument = update.instrument
        book = self.by_id.get(instrument)
        if book is None:
            return False
        if _apply(book, update):
            self.moved[instrument] = None
        if book.crossed_ns and instrument not in self._crossed:
            self._crossed[instrument] = _Crossed(now_ns + CROSSED_NS)
        self.touched[instrument] = None
        was_behind = watch.behind
        book.transit_ns = watch.updated(instrument, update.exch_ns, now_ns)
        if watch.behind:  # an old frame that is read now must not make its book look fresh
            _stale(book, "its link is behind")
            if not was_behind:
                self.stale(watch.spec.instruments, "its link is behind")
                return True
        elif now_ns < self._watchdog.drained_ns:
            _stale(book, "the loop was late")
        elif update.exch_ns <= 0 and watch.undatable(now_ns):
            _stale(book, "the update has no exchange timestamp and no recent update of its link had one")
        return False

    def apply(self, update: BookUpdate) -> Book:
        """Apply an update without looking at how late it is (recordings, tests). The book is created when missing."""
        book = self.create(update.instrument)
        if _apply(book, update):
            self.moved[update.instrument] = None
        self.touched[update.instrument] = None
        return book

    def take(self, other: Book) -> None:
        """Put the content of another book of the same instrument in place of this one's, in one step: a new epoch."""
        book = self.by_id[other.instrument]
        for name in _CONTENT:
            setattr(book, name, getattr(other, name))
        book.epoch += 1
        book.updates += other.updates
        if book.crossed_ns and book.instrument not in self._crossed:
            self._crossed[book.instrument] = _Crossed(book.crossed_ns + CROSSED_NS)
        self.moved[book.instrument] = None
        self.touched[book.instrument] = None

    def overlay(self, top: TopUpdate) -> bool:
        """Lay a faster best bid and ask over the book; False when the book has newer data already."""
        book = self.by_id.get(top.instrument)
        if book is None or book.state is not _SYNCED or top.seq <= book.seq:
            return False
        old = book.top
        if old is not None and top.seq <= old.seq:
            return False
        book.top = top
        book.recv_ns = top.recv_ns
        if _settle_top(book, top.recv_ns):
            self.moved[top.instrument] = None
        self.touched[top.instrument] = None
        return True

    def stuck(self, now_ns: int) -> list[Book]:
        """Books that have been crossed for too long: to be asked for again, each later than the last time."""
        found = []
        for instrument, crossed in list(self._crossed.items()):
            book = self.by_id[instrument]
            if crossed.due_ns > now_ns:
                continue
            if not book.crossed_ns:
                if now_ns - crossed.due_ns > LONGEST_NS:
                    del self._crossed[instrument]
            elif now_ns - book.crossed_ns >= CROSSED_NS:
                crossed.delay_ns = min(2 * crossed.delay_ns, LONGEST_NS)
                crossed.due_ns = now_ns + crossed.delay_ns
                if book.state is not BookState.LOST:  # a lost one is asked for already
                    found.append(book)
        return found

    def lose(self, instrument: str, reason: str) -> None:
        """The book may be wrong from now on: LOST until a snapshot comes."""
        book = self.by_id.get(instrument)
        if book is not None and book.state is not BookState.LOST:
            _mark(book, BookState.LOST, reason)

    def stale(self, instruments: Iterable[str], reason: str) -> bool:
        """Mark these STALE where they are SYNCED; True when that changed one."""
        changed = False
        for instrument in instruments:
            book = self.by_id.get(instrument)
            changed = (book is not None and _stale(book, reason)) or changed
        return changed

    def stale_all(self, reason: str) -> None:
        """Mark all SYNCED books STALE: nothing held is current."""
        self.stale(self.by_id, reason)


def _stale(book: Book, reason: str) -> bool:
    if book.state is not _SYNCED:
        return False
    _mark(book, BookState.STALE, reason)
    return True


def _mark(book: Book, state: BookState, reason: str) -> None:
    book.state = state
    book.reason = reason
    if book.top is not None:
        book.top = None
        _settle_top(book, book.recv_ns)


def _apply(book: Book, update: BookUpdate) -> bool:
    """A snapshot makes a book SYNCED. A delta changes a SYNCED book, heals a STALE one, is ignored on any other. True
    when a best price moved or the book has just become SYNCED."""
    moved = book.state is not _SYNCED
    if update.snapshot:
        keep = update.depth if update.window else 2 * update.depth
        most = keep if update.window else keep + SLACK
        bid = ladder.replace(book.bids, update.bids, keep, most)
        ask = ladder.replace(book.asks, update.asks, keep, most)
        book.epoch += 1
        book.depth = update.depth
        book.state = _SYNCED
        book.reason = ""
        book.top = None
    else:
        if book.state is not _SYNCED:
            if book.state is not BookState.STALE or not book.epoch:
                return False
            book.state = _SYNCED
            book.reason = ""
        bid = ladder.change(book.bids, update.bids)
        ask = ladder.change(book.asks, update.asks)
    book.seq = update.seq
    book.exch_ns = update.exch_ns
    book.recv_ns = update.recv_ns
    book.updates += 1
    top = book.top
    if top is not None and top.seq <= update.seq:
        book.top = top = None
    if top is None:  # the usual case
        if bid == book.bid_px and ask == book.ask_px and not book.crossed_ns:
            return moved
        book.bid_px = bid
        book.ask_px = ask
        if bid < ask:
            book.crossed_ns = 0
        else:
            book.crossed_ns = book.crossed_ns or update.recv_ns or 1
        return True
    return _settle_top(book, update.recv_ns) or moved


def _settle_top(book: Book, recv_ns: int) -> bool:
    """Best prices, and whether bids and asks overlap, in the levels or in the faster stream's top. True when one of
    that changed."""
    before = book.bid_px, book.ask_px, book.crossed_ns
    bid, ask, top = book.bids.best_px, book.asks.best_px, book.top
    book.bid_px, book.ask_px = (bid, ask) if top is None else (top.bid.px, top.ask.px)
    if bid >= ask or book.bid_px >= book.ask_px:
        book.crossed_ns = book.crossed_ns or recv_ns or 1
    else:
        book.crossed_ns = 0
    return before != (book.bid_px, book.ask_px, book.crossed_ns)
