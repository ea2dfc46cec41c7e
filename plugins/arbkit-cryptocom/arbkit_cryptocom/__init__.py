"""Crypto.com Exchange spot for arbkit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from arbkit import hookimpl


@hookimpl
def register_exchanges(register: Callable[[Any], None]) -> None:
    from arbkit_cryptocom.adapter import Cryptocom

    register(Cryptocom)


@hookimpl
def register_dialects(register: Callable[[Any], None]) -> None:
    from arbkit_cryptocom.dialect import CryptocomDialect

    register(CryptocomDialect)
