"""A desk with many venues and symbols, and the frames for it: what ``bench scale`` and ``bench saturate`` measure.

Every venue is the same adapter under another name, so that the figures depend on the number of books and on nothing
else. The desk is on paper; ``SpreadArb`` compares each book with all others of its symbol. Prices differ by less than
the fees, so that nothing is traded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cache
from random import Random
from typing import Any

from arbkit.bench.frame import BenchPort
from arbkit.core.desk import Desk, Setup
from arbkit.core.port import Port
from arbkit.core.protocols import Exchange
from arbkit.core.trading.running import RunningStrategy
from arbkit.core.types import BookState, HttpAnswer, Instrument, VenueSettings
from arbkit.core.venues.venue import PaperSetup, VenueSetup
from arbkit.plugins.registry import load
from arbkit.strategies import SpreadArb, TakerExecutor

__all__ = ["LEVELS", "START_NS", "STEP_NS", "Stream", "make_desk", "pick", "sync"]

LEVELS = 400
START_NS = 1_723_161_255_000_000_000
STEP_NS = 1_000_000
_GAP = 3


class Stream:
    """The messages of one book: a snapshot, then diff frames of ``changes`` levels, most of them near the top."""

    def __init__(self, dialect: Any, native: str, seed: int, changes: int = 10) -> None:
        self.native = native
        self.number = 1
        self._dialect = dialect
        self._changes = changes
        self._rng = rng = Random(seed)  # noqa: S311 - made-up prices
        self._mid = 6_000_000 + rng.randint(-300, 300)
        self.snapshot = dialect.write_snapshot(1, self._whole(False), self._whole(True))

    def _px(self, side: bool, level: int) -> str:
        away = 1 + _GAP * level
        return f"{(self._mid + away if side else self._mid - away) / 100:.8f}"

    def _whole(self, side: bool) -> list[list[str]]:
        return [[self._px(side, level), f"{self._rng.randint(1, 10**6) / 10**5:.8f}"] for level in range(LEVELS)]

    def next(self, now_ns: int) -> str:
        """The next frame. The best level of a side is hit about once in two frames."""
        rng = self._rng
        rows: tuple[list[list[str]], list[list[str]]] = ([], [])
        for level in {(rng.random() < 0.5, int(rng.expovariate(0.05)) % LEVELS) for _ in range(self._changes)}:
            size = rng.randint(1, 10**6) if rng.random() < 0.7 else 0
            rows[level[0]].append([self._px(*level), f"{size / 10**5:.8f}"])
        self.number += 1
        text: str = self._dialect.write_depth(self.native, self.number, rows[0], rows[1], now_ns // 10**6)
        return text


@cache
def pick() -> tuple[Callable[[VenueSettings], Exchange], Any]:
    """The first installed adapter whose dialect writes depth frames, and that dialect."""
    registry = load(dialects=True)
    return next(
        (registry.exchange(name), one) for name, one in registry.dialects.items() if hasattr(one, "write_depth")
    )


def make_desk(
    venues: int,
    symbols: int,
    port: Port,
    now_ns: int,
    endpoints: Mapping[str, str] | None = None,
    strategy: type[SpreadArb] = SpreadArb,
    probe: Callable[[], int] | None = None,
) -> Desk:
    """A desk on paper with so many venues and symbols, whose catalogue is known."""
    adapter, _ = pick()
    names = [f"v{number:02d}" for number in range(venues)]
    listed = [f"A{number:02d}-USDT" for number in range(symbols)]
    setups = []
    for venue in names:
        exchange: Exchange = adapter(
            VenueSettings(environment="sim" if endpoints else "prod", endpoints=dict(endpoints or {}))
        )
        exchange.venue = venue
        setups.append(VenueSetup(exchange=exchange, account=f"{venue}:main", paper=PaperSetup(balances={})))
    slot = RunningStrategy("bench", strategy(symbols=listed), TakerExecutor())
    same = {symbol.partition("-")[0]: names for symbol in listed}
    made = Desk(Setup(venues=setups, strategies=[slot], same=same), port, now_ns, probe=probe)
    for venue in names:
        for symbol in listed:
            base, _, quote = symbol.partition("-")
            made.catalogue.add(
                Instrument(
                    venue=venue,
                    symbol=symbol,
                    native=base + quote,
                    base=base,
                    quote=quote,
                    tick=Decimal("0.01"),
                    lot=Decimal("0.00001"),
                )
            )
        made.venues[venue].catalogued = True
    made.startup.select(now_ns)
    return made


def sync(desk: Desk, port: BenchPort, changes: int = 10) -> dict[str, tuple[str, Stream]]:
    """Open all links and bring every book up. By instrument: (link, stream)."""
    _, dialect = pick()
    now_ns = START_NS
    wanted = sum(1 for link in desk.links.values() if link.spec.instruments)
    while len(port.dialled) < wanted:
        now_ns += 1_100_000_000
        desk.wake(now_ns)
    streams: dict[str, tuple[str, Stream]] = {}
    for link in port.dialled:
        desk.opened(link, now_ns)
        port.requests.clear()
        for instrument in desk.links[link].spec.instruments:
            stream = Stream(dialect, desk.catalogue[instrument].native, len(streams), changes)
            streams[instrument] = link, stream
            while desk.books[instrument].state is not BookState.SYNCED:
                desk.frame(link, stream.next(now_ns), now_ns)
                for ref, url in port.requests:
                    if f"symbol={stream.native}" in url:
                        desk.answered(ref, HttpAnswer(200, {}, stream.snapshot.encode(), now_ns, now_ns), now_ns)
                port.requests.clear()
                desk.read_end(link, now_ns)
                now_ns += STEP_NS
                if stream.number > 10:
                    desk.wake(now_ns)
                if stream.number > 10_000:
                    raise AssertionError(f"{instrument} was never SYNCED: {desk.books[instrument].reason}")
    return streams
