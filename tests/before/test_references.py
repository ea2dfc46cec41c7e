"""Where a key can come from, and what happens where it does not."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import keyring
import keyring.errors
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoKeyring

from arbkit.config import outside
from arbkit.config.secrets import SOURCES, is_reference, resolve
from arbkit.core.errors import CredentialsError
from arbkit.monitor.redactor import PROCESS

CANARY = "CANARYdeadbeef0123456789"
PYTHON = sys.executable


@pytest.mark.parametrize(
    ("text", "good"),
    [
        *((text, True) for text in ("env:A_1", "file:~/k", "vault:okx.main.key", "vault:/a b/v#okx.key")),
        *((text, True) for text in ("keyring:arbkit/okx", "exec:pass show okx")),
        *((text, False) for text in ("env:1A", "env:", "file:", "vault:", "vault:a b", "keyring:x", "exec: ")),
        *((text, False) for text in (CANARY, "vault", "sops:x", "")),
    ],
)
def test_what_a_reference_is(text: str, good: bool) -> None:
    assert is_reference(text) is good


def test_whatever_is_resolved_is_struck_from_all_that_is_shown(tmp_path: Path) -> None:
    """For each kind that needs nothing of the machine."""
    file = tmp_path / "k"
    file.write_text(CANARY)
    file.chmod(0o600)
    for reference in (f"file:{file}", f"exec:cat {file}"):
        PROCESS._known.clear()
        secret = resolve(reference)
        assert secret.reveal() == CANARY
        assert CANARY not in PROCESS.known(f"it is {CANARY}") + repr(secret) + str(secret)


def test_a_key_file_in_a_folder_of_everybody(tmp_path: Path) -> None:
    """Somebody else could put another file there."""
    folder = tmp_path / "shared"
    folder.mkdir(mode=0o700)
    file = folder / "k"
    file.write_text(CANARY)
    file.chmod(0o600)
    folder.chmod(0o777)
    with pytest.raises(CredentialsError, match=f"others can write the folder {folder}: chmod go-w"):
        resolve(f"file:{file}")
    folder.chmod(0o1777)  # as /tmp: only the owner of a file can exchange it
    assert resolve(f"file:{file}") == CANARY


# --- exec:


def command(code: str) -> str:
    return f'exec:{PYTHON} -c "{code}"'


def test_a_command_has_no_shell(tmp_path: Path) -> None:
    """Its words are words: nothing is expanded, chained or redirected."""
    out = tmp_path / "made"
    found = resolve(f"exec:echo $HOME ; touch {out} > x `id` *")
    assert found.reveal() == f"$HOME ; touch {out} > x `id` *"
    assert not out.exists()


def test_a_command_that_fails_is_told_without_its_words() -> None:
    """Neither what it printed nor its arguments are shown."""
    with pytest.raises(CredentialsError) as caught:
        resolve(command(f"import sys; print('{CANARY}'); print('{CANARY}', file=sys.stderr); sys.exit(3)"))
    assert "ended with code 3: run it by hand" in str(caught.value)
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        ("exec:/no/such/program", "'program' cannot be started: No such file"),
        ("exec:true", "'true' printed nothing"),
        ('exec:echo "', "cannot be split into words"),
        (command("print('x' * 70000)"), "more than 65536 bytes: that is no key"),
        (command("import sys; sys.stdout.buffer.write(bytes([255]))"), "printed no text"),
    ],
)
def test_other_ends_of_a_command(reference: str, told: str) -> None:
    with pytest.raises(CredentialsError, match=told):
        resolve(reference)


def test_a_command_has_a_time_limit_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Also where what holds the pipe is a process that it started."""
    monkeypatch.setattr(outside, "PATIENCE_S", 0.3)
    note = tmp_path / "pid"
    script = tmp_path / "slow"
    script.write_text(f"#!/bin/sh\nsleep 60 & echo $! > {note}\nexit 0\n")
    script.chmod(0o700)
    with pytest.raises(CredentialsError, match=r"'slow' did not end within 0.3 s"):
        resolve(f"exec:{script}")
    pid = int(note.read_text())
    for _ in range(500):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            return
        if state == "Z":  # dead; who has adopted it has not asked yet
            return
        time.sleep(0.01)
    pytest.fail("the child still lives")


def test_a_command_runs_once(tmp_path: Path) -> None:
    """Configuration, signer and run ask for the same key: a token is touched once."""
    count = tmp_path / "count"
    script = tmp_path / "once"
    script.write_text(f"#!/bin/sh\necho x >> {count}\necho touched-a-token\n")
    script.chmod(0o700)
    assert {resolve(f"exec:{script}").reveal() for _ in range(3)} == {"touched-a-token"}
    assert count.read_text() == "x\n"


# --- keyring:


class Drawer(KeyringBackend):
    """A keyring in memory, behind the real package."""

    priority = 1  # type: ignore[assignment]  # the base class computes it

    def __init__(self, kept: dict[tuple[str, str], str], error: Exception | None = None) -> None:
        super().__init__()
        self._kept, self._error = kept, error

    def get_password(self, service: str, username: str) -> str | None:
        if self._error is not None:
            raise self._error
        return self._kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._kept[service, username] = password


@pytest.fixture
def _keyring() -> object:
    before = keyring.get_keyring()
    yield
    keyring.set_keyring(before)


@pytest.mark.usefixtures("_keyring")
def test_the_keyring_of_the_desktop() -> None:
    """Service and user; what it does not have is told with the command that stores it."""
    keyring.set_keyring(Drawer({("arbkit", "okx/main"): CANARY}))
    assert resolve("keyring:arbkit/okx/main") == CANARY
    with pytest.raises(CredentialsError, match="no entry arbkit/okx: keyring set arbkit okx"):
        resolve("keyring:arbkit/okx")


@pytest.mark.usefixtures("_keyring")
def test_a_server_without_keyring() -> None:
    """What the package finds on a headless machine."""
    keyring.set_keyring(NoKeyring())
    with pytest.raises(CredentialsError, match=r"no keyring on this machine \(usual for a server\): use vault:NAME"):
        resolve("keyring:arbkit/okx")


@pytest.mark.usefixtures("_keyring")
def test_a_keyring_that_refuses_shows_nothing() -> None:
    keyring.set_keyring(Drawer({}, keyring.errors.KeyringError(f"locked: {CANARY}")))
    with pytest.raises(CredentialsError) as caught:
        resolve("keyring:arbkit/okx")
    assert str(caught.value) == "the keyring refused it: KeyringError"


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(CredentialsError, match=r"pip install 'arbkit\[keyring\]'"):
        resolve("keyring:arbkit/okx")


def test_the_page_tells_every_source() -> None:
    """docs/keys.md has a row for each."""
    page = (Path(__file__).parents[2] / "docs/keys.md").read_text()
    for kind in SOURCES:
        assert f"| `{kind}:" in page, kind
