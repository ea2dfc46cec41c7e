"""``arbkit bench saturate``: 12 venues x 50 symbols in one process, over loopback sockets, under more than it can read.

The venues are another process (``bench.sender``). First all books come up; then the sender sends as much as the sockets
take, which gives the rate R at which this process is saturated; then R/2 and 2 R. At 2 R the books must become STALE
rather than old: ``oldest_ms`` is the age of the oldest book that a strategy was given. No frame is left out: after the
last one all books must be SYNCED, and equal to what the frames say.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from array import array
from asyncio import AbstractEventLoop
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct

from arbkit.app.recovery import open_journal
from arbkit.bench.many import make_desk
from arbkit.bench.measure import calibration_ns
from arbkit.bench.sender import CYCLE, FIRST, SentBook
from arbkit.core.desk import Desk
from arbkit.core.errors import ArbkitError
from arbkit.core.protocols import View
from arbkit.core.runtime.clock import Clock
from arbkit.core.runtime.journal_file import StateFolder
from arbkit.core.runtime.supervisor import Runtime, run
from arbkit.core.types import BookState, Opportunity
from arbkit.strategies import SpreadArb

__all__ = ["SaturateResult", "saturate"]

VENUES, SYMBOLS = 12, 50
SECONDS = 10.0
START_S = 90.0
"""All books must be there by then."""
DRAIN_S = 30.0


class SaturateResult(Struct, kw_only=True):
    """One phase."""

    what: str
    seconds: float
    sent_per_s: float
    """By the sender."""
    read_per_s: float
    decisions_per_s: float
    """A decision is for all frames of a socket read."""
    decision_p50_ms: float | None = None
    """From the sender's timestamp (in ms) to the decision."""
    decision_p99_ms: float | None = None
    oldest_ms: float | None = None
    late_turns: int = 0
    drained_s: float | None = None
    """After the last frame was sent, until all books were SYNCED and right."""
    books: int = 0
    """SYNCED and right at the end."""
    kb_per_book: float | None = None
    calibration_us: float = 0.0


class _Watched(SpreadArb):
    """Looks at the age of what it is given."""

    clock: Clock

    def __init__(self, **settings: object) -> None:
        super().__init__(**settings)
        self.ages = Ages()

    def decide(self, view: View, touched: Sequence[str], now_ns: int) -> Sequence[Opportunity]:
        found = super().decide(view, touched, now_ns)
        at_ns = self.clock.now_ns()
        for instrument in touched:
            book = view.book(instrument)
            if book is not None:
                self.ages.add(at_ns - book.exch_ns)
        return found


class Ages:
    """Counts by 10 us, up to 10 s: no memory for each, so that the memory that is measured is the desk's."""

    def __init__(self) -> None:
        self._counts = array("Q", bytes(8 * 1_000_001))
        self._count = 0

    def add(self, ns: int) -> None:
        self._counts[min(max(ns, 0) // 10_000, 1_000_000)] += 1
        self._count += 1

    def clear(self) -> None:
        self._counts = array("Q", bytes(8 * 1_000_001))
        self._count = 0

    def at(self, share: float) -> float | None:
        """A quantile in ms; None if there are none."""
        wanted, seen = min(int(self._count * share), self._count - 1), 0
        for place, count in enumerate(self._counts):
            seen += count
            if seen > wanted >= 0:
                return place / 100
        return None


class _Bench:
    def __init__(self, desk: Desk, strategy: _Watched, process: Process) -> None:
        self.desk = desk
        self.strategy = strategy
        self.process = process
        self.sent = 0
        natives = {desk.catalogue[one].native: None for one in desk.books}
        self.seeds = {native: seed for seed, native in enumerate(natives)}
        self.before_kb = _rss_kb()

    def read(self) -> int:
        return sum(link.messages for name, link in self.desk.counters.links.items() if ".public" in name)

    def synced(self) -> int:
        return sum(book.state is BookState.SYNCED for book in self.desk.books.values())

    def right(self) -> int:
        """How many books are SYNCED and have exactly the levels that their frames make."""
        count = 0
        for instrument, book in self.desk.books.items():
            native = self.desk.catalogue[instrument].native
            sent = book.seq - FIRST
            bids, asks = _levels(native, self.seeds[native], sent if sent < CYCLE else CYCLE + sent % CYCLE)
            count += book.state is BookState.SYNCED and (dict(iter(book.bids)), dict(iter(book.asks))) == (bids, asks)
        return count

    async def phase(self, what: str, rate: float, seconds: float = SECONDS) -> SaturateResult:
        """Have the sender send, and measure."""
        counters, ages = self.desk.counters, self.strategy.ages
        ages.clear()
        read, turns, late = self.read(), counters.turns, counters.late_turns
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{rate} {seconds}\n".encode())
        told = json.loads(await self.process.stdout.readline())
        now_read, now_turns = self.read() - read, counters.turns - turns
        self.sent = told["total"]
        calibration = min(calibration_ns() for _ in range(5)) / 1000
        drained = await self._until(lambda: self.drained, DRAIN_S)
        memory_kb = _rss_kb() - self.before_kb
        return SaturateResult(
            what=what,
            seconds=round(told["seconds"], 1),
            sent_per_s=round(told["sent"] / told["seconds"]),
            read_per_s=round(now_read / told["seconds"]),
            decisions_per_s=round(now_turns / told["seconds"]),
            decision_p50_ms=ages.at(0.5),
            decision_p99_ms=ages.at(0.99),
            oldest_ms=ages.at(1.0),
            late_turns=counters.late_turns - late,
            drained_s=drained,
            books=self.right(),
            kb_per_book=round(memory_kb / len(self.desk.books), 1),
            calibration_us=round(calibration, 1),
        )

    @property
    def drained(self) -> bool:
        """All frames are read, and no book waits for anything."""
        acks = sum(1 for link in self.desk.links.values() if link.spec.instruments)
        return self.read() >= self.sent + acks and self.synced() == len(self.desk.books)

    async def _until(self, done: Callable[[], bool], most_s: float) -> float | None:
        """How long it took; None = longer than ``most_s``."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while not done():
            if loop.time() - began > most_s:
                return None
            await asyncio.sleep(0.02)
        return round(loop.time() - began, 2)

    async def start(self) -> SaturateResult:
        """All books, under one frame a second for each."""
        up = await self._until(
            lambda: all(link.ready for link in self.desk.links.values() if link.spec.instruments), START_S
        )
        if up is None:
            raise ArbkitError("bench saturate: the links did not come up")
        first = await self._until(lambda: self.synced() > 0, START_S)
        rest = await self._until(lambda: self.synced() == len(self.desk.books), START_S)
        result = await self.phase("", len(self.desk.books))
        result.what = f"start: links {up} s, first book {first} s, the others {rest} s later"
        return result


def _levels(native: str, seed: int, count: int) -> tuple[dict[float, float], dict[float, float]]:
    """The book of a symbol after ``count`` frames."""
    book = SentBook(native, seed)
    whole = json.loads(book.snapshot)
    bids, asks = ({float(px): float(qty) for px, qty in whole[name]} for name in ("bids", "asks"))
    for frame in (book.frames * 2)[:count]:
        data = json.loads((frame % (0, 0, 0))[4:].replace(b":0000000000", b":1"))["data"]
        for side, rows in ((bids, data["b"]), (asks, data["a"])):
            side.update((float(px), float(qty)) for px, qty in rows)
    return {px: qty for px, qty in bids.items() if qty}, {px: qty for px, qty in asks.items() if qty}


def _rss_kb() -> int:
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4
    except OSError:
        return 0


async def _all(folder: Path) -> list[SaturateResult]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "arbkit.bench.sender", stdin=PIPE, stdout=PIPE, limit=1 << 22
    )
    clock = Clock()
    state = StateFolder(folder, "paper")
    try:
        assert process.stdout is not None
        where = (await process.stdout.readline()).decode().strip()
        journal, _ = open_journal(state, clock)
        runtime = Runtime(clock, journal)
        ws = f"ws://{where}"
        sites = {"rest": f"http://{where}", "ws_public": ws, "ws_private": ws, "ws_trade": ws}
        _Watched.clock = clock
        desk = make_desk(VENUES, SYMBOLS, runtime, clock.now_ns(), sites, strategy=_Watched, probe=clock.perf_ns)
        bench = _Bench(desk, desk.engine.strategies[0].strategy, process)  # type: ignore[arg-type]  # made above
        running = asyncio.create_task(run(desk, runtime, signals=False))
        try:
            results = [await bench.start()]
            full = await bench.phase("all that the sockets take: R", 0.0)
            results.append(full)
            results.extend([await bench.phase(f"{one:g} R", one * full.read_per_s) for one in (0.5, 2.0)])
        finally:
            if not running.done():
                runtime.stop()
            await running
        return results
    finally:
        state.close()
        process.terminate()
        await process.wait()


def saturate(loop_factory: Callable[[], AbstractEventLoop]) -> list[SaturateResult]:
    """Run all phases. Takes about a minute and a half."""
    with (
        tempfile.TemporaryDirectory(prefix="arbkit-bench-") as folder,
        asyncio.Runner(loop_factory=loop_factory) as runner,
    ):
        return runner.run(_all(Path(folder)))
