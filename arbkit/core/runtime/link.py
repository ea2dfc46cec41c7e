"""A socket link: at most one WebSocket connection per link name. The desk decides when to dial and when to drop it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

from arbkit.core.errors import ArbkitError, LocalProtocolError
from arbkit.core.runtime.clock import Clock
from arbkit.core.runtime.dialing import Connect
from arbkit.core.runtime.inputs import Inputs
from arbkit.core.runtime.transport import Transport
from arbkit.core.types import Dial

__all__ = ["PING_NS", "SocketLink"]

PING_NS = 15_000_000_000
"""A link without traffic for this time is pinged. It is half of the default ``LinkSpec.silence_ns``."""


class SocketLink:
    """Each ``dial`` leads to at most one ``opened`` and then exactly one ``closed``; no event follows ``closed``."""

    __slots__ = ("_clock", "_connect", "_connection", "_inputs", "_spawn", "_transport", "name")

    def __init__(
        self,
        name: str,
        inputs: Inputs,
        connect: Connect,
        clock: Clock,
        spawn: Callable[[Coroutine[None, None, None]], asyncio.Task[None]],
    ) -> None:
        self.name = name
        self._inputs = inputs
        self._connect = connect
        self._clock = clock
        self._spawn = spawn
        self._connection: _Connection | None = None
        self._transport: Transport | None = None
        """The latest transport; it may still be closing."""

    @property
    def state(self) -> str:
        """``down``, ``dialing`` or ``up``."""
        connection = self._connection
        return "down" if connection is None else "dialing" if connection.transport is None else "up"

    def dial(self, dial: Dial) -> None:
        """Start to connect. Raises ``LocalProtocolError`` if the previous connection is not closed."""
        if self._connection is not None:
            raise LocalProtocolError(f"link {self.name} was dialled while it is {self.state}: drop it first")
        connection = self._connection = _Connection(self)
        connection.task = self._spawn(connection.run(dial))

    def send(self, text: str) -> bool:
        """Pass one message to the socket. False: it is certain that nothing was sent."""
        connection = self._connection
        return connection is not None and connection.transport is not None and connection.transport.send(text)

    def drop(self, reason: str) -> None:
        """Close the connection. ``closed`` is called later by the event loop; no more frames are delivered."""
        connection = self._connection
        if connection is not None and not connection.over:
            connection.detach()
            asyncio.get_running_loop().call_soon(self._closed, connection, reason)

    async def close(self) -> None:
        """End of the run: close without calling ``closed``, and wait until the socket is closed."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.detach()
        if self._transport is not None:
            await self._transport.wait_closed()

    def _closed(self, connection: _Connection, reason: str) -> None:
        if self._connection is connection:
            self._connection = None
            self._inputs.turn(self._inputs.desk.closed, self.name, reason, self._clock.now_ns())


class _Connection:
    """One dialled connection. It delivers events while it is the link's current one."""

    __slots__ = ("_inputs", "_last_recv_ns", "_link", "_name", "_ping", "over", "task", "transport")

    def __init__(self, link: SocketLink) -> None:
        self._link = link
        self._inputs = link._inputs
        self._name = link.name
        self._last_recv_ns = 0
        self._ping: asyncio.TimerHandle | None = None
        self.over = False
        """No more events are delivered."""
        self.task: asyncio.Task[None] | None = None
        self.transport: Transport | None = None

    async def run(self, dial: Dial) -> None:
        """Connect once. A failure is reported by ``closed``, never as an exception."""
        try:
            await self._link._connect(dial, self)
        except ArbkitError as error:
            self.closed(f"{type(error).__name__}: {error}", self._link._clock.now_ns())
        except Exception as error:  # the text is not shown: it may contain what was sent
            self.closed(f"connecting failed: {type(error).__name__}", self._link._clock.now_ns())

    def detach(self) -> None:
        """Deliver no more events and close the connection in the background."""
        self.over = True
        if self._ping is not None:
            self._ping.cancel()
        if self.transport is not None:
            self.transport.close()
        elif self.task is not None:
            self.task.cancel()

    # --- what the transport calls

    def opened(self, transport: Transport, now_ns: int) -> None:
        if self.over:
            transport.close()
            return
        self.transport = self._link._transport = transport
        self._last_recv_ns = now_ns
        self._arm()
        self._inputs.turn(self._inputs.desk.opened, self._name, now_ns)

    def message(self, data: str | bytes, now_ns: int) -> None:
        if not self.over:
            self._inputs.frame(self._name, data, now_ns)

    def read_end(self, now_ns: int) -> None:
        if not self.over:
            self._last_recv_ns = now_ns
            self._inputs.read_end(self._name, now_ns)

    def control(self, now_ns: int) -> None:
        if not self.over:
            self._last_recv_ns = now_ns
            self._inputs.turn(self._inputs.desk.activity, self._name, now_ns)

    def closed(self, reason: str, now_ns: int) -> None:
        if not self.over:
            self.over = True
            if self._ping is not None:
                self._ping.cancel()
            link = self._link
            link._connection = None
            self._inputs.turn(self._inputs.desk.closed, self._name, reason, now_ns)

    # --- inside

    def _arm(self) -> None:
        now_ns = self._link._clock.now_ns()
        silent = max(0, now_ns - self._last_recv_ns)
        self._ping = asyncio.get_running_loop().call_later(max(PING_NS - silent, 0) / 1e9, self._on_timer)

    def _on_timer(self) -> None:
        now_ns = self._link._clock.now_ns()
        if now_ns - self._last_recv_ns >= PING_NS and self.transport is not None:
            self.transport.ping()
            self._ping = asyncio.get_running_loop().call_later(PING_NS / 1e9, self._on_timer)
        else:
            self._arm()
