"""Who may use the API: tokens for programs, sessions for the page, and how many may fail.

Secrets are compared by their hashes in constant time, and are in no log, journal or URL in a log. See docs/api.md.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256
from typing import Literal

__all__ = ["Access", "Failures", "Scope"]

Scope = Literal["read", "trade"]

_BYTES = 32
TICKET_S = 900.0
"""A link for the browser can be used for so long, once."""
SESSION_S = 12 * 3600.0
_MOST_TICKETS = 32
_MOST_SESSIONS = 64


class _Grants:
    """Secrets that end: by hash, with scope and time. The oldest is dropped when there are too many."""

    def __init__(self, life_s: float, most: int) -> None:
        self._life_s = life_s
        self._most = most
        self._held: OrderedDict[bytes, tuple[Scope, float]] = OrderedDict()

    def add(self, secret: str, scope: Scope, now_s: float) -> None:
        while len(self._held) >= self._most:
            self._held.popitem(last=False)
        self._held[_hash(secret)] = scope, now_s + self._life_s

    def find(self, secret: str, now_s: float, *, take: bool = False) -> Scope | None:
        """The scope, if the secret is one of these. Looks at all, so that the time does not tell which."""
        wanted, found = _hash(secret), None
        for held, (scope, until_s) in self._held.items():
            if hmac.compare_digest(held, wanted) and now_s < until_s:
                found = held, scope
        if found is None:
            return None
        if take:
            del self._held[found[0]]
        return found[1]


class Access:
    """The secrets of one run. ``entropy``: random bytes of the system; ``clock``: seconds that never go back."""

    def __init__(self, entropy: Callable[[int], bytes], clock: Callable[[], float]) -> None:
        self._entropy = entropy
        self._clock = clock
        self.tokens: dict[Scope, str] = {"read": self._secret(), "trade": self._secret()}
        """For programs. They hold until the run ends."""
        self._hashes: dict[Scope, bytes] = {scope: _hash(token) for scope, token in self.tokens.items()}
        self._url = ""
        self._tickets = _Grants(TICKET_S, _MOST_TICKETS)
        self._sessions = _Grants(SESSION_S, _MOST_SESSIONS)

    def __repr__(self) -> str:
        return "<Access ***>"

    def _secret(self) -> str:
        return urlsafe_b64encode(self._entropy(_BYTES)).rstrip(b"=").decode()

    def opened(self, url: str) -> None:
        """The server listens there."""
        self._url = url

    def link(self, scope: Scope) -> str:
        """A link that logs a browser in, once; "" = no server listens. The part after # is sent to nobody: the page
        exchanges it for a session."""
        if not self._url:
            return ""
        ticket = self._secret()
        self._tickets.add(ticket, scope, self._clock())
        return f"{self._url}#token={ticket}"

    def login(self, secret: str) -> tuple[str, Scope] | None:
        """A session for a ticket, which is used up, or for a token; None = it is neither."""
        scope = self._tickets.find(secret, self._clock(), take=True) or self.bearer(secret)
        if scope is None:
            return None
        session = self._secret()
        self._sessions.add(session, scope, self._clock())
        return session, scope

    def logout(self, session: str) -> None:
        self._sessions.find(session, self._clock(), take=True)

    def bearer(self, token: str) -> Scope | None:
        wanted, found = _hash(token), None
        for scope, held in self._hashes.items():
            if hmac.compare_digest(held, wanted):
                found = scope
        return found

    def session(self, session: str) -> Scope | None:
        return self._sessions.find(session, self._clock())


def _hash(secret: str) -> bytes:
    return sha256(secret.encode("utf-8", "surrogateescape")).digest()


class Failures:
    """How often somebody has shown a wrong secret: of one address, and of all together. Who shows a right one is never
    kept out."""

    PER_ADDRESS, OF_ALL, WINDOW_S = 10, 100, 60.0
    _MOST = 1_000

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._by_address: OrderedDict[str, list[float]] = OrderedDict()
        self._all: list[float] = []
        self.count = 0

    def add(self, address: str) -> bool:
        """One more. True if there are too many."""
        self.count += 1
        since = self._clock() - self.WINDOW_S
        found = self._by_address.pop(address, [])
        found = self._by_address[address] = [*(at for at in found if at > since), self._clock()][
            -self.PER_ADDRESS - 1 :
        ]
        if len(self._by_address) > self._MOST:
            self._by_address.popitem(last=False)
        self._all = [*(at for at in self._all if at > since), self._clock()][-self.OF_ALL - 1 :]
        return len(found) > self.PER_ADDRESS or len(self._all) > self.OF_ALL
