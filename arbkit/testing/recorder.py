"""Records the public traffic of a simulated venue, in the format of ``arbkit.testing.recording``.

Tests and examples that need some frames, but no real ones, use it. Time is virtual: a minute is recorded at once.
"""

from __future__ import annotations

import gzip
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from arbkit.core.desk import Desk, Setup
from arbkit.core.protocols import Exchange, Strategy, View
from arbkit.core.trading.running import RunningStrategy
from arbkit.core.types import (
    Catalogue,
    Dial,
    HttpAnswer,
    HttpRequest,
    Instrument,
    NoAnswer,
    Opportunity,
    VenueSettings,
)
from arbkit.core.venues.venue import PaperSetup, VenueSetup
from arbkit.sim.dialect import Dialect
from arbkit.sim.world import World
from arbkit.strategies import TakerExecutor
from arbkit.testing.recording import RecordedFrame
from arbkit.testing.simulated import START_NS
from arbkit.testing.virtual import Make, VirtualRun, endpoints, reveal

__all__ = ["record", "write_frames"]


def record(
    exchange: Callable[[VenueSettings], Exchange],
    dialect: type[Dialect],
    seconds: float,
    *,
    seed: int = 1,
    options: Mapping[str, str] | None = None,
) -> list[RecordedFrame]:
    """What a client of the simulated venue sends and receives on public links and in HTTP requests.

    ``frames = record(Binance, BinanceDialect, 10)``. All symbols of a default world are subscribed. ``options``: of the
    adapter. The same arguments give the same frames."""
    world = World([dialect], seed=seed, start_ns=START_NS)

    def make(port: VirtualRun, now_ns: int) -> Desk:
        assert isinstance(port, _Recording)
        urls = {name: text for name, text in endpoints(world, dialect.venue).items() if text}
        for part in ("key", "secret", "passphrase"):
            urls.pop(part, None)
        venue = VenueSetup(
            exchange=exchange(VenueSettings(environment="sim", endpoints=urls, options=dict(options or {}))),
            account=f"{dialect.venue}:main",
            paper=PaperSetup(balances={}),
        )
        slot = RunningStrategy("record", _Everything(), TakerExecutor())
        return _Listener(port, Setup(venues=[venue], strategies=[slot], seed=seed, block=1), now_ns)

    run = _Recording(world, make, START_NS)
    run.run_for(seconds)
    return run.recorded


def write_frames(path: str | Path, frames: Iterable[RecordedFrame]) -> None:
    """Write a recording, one JSON object per line; gzipped if the name ends with ``.gz``."""
    path = Path(path)
    encode = msgspec.json.Encoder().encode
    with gzip.open(path, "wb") if path.suffix == ".gz" else path.open("wb") as file:
        for frame in frames:
            file.write(encode(frame) + b"\n")


class _Everything(Strategy):
    """Subscribes to all instruments and trades nothing."""

    def instruments(self, catalogue: Catalogue) -> Iterable[Instrument]:
        return list(catalogue)

    def decide(self, view: View, touched: Sequence[str], now_ns: int) -> Sequence[Opportunity]:
        return ()


class _Recording(VirtualRun):
    """A virtual run that records what its desk sends and receives."""

    recorded: list[RecordedFrame]
    dials: dict[str, tuple[str, str]]
    """Connection and address, by link."""
    asked: dict[int, HttpRequest]
    """Requests without an answer, by the desk's number."""

    def __init__(self, world: World, make: Make, start_ns: int) -> None:
        self.recorded, self.dials, self.asked = [], {}, {}
        super().__init__(world, make, start_ns)

    def dial(self, link: str, dial: Dial) -> None:
        self.dials[link] = (f"{link}.{len(self.recorded)}", reveal(dial.url))
        super().dial(link, dial)

    def send(self, link: str, text: str) -> bool:
        self.frame("out", link, reveal(text))
        return super().send(link, text)

    def request(self, link: str, ref: int, request: HttpRequest, timeout_ns: int) -> None:
        self.asked[ref] = request
        super().request(link, ref, request, timeout_ns)

    def frame(self, direction: str, link: str, data: str | bytes) -> None:
        conn, url = self.dials[link]
        binary = isinstance(data, bytes)
        text = b64encode(data).decode() if isinstance(data, bytes) else data
        self.recorded.append(RecordedFrame(direction, "ws", text, self.now_ns / 1e9, url, conn, binary))

    def answer(self, ref: int, answer: HttpAnswer) -> None:
        request = self.asked.pop(ref)
        text = answer.body.decode()
        self.recorded.append(
            RecordedFrame(
                "in",
                "http",
                text,
                self.now_ns / 1e9,
                reveal(request.url),
                status=answer.status,
                headers=dict(answer.headers),
                method=request.method,
            )
        )


class _Listener(Desk):
    """A desk that tells the recording what it receives."""

    def __init__(self, run: _Recording, setup: Setup, now_ns: int) -> None:
        self.run = run
        super().__init__(setup, run, now_ns)

    def frame(self, link: str, data: str | bytes, now_ns: int) -> None:
        self.run.frame("in", link, data)
        super().frame(link, data, now_ns)

    def answered(self, ref: int, answer: HttpAnswer | NoAnswer, now_ns: int) -> None:
        if isinstance(answer, HttpAnswer):
            self.run.answer(ref, answer)
        super().answered(ref, answer, now_ns)
