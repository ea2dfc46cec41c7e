"""The life of one link: dialled, up, lost, dialled again with growing delay. ``execution.dialer`` and the desk move it.

A link holds the session of its present connection and nothing about orders. Each connection gets a session of its own,
so two connections are never merged into one book.

===========  ==============================================  =========================================
phase        entered by                                      left by
===========  ==============================================  =========================================
WAITING      creation; ``lost``                              ``dial_ns`` comes -> ASKING or DIALING
ASKING       the session needs a token first                 the token came -> DIALING; none -> WAITING
DIALING      the port was told to connect                    ``opened`` -> UP; ``lost`` -> WAITING
UP           ``opened``; a REST link from its creation       ``lost`` -> WAITING; we drop it -> CLOSING
CLOSING      we end the connection                           ``lost`` -> WAITING
QUARANTINED  its plugin broke the session contract           never
CLOSED       the venue refused the credentials               never
===========  ==============================================  =========================================
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from random import Random
from zlib import crc32

from arbkit.core.counters import LinkCounters
from arbkit.core.errors import LocalProtocolError
from arbkit.core.market.books import Books
from arbkit.core.market.watchdog import LinkWatch
from arbkit.core.protocols import Session
from arbkit.core.types import NEVER, Ask, Command, Dial, HttpAnswer, LinkSpec, NoAnswer, Output, Role, Wire

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
    ASKING = "asking"
    DIALING = "dialing"
    UP = "up"
    CLOSING = "closing"
    QUARANTINED = "quarantined"
    CLOSED = "closed"


class _NotDialled:
    """The session of a socket that was never dialled: there is nothing to ask it."""

    due_ns = NEVER

    def dial(self, now_ns: int) -> Dial | Ask:
        raise LocalProtocolError("this link has no session: it was not dialled yet")

    def start(self, now_ns: int) -> Sequence[Output]:
        return ()

    def receive(self, data: str | bytes, now_ns: int) -> Sequence[Output]:
        return ()

    def answered(self, what: Ask | Command, answer: HttpAnswer | NoAnswer, now_ns: int) -> Sequence[Output]:
        return ()

    def tick(self, now_ns: int) -> Sequence[Output]:
        return ()

    def encode(self, what: Ask | Sequence[Command], now_ns: int) -> Sequence[Wire]:
        return ()


NOT_DIALLED: Session = _NotDialled()


class Link:
    """State of one link. A REST link has its session from the start; a socket gets one with each dial."""

    __slots__ = (
        "_bad",
        "attempt",
        "books",
        "counted",
        "dial_ns",
        "due_ns",
        "leave_ns",
        "phase",
        "ready",
        "ready_ns",
        "reason",
        "session",
        "spec",
        "up_ns",
        "watch",
    )

    def __init__(
        self,
        spec: LinkSpec,
        session: Session | None,
        watch: LinkWatch,
        counted: LinkCounters,
        books: Books,
        now_ns: int,
    ) -> None:
        self.spec = spec
        self.books = books
        """What its updates change: the desk's books, or those of an heir (``execution.successors``)."""
        self.session: Session = NOT_DIALLED if session is None else session
        self.watch = watch
        self.counted = counted
        self.phase = Phase.UP if spec.role is Role.REST else Phase.WAITING
        self.dial_ns = now_ns if self.phase is Phase.WAITING else NEVER
        self.due_ns = NEVER
        """When its session wants ``tick``, as far as the dialer knows: ``Dialer.settle``."""
        self.leave_ns = NEVER
        """When it is to be replaced, because the venue cuts it soon after."""
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
        life_ns = self.spec.life_ns
        early = 0.02 + 0.04 * (crc32(self.spec.link.encode()) / 2**32)  # not all links at one time
        self.leave_ns = now_ns + life_ns - int(life_ns * early) if life_ns else NEVER
        self.reason = ""
        self._bad.clear()
        self.watch.opened(now_ns)
        self.counted.up = 1

    def lost(self, reason: str, now_ns: int, rng: Random, *, planned: bool = False) -> None:
        """Down; dial again after a delay with full jitter, at once when the venue announced the end."""
        if self.phase in (Phase.UP, Phase.CLOSING) and now_ns - self.up_ns >= SETTLED_NS:
            self.attempt = 0
        self.phase = Phase.WAITING
        self.leave_ns = NEVER
        self.session = NOT_DIALLED  # what was asked for the old connection must not speak any more
        self.ready = False
        self.reason = reason
        if planned and self.attempt == 0:
            self.dial_ns = now_ns
        else:
            self.dial_ns = now_ns + int(rng.random() * min(BACKOFF_CAP_NS, BACKOFF_FIRST_NS << min(self.attempt, 20)))
        self.attempt += 1

    def confirmed(self, now_ns: int) -> None:
        """``Ready`` came: subscribed, streaming or logged in."""
        self.ready = True
        self.ready_ns = now_ns
        self.watch.ready(now_ns)

    def leave(self, reason: str) -> None:
        """The venue announced the end of this connection."""
        self.reason = reason

    def bad_frame(self, now_ns: int) -> bool:
        """Count an unreadable frame; True when there were too many of late."""
        self.counted.bad_frames += 1
        self._bad = [at for at in self._bad if now_ns - at < BAD_WINDOW_NS]
        self._bad.append(now_ns)
        return len(self._bad) >= BAD_FRAMES
