"""The conformance kit: one adapter against its simulated venue, rule by rule. Also for venues of other packages.

In a plugin's own tests::

    import pytest
    from arbkit.testing.conformance import RULES, VenueUnderTest

    @pytest.mark.parametrize("name", RULES)
    def test_conforms(name):
        RULES[name](VenueUnderTest(MyExchange, MyDialect))

A rule raises ``Nonconforming`` (an ``AssertionError``) that says what the adapter told and what the venue has. The
judge is always the simulated venue's own books, orders and ledger. An adapter that agrees with a wrong dialect conforms
to nothing: let a client that you did not write trade on the dialect as well.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from arbkit.testing.conformance import market_rules, order_rules, refusal_rules
from arbkit.testing.conformance.rules import RULES, Nonconforming, Rule, VenueUnderTest

__all__ = ["RULES", "Rule", "Nonconforming", "Result", "VenueUnderTest", "run", "table"]

_PARTS = (market_rules, order_rules, refusal_rules)  # importing them fills RULES


class Result(Struct, frozen=True):
    """How one rule went."""

    rule: str
    passed: bool
    note: str = ""
    """What was seen, or "not offered" and the like."""


def run(subject: VenueUnderTest, names: Iterable[str] = ()) -> list[Result]:
    """Try these rules, or all. A rule that fails stops no other."""
    results = []
    for name in names or RULES:
        try:
            results.append(Result(name, True, RULES[name](subject) or ""))
        except Exception as error:  # an adapter under test may raise anything
            results.append(Result(name, False, f"{type(error).__name__}: {error}"))
    return results


def table(results: Iterable[Result]) -> str:
    """The capability card: one line a rule."""
    return "\n".join(f"{'pass' if r.passed else 'FAIL'}  {r.rule:<16} {r.note}".rstrip() for r in results)
