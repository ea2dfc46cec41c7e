"""The table ``[api]`` of the configuration."""

from __future__ import annotations

from msgspec import Struct

__all__ = ["ApiConfig"]


class ApiConfig(Struct, frozen=True, kw_only=True):
    """The table ``[api]``: the REST and WebSocket API, and the dashboard."""

    port: int | None = None
    """None = no server; 0 = any free port: ``arbkit dashboard`` tells it."""
    bind: str = "127.0.0.1"
    """An address of this machine. One that others can reach needs ``tls_cert``, ``tls_key`` and ``hosts``."""
    tls_cert: str = ""
    """A PEM file with the certificate and those between it and its CA; likewise ``tls_key``."""
    tls_key: str = ""
    hosts: tuple[str, ...] = ()
    """The names by which browsers and programs may reach the server, beside 127.0.0.1 and localhost."""
