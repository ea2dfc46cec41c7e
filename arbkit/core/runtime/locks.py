"""Locks between processes of one user on one machine: of a state folder, and of trading accounts.

A lock is a file with the holder's process id under ``flock``; the system releases it when the process ends, however.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterable
from pathlib import Path

from arbkit.core.errors import ConfigError
from arbkit.core.runtime.files import open_own

__all__ = ["AccountLocks", "Held", "lock"]


class Held(Exception):
    """Another process holds the lock. The text is its process id."""


def lock(path: Path) -> int:
    """Take the lock; the descriptor holds it until it is closed. Raises ``Held``, ``OSError``, or
    ``ConfigError`` if others can open the file."""
    while True:
        fd = open_own(path, os.O_RDWR)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(fd)
            raise Held(holder) from None
        if _is_at(fd, path):
            break
        os.close(fd)  # its holder removed the file between our two calls
    os.ftruncate(fd, 0)
    os.pwrite(fd, str(os.getpid()).encode(), 0)
    return fd


def _is_at(fd: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except FileNotFoundError:
        return False


class AccountLocks:
    """Locks on trading accounts, by name (``binance.prod.main``). They do not depend on the state folder: two runs of
    one user on one account see each other, whatever their settings.

    They are in ``~/.local/state/arbkit/locks``, or in ``/tmp/arbkit-UID`` where the home folder cannot be written.
    Raises ``ConfigError`` if another process holds one of them, or if both places cannot be used.
    """

    def __init__(self, accounts: Iterable[str]) -> None:
        self._held: list[tuple[Path, int]] = []
        folder = _folder()
        try:
            for account in sorted(set(accounts)):
                path = folder / re.sub(r"[^A-Za-z0-9._-]", "_", account)
                self._held.append((path, _account_lock(path, account)))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Release the locks and remove their files."""
        for path, fd in self._held:
            path.unlink(missing_ok=True)
            os.close(fd)
        self._held = []


def _account_lock(path: Path, account: str) -> int:
    try:
        return lock(path)
    except Held as held:
        raise ConfigError(
            f"another arbkit (process {held}) trades on {account}: stop it first, or give this run its own account"
        ) from None
    except OSError as error:
        raise ConfigError(f"the lock {path} cannot be taken: {error.strerror}") from None


def _folder() -> Path:
    """The first of the two places that can be used."""
    shared = Path(f"/tmp/arbkit-{os.getuid()}")  # noqa: S108 - of this user alone: owner and rights are checked
    try:
        home = Path.home() / ".local" / "state" / "arbkit" / "locks"
    except RuntimeError:  # no such user in this container
        home = shared
    reasons = []
    for folder in (home, shared):
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            reasons.append(f"{folder}: {error.strerror}")
            continue
        found = folder.lstat()
        if found.st_uid == os.getuid() and not found.st_mode & 0o022 and os.access(folder, os.W_OK):
            return folder
        reasons.append(f"{folder}: it must be a folder that only you can write")
    raise ConfigError(f"no place for the locks of the accounts ({'; '.join(reasons)})")
