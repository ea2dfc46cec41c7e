"""``arbkit bench scale``: what a frame costs on a desk with many books, and a wake-up with many links.

A frame of 10 changes goes to a random book of 3, 12 and 20 venues with 50 symbols each, from the text to the decision,
which compares it with all others of its symbol. ``ratio`` is to the same frames on a desk with one book: what is above
1 is the comparing, and memory that is not in the processor's caches. A wake-up is for one link's timer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from msgspec import Struct

from arbkit.bench.frame import BenchPort
from arbkit.bench.many import START_NS, STEP_NS, Stream, make_desk, sync
from arbkit.bench.measure import perf_ns, rounds
from arbkit.core.desk import Desk

__all__ = ["ScaleResult", "scale"]

SIZES = ((2, 1), (3, 50), (12, 50), (20, 50))
LINKS = (2, 60)
"""Venues with one symbol: each has a public and a REST link."""
FRAMES = 2_000
WAKES = 400


class ScaleResult(Struct, kw_only=True):
    """One size. Times are microseconds, the best of the rounds."""

    what: str
    venues: int
    links: int
    books: int
    median_us: float
    mean_us: float
    p99_us: float
    ratio: float
    """``median_us`` divided by that of the first row of its kind."""
    calibration_us: float


class _Books:
    """A desk, and frames for random books of it."""

    def __init__(self, venues: int, symbols: int) -> None:
        self.port = BenchPort()
        self.desk: Desk = make_desk(venues, symbols, self.port, START_NS)
        self.streams: list[tuple[str, Stream]] = list(sync(self.desk, self.port).values())
        self.now_ns = self.desk.due_ns
        self._rng = Random(venues * symbols)  # noqa: S311 - which book is next

    def run(self) -> list[int]:
        """Frames for random books, with the wake-ups between them; ns per frame."""
        desk, took, frames = self.desk, [], []
        streams = self.streams if len(self.streams) > 2 else self.streams[:1]
        now_ns = self.now_ns
        for _ in range(FRAMES):
            now_ns += STEP_NS
            link, stream = self._rng.choice(streams)
            frames.append((link, stream.next(now_ns), now_ns))
        for link, text, now_ns in frames:
            began = perf_ns()
            desk.frame(link, text, now_ns)
            desk.read_end(link, now_ns)
            took.append(perf_ns() - began)
            if desk.due_ns <= now_ns:
                desk.wake(now_ns)
        self.now_ns = now_ns
        return took


class _Links:
    """A desk with many links, of which one at a time is due."""

    def __init__(self, venues: int) -> None:
        self._books = _Books(venues, 1)
        self._turn = 0

    def run(self) -> list[int]:
        desk, took = self._books.desk, []
        links = [link for link, _ in self._books.streams]
        now_ns = self._books.now_ns
        for _ in range(WAKES):
            self._turn += 1
            now_ns += STEP_NS // 10
            link = links[self._turn % len(links)]
            desk.dialer.alarms.by(link, now_ns)
            desk.wake(now_ns)  # whatever else is due by now
            desk.dialer.alarms.by(link, now_ns)
            began = perf_ns()
            desk.wake(now_ns)
            took.append(perf_ns() - began)
        self._books.now_ns = now_ns
        return took


def scale() -> list[ScaleResult]:
    """Measure all sizes in the same rounds."""
    made = {f"{venues} x {symbols}": _Books(venues, symbols) for venues, symbols in SIZES}
    links = {f"{2 * venues} links": _Links(venues) for venues in LINKS}
    ways: dict[str, Callable[[], Sequence[int]]] = {name: books.run for name, books in made.items()}
    ways |= {name: one.run for name, one in links.items()}
    samples, calibration = rounds(ways)
    results = []
    for what, group in (("frame", made), ("wake", {name: one._books for name, one in links.items()})):
        first = samples[next(iter(group))].median_us
        for name, books in group.items():
            sample = samples[name]
            results.append(
                ScaleResult(
                    what=what,
                    venues=len(books.desk.venues),
                    links=len(books.desk.links),
                    books=len(books.desk.books) if len(books.streams) > 2 or what == "wake" else 1,
                    median_us=sample.median_us,
                    mean_us=sample.mean_us,
                    p99_us=sample.p99_us,
                    ratio=round(sample.median_us / first, 2),
                    calibration_us=calibration,
                )
            )
    return results
