"""Runs a strategy on simulated venues in virtual time, and compares the ledgers. For tests of strategies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from arbkit.core.desk import Desk, Setup
from arbkit.core.errors import ArbkitError, ConfigError
from arbkit.core.log import Log
from arbkit.core.money.gate import GateConfig
from arbkit.core.money.limits import LimitsConfig
from arbkit.core.protocols import Exchange, Executor, Strategy
from arbkit.core.trading.hooks import check
from arbkit.core.trading.running import RunningStrategy
from arbkit.core.types import VenueSettings
from arbkit.core.venues.signer import LocalSigner
from arbkit.core.venues.venue import VenueSetup
from arbkit.sim.dialect import Dialect
from arbkit.sim.faults import Fault
from arbkit.sim.market import Divergence
from arbkit.sim.world import PRICES, World
from arbkit.strategies import TakerExecutor
from arbkit.testing.virtual import LATENCY_NS, VirtualRun, endpoints

__all__ = ["START_NS", "StrategyFailed", "differences", "simulate", "unequal"]

START_NS = 1_780_000_000_000_000_000
"""Start time of virtual runs."""


class StrategyFailed(ArbkitError):
    """The strategy of a simulated run raised, or returned what cannot be read. What it raised is the cause of this."""


class _Checked(VirtualRun):
    """Does not hide that a strategy failed."""

    _told = False

    def run(self, until_ns: int, done: Callable[[], bool] = lambda: False) -> None:
        super().run(until_ns, lambda: done() or self._failed is not None)
        running = self._failed
        if running is not None:
            self._told = True
            raise StrategyFailed(f"strategy {running.name} failed: {running.failed}") from running.error

    @property
    def _failed(self) -> RunningStrategy | None:
        return next((one for one in self.desk.engine.strategies if one.failed and not self._told), None)


def simulate(
    strategy: Strategy,
    venues: Mapping[Callable[[VenueSettings], Exchange], type[Dialect]],
    *,
    seed: int = 1,
    edge_every_s: float = 2.0,
    faults: Sequence[Fault] = (),
    limits: LimitsConfig | None = None,
    gate: GateConfig | None = None,
    latency_ns: int = LATENCY_NS,
    log: Log | None = None,
    prices: Mapping[str, Decimal] = PRICES,
) -> VirtualRun:
    """Create a run: ``run = simulate(mine, {Binance: BinanceDialect, Okx: OkxDialect})``.

    Then call ``run.run_for(30)`` and ``run.stop()``. ``edge_every_s``: mean seconds between two edges on a symbol; 0 =
    only edges planted with ``run.world.plant``. ``latency_ns``: one-way latency. ``log``: called as
    ``log(event, **fields)``. ``prices``: the symbols that the venues list, and where they begin. The strategy's
    attribute ``executor`` is used if it has one.

    Raises ``ConfigError`` without venues, or for a strategy that could never trade. ``run.run_for`` raises
    ``StrategyFailed`` once when the strategy has raised; after that the run can go on without it.
    """
    if not venues:
        raise ConfigError("simulate: no venues; pass them as {Binance: BinanceDialect, Okx: OkxDialect}")
    check(strategy)
    world = World(
        list(venues.values()),
        seed=seed,
        start_ns=START_NS,
        faults=faults,
        prices=prices,
        divergence=Divergence(edge_every_s=edge_every_s),
    )
    executor: Executor = getattr(strategy, "executor", None) or TakerExecutor()

    def make(port: VirtualRun, now_ns: int) -> Desk:
        setups = []
        for exchange, dialect in venues.items():
            urls = {name: text for name, text in endpoints(world, dialect.venue).items() if text}
            key, secret, passphrase = (urls.pop(part, "") for part in ("key", "secret", "passphrase"))
            setups.append(
                VenueSetup(
                    exchange=exchange(VenueSettings(environment="sim", endpoints=urls)),
                    account=f"{dialect.venue}:main",
                    signer=LocalSigner(key, secret, passphrase),
                )
            )
        setup = Setup(
            venues=setups,
            strategies=[RunningStrategy(type(strategy).__name__, strategy, executor)],
            limits=limits or LimitsConfig(),
            gate=gate or GateConfig(),
            seed=seed,
            block=1,
        )
        return Desk(setup, port, now_ns, log=log)

    return _Checked(world, make, START_NS, latency_ns=latency_ns)


def differences(run: VirtualRun) -> list[str]:
    """The balances that differ between the desk's ledger and the venues' ledgers, as text; empty = exactly equal."""
    return unequal(run.desk, run.world.ledger())


def unequal(desk: Desk, ledger: Mapping[str, Any]) -> list[str]:
    """Like ``differences``, for any desk. ``ledger``: the content of the simulator's admin page ``/ledger``."""
    found = []
    for name, venue in desk.venues.items():
        rows = ledger[name]["accounts"]["main"]
        theirs = {asset: Decimal(row["free"]) + Decimal(row["locked"]) for asset, row in rows.items()}
        found += [
            f"{name} {one.asset}: ours {one.ours}, the venue's {one.reported}"
            for one in desk.ledger.compare(venue.account, theirs)
        ]
        if not ledger[name]["conserved"]:
            found.append(f"{name}: the venue's own ledger does not add up")
    return found
