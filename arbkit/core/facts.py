"""The port for facts that a person may want to read later: one call a fact, off the hot path."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Facts", "NoFacts"]


class Facts(Protocol):
    def log(self, event: str, **fields: object) -> None:
        """One fact: a dotted name (``deal.closed``) and its fields. Never blocks, never raises.

        ``docs/log.md`` lists all names and their fields.
        """
        ...


class NoFacts:
    """Where nobody reads: tests, replay, benches."""

    def log(self, event: str, **fields: object) -> None:
        pass
