"""The WebSocket connections of a dialect."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from arbkit.sim.facts import Facts
from arbkit.sim.records import Account
from arbkit.sim.timers import Timers
from arbkit.sim.wire import Pack, SimWire

__all__ = ["Conn", "Conns"]


@dataclass(slots=True, eq=False)
class Conn:
    """One connection."""

    id: int
    path: str
    """Which of the venue's sockets it is, in the dialect's words."""
    wire: SimWire
    facts: Facts
    """Makes the facts of what is sent to it."""
    opened_ns: int
    alive_ns: int
    """When it last did what the venue counts as a sign of life."""
    account: Account | None = None
    """The account that logged in."""
    refs: set[str] = field(default_factory=set)  # asked for membership only
    """The ids of its requests, where they must not be repeated."""

    pack: Pack | None = None
    """What the venue's binary frames are made by, where this socket has such."""

    def tell(self, body: Any, kind: str = "reply", symbol: str = "") -> None:
        """Send a value as JSON."""
        self.wire.tell(self.id, body, kind, symbol, self.pack)


class Conns:
    """The open connections."""

    __slots__ = ("_ends", "_open", "timers", "wire")

    def __init__(self, wire: SimWire, timers: Timers) -> None:
        self.wire = wire
        self.timers = timers
        self._open: dict[int, Conn] = {}
        self._ends: list[Callable[[int], object]] = []

    def on_close(self, end: Callable[[int], object]) -> None:
        """Call this with the number of each connection that has ended."""
        self._ends.append(end)

    def __getitem__(self, number: int) -> Conn:
        return self._open[number]

    def __iter__(self) -> Iterator[Conn]:
        return iter(self._open.values())

    def get(self, number: int) -> Conn | None:
        return self._open.get(number)

    def open(self, number: int, path: str, facts: Facts, now_ns: int) -> Conn:
        conn = self._open[number] = Conn(number, path, self.wire, facts, now_ns, now_ns)
        return conn

    def closed(self, number: int) -> None:
        self._open.pop(number, None)
        for end in self._ends:
            end(number)

    def cut_idle(self, conn: Conn, idle_ns: int, now_ns: int, code: int, why: str = "", look_ns: int = 0) -> None:
        """Close the connection after ``idle_ns`` without a sign of life. ``look_ns``: the venue looks at such times
        only; 0 = at once."""

        def look(now_ns: int) -> None:
            if self._open.get(conn.id) is not conn:
                return
            if now_ns - conn.alive_ns >= idle_ns:
                self.wire.close(conn.id, code, why)
            else:
                self.timers.at(now_ns + look_ns if look_ns else conn.alive_ns + idle_ns, look)

        self.timers.at(now_ns + (look_ns or idle_ns), look)
