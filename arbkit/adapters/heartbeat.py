"""Messages that a client must send from time to time to keep a socket open."""

from __future__ import annotations

from collections.abc import Callable

from arbkit.core.types import NEVER, Ask, Send

__all__ = ["Heartbeat"]


class Heartbeat:
    """Every ``period_ns``: a text, or what a function of the time makes (a request for the venue's time, an ``Ask``).

    ``due_ns``: the next one; ``now_ns``: when it was last looked at, which is at most a period ago: for venues whose
    subscriptions carry a time. Whether the other side still lives is the link's own watch (``LinkSpec.silence_ns``).
    """

    __slots__ = ("_make", "_period_ns", "due_ns", "now_ns")

    def __init__(self, make: str | Callable[[int], Send | Ask], period_ns: int) -> None:
        self._make = make
        self._period_ns = period_ns
        self.due_ns = NEVER
        self.now_ns = 0

    def start(self, now_ns: int) -> None:
        """The socket is open: the first one comes after a whole period."""
        self.now_ns = now_ns
        self.due_ns = now_ns + self._period_ns

    def tick(self, now_ns: int) -> list[Send | Ask]:
        self.now_ns = now_ns
        if now_ns < self.due_ns:
            return []
        self.due_ns = now_ns + self._period_ns
        return [Send(self._make, 0) if isinstance(self._make, str) else self._make(now_ns)]
