"""Do two venues mean the same asset by the same ticker? Only then is a difference of their prices an edge.

What counts, in this order: the user's own word (``[same]`` of the configuration), the contract addresses that both
venues tell, and the table of majors. Anything else is watched and not traded, with the reason. The desk tells the
contracts (``AssetStatus``); the view and ``arbkit instruments`` ask.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from arbkit.core.market.majors import MAJORS, WRAPPED
from arbkit.core.types import Instrument

__all__ = ["Identity", "relative"]

_SUFFIX = 6
"""A venue may tell only the end of an address (OKX: the last 6 characters)."""
_UNITS = {"1000000": "1000000", "10000": "10000", "1000": "1000", "1M": "1000000", "k": "1000"}
"""Prefixes of tickers that mean a multiple."""


class Identity:
    """``same``: assets, each with the venues on which the user knows it to be one and the same."""

    def __init__(self, same: Mapping[str, Collection[str]] | None = None) -> None:
        self._same = {asset: frozenset(venues) for asset, venues in (same or {}).items()}
        self._contracts: dict[tuple[str, str], tuple[str, ...]] = {}
        self._known: dict[tuple[str, str, str], str] = {}
        self.alike: set[str] = set()
        """Pairs (``Deal.pair``) that were found to be about the same assets; emptied when a venue tells other
        contracts."""

    def told(self, venue: str, asset: str, contracts: Sequence[str]) -> None:
        """The contract addresses of an asset that a venue tells."""
        found = tuple(sorted({one.casefold() for one in contracts if len(one) >= _SUFFIX}))
        if self._contracts.get((venue, asset), ()) != found:
            self._contracts[venue, asset] = found
            self._known.clear()
            self.alike.clear()

    def unlike(self, one: Instrument, other: Instrument) -> str:
        """Why assets that both instruments name are not known to be the same; "" = they are."""
        if one.venue == other.venue:
            return ""
        for asset in (one.base, one.quote):
            if asset in (other.base, other.quote) and (why := self.asset(asset, one.venue, other.venue)):
                return why
        self.alike.add("+".join(sorted((one.id, other.id))))
        return ""

    def asset(self, asset: str, venue: str, other: str) -> str:
        """Why the asset of one venue is not known to be that of another one; "" = it is."""
        key = (asset, venue, other)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._judge(asset, venue, other)
        return known

    def _judge(self, asset: str, venue: str, other: str) -> str:
        if {venue, other} <= self._same.get(asset, frozenset()):
            return ""
        mine, theirs = self._contracts.get((venue, asset), ()), self._contracts.get((other, asset), ())
        if mine and theirs and _meet(mine, theirs):
            return ""
        remedy = f'if you know that it is, set {asset} = ["{venue}", "{other}"] in [same]'
        major = MAJORS.get(asset)
        if major is None:
            if mine and theirs:
                told = f"{venue} tells the contract {mine[0]}, {other} tells {theirs[0]}"
                return f"{asset} is perhaps not the same asset: {told}; {remedy}"
            return f"nothing proves that {asset} is the same asset on {venue} and {other}; {remedy}"
        for where, contracts in ((venue, mine), (other, theirs)):
            if contracts and major.contracts and not _meet(contracts, tuple(one.casefold() for one in major.contracts)):
                told = f"{where} tells the contract {contracts[0]}, which is none of {major.name} ({major.evidence})"
                return f"{asset} is perhaps another asset: {told}; {remedy}"
        return ""


def _meet(some: Sequence[str], others: Sequence[str]) -> bool:
    """Whether one address is in both. One of them may be the end of the other only."""
    return any(one.endswith(other) or other.endswith(one) for one in some for other in others)


def relative(asset: str, other: str) -> str:
    """What ``other`` is to ``asset``, if it has a different ticker but is about the same thing; "" = nothing known.

    A multiple (1000PEPE) or a wrapped coin (WBTC) is another asset: its price and its way in and out are its own."""
    if asset == other:
        return ""
    for one, of in ((asset, other), (other, asset)):
        if WRAPPED.get(one) == of:
            return f"{one} is a wrapped {of}: another asset"
        for prefix, times in _UNITS.items():
            if one == prefix + of:
                return f"one {one} is {times} {of}: another unit"
    return ""
