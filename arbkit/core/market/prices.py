"""The price of one asset in another, from the books. Ledger, limits and gate mark their amounts with it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from math import inf

from arbkit.core.market.book import Book
from arbkit.core.types import Catalogue

__all__ = ["Prices"]


class Prices:
    """Uses the mid of the first trusted book of the pair; no cross rates."""

    __slots__ = ("_books", "_by_pair", "_catalogue", "_known", "_last")

    def __init__(self, books: Mapping[str, Book], catalogue: Catalogue) -> None:
        self._books = books
        self._catalogue = catalogue
        self._by_pair: dict[tuple[str, str], list[Book]] = {}
        self._known = -1
        self._last: dict[tuple[str, str], Decimal] = {}

    def __call__(self, held: str, asset: str) -> Decimal | None:
        """The price of one ``held`` in ``asset``; None when no trusted book has the pair."""
        if held == asset:
            return Decimal(1)
        if self._known != len(self._books):
            self._index()
        price = self._mid(held, asset)
        if price is not None:
            return price
        inverse = self._mid(asset, held)
        return 1 / inverse if inverse else None

    def last(self, held: str, asset: str) -> Decimal | None:
        """The present price, or the last one that was asked for here; None if there never was one."""
        price = self(held, asset)
        if price is None:
            return self._last.get((held, asset))
        self._last[held, asset] = price
        return price

    def _index(self) -> None:
        self._by_pair.clear()
        self._known = len(self._books)
        for book in self._books.values():
            instrument = self._catalogue[book.instrument]
            self._by_pair.setdefault((instrument.base, instrument.quote), []).append(book)

    def _mid(self, base: str, quote: str) -> Decimal | None:
        for book in self._by_pair.get((base, quote), ()):
            if book.trusted and book.bid_px and book.ask_px != inf:
                return (Decimal(repr(book.bid_px)) + Decimal(repr(book.ask_px))) / 2
        return None
