"""Garbage collection at chosen moments: never while a deal is open."""

from __future__ import annotations

import gc

from arbkit.core.runtime.clock import Clock

__all__ = ["Heap"]

WARM_UP_NS = 10_000_000_000
"""Until then the imports, catalogues and first books come to stay; they are frozen after it."""
YOUNG_EVERY_NS = 1_000_000_000
FULL_EVERY_NS = 60_000_000_000
OVERDUE_NS = 600_000_000_000
"""A deal that stays open for so long does not hold a collection up any more."""


class Heap:
    """Takes the collector over after the warm-up, and gives it back in ``close``."""

    def __init__(self, clock: Clock, now_ns: int) -> None:
        self._perf_ns = clock.perf_ns
        self._freeze_ns = now_ns + WARM_UP_NS
        self._young_ns = self._full_ns = now_ns
        self._ours = False
        self.collections = 0
        self.pause_ns = 0
        """The last full collection, and the worst."""
        self.worst_pause_ns = 0

    def tick(self, calm: bool, now_ns: int) -> None:
        """Collect if it is due and nothing is going on."""
        if not self._ours:
            if calm and now_ns >= self._freeze_ns:
                self._ours = True
                gc.disable()
                self._collect()
                gc.freeze()
                self._young_ns = self._full_ns = now_ns
            return
        if (calm and now_ns - self._full_ns >= FULL_EVERY_NS) or now_ns - self._full_ns >= OVERDUE_NS:
            self._collect()
            self._young_ns = self._full_ns = now_ns
        elif calm and now_ns - self._young_ns >= YOUNG_EVERY_NS:
            gc.collect(0)
            self._young_ns = now_ns

    def close(self) -> None:
        """The collector as it was."""
        if self._ours:
            self._ours = False
            gc.unfreeze()
            gc.enable()

    def _collect(self) -> None:
        begun = self._perf_ns()
        gc.collect()
        self.pause_ns = self._perf_ns() - begun
        self.worst_pause_ns = max(self.worst_pause_ns, self.pause_ns)
        self.collections += 1
