"""The journal's files in their order, read on from a cursor: those in ``past``, then the journal itself, which may grow
and be made anew while it is read.

A fresh file begins with records of the file before that a later run needs, and with what was written to that one in the
last moment. Each record is given once: as ``repeated`` where a fresh file only repeats it.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from io import BufferedIOBase
from pathlib import Path

from msgspec import Struct

from arbkit.core.orders.journal import JournalStart, Record, scan, whole
from arbkit.core.runtime.files import read_own
from arbkit.core.runtime.journal_file import past_files

__all__ = ["Chain", "Cursor", "Pieces", "open_packed"]

_HEAD = 4096
_LONGEST = 2 << 20
"""No record is so long."""


class Cursor(Struct, frozen=True, kw_only=True):
    """A place in the chain. It is kept in the database as JSON."""

    file: int = -1
    """Number of the file; -1 = before the first."""
    began_ns: int = 0
    """When this file was made: another file may have the number."""
    offset: int = 0
    """Of the next record."""
    carried: int = 0
    """So many of the next records are repeated."""
    skip: int = 0
    """So many bytes after those were read in the file before."""


class _File(Struct):
    number: int
    path: Path
    start: JournalStart

    @property
    def packed(self) -> bool:
        return self.path.suffix == ".gz"


_NO_START = JournalStart(at_ns=0)


class Chain:
    """The files of one journal. Raises ``ConfigError`` for a file that is not ours or of a newer arbkit."""

    def __init__(self, journal: Path) -> None:
        self.journal = journal
        self.problems: list[str] = []
        """What is missing or damaged, as text."""
        self._files: list[_File] = []
        self._live = -1
        self._live_is: tuple[int, int] | None = None
        self._past: Pieces | None = None

    def close(self) -> None:
        if self._live >= 0:
            os.close(self._live)
            self._live = -1
        if self._past is not None:
            self._past.close()
            self._past = None
        self._live_is = None

    def read(self, cursor: Cursor, most: int) -> tuple[list[tuple[Record, bool]], Cursor]:
        """The records after the cursor (with ``repeated``) and the place after them, from at most ``most`` bytes. None
        and a moved cursor: go on there; none and the same one: nothing is left now."""
        self._look()
        at = next((i for i, file in enumerate(self._files) if _is(file, cursor)), -1)
        if at < 0:
            later = [file for file in self._files if file.start.at_ns > cursor.began_ns or cursor.file < 0]
            return [], _begin(later[0]) if later else cursor
        file = self._files[at]
        following = self._files[at + 1] if at + 1 < len(self._files) else None
        until = following.start.until if following is not None and following.number == file.number + 1 else 0
        size = min(most, until - cursor.offset) if until else most
        data = self._bytes(file, cursor.offset, size) if size > 0 else b""
        records, moved = self._whole(file, cursor, data)
        if moved == cursor and len(data) == most < _LONGEST:  # a record may be longer
            return self.read(cursor, _LONGEST)
        if not records and moved == cursor and following is not None:
            if cursor.offset < until:
                self.problems.append(f"{file.path} is damaged or too short: byte {cursor.offset} of {until}")
            if following.number > file.number + 1:
                self.problems.append(
                    f"files {file.number + 1} to {following.number - 1} before {following.path} are lost"
                )
            return [], _begin(following, skip=max(cursor.offset - until, 0) if until else 0)
        return records, moved

    def records(self, most: int = 1 << 20) -> Iterator[Record]:
        """All of it from the first file, without what is repeated."""
        cursor = Cursor()
        while True:
            found, after = self.read(cursor, most)
            yield from (record for record, repeated in found if not repeated)
            if after == cursor:
                return
            cursor = after

    @property
    def newest_ns(self) -> int:
        """When the newest file was made; 0 = there is none."""
        self._look()
        return self._files[-1].start.at_ns if self._files else 0

    @property
    def paths(self) -> list[Path]:
        """The files, the oldest first."""
        self._look()
        return [file.path for file in self._files]

    def damage(self) -> list[str]:
        """Of the journal itself: bytes after the last record that are none, as text."""
        try:
            with open_packed(self.journal) as file:
                found = scan(iter(lambda: file.read(1 << 20), b""), lambda _: None)
        except FileNotFoundError:
            return []
        return [f"{self.journal}: {found.text}"] if found.text else []

    def behind(self, cursor: Cursor) -> int:
        """Bytes that were not read yet, of the journal and the files after the cursor's (packed ones count packed)."""
        self._look()
        total = 0
        for file in self._files:
            if file.number > cursor.file or not _is(file, cursor):
                total += file.path.stat().st_size if file.start.at_ns > cursor.began_ns or cursor.file < 0 else 0
            else:
                total += max(file.path.stat().st_size - cursor.offset, 0) if file is self._files[-1] else 0
        return total

    def _whole(self, file: _File, cursor: Cursor, data: bytes) -> tuple[list[tuple[Record, bool]], Cursor]:
        found: list[tuple[Record, bool]] = []
        offset, carried, skip = cursor.offset, cursor.carried, cursor.skip
        base = offset
        for end, record in whole(data):
            if base + end <= offset:  # read in the file before
                continue
            offset = base + end
            if isinstance(record, JournalStart):
                carried = record.carried
            else:
                found.append((record, carried > 0))
                carried = max(carried - 1, 0)
            if not carried and skip:
                offset, skip = offset + skip, 0
        return found, Cursor(file=file.number, began_ns=file.start.at_ns, offset=offset, carried=carried, skip=skip)

    def _bytes(self, file: _File, offset: int, size: int) -> bytes:
        if file is self._files[-1] and self._live >= 0:
            return os.pread(self._live, size, offset)
        if self._past is None or self._past.path != file.path:
            if self._past is not None:
                self._past.close()
            self._past = Pieces(file.path)
        return self._past.read(offset, size)

    def _look(self) -> None:
        """List the files, if the journal is another file than at the last look. It is opened before the others are
        listed: one that is replaced meanwhile is read to its end all the same."""
        try:
            found = self.journal.stat()
        except FileNotFoundError:
            if self._live_is is None and not self._files:
                self._files = [_File(number, path, _start(path)) for number, path in _newest(past_files(self.journal))]
            return
        if self._live_is == (found.st_dev, found.st_ino):
            return
        self.close()
        self._live = read_own(self.journal)
        opened = os.fstat(self._live)
        self._live_is = (opened.st_dev, opened.st_ino)
        start = _first(os.pread(self._live, _HEAD, 0))
        files = [_File(number, path, _start(path)) for number, path in _newest(past_files(self.journal))]
        self._files = [file for file in files if file.number < start.file]
        self._files.append(_File(start.file, self.journal, start))


def _is(file: _File, cursor: Cursor) -> bool:
    return file.number == cursor.file and file.start.at_ns == cursor.began_ns


def _begin(file: _File, skip: int = 0) -> Cursor:
    return Cursor(file=file.number, began_ns=file.start.at_ns, skip=skip)


def _newest(files: list[tuple[int, Path]]) -> list[tuple[int, Path]]:
    """One for each number: the packed one is whole once it has its name."""
    return sorted(dict(sorted(files)).items())


def open_packed(path: Path) -> BufferedIOBase:
    """A file of ours to read, unpacked if it is packed. Raises like ``read_own``."""
    handle = read_own(path)
    if path.suffix != ".gz":
        return os.fdopen(handle, "rb")
    os.close(handle)  # GzipFile closes only what it has opened
    return gzip.GzipFile(path)


class Pieces:
    """A file of ours, unpacked and read in pieces, each from where the last record ended. What was read beyond it is
    kept: a packed file that goes back begins anew. Raises like ``open_packed``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = open_packed(path)
        self._at, self._data = 0, b""

    def read(self, offset: int, size: int) -> bytes:
        """At most ``size`` bytes from there."""
        read = offset - self._at
        if 0 <= read <= len(self._data):
            self._data = self._data[read:]
        else:
            self._file.seek(offset)
            self._data = b""
        self._at = offset
        if size > len(self._data):
            self._data += self._file.read(size - len(self._data))
        return self._data[:size]

    def close(self) -> None:
        self._file.close()


def _start(path: Path) -> JournalStart:
    with open_packed(path) as file:
        return _first(file.read(_HEAD))


def _first(data: bytes) -> JournalStart:
    for _, record in whole(data):
        return record if isinstance(record, JournalStart) else _NO_START
    return _NO_START
