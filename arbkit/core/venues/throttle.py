"""Our own count of what a venue's rate limits still allow, so that it never has to refuse us.

One ``Throttle`` a venue. Windows slide, so that no phase of the venue's fixed windows can see more than its limit, and
are a little longer than the venue's, because requests sent evenly may arrive bunched.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from arbkit.core.errors import LocalProtocolError
from arbkit.core.types import NEVER, Lane, RateLimit, RateReport

__all__ = ["ConnectLimiter", "Cost", "Throttle"]

Cost = tuple[str, int]
"""(``bucket`` or ``bucket:key``, units)."""

_GRAINS = 64
"""Grants closer together than a 64th of the window share one entry: bounds the memory of a window."""
_MARGIN_NS = 250_000_000
_KEYS = 1024
"""Idle keyed windows (instruments, links) are forgotten beyond so many."""


_PERCENT = {lane: round(lane.value * 100) for lane in Lane}


class _Window:
    """Grants of one limit in the last ``span_ns``."""

    __slots__ = ("declared", "grain_ns", "grants", "held", "limit", "span_ns", "used")

    def __init__(self, limit: RateLimit) -> None:
        self.declared = limit.limit
        self.limit = limit.limit
        self.span_ns = limit.window_ns + min(limit.window_ns // 10, _MARGIN_NS)
        self.grain_ns = limit.window_ns // _GRAINS
        self.grants: deque[tuple[int, int, int]] = deque()
        """(first, last, units): all of an entry count until ``last`` is out of the window."""
        self.used = 0
        self.held = 0

    def expire(self, now_ns: int) -> None:
        grants = self.grants
        while grants and grants[0][1] + self.span_ns <= now_ns:
            self.used -= grants.popleft()[2]

    def add(self, units: int, now_ns: int) -> None:
        self.used += units
        grants = self.grants
        if grants and now_ns - grants[-1][0] < self.grain_ns:
            first, _, before = grants.pop()
            grants.append((first, now_ns, before + units))
        else:
            grants.append((now_ns, now_ns, units))

    def ready_ns(self, units: int, own: int, percent: int, now_ns: int) -> int:
        """When ``units`` fit into ``percent`` of the limit; ``own`` of them were set aside before and ask only for the
        limit itself."""
        self.expire(now_ns)
        extra = units - own
        share = percent * self.limit // 100
        if extra <= 0:
            most = self.limit - units
        elif extra <= share:
            most = share - self.held - extra
        else:  # larger than the lane's whole share: only alone, else it would never go out
            most = 0 if self.held + extra <= self.limit else -1
        if most < 0:
            # Waits for holds to be released, which is no matter of time, or never fits.
            return NEVER if units > self.limit else now_ns + self.span_ns
        left = self.used
        if left <= most:
            return now_ns
        at = now_ns
        for _, last, granted in self.grants:
            if left <= most:
                return at
            left -= granted
            at = max(now_ns, last + self.span_ns)
        return at


class Throttle:
    """The buckets of one venue. Costs of one request are granted all or none.

    A lane may fill a bucket up to its share (``Lane.value``), so cancels, hedges and queries always find some left;
    a single request larger than its lane's share is granted only when nothing else is in the window.
    """

    def __init__(self, limits: Sequence[RateLimit]) -> None:
        self._limits: dict[str, list[RateLimit]] = {}
        for limit in limits:
            self._limits.setdefault(limit.bucket, []).append(limit)
        self._windows: dict[str, list[_Window]] = {}
        self._holds: dict[int, dict[str, int]] = {}
        self._closed: dict[str, int] = {}
        """Bucket -> until when the venue wants nothing."""

    def ready_ns(self, costs: Sequence[Cost], lane: Lane, now_ns: int, deal: int = 0) -> int:
        """When ``costs`` could be granted if nothing else came: ``now_ns`` = at once, ``NEVER`` = more than the limit.

        Raises ``LocalProtocolError`` for a bucket that the venue never declared."""
        return self._ready_ns(_summed(costs), lane, now_ns, deal)

    def take(self, costs: Sequence[Cost], lane: Lane, now_ns: int, deal: int = 0) -> bool:
        """Take the tokens or none. With ``deal``, what that deal holds is spent first."""
        if len(costs) > 1:
            costs = _summed(costs)
        if self._ready_ns(costs, lane, now_ns, deal) > now_ns:
            return False
        self._take(costs, now_ns, deal)
        return True

    def begin(self, costs: Sequence[Cost], unwind: Sequence[Cost], deal: int, now_ns: int) -> bool:
        """Take the tokens of an entry (``costs``) and set those of its worst-case ``unwind`` aside for ``deal``, or do
        neither. Held tokens count as used until they are spent (``take(..., deal=deal)``) or released."""
        if self._ready_ns(unwind, Lane.ORDER, now_ns, 0) > now_ns:
            return False
        self._hold(deal, unwind, 1)
        if self._ready_ns(costs, Lane.ORDER, now_ns, 0) > now_ns:
            self._hold(deal, unwind, -1)
            return False
        self._take(costs, now_ns, 0)
        return True

    def _hold(self, deal: int, costs: Sequence[Cost], sign: int) -> None:
        holds = self._holds.setdefault(deal, {})
        for name, units in costs:
            holds[name] = holds.get(name, 0) + sign * units
            for window in self._windows.get(name) or self._find(name):
                window.held += sign * units

    def _take(self, costs: Sequence[Cost], now_ns: int, deal: int) -> None:
        for name, units in costs:
            if deal:
                self._unhold(deal, name, units)
            for window in self._windows.get(name) or self._find(name):
                window.add(units, now_ns)

    def _ready_ns(self, costs: Sequence[Cost], lane: Lane, now_ns: int, deal: int) -> int:
        percent = _PERCENT[lane]
        closed = self._closed
        ready = max(now_ns, closed.get("*", 0)) if closed else now_ns
        holds = self._holds.get(deal) if deal else None
        for name, units in costs:
            if closed:
                ready = max(ready, closed.get(name, 0), closed.get(name.partition(":")[0], 0))
            own = min(units, holds.get(name, 0)) if holds else 0
            for window in self._windows.get(name) or self._find(name):
                if not own and window.used + window.held + units <= percent * window.limit // 100:
                    continue  # it fits, also when some grants have expired
                at = window.ready_ns(units, own, percent, now_ns)
                if at > ready:
                    ready = at
        return ready

    def limits(self, bucket: str) -> bool:
        """Whether the venue declared such a bucket."""
        return bucket in self._limits

    def release(self, deal: int) -> None:
        """The deal is over: what it still holds is free again."""
        for name, units in self._holds.pop(deal, {}).items():
            for window in self._windows[name]:
                window.held -= units

    def report(self, report: RateReport, now_ns: int) -> None:
        """What the venue says: a higher ``used`` raises our count, ``until_ns`` closes the bucket ("*" = all).

        A lower ``used`` changes nothing: requests under way are not in it yet. Where one bucket has several windows
        the one whose limit is named is meant, else the first."""
        if report.until_ns > now_ns:
            self._closed = {name: until for name, until in self._closed.items() if until > now_ns}
            self._closed[report.bucket] = max(report.until_ns, self._closed.get(report.bucket, 0))
        if report.bucket.partition(":")[0] not in self._limits:
            return  # a venue may tell of limits that nothing of ours falls under
        windows = self._find(report.bucket)
        window = next((window for window in windows if window.limit == report.limit), windows[0])
        window.expire(now_ns)
        if report.limit and len(windows) == 1:
            window.limit = report.limit
        if report.used is not None and report.used > window.used:
            window.add(report.used - window.used, now_ns)

    def headroom(self, now_ns: int) -> dict[str, float]:
        """Fraction left per bucket in use (the tightest window of each; 0.0 while closed)."""
        rooms: dict[str, float] = {}
        for name, windows in self._windows.items():
            closed = max(self._closed.get(key, 0) for key in ("*", name, name.partition(":")[0]))
            room = 0.0 if closed > now_ns else 1.0
            for window in windows:
                window.expire(now_ns)
                room = min(room, max(0.0, 1 - (window.used + window.held) / window.limit))
            rooms[name] = room
        return rooms

    def _find(self, name: str) -> list[_Window]:
        windows = self._windows.get(name)
        if windows is None:
            limits = self._limits.get(name.partition(":")[0])
            if limits is None:
                raise LocalProtocolError(f"rate bucket {name!r} is in no rate limit of the venue: {list(self._limits)}")
            if len(self._windows) >= _KEYS:
                self._forget_idle()
            windows = self._windows[name] = [_Window(limit) for limit in limits]
        return windows

    def _forget_idle(self) -> None:
        """Drop windows that say no more than a fresh one would. A grant may be long past without anybody asking."""
        newest = max((w.grants[-1][1] for ws in self._windows.values() for w in ws if w.grants), default=0)
        for windows in self._windows.values():
            for window in windows:
                window.expire(newest)
        self._windows = {
            name: windows
            for name, windows in self._windows.items()
            if any(window.used or window.held or window.limit != window.declared for window in windows)
        }

    def _unhold(self, deal: int, name: str, units: int) -> None:
        holds = self._holds.get(deal)
        own = min(units, holds.get(name, 0)) if holds else 0
        if holds and own:
            holds[name] -= own
            for window in self._windows[name]:
                window.held -= own


class ConnectLimiter:
    """Connections per window over all venues: after an outage they come back one after the other, not as a storm."""

    def __init__(self, limit: int = 10, window_ns: int = 1_000_000_000) -> None:
        self._window = _Window(RateLimit("connect", limit, window_ns))

    def ready_ns(self, now_ns: int) -> int:
        """When the next connection may be made; ``now_ns`` = at once."""
        return self._window.ready_ns(1, 0, 100, now_ns)

    def take(self, now_ns: int) -> bool:
        if self.ready_ns(now_ns) > now_ns:
            return False
        self._window.add(1, now_ns)
        return True


def _summed(costs: Sequence[Cost]) -> Sequence[Cost]:
    """Costs with each bucket once."""
    if len(costs) < 2:
        return costs
    sums: dict[str, int] = {}
    for name, units in costs:
        sums[name] = sums.get(name, 0) + units
    return list(sums.items())
