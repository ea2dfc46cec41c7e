"""``arbkit bench tick-to-order``: time from the receive timestamp of a frame until both orders are passed to the
transport.

The real engine runs over real sockets against simulated venues in another process. A relay between them fills one
market-data link up to 5,000 messages per second with repeated depth frames, which are decoded and then ignored. Each
order's intent is written to the journal before it is sent.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from asyncio import AbstractEventLoop
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from msgspec import Struct
from msgspec.structs import replace

from arbkit.app import simulated
from arbkit.app.installed import installed
from arbkit.app.launch import start
from arbkit.app.plan import make_exchanges
from arbkit.core.counters import Histogram
from arbkit.core.log import Log
from arbkit.core.runtime.journal_file import StateFolder
from arbkit.core.venues.signer import LocalSigner
from arbkit.monitor.api.config import ApiConfig
from arbkit.strategies import SpreadArb

__all__ = ["relay", "tick_to_order"]

RATE = 5_000
SECONDS = 25.0
SLICES = 1000
"""Number of bursts per second into which the filling frames are divided."""


class TickResult(Struct, kw_only=True):
    """The result of one run, in microseconds."""

    venues: str
    messages_per_s: int
    deals: int
    p50_us: float
    p99_us: float
    worst_us: float
    durable_p50_us: float
    """Time from writing an intent until it is on the disk. By default no order waits for it."""
    durable_p99_us: float
    samples: int


class _Exact(Histogram):
    """Keeps every value, for exact quantiles."""

    __slots__ = ("values",)

    def __init__(self) -> None:
        super().__init__()
        self.values: list[float] = []

    def observe(self, us: float) -> None:
        self.values.append(us)

    def at(self, share: float) -> float:
        ordered = sorted(self.values)
        return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 1) if ordered else 0.0


def tick_to_order(
    loop_factory: Callable[[], AbstractEventLoop],
    seconds: float = SECONDS,
    *,
    history: bool = True,
    api: ApiConfig | None = None,
    beside: Callable[[Path], Callable[[Log], Coroutine[Any, Any, None]]] | None = None,
) -> list[TickResult]:
    """Run the benchmark once, with or without the history and the API. ``beside``: what runs beside the desk, made of
    its state folder. The first fifth of the samples (warm-up) is left out."""
    registry = installed(dialects=True)
    venues = [name for name in simulated.PREFERRED if name in registry.exchanges and name in registry.dialects][:2]
    flooded = venues[0]
    with (
        tempfile.TemporaryDirectory(prefix="arbkit-bench-") as folder,
        simulated.venues_beside(venues, 1, faults=(), edge_every_s=0.25) as where,
    ):
        upstream = where["venues"][flooded]["ws_public"]
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-m", "arbkit.bench.ticks", upstream, str(RATE)], stdout=subprocess.PIPE, text=True
        )
        try:
            assert process.stdout is not None
            where["venues"][flooded]["ws_public"] = process.stdout.readline().strip()
            plan = replace(
                simulated.plan_of(where, seed=1),
                limits=replace(simulated.LIMITS, max_deals_per_minute=6_000, max_open_deals=50),
            )
            signers = {
                name: LocalSigner(site["key"], site["secret"], site["passphrase"])
                for name, site in where["venues"].items()
            }
            state = StateFolder(Path(folder), "live")
            ticks, durable = _Exact(), _Exact()
            try:
                done = start(
                    plan,
                    SpreadArb(**{**simulated.PARAMS, "cooldown_s": 0.02}),
                    exchanges=make_exchanges(plan, registry),
                    signers=signers,
                    secrets=(),
                    folder=state,
                    seconds=seconds,
                    loop_factory=loop_factory,
                    histograms={"tick_to_order": ticks, "durable": durable},
                    history=history,
                    api=api or ApiConfig(),
                    beside=None if beside is None else beside(state.path),
                )
            finally:
                state.close()
        finally:
            process.terminate()
            process.wait(10)
    ticks.values = ticks.values[len(ticks.values) // 5 :]
    messages = sum(link.messages for link in done.desk.counters.links.values())
    return [
        TickResult(
            venues=" + ".join(venues),
            messages_per_s=round(messages / seconds),
            deals=sum(done.desk.counters.deals.values()),
            p50_us=ticks.at(0.5),
            p99_us=ticks.at(0.99),
            worst_us=ticks.at(1.0),
            durable_p50_us=durable.at(0.5),
            durable_p99_us=durable.at(0.99),
            samples=len(ticks.values),
        )
    ]


async def relay(upstream: str, rate: int) -> None:
    """Relay a venue's public socket, and fill it up to ``rate`` messages per second with its last depth frame."""

    async def handle(request: web.Request) -> web.WebSocketResponse:
        client = web.WebSocketResponse(compress=False)
        await client.prepare(request)
        last = ""
        session = aiohttp.ClientSession()
        try:
            venue = await session.ws_connect(upstream + request.path_qs, autoping=True)

            async def up() -> None:
                async for message in client:
                    if message.type is aiohttp.WSMsgType.TEXT:
                        await venue.send_str(message.data)

            async def fill() -> None:
                loop = asyncio.get_running_loop()
                begun, sent = loop.time(), 0
                while True:
                    await asyncio.sleep(1 / SLICES)
                    due = int((loop.time() - begun) * rate)
                    if last:
                        with suppress(ConnectionError):  # the benchmark has disconnected
                            for _ in range(min(due - sent, rate // 10)):
                                await client.send_str(last)
                    sent = due

            tasks = [asyncio.create_task(up()), asyncio.create_task(fill())]
            try:
                async for message in venue:
                    if message.type is aiohttp.WSMsgType.TEXT:
                        await client.send_str(message.data)
                        if '"depthUpdate"' in message.data:
                            last = message.data
            except ConnectionError:
                pass  # the benchmark has disconnected
            finally:
                for task in tasks:
                    task.cancel()
        finally:
            await session.close()
        return client

    server = web.Application()
    server.router.add_get("/{path:.*}", handle)
    runner = web.AppRunner(server, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    print(f"ws://{host}:{port}", flush=True)  # noqa: T201 - read by the benchmark
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(relay(sys.argv[1], int(sys.argv[2])))
