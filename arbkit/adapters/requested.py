"""Book normalizer for feeds whose snapshot is asked for by a message on the same socket, and joined to the deltas.

Venue adapters use ``Requested`` with ``BookFeed.request``, which writes the message (HTX).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from arbkit.adapters.chained import Again, Resync, Wake, no_wake
from arbkit.adapters.joined import Joined, JoinedDepth, Snapshot
from arbkit.core.types import NEVER, Ask, BookLost, BookState, BookUpdate, Send

__all__ = ["Requested"]

_PATIENCE_NS = 10_000_000_000


class Requested:
    """A ``BookNormalizer``: ``Joined``, with the snapshot from the socket.

    ``begin`` asks for the snapshot when the subscription is confirmed, so that a quiet market has a book too. One that
    is too old is asked for again after 1 s, then with growing delay; so is one that does not come within 10 s. Deltas
    are kept meanwhile. ``window``: see ``BookUpdate``.
    """

    __slots__ = ("_asked_ns", "_joined", "resync")

    def __init__(
        self, instrument: str, again: Again, wake: Wake = no_wake, *, depth: int = 0, window: bool = False
    ) -> None:
        self._joined = Joined(instrument, depth, window)
        self.resync = Resync(again, wake)
        self._asked_ns = NEVER
        """When the last request was sent."""

    @property
    def instrument(self) -> str:
        return self._joined.instrument

    @property
    def state(self) -> BookState:
        return self._joined.state

    @property
    def due_ns(self) -> int:
        return self.resync.due_ns

    def begin(self, now_ns: int) -> Sequence[Send]:
        """The subscription was confirmed: ask for the snapshot, unless it is here or was asked for."""
        return self._out(self._joined.begin(now_ns), now_ns)

    def update(self, message: JoinedDepth, now_ns: int) -> Sequence[BookUpdate | BookLost | Send]:
        """Apply a delta, or keep it until the snapshot comes. A gap loses the book."""
        return self._out(self._joined.update(message, now_ns), now_ns)

    def snapshot(self, message: Snapshot, now_ns: int) -> Sequence[BookUpdate | BookLost | Send]:
        """The answer to the request. It is ignored if the book is whole."""
        out = self._joined.snapshot(message, now_ns)
        if self._joined.state is BookState.SYNCED:
            self.resync.arrived()
        return self._out(out, now_ns)

    def refused(self, now_ns: int) -> Sequence[Send]:
        """The request was refused: ask again later."""
        return self._out(self._joined.refused(now_ns), now_ns)

    def lose(self, reason: str, now_ns: int) -> Sequence[BookUpdate | BookLost | Send]:
        """Mark the book as LOST and ask for a snapshot."""
        return self._out(self._joined.lose(reason, now_ns), now_ns)

    def tick(self, now_ns: int) -> Sequence[BookUpdate | BookLost | Send]:
        """``due_ns`` was reached without a snapshot: ask again. A request without answer is told."""
        asked_ns, sends = self._asked_ns, self._ask(now_ns)
        if now_ns - asked_ns < _PATIENCE_NS:
            return sends
        return (BookLost(self.instrument, "no answer to the request for a snapshot", now_ns), *sends)

    def _ask(self, now_ns: int) -> Sequence[Send]:
        sends = self.resync.ask(now_ns)
        if sends:
            self._asked_ns = now_ns
        return sends

    def _out(self, outputs: Sequence[Any], now_ns: int) -> Sequence[Any]:
        """A wish for a snapshot as the message that asks for it."""
        if self._joined.state is BookState.SYNCED:
            return outputs
        return [one for out in outputs for one in (self._ask(now_ns) if isinstance(out, Ask) else (out,))]
