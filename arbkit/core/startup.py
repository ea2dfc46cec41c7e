"""From catalogues to links: once the venues have told their instruments, what the strategies want is linked."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from arbkit.core.errors import ConfigError
from arbkit.core.execution.dialer import Dialer
from arbkit.core.log import Log
from arbkit.core.market.book import Book
from arbkit.core.trading.engine import Engine, wanted
from arbkit.core.types import NEVER, Catalogue, Role
from arbkit.core.venues.link import Link
from arbkit.core.venues.venue import Venue

__all__ = ["BOOT_NS", "Boot"]

BOOT_NS = 15_000_000_000
"""Venues that have not told their instruments by then join later."""


class Boot:
    """The start of a desk, and of each venue that comes late."""

    def __init__(
        self,
        venues: Mapping[str, Venue],
        catalogue: Catalogue,
        books: dict[str, Book],
        lines: Dialer,
        trades: dict[str, Link],
        engine: Engine,
        log: Log,
        now_ns: int,
    ) -> None:
        self._venues = venues
        self._catalogue = catalogue
        self._books = books
        self._lines = lines
        self._trades = trades
        self._engine = engine
        self._log = log
        self.due_ns = now_ns + BOOT_NS
        self._asked = 0
        """How many venues were known when the strategies were last asked what they want."""

    def select(self, now_ns: int) -> None:
        """Once the venues have told their instruments: what the strategies want, and the links for it."""
        known = [venue for venue in self._venues.values() if venue.catalogued]
        if len(known) < len(self._venues) and now_ns < self.due_ns:
            return
        if now_ns >= self.due_ns:
            self.due_ns = NEVER
        if len(known) == self._asked:
            return
        self._asked = len(known)
        missing: dict[str, list[str]] = {}
        for instrument in self._wanted(everything=len(known) == len(self._venues)):
            if instrument not in self._books:
                missing.setdefault(instrument.partition(":")[0], []).append(instrument)
        for venue in known:
            new = missing.get(venue.exchange.venue, [])
            if new or (not venue.selected and len(known) == len(self._venues)):
                self._link_up(venue, new, now_ns)

    def _wanted(self, *, everything: bool) -> dict[str, None]:
        """What the strategies want of the instruments known by now. One that cannot say so yet is asked again when
        another venue comes; raises its ``ConfigError`` when all are known and it has never been able to."""
        asked: dict[str, None] = {}
        for slot in self._engine.slots:
            if slot.failed:
                continue
            try:
                asked |= dict.fromkeys(wanted(slot, self._catalogue))
                slot.placed = True
            except ConfigError as error:
                if everything and not slot.placed:
                    raise
                self._log("strategy.waits", strategy=slot.name, why=str(error))
            except Exception as error:  # a bug of that strategy; the others go on
                self._engine.fault(slot, error)
        slots = self._engine.slots
        if slots and all(slot.failed and not slot.placed for slot in slots):
            raise ConfigError(
                "; ".join(
                    f"strategy {slot.name}: instruments() must return instruments of the catalogue; "
                    f"it raised {slot.failed}"
                    for slot in slots
                )
            )
        return asked

    def _link_up(self, venue: Venue, instruments: list[str], now_ns: int) -> None:
        """Links for a venue's instruments; for those wanted later, public links of their own beside the first."""
        joined = sum(1 for link in self._lines.links.values() if link.spec.venue == venue.exchange.venue)
        first = not venue.selected
        venue.selected_instruments(instruments, now_ns)
        for instrument in instruments:
            self._books[instrument] = Book(instrument)
        account = "" if venue.setup.signer is None or venue.paper is not None or not first else venue.account
        for spec in venue.exchange.links([self._catalogue[i] for i in instruments], account):
            if spec.role is Role.REST:
                continue
            link = self._lines.add(spec if first else replace(spec, link=f"{spec.link}.{joined}"), now_ns)
            if spec.role is Role.TRADE:
                self._trades[spec.account] = link
