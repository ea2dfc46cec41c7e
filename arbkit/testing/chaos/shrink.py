"""Shrinks the plan of a failing run: fewer faults, fewer venues, less time, as long as the same judge complains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from msgspec.structs import replace

from arbkit.testing.chaos.plan import ChaosPlan
from arbkit.testing.chaos.report import SeedReport

__all__ = ["shrink"]

_T = TypeVar("_T")


def shrink(plan: ChaosPlan, judge: str, played: Callable[[ChaosPlan], SeedReport], *, most: int = 40) -> ChaosPlan:
    """The smallest plan found in ``most`` runs that still has a violation of ``judge``. ``played`` plays a plan."""
    left = most

    def fails(smaller: ChaosPlan) -> bool:
        nonlocal left
        left -= 1
        return left >= 0 and any(one.judge == judge for one in played(smaller).violations)

    for seconds in (plan.seconds / 4, plan.seconds / 2):
        if fails(shorter := replace(plan, seconds=round(seconds, 3))):
            plan = shorter
            break
    plan = replace(plan, upsets=_fewer(plan.upsets, lambda rest: fails(replace(plan, upsets=rest))))
    plan = replace(plan, faults=_fewer(plan.faults, lambda rest: fails(replace(plan, faults=rest))))
    for venue in plan.venues if len(plan.venues) > 2 else ():
        rest = [one for one in plan.venues if one != venue]
        smaller = replace(plan, venues=rest, faults=[fault for fault in plan.faults if fault.venue in ("", *rest)])
        if len(rest) >= 2 and fails(smaller):
            plan = smaller
    return plan


def _fewer(items: Sequence[_T], fails: Callable[[Sequence[_T]], bool]) -> Sequence[_T]:
    """Remove halves, then quarters, then single items, while it still fails."""
    size = len(items)
    while size:
        size = (size + 1) // 2 if size > 1 else 0
        at = 0
        while size and at < len(items):
            rest = [*items[:at], *items[at + size :]]
            if fails(rest):
                items = rest
            else:
                at += size
        if size == 1:
            break
    return items
