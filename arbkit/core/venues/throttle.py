"""Counts our use of a venue's rate limits, so that the venue never has to refuse a request. Sender, requests and dialer
use it.

There is one ``Throttle`` per venue. Its windows slide: no fixed window of the venue, wherever it begins, can contain
more than the limit. They are a little longer than the venue's, because requests sent at even intervals may arrive close
together.
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
"""Grants closer together than this fraction of the window share one entry. This bounds the memory of a window."""
_MARGIN_NS = 250_000_000
_KEYS = 1024
"""Above this number of windows, idle ones with a key (instrument, link) are dropped."""


_PERCENT = {lane: round(lane.value * 100) for lane in Lane}


class _Window:
    """The grants of one limit in the last ``span_ns``."""

    __slots__ = ("declared", "grain_ns", "grants", "held", "limit", "span_ns", "used")

    def __init__(self, limit: RateLimit) -> None:
        self.declared = limit.limit
        self.limit = limit.limit
        self.span_ns = limit.window_ns + min(limit.window_ns // 10, _MARGIN_NS)
        self.grain_ns = limit.window_ns // _GRAINS
        self.grants: deque[tuple[int, int, int]] = deque()
        """(first, last, units): the units of an entry count until ``last`` is out of the window."""
        self.used = 0
        self.held = 0

    @property
    def last_ns(self) -> int:
        """When units were last used; 0 = none are."""
        return self.grants[-1][1] if self.grants else 0

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

    def told(self, used: int, now_ns: int) -> None:
        """The venue has counted more than we did."""
        self.add(used - self.used, now_ns)

    def ready_ns(self, units: int, own: int, percent: int, now_ns: int) -> int:
        """When ``units`` fit into ``percent`` of the limit. ``own`` of them were reserved before; for them the whole
        limit counts."""
        self.expire(now_ns)
        most = _most(self.limit, self.held, units, own, percent)
        if most < 0:
            # It never fits, or it waits for reserved tokens: when they are released is not known here.
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


class _Level:
    """A counter that goes down evenly (``RateLimit.decays``), known by the time at which it will be 0."""

    __slots__ = ("declared", "held", "last_ns", "limit", "span_ns", "unit_ns", "used", "zero_ns")

    def __init__(self, limit: RateLimit) -> None:
        self.declared = limit.limit
        self.limit = limit.limit
        self.span_ns = limit.window_ns
        self.unit_ns = limit.window_ns // limit.limit
        self.zero_ns = self.last_ns = 0
        self.used = 0
        """At the last look, rounded up."""
        self.held = 0

    def expire(self, now_ns: int) -> None:
        self.used = max(0, -((now_ns - self.zero_ns) // self.unit_ns))

    def add(self, units: int, now_ns: int) -> None:
        self.last_ns = now_ns
        # requests may arrive closer together than they left
        self.zero_ns = max(self.zero_ns, now_ns + _MARGIN_NS) + units * self.unit_ns
        self.expire(now_ns)

    def told(self, used: int, now_ns: int) -> None:
        """The venue has counted more than we did."""
        self.zero_ns = now_ns + _MARGIN_NS + min(used, self.limit) * self.unit_ns
        self.expire(now_ns)

    def ready_ns(self, units: int, own: int, percent: int, now_ns: int) -> int:
        """As that of ``_Window``."""
        self.expire(now_ns)
        most = _most(self.limit, self.held, units, own, percent)
        if most < 0:
            return NEVER if units > self.limit else now_ns + self.span_ns
        return max(now_ns, self.zero_ns - most * self.unit_ns)


def _most(limit: int, held: int, units: int, own: int, percent: int) -> int:
    """How many units may be used before so many more fit into ``percent`` of the limit; less than 0 = they never fit.
    ``own`` of them were reserved before; for them the whole limit counts."""
    extra = units - own
    share = percent * limit // 100
    if extra <= 0:
        return limit - units
    if extra <= share:
        return share - held - extra
    # larger than the lane's share: granted only alone, else it would never be sent
    return 0 if held + extra <= limit else -1


class Throttle:
    """The buckets of one venue. The costs of one request are all granted, or none is.

    A lane may fill a bucket up to its share (``Lane.value``), so that cancels, hedges and queries always find some
    left. A single request larger than its lane's share is granted only when the window is empty.
    """

    def __init__(self, limits: Sequence[RateLimit]) -> None:
        self._limits: dict[str, list[RateLimit]] = {}
        for limit in limits:
            self._limits.setdefault(limit.bucket, []).append(limit)
        self._windows: dict[str, list[_Window | _Level]] = {}
        self._holds: dict[int, dict[str, int]] = {}
        self._closed: dict[str, int] = {}
        """Bucket -> until when the venue accepts nothing."""

    def ready_ns(self, costs: Sequence[Cost], lane: Lane, now_ns: int, deal: int = 0) -> int:
        """When ``costs`` could be granted if nothing else is sent: ``now_ns`` = at once, ``NEVER`` = more than the
        limit.

        Raises ``LocalProtocolError`` for a bucket that the venue did not declare.
        """
        return self._ready_ns(_summed(costs), lane, now_ns, deal)

    def take(self, costs: Sequence[Cost], lane: Lane, now_ns: int, deal: int = 0) -> bool:
        """Take all tokens and return True, or take none. With ``deal``, the tokens reserved for that deal are used
        first."""
        if len(costs) > 1:
            costs = _summed(costs)
        if self._ready_ns(costs, lane, now_ns, deal) > now_ns:
            return False
        self._take(costs, now_ns, deal)
        return True

    def begin(self, costs: Sequence[Cost], unwind: Sequence[Cost], deal: int, now_ns: int) -> bool:
        """Take the tokens of an entry (``costs``) and reserve those of its worst-case ``unwind`` for ``deal``, or do
        neither. Reserved tokens count as used until they are taken (``take(..., deal=deal)``) or released."""
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
                    continue  # fits even without dropping expired grants
                at = window.ready_ns(units, own, percent, now_ns)
                if at > ready:
                    ready = at
        return ready

    def limits(self, bucket: str) -> bool:
        """Whether the venue declared this bucket."""
        return bucket in self._limits

    def release(self, deal: int) -> None:
        """The deal is over: release its reserved tokens."""
        for name, units in self._holds.pop(deal, {}).items():
            for window in self._windows[name]:
                window.held -= units

    def report(self, report: RateReport, now_ns: int) -> None:
        """A report of the venue about its limits. A higher ``used`` raises our count; ``until_ns`` closes the bucket
        ("*" = all buckets).

        A lower ``used`` changes nothing, because it does not include requests that have not arrived yet. If a bucket
        has several windows, the report is for the one with the named limit, else for the first.
        """
        if report.until_ns > now_ns:
            self._closed = {name: until for name, until in self._closed.items() if until > now_ns}
            self._closed[report.bucket] = max(report.until_ns, self._closed.get(report.bucket, 0))
        if report.bucket.partition(":")[0] not in self._limits:
            return  # a venue may report limits that do not apply to our requests
        windows = self._find(report.bucket)
        window = next((window for window in windows if window.limit == report.limit), windows[0])
        window.expire(now_ns)
        if report.limit and len(windows) == 1:
            window.limit = report.limit
        if report.used is not None and report.used > window.used:
            window.told(report.used, now_ns)

    def headroom(self, now_ns: int) -> dict[str, float]:
        """Fraction left per used bucket (of its tightest window; 0.0 while closed)."""
        rooms: dict[str, float] = {}
        for name, windows in self._windows.items():
            closed = max(self._closed.get(key, 0) for key in ("*", name, name.partition(":")[0]))
            room = 0.0 if closed > now_ns else 1.0
            for window in windows:
                window.expire(now_ns)
                room = min(room, max(0.0, 1 - (window.used + window.held) / window.limit))
            rooms[name] = room
        return rooms

    def _find(self, name: str) -> list[_Window | _Level]:
        windows = self._windows.get(name)
        if windows is None:
            limits = self._limits.get(name.partition(":")[0])
            if limits is None:
                raise LocalProtocolError(f"rate bucket {name!r} is in no rate limit of the venue: {list(self._limits)}")
            if len(self._windows) >= _KEYS:
                self._forget_idle()
            windows = self._windows[name] = [(_Level if limit.decays else _Window)(limit) for limit in limits]
        return windows

    def _forget_idle(self) -> None:
        """Drop windows that are equal to a new one. Grants are expired first, because nobody may have asked for a long
        time."""
        newest = max((window.last_ns for windows in self._windows.values() for window in windows), default=0)
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
    """Limits new connections per window over all venues, so that not all links reconnect at once after an outage."""

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
    """The costs with one entry per bucket."""
    if len(costs) < 2:
        return costs
    sums: dict[str, int] = {}
    for name, units in costs:
        sums[name] = sums.get(name, 0) + units
    return list(sums.items())
