"""The only reader of time and of randomness.

``now_ns`` is the wall time read once at the start plus the monotonic time since: it never steps, whatever happens to
the machine's clock. What happens to it is told by ``jump_ns``: an event for the desk, never a correction.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

__all__ = ["Clock", "seed"]

JUMP_NS = 250_000_000
"""A wall clock this far from where it was is a jump: NTP slews by at most 500 us a second."""

_BOOTTIME = getattr(time, "CLOCK_BOOTTIME", None)


def _boot_ns() -> int:
    """Monotonic time that runs on while the machine sleeps; where the system has none the wall clock alone tells."""
    return time.monotonic_ns() if _BOOTTIME is None else time.clock_gettime_ns(_BOOTTIME)


def seed() -> int:
    """64 random bits from the system: the seed of every ``random.Random`` of a run. It goes into the run's tape."""
    return int.from_bytes(os.urandom(8), "little")


class Clock:
    """Time in nanoseconds since 1970. The readers are arguments so that tests can move the clocks by hand."""

    __slots__ = ("_asleep", "_base", "_boot", "_mono", "_offset", "_wall", "now_ns", "perf_ns")

    now_ns: Callable[[], int]
    """Our time: never steps, never goes back."""
    perf_ns: Callable[[], int]
    """For measuring durations; its zero means nothing."""

    def __init__(
        self,
        wall: Callable[[], int] = time.time_ns,
        mono: Callable[[], int] = time.monotonic_ns,
        boot: Callable[[], int] = _boot_ns,
    ) -> None:
        self._wall, self._mono, self._boot = wall, mono, boot
        self._base = base = self._offset = wall() - mono()
        self._asleep = boot() - mono()
        # A closure, not a method: this runs once a frame.
        self.now_ns = lambda: mono() + base
        self.perf_ns = time.perf_counter_ns

    def jump_ns(self) -> int:
        """How far the wall clock jumped, or the machine slept, since the last call; 0 = not at all.

        A slow drift (NTP slewing) is followed silently, however far it goes in the end.
        """
        mono = self._mono()
        offset, asleep = self._wall() - mono, self._boot() - mono
        jump, slept = offset - self._offset, asleep - self._asleep
        self._offset, self._asleep = offset, asleep
        # A sleep moves both clocks; one who sets the clock in his sleep still slept.
        return next((far for far in (jump, slept) if abs(far) > JUMP_NS), 0)

    @property
    def wall_error_ns(self) -> int:
        """How far ``now_ns`` is behind the machine's wall clock now, slewing and jumps together."""
        return self._wall() - self._mono() - self._base
