"""Chooses the event loop: uvloop if it is installed, else asyncio's own. Only the command line imports uvloop."""

from __future__ import annotations

from asyncio import AbstractEventLoop, new_event_loop
from collections.abc import Callable

__all__ = ["loop_factory"]


def loop_factory() -> Callable[[], AbstractEventLoop]:
    """The loop factory for ``asyncio.Runner``."""
    try:
        import uvloop
    except ImportError:
        return new_event_loop
    return uvloop.new_event_loop
