"""Our clock and each venue's, in whole runs on the simulated venues: what differs between them costs nothing."""

from __future__ import annotations

from typing import Any

import pytest
from rotated import rotated

from arbkit import SpreadArb
from arbkit.core.money.limits import LimitsConfig
from arbkit.core.types import BookState
from arbkit.plugins import registry as plugins
from arbkit.sim.faults import Fault
from arbkit.testing.simulated import differences, simulate
from arbkit.testing.virtual import VirtualRun

REGISTRY = plugins.load(dialects=True)
NAMES = sorted(REGISTRY.dialects)
S = 1_000_000_000
MANY = LimitsConfig(max_deals_per_minute=600, cooldown_ns=0, max_broken=1000)


class Told:
    """The log of a run."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, event: str, **fields: Any) -> None:
        self.rows.append((event, fields))

    def of(self, event: str) -> list[dict[str, Any]]:
        return [fields for name, fields in self.rows if name == event]


def started(*venues: str, skew_s: float = 0.0, told: Told | None = None, **settings: Any) -> VirtualRun:
    """A run on these venues. Our clock is ``skew_s`` ahead of all of them."""
    pairs = {REGISTRY.exchange(name): REGISTRY.dialect(name) for name in venues}
    strategy = SpreadArb(symbols=("BTC-USDT",), min_edge=0.0003, max_notional=150.0)
    run = simulate(strategy, pairs, limits=MANY, log=told, **settings)
    for site in run.world.sites.values():
        site.skew_ns = round(-skew_s * S)
    return run


def other(venue: str) -> str:
    return next(name for name in NAMES if name != venue)


@pytest.mark.parametrize("venue", rotated(NAMES, 0))
def test_a_clock_of_ours_that_is_wrong_costs_only_a_warning(venue: str) -> None:
    """Five seconds ahead or behind, and the fills of one venue must be fetched because its private stream was mute: all
    deals end balanced and as soon as with a right clock, the ledgers are equal."""
    faults = [
        Fault(kind="mute", venue=venue, on="user", at_s=10, for_s=4),
        Fault(kind="close", venue=venue, on="user", at_s=14),
    ]

    def slowest_ms(skew_s: float) -> float:
        told = Told()
        run = started(venue, other(venue), skew_s=skew_s, told=told, faults=faults)
        run.run_for(25)
        assert run.stop()
        assert differences(run) == []
        assert run.desk.unresolved() == []
        warned = {row["venue"]: row["offset_ms"] for row in told.of("clock.wrong")}
        assert set(warned) == ({venue, other(venue)} if skew_s else set())
        # Kraken's REST tells whole seconds
        assert all(abs(offset_ms + 1000 * skew_s) < 600 for offset_ms in warned.values())
        closed = told.of("deal.closed")
        assert len(closed) >= 5
        assert {row["outcome"] for row in closed} <= {"hedged", "completed", "nothing"}
        return max(row["ms"] for row in closed)

    right_ms = slowest_ms(0.0)
    for skew_s in (5.0, -5.0):
        assert slowest_ms(skew_s) <= right_ms + 500


@pytest.mark.parametrize("venue", rotated(NAMES, 1))
@pytest.mark.parametrize("step_s", [3.0, -3.0])
def test_a_step_of_a_venues_clock_is_followed_within_a_minute(venue: str, step_s: float) -> None:
    """The clock of one venue jumps, and its way becomes longer, so that new samples are less sharp than the old ones:
    orders are accepted again soon."""
    told = Told()
    faults = [Fault(kind="clock", venue=venue, at_s=30, amount=step_s)]
    run = started(venue, other(venue), told=told, faults=faults)
    run.run_for(30)
    run.latency_ns *= 2
    before = len(told.of("deal.closed"))
    run.run_for(30)
    signer = run.desk.venues[venue].setup.signer
    assert signer is not None
    assert abs(signer.offset_ns - step_s * S) < 0.01 * S
    early = len(told.of("deal.closed"))
    run.run_for(30)
    rows = told.of("deal.closed")[early:]
    after = [row["outcome"] for row in rows if row["ms"] < 30_000]  # the step left older ones in doubt
    assert before >= 5
    assert len(after) >= 5
    assert set(after) <= {"hedged", "nothing"}
    assert run.stop()
    assert differences(run) == []


@pytest.mark.parametrize("venue", rotated(NAMES, 2))
@pytest.mark.parametrize(("from_s", "for_s"), [(0.0, 40.0), pytest.param(20.0, 330.0, marks=pytest.mark.long)])
def test_a_feed_that_is_late_is_not_traded_for_as_long_as_it_is_late(venue: str, from_s: float, for_s: float) -> None:
    """Its frames come three seconds late, from the first one or from the middle of the run: no deal."""
    told = Told()
    run = started(venue, other(venue), told=told)
    deliver = run._frame

    def frame(sent: Any) -> None:
        link = run._links.get(sent.conn, "")
        if link.startswith(f"{venue}.public") and run.now_ns >= begin_ns:
            run._later(3 * S, lambda: deliver(sent))
        else:
            deliver(sent)

    begin_ns = run.now_ns + round(from_s * S)
    run._frame = frame  # type: ignore[method-assign]  # a slow route
    run.run_for(from_s + 10)
    before = len(told.of("deal.closed"))
    assert (before >= 5) is (from_s > 0)
    states = set()
    for _ in range(8):
        run.run_for(for_s / 8)
        states.add(run.desk.books[f"{venue}:BTC-USDT"].state)
    assert states == {BookState.STALE}
    assert len(told.of("deal.closed")) == before
    assert told.of("link.behind")[0]["ms"] > 2900
