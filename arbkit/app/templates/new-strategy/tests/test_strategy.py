"""The strategy on two simulated venues in virtual time. The judge is the ledger of the venues, not the strategy's."""

from __future__ import annotations

import pytest
from arbkit import ConfigError
from arbkit.plugins import registry
from arbkit.testing import Fault, Planted, Simulation, simulate

from new_name import NewName


def run_with_edge(strategy: NewName, net: float, *faults: Fault) -> Simulation:
    """A finished run of 8 s. For 1 s, buying on OKX and selling on Binance earns ``net`` (a fraction of the cost)."""
    edge = Planted(buy="okx", sell="binance", net=net, at_s=4)
    return simulate(strategy, ["binance", "okx"], seconds=8, edges=[edge], faults=faults, tape=True)


def test_a_wide_edge_is_traded_in_the_right_direction() -> None:
    """Bought on the cheap venue, sold on the other, with a profit. Both ledgers are equal to the last digit."""
    run = run_with_edge(NewName(), net=0.004)
    (deal,) = run.deals
    assert {leg.instrument: leg.side.value for leg in deal.legs} == {"okx:BTC-USDT": "buy", "binance:BTC-USDT": "sell"}
    assert deal.net["USDT"] == run.pnl["USDT"] > 0
    assert run.differences == []


def test_a_narrow_edge_is_left_alone() -> None:
    """Below ``min_edge`` no order reaches a venue."""
    run = run_with_edge(NewName(min_edge=0.004), net=0.002)
    assert run.orders == {"binance": [], "okx": []}


def test_after_a_trade_it_pauses() -> None:
    """The edge stays for 1 s: with a pause of 10 s one deal, with one of 50 ms more."""
    assert len(run_with_edge(NewName(pause_s=10.0), net=0.004).deals) == 1
    assert len(run_with_edge(NewName(pause_s=0.05), net=0.004).deals) > 1


def test_a_lost_answer_makes_no_second_order() -> None:
    """Binance takes the order, and its answer is lost with the socket: the order is found, and counted once."""
    run = run_with_edge(NewName(), 0.004, Fault(kind="lose_ack", venue="binance", at_s=3, cut=True))
    assert run.world.faults()["counts"] == {"lose_ack": 1}
    assert [len(orders) for orders in run.orders.values()] == [1, 1]
    assert run.differences == []


def test_a_replay_gives_the_same_orders() -> None:
    """No clock, no random number, no order of a set: a captured run of it can be replayed."""
    assert run_with_edge(NewName(), net=0.004).replay(NewName()) == []


def test_a_wrong_setting_is_told() -> None:
    """As in the configuration: by name, with the reason."""
    with pytest.raises(ConfigError, match="min_edge: expected a number"):
        NewName(min_edge=5)


def test_arbkit_finds_it_by_its_name() -> None:
    """``arbkit run new-name``."""
    assert registry.load().strategy("new-name") is NewName
