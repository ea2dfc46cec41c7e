"""A planted standing basis is not traded beyond its threshold, in bad weather too. The judge reads the intents of the
journal and what the simulator planted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from arbkit.core.trading.running import RunningStrategy
from arbkit.core.types import Purpose, Side
from arbkit.strategies import SpreadArb, TakerExecutor
from arbkit.strategies.basis import Basis
from arbkit.testing import chaos
from arbkit.testing.chaos.watched import Watched

S = 1_000_000_000
SYMBOL = "ETH-USDT"
STANDING_S, FROM_S, FOR_S = 12.0, 10.0, 70.0
PATIENCE_S = 5.0
"""The window has six slots: an edge is a basis after five to six of them, and an order needs its time."""


def wary() -> RunningStrategy:
    strategy = SpreadArb(symbols=("BTC-USDT", SYMBOL), min_edge=0.0003, max_notional=500.0, standing_s=STANDING_S)
    return RunningStrategy("spread", strategy, TakerExecutor())


class Standing:
    """Plants one edge that stays, and judges what was bought on its cheap side."""

    def __init__(self, venues: tuple[str, str]) -> None:
        self.cheap, self.dear = venues
        self.run: Watched

    def prepare(self, run: Watched) -> None:
        self.run = run
        self.edge = run.world.plant(
            SYMBOL, self.cheap, self.dear, 0.004, run.now_ns + round(FROM_S * S), round(FOR_S * S)
        )

    def entries(self) -> Iterator[float]:
        """When, after the edge began, an entry bought there while it stood: seconds."""
        for intent in self.run.intents.values():
            order = intent.order
            bought = order.side is Side.BUY and order.instrument == f"{self.cheap}:{SYMBOL}"
            if bought and order.purpose is Purpose.ENTRY and self.edge.begun_ns <= intent.at_ns < self.edge.end_ns:
                yield (intent.at_ns - self.edge.begun_ns) / S


def play(subject: Any, seed: int, profile: Any) -> tuple[list[float], Any]:
    standing = Standing(("binance", "okx"))
    plan = chaos.draw(seed, profile, ("binance", "okx"), kinds=chaos.FOUNDATION, seconds=FROM_S + FOR_S)
    report = chaos.play(replace(subject, slot=wary), plan, standing.prepare)
    return sorted(standing.entries()), report


@pytest.mark.parametrize(("profile", "seed"), [("calm", 0), ("rough", 1), ("storm", 2)])
def test_a_standing_basis_is_not_traded(subject: Any, profile: Any, seed: int) -> None:
    """It is taken as an edge for the length of the window at most (not at all where a book was lost just then); then
    not once, while it stands. No other promise is broken, and edges of the other symbol are taken."""
    entries, report = play(subject, seed, profile)
    assert entries or profile != "calm"
    assert all(at_s <= STANDING_S + PATIENCE_S for at_s in entries), entries
    assert not report.violations, str(report)
    assert sum(report.deals.values()) > len(entries)


def test_without_the_basis_the_judge_says_so(subject: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mutant: the smallest ratio is forgotten."""
    monkeypatch.setattr(Basis, "look", lambda *_: 0.0)
    entries, _ = play(subject, 0, "calm")
    assert entries[-1] > STANDING_S + PATIENCE_S
