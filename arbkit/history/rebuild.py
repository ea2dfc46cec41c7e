"""Makes the database anew from the journal and the diary, and compares the two."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import closing
from hashlib import blake2b
from pathlib import Path

import msgspec
from msgspec import Struct

from arbkit.core.errors import ConfigError
from arbkit.history import schema
from arbkit.history.intake import At, Intake
from arbkit.history.schema import Damaged, open_to_read, open_to_write

__all__ = ["Rebuilt", "contents", "rebuild"]

_PIECE = 1 << 20
_TABLES = ("runs", "ends", "deals", "orders", "fills", "controls", "events", "balances", "marks")
_encode = msgspec.msgpack.Encoder().encode
_NAMED = {"strategy", "pair", "account", "instrument", "asset"}
"""Columns that hold a number of the table ``names``."""


class Rebuilt(Struct, frozen=True, kw_only=True):
    """What a rebuild found."""

    runs: int
    deals: int
    orders: int
    fills: int
    bytes: int
    """Size of the database."""
    problems: list[str]
    """What is missing or damaged in the journal, as text."""


def rebuild(
    folder: Path, *, force: bool = False, breath_s: float = 0.0, into: Path | None = None, until: At | None = None
) -> Rebuilt:
    """Make the history of a state folder anew, beside the old one, and put it in its place. ``into``: only make it
    there. ``until``: only so far. The caller holds the lock of the folder, except with ``into``.

    Raises ``ConfigError`` if the old one has runs that the journal has no more (``force`` drops them), or for a journal
    that cannot be read; ``OSError`` for a full disk. The old one stays then."""
    path = folder / schema.NAME
    fresh = into or path.with_name(f"{path.name}.new")
    _remove(fresh)
    try:
        with closing(open_to_write(fresh)) as database:
            problems = _fill(folder, database, breath_s, until)
            counts = {table: _count(database, table) for table in ("runs", "deals", "orders", "fills")}
            if not force and into is None and (lost := _lost(path, database)):
                raise ConfigError(
                    f"{path} has {lost} that the journal has no more: they would be lost. Keep a copy of it, and use "
                    "--force"
                )
        if into is None:
            _replace(fresh, path)
    except sqlite3.Error as error:
        raise schema.told(fresh, error) from None
    finally:
        if into is None:
            _remove(fresh)
    return Rebuilt(**counts, bytes=(into or path).stat().st_size, problems=problems)


def _fill(folder: Path, database: sqlite3.Connection, breath_s: float, until: At | None) -> list[str]:
    database.execute("PRAGMA journal_mode = OFF")
    database.execute("PRAGMA synchronous = OFF")
    breath = threading.Event()
    piece = _PIECE >> 6 if breath_s else _PIECE
    intake = Intake(folder, database, until)
    try:
        database.execute("BEGIN")
        while intake.step(piece):
            if breath_s:
                breath.wait(breath_s)
        database.execute("COMMIT")
        return list(intake.chain.problems)
    finally:
        intake.close()
        if not database.in_transaction:
            database.execute("PRAGMA journal_mode = WAL")


def _lost(path: Path, database: sqlite3.Connection) -> str:
    """What the old database has and the new one does not, as text; "" = nothing."""
    try:
        with closing(open_to_read(path)) as old:
            for table, key in (("runs", "at_ns"), ("deals", "id")):
                had, has = (
                    {row[0] for row in each.execute(f"SELECT {key} FROM {table}")}  # noqa: S608 - our own words
                    for each in (old, database)
                )
                if had - has:
                    return f"{len(had - has)} {table}"
    except (FileNotFoundError, Damaged, sqlite3.Error):
        pass
    return ""


def _replace(fresh: Path, path: Path) -> None:
    with open(fresh, "rb") as file:
        os.fsync(file.fileno())
    for beside in ("-wal", "-shm"):  # of the old one: the new one must not get its log
        path.with_name(f"{path.name}{beside}").unlink(missing_ok=True)
    os.replace(fresh, path)


def _remove(path: Path) -> None:
    for beside in ("", "-wal", "-shm", "-journal"):
        path.with_name(f"{path.name}{beside}").unlink(missing_ok=True)


def _count(database: sqlite3.Connection, table: str) -> int:
    found: int = database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 - our own words
    return found


def contents(database: sqlite3.Connection) -> dict[str, str]:
    """A hash of each table, the same for the same rows in whatever order they came."""
    found = {}
    for table in _TABLES:
        columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
        told = ", ".join(
            f"(SELECT name FROM names WHERE id = {table}.{column})" if column in _NAMED else f'"{column}"'  # noqa: S608
            for column in columns
        )
        total = 0
        for row in database.execute(f"SELECT {told} FROM {table}"):  # noqa: S608 - our own words
            total += int.from_bytes(blake2b(_encode(row), digest_size=16).digest())
        found[table] = f"{total % (1 << 128):032x}"
    return found
