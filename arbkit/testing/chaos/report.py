"""The result of a seed, and the sum of many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec import Struct, field

from arbkit.sim.faults import Fault
from arbkit.testing.chaos.plan import ChaosPlan

__all__ = ["SeedReport", "Violation", "summed"]

_FLAT_MS = 2_000


class Violation(Struct, frozen=True):
    """One broken promise."""

    judge: str
    """The name of the judge, a key of ``judges.JUDGES``."""
    text: str


class SeedReport(Struct, kw_only=True):
    """The result of one seed's run."""

    plan: ChaosPlan
    violations: list[Violation] = field(default_factory=list)
    """Empty = the run is good."""
    fired: dict[str, int] = field(default_factory=Counter)
    """Number of fired faults and upsets, by kind."""
    paths: dict[str, int] = field(default_factory=Counter)
    """Number of recovery paths that were taken, by name."""
    deals: dict[str, int] = field(default_factory=Counter)
    """Number of closed deals, by outcome."""
    times_ms: list[float] = field(default_factory=list)
    """Duration of each deal that ended without exposure, from its first order to its end."""
    orders: int = 0
    """Number of sent orders."""
    frames: int = 0
    edge: float = 0.0
    """What the orders gained by the venues' ledgers, in the reporting asset, at the prices of the end."""
    finish_s: float = 0.0
    """Seconds from the stop until nothing was open."""
    commands_hash: str = ""
    """Of the commands of the last process."""
    cpu_s: float = 0.0
    """Set by who measures it."""

    @property
    def seed(self) -> int:
        return self.plan.seed

    @property
    def seconds(self) -> float:
        return self.plan.seconds

    @property
    def venues(self) -> Sequence[str]:
        return self.plan.venues

    @property
    def faults(self) -> Sequence[Fault]:
        return self.plan.faults

    @property
    def broken(self) -> list[str]:
        """The violations as text."""
        return [f"{one.judge}: {one.text}" for one in self.violations]

    @property
    def flat_in_time(self) -> int:
        """Number of deals that ended without exposure within 2 s of their first order."""
        return sum(ms <= _FLAT_MS for ms in self.times_ms)

    @property
    def command(self) -> str:
        """What plays this seed again."""
        return f"arbkit chaos --plan '{self.plan}'"

    def __str__(self) -> str:
        head = f"seed {self.seed} ({self.plan.profile}), {self.seconds:g} s, {', '.join(self.venues)}"
        if not self.violations:
            return f"{head}: good"
        lines = "\n".join(f"  {text}" for text in self.broken)
        return f"{head}: BROKEN\n{lines}\n  {self.command}"


def summed(reports: Iterable[SeedReport]) -> dict[str, Any]:
    """The line that ends many seeds: plain data."""
    fired: Counter[str] = Counter()
    deals: Counter[str] = Counter()
    violations: list[dict[str, Any]] = []
    seeds = frames = intents = flat = 0
    edge = cpu_s = 0.0
    for report in reports:
        seeds += 1
        fired.update(report.fired)
        deals.update(report.deals)
        frames += report.frames
        intents += report.orders
        flat += report.flat_in_time
        edge += report.edge
        cpu_s += report.cpu_s
        violations += [
            {"seed": report.seed, "profile": report.plan.profile, **msgspec.to_builtins(one)}
            for one in report.violations
        ]
    return {
        "seeds": seeds,
        "violations": sorted(violations, key=lambda one: (one["seed"], one["judge"])),
        "faults": dict(sorted(fired.items())),
        "deals": dict(sorted(deals.items())),
        "flat_in_2s": round(flat / max(1, deals.total()), 4),
        "frames": frames,
        "intents": intents,
        "captured_edge": round(edge, 2),
        "cpu_us_per_frame": round(cpu_s * 1e6 / max(1, frames), 1),
    }
