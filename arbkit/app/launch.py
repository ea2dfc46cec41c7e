"""Starts a run: recovers the journal, creates the desk, runs it on the runtime, prints the summary.

``arbkit run`` calls ``run``. The demo and the benchmarks call ``start`` with their own plan.
"""

from __future__ import annotations

import asyncio
import resource
import sys
from asyncio import AbstractEventLoop
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TextIO
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from arbkit.app.api import open_api, token_files
from arbkit.app.ending import exit_code, last_words
from arbkit.app.healing import Healing
from arbkit.app.metrics import sources
from arbkit.app.notes import Notes, noted
from arbkit.app.plan import RunPlan, make_desk, plan_of
from arbkit.app.recovery import code_version, open_journal, recover
from arbkit.app.status import Watch
from arbkit.config.load import Config, VenueConfig, credentials
from arbkit.core.counters import Counters, Histogram
from arbkit.core.desk import Desk
from arbkit.core.errors import ConfigError
from arbkit.core.log import Log
from arbkit.core.protocols import Exchange, Strategy
from arbkit.core.runtime.clock import Clock, entropy, seed
from arbkit.core.runtime.dialing import tls_context
from arbkit.core.runtime.journal_file import StateFolder
from arbkit.core.runtime.locks import AccountLocks
from arbkit.core.runtime.supervisor import Ending, Runtime
from arbkit.core.runtime.supervisor import run as supervise
from arbkit.core.runtime.tape_file import TapeFile
from arbkit.core.tape import TapeHead, TapeWriter
from arbkit.core.types.exact import exactly
from arbkit.core.venues.signer import LocalSigner
from arbkit.history.writer import History
from arbkit.monitor.api.access import Access
from arbkit.monitor.api.config import ApiConfig
from arbkit.monitor.board import Board
from arbkit.monitor.face import Face
from arbkit.monitor.log_writer import LogFile, LogWriter, capture_libraries
from arbkit.monitor.metrics import exposition
from arbkit.monitor.terminal import last

if TYPE_CHECKING:
    from arbkit.monitor.api.server import ApiServer

__all__ = ["Finished", "account_locks", "run", "start"]

_NO_API = ApiConfig()

LoopFactory = Callable[[], AbstractEventLoop]


@exactly()
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
    settled: bool = False,
) -> int:
    """Run the strategy until stopped, or for ``seconds``. Returns the exit code. Raises ``ConfigError``."""
    live = live and config.mode == "live"
    if live:
        _no_core_file()
    signers: dict[str, LocalSigner] = {}
    secrets: list[str] = []
    for name, venue in config.venues.items() if live else ():
        keys = credentials(name, venue)
        secrets += [text.reveal() for text in (keys.key, keys.secret, keys.passphrase) if text]
        signers[name] = keys.signer()
    plan = plan_of(config, live, seed())
    try:
        folder = StateFolder(config.state.path, "live" if live else "paper")
    except OSError as error:
        raise ConfigError(f"state.folder {config.state.path}: cannot be written: {error.strerror}") from None
    locks = file = face = None
    try:
        locks = account_locks(config.venues) if live else None
        if sys.stderr.isatty():
            file = _log_file(config, folder.path)
            face = Face(sys.stderr, Clock().now_ns)
        elif config.log.file:
            file = _log_file(config, folder.path)
        done = start(
            plan,
            strategy,
            exchanges=exchanges,
            signers=signers,
            secrets=secrets,
            folder=folder,
            seconds=seconds,
            loop_factory=loop_factory,
            kind="live" if live else "paper",
            face=face,
            log_to=file or sys.stderr,
            capture=capture,
            metrics_port=config.metrics.port,
            api=config.api,
            ca_file=config.ca_file,
            settled=settled,
        )
        last(last_words(done.desk, done.ending, done.code, done.waiting, as_json))
        return done.code
    finally:
        if face is not None:
            face.close()
        if file is not None:
            file.close()
        if locks is not None:
            locks.close()
        folder.close()


def _log_file(config: Config, state: Path) -> LogFile:
    """The file of the log: the configured one, or one beside the journal."""
    path = Path(config.log.file).expanduser() if config.log.file else state / "log.jsonl"
    try:
        return LogFile(path, config.log.most_mb * 1_000_000, config.log.keep)
    except OSError as error:
        raise ConfigError(f"log.file {path}: cannot be written: {error.strerror}") from None


def account_locks(venues: Mapping[str, VenueConfig]) -> AccountLocks:
    """Locks on the accounts of these venues. Raises ``ConfigError`` if another process has one of them."""
    return AccountLocks(_lock_name(name, venue) for name, venue in venues.items())


def _no_core_file() -> None:
    """A crash must not write the memory, keys included, to a file."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def _lock_name(name: str, venue: VenueConfig) -> str:
    """The name of an account for its lock. A simulated venue is another one at each address."""
    where = f".{urlsplit(venue.endpoints.get('rest', '')).netloc}" if venue.environment == "sim" else ""
    return f"{name}.{venue.environment}.{venue.account}{where}"


class Finished(Struct):
    """The result of a run."""

    desk: Desk
    ending: Ending
    code: int
    waiting: Mapping[str, str]
    """For each venue why it could not trade at the end, "" = it could."""


@exactly()
def start(
    plan: RunPlan,
    strategy: Strategy,
    *,
    exchanges: Mapping[str, Exchange],
    signers: Mapping[str, LocalSigner],
    secrets: Sequence[str],
    folder: StateFolder,
    seconds: float | None,
    loop_factory: LoopFactory,
    kind: Literal["live", "paper", "demo"] = "live",
    face: Face | None = None,
    log_to: TextIO | LogFile | None = None,
    beside: Callable[[Log], Coroutine[Any, Any, None]] | None = None,
    capture: str | None = None,
    metrics_port: int | None = None,
    api: ApiConfig = _NO_API,
    linked: Callable[[str], object] | None = None,
    histograms: Mapping[str, Histogram] | None = None,
    ca_file: str = "",
    settled: bool = False,
    history: bool = True,
) -> Finished:
    """Recover the journal, create the desk and run it.

    ``kind``: how a terminal names the run, ``live``, ``paper`` or ``demo``. ``face``: the terminal that shows it; it is
    closed at the end. ``log_to``: where the log is written; None = nowhere. ``beside``: runs on the loop as long as the
    desk does. ``histograms`` replace those of the counters (for benchmarks), and ``history`` False leaves out the
    history. ``api``: the API and the dashboard; ``linked`` is called on a thread
    with the link that logs a browser in. ``ca_file``: see ``Config``. ``settled``: see ``recover``. Raises
    ``ConfigError`` for a damaged journal, an unwritable capture file, an unusable CA file, or a port that is taken.
    """
    clock = Clock()
    journal, carried = open_journal(folder, clock)
    size, run_ns = journal.size, clock.now_ns()
    plan, left = recover(plan, journal, carried, run_ns, settled=settled)
    tape = None
    if capture is not None:
        head = TapeHead(
            began_ns=clock.now_ns(),
            code=code_version(),
            seed=plan.seed,
            journal=journal.position,
            setup=msgspec.msgpack.encode(plan),
        )
        try:
            tape = TapeFile(Path(capture), TapeWriter(head))
        except FileExistsError:
            raise ConfigError(f"--capture {capture}: the file exists; name another one, or remove it first") from None
        except OSError as error:
            raise ConfigError(f"--capture {capture}: cannot be written: {error.strerror}") from None
        for secret in secrets:
            tape.tape.strike(secret)
    access = Access(entropy, lambda: clock.now_ns() / 1e9)
    secrets = [*secrets, *access.tokens.values()]
    board = Board(face)
    writer = LogWriter(
        clock.now_ns,
        log_to,
        secrets=secrets,
        ids={"run": plan.block},
        sinks=[board],
        spare=sys.stderr if face is None and isinstance(log_to, LogFile) else None,
    )
    past = History(folder.path, size, writer) if history else None
    if past is not None:
        writer.pass_to(noted(past))
    log = Healing(writer, clock.now_ns)
    if face is not None and isinstance(log_to, LogFile):
        log("run.log", file=str(log_to.path))
    for text in left.elsewhere:
        log("journal.elsewhere", open=text, why="not on an account of this run; it stays in the journal")
    counters = Counters()
    for name, histogram in (histograms or {}).items():
        setattr(counters, name, histogram)
    try:
        runtime = Runtime(
            clock,
            journal,
            tls=tls_context(ca_file or None),
            tape=tape,
            state=folder.path,
            watched=board.watched,
            link=access.link,
        )
        began = clock.now_ns() if tape is None else head.began_ns
        desk = make_desk(
            plan,
            exchanges,
            strategy,
            signers,
            runtime,
            began,
            log=log,
            counters=counters,
            probe=clock.now_ns,
        )
        watch = Watch(desk, runtime, log, show=board.show, kind=kind, began_ns=began)
        notes = Notes(desk, past)
        server = None
        if api.port is not None:
            server = partial(
                open_api,
                api,
                access,
                desk=desk,
                runtime=runtime,
                watch=watch,
                board=board,
                log=writer,
                plan=plan,
                kind=kind,
                began_ns=began,
                folder=folder.path,
            )
        with (
            capture_libraries(log),
            token_files(folder.path, access, wanted=server is not None),
            asyncio.Runner(loop_factory=loop_factory) as runner,
        ):
            ending = runner.run(
                _main(desk, runtime, watch, notes, seconds, metrics_port, writer, beside, server, face, linked)
            )
        watch.tell_tape()
        code = exit_code(desk, ending)
        notes.end(ending, code, run_ns, clock.now_ns())
    finally:
        if past is not None:
            writer.flush()  # the history gets its last events, and the log what the history says at its end
            past.close()
        writer.close()
        if face is not None:
            face.close()
    return Finished(desk, ending, code, watch.why)


def _time_is_over(runtime: Runtime) -> None:
    """A run that a person has stopped finishes what is open: a second stop would cut it."""
    if not runtime.stops:
        runtime.stop()


async def _main(
    desk: Desk,
    runtime: Runtime,
    watch: Watch,
    notes: Notes,
    seconds: float | None,
    metrics_port: int | None,
    log: LogWriter,
    beside: Callable[[Log], Coroutine[Any, Any, None]] | None,
    api: Callable[[], Coroutine[Any, Any, ApiServer]] | None,
    face: Face | None,
    linked: Callable[[str], object] | None,
) -> Ending:
    loop = asyncio.get_running_loop()
    if seconds is not None:
        loop.call_later(seconds, _time_is_over, runtime)
    served = None
    if metrics_port is not None:
        from arbkit.monitor.server import serve

        served = await serve(exposition(sources(desk, log)), metrics_port)
        log("run.metrics", url=f"http://127.0.0.1:{served.port}/metrics")
    server = None if api is None else await api()
    if server is not None:
        log("run.api", url=server.url)
        if face is not None:  # for the person there, and not in the log: it is a key
            face.add(f"dashboard: {server.link}")
        if linked is not None:
            await asyncio.to_thread(linked, server.link)
    looking = [asyncio.create_task(watch.run()), asyncio.create_task(notes.run(runtime.clock))]
    if beside is not None:
        looking.append(asyncio.create_task(beside(desk.log)))
    try:
        return await supervise(desk, runtime)
    finally:
        for task in looking:
            task.cancel()
        if server is not None:
            await server.close()
        if served is not None:
            await served.close()
