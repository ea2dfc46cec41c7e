"""Runs the conformance rules for one adapter. ``arbkit adapters test`` and the pytest plugin use it.

A rule raises ``Nonconforming`` (an ``AssertionError``) with what the adapter reported and what the venue has. With a
simulated venue, the reference is its own books, orders and ledger. The result is only as good as the dialect, so also
test the dialect with an independent client (ccxt, for example). docs/conformance.md lists the rules.
"""

from __future__ import annotations

from collections.abc import Iterable
from traceback import extract_tb
from typing import Literal

from msgspec import Struct

from arbkit.testing.conformance import (
    declaration_rules,
    fault_rules,
    garbage_rules,
    market_rules,
    order_rules,
    paging_rules,
    recording_rules,
    refusal_rules,
    unknown_rules,
    vector_rules,
)
from arbkit.testing.conformance.rules import KINDS, RULES, Nonconforming, NotRun, Rule, VenueUnderTest

__all__ = ["KINDS", "RULES", "Nonconforming", "NotRun", "Result", "Rule", "VenueUnderTest", "run"]

_PARTS = (
    declaration_rules,
    garbage_rules,
    market_rules,
    fault_rules,
    recording_rules,
    vector_rules,
    order_rules,
    paging_rules,
    refusal_rules,
    unknown_rules,
)  # importing them fills RULES


class Result(Struct, frozen=True):
    """The result of one rule."""

    rule: str
    kind: str
    outcome: Literal["pass", "FAIL", "not run"]
    note: str = ""
    """The error, the reason why it was not run, or a remark."""


def run(subject: VenueUnderTest, names: Iterable[str] = ()) -> list[Result]:
    """Check the rules ``names``, or all. A failing rule does not stop the others."""
    return [_result(subject, RULES[name]) for name in names or sorted(RULES, key=_place)]


def _place(name: str) -> int:
    return KINDS.index(RULES[name].kind)


def _result(subject: VenueUnderTest, rule: Rule) -> Result:
    try:
        return Result(rule.name, rule.kind, "pass", rule(subject) or "")
    except NotRun as reason:
        return Result(rule.name, rule.kind, "not run", str(reason))
    except Nonconforming as error:
        return Result(rule.name, rule.kind, "FAIL", str(error))
    except Exception as error:  # an adapter under test may raise anything
        last = extract_tb(error.__traceback__)[-1]
        return Result(rule.name, rule.kind, "FAIL", f"{type(error).__name__}: {error} ({last.filename}:{last.lineno})")
