"""The same benchmark without arbkit-speed, in a process of its own: what the compiled code saves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from arbkit.core.market.speed import speed

__all__ = ["add_python"]


def add_python(rows: list[dict[str, Any]], frames: str | None, *, live: bool) -> None:
    """Add ``python_us`` (the median without arbkit-speed) and ``faster`` (how many times the compiled code is) to the
    rows of ``bench frame``. Nothing where arbkit-speed is not in use, or where the other process fails."""
    if speed is None:
        return
    more = ([] if frames is None else ["--frames", frames]) + ["--live"] * live
    done = subprocess.run(  # noqa: S603 - ourselves
        [sys.executable, "-m", "arbkit", "bench", "frame", "--json", *more],
        env=os.environ | {"ARBKIT_SPEED": "off"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return
    for row, other in zip(rows, json.loads(done.stdout)["results"], strict=True):
        row["python_us"] = other["median_us"]
        row["faster"] = round(other["median_us"] / row["median_us"], 2)
