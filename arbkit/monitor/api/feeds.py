"""Makes the rows of what is subscribed, and of nothing else: once for all clients that ask for the same.

The trading loop comes first. One task makes all rows, a slice of half a millisecond at a time, and rests nine times as
long after each slice: it takes a tenth of the loop at most, however much is subscribed. If that does not suffice,
topics come less often.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from msgspec.structs import replace

from arbkit.core.errors import ArbkitError
from arbkit.monitor.api.facts import RunFacts
from arbkit.monitor.api.samples import Samples
from arbkit.monitor.api.shapes import Subscribe
from arbkit.monitor.api.table import Table
from arbkit.monitor.api.topics import SOURCES

__all__ = ["Feeds", "Reader", "RowFeed", "Unmade"]

SLICE_NS = 500_000
REST = 9
"""So many times as long as it worked."""
_MS = 1_000_000
_FRESH_NS = 100_000_000
"""The rows that a GET is given are no older."""

_AGAIN_NS = 1_000_000_000

Reader = Callable[[], None]
"""Called when the table has changed."""


class Unmade(ArbkitError):
    """A bug: the rows of a topic cannot be made."""


class RowFeed:
    """One subscription of one client or more. Symbols and depth are those of ``ask``."""

    def __init__(self, ask: Subscribe) -> None:
        self.ask = ask
        self.table = Table(ask.topic)
        self.readers: dict[Reader, int] = {}
        """With the interval in ns that each asks for."""
        self.every_ns = 0
        self.due_ns = 0
        self.once: list[asyncio.Future[None]] = []
        """Who waits for one pass."""

    def settle(self) -> None:
        """Readers have come or gone."""
        self.every_ns = max(min(self.readers.values(), default=0), SOURCES[self.ask.topic][1] * _MS)


class Feeds:
    """See the module. ``run`` is the task."""

    def __init__(self, facts: RunFacts, samples: Samples) -> None:
        self._facts = facts
        self._samples = samples
        self._feeds: dict[Subscribe, RowFeed] = {}
        self._wanted = asyncio.Event()
        self._told_ns = 0

    def __len__(self) -> int:
        return len(self._feeds)

    def join(self, ask: Subscribe, reader: Reader) -> RowFeed:
        """``reader`` wants to know when rows of this subscription change."""
        feed = self._feed(ask)
        feed.readers[reader] = ask.every_ms * _MS
        feed.settle()
        feed.due_ns = min(feed.due_ns, feed.table.made_ns + feed.every_ns)
        return feed

    def leave(self, feed: RowFeed, reader: Reader) -> None:
        feed.readers.pop(reader, None)
        feed.settle()
        self._tidy(feed)

    async def rows(self, ask: Subscribe) -> bytes:
        """The rows of now, as a ``Snapshot``."""
        feed = self._feed(ask)
        if not feed.table.version or self._facts.now_ns() - feed.table.made_ns > _FRESH_NS:
            done = asyncio.get_running_loop().create_future()
            feed.once.append(done)
            feed.due_ns = 0
            try:
                await done
            finally:
                if done in feed.once:
                    feed.once.remove(done)
                self._tidy(feed)
        return feed.table.message(0)

    def hurry(self) -> None:
        """A person has acted, and wants to see it."""
        for feed in self._feeds.values():
            feed.due_ns = feed.table.made_ns = 0
        self._wanted.set()

    def _feed(self, ask: Subscribe) -> RowFeed:
        """The feed of all who ask for the same."""
        key = replace(ask, symbols=tuple(sorted(set(ask.symbols))), every_ms=0)
        feed = self._feeds.get(key)
        if feed is None:
            feed = self._feeds[key] = RowFeed(key)
        self._wanted.set()
        return feed

    def _tidy(self, feed: RowFeed) -> None:
        if not feed.readers and not feed.once:
            self._feeds.pop(feed.ask, None)

    async def run(self) -> None:
        """Make what is due, until cancelled."""
        now_ns = self._facts.now_ns
        while True:
            if not self._feeds:
                self._wanted.clear()
                await self._wanted.wait()
                continue
            feed = min(self._feeds.values(), key=lambda one: one.due_ns)
            wait_ns = feed.due_ns - now_ns()
            if wait_ns > 0:
                self._wanted.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait_ns / 1e9):  # ``wait_for`` of Python 3.11 may lose a cancellation
                        await self._wanted.wait()
                continue
            feed.due_ns = now_ns() + feed.every_ns
            try:
                await self._make(feed)
            except Exception as error:  # a bug in a topic costs that topic: the run and the other topics go on
                self._failed(feed, error)

    def _failed(self, feed: RowFeed, error: Exception) -> None:
        """Tell it, once a minute at most, and who waits."""
        now_ns = self._facts.now_ns()
        feed.due_ns = now_ns + _AGAIN_NS
        if now_ns >= self._told_ns:
            self._told_ns = now_ns + 60 * _AGAIN_NS
            self._facts.desk.log("api.fault", topic=feed.ask.topic, error=f"{type(error).__name__}: {error}")
        waiting, feed.once = feed.once, []
        for done in waiting:
            if not done.done():
                done.set_exception(Unmade(f"the rows of {feed.ask.topic} cannot be made: see api.fault in the log"))

    async def _make(self, feed: RowFeed) -> None:
        """One pass, in slices."""
        now_ns, table = self._facts.now_ns, feed.table
        began_ns = now_ns()
        waiting = feed.once.copy()
        table.begin(began_ns)
        for cell in SOURCES[feed.ask.topic][0](self._facts, self._samples, feed.ask):
            table.put(cell)
            spent_ns = now_ns() - began_ns
            if spent_ns > SLICE_NS:
                await asyncio.sleep(REST * spent_ns / 1e9)
                began_ns = now_ns()
        if table.end():
            for reader in list(feed.readers):
                reader()
        for done in waiting:
            if done in feed.once:  # else who asked is gone
                feed.once.remove(done)
                done.set_result(None)
        await asyncio.sleep(REST * (now_ns() - began_ns) / 1e9)
