"""Chaos runs: see ``arbkit.testing.chaos.runner``."""

from __future__ import annotations

from arbkit.testing.chaos.invariants import START_NS, SeedReport, WatchedRun, client_ids
from arbkit.testing.chaos.runner import KINDS, ROUGH, DeskUnderTest, run, swarm

__all__ = ["KINDS", "ROUGH", "START_NS", "DeskUnderTest", "SeedReport", "WatchedRun", "client_ids", "run", "swarm"]
