"""What a look found."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

__all__ = ["CREDENTIALS", "SETUP", "VENUE", "Finding", "bad", "exit_code", "good", "poor"]

SETUP, CREDENTIALS, VENUE = 2, 3, 4
"""Exit codes of what is wrong."""


class Finding(Struct, frozen=True, kw_only=True):
    """One fact. ``remedy``: what to do about it, for a warning or a failure."""

    area: str
    """What was looked at: ``clock``, ``keys``."""
    level: Literal["ok", "warning", "failure"]
    text: str
    remedy: str = ""
    code: int = 0
    """The exit code of a failure."""


def good(area: str, text: str) -> Finding:
    return Finding(area=area, level="ok", text=text)


def poor(area: str, text: str, remedy: str) -> Finding:
    """A run works, but somebody should look."""
    return Finding(area=area, level="warning", text=text, remedy=remedy)


def bad(area: str, text: str, remedy: str, code: int = SETUP) -> Finding:
    """A run does not start, or cannot trade."""
    return Finding(area=area, level="failure", text=text, remedy=remedy, code=code)


def exit_code(findings: Iterable[Finding]) -> int:
    """That of the first kind that is wrong: the set-up, then keys, then venues; 0 = no failure."""
    return min((one.code for one in findings if one.code), default=0)
