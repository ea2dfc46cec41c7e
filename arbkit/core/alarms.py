"""Who is due next, and when. A desk has many links and venues; only those that are due are looked at."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Generic, TypeVar

from arbkit.core.types import NEVER

__all__ = ["Alarms"]

Name = TypeVar("Name", str, int)


class Alarms(Generic[Name]):
    """The earliest time of each name; ``due_ns`` is the earliest of all, ``NEVER`` if there is none.

    A name is never looked at too late. It may be looked at too early: who finds nothing to do sets the next alarm.
    """

    __slots__ = ("_at", "_heap", "due_ns")

    def __init__(self) -> None:
        self._at: dict[Name, int] = {}
        self._heap: list[tuple[int, Name]] = []
        """With entries that do not count any more: a name counts with the time in ``_at``."""
        self.due_ns = NEVER

    def by(self, name: Name, due_ns: int) -> None:
        """Look at ``name`` at ``due_ns`` at the latest. An earlier alarm of it stays."""
        if due_ns < self._at.get(name, NEVER):
            self._at[name] = due_ns
            heappush(self._heap, (due_ns, name))
            if due_ns < self.due_ns:
                self.due_ns = due_ns

    def at(self, name: Name, due_ns: int) -> None:
        """Look at ``name`` at ``due_ns``, whatever was said before; ``NEVER`` = not at all."""
        self._at.pop(name, None)
        self.by(name, due_ns)
        self._next()

    def cancel(self, name: Name) -> None:
        if self._at.pop(name, None) is not None:
            self._next()

    def take(self, now_ns: int) -> list[Name]:
        """The names that are due, the earliest first; their alarms are used up."""
        taken = []
        while self.due_ns <= now_ns:
            due_ns, name = heappop(self._heap)
            if self._at.get(name) == due_ns:
                del self._at[name]
                taken.append(name)
            self._next()
        return taken

    def _next(self) -> None:
        heap, at = self._heap, self._at
        while heap and at.get(heap[0][1]) != heap[0][0]:
            heappop(heap)
        self.due_ns = heap[0][0] if heap else NEVER
