"""A desk of a virtual run, behind a real server on loopback."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from arbkit import SpreadArb
from arbkit.app.picture import Painter
from arbkit.app.simulated import GATE, LIMITS
from arbkit.core.money.limits import PERSON
from arbkit.core.runtime.clock import Clock
from arbkit.core.runtime.control import ModeAsked, ModesTold
from arbkit.monitor.api.access import Access
from arbkit.monitor.api.config import ApiConfig
from arbkit.monitor.api.facts import RunFacts
from arbkit.monitor.api.server import ApiServer
from arbkit.monitor.board import Board
from arbkit.testing.simulated import Simulation, simulate

CLOCK = Clock()
SYMBOLS = ("BTC-USDT", "ETH-USDT")


class Log:
    """What was logged, by event."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, event: str, /, **fields: Any) -> None:
        self.events.append((event, fields))


def made(venues: tuple[str, ...] = ("binance", "okx", "bybit"), seconds: float = 8.0) -> tuple[Simulation, Log]:
    """A virtual run that has traded for some seconds, and its log."""
    log = Log()
    strategy = SpreadArb(symbols=SYMBOLS, min_edge=0.0003, max_notional=500.0)
    run = simulate(strategy, venues, edge_every_s=1.0, limits=LIMITS, gate=GATE, log=log)
    run.run_for(seconds)
    while run.desk.engine.deals:
        run.run_for(0.1)
    return run, log


class Rig:
    """The server of a run, and what a person asked for over it."""

    def __init__(self, run: Simulation, log: Log, server: ApiServer, access: Access, asked: list[Any]) -> None:
        self.run, self.log, self.server, self.access, self.asked = run, log, server, access, asked
        self.url = server.url.rstrip("/")

    def headers(self, scope: Any = "trade", **more: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.access.tokens[scope]}", "X-Arbkit": "1", **more}

    async def get(self, session: aiohttp.ClientSession, path: str, status: int = 200, **headers: str) -> Any:
        async with session.get(f"{self.url}{path}", headers={**self.headers(), **headers}) as answer:
            text = await answer.text()
            assert answer.status == status, (path, answer.status, text)
            return json.loads(text)

    async def rows(self, session: aiohttp.ClientSession, topic: str) -> list[Any]:
        found: list[Any] = (await self.get(session, f"/api/v1/{topic}"))["rows"]
        return found


@asynccontextmanager
async def serving(run: Simulation, log: Log, folder: Path, **config: Any) -> AsyncIterator[Rig]:
    """The server of this run. The clock of the run stands still unless the test moves it; that of the server does
    not."""
    began = CLOCK.now_ns()
    board, asked = Board(), []
    desk = run.desk
    painter = Painter(desk, "demo", 0)
    why: dict[str, str] = dict.fromkeys(desk.venues, "")
    board.show(painter.picture(why, stopping=False, now_ns=run.clock_ns))
    rng = random.Random(7)

    def ask(one: ModeAsked, who: str) -> ModesTold:
        asked.append((one, who))
        now_ns = run.clock_ns
        if one.what:
            desk.person(one.what, one.scope, who, one.why, now_ns)
        if one.mode is not None:
            desk.mode(one.scope, one.mode.value, PERSON, who, one.why, now_ns)
        return ModesTold()

    facts = RunFacts(
        desk=desk,
        now_ns=lambda: run.clock_ns + CLOCK.now_ns() - began,
        kind="demo",
        version="1.2.3",
        began_ns=0,
        environments=dict.fromkeys(desk.venues, "sim"),
        board=board,
        why=why,
        idle=lambda: painter.reasons,
        stopping=lambda: False,
        ask=ask,
        folder=folder,
    )
    access = Access(rng.randbytes, lambda: CLOCK.now_ns() / 1e9)
    server = ApiServer(facts, ApiConfig(**{"port": 0, **config}), access, lambda: b"arbkit_x 1\n")
    await server.start()
    try:
        yield Rig(run, log, server, access, asked)
    finally:
        await server.close()


async def passed(seconds: float = 0.3) -> None:
    """Real time, for the server to make rows."""
    await asyncio.sleep(seconds)
