"""Chaos runs: see ``arbkit.testing.chaos.runner``."""

from __future__ import annotations

from arbkit.testing.chaos.invariants import SeedReport, WatchedRun, client_ids
from arbkit.testing.chaos.runner import KINDS, ROUGH, DeskUnderTest, run, swarm

__all__ = ["KINDS", "ROUGH", "DeskUnderTest", "SeedReport", "WatchedRun", "client_ids", "run", "swarm"]
