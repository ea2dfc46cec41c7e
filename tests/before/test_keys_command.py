"""``arbkit keys`` against simulated venues: what is stored, what is refused, and that nothing is shown."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from arbkit.app.rehearsal import rehearse
from arbkit.config.vault import Vault, default_path
from arbkit.core.runtime.locks import AccountLocks
from arbkit.core.types import Secret
from arbkit.sim.world import World

ARBKIT = Path(sys.executable).parent / "arbkit"
PASSPHRASE = "correct horse battery"
WRONG = "CANARYdeadbeef0123456789"

Venues = tuple[World, dict[str, Any]]
Run = Callable[..., tuple[int, str]]


@pytest.fixture(autouse=True)
def _ready(credential: Callable[[str], None], config: Callable[..., None]) -> None:
    credential(PASSPHRASE)
    config()


@pytest.fixture
def typed(venues: Venues) -> tuple[str, ...]:
    """The keys of the simulated OKX, as a person types them."""
    return tuple(venues[1]["okx"][field] for field in ("key", "secret", "passphrase"))


@pytest.fixture
def settings(venues: Venues) -> Iterator[dict[str, Any]]:
    """Of the OKX account, as the venue names them."""
    found = venues[0].sites["okx"].exchange.accounts["main"].settings
    yield found
    found.clear()


def held() -> dict[str, str]:
    """What the vault has, read anew."""
    entries = Vault.open(default_path(), Secret(PASSPHRASE)).entries
    return {name: entry.secret.reveal() for name, entry in entries.items()}


def test_a_good_key_is_stored_and_shown_to_nobody(arbkit: Run, typed: tuple[str, ...]) -> None:
    """It logs in, says what the key may do, and prints lines for the configuration that work."""
    code, said = arbkit("keys", "add", "okx", typed=typed)
    assert code == 0, said
    assert "permissions  read_only, trade" in said
    assert "withdraw     no" in said
    assert list(held().values()) == [typed[0], typed[1], typed[2]]
    assert not [text for text in typed if text in said]
    lines = re.findall(r'^(\w+) = "(vault:[\w.]+)"$', said, re.M)
    assert [name for name, _ in lines] == ["key", "secret", "passphrase"]


def test_what_is_stored_works_as_printed(
    arbkit: Run, typed: tuple[str, ...], config: Callable[..., None], credential: Callable[[str], None]
) -> None:
    """The printed references, in a new process: ``keys list`` and ``keys test``, as text and JSON."""
    _, said = arbkit("keys", "add", "okx", typed=typed)
    config(okx=dict(re.findall(r'^(\w+) = "(vault:[\w.]+)"$', said, re.M)))
    credential(PASSPHRASE)
    code, said = arbkit("keys", "list")
    assert (code, said.count(" ok\n")) == (0, 3)
    code, said = arbkit("keys", "test", "--json")
    (found,) = json.loads(said)["keys"]
    assert (code, found["venue"], found["problem"], found["withdraw"]) == (0, "okx", "", False)
    assert found["taker"] == {"okx:BTC-USDT": "0.001"}
    assert not [text for text in typed if text in said]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"perm": "read_only,trade,withdraw"}, "okx: the key may withdraw money: make one that may not"),
        ({"perm": "read_only"}, "okx: the key has no trade permission"),
    ],
)
def test_a_key_that_must_not_trade_is_not_stored(
    arbkit: Run, typed: tuple[str, ...], settings: dict[str, Any], changed: dict[str, str], told: str
) -> None:
    """One that may withdraw, and one that may not trade."""
    settings |= changed
    code, said = arbkit("keys", "add", "okx", typed=typed)
    assert (code, told in said, "nothing was stored" in said) == (3, True, True), said
    assert not default_path().exists()


def test_a_key_that_the_venue_refuses_is_not_stored(arbkit: Run, typed: tuple[str, ...]) -> None:
    code, said = arbkit("keys", "add", "okx", typed=(typed[0], WRONG, typed[2]))
    assert (code, "okx refused the key" in said) == (3, True), said
    assert not default_path().exists()
    assert WRONG not in said


def test_an_expired_key(arbkit: Run, venues: Venues, typed: tuple[str, ...], config: Callable[..., None]) -> None:
    """The venue does not know it any more: exit 3, and the vault keeps what it has."""
    _, said = arbkit("keys", "add", "okx", typed=typed)
    config(okx=dict(re.findall(r'^(\w+) = "(vault:[\w.]+)"$', said, re.M)))
    keys, before = venues[0].sites["okx"].exchange._keys, default_path().read_bytes()
    account = keys.pop(typed[0])
    try:
        code, said = arbkit("keys", "test")
    finally:
        keys[typed[0]] = account
    assert (code, "okx: okx refused the key" in said) == (3, True), said
    assert default_path().read_bytes() == before


def test_rotation_keeps_the_old_key_until_the_new_one_works(
    arbkit: Run, typed: tuple[str, ...], credential: Callable[[str], None]
) -> None:
    """A refused new key changes nothing; a good one takes its place; add does not overwrite."""
    arbkit("keys", "add", "okx", "--no-test", typed=("old-key-text", "old-secret-text", "old-phrase"))
    before = default_path().read_bytes()
    code, said = arbkit("keys", "rotate", "okx", typed=(typed[0], WRONG, typed[2]))
    assert (code, "nothing was changed" in said, default_path().read_bytes() == before) == (3, True, True), said
    code, said = arbkit("keys", "add", "okx", typed=typed)
    assert (code, "arbkit keys rotate okx exchanges it" in said) == (2, True)
    credential(PASSPHRASE)
    code, said = arbkit("keys", "rotate", "okx", typed=typed)
    assert (code, list(held().values())) == (0, list(typed)), said


def test_remove(arbkit: Run, credential: Callable[[str], None]) -> None:
    """Only after a yes; what is not there is told."""
    arbkit("keys", "add", "okx", "--no-test", typed=("a-key-of-mine", "no-real-secret", ""))
    assert set(held()) == {"okx.sim.main.key", "okx.sim.main.secret"}
    credential(PASSPHRASE)
    assert arbkit("keys", "remove", "okx", typed=("n",))[0] == 130
    assert len(held()) == 2
    assert arbkit("keys", "remove", "okx", typed=("y",))[0] == 0
    assert held() == {}
    code, said = arbkit("keys", "remove", "okx", "--yes")
    assert (code, "has no key okx.sim.main; it has nothing" in said) == (3, True)


def test_a_venue_that_does_not_answer_is_exit_4(arbkit: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is known of the key, so nothing is stored without ``--no-test``."""
    monkeypatch.setitem(rehearse.__kwdefaults__, "most_s", 1.0)
    file = tmp_path / "arbkit.toml"
    file.write_text(re.sub(r'"(https?|wss?)://127[^"]*"', r'"\1://127.0.0.1:9"', file.read_text()))
    code, said = arbkit("keys", "add", "okx", typed=("a-key-of-mine", "no-real-secret", "a-phrase"))
    assert (code, "127.0.0.1:9: no connection" in said, "--no-test" in said) == (4, True, True), said
    assert not default_path().exists()


def test_a_key_in_use_is_left_alone(arbkit: Run, venues: Venues, config: Callable[..., None]) -> None:
    """A run of another process trades with it: a second login could disturb it."""
    os.environ["K_TEST"] = "some-key-of-mine"
    config(okx=dict.fromkeys(("key", "secret", "passphrase"), "env:K_TEST"))
    where = venues[1]["okx"]["rest"].partition("//")[2]
    locks = AccountLocks([f"okx.sim.main.{where}"])
    try:
        code, said = arbkit("keys", "test")
    finally:
        locks.close()
        del os.environ["K_TEST"]
    assert (code, f"another arbkit (process {os.getpid()}) trades on okx.sim.main" in said) == (2, True), said


def test_without_configuration_the_venue_alone_is_enough(arbkit: Run, tmp_path: Path) -> None:
    """The first command of a new user; a mistyped venue is named."""
    (tmp_path / "arbkit.toml").unlink()
    code, said = arbkit("keys", "add", "binanse")
    assert (code, "did you mean 'binance'?" in said) == (2, True), said
    code, said = arbkit("keys", "add", "binance", "--no-test", typed=("a-key-of-mine", "no-real-secret", ""))
    assert code == 0, said
    assert 'key = "vault:binance.main.key"' in said


def test_what_a_person_types_is_not_echoed(tmp_path: Path) -> None:
    """On a real terminal: the new passphrase twice, then key, secret and passphrase, none of which is seen."""
    (tmp_path / "arbkit.toml").unlink()
    answers = [PASSPHRASE, PASSPHRASE, "CANARY-key-0123456789", "CANARY-secret-0123456789", ""]
    env = {name: text for name, text in os.environ.items() if name != "CREDENTIALS_DIRECTORY"}
    ours, theirs = pty.openpty()
    command = [ARBKIT, "keys", "add", "okx", "--environment", "demo", "--no-test"]
    said = b""
    with subprocess.Popen(command, cwd=tmp_path, env=env, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        asked = 0
        while select.select([ours], [], [], 60)[0]:
            try:
                said += os.read(ours, 4096)
            except OSError:  # the other side is closed
                break
            if said.count(b": ") > asked and said.endswith(b": "):
                asked = said.count(b": ")
                os.write(ours, answers.pop(0).encode() + b"\n")
        code = process.wait(60)
    os.close(ours)
    assert (code, answers) == (0, []), said
    assert b"CANARY" not in said
    assert PASSPHRASE.encode() not in said
    assert b'secret = "vault:okx.demo.main.secret"' in said


def test_a_locked_vault_hides_nothing_else(
    arbkit: Run, config: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """``keys list`` shows the configuration's keys although nobody opens the vault; one that needs it is a problem."""
    default_path().parent.mkdir(parents=True, exist_ok=True)
    vault = Vault(default_path(), Secret(PASSPHRASE))
    vault.put("okx.main.key", Secret("a-key-of-mine"))
    vault.save()
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    monkeypatch.setenv("K", "another-key")
    config(okx={"key": "env:K"})
    code, said = arbkit("keys", "list")
    assert code == 0, said
    assert re.search(r"okx +key +env:K +ok", said)
    assert "is locked and there is no terminal" in said
    config(okx={"key": "vault:okx.main.key"})
    assert arbkit("keys", "list")[0] == 3


def test_an_entry_whose_name_ends_like_another_is_not_used(
    arbkit: Run, config: Callable[..., None], credential: Callable[[str], None]
) -> None:
    vault = Vault(default_path(), Secret(PASSPHRASE))
    default_path().parent.mkdir(parents=True, exist_ok=True)
    for name in ("okx.main.key", "my-okx.main.key"):
        vault.put(name, Secret(f"the-{name}"))
    vault.save()
    credential(PASSPHRASE)
    config(okx={"key": "vault:my-okx.main.key"})
    _, said = arbkit("keys", "list", "--json")
    assert json.loads(said)["unused"] == ["okx.main.key"]
