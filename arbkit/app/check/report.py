"""The report of a check: facts, and what does not match the claims of the package. It names no key, address or file of
the user, so that it can be sent to others as it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from arbkit.app.check.watcher import Seen, Watcher, quantile
from arbkit.core.desk import Desk
from arbkit.core.types import BookState, Role

__all__ = ["CheckedBook", "Comparison", "Other", "Report", "endpoints", "mismatches", "of_books"]

SLOW_MS = 250.0
_LEAST = 20
"""States of a fresh book that are enough to compare."""


Other: TypeAlias = Literal["", "REST snapshot", "fresh connection", "simulator"]


class Comparison(Struct, frozen=True, kw_only=True):
    """Of a book that was held, with another view of the same book."""

    to: Other = ""
    """"" = there was none."""
    compared: int = 0
    equal: int = 0


class CheckedBook(Struct, frozen=True, kw_only=True):
    """One book over the time of the check. Times are in ms."""

    instrument: str
    state: str
    why: str = ""
    """Why it is not SYNCED."""
    first_ms: float | None = None
    """From the beginning of the check to its first update."""
    updates: int = 0
    per_s: float = 0.0
    gap_p50_ms: float = 0.0
    gap_p99_ms: float = 0.0
    longest_gap_ms: float = 0.0
    transit_p50_ms: float | None = None
    """From the venue's time of an update to its receipt, corrected by the clocks' offset; None = updates have no time
    of the venue."""
    transit_p99_ms: float | None = None
    lost: int = 0
    """How often it was lost and asked for again."""
    depth: int = 0
    """Levels a side that the feed keeps up to date; 0 = all."""
    numbered: bool = False
    compared: Comparison = Comparison()


class Report(Struct, frozen=True, kw_only=True):
    """What ``arbkit adapters check NAME --json`` prints."""

    venue: str
    distribution: str
    version: str
    arbkit: str
    python: str
    at: str
    """UTC."""
    against: Literal["venue", "simulator"]
    environment: str
    seconds: float
    checked: str
    """When the package was last compared with the venue's documentation."""
    reached: bool
    endpoints: Sequence[str]
    """Each REST host and socket, and how it went."""
    instruments: int = 0
    tradable: int = 0
    answer_ms: float | None = None
    """The fastest answer of the REST host."""
    clock_ms: float | None = None
    """The venue's clock minus ours, and how well that is known."""
    clock_error_ms: float | None = None
    books: Sequence[CheckedBook] = ()
    events: Mapping[str, int] = {}
    """How often what happened: bad frames, drops, throttles, notices."""
    claims: Mapping[str, Any] = {}
    mismatches: Sequence[str] = ()
    """What does not match the claims."""


def endpoints(desk: Desk, trouble: str, host: str) -> list[str]:
    """How each connection went."""
    venue = next(iter(desk.venues.values()))
    told = [f"REST {host}: {'ok' if venue.catalogued else trouble or 'no answer'}"]
    sockets = [link for link in desk.links.values() if link.spec.role is not Role.REST]
    told += [f"{one.spec.link}: {'ok' if one.up and one.ready else one.reason or 'not subscribed'}" for one in sockets]
    return told


def of_books(
    desk: Desk, watcher: Watcher, began_ns: int, lost: Counter[str], compared: Mapping[str, Comparison]
) -> Iterator[CheckedBook]:
    """The books, with what was seen of them."""
    venue = next(iter(desk.venues.values()))
    offset_ns = venue.clock.offset_ns if venue.clock.known else 0
    for name, seen in watcher.seen.items():
        book = desk.books[name]
        late = [one + offset_ns for one in seen.late_ns]
        yield CheckedBook(
            instrument=name,
            state=book.state.name,
            why=book.reason if book.state is not BookState.SYNCED else "",
            first_ms=round((seen.first_ns - began_ns) / 1e6) if seen.first_ns else None,
            updates=seen.updates,
            per_s=_rate(seen),
            gap_p50_ms=quantile(seen.gaps_ns, 0.5),
            gap_p99_ms=quantile(seen.gaps_ns, 0.99),
            longest_gap_ms=quantile(seen.gaps_ns, 1.0),
            transit_p50_ms=quantile(late, 0.5) if late else None,
            transit_p99_ms=quantile(late, 0.99) if late else None,
            lost=lost[name],
            depth=book.depth,
            numbered=seen.numbered,
            compared=compared.get(name, Comparison()),
        )


def _rate(seen: Seen) -> float:
    took_ns = seen.last_ns - seen.first_ns
    return round((seen.updates - 1) * 1e9 / took_ns, 1) if took_ns else 0.0


def mismatches(report: Report, desk: Desk) -> Iterator[str]:
    """What is not as the package says."""
    venue = next(iter(desk.venues.values()))
    claims = venue.exchange.capabilities
    for name, counters in desk.counters.links.items():
        if counters.bad_frames:
            yield f"{name}: {counters.bad_frames} messages could not be read"
    for event, words in _BROKEN.items():
        if report.events.get(event):
            yield f"{words} ({report.events[event]} times)"
    most_ms = claims.order_window_ns / 4e6
    if report.clock_error_ms is not None and most_ms and report.clock_error_ms >= most_ms:
        yield f"the venue's clock is known to {report.clock_error_ms:.0f} ms only, orders need {most_ms:.0f} ms"
    quiet = {one: link.spec.quiet_ns / 1e6 for link in desk.links.values() for one in link.spec.instruments}
    for book in report.books:
        name = book.instrument
        if book.state == "STALE" and book.updates:
            pass  # at this moment: its transit and gaps are below
        elif book.state != "SYNCED":
            yield f"{name}: its book is {book.state}: {book.why}"
        elif not book.updates:
            yield f"{name}: its book had no update"
        if book.lost:
            yield f"{name}: its book was lost {book.lost} times"
        if quiet.get(name) and book.longest_gap_ms > quiet[name]:
            longest, most = book.longest_gap_ms / 1000, quiet[name] / 1000
            yield f"{name}: silent for {longest:.0f} s, the package expects less than {most:.0f} s"
        if claims.book_check == "sequence" and book.updates and not book.numbered:
            yield f"{name}: the package checks books by sequence numbers, and there were none"
        if book.transit_p50_ms is not None and book.transit_p50_ms > SLOW_MS:
            yield f"{name}: updates are {book.transit_p50_ms:.0f} ms on their way, so that its book is rarely fresh"
        if book.compared.compared >= _LEAST and not book.compared.equal:
            found = book.compared
            yield f"{name}: the book that was held equals no state of the {found.to} ({found.compared} compared)"


_BROKEN = {
    "link.quarantined": "the package failed",
    "link.drop": "a connection was dropped by us",
    "venue.throttled": "the venue throttled us, within the limits that the package states",
}
