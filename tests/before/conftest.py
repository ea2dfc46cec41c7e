"""A vault that opens fast, a home of one's own, and simulated venues in a thread of this process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from arbkit_binance.dialect import BinanceDialect
from arbkit_okx.dialect import OkxDialect

from arbkit import cli
from arbkit.config import outside, unlock, vault
from arbkit.core.runtime.clock import Clock
from arbkit.sim import shell
from arbkit.sim.world import World

PASSPHRASE = "correct horse battery"


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing of the machine's own configuration or vault is read; scrypt is as cheap as the layout allows."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    monkeypatch.delenv(unlock.FD, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(vault, "COST", 14)
    forget()
    yield
    forget()


def forget() -> None:
    """As a new process: nothing is opened or asked yet."""
    unlock._OPENED.clear()
    unlock._REFUSED.clear()
    unlock._FROM_FD.clear()
    outside.from_command.cache_clear()
    outside.from_keyring.cache_clear()


@pytest.fixture
def credential(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Gives the passphrase of the vault as systemd does."""

    def give(text: str) -> None:
        folder = tmp_path / "credentials"
        folder.mkdir(exist_ok=True)
        (folder / unlock.CREDENTIAL).write_text(text)
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
        forget()

    return give


@pytest.fixture(scope="module")
def venues() -> Iterator[tuple[World, dict[str, Any]]]:
    """A simulated Binance and OKX: the world, to change its accounts, and what it announced."""
    clock = Clock()
    world = World([BinanceDialect, OkxDialect], seed=1, start_ns=clock.now_ns())
    told: dict[str, Any] = {}
    there, over = threading.Event(), threading.Event()

    async def serve() -> None:
        async with shell.serve(world, now_ns=clock.now_ns) as where:
            told.update(where)
            there.set()
            while not over.is_set():
                await asyncio.sleep(0.02)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert there.wait(60)
    yield world, told["venues"]
    over.set()
    thread.join()


@pytest.fixture
def config(tmp_path: Path, venues: tuple[World, dict[str, Any]]) -> Callable[..., None]:
    """Writes ``arbkit.toml`` with both venues; ``references``: fields of a venue, as ``okx={"key": ...}``."""

    def write(**references: dict[str, str]) -> None:
        lines = ['distributions = ["arbkit-binance", "arbkit-okx"]']
        for name, site in venues[1].items():
            lines += [f"[venues.{name}]", 'environment = "sim"']
            lines += [f'{field} = "{text}"' for field, text in references.get(name, {}).items()]
            lines += [f'endpoints.{one} = "{site[one]}"' for one in ("rest", "ws_public", "ws_private", "ws_trade")]
        file = tmp_path / "arbkit.toml"
        file.write_text("\n".join(lines))
        file.chmod(0o644)

    return write


@pytest.fixture
def arbkit(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str]]:
    """Runs a command in this process: the exit code and all that it printed. ``typed``: the lines of stdin."""

    def run(*args: str, typed: tuple[str, ...] = ()) -> tuple[int, str]:
        import io

        monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in typed)))
        capfd.readouterr()
        code = cli._run(list(args))
        said = capfd.readouterr()
        return code, said.out + said.err

    return run
