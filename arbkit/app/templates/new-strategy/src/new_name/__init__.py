"""A strategy for arbkit."""

from __future__ import annotations

from arbkit import hookimpl
from arbkit.plugins.hooks import RegisterStrategy

from new_name.strategy import NewName

__all__ = ["NewName", "register_strategies"]


@hookimpl
def register_strategies(register: RegisterStrategy) -> None:
    """``arbkit run new-name`` finds the strategy by this name."""
    register("new-name", NewName)
