"""A terminal for tests: a pseudo terminal with a model of its screen (pyte), in this process or for a command."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TextIO

import pyte

from arbkit.core.runtime.clock import Clock

HANGS_NS = 120_000_000_000


class Terminal:
    """``stream`` is the side of the program, ``text`` what a person sees, scrolled lines included."""

    def __init__(self, columns: int = 80, rows: int = 24) -> None:
        self.master, self.slave = pty.openpty()
        self.screen = pyte.HistoryScreen(columns, rows, history=10_000)
        self._feed = pyte.ByteStream(self.screen)
        self.raw = b""
        self.resize(columns, rows)
        self.stream: TextIO = os.fdopen(self.slave, "w", closefd=False)

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.screen.resize(rows, columns)

    def read(self, wait_s: float = 0.05) -> bool:
        """Take what the program has written. False = nothing came, or it is gone."""
        if not select.select([self.master], [], [], wait_s)[0]:
            return False
        try:
            data = os.read(self.master, 65536)
        except OSError:
            return False
        self.raw += data
        self._feed.feed(data)
        return bool(data)

    def until(self, seen: Callable[[str], bool]) -> str:
        """Read until the text is as wished."""
        clock = Clock()
        ends_ns = clock.now_ns() + HANGS_NS
        while not seen(self.text):
            assert clock.now_ns() < ends_ns, self.text
            self.read()
        return self.text

    @property
    def shown(self) -> list[str]:
        """The lines of the screen."""
        return [line.rstrip() for line in self.screen.display]

    @property
    def text(self) -> str:
        """All lines, those that have scrolled out of the screen too."""
        above = ["".join(line[x].data for x in sorted(line)).rstrip() for line in self.screen.history.top]
        return "\n".join([*above, *self.shown]).rstrip()

    def press(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def start(self, command: Sequence[str | Path], **more: Any) -> subprocess.Popen[bytes]:
        """A command whose terminal this is."""
        env = {**os.environ, "TERM": "xterm-256color", "NO_COLOR": "1", **more.pop("env", {})}
        return subprocess.Popen(
            ["setsid", "--ctty", *command],
            stdin=self.slave,
            stdout=more.pop("stdout", self.slave),
            stderr=self.slave,
            env=env,
            **more,
        )

    def close(self) -> None:
        for end in (self.master, self.slave):
            os.close(end)
