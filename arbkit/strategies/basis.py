"""A standing basis: an edge that stays.

Two venues can differ for minutes or days: deposits or withdrawals are closed, one of them is halted or lags, or a
ticker means two assets. Whoever trades that gets stock on the cheap venue and no way back to the same prices. A real
edge appears and is gone. So what counts is how far a price is above what it always was: the smallest ratio of bid to
ask of the last minute. Where that alone pays, it is the basis, and an edge begins there. Once the edge has closed, the
smallest ratio is small again. An edge that was there at the first look has never been closed, so it is a basis too.
"""

from __future__ import annotations

from math import inf

from arbkit.core.protocols import View
from arbkit.core.types import Instrument

__all__ = ["Basis", "closed", "likely_cause"]

_SLOTS = 6


class Basis:
    """The smallest ratio of bid to ask within the last ``window_ns``, in slots of a sixth of it."""

    __slots__ = ("_lows", "_slot_ns", "_turn_ns")

    def __init__(self, window_ns: int) -> None:
        self._slot_ns = max(1, window_ns // _SLOTS)
        self._turn_ns = 0
        self._lows = [inf] * _SLOTS

    def look(self, ratio: float, now_ns: int) -> float:
        """One sample. Returns the smallest ratio of the window; where it has no other sample, ``ratio``."""
        if now_ns >= self._turn_ns:
            turns = min(_SLOTS, 1 + (now_ns - self._turn_ns) // self._slot_ns) if self._turn_ns else 1
            self._lows = [*self._lows[turns:], *[inf] * turns]
            self._turn_ns = now_ns + self._slot_ns
        if ratio < self._lows[-1]:
            self._lows[-1] = ratio
        return min(self._lows)


def closed(view: View, buy: Instrument, sell: Instrument) -> str:
    """Which way of assets between the venues is known to be closed, as text; "" = none."""
    for venue, asset, direction, ways in (
        (buy.venue, buy.base, "withdraw", "withdrawals"),
        (sell.venue, sell.base, "deposit", "deposits"),
        (sell.venue, sell.quote, "withdraw", "withdrawals"),
        (buy.venue, buy.quote, "deposit", "deposits"),
    ):
        if view.movable(venue, asset, direction) is False:
            return f"{ways} of {asset} are closed at {venue}"
    return ""


def likely_cause(view: View, buy: Instrument, sell: Instrument, ratio: float) -> str:
    """What probably keeps the price of ``sell`` above that of ``buy``, as text."""
    if why := closed(view, buy, sell):
        return why
    for one in (buy, sell):
        if not view.catalogue[one.id].tradable:
            return f"{one.symbol} is halted at {one.venue}"
    for times in (10, 100, 1_000, 10_000, 1_000_000):
        if 0.8 * times < ratio < 1.25 * times:
            return f"{buy.venue} and {sell.venue} perhaps quote {buy.base} in units that differ by {times}"
    unknown = [
        venue
        for venue, direction in ((buy.venue, "withdraw"), (sell.venue, "deposit"))
        if view.movable(venue, buy.base, direction) is None
    ]
    if unknown:
        return f"perhaps {buy.base} cannot be moved: {' and '.join(unknown)} did not tell (this needs keys)"
    return f"perhaps {buy.base} is another asset on one of them, or one of them has stopped trading it"
