"""Binance spot for arbkit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from arbkit import hookimpl


@hookimpl
def register_exchanges(register: Callable[[Any], None]) -> None:
    from arbkit_binance.adapter import Binance

    register(Binance)


@hookimpl
def register_dialects(register: Callable[[Any], None]) -> None:
    from arbkit_binance.dialect import BinanceDialect

    register(BinanceDialect)
