"""Triangles on simulated venues in virtual time, by the venues' own ledgers: planted edges are taken, three legs at
once and one after the other, and nothing is left when a venue fails."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from arbkit import TriangularArb
from arbkit.plugins import registry as plugins
from arbkit.sim.faults import Fault
from arbkit.sim.world import MARKET
from arbkit.testing.simulated import differences, simulate
from arbkit.testing.virtual import VirtualRun

REGISTRY = plugins.load(dialects=True)
S = 1_000_000_000
PRICES = {symbol: MARKET[symbol] for symbol in ("BTC-USDT", "ETH-USDT", "ETH-BTC")}


def run_it(*, one_by_one: bool, faults: Sequence[Fault] = (), net: float = 0.002, venue: str = "okx") -> VirtualRun:
    strategy = TriangularArb(one_by_one=one_by_one, max_notional=150.0)
    run = simulate(
        strategy,
        {REGISTRY.exchange(venue): REGISTRY.dialect(venue)},
        edge_every_s=0,
        prices=PRICES,
        faults=faults,
    )
    for number in range(4):
        run.world.plant_cycle(venue, "ETH-BTC", net, run.now_ns + (4 + 2 * number) * S, S, up=number % 2 == 0)
    run.run_for(13)
    assert run.stop()
    return run


@pytest.mark.parametrize("one_by_one", [False, True])
def test_planted_edges_are_taken_in_both_directions(one_by_one):
    """Each planted edge brings deals of three orders, with a gain in USDT; the ledgers are equal."""
    run = run_it(one_by_one=one_by_one)
    assert run.desk.counters.deals["hedged"] >= 4
    assert set(run.desk.counters.deals) <= {"hedged", "completed"}
    assert run.desk.ledger.pnl()["USDT"] > 0
    assert differences(run) == []
    edges = run.world.market.edges
    for number, edge in enumerate(edges):
        sides = {
            order["side"]
            for order in run.world.orders()["okx"]
            if order["symbol"] == "ETH-BTC" and edge.start_ns <= order["ns"] < edge.end_ns
        }
        assert sides == ({"sell"} if number % 2 == 0 else {"buy"})


def test_what_does_not_pay_is_left():
    """An edge of minus 0.1 % after three fees: no order."""
    run = run_it(one_by_one=False, net=-0.001)
    assert not run.world.orders()["okx"]


@pytest.mark.parametrize(
    ("one_by_one", "fault"),
    [
        (True, Fault(kind="partial", at_s=3, count=0, chance=0.6, fraction=0.5)),
        (True, Fault(kind="lose_request", at_s=5)),
        (False, Fault(kind="lose_ack", at_s=5, cut=True)),
    ],
    ids=lambda what: getattr(what, "kind", ""),
)
def test_no_leg_is_forgotten_when_the_venue_fails(one_by_one, fault):
    """A partial fill, a lost request, a lost answer with its socket: every deal ends, nothing but dust is over, and the
    ledgers are equal."""
    run = run_it(one_by_one=one_by_one, faults=[fault])
    assert run.world.faults()["counts"][fault.kind] >= 1
    counts = run.desk.counters.deals
    assert counts["hedged"] < sum(counts.values())
    assert not run.desk.engine.deals
    assert differences(run) == []
    for asset, px in (("BTC", 61_800), ("ETH", 2_400)):
        assert abs(float(run.desk.ledger.pnl().get(asset, 0)) * px) < 10
