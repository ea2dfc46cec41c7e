"""The one guard around every call into a session: what a session raises is an event of its link.

What should be a list may be a generator, which runs only when it is read: it is read here. Desk, dialer, sender and
requests call sessions through it. The desk drains ``raised`` at the end of each input and decides what a fault costs:
the frame, the connection, or the link for good.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec
from msgspec import Struct

from arbkit.core.errors import ArbkitError, BadFrame
from arbkit.core.protocols import Exchange, Session, Signer
from arbkit.core.types import Ask, Catalogue, Dial, LinkSpec, cut
from arbkit.core.venues.link import Link

__all__ = ["Guard", "SessionFault", "brief", "dialled", "is_unreadable", "made", "said", "session_of", "specs_of"]

T = TypeVar("T")
_SESSION = ("dial", "start", "receive", "answered", "tick", "encode", "due_ns")
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

    def listed(self, link: Link, call: Callable[..., Sequence[T]], *args: object) -> Sequence[T] | None:
        """``run`` for a call that returns a sequence. What is none is a fault too."""
        try:
            found = call(*args)
            return found if type(found) is list or type(found) is tuple else tuple(found)
        except Exception as error:  # as in ``run``
            self.raised.append(SessionFault(link, error))
            return None

    def asked(self, link: Link, call: Callable[..., T], *args: object) -> T | None:
        """``run`` for what an adapter says before there is a frame to blame: whatever it raises is its own fault."""
        try:
            return call(*args)
        except Exception as error:  # as in ``run``
            self.blame(link, error)
            return None

    def blame(self, link: Link, error: Exception) -> None:
        """The adapter raised this before there was a frame to blame."""
        self.raised.append(SessionFault(link, RuntimeError(brief(error))))

    def fault(self, link: Link, error: Exception) -> None:
        """A session raised in a call of the desk's own, or broke its contract without raising (the wrong number of
        wires)."""
        self.raised.append(SessionFault(link, error))


def session_of(exchange: Exchange, spec: LinkSpec, catalogue: Catalogue, signer: Signer | None) -> Session:
    """A new session of the adapter. Raises what the adapter raises, and ``TypeError`` for what is no session."""
    made = exchange.session(spec, catalogue, signer)
    lacks = [name for name in _SESSION if not hasattr(made, name)]
    if lacks:
        raise TypeError(f"session() returned {type(made).__name__}, which has no {', '.join(lacks)}")
    return made


def specs_of(links: Callable[..., Sequence[LinkSpec]], *args: object) -> Sequence[LinkSpec]:
    """The links that the adapter wants. Raises what the adapter raises, and ``TypeError`` for what is no link."""
    specs = tuple(links(*args))
    told: Sequence[object] = specs
    for spec in told:
        if not isinstance(spec, LinkSpec):
            raise TypeError(f"links() named {type(spec).__name__}: a list of LinkSpec is expected")
    return specs


def dialled(session: Session, now_ns: int) -> Dial | Ask:
    """Where the session wants to connect. Raises what the adapter raises, and ``TypeError`` for something else."""
    dial = session.dial(now_ns)
    if not isinstance(dial, Dial | Ask):
        raise TypeError(f"dial() returned {type(dial).__name__}: a Dial or an Ask is expected")
    return dial


def made(call: Callable[..., T], *args: object) -> T:
    """What a plugin makes before there is a frame to blame. Raises ``ArbkitError`` as it is, and ``RuntimeError`` for
    anything else: a fault of the plugin, whatever it raised."""
    try:
        return call(*args)
    except ArbkitError:
        raise
    except Exception as error:
        raise RuntimeError(brief(error)) from error


def is_unreadable(error: Exception) -> bool:
    """The frame is at fault, not the session: ``BadFrame``, and what decoding raises."""
    return isinstance(error, _UNREADABLE)


def brief(error: BaseException) -> str:
    """The error in at most a line or two, for logs."""
    return f"{type(error).__name__}: {cut(said(error), 200)}"


def said(error: BaseException) -> str:
    """The text of an error of a session, which can be anything."""
    try:
        return cut(str(error))
    except Exception:  # the plugin's own ``__str__``
        return "its text cannot be made"
