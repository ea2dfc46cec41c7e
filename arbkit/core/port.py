"""The port: the desk's only way out. ``core.runtime`` implements it with sockets, ``testing.virtual`` with simulated
venues, ``core.tape`` for a replay."""

from __future__ import annotations

from typing import Protocol

from arbkit.core.types import Dial, HttpRequest

__all__ = ["Port"]


class Port(Protocol):
    """The outside, as the floors below the runtime see it: it moves bytes and decides nothing."""

    def dial(self, link: str, dial: Dial) -> None:
        """Connect; ``Desk.opened`` or ``Desk.closed`` follows."""
        ...

    def send(self, link: str, text: str) -> bool:
        """Write one message; False when provably nothing left."""
        ...

    def drop(self, link: str, reason: str) -> None:
        """Close; ``Desk.closed`` follows."""
        ...

    def request(self, link: str, ref: int, request: HttpRequest, timeout_ns: int) -> None:
        """One REST call; exactly one ``Desk.answered(ref, ...)`` follows."""
        ...

    def journal(self, record: bytes) -> int:
        """Append to the journal's page cache before returning; the position after it."""
        ...
