"""MEXC spot for arbkit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from arbkit import hookimpl


@hookimpl
def register_exchanges(register: Callable[[Any], None]) -> None:
    from arbkit_mexc.adapter import Mexc

    register(Mexc)


@hookimpl
def register_dialects(register: Callable[[Any], None]) -> None:
    from arbkit_mexc.dialect import MexcDialect

    register(MexcDialect)
