"""The conformance kit: see ``arbkit.testing.conformance.suite`` and docs/conformance.md."""

from __future__ import annotations

from arbkit.testing.conformance.suite import KINDS, RULES, Nonconforming, NotRun, Result, Rule, VenueUnderTest, run

__all__ = ["KINDS", "RULES", "Nonconforming", "NotRun", "Result", "Rule", "VenueUnderTest", "run"]
