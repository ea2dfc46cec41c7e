"""Book normalizer for feeds that combine a REST snapshot with a stream of numbered deltas (as Binance does).

Venue adapters use ``Joined``. It buffers the deltas, requests a snapshot, drops the deltas that the snapshot already
contains, and applies the rest. Each delta must follow the last one; otherwise there is a gap and the book is LOST.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from arbkit.adapters.chained import Again, Wake
from arbkit.core.types import NEVER, Ask, AskKind, BookLost, BookState, BookUpdate, Level

__all__ = ["Joined", "JoinedDepth", "Snapshot", "joined"]

_MOST_BUFFERED = 2_000
"""Maximum number of buffered deltas while waiting for the snapshot: 200 s of a 100 ms stream."""
_FIRST_DELAY_NS = 250_000_000
_LONGEST_DELAY_NS = 30_000_000_000
_RESTARTED = 3
"""So many old deltas in a row, with rising ids, and the venue has started its ids anew."""
_SYNCED = BookState.SYNCED


class JoinedDepth(Protocol):
    """A decoded delta: the first and last update id, the previous id (0 = not in the message) and the levels."""

    @property
    def first(self) -> int: ...
    @property
    def last(self) -> int: ...
    @property
    def prev(self) -> int: ...
    @property
    def bids(self) -> Sequence[Level]: ...
    @property
    def asks(self) -> Sequence[Level]: ...
    @property
    def exch_ns(self) -> int: ...


class Snapshot(Protocol):
    @property
    def last(self) -> int: ...
    @property
    def bids(self) -> Sequence[Level]: ...
    @property
    def asks(self) -> Sequence[Level]: ...
    @property
    def exch_ns(self) -> int: ...


class Joined:
    """A ``BookNormalizer`` for one instrument. ``depth`` is the number of levels per side of a full snapshot;
    ``window``: see ``BookUpdate``."""

    __slots__ = (
        "_asking",
        "_attempt",
        "_buffer",
        "_old_last",
        "_olds",
        "_olds_since",
        "_spliced",
        "_window",
        "depth",
        "instrument",
        "last",
        "state",
    )

    due_ns = NEVER
    """The core repeats the snapshot request, so ``tick`` has nothing to do."""

    def __init__(self, instrument: str, depth: int = 0, window: bool = False) -> None:
        self.instrument = instrument
        self.depth = depth
        self._window = window
        self.state = BookState.SYNCING
        self.last = 0
        """The last update id in the book."""
        self._spliced = False
        """A delta was applied after the snapshot; from then on ``prev`` must match exactly."""
        self._buffer: list[JoinedDepth] = []
        self._asking = False
        self._attempt = 0
        self._olds = 0
        """Old deltas in a row, each newer than the one before, with no other between them."""
        self._old_last = 0
        self._olds_since = 0

    def update(self, message: JoinedDepth, now_ns: int) -> Sequence[BookUpdate | BookLost | Ask]:
        """Apply one delta. An old or repeated one is ignored; one after a gap makes the book LOST."""
        if self.state is _SYNCED:
            last = message.last
            if not message.prev and self.last < last and message.first <= self.last + 1:  # the usual case
                self.last = last
                self._spliced = True
                return (BookUpdate(self.instrument, message.bids, message.asks, False, last, message.exch_ns, now_ns),)
            if self._old(message):
                return self._restarted(message, now_ns)
            if self._follows(message):
                return (self._take(message, now_ns),)
            lost = self.lose(f"sequence gap: {self.last} then {message.first}..{message.last}", now_ns)
            self._buffer = [message]
            return lost
        self._buffer.append(message)
        if len(self._buffer) > _MOST_BUFFERED:
            del self._buffer[: _MOST_BUFFERED // 2]  # a later snapshot will cover them
        return self._ask(now_ns)

    def snapshot(self, message: Snapshot, now_ns: int) -> Sequence[BookUpdate | BookLost | Ask]:
        """The requested snapshot arrived. Returns the book and the buffered deltas after it, or a new ``Ask`` if the
        snapshot is too old."""
        self._asking = False
        if self.state is BookState.SYNCED:
            return ()
        # Messages may have arrived out of order, so sort them by id.
        self.last = message.last
        self._spliced = False
        waiting = sorted((held for held in self._buffer if not self._old(held)), key=lambda held: held.first)
        updates = [
            BookUpdate(
                self.instrument,
                message.bids,
                message.asks,
                True,
                message.last,
                message.exch_ns,
                now_ns,
                self.depth,
                self._window,
            )
        ]
        for held in waiting:
            if self._old(held):
                continue
            if not self._follows(held):
                self._buffer = waiting
                return self._ask(now_ns)
            updates.append(self._take(held, now_ns))
        self._buffer = []
        self._attempt = 0
        self.state = BookState.SYNCED
        return updates

    def lose(self, reason: str, now_ns: int) -> Sequence[BookUpdate | BookLost | Ask]:
        """Mark the book as LOST and request a snapshot."""
        self.state = BookState.LOST
        self._buffer = []
        return (BookLost(self.instrument, reason, now_ns), *self._ask(now_ns))

    def tick(self, now_ns: int) -> Sequence[Ask]:
        return ()

    def begin(self, now_ns: int) -> Sequence[Ask]:
        """Request the snapshot before the first delta; nothing if it is here or was requested."""
        return () if self.state is BookState.SYNCED else self._ask(now_ns)

    def refused(self, now_ns: int) -> Sequence[BookUpdate | BookLost | Ask]:
        """The snapshot request failed: request it again later."""
        self._asking = False
        return () if self.state is BookState.SYNCED else self._ask(now_ns)

    def _old(self, message: JoinedDepth) -> bool:
        """Whether the book already contains the delta. With ``prev`` ids (futures), a delta that ends at the snapshot's
        id is still applied, because the venue's rule drops only deltas that end before it."""
        if message.last < self.last:
            return True
        return message.last == self.last and (self._spliced or not message.prev)

    def _restarted(self, message: JoinedDepth, now_ns: int) -> Sequence[BookUpdate | BookLost | Ask]:
        """An old delta. Repeated ones are harmless; several in a row, each newer than the one before, mean that the
        venue counts from a lower number again."""
        if not self._spliced or message.last >= self.last:
            return ()
        rising = self._olds_since == self.last and message.last > self._old_last
        self._olds = self._olds + 1 if rising else 1
        self._olds_since = self.last
        self._old_last = message.last
        if self._olds < _RESTARTED:
            return ()
        return self.lose(f"the update ids restarted: {self.last} then {message.first}..{message.last}", now_ns)

    def _follows(self, message: JoinedDepth) -> bool:
        """Whether ``message``, which is not old, continues after ``last`` without a gap."""
        if message.prev:
            return message.prev == self.last if self._spliced else message.prev <= self.last
        return message.first <= self.last + 1

    def _take(self, message: JoinedDepth, now_ns: int) -> BookUpdate:
        self.last = message.last
        self._spliced = True
        return BookUpdate(self.instrument, message.bids, message.asks, False, message.last, message.exch_ns, now_ns)

    def _ask(self, now_ns: int) -> Sequence[Ask]:
        """Request a snapshot, unless a request is running. The delay doubles with each attempt."""
        if self._asking:
            return ()
        self._asking = True
        delay = min(_FIRST_DELAY_NS << min(self._attempt - 1, 16), _LONGEST_DELAY_NS) if self._attempt else 0
        self._attempt += 1
        return (
            Ask(
                kind=AskKind.SNAPSHOT,
                instrument=self.instrument,
                ref=str(self._attempt),
                not_before_ns=now_ns + delay if delay else 0,
            ),
        )


def joined(instrument: str, again: Again, wake: Wake, *, depth: int) -> Joined:
    """A ``Joined`` book, made as a ``BookFeed`` makes it. ``again`` is not needed: the snapshot comes by REST."""
    return Joined(instrument, depth)
