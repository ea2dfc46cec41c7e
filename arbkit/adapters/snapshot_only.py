"""Book normalizer for feeds in which every message is a full snapshot. Venue adapters use it."""

from __future__ import annotations

from arbkit.adapters.chained import Again, Depth, Normalized, Resync, Wake, no_wake
from arbkit.core.types import BookLost, BookState, BookUpdate

__all__ = ["SnapshotOnly"]


class SnapshotOnly:
    """Each message replaces the book. A message with a lower ``seq`` and an earlier ``exch_ns`` is ignored."""

    __slots__ = ("_depth", "_exch_ns", "_seq", "instrument", "resync", "state")

    def __init__(self, instrument: str, again: Again, wake: Wake = no_wake, *, depth: int) -> None:
        self.instrument = instrument
        self._depth = depth
        self._seq = 0
        self._exch_ns = 0
        self.resync = Resync(again, wake)
        self.state = BookState.SYNCING

    @property
    def due_ns(self) -> int:
        return self.resync.due_ns

    def snapshot(self, message: Depth, now_ns: int) -> Normalized:
        if message.seq < self._seq and message.exch_ns < self._exch_ns:
            return ()
        self._seq = message.seq
        self._exch_ns = message.exch_ns
        self.state = BookState.SYNCED
        self.resync.arrived()
        return (
            BookUpdate(
                self.instrument, message.bids, message.asks, True, message.seq, message.exch_ns, now_ns, self._depth
            ),
        )

    update = snapshot

    def lose(self, reason: str, now_ns: int) -> Normalized:
        """Mark the book as LOST until the next message."""
        self.state = BookState.LOST
        return (BookLost(self.instrument, reason, now_ns), *self.resync.ask(now_ns))

    def tick(self, now_ns: int) -> Normalized:
        """``due_ns`` was reached without a message: subscribe again."""
        return self.resync.ask(now_ns)
