"""Rate-limit windows of a simulated venue. Dialects use them."""

from __future__ import annotations

__all__ = ["Window"]


class Window:
    """``limit`` units per ``window_ns``, counted per key (address, account). Windows start at multiples of
    ``window_ns``."""

    __slots__ = ("_used", "limit", "window_ns")

    def __init__(self, limit: int, window_ns: int) -> None:
        self.limit = limit
        self.window_ns = window_ns
        self._used: dict[str, tuple[int, int]] = {}

    def used(self, key: str, now_ns: int) -> int:
        """Units used in the current window."""
        window, used = self._used.get(key, (0, 0))
        return used if window == now_ns // self.window_ns else 0

    def add(self, key: str, cost: int, now_ns: int) -> bool:
        """Count ``cost`` units (negative = give back). False if the window is now over its limit."""
        used = max(0, self.used(key, now_ns) + cost)
        self._used[key] = (now_ns // self.window_ns, used)
        return used <= self.limit

    def wait_ns(self, now_ns: int) -> int:
        """Time until the current window ends."""
        return self.window_ns - now_ns % self.window_ns
