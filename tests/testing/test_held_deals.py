"""Bad days end flat: a leg that is left alone is worked off when books, prices or the venue allow it, in this run or in
a later one. The judge is the simulated venues' own ledger."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from arbkit_binance.adapter import Binance
from arbkit_binance.dialect import BinanceDialect
from arbkit_okx.adapter import Okx
from arbkit_okx.dialect import OkxDialect
from msgspec.structs import replace

from arbkit import SpreadArb
from arbkit.app.ending import exit_code, last_words
from arbkit.core.desk import Desk
from arbkit.core.orders.journal import decode
from arbkit.core.runtime.supervisor import Ending
from arbkit.core.trading.running import RunningStrategy
from arbkit.core.types import Mode
from arbkit.sim.faults import Fault
from arbkit.strategies import TakerExecutor
from arbkit.testing.simulated import START_NS, differences, simulate
from arbkit.testing.virtual import VirtualRun

VENUES = {Binance: BinanceDialect, Okx: OkxDialect}
S = 1_000_000_000
LOST = Fault(kind="lose_request", venue="okx")
"""The first order at OKX never arrives: the leg at Binance is left alone."""


def spread() -> SpreadArb:
    return SpreadArb(symbols=("BTC-USDT",), min_edge=0.0003, max_notional=150.0)


def one_deal(*faults: Fault, log: Callable[..., None] | None = None) -> VirtualRun:
    """A run with one edge, ten seconds after its start, until both orders are sent."""
    run = simulate(spread(), VENUES, faults=faults, edge_every_s=0.0, log=log)
    run.world.plant("BTC-USDT", "binance", "okx", 0.002, START_NS + 10 * S, 3 * S)
    run.run_for(60, lambda: run.desk.engine.legs_sent > 0)
    assert run.desk.engine.legs_sent == 2
    return run


def naked(run: VirtualRun) -> Decimal:
    """What all accounts together hold of BTC, more than at the start: both began with 3."""
    rows = [venue["accounts"]["main"]["BTC"] for venue in run.world.ledger().values()]
    return sum((Decimal(row["free"]) + Decimal(row["locked"]) for row in rows), Decimal(0)) - 6


def silence(run: VirtualRun) -> list[bool]:
    """While the returned list holds True, no book frame arrives."""
    silent = [True]
    arrives = run._frame

    def frame(one: Any) -> None:
        if not (silent[0] and "public" in run._links.get(one.conn, "")):
            arrives(one)

    run._frame = frame  # type: ignore[method-assign]
    return silent


def killed(run: VirtualRun, journal: list[bytes]) -> VirtualRun:
    """The process dies; the next one has the journal of all before."""
    journal += run.records
    for conn in list(run._links):
        run.world.closed(conn, run.now_ns)
    recovery = decode(b"".join(journal))
    setup = replace(
        run.desk.setup,
        unresolved=recovery.unresolved(),
        interrupted=recovery.interrupted(),
        block=recovery.next_block(),
        strategies=[RunningStrategy("SpreadArb", spread(), TakerExecutor())],
    )
    return VirtualRun(run.world, lambda port, now_ns: Desk(setup, port, now_ns), run.now_ns + S)


def flat(run: VirtualRun) -> None:
    """Nothing is open or restricted, and no more is left than what is too little to trade."""
    assert abs(naked(run)) < Decimal("0.0001")
    assert run.desk.engine.deals == {}
    assert run.desk.gate.restricted() == {}
    assert run.desk.limits.notional == 0
    assert differences(run) == []
    assert run.stop()
    assert exit_code(run.desk, Ending.IDLE) == 0


def test_books_that_are_silent_for_long_end_flat() -> None:
    """The leg is alone and both feeds are silent for a minute: the deal is HELD, counts and restricts its pair; it ends
    within seconds of the first book, and the pair trades again."""
    run = one_deal(LOST)
    silent = silence(run)
    run.run_for(60)
    (deal,) = run.desk.held()
    assert naked(run) > Decimal("0.002")
    assert run.desk.limits.notional > 100
    assert run.desk.gate.mode(pair=deal.pair) is Mode.REDUCING
    assert exit_code(run.desk, Ending.IDLE) == 6
    silent[0] = False
    run.run_for(5)
    flat(run)


@pytest.mark.parametrize(
    ("fault", "held"),
    [
        (Fault(kind="halt", at_s=10.5, for_s=60.0), True),
        (Fault(kind="maintenance", at_s=10.5, for_s=60.0, amount=-0.02), False),
        (Fault(kind="partial", at_s=10.5, fraction=0.0, count=10), True),
    ],
    ids=["halt", "maintenance", "missed"],
)
def test_a_bad_day_ends_flat(fault: Fault, held: bool) -> None:
    """A halt of 60 s at both venues, a maintenance of both after which prices are 2 % lower, ten orders at each that
    find nothing: the deal may be HELD on the way, and is flat in the end."""
    told: list[str] = []
    run = one_deal(LOST, fault, log=lambda event, **fields: told.append(event))
    run.run_for(300)
    assert ("alarm.deal_held" in told) is held
    flat(run)


def test_a_held_deal_survives_its_process() -> None:
    """Killed while it is HELD, twice: each run tells the deal, counts its exposure, keeps its pair restricted and ends
    with 6, until books come and one works it off. The run after that knows nothing of it."""
    journal: list[bytes] = []
    run = one_deal(LOST)
    silence(run)
    run.run_for(60)
    (first,) = run.desk.held()
    for _ in range(2):
        run = killed(run, journal)
        assert run.desk.gate.mode(pair=first.pair) is Mode.REDUCING
        silent = silence(run)
        run.run_for(30)
        (deal,) = run.desk.held()
        assert (deal.id, [leg.filled for leg in deal.legs]) == (first.id, [leg.filled for leg in first.legs])
        assert run.desk.counters.alarms["deal_interrupted"] == 1
        assert run.desk.limits.notional > 100
        assert exit_code(run.desk, Ending.IDLE) == 6
        assert f"held: deal {deal.id}" in last_words(run.desk, Ending.IDLE, 6, {}, as_json=False)
    silent[0] = False
    run.run_for(10)
    assert run.desk.counters.alarms["deal_interrupted"] == 1
    flat(run)
    after = killed(run, journal)
    after.run_for(10)
    assert after.desk.counters.alarms["deal_interrupted"] == 0
    flat(after)


def test_a_deal_that_died_with_its_first_leg_is_worked_off() -> None:
    """Killed a moment after both orders were sent, one of which never arrived: the next run proves that and ends
    flat."""
    journal: list[bytes] = []
    run = one_deal(LOST)
    run.run_for(0.1)
    run = killed(run, journal)
    run.run_for(60)
    assert run.desk.counters.alarms["deal_interrupted"] == 1
    flat(run)
