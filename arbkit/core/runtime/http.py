"""REST calls: one pooled aiohttp session per link. A request is sent at most once; retries are decided by the desk."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Callable, Coroutine
from types import SimpleNamespace

import aiohttp
from aiohttp import ClientTimeout, TraceConfig
from yarl import URL

from arbkit.core.runtime.clock import Clock
from arbkit.core.runtime.dialing import is_loopback
from arbkit.core.runtime.inputs import Inputs
from arbkit.core.runtime.reasons import cause, reveal
from arbkit.core.types import HttpAnswer, HttpRequest, NoAnswer

__all__ = ["HttpLink"]

LONG = 64 * 1024
"""Bytes of an answer that are read without a turn of the loop."""
CONNECTIONS = 16
"""Maximum number of connections at one time."""
KEEP_NS = 50_000_000_000
"""Idle connections are closed after this time. Load balancers usually close them after 60 s, and a request must not be
sent on a socket that is closing."""
WARM = 2
"""Connections kept open: two, so that two orders at one venue need no new connection."""
WARM_EVERY_S = 10.0
CONNECT_S = 5.0


_REASONS: tuple[tuple[type[BaseException], str], ...] = (
    (aiohttp.ClientSSLError, "TLS failed"),
    (aiohttp.ClientConnectorDNSError, "name not found"),
    (aiohttp.ClientConnectorError, "no connection"),
    (aiohttp.ServerDisconnectedError, "the connection closed without a response"),
    (aiohttp.ClientPayloadError, "the response is truncated or badly encoded"),
    (aiohttp.ClientOSError, "the connection was lost"),
    (aiohttp.ClientResponseError, "not a valid HTTP response"),
    (aiohttp.InvalidURL, "not a valid URL"),
    (asyncio.CancelledError, "cancelled: the run ended"),
)
"""The first match is used. The exception's own text is never shown, because it may contain a signed URL."""


class _Flight:
    """State of one request while it is running."""

    __slots__ = ("sent_ns",)

    def __init__(self) -> None:
        self.sent_ns = 0
        """When sending began; 0 = it is certain that nothing was sent."""


class HttpLink:
    """The request channel of one REST link. Each ``request`` is followed by exactly one ``inputs.answered``."""

    def __init__(
        self,
        name: str,
        inputs: Inputs,
        clock: Clock,
        tls: ssl.SSLContext,
        spawn: Callable[[Coroutine[None, None, None]], asyncio.Task[None]],
    ) -> None:
        self.name = name
        self._inputs = inputs
        self._clock = clock
        self._tls = tls
        self._spawn = spawn
        self._session: aiohttp.ClientSession | None = None
        self._warm: dict[URL, asyncio.Task[None]] = {}
        self.trouble = ""
        """Why the last request failed, as text for the user; "" = it succeeded."""
        self.fastest_ns = 0
        """The shortest time from a request to the end of its answer; 0 = none came."""

    def request(self, ref: int, request: HttpRequest, timeout_ns: int) -> None:
        """Send a request. ``timeout_ns`` covers everything from the DNS lookup to the last byte of the response."""
        self._spawn(self._carry(ref, request, timeout_ns))

    async def close(self) -> None:
        """Close all connections. The owner of the tasks has already cancelled running requests."""
        for task in self._warm.values():
            task.cancel()
        if self._session is not None:
            await self._session.close()

    async def _carry(self, ref: int, request: HttpRequest, timeout_ns: int) -> None:
        flight = _Flight()
        cancelled = None
        answer: HttpAnswer | NoAnswer
        try:
            async with asyncio.timeout(timeout_ns / 1e9):
                answer = await self._ask(request, flight)
        except TimeoutError:
            what = "no answer" if flight.sent_ns else "no connection"
            answer = NoAnswer(f"{what} in time", sent=bool(flight.sent_ns))
        except asyncio.CancelledError as error:
            cancelled = error
            answer = NoAnswer(_reason(error), sent=bool(flight.sent_ns))
        except Exception as error:  # every failure becomes a NoAnswer; none may end the run
            answer = NoAnswer(_reason(error), sent=bool(flight.sent_ns))
        now_ns = self._clock.now_ns()
        self.trouble = _trouble(request, answer)
        if isinstance(answer, HttpAnswer):
            self.fastest_ns = min(self.fastest_ns or now_ns, answer.recv_ns - answer.sent_ns)
        else:
            answer = NoAnswer(answer.reason, answer.sent, answer.status, answer.retry_ns, now_ns)
        self._inputs.turn(self._inputs.desk.answered, ref, answer, now_ns)
        if cancelled is not None:
            raise cancelled

    async def _ask(self, request: HttpRequest, flight: _Flight) -> HttpAnswer | NoAnswer:
        # Already encoded: normalising the URL would invalidate its signature.
        url = URL(reveal(request.url), encoded=True)
        if url.scheme != "https" and not (url.scheme == "http" and is_loopback(url.host or "")):
            return NoAnswer(f"{url.scheme}://{url.host}: plain HTTP is allowed for this machine only", sent=False)
        session = self._opened()
        async with session.request(
            request.method,
            url,
            headers=[(name, reveal(value)) for name, value in request.headers],
            data=request.body or None,
            allow_redirects=False,
            trace_request_ctx=flight,
        ) as response:
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > request.most:
                    response.close()
                    return NoAnswer(f"the answer is over {request.most} bytes", status=response.status)
                if len(body) > LONG:
                    await asyncio.sleep(0)  # the stream gives what it holds without letting others in between
            self._keep_warm(url.origin())
            headers: dict[str, str] = {}
            for name, value in response.headers.items():
                name, value = name.lower(), _text(value)
                headers[name] = f"{headers[name]}, {value}" if name in headers else value
            return HttpAnswer(response.status, headers, bytes(body), flight.sent_ns, self._clock.now_ns())

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            trace = TraceConfig()
            trace.on_request_headers_sent.append(self._on_sending)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    ssl=self._tls, limit=CONNECTIONS, keepalive_timeout=KEEP_NS / 1e9, ttl_dns_cache=60
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=ClientTimeout(total=None, sock_connect=CONNECT_S),
                skip_auto_headers=("Content-Type",),
                headers={"User-Agent": "arbkit"},
                trust_env=False,
                trace_configs=[trace],
            )
            # By default aiohttp repeats PUT and DELETE when a kept-alive connection is closed. That must not happen.
            self._session._retry_connection = False
        return self._session

    async def _on_sending(self, session: aiohttp.ClientSession, context: SimpleNamespace, params: object) -> None:
        """Called before the request head is written to the socket; before this call nothing was sent."""
        context.trace_request_ctx.sent_ns = self._clock.now_ns()

    def _keep_warm(self, origin: URL) -> None:
        if origin not in self._warm:
            self._warm[origin] = self._spawn(self._warmer(origin))

    async def _warmer(self, origin: URL) -> None:
        """Keep connections open by acquiring and releasing them. Only handshakes are sent."""
        pause = WARM_EVERY_S
        while True:
            try:
                await self._touch(origin)
                pause = WARM_EVERY_S
            except (aiohttp.ClientError, OSError, TimeoutError):
                pause = min(pause * 2, 60.0)
            await asyncio.sleep(pause)

    async def _touch(self, origin: URL) -> None:
        session = self._opened()
        connector = session.connector
        assert connector is not None
        taken: list[aiohttp.connector.Connection] = []
        try:
            for _ in range(WARM):
                request = aiohttp.ClientRequest("GET", origin, loop=asyncio.get_running_loop(), session=session)
                taken.append(await connector.connect(request, [], ClientTimeout(sock_connect=CONNECT_S)))
        finally:
            for connection in taken:
                connection.release()


def _trouble(request: HttpRequest, answer: HttpAnswer | NoAnswer) -> str:
    if isinstance(answer, HttpAnswer):
        if answer.status < 400:
            return ""
        reason = f"HTTP {answer.status}"
    else:
        reason = answer.reason
    try:
        url = URL(reveal(request.url), encoded=True)
    except ValueError:
        return reason
    return f"{url.host}:{url.port}: {reason}"


def _text(value: str) -> str:
    """A header's value without the lone surrogates that stand for bytes that are not UTF-8: they cannot be encoded."""
    return value.encode("utf-8", "replace").decode()


def _reason(error: BaseException) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return cause(error.certificate_error)
    words = next((words for kind, words in _REASONS if isinstance(error, kind)), type(error).__name__)
    inner = getattr(error, "os_error", error)
    if isinstance(inner, ssl.SSLError):
        return cause(inner)  # its number is none of the system's
    errno = inner.errno if isinstance(inner, OSError) and inner.errno else 0
    return f"{words}: {os.strerror(errno)}" if errno > 0 else words
