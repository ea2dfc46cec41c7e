"""The price of any asset in any other, over the books that a strategy may use, through other assets where it must.

For strategies. Ledger, limits and gate use ``prices``: money is never marked through a third asset.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf

from msgspec import Struct

from arbkit.core.market.book import Book
from arbkit.core.types import Catalogue

__all__ = ["MOST_HOPS", "Rate", "Rates"]

MOST_HOPS = 3
"""So many books a price may go through."""


class Rate(Struct, frozen=True, kw_only=True):
    """A price at the mids, now."""

    px: float
    """Of one ``asset``, in the other."""
    path: tuple[str, ...]
    """The instruments whose books were used, in their order; () = the assets are the same."""
    age_ns: int
    """Of the oldest of these books."""


class Rates:
    """``trusted``: the book of an instrument if it may be used, else None."""

    __slots__ = ("_books", "_catalogue", "_hops", "_known", "_paths", "_trusted")

    def __init__(self, books: Mapping[str, Book], catalogue: Catalogue, trusted: Callable[[str], Book | None]) -> None:
        self._books = books
        self._catalogue = catalogue
        self._trusted = trusted
        self._known = -1
        self._hops: dict[str, list[tuple[str, str]]] = {}
        """By asset: (what it trades against, instrument)."""
        self._paths: dict[tuple[str, str], tuple[str, ...]] = {}
        """The last path of each pair: it is used again while its books can be."""

    def __call__(self, asset: str, other: str, now_ns: int) -> Rate | None:
        """The price of ``asset`` in ``other``, through as few books as possible; None = no trusted books lead there."""
        if asset == other:
            return Rate(px=1.0, path=(), age_ns=0)
        if self._known != len(self._books):
            self._index()
        path = self._paths.get((asset, other))
        found = None if path is None else self._along(path, asset, now_ns)
        if found is None:
            path = self._search(asset, other)
            found = None if path is None else self._along(path, asset, now_ns)
            if found is not None:
                self._paths[asset, other] = found.path
        return found

    def _index(self) -> None:
        self._hops.clear()
        self._paths.clear()
        self._known = len(self._books)
        for name in self._books:
            instrument = self._catalogue[name]
            if instrument.kind == "spot":
                self._hops.setdefault(instrument.base, []).append((instrument.quote, name))
                self._hops.setdefault(instrument.quote, []).append((instrument.base, name))

    def _search(self, asset: str, other: str) -> tuple[str, ...] | None:
        """The shortest path, the books in the order in which they were made."""
        paths: dict[str, tuple[str, ...]] = {asset: ()}
        edge = [asset]
        for _ in range(MOST_HOPS):
            further = []
            for here in edge:
                for there, name in self._hops.get(here, ()):
                    if there not in paths and self._mid(name):
                        paths[there] = (*paths[here], name)
                        if there == other:
                            return paths[there]
                        further.append(there)
            edge = further
        return None

    def _along(self, path: tuple[str, ...], asset: str, now_ns: int) -> Rate | None:
        px, age_ns = 1.0, 0
        for name in path:
            mid, book = self._mid(name), self._trusted(name)
            if not mid or book is None:
                return None
            instrument = self._catalogue[name]
            if instrument.base == asset:
                px, asset = px * mid, instrument.quote
            else:
                px, asset = px / mid, instrument.base
            age_ns = max(age_ns, book.age_ns(now_ns))
        return Rate(px=px, path=path, age_ns=age_ns)

    def _mid(self, name: str) -> float:
        """0 = it has none that may be used."""
        book = self._trusted(name)
        return (book.bid_px + book.ask_px) / 2 if book is not None and book.bid_px and book.ask_px < inf else 0.0
