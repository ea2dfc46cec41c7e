"""Runs a benchmark and prints its results. ``arbkit bench`` calls ``run``."""

from __future__ import annotations

import json
import platform
import sys
from asyncio import AbstractEventLoop
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from arbkit.bench.compare import add_python
from arbkit.core.market.speed import USED

__all__ = ["machine", "run"]


def run(
    name: str,
    *,
    loop_factory: Callable[[], AbstractEventLoop],
    frames: str | None = None,
    live: bool = False,
    as_json: bool = False,
) -> int:
    """Run the benchmark ``name`` and print the results. Returns the exit code."""
    results: Sequence[Any]
    if name == "frame" and live:
        from arbkit.bench.live import live as received

        results = received(loop_factory, frames)
    elif name == "frame":
        from arbkit.bench.frame import frame

        results = frame(frames)
    elif name == "scale":
        from arbkit.bench.scale import scale

        results = scale()
    elif name == "order":
        from arbkit.bench.order import order

        results = order()
    elif name == "saturate":
        from arbkit.bench.saturate import saturate

        results = saturate(loop_factory)
    elif name == "peers":
        from arbkit.bench.peers import peers

        results = peers(frames)
    elif name == "floats":
        from arbkit.bench.floats import floats

        results = floats()
    else:
        from arbkit.bench.ticks import tick_to_order

        results = tick_to_order(loop_factory)
    rows: list[dict[str, Any]] = [msgspec.to_builtins(result) for result in results]
    if name == "frame":
        add_python(rows, frames, live=live)
    if as_json:
        print(json.dumps({"machine": machine(), "results": rows}))  # noqa: T201 - this is what the command is for
    else:
        _show(name, rows)
    return 0


def machine() -> dict[str, str]:
    """The Python version, the machine and the code of the books of the measurement."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "books": USED,
    }


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"


def _shown(value: object) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def _show(name: str, rows: Sequence[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"arbkit bench {name} (order books: {USED})", box=None, title_justify="left")
    for key in rows[0]:
        table.add_column(key)
    for row in rows:
        table.add_row(*(_shown(value) for value in row.values()))
    Console(width=None if sys.stdout.isatty() else 160).print(table)
