"""``arbkit bench frame --live``: a frame as it is received: from the bytes that the socket gave to the decision.

The same desk and frames as ``bench frame``, behind everything that a run has: the WebSocket transport, the link, the
guard around the desk, its clocks and histograms, and the look at the next timer. ``bare_us`` is the same without them,
measured in the same rounds. Only the system's ``recv`` and the event loop are left out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from typing import Any

from msgspec import Struct
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from arbkit.bench.frame import CHANGES, START_NS, WARM_UP, BookStream, bench_desk, recorded, seeded, synced
from arbkit.bench.measure import ROUNDS, perf_ns, rounds
from arbkit.core.errors import ArbkitError
from arbkit.core.runtime.clock import Clock
from arbkit.core.runtime.inputs import Inputs
from arbkit.core.runtime.link import SocketLink
from arbkit.core.runtime.transport import MAX_MESSAGE, Receiver, WebSocket
from arbkit.core.types import Dial

__all__ = ["LiveResult", "live"]

_URI = "ws://127.0.0.1:1/"


class LiveResult(Struct, kw_only=True):
    """One result. Times are microseconds per frame, the best of the rounds."""

    venue: str
    source: str
    changes: float
    median_us: float
    mean_us: float
    p99_us: float
    bare_us: float
    """Median from the text to the decision."""
    ratio: float
    """``median_us`` divided by ``bare_us``."""
    frames: int
    calibration_us: float


class _Socket:
    """The part of an asyncio transport that is used; what is written is kept until the handshake is read."""

    def __init__(self) -> None:
        self.written = b""

    def set_write_buffer_limits(self, high: int) -> None: ...
    def get_extra_info(self, name: str) -> None: ...
    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None: ...
    def abort(self) -> None: ...
    def is_closing(self) -> bool:
        return False


class _Run:
    """One desk behind a transport, or bare, and the frames that are left for it."""

    def __init__(self, wire: BookStream, tick: Decimal, *, live: bool) -> None:
        self._time = [0]
        clock = Clock(wall=lambda: START_NS, mono=partial(self._time.__getitem__, 0), boot=lambda: 0)
        self._desk, port, book = bench_desk(wire, tick, probe=clock.perf_ns if live else None)
        first, now_ns = synced(self._desk, port, book, wire)
        self._link = port.dialled[0]
        self._native = wire.native
        self._rival = self._desk.books[f"rival:{wire.native}"]
        self._now_ns = now_ns
        self._texts = wire.texts[first:]
        self._at = 0
        self._socket: WebSocket | None = None
        if live:
            self._time[0] = now_ns - START_NS
            asyncio.get_running_loop().create_task(self._open(clock))

    async def _open(self, clock: Clock) -> None:
        def broke(error: Exception) -> None:
            raise ArbkitError("the desk failed") from error

        loop = asyncio.get_running_loop()
        self._inputs = inputs = Inputs(self._desk, None, clock, loop, lambda: None, broke)
        inputs.shut_down = True  # the link is open already
        SocketLink(self._link, inputs, self._connect, clock, loop.create_task).dial(Dial(_URI))
        await asyncio.sleep(0)
        inputs.shut_down = False

    async def _connect(self, dial: Dial, receiver: Receiver) -> None:
        clock = Clock(wall=lambda: START_NS, mono=partial(self._time.__getitem__, 0), boot=lambda: 0)
        made, wire = WebSocket(parse_uri(_URI), dial, receiver, clock, MAX_MESSAGE), _Socket()
        made.connection_made(wire)  # type: ignore[arg-type]  # what it uses of one
        server = ServerProtocol()
        server.receive_data(wire.written)
        (asked,) = server.events_received()
        assert isinstance(asked, Request)
        server.send_response(server.accept(asked))
        made.data_received(b"".join(server.data_to_send()))
        self._socket = made

    def frames(self, count: int) -> Sequence[int]:
        """The next ``count`` frames, ns each."""
        texts = self._texts[self._at : self._at + count]
        self._at += count
        took = []
        if self._socket is not None:
            receive, time, rival = self._socket.data_received, self._time, self._rival
            for data in [Frame(Opcode.TEXT, text.encode()).serialize(mask=False) for text in texts]:
                self._now_ns += 100_000_000
                rival.recv_ns = self._now_ns
                time[0] = self._now_ns - START_NS
                self._inputs._beat_ns = self._now_ns  # the pulse between two frames, which finds nothing
                began = perf_ns()
                receive(data)
                took.append(perf_ns() - began)
            return took
        desk, link, rival = self._desk, self._link, self._rival
        for text in texts:
            self._now_ns += 100_000_000
            rival.recv_ns = self._now_ns
            began = perf_ns()
            desk.frame(link, text, self._now_ns)
            desk.read_end(link, self._now_ns)
            took.append(perf_ns() - began)
        return took


async def _measure(wire: BookStream, source: str, changes: float, tick: Decimal = Decimal(0)) -> LiveResult:
    runs = {"live": _Run(wire, tick, live=True), "bare": _Run(wire, tick, live=False)}
    for _ in range(3):
        await asyncio.sleep(0)
    share = (len(runs["bare"]._texts) - WARM_UP) // ROUNDS
    for run in runs.values():
        run.frames(WARM_UP)
    samples, calibration = rounds({name: partial(run.frames, share) for name, run in runs.items()})
    sample, bare = samples["live"], samples["bare"]
    return LiveResult(
        venue=wire.venue,
        source=source,
        changes=changes,
        median_us=sample.median_us,
        mean_us=sample.mean_us,
        p99_us=sample.p99_us,
        bare_us=bare.median_us,
        ratio=round(sample.median_us / bare.median_us, 2),
        frames=sample.count,
        calibration_us=calibration,
    )


async def _all(recording: str | None) -> list[LiveResult]:
    if recording is not None:
        wire, name, changes = recorded(recording)
        return [await _measure(wire, name, changes)]
    return [await _measure(seeded(changes), "seeded", changes, Decimal("0.01")) for changes in CHANGES]


def live(loop_factory: Any, recording: str | None = None) -> list[LiveResult]:
    """Measure the frames of ``bench frame`` as they are received. Raises ``ConfigError`` for an unusable recording."""
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        return runner.run(_all(recording))
