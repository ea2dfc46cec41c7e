"""Files that a run relies on: opened so that nobody else can have put them there, and checked by descriptor.

The journal, locks and tapes are ours alone. A configuration and a file of CAs may be read by others, but not written.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from arbkit.core.errors import ConfigError

__all__ = ["check_folder", "check_unwritable", "open_own", "own_folder", "read_own"]

_OTHERS_WRITE = 0o022
_NOBODY = 0o077
_UNMAPPED = 65534
"""Owner of what belongs to the system outside of a user namespace (a container without root)."""


def open_own(path: Path, flags: int) -> int:
    """Open a file that only we can read and write; make it if it is not there. Raises ``ConfigError`` if it is a link,
    no regular file, another user's, or open to others; ``OSError`` if it cannot be opened."""
    flags |= os.O_CLOEXEC | os.O_NOFOLLOW
    for _ in range(3):  # another process may make or remove it between the two calls
        try:
            return os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            pass
        try:
            handle = os.open(path, flags | os.O_NONBLOCK)
        except FileNotFoundError:
            continue
        except OSError as error:
            if path.is_symlink():
                raise ConfigError(f"{path}: is a symbolic link: remove it, or name the file itself") from None
            if path.exists() and not path.is_file():
                raise ConfigError(f"{path}: is not a regular file") from None
            raise error
        try:
            _check_own(path, os.fstat(handle))
        except BaseException:
            os.close(handle)
            raise
        return handle
    raise ConfigError(f"{path}: is made and removed by somebody else")


def read_own(path: Path) -> int:
    """Open a file of ours to read it; it is not made. Raises ``FileNotFoundError``, ``ConfigError`` if it is a link or
    another user's, ``OSError`` if it cannot be opened."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise
    except OSError as error:
        if path.is_symlink():
            raise ConfigError(f"{path}: is a symbolic link: remove it, or name the file itself") from None
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
        os.close(handle)
        raise ConfigError(f"{path}: is not a regular file of yours")
    return handle


def _check_own(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise ConfigError(f"{path}: is not a regular file")
    if found.st_uid != os.geteuid():
        raise ConfigError(f"{path}: belongs to another user: move it away, or chown it to yours")
    if found.st_nlink > 1:
        raise ConfigError(f"{path}: has a second name (a hard link): move it away, and copy it back")
    if found.st_mode & _NOBODY:
        raise ConfigError(f"{path}: is open to others: chmod 600 {path}")


def own_folder(path: Path, root: Path) -> None:
    """Make the folder ``path`` below ``root``, and what is missing above it, for us alone. Raises ``ConfigError`` if
    others can write it, ``root`` or what is between, or can exchange one of them; ``OSError`` if it cannot be made."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists() and not folder.is_symlink()]
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)
    ours = [path, *(folder for folder in path.parents if folder == root or root in folder.parents)]
    for folder in ours:
        if folder != root and folder.is_symlink():
            raise ConfigError(f"{folder}: is a symbolic link: name the folder itself")
        found = folder.stat()
        if not stat.S_ISDIR(found.st_mode):
            raise ConfigError(f"{folder}: is not a folder")
        if found.st_uid != os.geteuid():
            raise ConfigError(f"the folder {folder} belongs to another user: use one of yours")
        if found.st_mode & _OTHERS_WRITE:
            raise ConfigError(f"others can write the folder {folder}: chmod 700 {folder}")
    _check_above(root)


def check_folder(folder: Path) -> None:
    """Raises ``ConfigError`` if others can put another file into the place of one in this folder; ``OSError`` if it
    cannot be looked at."""
    found = folder.stat()
    others = found.st_mode & _OTHERS_WRITE and not found.st_mode & stat.S_ISVTX
    if found.st_uid not in (0, os.geteuid(), _UNMAPPED) or others:
        raise ConfigError(f"others can write the folder {folder}: chmod go-w {folder}, or use another folder")
    _check_above(folder)


def _check_above(root: Path) -> None:
    for folder in root.resolve().parents:
        found = folder.stat()
        if found.st_uid not in (0, os.geteuid(), _UNMAPPED) or (
            found.st_mode & stat.S_IWOTH and not found.st_mode & stat.S_ISVTX
        ):
            raise ConfigError(f"others can exchange {root}, because they can write {folder}: use another folder")


def check_unwritable(handle: int, path: Path) -> None:
    """Raises ``ConfigError`` if others can change what this open file says."""
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode):
        raise ConfigError(f"{path}: is not a regular file")
    if found.st_uid not in (0, os.geteuid()):
        raise ConfigError(f"{path}: belongs to another user, who can change it: chown it to yours")
    if found.st_mode & _OTHERS_WRITE:
        raise ConfigError(f"{path}: others can change it: chmod go-w {path}")
