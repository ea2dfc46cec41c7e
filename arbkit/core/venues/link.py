"""One link's life: dial, up, lost, dialled again, without end and without a storm.

A link holds the session of its present connection and nothing about orders. Each connection gets a session of its own,
so that two connections are never merged into one book.
"""

from __future__ import annotations

from enum import Enum
from random import Random

from arbkit.core.counters import LinkCounters
from arbkit.core.market.watchdog import LinkWatch
from arbkit.core.protocols import Session
from arbkit.core.types import NEVER, LinkSpec, Role

__all__ = ["BACKOFF_CAP_NS", "Link", "Phase"]

BACKOFF_FIRST_NS = 250_000_000
BACKOFF_CAP_NS = 30_000_000_000
SETTLED_NS = 30_000_000_000
"""A connection that held so long starts the next backoff from the beginning."""
BAD_FRAMES = 5
BAD_WINDOW_NS = 10_000_000_000
"""So many unreadable frames within the window and the link is dropped."""


class Phase(Enum):
    WAITING = "waiting"
    """To be dialled at ``dial_ns``."""
    ASKING = "asking"
    """A token comes first."""
    DIALING = "dialing"
    UP = "up"
    CLOSING = "closing"
    """We end it; what it still says is not heard."""
    QUARANTINED = "quarantined"
    """Its plugin broke its contract; shown, not dialled again."""
    CLOSED = "closed"


class Link:
    """State of one link; the desk moves it."""

    __slots__ = (
        "_bad",
        "attempt",
        "behind",
        "counted",
        "dial_ns",
        "phase",
        "ready",
        "ready_ns",
        "reason",
        "session",
        "spec",
        "up_ns",
        "watch",
    )

    def __init__(self, spec: LinkSpec, session: Session, watch: LinkWatch, counted: LinkCounters, now_ns: int) -> None:
        self.spec = spec
        self.session = session
        self.watch = watch
        self.counted = counted
        self.behind = False
        """Its frames come late: its books are STALE."""
        self.phase = Phase.UP if spec.role is Role.REST else Phase.WAITING
        self.dial_ns = now_ns if self.phase is Phase.WAITING else NEVER
        self.attempt = 0
        self.up_ns = now_ns
        self.ready = spec.role is Role.REST
        self.ready_ns = 0
        self.reason = ""
        """Why it is not up."""
        self._bad: list[int] = []
        if self.phase is Phase.UP:
            counted.up = 1

    @property
    def up(self) -> bool:
        return self.phase is Phase.UP

    def opened(self, now_ns: int) -> None:
        self.phase = Phase.UP
        self.up_ns = now_ns
        self.reason = ""
        self.behind = False
        self._bad.clear()
        self.watch.opened(now_ns)
        self.counted.up = 1

    def lost(self, reason: str, now_ns: int, rng: Random, *, planned: bool = False) -> None:
        """Down; dial again after a delay with full jitter, at once when the venue announced the end."""
        if self.phase in (Phase.UP, Phase.CLOSING) and now_ns - self.up_ns >= SETTLED_NS:
            self.attempt = 0
        self.phase = Phase.WAITING
        self.ready = False
        self.reason = reason
        if planned and self.attempt == 0:
            self.dial_ns = now_ns
        else:
            self.dial_ns = now_ns + int(rng.random() * min(BACKOFF_CAP_NS, BACKOFF_FIRST_NS << min(self.attempt, 20)))
        self.attempt += 1

    def bad_frame(self, now_ns: int) -> bool:
        """Count an unreadable frame; True when there were too many of late."""
        self.counted.bad_frames += 1
        self._bad = [at for at in self._bad if now_ns - at < BAD_WINDOW_NS]
        self._bad.append(now_ns)
        return len(self._bad) >= BAD_FRAMES
