"""Complete desks on simulated venues in virtual time, with the public helper ``arbkit.testing.simulated``."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from arbkit import Opportunity, SpreadArb, View
from arbkit.core.desk import Desk
from arbkit.core.money.limits import LimitsConfig
from arbkit.core.orders.deals import Deal
from arbkit.core.orders.journal import decode
from arbkit.core.trading.running import RunningStrategy
from arbkit.core.types import Command, NewOrder, OrderUpdate, Role, Side, VenueSettings
from arbkit.plugins import registry as plugins
from arbkit.sim.faults import default_script
from arbkit.strategies import TakerExecutor
from arbkit.testing.simulated import differences, simulate
from arbkit.testing.virtual import VirtualRun

REGISTRY = plugins.load(dialects=True)
NAMES = sorted(REGISTRY.dialects)
VENUES: dict[Any, Any] = {REGISTRY.exchange(name): REGISTRY.dialect(name) for name in NAMES}
FAULTY = ("binance", "okx", "bybit")
"""Venues that trade often enough for each fault to fire within a minute."""
MANY = LimitsConfig(max_deals_per_minute=600, cooldown_ns=0, max_broken=100)


def by_socket(venue: str) -> bool:
    """Orders of this venue go over a socket."""
    order = NewOrder(
        account="a", instrument="a:BTC-USDT", cl_ord_id="a", side=Side.BUY, qty=Decimal(1), px=Decimal(1), deal=1
    )
    return Role.TRADE in REGISTRY.exchange(venue)(VenueSettings()).route(order)


def spread(**settings: Any) -> SpreadArb:
    return SpreadArb(symbols=("BTC-USDT",), min_edge=0.0003, max_notional=150.0, **settings)


def accepted(run: VirtualRun) -> Counter[str]:
    """How often each client id was accepted, over all venues."""
    return Counter(order["cl_ord_id"] for orders in run.world.orders().values() for order in orders)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_run_with_five_faults_ends_with_equal_ledgers_and_repeats_itself(seed: int) -> None:
    """All venues, one minute: every fault fires, nothing stays open, no id is accepted twice, and the seed gives the
    hash."""

    def once() -> VirtualRun:
        run = simulate(spread(), VENUES, seed=seed, faults=default_script(FAULTY, 60), limits=MANY)
        run.run_for(60)
        assert run.stop()
        return run

    run = once()
    assert run.world.faults()["counts"].keys() >= {"skip", "close", "lose_ack", "partial", "throttle"}
    assert run.desk.unresolved() == []
    assert differences(run) == []
    assert set(accepted(run).values()) == {1}
    assert sum(run.desk.counters.deals.values()) >= 10
    assert once().desk.commands_hash() == run.desk.commands_hash()


def test_a_difference_of_one_unit_is_reported() -> None:
    """A check of the check: a ledger that is wrong by the smallest unit is found, with venue and asset."""
    run = simulate(spread(), VENUES)
    run.run_for(5)
    assert run.stop()
    run.desk.ledger.external("okx:main", "USDT", Decimal("0.000000000001"))
    (said,) = differences(run)
    assert said.startswith("okx USDT: ours ")


@pytest.mark.parametrize("venue", [name for name in NAMES if by_socket(name)])
def test_the_trade_socket_cut_after_every_order_makes_no_second_one(venue: str) -> None:
    """Each order of one venue arrives, and its socket is cut before the answer: one accepted order per intent."""
    names = (venue, next(name for name in NAMES if name != venue))
    run = simulate(spread(), {REGISTRY.exchange(name): REGISTRY.dialect(name) for name in names}, limits=MANY)
    cuts = 0

    def keep(link: str, text: str) -> bool:
        nonlocal cuts
        ids = [order.cl_ord_id for table in run.desk.orders.values() for order in table if not order.acked_ns]
        is_order = link.startswith(venue) and any(cl_ord_id in text for cl_ord_id in ids) and json.loads(text)
        cuts += bool(is_order)
        return not is_order

    run.on_send = keep
    run.run_for(60)
    assert run.stop(60)
    assert cuts >= 3
    assert set(accepted(run).values()) == {1}
    assert run.desk.unresolved() == []
    assert differences(run) == []


class Clumsy(SpreadArb):
    """Raises once it has traded."""

    def decide(self, view: View, touched: Sequence[str], now_ns: int) -> Sequence[Opportunity]:
        found = super().decide(view, touched, now_ns)
        if self.taken >= 3:
            raise ZeroDivisionError("out of ideas")
        return found


def test_a_strategy_that_raises_is_taken_out_and_its_deals_are_finished() -> None:
    """The desk goes on: books are kept, no new deal is opened, nothing stays open, and the reason is logged."""
    run = simulate(Clumsy(symbols=("BTC-USDT",), min_edge=0.0003), VENUES, limits=MANY)
    with pytest.raises(ZeroDivisionError, match="out of ideas"):
        run.run_for(30)
    run.run_for(5)
    (strategy,) = run.desk.engine.strategies
    assert strategy.failed == "ZeroDivisionError: out of ideas"
    assert run.desk.counters.strategy_faults[strategy.name] == 1
    assert sum(run.desk.counters.deals.values()) == 2
    assert all(book.trusted for book in run.desk.books.values())
    assert run.stop()
    assert differences(run) == []


class Broken(TakerExecutor):
    """An executor that raises."""

    def on_order(self, deal: Deal, update: OrderUpdate, view: View, now_ns: int) -> Sequence[Command]:
        raise RuntimeError("what now?")


def test_an_executor_that_raises_leaves_a_held_deal_and_an_alarm() -> None:
    """Its deal is HELD with the reason; the desk goes on and the ledgers agree."""
    strategy = spread()
    strategy.executor = Broken()  # type: ignore[attr-defined]  # how a strategy brings its own
    run = simulate(strategy, VENUES, limits=MANY)
    with pytest.raises(RuntimeError, match="what now"):
        run.run_for(20)
    run.run_for(20)
    (deal,) = run.desk.held()
    assert "RuntimeError: what now?" in deal.why
    assert run.desk.counters.alarms["deal_held"] == 1
    assert run.stop()
    assert differences(run) == []


@pytest.mark.parametrize("arrived", [False, True], ids=["nothing-arrived", "accepted-unheard"])
def test_a_run_that_dies_with_open_orders_is_recovered_by_the_next(arrived: bool) -> None:
    """The next run reads the open intents from the journal, proves each, trades again, and agrees with every venue."""
    first = simulate(spread(), VENUES, limits=MANY)

    def in_flight() -> bool:
        orders = [order for table in first.desk.orders.values() for order in table if order.sent_ns]
        there = accepted(first)
        return any(not order.acked_ns and (order.cl_ord_id in there) is arrived for order in orders)

    first.run_for(60, in_flight)
    assert in_flight()
    for conn in list(first._links):
        first.world.closed(conn, first.now_ns)
    recovery = decode(b"".join(first.records))
    intents = recovery.unresolved()
    assert intents
    setup = replace(
        first.desk.setup,
        unresolved=intents,
        block=recovery.next_block(),
        strategies=[RunningStrategy("next", spread(), TakerExecutor())],
    )
    second = VirtualRun(first.world, lambda port, now_ns: Desk(setup, port, now_ns), first.now_ns + 1_000_000_000)
    second.run_for(60)
    assert second.stop()
    assert second.desk.unresolved() == []
    assert set(accepted(second).values()) == {1}
    assert second.desk.counters.deals["hedged"] >= 1
    assert differences(second) == []
