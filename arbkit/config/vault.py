"""The vault: one encrypted file of keys, for references ``vault:NAME``.

====== ===== =====================================================================================================
offset bytes content
====== ===== =====================================================================================================
0      8     ``arbvault``
8      1     version of this layout: 1
9      1     log2 of scrypt's cost N (14 to 18); r = 8, p = 1
10     16    salt of scrypt, new at each write
26     12    nonce of AES-GCM, new at each write
38     n     AES-256-GCM ciphertext and its tag of 16 bytes; the 38 bytes before it are its associated data
38 + n 32    SHA-256 of all before it: it tells a damaged file from a wrong passphrase, and protects nothing
====== ===== =====================================================================================================

The plain text is JSON: ``{name: [secret, time of writing in ns]}``. A write makes a new file and puts it in the place
of the old one, so that a crash, a full disk or a power failure leaves one of the two, whole.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec import Struct

from arbkit.core.errors import ConfigError, CredentialsError
from arbkit.core.runtime.clock import Clock, entropy
from arbkit.core.runtime.files import check_folder, open_own, own_folder
from arbkit.core.runtime.locks import Held, lock
from arbkit.core.types import Secret

__all__ = ["Entry", "LEAST", "Vault", "WrongPassphrase", "default_path"]

MAGIC = b"arbvault"
VERSION = 1
COST = 17
"""log2 of N: a third of a second and 128 MiB for each passphrase that somebody tries."""
COSTS = range(14, 19)
LEAST = 12
"""Characters of a passphrase: who has the file can try many."""
_HEAD = 38
_TAG, _SUM = 16, 32
_MOST = 1 << 20


def default_path() -> Path:
    """``~/.config/arbkit/vault``, or in ``$XDG_CONFIG_HOME``."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser() / "arbkit" / "vault"


class WrongPassphrase(CredentialsError):
    """The file is whole, and another passphrase opens it."""


class Entry(Struct, frozen=True):
    """One secret, and when it was written."""

    secret: Secret
    set_ns: int


class Vault:
    """An opened vault. ``entries``: by name. Changes are in the file after ``save``."""

    def __init__(self, path: Path, passphrase: Secret, entries: dict[str, Entry] | None = None) -> None:
        self.path = path
        self.entries = entries or {}
        self._passphrase = passphrase

    def __repr__(self) -> str:
        return f"Vault({self.path}, {len(self.entries)} entries)"

    @classmethod
    def open(cls, path: Path, passphrase: Secret) -> Vault:
        """Decrypt the file. Raises ``WrongPassphrase``, and ``CredentialsError`` if it is missing, damaged or open to
        others."""
        return cls(path, passphrase, _decrypted(path, read(path), passphrase))

    def put(self, name: str, secret: Secret) -> None:
        self.entries[name] = Entry(secret, Clock().now_ns())

    def save(self, passphrase: Secret | None = None) -> None:
        """Write the file anew, for ``passphrase`` from now on if one is given. Call it inside ``editing``. Raises
        ``ConfigError`` if it cannot be written; the old file is then as it was."""
        self._passphrase = self._passphrase if passphrase is None else passphrase
        fresh = self.path.with_name(f"{self.path.name}.new")
        try:
            data = _encrypted(self.entries, self._passphrase)
            with open(open_own(fresh, os.O_WRONLY | os.O_TRUNC), "wb") as opened:
                opened.write(data)
                opened.flush()
                os.fsync(opened.fileno())
            fresh.rename(self.path)
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            fresh.unlink(missing_ok=True)
            raise ConfigError(f"the vault {self.path} cannot be written: {error.strerror}; it is as it was") from None


@contextmanager
def editing(path: Path) -> Iterator[None]:
    """Nobody else changes the vault meanwhile. Makes its folder. Raises ``ConfigError`` if somebody else is at it, or
    if others can write the folder."""
    try:
        own_folder(path.parent, path.parent)
        held = lock(path.with_name(f"{path.name}.lock"))
    except Held as other:
        raise ConfigError(f"another arbkit (process {other}) changes the vault {path}: try again") from None
    except OSError as error:
        raise ConfigError(f"the folder {path.parent} cannot be used: {error.strerror}") from None
    try:
        yield
    finally:
        os.close(held)


def read(path: Path) -> bytes:
    """The file as it is. Raises ``CredentialsError`` if it is missing or damaged, or if others can open it."""
    if not path.exists() and not path.is_symlink():
        raise CredentialsError(f"there is no vault {path}: arbkit keys add VENUE makes it")
    try:
        check_folder(path.parent)
        with open(open_own(path, os.O_RDONLY), "rb") as opened:
            data = opened.read(_MOST)
    except ConfigError as error:
        text, own = str(error), f"{path}: "
        text = f" {text.removeprefix(own)}" if text.startswith(own) else f": {text}"
        raise CredentialsError(f"the vault {path}{text}") from None
    except OSError as error:
        raise CredentialsError(f"the vault {path} cannot be opened: {error.strerror}") from None
    body, total = data[:-_SUM], data[-_SUM:]
    if not data.startswith(MAGIC) or len(data) < _HEAD + _TAG + _SUM or hashlib.sha256(body).digest() != total:
        raise CredentialsError(f"the vault {path} is damaged: put your copy of it back; nothing was changed")
    if data[8] != VERSION:
        raise CredentialsError(f"the vault {path} has version {data[8]}, this arbkit reads {VERSION}: use a newer one")
    return body


def _decrypted(path: Path, body: bytes, passphrase: Secret) -> dict[str, Entry]:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    head, cost = body[:_HEAD], body[9]
    wrong = WrongPassphrase(f"the vault {path} does not open: wrong passphrase")
    if cost not in COSTS:
        raise wrong
    try:
        plain = AESGCM(_derived(passphrase, head[10:26], cost)).decrypt(head[26:_HEAD], body[_HEAD:], head)
        rows = msgspec.json.decode(plain, type=dict[str, tuple[str, int]])
    except (InvalidTag, msgspec.DecodeError):
        raise wrong from None
    return {name: Entry(Secret(text), set_ns) for name, (text, set_ns) in rows.items()}


def _encrypted(entries: dict[str, Entry], passphrase: Secret) -> bytes:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    salt, nonce = entropy(16), entropy(12)
    head = MAGIC + bytes((VERSION, COST)) + salt + nonce
    plain = msgspec.json.encode({name: (one.secret.reveal(), one.set_ns) for name, one in entries.items()})
    body = head + AESGCM(_derived(passphrase, salt, COST)).encrypt(nonce, plain, head)
    return body + hashlib.sha256(body).digest()


def _derived(passphrase: Secret, salt: bytes, cost: int) -> bytes:
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    return Scrypt(salt=salt, length=32, n=1 << cost, r=8, p=1).derive(passphrase.reveal().encode())
