"""Runs a desk: sockets, requests, journal and timers around one synchronous core. It moves bytes and time.

Every input of the desk goes through ``Inputs``: one guard, one timer, one tape. Whatever fails outside of the desk is an
input of the desk; what fails *inside* of it is a bug, and the run ends (the journal knows how to go on).
"""

from __future__ import annotations

import asyncio
import functools
import signal
import ssl
from collections.abc import Callable, Coroutine
from enum import Enum
from typing import Protocol

from arbkit.core.protocols import NEVER
from arbkit.core.runtime.clock import Clock
from arbkit.core.runtime.heap import Heap
from arbkit.core.runtime.http import HttpLink
from arbkit.core.runtime.journal_file import JournalFile
from arbkit.core.runtime.link import SocketLink
from arbkit.core.runtime.tape_file import TapeFile
from arbkit.core.runtime.transport import Connect, connect, pieces, tls_context
from arbkit.core.tape import BLOCK, DeskInputs, TapingDesk
from arbkit.core.types import Dial, HttpAnswer, HttpRequest, NoAnswer, Secret

__all__ = ["Ending", "Runnable", "Runtime", "run"]

LATE_NS = 50_000_000
"""A loop that comes back so late has old frames in its buffers."""
BEAT_NS = 25_000_000
SECOND = 1_000_000_000
GRACE_NS = 10 * SECOND
"""From the first stop signal to the end, whatever is open."""
WAKE_FLOOR_S = 0.0005
"""A desk that wants to be woken at once, again and again, must not starve the sockets."""


class Runnable(DeskInputs, Protocol):
    """What the supervisor needs of a desk besides its inputs."""

    @property
    def due_ns(self) -> int: ...
    @property
    def idle(self) -> bool: ...
    @property
    def calm(self) -> bool: ...


class Ending(Enum):
    """How a run ended."""

    IDLE = "idle"
    """Stopped, and nothing was open any more."""
    GRACE = "grace"
    """Stopped, and something was still open when the grace time was over."""
    CUT = "cut"
    """Stopped twice: cut short."""


class Inputs:
    """The way into the desk, for everything that happens outside. After a fault nothing goes in any more."""

    __slots__ = (
        "_armed_ns",
        "_beat_ns",
        "_clock",
        "_desk",
        "_inputs",
        "_loop",
        "_timer",
        "after",
        "broke",
        "shut_down",
    )

    def __init__(
        self,
        desk: Runnable,
        inputs: DeskInputs,
        clock: Clock,
        loop: asyncio.AbstractEventLoop,
        after: Callable[[], None],
        broke: Callable[[Exception], None],
    ) -> None:
        self._desk = desk
        self._inputs = inputs
        self._clock = clock
        self._loop = loop
        self._beat_ns = clock.now_ns()
        self._timer: asyncio.TimerHandle | None = None
        self._armed_ns = NEVER
        self.shut_down = False
        self.after = after
        """Called after each turn but those of single frames."""
        self.broke = broke
        """Told the exception that came out of the desk."""

    # --- the desk's inputs

    def frame(self, link: str, data: str | bytes, now_ns: int) -> None:
        if now_ns - self._beat_ns > LATE_NS + BEAT_NS:
            self.beat(now_ns)
        if not self.shut_down:
            try:
                self._inputs.frame(link, data, now_ns)
            except Exception as error:  # a bug of ours: see the module
                self._broke(error)

    def read_end(self, link: str, now_ns: int) -> None:
        self._turn(self._inputs.read_end, link, now_ns)

    def opened(self, link: str, now_ns: int) -> None:
        self._turn(self._inputs.opened, link, now_ns)

    def activity(self, link: str, now_ns: int) -> None:
        self._turn(self._inputs.activity, link, now_ns)

    def closed(self, link: str, reason: str, now_ns: int) -> None:
        self._turn(self._inputs.closed, link, reason, now_ns)

    def answered(self, ref: int, answer: HttpAnswer | NoAnswer, now_ns: int) -> None:
        self._turn(self._inputs.answered, ref, answer, now_ns)

    def durable(self, position: int) -> None:
        self._turn(self._inputs.durable, position, self._clock.now_ns())

    def stop(self) -> None:
        self._turn(self._inputs.stop, self._clock.now_ns())

    def halt(self) -> None:
        self._turn(self._inputs.halt, self._clock.now_ns())

    def beat(self, now_ns: int) -> None:
        """Look whether time went on as it should: at every beat, and before a frame that came after a pause."""
        lag_ns = now_ns - self._beat_ns - BEAT_NS
        self._beat_ns = now_ns
        if lag_ns > LATE_NS:
            self._turn(self._inputs.late, lag_ns, now_ns)
        if self._clock.jump_ns():
            self._turn(self._inputs.jumped, now_ns)

    # --- timers

    def rearm(self) -> None:
        """One timer, moved only when the desk wants to be woken earlier; one that fires too early moves itself."""
        due_ns = self._desk.due_ns
        if due_ns < self._armed_ns:
            self._arm(due_ns, 0.0)

    def shut(self) -> None:
        """Nothing goes in any more."""
        self.shut_down = True
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self, due_ns: int, floor_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._armed_ns = due_ns
        if due_ns < NEVER and not self.shut_down:
            delay = (due_ns - self._clock.now_ns()) / 1e9
            self._timer = self._loop.call_later(max(delay, floor_s), self._on_timer)

    def _on_timer(self) -> None:
        now_ns = self._clock.now_ns()
        self._timer = None
        self._armed_ns = NEVER
        if self.shut_down:
            return
        woken = now_ns >= self._desk.due_ns
        if woken:
            self._turn(self._inputs.wake, now_ns)
        if not self.shut_down:
            self._arm(self._desk.due_ns, WAKE_FLOOR_S if woken else 0.0)

    # --- inside

    def _turn(self, call: Callable[..., None], *arguments: object) -> None:
        if self.shut_down:
            return
        try:
            call(*arguments)
            self.rearm()
            self.after()
        except Exception as error:  # a bug of ours: see the module
            self._broke(error)

    def _broke(self, error: Exception) -> None:
        self.shut()
        self.broke(error)


class Runtime:
    """The outside of a desk (its ``Port``). Make it, make the desk with it, then ``run(desk, runtime)``."""

    def __init__(
        self,
        clock: Clock,
        journal: JournalFile,
        *,
        tls: ssl.SSLContext | None = None,
        opener: Connect | None = None,
        tape: TapeFile | None = None,
    ) -> None:
        self.clock = clock
        self.journal_file = journal
        self.tape = tape
        self.links: dict[str, SocketLink] = {}
        self.rests: dict[str, HttpLink] = {}
        self.heap = Heap(clock, clock.now_ns())
        self.stops = 0
        """How often a stop was asked for."""
        self._tls = tls or tls_context()
        self._opener: Connect = opener or functools.partial(connect, clock=clock, tls=self._tls)
        self._inputs: Inputs | None = None
        self._group: asyncio.TaskGroup | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    # --- Port

    def dial(self, link: str, dial: Dial) -> None:
        if self.tape is not None and isinstance(dial.url, Secret):
            for piece in pieces(dial.url):
                self.tape.tape.strike(piece)
        known = self.links.get(link)
        if known is None:
            known = self.links[link] = SocketLink(link, self._running(), self._opener, self.clock, self._spawn)
        known.dial(dial)

    def send(self, link: str, text: str) -> bool:
        known = self.links.get(link)
        sent = known is not None and known.send(text)
        if self.tape is not None:
            self.tape.tape.sent(sent)
        return sent

    def drop(self, link: str, reason: str) -> None:
        known = self.links.get(link)
        if known is not None:
            known.drop(reason)

    def request(self, link: str, ref: int, request: HttpRequest, timeout_ns: int) -> None:
        known = self.rests.get(link)
        if known is None:
            known = self.rests[link] = HttpLink(link, self._running(), self.clock, self._tls, self._spawn)
        known.request(ref, request, timeout_ns)

    def journal(self, record: bytes) -> int:
        return self.journal_file.append(record)

    # --- the run

    def stop(self) -> None:
        """Ask the run to end: once to wind down, twice to be cut short. Call it on the loop's thread."""
        self.stops += 1
        inputs = self._running()
        if self.stops == 1:
            inputs.stop()
        else:
            inputs.halt()

    def begin(self, inputs: Inputs, group: asyncio.TaskGroup) -> None:
        """From now on the outside exists."""
        self._inputs, self._group = inputs, group
        loop = asyncio.get_running_loop()
        self.journal_file.start(
            lambda position: loop.call_soon_threadsafe(inputs.durable, position),
            lambda _: loop.call_soon_threadsafe(self._journal_failed),
        )

    async def end(self) -> None:
        """Cut what is under way (the desk is told of each request), then close sockets, tape and journal."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._running().shut()
        await asyncio.gather(*(link.close() for link in self.links.values()))
        await asyncio.gather(*(rest.close() for rest in self.rests.values()))
        self.heap.close()
        if self.tape is not None:
            self.tape.close()
        self.journal_file.close()

    def _journal_failed(self) -> None:
        """What is open is ended from memory and on the last reserve; nothing new begins."""
        if not self.stops:
            self.stop()

    def _running(self) -> Inputs:
        assert self._inputs is not None, "the runtime runs no desk yet"
        return self._inputs

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        assert self._group is not None
        task = self._group.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def run(desk: Runnable, runtime: Runtime, *, grace_ns: int = GRACE_NS, signals: bool = True) -> Ending:
    """Run ``desk`` until it is stopped and idle, or the grace time after the stop is over.

    SIGINT and SIGTERM stop it; a second one cuts it short. Raises what came out of the desk, if it was a bug of ours
    (``JournalFailed`` too: then something could not be written and was not sent). The journal is flushed in any case.
    """
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[Ending] = loop.create_future()
    clock = runtime.clock

    def finish(ending: Ending) -> None:
        if not ended.done():
            ended.set_result(ending)

    def broke(error: Exception) -> None:
        if not ended.done():
            ended.set_exception(error)

    def after() -> None:
        nonlocal grace
        if not runtime.stops:
            return
        if runtime.stops > 1:
            finish(Ending.CUT)
        elif desk.idle:
            finish(Ending.IDLE)
        elif grace is None:
            grace = loop.call_later(grace_ns / 1e9, finish, Ending.GRACE)

    def beat() -> None:
        nonlocal pulse
        now_ns = clock.now_ns()
        inputs.beat(now_ns)
        runtime.heap.tick(desk.calm, now_ns)
        if runtime.tape is not None:
            runtime.tape.flush(BLOCK if now_ns % SECOND >= BEAT_NS else 1)
        pulse = loop.call_later(BEAT_NS / 1e9, beat)

    grace: asyncio.TimerHandle | None = None
    taped = desk if runtime.tape is None else TapingDesk(desk, runtime.tape.tape)
    inputs = Inputs(desk, taped, clock, loop, after, broke)
    caught = (signal.SIGINT, signal.SIGTERM) if signals else ()
    for number in caught:
        loop.add_signal_handler(number, runtime.stop)
    pulse = loop.call_later(BEAT_NS / 1e9, beat)
    try:
        async with asyncio.TaskGroup() as group:
            runtime.begin(inputs, group)
            inputs.rearm()
            try:
                await asyncio.wait([ended])
            finally:
                pulse.cancel()
                if grace is not None:
                    grace.cancel()
                await runtime.end()
    finally:
        for number in caught:
            loop.remove_signal_handler(number)
    return ended.result()
