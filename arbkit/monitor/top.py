"""``arbkit top``: the state and the lines of a run elsewhere. The only module that needs textual."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.events import Resize
from textual.widgets import RichLog, Static

from arbkit.core.errors import ArbkitError
from arbkit.monitor.face import STYLES
from arbkit.monitor.header import header
from arbkit.monitor.header import lines as written
from arbkit.monitor.picture import Glimpse, Shown
from arbkit.monitor.redactor import safe

__all__ = ["Top"]

EVERY_S = 1.0


class Top(App[None]):
    """``ask(number)`` returns the picture and the lines from that number on; it may take seconds, and raises
    ``ArbkitError`` if nobody answers. ``first``: what it said first."""

    CSS = "#state { height: auto; } #lines { height: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = [("q", "quit", "Quit"), ("ctrl+c", "quit", "Quit")]
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, ask: Callable[[int], Glimpse], *, first: Glimpse, every_s: float = EVERY_S) -> None:
        super().__init__(ansi_color=True)
        self._ask = ask
        self._watched = first
        self._told: list[Shown] = []
        self._every_s = every_s
        self._trouble = ""
        self._width = 79

    def compose(self) -> ComposeResult:
        yield Static(id="state", markup=False)
        yield RichLog(id="lines", wrap=False, max_lines=2_000, min_width=0)

    def on_mount(self) -> None:
        self._show(self._watched)
        self.run_worker(self._watch())

    def on_resize(self, event: Resize) -> None:
        """Lines are written to the width of the screen."""
        self._width = max(event.size.width - 1, 20)
        lines = self.query_one("#lines", RichLog)
        lines.clear()
        for told in self._told[-500:]:
            self._line(lines, told)
        self._state()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._every_s)
            try:
                watched = await asyncio.to_thread(self._ask, self._watched.next)
                self._trouble = ""
                if watched.next < self._watched.next:  # another run began, and counts from 1
                    watched = await asyncio.to_thread(self._ask, 0)
                self._show(watched)
            except ArbkitError as error:
                self._trouble = str(error)
                self._state()

    def _show(self, watched: Glimpse) -> None:
        self._watched = watched
        lines = self.query_one("#lines", RichLog)
        for told in watched.lines:
            self._told.append(told)
            self._line(lines, told)
        del self._told[:-2_000]
        self._state()

    def _line(self, lines: RichLog, told: Shown) -> None:
        for part in written(told, self._width):
            lines.write(Text(safe(part), style=STYLES.get(told.kind, "")))

    def _state(self) -> None:
        text = Text()
        picture = self._watched.picture
        if self._trouble:
            text.append(f"{safe(self._trouble)}\n", STYLES["alarm"])
        elif picture is None:
            text.append("the run begins\n")
        if picture is not None:
            # our clock may differ from the run's: its own time counts, and silence shows in the line above
            for style, part in header(picture, picture.at_ns, self._width + 1, max(self.size.height // 2, 1)):
                text.append(f"{safe(part)}\n", STYLES.get(style, ""))
        text.rstrip()
        self.query_one("#state", Static).update(text)
