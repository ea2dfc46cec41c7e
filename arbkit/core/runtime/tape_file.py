"""Writes a run's tape to a file, on its own thread. If writing fails, the recording ends and trading continues."""

from __future__ import annotations

import os
import queue
import threading
from pathlib import Path

from arbkit.core.tape import BLOCK, MAGIC, TapeWriter

__all__ = ["TapeFile"]

BEHIND = 64
"""If more blocks than this wait for the disk, the recording ends, to bound the memory."""


class TapeFile:
    """The file of one tape and its writer thread. Raises ``FileExistsError`` for a file that is there: it may be the
    only record of an earlier run, or another run writes it now."""

    def __init__(self, path: Path, tape: TapeWriter) -> None:
        self.path = path
        self.tape = tape
        self.failure = ""
        """Why the recording ended early; "" = no failure."""
        self._file = open(  # noqa: SIM115 - closed in close
            os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb", buffering=0
        )
        self._file.write(MAGIC)
        self._blocks: queue.SimpleQueue[bytes | bytearray | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write_out, name="arbkit-tape", daemon=True)
        self._thread.start()

    def flush(self, at_least: int = BLOCK) -> None:
        """Pass the collected bytes to the thread if there are ``at_least`` so many."""
        if self.tape.size >= at_least:
            raw = self.tape.take()
            self.failure = self.failure or self.tape.failure
            if not self.failure:
                self._blocks.put(raw)
                if self._blocks.qsize() > BEHIND:
                    self.failure = "the disk does not keep up"

    def close(self) -> None:
        """Write the rest and close the file."""
        self.flush(1)
        self._blocks.put(None)
        self._thread.join(30)
        self._file.close()

    def _write_out(self) -> None:
        while (raw := self._blocks.get()) is not None:
            if self.failure:
                continue
            try:
                data = self.tape.pack(raw)
                if self._file.write(data) != len(data):
                    self.failure = "the disk is full"
            except OSError as error:
                self.failure = error.strerror or "writing failed"
            except Exception as error:  # as in ``TapingDesk``: the tape ends, the run goes on
                self.failure = f"a block cannot be written: {type(error).__name__}"
