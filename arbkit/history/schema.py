"""The tables of the history, as steps from one version to the next, and how the database is opened.

A step is never changed; a new one is added at the end. A database of an older arbkit goes through the steps that it
does not have. Everything in it can be made again from the journal and the diary (``history.rebuild``).

Times are in ns. ``amount`` columns are integers of 10**-8 (they are summed in SQL), other numbers are decimal text.
Names (instruments, accounts, strategies) are numbers of the table ``names``.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

from arbkit.core.errors import ConfigError
from arbkit.core.runtime.files import open_own
from arbkit.core.types import plain
from arbkit.core.types.exact import EXACT

__all__ = ["NAME", "STEPS", "VERSION", "Damaged", "decimal", "open_to_read", "open_to_write", "told", "units"]

NAME = "history.db"
_RUNS_DEALS_ORDERS = """
CREATE TABLE cursors (source TEXT PRIMARY KEY, at TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE names (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE runs (
    at_ns INTEGER PRIMARY KEY, mode TEXT NOT NULL, code TEXT NOT NULL, accounts TEXT NOT NULL
);
CREATE TABLE deals (
    id INTEGER PRIMARY KEY, run INTEGER NOT NULL, opened_ns INTEGER NOT NULL, closed_ns INTEGER,
    strategy INTEGER NOT NULL, pair INTEGER NOT NULL, asset INTEGER NOT NULL,
    expected REAL, fees REAL, slippage REAL, penalty REAL,
    outcome TEXT, why TEXT, prices TEXT,
    realised_amount INTEGER, fees_amount INTEGER, slippage_amount INTEGER, latency_amount INTEGER,
    unwind_amount INTEGER, leftovers_amount INTEGER
);
CREATE INDEX deals_opened ON deals (opened_ns);
CREATE TABLE orders (
    id INTEGER PRIMARY KEY, deal INTEGER NOT NULL, account INTEGER NOT NULL, instrument INTEGER NOT NULL,
    purpose TEXT NOT NULL, side TEXT NOT NULL, qty TEXT NOT NULL, px TEXT NOT NULL, tif TEXT NOT NULL,
    channel TEXT NOT NULL, sent_ns INTEGER NOT NULL, ended_ns INTEGER, status TEXT, filled TEXT, paid TEXT,
    fees TEXT, order_id TEXT, text TEXT
);
CREATE INDEX orders_deal ON orders (deal);
CREATE INDEX orders_sent ON orders (sent_ns);
CREATE TABLE fills (
    "order" INTEGER NOT NULL, trade_id TEXT NOT NULL, at_ns INTEGER NOT NULL, qty TEXT NOT NULL, px TEXT NOT NULL,
    fees TEXT, maker INTEGER NOT NULL, exch_ns INTEGER NOT NULL, PRIMARY KEY ("order", trade_id)
) WITHOUT ROWID;
CREATE INDEX fills_at ON fills (at_ns);
CREATE TABLE controls (
    at_ns INTEGER NOT NULL, scope TEXT NOT NULL, mode TEXT NOT NULL, rule TEXT NOT NULL, who TEXT NOT NULL,
    why TEXT NOT NULL
);
CREATE INDEX controls_at ON controls (at_ns);
"""
_DIARY = """
CREATE TABLE ends (run INTEGER PRIMARY KEY, ended_ns INTEGER NOT NULL, ending TEXT NOT NULL, exit INTEGER NOT NULL);
CREATE TABLE events (at_ns INTEGER NOT NULL, event TEXT NOT NULL, fields TEXT NOT NULL);
CREATE INDEX events_at ON events (at_ns);
CREATE TABLE balances (
    at_ns INTEGER NOT NULL, account INTEGER NOT NULL, asset INTEGER NOT NULL, total TEXT NOT NULL,
    PRIMARY KEY (account, asset, at_ns)
) WITHOUT ROWID;
CREATE TABLE marks (
    at_ns INTEGER NOT NULL, asset INTEGER NOT NULL, gain TEXT, run TEXT, PRIMARY KEY (asset, at_ns)
) WITHOUT ROWID;
"""
STEPS: Sequence[str] = (_RUNS_DEALS_ORDERS, _DIARY)
VERSION = len(STEPS)
_BUSY_S = 2.0
"""So long a reader or the writer waits for somebody else's lock."""
_TRIES = 20
_UNIT = Decimal("1e-8")
_MOST = 1 << 63


class Damaged(ConfigError):
    """The database is no database, or its pages do not fit together."""


def units(amount: Decimal) -> int | None:
    """An amount as an integer of 10**-8; None if it is too large for the database."""
    found = int(EXACT.divide(amount, _UNIT).to_integral_value(ROUND_HALF_EVEN, EXACT))
    return found if -_MOST <= found < _MOST else None


def decimal(amount: int | None) -> Decimal | None:
    """The inverse of ``units``."""
    return None if amount is None else Decimal(plain(Decimal(amount).scaleb(-8, EXACT)))


def open_to_write(path: Path, *, steps: Sequence[str] = STEPS) -> sqlite3.Connection:
    """The database, made or brought to the present version. Raises ``Damaged``, ``ConfigError`` for one of a newer
    arbkit, one that others can change or one that somebody else holds, ``OSError``."""
    os.close(open_own(path, os.O_RDWR))
    with _told(path):
        found = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            (version,) = found.execute("PRAGMA user_version").fetchone()
            _check(path, version, len(steps))
            found.execute("PRAGMA journal_mode = WAL")
            found.execute("PRAGMA synchronous = NORMAL")
            for number, step in enumerate(steps[version:], version + 1):
                found.executescript(f"BEGIN IMMEDIATE; {step} PRAGMA user_version = {number}; COMMIT;")
        except BaseException:
            found.close()
            raise
    return found


def open_to_read(path: Path) -> sqlite3.Connection:
    """The database of a running or stopped desk, read-only: nothing is made or changed. Raises ``FileNotFoundError``,
    ``Damaged``, ``ConfigError`` for one of another version or one that somebody else holds."""
    if path.is_symlink():
        raise ConfigError(f"{path}: is a symbolic link: remove it, or name the folder itself")
    path.stat()
    if not os.access(path, os.R_OK):
        raise ConfigError(f"{path}: belongs to another user, or may not be read")
    for _ in range(_TRIES):
        try:
            return _read_only(path)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_CANTOPEN:
                raise told(path, error) from None
        except sqlite3.Error as error:
            raise told(path, error) from None
        threading.Event().wait(_BUSY_S / _TRIES)  # a run opens it just now
    raise ConfigError(f"{path} cannot be opened: `arbkit journal rebuild` makes it anew")


def _read_only(path: Path) -> sqlite3.Connection:
    # without a log no process has it open, and nothing may be made beside it
    how = "mode=ro&readonly_shm=1" if path.with_name(f"{path.name}-wal").exists() else "immutable=1"
    found = sqlite3.connect(f"{path.resolve().as_uri()}?{how}", uri=True, timeout=_BUSY_S, isolation_level=None)
    try:
        (version,) = found.execute("PRAGMA user_version").fetchone()
        _check(path, version, VERSION)
        if not version:
            raise FileNotFoundError(2, "it is being made", str(path))
        if version < VERSION:
            raise ConfigError(
                f"{path} was written by an older arbkit (version {version}, this one reads {VERSION}): the next "
                "run brings it up to date, or `arbkit journal rebuild` makes it anew"
            )
        found.execute("PRAGMA query_only = 1")
    except BaseException:
        found.close()
        raise
    return found


def _check(path: Path, version: int, known: int) -> None:
    if version > known:
        raise ConfigError(
            f"{path} was written by a newer arbkit (version {version}, this one knows {known}): use that one, or make "
            "it anew with `arbkit journal rebuild`"
        )


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """What SQLite raises, as one of our errors."""
    try:
        yield
    except sqlite3.Error as error:
        raise told(path, error) from None


def told(path: Path, error: sqlite3.Error) -> Exception:
    """What SQLite raised, as one of our errors with what to do."""
    code = getattr(error, "sqlite_errorcode", None)
    kind = None if code is None else code & 0xFF
    if kind in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return ConfigError(f"{path} is locked by another program: close it there, and try again")
    if kind in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return Damaged(f"{path} is damaged ({error}): `arbkit journal rebuild` makes it anew from the journal")
    if kind == sqlite3.SQLITE_FULL:
        return OSError(28, "the disk is full")
    if kind == sqlite3.SQLITE_ERROR:  # a table or column that is not there
        return Damaged(f"{path} is not a history of arbkit ({error}): `arbkit journal rebuild` makes it anew")
    return ConfigError(f"{path} cannot be used: {error}")
