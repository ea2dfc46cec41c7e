"""Assembles what the conformance rules need to test an installed adapter: its class, its simulated venue, the files."""

from __future__ import annotations

from pathlib import Path

from arbkit.app.installed import installed
from arbkit.testing.conformance import VenueUnderTest
from arbkit.testing.conformance.recording_rules import read_recording
from arbkit.testing.conformance.vectors import read_vectors

__all__ = ["subject"]


def subject(name: str, recording: Path | None = None, vectors: Path | None = None) -> VenueUnderTest:
    """The installed adapter ``name``. Raises ``ConfigError`` for an unknown name (with the nearest one), and for a file
    that cannot be read (with the line)."""
    registry = installed(dialects=True)
    exchange = registry.exchange(name)
    if recording is not None:
        read_recording(recording)
    if vectors is not None:
        read_vectors(vectors)
    return VenueUnderTest(exchange, registry.dialects.get(name), recording=recording, vectors=vectors)
