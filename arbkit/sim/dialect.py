"""A dialect: one venue's wire, spoken from the venue's side over an ``SimExchange``.

A dialect turns HTTP requests and client frames into calls on ``arbkit.sim.venue.Exchange``, and the exchange's reports
and book changes into the venue's own JSON. It is synchronous and pure: bytes and time in, bytes out.

Life of a call (``World`` does this):

1. ``http`` / ``connect`` / ``frame`` / ``closed`` / ``tick`` is called with ``now_ns``, the venue's clock;
2. the dialect calls the exchange, and writes frames with ``self.wire.send(conn, text, kind, symbol)``;
   an answer to a client frame has kind ``reply``, a private event ``user``, a depth frame ``book``, a best bid-ask
   frame ``top`` (both with their canonical symbol): faults choose by these;
3. the world hands the exchange's reports (``exchange.take_reports()``) to ``reports``: order and balance changes of
   accounts that trade through the wire, and public trades. A dialect that must answer before it reports need do
   nothing: replies written in step 2 come first;
4. the world takes ``wire.outs``.

Never catch ``Lost`` (raised by ``exchange.place`` when a fault loses the request on its way): it passes through to the
world, and nobody answers. ``Refused`` is the exchange's "no": turn it into the venue's own error.
Time-driven frames (depth every 100 ms, pings, keep-alive timeouts) come from a ``Timers``: ``due_ns`` and ``tick``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Protocol

from arbkit.sim.venue import Profile, Report, SimExchange
from arbkit.sim.wire import Reply, Request, SimWire

__all__ = ["Dialect"]


class Dialect(Protocol):
    """Made as ``cls(exchange, wire)`` by the world; one instance a simulated venue."""

    venue: ClassVar[str]
    """The venue's name, as its adapter declares it."""
    profile: ClassVar[Profile]
    """The rules that the exchange applies for this venue: client-id scope, fees, decimals."""

    def __init__(self, exchange: SimExchange, wire: SimWire) -> None: ...

    @staticmethod
    def endpoints(http: str, ws: str) -> Mapping[str, str | None]:
        """Base URLs by name: ``rest``, ``ws_public``, ``ws_private``, ``ws_trade``; None where the venue has none.

        ``http`` and ``ws`` are the server's origin (``http://127.0.0.1:1234``, ``ws://127.0.0.1:1234``). A client
        appends the venue's own paths to a base, so ``connect`` and ``http`` tell the endpoints apart by path.
        """
        ...

    def http(self, request: Request, now_ns: int) -> Reply:
        """Answer one HTTP request; check the signature over ``request.query`` and ``request.body`` as sent."""
        ...

    def limited(self, now_ns: int, retry_ns: int) -> Reply:
        """The venue's "too many requests" reply, with the headers and body it really sends (used by a fault)."""
        ...

    def connect(self, conn: int, target: str, headers: Mapping[str, str], now_ns: int) -> Reply | None:
        """A WebSocket handshake for ``target`` (path and query). A ``Reply`` refuses it; None accepts.

        ``conn`` names the connection until ``closed``. Frames may be sent at once.
        """
        ...

    def frame(self, conn: int, text: str, now_ns: int) -> None:
        """A text frame from the client."""
        ...

    def closed(self, conn: int, now_ns: int) -> None:
        """The connection is gone (either side ended it): forget it and its feeds. Unknown ``conn`` is no error."""
        ...

    def reports(self, reports: Sequence[Report], now_ns: int) -> None:
        """Tell subscribers what happened at the exchange."""
        ...

    @property
    def due_ns(self) -> int:
        """When ``tick`` wants to be called next; ``NEVER`` where nothing is due."""
        ...

    def tick(self, now_ns: int) -> None:
        """Send what is due."""
        ...
