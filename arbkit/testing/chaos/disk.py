"""The journal's file in virtual time: it knows what was written, and what of it would survive a power failure."""

from __future__ import annotations

from arbkit.core.errors import JournalFailed

__all__ = ["Disk"]

_SYNC_NS = 400_000
"""A usual ``fdatasync``."""


class Disk:
    """An append-only file of a state folder that survives processes."""

    __slots__ = ("broken", "data", "sync_ns", "synced")

    def __init__(self) -> None:
        self.data = bytearray()
        self.synced = 0
        """Bytes that a power failure leaves."""
        self.sync_ns = _SYNC_NS
        """How long a sync takes."""
        self.broken = False
        """Nothing can be written any more."""

    def append(self, record: bytes) -> int:
        """Write to the page cache; the position after it. Raises ``JournalFailed``."""
        if self.broken:
            raise JournalFailed("journal: writing failed: Input/output error")
        self.data += record
        return len(self.data)

    def sync(self, position: int) -> None:
        """The disk has everything up to ``position``."""
        self.synced = max(self.synced, position)

    def flush(self) -> None:
        """Sync everything now, as a process does before it begins."""
        self.synced = len(self.data)

    def lose_power(self) -> None:
        """What was not synced is gone."""
        del self.data[self.synced :]

    def cut(self, position: int) -> None:
        """Remove a torn last record."""
        del self.data[position:]
        self.synced = position

    def replace(self, data: bytes) -> None:
        """Another file takes its place, complete on the disk."""
        self.data[:] = data
        self.flush()

    def forget(self) -> None:
        """The state folder is empty: a new machine, another working directory."""
        self.data.clear()
        self.synced = 0

    def repaired(self) -> None:
        """A person has looked after it."""
        self.broken = False
        self.sync_ns = _SYNC_NS
