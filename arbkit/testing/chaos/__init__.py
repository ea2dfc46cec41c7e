"""Chaos runs: see ``arbkit.testing.chaos.runner``."""

from __future__ import annotations

from arbkit.testing.chaos.invariants import SeedReport, WatchedRun
from arbkit.testing.chaos.runner import ROUGH, DeskUnderTest, run, swarm

__all__ = ["ROUGH", "DeskUnderTest", "SeedReport", "WatchedRun", "run", "swarm"]
