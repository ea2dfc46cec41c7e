"""Opens a WebSocket: which addresses are allowed, TLS, the time limit. ``core.runtime.transport`` is what it opens."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import ssl
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from websockets.exceptions import InvalidURI
from websockets.uri import WebSocketURI, parse_uri

from arbkit.core.errors import ConfigError, ConnectFailed
from arbkit.core.runtime.clock import Clock
from arbkit.core.runtime.reasons import cause, reveal, scrub
from arbkit.core.runtime.transport import MAX_MESSAGE, Receiver, WebSocket
from arbkit.core.types import Dial, Secret

__all__ = ["Connect", "connect", "is_loopback", "tls_context"]

CONNECT_S = 10.0
"""Timeout for DNS, TCP, TLS and WebSocket handshake together."""

Connect: TypeAlias = Callable[[Dial, Receiver], Awaitable[None]]
"""Opens a connection; returns after ``Receiver.opened``. Raises ``ConnectFailed`` or ``ConfigError``."""


def tls_context(ca_file: str | None = None) -> ssl.SSLContext:
    """A TLS context with certificate verification and at least TLS 1.2.

    ``ca_file``: a PEM file with the CAs to trust in place of the system's; ~ is the home folder. Raises ``ConfigError``
    if it cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file and os.path.expanduser(ca_file))
    except ssl.SSLError:
        raise ConfigError(f"{ca_file}: contains no certificate in PEM format") from None
    except OSError as error:
        raise ConfigError(f"{ca_file}: cannot be read: {error.strerror}") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.keylog_filename = None  # type: ignore[assignment]  # SSLKEYLOGFILE is ignored
    return context


def is_loopback(host: str) -> bool:
    """Whether ``host`` is this machine, so that unencrypted traffic is allowed."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


async def connect(
    dial: Dial, receiver: Receiver, *, clock: Clock, tls: ssl.SSLContext, max_message: int = MAX_MESSAGE
) -> None:
    """Open a WebSocket; returns after ``receiver.opened`` was called.

    Raises ``ConfigError`` for an address that is not allowed, ``ConnectFailed`` with a reason for any other failure.
    """
    uri = _vet(dial)
    made = WebSocket(uri, dial, receiver, clock, min(max_message, dial.most))
    try:
        async with asyncio.timeout(CONNECT_S):
            context = tls if uri.secure else None
            await asyncio.get_running_loop().create_connection(lambda: made, uri.host, uri.port, ssl=context)
            await made.handshake
    except TimeoutError:
        reason = f"no connection within {CONNECT_S:g} s"
    except (OSError, ssl.CertificateError) as error:
        reason = cause(error)
    except ConnectFailed as error:
        reason = str(error)
    except asyncio.CancelledError:
        made.abort()
        raise
    else:
        return
    made.abort()
    # "from None": the cause may contain what was sent.
    raise ConnectFailed(scrub(f"{uri.host}:{uri.port}: {reason}", [dial.url, *(v for _, v in dial.headers)])) from None


def _vet(dial: Dial) -> WebSocketURI:
    try:
        uri = parse_uri(reveal(dial.url))
    except (InvalidURI, ValueError):
        shown = dial.url if not isinstance(dial.url, Secret) else "***"
        raise ConfigError(f"not a ws:// or wss:// address: {shown}") from None
    if not uri.secure and not is_loopback(uri.host):
        raise ConfigError(f"ws:// is allowed for this machine only; use wss:// for {uri.host}")
    for name, value in dial.headers:
        if not (name + reveal(value)).isprintable():
            raise ConfigError(f"header {name!r} for {uri.host} contains control characters")
    return uri
