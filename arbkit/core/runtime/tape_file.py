"""Writes a run tape to a file on a thread of its own. When it cannot, the recording ends and the trading does not."""

from __future__ import annotations

import os
import queue
import threading
from pathlib import Path

from arbkit.core.tape import BLOCK, MAGIC, TapeWriter

__all__ = ["TapeFile"]

BEHIND = 64
"""Full blocks waiting for the disk at which the recording is given up rather than the memory."""


class TapeFile:
    """A tape on its way to the disk."""

    def __init__(self, path: Path, tape: TapeWriter) -> None:
        self.tape = tape
        self.failure = ""
        """Why the recording ended early; "" = it did not."""
        self._file = open(  # noqa: SIM115 - closed in close
            os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb", buffering=0
        )
        self._file.write(MAGIC)
        self._blocks: queue.SimpleQueue[bytes | bytearray | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write_out, name="arbkit-tape", daemon=True)
        self._thread.start()

    def flush(self, at_least: int = BLOCK) -> None:
        """Hand what was collected to the thread, if it is worth a block."""
        if self.tape.size >= at_least:
            raw = self.tape.take()
            if not self.failure:
                self._blocks.put(raw)
                if self._blocks.qsize() > BEHIND:
                    self.failure = "the disk does not keep up"

    def close(self) -> None:
        """Write the rest and let go."""
        self.flush(1)
        self._blocks.put(None)
        self._thread.join(30)
        self._file.close()

    def _write_out(self) -> None:
        while (raw := self._blocks.get()) is not None:
            if self.failure:
                continue
            data = self.tape.pack(raw)
            try:
                if self._file.write(data) != len(data):
                    self.failure = "the disk is full"
            except OSError as error:
                self.failure = error.strerror or "writing failed"
