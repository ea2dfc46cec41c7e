"""A desk that records its inputs, and the runtime around it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from arbkit.core.runtime.clock import Clock
from arbkit.core.runtime.journal_file import JournalFile
from arbkit.core.runtime.supervisor import Ending, Runtime, run
from arbkit.core.types import NEVER

HANGS_S = 60.0
"""A bound that only catches what hangs; a busy machine keeps far away from it."""


class FakeDesk:
    """Records every input as (name, *arguments without the time); ``on[name]`` is called after it."""

    def __init__(self) -> None:
        self.inputs: list[tuple[Any, ...]] = []
        self.told: list[str] = []
        """Why the journal fails."""
        self.times: list[int] = []
        self.on: dict[str, Callable[..., None]] = {}
        self.due_ns = NEVER
        self.idle = True
        self.calm = True
        self.proved_by_ns = 0
        self.changed = asyncio.Event()
        self.gate = SimpleNamespace(restricted=dict)
        self.said: list[str] = []
        self.sender = SimpleNamespace(journal_fails=self.told.append)

    def log(self, event: str, **fields: Any) -> None:
        self.said.append(event)

    def scope_problem(self, scope: str) -> str:
        return "" if scope in ("", "binance") else f"no scope {scope}"

    def commands_hash(self) -> str:
        return "no commands"

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name not in INPUTS:
            raise AttributeError(name)

        def record(*arguments: Any) -> None:
            *rest, now_ns = arguments
            self.inputs.append((name, *rest))
            self.times.append(now_ns)
            if name in self.on:
                self.on[name](*rest)
            self.changed.set()

        return record

    def named(self, name: str) -> list[tuple[Any, ...]]:
        return [entry[1:] for entry in self.inputs if entry[0] == name]

    async def until(self, name: str, count: int = 1, within: float = HANGS_S) -> list[tuple[Any, ...]]:
        """Wait until the input came ``count`` times."""
        async with asyncio.timeout(within):
            while len(self.named(name)) < count:
                self.changed.clear()
                await self.changed.wait()
        return self.named(name)


INPUTS = frozenset(
    (
        "opened",
        "frame",
        "read_end",
        "activity",
        "closed",
        "answered",
        "wake",
        "late",
        "jumped",
        "durable",
        "stop",
        "halt",
        "mode",
        "person",
    )
)


@pytest.fixture
def make_desk() -> type[FakeDesk]:
    return FakeDesk


@pytest.fixture
def eventually() -> Callable[..., Any]:
    """``await eventually(said)``: wait until ``said()`` is true, however slow the machine is."""

    async def wait(said: Callable[[], bool]) -> None:
        async with asyncio.timeout(HANGS_S):
            while not said():
                await asyncio.sleep(0.005)

    return wait


@pytest.fixture
def running(tmp_path: Path) -> Any:
    """``async with running(**Runtime's arguments) as (desk, runtime)``: both run inside; stopped and closed after
    it."""

    @asynccontextmanager
    async def start(desk: FakeDesk | None = None, **arguments: Any) -> AsyncIterator[tuple[FakeDesk, Runtime]]:
        clock = arguments.pop("clock", None) or Clock()
        journal = JournalFile(tmp_path / "journal", clock)
        desk = desk or FakeDesk()
        runtime = Runtime(clock, journal, **arguments)
        task = asyncio.create_task(run(desk, runtime, signals=False))
        await asyncio.sleep(0)
        try:
            yield desk, runtime
        finally:
            if not task.done():
                runtime.stop()
            assert await task is Ending.IDLE

    return start
