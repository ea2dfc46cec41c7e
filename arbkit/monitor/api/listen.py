"""The listening socket: bounded in connections, and in the time until a connection has sent a whole request."""

from __future__ import annotations

import asyncio
import os
import ssl

from aiohttp import web

from arbkit.core.errors import ConfigError

__all__ = ["Listener"]

MOST_CONNECTIONS = 64
HEAD_S = 10.0
"""A connection that has sent no whole head of a request by then is closed."""
LINE = 65_536
"""Of the longest line of a request, in bytes: a hundred symbols, none of whose letters are ASCII."""
IDLE_S = 30.0
"""Between two requests of a connection."""


class Listener:
    """A running HTTP server. ``arrived`` is to be called with each request."""

    def __init__(self, app: web.Application) -> None:
        self._runner = web.AppRunner(
            app,
            access_log=None,
            handle_signals=False,
            shutdown_timeout=1.0,
            keepalive_timeout=IDLE_S,
            max_line_size=LINE,
        )
        self._silent: set[asyncio.BaseProtocol] = set()
        """Connections without a request so far."""
        self._server: asyncio.Server | None = None

    async def start(self, bind: str, port: int, tls: ssl.SSLContext | None) -> int:
        """Listen; returns the port. Raises ``ConfigError`` if that is not possible."""
        await self._runner.setup()
        server = self._runner.server
        assert server is not None
        loop = asyncio.get_running_loop()

        def connection() -> asyncio.Protocol:
            if len(server.connections) >= MOST_CONNECTIONS:
                return _Refusal()
            made = server()
            self._silent.add(made)
            loop.call_later(HEAD_S, self._look, made)
            return made

        try:
            self._server = await loop.create_server(
                connection, bind, port, ssl=tls, ssl_handshake_timeout=None if tls is None else HEAD_S
            )
        except OSError as error:
            await self._runner.cleanup()
            why = os.strerror(error.errno or 0)  # the loop's own text names the address again
            raise ConfigError(f"api.port: {bind}:{port} cannot be opened: {why}") from None
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    @property
    def connections(self) -> list[web.RequestHandler]:
        """Those that are open."""
        server = self._runner.server
        return [] if server is None else list(server.connections)

    def arrived(self, request: web.Request) -> None:
        """The head of a request has come."""
        self._silent.discard(request.protocol)

    def _look(self, protocol: web.RequestHandler) -> None:
        if protocol in self._silent:
            self._silent.discard(protocol)
            if protocol.transport is not None:
                protocol.transport.abort()

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        await self._runner.cleanup()


class _Refusal(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()
