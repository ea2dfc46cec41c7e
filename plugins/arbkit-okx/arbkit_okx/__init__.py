"""OKX spot for arbkit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import arbkit
from arbkit_okx.adapter import Okx

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Okx", "register_dialects", "register_exchanges"]


@arbkit.hookimpl
def register_exchanges(register: Callable[[type], None]) -> None:
    """The real venue."""
    register(Okx)


@arbkit.hookimpl
def register_dialects(register: Callable[[type], None]) -> None:
    """The simulated venue; its code is loaded only when asked for."""
    from arbkit_okx.dialect import OkxDialect

    register(OkxDialect)
