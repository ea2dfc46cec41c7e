"""Every card of the conformance kit for every venue of ours."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from arbkit_binance.adapter import Binance
from arbkit_binance.dialect import BinanceDialect
from arbkit_bybit.adapter import Bybit
from arbkit_bybit.dialect import BybitDialect
from arbkit_okx.adapter import Okx
from arbkit_okx.dialect import OkxDialect

from arbkit.testing.conformance import CARDS, Result, Subject, run, table

SUBJECTS = {
    "binance": Subject(Binance, BinanceDialect),
    "okx": Subject(Okx, OkxDialect),
    "bybit": Subject(Bybit, BybitDialect),
}


@pytest.mark.parametrize("name", CARDS)
@pytest.mark.parametrize("venue", SUBJECTS)
def test_card(venue: str, name: str, record_property: Callable[[str, object], None]) -> None:
    """The adapter keeps the card's rule; the docstring of the card says which."""
    record_property("note", CARDS[name](SUBJECTS[venue]) or "")


def test_every_card_states_its_rule() -> None:
    """A card without a docstring would be a rule that nobody can read."""
    assert [name for name, card in CARDS.items() if not card.__doc__] == []


def test_a_run_reports_each_card_and_stops_at_none() -> None:
    """A card that fails is a line of the table, with what was seen; the others still run."""
    results = run(Subject(Binance, OkxDialect), ["declared"])
    assert [result.passed for result in results] == [False]
    assert table([*results, Result("book", True), Result("top", True, "not fused")]).splitlines()[1:] == [
        "pass  book",
        "pass  top              not fused",
    ]
