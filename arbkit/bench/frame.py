"""``arbkit bench frame``: time from raw text to decision, for arbkit and for a simple implementation.

arbkit: the real path, ``Desk.frame`` and ``Desk.read_end`` as a link calls them, with ``SpreadArb`` deciding after each
frame. The simple implementation uses json, ``Decimal`` and sortedcontainers. It gets the same frames and makes the same
comparisons: best prices after fees in both directions, and depth only if they cross. It does not check sequence and
age, which arbkit does. Both must end with the same best bid.
"""

from __future__ import annotations

import gc
import json
import re
import statistics
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal
from operator import neg
from pathlib import Path
from random import Random
from typing import Any, cast

from msgspec import Struct
from msgspec.structs import replace

from arbkit.core.desk import Desk, Setup
from arbkit.core.errors import ConfigError
from arbkit.core.market.book import Book
from arbkit.core.protocols import Exchange
from arbkit.core.runtime.clock import Clock
from arbkit.core.trading.running import RunningStrategy
from arbkit.core.types import (
    NEVER,
    BookState,
    BookUpdate,
    Dial,
    HttpAnswer,
    HttpRequest,
    Instrument,
    Level,
    LinkSpec,
    Role,
    Secret,
    VenueSettings,
)
from arbkit.core.venues.venue import PaperSetup, VenueSetup
from arbkit.plugins.registry import load
from arbkit.testing.recording import Summary, read_frames

__all__ = ["BenchPort", "FrameResult", "BookStream", "bench_desk", "frame", "ours", "recorded", "seeded", "synced"]

BOOK_LEVELS = 400
CHANGES = (2, 10, 40)
SEEDED_FRAMES = 4_000
WARM_UP = 200
START_NS = 1_723_161_255_000_000_000

perf_ns = Clock().perf_ns


class FrameResult(Struct, kw_only=True):
    """One result. Times are microseconds per frame, from the text to the decision."""

    venue: str
    source: str
    levels: float
    """Changed levels in the median frame."""
    book_levels: int
    """Levels per side at the end, mean of both sides."""
    median_us: float
    p99_us: float
    usual_us: float | None = None
    """Median of the simple implementation; None if sortedcontainers is not installed."""
    usual_p99_us: float | None = None
    ratio: float | None = None
    """``usual_us`` divided by ``median_us``."""
    ratio_p99: float | None = None
    frames: int = 0


class BookStream(Struct):
    """The messages of one market-data socket for one symbol: the input of both implementations."""

    venue: str
    native: str
    texts: list[str]
    snapshot: str = ""
    """The answer to the REST snapshot request; "" if the venue sends snapshots on the socket."""


def frame(recording: str | None = None) -> list[FrameResult]:
    """Measure generated frames of 2, 10 and 40 changes on 400 levels per side, or a recording. Raises ``ConfigError``
    for an unusable recording."""
    if recording is not None:
        return [_measure(*recorded(recording)[:2])]
    return [_measure(seeded(changes), "seeded", Decimal("0.01")) for changes in CHANGES]


# --- frames -----------------------------------------------------------------------------------------------------


def seeded(changes: int) -> BookStream:
    """Generated depth frames, written by the first installed dialect that can. Most changes are near the top of the
    book, as in real data."""
    rng = Random(changes)  # noqa: S311 - made-up prices
    mid = 6_000_000
    books = [
        {mid - 1 - i * 3: rng.randint(1, 10**6) for i in range(BOOK_LEVELS)},
        {mid + 1 + i * 3: rng.randint(1, 10**6) for i in range(BOOK_LEVELS)},
    ]
    venue, dialect = next(
        (name, found) for name, found in load(dialects=True).dialects.items() if hasattr(found, "write_depth")
    )
    snapshot = dialect.write_snapshot(1, _rows(books[0], True), _rows(books[1], False))
    texts = []
    for number in range(2, SEEDED_FRAMES + WARM_UP + 2):
        sides: list[dict[int, int]] = [{}, {}]
        while len(sides[0]) + len(sides[1]) < changes:
            side = rng.randint(0, 1)
            book = books[side]
            if rng.random() < 0.4:
                away = 1 + int(rng.expovariate(0.02)) % 1200
                px, qty = mid + (away if side else -away), rng.randint(1, 10**6)
            else:
                px = rng.choice(sorted(book, reverse=not side)[:60])
                qty = rng.randint(1, 10**6) if len(book) < BOOK_LEVELS or rng.random() < 0.5 else 0
            sides[side][px] = qty
            if qty:
                book[px] = qty
            else:
                book.pop(px, None)
        ms = START_NS // 10**6 + 100 * number
        texts.append(dialect.write_depth("BTCUSDT", number, _rows(sides[0], True), _rows(sides[1], False), ms))
    return BookStream(venue, "BTCUSDT", texts, snapshot)


def _rows(side: dict[int, int], descending: bool) -> list[list[str]]:
    return [[f"{px / 100:.8f}", f"{qty / 10**5:.8f}"] for px, qty in sorted(side.items(), reverse=descending)]


def recorded(recording: str) -> tuple[BookStream, str, float]:
    """The book of a recording with the most frames, the recording's name, and the changes of the median frame."""
    wire = _recorded(Path(recording))
    return wire, Path(recording).name, _changes(wire)


_SNAPSHOT = re.compile('"(?:lastUpdateId|microtimestamp)"')
"""A field of the answer to a request for a book."""


def _changes(wire: BookStream) -> float:
    return statistics.median(text.count('["') for text in wire.texts)


def _recorded(path: Path) -> BookStream:
    frames = [one for _, one in read_frames(path, Summary()) if one.dir == "in"]
    dialects = load(dialects=True).dialects
    venue = next((name for name in dialects if any(name in one.url for one in frames)), "")
    if not venue:
        raise ConfigError(f"{path}: contains no frames of {', '.join(dialects)} (recognized by the url of each line)")
    read = dialects[venue].read_depth
    by_conn: dict[str, list[tuple[str, str]]] = {}
    counts: Counter[tuple[str, str]] = Counter()
    snapshots: dict[str, str] = {}
    for one in frames:
        try:
            text = one.payload if isinstance(one.payload, str) else one.payload.decode()
        except UnicodeDecodeError:
            raise ConfigError(f"{path}: frames of {venue} are packed; the benchmark reads text only") from None
        if one.kind == "http":
            snapshots.update({word: text for word in re.split("[&=/?]", one.url) if _SNAPSHOT.search(text)})
            continue
        try:
            change = read(json.loads(text))
        except (ValueError, LookupError, AttributeError):
            change = None
        symbol = change[0] if change else ""
        by_conn.setdefault(one.conn, []).append((symbol, text))
        counts[one.conn, symbol] += bool(symbol)
    (conn, native), count = counts.most_common(1)[0] if counts else (("", ""), 0)
    if count < 20:
        raise ConfigError(f"{path}: contains too few book frames to measure ({count})")
    # a venue that counts the messages of a connection needs them all
    whole = load().exchange(venue)(VenueSettings()).capabilities.book_check == "connection"
    texts = [text for symbol, text in by_conn[conn] if whole or symbol == native]
    return BookStream(venue, native, texts, snapshots.get(native, ""))


# --- arbkit -----------------------------------------------------------------------------------------------------


class BenchPort:
    """A ``Port`` that sends nothing. It records dialled links and requests."""

    def __init__(self) -> None:
        self.dialled: list[str] = []
        self.requests: list[tuple[int, str]] = []

    def dial(self, link: str, dial: Dial) -> None:
        self.dialled.append(link)

    def send(self, link: str, text: str) -> bool:
        return True

    def drop(self, link: str, reason: str) -> None: ...
    def request(self, link: str, ref: int, request: HttpRequest, timeout_ns: int) -> None:
        self.requests.append((ref, request.url.reveal() if isinstance(request.url, Secret) else request.url))

    def journal(self, record: bytes) -> int:
        return 0


class _Mute:
    """A session that sends nothing."""

    due_ns = NEVER

    def encode(self, what: object, now_ns: int) -> tuple[()]:
        return ()


class _Standing:
    """Wraps an exchange: as the measured venue (with its session for recordings), or as a second venue whose book does
    not change."""

    def __init__(self, exchange: Exchange, venue: str) -> None:
        self.venue = venue
        self.capabilities = exchange.capabilities
        self.rate_limits = exchange.rate_limits
        self._exchange = exchange
        self._read = getattr(exchange, "replay_session", exchange.session)

    def links(self, instruments: Sequence[Instrument], account: str) -> Sequence[LinkSpec]:
        if self.venue == self._exchange.venue:
            return self._exchange.links(instruments, account)
        return []

    def session(self, link: LinkSpec, catalogue: Any, signer: Any) -> Any:
        if self.venue != self._exchange.venue:
            return _Mute()
        return (self._exchange.session if link.role is Role.REST else self._read)(link, catalogue, signer)

    def cost(self, what: Any, role: Role) -> Sequence[tuple[str, int]]:
        return ()


def bench_desk(wire: BookStream, tick: Decimal, probe: Callable[[], int] | None = None) -> tuple[Desk, BenchPort, Book]:
    """A desk with one open public link and an empty book."""
    from arbkit.strategies import SpreadArb, TakerExecutor

    exchange: Exchange = load().exchange(wire.venue)(VenueSettings())
    instrument = Instrument(
        venue=wire.venue,
        symbol=wire.native,
        native=wire.native,
        base="BASE",
        quote="QUOTE",
        tick=tick,
        lot=Decimal("0.00001"),
    )
    setups = [
        VenueSetup(
            exchange=cast("Exchange", _Standing(exchange, venue)),
            account=f"{venue}:main",
            paper=PaperSetup(balances={}),
        )
        for venue in (wire.venue, "rival")
    ]
    port = BenchPort()
    slot = RunningStrategy("bench", SpreadArb(symbols=(wire.native,)), TakerExecutor())
    desk = Desk(Setup(venues=setups, strategies=[slot]), port, START_NS, probe=probe)
    for known in (instrument, replace(instrument, venue="rival")):
        desk.catalogue.add(known)
    for venue in desk.venues.values():
        venue.catalogued = True
    desk.startup.select(START_NS)
    desk.wake(START_NS)
    desk.opened(port.dialled[0], START_NS)
    return desk, port, desk.books[instrument.id]


def ours(wire: BookStream, tick: Decimal) -> tuple[list[int], int, Book, list[tuple[float, float]], list[Any]]:
    """(ns per frame, index of the first timed frame, the book at the end, its bids and asks when timing began)."""
    desk, port, book = bench_desk(wire, tick)
    link, rival = port.dialled[0], desk.books[f"rival:{wire.native}"]
    first, now_ns = synced(desk, port, book, wire)
    bids, asks = list(book.bids), list(book.asks)
    took = []
    gc.collect()
    gc.freeze()
    for text in wire.texts[first:]:
        now_ns += 100_000_000
        rival.recv_ns = now_ns
        began = perf_ns()
        desk.frame(link, text, now_ns)
        desk.read_end(link, now_ns)
        took.append(perf_ns() - began)
    gc.unfreeze()
    return took, first, book, bids, asks


def synced(desk: Desk, port: BenchPort, book: Book, wire: BookStream) -> tuple[int, int]:
    """Bring the book up, and the book of the rival, which crosses nothing. (Index of the first frame that was not
    needed for it, the time.)"""
    link = port.dialled[0]
    now_ns = START_NS
    first = 0
    while book.state is not BookState.SYNCED:
        if first == len(wire.texts):
            raise ConfigError(f"the book of {wire.native} was never SYNCED: {book.reason}")
        now_ns += 100_000_000
        desk.frame(link, wire.texts[first], now_ns)
        first += 1
        for ref, url in port.requests:
            if wire.snapshot and wire.native in url:
                desk.answered(ref, HttpAnswer(200, {}, wire.snapshot.encode(), now_ns, now_ns), now_ns)
        port.requests.clear()
        desk.read_end(link, now_ns)
    rival = desk.books[f"rival:{wire.native}"]
    px = next(iter(book.bids))[0]
    desk.market.apply(
        BookUpdate(rival.instrument, [Level(px, 1.0)], [Level(px * 1.0001, 1.0)], True, 1, now_ns, now_ns)
    )
    return first, now_ns


# --- the simple implementation ----------------------------------------------------------------------------------


def _usual(
    wire: BookStream, first: int, start: tuple[Sequence[tuple[float, float]], Sequence[tuple[float, float]]]
) -> tuple[list[int], Decimal] | None:
    """(ns per frame, best bid at the end), starting with the same book; None without sortedcontainers."""
    try:
        from sortedcontainers import SortedDict
    except ImportError:
        print("sortedcontainers is not installed: no comparison", file=sys.stderr)  # noqa: T201 - for the user
        return None
    read = load(dialects=True).dialects[wire.venue].read_depth
    bids = SortedDict(neg, {Decimal(repr(px)): Decimal(repr(qty)) for px, qty in start[0]})
    asks = SortedDict({Decimal(repr(px)): Decimal(repr(qty)) for px, qty in start[1]})
    top = bids.peekitem(0)[0]
    rival_bids = SortedDict(neg, {top: Decimal(1)})
    rival_asks = SortedDict({top * Decimal("1.0001"): Decimal(1)})
    fee, size = Decimal("0.001"), Decimal("0.01")
    edges = 0

    def price(side: Any) -> Decimal:
        """The mean price of ``size``, from the best level outward."""
        left, paid = size, Decimal(0)
        for px, qty in side.items():
            take = min(left, qty)
            paid += px * take
            left -= take
            if not left:
                break
        return paid / (size - left)

    def one(text: str) -> None:
        nonlocal edges
        change = read(json.loads(text))
        if change is None or change[0] != wire.native:
            return
        _, snapshot, new_bids, new_asks = change
        for side, rows in ((bids, new_bids), (asks, new_asks)):
            if snapshot:
                side.clear()
            for row in rows:
                px, qty = Decimal(row[0]), Decimal(row[1])
                if qty:
                    side[px] = qty
                else:
                    side.pop(px, None)
        # As in arbkit: best prices first, depth only if they cross by more than the fees.
        if rival_bids.peekitem(0)[0] * (1 - fee) > asks.peekitem(0)[0] * (1 + fee):
            edges += price(rival_bids) * (1 - fee) > price(asks) * (1 + fee)
        if bids.peekitem(0)[0] * (1 - fee) > rival_asks.peekitem(0)[0] * (1 + fee):
            edges += price(bids) * (1 - fee) > price(rival_asks) * (1 + fee)

    took = []
    gc.collect()
    gc.freeze()
    for text in wire.texts[first:]:
        began = perf_ns()
        one(text)
        took.append(perf_ns() - began)
    gc.unfreeze()
    return took, bids.peekitem(0)[0]


def _measure(wire: BookStream, source: str, tick: Decimal = Decimal(0)) -> FrameResult:
    mine, first, book, bids, asks = ours(wire, tick)
    warm = min(WARM_UP, len(mine) // 5)
    result = FrameResult(
        venue=wire.venue,
        source=source,
        levels=_changes(wire),
        book_levels=(len(book.bids) + len(book.asks)) // 2,
        median_us=_median(mine[warm:]),
        p99_us=_p99(mine[warm:]),
        frames=len(mine) - warm,
    )
    usual = _usual(wire, first, (bids, asks))
    if usual is None:
        return result
    took, theirs = usual
    best = book.bids.best()
    if best is None or float(theirs) != best[0]:
        raise AssertionError(f"the implementations differ in the best bid of {wire.native}: {theirs} and {best}")
    result.usual_us, result.usual_p99_us = _median(took[warm:]), _p99(took[warm:])
    result.ratio = round(result.usual_us / result.median_us, 2)
    result.ratio_p99 = round(result.usual_p99_us / result.p99_us, 2)
    return result


def _median(took: Sequence[int]) -> float:
    return round(statistics.median(took) / 1000, 3)


def _p99(took: Sequence[int]) -> float:
    return round(sorted(took)[int(len(took) * 0.99)] / 1000, 3)
