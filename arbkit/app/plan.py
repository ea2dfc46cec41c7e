"""The plan of a run: everything it depends on except its inputs and secrets. ``make_desk`` creates the desk from it.

A run and its replay use the same plan.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

from msgspec import Struct

from arbkit.config.load import Config, VenueConfig
from arbkit.core.counters import Counters
from arbkit.core.desk import Desk, Setup
from arbkit.core.errors import ConfigError
from arbkit.core.log import Log
from arbkit.core.money.gate import GateConfig
from arbkit.core.money.limits import LimitsConfig
from arbkit.core.orders.journal import Booked, Control, DayBegan, Intent, Interrupted
from arbkit.core.port import Port
from arbkit.core.protocols import Exchange, Executor, Signer, Strategy
from arbkit.core.trading.running import RunningStrategy
from arbkit.core.types import VenueSettings
from arbkit.core.venues.venue import WORST_FEE, PaperSetup, VenueSetup
from arbkit.monitor.redactor import PROCESS
from arbkit.plugins.registry import Registry

__all__ = ["RunPlan", "VenuePlan", "check_executor", "make_desk", "make_exchanges", "plan_of"]


class VenuePlan(Struct, frozen=True, kw_only=True):
    """One venue of a run, without its secrets."""

    venue: str
    account: str
    environment: str
    endpoints: Mapping[str, str] = {}
    options: Mapping[str, str] = {}
    signed: bool = False
    balances: Mapping[str, Decimal] | None = None
    """Initial balances of a paper account; None = live orders."""
    latency_ns: int = 0
    maker: Decimal = WORST_FEE
    taker: Decimal = WORST_FEE
    movable: Mapping[str, bool] = {}


class RunPlan(Struct, frozen=True, kw_only=True):
    """Everything that a run depends on except its inputs and secrets. It is stored at the start of the tape."""

    venues: Sequence[VenuePlan]
    target: str
    params: Mapping[str, Any] = {}
    limits: LimitsConfig = LimitsConfig()
    gate: GateConfig = GateConfig()
    executor: Mapping[str, Any] = {}
    """Settings of the executor."""
    seed: int = 0
    block: int = 0
    """The block of client order ids of this run, and the first number of it."""
    first: int = 0
    unresolved: Sequence[Intent] = ()
    interrupted: Sequence[Interrupted] = ()
    booked: Sequence[Booked] = ()
    kept: Sequence[Control | DayBegan] = ()
    durability: str = "process"
    same: Mapping[str, Sequence[str]] = {}
    state: bytes = b""
    """What the strategy saved in an earlier run."""

    @property
    def strategy(self) -> str:
        """The name of the strategy in the journal and the log."""
        return self.target.rpartition(":")[2]


def make_desk(
    plan: RunPlan,
    exchanges: Mapping[str, Exchange],
    strategy: Strategy | None,
    signers: Mapping[str, Signer],
    port: Port,
    now_ns: int,
    *,
    log: Log | None = None,
    counters: Counters | None = None,
    probe: Callable[[], int] | None = None,
) -> Desk:
    """Create the desk of a plan, for a run or its replay. ``exchanges``: by venue, made once (``make_exchanges``).
    ``strategy``: None = it only reads what the venues list.

    Raises ``ConfigError`` for wrong executor settings."""
    executor: Executor = getattr(strategy, "executor", None) or _executor(plan.executor)
    venues = [
        VenueSetup(
            exchange=exchanges[venue.venue],
            account=venue.account,
            signer=signers.get(venue.venue),
            paper=None if venue.balances is None else PaperSetup(balances=venue.balances, latency_ns=venue.latency_ns),
            maker=venue.maker,
            taker=venue.taker,
            movable=venue.movable,
        )
        for venue in plan.venues
    ]
    strategies = [] if strategy is None else [RunningStrategy(plan.strategy, strategy, executor, state=plan.state)]
    setup = Setup(
        venues=venues,
        strategies=strategies,
        limits=plan.limits,
        gate=plan.gate,
        seed=plan.seed,
        block=plan.block,
        first=plan.first,
        unresolved=plan.unresolved,
        interrupted=plan.interrupted,
        booked=plan.booked,
        kept=plan.kept,
        durability=plan.durability,
        same=plan.same,
        strike=PROCESS.known,
    )
    return Desk(setup, port, now_ns, log=log, counters=counters, probe=probe)


def make_exchanges(plan: RunPlan, registry: Registry) -> dict[str, Exchange]:
    """The exchange of each venue of a plan. Raises the ``ConfigError`` of an adapter that refuses its settings."""
    return {
        venue.venue: registry.exchange(venue.venue)(
            VenueSettings(environment=venue.environment, endpoints=venue.endpoints, options=venue.options)
        )
        for venue in plan.venues
    }


def check_executor(settings: Mapping[str, Any]) -> dict[str, str]:
    """The mistakes in the executor's settings by name; "" = of several together."""
    from inspect import signature

    from arbkit.strategies import TakerExecutor

    known = list(signature(TakerExecutor).parameters)
    wrong = {}
    for name in settings:
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"the settings are {', '.join(known)}"
            wrong[name] = f"unknown key; {hint}"
    if not wrong:
        try:
            TakerExecutor(**settings)
        except (TypeError, ConfigError) as error:
            wrong[""] = str(error).removeprefix("executor: ")
    return wrong


def _executor(settings: Mapping[str, Any]) -> Executor:
    """A ``TakerExecutor`` with the configured settings. Raises ``ConfigError`` for wrong ones."""
    from arbkit.strategies import TakerExecutor

    for name, text in check_executor(settings).items():
        raise ConfigError(f"executor{'.' * bool(name)}{name}: {text}")
    return TakerExecutor(**settings)


def plan_of(config: Config, live: bool, seed: int) -> RunPlan:
    """The plan of a configuration."""
    return RunPlan(
        venues=[_venue_plan(name, venue, live) for name, venue in config.venues.items()],
        target=config.strategy.target,
        params=config.strategy.params,
        limits=config.limits,
        gate=config.gate,
        executor=config.executor,
        seed=seed,
        durability=config.state.durability,
        same=config.same,
    )


def _venue_plan(name: str, venue: VenueConfig, live: bool) -> VenuePlan:
    return VenuePlan(
        venue=name,
        account=f"{name}:{venue.account}",
        environment=venue.environment,
        endpoints=venue.endpoints,
        options=venue.options,
        signed=live,
        balances=None if live else venue.balances,
        latency_ns=round(venue.latency_ms * 1e6),
        maker=venue.maker_fee,
        taker=venue.taker_fee,
        movable=venue.movable,
    )
