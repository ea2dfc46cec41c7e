"""The strategy on two simulated venues in virtual time. The judge is the ledger of the venues, not the strategy's."""

from __future__ import annotations

from arbkit.plugins import registry
from arbkit.testing.simulated import differences, simulate
from arbkit.testing.virtual import VirtualRun
from arbkit_binance.adapter import Binance
from arbkit_binance.dialect import BinanceDialect
from arbkit_okx.adapter import Okx
from arbkit_okx.dialect import OkxDialect

from new_name import NewName

S = 1_000_000_000
"""Nanoseconds in a second."""


def run_with_edge(strategy: NewName, net: float) -> VirtualRun:
    """A finished run of 20 s. For 1 s, buying on OKX and selling on Binance earns ``net`` (a fraction of the cost)."""
    run = simulate(strategy, {Binance: BinanceDialect, Okx: OkxDialect}, edge_every_s=0)
    run.world.plant("BTC-USDT", "okx", "binance", net, run.now_ns + 10 * S, S)
    run.run_for(20)
    assert run.stop(), "an order or a deal is left open"
    return run


def test_a_wide_edge_is_traded_in_the_right_direction() -> None:
    """Bought on the cheap venue, sold on the other, with a profit. Both ledgers are equal to the last digit."""
    run = run_with_edge(NewName(), net=0.004)
    bought, sold = run.world.orders()["okx"], run.world.orders()["binance"]
    assert [order["side"] for order in bought] == ["buy"]
    assert [order["side"] for order in sold] == ["sell"]
    assert run.desk.ledger.pnl()["USDT"] > 0
    assert differences(run) == []


def test_a_narrow_edge_is_left_alone() -> None:
    """Below ``min_edge`` no order reaches a venue."""
    run = run_with_edge(NewName(min_edge=0.004), net=0.002)
    assert run.world.orders() == {"binance": [], "okx": []}


def test_after_a_trade_it_pauses() -> None:
    """A pause of 10 s is longer than the edge: one order a venue, although the edge stays for 1 s."""
    run = run_with_edge(NewName(pause_s=10.0), net=0.004)
    assert [len(orders) for orders in run.world.orders().values()] == [1, 1]


def test_arbkit_finds_it_by_its_name() -> None:
    """``arbkit run new-name``."""
    assert registry.load().strategy("new-name") is NewName
