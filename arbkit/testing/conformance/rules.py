"""The definition of a conformance rule, the registry ``RULES``, and the checks ``must`` and ``same``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from msgspec import Struct

from arbkit.core.protocols import Exchange
from arbkit.core.types import VenueSettings
from arbkit.sim.dialect import Dialect
from arbkit.sim.faults import Fault
from arbkit.testing.conformance.rig import Rig

__all__ = ["RULES", "Rule", "Nonconforming", "VenueUnderTest", "rule", "must", "same"]


class Nonconforming(AssertionError):
    """The adapter violates a rule. The text contains what the adapter reported and what the venue has."""


class VenueUnderTest(Struct, frozen=True):
    """An adapter and its simulated venue."""

    exchange: Callable[[VenueSettings], Exchange]
    dialect: type[Dialect]
    options: Mapping[str, str] = {}
    """Venue-specific options, as in ``VenueSettings``."""

    def rig(self, *, faults: tuple[Fault, ...] = (), skew_ns: int = 0, secret: str = "", key: str = "") -> Rig:
        """A new rig; call ``boot`` on it."""
        return Rig(
            self.exchange, self.dialect, faults=faults, skew_ns=skew_ns, secret=secret, key=key, options=self.options
        )


Rule: TypeAlias = Callable[[VenueUnderTest], "str | None"]
"""Raises ``Nonconforming`` if the adapter violates it; returns a note for the table ("not offered"), or None."""

RULES: dict[str, Rule] = {}
"""All rules by name, in the order of definition."""


def rule(check: Rule) -> Rule:
    """Register a rule under its function's name. The docstring states the rule."""
    RULES[check.__name__] = check
    return check


def must(condition: object, text: str) -> None:
    """Raise ``Nonconforming`` if the condition is false."""
    if not condition:
        raise Nonconforming(text)


def same(got: object, want: object, what: str) -> None:
    """Raise ``Nonconforming`` if the adapter's value differs from the venue's."""
    if got != want:
        raise Nonconforming(f"{what}: the adapter has {got!r}, the venue has {want!r}")
