"""Plays seeds: a real desk in virtual time against simulated venues with the weather of a plan, watched by judges.

``run(subject, seed)`` draws a plan and plays it: it trades for ``seconds``, stops the desk, ends the weather and asks
the judges (``court.JUDGES`` lists them). The same plan gives the same run. A report with violations prints the command
that plays it again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal

from msgspec.structs import replace

from arbkit.core.desk import Setup
from arbkit.core.errors import ConfigError
from arbkit.core.types import NEVER, VenueSettings
from arbkit.core.venues.signer import LocalSigner
from arbkit.core.venues.venue import VenueSetup
from arbkit.sim.faults import Fault
from arbkit.sim.market import Divergence
from arbkit.sim.world import MARKET, PRICES, World
from arbkit.testing.chaos import ending
from arbkit.testing.chaos.court import Court
from arbkit.testing.chaos.plan import ALL, ChaosPlan, Deals, draw
from arbkit.testing.chaos.report import SeedReport
from arbkit.testing.chaos.subject import DEALS, DeskUnderTest
from arbkit.testing.chaos.watched import START_NS, Watched
from arbkit.testing.chaos.weather import Profile
from arbkit.testing.virtual import endpoints

__all__ = ["play", "run"]

STOPPED_S = 2.0
"""After the stop, the venues go on for this time at least: a deal that begins now is seen."""
STORM_S = 10.0
"""After the stop, the weather goes on for this time."""
FAIR_S = 120.0
"""In fair weather, each venue must have an order of ours within this time."""
HEALED_S = 120.0
"""After the end of the weather, the desk must be idle within this time."""
PROOF_S = 30.0
"""Where an order may arrive later than that: within so long after it cannot any more."""
LISTED_S = 80.0
"""After that, the balances must be equal within this time."""
PACE = 0.1
"""The books change by so much less than in the simulator: a frame has a few changes, as most real ones."""
TIGHT = Decimal(20)
"""Loss limits of a tight plan, in the reporting asset."""


def _usual(_: Watched) -> None:
    """Nothing is prepared."""


def run(
    subject: DeskUnderTest,
    seed: int,
    seconds: float = 60.0,
    *,
    profile: Profile = "storm",
    kinds: Sequence[str] = ALL,
    faults: Sequence[Fault] | None = None,
    venues: Sequence[str] = (),
    deals: Deals = "pair",
    prepare: Callable[[Watched], None] = _usual,
) -> SeedReport:
    """Play one seed. ``prepare`` is called with the run before it begins (to cut links or to disable a safeguard).
    ``faults`` replace the drawn weather, and ``venues`` the drawn venues."""
    plan = draw(seed, profile, subject.venues, kinds=kinds, seconds=seconds, deals=deals)
    if venues:
        plan = replace(plan, venues=venues)
    if faults is not None:
        plan = replace(plan, faults=faults, upsets=(), kinds=(), durability="process", tight=False)
    return play(subject, plan, prepare)


def play(subject: DeskUnderTest, plan: ChaosPlan, prepare: Callable[[Watched], None] = _usual) -> SeedReport:
    """Play a plan."""
    report = SeedReport(plan=plan)
    world = _world(subject, plan)
    limits = subject.limits
    if plan.tight:
        limits = replace(limits, max_loss_day=TIGHT, max_loss_run=2 * TIGHT)

    def setup() -> Setup:
        return Setup(
            venues=_venues(subject, world),
            strategies=[DEALS.get(plan.deals, subject.slot)()],
            limits=limits,
            gate=subject.gate,
            seed=plan.seed,
            durability=plan.durability,
        )

    court = Court(plan, report, limits.asset)
    watched = Watched(
        world, setup, court.log, upsets=tuple(plan.upsets), seen=court.seen, second=court.second, filled=court.filled
    )
    court.sits(watched)
    prepare(watched)
    try:
        _through(watched, plan.seconds, report)
    except Exception as error:
        if isinstance(error, ConfigError) and watched.crashes and not watched.owes:
            report.paths["refused to begin"] += 1  # a symbol of its strategy is gone, and nothing is open
            return report
        court.says("machinery", f"the desk raised {type(error).__name__}: {error}")
        return report
    court.end()
    fired = Counter(world.faults()["counts"])
    fired.update(upset.kind for upset in plan.upsets if upset.at_s < watched.at_s)
    report.fired = fired
    report.frames = watched.frames
    report.edge = float(watched.truth.worth(limits.asset) + watched.truth.worth(limits.asset, lost=True))
    report.commands_hash = watched.desk.commands_hash()
    return report


def _longest_s(watched: Watched) -> float:
    """How long an order may still arrive at one of the venues: its absence is proved only after that."""
    able = [venue.exchange.capabilities for venue in watched.desk.venues.values()]
    return max(one.order_window_ns + one.order_timeout_ns for one in able) / 1e9


def _through(watched: Watched, seconds: float, report: SeedReport) -> None:
    """Trade, stop, end the weather, and wait until nothing is open. Every other seed sees fair weather before the stop,
    and must trade in it."""
    watched.run_for(seconds)
    fair = report.seed % 2 == 1
    if fair:
        watched.heal()
        # a venue on which an order is not proved yet opens no deal
        watched.run_for(PROOF_S + _longest_s(watched), lambda: not watched.desk.unresolved())
        watched.run_for(FAIR_S, watched.trades_everywhere)
    watched.run_for(STORM_S, lambda: True)  # a process that is down starts first
    watched.stop_desk()
    stopped_ns = watched.now_ns
    watched.run_for(STOPPED_S)
    if not fair:
        watched.run_for(STORM_S, lambda: watched.desk.idle)
        watched.heal()
    if watched.stopped_ns == NEVER:  # it died after the stop: the new process trades, and would do so at the end
        watched.run_for(STORM_S, lambda: True)
        watched.stop_desk()
    watched.run_for(max(HEALED_S, PROOF_S + _longest_s(watched)), lambda: watched.desk.idle)
    # a pause that a venue has told is kept also when the weather has ended: ten minutes after a ban, at Bybit
    watched.run(watched.paused_ns + round(HEALED_S * 1e9), lambda: watched.desk.idle)
    report.finish_s = (watched.now_ns - stopped_ns) / 1e9
    watched.run_for(STOPPED_S)  # what earlier processes left is told once a second
    # what came from outside, and what a new process opens, shows in a listing of balances
    watched.run_for(LISTED_S, _listed(watched))
    # a deal that is held tries again from time to time: its order may have left just now
    watched.run_for(STOPPED_S, lambda: watched.desk.idle)


def _listed(watched: Watched) -> Callable[[], bool]:
    """Asks whether all balances are equal: first those of the venue that differed last."""
    venues = list(watched.world.sites)

    def equal() -> bool:
        for venue in venues:
            if ending.unequal(watched, venue):
                venues.sort(key=lambda one: one != venue)
                return False
        return True

    return equal


def _world(subject: DeskUnderTest, plan: ChaosPlan) -> World:
    assets = {
        "USDT": Decimal(4_000 if plan.poor else 200_000),
        "BTC": Decimal(1 if plan.poor else 3),
        "ETH": Decimal(80),
    }
    prices = dict(PRICES)
    if plan.around:
        prices["ETH-BTC"] = MARKET["ETH-BTC"]
    if plan.third_fee:
        prices["BNB-USDT"] = MARKET["BNB-USDT"]
        assets["BNB"] = Decimal(50)
    return World(
        [dialect for dialect in subject.dialects if dialect.venue in plan.venues],
        seed=plan.seed,
        start_ns=START_NS,
        prices=prices,
        purse=assets,
        faults=plan.faults,
        divergence=Divergence(
            edge_every_s=0.0 if plan.around else plan.edge_every_s,
            cycle_every_s=plan.edge_every_s if plan.around else 0.0,
            pace=PACE,
        ),
    )


def _venues(subject: DeskUnderTest, world: World) -> list[VenueSetup]:
    venues = []
    for make in subject.exchanges:
        if make.venue not in world.sites:
            continue
        where = endpoints(world, make.venue)
        keys = [where.pop(name) or "" for name in ("key", "secret", "passphrase")]
        settings = VenueSettings(environment="sim", endpoints={name: url for name, url in where.items() if url})
        venues.append(VenueSetup(exchange=make(settings), account=f"{make.venue}:main", signer=LocalSigner(*keys)))
    return venues
