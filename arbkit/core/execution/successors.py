"""Planned ends of public connections: the next one is made before the last one ends, so that no book is missing.

A venue announces the end of a connection (``Notice.going_away``), or is known to cut it after a time
(``LinkSpec.life_ns``). Then a second connection, the heir, subscribes the same instruments with a session of its own
and fills books of its own. When each book that can be trusted now has its like there, all are taken over in one step: a
new epoch, as after a snapshot. The old connection is closed after that. Two sessions never change one book.

An heir that cannot be made, or has not all books in time, is given up, and tried again: the old connection goes on. If
the old one ends first, the heir takes its place with what it has. Private and trade sockets carry no books: they are
dialled anew when nothing is in flight (the desk decides when).
"""

from __future__ import annotations

from msgspec.structs import replace

from arbkit.core.execution.dialer import GOING_AWAY, Dialer
from arbkit.core.log import Log
from arbkit.core.market.books import Books
from arbkit.core.market.watchdog import Watchdog
from arbkit.core.types import NEVER, BookState
from arbkit.core.venues.link import Link, Phase

__all__ = ["Successors"]

LOOK_NS = 50_000_000
"""While there is an heir, its books are looked at so often."""
PATIENCE_NS = 30_000_000_000
"""An heir that has not all books after this is given up. Short enough that no watch calls its symbols silent."""
AGAIN_NS = 10_000_000_000
"""A new heir is made so long after one was given up."""


class _Heir:
    __slots__ = ("began_ns", "books", "link", "old")

    def __init__(self, old: Link, link: Link, books: Books, now_ns: int) -> None:
        self.old = old
        self.link = link
        self.books = books
        """What the heir's session fills; the desk's readers do not see it."""
        self.began_ns = now_ns


class Successors:
    """The heirs of the links of a desk. ``due_ns``: when ``tick`` wants to be called."""

    def __init__(self, dialer: Dialer, market: Books, watchdog: Watchdog, log: Log) -> None:
        self.due_ns = NEVER
        self._dialer = dialer
        self._market = market
        self._watchdog = watchdog
        self._log = log
        self._heirs: dict[str, _Heir] = {}
        """By the link that ends."""
        self._leaving: set[str] = set()
        """Links that are not needed any more and whose end is not told yet."""

    def begin(self, link: Link, why: str, now_ns: int) -> None:
        """Make an heir of a public link, if it has none."""
        name = link.spec.link
        heir = name.removesuffix("~") if name.endswith("~") else f"{name}~"
        link.leave_ns = NEVER
        if name in self._heirs or heir in self._dialer.links:
            return
        books = Books(self._watchdog)
        for instrument in link.spec.instruments:
            books.create(instrument)
        made = self._dialer.add(replace(link.spec, link=heir), now_ns, books=books)
        self._heirs[name] = _Heir(link, made, books, now_ns)
        self._log("link.succeeded_by", link=name, heir=heir, why=why)
        self.due_ns = now_ns + LOOK_NS

    def tick(self, now_ns: int) -> None:
        """Take over what is complete, give up what is not in time."""
        for heir in list(self._heirs.values()):
            if self._whole(heir):
                self._take(heir, now_ns)
                self._leave(heir.old)
            elif now_ns - heir.began_ns >= PATIENCE_NS or heir.link.phase in (Phase.CLOSED, Phase.QUARANTINED):
                self._give_up(heir, now_ns)
        self.due_ns = now_ns + LOOK_NS if self._heirs else NEVER

    def closed(self, link: Link, now_ns: int) -> bool:
        """A connection has ended. True if there is nothing more to do: it was replaced, or was an heir, or its heir
        takes over now."""
        name = link.spec.link
        if name in self._leaving:
            self._leaving.discard(name)
            self._dialer.remove(link)
            return True
        heir = self._heirs.get(name)
        if heir is None:
            mine = next((one for one in self._heirs.values() if one.link is link), None)
            if mine is None:
                return False
            del self._heirs[mine.old.spec.link]
            self._dialer.remove(link)
            self._retry(mine.old, now_ns)
            return True
        self._take(heir, now_ns)
        self._dialer.remove(link)
        return True

    def _whole(self, heir: _Heir) -> bool:
        """Whether it has each book that can be trusted now."""
        mine, theirs = heir.books.by_id, self._market.by_id
        return (
            heir.link.phase is Phase.UP
            and all(mine[one].trusted or not theirs[one].trusted for one in heir.link.spec.instruments)
            and any(book.state is BookState.SYNCED for book in mine.values())
        )

    def _take(self, heir: _Heir, now_ns: int) -> None:
        for book in heir.books.by_id.values():
            if book.state is BookState.SYNCED:
                self._market.take(book)
            else:
                self._market.lose(book.instrument, f"{heir.old.spec.link} is down")
        heir.link.books = self._market
        del self._heirs[heir.old.spec.link]
        self._log("link.taken_over", link=heir.old.spec.link, heir=heir.link.spec.link)

    def _leave(self, link: Link) -> None:
        self._leaving.add(link.spec.link)
        self._dialer.retire(link, Phase.CLOSED, GOING_AWAY)

    def _give_up(self, heir: _Heir, now_ns: int) -> None:
        del self._heirs[heir.old.spec.link]
        self._log("link.heir_failed", link=heir.old.spec.link, heir=heir.link.spec.link, why=heir.link.reason)
        if heir.link.phase in (Phase.WAITING, Phase.ASKING, Phase.CLOSED, Phase.QUARANTINED):
            heir.link.phase = Phase.CLOSED  # the answer to a token that it asked for comes to nothing
            self._dialer.remove(heir.link)
        else:
            self._leave(heir.link)
        self._retry(heir.old, now_ns)

    def _retry(self, old: Link, now_ns: int) -> None:
        if old.phase is Phase.UP:
            old.leave_ns = now_ns + AGAIN_NS
            self._dialer.settle(old, now_ns)
