"""What every request must pass before anything is done for it, and what every answer carries.

A page of another site must not reach the API through a browser: not by a name that resolves to this machine (``Host``),
not by a request that the browser sends along with our cookie (``Origin``, ``Sec-Fetch-Site``, the header ``X-Arbkit``).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import msgspec
from aiohttp import web

from arbkit.core.log import Log
from arbkit.monitor.api.access import Access, Failures, Scope
from arbkit.monitor.api.shapes import Failure

__all__ = ["API", "HEADERS", "Admission", "scope_of"]

API = "/api/v1"
_LOCAL = ("127.0.0.1", "localhost", "[::1]")
HEADERS = {
    "Server": "arbkit",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_SCOPE = web.RequestKey("scope", str)
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_REFUSED_LOG_S = 60.0


def scope_of(request: web.Request) -> Scope:
    """What the sender of a request that has passed may do."""
    return "trade" if request[_SCOPE] == "trade" else "read"


def _json(status: int, text: str) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(Failure(error=text)), content_type="application/json")


def _unknown(text: str) -> web.Response:
    response = _json(401, text)
    response.headers["WWW-Authenticate"] = "Bearer"
    return response


class Admission:
    """``hosts``: names beside those of this machine; ``secure``: TLS is on. ``port`` is known once it is bound."""

    def __init__(
        self, access: Access, hosts: tuple[str, ...], *, secure: bool, log: Log, clock: Callable[[], float]
    ) -> None:
        self.port = 0
        self._access = access
        self._hosts = tuple(host.lower() for host in hosts)
        self._secure = secure
        self._failures = Failures(clock)
        self._log = log
        self._clock = clock
        self._told_s = -_REFUSED_LOG_S

    @property
    def cookie(self) -> str:
        """Its name. Cookies of one host are those of all its ports."""
        return f"arbkit_{self.port}"

    async def __call__(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """The middleware."""
        try:
            refused = self._refused(request)
            response = refused if refused is not None else await handler(request)
        except web.HTTPException as error:
            text = error.text or error.reason
            response = (
                _json(error.status, text)
                if request.path.startswith("/api/")
                else web.Response(status=error.status, text=f"{text}\n")
            )
            if allow := error.headers.get("Allow"):
                response.headers["Allow"] = allow
        if not response.prepared:
            response.headers.update(HEADERS)
            response.headers.setdefault("Cache-Control", "no-store")
        return response

    def _refused(self, request: web.Request) -> web.Response | None:
        if not self._is_ours(request.headers.get("Host", "")):
            return _json(421, "this server does not answer to this Host: name it in api.hosts")
        private = request.path.startswith("/api/") or request.path == "/metrics"
        if not private:
            return None
        if why := self._foreign(request):
            return _json(403, why)
        if request.method == "POST":
            if request.headers.get("X-Arbkit") != "1":
                return _json(403, "the header X-Arbkit: 1 is missing")
            if request.content_type != "application/json":
                return _json(415, "the body must be JSON, with Content-Type: application/json")
        if request.path == f"{API}/login":
            return None
        shown, scope = self._scope(request)
        if scope is None:
            text = "log in first: `arbkit dashboard` makes a link; programs send a token"
            return self.failed(request, text) if shown else _unknown(text)
        if request.path.startswith(f"{API}/actions/") and scope != "trade":
            return _json(403, "this token may only read: `arbkit dashboard` makes a link that may act")
        request[_SCOPE] = scope
        return None

    def failed(self, request: web.Request, text: str) -> web.Response:
        """A wrong secret was shown."""
        address = request.remote or ""
        too_many = self._failures.add(address)
        if self._clock() - self._told_s >= _REFUSED_LOG_S:
            self._told_s = self._clock()
            self._log("api.refused", address=address, failures=self._failures.count)
        if not too_many:
            return _unknown(text)
        response = _json(429, "too many failures: wait a minute")
        response.headers["Retry-After"] = "60"
        return response

    def _scope(self, request: web.Request) -> tuple[bool, Scope | None]:
        """Whether a secret was shown, and what its holder may do."""
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() == "bearer" and token:
            return True, self._access.bearer(token.strip())
        session = request.cookies.get(self.cookie)
        return (True, self._access.session(session)) if session else (False, None)

    def _is_ours(self, host: str) -> bool:
        host = host.lower()
        name, _, port = host.rpartition(":") if ":" in host.rpartition("]")[2] else (host, "", "")
        if name in _LOCAL:
            return port in (str(self.port), "")
        return host in self._hosts or (name in self._hosts and port in (str(self.port), ""))

    def _foreign(self, request: web.Request) -> str:
        """Why the request comes from another site; "" = it does not."""
        if request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
            return "not for other sites"
        origin = request.headers.get("Origin")
        if origin is None:
            return ""
        try:
            parts = urlsplit(origin)
        except ValueError:
            return "not for other sites"
        schemes = ("https",) if self._secure else ("http", "https")
        return "" if parts.scheme in schemes and self._is_ours(parts.netloc) else "not for other sites"
