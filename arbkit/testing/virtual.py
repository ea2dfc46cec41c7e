"""Virtual time: runs a real desk against simulated venues, without sockets, threads, asyncio or a real clock.

The loop always jumps to the next ``due_ns``. Links have a latency. The same seed gives the same run. The process can
die at any moment (``crash``) and start again (``boot``) in the same world. Our clock can differ from the true time, and
the loop can be blocked. ``arbkit.testing.simulated`` and the chaos runner use it.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from functools import partial
from typing import Protocol
from urllib.parse import urlsplit

from arbkit.core.desk import Desk
from arbkit.core.types import NEVER, Dial, HttpAnswer, HttpRequest, NoAnswer, Secret
from arbkit.core.types.exact import exactly
from arbkit.sim.wire import Answer, Close, Ping, Request, SimFrame
from arbkit.sim.world import World

__all__ = ["VirtualRun", "endpoints", "reveal"]

LATENCY_NS = 2_000_000


def endpoints(world: World, venue: str) -> dict[str, str | None]:
    """The simulated venue's base URLs and keys for a ``VirtualRun``."""
    return world.endpoints(venue, f"http://{venue}.sim", f"ws://{venue}.sim")


class Make(Protocol):
    def __call__(self, port: VirtualRun, now_ns: int) -> Desk: ...


class VirtualRun:
    """The desk's ``Port``, the client of the world, and the event loop in virtual time."""

    def __init__(
        self, world: World, make: Make, start_ns: int, *, latency_ns: int = LATENCY_NS, own_ns: int = 0
    ) -> None:
        self.world = world
        self.now_ns = start_ns
        """The true time."""
        self.own_ns = own_ns
        """Our clock minus the true time: the desk is given ``now_ns + own_ns``."""
        self.blocked_ns = 0
        """Until then the desk gets no input: what comes waits in its buffers, in order. ``NEVER``: no process lives."""
        self.life = 0
        """Changes when a process starts or dies."""
        self.latency_ns = latency_ns
        self.events: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0
        self._conns: dict[str, int] = {}
        self._links: dict[int, str] = {}
        self._dials: dict[str, int] = {}
        self._refs: dict[int, tuple[int, int]] = {}
        """World ref -> (desk ref, sent_ns)."""
        self.journal_bytes = 0
        self.records: list[bytes] = []
        self.sent: list[tuple[int, str, str]] = []
        """All sent texts: (time, link, text)."""
        self.on_send: Callable[[str, str], bool] = lambda link, text: True
        """Hook for tests: False cuts the link directly after this text reached the venue."""
        self.reaches: Callable[[str, str], bool] = lambda link, text: True
        """Hook for tests: False cuts the link before this text reaches the venue."""
        self.desk: Desk
        self.boot(make)

    @property
    def clock_ns(self) -> int:
        """The time as our process sees it."""
        return self.now_ns + self.own_ns

    # --- the life of a process

    def boot(self, make: Make) -> None:
        """Start a process: a new desk on the same world."""
        self.life += 1
        self.blocked_ns = 0
        with exactly():
            self.desk = make(self, self.clock_ns)

    def crash(self) -> None:
        """The process is gone: nothing reaches its desk any more, and its sockets close. What it sent still arrives."""
        self.life += 1
        self.blocked_ns = NEVER
        conns = list(self._links)
        for lost in (self._conns, self._links, self._dials, self._refs):
            lost.clear()
        self._later(self.latency_ns, lambda: self._hang_up(conns))

    def _hang_up(self, conns: list[int]) -> None:
        for conn in conns:
            self.world.closed(conn, self.now_ns)
        self._drain()

    # --- the port

    def dial(self, link: str, dial: Dial) -> None:
        parts = urlsplit(reveal(dial.url))
        venue = (parts.hostname or "").partition(".")[0]
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        headers = {name.lower(): reveal(value) for name, value in dial.headers}
        self._count += 1
        dialled = self._dials[link] = self._count

        def arrive() -> None:
            if self._dials.get(link) != dialled:
                return  # dropped or dialled again in the meantime
            conn, refused = self.world.connect(venue, target, headers, self.now_ns)
            if refused is None:
                self._conns[link] = conn
                self._links[conn] = link
                self._tell(self.latency_ns, lambda: self._opened(link, conn))
            else:
                self._tell(self.latency_ns, lambda: self.desk.closed(link, f"HTTP {refused.status}", self.clock_ns))
            self._drain()

        self._later(self.latency_ns, arrive)

    def _opened(self, link: str, conn: int) -> None:
        if self._conns.get(link) == conn:
            self.desk.opened(link, self.clock_ns)

    def send(self, link: str, text: str) -> bool:
        conn = self._conns.get(link)
        if conn is None:
            return False
        plain = reveal(text)
        self.sent.append((self.now_ns, link, plain))
        reaches = self.reaches(link, plain)
        keep = self.on_send(link, plain) and reaches

        def arrive() -> None:
            if reaches:
                self.world.frame(conn, plain, self.now_ns)
            if not keep:
                self.world.closed(conn, self.now_ns)
                self._lost(conn, "cut by the test")
            self._drain()

        self._later(self.latency_ns, arrive)
        return True

    def drop(self, link: str, reason: str) -> None:
        self._dials.pop(link, None)
        conn = self._conns.get(link)
        if conn is None:
            self._tell(0, lambda: self.desk.closed(link, reason, self.clock_ns))
            return
        self.world.closed(conn, self.now_ns)
        self._tell(0, lambda: self._lost(conn, reason))

    def _lost(self, conn: int, reason: str) -> None:
        link = self._links.pop(conn, None)
        if link is not None and self._conns.get(link) == conn:
            del self._conns[link]
            self.desk.closed(link, reason, self.clock_ns)

    def request(self, link: str, ref: int, request: HttpRequest, timeout_ns: int) -> None:
        parts = urlsplit(reveal(request.url))
        venue = (parts.hostname or "").partition(".")[0]
        headers = {name.lower(): reveal(value) for name, value in request.headers}
        wire = Request(request.method, parts.path, parts.query, headers, request.body)
        self._count += 1
        world_ref = self._count
        self._refs[world_ref] = (ref, self.clock_ns)

        def arrive() -> None:
            self.world.http(venue, wire, world_ref, self.now_ns)
            self._drain()

        def overdue() -> None:
            if self._refs.pop(world_ref, None) is not None:
                self.desk.answered(ref, NoAnswer("no answer in time", recv_ns=self.clock_ns), self.clock_ns)

        self._later(self.latency_ns, arrive)
        self._tell(timeout_ns, overdue)

    def journal(self, record: bytes) -> int:
        self.records.append(record)
        self.journal_bytes += len(record)
        return self.journal_bytes

    # --- the loop

    def _later(self, delay_ns: int, call: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self.events, (self.now_ns + delay_ns, self._count, call))

    def _tell(self, delay_ns: int, call: Callable[[], None]) -> None:
        """Later, give the desk an input: not if its process died meanwhile, and not while the loop is blocked."""
        life = self.life

        def reach() -> None:
            if self.life != life:
                return
            if self.now_ns < self.blocked_ns:
                self._later(self.blocked_ns - self.now_ns, reach)
            else:
                call()

        self._later(delay_ns, reach)

    def _drain(self) -> None:
        """Schedule the delivery of everything the venues sent. The order per link is kept."""
        for out in self.world.drain():
            if isinstance(out, SimFrame):
                self._tell(self.latency_ns, partial(self._frame, out))
            elif isinstance(out, Close):
                self._tell(self.latency_ns, partial(self._lost, out.conn, f"closed {out.code} {out.reason}"))
            elif isinstance(out, Answer):
                self._tell(self.latency_ns, partial(self._answer, out))
            elif isinstance(out, Ping):
                self._tell(self.latency_ns, partial(self._pinged, out.conn))

    def _frame(self, frame: SimFrame) -> None:
        link = self._links.get(frame.conn)
        if link is not None and self._conns.get(link) == frame.conn:
            now_ns = self.clock_ns
            self.desk.frame(link, frame.data, now_ns)
            self.desk.read_end(link, now_ns)

    def _pinged(self, conn: int) -> None:
        link = self._links.get(conn)
        if link is not None and self._conns.get(link) == conn:
            self.desk.activity(link, self.clock_ns)

    def _answer(self, out: Answer) -> None:
        flight = self._refs.pop(out.ref, None)
        if flight is None:
            return
        ref, sent_ns = flight
        answer: HttpAnswer | NoAnswer
        if out.reply is None:
            answer = NoAnswer("the connection closed without a response", recv_ns=self.clock_ns)
        else:
            headers = {name.lower(): value for name, value in out.reply.headers.items()}
            answer = HttpAnswer(out.reply.status, headers, out.reply.body, sent_ns, self.clock_ns)
        self.desk.answered(ref, answer, self.clock_ns)

    @exactly()
    def run(self, until_ns: int, done: Callable[[], bool] = lambda: False) -> None:
        """Run to ``until_ns`` of virtual time, or until ``done``."""
        events, world = self.events, self.world
        world_ns, desk_ns = world.due_ns, self.desk.due_ns
        while not done():
            event_ns = events[0][0] if events else NEVER
            wake_ns = max(desk_ns - self.own_ns, self.blocked_ns)
            due_ns = min(event_ns, world_ns, wake_ns)
            if due_ns > self.now_ns:
                self.now_ns = due_ns = min(due_ns, until_ns)
            if self.now_ns >= until_ns:
                return
            # of what is due at one time: messages, then the venues, then our timers
            if event_ns <= self.now_ns:
                while events and events[0][0] <= self.now_ns:
                    heapq.heappop(events)[2]()
                world_ns, desk_ns = world.due_ns, self.desk.due_ns
            elif world_ns <= self.now_ns:
                world.tick(self.now_ns)
                self._drain()
                world_ns = world.due_ns
            else:
                self.desk.wake(self.clock_ns)
                desk_ns = self.desk.due_ns

    def run_for(self, seconds: float, done: Callable[[], bool] = lambda: False) -> None:
        """Run ``seconds`` of virtual time, or until ``done``."""
        self.run(self.now_ns + round(seconds * 1e9), done)

    @exactly()
    def stop(self, seconds: float = 30.0) -> bool:
        """Stop the desk and run until it is idle, for at most ``seconds``. True if nothing is left open."""
        self.desk.stop(self.clock_ns)
        self.run_for(seconds, lambda: self.desk.idle)
        return self.desk.idle


def reveal(text: str) -> str:
    """The text for the wire."""
    return text.reveal() if isinstance(text, Secret) else text
