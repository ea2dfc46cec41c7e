"""Loads configuration and plugins together, for ``arbkit run`` and ``arbkit config check``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from msgspec import Struct

from arbkit.app import mistakes, target
from arbkit.config import load as config
from arbkit.config.reader import Reader
from arbkit.core.protocols import Exchange
from arbkit.plugins import registry as plugins

__all__ = ["Loaded", "load"]


class Loaded(Struct, frozen=True):
    """What ``load`` made: each exchange is made once, and the file of the strategy runs once."""

    config: config.Config
    registry: plugins.Registry
    exchanges: Mapping[str, Exchange]
    strategy: Callable[..., Any] | None = None
    """The class of the strategy, if ``strategy`` asked for it."""


def load(
    path: str | None,
    flags: Mapping[str, Any] | None = None,
    *,
    params: Mapping[str, str] | None = None,
    live: bool = False,
    signed: bool = False,
    strategy: bool = False,
    whole: bool = False,
) -> Loaded:
    """Read the configuration, load the plugins that it allows, and check what they alone know (``app.mistakes``), with
    ``strategy`` also the settings of the strategy, with ``whole`` the strategy itself and its executor. ``signed``: see
    ``config.load.load``. Raises ``ConfigError`` with all mistakes."""
    found: list[tuple[plugins.Registry, dict[str, Exchange], Callable[..., Any] | None]] = []
    signed = signed or live

    def also(read: config.Config, reader: Reader) -> Collection[str]:
        named = read.distributions if signed else read.distributions or None
        registry = plugins.load(None if named is None else mistakes.distributions(named, reader))
        exchanges, cls = mistakes.venues(read, reader, registry, live=live), None
        if whole:
            mistakes.strategy(read, reader, registry, signed=signed)
        elif strategy and read.strategy.target:
            cls = target.load(read.strategy.target, registry, signed=signed)
            mistakes.params(cls, read, reader)
        found.append((registry, exchanges, cls))
        return registry.exchanges

    read = config.load(path, flags=flags, params=params, live=live, signed=signed, also=also)
    [(registry, exchanges, cls)] = found
    return Loaded(read, registry, exchanges, cls)
