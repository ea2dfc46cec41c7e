"""Loads configuration and plugins together, for ``arbkit run`` and ``arbkit config check``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from msgspec import Struct

from arbkit.app import mistakes, target
from arbkit.config import load as config
from arbkit.config.reader import Reader
from arbkit.core.protocols import Exchange
from arbkit.plugins import registry as plugins

__all__ = ["Loaded", "load"]


class Loaded(Struct, frozen=True):
    """What ``load`` made: each exchange is made once."""

    config: config.Config
    registry: plugins.Registry
    exchanges: Mapping[str, Exchange]


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
    registry = plugins.Registry()
    exchanges: dict[str, Exchange] = {}

    def also(read: config.Config, reader: Reader) -> Collection[str]:
        nonlocal registry, exchanges
        named = read.distributions if live or signed else read.distributions or None
        registry = plugins.load(None if named is None else mistakes.distributions(named, reader))
        exchanges = mistakes.venues(read, reader, registry, live=live)
        if whole:
            mistakes.strategy(read, reader, registry)
        elif strategy and read.strategy.target:
            mistakes.params(target.load(read.strategy.target, registry), read, reader)
        return registry.exchanges

    read = config.load(path, flags=flags, params=params, live=live, signed=signed, also=also)
    return Loaded(read, registry, exchanges)
