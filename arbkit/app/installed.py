"""The installed plugins that the configuration allows, for every command that needs venues or strategies."""

from __future__ import annotations

from arbkit.config import load as config
from arbkit.plugins.registry import Registry, load

__all__ = ["installed"]


def installed(*, dialects: bool = False) -> Registry:
    """Load the plugins that ``distributions`` in the configuration names, or all if it names none. Raises like
    ``config.load.distributions`` and ``plugins.registry.load``."""
    return load(config.distributions(), dialects=dialects)
