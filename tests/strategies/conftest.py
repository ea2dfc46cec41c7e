"""Books made by hand and a view on them, as the desk would give it."""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path

import pytest

from arbkit.core.market.book import Book
from arbkit.core.market.books import Books
from arbkit.core.types import BookUpdate, Catalogue, Instrument, Level, NewOrder, Side
from arbkit.core.venues.refusals import Refusals

sys.path.append(str(Path(__file__).parent))  # for ``table``


def make_instrument(venue: str, symbol: str = "BTC-USDT", **rules: object) -> Instrument:
    base, quote = symbol.split("-")
    rest = {"kind", "status", "tradable", "settle", "fee_in_quote"}
    rules = {name: value if name in rest else Decimal(str(value)) for name, value in rules.items()}
    return Instrument(
        venue=venue,
        symbol=symbol,
        native=base + quote,
        base=base,
        quote=quote,
        **{"tick": Decimal("0.01"), "lot": Decimal("0.001"), **rules},
    )


def make_book(instrument: str, bids: list, asks: list, recv_ns: int = 0, market: Books | None = None) -> Book:
    return (market or Books()).apply(
        BookUpdate(
            instrument,
            [Level(*level) for level in bids],
            [Level(*level) for level in asks],
            snapshot=True,
            recv_ns=recv_ns,
        )
    )


class FakeView:
    """A view whose every answer a test can set."""

    def __init__(self, *instruments: Instrument) -> None:
        self.catalogue = Catalogue(instruments)
        self.market = Books()
        self.books = self.market.by_id
        self.balances: dict[tuple[str, str], Decimal] = {}
        self.fees: dict[str, float] = {}
        self.latency = 0
        self.moves: dict[tuple[str, str, str], bool | None] = {}
        self.down: set[str] = set()
        self.strangers: dict[str, str] = {}
        self.waits: dict[str, int] = {}
        self.doubts: dict[str, int] = {}
        self.rooms: dict[str, Decimal] = {}
        self.refusals = Refusals()
        self.now = 0
        self.lefts: dict[str, Decimal] = {}
        self.other_coin: set[str] = set()
        self.calls = 0
        self._seen = ("", 0)

    @property
    def version(self) -> int:
        """Rises when a test has changed what costs are made of."""
        told = repr((self.fees, self.moves, self.strangers, sorted(self.other_coin), list(self.catalogue)))
        if told != self._seen[0]:
            self._seen = (told, self._seen[1] + 1)
        return self._seen[1]

    def put(self, instrument: str, bids: list, asks: list, recv_ns: int = 0) -> Book:
        return make_book(instrument, bids, asks, recv_ns, self.market)

    def book(self, instrument: str) -> Book | None:
        book = self.books.get(instrument)
        return book if book is not None and book.trusted else None

    def account(self, instrument: str) -> str:
        return instrument.split(":")[0] + ":main"

    def free(self, instrument: str, asset: str) -> Decimal:
        return self.balances.get((instrument.split(":")[0], asset), Decimal(1_000_000))

    def taker_fee(self, instrument: str) -> float:
        return self.fees.get(instrument, 0.001)

    def fee_in_base(self, instrument: str) -> bool:
        return instrument not in self.other_coin

    def latency_ns(self, venue: str) -> int:
        return self.latency

    def doubt_ns(self, venue: str) -> int:
        return self.doubts.get(venue, 0)

    def movable(self, venue: str, asset: str, direction: str) -> bool | None:
        return self.moves.get((venue, asset, direction), True)

    def unlike(self, one: Instrument, other: Instrument) -> str:
        return self.strangers.get(one.base, "")

    def may_trade(self, venue: str) -> bool:
        return venue not in self.down

    def wait_ns(self, order: NewOrder) -> int:
        return self.waits.get(order.account.split(":")[0], 0)

    def refused(self, instrument: str, side: Side) -> str:
        return self.refusals.why(instrument, side, self.now)

    def left(self, asset: str) -> Decimal:
        return self.lefts.get(asset, Decimal(0))

    def room(self, instrument: str, legs: int = 1) -> Decimal:
        return self.rooms.get(instrument, Decimal(1_000_000))


class Made:
    instrument = staticmethod(make_instrument)
    book = staticmethod(make_book)
    view = FakeView


@pytest.fixture(scope="session")
def made() -> type[Made]:
    """Functions that make instruments, books and views."""
    return Made
