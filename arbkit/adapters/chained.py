"""Books whose deltas name their predecessor, and that get a fresh snapshot by subscribing again.

The venue's own frames are turned into ``Depth`` first; one rule is left: ``prev`` must be the last ``seq`` seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from arbkit.core.types import NEVER, BookLost, BookState, BookUpdate, Level, Send

__all__ = ["Chained", "Depth", "Resync"]

Normalized = Sequence[BookUpdate | BookLost | Send]

_FIRST_DELAY_NS = 1_000_000_000
_MAX_DELAY_NS = 60_000_000_000
_PATIENCE_NS = 10_000_000_000
"""How long a snapshot may take after the subscription before it is asked for again."""


class Depth(Struct, gc=False):
    """A venue's depth message in neutral words."""

    bids: Sequence[Level]
    asks: Sequence[Level]
    seq: int = 0
    """After this message."""
    prev: int = 0
    """Before it; a snapshot has none."""
    exch_ns: int = 0


class Resync:
    """When to ask for a fresh snapshot: at once, then with growing delay while that does not help."""

    __slots__ = ("_again", "_delay_ns", "_not_before_ns", "due_ns")

    def __init__(self, again: Callable[[], Sequence[Send]]) -> None:
        self._again = again
        self._delay_ns = _FIRST_DELAY_NS
        self._not_before_ns = -NEVER
        self.due_ns = NEVER

    def expect(self, now_ns: int) -> None:
        """A subscription was just sent: its snapshot is due."""
        self.due_ns = now_ns + _PATIENCE_NS

    def arrived(self) -> None:
        """The snapshot is here."""
        self.due_ns = NEVER

    def ask(self, now_ns: int) -> Sequence[Send]:
        """Ask again, or be ``due_ns`` when that is allowed."""
        if now_ns < self._not_before_ns:
            self.due_ns = min(self.due_ns, self._not_before_ns)
            return ()
        calm = now_ns - self._not_before_ns > _MAX_DELAY_NS
        self._delay_ns = _FIRST_DELAY_NS if calm else min(2 * self._delay_ns, _MAX_DELAY_NS)
        self._not_before_ns = now_ns + self._delay_ns
        self.due_ns = now_ns + max(self._delay_ns, _PATIENCE_NS)
        return self._again()


class Chained:
    """A delta is applied only if its ``prev`` is the ``seq`` of the last message; else the book waits for a snapshot.

    A message that repeats the last one is ignored. ``seq`` may fall (a venue's reset) as long as the chain holds.
    ``check=False`` drops the test, for a venue that does not promise the chain.
    """

    __slots__ = ("_check", "_depth", "_prev", "_seq", "instrument", "resync", "state")

    def __init__(
        self, instrument: str, again: Callable[[], Sequence[Send]], *, depth: int = 0, check: bool = True
    ) -> None:
        self.instrument = instrument
        self._depth = depth
        self._check = check
        self._seq = 0
        self._prev = 0
        self.resync = Resync(again)
        self.state = BookState.SYNCING

    @property
    def due_ns(self) -> int:
        return self.resync.due_ns

    def snapshot(self, message: Depth, now_ns: int) -> Normalized:
        """Replaces the book, whenever it comes."""
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
        """A delta: applied, ignored (a repeat, or the book is waiting for its snapshot), or the proof of a gap."""
        if self.state is not BookState.SYNCED:
            return self.resync.ask(now_ns)
        seq, prev = message.seq, message.prev
        if prev != self._seq and self._check:
            if seq == self._seq and prev == self._prev:
                return ()
            return self.lose(f"sequence gap: after {self._seq} came a delta on {prev}", now_ns)
        self._seq = seq
        self._prev = prev
        return (BookUpdate(self.instrument, message.bids, message.asks, False, seq, message.exch_ns, now_ns),)

    def lose(self, reason: str, now_ns: int) -> Normalized:
        """Not to be trusted from here on; asks for a snapshot."""
        self.state = BookState.LOST
        return (BookLost(self.instrument, reason, now_ns), *self.resync.ask(now_ns))

    def tick(self, now_ns: int) -> Normalized:
        """The snapshot has not come."""
        return self.resync.ask(now_ns)
