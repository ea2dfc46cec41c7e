"""A strategy at work on simulated venues in virtual time, in one call, and the check of its books against theirs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from arbkit.core.desk import Desk, Setup
from arbkit.core.engine import Slot
from arbkit.core.facts import Facts
from arbkit.core.gate import GateConfig
from arbkit.core.limits import LimitsConfig
from arbkit.core.protocols import Exchange, Executor, Strategy
from arbkit.core.signer import LocalSigner
from arbkit.core.types import VenueSettings
from arbkit.core.venue import VenueSetup
from arbkit.sim.dialect import Dialect
from arbkit.sim.faults import Fault
from arbkit.sim.market import Divergence
from arbkit.sim.world import World
from arbkit.strategies import TakerExecutor
from arbkit.testing.virtual import LATENCY_NS, VirtualRun, endpoints

__all__ = ["START_NS", "differences", "simulate"]

START_NS = 1_780_000_000_000_000_000
"""When virtual runs begin."""


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
    facts: Facts | None = None,
) -> VirtualRun:
    """``simulate(mine, {Binance: BinanceDialect, Okx: OkxDialect})``: then ``run.run_for(30)`` and ``run.stop()``.

    ``edge_every_s``: mean time between two edges on a symbol, 0 = none but those that ``run.world.plant`` makes.
    ``facts``: what takes the log, a thing with ``log(event, **fields)``. A strategy's ``executor`` is used if it has
    one.
    """
    world = World(
        list(venues.values()),
        seed=seed,
        start_ns=START_NS,
        faults=faults,
        divergence=Divergence(edge_every_s=edge_every_s),
    )
    executor: Executor = getattr(strategy, "executor", None) or TakerExecutor()

    def make(port: VirtualRun, now_ns: int) -> Desk:
        setups = []
        for exchange, dialect in venues.items():
            said = {name: text for name, text in endpoints(world, dialect.venue).items() if text}
            key, secret, passphrase = (said.pop(part, "") for part in ("key", "secret", "passphrase"))
            setups.append(
                VenueSetup(
                    exchange=exchange(VenueSettings(environment="sim", endpoints=said)),
                    account=f"{dialect.venue}:main",
                    signer=LocalSigner(key, secret, passphrase),
                )
            )
        setup = Setup(
            venues=setups,
            slots=[Slot(type(strategy).__name__, strategy, executor)],
            limits=limits or LimitsConfig(),
            gate=gate or GateConfig(),
            seed=seed,
            block=1,
        )
        return Desk(setup, port, now_ns, facts=facts)

    return VirtualRun(world, make, START_NS, latency_ns=latency_ns)


def differences(run: VirtualRun) -> list[str]:
    """Every balance on which the desk's ledger and a venue's own disagree, in words; empty = equal to the last unit."""
    found = []
    for name, venue in run.world.ledger().items():
        said = venue["accounts"]["main"]
        theirs = {asset: Decimal(row["free"]) + Decimal(row["locked"]) for asset, row in said.items()}
        found += [
            f"{name} {one.asset}: ours {one.ours}, the venue's {one.reported}"
            for one in run.desk.ledger.compare(f"{name}:main", theirs)
        ]
        if not venue["conserved"]:
            found.append(f"{name}: the venue's own ledger does not add up")
    return found
