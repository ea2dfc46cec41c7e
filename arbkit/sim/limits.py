"""Rate-limit windows of a simulated venue. Dialects use them."""

from __future__ import annotations

from collections import deque

__all__ = ["Rolling", "Window"]


class Window:
    """``limit`` units per ``window_ns``, counted per key (address, account). Windows start at multiples of
    ``window_ns``."""

    __slots__ = ("_used", "limit", "refused", "window_ns")

    def __init__(self, limit: int, window_ns: int) -> None:
        self.limit = limit
        self.window_ns = window_ns
        self._used: dict[str, tuple[int, int]] = {}
        self.refused = 0
        """How often it was over its limit."""

    def used(self, key: str, now_ns: int) -> int:
        """Units used in the current window."""
        window, used = self._used.get(key, (0, 0))
        return used if window == now_ns // self.window_ns else 0

    def add(self, key: str, cost: int, now_ns: int) -> bool:
        """Count ``cost`` units (negative = give back). False if the window is now over its limit."""
        used = max(0, self.used(key, now_ns) + cost)
        self._used[key] = (now_ns // self.window_ns, used)
        self.refused += used > self.limit
        return used <= self.limit

    def wait_ns(self, now_ns: int) -> int:
        """Time until the current window ends."""
        return self.window_ns - now_ns % self.window_ns


class Rolling:
    """``limit`` units in any ``window_ns``, counted per key. What would exceed the limit is not counted."""

    __slots__ = ("_times", "limit", "refused", "window_ns")

    def __init__(self, limit: int, window_ns: int = 1_000_000_000) -> None:
        self.limit = limit
        self.window_ns = window_ns
        self._times: dict[str, deque[int]] = {}
        self.refused = 0
        """How often it was over its limit."""

    def add(self, key: str, cost: int, now_ns: int) -> bool:
        """Count ``cost`` units. False, and nothing is counted, if the limit would be exceeded."""
        times = self._times.setdefault(key, deque())
        while times and times[0] <= now_ns - self.window_ns:
            times.popleft()
        if len(times) + cost > self.limit:
            self.refused += 1
            return False
        times.extend([now_ns] * cost)
        return True

    def left(self, key: str) -> int:
        """Remaining units after the last ``add``."""
        return self.limit - len(self._times.get(key, ()))

    def reset_ns(self, key: str, now_ns: int) -> int:
        """When the oldest counted unit leaves the window."""
        times = self._times.get(key)
        return times[0] + self.window_ns if times else now_ns
