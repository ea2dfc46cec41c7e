"""Puts a run together: configuration and plugins into a desk, the desk on a runtime, and a last line at the end."""

from __future__ import annotations

import asyncio
from asyncio import AbstractEventLoop
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click
import msgspec
from msgspec import Struct

from arbkit import config as configuration
from arbkit.config import PAPER_LATENCY_MS, WORST_FEE
from arbkit.core.counters import Counters, Histogram
from arbkit.core.desk import Desk, Setup
from arbkit.core.engine import Slot
from arbkit.core.errors import ConfigError
from arbkit.core.facts import Facts
from arbkit.core.gate import GateConfig
from arbkit.core.gateway import Port
from arbkit.core.journal import BlockReserved, Intent, Interrupted, RunStart, decode, encode
from arbkit.core.limits import LimitsConfig
from arbkit.core.protocols import Executor, Signer, Strategy
from arbkit.core.runtime.clock import Clock, seed
from arbkit.core.runtime.journal_file import JournalFile, StateFolder
from arbkit.core.runtime.supervisor import Ending, Runtime
from arbkit.core.runtime.supervisor import run as supervise
from arbkit.core.runtime.tape_file import TapeFile
from arbkit.core.signer import LocalSigner
from arbkit.core.tape import ReplayPort, TapeHead, TapeReader, TapeWriter
from arbkit.core.tape import replay as replay_tape
from arbkit.core.types import VenueSettings
from arbkit.core.venue import PaperSetup, VenueSetup
from arbkit.ending import exit_code, last_line, last_words
from arbkit.monitor.log import Log
from arbkit.monitor.metrics import BookFact, Headroom, Sources, exposition
from arbkit.plugins import Registry
from arbkit.watch import Watch

__all__ = ["RunPlan", "VenuePlan", "exit_code", "last_line", "make_desk", "replay", "run", "start"]

LoopFactory = Callable[[], AbstractEventLoop]


class VenuePlan(Struct, frozen=True, kw_only=True):
    """One venue of a run, without its secrets."""

    venue: str
    account: str
    environment: str
    endpoints: Mapping[str, str] = {}
    options: Mapping[str, str] = {}
    signed: bool = False
    balances: Mapping[str, Decimal] | None = None
    """Paper: what the account starts with. None = live orders."""
    latency_ns: int = 0
    maker: Decimal = WORST_FEE
    taker: Decimal = WORST_FEE


class RunPlan(Struct, frozen=True, kw_only=True):
    """All that a run depends on besides its inputs and its secrets: the head of its tape."""

    venues: Sequence[VenuePlan]
    target: str
    params: Mapping[str, Any] = {}
    limits: LimitsConfig = LimitsConfig()
    gate: GateConfig = GateConfig()
    executor: Mapping[str, Any] = {}
    """Arguments of the executor."""
    seed: int = 0
    block: int = 0
    unresolved: Sequence[Intent] = ()
    interrupted: Sequence[Interrupted] = ()
    durability: str = "process"


def make_desk(
    plan: RunPlan,
    registry: Registry,
    strategy: Strategy,
    signers: Mapping[str, Signer],
    port: Port,
    now_ns: int,
    *,
    facts: Facts | None = None,
    counters: Counters | None = None,
    probe: Callable[[], int] | None = None,
) -> Desk:
    """The desk of a plan: the same for a run and for its replay."""
    executor: Executor = getattr(strategy, "executor", None) or _executor(plan.executor)
    venues = []
    for venue in plan.venues:
        settings = VenueSettings(environment=venue.environment, endpoints=venue.endpoints, options=venue.options)
        venues.append(
            VenueSetup(
                exchange=registry.exchange(venue.venue)(settings),
                account=venue.account,
                signer=signers.get(venue.venue),
                paper=None
                if venue.balances is None
                else PaperSetup(balances=venue.balances, latency_ns=venue.latency_ns),
                maker=venue.maker,
                taker=venue.taker,
            )
        )
    name = plan.target.rpartition(":")[2]
    setup = Setup(
        venues=venues,
        slots=[Slot(name, strategy, executor)],
        limits=plan.limits,
        gate=plan.gate,
        seed=plan.seed,
        block=plan.block,
        unresolved=plan.unresolved,
        interrupted=plan.interrupted,
        durability=plan.durability,
    )
    return Desk(setup, port, now_ns, facts=facts, counters=counters, probe=probe)


def _executor(settings: Mapping[str, Any]) -> Executor:
    """The executor with its settings from the configuration; raises ``ConfigError`` for one that it lacks."""
    from inspect import signature

    from arbkit.strategies import TakerExecutor

    known = list(signature(TakerExecutor).parameters)
    for name in settings:
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"it knows {', '.join(known)}"
            raise ConfigError(f"executor.{name}: unknown key; {hint}")
    try:
        return TakerExecutor(**settings)
    except TypeError as error:
        raise ConfigError(f"executor: {error}") from None


def run(
    config: configuration.Config,
    strategy: Strategy,
    *,
    registry: Registry,
    live: bool,
    seconds: float | None,
    as_json: bool,
    loop_factory: LoopFactory,
    capture: str | None = None,
) -> int:
    """``arbkit run``: until stopped; the exit code."""
    live = live and config.mode == "live"
    signers: dict[str, LocalSigner] = {}
    secrets: list[str] = []
    for name, venue in config.venues.items() if live else ():
        keys = configuration.credentials(name, venue)
        secrets += [text.reveal() for text in (keys.key, keys.secret, keys.passphrase) if text]
        signers[name] = keys.signer()
    plan = RunPlan(
        venues=[_venue_plan(name, venue, live) for name, venue in config.venues.items()],
        target=config.strategy.target,
        params=config.strategy.params,
        limits=config.limits,
        gate=config.gate,
        executor=config.executor,
        seed=seed(),
        durability=config.state.durability,
    )
    accounts = {f"{name}:{venue.account}": venue.environment for name, venue in config.venues.items()}
    try:
        folder = StateFolder(config.state.path, "live" if live else "paper", accounts)
    except OSError as error:
        raise ConfigError(f"state.folder {config.state.path}: cannot be written: {error.strerror}") from None
    try:
        return start(
            plan,
            strategy,
            registry=registry,
            signers=signers,
            secrets=secrets,
            folder=folder,
            seconds=seconds,
            as_json=as_json,
            loop_factory=loop_factory,
            capture=capture,
            metrics_port=config.metrics.port,
        ).code
    finally:
        folder.close()


def _venue_plan(name: str, venue: configuration.VenueConfig, live: bool) -> VenuePlan:
    latency_ms = PAPER_LATENCY_MS if venue.latency_ms is None else venue.latency_ms
    return VenuePlan(
        venue=name,
        account=f"{name}:{venue.account}",
        environment=venue.environment,
        endpoints=venue.endpoints,
        options=venue.options,
        signed=live,
        balances=None if live else venue.balances,
        latency_ns=round(latency_ms * 1e6),
        maker=venue.maker_fee if venue.maker_fee is not None else WORST_FEE,
        taker=venue.taker_fee if venue.taker_fee is not None else WORST_FEE,
    )


class Finished(Struct):
    """What is left of a run."""

    desk: Desk
    ending: Ending
    code: int


def start(
    plan: RunPlan,
    strategy: Strategy,
    *,
    registry: Registry,
    signers: Mapping[str, LocalSigner],
    secrets: Sequence[str],
    folder: StateFolder,
    seconds: float | None,
    as_json: bool,
    loop_factory: LoopFactory,
    capture: str | None = None,
    metrics_port: int | None = None,
    screen: Facts | None = None,
    histograms: Mapping[str, Histogram] | None = None,
) -> Finished:
    """Recover the journal, make the desk, run it, print the last line (``screen`` takes all that is told instead;
    ``histograms`` replace the counters' own, for benches)."""
    clock = Clock()
    journal = JournalFile(folder.journal, clock)
    plan = _recover(plan, folder.journal, journal, clock)
    tape = None
    if capture is not None:
        head = TapeHead(
            began_ns=clock.now_ns(),
            code=_code_version(),
            seed=plan.seed,
            journal=journal.position,
            setup=msgspec.msgpack.encode(plan),
        )
        try:
            tape = TapeFile(Path(capture), TapeWriter(head))
        except OSError as error:
            raise ConfigError(f"--capture {capture}: cannot be written: {error.strerror}") from None
        for secret in secrets:
            tape.tape.strike(secret)
    log = Log(clock.now_ns, secrets=secrets)
    counters = Counters()
    for name, histogram in (histograms or {}).items():
        setattr(counters, name, histogram)
    try:
        runtime = Runtime(clock, journal, tape=tape)
        began = clock.now_ns() if tape is None else head.began_ns
        desk = make_desk(
            plan,
            registry,
            strategy,
            signers,
            runtime,
            began,
            facts=screen or log,
            counters=counters,
            probe=clock.now_ns,
        )
        watch = Watch(desk, runtime, screen or log)
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            ending = runner.run(_main(desk, runtime, watch, seconds, metrics_port, log))
        if tape is not None and tape.failure:
            (screen or log).log("run.capture", file=capture, why=tape.failure)
    finally:
        log.close()
    code = exit_code(desk, ending)
    if screen is None:
        click.echo(last_words(desk, ending, code, watch.why, as_json))
    return Finished(desk, ending, code)


async def _main(
    desk: Desk, runtime: Runtime, watch: Watch, seconds: float | None, metrics_port: int | None, log: Log
) -> Ending:
    loop = asyncio.get_running_loop()
    if seconds is not None:
        loop.call_later(seconds, runtime.stop)
    served = None
    if metrics_port is not None:
        from arbkit.monitor.server import serve

        served = await serve(exposition(_sources(desk, log)), metrics_port)
        log.log("run.metrics", url=f"http://127.0.0.1:{served.port}/metrics")
    watching = asyncio.create_task(watch.run())
    try:
        return await supervise(desk, runtime)
    finally:
        watching.cancel()
        if served is not None:
            await served.close()


def _recover(plan: RunPlan, path: Path, journal: JournalFile, clock: Clock) -> RunPlan:
    """Read what earlier runs left, cut a torn tail, reserve the next id block before it is used."""
    recovery = decode(journal.read())
    if recovery.damaged:
        raise ConfigError(
            f"the journal {path} is damaged: {recovery.text}; settle open orders by hand and move it away"
        )
    if recovery.torn:
        journal.cut(recovery.good_until)
    block = recovery.next_block()
    now_ns = clock.now_ns()
    for venue in plan.venues:
        journal.append(
            encode(
                RunStart(
                    at_ns=now_ns,
                    mode="paper" if venue.balances is not None else "live",
                    account=venue.account,
                    environment=venue.environment,
                    code=_code_version(),
                )
            )
        )
        journal.append(encode(BlockReserved(at_ns=now_ns, account=venue.account, block=block)))
    journal.flush()
    return msgspec.structs.replace(
        plan, block=block, unresolved=recovery.unresolved(), interrupted=recovery.interrupted()
    )


def _code_version() -> str:
    from importlib.metadata import version

    return version("arbkit")


def _sources(desk: Desk, log: Log) -> Sources:
    def books() -> list[BookFact]:
        now_ns = desk.view.now_ns
        return [BookFact(name, book.state, book.age_ns(now_ns)) for name, book in desk.books.items()]

    def headroom() -> list[Headroom]:
        return [
            Headroom(name, bucket, free)
            for name, venue in desk.venues.items()
            for bucket, free in venue.throttle.headroom(desk.view.now_ns).items()
        ]

    def marked() -> tuple[str, Decimal] | None:
        asset = desk.setup.limits.asset
        value = desk.ledger.marked(desk.marker, asset)
        return None if value is None else (asset, value)

    return Sources(
        counters=desk.counters,
        books=books,
        headroom=headroom,
        pnl=desk.ledger.pnl,
        marked_pnl=marked,
        open_deals=lambda: len(desk.engine.deals),
        unresolved=lambda: len(desk.unresolved()),
        mode=lambda: desk.gate.mode().value,
        log_dropped=lambda: log.dropped,
    )


# --- replay -------------------------------------------------------------------------------------------------------


def replay(path: str, registry: Registry) -> dict[str, Any]:
    """Feed a captured run to a fresh desk: the hash of its commands, beside the one that the run wrote down."""
    from arbkit import target

    reader = TapeReader(Path(path).read_bytes())
    plan = msgspec.msgpack.decode(reader.head.setup, type=RunPlan)
    strategy = target.make(
        target.load(plan.target, registry), configuration.StrategyConfig(target=plan.target, params=plan.params)
    )
    port = ReplayPort(reader.head)
    signers = {venue.venue: LocalSigner("replayed", "replayed", "replayed") for venue in plan.venues if venue.signed}
    desk = make_desk(plan, registry, strategy, signers, port, reader.head.began_ns)
    inputs = replay_tape(reader, desk, port)
    return {
        "inputs": inputs,
        "commands": desk.dispatch.commands,
        "commands_hash": desk.commands_hash(),
        "recorded_hash": getattr(reader, "commands_hash", ""),
        "same": getattr(reader, "commands_hash", "") == desk.commands_hash(),
    }
