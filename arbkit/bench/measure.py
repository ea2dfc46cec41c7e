"""How the benchmarks measure: rounds of all ways in turn, the best round of each, and a loop of plain Python beside it.

A busy machine makes figures larger, never smaller: the best of several rounds says most about the code. The rounds are
interleaved, so that a slow minute hits all ways alike. ``Calibration`` times a fixed loop in each round: figures of two
machines, or of two days, compare by their ratio to it.
"""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable, Mapping, Sequence

from arbkit.core.runtime.clock import Clock

__all__ = ["ROUNDS", "Sample", "calibration_ns", "rounds"]

ROUNDS = 5
LOOPS = 2_000

perf_ns = Clock().perf_ns


class Sample:
    """The durations of one way: the best round's median, mean and 99th percentile, in microseconds."""

    def __init__(self) -> None:
        self.median_us = self.mean_us = self.p99_us = float("inf")
        self.count = 0

    def add(self, took: Sequence[int]) -> None:
        """One round, in ns."""
        ordered = sorted(took)
        self.median_us = min(self.median_us, round(statistics.median(ordered) / 1000, 3))
        self.mean_us = min(self.mean_us, round(statistics.fmean(ordered) / 1000, 3))
        self.p99_us = min(self.p99_us, round(ordered[int(len(ordered) * 0.99)] / 1000, 3))
        self.count += len(ordered)


def calibration_ns() -> int:
    """A fixed loop of plain Python: calls, a dict and floats, as in the hot path. About 0.2 ms."""
    seen: dict[float, float] = {}

    def put(key: float, size: float) -> float:
        seen[key] = size
        return seen.get(key - 1.0, 0.0)

    began = perf_ns()
    total = 0.0
    for number in range(LOOPS):
        total += put(float(number & 255), total)
    return perf_ns() - began


def rounds(ways: Mapping[str, Callable[[], Sequence[int]]], count: int = ROUNDS) -> tuple[dict[str, Sample], float]:
    """Run each way once a round, ``count`` rounds. Each returns the durations of its steps in ns. Returns the samples,
    and the best time of the calibration loop in microseconds."""
    samples = {name: Sample() for name in ways}
    calibration = float("inf")
    for _ in range(count):
        for name, way in ways.items():
            gc.collect()
            gc.freeze()
            gc.disable()
            try:
                calibration = min(calibration, calibration_ns() / 1000)
                samples[name].add(way())
            finally:
                gc.enable()
                gc.unfreeze()
    return samples, round(calibration, 1)
