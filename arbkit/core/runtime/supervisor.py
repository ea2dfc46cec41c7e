"""Runs a desk on asyncio: owns the sockets, HTTP sessions, journal, tape and timers. ``app`` calls ``run``.

A failure outside the desk (network, disk) is passed to the desk as an input. An exception inside the desk is a bug: the
run ends, and the next run recovers from the journal.
"""

from __future__ import annotations

import asyncio
import functools
import signal
import ssl
from collections.abc import Callable, Coroutine
from enum import Enum
from pathlib import Path
from typing import Any, Literal

from arbkit.core.desk import Desk
from arbkit.core.money.limits import PERSON
from arbkit.core.runtime import control
from arbkit.core.runtime.clock import Clock
from arbkit.core.runtime.dialing import Connect, connect, tls_context
from arbkit.core.runtime.heap import Heap
from arbkit.core.runtime.http import HttpLink
from arbkit.core.runtime.inputs import BEAT_NS, Inputs
from arbkit.core.runtime.journal_file import JournalFile
from arbkit.core.runtime.kill_file import KillFile
from arbkit.core.runtime.link import SocketLink
from arbkit.core.runtime.reasons import pieces
from arbkit.core.runtime.tape_file import TapeFile
from arbkit.core.tape import BLOCK, TapingDesk
from arbkit.core.trading.modes import KILL_FILE
from arbkit.core.types import NEVER, Dial, HttpRequest, Mode, Secret

__all__ = ["Ending", "Runtime", "run"]

SECOND = 1_000_000_000
GRACE_NS = 30 * SECOND
"""Time from the first stop signal to the end of a run that cannot finish what is open."""
MOST_GRACE_NS = 150 * SECOND
"""The run waits longer than ``GRACE_NS``, but not longer than this, while a proof of an order can still be complete."""
UNWIND_NS = 10 * SECOND
"""What is left to do once an order is proved: to complete or reverse its deal."""


_NO_SERVER = "this run has no dashboard: set api.port in the configuration (0 = any free port) and start it again"
_MODES = {signal.SIGUSR1: Mode.HALTED, signal.SIGUSR2: Mode.ACTIVE}
"""What a signal asks for, for everything."""


class Ending(Enum):
    """How a run ended."""

    IDLE = "idle"
    """Stopped; nothing is open."""
    GRACE = "grace"
    """Stopped; something was still open at the end of the grace time."""
    CUT = "cut"
    """Stopped twice: ended at once."""


class Runtime:
    """The desk's ``Port``: everything the desk sends goes through it. Create it, create the desk with it, then call
    ``run(desk, runtime)``. ``state``: the folder of the kill file and of the control port; None = it has neither.
    ``watched``: what a client of the control port gets that watches the run, from a number of a line on. ``link``: a
    new link to the dashboard, "" = there is none."""

    def __init__(
        self,
        clock: Clock,
        journal: JournalFile,
        *,
        tls: ssl.SSLContext | None = None,
        opener: Connect | None = None,
        tape: TapeFile | None = None,
        state: Path | None = None,
        watched: Callable[[int], Any] | None = None,
        link: Callable[[Literal["read", "trade"]], str] | None = None,
    ) -> None:
        self.clock = clock
        self.journal_file = journal
        self.tape = tape
        self._kill_file = None if state is None else KillFile(state)
        self._watched = watched
        self._link = link
        self._killed: dict[str, Mode] = {}
        """What the kill file asks for."""
        self._control = None if state is None else control.ControlPort(state, self.asked)
        self.links: dict[str, SocketLink] = {}
        self.rests: dict[str, HttpLink] = {}
        self.heap = Heap(clock, clock.now_ns())
        self.stops = 0
        """Number of stop requests."""
        self.stopped_ns = 0
        """Time of the first one."""
        self._tls = tls or tls_context()
        self._opener: Connect = opener or functools.partial(connect, clock=clock, tls=self._tls)
        self._inputs: Inputs | None = None
        self._group: asyncio.TaskGroup | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._over = False
        """Nothing more is sent."""

    # --- Port

    def dial(self, link: str, dial: Dial) -> None:
        if self._over:
            return
        if self.tape is not None and isinstance(dial.url, Secret):
            for piece in pieces(dial.url):
                self.tape.tape.strike(piece)
        known = self.links.get(link)
        if known is None:
            known = self.links[link] = SocketLink(link, self._running(), self._opener, self.clock, self._spawn)
        known.dial(dial)

    def send(self, link: str, text: str) -> bool:
        known = self.links.get(link)
        sent = known is not None and not self._over and known.send(text)
        if self.tape is not None:
            self.tape.tape.sent(sent)
        return sent

    def drop(self, link: str, reason: str) -> None:
        known = self.links.get(link)
        if known is not None:
            known.drop(reason)

    def request(self, link: str, ref: int, request: HttpRequest, timeout_ns: int) -> None:
        if self._over:
            return
        known = self.rests.get(link)
        if known is None:
            known = self.rests[link] = HttpLink(link, self._running(), self.clock, self._tls, self._spawn)
        known.request(ref, request, timeout_ns)

    def journal(self, record: bytes) -> int:
        return self.journal_file.append(record)

    # --- the run

    def stop(self) -> None:
        """Request the end of the run. The first call finishes open deals, the second ends at once. Call it on the
        loop's thread."""
        self.stops += 1
        inputs, now_ns = self._running(), self.clock.now_ns()
        self.stopped_ns = self.stopped_ns or now_ns
        inputs.turn(inputs.desk.stop if self.stops == 1 else inputs.desk.halt, now_ns)

    def ends_ns(self, desk: Desk, grace_ns: int = GRACE_NS) -> int:
        """When a stopped run ends at the latest, by what is open now. It does not wait longer for a proof that nothing
        announces: the venue does not answer, or guarantees no order window."""
        proof_ns = desk.proved_by_ns + UNWIND_NS if desk.proved_by_ns < NEVER else 0
        most_ns = self.stopped_ns + max(grace_ns, MOST_GRACE_NS)
        return min(max(self.stopped_ns + grace_ns, proof_ns), most_ns)

    # --- modes from outside

    def ask(self, scope: str, mode: Mode, rule: str, who: str, why: str) -> None:
        """Somebody asks for a mode. Call it on the loop's thread."""
        inputs = self._running()
        inputs.turn(inputs.desk.mode, scope, mode.value, rule, who, why, self.clock.now_ns())

    def look(self, desk: Desk) -> None:
        """Look at the kill file."""
        asked = None if self._kill_file is None else self._kill_file.look()
        if asked is None:
            return
        assert self._kill_file is not None
        if any(desk.scope_problem(scope) for scope in asked):
            asked = {"": Mode.HALTED}  # somebody wanted to stop, and we cannot tell what
        before, self._killed = self._killed, asked
        for scope in [*before, *asked]:
            mode = asked.get(scope, Mode.ACTIVE)
            self.ask(
                scope,
                mode,
                KILL_FILE,
                "kill file",
                f"{self._kill_file.path} {'asks for it' if scope in asked else 'does not ask for it any more'}",
            )

    def asked(self, asked: control.ModeAsked, who: str = "control port") -> control.ModesTold:
        """A person asks: a client of the control port, or of the API. Call it on the loop's thread."""
        desk = self._desk
        if asked.link:
            link = "" if self._link is None else self._link(asked.link)
            return control.ModesTold(link=link, error="" if link else _NO_SERVER)
        why = asked.why or "asked for by a person"
        if asked.what:
            if asked.what == "release" and (problem := desk.release_problem(asked.scope)):
                return control.ModesTold(error=problem)
            inputs = self._running()
            inputs.turn(inputs.desk.person, asked.what, asked.scope, who, why, self.clock.now_ns())
        if asked.mode is not None:
            if problem := desk.scope_problem(asked.scope):
                return control.ModesTold(error=problem)
            self.ask(asked.scope, asked.mode, PERSON, who, why)
        if asked.watch is not None and self._watched is not None:
            return control.ModesTold(watched=self._watched(asked.watch))
        modes = {scope: control.ScopeMode(mode, why) for scope, (mode, why) in desk.gate.restricted().items()}
        return control.ModesTold(modes=modes, idle=desk.reasons.now(self.clock.now_ns()) if asked.idle else [])

    async def begin(self, desk: Desk, inputs: Inputs, group: asyncio.TaskGroup) -> None:
        """Connect the runtime to the event loop, start the journal's thread and listen to what comes from outside."""
        self._desk, self._inputs, self._group = desk, inputs, group
        loop = asyncio.get_running_loop()

        def durable(position: int) -> None:
            inputs.turn(inputs.desk.durable, position, self.clock.now_ns())

        self.journal_file.start(
            lambda position: loop.call_soon_threadsafe(durable, position),
            lambda why: loop.call_soon_threadsafe(self._journal_failed, desk, why),
            lambda: loop.call_soon_threadsafe(self.journal_file.take_fresh),
            loop.call_soon,
        )
        self.look(desk)
        if self._control is not None and (why := await self._control.start()):
            desk.log("control.off", why=why)

    async def end(self, desk: Desk) -> None:
        """Cancel running requests (the desk gets an answer for each), then close sockets, tape and journal."""
        self._over = True
        try:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self._running().shut()
            closing = [link.close() for link in self.links.values()] + [rest.close() for rest in self.rests.values()]
            await asyncio.gather(*closing, return_exceptions=True)
            if self._control is not None:
                await self._control.close()
            self.heap.close()
            if self.tape is not None:
                self.tape.tape.end(desk.commands_hash(), self.clock.now_ns())
                self.tape.close()
        finally:
            self.journal_file.close()

    def _journal_failed(self, desk: Desk, why: str) -> None:
        """Stop the run: no new deals. Open deals are finished; their records use the reserve or are not written."""
        desk.sender.journal_fails(why)
        if not self.stops:
            self.stop()

    def _running(self) -> Inputs:
        assert self._inputs is not None, "the runtime has no desk yet"
        return self._inputs

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        assert self._group is not None
        task = self._group.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def run(desk: Desk, runtime: Runtime, *, grace_ns: int = GRACE_NS, signals: bool = True) -> Ending:
    """Run ``desk`` until it is stopped and idle, or until the grace time after the stop is over: as long as the open
    proofs need, at least ``grace_ns``, at most ``MOST_GRACE_NS``.

    SIGINT, SIGTERM and SIGHUP stop it; a second signal ends it at once. SIGUSR1 asks for the mode HALTED, SIGUSR2 for
    ACTIVE. Raises any exception of the desk
    (``JournalFailed`` too: a record could not be written, and its command was not sent). The journal is always
    flushed.
    """
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[Ending] = loop.create_future()
    clock = runtime.clock

    grace: list[asyncio.TimerHandle] = []
    pulse: list[asyncio.TimerHandle] = []

    def finish(ending: Ending) -> None:
        if not ended.done():
            ended.set_result(ending)

    def broke(error: Exception) -> None:
        if not ended.done():
            ended.set_exception(error)

    def after() -> None:
        if runtime.stops > 1:
            finish(Ending.CUT)
        elif runtime.stops and desk.idle:
            finish(Ending.IDLE)
        elif runtime.stops and not grace:
            expire()

    def expire() -> None:
        left_ns = runtime.ends_ns(desk, grace_ns) - clock.now_ns()
        if left_ns > 0:
            grace[:] = [loop.call_later(left_ns / 1e9, expire)]
        else:
            finish(Ending.GRACE)

    def beat() -> None:
        now_ns = clock.now_ns()
        inputs.beat(now_ns)
        runtime.look(desk)
        runtime.heap.tick(desk.calm, now_ns)
        if runtime.tape is not None:
            runtime.tape.flush(BLOCK if now_ns % SECOND >= BEAT_NS else 1)
        pulse[:] = [loop.call_later(BEAT_NS / 1e9, beat)]

    taping = None if runtime.tape is None else TapingDesk(desk, runtime.tape.tape)
    inputs = Inputs(desk, taping, clock, loop, after, broke)
    caught = _stop_signals() if signals else ()
    for number in caught:
        loop.add_signal_handler(number, runtime.stop)
    for number, mode in _MODES.items() if signals else ():
        why = f"signal {number.name}"
        loop.add_signal_handler(number, runtime.ask, "", mode, PERSON, "signal", why)
    try:
        async with asyncio.TaskGroup() as group:
            await runtime.begin(desk, inputs, group)
            inputs.rearm()
            beat()
            try:
                await asyncio.wait([ended])
            finally:
                for timer in pulse + grace:
                    timer.cancel()
                await runtime.end(desk)
    finally:
        for number in (*caught, *(_MODES if signals else ())):
            loop.remove_signal_handler(number)
    return ended.result()


def _stop_signals() -> tuple[signal.Signals, ...]:
    """SIGHUP comes when a terminal closes or a connection to it is lost. ``nohup`` ignores it: then it stays so."""
    hangup = () if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else (signal.SIGHUP,)
    return (signal.SIGINT, signal.SIGTERM, *hangup)
