"""The HTTP server of a run: REST and WebSocket under ``/api/v1``, the dashboard under ``/``, ``/metrics``, ``/healthz``
and ``/readyz``. ``app.launch`` starts it, on the loop of the run."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from arbkit.core.errors import ConfigError
from arbkit.monitor.api import actions
from arbkit.monitor.api.access import Access
from arbkit.monitor.api.admission import API, Admission, scope_of
from arbkit.monitor.api.config import ApiConfig
from arbkit.monitor.api.facts import RunFacts
from arbkit.monitor.api.feeds import Feeds, Unmade
from arbkit.monitor.api.files import Files
from arbkit.monitor.api.listen import Listener
from arbkit.monitor.api.past import PAGES, PastPages, span_of
from arbkit.monitor.api.samples import Samples
from arbkit.monitor.api.schema import document
from arbkit.monitor.api.shapes import TOPICS, Failure, Login, Session, Subscribe
from arbkit.monitor.api.sockets import Sockets, problem

__all__ = ["ApiServer", "serve"]

_BODY = 16_384
_BODY_S = 5.0
_SECOND = 1.0
_login = msgspec.json.Decoder(Login)
_actions = {name: msgspec.json.Decoder(kind.body) for name, kind in actions.ACTIONS.items()}
_WAITING = 8
"""So many GETs of topics may wait for their rows."""


class ApiServer:
    """A running server. ``url``: where it listens."""

    def __init__(self, facts: RunFacts, config: ApiConfig, access: Access, metrics: Callable[[], bytes]) -> None:
        clock = asyncio.get_running_loop().time
        self._facts = facts
        self._config = config
        self._metrics = metrics
        self._secure = bool(config.tls_cert)
        self._access = access
        self._admission = Admission(access, config.hosts, secure=self._secure, log=facts.desk.log, clock=clock)
        self._samples = Samples()
        self._feeds = Feeds(facts, self._samples)
        self._sockets = Sockets(self._feeds)
        self._files = Files()
        self._pages = PastPages(facts.folder)
        self._waiting = 0
        self._app = web.Application(middlewares=[self._middleware], client_max_size=_BODY)
        self._listener: Listener | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def port(self) -> int:
        return self._admission.port

    @property
    def url(self) -> str:
        """For a browser of this machine, or by the first of the configured names."""
        name = self._config.hosts[0] if self._config.hosts else "127.0.0.1"
        at = name if ":" in name else f"{name}:{self.port}"
        return f"http{'s' if self._secure else ''}://{at}/"

    @property
    def resources(self) -> list[web.AbstractResource]:
        """All that can be asked for."""
        return list(self._app.router.resources())

    @property
    def connections(self) -> list[web.RequestHandler]:
        """Those that are open."""
        return [] if self._listener is None else self._listener.connections

    @property
    def link(self) -> str:
        """A new link that logs a browser in, once, and may act."""
        return self._access.link("trade")

    async def start(self) -> None:
        """Listen. Raises ``ConfigError`` if that is not possible."""
        app = self._app
        get, post = app.router.add_get, app.router.add_post
        get(f"{API}/ws", self._follow)
        get(f"{API}/session", self._session)
        get(f"{API}/openapi.json", self._openapi)
        post(f"{API}/login", self._log_in)
        post(f"{API}/logout", self._log_out)
        for topic in TOPICS:
            get(f"{API}/{topic}", partial(self._topic, topic))
        for name in PAGES:
            get(f"{API}/history/{name}", partial(self._past, name))
        for name in actions.ACTIONS:
            post(f"{API}/actions/{name}", partial(self._act, name))
        get("/metrics", self._scrape)
        get("/healthz", self._health)
        get("/readyz", self._ready)
        get("/{path:.*}", self._files.serve)
        listener = Listener(app)
        self._listener = listener
        self._admission.port = await listener.start(self._config.bind, self._config.port or 0, self._tls())
        self._access.opened(self.url)
        self._tasks = [asyncio.create_task(self._feeds.run()), asyncio.create_task(self._sample())]

    def _tls(self) -> ssl.SSLContext | None:
        if not self._secure:
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(Path(self._config.tls_cert).expanduser(), Path(self._config.tls_key).expanduser())
        return context

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._sockets.close()
        if self._listener is not None:
            await self._listener.close()

    async def _sample(self) -> None:
        while True:
            self._samples.take(self._facts.desk, self._facts.now_ns())
            await asyncio.sleep(_SECOND)

    @property
    def _middleware(self) -> Any:
        @web.middleware
        async def guard(request: web.Request, handler: Any) -> web.StreamResponse:
            if self._listener is not None:
                self._listener.arrived(request)
            return await self._admission(request, handler)

        return guard

    # --- sessions

    async def _body(self, request: web.Request, decoder: msgspec.json.Decoder[Any]) -> Any:
        """The body. Raises ``HTTPBadRequest``, ``HTTPRequestEntityTooLarge``."""
        try:
            async with asyncio.timeout(_BODY_S):
                body = await request.read()
        except TimeoutError:
            raise web.HTTPRequestTimeout(text="the body did not come") from None
        try:
            return decoder.decode(body or b"{}")
        except msgspec.DecodeError as error:
            raise web.HTTPBadRequest(text=f"the body is not as expected: {error}") from None

    async def _log_in(self, request: web.Request) -> web.Response:
        asked: Login = await self._body(request, _login)
        found = self._access.login(asked.token)
        if found is None:
            return self._admission.failed(request, "the link is not known, was used, or is too old: make one anew")
        session, scope = found
        response = _answer(Session(scope=scope))
        response.set_cookie(
            self._admission.cookie, session, httponly=True, samesite="Strict", secure=self._secure, path="/"
        )
        return response

    async def _log_out(self, request: web.Request) -> web.Response:
        session = request.cookies.get(self._admission.cookie, "")
        self._access.logout(session)
        await self._sockets.end(session)
        response = web.Response(status=204)
        response.del_cookie(self._admission.cookie, path="/")
        return response

    async def _session(self, request: web.Request) -> web.Response:
        return _answer(Session(scope=scope_of(request)))

    async def _openapi(self, _request: web.Request) -> web.Response:
        return _answer(document(self._facts.version))

    # --- to read

    async def _topic(self, topic: Any, request: web.Request) -> web.Response:
        try:
            ask = _query(topic, request)
        except ValueError as error:
            return _answer(Failure(error=f"{topic}: {error}"), 400)
        if self._waiting >= _WAITING:
            return _answer(Failure(error="too many requests at a time: subscribe on the WebSocket"), 503)
        self._waiting += 1
        try:
            body = await self._feeds.rows(ask)
        except Unmade as error:
            return _answer(Failure(error=str(error)), 500)
        finally:
            self._waiting -= 1
        return web.Response(body=body, content_type="application/json")

    async def _past(self, name: str, request: web.Request) -> web.Response:
        try:
            span = span_of(request.query, PAGES[name].takes)
        except ValueError as error:
            return _answer(Failure(error=str(error)), 400)
        try:
            body = await self._pages.page(name, span)
        except ConfigError as error:
            return _answer(Failure(error=str(error)), 404)
        return web.Response(body=body, content_type="application/json")

    async def _follow(self, request: web.Request) -> web.StreamResponse:
        return await self._sockets.serve(request, request.cookies.get(self._admission.cookie, ""))

    # --- to do

    async def _act(self, name: str, request: web.Request) -> web.Response:
        action = await self._body(request, _actions[name])
        who = f"api:{scope_of(request)} {request.remote or ''}".rstrip()
        done = actions.act(self._facts, name, action, who)
        self._feeds.hurry()
        if isinstance(done, tuple):
            status, text = done
            return _answer(Failure(error=text), status)
        return _answer(done)

    # --- for machines

    async def _scrape(self, _request: web.Request) -> web.Response:
        return web.Response(body=self._metrics(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    async def _health(self, _request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _ready(self, _request: web.Request) -> web.Response:
        desk = self._facts.desk
        trusted = {name.partition(":")[0] for name, book in desk.books.items() if book.trusted}
        ready = all(venue.may_trade and name in trusted for name, venue in desk.venues.items())
        return web.Response(text="ok\n" if ready else "not ready\n", status=200 if ready else 503)


def _query(topic: Any, request: web.Request) -> Subscribe:
    """A GET of a topic as a subscription. Raises ``ValueError``."""
    known = {"ladders": ("symbols", "depth"), "books": ("symbols",), "spreads": ("symbols",)}.get(topic, ())
    for name in request.query:
        if name not in known:
            raise ValueError(f"{name}: is no parameter of it")
    depth = request.query.get("depth", "10")
    if not (depth.isascii() and depth.isdecimal() and len(depth) < 4):
        raise ValueError("depth: must be a number from 1 to 50")
    symbols = request.query["symbols"].split(",") if "symbols" in request.query else []
    ask = Subscribe(topic=topic, symbols=symbols, depth=int(depth))
    if why := problem(ask):
        raise ValueError(why)
    return ask


def _answer(what: Any, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(what), status=status, content_type="application/json")


async def serve(facts: RunFacts, config: ApiConfig, access: Access, metrics: Callable[[], bytes]) -> ApiServer:
    """Start the server. ``metrics`` makes the text of ``/metrics``. Raises ``ConfigError`` if it cannot listen."""
    server = ApiServer(facts, config, access, metrics)
    await server.start()
    return server
