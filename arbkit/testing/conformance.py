"""The conformance kit: one adapter against its simulated venue, card by card. Also for venues of other packages.

In a plugin's own tests::

    import pytest
    from arbkit.testing.conformance import CARDS, Subject

    @pytest.mark.parametrize("name", CARDS)
    def test_conforms(name):
        CARDS[name](Subject(MyExchange, MyDialect))

A card raises ``Nonconforming`` (an ``AssertionError``) that says what the adapter told and what the venue has. The
judge is always the simulated venue's own books, orders and ledger. An adapter that agrees with a wrong dialect conforms
to nothing: let a client that you did not write trade on the dialect as well.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from arbkit.testing import cards_market, cards_orders, cards_refusals
from arbkit.testing.cards import CARDS, Card, Nonconforming, Subject

__all__ = ["CARDS", "Card", "Nonconforming", "Result", "Subject", "run", "table"]

_PARTS = (cards_market, cards_orders, cards_refusals)  # importing them fills CARDS


class Result(Struct, frozen=True):
    """How one card went."""

    card: str
    passed: bool
    note: str = ""
    """What was seen, or "not offered" and the like."""


def run(subject: Subject, names: Iterable[str] = ()) -> list[Result]:
    """Try these cards, or all. A card that fails stops no other."""
    results = []
    for name in names or CARDS:
        try:
            results.append(Result(name, True, CARDS[name](subject) or ""))
        except Exception as error:  # an adapter under test may raise anything
            results.append(Result(name, False, f"{type(error).__name__}: {error}"))
    return results


def table(results: Iterable[Result]) -> str:
    """The capability card: one line a card."""
    return "\n".join(f"{'pass' if r.passed else 'FAIL'}  {r.card:<16} {r.note}".rstrip() for r in results)
