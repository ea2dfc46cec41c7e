"""The conformance kit: checks one adapter against its simulated venue, rule by rule. Plugins can use it too.

In a plugin's own tests::

    import pytest
    from arbkit.testing.conformance import RULES, VenueUnderTest

    @pytest.mark.parametrize("name", RULES)
    def test_conforms(name):
        RULES[name](VenueUnderTest(MyExchange, MyDialect))

A rule raises ``Nonconforming`` (an ``AssertionError``) with what the adapter reported and what the venue has. The
reference is always the simulated venue's own books, orders and ledger. The result is only as good as the dialect, so
also test the dialect with an independent client (ccxt, for example).
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from arbkit.testing.conformance import market_rules, order_rules, refusal_rules
from arbkit.testing.conformance.rules import RULES, Nonconforming, Rule, VenueUnderTest

__all__ = ["RULES", "Rule", "Nonconforming", "Result", "VenueUnderTest", "run", "table"]

_PARTS = (market_rules, order_rules, refusal_rules)  # importing them fills RULES


class Result(Struct, frozen=True):
    """The result of one rule."""

    rule: str
    passed: bool
    note: str = ""
    """The error, or a note such as "not offered"."""


def run(subject: VenueUnderTest, names: Iterable[str] = ()) -> list[Result]:
    """Check the rules ``names``, or all. A failing rule does not stop the others."""
    results = []
    for name in names or RULES:
        try:
            results.append(Result(name, True, RULES[name](subject) or ""))
        except Exception as error:  # an adapter under test may raise anything
            results.append(Result(name, False, f"{type(error).__name__}: {error}"))
    return results


def table(results: Iterable[Result]) -> str:
    """The results as text, one line per rule."""
    return "\n".join(f"{'pass' if r.passed else 'FAIL'}  {r.rule:<16} {r.note}".rstrip() for r in results)
