"""Real processes on loopback: simulated venues in one (or several), the run under test in another."""

from __future__ import annotations

import json
import os
import runpy
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol
from urllib.request import urlopen

import pytest

from arbkit.core.runtime.clock import Clock

CLOCK = Clock()

ARBKIT = str(Path(sys.executable).parent / "arbkit")
CRASH = Path(__file__).with_name("crash.py")
SETTLE = runpy.run_path(str(CRASH))["settle"]
DEADLINE_S = 120.0
"""A bound that only catches what hangs; a busy machine keeps far away from it."""
LIMITS = """
[limits]
max_order_notional = 1000
max_deal_notional = 1000
max_open_notional = 8000
max_open_deals = 8
max_venue_notional = 8000
max_asset_notional = 8000
max_deals_per_minute = 600
cooldown_ns = 500000000
max_broken = 50
max_loss_day = 5000
max_loss_run = 10000
[gate]
max_order_notional = 3000
orders_per_second = 100
notional_per_minute = 1000000
"""


def until(said: Callable[[], Any], what: str, seconds: float = DEADLINE_S) -> Any:
    """Wait until ``said`` gives something true, and return it."""
    end_ns = CLOCK.now_ns() + round(seconds * 1e9)
    while CLOCK.now_ns() < end_ns:
        if found := said():
            return found
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {what}")


class Venues:
    """A simulator in its own process."""

    def __init__(self, *command: str) -> None:
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the simulator did not start"
        said = json.loads(line)
        self.venues: dict[str, dict[str, str]] = said["venues"]
        self.admin: str = said["admin"]

    def get(self, page: str) -> dict[str, Any]:
        """One of the simulator's own records."""
        with urlopen(f"{self.admin}/{page}", timeout=60) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def orders(self) -> list[dict[str, Any]]:
        """Every order that any venue accepted."""
        return [order for rows in self.get("orders").values() for order in rows]

    def end(self) -> None:
        """Kill it, whatever it does."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        self.process.wait(10)
        assert self.process.stdout is not None
        self.process.stdout.close()


class Run:
    """``arbkit run`` in its own process; its log is read as it is written."""

    def __init__(self, folder: Path, env: dict[str, str], *command: str) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)

    def facts(self, event: str, **fields: object) -> list[dict[str, Any]]:
        """The log lines of one event so far."""
        found = [json.loads(line) for line in list(self.lines) if line.startswith("{") and f'"{event}"' in line]
        return [
            fact
            for fact in found
            if fact["event"] == event and all(fact.get(name) == value for name, value in fields.items())
        ]

    def wait(self, event: str, count: int = 1, seconds: float = DEADLINE_S, **fields: object) -> list[dict[str, Any]]:
        """Until so many lines of an event are there."""

        def there() -> list[dict[str, Any]]:
            found = self.facts(event, **fields)
            assert len(found) >= count or self.process.poll() is None, f"ended:\n{self.text}"
            return found if len(found) >= count else []

        try:
            return list(until(there, f"{count} x {event} {fields}", seconds))
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.text}") from None

    def metrics(self) -> dict[str, float]:
        """Scrape its endpoint."""
        url = self.wait("run.metrics")[0]["url"]
        with urlopen(url, timeout=60) as answer:
            rows = [line.rsplit(" ", 1) for line in answer.read().decode().splitlines() if not line.startswith("#")]
        return {name: float(value) for name, value in rows}

    @property
    def text(self) -> str:
        """What it has logged, but for deals that went as they should."""
        return "".join(line for line in self.lines if "deal.closed" not in line or "hedged" not in line)

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def ended(self, seconds: float = DEADLINE_S) -> tuple[int, str]:
        """(exit code, stdout), once it has ended by itself."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running\n{self.text}") from None
        self._reader.join(5)
        assert self.process.stdout is not None
        return code, self.process.stdout.read()

    def end(self) -> None:
        """Kill it."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        self._reader.join(5)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()


class Stage(Protocol):
    """The fixture ``stage``."""

    def sim(self, *args: str) -> Venues: ...
    def script(self, *args: str) -> Venues: ...
    def run(
        self,
        *venues: Venues,
        args: tuple[str, ...] = (),
        params: str = "",
        live: bool = True,
        extra: str = "",
        crash: tuple[str, int] | None = None,
        as_json: bool = True,
        durability: str = "process",
    ) -> Run: ...


class _Stage:
    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self._stack = stack

    def sim(self, *args: str) -> Venues:
        """``arbkit sim``."""
        return self._kept(Venues(ARBKIT, "sim", *args, "--json"))

    def script(self, *args: str) -> Venues:
        """A simulator of a test's own, in a Python file."""
        return self._kept(Venues(sys.executable, *args))

    def run(
        self,
        *venues: Venues,
        args: tuple[str, ...] = (),
        params: str = "",
        live: bool = True,
        extra: str = "",
        crash: tuple[str, int] | None = None,
        as_json: bool = True,
        durability: str = "process",
    ) -> Run:
        """``arbkit run`` on them, live unless told otherwise, in the same folder each time."""
        params = params or 'symbols = ["BTC-USDT", "ETH-USDT"], min_edge = 0.0003, max_notional = 500.0'
        text = [f'mode = "{"live" if live else "paper"}"', "metrics.port = 0", f'state.folder = "{self.folder}/state"']
        text += [f'state.durability = "{durability}"']
        text += [f"distributions = {json.dumps([f'arbkit-{name}' for one in venues for name in one.venues])}"]
        env = {"HOME": str(self.folder)}  # the locks of accounts are there
        for one in venues:
            for name, said in one.venues.items():
                text += [f"[venues.{name}]", 'environment = "sim"', "taker_fee = 0.001", "latency_ms = 1"]
                text += ["balances = { USDT = 100000000, BTC = 1000, ETH = 30000 }"]
                for part in ("key", "secret", "passphrase"):
                    env[f"SIM_{name}_{part}".upper()] = said[part]
                    text += [f'{part} = "env:SIM_{name.upper()}_{part.upper()}"'] if live else []
                text += [f'endpoints.{key} = "{url}"' for key, url in said.items() if url and "://" in url]
        text += ["[strategy]", f"params = {{ {params} }}", extra or LIMITS]
        config = self.folder / "arbkit.toml"
        config.write_text("\n".join(text))
        config.chmod(0o644)
        target = [] if args and not args[0].startswith("-") else ["spread"]
        program = [ARBKIT] if crash is None else [sys.executable, str(CRASH), *map(str, crash)]
        SETTLE(self.folder)
        live_flag = ("--live",) if live else ()
        json_flag = ("--json",) if as_json else ()
        made = Run(self.folder, env, *program, "run", *target, *args, *live_flag, *json_flag)
        self._stack.callback(made.end)
        return made

    def _kept(self, venues: Venues) -> Venues:
        self._stack.callback(venues.end)
        return venues


@contextmanager
def staged(folder: Path) -> Iterator[Stage]:
    """Processes that work in ``folder``. Ends them all."""
    with ExitStack() as stack:
        yield _Stage(folder, stack)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """Starts processes; ends them all."""
    with staged(tmp_path) as made:
        yield made


@pytest.fixture(name="until")
def until_fixture() -> Callable[..., Any]:
    """``until(said, what, seconds)``."""
    return until
