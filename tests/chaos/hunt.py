"""Hunts every mutant and prints a table: the promise, the mutant, the seeds until it was noticed. ``make chaos`` calls
it."""

from __future__ import annotations

import argparse
import sys

from arbkit.app.chaos import subject
from arbkit.testing.chaos.mutants import MUTANTS, hunt


def main() -> int:
    """Returns 1 if a mutant was not noticed although it should be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=100, help="seeds of each")
    parser.add_argument("--only", default="", help="mutants whose name contains this")
    args = parser.parse_args()
    tested = subject()
    missed = 0
    print("| Promise | Safeguard that is off | Seeds | What the judge said |\n|---|---|---|---|")
    for mutant in MUTANTS:
        if args.only in mutant.name:
            caught = hunt(mutant, tested, most=3 if mutant.unseen else args.most)
            missed += not caught.seeds and not mutant.unseen
            seeds = str(caught.seeds) if caught.seeds else "not noticed"
            print(f"| {mutant.promise} | {mutant.name} | {seeds} | {caught.said[:140]} |", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
