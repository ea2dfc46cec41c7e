"""The log seam: what happened, for a person to read later. Every room of the core writes it; ``monitor`` prints it."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Log", "no_log"]


class Log(Protocol):
    """Takes one event: a dotted name (``deal.closed``) and its fields. Never blocks, never raises.

    ``docs/log.md`` lists all names and their fields. It is not called on the way from a frame to an order.
    """

    def __call__(self, event: str, /, **fields: object) -> None: ...


def no_log(event: str, /, **fields: object) -> None:
    """Where nobody reads: tests, replay, benches."""
