"""The port for facts that a person may want to read later: one call a fact, off the hot path."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Facts", "NoFacts"]


class Facts(Protocol):
    def log(self, event: str, **fields: object) -> None:
        """One fact: a dotted name (``deal.closed``) and its fields. Never blocks, never raises.

        Names in use: ``run.*``, ``link.up``, ``link.down``, ``link.bad_frame``, ``book.synced``, ``book.lost``,
        ``deal.opened``, ``deal.closed``, ``order.unknown``, ``order.resolved``, ``risk.mode``, ``risk.refused``,
        ``alarm.*``. Fields in use: ``link``, ``venue``, ``account``, ``instrument``, ``deal``, ``leg``, ``cl_ord_id``,
        ``reason``.
        """
        ...


class NoFacts:
    """Where nobody reads: tests, replay, benches."""

    def log(self, event: str, **fields: object) -> None:
        pass
