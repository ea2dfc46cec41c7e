"""new-name for arbkit."""

from __future__ import annotations

from arbkit import hookimpl
from arbkit.plugins.hooks import Register

from arbkit_new_name.adapter import NewName

__all__ = ["NewName", "register_exchanges"]


@hookimpl
def register_exchanges(register: Register) -> None:
    """The venue's adapter."""
    register(NewName)
