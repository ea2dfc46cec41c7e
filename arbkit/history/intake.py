"""Journal and diary of a state folder into one database: what the thread of a run and a rebuild both do."""

from __future__ import annotations

import gzip
import os
import shutil
import sqlite3
from pathlib import Path

import msgspec
from msgspec import Struct

from arbkit.core.runtime.files import open_own, read_own
from arbkit.core.runtime.journal_file import past_file, past_files
from arbkit.history import diary
from arbkit.history.chain import Chain, Cursor, Pieces
from arbkit.history.rows import Rows

__all__ = ["JOURNAL", "At", "Intake", "at_of", "pack", "rotate"]

JOURNAL = "journal"
_FULL = 8 << 20
"""A run begins a new diary when this one has so many bytes."""


class _Place(Struct, frozen=True, kw_only=True):
    """In the diary: number of the file, and bytes of it."""

    file: int = 1
    offset: int = 0


class At(Struct, frozen=True, kw_only=True):
    """How far both sources are read."""

    journal: Cursor
    diary: _Place


def at_of(database: sqlite3.Connection) -> At:
    """How far a database is."""
    rows = Rows(database)
    journal, entries = rows.cursor(JOURNAL), rows.cursor(diary.NAME)
    return At(
        journal=msgspec.json.decode(journal, type=Cursor) if journal else Cursor(),
        diary=msgspec.json.decode(entries, type=_Place) if entries else _Place(),
    )


class Intake:
    """Reads on where the database is, at most to ``until``. Raises what ``Chain`` and SQLite raise; the caller rolls
    back then, and makes another one."""

    def __init__(self, folder: Path, database: sqlite3.Connection, until: At | None = None) -> None:
        self._until = until
        self.chain = Chain(folder / JOURNAL)
        self._diary = folder / diary.NAME
        self._past: Pieces | None = None
        """A diary that is no longer written."""
        self._rows = Rows(database)
        at = at_of(database)
        self.cursor, self._place = at.journal, at.diary

    def close(self) -> None:
        self.chain.close()
        if self._past is not None:
            self._past.close()
            self._past = None

    def back(self, size: int) -> None:
        """The journal ended at ``size`` bytes when the run began. A database that is further has what the journal lost
        with the power: that stays, and what is written now is not skipped."""
        if self.cursor.began_ns == self.chain.newest_ns and self.cursor.offset > size:
            self.cursor = msgspec.structs.replace(self.cursor, offset=size, carried=0, skip=0)

    def step(self, most: int) -> bool:
        """Take at most so many bytes of the journal and of the diary, in the caller's transaction. False: nothing is
        left now."""
        end = None if self._until is None else self._until.journal
        if end is not None and (self.cursor.file, self.cursor.offset) >= (end.file, end.offset):
            return self._entries(most)
        if end is not None and self.cursor.file == end.file:
            most = min(most, end.offset - self.cursor.offset)
        records, cursor = self.chain.read(self.cursor, most)
        for record, repeated in records:
            self._rows.take(record, repeated=repeated)
        moved = cursor != self.cursor
        if moved:
            self.cursor = cursor
            self._rows.move(JOURNAL, msgspec.json.encode(cursor))
        return self._entries(most) or moved

    def _entries(self, most: int) -> bool:
        """Of the diary; True if there may be more."""
        past = dict(past_files(self._diary))
        place, live = self._place, max(past, default=0) + 1
        if self._until is not None:
            end_at = self._until.diary
            if (place.file, place.offset) >= (end_at.file, end_at.offset):
                return False
            most = min(most, end_at.offset - place.offset) if place.file == end_at.file else most
        path = self._diary if place.file >= live else past.get(place.file)
        data = b"" if path is None else self._read(path, place.offset, most)
        found, end = diary.entries(data)
        if not end and len(data) >= most:  # no line of ours is so long
            end = len(data)
        for entry in found:
            self._rows.enter(entry)
        if end:
            self._place = _Place(file=place.file, offset=place.offset + end)
        elif place.file < live:
            self._place = _Place(file=place.file + 1)
        else:
            return False
        self._rows.move(diary.NAME, msgspec.json.encode(self._place))
        return True

    def _read(self, path: Path, offset: int, most: int) -> bytes:
        try:
            if path == self._diary:  # it grows
                with os.fdopen(read_own(path), "rb") as file:
                    return os.pread(file.fileno(), most, offset)
            if self._past is None or self._past.path != path:
                if self._past is not None:
                    self._past.close()
                self._past = Pieces(path)
        except FileNotFoundError:
            return b""
        return self._past.read(offset, most)


def rotate(folder: Path) -> None:
    """Begin a new diary if this one is full. Call it while nobody writes to it."""
    path = folder / diary.NAME
    if path.exists() and path.stat().st_size >= _FULL:
        number = max((number for number, _ in past_files(path)), default=0) + 1
        past = past_file(path, number)
        past.parent.mkdir(mode=0o700, exist_ok=True)
        os.replace(path, past)
        pack(past)


def pack(path: Path) -> Path:
    """Compress a file of ``past``. At any moment one of the two is whole."""
    packed = path.with_name(f"{path.name}.gz")
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(open_own(fresh, os.O_WRONLY), "wb") as raw, os.fdopen(read_own(path), "rb") as source:
        with gzip.GzipFile(fileobj=raw, mode="wb", filename="", mtime=0) as file:
            shutil.copyfileobj(source, file, 1 << 18)
        raw.flush()
        os.fsync(raw.fileno())
    os.replace(fresh, packed)
    path.unlink()
    return packed
