"""``arbkit bench floats``: decoding numbers in JSON strings to floats, in several ways."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from random import Random

import msgspec
from msgspec import Struct

from arbkit.core.runtime.clock import Clock
from arbkit.core.types import Level

__all__ = ["FloatResult", "floats"]

perf_ns = Clock().perf_ns


class FloatResult(Struct, kw_only=True):
    """One way of decoding."""

    way: str
    us: float
    """Microseconds for a frame of 40 levels, the best of several rounds."""
    ratio: float
    """Speed relative to json + float()."""


def floats() -> list[FloatResult]:
    """Measure typed decoding and the usual ways on one frame of 40 levels."""
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
        began = perf_ns()
        for _ in range(loops):
            call()
        best = min(best, (perf_ns() - began) / loops / 1000)
    return best
