"""Writes the history of a run, on a thread of its own. ``app.launch`` makes it.

It reads the journal's file, so that nothing of the hot path waits for it, and what it has not read when the process is
killed is read by the next run. The diary is written here too: a call only puts an entry into a queue.

An error (a full disk, a locked or damaged database) costs nothing but time: it is told, and tried again. A damaged
database is made anew from the journal.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue

from arbkit.core.errors import ArbkitError
from arbkit.core.log import Log
from arbkit.core.runtime.files import open_own
from arbkit.core.runtime.journal_file import past_files
from arbkit.history import diary, schema
from arbkit.history.intake import JOURNAL, Intake, pack, rotate
from arbkit.history.rebuild import rebuild
from arbkit.history.schema import Damaged, open_to_write

__all__ = ["History"]

EVERY_S = 0.25
"""Time from a record to its row, about."""
PIECE = 16 * 1024
"""Bytes of the journal that are read at once: some milliseconds of work, during which the loop's thread may wait for
the interpreter."""
BREATH_S = 0.002
"""Pause between two pieces."""
RETRY_S = 5.0
_MOST_WAITING = 10_000
_END_S = 30.0


class History:
    """See the module. ``folder``: the state folder of the run, which is locked. ``size``: bytes of the journal, before
    the run writes to it. Raises nothing: a run goes on without."""

    def __init__(self, folder: Path, size: int, log: Log) -> None:
        self.failure = ""
        """Why nothing can be written now; "" = it can."""
        self._folder = folder
        self._size = size
        """-1 = it was looked at."""
        self._log = log
        self._queue: SimpleQueue[diary.Entry] = SimpleQueue()
        self._unwritten = b""
        self._lost = 0
        self._stopped = threading.Event()
        with suppress(OSError):  # it is tried again by the next run
            rotate(folder)
        self._thread = threading.Thread(target=self._run, name="arbkit-history", daemon=True)
        self._thread.start()

    def tell(self, entry: diary.Entry) -> None:
        """Add an entry to the diary. It returns at once."""
        if self._queue.qsize() < _MOST_WAITING:
            self._queue.put(entry)

    def close(self) -> None:
        """Write what is left, and stop."""
        self._stopped.set()
        self._thread.join(_END_S)

    # --- the thread

    def _run(self) -> None:
        while True:
            intake = database = None
            try:
                database, intake = self._open()
                self._follow(database, intake)
                return
            except (sqlite3.Error, OSError, ArbkitError) as error:
                self._failed(error)
            finally:
                if intake is not None:
                    intake.close()
                if database is not None:
                    database.close()
            if self._stopped.wait(RETRY_S):
                self._write_diary()
                return

    def _failed(self, error: Exception) -> None:
        path = self._folder / schema.NAME
        known = schema.told(path, error) if isinstance(error, sqlite3.Error) else error
        why = str(known) if isinstance(known, ArbkitError) else f"{path}: {getattr(known, 'strerror', None) or known}"
        if isinstance(known, Damaged):
            self._anew(why)
        elif why != self.failure:
            self.failure = why
            self._log("alarm.history", why=why)

    def _anew(self, why: str) -> None:
        self._log("history.anew", why=why)
        path = self._folder / schema.NAME
        try:
            os.replace(path, path.with_name(f"{path.name}.damaged"))
            rebuild(self._folder, force=True, breath_s=BREATH_S)
        except (sqlite3.Error, OSError, ArbkitError) as error:
            self.failure = f"{why}; that failed: {error}"
            self._log("alarm.history", why=self.failure)

    def _open(self) -> tuple[sqlite3.Connection, Intake]:
        self._write_diary()
        database = open_to_write(self._folder / schema.NAME)
        intake = Intake(self._folder, database)
        if self._size >= 0:
            intake.back(self._size)
            self._size = -1
        return database, intake

    def _follow(self, database: sqlite3.Connection, intake: Intake) -> None:
        """Until the end of the run, and then until nothing is left."""
        while True:
            stopped = self._stopped.is_set()
            self._write_diary()
            while self._step(database, intake):
                if not stopped:
                    self._stopped.wait(BREATH_S)
                    self._write_diary()
            self._pack(intake)
            if stopped:
                database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                return
            self._wait()

    def _step(self, database: sqlite3.Connection, intake: Intake) -> bool:
        database.execute("BEGIN IMMEDIATE")
        try:
            more = intake.step(PIECE)
            database.execute("COMMIT")
        except BaseException:
            if database.in_transaction:
                database.execute("ROLLBACK")
            raise
        if self.failure:
            self.failure = ""
            self._log("history.back")
        return more

    def _wait(self) -> None:
        """For an entry of the diary or the next look."""
        with suppress(Empty):
            self._unwritten += diary.encode(self._queue.get(timeout=EVERY_S))

    def _write_diary(self) -> None:
        """What is queued. Raises ``OSError``; what was not written is tried again."""
        while True:
            try:
                self._unwritten += diary.encode(self._queue.get_nowait())
            except Empty:
                break
        if not self._unwritten:
            return
        handle = open_own(self._folder / diary.NAME, os.O_WRONLY | os.O_APPEND)
        try:
            size = os.fstat(handle).st_size
            written = os.write(handle, self._unwritten)
            if written != len(self._unwritten):
                os.ftruncate(handle, size)
                raise OSError(28, "the disk is full")
        finally:
            os.close(handle)
        self._unwritten = b""

    def _pack(self, intake: Intake) -> None:
        """Compress the files of the journal that are in the database."""
        packed = False
        for number, path in past_files(self._folder / JOURNAL):
            if number < intake.cursor.file and path.suffix != ".gz":
                pack(path)
                packed = True
        if packed:
            intake.chain.close()
