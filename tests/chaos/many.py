"""``make chaos``: many seeds, then each safeguard switched off, with the figures of both."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from arbkit.testing import chaos
from arbkit.testing.chaos.runner import KINDS
from conftest import PLANS, SUBJECT, SWITCHES, Off


def main() -> int:
    """Returns 1 if an invariant broke, a fault never fired, or a switch was not noticed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=60.0, help="virtual seconds a seed")
    parser.add_argument("--profile", choices=("swarm", "calm", "rough"), default="swarm")
    parser.add_argument("--switches", action="store_true", help="switch safeguards off, too")
    parser.add_argument("--only", choices=sorted(SWITCHES), default="", help="switch off this one, nothing else")
    args = parser.parse_args()
    bad = 0 if args.only else seeds(args.first, args.seeds, args.seconds, args.profile)
    if args.switches or args.only:
        bad += switches(args.seeds, args.seconds, args.only)
    return 1 if bad else 0


def seeds(first: int, count: int, seconds: float, profile: str) -> int:
    plan = {"swarm": None, "calm": (), "rough": chaos.ROUGH}[profile]
    fired: Counter[str] = Counter()
    paths: Counter[str] = Counter()
    deals: Counter[str] = Counter()
    bad = orders = frames = flat = 0
    finish = slowest = 0.0
    began = time.process_time()
    for seed in range(first, first + count):
        seed_began = time.process_time()
        report = chaos.run(SUBJECT, seed, seconds, faults=plan)
        slowest = max(slowest, time.process_time() - seed_began)
        if report.broken:
            bad += 1
            print(report, flush=True)
        fired += report.fired
        paths += report.paths
        deals += report.deals
        orders += report.orders
        frames += report.frames
        flat += report.flat_in_time
        finish = max(finish, report.finish_s)
    total = deals.total()
    print(f"{count} seeds from {first}, {count * seconds / 3600:.2f} virtual hours ({profile}): {bad} broken")
    print(f"faults: {', '.join(f'{kind} {n}' for kind, n in sorted(fired.items())) or 'none'}")
    print(f"paths: {', '.join(f'{path} {n}' for path, n in sorted(paths.items()))}")
    print(
        f"{total} deals ({', '.join(f'{n} {name}' for name, n in sorted(deals.items()))}), {orders} orders, "
        f"{frames} frames; flat within 2 s: {flat / max(total, 1):.2%}"
    )
    print(
        f"slowest end {finish:.1f} virtual s after the stop; {time.process_time() - began:.0f} s of CPU, "
        f"{slowest:.1f} s for the slowest seed",
        flush=True,
    )
    silent = set(KINDS) - set(fired) if profile == "swarm" else set()
    if silent:
        print(f"never fired: {', '.join(sorted(silent))}")
    return bad + len(silent)


def switches(most: int, seconds: float, only: str) -> int:
    missed = 0
    for name in [only] if only else SWITCHES:
        said = ""
        began = time.process_time()
        with Off(name):
            for seed in range(most):
                try:
                    report = chaos.run(SUBJECT, seed, seconds, faults=PLANS.get(name))
                    said = report.broken[0] if report.broken else ""
                except Exception as error:  # a desk without a safeguard may raise: noticed
                    said = repr(error)
                if said:
                    break
        missed += not said
        took = f"{time.process_time() - began:.0f} s"
        print(f"off: {name}: {f'seed {seed}, {took}: {said[:160]}' if said else f'NOT NOTICED, {took}'}", flush=True)
    return missed


if __name__ == "__main__":
    sys.exit(main())
