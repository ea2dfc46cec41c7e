"""One venue of a simulated world: its exchange, dialect and output queue, and the state of its faults."""

from __future__ import annotations

from arbkit.sim.dialect import Dialect
from arbkit.sim.faults import Script
from arbkit.sim.venue import SimExchange
from arbkit.sim.wire import SimFrame, SimWire

__all__ = ["Site"]


class Site:
    """One venue of a world: exchange, dialect, output queue, faults."""

    __slots__ = (
        "banned",
        "blind_ns",
        "conns",
        "dialect",
        "down",
        "exchange",
        "faults",
        "held",
        "lag_ns",
        "late",
        "late_ns",
        "muted",
        "reordered",
        "silent",
        "skew_ns",
        "timers",
        "wire",
    )

    def __init__(self, exchange: SimExchange, dialect: type[Dialect], faults: Script) -> None:
        self.exchange = exchange
        self.wire = SimWire()
        self.dialect = dialect(exchange, self.wire)
        self.timers = self.dialect.timers
        self.faults = faults
        self.conns: dict[int, set[str]] = {}
        """Open connections, with the kinds of frame that each has carried."""
        self.held = 0
        """Nothing is sent before this time (fault ``delay``)."""
        self.muted: dict[int, tuple[int, str]] = {}
        """(until_ns, kind) of connections on which no frames of that kind are sent (fault ``mute``)."""
        self.blind_ns = 0
        """How far queries lag (fault ``blind``)."""
        self.reordered: dict[tuple[int, str], SimFrame] = {}
        self.banned = self.down = 0
        """Until when the venue refuses everything (faults ``ban`` and ``maintenance``)."""
        self.silent: dict[str, int] = {}
        """Until when no market data of a symbol is sent (fault ``silent``)."""
        self.late: tuple[int, int, float] = (0, 0, 0.0)
        """Book frames are late: (since, until, by which fraction of the time since) (fault ``late``)."""
        self.lag_ns = 0
        """How late all book frames are (fault ``lag``)."""
        self.late_ns = 0
        """When the last late frame is sent."""
        self.skew_ns = 0
        """The venue's clock minus the true time (fault ``clock``)."""

    @property
    def stirred(self) -> bool:
        """Whether there is something to send, or to report."""
        return bool(self.wire.outs) or not self.exchange.quiet
