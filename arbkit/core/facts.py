"""Where the core tells what happened. The runtime turns facts into log lines, off the hot path."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Facts", "NoFacts"]


class Facts(Protocol):
    """One structured line a fact."""

    def log(self, event: str, /, **fields: object) -> None:
        """``event`` is ``noun.verb`` (``link.down``, ``deal.closed``); fields are plain values."""
        ...


class NoFacts:
    """Tells nobody."""

    def log(self, event: str, /, **fields: object) -> None:
        """Forget it."""
