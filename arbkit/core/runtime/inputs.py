"""Passes all external events to the desk: sockets, HTTP answers, timers, signals. The supervisor creates it.

It has the only exception guard around the desk, the desk's only timer, and the check for a late loop or a clock jump.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from arbkit.core.desk import Desk
from arbkit.core.runtime.clock import Clock
from arbkit.core.tape import TapingDesk
from arbkit.core.types import NEVER

__all__ = ["BEAT_NS", "Inputs"]

LATE_NS = 50_000_000
"""If the event loop is later than this, the frames in the socket buffers are old and books become STALE."""
BEAT_NS = 25_000_000
"""Interval of the check for lateness and clock jumps."""
WAKE_FLOOR_S = 0.0005
"""Minimum time between two wake-ups, so that a desk that is always due does not starve the sockets."""


class Inputs:
    """The desk's inputs with an exception guard.

    An exception from the desk is a bug in arbkit: ``broke`` is called with it, and no further input is delivered.
    """

    __slots__ = (
        "_armed_ns",
        "_beat_ns",
        "_clock",
        "_due",
        "_loop",
        "_timer",
        "after",
        "broke",
        "desk",
        "shut_down",
    )

    def __init__(
        self,
        desk: Desk,
        taping: TapingDesk | None,
        clock: Clock,
        loop: asyncio.AbstractEventLoop,
        after: Callable[[], None],
        broke: Callable[[Exception], None],
    ) -> None:
        self.desk: Desk | TapingDesk = taping or desk
        """Takes the inputs: the desk, behind its tape where there is one."""
        self._due = desk
        self._clock = clock
        self._loop = loop
        self._beat_ns = clock.now_ns()
        self._timer: asyncio.TimerHandle | None = None
        self._armed_ns = NEVER
        self.shut_down = False
        self.after = after
        """Called after each input except ``frame``."""
        self.broke = broke
        """Called with an exception from the desk."""

    # --- the desk's inputs

    def frame(self, link: str, data: str | bytes, now_ns: int) -> None:
        if now_ns - self._beat_ns > LATE_NS + BEAT_NS:
            self.beat(now_ns)
        if not self.shut_down:
            try:
                self.desk.frame(link, data, now_ns)
            except Exception as error:  # a bug in arbkit: the run ends
                self._broke(error)

    def read_end(self, link: str, now_ns: int) -> None:
        """The end of a socket read. ``turn`` without its generality: it is called for every read."""
        if self.shut_down:
            return
        try:
            self.desk.read_end(link, now_ns)
            due_ns = self._due.due_ns
            if due_ns < self._armed_ns:
                self._arm(due_ns, 0.0)
            self.after()
        except Exception as error:  # a bug in arbkit: the run ends
            self._broke(error)

    def turn(self, call: Callable[..., None], *arguments: object) -> None:
        """Deliver any input except a frame: ``inputs.turn(inputs.desk.closed, link, reason, now_ns)``."""
        if self.shut_down:
            return
        try:
            call(*arguments)
            self.rearm()
            self.after()
        except Exception as error:  # a bug in arbkit: the run ends
            self._broke(error)

    def beat(self, now_ns: int) -> None:
        """Check for a late loop and a clock jump. Called every ``BEAT_NS``, and before a frame after a pause."""
        lag_ns = now_ns - self._beat_ns - BEAT_NS
        self._beat_ns = now_ns
        if lag_ns > LATE_NS:
            self.turn(self.desk.late, lag_ns, now_ns)
        if self._clock.jump_ns():
            self.turn(self.desk.jumped, now_ns)

    # --- timers

    def rearm(self) -> None:
        """Move the timer if the desk is due earlier than it is set. A timer that fires too early sets itself again."""
        due_ns = self._due.due_ns
        if due_ns < self._armed_ns:
            self._arm(due_ns, 0.0)

    def shut(self) -> None:
        """Deliver no further input."""
        self.shut_down = True
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self, due_ns: int, floor_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._armed_ns = due_ns
        if due_ns < NEVER and not self.shut_down:
            delay = (due_ns - self._clock.now_ns()) / 1e9
            self._timer = self._loop.call_later(max(delay, floor_s), self._on_timer)

    def _on_timer(self) -> None:
        now_ns = self._clock.now_ns()
        self._timer = None
        self._armed_ns = NEVER
        if self.shut_down:
            return
        woken = now_ns >= self._due.due_ns
        if woken:
            self.turn(self.desk.wake, now_ns)
        if not self.shut_down:
            self._arm(self._due.due_ns, WAKE_FLOOR_S if woken else 0.0)

    def _broke(self, error: Exception) -> None:
        self.shut()
        self.broke(error)
