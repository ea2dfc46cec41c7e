"""Keeps what a terminal shows of a run: the newest picture and the last lines. A face draws it, the control port tells
it to ``arbkit top``."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from arbkit.monitor.picture import Glimpse, Picture, Shown
from arbkit.monitor.words import Words

if TYPE_CHECKING:
    from arbkit.monitor.face import Face

__all__ = ["Board"]

_KEPT = 300


class Board:
    """``__call__`` runs on the log's thread, the rest on the loop's. ``face``: the terminal of this process, if it has
    one."""

    def __init__(self, face: Face | None = None) -> None:
        self.picture: Picture | None = None
        self._face = face
        self._words = Words()
        self._lines: deque[tuple[int, Shown]] = deque(maxlen=_KEPT)
        self._next = 1

    def __call__(self, at_ns: int, event: str, fields: dict[str, Any]) -> None:
        """One log event, its fields struck."""
        for told in self._words(at_ns, event, fields):
            self._lines.append((self._next, told))
            self._next += 1
            if self._face is not None:
                self._face.add(told)

    def show(self, picture: Picture) -> None:
        """A new picture."""
        self.picture = picture
        if self._face is not None:
            self._face.show(picture)

    def watched(self, after: int) -> Glimpse:
        """The picture, and the lines from number ``after`` on that are still kept."""
        lines = self.lines()
        last = lines[-1][0] if lines else 0
        return Glimpse(self.picture, [told for number, told in lines if number >= after], last + 1)

    def lines(self) -> list[tuple[int, Shown]]:
        """Those that are still kept, with their numbers."""
        return list(self._lines)
