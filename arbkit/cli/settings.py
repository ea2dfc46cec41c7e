"""Loads configuration and plugins together, for ``arbkit run`` and ``arbkit config check``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from msgspec import Struct

from arbkit.app import target
from arbkit.config import load as config
from arbkit.core.errors import ConfigError, CredentialsError
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
) -> Loaded:
    """Read the configuration, load the plugins that it allows, and check each venue's own options, with ``strategy``
    also the settings of the strategy. ``signed``: see ``config.load.load``. Raises ``ConfigError`` with all
    mistakes."""
    registries: list[plugins.Registry] = []

    def venues(only: Collection[str] | None) -> Collection[str]:
        registries.append(plugins.load(only))
        return registries[0].exchanges

    def wrong(named: config.StrategyConfig) -> Mapping[str, str]:
        return target.wrong(target.load(named.target, registries[0]), named) if named.target else {}

    read = config.load(
        path,
        flags=flags,
        params=params,
        live=live,
        signed=signed,
        venues=venues,
        settings=wrong if strategy else None,
    )
    registry = registries[0]
    exchanges: dict[str, Exchange] = {}
    mistakes = []
    for name, venue in read.venues.items():
        try:
            exchanges[name] = registry.exchange(name)(venue.settings)
            if live:
                config.credentials(name, venue).signer()
        except ConfigError as error:
            wrong_key = isinstance(error, CredentialsError)
            mistakes.append(config.Mistake("", f"venues.{name}", str(error), wrong_key))
    config.fail(mistakes)
    return Loaded(read, registry, exchanges)
