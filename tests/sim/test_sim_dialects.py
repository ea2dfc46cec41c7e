"""What dialects are made of: reports, connections, pairs by name."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from arbkit import sim
from arbkit.core.types import Side

ONE = Decimal(1)
NOTATION = sim.Notation(native=lambda symbol: symbol.replace("-", ""), side=lambda side: side.value)


class Toy(sim.BaseDialect):
    """Tells trades only."""

    def __init__(self) -> None:
        pairs = [sim.Pair(f"{base}-USD", base, "USD", ONE, ONE, ONE) for base in ("BTC", "ETH")]
        super().__init__(sim.SimExchange("toy", sim.Profile(), pairs), sim.SimWire(), NOTATION)
        self.told: list[tuple[int, int]] = []
        self._tells = {sim.TradeReport: lambda trade, now_ns: self.told.append((trade.id, now_ns))}

    @property
    def exchange(self) -> sim.SimExchange:
        return self._exchange

    @property
    def facts(self) -> sim.Facts:
        return self._facts

    @property
    def conns(self) -> sim.Conns:
        return self._conns


def asked(toy: Toy, **params: Any) -> sim.SimCall:
    return sim.SimCall(params, None, 5, toy.facts, lambda name, why: sim.Problem(1, f"{name} {why}"))


def test_reports_are_told_by_their_type() -> None:
    """One that the venue has no channel for is not told."""
    toy = Toy()
    trades = [sim.TradeReport(number, "BTC-USD", Side.BUY, 1, 1, 0) for number in (7, 8)]
    toy.reports([trades[0], sim.InstrumentReport("BTC-USD"), trades[1]], 9)
    assert toy.told == [(7, 9), (8, 9)]


def test_a_connection_that_ends_is_forgotten_with_its_subscriptions() -> None:
    """By a dialect that adds nothing to it."""
    toy = Toy()
    toy.conns.open(1, "public", toy.facts, 0)
    subs = sim.Subs(toy.conns)
    subs.add(1, "k", "t")
    toy.closed(1, 5)
    assert toy.conns.get(1) is None
    assert not subs.of("t")
    toy.closed(2, 5)


def test_a_delisted_pair_is_not_listed() -> None:
    """It keeps its name, so that what is asked of it can be refused."""
    toy = Toy()
    toy.exchange.halted["ETH-USD"] = "maintenance"
    assert toy.exchange.listed == ["BTC-USD", "ETH-USD"]
    toy.exchange.delist("BTC-USD", 0)
    assert toy.exchange.listed == ["ETH-USD"]
    assert asked(toy, symbol="BTCUSD").symbol() == "BTC-USD"


def test_a_call_names_a_pair_in_the_venue_s_words() -> None:
    """A missing name is the venue's own error, and one that it does not know is the exchange's refusal."""
    toy = Toy()
    assert asked(toy, pair="ETHUSD").symbol("pair") == "ETH-USD"
    with pytest.raises(sim.Problem, match="symbol missing"):
        asked(toy).symbol()
    with pytest.raises(sim.Refused) as refused:
        asked(toy, symbol="ETH-USD").symbol()
    assert refused.value.rule == "symbol"


def test_ids_are_text_and_times_milliseconds_unless_a_venue_says_otherwise() -> None:
    """The usual notation."""
    assert (NOTATION.number(7), NOTATION.time(5_900_000)) == ("7", 5)
