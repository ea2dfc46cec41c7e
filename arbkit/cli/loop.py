"""Which event loop: uvloop where it is installed, else Python's own. Nothing below the command line knows."""

from __future__ import annotations

from asyncio import AbstractEventLoop, new_event_loop
from collections.abc import Callable

__all__ = ["loop_factory"]


def loop_factory() -> Callable[[], AbstractEventLoop]:
    """What ``asyncio.Runner`` makes its loop with."""
    try:
        import uvloop
    except ImportError:
        return new_event_loop
    return uvloop.new_event_loop
