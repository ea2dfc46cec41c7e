"""The pluggy hooks with which a plugin registers venues, simulated venues and strategies. Called at startup only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import pluggy

__all__ = ["Register", "RegisterStrategy", "hookimpl", "hookspec"]

hookspec = pluggy.HookspecMarker("arbkit")
hookimpl = pluggy.HookimplMarker("arbkit")
"""Marks a plugin's functions: ``@arbkit.hookimpl``."""

Register: TypeAlias = Callable[[type[Any]], None]
RegisterStrategy: TypeAlias = Callable[[str, Callable[..., Any]], None]


@hookspec
def register_exchanges(register: Register) -> None:
    """Call ``register(ExchangeClass)`` for each venue. The class has the attribute ``venue``."""


@hookspec
def register_dialects(register: Register) -> None:
    """Call ``register(DialectClass)`` for each simulated venue. Import its module inside the hook."""


@hookspec
def register_strategies(register: RegisterStrategy) -> None:
    """Call ``register("name", StrategyClass)`` for each strategy."""
