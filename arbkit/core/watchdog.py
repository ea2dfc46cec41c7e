"""Four watchdogs: the socket, the subscription, the symbol, and how late frames come.

Hot path: ``watch = watchdog.add(spec, now)`` once a link, then ``watch.heard(now)`` per frame and
``excess = watch.updated(instrument, exch_ns, recv_ns)`` per book update. The rest runs on ``due_ns``/``tick``.
A book is fresh only if ``excess <= watchdog.budget_ns`` and ``now >= watchdog.drained_ns``; otherwise the desk calls
``book.lose(BookState.STALE, ...)`` after ``book.apply`` (a delta alone makes a STALE book SYNCED again).
When ``watch.behind`` turns True all books of the link are to be marked, not just the one updated.
"""

from __future__ import annotations

from msgspec import Struct

from arbkit.core.protocols import NEVER
from arbkit.core.types import LinkSpec

__all__ = ["BookStale", "LinkDead", "LinkWatch", "Transit", "Watchdog"]


class LinkDead(Struct, frozen=True, gc=False):
    """Drop this link and dial again."""

    link: str
    reason: str


class BookStale(Struct, frozen=True, gc=False):
    """This book has been silent for too long: ``book.lose(STALE, reason)``; its next update heals it."""

    instrument: str
    reason: str


class Transit:
    """How much later than usual frames of one link come."""

    def sample(self, exch_ns: int, recv_ns: int) -> int:
        """Excess of this frame over the smallest difference of the last minutes; 0 where the venue tells no time."""
        ...


class LinkWatch:
    """What is watched of one link. ``opened``/``ready``/``closed`` follow its life."""

    link: str
    behind: bool
    """The last update came later than the budget allows."""

    def opened(self, now_ns: int) -> None: ...
    def ready(self, now_ns: int) -> None:
        """``Ready`` came: subscribed. Without it the link is dead after ``ready_ns``."""
        ...

    def closed(self) -> None: ...
    def heard(self, now_ns: int) -> None:
        """Any bytes (also pings and pongs)."""
        ...

    def updated(self, instrument: str, exch_ns: int, recv_ns: int) -> int:
        """A book changed: returns the transit excess (into ``Book.transit_ns``) and sets ``behind``."""
        ...


class Watchdog:
    """All links. ``due_ns`` is ``NEVER`` when no link is open."""

    due_ns: int
    budget_ns: int
    drained_ns: int
    """Until then the loop works off a backlog: no book is fresh."""

    def __init__(self, *, budget_ns: int = 250_000_000, late_ns: int = 50_000_000) -> None:
        self.due_ns = NEVER

    def add(self, spec: LinkSpec) -> LinkWatch:
        """Watch this link (not open yet); the same object for the same link."""
        ...

    def remove(self, link: str) -> None: ...

    def late(self, lag_ns: int, now_ns: int) -> bool:
        """The loop ran late. True = over the bound: mark all books STALE, and treat none as fresh before
        ``drained_ns``."""
        ...

    def tick(self, now_ns: int) -> list[LinkDead | BookStale]:
        """Who has been silent for too long. Each is told once until it is heard again."""
        ...

    def usual_ns(self, instrument: str) -> int:
        """Age at which this symbol's book counts as stale (from its usual rate)."""
        ...
