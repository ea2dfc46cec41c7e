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

    __slots__ = ("_timers", "active", "call", "period_ns")

    def __init__(self, timers: Timers, call: Callable[[int], None], period_ns: int) -> None:
        self._timers = timers
        self.call = call
        self.period_ns = period_ns
        self.active = True

    def cancel(self) -> None:
        self.active = False
        self._timers.look()


class Timers:
    """A heap of timers. Timers due at the same time run in the order in which they were created."""

    __slots__ = ("_count", "_heap", "due_ns")

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Timer]] = []
        self._count = 0
        self.due_ns = NEVER
        """When ``tick`` has something to do."""

    def at(self, due_ns: int, call: Callable[[int], None], period_ns: int = 0) -> Timer:
        """Call ``call(now_ns)`` at ``due_ns``, then every ``period_ns`` if it is not 0.

        A late tick runs a periodic timer once. Its next time is still ``due_ns`` plus a multiple of the period.
        """
        timer = Timer(self, call, period_ns)
        self._count += 1
        heapq.heappush(self._heap, (due_ns, self._count, timer))
        if due_ns < self.due_ns:
            self.due_ns = due_ns
        return timer

    def every(self, period_ns: int, call: Callable[[int], None], now_ns: int) -> Timer:
        """Call ``call(now_ns)`` at all multiples of ``period_ns`` after now."""
        return self.at((now_ns // period_ns + 1) * period_ns, call, period_ns)

    def tick(self, now_ns: int) -> None:
        """Run what is due."""
        heap = self._heap
        while self.due_ns <= now_ns:
            due_ns, _, timer = heap[0]
            period_ns = timer.period_ns
            if period_ns:
                self._count += 1
                next_ns = due_ns + ((now_ns - due_ns) // period_ns + 1) * period_ns
                heapq.heapreplace(heap, (next_ns, self._count, timer))
            else:
                timer.active = False
                heapq.heappop(heap)
            if heap and heap[0][2].active:
                self.due_ns = heap[0][0]
            else:
                self.look()
            timer.call(now_ns)

    def look(self) -> None:
        """Some timer has run or was cancelled: see which is the next."""
        heap = self._heap
        while heap and not heap[0][2].active:
            heapq.heappop(heap)
        self.due_ns = heap[0][0] if heap else NEVER
