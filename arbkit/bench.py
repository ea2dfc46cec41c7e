"""Benchmarks: each figure beside the usual way of doing the same, measured in the same run on the same frames."""

from __future__ import annotations

import gc
import gzip
import json
import platform
import statistics
import sys
from asyncio import AbstractEventLoop
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from operator import neg
from pathlib import Path
from random import Random
from typing import Any, cast

import msgspec
from msgspec import Struct

from arbkit.core.book import Book
from arbkit.core.desk import Desk, Setup
from arbkit.core.engine import Slot
from arbkit.core.errors import ConfigError
from arbkit.core.links import Link
from arbkit.core.protocols import Exchange
from arbkit.core.runtime.clock import Clock
from arbkit.core.types import (
    Ask,
    BookUpdate,
    Catalogue,
    Dial,
    HttpAnswer,
    HttpRequest,
    Instrument,
    Level,
    LinkSpec,
    Role,
    VenueSettings,
)
from arbkit.core.venue import PaperSetup, VenueSetup

__all__ = ["machine", "run"]

BOOK_LEVELS = 400
CHANGES = (2, 10, 40)
SEEDED_FRAMES = 4_000
WARM_UP = 200
perf_counter_ns = Clock().perf_ns


class FrameResult(Struct, kw_only=True):
    """One row of ``arbkit bench frame``."""

    venue: str
    source: str
    levels: float
    """Changes in the median frame."""
    book_levels: int
    median_us: float
    p99_us: float
    usual_us: float | None
    """Median of the usual way; None where sortedcontainers is not installed."""
    usual_p99_us: float | None
    ratio: float | None
    ratio_p99: float | None
    frames: int


def run(
    name: str, *, loop_factory: Callable[[], AbstractEventLoop], frames: str | None = None, as_json: bool = False
) -> int:
    """``arbkit bench NAME``: print the results; the exit code."""
    if name == "frame":
        results: Sequence[Any] = frame(frames)
    elif name == "floats":
        results = floats()
    else:
        from arbkit.bench_ticks import tick_to_order

        results = tick_to_order(loop_factory)
    rows: list[dict[str, Any]] = [msgspec.to_builtins(result) for result in results]
    if as_json:
        print(json.dumps({"machine": machine(), "results": rows}))  # noqa: T201 - this is what the command is for
    else:
        _show(name, rows)
    return 0


def machine() -> dict[str, str]:
    """What the figures were measured on."""
    return {"python": platform.python_version(), "system": f"{platform.system()} {platform.machine()}",
            "processor": _processor()}  # fmt: skip


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"


def _show(name: str, rows: Sequence[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"arbkit bench {name}")
    for key in rows[0]:
        table.add_column(key)
    for row in rows:
        table.add_row(*(f"{value:.4g}" if isinstance(value, float) else str(value) for value in row.values()))
    Console().print(table)


# --- frame: raw text -> book -> decision ----------------------------------------------------------------------------


class _Null:
    """A port that goes nowhere."""

    def dial(self, link: str, dial: Dial) -> None: ...
    def send(self, link: str, text: str) -> bool:
        return True

    def drop(self, link: str, reason: str) -> None: ...
    def request(self, link: str, ref: int, request: HttpRequest, timeout_ns: int) -> None: ...
    def journal(self, record: bytes) -> int:
        return 0


class _Rival:
    """A second venue that only stands there: its one book is what the decision compares with."""

    venue = "rival"

    def __init__(self, exchange: Exchange) -> None:
        self.capabilities = exchange.capabilities
        self.rate_limits = exchange.rate_limits

    def links(self, instruments: Sequence[Instrument], account: str) -> Sequence[LinkSpec]:
        return [LinkSpec(link="rival.rest", venue="rival", role=Role.REST)]

    def session(self, link: LinkSpec, catalogue: Catalogue, signer: object) -> Any:
        return None


def _desk(exchange: Exchange, instrument: Instrument, now_ns: int) -> tuple[Desk, Link]:
    """A desk with one live link of ``exchange`` and SpreadArb looking at every change."""
    from arbkit.strategies import SpreadArb, TakerExecutor

    rival = msgspec.structs.replace(instrument, venue="rival")
    strategy = SpreadArb(symbols=(instrument.symbol,))
    setups = [
        VenueSetup(exchange=each, account=f"{each.venue}:main", paper=PaperSetup(balances={"USDT": Decimal(10_000)}))
        for each in (exchange, cast("Exchange", _Rival(exchange)))
    ]
    desk = Desk(Setup(venues=setups, slots=[Slot("bench", strategy, TakerExecutor())]), _Null(), now_ns)
    desk.catalogue.add(instrument)
    desk.catalogue.add(rival)
    strategy.instruments(desk.catalogue)
    desk._link_up(desk.venues[exchange.venue], [instrument.id], now_ns)
    desk.books[rival.id] = Book(rival.id)
    link = next(link for link in desk.links.values() if link.spec.role is Role.PUBLIC)
    desk.opened(link.spec.link, now_ns)
    return desk, link


def frame(recording: str | None = None) -> list[FrameResult]:
    """Seeded frames of 2, 10 and 40 changes against 400 levels a side, and a recording."""
    if recording is not None:
        return [_recorded(Path(recording))]
    results = [_seeded(changes) for changes in CHANGES]
    shipped = Path(__file__).parent / "sim" / "data" / "tape.jsonl.gz"
    if shipped.exists():
        results.append(_recorded(shipped))
    return results


def _binance() -> Exchange:
    from arbkit.plugins import load

    made: Exchange = load().exchange("binance")(VenueSettings())
    return made


def _seeded(changes: int) -> FrameResult:
    exchange = _binance()
    instrument = Instrument(venue="binance", symbol="BTC-USDT", native="BTCUSDT", base="BTC", quote="USDT",
                            tick=Decimal("0.01"), lot=Decimal("0.00001"))  # fmt: skip
    snapshot, texts = _make_frames(changes, SEEDED_FRAMES + WARM_UP)
    return _measure(exchange, instrument, snapshot, texts, "seeded", BOOK_LEVELS)


def _make_frames(changes: int, count: int) -> tuple[str, list[str]]:
    """A snapshot of 400 levels and depth frames in Binance's wire form; changes cluster at the top as they do live."""
    rng = Random(changes)  # noqa: S311 - made-up prices
    mid = 6_000_000
    bids = {mid - 1 - i * 3: rng.randint(1, 10**6) for i in range(BOOK_LEVELS)}
    asks = {mid + 1 + i * 3: rng.randint(1, 10**6) for i in range(BOOK_LEVELS)}
    snapshot = json.dumps({"lastUpdateId": 1, "bids": _rows(bids, True), "asks": _rows(asks, False)})
    texts = []
    for number in range(count):
        sides: list[dict[int, int]] = [{}, {}]
        for _ in range(changes):
            side = rng.randint(0, 1)
            book = (bids, asks)[side]
            if rng.random() < 0.4:
                px = (
                    (mid - 1 - int(rng.expovariate(0.02)) % 1200)
                    if side == 0
                    else (mid + 1 + int(rng.expovariate(0.02)) % 1200)
                )
                qty = rng.randint(1, 10**6)
            else:
                px = rng.choice(sorted(book, reverse=side == 0)[:60])
                qty = rng.randint(1, 10**6) if len(book) < BOOK_LEVELS or rng.random() < 0.5 else 0
            sides[side][px] = qty
            if qty:
                book[px] = qty
            elif len(book) > BOOK_LEVELS // 2:
                book.pop(px, None)
        texts.append(
            '{"stream":"btcusdt@depth@100ms","data":'
            + json.dumps({"e": "depthUpdate", "E": 1723161255208 + 100 * number, "s": "BTCUSDT", "U": number + 2,
                          "u": number + 2, "b": _rows(sides[0], True), "a": _rows(sides[1], False)},
                         separators=(",", ":"))
            + "}"
        )  # fmt: skip
    return snapshot, texts


def _rows(side: dict[int, int], descending: bool) -> list[list[str]]:
    return [[f"{px / 100:.8f}", f"{qty / 10**5:.8f}"] for px, qty in sorted(side.items(), reverse=descending)]


def _recorded(path: Path) -> FrameResult:
    """The depth frames of a recording in Binance's form, from its first snapshot on."""
    snapshot = ""
    texts: list[str] = []
    native = ""
    for row in _lines(path):
        if row.get("dir") != "in":
            continue
        data = row["data"]
        if row["kind"] == "http" and '"lastUpdateId"' in data and not snapshot:
            snapshot = data
            native = row["url"].partition("symbol=")[2].partition("&")[0]
        elif row["kind"] == "ws" and '"depthUpdate"' in data:
            texts.append(data)
    texts = [text for text in texts if f'"s":"{native}"' in text]
    if not snapshot or not texts:
        raise ConfigError(f"{path}: holds no Binance depth frames with a snapshot")
    last = json.loads(snapshot)["lastUpdateId"]
    texts = [text for text in texts if json.loads(text)["data"]["u"] > last]
    instrument = Instrument(venue="binance", symbol=native, native=native, base="BASE", quote="USDT",
                            tick=Decimal("0.01"), lot=Decimal("0.00001"))  # fmt: skip
    return _measure(_binance(), instrument, snapshot, texts, path.name, len(json.loads(snapshot)["bids"]))


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
        for line in file:
            yield json.loads(line)


def _measure(
    exchange: Exchange, instrument: Instrument, snapshot: str, texts: Sequence[str], source: str, levels: int
) -> FrameResult:
    changes = statistics.median(text.count('["') for text in texts)
    ours, book = _ours(exchange, instrument, snapshot, texts)
    usual = _usual(snapshot, texts, book)
    warm = min(WARM_UP, len(texts) // 5)
    ours = ours[warm:]
    result = FrameResult(
        venue=exchange.venue, source=source, levels=changes, book_levels=levels, median_us=_median(ours),
        p99_us=_p99(ours), usual_us=None, usual_p99_us=None, ratio=None, ratio_p99=None, frames=len(ours),
    )  # fmt: skip
    if usual is not None:
        usual = usual[warm:]
        result.usual_us, result.usual_p99_us = _median(usual), _p99(usual)
        result.ratio = round(_median(usual) / _median(ours), 2)
        result.ratio_p99 = round(_p99(usual) / _p99(ours), 2)
    return result


def _ours(exchange: Exchange, instrument: Instrument, snapshot: str, texts: Sequence[str]) -> tuple[list[int], Book]:
    """The real path: ``Desk.frame`` and ``Desk.read_end``, as the link calls them."""
    now_ns = 1_723_161_255_000_000_000
    desk, link = _desk(exchange, instrument, now_ns)
    name = link.spec.link
    _join(desk, link, instrument, snapshot, texts[0], now_ns)
    top = desk.books[instrument.id].best_bid()
    assert top is not None
    rival = Book(f"rival:{instrument.symbol}")
    rival.apply(BookUpdate(rival.instrument, [Level(top[0], 1.0)], [Level(top[0] * 1.0001, 1.0)], snapshot=True))
    desk.books[rival.instrument] = rival
    took = []
    gc.collect()
    gc.freeze()
    for text in texts[1:]:
        now_ns += 100_000_000
        rival.recv_ns = now_ns
        began = perf_counter_ns()
        desk.frame(name, text, now_ns)
        desk.read_end(name, now_ns)
        took.append(perf_counter_ns() - began)
    gc.unfreeze()
    return took, desk.books[instrument.id]


def _join(desk: Desk, link: Link, instrument: Instrument, snapshot: str, first: str, now_ns: int) -> None:
    """Give the session its snapshot as the venue would."""
    ask = Ask
    for out in link.session.receive(first, now_ns):
        if isinstance(out, ask):
            answer = HttpAnswer(200, {}, snapshot.encode(), now_ns, now_ns)
            desk._outputs(link, link.session.answered(out, answer, now_ns), now_ns)


def _usual(snapshot: str, texts: Sequence[str], judge: Book) -> list[int] | None:
    """json + Decimal + sortedcontainers, doing the same job: sequence, book, age, and both directions priced through
    the book, net of fees. Its final top must equal ours, or the comparison is worth nothing."""
    try:
        from sortedcontainers import SortedDict
    except ImportError:
        print("sortedcontainers is not installed: no comparison", file=sys.stderr)  # noqa: T201 - for a person
        return None
    whole = json.loads(snapshot)
    bids = SortedDict(neg, {Decimal(px): Decimal(qty) for px, qty in whole["bids"]})
    asks = SortedDict({Decimal(px): Decimal(qty) for px, qty in whole["asks"]})
    top = bids.peekitem(0)[0]
    rival_bids = SortedDict(neg, {top: Decimal(1)})
    rival_asks = SortedDict({top * Decimal("1.0001"): Decimal(1)})
    fee, size = Decimal("0.001"), Decimal("0.01")
    last = json.loads(texts[0])["data"]["u"]
    exch_ms = 0
    took = []
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
        nonlocal last, exch_ms, edges
        data = json.loads(text)["data"]
        if data["U"] > last + 1:
            raise AssertionError("a gap in the frames")
        last, exch_ms = data["u"], data["E"]
        for px, qty in data["b"]:
            key, amount = Decimal(px), Decimal(qty)
            if amount:
                bids[key] = amount
            else:
                bids.pop(key, None)
        for px, qty in data["a"]:
            key, amount = Decimal(px), Decimal(qty)
            if amount:
                asks[key] = amount
            else:
                asks.pop(key, None)
        if price(rival_bids) * (1 - fee) > price(asks) * (1 + fee):
            edges += 1
        if price(bids) * (1 - fee) > price(rival_asks) * (1 + fee):
            edges += 1

    one(texts[0])
    gc.collect()
    gc.freeze()
    for text in texts[1:]:
        began = perf_counter_ns()
        one(text)
        took.append(perf_counter_ns() - began)
    gc.unfreeze()
    best = judge.bids.best()
    if best is None or abs(float(bids.peekitem(0)[0]) - best[0]) > 1e-9:
        raise AssertionError("the two ways disagree on the best bid: the benchmark is broken")
    return took


def _median(took: Sequence[int]) -> float:
    return round(statistics.median(took) / 1000, 3)


def _p99(took: Sequence[int]) -> float:
    return round(sorted(took)[int(len(took) * 0.99)] / 1000, 3)


# --- floats -------------------------------------------------------------------------------------------------------


class FloatResult(Struct, kw_only=True):
    """One way to turn a frame's quoted numbers into numbers."""

    way: str
    us: float
    """A frame of 40 levels, best of several rounds."""
    ratio: float
    """Against json + float()."""


def floats() -> list[FloatResult]:
    """Quoted numbers to floats: typed decoding against the usual ways, on one frame of 40 levels."""
    rng = Random(1)  # noqa: S311 - made-up prices
    rows = [[f"{rng.uniform(10_000, 60_000):.2f}", f"{rng.uniform(0, 5):.5f}"] for _ in range(40)]
    raw = json.dumps(rows).encode()
    typed = msgspec.json.Decoder(list[Level], strict=False)
    exact = msgspec.json.Decoder(list[tuple[Decimal, Decimal]])
    texts = msgspec.json.Decoder(list[tuple[str, str]])
    ways: list[tuple[str, Callable[[], object]]] = [
        ("json + float()", lambda: [(float(px), float(qty)) for px, qty in json.loads(raw)]),
        ("json + Decimal()", lambda: [(Decimal(px), Decimal(qty)) for px, qty in json.loads(raw)]),
        ("msgspec to str + float()", lambda: [(float(px), float(qty)) for px, qty in texts.decode(raw)]),
        ("msgspec to Decimal", lambda: exact.decode(raw)),
        ("msgspec typed, bounded (ours)", lambda: typed.decode(raw)),
    ]
    took = [(name, _best(way)) for name, way in ways]
    return [FloatResult(way=name, us=round(us, 3), ratio=round(took[0][1] / us, 2)) for name, us in took]


def _best(call: Callable[[], object], rounds: int = 7, loops: int = 500) -> float:
    best = float("inf")
    for _ in range(rounds):
        began = perf_counter_ns()
        for _ in range(loops):
            call()
        best = min(best, (perf_counter_ns() - began) / loops / 1000)
    return best
