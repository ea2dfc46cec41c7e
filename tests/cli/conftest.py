"""A stranger's folder, and simulated venues in a process of their own to trade on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

HANGS_S = 120.0

STRATEGY = '''
from arbkit.strategies import SpreadArb


class Mine(SpreadArb):
    """The spread of two symbols, from five basis points."""

    symbols = ("BTC-USDT", "ETH-USDT")
    min_edge = min_edge_immovable = 0.0005
    max_notional = 200
'''


class Desk:
    """A folder with a ``strategy.py`` of a few lines, and the ``arbkit`` that works in it."""

    def __init__(self, folder: Path, venues: dict[str, Any], arbkit: Path) -> None:
        self.arbkit = arbkit
        self.folder = folder
        self.venues = venues
        self.env = {key: value for key, value in os.environ.items() if not key.startswith("ARBKIT_")}
        self.env["HOME"] = str(folder)  # the locks of accounts are there
        (folder / "strategy.py").write_text(STRATEGY)

    def write(self, mode: str, **changed: str) -> None:
        """``arbkit.toml``; ``changed`` replaces addresses (``okx="http://..."``)."""
        lines = [f'mode = "{mode}"', 'distributions = ["arbkit-binance", "arbkit-okx"]', 'state.folder = "state"']
        for name, venue in self.venues.items():
            lines += [f"[venues.{name}]", 'environment = "sim"']
            for field in ("rest", "ws_public", "ws_private", "ws_trade"):
                lines.append(f'endpoints.{field} = "{changed.get(name, venue[field])}"')
            if mode == "paper":
                lines.append("balances = { USDT = 10_000, BTC = 0.03, ETH = 0.5 }")
            for field in ("key", "secret", "passphrase") if mode == "live" else ():
                if venue[field]:
                    lines.append(f'{field} = "env:{name.upper()}_{field.upper()}"')
                    self.env[f"{name.upper()}_{field.upper()}"] = venue[field]
        config = self.folder / "arbkit.toml"
        config.write_text("\n".join(lines))
        config.chmod(0o644)

    def start(self, *args: str) -> subprocess.Popen[str]:
        """``arbkit ARGS`` in the folder."""
        return subprocess.Popen(
            [self.arbkit, *args],
            cwd=self.folder,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *args: str, until: Sequence[str] = ()) -> tuple[int, str, str]:
        """Exit code, stdout, stderr; never a traceback. ``until``: Ctrl-C once stderr has told each of these
        words, each in a line of its own, in any order. The bounds only catch what hangs."""
        with self.start(*args) as process:
            assert process.stderr is not None
            watch = threading.Timer(HANGS_S, process.kill)
            watch.start()
            told = ""
            try:
                missing = list(until)
                while missing and (line := process.stderr.readline()):
                    told += line
                    for words in [words for words in missing if words in line][:1]:
                        missing.remove(words)
                if until:
                    process.send_signal(signal.SIGINT)
                out, err = process.communicate(timeout=HANGS_S)
            finally:
                watch.cancel()
                process.kill()
        err = told + err
        assert "Traceback" not in out + err, err
        return process.returncode, out, err


@contextmanager
def _serve(arbkit: Path, *venues: str) -> Iterator[dict[str, Any]]:
    """``arbkit sim``, an edge on each symbol about every half second; what it announced of each venue."""
    command = [arbkit, "sim", *venues, "--edge-every", "0.5", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())["venues"]
        finally:
            process.kill()


@pytest.fixture(scope="session")
def serving() -> Callable[..., Any]:
    """``with serving(ARBKIT, "binance", "okx") as venues``"""
    return _serve


@pytest.fixture(scope="session")
def desk_of() -> type[Desk]:
    """Makes a stranger's desk: ``desk_of(folder, venues, ARBKIT)``."""
    return Desk


@pytest.fixture(scope="module")
def venues() -> Iterator[dict[str, Any]]:
    """A simulated Binance and OKX on loopback."""
    with _serve(Path(sys.executable).parent / "arbkit", "binance", "okx") as announced:
        yield announced


@pytest.fixture
def desk(tmp_path: Path, venues: dict[str, Any]) -> Desk:
    """A desk of one's own on them."""
    return Desk(tmp_path, venues, Path(sys.executable).parent / "arbkit")
