"""What strategies and executors see: trusted books, free balances, own fees, latencies. The desk owns it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from arbkit.core.market.bases import Bases, PairBasis
from arbkit.core.market.book import Book
from arbkit.core.market.books import CROSSED_NS
from arbkit.core.market.identity import Identity
from arbkit.core.market.rates import Rate, Rates
from arbkit.core.money.gate import Gate
from arbkit.core.money.limits import Limits, LimitsLeft
from arbkit.core.orders.deals import Deal
from arbkit.core.orders.reports import DealReport, report_of
from arbkit.core.trading.running import RunningStrategy
from arbkit.core.types import BookState, Catalogue, Instrument, Mode, NewOrder, Side
from arbkit.core.venues.venue import Venue

__all__ = ["DeskView"]

_SYNCED = BookState.SYNCED
_ZERO = Decimal(0)
MAX_AGE_NS = 60_000_000_000
"""A book without an update for a minute is not traded on, whatever the symbol's usual rate."""

DOUBT_NS = CROSSED_NS
"""A level that should be gone stays in a book that cannot be checked until it has been crossed for so long."""


class DeskView:
    """The one view of a desk; it reads, and owns nothing. The desk sets ``now_ns``, the time of the present turn, and
    raises ``version`` when something changes that is computed with."""

    def __init__(
        self,
        catalogue: Catalogue,
        books: Mapping[str, Book],
        bases: Bases,
        limits: Limits,
        gate: Gate,
        venues: Mapping[str, Venue],
        identity: Identity,
        strategies: Sequence[RunningStrategy],
        deals: Mapping[int, Deal],
    ) -> None:
        self.catalogue = catalogue
        self.now_ns = 0
        self.version = 0
        self._books = books
        self._bases = bases
        self._rates = Rates(books, catalogue, self.book)
        self._limits = limits
        self._left = limits.leftovers.net
        self._gate = gate
        self._venues = venues
        self._identity = identity
        self._strategies = strategies
        self._deals = deals
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

    def maker_fee(self, instrument: str) -> float:
        return float(self._venues[instrument.partition(":")[0]].fee(instrument).maker)

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

    def room(self, instrument: str, legs: int = 1) -> Decimal:
        rules = self.catalogue[instrument]
        return self._limits.room(rules, legs) if rules.tradable else _ZERO

    def limits(self) -> LimitsLeft:
        return self._limits.left(self.now_ns)

    def price(self, asset: str, other: str) -> Rate | None:
        return self._rates(asset, other, self.now_ns)

    def basis(self, one: str, other: str, window_s: int = 300) -> PairBasis | None:
        return self._bases(one, other, window_s)

    def held(self, instrument: str, asset: str) -> Decimal:
        return self._limits.ledger.total(self.account(instrument), asset)

    def position(self, instrument: str) -> Decimal:
        return self._limits.ledger.position(self.account(instrument), instrument)

    def deals(self, strategy: object) -> Sequence[DealReport]:
        name = next((one.name for one in self._strategies if one.strategy is strategy), None)
        return [report_of(deal) for deal in self._deals.values() if deal.strategy == name]

    def why_not(self, instrument: str) -> str:
        venue = instrument.partition(":")[0]
        rules, book = self.catalogue.get(instrument), self._books.get(instrument)
        if rules is None or venue not in self._venues:
            return f"no venue of this run lists {instrument}"
        if not rules.tradable:
            return f"{rules.symbol} is halted at {venue}" + (f": {rules.status}" if rules.status else "")
        if not self._venues[venue].may_trade:
            return f"{venue} is not ready: {', '.join(self._venues[venue].readiness.missing())}"
        if (mode := self._gate.mode(venue)) is not Mode.ACTIVE:
            return f"mode {mode.value}: {self._gate.why() or self._gate.why(venue)}"
        if book is None:
            return f"no book of {instrument} is kept: name it in instruments()"
        if self.book(instrument) is None:
            return f"its book is not trusted: {book.reason or 'crossed' * bool(book.crossed_ns) or 'too old'}"
        return ""
