"""What a rule is: one promise that an adapter must keep, tried against its simulated venue."""

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
    """The adapter broke a rule; the text says what was seen and what the venue has."""


class VenueUnderTest(Struct, frozen=True):
    """An adapter and the simulated venue that it is tried on."""

    exchange: Callable[[VenueSettings], Exchange]
    dialect: type[Dialect]
    options: Mapping[str, str] = {}
    """The venue's own switches, as in ``VenueSettings``."""

    def rig(self, *, faults: tuple[Fault, ...] = (), skew_ns: int = 0, secret: str = "", key: str = "") -> Rig:
        """The adapter alone, not booted yet."""
        return Rig(
            self.exchange, self.dialect, faults=faults, skew_ns=skew_ns, secret=secret, key=key, options=self.options
        )


Rule: TypeAlias = Callable[[VenueUnderTest], "str | None"]
"""Raises ``Nonconforming``; returns a note for the table ("not offered: ..."), or None."""

RULES: dict[str, Rule] = {}
"""By name, in the order of definition."""


def rule(check: Rule) -> Rule:
    """Register a rule under its function's name; its docstring is the rule."""
    RULES[check.__name__] = check
    return check


def must(condition: object, text: str) -> None:
    """Raise unless the condition holds."""
    if not condition:
        raise Nonconforming(text)


def same(got: object, want: object, what: str) -> None:
    """Raise unless the adapter says what the venue has."""
    if got != want:
        raise Nonconforming(f"{what}: the adapter says {got!r}, the venue has {want!r}")
