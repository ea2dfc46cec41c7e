"""The one guard around every call into a session: what a session raises is an event of its link.

Desk, dialer, sender and requests call sessions through it. The desk drains ``raised`` at the end of each input and
decides what a fault costs: the frame, the connection, or the link for good.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec
from msgspec import Struct

from arbkit.core.errors import BadFrame
from arbkit.core.types import cut
from arbkit.core.venues.link import Link

__all__ = ["Guard", "SessionFault", "brief", "is_unreadable", "said"]

T = TypeVar("T")
_UNREADABLE = (BadFrame, ValueError, LookupError, ArithmeticError, RecursionError, msgspec.MsgspecError)


class SessionFault(Struct, frozen=True):
    """A session raised."""

    link: Link
    error: Exception


class Guard:
    """Holds the faults of this turn in ``raised``, in order."""

    __slots__ = ("raised",)

    def __init__(self) -> None:
        self.raised: list[SessionFault] = []

    def run(self, link: Link, call: Callable[..., T], *args: object) -> T | None:
        """What ``call`` returns; None when it raised."""
        try:
            return call(*args)
        except Exception as error:  # the boundary to plugin code: only cancellation passes
            self.raised.append(SessionFault(link, error))
            return None

    def fault(self, link: Link, error: Exception) -> None:
        """A session raised in a call of the desk's own, or broke its contract without raising (the wrong number of
        wires)."""
        self.raised.append(SessionFault(link, error))


def is_unreadable(error: Exception) -> bool:
    """The frame is at fault, not the session: ``BadFrame``, and what decoding raises."""
    return isinstance(error, _UNREADABLE)


def brief(error: BaseException) -> str:
    """The error in at most a line or two, for logs."""
    return f"{type(error).__name__}: {said(error)[:200]}"


def said(error: BaseException) -> str:
    """The text of an error of a session, which can be anything."""
    try:
        return cut(str(error))
    except Exception:  # the plugin's own ``__str__``
        return "its text cannot be made"
