"""What the API and five clients, one of which does not read, cost the way from tick to order: the benchmark with them
and without, in turns.

`make api-cost` runs it. It prints the median of each run and compares the smallest ones: on a busy machine only those
say something. It ends with 1 if the API makes it more than a tenth slower, or if the process needs 50 MB more.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import socket
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import aiohttp
import uvloop

from arbkit.bench.ticks import tick_to_order
from arbkit.core.log import Log
from arbkit.monitor.api.config import ApiConfig
from arbkit.monitor.api.shapes import TOPICS

BOUND = 1.1
MOST_MB = 50.0
LEAST = 30
"""A run with fewer deals says nothing: the machine is so busy that the books are stale."""
CLIENTS = 5


async def follow(url: str, token: str, *, reads: bool) -> int:
    """A client that follows all that a dashboard shows. Returns the bytes that it read."""
    headers, size = {"Authorization": f"Bearer {token}"}, 0
    async with aiohttp.ClientSession() as http, http.ws_connect(f"{url}/api/v1/ws", headers=headers) as ws:
        for topic in TOPICS:
            symbols = ["BTC-USDT", "ETH-USDT"] if topic in ("ladders", "spreads") else []
            await ws.send_json({"do": "subscribe", "topic": topic, "symbols": symbols})
        while not reads:
            await asyncio.sleep(1)
        async for message in ws:
            size += len(message.data)
    return size


async def clients(url: str, file: Path) -> None:
    for _ in range(200):
        if file.exists() and (token := file.read_text().strip()):
            break
        await asyncio.sleep(0.1)
    stalled = asyncio.create_task(follow(url, token, reads=False))
    sizes = await asyncio.gather(*(follow(url, token, reads=True) for _ in range(CLIENTS - 1)))
    stalled.cancel()
    print(json.dumps(sizes), flush=True)


def beside(port: int) -> Callable[[Path], Callable[[Log], Coroutine[Any, Any, None]]]:
    """Starts the clients in a process of their own, and follows how much memory ours has."""

    def of(folder: Path) -> Callable[[Log], Coroutine[Any, Any, None]]:
        async def run(log: Log) -> None:
            command = [__file__, "--clients", f"http://127.0.0.1:{port}", str(folder / "api-read")]
            process = await asyncio.create_subprocess_exec(sys.executable, *command)
            try:
                await process.wait()
            finally:
                if process.returncode is None:
                    process.kill()

        return run

    return of


def resident_mb() -> float:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--clients", nargs=2)
    given = parser.parse_args()
    if given.clients:
        asyncio.run(clients(given.clients[0], Path(given.clients[1])))
        return 0
    medians: dict[bool, list[float]] = {True: [], False: []}
    grown: dict[bool, float] = {True: 0.0, False: 0.0}
    for number in range(given.runs):
        for api in (False, True):
            before, port = resident_mb(), free_port()
            more: dict[str, Any] = {"api": ApiConfig(port=port), "beside": beside(port)} if api else {}
            (result,) = tick_to_order(uvloop.new_event_loop, given.seconds, **more)
            if result.deals >= LEAST:
                medians[api].append(result.p50_us)
            if number:  # the first run loads the modules
                grown[api] = max(grown[api], resident_mb() - before)
            print(f"api {'on ' if api else 'off'} p50 {result.p50_us:6.0f} us, {result.deals} deals", flush=True)
    if not all(medians.values()):
        print("the machine is too busy: no run made enough deals")
        return 1
    off, on = min(medians[False]), min(medians[True])
    best = f"{off:.0f} us without, {on:.0f} us with the API and {CLIENTS} clients, one stalled: {on / off:.2f} times"
    print(f"tick to order, p50, smallest of {given.runs}: {best}")
    print(f"memory of a run: {grown[False]:.0f} MB without, {grown[True]:.0f} MB with them")
    return 0 if on <= BOUND * off and grown[True] - grown[False] <= MOST_MB else 1


if __name__ == "__main__":
    sys.exit(main())
