"""The HTTP endpoint ``GET /metrics`` on loopback. It is read-only. ``app`` starts it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable

from aiohttp import web

from arbkit.core.errors import ConfigError

__all__ = ["MetricsServer", "serve"]

_NAMES = ("127.0.0.1", "localhost", "[::1]")
_EVERY_S = 1.0
"""To make a scrape takes time of the trading loop."""
_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class MetricsServer:
    """A running endpoint."""

    def __init__(self, runner: web.AppRunner, port: int) -> None:
        self._runner = runner
        self.port = port
        self.url = f"http://127.0.0.1:{port}/metrics"

    async def close(self) -> None:
        await self._runner.cleanup()


async def serve(text: Callable[[], bytes], port: int = 0) -> MetricsServer:
    """Serve ``text()`` on 127.0.0.1, made at most once a second. Raises ``ConfigError`` if the port cannot be
    opened."""
    clock = asyncio.get_running_loop().time
    made, at = b"", -_EVERY_S

    async def metrics(_request: web.Request) -> web.Response:
        nonlocal made, at
        if clock() - at >= _EVERY_S:
            made, at = text(), clock()
        return web.Response(body=made, headers={"Content-Type": _TYPE, "Cache-Control": "no-store"})

    app = web.Application(middlewares=[_only_this_machine])
    app.router.add_get("/metrics", metrics)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    try:
        await site.start()
    except OSError as error:
        await runner.cleanup()
        why = os.strerror(error.errno or 0)  # the loop's own text names the address again
        raise ConfigError(f"metrics.port: 127.0.0.1:{port} cannot be opened: {why}") from None
    bound: int = runner.addresses[0][1]
    return MetricsServer(runner, bound)


@web.middleware
async def _only_this_machine(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Refuse other Host headers: a web page whose name resolves to 127.0.0.1 (DNS rebinding) sends its own name as
    Host. Refuse requests that a browser marks as another site's."""
    host = request.headers.get("Host", "").lower()
    name, _, port = host.rpartition(":") if not host.endswith("]") and ":" in host else (host, "", "")
    if name not in _NAMES or not (port.isdecimal() or not port):
        raise web.HTTPMisdirectedRequest(text="this endpoint answers to 127.0.0.1 and localhost only\n")
    if "Origin" in request.headers or request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
        raise web.HTTPForbidden(text="not for other sites\n")
    return await handler(request)
