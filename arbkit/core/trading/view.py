"""What strategies and executors see: trusted books, free balances, own fees, latencies. The desk owns it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from arbkit.core.market.book import Book
from arbkit.core.market.books import CROSSED_NS
from arbkit.core.market.identity import Identity
from arbkit.core.money.limits import Limits
from arbkit.core.types import BookState, Catalogue, Instrument, NewOrder, Side
from arbkit.core.venues.venue import Venue

__all__ = ["DeskView"]

_SYNCED = BookState.SYNCED
_ZERO = Decimal(0)
MAX_AGE_NS = 60_000_000_000
"""A book without an update for a minute is not traded on, whatever the symbol's usual rate."""

DOUBT_NS = CROSSED_NS
"""A level that should be gone stays in a book that cannot be checked until it has been crossed for so long."""


class DeskView:
    """The one view of a desk. ``now_ns`` is the time of the present turn; it reads, and owns nothing."""

    def __init__(
        self,
        catalogue: Catalogue,
        books: Mapping[str, Book],
        limits: Limits,
        venues: Mapping[str, Venue],
        identity: Identity,
    ) -> None:
        self.catalogue = catalogue
        self.now_ns = 0
        self._books = books
        self._limits = limits
        self._left = limits.leftovers.net
        self._venues = venues
        self._identity = identity
        self.alike = identity.alike
        """Pairs whose legs are known to be about the same assets: for each deal a look is enough."""

    def book(self, instrument: str) -> Book | None:
        book = self._books.get(instrument)
        if (
            book is None
            or book.state is not _SYNCED
            or book.crossed_ns
            or self.now_ns - book.recv_ns > MAX_AGE_NS  # the watchdog judges the transit part of its age
        ):
            return None
        return book

    def account(self, instrument: str) -> str:
        return self._venues[instrument.partition(":")[0]].account

    def free(self, instrument: str, asset: str) -> Decimal:
        return self._limits.free(self.account(instrument), asset)

    def taker_fee(self, instrument: str) -> float:
        return float(self._venues[instrument.partition(":")[0]].fee(instrument).taker)

    def fee_in_base(self, instrument: str) -> bool:
        return self._venues[instrument.partition(":")[0]].fee_in_base

    def latency_ns(self, venue: str) -> int:
        return self._venues[venue].latency_ns

    def doubt_ns(self, venue: str) -> int:
        return DOUBT_NS if self._venues[venue].exchange.capabilities.book_check == "none" else 0

    def movable(self, venue: str, asset: str, direction: str) -> bool | None:
        return self._venues[venue].movable(asset, direction)

    def unlike(self, one: Instrument, other: Instrument) -> str:
        return self._identity.unlike(one, other)

    def may_trade(self, venue: str) -> bool:
        return self._venues[venue].may_trade

    def wait_ns(self, order: NewOrder) -> int:
        return self._venues[order.account.partition(":")[0]].wait_ns(order, self.now_ns)

    def refused(self, instrument: str, side: Side) -> str:
        return self._venues[instrument.partition(":")[0]].refusals.why(instrument, side, self.now_ns)

    def left(self, asset: str) -> Decimal:
        return self._left.get(asset, _ZERO)

    def room(self, instrument: str) -> Decimal:
        rules = self.catalogue[instrument]
        return self._limits.room(rules) if rules.tradable else _ZERO
