"""Chaos runs: a real desk in virtual time against simulated venues with random faults, checked by invariants.

``run(subject, seed)`` plays one seed. It chooses a market, 2 or more of the subject's venues and a random half of the
fault kinds (all kinds together would hide each other). It trades for ``seconds``, stops the desk, ends the faults and
checks the invariants. The same seed gives the same run. A report with violations prints its fault plan, which ``run``
accepts as ``faults``. ``make chaos SEEDS=500 SECONDS=60`` plays many seeds, and then some with one safeguard disabled.

The invariants:

- I1 each of our balances exactly equals the venue's, and none was corrected from a report;
- I2 no intent has two accepted orders;
- I3 each fill of the venue is booked once, and nothing else is booked;
- I4 no order is open, in arbkit or at the venue, and none is unproved;
- I5 the fills of each deal balance to less than any leg can trade, or the deal is held with an alarm;
- I6 no order was sent on a book that was not SYNCED, was silent beyond its limit, or had a top that was never true;
- I7 no limit was exceeded when an order was sent, and no order was rejected for insufficient funds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from random import Random
from typing import Protocol

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

KINDS: tuple[FaultKind, ...] = (
    "skip",
    "drop",
    "duplicate",
    "reorder",
    "corrupt",
    "close",
    "mute",
    "throttle",
    "status",
    "delay",
    "blind",
    "lose_ack",
    "lose_request",
    "partial",
)
STORM_S = 10.0
"""After the stop, the faults continue for this time."""
HEALED_S = 120.0
"""After the end of the faults, the desk must be idle within this time."""

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
"""A moderate plan: 1 % of the orders and 0.5 % of the answers are lost; connections are cut every ten minutes."""


class MakeExchange(Protocol):
    @property
    def venue(self) -> str: ...
    def __call__(self, settings: VenueSettings) -> Exchange: ...


class DeskUnderTest(Struct, frozen=True, kw_only=True):
    """The adapters and the strategy to test."""

    exchanges: Sequence[MakeExchange]
    """Exchange classes, as their plugins register them."""
    dialects: Sequence[type[Dialect]]
    """Their simulated venues."""
    slot: Callable[[], RunningStrategy]
    """Makes the running strategy (a strategy and its executor), new for each run."""
    limits: LimitsConfig = LIMITS
    gate: GateConfig = GATE


# --- the plan of a seed -----------------------------------------------------------------------------------------------


def swarm(seed: int, venues: Sequence[str], kinds: Sequence[FaultKind] = KINDS) -> list[Fault]:
    """A random half of ``kinds``, with one or two faults each that fire without limit. The lag of ``blind`` stays below
    the venues' ``lookup_lag_ns``."""
    rng = Random(f"chaos:{seed}")  # noqa: S311 - not a secret
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
        case _:
            return Fault(kind=kind, every_s=some(5, 20))


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
    """Play one seed and check it. ``prepare`` is called with the run before it begins (to cut links or to disable a
    safeguard). Without ``faults`` the plan is ``swarm(seed)``; without ``venues`` the seed chooses them."""
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
    log = LogRows(report)
    watched = WatchedRun(world, lambda port, now_ns: _desk(subject, world, port, now_ns, log, seed), START_NS, report)
    prepare(watched)
    watched.run_for(seconds)
    watched.desk.stop(watched.now_ns)
    stopped_ns = watched.now_ns
    watched.run_for(STORM_S, lambda: watched.desk.idle)
    world.heal()
    watched.run_for(HEALED_S, lambda: watched.desk.idle)
    report.finish_s = (watched.now_ns - stopped_ns) / 1e9
    report.fired.update(world.faults()["counts"])
    report.frames = sum(link.messages for link in watched.desk.counters.links.values())
    report.commands_hash = watched.desk.commands_hash()
    judge(watched, log, report)
    return report


def _desk(subject: DeskUnderTest, world: World, port: VirtualRun, now_ns: int, log: LogRows, seed: int) -> Desk:
    venues = []
    for make in subject.exchanges:
        if make.venue not in world.sites:
            continue
        where = endpoints(world, make.venue)
        keys = [where.pop(name) or "" for name in ("key", "secret", "passphrase")]
        settings = VenueSettings(environment="sim", endpoints={name: url for name, url in where.items() if url})
        venues.append(VenueSetup(exchange=make(settings), account=f"{make.venue}:main", signer=LocalSigner(*keys)))
    setup = Setup(venues=venues, strategies=[subject.slot()], limits=subject.limits, gate=subject.gate, seed=seed)
    return Desk(setup, port, now_ns, log=log)
