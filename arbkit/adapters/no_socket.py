"""Base class of REST sessions. They have no socket, so ``dial``, ``start`` and ``receive`` are not used."""

from __future__ import annotations

from collections.abc import Sequence

from arbkit.core.errors import LocalProtocolError
from arbkit.core.protocols import Signer
from arbkit.core.types import NEVER, Dial, LinkSpec, Output

__all__ = ["NoSocket"]


class NoSocket:
    """The socket methods of ``core.protocols.Session`` for a REST session, and access to the signer.

    A venue's REST session adds ``encode`` and ``answered``.
    """

    def __init__(self, link: LinkSpec, signer: Signer | None) -> None:
        self.due_ns = NEVER
        self._link = link
        self._signer = signer

    def dial(self, now_ns: int) -> Dial:
        raise LocalProtocolError(f"{self._link.link} has no socket")

    def start(self, now_ns: int) -> Sequence[Output]:
        return ()

    def receive(self, data: str | bytes, now_ns: int) -> Sequence[Output]:
        raise LocalProtocolError(f"{self._link.link} has no socket")

    def tick(self, now_ns: int) -> Sequence[Output]:
        return ()

    @property
    def _key(self) -> Signer:
        """The signer. Raises ``LocalProtocolError`` on a link without key."""
        if self._signer is None:
            raise LocalProtocolError(f"{self._link.link} has no key")
        return self._signer
