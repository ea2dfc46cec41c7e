"""Serves a world on loopback sockets: one port per venue for HTTP and WebSocket, and one for the admin pages.

``arbkit sim``, ``arbkit demo`` and the socket tests call ``serve``.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec
from aiohttp import WSMsgType, web

from arbkit.sim.timers import NEVER
from arbkit.sim.wire import Answer, Close, Ping, Reply, Request, SimFrame
from arbkit.sim.world import World

__all__ = ["serve"]

_BACKLOG: Final = 20_000
"""Maximum number of frames that wait for one slow client; above it the connection is cut."""
_NAP_S: Final = 0.01
_NAMES: Final = ("127.0.0.1", "localhost", "[::1]")
"""The admin pages answer to these. A web page whose name resolves to this machine sends its own name as Host."""


@asynccontextmanager
async def serve(
    world: World,
    *,
    now_ns: Callable[[], int],
    host: str = "127.0.0.1",
    port: int = 0,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[dict[str, Any]]:
    """Serve a world until the block ends. Yields its addresses and keys:

    ``{"venues": {name: {"rest", "ws_public", "ws_private", "ws_trade", "key", "secret", "passphrase"}}, "admin"}``,
    and ``ed25519_key`` and ``ed25519_pem`` where the venue knows such keys.
    The admin URL answers GET ``/ledger``, ``/orders`` and ``/faults``. ``port`` is the admin port, and the venues use
    the next ones; 0 = any free ports. ``now_ns`` is the venues' clock. With ``tls`` all ports are HTTPS and WSS only.
    """
    shell = _Shell(world, now_ns)
    secure = "" if tls is None else "s"
    runners: list[web.ServerRunner] = []

    async def listen(handler: Callable[[web.BaseRequest], Any], number: int) -> str:
        runner = web.ServerRunner(web.Server(handler, access_log=None), shutdown_timeout=0.2)
        await runner.setup()
        runners.append(runner)
        await web.TCPSite(runner, host, number, ssl_context=tls).start()
        return f"{host}:{runner.addresses[0][1]}"

    try:
        admin = await listen(shell.admin, port)
        venues = {}
        for i, venue in enumerate(world.sites):
            at = await listen(shell.venue(venue), port and port + 1 + i)
            venues[venue] = {
                **world.endpoints(venue, f"http{secure}://{at}", f"ws{secure}://{at}"),
                **world.second_key(venue),
            }
        pump = asyncio.create_task(shell.pump())
        try:
            yield {"venues": venues, "admin": f"http{secure}://{admin}"}
        finally:
            pump.cancel()
            await asyncio.gather(pump, return_exceptions=True)
            await shell.end()
    finally:
        for runner in runners:
            await runner.cleanup()


class _Client:
    """One WebSocket client and its queue of frames to send."""

    __slots__ = ("outs", "pong_due_ns", "request", "socket", "wake")

    def __init__(self, socket: web.WebSocketResponse, request: web.BaseRequest) -> None:
        self.socket = socket
        self.request = request
        self.outs: list[SimFrame | Ping | Close] = []
        self.wake = asyncio.Event()
        self.pong_due_ns = NEVER
        """When the client is cut, unless a pong comes before."""

    def cut(self) -> None:
        """End the TCP connection without a closing handshake."""
        if self.request.transport is not None:
            self.request.transport.abort()


class _Shell:
    def __init__(self, world: World, now_ns: Callable[[], int]) -> None:
        self._world = world
        self._now_ns = now_ns
        self._clients: dict[int, _Client] = {}
        self._waiting: dict[int, asyncio.Future[Reply | None]] = {}
        self._ref = 0

    async def pump(self) -> None:
        """Tick whenever something is due."""
        while True:
            now_ns = self._now_ns()
            for client in list(self._clients.values()):
                if client.pong_due_ns <= now_ns:
                    client.cut()
            due_ns = self._world.due_ns
            if due_ns <= now_ns:
                self._world.tick(now_ns)
                self._deliver()
                await asyncio.sleep(0)
            else:
                await asyncio.sleep(_NAP_S if due_ns == NEVER else min(_NAP_S, (due_ns - now_ns) / 1e9))

    async def end(self) -> None:
        for future in self._waiting.values():
            future.cancel()
        for client in list(self._clients.values()):
            client.cut()
        await asyncio.sleep(0)

    async def admin(self, request: web.BaseRequest) -> web.Response:
        name = re.sub(r":[0-9]+\Z", "", request.headers.get("Host", "").lower())
        if name not in _NAMES or "Origin" in request.headers:
            return web.Response(status=421, text="this page answers to 127.0.0.1 and localhost only\n")
        pages = {"/ledger": self._world.ledger, "/orders": self._world.orders, "/faults": self._world.faults}
        page = pages.get(request.path)
        if page is None or request.method != "GET":
            return web.Response(status=404, text="GET /ledger, /orders or /faults\n")
        return web.Response(body=msgspec.json.encode(page()), content_type="application/json")

    def venue(self, venue: str) -> Callable[[web.BaseRequest], Any]:
        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            if request.headers.get("Upgrade", "").lower() == "websocket":
                return await self._websocket(venue, request)
            return await self._http(venue, request)

        return handle

    async def _http(self, venue: str, request: web.BaseRequest) -> web.Response:
        path, _, query = request.raw_path.partition("?")
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = await request.read()
        self._ref += 1
        ref = self._ref
        future = self._waiting[ref] = asyncio.get_running_loop().create_future()
        self._world.http(venue, Request(request.method, path, query, headers, body), ref, self._now_ns())
        self._deliver()
        try:
            reply = await future
        finally:
            del self._waiting[ref]
        if reply is None:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        return web.Response(status=reply.status, body=reply.body, headers=reply.headers)

    async def _websocket(self, venue: str, request: web.BaseRequest) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        conn, refused = self._world.connect(venue, request.raw_path, headers, self._now_ns())
        if refused is not None:
            self._deliver()
            return web.Response(status=refused.status, body=refused.body, headers=refused.headers)
        socket = web.WebSocketResponse(compress=False, autoping=False)
        client = self._clients[conn] = _Client(socket, request)
        writer: asyncio.Task[None] | None = None
        try:
            await socket.prepare(request)
            writer = asyncio.create_task(self._write(client))
            self._deliver()
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    self._world.frame(conn, message.data, self._now_ns())
                    self._deliver()
                elif message.type is WSMsgType.PING:
                    await socket.pong(message.data)
                elif message.type is WSMsgType.PONG:
                    client.pong_due_ns = NEVER
        except ConnectionError:
            pass  # the client disconnected during the handshake
        finally:
            self._clients.pop(conn, None)
            if writer is not None:
                writer.cancel()
            self._world.closed(conn, self._now_ns())
        if not socket.prepared:
            client.cut()
            return web.Response()  # not sent: aiohttp requires a response object
        return socket

    async def _write(self, client: _Client) -> None:
        while True:
            await client.wake.wait()
            client.wake.clear()
            outs, client.outs = client.outs, []
            try:
                for out in outs:
                    match out:
                        case SimFrame(data=bytes() as packed):
                            await client.socket.send_bytes(packed)
                        case SimFrame():
                            await client.socket.send_str(out.text)
                        case Ping():
                            await client.socket.ping()
                        case Close(code=1006):
                            client.cut()
                        case Close():
                            await client.socket.close(code=out.code, message=out.reason.encode())
            except ConnectionError:
                return

    def _deliver(self) -> None:
        for out in self._world.drain():
            if isinstance(out, Answer):
                future = self._waiting.get(out.ref)
                if future is not None and not future.done():
                    future.set_result(out.reply)
                continue
            client = self._clients.get(out.conn)
            if client is None:
                continue
            if len(client.outs) > _BACKLOG:
                client.cut()
                continue
            if isinstance(out, Ping) and out.patience_ns:
                client.pong_due_ns = min(client.pong_due_ns, self._now_ns() + out.patience_ns)
            client.outs.append(out)
            client.wake.set()
