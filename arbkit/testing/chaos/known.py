"""Violations that are known: what the desk cannot do yet, by judge and weather. A test plays an example of each, and
fails when one is repaired, so that its row is removed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from arbkit.testing.chaos.plan import ChaosPlan

__all__ = ["KNOWN", "Known", "known"]


class Known(Struct, frozen=True, kw_only=True):
    """One kind of violation."""

    judges: Sequence[str]
    """These judges may complain."""
    weather: Sequence[str]
    """One of these kinds is needed."""
    reason: str
    seed: int
    """An example: a storm of 60 s with only ``kinds``, or with only ``weather``."""
    kinds: Sequence[str] = ()


KNOWN: Final[tuple[Known, ...]] = (
    Known(
        judges=("unproved", "open", "deals", "left_alone", "naked", "told", "fills", "carried"),
        weather=("delist",),
        reason="a venue answers no question about a symbol that it has removed, so an order that was open then is "
        "never proved, and its deal never ends",
        seed=2,
        kinds=("lose_request", "delist"),
    ),
    Known(
        judges=("machinery",),
        weather=("delist",),
        reason="SpreadArb refuses a symbol that fewer than two venues list: a process that starts after a symbol was "
        "delisted ends with ConfigError, and proves nothing of what is open until the symbol is taken out",
        seed=0,
        kinds=("delist", "crash"),
    ),
    Known(
        judges=("fills", "deals", "left_alone", "naked", "marked", "carried"),
        weather=("disk_dead",),
        reason="hedges that left while no record could be written are unknown to the next process, and a held deal is "
        "forgotten",
        seed=0,
        kinds=("disk_dead", "lose_request", "crash"),
    ),
)


def known(plan: ChaosPlan, judge: str) -> str:
    """The reason why this violation is expected under the weather of a plan; "" = it is new."""
    return next((row.reason for row in KNOWN if judge in row.judges and set(row.weather) & set(plan.kinds)), "")
