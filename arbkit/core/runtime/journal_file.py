"""The journal on disk: an append-only file that is made anew when it has grown, and the state folder with its lock.
Used by the supervisor.

The file that a fresh one replaces stays in the folder ``past``, for the history, with its number in its name.

``append`` writes to the page cache on the loop's thread, so the record survives a crash of the process. A separate
thread calls ``fdatasync`` for groups of records, so that they also survive a power failure, and makes the fresh file.
The record format, and how a torn record is detected, is defined in ``core.orders.journal``.
"""

from __future__ import annotations

import errno
import os
import queue
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from arbkit.core.errors import ConfigError, JournalFailed
from arbkit.core.orders.carried import Carried
from arbkit.core.orders.journal import JournalStart, Record, Scan, encode, scan
from arbkit.core.runtime.clock import Clock
from arbkit.core.runtime.files import open_own, own_folder
from arbkit.core.runtime.locks import Held, lock

__all__ = ["FRESH_AT", "PAST", "JournalFile", "StateFolder", "clear", "past_file", "past_files", "scan_file"]

BALLAST = 1024 * 1024
"""Bytes of a reserve file. On a full disk it is deleted, so that the records of open deals can still be written."""
FRESH_AT = 32 * 1024 * 1024
"""Size in bytes at which a journal is made anew: some 30,000 deals, which are read in half a second."""
PAST = "past"
"""Folder, beside the journal, of the files that came before it."""
_CHUNK = 1024 * 1024
_HEAD = 4096
"""The first record of a file is shorter."""


class StateFolder:
    """The state folder of a run in one mode (``live`` or ``paper``). It is locked against other processes.

    Raises ``ConfigError`` if another process holds the lock, or if others can change the folder or what is in it.
    """

    __slots__ = ("_locks", "path")

    def __init__(self, root: Path, mode: str) -> None:
        self.path = root / mode
        own_folder(self.path, root)
        for file in self.older():
            own_folder(file.parent, root)
        self._locks: list[int] = []
        try:
            for place in (self.path, *(file.parent for file in self.older())):
                self._locks.append(self._lock(place))
        except BaseException:
            self.close()
            raise

    @property
    def journal(self) -> Path:
        return self.path / "journal"

    def older(self) -> list[Path]:
        """The journals of an arbkit that kept one for each set of environments."""
        return sorted(self.path.glob("*/journal"))

    def close(self) -> None:
        """Release the lock."""
        for fd in self._locks:
            os.close(fd)

    def _lock(self, place: Path) -> int:
        try:
            return lock(place / "lock")
        except Held as held:
            raise ConfigError(
                f"another arbkit (process {held}) runs on {place}: stop it first, or give this run a state folder and "
                "accounts of its own"
            ) from None


class JournalFile:
    """Appends records and reports what is durable.

    ``on_durable(position)`` and ``on_failure(reason)`` are called on the writer's thread, so use
    ``call_soon_threadsafe`` in them. After a failure every ``append`` raises ``JournalFailed``. Positions count all
    bytes since the file was opened, also those that a fresh file has left behind.

    ``carried``: what a fresh file must hold. The thread passes it each record once that is on the disk.
    """

    def __init__(self, path: Path, clock: Clock, carried: Carried | None = None) -> None:
        self._path = path
        self._clock = clock
        self._carried = carried
        try:
            _drop_second_name(path)
            self._fd = _open(path)
        except OSError as error:
            raise ConfigError(f"the journal {path} cannot be opened: {error.strerror}") from None
        self.position = os.fstat(self._fd).st_size
        """Bytes written."""
        self._begin = 0
        """Position at which the file begins."""
        self._known = self.position
        """Position up to which ``carried`` has the records."""
        self._fresh_at = FRESH_AT
        """Size from which on it is made anew."""
        self._number = -1
        """Of the file; -1 = it was not looked at yet."""
        self._fresh, self._fresh_size = -1, 0
        """Descriptor and size of a fresh file that waits to be taken; -1 = none."""
        self._taken = threading.Event()
        self._closing = False
        self.durable = 0
        """Bytes that would survive a power failure."""
        self.failure = ""
        """Why the journal cannot be used any more; "" = no failure."""
        self.syncs = 0
        self.sync_ns = 0
        """Duration of the last ``fdatasync``; then the sum and the maximum of all of them."""
        self.sync_total_ns = 0
        self.sync_worst_ns = 0
        self._ballast = path.with_name(path.name + ".reserve")
        self._reserve()
        self._wanted: queue.SimpleQueue[tuple[int, bytes]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._soon: Callable[[Callable[[], object]], object] = _at_once
        self._untold: list[tuple[int, bytes]] = []
        """Written, and the thread is not woken for them yet."""
        self._on_durable: Callable[[int], object] = _ignore
        self._on_failure: Callable[[str], object] = _ignore
        self._on_fresh: Callable[[], object] | None = None
        _sync_folder(path.parent)

    # --- before the run

    def read(self) -> bytes:
        """The records of earlier runs."""
        return self._path.read_bytes()

    def scan(self, take: Callable[[Record], object]) -> Scan:
        """Pass the records of earlier runs to ``take``; see ``core.orders.journal.scan``."""
        return scan_file(self._path, take)

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self.position - self._begin

    def cut(self, position: int) -> None:
        """Truncate the file to ``position`` to remove a torn last record."""
        os.ftruncate(self._fd, position)
        _fdatasync(self._fd)
        self.position = self._known = position

    def renew(self) -> None:
        """Make the file anew with what ``carried`` holds. Raises ``OSError``; the old file is then as it was.

        There is one good journal at any moment: the fresh file is on the disk before it takes the place of the old one,
        and records that were written meanwhile are copied before that.
        """
        try:
            self._prepare()
            self._exchange()
        finally:
            self._clean_up()

    def start(
        self,
        on_durable: Callable[[int], object],
        on_failure: Callable[[str], object],
        on_fresh: Callable[[], object] | None = None,
        soon: Callable[[Callable[[], object]], object] | None = None,
    ) -> None:
        """Start the writer's thread. ``on_fresh()``: call ``take_fresh`` on the loop's thread. ``soon`` is the loop's
        ``call_soon``: then the thread is woken after the turn, so that the orders of the turn do not wait for it."""
        self._soon = soon or _at_once
        self._on_durable, self._on_failure, self._on_fresh = on_durable, on_failure, on_fresh
        self._thread = threading.Thread(target=self._write_out, name="arbkit-journal", daemon=True)
        self._thread.start()
        self._wanted.put((self.position, b""))

    # --- the run

    def append(self, record: bytes) -> int:
        """Write a record to the page cache and return the position after it. Raises ``JournalFailed`` on failure."""
        if self.failure:
            raise JournalFailed(f"{self._path}: {self.failure}")
        try:
            written = os.write(self._fd, record)
            if written != len(record):  # writing the rest raises the reason
                written += os.write(self._fd, record[written:])
            if written != len(record):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            self._rescue(record, error)
        self.position += len(record)
        self._untold.append((self.position, record))
        if len(self._untold) == 1:
            self._soon(self._wake)
        return self.position

    def _wake(self) -> None:
        told, self._untold = self._untold, []
        for one in told:
            self._wanted.put(one)

    def take_fresh(self) -> None:
        """Go on in the fresh file that the thread has made, which waits for it: so no record is written meanwhile, and
        ``append`` needs no lock."""
        try:
            if self._fresh >= 0:
                self._exchange()
        except OSError:
            pass  # the thread sees that nothing was exchanged
        self._taken.set()

    def flush(self) -> None:
        """Make all records durable now; blocks until the disk has them. Raises ``JournalFailed``."""
        self._sync(self.position)
        if self.failure:
            raise JournalFailed(f"{self._path}: {self.failure}")

    def close(self) -> None:
        """Flush and close. Does not raise; see ``failure``."""
        if self._thread is not None:
            self._wake()
            self._wanted.put((-1, b""))
            self._closing = True
            self._taken.set()
            self._thread.join(10)
            self._thread = None
        self._sync(self.position)
        os.close(self._fd)
        self._ballast.unlink(missing_ok=True)

    # --- inside

    def _rescue(self, record: bytes, error: OSError) -> None:
        """A write failed or was incomplete: undo it, delete the reserve file, try once more, and report the failure."""
        try:
            os.ftruncate(self._fd, self.size)
            if error.errno in (errno.ENOSPC, errno.EDQUOT) and self._ballast.exists():
                self._ballast.unlink()
                if os.write(self._fd, record) == len(record):
                    self._on_failure("the disk is full; the last reserve is in use")
                    return
                os.ftruncate(self._fd, self.size)
        except OSError as second:
            error = second
        self._fail(f"writing failed: {error.strerror}")
        raise JournalFailed(f"{self._path}: {self.failure}")

    def _reserve(self) -> None:
        try:
            with open(open_own(self._ballast, os.O_WRONLY), "wb") as file:
                file.truncate(0)
                if hasattr(os, "posix_fallocate"):
                    os.posix_fallocate(file.fileno(), 0, BALLAST)
                else:  # macOS
                    file.write(bytes(BALLAST))
        except OSError as error:
            self._ballast.unlink(missing_ok=True)
            raise ConfigError(f"no room for the journal in {self._path.parent}: {error.strerror}") from None

    def _write_out(self) -> None:
        last = False
        while not last:
            batch = [self._wanted.get()]
            while not self._wanted.empty():
                batch.append(self._wanted.get())
            last = batch[-1][0] < 0
            wanted = max(position for position, _ in batch)
            if wanted > self.durable and not self.failure and self._sync(wanted):
                self._on_durable(wanted)
            if self._carried is not None:
                self._follow([record for _, record in batch], wanted)

    def _follow(self, records: list[bytes], position: int) -> None:
        """After the sync, so that no order waits for it: what a fresh file would hold, and a fresh file once it is
        time. One that cannot be made is tried again later; a disk that is full shows with the next record."""
        assert self._carried is not None
        scan(records, self._carried.take)
        self._known = max(self._known, position)
        if self._on_fresh is None or self.size < self._fresh_at or self.failure or self._closing:
            return
        try:
            self._taken.clear()
            self._prepare()
            if not self._closing:
                self._on_fresh()
                self._taken.wait()
        except OSError:
            pass
        try:
            self._clean_up()
        except OSError as error:
            self._fail(f"a fresh file is not safe: {error.strerror}")

    def _prepare(self) -> None:
        """A fresh file beside the old one, on the disk."""
        assert self._carried is not None
        path = self._path.with_name(self._path.name + ".new")
        path.unlink(missing_ok=True)
        self._fresh_at = max(FRESH_AT, 2 * self.size)  # for the case that it cannot be made
        self._number = _number(self._fd, self._path) if self._number < 0 else self._number
        kept = self._carried.records()
        start = JournalStart(
            at_ns=self._clock.now_ns(),
            file=self._number + 1,
            carried=len(kept),
            until=self._known - self._begin,
        )
        data = b"".join(map(encode, [start, *kept]))
        self._fresh = _open(path)
        self._fresh_size = len(data)
        _write(self._fresh, data)
        _fdatasync(self._fresh)

    def _exchange(self) -> None:
        """Copy what was written meanwhile, and put the fresh file in the place of the old one."""
        later = _read(self._fd, self._known - self._begin, self.size)
        _write(self._fresh, later)
        if self.size:
            _keep(self._path, self._number)
        os.replace(self._path.with_name(self._path.name + ".new"), self._path)
        self._fd, self._fresh = self._fresh, self._fd
        self._number += 1
        self._begin = self.position - self._fresh_size - len(later)
        self._fresh_at = max(FRESH_AT, 4 * self._fresh_size)

    def _clean_up(self) -> None:
        """Close the file that is not used, the old one or a fresh one that was not taken."""
        if self._fresh >= 0:
            os.close(self._fresh)
            self._fresh = -1
        past_file(self._path, max(self._number, 0)).unlink(missing_ok=True)  # it was not exchanged
        self._path.with_name(self._path.name + ".new").unlink(missing_ok=True)
        for folder in (self._path.parent / PAST, self._path.parent):
            if folder.is_dir():
                _sync_folder(folder)

    def _sync(self, position: int) -> bool:
        if self.failure:
            return False
        begun = self._clock.perf_ns()
        try:
            _fdatasync(self._fd)
        except OSError as error:
            # A second fdatasync can succeed although pages were lost, so this failure is final.
            self._fail(f"fdatasync failed: {error.strerror}")
            return False
        self.sync_ns = self._clock.perf_ns() - begun
        self.sync_total_ns += self.sync_ns
        self.sync_worst_ns = max(self.sync_worst_ns, self.sync_ns)
        self.syncs += 1
        self.durable = max(self.durable, position)
        return True

    def _fail(self, reason: str) -> None:
        if not self.failure:
            self.failure = reason
            self._on_failure(reason)


def _ignore(_: object) -> None: ...
def _at_once(call: Callable[[], object]) -> None:
    call()


def scan_file(path: Path, take: Callable[[Record], object]) -> Scan:
    """Pass the records of a journal to ``take``, with little memory. Raises like ``core.orders.journal.scan``."""

    def chunks() -> Iterator[bytes]:
        with open(open_own(path, os.O_RDONLY), "rb", buffering=0) as file:
            while chunk := file.read(_CHUNK):
                yield chunk

    return scan(chunks(), take)


def past_file(path: Path, number: int) -> Path:
    """Where the file with this number is, once a fresh one has taken its place."""
    return path.parent / PAST / f"{path.name}.{number:06d}"


def _number(fd: int, path: Path) -> int:
    """Of an open journal. One of an arbkit that did not number them has 0; an empty one follows those of ``past``."""
    found: list[Record] = []
    scan((os.pread(fd, _HEAD, 0),), found.append)
    if found:
        return found[0].file if isinstance(found[0], JournalStart) else 0
    return max((number for number, _ in past_files(path)), default=0)


def past_files(path: Path) -> list[tuple[int, Path]]:
    """The files that came before the journal, with their numbers, the oldest first. ``.gz``: packed."""
    found = []
    for file in (path.parent / PAST).glob(f"{path.name}.*"):
        number = file.name.removeprefix(f"{path.name}.").removesuffix(".gz")
        if number.isdecimal():
            found.append((int(number), file))
    return sorted(found)


def _keep(path: Path, number: int) -> None:
    """Give the file a second name, which stays when a fresh file takes the first one. A file system without second
    names gets a copy."""
    past = past_file(path, number)
    past.parent.mkdir(mode=0o700, exist_ok=True)
    past.unlink(missing_ok=True)
    try:
        os.link(path, past)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EXDEV, errno.EMLINK):
            raise
        shutil.copyfile(path, past)
        past.chmod(0o600)


def _drop_second_name(path: Path) -> None:
    """Of a process that died between giving it and the exchange."""
    if path.exists() and path.stat().st_nlink > 1:
        for past in (path.parent / PAST).glob(f"{path.name}.*"):
            if past.samefile(path):
                past.unlink()


def clear(path: Path, at_ns: int) -> None:
    """Replace a journal that was taken over by one without records. It stays, so that the arbkit that wrote it does not
    begin its ids anew."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    fd = _open(fresh)
    try:
        _write(fd, encode(JournalStart(at_ns=at_ns)))
        _fdatasync(fd)
    finally:
        os.close(fd)
    os.replace(fresh, path)
    _sync_folder(path.parent)


def _open(path: Path) -> int:
    return open_own(path, os.O_RDWR | os.O_APPEND)


def _write(fd: int, data: bytes) -> None:
    """All of it, or ``OSError``."""
    written = os.write(fd, data)
    if written != len(data):  # writing the rest raises the reason
        written += os.write(fd, data[written:])
    if written != len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _read(fd: int, begin: int, end: int) -> bytes:
    found = b""
    while begin + len(found) < end:
        chunk = os.pread(fd, end - begin - len(found), begin + len(found))
        if not chunk:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        found += chunk
    return found


def _fdatasync(fd: int) -> None:
    getattr(os, "fdatasync", os.fsync)(fd)  # macOS has no fdatasync


def _sync_folder(path: Path) -> None:
    """A new file survives a power failure only after its folder was synced."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
