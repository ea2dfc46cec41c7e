"""What venues report, each passed to its owner: books, orders, money, what is known of a venue.

A link speaks for its own venue only. The desk calls this.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import replace

from arbkit.core.counters import Counters
from arbkit.core.execution.requests import Requests
from arbkit.core.execution.tracker import Tracker
from arbkit.core.log import Log
from arbkit.core.market.book import Book
from arbkit.core.market.identity import Identity
from arbkit.core.market.watchdog import Watchdog
from arbkit.core.money.ledger import Ledger
from arbkit.core.trading.engine import Engine
from arbkit.core.trading.view import DeskView
from arbkit.core.types import (
    AccountStatus,
    AssetStatus,
    Balance,
    BookLost,
    Catalogue,
    ClockSample,
    FeeUpdate,
    InstrumentUpdate,
    Listing,
    OrderUpdate,
    OrdStatus,
    RateReport,
    RejectReason,
)
from arbkit.core.venues import health
from arbkit.core.venues.link import Link
from arbkit.core.venues.venue import Venue

__all__ = ["Reported", "contained_ns"]

SECOND = 1_000_000_000
_RULES = frozenset({RejectReason.BAD_PRICE, RejectReason.BAD_QTY, RejectReason.MIN_NOTIONAL, RejectReason.INSTRUMENT})
"""Refusals that an up-to-date catalogue would have prevented."""
READ_NS = 15 * SECOND
"""A balance may be read so long before its answer is here."""
_MISHAPS = frozenset({RejectReason.OTHER, RejectReason.CLOCK, RejectReason.THROTTLED, *_RULES})
"""Refusals that say something about the venue, or about what we believe of it."""


class Reported:
    """``takers``: by type of event; called as ``taker(link, event, now_ns)``."""

    def __init__(
        self,
        venues: Mapping[str, Venue],
        catalogue: Catalogue,
        books: Mapping[str, Book],
        ledger: Ledger,
        view: DeskView,
        identity: Identity,
        watchdog: Watchdog,
        requests: Requests,
        tracker: Tracker,
        engine: Engine,
        counters: Counters,
        log: Log,
        strike: Callable[[str], str],
    ) -> None:
        self._venues = venues
        self._catalogue = catalogue
        self._books = books
        self._ledger = ledger
        self._view = view
        self._identity = identity
        self._watchdog = watchdog
        self._requests = requests
        self._tracker = tracker
        self._engine = engine
        self._counters = counters
        self._log = log
        self._strike = strike
        self.takers: dict[type, Callable[[Link, Any, int], None]] = {
            BookLost: self.book_lost,
            OrderUpdate: self.order_update,
            Balance: self.balance,
            FeeUpdate: self.fee,
            InstrumentUpdate: self.instrument,
            AssetStatus: self.asset,
            AccountStatus: self.account,
            ClockSample: self.clock,
            RateReport: self.rate,
        }

    def book_lost(self, link: Link, lost: BookLost, now_ns: int) -> None:
        link.counted.gaps += 1
        self._venues[link.spec.venue].health.mishap("lost books", health.BOOK_LOST, now_ns)
        self._log("book.lost", instrument=lost.instrument, why=lost.reason)
        link.books.lose(lost.instrument, lost.reason)

    def _struck(self, update: OrderUpdate) -> OrderUpdate:
        return replace(update, text=self._strike(update.text)) if update.text else update

    def order_update(self, link: Link, update: OrderUpdate, now_ns: int) -> None:
        update = self._struck(update)
        if update.reason is RejectReason.AUTH and update.ord_status is OrdStatus.REJECTED:
            self._venues[link.spec.venue].readiness.stop(f"the venue refuses the key: {update.text}")
            self._counters.alarms["credentials"] += 1
        if update.reason in _MISHAPS and update.ord_status in (OrdStatus.REJECTED, OrdStatus.UNKNOWN):
            throttled = update.reason is RejectReason.THROTTLED
            name, points = ("throttled orders", health.THROTTLED) if throttled else ("refused orders", health.REFUSED)
            self._venues[link.spec.venue].health.mishap(name, points, now_ns)
        if update.reason in _RULES and update.ord_status is OrdStatus.REJECTED and not update.about_cancel:
            self._venues[link.spec.venue].rules_doubted(now_ns)
        elif update.reason is RejectReason.CLOCK:
            self._venues[link.spec.venue].clock_doubted(now_ns)
        self._known(update, now_ns)

    def _known(self, update: OrderUpdate, now_ns: int) -> None:
        known = self._tracker.report(update, now_ns)
        if known is not None:
            self._engine.changed(known, now_ns)

    def listing(self, link: Link, listing: Listing, sent_ns: int, now_ns: int) -> None:
        """One row after the other: a deal must not see that an order is complete before it has counted the fills."""
        for update in listing.updates:
            self._known(self._struck(update), now_ns)
        self._tracker.listed(self._venues[link.spec.venue], listing, sent_ns, now_ns)

    def balance(self, link: Link, report: Balance, now_ns: int) -> None:
        venue = self._venues[link.spec.venue]
        self._ledger.balance(report, contained_ns(venue, report.exch_ns, now_ns))

    def fee(self, link: Link, fee: FeeUpdate, now_ns: int) -> None:
        fees = self._venues[link.spec.venue].fees
        if fees.get(fee.instrument) != fee:
            fees[fee.instrument] = fee
            self._view.version += 1

    def instrument(self, link: Link, update: InstrumentUpdate, now_ns: int) -> None:
        new = update.instrument
        old = self._catalogue.get(new.id)
        if new == old:
            return
        self._catalogue.add(new)
        self._view.version += 1
        if old is not None and old.rules != new.rules:
            self._venues[new.venue].refusals.changed(new.id)
        if old is not None and old.tradable is not new.tradable and new.id in self._books:
            self._log("instrument.changed", instrument=new.id, tradable=new.tradable, status=new.status)

    def asset(self, link: Link, status: AssetStatus, now_ns: int) -> None:
        assets = self._venues[link.spec.venue].assets
        if assets.get(status.asset) == status:
            return
        assets[status.asset] = status
        self._identity.told(link.spec.venue, status.asset, status.contracts)
        self._view.version += 1

    def account(self, link: Link, status: AccountStatus, now_ns: int) -> None:
        venue = self._venues[link.spec.venue]
        if status.account != venue.account:
            return
        status = replace(
            status, problem=self._strike(status.problem), warnings=[self._strike(text) for text in status.warnings]
        )
        before, warnings = venue.readiness.problem, venue.account_said(status)
        if venue.readiness.problem not in ("", before):
            self._log("venue.account", venue=link.spec.venue, problem=venue.readiness.problem)
        for warning in warnings:
            self._log("venue.account", venue=link.spec.venue, warning=warning)

    def clock(self, link: Link, sample: ClockSample, now_ns: int) -> None:
        name, venue = link.spec.venue, self._venues[link.spec.venue]
        first = not venue.clock.known
        wrong_ns = venue.clock_sample(sample, now_ns)
        if first:
            self._ledger.began(venue.account, venue.began_ns)
        if wrong_ns is not None:
            self._log("clock.wrong", venue=name, offset_ms=wrong_ns / 1e6)
        self._watchdog.clock(name, venue.clock.offset_ns)

    def rate(self, link: Link, report: RateReport, now_ns: int) -> None:
        venue = link.spec.venue
        self._venues[venue].throttle.report(report, now_ns)
        self._requests.freed(venue, now_ns)
        if report.until_ns > now_ns:
            ms = (report.until_ns - now_ns) / 1e6
            self._log("venue.throttled", venue=venue, bucket=report.bucket, ms=ms)


def contained_ns(venue: Venue, exch_ns: int, now_ns: int) -> int:
    """A balance with this venue time, that came now, has all movements before the returned one; 0 = unknown."""
    if exch_ns:
        return exch_ns - SECOND  # fills and balances are not stamped at one moment
    if not venue.clock.known:
        return 0
    return venue.clock.venue_ns(now_ns) - venue.clock.error_ns - READ_NS - venue.exchange.capabilities.lookup_lag_ns
