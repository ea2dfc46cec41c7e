"""May an account trade? A table of facts; losing one stops new deals there, never unwinds."""

from __future__ import annotations

from collections.abc import Sequence

from arbkit.core.types import Capabilities, ClockSample, LinkSpec

__all__ = ["Readiness"]


class Readiness:
    """The facts of one account. Books are the view's business: they are per symbol."""

    ready: bool
    """Cheap to read: kept current by every call."""

    def __init__(self, account: str, capabilities: Capabilities, links: Sequence[LinkSpec]) -> None:
        """``links``: all of the account's links; private and trade ones count, public ones do not."""
        self.ready = False

    def link_ready(self, link: str, now_ns: int) -> None:
        """``Ready`` came from this link."""

    def link_lost(self, link: str) -> None:
        """A private link lost also takes the listings with it: they must be asked for again."""

    def rest_warm(self, warm: bool = True) -> None:
        """A signed REST call was answered: orders can go that way when there is no trade link."""

    def balances_listed(self, sent_ns: int) -> None:
        """A full balance listing, asked for at ``sent_ns``; counts only if that is after the private stream's Ready."""

    def orders_listed(self, sent_ns: int) -> None:
        """A complete open-orders listing, likewise."""

    def unresolved(self, count: int) -> None:
        """How many intents are without a proved outcome (journal and UNKNOWN orders)."""

    def fees_known(self, known: bool = True) -> None: ...

    def clock(self, sample: ClockSample) -> None: ...

    def stop(self, reason: str) -> None:
        """Keep it from trading until ``stop("")``: credentials refused, a person's order, a ban."""

    def missing(self) -> list[str]:
        """What is missing, in words for a person; empty = ready."""
        return []
