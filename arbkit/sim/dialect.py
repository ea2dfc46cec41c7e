"""The interface of a dialect: the server side of one venue's protocol, on top of a ``SimExchange``.

A dialect turns HTTP requests and client frames into calls on ``arbkit.sim.venue.SimExchange``, and the exchange's
reports and book changes into the venue's own JSON. It is synchronous and does no I/O.

Life of a call (``World`` does this):

1. ``http`` / ``connect`` / ``frame`` / ``closed`` is called, or a timer runs, with ``now_ns``, the venue's clock;
2. the dialect calls the exchange, and writes frames with ``self.wire.send(conn, text, kind, symbol)``, or binary ones
   by ``pack``;
   an answer to a client frame has kind ``reply``, a private event ``user``, a depth frame ``book``, a best bid-ask
   frame ``top`` (both with their canonical symbol); faults select frames by kind and symbol;
3. the world passes the exchange's reports (``exchange.take_reports()``) to ``reports``: order and balance changes of
   client accounts, and public trades. Replies written in step 2 are therefore sent before reports;
4. the world takes ``wire.outs``.

Do not catch ``Lost`` (raised by ``exchange.place`` when a fault loses the request): the world catches it, and the
request gets no answer. ``Refused`` is the exchange's rejection; translate it into the venue's own error.
Frames sent by time (depth every 100 ms, pings, keep-alive timeouts) use ``timers``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Protocol, TypeAlias

from arbkit.sim.conns import Conns
from arbkit.sim.facts import Facts, Notation
from arbkit.sim.timers import Timers
from arbkit.sim.venue import Profile, Report, SimExchange
from arbkit.sim.wire import Reply, Request, SimWire

__all__ = ["BaseDialect", "DepthRows", "Dialect", "Rows"]


Rows: TypeAlias = Sequence[Sequence[str]]
DepthRows: TypeAlias = tuple[str, bool, Rows, Rows]
"""A depth message: the venue's own symbol, whether it replaces the book, bids and asks as text."""


class Dialect(Protocol):
    """Made as ``cls(exchange, wire)`` by the world; one instance per simulated venue."""

    venue: ClassVar[str]
    """The venue's name, the same as in its adapter."""
    profile: ClassVar[Profile]
    """The exchange rules of this venue: client-id scope, fees, decimals."""
    timers: Timers
    """What is sent by time. The world calls its ``tick`` when something is due."""

    def __init__(self, exchange: SimExchange, wire: SimWire) -> None: ...

    @staticmethod
    def endpoints(http: str, ws: str) -> Mapping[str, str | None]:
        """Base URLs by name: ``rest``, ``ws_public``, ``ws_private``, ``ws_trade``; None if the venue has none.

        ``http`` and ``ws`` are the server's origin (``http://127.0.0.1:1234``, ``ws://127.0.0.1:1234``). A client
        appends the venue's own paths to a base URL, so ``connect`` and ``http`` distinguish the endpoints by path.
        """
        ...

    @staticmethod
    def read_depth(message: dict[str, Any]) -> DepthRows | None:
        """A decoded client-side depth message; None for any other message. For benches: the simplest way to read it."""
        ...

    def http(self, request: Request, now_ns: int) -> Reply:
        """Answer one HTTP request; check the signature over ``request.query`` and ``request.body`` as sent."""
        ...

    def limited(self, now_ns: int, retry_ns: int) -> Reply:
        """The venue's "too many requests" reply, with its real headers and body. Used by a fault."""
        ...

    def busy(self, now_ns: int) -> Reply:
        """The venue's "system busy" reply, which proves nothing about the request. Used by a fault."""
        ...

    def banned(self, now_ns: int, retry_ns: int) -> Reply:
        """The venue's reply to a banned address. Used by a fault."""
        ...

    def connect(self, conn: int, target: str, headers: Mapping[str, str], now_ns: int) -> Reply | None:
        """A WebSocket handshake for ``target`` (path and query). A ``Reply`` refuses it; None accepts.

        ``conn`` identifies the connection until ``closed``. Frames may be sent in this call.
        """
        ...

    def frame(self, conn: int, text: str, now_ns: int) -> None:
        """A text frame from the client, on a connection that is open."""
        ...

    def closed(self, conn: int, now_ns: int) -> None:
        """The connection ended, by either side: remove it and its feeds. An unknown ``conn`` is ignored."""
        ...

    def reports(self, reports: Sequence[Report], now_ns: int) -> None:
        """Send the exchange's reports to the subscribers."""
        ...


class BaseDialect:
    """What most dialects have: the exchange and its facts, the output, timers and connections. A ``Dialect`` need not
    be one."""

    _tells: Mapping[type[Any], Callable[[Any, int], object]] = {}
    """What tells a report of each type, with its time. Reports of other types are not told."""

    def __init__(self, exchange: SimExchange, wire: SimWire, notation: Notation) -> None:
        self._exchange = exchange
        self._wire = wire
        self.timers = Timers()
        self._facts = Facts(exchange, notation)
        self._conns = Conns(wire, self.timers)

    def closed(self, conn: int, now_ns: int) -> None:
        """See ``Dialect.closed``."""
        self._conns.closed(conn)

    def reports(self, reports: Sequence[Report], now_ns: int) -> None:
        """See ``Dialect.reports``."""
        for report in reports:
            tell = self._tells.get(type(report))
            if tell is not None:
                tell(report, now_ns)
