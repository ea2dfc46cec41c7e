"""What the history costs the way from tick to order: the benchmark with it and without, in turns.

`make history` runs it. It prints the median of each run and compares the smallest ones: on a busy machine only those
say something. It ends with 1 if the history makes it more than a tenth slower.
"""

from __future__ import annotations

import argparse
import sys

import uvloop

from arbkit.bench.ticks import tick_to_order

BOUND = 1.1
LEAST = 30
"""A run with fewer deals says nothing: the machine is so busy that the books are stale."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=15.0)
    given = parser.parse_args()
    medians: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(given.runs):
        for history, word in ((False, "off"), (True, "on ")):
            (result,) = tick_to_order(uvloop.new_event_loop, given.seconds, history=history)
            if result.deals >= LEAST:
                medians[history].append(result.p50_us)
            print(f"history {word} p50 {result.p50_us:6.0f} us, {result.deals} deals", flush=True)
    if not all(medians.values()):
        print("the machine is too busy: no run made enough deals")
        return 1
    off, on = min(medians[False]), min(medians[True])
    best = f"{off:.0f} us without, {on:.0f} us with the history: {on / off:.2f} times"
    print(f"tick to order, p50, smallest of {given.runs}: {best}")
    return 0 if on <= BOUND * off else 1


if __name__ == "__main__":
    sys.exit(main())
