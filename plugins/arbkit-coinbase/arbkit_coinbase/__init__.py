"""Coinbase Advanced Trade spot for arbkit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from arbkit import hookimpl


@hookimpl
def register_exchanges(register: Callable[[Any], None]) -> None:
    from arbkit_coinbase.adapter import Coinbase

    register(Coinbase)


@hookimpl
def register_dialects(register: Callable[[Any], None]) -> None:
    from arbkit_coinbase.dialect import CoinbaseDialect

    register(CoinbaseDialect)
