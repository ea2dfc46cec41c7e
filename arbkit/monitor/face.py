"""Shows a run on a terminal: lines that scroll, and a header that stays below them. In a pipe and on a terminal that
can do nothing ("dumb"), only lines.

A thread of its own writes. A terminal that is stopped (Ctrl-S), slow or closed costs lines, never time of the desk.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from queue import Empty, SimpleQueue
from typing import TextIO

from rich.cells import cell_len

from arbkit.monitor.header import Part, folded, header, indent, lines
from arbkit.monitor.picture import Picture, Shown
from arbkit.monitor.words import amounts, clock, hours, net_of

__all__ = ["STYLES", "Face", "coloured"]

TICK_S = 1.0
ALIVE_NS = 60_000_000_000
"""Without a header, a line says so often that the run lives."""
_MOST = 2_000
"""Lines that wait for a slow terminal."""
_LEAST = (40, 10)
"""Columns and rows below which there is no header."""
STYLES = {
    "deal": "green",
    "fault": "yellow",
    "healed": "cyan",
    "alarm": "bold red",
    "rule": "bold",
    "loss": "red",
}
"""Colours by ``Shown.kind``, as rich names them."""
_CODES = {"bold": "1", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


class Face:
    """``now_ns`` is the clock of the run. ``size``: columns and rows of the terminal now."""

    def __init__(
        self,
        stream: TextIO,
        now_ns: Callable[[], int],
        *,
        env: Mapping[str, str] | None = None,
        size: Callable[[], tuple[int, int]] | None = None,
        tick_s: float = TICK_S,
    ) -> None:
        env = os.environ if env is None else env
        self._fd = stream.fileno()
        self._encoding = stream.encoding or "utf-8"
        self.live = stream.isatty() and env.get("TERM", "dumb") != "dumb"
        self._colour = coloured(stream, env)
        self._now_ns = now_ns
        self._size: Callable[[], tuple[int, int]] = size or (lambda: os.get_terminal_size(self._fd))
        self._tick_s = tick_s
        self._queue: SimpleQueue[Shown | str | None] = SimpleQueue()
        self._picture: Picture | None = None
        self._drawn: list[Part] = []
        """The header on the screen."""
        self._alive_ns = now_ns()
        self.lost = 0
        """Lines that were not shown: the terminal was too slow, or is gone."""
        self._gone = False
        self._thread = threading.Thread(target=self._run, name="arbkit-face", daemon=True)
        self._thread.start()

    def add(self, told: Shown | str) -> None:
        """One more line, or a text of several. Any thread; never waits."""
        if self._queue.qsize() >= _MOST:
            self.lost += 1
        else:
            self._queue.put(told)

    def show(self, picture: Picture) -> None:
        """The state for the header. Any thread; never waits."""
        self._picture = picture

    def close(self) -> None:
        """Write what waits, for at most 2 s, and take the header away."""
        self._queue.put(None)
        self._thread.join(2.0)

    def _run(self) -> None:
        going = True
        while going:
            batch: list[Shown | str] = []
            try:
                item = self._queue.get(timeout=self._tick_s)
                while item is not None:
                    batch.append(item)
                    item = self._queue.get_nowait()
                going = False
            except Empty:
                pass
            try:
                self._draw(batch, header_too=going)
            except OSError:
                self._gone = True
            if self._gone:
                self.lost += len(batch)

    def _draw(self, batch: list[Shown | str], *, header_too: bool) -> None:
        """One write: the old header away, the lines, the new header."""
        if self._gone:
            return
        columns, rows = self._where()
        now_ns = self._now_ns()
        parts: list[Part] = []
        for item in batch:
            parts += self._lines(item, columns)
        if not self.live:
            parts += self._alive(now_ns)
        shown: list[Part] = []
        if self.live and header_too and self._picture is not None and columns >= _LEAST[0] and rows >= _LEAST[1]:
            shown = header(self._picture, now_ns, columns, rows // 2)
        if parts or shown != self._drawn:
            away, self._drawn = self._away(columns), shown
            self._write(away + "".join(self._styled(*part) + "\n" for part in [*parts, *shown]))

    def _where(self) -> tuple[int, int]:
        if not self.live:
            return 0, 0
        try:
            columns, rows = self._size()
        except OSError:
            return 80, 24
        return columns or 80, rows or 24  # a terminal that does not know its size says 0

    def _lines(self, item: Shown | str, columns: int) -> list[Part]:
        if isinstance(item, str):
            return [("note", part) for text in item.split("\n") for part in folded(text, columns, indent(text))]
        kind = item.kind
        if item.deal is not None and amounts(net_of(item.deal), most=1).startswith("-"):
            kind = "loss"
        return [(kind, part) for part in lines(item, columns)]

    def _alive(self, now_ns: int) -> list[Part]:
        picture = self._picture
        if picture is None or now_ns < self._alive_ns + ALIVE_NS:
            return []
        self._alive_ns = now_ns
        marked = "not known" if picture.marked is None else amounts({picture.asset: picture.marked})
        text = f"{clock(now_ns)} {picture.kind} {picture.mode}, up {hours(now_ns - picture.began_ns)}: "
        return [("note", f"{text}{sum(picture.deals.values())} deals, gain {marked}")]

    def _away(self, columns: int) -> str:
        """Erases the header. A terminal that became narrower has broken its lines."""
        if not self._drawn:
            return ""
        up = sum(max(-(-cell_len(text) // max(columns, 1)), 1) for _, text in self._drawn)
        return f"\r\x1b[{up}A\x1b[J"

    def _styled(self, kind: str, text: str) -> str:
        style = STYLES.get(kind, "") if self._colour else ""
        codes = ";".join(_CODES[word] for word in style.split())
        return f"\x1b[{codes}m{text}\x1b[0m" if codes else text

    def _write(self, text: str) -> None:
        """By the descriptor: a stream's lock would be held while the terminal is stopped, also at exit."""
        data = text.encode(self._encoding, "backslashreplace")
        while data:
            data = data[os.write(self._fd, data) :]


def coloured(stream: TextIO, env: Mapping[str, str] | None = None) -> bool:
    """Whether colours may be used: a terminal that knows them, and no NO_COLOR."""
    env = os.environ if env is None else env
    return stream.isatty() and env.get("TERM", "dumb") != "dumb" and not env.get("NO_COLOR")
