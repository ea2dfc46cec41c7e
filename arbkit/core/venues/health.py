"""How well a venue works of late: refusals, doubts, lost books and connections, slow answers.

Each mishap costs points; points halve in a minute. A venue with too many is taken out (no new deals; open ones are
finished), and comes back on probation when it was well for a while.
"""

from __future__ import annotations

from arbkit.core.types import NEVER

__all__ = ["BOOK_LOST", "LINK_LOST", "REFUSED", "SLOW", "SLOW_NS", "THROTTLED", "UNKNOWN", "Health"]

_SECOND = 1_000_000_000
UNKNOWN, THROTTLED, LINK_LOST, REFUSED, SLOW, BOOK_LOST = 10.0, 6.0, 5.0, 3.0, 2.0, 1.0
"""Points of one mishap."""
SLOW_NS = _SECOND
"""An order whose first answer took longer is a mishap."""
OUT_NS = 30 * _SECOND
"""A venue comes back no sooner than this after it was taken out, and with an eighth of the points that took it out."""
LONGEST_OUT_NS = 960 * _SECOND
PROBATION_NS = 300 * _SECOND
"""For so long after its return half of the points take it out again, for twice as long as before."""
_HALF_NS = 60 * _SECOND
_BURST = 5.0
"""Of one kind of mishap, so many points a second count at most: a gap of a connection loses all its books at once."""


class Health:
    """Of one venue. ``why``: why it is out; "" = it is not. ``most``: with so many points it is taken out."""

    __slots__ = ("_at_ns", "_back_ns", "_burst", "_counts", "_out_ns", "_points", "most", "returned_ns", "why")

    def __init__(self, most: float = 80.0) -> None:
        self.most = most
        self.why = ""
        self._points = 0.0
        self._at_ns = 0
        self._counts: dict[str, int] = {}
        """Mishaps since the points were last few, by name."""
        self._burst: dict[str, tuple[int, float]] = {}
        """By name: the second, and the points in it."""
        self._out_ns = OUT_NS
        self._back_ns = NEVER
        """When it may come back at the earliest."""
        self.returned_ns = -NEVER
        """When it came back the last time."""

    def points(self, now_ns: int) -> float:
        """The points now: 0 = all is well."""
        passed_ns = now_ns - self._at_ns
        return self._points * 0.5 ** (passed_ns / _HALF_NS) if passed_ns > 0 else self._points

    def mishap(self, name: str, points: float, now_ns: int) -> None:
        """Something went wrong at the venue. ``name`` is for people."""
        second = now_ns // _SECOND
        since, in_second = self._burst.get(name, (0, 0.0))
        in_second = in_second if since == second else 0.0
        counted = min(points, max(_BURST - in_second, 0.0)) if points < _BURST else points
        self._burst[name] = (second, in_second + counted)
        self._points = self.points(now_ns) + counted
        self._at_ns = max(now_ns, self._at_ns)
        self._counts[name] = self._counts.get(name, 0) + 1

    def tick(self, now_ns: int) -> bool:
        """Once a second. True if it was taken out or came back: see ``why``."""
        points = self.points(now_ns)
        if self.why:
            if now_ns < self._back_ns or points > self.most / 8:
                return False
            self.why = ""
            self.returned_ns = now_ns
            return True
        on_probation = now_ns - self.returned_ns < PROBATION_NS
        if points >= (self.most / 2 if on_probation else self.most):
            self._out_ns = min(2 * self._out_ns, LONGEST_OUT_NS) if on_probation else OUT_NS
            self._back_ns = now_ns + self._out_ns
            counts = ", ".join(f"{count} {name}" for name, count in sorted(self._counts.items()))
            again = ", again during its probation" if on_probation else ""
            self.why = f"too many mishaps{again}: {counts}; out for {self._out_ns // _SECOND} s at least"
            self._counts.clear()
            return True
        if points < 1.0:
            self._counts.clear()
        return False
