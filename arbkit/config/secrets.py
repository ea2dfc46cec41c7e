"""Resolves references to secrets: ``env:NAME`` or ``file:PATH``. ``config.load`` uses it."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path

from arbkit.core.errors import CredentialsError
from arbkit.core.types import Secret
from arbkit.monitor.redactor import PROCESS

__all__ = ["is_reference", "resolve"]

_REFERENCE = re.compile(r"(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)\Z")
_MOST = 64 * 1024


def is_reference(text: str) -> bool:
    """Whether ``text`` has the form ``env:NAME`` or ``file:PATH``."""
    return _REFERENCE.match(text) is not None


def resolve(reference: str, env: Mapping[str, str] | None = None) -> Secret:
    """The secret of a reference. Raises ``CredentialsError``, whose text never contains the secret."""
    kind, _, name = reference.partition(":")
    if kind == "env":
        text = (os.environ if env is None else env).get(name, "")
        if not text.strip():
            raise CredentialsError(f"the variable {name} is not set")
        return _known(text)
    if kind != "file":
        raise CredentialsError("must be env:NAME or file:PATH")
    return _known(_read(Path(name).expanduser()))


def _known(text: str) -> Secret:
    """A secret that nothing of this process shows from now on."""
    secret = Secret(text.strip())
    PROCESS.add(secret)
    return secret


def _read(path: Path) -> str:
    """Read a file that is ours and that only we can read. The checks use the open file, so that it cannot be replaced
    between check and read."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise CredentialsError(f"{path}: there is no such file") from None
    except OSError as error:
        if path.is_symlink():
            raise CredentialsError(f"{path}: is a symbolic link; name the file itself") from None
        raise CredentialsError(f"{path}: cannot be opened: {error.strerror}") from None
    try:
        _check(path, os.fstat(handle))
        data = os.read(handle, _MOST)
    finally:
        os.close(handle)
    try:
        text = data.decode().strip()
    except UnicodeDecodeError:
        raise CredentialsError(f"{path}: is not text") from None
    if not text:
        raise CredentialsError(f"{path}: is empty")
    return text


def _check(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise CredentialsError(f"{path}: is not a regular file")
    if status.st_uid != os.geteuid():
        raise CredentialsError(f"{path}: belongs to another user: chown it to yours")
    if status.st_mode & 0o077:
        raise CredentialsError(f"{path}: others can read it: chmod 600 {path}")
