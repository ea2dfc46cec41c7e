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

    judge: str
    weather: Sequence[str]
    """It needs one of these kinds."""
    reason: str


KNOWN: Final[tuple[Known, ...]] = ()


def known(plan: ChaosPlan, judge: str) -> str:
    """The reason why this violation is expected under the weather of a plan; "" = it is new."""
    return next((row.reason for row in KNOWN if row.judge == judge and set(row.weather) & set(plan.kinds)), "")
