"""Starts a run: recovers the journal, creates the desk, runs it on the runtime, prints the summary.

``arbkit run`` calls ``run``. The demo and the benchmarks call ``start`` with their own plan.
"""

from __future__ import annotations

import asyncio
from asyncio import AbstractEventLoop
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import click
import msgspec
from msgspec import Struct

from arbkit.app.ending import exit_code, last_words
from arbkit.app.metrics import sources
from arbkit.app.plan import RunPlan, make_desk, plan_of
from arbkit.app.status import Watch
from arbkit.config.load import Config, credentials
from arbkit.core.counters import Counters, Histogram
from arbkit.core.desk import Desk
from arbkit.core.errors import ConfigError
from arbkit.core.log import Log
from arbkit.core.orders.journal import BlockReserved, RunStart, decode, encode
from arbkit.core.protocols import Exchange, Strategy
from arbkit.core.runtime.clock import Clock, seed
from arbkit.core.runtime.journal_file import JournalFile, StateFolder
from arbkit.core.runtime.supervisor import Ending, Runtime
from arbkit.core.runtime.supervisor import run as supervise
from arbkit.core.runtime.tape_file import TapeFile
from arbkit.core.runtime.transport import tls_context
from arbkit.core.tape import TapeHead, TapeWriter
from arbkit.core.venues.signer import LocalSigner
from arbkit.monitor.log_writer import LogWriter
from arbkit.monitor.metrics import exposition

__all__ = ["Finished", "run", "start"]

LoopFactory = Callable[[], AbstractEventLoop]


def run(
    config: Config,
    strategy: Strategy,
    *,
    exchanges: Mapping[str, Exchange],
    live: bool,
    seconds: float | None,
    as_json: bool,
    loop_factory: LoopFactory,
    capture: str | None = None,
) -> int:
    """Run the strategy until stopped, or for ``seconds``. Returns the exit code. Raises ``ConfigError``."""
    live = live and config.mode == "live"
    signers: dict[str, LocalSigner] = {}
    secrets: list[str] = []
    for name, venue in config.venues.items() if live else ():
        keys = credentials(name, venue)
        secrets += [text.reveal() for text in (keys.key, keys.secret, keys.passphrase) if text]
        signers[name] = keys.signer()
    plan = plan_of(config, live, seed())
    accounts = {f"{name}:{venue.account}": venue.environment for name, venue in config.venues.items()}
    try:
        folder = StateFolder(config.state.path, "live" if live else "paper", accounts)
    except OSError as error:
        raise ConfigError(f"state.folder {config.state.path}: cannot be written: {error.strerror}") from None
    try:
        return start(
            plan,
            strategy,
            exchanges=exchanges,
            signers=signers,
            secrets=secrets,
            folder=folder,
            seconds=seconds,
            as_json=as_json,
            loop_factory=loop_factory,
            capture=capture,
            metrics_port=config.metrics.port,
            ca_file=config.ca_file,
        ).code
    finally:
        folder.close()


class Finished(Struct):
    """The result of a run."""

    desk: Desk
    ending: Ending
    code: int


def start(
    plan: RunPlan,
    strategy: Strategy,
    *,
    exchanges: Mapping[str, Exchange],
    signers: Mapping[str, LocalSigner],
    secrets: Sequence[str],
    folder: StateFolder,
    seconds: float | None,
    as_json: bool,
    loop_factory: LoopFactory,
    capture: str | None = None,
    metrics_port: int | None = None,
    screen: Log | None = None,
    histograms: Mapping[str, Histogram] | None = None,
    ca_file: str = "",
) -> Finished:
    """Recover the journal, create the desk, run it and print the summary.

    ``screen`` receives the log events instead of the log, and nothing is printed. ``histograms`` replace those of the
    counters (for benchmarks). ``ca_file``: see ``Config``. Raises ``ConfigError`` for a damaged journal, an unwritable
    capture file or an unusable CA file.
    """
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
    log = LogWriter(clock.now_ns, secrets=secrets)
    counters = Counters()
    for name, histogram in (histograms or {}).items():
        setattr(counters, name, histogram)
    try:
        runtime = Runtime(clock, journal, tls=tls_context(ca_file or None), tape=tape)
        began = clock.now_ns() if tape is None else head.began_ns
        desk = make_desk(
            plan,
            exchanges,
            strategy,
            signers,
            runtime,
            began,
            log=screen or log,
            counters=counters,
            probe=clock.now_ns,
        )
        watch = Watch(desk, runtime, screen or log)
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            ending = runner.run(_main(desk, runtime, watch, seconds, metrics_port, log))
        if tape is not None and tape.failure:
            (screen or log)("run.capture", file=capture, why=tape.failure)
    finally:
        log.close()
    code = exit_code(desk, ending)
    if screen is None:
        click.echo(last_words(desk, ending, code, watch.why, as_json))
    return Finished(desk, ending, code)


async def _main(
    desk: Desk, runtime: Runtime, watch: Watch, seconds: float | None, metrics_port: int | None, log: LogWriter
) -> Ending:
    loop = asyncio.get_running_loop()
    if seconds is not None:
        loop.call_later(seconds, runtime.stop)
    served = None
    if metrics_port is not None:
        from arbkit.monitor.server import serve

        served = await serve(exposition(sources(desk, log)), metrics_port)
        log("run.metrics", url=f"http://127.0.0.1:{served.port}/metrics")
    watching = asyncio.create_task(watch.run())
    try:
        return await supervise(desk, runtime)
    finally:
        watching.cancel()
        if served is not None:
            await served.close()


def _recover(plan: RunPlan, path: Path, journal: JournalFile, clock: Clock) -> RunPlan:
    """Read the journal of earlier runs, remove a torn last record, and reserve the next id block."""
    recovery = decode(journal.read())
    if recovery.damaged:
        raise ConfigError(
            f"the journal {path} is damaged: {recovery.text}; close open orders by hand, then move the file away"
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
