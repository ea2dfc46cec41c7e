"""What a terminal shows of a run: its state now, and what happened. Plain data, so that it also goes over the control
port to ``arbkit top``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

__all__ = ["ClosedDeal", "Picture", "Shown", "VenueLine", "Glimpse"]


class ClosedDeal(Struct, frozen=True, gc=False):
    """A deal as one line shows it."""

    legs: Sequence[Mapping[str, str]]
    """What filled: ``side``, ``instrument``, ``qty``, ``px`` (``Deal.traded``)."""
    net: Mapping[str, str]
    """Gain by asset, after fees."""
    outcome: str
    ms: float
    pair: str = ""


class Shown(Struct, frozen=True, gc=False):
    """One line for a person."""

    at_ns: int
    kind: str
    """``deal``, ``fault``, ``healed``, ``alarm`` or ``note``: it chooses the colour."""
    text: str = ""
    deal: ClosedDeal | None = None
    """A deal is written to the width of the screen."""


class VenueLine(Struct, frozen=True, gc=False):
    """One venue."""

    name: str
    why: str = ""
    """Why it cannot trade; "" = it can."""


class Picture(Struct, frozen=True, gc=False, kw_only=True):
    """A run at one moment."""

    at_ns: int
    began_ns: int
    kind: str
    """``live``, ``paper`` or ``demo``."""
    mode: str
    """The gate's mode: ``active``, ``reducing`` or ``halted``."""
    venues: Sequence[VenueLine] = ()
    asset: str = "USDT"
    """The reporting asset."""
    marked: str | None = None
    """The gain of this run at book prices; None = a price is missing."""
    deals: Mapping[str, int] = {}
    """Closed deals by outcome."""
    open_deals: int = 0
    held: int = 0
    unresolved: int = 0
    """Orders whose outcome is not proved."""
    idle: str = ""
    """Why nothing is traded now; "" = nothing is in the way, or it is not known yet."""
    stopping: bool = False
    books: tuple[int, int] = (0, 0)
    """Trusted books, and all."""


class Glimpse(Struct, frozen=True, gc=False):
    """What ``arbkit top`` gets: the newest picture, and the lines since the number that it named."""

    picture: Picture | None = None
    lines: Sequence[Shown] = ()
    next: int = 0
    """The number to name next time."""
