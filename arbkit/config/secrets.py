"""Resolves references to secrets, as ``env:NAME``. ``config.load`` uses it; ``SOURCES`` has all kinds."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

from arbkit.core.errors import ConfigError, CredentialsError
from arbkit.core.runtime.files import check_folder
from arbkit.core.types import Secret
from arbkit.monitor.redactor import PROCESS

__all__ = ["FORMS", "SOURCES", "is_reference", "resolve", "source"]

FORMS = "env:NAME, file:PATH, vault:NAME, keyring:SERVICE/USER or exec:COMMAND"
_REFERENCE = re.compile(
    r"(env:[A-Za-z_][A-Za-z0-9_]*|file:.+|vault:(.+#)?[\w.-]+|keyring:[^/]+/.+|exec:\s*\S.*)\Z", re.ASCII
)
_MOST = 64 * 1024


def is_reference(text: str) -> bool:
    """Whether ``text`` has one of the ``FORMS``."""
    return _REFERENCE.match(text) is not None and "\0" not in text


def source(reference: str) -> str:
    """The kind of a reference: a key of ``SOURCES``."""
    return reference.partition(":")[0]


def resolve(reference: str, env: Mapping[str, str] | None = None) -> Secret:
    """The secret of a reference. Nothing of this process shows it from now on. Raises ``CredentialsError``, whose text
    never contains the secret."""
    kind, _, name = reference.partition(":")
    if kind == "env":
        secret = _variable(name, os.environ if env is None else env)
    elif kind in SOURCES:
        secret = SOURCES[kind](name)
    else:
        raise CredentialsError(f"must be {FORMS}")
    PROCESS.add(secret)
    return secret


def _variable(name: str, env: Mapping[str, str]) -> Secret:
    text = env.get(name, "").strip()
    if not text:
        raise CredentialsError(f"the variable {name} is not set")
    return Secret(text)


def _file(name: str) -> Secret:
    return Secret(_read(Path(name).expanduser()))


def _vault(name: str) -> Secret:
    from arbkit.config.unlock import opened  # imported late, as below: most runs need one kind
    from arbkit.config.vault import default_path

    path, _, entry = name.rpartition("#")
    vault = opened(Path(path).expanduser() if path else default_path())
    found = vault.entries.get(entry)
    if found is None:
        there = ", ".join(sorted(vault.entries)) or "nothing"
        raise CredentialsError(f"the vault {vault.path} has no {entry}; it has {there}")
    return found.secret


def _keyring(name: str) -> Secret:
    from arbkit.config.outside import from_keyring

    return from_keyring(name)


def _exec(command: str) -> Secret:
    from arbkit.config.outside import from_command

    return from_command(command)


SOURCES: Mapping[str, Callable[[str], Secret]] = {
    "env": lambda name: _variable(name, os.environ),
    "file": _file,
    "vault": _vault,
    "keyring": _keyring,
    "exec": _exec,
}
"""Kind -> what reads it, given the text behind the colon."""


def _read(path: Path) -> str:
    """Read a file that is ours and that only we can read, in a folder where nobody else can exchange it. The checks use
    the open file, so that it cannot be replaced between check and read."""
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
        check_folder(path.parent)
        data = os.read(handle, _MOST)
    except CredentialsError:
        raise
    except ConfigError as error:
        raise CredentialsError(f"{path}: {error}") from None
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
