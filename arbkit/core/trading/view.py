"""What strategies and executors see: trusted books, free balances, own fees, the venue's pace."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from arbkit.core.market.book import Book
from arbkit.core.money.limits import Limits
from arbkit.core.types import BookState, Catalogue

__all__ = ["DeskView", "Prices"]

_SYNCED = BookState.SYNCED
MAX_AGE_NS = 60_000_000_000
"""Whatever a symbol's usual rate: a book without a word for a minute is not traded on."""


class Prices:
    """Prices one asset in another by the mid of a trusted book, however many of them; no path of two books."""

    __slots__ = ("_books", "_by_pair", "_catalogue", "_known")

    def __init__(self, books: Mapping[str, Book], catalogue: Catalogue) -> None:
        self._books = books
        self._catalogue = catalogue
        self._by_pair: dict[tuple[str, str], list[Book]] = {}
        self._known = -1

    def __call__(self, held: str, asset: str) -> Decimal | None:
        """The price of one ``held`` in ``asset``; None where no trusted book tells."""
        if held == asset:
            return Decimal(1)
        if self._known != len(self._books):
            self._index()
        price = self._mid(held, asset)
        if price is not None:
            return price
        inverse = self._mid(asset, held)
        return 1 / inverse if inverse else None

    def _index(self) -> None:
        self._by_pair.clear()
        self._known = len(self._books)
        for instrument_id, book in self._books.items():
            instrument = self._catalogue[instrument_id]
            self._by_pair.setdefault((instrument.base, instrument.quote), []).append(book)

    def _mid(self, base: str, quote: str) -> Decimal | None:
        for book in self._by_pair.get((base, quote), ()):
            if book.trusted:
                bid, ask = book.best_bid(), book.best_ask()
                if bid and ask:
                    return (Decimal(repr(bid[0])) + Decimal(repr(ask[0]))) / 2
        return None


class DeskView:
    """The one view of a desk; ``now_ns`` is the time of the present turn."""

    def __init__(
        self,
        catalogue: Catalogue,
        books: Mapping[str, Book],
        limits: Limits,
        accounts: Mapping[str, str],
        may_trade: Callable[[str], bool],
        latency_of: Callable[[str], int],
    ) -> None:
        self.catalogue = catalogue
        self.now_ns = 0
        self.fees: dict[str, float] = {}
        """The account's own taker rate by instrument."""
        self.worst_fees: dict[str, float] = {}
        """By venue: used where the own rate is not known."""
        self.assets: dict[tuple[str, str], tuple[bool | None, bool | None]] = {}
        """(venue, asset) -> (deposit, withdraw)."""
        self._books = books
        self._limits = limits
        self._accounts = accounts
        self._may_trade = may_trade
        self._latency_of = latency_of

    def book(self, instrument: str) -> Book | None:
        book = self._books.get(instrument)
        if (
            book is None
            or book.state is not _SYNCED
            or book.crossed_ns
            or self.now_ns - book.recv_ns > MAX_AGE_NS  # the transit part of its age is the watchdog's business
        ):
            return None
        return book

    def account(self, instrument: str) -> str:
        return self._accounts[instrument.partition(":")[0]]

    def free(self, instrument: str, asset: str) -> Decimal:
        return self._limits.free(self.account(instrument), asset)

    def taker_fee(self, instrument: str) -> float:
        fee = self.fees.get(instrument)
        return fee if fee is not None else self.worst_fees[instrument.partition(":")[0]]

    def latency_ns(self, venue: str) -> int:
        return self._latency_of(venue)

    def movable(self, venue: str, asset: str, direction: str) -> bool | None:
        known = self.assets.get((venue, asset))
        return None if known is None else known[0 if direction == "deposit" else 1]

    def may_trade(self, venue: str) -> bool:
        return self._may_trade(venue)

    def room(self, instrument: str) -> Decimal:
        return self._limits.room(self.catalogue[instrument])
