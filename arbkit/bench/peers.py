"""``arbkit bench peers``: the same book frames through arbkit, cryptofeed and ccxt.pro, in the same run.

Each way is a process of its own with the same Python (``bench.peer``). All of them read the frames once in each round,
one after the other, and must end with the same best prices. ``make peers`` makes an environment that has them all.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from importlib.util import find_spec
from typing import IO, Self

import msgspec
from msgspec import Struct

from arbkit.bench.measure import ROUNDS, Sample
from arbkit.bench.peer import PeerRound, PeerSource, sources
from arbkit.core.errors import ConfigError
from arbkit.core.market.speed import speed

__all__ = ["PeerResult", "peers"]

PEERS = {"cryptofeed": "cryptofeed", "ccxt.pro": "ccxt"}
"""Their packages."""


class PeerResult(Struct, kw_only=True):
    """One way on one source. Times are microseconds per frame, the best of the rounds."""

    what: str
    source: str
    changes: float
    """Changed levels in the median frame."""
    median_us: float
    mean_us: float
    p99_us: float
    faster: float
    """The better peer's median divided by ``median_us``."""
    faster_p99: float
    """The same of the 99th percentiles."""
    frames: int
    calibration_us: float


def peers(recording: str | None = None) -> list[PeerResult]:
    """Measure generated frames of 2, 10 and 40 changes, and the recording. Raises ``ConfigError`` where no peer is
    installed, or for an unusable recording."""
    found = [name for name, package in PEERS.items() if find_spec(package) is not None]
    if not found:
        raise ConfigError(
            "there is nothing to compare with: make peers makes an environment with cryptofeed and ccxt, "
            "and runs this in it"
        )
    if missing := PEERS.keys() - set(found):
        print(f"not installed, so not compared: {', '.join(missing)}", file=sys.stderr)  # noqa: T201 - for the user
    ways: dict[str, tuple[str, dict[str, str]]] = {}
    if speed is not None:
        ways["arbkit with arbkit-speed"] = "arbkit", {}
    ways["arbkit"] = "arbkit", {"ARBKIT_SPEED": "off"}
    ways |= {name: (name, {}) for name in found}
    made = sources(recording)
    with ExitStack() as stack:
        started = {name: stack.enter_context(_Process(*way, recording)) for name, way in ways.items()}
        return [row for number, source in enumerate(made) for row in _compare(number, source, started)]


def _compare(number: int, source: PeerSource, ways: Mapping[str, _Process]) -> list[PeerResult]:
    samples = {name: Sample() for name in ways}
    ends, calibration = set(), float("inf")
    for _ in range(ROUNDS):
        for name, way in ways.items():
            one = way.round(number)
            samples[name].add(one.took)
            ends.add((one.bid, one.ask))
            calibration = min(calibration, one.calibration_us)
    if len(ends) != 1:
        raise AssertionError(f"{source.name}: the best prices at the end differ: {ends}")
    best = {name: sample for name, sample in samples.items() if name in PEERS}
    median = min(sample.median_us for sample in best.values())
    p99 = min(sample.p99_us for sample in best.values())
    return [
        PeerResult(
            what=name,
            source=source.name,
            changes=source.changes,
            median_us=sample.median_us,
            mean_us=sample.mean_us,
            p99_us=sample.p99_us,
            faster=round(median / sample.median_us, 2),
            faster_p99=round(p99 / sample.p99_us, 2),
            frames=sample.count,
            calibration_us=round(calibration, 1),
        )
        for name, sample in samples.items()
    ]


class _Process:
    """One way, waiting for its rounds."""

    def __init__(self, way: str, env: Mapping[str, str], recording: str | None) -> None:
        self.way = way
        self._process = subprocess.Popen(  # noqa: S603 - ourselves
            [sys.executable, "-m", "arbkit.bench.peer", way, recording or ""],
            env=os.environ | dict(env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        self._line()
        return self

    def __exit__(self, *raised: object) -> None:
        self._in.close()
        self._process.terminate()
        self._process.wait()

    @property
    def _in(self) -> IO[str]:
        assert self._process.stdin is not None
        return self._process.stdin

    def _line(self) -> str:
        assert self._process.stdout is not None
        if not (line := self._process.stdout.readline()):
            raise ConfigError(f"{self.way} cannot be measured; what it wrote is above")
        return line

    def round(self, number: int) -> PeerRound:
        """Read all frames of a source once."""
        print(number, file=self._in, flush=True)
        return msgspec.json.decode(self._line(), type=PeerRound)
