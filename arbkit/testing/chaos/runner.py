"""Chaos: a real desk against simulated venues at which things go wrong, in virtual time, judged by the venues' records.

``run(subject, seed)`` plays one seed: it draws a market, 2 or more of the subject's venues and a random half of the
fault kinds (all at once would hide each other), trades for ``seconds``, stops the desk, heals the venues and judges.
The same seed gives the same run; a report whose ``broken`` is not empty prints its whole fault plan, which ``run`` also
takes as ``faults``. ``make chaos SEEDS=500 SECONDS=60`` plays many seeds and then the safeguards, each switched off.

What must hold after every seed:

- I1 every balance of ours equals the venue's, to the last unit, and none was corrected from a report;
- I2 no intent has two accepted orders;
- I3 every fill of the venue is booked once, and no other;
- I4 no order is left open, here or there, and none unproved;
- I5 each deal's fills balance to less than any leg can trade, or it is held with an alarm;
- I6 no order left on a book that was not SYNCED, silent beyond its limit, or showed a top that the venue did not have;
- I7 no cap was exceeded when an order left, and no venue lacked the money for one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from random import Random
from typing import Protocol, get_args

from msgspec import Struct
from msgspec.structs import replace

from arbkit.core.desk import Desk, Setup
from arbkit.core.money.gate import GateConfig
from arbkit.core.money.limits import LimitsConfig
from arbkit.core.protocols import Exchange
from arbkit.core.trading.engine import RunningStrategy
from arbkit.core.types import VenueSettings
from arbkit.core.venues.signer import LocalSigner
from arbkit.core.venues.venue import VenueSetup
from arbkit.sim.dialect import Dialect
from arbkit.sim.faults import Fault, FaultKind
from arbkit.sim.market import Divergence
from arbkit.sim.world import World
from arbkit.testing.chaos.invariants import START_NS, LogRows, SeedReport, WatchedRun, client_ids, judge
from arbkit.testing.virtual import VirtualRun, endpoints

__all__ = ["ROUGH", "START_NS", "SeedReport", "DeskUnderTest", "WatchedRun", "client_ids", "run", "swarm"]

KINDS: tuple[FaultKind, ...] = get_args(FaultKind)
STORM_S = 10.0
"""How long a stopping desk is left with the faults before the venues are healed."""
HEALED_S = 120.0
"""How long it may take after that."""

LIMITS = LimitsConfig(
    max_order_notional=Decimal(1_000),
    max_deal_notional=Decimal(1_000),
    max_open_deals=3,
    max_open_notional=Decimal(1_500),
    max_venue_notional=Decimal(1_500),
    max_asset_notional=Decimal(1_000),
    max_deals_per_minute=600,
    cooldown_ns=500_000_000,
    max_broken=1_000,
    max_loss_day=Decimal(10_000),
    max_loss_run=Decimal(10_000),
)
GATE = GateConfig(max_order_notional=Decimal(3_000), orders_per_second=100, notional_per_minute=Decimal(1_000_000))

ROUGH: tuple[Fault, ...] = (
    Fault(kind="lose_request", count=0, chance=0.01),
    Fault(kind="lose_ack", count=0, chance=0.005),
    Fault(kind="close", at_s=20.0, every_s=600.0, count=0, on="book"),
    Fault(kind="close", at_s=40.0, every_s=600.0, count=0, on="reply"),
)
"""A rough day: 1 % of the orders lost, half a percent of the answers, each connection cut every ten minutes."""


class MakeExchange(Protocol):
    @property
    def venue(self) -> str: ...
    def __call__(self, settings: VenueSettings) -> Exchange: ...


class DeskUnderTest(Struct, frozen=True, kw_only=True):
    """What is put to the test."""

    exchanges: Sequence[MakeExchange]
    """Adapters, as their plugins register them."""
    dialects: Sequence[type[Dialect]]
    """Their simulated venues."""
    slot: Callable[[], RunningStrategy]
    """A strategy and its executor, new for each run."""
    limits: LimitsConfig = LIMITS
    gate: GateConfig = GATE


# --- the plan of a seed -----------------------------------------------------------------------------------------------


def swarm(seed: int, venues: Sequence[str], kinds: Sequence[FaultKind] = KINDS) -> list[Fault]:
    """A random half of ``kinds``, one or two lines of each, without end. No query lags longer than venues say."""
    rng = Random(f"chaos:{seed}")  # noqa: S311 - a plan, no secret
    plan: list[Fault] = []
    for kind in sorted(rng.sample(kinds, (len(kinds) + 1) // 2)):
        for _ in range(rng.choice((1, 1, 2))):
            fault = _fault(kind, rng)
            plan.append(replace(fault, venue=rng.choice(("", *venues)), at_s=round(rng.uniform(0, 15), 3), count=0))
    return plan


def _fault(kind: FaultKind, rng: Random) -> Fault:
    def some(low: float, high: float) -> float:
        return round(rng.uniform(low, high), 4)

    match kind:
        case "skip":
            return Fault(kind=kind, every_s=some(2, 12))
        case "drop" | "reorder" | "corrupt":
            return Fault(kind=kind, chance=some(0.001, 0.02))
        case "duplicate":
            return Fault(kind=kind, chance=some(0.01, 0.2))
        case "close":
            return Fault(kind=kind, every_s=some(3, 15), on=rng.choice(("any", "book", "user", "reply")))
        case "mute":
            return Fault(
                kind=kind, every_s=some(5, 20), for_s=some(0.2, 6), on=rng.choice(("any", "book", "user", "reply"))
            )
        case "throttle":
            return Fault(kind=kind, every_s=some(5, 15), for_s=some(0.1, 3))
        case "status":
            return Fault(
                kind=kind,
                chance=some(0.02, 0.3),
                status=rng.choice((500, 502, 503, 504)),
                body=rng.choice(("json", "html")),
                applied=rng.random() < 0.5,
            )
        case "delay":
            return Fault(kind=kind, every_s=some(4, 12), for_s=some(0.1, 3))
        case "blind":
            return Fault(kind=kind, every_s=some(4, 12), for_s=some(0.1, 1.9))
        case "lose_ack":
            return Fault(kind=kind, chance=some(0.02, 0.3), cut=rng.random() < 0.5)
        case "lose_request":
            return Fault(kind=kind, chance=some(0.02, 0.2))
        case "partial":
            return Fault(kind=kind, chance=some(0.1, 0.6), fraction=some(0.05, 0.9))


# --- one run ----------------------------------------------------------------------------------------------------------


def run(
    subject: DeskUnderTest,
    seed: int,
    seconds: float = 60.0,
    *,
    faults: Sequence[Fault] | None = None,
    venues: Sequence[str] = (),
    prepare: Callable[[WatchedRun], None] = lambda _: None,
) -> SeedReport:
    """Play one seed and judge it. ``prepare`` sees the run before it begins (to cut lines, or switch a safeguard off);
    without ``faults`` they are the seed's ``swarm``, without ``venues`` the seed chooses."""
    rng = Random(f"run:{seed}")  # noqa: S311 - as above
    known = [dialect.venue for dialect in subject.dialects]
    drawn = rng.sample(known, rng.randint(min(2, len(known)), len(known)))
    chosen = list(venues) or drawn
    plan = list(swarm(seed, chosen) if faults is None else faults)
    report = SeedReport(seed=seed, seconds=seconds, venues=chosen, faults=plan)
    poor = rng.random() < 0.3
    purse = {"USDT": Decimal(4_000 if poor else 200_000), "BTC": Decimal(1 if poor else 3), "ETH": Decimal(80)}
    world = World(
        [dialect for dialect in subject.dialects if dialect.venue in chosen],
        seed=seed,
        start_ns=START_NS,
        faults=plan,
        divergence=Divergence(edge_every_s=rng.choice((0.7, 1.5, 3.0))),
        purse=purse,
    )
    told = LogRows(report)
    witness = WatchedRun(world, lambda port, now_ns: _desk(subject, world, port, now_ns, told, seed), START_NS, report)
    prepare(witness)
    witness.run_for(seconds)
    witness.desk.stop(witness.now_ns)
    stopped_ns = witness.now_ns
    witness.run_for(STORM_S, lambda: witness.desk.idle)
    world.heal()
    witness.run_for(HEALED_S, lambda: witness.desk.idle)
    report.finish_s = (witness.now_ns - stopped_ns) / 1e9
    report.fired.update(world.faults()["counts"])
    report.frames = sum(link.messages for link in witness.desk.counters.links.values())
    report.commands_hash = witness.desk.commands_hash()
    judge(witness, told, report)
    return report


def _desk(subject: DeskUnderTest, world: World, port: VirtualRun, now_ns: int, told: LogRows, seed: int) -> Desk:
    venues = []
    for make in subject.exchanges:
        if make.venue not in world.sites:
            continue
        where = endpoints(world, make.venue)
        keys = [where.pop(name) or "" for name in ("key", "secret", "passphrase")]
        settings = VenueSettings(environment="sim", endpoints={name: url for name, url in where.items() if url})
        venues.append(VenueSetup(exchange=make(settings), account=f"{make.venue}:main", signer=LocalSigner(*keys)))
    setup = Setup(venues=venues, strategies=[subject.slot()], limits=subject.limits, gate=subject.gate, seed=seed)
    return Desk(setup, port, now_ns, log=told)
