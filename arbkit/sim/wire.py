"""The messages between a simulated venue and its clients: requests, replies, frames. Plain data, no sockets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from msgspec import Struct, json

__all__ = ["Answer", "Close", "SimFrame", "Out", "Pack", "Ping", "Reply", "Request", "SimWire", "encode"]

Pack: TypeAlias = Callable[[bytes], bytes]
"""Makes a binary frame of a text, such as ``gzip``. It is deterministic."""

encode: Final = json.Encoder().encode
"""A value as JSON."""


class Request(Struct, frozen=True, gc=False):
    """One HTTP request as it arrived. Header names are lower case; ``query`` is the raw text, not decoded."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = {}
    body: bytes = b""

    @property
    def target(self) -> str:
        """Path and query, as on the request line."""
        return f"{self.path}?{self.query}" if self.query else self.path


class Reply(Struct, frozen=True, gc=False):
    """One HTTP reply."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {}
    delay_ns: int = 0
    """Delay between handling the request and sending the reply."""


class SimFrame(Struct, frozen=True, gc=False):
    """A frame to a client."""

    conn: int
    text: str
    kind: str = "control"
    """``book`` (public depth), ``top`` (best bid-ask), ``trades``, ``reply`` (answer to a client frame),
    ``user`` (private events), ``control``. Faults select frames by it."""
    symbol: str = ""
    """Canonical symbol of a ``book``, ``top`` or ``trades`` frame."""
    pack: Pack | None = None
    """The frame is binary: this of its text."""

    @property
    def data(self) -> str | bytes:
        """As the client receives it."""
        return self.text if self.pack is None else self.pack(self.text.encode())


class Ping(Struct, frozen=True, gc=False):
    """A WebSocket ping to a client."""

    conn: int
    patience_ns: int = 0
    """The connection is cut if no pong comes within this time; 0 = never."""


class Close(Struct, frozen=True, gc=False):
    """The venue closes the connection. Code 1006 = the TCP connection is cut without a closing handshake."""

    conn: int
    code: int = 1000
    reason: str = ""


class Answer(Struct, frozen=True, gc=False):
    """The reply to the HTTP request ``ref``; None = the connection is closed without a reply."""

    ref: int
    reply: Reply | None


Out: TypeAlias = SimFrame | Ping | Close | Answer


class SimWire:
    """The output queue of a dialect. The world takes its content after each call."""

    __slots__ = ("outs",)

    def __init__(self) -> None:
        self.outs: list[Out] = []

    def send(self, conn: int, text: str, kind: str = "control", symbol: str = "", pack: Pack | None = None) -> None:
        """Send a frame; see ``SimFrame`` for the kinds and ``pack``."""
        self.outs.append(SimFrame(conn, text, kind, symbol, pack))

    def tell(self, conn: int, body: Any, kind: str = "reply", symbol: str = "", pack: Pack | None = None) -> None:
        """Send a value as JSON."""
        self.send(conn, encode(body).decode(), kind, symbol, pack)

    def ping(self, conn: int, patience_ns: int = 0) -> None:
        self.outs.append(Ping(conn, patience_ns))

    def close(self, conn: int, code: int = 1000, reason: str = "") -> None:
        self.outs.append(Close(conn, code, reason))

    def take(self) -> list[Out]:
        """Everything that was written since the last call."""
        outs, self.outs = self.outs, []
        return outs
