"""The conformance kit: see ``arbkit.testing.conformance.suite``."""

from __future__ import annotations

from arbkit.testing.conformance.suite import RULES, Nonconforming, Result, Rule, VenueUnderTest, run, table

__all__ = ["RULES", "Nonconforming", "Result", "Rule", "VenueUnderTest", "run", "table"]
