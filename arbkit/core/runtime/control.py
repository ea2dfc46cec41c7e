"""The control port: a Unix socket in the state folder, for its owner only. ``arbkit mode``,
``arbkit status``, ``arbkit top`` and ``arbkit dashboard`` are its clients.

A client sends one JSON line (``ModeAsked``) and gets one back (``ModesTold``).
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct

from arbkit.core.types import Idle, Mode

__all__ = ["NAME", "ModeAsked", "ControlPort", "ScopeMode", "ModesTold"]

NAME = "control"
_MOST = 4096
"""Longest line, in bytes."""
_PATIENCE_S = 5.0


class ModeAsked(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a client wants: a mode, or (without one) to know the modes. The API asks for its actions in the same way."""

    mode: Mode | None = None
    scope: str = ""
    """"" = everything, a venue, or a pair."""
    why: str = ""
    what: Literal["", "resolve", "release"] = ""
    """An action that is no mode: see ``Desk.person``."""
    link: Literal["", "read", "trade"] = ""
    """The answer is to have a link to the dashboard that may do so much."""
    idle: bool = False
    """The answer is to tell why each pair is not traded now."""
    watch: int | None = None
    """The answer is to tell what a terminal shows, and its lines from this number on."""


class ScopeMode(Struct, frozen=True):
    mode: Mode
    why: str


class ModesTold(Struct, frozen=True, kw_only=True):
    """The answer. ``modes``: each scope that is not ACTIVE; "" = everything."""

    modes: dict[str, ScopeMode] = {}
    idle: list[Idle] = []
    watched: Any = None
    """What a terminal shows (``monitor.picture.Glimpse``), if it was asked for."""
    link: str = ""
    error: str = ""


class ControlPort:
    """``ask`` does what a client wants and returns the answer; it is called on the loop."""

    def __init__(self, folder: Path, ask: Callable[[ModeAsked], ModesTold]) -> None:
        self.path = folder / NAME
        self._ask = ask
        self._server: asyncio.Server | None = None

    async def start(self) -> str:
        """Listen. Returns why that is not possible; "" = it is. The caller holds the lock of the folder, so that a
        socket that is there already is a dead one."""
        self.path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.bind(str(self.path))
            os.chmod(self.path, 0o600)  # before anybody can connect
            self._server = await asyncio.start_unix_server(self._serve, sock=listener, limit=_MOST)
        except OSError as error:
            listener.close()
            return f"{self.path}: {error.strerror or error}"
        return ""

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                line = await reader.readline()
            try:
                told = self._ask(msgspec.json.decode(line, type=ModeAsked))
            except msgspec.DecodeError as error:
                told = ModesTold(error=str(error))
            writer.write(msgspec.json.encode(told) + b"\n")
            async with asyncio.timeout(_PATIENCE_S):
                await writer.drain()
        except (OSError, ValueError, TimeoutError):
            pass  # a client that went away, or sent too long a line
        finally:
            writer.close()

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self.path.unlink(missing_ok=True)
