"""``arbkit`` that is killed at a chosen point: ``crash.py POINT NTH ARGS...``. ``POINTS`` lists the points; with
``never`` it lives. SIGKILL: no handler runs, nothing is flushed that was not.

What it does is noted in ``evidence.jsonl`` beside the state folder (see ``Evidence``): the judges of ``crash_runs``
read it, and ``crash_disk`` makes a power failure of it.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

POINTS: Final[Mapping[str, str]] = {
    "before_write": "an order is about to be written to the journal",
    "torn_write": "half of an order's record is written",
    "written": "the record is written, nothing has left",
    "before_sync": "the journal's thread is about to sync the record",
    "synced": "the record is on the disk, the loop does not know it yet",
    "before_send": "the order is about to be handed to its link",
    "sent": "the order was handed to its link",
    "answered": "the venue's first word on an order has arrived and is not read",
    "outcome": "the end of an order was written",
    "closed": "the end of a deal is about to be written",
    "renewed": "a fresh journal is complete, the old one still in place",
    "replaced": "a fresh journal has taken its place, the folder is not synced",
}
"""Where it can die, with what has happened then."""
FILES: Final = ("journal", "journal.new")
"""The names of the journal's file and of a fresh one."""
_ID: Final = re.compile(r"(?<![0-9a-z])a[0-9a-z]{15}(?![0-9a-z])")
_FRESH_AT: Final = 3_000
"""Where a fresh journal is wanted: it is made at this size."""


class Evidence:
    """Lines that outlive the process: ``["intent", id]`` an order's record is to be written, ``["outcome", id]`` its
    end, ``["sent", id]`` it is to be handed to a link, ``["synced", inode, size]``, ``["names", {name: inode}]`` a
    folder was synced, ``["books", {account: {asset: total}}]`` the ledger at the end.

    Each synced file of the journal has a second name in ``kept``, so that it can be found after it was replaced.
    arbkit refuses such a file: ``allow_second_names`` in this process, ``settle`` before the next one."""

    def __init__(self, folder: Path) -> None:
        self.kept = folder / "kept"
        self.kept.mkdir(exist_ok=True)
        self._fd = os.open(folder / "evidence.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(self, *what: object) -> None:
        os.write(self._fd, json.dumps(what).encode() + b"\n")

    def names(self, folder: Path) -> None:
        found = {name: (folder / name).stat().st_ino for name in FILES if (folder / name).exists()}
        for name, inode in found.items():
            kept = self.kept / str(inode)
            if not kept.exists() or kept.stat().st_ino != inode:
                kept.unlink(missing_ok=True)
                os.link(folder / name, kept)
        self.note("names", found)


def settle(folder: Path) -> None:
    """The process is dead: its journal has one name again."""
    for kept in (folder / "kept").glob("*"):
        if kept.stat().st_nlink > 1:
            data = kept.read_bytes()
            kept.unlink()
            kept.write_bytes(data)


class Fate:
    """Kills the process when the point is met for the nth time."""

    def __init__(self, point: str, nth: int) -> None:
        self._point = point
        self._left = nth

    def due(self, point: str) -> bool:
        """Count this time; whether it is the one."""
        self._left -= point == self._point
        return point == self._point and self._left == 0

    def met(self, point: str) -> None:
        if self.due(point):
            os.kill(os.getpid(), signal.SIGKILL)


def wrap(owner: Any, name: str, around: Callable[..., Any]) -> None:
    """Replace a function by ``around(the function, its arguments...)``."""
    call = getattr(owner, name)
    setattr(owner, name, lambda *args, **named: around(call, *args, **named))


def allow_second_names() -> None:
    """The links of ``Evidence`` are no fault."""
    from arbkit.core.errors import ConfigError
    from arbkit.core.runtime import files

    check = files._check_own

    def checked(path: Path, found: os.stat_result) -> None:
        try:
            check(path, found)
        except ConfigError as error:
            if "second name" not in str(error):
                raise

    files._check_own = checked


def prepare(point: str, nth: int) -> None:
    """Patch what is watched."""
    allow_second_names()
    from arbkit.app import launch
    from arbkit.core.desk import Desk
    from arbkit.core.orders.journal import DealClosed, Intent, OrderOutcome, decode
    from arbkit.core.runtime import journal_file
    from arbkit.core.runtime.supervisor import Runtime
    from arbkit.core.types import plain

    fate, evidence = Fate(point, nth), Evidence(Path.cwd())
    if point in ("renewed", "replaced"):
        journal_file.FRESH_AT = _FRESH_AT  # type: ignore[misc]
    written: set[str] = set()
    left: set[str] = set()
    unsynced: set[str] = set()

    def append(call: Any, self: Any, record: bytes) -> int:
        records = decode(record).records
        orders = [one.order.cl_ord_id for one in records if isinstance(one, Intent)]
        for cl_ord_id in orders:
            fate.met("before_write")
            evidence.note("intent", cl_ord_id)
        if orders and fate.due("torn_write"):
            os.write(self._fd, record[: len(record) * 2 // 3])
            os.kill(os.getpid(), signal.SIGKILL)
        for _ in (one for one in records if isinstance(one, DealClosed)):
            fate.met("closed")
        for one in records:
            if isinstance(one, OrderOutcome):
                evidence.note("outcome", one.cl_ord_id)
        position = int(call(self, record))
        written.update(orders)
        unsynced.update(orders)
        for _ in orders:
            fate.met("written")
        for _ in (one for one in records if isinstance(one, OrderOutcome)):
            fate.met("outcome")
        return position

    def sync(call: Any, fd: int) -> None:
        orders, status = unsynced.copy(), os.fstat(fd)
        if orders:
            fate.met("before_sync")
        call(fd)
        evidence.note("synced", status.st_ino, status.st_size)
        unsynced.difference_update(orders)
        if orders:
            fate.met("synced")

    def sync_folder(call: Any, folder: Path) -> None:
        call(folder)
        evidence.names(folder)

    def exchange(call: Any, self: Any) -> None:
        fate.met("renewed")
        call(self)
        fate.met("replaced")

    def leaves(text: str, call: Callable[[], Any]) -> Any:
        new = written.intersection(_ID.findall(text)) - left
        for cl_ord_id in new:
            fate.met("before_send")
            evidence.note("sent", cl_ord_id)
        left.update(new)
        result = call()
        for _ in new:
            fate.met("sent")
        return result

    def send(call: Any, self: Any, link: str, text: str) -> bool:
        return bool(leaves("".join(text), lambda: call(self, link, text)))  # a Secret shows *** as a text

    def request(call: Any, self: Any, link: str, ref: int, what: Any, timeout_ns: int) -> None:
        text = f"{''.join(what.url)} {what.body.decode()}"
        leaves(text, lambda: call(self, link, ref, what, timeout_ns))

    def frame(call: Any, self: Any, link: str, data: Any, now_ns: int) -> None:
        text = data if isinstance(data, str) else data.decode()
        if left.intersection(_ID.findall(text)):
            fate.met("answered")
        call(self, link, data, now_ns)

    def ends(call: Any, desk: Any, ending: Any) -> int:
        books = {
            venue.account: {asset: plain(total) for asset, total in desk.ledger.totals(venue.account).items()}
            for venue in desk.venues.values()
        }
        evidence.note("books", books)
        return int(call(desk, ending))

    wrap(journal_file.JournalFile, "append", append)
    wrap(journal_file.JournalFile, "_exchange", exchange)
    wrap(journal_file, "_fdatasync", sync)
    wrap(journal_file, "_sync_folder", sync_folder)
    wrap(Runtime, "send", send)
    wrap(Runtime, "request", request)
    wrap(Desk, "frame", frame)
    wrap(launch, "exit_code", ends)


def main() -> None:
    from arbkit.cli import main as arbkit

    prepare(sys.argv[1], int(sys.argv[2]))
    arbkit(sys.argv[3:])


if __name__ == "__main__":
    main()
