"""Timers driven by ``now_ns``, for dialects and the market: single and periodic calls."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Final

__all__ = ["NEVER", "Timer", "Timers"]

NEVER: Final = 1 << 62
"""The ``due_ns`` if nothing is scheduled, in nanoseconds."""


class Timer:
    """One scheduled call. It repeats every ``period_ns`` (0 = once) until ``cancel``."""

    __slots__ = ("active", "call", "period_ns")

    def __init__(self, call: Callable[[int], None], period_ns: int) -> None:
        self.call = call
        self.period_ns = period_ns
        self.active = True

    def cancel(self) -> None:
        self.active = False


class Timers:
    """A heap of timers. Timers due at the same time run in the order in which they were created."""

    __slots__ = ("_count", "_heap")

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Timer]] = []
        self._count = 0

    @property
    def due_ns(self) -> int:
        heap = self._heap
        while heap and not heap[0][2].active:
            heapq.heappop(heap)
        return heap[0][0] if heap else NEVER

    def at(self, due_ns: int, call: Callable[[int], None], period_ns: int = 0) -> Timer:
        """Call ``call(now_ns)`` at ``due_ns``, then every ``period_ns`` if it is not 0.

        A late tick runs a periodic timer once. Its next time is still ``due_ns`` plus a multiple of the period.
        """
        timer = Timer(call, period_ns)
        self._push(due_ns, timer)
        return timer

    def every(self, period_ns: int, call: Callable[[int], None], now_ns: int) -> Timer:
        """Call ``call(now_ns)`` at all multiples of ``period_ns`` after now."""
        return self.at((now_ns // period_ns + 1) * period_ns, call, period_ns)

    def tick(self, now_ns: int) -> None:
        """Run what is due."""
        while self.due_ns <= now_ns:
            due_ns, _, timer = heapq.heappop(self._heap)
            if timer.period_ns:
                missed = (now_ns - due_ns) // timer.period_ns
                self._push(due_ns + (missed + 1) * timer.period_ns, timer)
            else:
                timer.active = False
            timer.call(now_ns)

    def _push(self, due_ns: int, timer: Timer) -> None:
        self._count += 1
        heapq.heappush(self._heap, (due_ns, self._count, timer))
