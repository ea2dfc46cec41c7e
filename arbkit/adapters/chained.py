"""Book normalizer for feeds whose deltas contain the previous sequence number, and that send a snapshot on subscribing.

Venue adapters convert their messages to ``Depth`` and pass them to ``Chained``. A delta is applied only if its ``prev``
equals the last ``seq``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from msgspec import Struct

from arbkit.core.types import NEVER, BookLost, BookState, BookUpdate, Level, Send

__all__ = ["Again", "Chained", "Depth", "Resync", "Wake"]

Normalized: TypeAlias = Sequence[BookUpdate | BookLost | Send]
Again: TypeAlias = Callable[[int], Sequence[Send]]
Wake: TypeAlias = Callable[[int], None]

_FIRST_DELAY_NS = 1_000_000_000
_MAX_DELAY_NS = 60_000_000_000
_PATIENCE_NS = 10_000_000_000
"""If no snapshot has arrived after this time, the subscription is repeated."""


class Depth(Struct, gc=False):
    """A depth message in a venue-independent form."""

    bids: Sequence[Level]
    asks: Sequence[Level]
    seq: int = 0
    """Sequence number after this message."""
    prev: int = 0
    """Sequence number before it; 0 in a snapshot."""
    exch_ns: int = 0


def no_wake(due_ns: int) -> None:
    """For a book that nobody has to tick: a recording."""


class Resync:
    """Asks for a snapshot by ``again(now_ns)``, at once and then with growing delay (1 s to 60 s), and tells by
    ``wake(due_ns)`` when ``tick`` is wanted."""

    __slots__ = ("_again", "_delay_ns", "_not_before_ns", "_wake", "due_ns")

    def __init__(self, again: Again, wake: Wake) -> None:
        self._again = again
        self._wake = wake
        self._delay_ns = _FIRST_DELAY_NS
        self._not_before_ns = -NEVER
        self.due_ns = NEVER

    def expect(self, now_ns: int) -> None:
        """A subscription was sent; a snapshot should follow."""
        self._at(now_ns + _PATIENCE_NS)

    def arrived(self) -> None:
        """The snapshot has arrived."""
        self.due_ns = NEVER

    def ask(self, now_ns: int) -> Sequence[Send]:
        """Request a snapshot now. If it is too early, set ``due_ns`` to the earliest time."""
        if now_ns < self._not_before_ns:
            self._at(min(self.due_ns, self._not_before_ns))
            return ()
        calm = now_ns - self._not_before_ns > _MAX_DELAY_NS
        self._delay_ns = _FIRST_DELAY_NS if calm else min(2 * self._delay_ns, _MAX_DELAY_NS)
        self._not_before_ns = now_ns + self._delay_ns
        self._at(now_ns + max(self._delay_ns, _PATIENCE_NS))
        return self._again(now_ns)

    def _at(self, due_ns: int) -> None:
        self.due_ns = due_ns
        self._wake(due_ns)


class Chained:
    """Applies a delta only if its ``prev`` is the ``seq`` of the last message; otherwise the book is LOST until the
    next snapshot.

    A repetition of the last message is ignored. ``seq`` may decrease (a reset by the venue) if ``prev`` matches.
    ``check=False`` disables the check, for a venue that does not guarantee ``prev``.
    """

    __slots__ = ("_check", "_depth", "_prev", "_seq", "instrument", "resync", "state")

    def __init__(
        self, instrument: str, again: Again, wake: Wake = no_wake, *, depth: int = 0, check: bool = True
    ) -> None:
        self.instrument = instrument
        self._depth = depth
        self._check = check
        self._seq = 0
        self._prev = 0
        self.resync = Resync(again, wake)
        self.state = BookState.SYNCING

    @property
    def due_ns(self) -> int:
        return self.resync.due_ns

    def snapshot(self, message: Depth, now_ns: int) -> Normalized:
        """Replace the book. A snapshot is accepted at any time."""
        self._seq = message.seq
        self._prev = message.prev
        self.state = BookState.SYNCED
        self.resync.arrived()
        return (
            BookUpdate(
                self.instrument, message.bids, message.asks, True, message.seq, message.exch_ns, now_ns, self._depth
            ),
        )

    def update(self, message: Depth, now_ns: int) -> Normalized:
        """Apply a delta. It is ignored if it is a repetition or the book waits for a snapshot. A gap loses the book."""
        if self.state is not BookState.SYNCED:
            return self.resync.ask(now_ns)
        seq, prev = message.seq, message.prev
        if prev != self._seq and self._check:
            if seq == self._seq and prev == self._prev:
                return ()
            return self.lose(f"sequence gap: the last seq is {self._seq}, the delta has prev {prev}", now_ns)
        self._seq = seq
        self._prev = prev
        return (BookUpdate(self.instrument, message.bids, message.asks, False, seq, message.exch_ns, now_ns),)

    def lose(self, reason: str, now_ns: int) -> Normalized:
        """Mark the book as LOST and request a snapshot."""
        self.state = BookState.LOST
        return (BookLost(self.instrument, reason, now_ns), *self.resync.ask(now_ns))

    def tick(self, now_ns: int) -> Normalized:
        """``due_ns`` was reached without a snapshot: request it again."""
        return self.resync.ask(now_ns)
