"""Modes from outside and a venue's health, on simulated venues. The judge is their own ledger and order list."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from arbkit_binance.adapter import Binance
from arbkit_binance.dialect import BinanceDialect
from arbkit_bybit.adapter import Bybit
from arbkit_bybit.dialect import BybitDialect
from arbkit_okx.adapter import Okx
from arbkit_okx.dialect import OkxDialect

from arbkit import SpreadArb
from arbkit.core.money.limits import PERSON, LimitsConfig
from arbkit.core.orders.journal import Control, decode
from arbkit.core.types import Mode
from arbkit.sim.faults import Fault
from arbkit.testing.simulated import START_NS, differences, simulate
from arbkit.testing.virtual import VirtualRun

S = 1_000_000_000
MANY = LimitsConfig(max_deals_per_minute=600, cooldown_ns=0, max_broken=1000, max_mishaps=40.0)
"""Breakers out of the way, where something else is looked at."""
TWO: dict[Any, Any] = {Binance: BinanceDialect, Okx: OkxDialect}
THREE: dict[Any, Any] = {**TWO, Bybit: BybitDialect}


def spread() -> SpreadArb:
    return SpreadArb(symbols=("BTC-USDT",), min_edge=0.0003, max_notional=150.0)


def orders(run: VirtualRun, venue: str = "") -> int:
    return sum(len(site.exchange.orders) for name, site in run.world.sites.items() if venue in ("", name))


def ask(run: VirtualRun, mode: Mode, scope: str = "") -> None:
    run.desk.mode(scope, mode.value, PERSON, "test", "because", run.clock_ns)


def naked(run: VirtualRun) -> Decimal:
    """What all accounts together hold of BTC, more than at the start."""
    rows = [venue["accounts"]["main"]["BTC"] for venue in run.world.ledger().values()]
    return sum((Decimal(row["free"]) + Decimal(row["locked"]) for row in rows), Decimal(0)) - 3 * len(rows)


def test_halted_sends_nothing_and_what_was_open_is_finished_afterwards() -> None:
    """The leg at OKX is lost, so one leg is alone when everything is halted: it stays so, and ends flat later."""
    run = simulate(spread(), TWO, faults=(Fault(kind="lose_request", venue="okx"),), edge_every_s=0.0)
    run.world.plant("BTC-USDT", "binance", "okx", 0.002, START_NS + 10 * S, 3 * S)
    run.run_for(60, lambda: run.desk.engine.legs_sent > 0)
    ask(run, Mode.HALTED)
    run.run_for(0.5)
    before = orders(run)
    run.run_for(120)
    assert orders(run) == before
    assert naked(run) > Decimal("0.002")
    ask(run, Mode.ACTIVE)
    run.run_for(30)
    assert abs(naked(run)) < Decimal("0.0001")
    assert differences(run) == []
    assert run.stop()


def test_reducing_one_venue_leaves_the_others_trading() -> None:
    run = simulate(spread(), THREE, edge_every_s=2.0)
    run.run_for(20)
    ask(run, Mode.REDUCING, "okx")
    at_okx, all_ = orders(run, "okx"), orders(run)
    run.run_for(40)
    assert orders(run, "okx") == at_okx
    assert orders(run) > all_
    ask(run, Mode.ACTIVE, "okx")
    run.run_for(40)
    assert orders(run, "okx") > at_okx


def test_the_last_mode_that_a_person_asked_for_is_in_the_journal() -> None:
    run = simulate(spread(), TWO, edge_every_s=0.0)
    run.run_for(5)
    for mode in (Mode.HALTED, Mode.REDUCING):
        ask(run, mode, "binance")
    assert run.desk.gate.mode("binance") is Mode.REDUCING
    recovery = decode(b"".join(run.records))
    kept = [record for record in recovery.records if isinstance(record, Control)]
    assert [(record.scope, record.mode, record.who) for record in kept] == [
        ("binance", Mode.HALTED, "test"),
        ("binance", Mode.ACTIVE, "test"),
        ("binance", Mode.REDUCING, "test"),
    ]


def test_a_venue_that_loses_orders_is_left_alone_and_comes_back() -> None:
    """Ten orders never arrive at OKX, each a doubt of seconds. Binance and Bybit go on; later OKX is used again."""
    told: list[str] = []

    def log(event: str, **fields: Any) -> None:
        if event.startswith("risk."):
            told.append(f"{fields['scope']}: {fields['why']}")

    faults = (Fault(kind="lose_request", venue="okx", at_s=20, count=10),)
    run = simulate(spread(), THREE, faults=faults, edge_every_s=2.0, log=log, limits=MANY)
    run.run_for(300, lambda: any("okx: too many mishaps" in line for line in told))
    assert told, "OKX was never taken out"
    run.run_for(10)
    at_okx, all_ = orders(run, "okx"), orders(run)
    run.run_for(15)
    assert orders(run, "okx") == at_okx
    assert orders(run) > all_ + 4
    run.run_for(400)
    assert orders(run, "okx") > at_okx
    assert run.stop()
    assert differences(run) == []
