"""Says when a fault is over. The desk's log tells what breaks; that something is right again shows only by looking.

It stands between the desk and the log, and ``app.status`` lets it look once a second.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from arbkit.core.desk import Desk
from arbkit.core.log import Log

__all__ = ["Healing"]


class Healing:
    """A ``Log`` that passes everything on, and adds ``book.synced``, ``venue.resumed`` and ``demo.known``."""

    def __init__(self, log: Log, now_ns: Callable[[], int]) -> None:
        self._log = log
        self._now_ns = now_ns
        self._books: dict[str, int] = {}
        """Lost books: since when."""
        self._waits: dict[str, int] = {}
        """Venues to which nothing is sent: until when."""
        self._unanswered: set[str] = set()
        """Venues of which the demo has lost an answer."""

    def __call__(self, event: str, /, **fields: Any) -> None:
        if event in ("book.lost", "book.stale"):
            self._books.setdefault(fields["instrument"], self._now_ns())
        elif event == "venue.throttled":
            until_ns = self._now_ns() + round(fields["ms"] * 1e6)
            self._waits[fields["venue"]] = max(self._waits.get(fields["venue"], 0), until_ns)
        elif event == "demo.planted" and fields["kind"] == "lose_ack":
            self._unanswered.add(fields["venue"])
        self._log(event, **fields)

    def look(self, desk: Desk, now_ns: int) -> None:
        """Tell what is over."""
        for name in [name for name in self._books if name not in desk.books or desk.books[name].trusted]:
            since_ns = self._books.pop(name)
            if name in desk.books:
                self._log("book.synced", instrument=name, s=(now_ns - since_ns) / 1e9)
        for venue in [venue for venue, until_ns in self._waits.items() if until_ns <= now_ns]:
            del self._waits[venue]
            self._log("venue.resumed", venue=venue)
        for name in [name for name in self._unanswered if not desk.venues[name].orders.open()]:
            self._unanswered.discard(name)
            self._log("demo.known", venue=name)
