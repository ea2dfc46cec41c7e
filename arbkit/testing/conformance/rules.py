"""The definition of a conformance rule, the registry ``RULES``, and the checks ``must`` and ``same``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from pathlib import Path
from typing import Any, TypeAlias

from msgspec import Struct

from arbkit.core.protocols import Exchange
from arbkit.core.types import VenueSettings
from arbkit.sim.dialect import Dialect
from arbkit.sim.faults import Fault
from arbkit.testing.conformance.invented import an_order, invented
from arbkit.testing.conformance.rig import Rig

__all__ = [
    "KINDS",
    "RULES",
    "Nonconforming",
    "NotRun",
    "Rule",
    "VenueUnderTest",
    "must",
    "rule",
    "same",
]


class Nonconforming(AssertionError):
    """The adapter violates a rule. The text contains what the adapter reported and what the venue has."""


class NotRun(Exception):
    """The rule cannot be tested with this adapter; the text is the reason."""


class VenueUnderTest(Struct, frozen=True):
    """An adapter, and what the rules can use to test it."""

    exchange: Callable[[VenueSettings], Exchange]
    dialect: type[Dialect] | None = None
    """Its simulated venue; None = only the rules that need none are run."""
    options: Mapping[str, str] = {}
    """Venue-specific options, as in ``VenueSettings``."""
    recording: Path | None = None
    """Recorded frames (``arbkit.testing.corpus`` describes the format)."""
    vectors: Path | None = None
    """Signed requests of an independent client (``arbkit.testing.conformance.vectors``)."""

    def made(self) -> Exchange:
        """The adapter as for production. It is not connected to anything."""
        return self.exchange(VenueSettings(options=self.options))

    def rig(self, *, faults: tuple[Fault, ...] = (), skew_ns: int = 0, secret: str = "", key: str = "") -> Rig:
        """A new rig; call ``boot`` on it. Raises ``NotRun`` if there is no simulated venue."""
        if self.dialect is None:
            raise NotRun(NEEDS["dialect"][0])
        return Rig(
            self.exchange, self.dialect, faults=faults, skew_ns=skew_ns, secret=secret, key=key, options=self.options
        )


Check: TypeAlias = Callable[[VenueUnderTest], "str | None"]
"""Raises ``Nonconforming`` if the adapter violates the rule, ``NotRun`` if it cannot be tested. Returns a note for the
table ("ids: open_only"), or None."""


class Rule(Struct, frozen=True):
    """One rule. Call it with a ``VenueUnderTest``."""

    name: str
    kind: str
    """One of ``KINDS``."""
    needs: Sequence[str]
    """Names of ``NEEDS``."""
    check: Check

    @property
    def about(self) -> str:
        """What the rule checks, in one line."""
        return " ".join((self.check.__doc__ or "").split())

    def __call__(self, subject: VenueUnderTest) -> str | None:
        """Check the rule. Raises ``Nonconforming`` or ``NotRun``."""
        for need in self.needs:
            reason, there = NEEDS[need]
            if not there(subject):
                raise NotRun(reason)
        return self.check(subject)


KINDS = (
    "capability card",
    "links and hosts",
    "purity",
    "determinism",
    "garbage",
    "subscriptions",
    "heartbeats",
    "catalogue and rounding",
    "book sync",
    "recordings",
    "overdue snapshots",
    "silent symbols",
    "restarts",
    "clock skew",
    "public trades",
    "account",
    "signing",
    "order round trip",
    "paging",
    "refusals",
    "unknown outcomes",
    "throttle feedback",
    "secrets",
)
"""The kinds of rules, in the order of the table."""


def _routes_orders(subject: VenueUnderTest) -> bool:
    exchange = subject.made()
    return bool(exchange.route(an_order(exchange.venue)))


def _offers_trades(subject: VenueUnderTest) -> bool:
    exchange = subject.made()
    if len(signature(exchange.links).parameters) < 3:
        return False
    found = exchange.links((), "", invented(exchange.venue, 1))
    return any(link.trades for link in found)


NEEDS: dict[str, tuple[str, Callable[[VenueUnderTest], Any]]] = {
    "dialect": ("no simulated venue is registered", lambda subject: subject.dialect),
    "orders": ("the adapter routes no orders", _routes_orders),
    "trades": ("the adapter offers no public trades", _offers_trades),
    "recording": ("no --recording given", lambda subject: subject.recording),
    "vectors": ("no --vectors given", lambda subject: subject.vectors),
}
"""What a rule can need: the reason if it is missing, and the test whether it is there."""

RULES: dict[str, Rule] = {}
"""All rules by name, in the order of definition."""


def rule(kind: str, *needs: str) -> Callable[[Check], Rule]:
    """Register a rule under its function's name. The docstring states the rule."""
    assert kind in KINDS, kind

    def register(check: Check) -> Rule:
        made = RULES[check.__name__] = Rule(check.__name__, kind, needs, check)
        return made

    return register


def must(condition: object, text: str) -> None:
    """Raise ``Nonconforming`` if the condition is false."""
    if not condition:
        raise Nonconforming(text)


def same(got: object, want: object, what: str) -> None:
    """Raise ``Nonconforming`` if the adapter's value differs from the venue's."""
    if got != want:
        raise Nonconforming(f"{what}: the adapter has {got!r}, the venue has {want!r}")
