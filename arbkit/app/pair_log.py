"""Logs why pairs are not traded: all of them once a minute, a standing basis when it begins and when it has closed,
and at once that nothing can be traded at all. ``app.status`` calls it once a second."""

from __future__ import annotations

from collections import Counter

from arbkit.core.desk import Desk
from arbkit.core.log import Log
from arbkit.core.types import Idle

__all__ = ["PairLog"]

SECOND = 1_000_000_000
LOOK_NS, TELL_NS = 10 * SECOND, 60 * SECOND
_MOST = 20
"""So many pairs are told in one event; all are in the metrics."""


class PairLog:
    """See the module."""

    def __init__(self, desk: Desk, log: Log) -> None:
        self._desk = desk
        self._log = log
        self._look_ns = self._tell_ns = self._nothing_ns = 0
        self._dead = False
        """The last look found that nothing can be traded."""
        self._standing: dict[str, Idle] = {}

    def look(self, now_ns: int) -> None:
        """Look at the pairs, if it is time for it."""
        if not self._look_ns:  # books and accounts need some seconds
            self._look_ns, self._tell_ns = now_ns + LOOK_NS, now_ns + TELL_NS
        if now_ns < self._look_ns:
            return
        self._look_ns = now_ns + LOOK_NS
        rows = self._desk.reasons.now(now_ns)
        self._tell_basis({one.name: one for one in rows if one.reason == "basis"})
        self._tell_nothing(self._desk.reasons.nothing(rows), now_ns)
        if now_ns >= self._tell_ns:
            self._tell_ns = now_ns + TELL_NS
            counts = Counter(one.reason or "none" for one in rows)
            shown = sorted(rows, key=lambda one: counts[one.reason or "none"])[:_MOST]  # the rare reasons first
            pairs = {one.name: f"{one.reason or 'none'}: {one.text}" for one in shown}
            self._log("pairs.idle", reasons=dict(counts.most_common()), pairs=pairs, untold=len(rows) - len(shown))

    def _tell_basis(self, found: dict[str, Idle]) -> None:
        for name in found.keys() - self._standing.keys():
            self._log("basis.standing", pair=name, why=found[name].text)
        for name in self._standing.keys() - found.keys():
            self._log("basis.over", pair=name)
        self._standing = found

    def _tell_nothing(self, why: str, now_ns: int) -> None:
        """If two looks in a row found it: a venue that connects again is no alarm."""
        if why and self._dead and now_ns >= self._nothing_ns:
            self._nothing_ns = now_ns + TELL_NS
            self._desk.counters.alarms["nothing_tradable"] += 1
            self._log("alarm.nothing_tradable", why=why)
        if not why and self._nothing_ns:
            self._nothing_ns = 0
            self._log("pairs.tradable")
        self._dead = bool(why)
