"""The check against the package's own simulator, in virtual time: its books are the judge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from arbkit.app.check.report import Comparison, Report
from arbkit.app.check.subject import Subject, reported
from arbkit.app.check.watcher import Watcher
from arbkit.core.desk import Desk, Setup
from arbkit.core.market.book import Book
from arbkit.core.runtime.clock import Clock
from arbkit.core.trading.running import RunningStrategy
from arbkit.core.venues.venue import PaperSetup, VenueSetup
from arbkit.sim.world import World
from arbkit.strategies import TakerExecutor
from arbkit.testing.conformance.true_books import TrueBooks
from arbkit.testing.simulated import START_NS
from arbkit.testing.virtual import VirtualRun, endpoints

__all__ = ["check"]

FIELDS = ("rest", "ws_public", "ws_private", "ws_trade")


class _Judged(VirtualRun):
    """Shows the judge each state of the venue's books."""

    judge: TrueBooks | None = None

    def _drain(self) -> None:
        if self.judge is not None:
            self.judge.learn(self.now_ns)
        super()._drain()


def check(subject: Subject, seconds: float) -> Report:
    """Hold books for ``seconds`` of virtual time. Raises ``ConfigError`` if the package has no simulated venue."""
    dialect = subject.registry.dialect(subject.name)
    world = World([dialect], seed=1, start_ns=START_NS)
    urls = {name: text for name, text in endpoints(world, subject.name).items() if text and name in FIELDS}
    subject = replace(subject, venue=replace(subject.venue, environment="sim", endpoints=urls))
    watcher = Watcher(subject.choose)
    log: list[tuple[str, Mapping[str, Any]]] = []

    def note(event: str, /, **fields: object) -> None:
        log.append((event, fields))

    def make(port: VirtualRun, now_ns: int) -> Desk:
        venue = VenueSetup(exchange=subject.exchange(), account=f"{subject.name}:main", paper=PaperSetup(balances={}))
        running = RunningStrategy("check", watcher, TakerExecutor())
        return Desk(Setup(venues=[venue], strategies=[running], seed=1, block=1), port, now_ns, log=note)

    run = _Judged(world, make, START_NS)
    judge = run.judge = TrueBooks(world.sites[subject.name].exchange)
    checked: Counter[str] = Counter()
    good: Counter[str] = Counter()

    def judged(book: Book) -> None:
        before = judge.compared
        judge.check(book.instrument.partition(":")[2], book)
        checked[book.instrument] += 1
        good[book.instrument] += judge.compared - before

    watcher.on_book = judged
    run.run_for(seconds)
    compared = {name: Comparison(to="simulator", compared=checked[name], equal=good[name]) for name in watcher.seen}
    return reported(
        subject,
        "simulator",
        run.desk,
        watcher,
        log,
        began_ns=START_NS,
        now_ns=run.now_ns,
        compared=compared,
        host=f"{subject.name}.sim",
        clock_ns=Clock().now_ns,
    )
