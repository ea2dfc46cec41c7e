"""Opens the vault once per process, with the passphrase from a file descriptor, from systemd, or from a person.

``ARBKIT_VAULT_FD=3``: the passphrase is read from descriptor 3. ``$CREDENTIALS_DIRECTORY/arbkit-vault``: systemd put it
there (``LoadCredential=``, ``LoadCredentialEncrypted=``). Otherwise the terminal is asked, if there is one.
"""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path

from arbkit.config.vault import LEAST, Vault, WrongPassphrase, read
from arbkit.core.errors import ConfigError, CredentialsError
from arbkit.core.runtime.files import check_unwritable
from arbkit.core.types import Secret
from arbkit.monitor.redactor import PROCESS
from arbkit.monitor.terminal import say

__all__ = ["CREDENTIAL", "FD", "hidden", "known", "opened", "passphrase"]

FD = "ARBKIT_VAULT_FD"
CREDENTIAL = "arbkit-vault"
TRIES = 3
_MOST = 4096
_OPENED: dict[Path, Vault] = {}
_REFUSED: dict[Path, str] = {}
"""Vaults whose passphrase nobody knew."""
_FROM_FD: dict[str, Secret] = {}
"""A descriptor can be read once."""


def opened(path: Path) -> Vault:
    """The vault, opened once. A person who mistypes the passphrase is asked again, ``TRIES`` times in all. Raises
    ``CredentialsError``, then at once for all who need it."""
    if path in _REFUSED and path not in _OPENED:
        raise WrongPassphrase(_REFUSED[path])
    left = 1 if _given() else TRIES
    while path not in _OPENED:
        try:
            read(path)  # a file that cannot be opened needs no passphrase
            known(Vault.open(path, passphrase(path)))
        except WrongPassphrase as error:
            left -= 1
            if not left:
                _REFUSED[path] = str(error)
                raise
            say("wrong passphrase, try again")
    return _OPENED[path]


def known(vault: Vault) -> Vault:
    """Keep an opened vault for the rest of the process: its secrets are struck from all that is shown."""
    for entry in vault.entries.values():
        PROCESS.add(entry.secret)
    _OPENED[vault.path] = vault
    return vault


def passphrase(path: Path, *, new: bool = False, typed: bool = False) -> Secret:
    """The passphrase of the vault. ``new``: a new one is chosen, so a person types it twice. ``typed``: also where one
    is given by descriptor or by systemd. Raises ``CredentialsError`` if there is no way to get one."""
    found = (Secret("") if typed else _given()) or _typed(path, new=new)
    if new and len(found) < LEAST:
        raise CredentialsError(f"the passphrase has {len(found)} characters: take at least {LEAST}")
    PROCESS.add(found)
    return found


def _given() -> Secret:
    """By descriptor or by systemd; empty = neither."""
    if number := os.environ.get(FD, ""):
        if number not in _FROM_FD:
            _FROM_FD[number] = _line(_read_fd(number), f"{FD}={number}")
        return _FROM_FD[number]
    if folder := os.environ.get("CREDENTIALS_DIRECTORY", ""):
        path = Path(folder) / CREDENTIAL
        try:
            with path.open("rb") as file:
                check_unwritable(file.fileno(), path)
                return _line(file.read(_MOST), str(path))
        except FileNotFoundError:
            return Secret("")  # credentials of other things
        except (OSError, ConfigError) as error:
            raise CredentialsError(f"the passphrase of the vault: {error}") from None
    return Secret("")


def _read_fd(number: str) -> bytes:
    data = b""
    try:
        with open(int(number), "rb", buffering=0) as file:
            while len(data) < _MOST and b"\n" not in data and (piece := file.read(_MOST)):
                data += piece
    except (OSError, ValueError, TypeError, OverflowError):  # the last two: more digits than a descriptor has
        raise CredentialsError(f"{FD}: {number} is no open file descriptor: pass one, as 3< FILE {FD}=3") from None
    return data


def _line(data: bytes, where: str) -> Secret:
    try:
        text = data.decode().partition("\n")[0].rstrip("\r")
    except UnicodeDecodeError:
        raise CredentialsError(f"{where}: the passphrase is not text") from None
    if not text:
        raise CredentialsError(f"{where}: there is no passphrase in it")
    return Secret(text)


def _typed(path: Path, *, new: bool) -> Secret:
    if not sys.stdin.isatty():
        raise CredentialsError(
            f"the vault {path} is locked and there is no terminal to ask: pass the passphrase by a file descriptor "
            f"({FD}) or as the systemd credential {CREDENTIAL}"
        )
    if not new:
        return hidden(f"Passphrase of the vault {path}")
    first = hidden(f"New passphrase for the vault {path}, {LEAST} characters or more")
    if first != hidden("The same again"):
        raise CredentialsError("the two passphrases differ: nothing was written")
    return first


def hidden(question: str) -> Secret:
    """Ask a person without showing what is typed; without a terminal: the next line of stdin. A private key has several
    lines, from BEGIN to END. Raises ``CredentialsError`` at the end of the input."""
    text = _ask(f"{question}: ")
    if text.startswith("-----BEGIN") and "-----END" not in text:
        while "-----END" not in (line := _ask("")):
            text += f"\n{line}"
        text += f"\n{line}\n"
    secret = Secret(text.strip())
    PROCESS.add(secret)
    return secret


def _ask(question: str) -> str:
    if sys.stdin.isatty():
        try:
            return getpass.getpass(question, stream=sys.stderr)
        except EOFError:
            raise CredentialsError("the input ended: nothing was written") from None
    line = sys.stdin.readline()
    if not line:
        raise CredentialsError("the input ended: nothing was written")
    return line.rstrip("\r\n")
