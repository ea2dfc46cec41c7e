"""Our own count of what a venue's rate limits still allow, so that it never has to refuse us.

One ``Throttle`` a venue. Windows slide, so that no phase of the venue's fixed windows can see more than its limit.
"""

from __future__ import annotations

from collections.abc import Sequence

from arbkit.core.types import Lane, RateLimit, RateReport

__all__ = ["ConnectLimiter", "Cost", "Throttle"]

Cost = tuple[str, int]
"""(``bucket`` or ``bucket:key``, units)."""


class Throttle:
    """The buckets of one venue. Costs of one request are granted all or none."""

    def __init__(self, limits: Sequence[RateLimit]) -> None: ...

    def ready_ns(self, costs: Sequence[Cost], lane: Lane, now_ns: int) -> int:
        """When ``costs`` could be granted if nothing else came: ``now_ns`` = at once, ``NEVER`` = more than the limit.

        Raises ``LocalProtocolError`` for a bucket that the venue never declared."""
        ...

    def take(self, costs: Sequence[Cost], lane: Lane, now_ns: int, deal: int = 0) -> bool:
        """Take the tokens or none. With ``deal``, what that deal holds is spent first."""
        ...

    def hold(self, deal: int, costs: Sequence[Cost], now_ns: int) -> bool:
        """Set tokens aside for a deal's worst-case unwind (adds to what it holds); False = nothing was set aside."""
        ...

    def release(self, deal: int) -> None:
        """The deal is over: what it still holds is free again."""
        ...

    def report(self, report: RateReport, now_ns: int) -> None:
        """What the venue says: a higher ``used`` raises our count, ``until_ns`` closes the bucket ("*" = all)."""
        ...

    def headroom(self, now_ns: int) -> dict[str, float]:
        """Fraction left per bucket in use (the tightest window of each; 0.0 while closed)."""
        ...
