"""The vault: what stands in the file, who can open it, and what no accident may lose."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from arbkit.config import unlock, vault
from arbkit.config.vault import Vault
from arbkit.core.errors import ConfigError, CredentialsError
from arbkit.core.types import Secret

PASSPHRASE = Secret("correct horse battery")
CANARY = "CANARYdeadbeef0123456789"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A vault with one secret."""
    file = tmp_path / "vault"
    made = Vault(file, PASSPHRASE)
    made.put("okx.main.secret", Secret(CANARY))
    with vault.editing(file):
        made.save()
    return file


def mended(data: bytearray) -> bytes:
    """With the checksum of what stands there: as somebody would do who wants the change to be believed."""
    return bytes(data[:-32]) + hashlib.sha256(data[:-32]).digest()


def test_the_file_is_as_documented(path: Path) -> None:
    """Read by the table of the module with the standard library's scrypt, and not by the code that wrote it."""
    data = path.read_bytes()
    assert (data[:8], data[8], data[9]) == (b"arbvault", 1, 14)
    assert hashlib.sha256(data[:-32]).digest() == data[-32:]
    derived = hashlib.scrypt(b"correct horse battery", salt=data[10:26], n=1 << data[9], r=8, p=1, dklen=32)
    rows = json.loads(AESGCM(derived).decrypt(data[26:38], data[38:-32], data[:38]))
    assert rows["okx.main.secret"][0] == CANARY
    assert CANARY.encode() not in data
    assert b"okx" not in data
    assert path.stat().st_mode & 0o777 == 0o600


def test_each_write_has_a_salt_and_a_nonce_of_its_own(path: Path) -> None:
    """The same content twice is two different files, and both open."""
    first = path.read_bytes()
    again = Vault.open(path, PASSPHRASE)
    with vault.editing(path):
        again.save()
    second = path.read_bytes()
    assert first[10:26] != second[10:26]
    assert first[26:38] != second[26:38]
    assert Vault.open(path, PASSPHRASE).entries["okx.main.secret"].secret == CANARY


def test_a_wrong_passphrase_is_told_as_such(path: Path) -> None:
    with pytest.raises(CredentialsError, match="wrong passphrase"):
        Vault.open(path, Secret("correct horse batterz"))


def test_every_damaged_byte_is_found(path: Path) -> None:
    """Each byte flipped, and each length cut: damage is told as damage, and the file is left as it is."""
    good = path.read_bytes()
    for i in range(len(good)):
        for bad in (good[:i] + bytes([good[i] ^ 0x41]) + good[i + 1 :], good[:i]):
            path.write_bytes(bad)
            with pytest.raises(CredentialsError, match="damaged: put your copy of it back"):
                Vault.open(path, PASSPHRASE)
            assert path.read_bytes() == bad


def test_what_an_attacker_changes_is_not_believed(path: Path) -> None:
    """Bytes of every part, changed with the checksum made right again."""
    good = path.read_bytes()
    for i in (8, 9, 10, 25, 26, 37, 38, len(good) - 49, len(good) - 33):
        changed = bytearray(good)
        changed[i] ^= 0x01
        path.write_bytes(mended(changed))
        with pytest.raises(CredentialsError, match=r"version 0|wrong passphrase"):
            Vault.open(path, PASSPHRASE)


def test_no_file_makes_scrypt_take_the_memory(path: Path) -> None:
    """A cost out of the range is refused before anything is derived."""
    for cost in (0, 13, 19, 30, 255):
        changed = bytearray(path.read_bytes())
        changed[9] = cost
        path.write_bytes(mended(changed))
        with pytest.raises(CredentialsError, match="wrong passphrase"):
            Vault.open(path, PASSPHRASE)


@pytest.mark.parametrize("call", ["fsync", "rename"])
def test_a_failed_write_leaves_the_old_vault(path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """A full or dying disk: the old file is whole, nothing half is left beside it."""
    before = path.read_bytes()

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    opened = Vault.open(path, PASSPHRASE)
    opened.put("new", Secret("x"))
    monkeypatch.setattr(*((os, "fsync", fail) if call == "fsync" else (Path, "rename", fail)))
    with vault.editing(path), pytest.raises(ConfigError, match=r"No space left on device; it is as it was"):
        opened.save()
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert not path.with_name("vault.new").exists()


def test_what_a_crash_left_is_in_nobodys_way(path: Path) -> None:
    """A half-written new file of a process that was killed."""
    path.with_name("vault.new").write_bytes(b"half")
    path.with_name("vault.new").chmod(0o600)
    opened = Vault.open(path, PASSPHRASE)
    with vault.editing(path):
        opened.save()
    assert Vault.open(path, PASSPHRASE).entries.keys() == {"okx.main.secret"}


def test_two_at_once_lose_nothing(path: Path) -> None:
    """The second is told who is at it."""
    with (
        vault.editing(path),
        pytest.raises(ConfigError, match=f"process {os.getpid()}.*try again"),
        vault.editing(path),
    ):
        pass


def test_who_else_can_open_or_exchange_it(path: Path) -> None:
    """Rights of the file and of its folder; the message has the chmod."""
    path.chmod(0o644)
    with pytest.raises(CredentialsError, match=f"open to others: chmod 600 {path}"):
        Vault.open(path, PASSPHRASE)
    path.chmod(0o600)
    path.parent.chmod(0o777)
    with pytest.raises(CredentialsError, match="others can write the folder"):
        Vault.open(path, PASSPHRASE)
    path.parent.chmod(0o700)
    link = path.with_name("link")
    link.symlink_to(path)
    with pytest.raises(CredentialsError, match="symbolic link"):
        Vault.open(link, PASSPHRASE)


def test_it_shows_nothing(path: Path) -> None:
    """Not in its repr, nor in that of an entry."""
    opened = Vault.open(path, PASSPHRASE)
    assert CANARY not in f"{opened} {opened!r} {opened.entries} {vars(opened)}"


# --- how it is unlocked


def test_by_a_file_descriptor_once_for_all(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The descriptor can be read once; the vault stays open for this process."""
    reader, writer = os.pipe()
    os.write(writer, b"correct horse battery\nand more")
    os.close(writer)
    monkeypatch.setenv(unlock.FD, str(reader))
    assert unlock.opened(path).entries["okx.main.secret"].secret == CANARY
    assert unlock.opened(path) is unlock.opened(path)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(reader)


@pytest.mark.parametrize("number", ["999", "-1", "three", "9" * 20])
def test_a_descriptor_that_is_none(path: Path, monkeypatch: pytest.MonkeyPatch, number: str) -> None:
    monkeypatch.setenv(unlock.FD, number)
    with pytest.raises(CredentialsError, match=f"{number} is no open file descriptor"):
        unlock.opened(path)


def test_by_systemd(path: Path, credential: Callable[[str], None]) -> None:
    """``$CREDENTIALS_DIRECTORY/arbkit-vault``; an empty one is told."""
    credential("correct horse battery\n")
    assert unlock.opened(path).entries["okx.main.secret"].secret == CANARY
    credential("\n")
    with pytest.raises(CredentialsError, match="there is no passphrase in it"):
        unlock.opened(path)


def test_without_any_of_them_the_way_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service without terminal."""
    with open(os.devnull) as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        with pytest.raises(CredentialsError, match=r"locked and there is no terminal.*ARBKIT_VAULT_FD.*arbkit-vault"):
            unlock.opened(path)


class Person:
    """Types passphrases at a terminal."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: str) -> None:
        self.asked = 0
        self._answers = iter(answers)
        monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
        monkeypatch.setattr(unlock.getpass, "getpass", self)

    def __call__(self, question: str, stream: object = None) -> str:
        self.asked += 1
        return next(self._answers)


def test_a_typing_error_is_asked_again(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    person = Person(monkeypatch, "correct horse bettary", "correct horse battery")
    assert unlock.opened(path).entries["okx.main.secret"].secret == CANARY
    assert person.asked == 2
    assert capsys.readouterr().err == "wrong passphrase, try again\n"


def test_who_does_not_know_it_is_asked_three_times_for_all(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A configuration has three references to it, and each would ask again."""
    person = Person(monkeypatch, *(["a wrong passphrase"] * 9))
    for _ in range(3):
        with pytest.raises(CredentialsError, match="wrong passphrase"):
            unlock.opened(path)
    assert person.asked == 3


def test_nobody_is_asked_for_a_vault_that_cannot_be_opened(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    person = Person(monkeypatch)
    path.chmod(0o644)
    with pytest.raises(CredentialsError, match=f"chmod 600 {path}"):
        unlock.opened(path)
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CredentialsError, match="is damaged"):
        unlock.opened(path)
    assert person.asked == 0


def test_a_short_passphrase_is_refused(path: Path, credential: Callable[[str], None]) -> None:
    credential("eleven char")
    with pytest.raises(CredentialsError, match="11 characters: take at least 12"):
        unlock.passphrase(path, new=True)
