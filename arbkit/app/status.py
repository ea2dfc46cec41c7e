"""Tells a person why nothing happens: a venue out of reach, a key that is refused, a fact that has not come.

Reads the desk once a second and writes nothing but lines; it stops the run only when nothing can come of it.
"""

from __future__ import annotations

import asyncio
import re

from arbkit.core.desk import Desk
from arbkit.core.log import Log
from arbkit.core.runtime.supervisor import Runtime

__all__ = ["Watch"]

LOOK_S = 1.0
REPEAT_LOOKS = 10
"""A venue that waits for something else than before is told about again after so many looks."""
_STOPPED = "stopped: "
"""How ``Readiness.missing`` begins when the venue refused the key, or its plugin failed."""


class Watch:
    """``why`` tells of each venue what keeps it from trading, in words; "" = nothing does."""

    def __init__(self, desk: Desk, runtime: Runtime, log: Log) -> None:
        self.why: dict[str, str] = {}
        self._desk = desk
        self._runtime = runtime
        self._log = log
        self._told: dict[str, tuple[str, int]] = {}
        self._looks = 0

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            self.look()
            if self._hopeless() and not self._runtime.stops:
                self._runtime.stop()

    def look(self) -> None:
        """One look; what changed is told."""
        self._looks += 1
        for name in self._desk.venues:
            self.why[name] = why = self._reason(name)
            kind = re.sub(r"\d+", "", why)
            told, at = self._told.get(name, (None, -REPEAT_LOOKS))
            if kind == told or (why and self._looks < at + REPEAT_LOOKS):
                continue
            self._told[name] = kind, self._looks
            if why:
                self._log("venue.waiting", venue=name, why=why)
            else:
                self._log("venue.ready", venue=name)

    def _reason(self, name: str) -> str:
        venue = self._desk.venues[name]
        rest = self._runtime.rests.get(venue.rest.spec.link)
        trouble = rest.trouble if rest is not None else ""
        if not venue.catalogued:
            return trouble or "its instruments have not come yet"
        if venue.paper is not None:
            return ""
        missing = venue.readiness.missing()
        if missing and missing[0].startswith(_STOPPED):
            return missing[0]  # all else follows from it
        return "; ".join([*missing, trouble] if missing and trouble else missing)

    def _hopeless(self) -> bool:
        """Every key refused, or every strategy failed."""
        live = [name for name, venue in self._desk.venues.items() if venue.paper is None]
        refused = bool(live) and all(self.why[name].startswith(_STOPPED) for name in live)
        return refused or all(slot.failed for slot in self._desk.engine.strategies)
