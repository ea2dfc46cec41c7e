"""Benchmarks: each figure beside the usual way of doing the same, measured in the same run on the same frames."""

from __future__ import annotations

import json
import platform
import sys
from asyncio import AbstractEventLoop
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import msgspec
from msgspec import Struct

from arbkit.core.runtime.clock import Clock
from arbkit.core.types import (
    Level,
)

__all__ = ["machine", "run"]

perf_ns = Clock().perf_ns


def run(
    name: str, *, loop_factory: Callable[[], AbstractEventLoop], frames: str | None = None, as_json: bool = False
) -> int:
    """``arbkit bench NAME``: print the results; the exit code."""
    if name == "frame":
        from arbkit.bench_frame import frame

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
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
    }


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

    table = Table(title=f"arbkit bench {name}", box=None, title_justify="left")
    for key in rows[0]:
        table.add_column(key)
    for row in rows:
        table.add_row(*(f"{value:.4g}" if isinstance(value, float) else str(value) for value in row.values()))
    Console(width=None if sys.stdout.isatty() else 160).print(table)


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
        began = perf_ns()
        for _ in range(loops):
            call()
        best = min(best, (perf_ns() - began) / loops / 1000)
    return best
