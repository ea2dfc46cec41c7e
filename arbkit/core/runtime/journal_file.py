"""The journal on disk: an append-only file, and the state folder with its lock. Used by the supervisor.

``append`` writes to the page cache on the loop's thread, so the record survives a crash of the process. A separate
thread calls ``fdatasync`` for groups of records, so that they also survive a power failure. The record format, and how
a torn record is detected, is defined in ``core.orders.journal``.
"""

from __future__ import annotations

import errno
import fcntl
import os
import queue
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from arbkit.core.errors import ConfigError, JournalFailed
from arbkit.core.runtime.clock import Clock

__all__ = ["JournalFile", "StateFolder"]

BALLAST = 1024 * 1024
"""Bytes of a reserve file. On a full disk it is deleted, so that the records of open deals can still be written."""


class StateFolder:
    """The state folder of a run, named by mode and environments. It is locked against other processes.

    A file records the environment of each account. Raises ``ConfigError`` if another process holds the lock, if an
    account was used in another environment, or if the folder belongs to another user.
    """

    __slots__ = ("_lock", "path")

    def __init__(self, root: Path, mode: str, accounts: Mapping[str, str]) -> None:
        environments = "+".join(sorted(set(accounts.values()))) or "none"
        self.path = root / mode / environments
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.path.stat().st_uid != os.getuid():
            raise ConfigError(f"state folder {self.path} belongs to another user")
        self._lock = self._take_lock()
        try:
            self._pin(accounts)
        except BaseException:
            self.close()
            raise

    @property
    def journal(self) -> Path:
        return self.path / "journal"

    def close(self) -> None:
        """Release the lock."""
        os.close(self._lock)

    def _take_lock(self) -> int:
        path = self.path / "lock"
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(fd)
            raise ConfigError(
                f"another arbkit (process {holder}) runs on {self.path}: stop it first, or give this run a state "
                f"folder and accounts of its own"
            ) from None
        os.ftruncate(fd, 0)
        os.pwrite(fd, str(os.getpid()).encode(), 0)
        return fd

    def _pin(self, accounts: Mapping[str, str]) -> None:
        path = self.path.parent / "accounts.json"
        try:
            known = msgspec.json.decode(path.read_bytes(), type=dict[str, str])
        except FileNotFoundError:
            known = {}
        except ValueError:
            raise ConfigError(f"{path} cannot be read: restore it, or remove it if no order is open") from None
        for account, environment in accounts.items():
            if known.get(account, environment) != environment:
                raise ConfigError(
                    f"account {account} was used in environment {known[account]!r} and is now set to {environment!r}: "
                    f"a key belongs to one environment; name the account differently"
                )
        if any(account not in known for account in accounts):
            fresh = path.with_suffix(".new")
            fresh.touch(0o600)
            fresh.write_bytes(msgspec.json.encode({**known, **accounts}))
            os.replace(fresh, path)


class JournalFile:
    """Appends records and reports what is durable.

    ``on_durable(position)`` and ``on_failure(reason)`` are called on the writer's thread, so use
    ``call_soon_threadsafe`` in them. After a failure every ``append`` raises ``JournalFailed``.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        self.position = os.fstat(self._fd).st_size
        """Bytes written."""
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
        self._wanted: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._on_durable: Callable[[int], object] = _ignore
        self._on_failure: Callable[[str], object] = _ignore
        _sync_folder(path.parent)

    # --- before the run

    def read(self) -> bytes:
        """The records of earlier runs."""
        return self._path.read_bytes()

    def cut(self, position: int) -> None:
        """Truncate the file to ``position`` to remove a torn last record."""
        os.ftruncate(self._fd, position)
        _fdatasync(self._fd)
        self.position = position

    def start(self, on_durable: Callable[[int], object], on_failure: Callable[[str], object]) -> None:
        """Start the writer's thread."""
        self._on_durable, self._on_failure = on_durable, on_failure
        self._thread = threading.Thread(target=self._write_out, name="arbkit-journal", daemon=True)
        self._thread.start()
        self._wanted.put(self.position)

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
        self._wanted.put(self.position)
        return self.position

    def flush(self) -> None:
        """Make all records durable now; blocks until the disk has them. Raises ``JournalFailed``."""
        self._sync(self.position)
        if self.failure:
            raise JournalFailed(f"{self._path}: {self.failure}")

    def close(self) -> None:
        """Flush and close. Does not raise; see ``failure``."""
        if self._thread is not None:
            self._wanted.put(-1)
            self._thread.join(10)
            self._thread = None
        self._sync(self.position)
        os.close(self._fd)
        self._ballast.unlink(missing_ok=True)

    # --- inside

    def _rescue(self, record: bytes, error: OSError) -> None:
        """A write failed or was incomplete: undo it, delete the reserve file, try once more, and report the failure."""
        try:
            os.ftruncate(self._fd, self.position)
            if error.errno in (errno.ENOSPC, errno.EDQUOT) and self._ballast.exists():
                self._ballast.unlink()
                if os.write(self._fd, record) == len(record):
                    self._on_failure("the disk is full; the last reserve is in use")
                    return
                os.ftruncate(self._fd, self.position)
        except OSError as second:
            error = second
        self._fail(f"writing failed: {error.strerror}")
        raise JournalFailed(f"{self._path}: {self.failure}")

    def _reserve(self) -> None:
        try:
            with open(self._ballast, "wb", opener=_private) as file:
                if hasattr(os, "posix_fallocate"):
                    os.posix_fallocate(file.fileno(), 0, BALLAST)
                else:  # macOS
                    file.write(bytes(BALLAST))
        except OSError as error:
            self._ballast.unlink(missing_ok=True)
            raise ConfigError(f"no room for the journal in {self._path.parent}: {error.strerror}") from None

    def _write_out(self) -> None:
        while True:
            wanted = self._wanted.get()
            last = wanted < 0
            while not self._wanted.empty():
                wanted = max(wanted, later := self._wanted.get())
                last = last or later < 0
            if wanted > self.durable and not self.failure and self._sync(wanted):
                self._on_durable(wanted)
            if last:
                return

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


def _fdatasync(fd: int) -> None:
    getattr(os, "fdatasync", os.fsync)(fd)  # macOS has no fdatasync


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


def _sync_folder(path: Path) -> None:
    """A new file survives a power failure only after its folder was synced."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
