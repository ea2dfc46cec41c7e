"""What the ``facts.py`` of venues have in common: parts of tellers and wires (``tests/venues/conftest.py``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from arbkit.core.types import HttpRequest
from arbkit.testing.tapeserver import TrueTop

WRITTEN = ("other zeros", "numbers", "exponents", "absent deletes")
"""Quirks of how levels are written."""
ORDER = ("gap", "reordered", "repeated")
"""Quirks of which frames come, and in which order."""
STARTS = ("early deltas", "late snapshot")
"""Quirks of a book that begins with a snapshot on the socket."""


def texts(levels: Sequence[tuple[float, float]], count: int | None = None, *more: str) -> list[list[str]]:
    """Levels as ``[["price", "size"], ..]``. ``more``: texts at the end of each."""
    return [[repr(px), repr(qty), *more] for px, qty in levels[:count]]


class SocketTeller:
    """A teller whose snapshots come on the socket."""

    def http(self, request: HttpRequest, truths: Mapping[str, TrueTop]) -> bytes | None:
        return None


class Wire:
    """The usual wire: a snapshot follows a subscription, then changes whose numbers count updates."""

    options: dict[str, str] = {}
    replayed = False
    style = "plain"
    zero = "0"
    counts = "updates"
    kind = "socket"

    def asked(self, text: str) -> Sequence[Any]:
        return ()
