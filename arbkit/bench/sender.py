"""A venue that only sends: the other process of ``arbkit bench saturate``.

It answers the subscriptions and depth snapshots of any number of adapters, and sends the frames of each book in turn,
encoded in advance: only the time and the sequence number are written into them. Commands come on stdin, one a line:
``RATE SECONDS`` (frames per second over all books; 0 = as many as the sockets take), or ``quit``. After each it prints
one JSON line with the number of frames. Between commands it sends one frame a second and book, because silence would
make books STALE.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Awaitable, Callable

from aiohttp import web

from arbkit.bench.many import STEP_NS, Stream, pick
from arbkit.core.runtime.clock import Clock

__all__ = ["CYCLE", "FIRST", "template"]

CYCLE = 40
"""Frames of a book before they begin anew: sizes are absolute, so the book stays right."""
FIRST = 1_000_000_000
"""Sequence number of a snapshot. All numbers have ten digits."""
SLICE_S = 0.001
"""So often a feed sends what is due: rare bursts would be what is measured."""


class SentBook:
    """The frames of one symbol: the same for all venues, and on every connection from their beginning."""

    def __init__(self, native: str, seed: int) -> None:
        _, dialect = pick()
        stream = Stream(dialect, native, seed)
        self.snapshot = stream.snapshot.replace('"lastUpdateId": 1,', f'"lastUpdateId": {FIRST},')
        self.frames = [template(stream.next(number * STEP_NS)) for number in range(CYCLE)]


def template(text: str) -> bytes:
    """The frame of a message, to be filled with (ms, number, number)."""
    text = re.sub(r'"U":\d+,"u":\d+', '"U":%010d,"u":%010d', re.sub(r'"E":\d+', '"E":%013d', text))
    size = len(text % (0, FIRST, FIRST))
    return b"\x81\x7e" + size.to_bytes(2, "big").replace(b"%", b"%%") + text.encode()


class SentFeed:
    """One connection: its books in turn."""

    def __init__(self, socket: web.WebSocketResponse, transport: asyncio.Transport, books: list[SentBook]) -> None:
        self.socket = socket
        self.transport = transport
        self.books = books
        self.sent = 0

    def burst(self, count: int, ms: int) -> int:
        """Send so many frames, unless the peer is behind."""
        if self.transport.get_write_buffer_size() > 256 * 1024:
            return 0
        made = []
        for _ in range(count):
            turn, place = divmod(self.sent, len(self.books))
            number = FIRST + 1 + turn
            made.append(self.books[place].frames[turn % CYCLE] % (ms, number, number))
            self.sent += 1
        self.transport.write(b"".join(made))
        return count


class SendingVenue:
    """The server."""

    def __init__(self) -> None:
        self.books: dict[str, SentBook] = {}
        self.feeds: list[SentFeed] = []
        self.clock = Clock()

    def book(self, native: str) -> SentBook:
        found = self.books.get(native)
        if found is None:
            found = self.books[native] = SentBook(native, len(self.books))
        return found

    async def socket(self, request: web.Request) -> web.WebSocketResponse:
        """Takes subscriptions; ``run`` sends."""
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        transport = request.transport
        assert isinstance(transport, asyncio.Transport)
        feed = SentFeed(socket, transport, [])
        async for message in socket:
            asked = json.loads(message.data)
            names = [name.partition("@")[0].upper() for name in asked.get("params", ()) if "@depth" in name]
            if asked.get("method") == "SUBSCRIBE":
                feed.books += [self.book(name) for name in names]
                if names and feed not in self.feeds:
                    self.feeds.append(feed)
            await socket.send_json({"result": None, "id": asked["id"]})
        if feed in self.feeds:
            self.feeds.remove(feed)
        return socket

    async def rest(self, request: web.Request) -> web.Response:
        """Time and snapshots."""
        if request.path.endswith("/depth"):
            return web.Response(text=self.book(request.query["symbol"]).snapshot, content_type="application/json")
        if request.path.endswith("/time"):
            return web.json_response({"serverTime": self.clock.now_ns() // 10**6})
        return web.json_response({"code": -1, "msg": "there is nothing else here"}, status=404)

    async def run(self, rate: float, seconds: float) -> dict[str, object]:
        """Send for ``seconds``; what a socket does not take at once is left out of the rate, never out of the order."""
        loop = asyncio.get_running_loop()
        began, sent = loop.time(), 0
        while (passed := loop.time() - began) < seconds:
            due = int(rate * passed) - sent if rate else 50 * len(self.feeds)
            share = min(200, due // max(1, len(self.feeds)))
            ms = self.clock.now_ns() // 10**6
            for feed in self.feeds if share else ():
                sent += feed.burst(share, ms)
            await asyncio.sleep(0 if not rate else SLICE_S)
        return {"sent": sent, "seconds": loop.time() - began, "total": sum(feed.sent for feed in self.feeds)}

    async def idle(self) -> None:
        """Until it is cancelled: one frame a second of each book."""
        while True:
            await self.run(sum(len(feed.books) for feed in self.feeds), 1.0)


async def serve(read: Callable[[], Awaitable[bytes]]) -> None:
    """Until ``quit`` or the end of stdin."""
    venue = SendingVenue()
    app = web.Application()
    app.router.add_get("/stream", venue.socket)
    app.router.add_get("/{path:.*}", venue.rest)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"{runner.addresses[0][0]}:{runner.addresses[0][1]}", flush=True)  # noqa: T201 - read by the benchmark
    while True:
        idle = asyncio.create_task(venue.idle())
        line = (await read()).split()
        idle.cancel()
        if not line or line == [b"quit"]:
            return
        result = await venue.run(float(line[0]), float(line[1]))
        print(json.dumps(result), flush=True)  # noqa: T201 - read by the benchmark


async def _main() -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await serve(reader.readline)


if __name__ == "__main__":
    asyncio.run(_main())
