"""Hypothesis here is deterministic, and no slow machine fails a property."""

from hypothesis import settings

settings.register_profile("arbkit", deadline=None, derandomize=True, database=None)
settings.load_profile("arbkit")
