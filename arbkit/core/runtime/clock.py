"""The only module that reads the clock and the system's random numbers.

``now_ns`` is the wall time at the start plus the monotonic time since then, so it never jumps. ``jump_ns`` reports
jumps of the wall clock; the desk handles them as an event.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

__all__ = ["Clock", "entropy", "seed"]

JUMP_NS = 250_000_000
"""A larger change of the wall clock against the monotonic clock is a jump. NTP slews by at most 500 us per second."""

_BOOTTIME = getattr(time, "CLOCK_BOOTTIME", None)


def _boot_ns() -> int:
    """Monotonic time that also counts while the machine sleeps. Systems without CLOCK_BOOTTIME detect a sleep only by
    the wall clock."""
    return time.monotonic_ns() if _BOOTTIME is None else time.clock_gettime_ns(_BOOTTIME)


def seed() -> int:
    """64 random bits: the seed of every ``random.Random`` of a run. It is written to the run's tape."""
    return int.from_bytes(os.urandom(8), "little")


def entropy(size: int) -> bytes:
    """Random bytes of the system, good enough for keys: salts and nonces of the vault."""
    return os.urandom(size)


class Clock:
    """Time in nanoseconds since 1970. The clock functions are arguments, so that tests can replace them."""

    __slots__ = ("_asleep", "_base", "_boot", "_mono", "_offset", "_wall", "now_ns", "perf_ns")

    now_ns: Callable[[], int]
    """Current time; never jumps, never goes back."""
    perf_ns: Callable[[], int]
    """For measuring durations only; its zero point is arbitrary."""

    def __init__(
        self,
        wall: Callable[[], int] = time.time_ns,
        mono: Callable[[], int] = time.monotonic_ns,
        boot: Callable[[], int] = _boot_ns,
    ) -> None:
        self._wall, self._mono, self._boot = wall, mono, boot
        self._base = base = self._offset = wall() - mono()
        self._asleep = boot() - mono()
        # A closure is faster than a method; this runs once per frame.
        self.now_ns = lambda: mono() + base
        self.perf_ns = time.perf_counter_ns

    def jump_ns(self) -> int:
        """How far the wall clock jumped, or how long the machine slept, since the last call, in ns; 0 = no jump.

        Slow drift (NTP slewing) is not reported.
        """
        mono = self._mono()
        offset, asleep = self._wall() - mono, self._boot() - mono
        jump, slept = offset - self._offset, asleep - self._asleep
        self._offset, self._asleep = offset, asleep
        # A sleep changes both offsets. If the clock was set during the sleep, the boot clock still shows the sleep.
        return next((far for far in (jump, slept) if abs(far) > JUMP_NS), 0)

    @property
    def wall_error_ns(self) -> int:
        """Wall clock minus ``now_ns``: the sum of all slewing and jumps since the start."""
        return self._wall() - self._mono() - self._base
