"""What earlier runs left: journal, history, and whether a run is at work."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from arbkit.app.doctor.finding import Finding, bad, good, poor
from arbkit.core.errors import ConfigError
from arbkit.core.orders.carried import Carried
from arbkit.core.orders.journal import VERSION, Record
from arbkit.core.runtime.journal_file import scan_file
from arbkit.history.schema import NAME

__all__ = ["running", "state"]


def state(root: Path) -> Iterator[Finding]:
    """The state folder, in both modes. Nothing in it is changed."""
    if not root.exists():
        yield good("state", f"{root}: nothing yet; the first run makes it")
        return
    if not root.is_dir():
        yield bad("state", f"{root} is no folder", "set state.folder to a folder of yours")
        return
    found = root.stat()
    if found.st_uid != os.geteuid():
        yield bad("state", f"{root} belongs to another user", "set state.folder to a folder of yours")
    elif found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        yield bad("state", f"others can write {root}", f"chmod 700 {root}")
    folders = [root / mode for mode in ("live", "paper") if (root / mode).is_dir()]
    if not folders:
        yield good("state", f"{root}: no run yet")
    for folder in folders:
        yield from _folder(folder)


def _folder(folder: Path) -> Iterator[Finding]:
    if pid := running(folder):
        yield good("state", f"{folder}: a run is at work (process {pid}); arbkit status asks it")
    if (folder / "kill").exists():
        yield poor("state", f"{folder / 'kill'} is there: runs are halted by it", f"rm {folder / 'kill'}")
    journal = folder / "journal"
    if journal.exists():
        yield from _journal(journal, at_work=bool(pid))
    history = folder / NAME
    if history.exists():
        yield from _history(history)


def running(folder: Path) -> str:
    """The process that holds the folder's lock; "" = none."""
    try:
        handle = os.open(folder / "lock", os.O_RDONLY | os.O_NONBLOCK)  # whatever it is, nobody is waited for
    except OSError:
        return ""
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.pread(handle, 32, 0).decode("ascii", "replace").strip() or "unknown"
    except OSError:
        pass
    finally:
        os.close(handle)
    return ""


def _journal(path: Path, *, at_work: bool) -> Iterator[Finding]:
    carried, count = Carried(), 0

    def take(record: Record) -> None:
        nonlocal count
        count += 1
        carried.take(record)

    try:
        found = scan_file(path, take)
    except (ConfigError, OSError) as error:
        yield bad("journal", str(error), "mend it: a run does not start")
        return
    size = f"{path}: {count} records, {path.stat().st_size / (1 << 20):.1f} MiB"
    if found.damaged:
        yield bad("journal", f"{path} is damaged: {found.text}", "close open orders by hand, then move the file away")
    elif found.version > VERSION:
        yield bad("journal", f"{path} is of a newer arbkit", "use that one")
    elif found.torn and not at_work:
        yield good("journal", f"{size}; the last write was cut off, the next run drops it")
    else:
        yield good("journal", size)
    for text in () if at_work else carried.of({}).elsewhere:
        yield poor("journal", f"left open: {text}", "start a run with this account: it settles it first")


def _history(path: Path) -> Iterator[Finding]:
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as base:
            (told,) = base.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        told = str(error)
    if told == "ok":
        yield good("history", f"{path}: whole, {path.stat().st_size / (1 << 20):.1f} MiB")
    else:
        yield poor("history", f"{path}: {told}", "arbkit journal rebuild makes it anew; no money depends on it")
