"""Runs the garbage collector when no deal is open, so that it does not delay orders. The supervisor calls it."""

from __future__ import annotations

import gc

from arbkit.core.runtime.clock import Clock

__all__ = ["Heap"]

WARM_UP_NS = 10_000_000_000
"""Objects made before this time (imports, catalogues, first books) are long-lived. They are then frozen."""
YOUNG_EVERY_NS = 1_000_000_000
FULL_EVERY_NS = 60_000_000_000
OVERDUE_NS = 600_000_000_000
"""After this time a full collection runs even if a deal is open."""


class Heap:
    """Disables automatic collection after the warm-up; ``close`` enables it again."""

    def __init__(self, clock: Clock, now_ns: int) -> None:
        self._perf_ns = clock.perf_ns
        self._freeze_ns = now_ns + WARM_UP_NS
        self._young_ns = self._full_ns = now_ns
        self._ours = False
        self.collections = 0
        self.pause_ns = 0
        """Duration of the last full collection."""
        self.worst_pause_ns = 0
        """Longest full collection."""

    def tick(self, calm: bool, now_ns: int) -> None:
        """Collect if a collection is due and ``calm`` (no open deal)."""
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
        """Restore automatic collection."""
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
