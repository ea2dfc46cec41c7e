"""``/api/v1/ws``: the clients that are told of changes.

A client that does not read has one message in the buffer of its connection, and no other waits for it: what changes
meanwhile is in the next message, once.
"""

from __future__ import annotations

import asyncio
import re
import socket
from contextlib import suppress
from typing import Any

import msgspec
from aiohttp import WSMsgType, web

from arbkit.monitor.api.feeds import Feeds, RowFeed
from arbkit.monitor.api.shapes import Failure, Subscribe, Topic, Unsubscribe
from arbkit.monitor.api.table import encode

__all__ = ["MOST_SPREADS", "MOST_SYMBOLS", "SYMBOL", "Sockets", "problem"]

MOST_CLIENTS = 16
MOST_SYMBOLS = 100
MOST_SPREADS = 20
_PART = r"[!-+\-.-~\u00a1-\ud7ff]{1,24}"
SYMBOL = f"^{_PART}-{_PART}$"
"""What a symbol looks like: printable, without space and comma. Some venues list assets that are not ASCII."""
_symbol = re.compile(SYMBOL)
HEARTBEAT_S = 30.0
"""A client that answers no ping for half of it is gone."""
_LONGEST = 16_384
"""Of a message from a client, in bytes."""
_CLOSE_S = 1.0
_PAUSE_S = 0.02
"""From one message of a client to the next one that is read."""
_BUFFER = 65_536
"""Of the kernel, for each client, in bytes."""
_asked = msgspec.json.Decoder(Subscribe | Unsubscribe)


def problem(ask: Subscribe) -> str:
    """What is wrong with a subscription; "" = nothing."""
    if len(ask.symbols) > MOST_SYMBOLS:
        return f"symbols: {len(ask.symbols)} are too many, ask for {MOST_SYMBOLS} at most"
    if ask.topic == "spreads" and len(ask.symbols) > MOST_SPREADS:
        return f"symbols: {len(ask.symbols)} are too many for all pairs of venues, ask for {MOST_SPREADS} at most"
    if ask.topic == "ladders" and not ask.symbols:
        return "symbols: ladders need them, as BTC-USDT"
    for symbol in ask.symbols:
        if not _symbol.fullmatch(symbol):
            return f"symbols: {symbol[:64]!r} is no symbol, write it as BTC-USDT"
    if not 1 <= ask.depth <= 50:
        return f"depth: {ask.depth} is not in 1 to 50"
    if not 100 <= ask.every_ms <= 10_000:
        return f"every_ms: {ask.every_ms} is not in 100 to 10000"
    return ""


class _Followed:
    """A subscription of one client: the version that it knows, and when it may be told the next one."""

    __slots__ = ("every_s", "feed", "known", "next_s")

    def __init__(self, feed: RowFeed, every_s: float) -> None:
        self.feed = feed
        self.every_s = every_s
        self.known = 0
        self.next_s = 0.0


class _Client:
    def __init__(self, feeds: Feeds, response: web.WebSocketResponse) -> None:
        self._feeds = feeds
        self._response = response
        self._follows: dict[Topic, _Followed] = {}
        self._failures: list[bytes] = []
        self._wake = asyncio.Event()
        self._clock = asyncio.get_running_loop().time

    def changed(self) -> None:
        """A feed has something new."""
        self._wake.set()

    async def read(self) -> None:
        """What the client asks for, until it is gone."""
        async for message in self._response:
            if message.type is WSMsgType.TEXT:
                if len(self._failures) < 8:
                    self._asked(message.data)
                self._wake.set()
            else:
                await self._response.close(code=1003, message=b"send text: JSON")
            await asyncio.sleep(_PAUSE_S)

    def _asked(self, text: str) -> None:
        try:
            ask = _asked.decode(text)
        except msgspec.DecodeError as error:
            self._failures.append(encode(Failure(error=f"not a subscription: {error}")))
            return
        if isinstance(ask, Unsubscribe):
            self._unfollow(ask.topic)
        elif why := problem(ask):
            self._failures.append(encode(Failure(error=f"{ask.topic}: {why}")))
        else:
            self._unfollow(ask.topic)
            self._follows[ask.topic] = _Followed(self._feeds.join(ask, self.changed), ask.every_ms / 1000)

    def _unfollow(self, topic: Topic) -> None:
        known = self._follows.pop(topic, None)
        if known is not None:
            self._feeds.leave(known.feed, self.changed)

    async def write(self) -> None:
        """Tell what has changed; one message at a time."""
        wait_s: float | None = None
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):  # ``wait_for`` of Python 3.11 may lose a cancellation
                    await self._wake.wait()
            self._wake.clear()
            for message in self._failures:
                await self._response.send_frame(message, WSMsgType.TEXT)
            self._failures.clear()
            wait_s = None
            for followed in list(self._follows.values()):
                table, now = followed.feed.table, self._clock()
                if table.version == followed.known:
                    continue
                if now < followed.next_s:
                    left_s = followed.next_s - now
                    wait_s = left_s if wait_s is None else min(wait_s, left_s)
                    continue
                message, followed.known = table.message(followed.known), table.version
                followed.next_s = now + followed.every_s
                await self._response.send_frame(message, WSMsgType.TEXT)

    def gone(self) -> None:
        for topic in list(self._follows):
            self._unfollow(topic)


class Sockets:
    """All clients of the server."""

    def __init__(self, feeds: Feeds) -> None:
        self._feeds = feeds
        self._open: dict[web.WebSocketResponse, str] = {}
        """With the session that each belongs to; "" = it showed a token."""

    def __len__(self) -> int:
        return len(self._open)

    async def serve(self, request: web.Request, session: str) -> web.StreamResponse:
        """One client, until it is gone, or its session is ended."""
        if len(self._open) >= MOST_CLIENTS:
            raise web.HTTPServiceUnavailable(text=f"{MOST_CLIENTS} clients are connected already: close one")
        response = web.WebSocketResponse(
            heartbeat=HEARTBEAT_S, compress=False, max_msg_size=_LONGEST, writer_limit=0, timeout=2.0
        )
        self._open[response] = session
        try:
            await response.prepare(request)
            if (transport := request.transport) is not None:
                _no_buffer(transport)
            client = _Client(self._feeds, response)
            writing = asyncio.create_task(client.write())
            try:
                await client.read()
            finally:
                client.gone()
                writing.cancel()
                await asyncio.gather(writing, return_exceptions=True)
        finally:
            del self._open[response]
        return response

    async def end(self, session: str) -> None:
        """Somebody has logged out: the other pages of the session end too."""
        await self._close([one for one, of in self._open.items() if session and of == session], b"logged out")

    async def close(self) -> None:
        """The run ends."""
        await self._close(list(self._open), b"the run has ended")

    async def _close(self, responses: list[web.WebSocketResponse], why: bytes) -> None:
        closing = [response.close(code=1001, message=why) for response in responses]
        with suppress(TimeoutError):  # who does not read is cut
            async with asyncio.timeout(_CLOSE_S):
                await asyncio.gather(*closing, return_exceptions=True)


def _no_buffer(transport: asyncio.Transport) -> None:
    """The next message is made when the one before has left, so that it tells the newest."""
    transport.set_write_buffer_limits(high=0)
    connection: Any = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
