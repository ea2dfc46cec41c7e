"""A long run of all venues over loopback, and what it costs: memory and its slope, reconnects, deals, ledgers.

``make soak`` calls it (MINUTES=20). It runs ``arbkit demo`` in a process of its own, looks at the memory of the desk's
process every few seconds, and fits a line through what it sees after the first quarter, when caches and books are full.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
from pathlib import Path
from statistics import linear_regression
from typing import Any

EVERY_S = 2.0
PAGE = 4096
WARM = 0.25
"""The share of the run in which memory may grow."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--venues", default="all")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    command = [sys.executable, "-m", "arbkit", "demo", "--json", "--venues", chosen.venues]
    command += ["--seed", str(chosen.seed), "--seconds", str(chosen.minutes * 60)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as desk:
        seen: list[tuple[float, float]] = []
        over = threading.Event()
        looking = threading.Thread(target=_look, args=(desk.pid, seen, over))
        looking.start()
        told, _ = desk.communicate()
        over.set()
        looking.join()
    found: dict[str, Any] = json.loads(told)
    del found["idle"], found["skipped"]  # by pair: long
    warm = seen[int(len(seen) * WARM) :]
    slope = linear_regression([at for at, _ in warm], [size for _, size in warm]).slope if len(warm) > 2 else 0.0
    found["soak"] = {
        "minutes": chosen.minutes,
        "exit": desk.returncode,
        "megabytes": round(seen[-1][1], 1) if seen else 0,
        "most_megabytes": round(max(size for _, size in seen), 1) if seen else 0,
        "megabytes_per_hour": round(slope * 3600, 2),
    }
    print(json.dumps(found, indent=2))
    return desk.returncode


def _look(pid: int, seen: list[tuple[float, float]], over: threading.Event) -> None:
    """(seconds, megabytes in memory), until the run is over."""
    at = 0.0
    while not over.wait(EVERY_S):
        at += EVERY_S
        try:
            pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        except (OSError, IndexError):
            return
        seen.append((at, pages * PAGE / 2**20))


if __name__ == "__main__":
    sys.exit(main())
