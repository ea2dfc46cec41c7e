"""The start of a desk and of each venue that comes late: from catalogues to links.

``Startup.select`` asks the strategies what they want once the venues have told their instruments, and makes the books
and links for it. ``make_venue`` makes the one ``Venue`` of each venue. The desk calls both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from inspect import signature

from msgspec.structs import replace

from arbkit.core.errors import ConfigError
from arbkit.core.execution.dialer import Dialer
from arbkit.core.log import Log
from arbkit.core.market.books import Books
from arbkit.core.trading.callbacks import Callbacks
from arbkit.core.trading.engine import Engine
from arbkit.core.trading.interrupted import InterruptedDeals, gone
from arbkit.core.trading.running import RunningStrategy, read, wanted
from arbkit.core.types import NEVER, Catalogue, Role, rest_link
from arbkit.core.venues.guard import made, session_of, specs_of
from arbkit.core.venues.venue import Venue, VenueSetup

__all__ = ["START_NS", "Startup", "make_venue"]

START_NS = 15_000_000_000
"""Venues that have not told their instruments by then join later."""
JOIN_NS = 2_000_000_000
"""Once two venues have told theirs, they wait no longer than this for the others."""


def make_venue(setup: VenueSetup, catalogue: Catalogue, dialer: Dialer, moved: set[str], now_ns: int) -> Venue:
    """A venue and its REST link: enough to read its clock and its catalogue. Raises the ``ArbkitError`` of an adapter
    that refuses its settings; another exception costs this venue only."""
    spec = rest_link(setup.exchange.venue, "" if setup.signer is None else setup.account)
    rest = dialer.add(spec, now_ns)
    try:
        rest.session = made(session_of, setup.exchange, spec, catalogue, setup.signer)
        dialer.settle(rest, now_ns)
    except RuntimeError as error:
        dialer.guard.fault(rest, error)
    return Venue(setup, catalogue, rest, dialer.guard, moved, now_ns)


class Startup:
    """``due_ns``: when to go on without the venues that are still missing; ``NEVER`` once it did."""

    def __init__(
        self,
        venues: Mapping[str, Venue],
        catalogue: Catalogue,
        books: Books,
        dialer: Dialer,
        engine: Engine,
        callbacks: Callbacks,
        interrupted: InterruptedDeals,
        owes: bool,
        log: Log,
        now_ns: int,
    ) -> None:
        """``owes``: earlier runs left orders without proof, or open deals."""
        self._venues = venues
        self._catalogue = catalogue
        self._books = books
        self._dialer = dialer
        self._engine = engine
        self._callbacks = callbacks
        self._interrupted = interrupted
        self._owes = owes
        self._log = log
        self.due_ns = now_ns + START_NS
        self._trades: dict[str, None] = {}
        """The instruments whose trades are subscribed."""
        self._priced: set[str] = set()
        """Assets whose price in the reporting asset is asked for."""
        self._asked = 0
        """How many venues were known when the strategies were last asked what they want."""

    def select(self, now_ns: int) -> None:
        """Once the venues have told their instruments: what the strategies want, and the links for it."""
        known = [venue for venue in self._venues.values() if venue.catalogued]
        if len(known) < len(self._venues) and self.due_ns < NEVER and now_ns < self.due_ns:
            if len(known) > 1:
                self.due_ns = min(self.due_ns, now_ns + JOIN_NS)
            return
        self.due_ns = NEVER
        if len(known) == self._asked:
            return
        self._asked = len(known)
        books, trades = self._wanted(now_ns, everything=len(known) == len(self._venues))
        missing = _by_venue(one for one in books if one not in self._books.by_id)
        unread = _by_venue(one for one in trades if one not in self._trades)
        for venue in known:
            new, prints = (found.get(venue.exchange.venue, []) for found in (missing, unread))
            if new or prints or (not venue.selected and len(known) == len(self._venues)):
                self._link_up(venue, new, prints, now_ns)

    def price(self, assets: Iterable[str], asset: str, now_ns: int) -> None:
        """Keep a book of each of ``assets`` in ``asset`` from now on, on the first venue that has one: no book that a
        strategy wants has its price. On a venue without links yet it waits."""
        for held in assets:
            if held in self._priced or held == asset:
                continue
            for venue in self._venues.values():
                name = f"{venue.exchange.venue}:{held}-{asset}"
                listed = self._catalogue.get(name)
                if listed is None or not listed.tradable or not venue.selected:
                    continue
                self._priced.add(held)
                if name not in self._books.by_id:
                    self._log("price.wanted", asset=held, instrument=name)
                    self._link_up(venue, [name], [], now_ns)
                break

    def _wanted(self, now_ns: int, *, everything: bool) -> tuple[dict[str, None], dict[str, None]]:
        """The books and the trades that the strategies want of the instruments known by now. One that cannot say so yet
        is asked again when another venue comes. When all are known and it has never been able to, its ``ConfigError``
        is raised; where earlier runs left something open, it only trades nothing: that must be proved and worked
        off."""
        left = self._interrupted.instruments  # what an earlier run left open is worked off: it needs its books
        asked = dict.fromkeys(name for name in left if name in self._catalogue)
        trades: dict[str, None] = {}
        for running in self._engine.strategies:
            if running.failed:
                continue
            try:
                self._catalogue.missed.clear()
                books, prints = wanted(running, self._catalogue), self._read(running)
                if everything and not running.placed:
                    self._tell_missed(running, nothing=not books and not prints)
                asked |= dict.fromkeys(books)
                trades |= dict.fromkeys(prints)
                if not running.placed:
                    running.placed = True
                    self._callbacks.started(running, now_ns)
            except ConfigError as error:
                if everything and not running.placed:
                    if not self._owes:
                        raise
                    self._callbacks.out(running, error)
                    continue
                self._log("strategy.waits", strategy=running.name, why=str(error))
            except LookupError as error:
                if everything:
                    self._engine.fault(running, error)
                else:  # it may name an instrument of a venue that is not here yet
                    self._log("strategy.waits", strategy=running.name, why=f"{type(error).__name__}: {error}")
            except Exception as error:  # a bug of that strategy; the others go on
                self._engine.fault(running, error)
        strategies = self._engine.strategies
        if not self._owes and strategies and all(running.failed and not running.placed for running in strategies):
            raise ConfigError(
                "; ".join(
                    f"strategy {running.name}: instruments() must return instruments of the catalogue; "
                    f"it raised {running.failed}"
                    for running in strategies
                )
            )
        for name in left if everything else ():
            if name not in self._catalogue:
                self._catalogue.add(gone(name))
        return asked, trades

    def _tell_missed(self, running: RunningStrategy, *, nothing: bool) -> None:
        """Symbols that the strategy asked for and cannot use. Raises ``ConfigError`` if it named nothing."""
        missed = []
        for symbol, reason in sorted(self._catalogue.missed.items()):
            near = self._catalogue.like(symbol)
            missed.append(reason or f"no venue lists {symbol}" + (f", did you mean {near[0]}?" if near else ""))
        if nothing:
            why = "; ".join(missed) or 'return instruments of the catalogue, as catalogue.symbol("BTC-USDT")'
            raise ConfigError(f"strategy {running.name}: instruments() names no instrument: {why}")
        for text in missed:
            self._log("strategy.missed", strategy=running.name, why=text)

    def _read(self, running: RunningStrategy) -> Sequence[str]:
        """The trades that a strategy reads. Raises ``ConfigError`` where a venue's adapter offers none."""
        ids = read(running, self._catalogue)
        for name in _by_venue(ids):
            if "trades" not in signature(self._venues[name].exchange.links).parameters:
                raise ConfigError(f"strategy {running.name}: trades() names {name}, whose adapter offers no trades")
        if ids:
            self._callbacks.reads(running, ids)
        return ids

    def _link_up(self, venue: Venue, instruments: list[str], trades: list[str], now_ns: int) -> None:
        """Links for a venue's instruments; for those wanted later, public links of their own beside the first."""
        joined = sum(1 for link in self._dialer.links.values() if link.spec.venue == venue.exchange.venue)
        first = not venue.selected
        for instrument in instruments:
            self._books.create(instrument)
        account = "" if venue.setup.signer is None or venue.paper is not None or not first else venue.account
        asked = [self._catalogue[one] for one in instruments]
        self._trades |= dict.fromkeys(trades)
        links = venue.exchange.links
        if trades:
            links = partial(links, trades=[self._catalogue[one] for one in trades])
        specs = self._dialer.guard.run(venue.rest, made, specs_of, links, asked, account)
        if specs is None:
            return
        venue.linked(instruments, specs, now_ns)
        for spec in specs:
            if spec.role is Role.REST:
                continue  # it is there since the start: ``make_venue``
            link = self._dialer.add(spec if first else replace(spec, link=f"{spec.link}.{joined}"), now_ns)
            venue.joined(link)


def _by_venue(instruments: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for instrument in instruments:
        found.setdefault(instrument.partition(":")[0], []).append(instrument)
    return found
