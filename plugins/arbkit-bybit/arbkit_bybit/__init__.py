"""Bybit spot for arbkit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import arbkit
from arbkit_bybit.adapter import Bybit

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Bybit", "register_dialects", "register_exchanges"]


@arbkit.hookimpl
def register_exchanges(register: Callable[[type], None]) -> None:
    """The real venue."""
    register(Bybit)


@arbkit.hookimpl
def register_dialects(register: Callable[[type], None]) -> None:
    """The simulated venue; its code is loaded only when asked for."""
    from arbkit_bybit.dialect import BybitDialect

    register(BybitDialect)
