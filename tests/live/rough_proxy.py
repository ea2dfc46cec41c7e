"""Stands in front of one venue's public stream and says nonsense now and then: ``rough_proxy.py URL FROM_S``.

Prints its own base URL as JSON. All that the venue sends passes; in between come frames that no venue ever sent.
"""

from __future__ import annotations

import asyncio
import json
import sys

import aiohttp
from aiohttp import web

from arbkit.core.runtime.clock import Clock

CLOCK = Clock()

CUT = '{"topic":"orderbook.50.BTCUSDT","type":"delta","data":{"s":"BTCU'
STRANGE = '{"topic":"orderbook.50.BTCUSDT","type":"delta","ts":1,"data":{"b":[["NaN","-1"]],"u":2}}'
NONSENSE: list[str | bytes] = [
    b"\x00\xff\xfe\x01" * 40,
    CUT,
    "null",
    "[]",
    "-1e999",
    '"\\ud800"',
    "[" * 50_000,
    STRANGE,
    '{"topic":7}',
    "\x00",
    "",
]


async def main(url: str, from_s: float) -> None:
    """Until killed."""
    begin_ns = CLOCK.now_ns() + round(from_s * 1e9)
    left = list(NONSENSE)

    async def handle(request: web.Request) -> web.WebSocketResponse:
        ours = web.WebSocketResponse(compress=False)
        await ours.prepare(request)
        async with aiohttp.ClientSession() as http, http.ws_connect(f"{url}{request.raw_path}") as theirs:

            async def up() -> None:
                async for message in ours:
                    await theirs.send_str(message.data)
                await theirs.close()

            task = asyncio.create_task(up())
            async for message in theirs:
                if left and CLOCK.now_ns() > begin_ns:
                    junk = left.pop(0)
                    await (ours.send_bytes(junk) if isinstance(junk, bytes) else ours.send_str(junk))
                await ours.send_str(message.data)
            task.cancel()
        return ours

    app = web.Application()
    app.router.add_get("/{path:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    print(json.dumps({"venues": {}, "admin": f"ws://{host}:{port}"}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2])))
