"""Orders whose outcome is hard to prove, and venues that take no order now, in whole runs on the simulated venues."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace
from rotated import rotated

from arbkit import SpreadArb
from arbkit.core.desk import Desk
from arbkit.core.money.limits import LimitsConfig
from arbkit.core.orders.journal import decode
from arbkit.core.trading.running import RunningStrategy
from arbkit.core.types import HttpRequest, NewOrder, Role, Side, VenueSettings
from arbkit.plugins import registry as plugins
from arbkit.sim.faults import Fault
from arbkit.sim.venue import Lost
from arbkit.strategies import TakerExecutor
from arbkit.testing.simulated import differences, simulate
from arbkit.testing.virtual import VirtualRun, reveal

REGISTRY = plugins.load(dialects=True)
NAMES = sorted(REGISTRY.dialects)
MS, S = 1_000_000, 1_000_000_000
ORDER = NewOrder(
    account="a", instrument="a:BTC-USDT", cl_ord_id="a", side=Side.BUY, qty=Decimal(1), px=Decimal(1), deal=1
)
MANY = LimitsConfig(max_deals_per_minute=600, cooldown_ns=0, max_broken=1000)


def patience_s(run: VirtualRun, venue: str) -> float:
    """Within this time the absence of an order can be proved at the venue: a minute, and the time in which it may still
    be executed."""
    able = run.desk.venues[venue].exchange.capabilities
    return 70 + (able.order_window_ns + able.order_timeout_ns) / S


def by_socket(venue: str) -> bool:
    """Orders go over a socket, so that a second one can follow before the first one is in doubt."""
    exchange = REGISTRY.exchange(venue)(VenueSettings())
    return Role.TRADE in exchange.route(ORDER)


def spread() -> SpreadArb:
    return SpreadArb(symbols=("BTC-USDT",), min_edge=0.0003, max_notional=150.0)


def other(venue: str) -> str:
    return next(name for name in NAMES if name != venue)


def one_edge(
    venue: str, faults: list[Fault], for_s: float = 0.02, *, buys: bool = False
) -> tuple[VirtualRun, list[tuple[str, dict[str, Any]]]]:
    """A run with an edge ten seconds after its start: sold at ``venue`` (or bought: ``buys``), the other leg at a
    neighbour. And its log."""
    told: list[tuple[str, dict[str, Any]]] = []
    pairs = {REGISTRY.exchange(name): REGISTRY.dialect(name) for name in (venue, other(venue))}
    run = simulate(
        spread(),
        pairs,
        edge_every_s=0,
        faults=faults,
        limits=MANY,
        log=lambda event, **fields: told.append((event, fields)),
    )
    cheap, dear = (venue, other(venue)) if buys else (other(venue), venue)
    run.world.plant("BTC-USDT", cheap, dear, 0.002, run.now_ns + 10 * S, round(for_s * S))
    return run, told


def bitcoin(run: VirtualRun) -> Decimal:
    rows = [venue["accounts"]["main"]["BTC"] for venue in run.world.ledger().values()]
    return sum((Decimal(row["free"]) + Decimal(row["locked"]) for row in rows), Decimal(0))


def naked_ns(run: VirtualRun, until_s: float, step_s: float = 0.02) -> int:
    """For how long the venues' ledgers together were off by more than dust."""
    begin, naked = bitcoin(run), 0
    end_ns = run.now_ns + round(until_s * S)
    while run.now_ns < end_ns:
        before_ns = run.now_ns
        run.run_for(step_s)
        if abs(bitcoin(run) - begin) > Decimal("0.0001"):
            naked += run.now_ns - before_ns
    return naked


def count(run: VirtualRun, *parts: str) -> list[int]:
    """From now on, the times of requests whose address has one of these parts."""
    asked: list[int] = []
    request = run.request

    def counted(link: str, ref: int, wire: HttpRequest, timeout_ns: int) -> None:
        if any(part in reveal(wire.url) for part in parts):
            asked.append(run.now_ns)
        request(link, ref, wire, timeout_ns)

    run.request = counted  # type: ignore[method-assign]  # to look at
    return asked


LISTS = ("/myTrades", "/trade/fills", "/execution/list")


@pytest.mark.parametrize("venue", rotated(NAMES, 3))
def test_a_leg_at_a_venue_that_bans_us_is_taken_back_elsewhere(venue: str) -> None:
    """The order fills by a third, then its venue refuses everything for a minute, still with the better price: the rest
    is taken back at the open venue at once, not after the ban."""
    run, told = one_edge(venue, [Fault(kind="partial", venue=venue, fraction=0.3)], for_s=200)
    exchange = run.world.sites[venue].exchange
    arrived: list[int] = []

    def banned() -> None:
        if not arrived:
            arrived.append(run.now_ns)
            exchange.limited_until_ns = run.now_ns + 60 * S

    exchange.on_arrival = banned
    run.run_for(9.9)
    if run.desk.venues[venue].exchange.capabilities.streams_fills:
        assert naked_ns(run, 15) < S
    else:  # what filled is listed by the venue that bans us
        assert naked_ns(run, 90) < 75 * S
    assert arrived
    assert run.stop(patience_s(run, venue))
    outcomes = {row["outcome"] for event, row in told if event == "deal.closed"}
    assert outcomes <= {"reversed", "hedged"} or not run.desk.venues[venue].exchange.capabilities.streams_fills
    assert differences(run) == []


@pytest.mark.parametrize("venue", rotated(NAMES, 0))
def test_a_trade_made_by_hand_does_not_block_the_proof(venue: str) -> None:
    """An order is lost on its way while the account's owner trades the same pair: absence is proved within a minute,
    and the leg of the deal is closed."""
    faults = [
        Fault(kind="lose_request", venue=venue, at_s=9.9),
        Fault(kind="mute", venue=venue, on="user", at_s=10.1, for_s=60),
        Fault(kind="trade", venue=venue, at_s=10.5, amount=100.0),
        Fault(kind="trade", venue=venue, at_s=12.5, amount=100.0),
    ]
    run, told = one_edge(venue, faults, buys=True)
    run.run_for(11)
    assert [order for order in run.desk.unresolved() if order.unknown]
    run.run_for(patience_s(run, venue))
    assert run.desk.unresolved() == []
    assert [event for event, _ in told].count("order.absent") == 1
    assert [row["outcome"] for event, row in told if event == "deal.closed"] != []


@pytest.mark.parametrize("venue", rotated(NAMES, 1))
def test_a_leg_without_proof_is_told_and_taken_back_and_the_questions_become_rare(venue: str) -> None:
    """The order is lost and nobody answers for it, for ten minutes: the other leg is told and sold again after half a
    minute, the deal stays open, few questions are asked; with the first answers it is proved and closed."""
    faults = [Fault(kind="lose_request", venue=venue, at_s=9.9)]
    run, told = one_edge(venue, faults)
    run.run_for(9.9)
    begin = bitcoin(run)
    silent = run.desk.venues[venue].resolver
    answer, silent.absent = silent.absent, lambda *_: None  # type: ignore[method-assign]  # no not-found arrives
    run.run_for(20)
    assert abs(bitcoin(run) - begin) > Decimal("0.001")
    run.run_for(25)
    assert abs(bitcoin(run) - begin) < Decimal("0.0001")
    [row] = [row for event, row in told if event == "alarm.deal_naked"]
    assert "unhedged while" in row["why"]
    assert len(run.desk.engine.deals) == 1
    asked = count(run, "/order")
    run.run_for(120)
    assert len(asked) <= 60
    silent.absent = answer  # type: ignore[method-assign]  # as it was
    run.run_for(max(60, patience_s(run, venue) - 165))
    assert run.desk.engine.deals == {}
    assert run.stop()


@pytest.mark.parametrize("venue", rotated([name for name in NAMES if by_socket(name)], 2))
def test_the_next_run_proves_a_lost_order_although_its_journal_lacks_another(venue: str) -> None:
    """The first of two deals loses an order, the second one fills, then the process dies. The fills of the second are
    listed in the next run, which does not know its orders: the proof comes within a minute, for few questions."""
    run, _ = one_edge(venue, [], for_s=0.9)
    seen: list[int] = []

    def arrival() -> None:
        seen.append(run.now_ns)
        if len(seen) == 1:
            raise Lost

    run.world.sites[venue].exchange.on_arrival = arrival
    run.run_for(30, lambda: len(seen) >= 2)
    run.run_for(0.05)
    for conn in list(run._links):
        run.world.closed(conn, run.now_ns)
    recovery = decode(b"".join(run.records))
    lost = [intent for intent in recovery.unresolved() if intent.at_ns < seen[1] - 3 * MS]
    assert lost
    setup = replace(
        run.desk.setup,
        unresolved=lost,
        block=recovery.next_block(),
        strategies=[RunningStrategy("next", spread(), TakerExecutor())],
    )
    second = VirtualRun(run.world, lambda port, now_ns: Desk(setup, port, now_ns), run.now_ns + S)
    asked = count(second, *LISTS)
    second.run_for(patience_s(second, venue))
    assert second.desk.unresolved() == []
    assert second.desk.venues[venue].readiness.missing() == []
    assert len(asked) <= 12
