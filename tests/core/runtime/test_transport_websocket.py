"""The WebSocket transport against the websockets library's server and against raw sockets."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.frames import Frame, Opcode

from arbkit.core.runtime import dialing, transport
from arbkit.core.runtime.clock import Clock
from arbkit.core.types import Dial, Secret

Handler = Callable[[ServerConnection], Awaitable[None]]
Raw = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def venue(handler: Handler, **arguments: Any) -> AsyncIterator[str]:
    """A WebSocket server; yields its address."""
    async with serve(handler, "127.0.0.1", 0, **arguments) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/ws"


@asynccontextmanager
async def raw_venue(handler: Raw) -> AsyncIterator[str]:
    """A raw TCP server; yields its address."""

    async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handler(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(guarded, "127.0.0.1", 0)
    async with server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/ws"


async def accept(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, extra: str = "", body: bytes = b""
) -> None:
    """Answer the handshake by hand, with ``body`` in the same packet."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    key = next(line.split(": ")[1] for line in head.splitlines() if line.lower().startswith("sec-websocket-key"))
    token = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
    answer = (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {token}\r\n{extra}\r\n"
    )
    writer.write(answer.encode() + body)
    await writer.drain()


def frame(data: bytes, opcode: Opcode = Opcode.TEXT, fin: bool = True, rsv1: bool = False) -> bytes:
    head, *rest = Frame(opcode, data, fin).serialize(mask=False)
    return bytes([head | (0x40 if rsv1 else 0), *rest])


async def hold(reader: asyncio.StreamReader) -> None:
    while await reader.read(65536):
        pass


async def test_messages_go_both_ways(running: Any) -> None:
    """Text comes as str, binary as bytes, and what is sent arrives."""
    received: list[Any] = []

    async def handler(socket: ServerConnection) -> None:
        await socket.send("hello")
        await socket.send(b"\x00\x01")
        received.append(await socket.recv())

    async with venue(handler) as url, running() as (desk, runtime):
        runtime.dial("a", Dial(url))
        await desk.until("frame", 2)
        assert runtime.send("a", "order")
        await desk.until("closed")
        assert desk.inputs[0] == ("opened", "a")
        assert desk.named("frame") == [("a", "hello"), ("a", b"\x00\x01")]
        assert received == ["order"]
        assert "1000 (OK)" in desk.named("closed")[0][1]
        assert not runtime.send("a", "late")


async def test_messages_of_one_read_share_one_end_and_one_time(running: Any) -> None:
    """Messages that came in one read have one time and one read end, after the last; also with the handshake's."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer, body=frame(b"1") + frame(b"2") + frame(b"3")[:2])
        await asyncio.sleep(0.05)
        writer.write(frame(b"3")[2:])
        await hold(reader)

    async with raw_venue(handler) as url, running() as (desk, runtime):
        runtime.dial("a", Dial(url))
        await desk.until("read_end", 2)
        told = [entry[0] for entry in desk.inputs]
        assert told == ["opened", "frame", "frame", "read_end", "frame", "read_end"]
        assert len(set(desk.times[:4])) == 1
        assert desk.times[4] == desk.times[5] > desk.times[0]


async def test_fragments_become_one_message(running: Any) -> None:
    """A message in fragments, with a ping between them and split anywhere, even inside a character, arrives
    complete."""
    text = "päper"
    data = text.encode()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        writer.write(frame(data[:2], fin=False) + frame(b"?", Opcode.PING) + frame(b"", Opcode.CONT, fin=False))
        for byte in frame(data[2:], Opcode.CONT):
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.001)
        await hold(reader)

    async with raw_venue(handler) as url, running() as (desk, runtime):
        runtime.dial("a", Dial(url))
        await desk.until("read_end")
        assert desk.named("frame") == [("a", text)]
        assert desk.named("activity") == [("a",)]


async def test_pings_are_answered(running: Any) -> None:
    """A ping gets a pong with its payload, and counts as activity."""

    async def handler(socket: ServerConnection) -> None:
        pong = await socket.ping(b"beat")
        await pong
        await socket.send("answered")
        await socket.wait_closed()

    async with venue(handler) as url, running() as (desk, runtime):
        runtime.dial("a", Dial(url))
        await desk.until("frame")
        assert desk.named("activity") == [("a",)]


async def test_a_silent_link_is_pinged(running: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A silent link is pinged, and the pong is reported as activity; a busy one is not pinged."""
    monkeypatch.setattr("arbkit.core.runtime.link.PING_NS", 50_000_000)

    async def handler(socket: ServerConnection) -> None:
        await socket.wait_closed()

    async with venue(handler) as url, running() as (desk, runtime):
        runtime.dial("a", Dial(url))
        await desk.until("activity", 3)
        assert desk.named("frame") == []


async def test_half_open_connection_stays_silent(running: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer that disappeared gives no activity. A drop then ends the link without waiting for the closing handshake,
    which would take longer than this test."""
    monkeypatch.setattr("arbkit.core.runtime.link.PING_NS", 30_000_000)
    monkeypatch.setattr(transport, "LINGER_S", 3600.0)
    release = asyncio.Event()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        await release.wait()

    async with raw_venue(handler) as url, running() as (desk, runtime):
        runtime.dial("a", Dial(url))
        await desk.until("opened")
        await asyncio.sleep(0.15)
        assert [entry[0] for entry in desk.inputs if entry[0] not in ("durable", "late")] == ["opened"]
        runtime.drop("a", "silent for too long")
        assert not runtime.send("a", "order")
        assert await desk.until("closed") == [("a", "silent for too long")]
        release.set()


async def test_a_big_message_closes_with_1009(running: Any) -> None:
    """A message over the size limit is refused by its length, before it is read."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        writer.write(frame(b"fine") + b"\x81\x7f" + (1 << 40).to_bytes(8, "big"))
        await hold(reader)

    async with raw_venue(handler) as url, running() as (desk, runtime):
        runtime.dial("a", Dial(url))
        (closed,) = await desk.until("closed")
        assert "1009" in closed[1]
        assert desk.named("frame") == [("a", "fine")]
        assert [entry[0] for entry in desk.inputs if entry[0] != "durable"] == ["opened", "frame", "read_end", "closed"]


async def test_a_dial_can_allow_less(running: Any) -> None:
    """A link of an account gets no snapshots: a message over its own limit closes it."""

    async def handler(socket: ServerConnection) -> None:
        await socket.send("x" * 2000)
        await socket.send("x" * 2001)
        await socket.wait_closed()

    async with venue(handler) as url, running() as (desk, runtime):
        runtime.dial("a", Dial(url, most=2000))
        (closed,) = await desk.until("closed")
        assert "1009" in closed[1]
        assert [len(data) for _, data in desk.named("frame")] == [2000]


async def test_fragments_are_capped_together(running: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit applies to the sum of the fragments: one byte more in the last of eight is refused."""
    monkeypatch.setattr(dialing.connect, "__kwdefaults__", {"max_message": 8 * 1024})

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        writer.write(frame(b"x" * 1024, fin=False))
        for size in (1024, 1024, 1024, 1024, 1024, 1024, 1025):
            writer.write(frame(b"x" * size, Opcode.CONT, fin=size > 1024))
            await writer.drain()
        await hold(reader)

    async with raw_venue(handler) as url, running() as (desk, runtime):
        runtime.dial("a", Dial(url))
        (closed,) = await desk.until("closed")
        assert "1009" in closed[1]
        assert desk.named("frame") == []


async def test_deflate_only_where_asked(running: Any) -> None:
    """Compression is offered when the dial says so, and then works."""
    offers: list[str | None] = []

    async def handler(socket: ServerConnection) -> None:
        assert socket.request is not None
        offers.append(socket.request.headers.get("Sec-WebSocket-Extensions"))
        await socket.send("x" * 5000)
        await socket.wait_closed()

    async with venue(handler) as url, running() as (desk, runtime):
        runtime.dial("plain", Dial(url))
        runtime.dial("deflated", Dial(url, deflate=True))
        await desk.until("frame", 2)
        assert sorted(offer or "" for offer in offers)[0] == ""
        assert "permessage-deflate" in sorted(offer or "" for offer in offers)[1]
        assert {data for _, data in desk.named("frame")} == {"x" * 5000}


async def test_deflate_bomb_is_refused(running: Any) -> None:
    """100 MB compressed into 100 kB are not decompressed beyond the limit."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = packer.compress(b"\0" * 100_000_000) + packer.flush(zlib.Z_SYNC_FLUSH)

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer, "Sec-WebSocket-Extensions: permessage-deflate\r\n")
        writer.write(frame(bomb[:-4], rsv1=True))
        await hold(reader)

    async with raw_venue(handler) as url, running() as (desk, runtime):
        runtime.dial("a", Dial(url, deflate=True))
        (closed,) = await desk.until("closed")
        assert "1009" in closed[1]
        assert desk.named("frame") == []


async def test_compression_nobody_asked_for_is_refused(running: Any) -> None:
    """A compressed frame without negotiation is a protocol error, not data."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        writer.write(frame(b"\x01\x02", rsv1=True))
        await hold(reader)

    async with raw_venue(handler) as url, running() as (desk, runtime):
        runtime.dial("a", Dial(url))
        (closed,) = await desk.until("closed")
        assert "1002" in closed[1]


async def test_text_that_is_not_utf8_closes_with_1007(running: Any) -> None:
    """What came before it in the same read is still delivered."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        writer.write(frame(b"good") + frame(b"\xff\xfe") + frame(b"never"))
        await hold(reader)

    async with raw_venue(handler) as url, running() as (desk, runtime):
        runtime.dial("a", Dial(url))
        (closed,) = await desk.until("closed")
        assert "1007" in closed[1]
        assert desk.named("frame") == [("a", "good")]


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1012, 1013, 4003])
async def test_close_codes_are_reported(running: Any, code: int) -> None:
    """The venue's close code and text reach the desk, without control characters."""

    async def handler(socket: ServerConnection) -> None:
        await socket.close(code, "see you \x1b[31m later")

    async with venue(handler) as url, running() as (desk, runtime):
        runtime.dial("a", Dial(url))
        (closed,) = await desk.until("closed")
        assert f"closed by the venue with {code}" in closed[1]
        assert "see you" in closed[1]
        assert "\x1b" not in closed[1]


async def test_end_without_a_close_frame(running: Any) -> None:
    """A connection that just ends, or is reset inside a frame, is 1006; the incomplete frame is not data."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        writer.write(frame(b"half a frame")[:5])
        await writer.drain()

    async with raw_venue(handler) as url, running() as (desk, runtime):
        runtime.dial("a", Dial(url))
        (closed,) = await desk.until("closed")
        assert "1006" in closed[1]
        assert desk.named("frame") == []
        assert not runtime.send("a", "order")


async def test_send_is_refused_between_the_end_and_its_report(running: Any) -> None:
    """After the venue's close frame is read, no send is accepted."""
    taken: list[bool] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        writer.write(frame(b"last") + frame((1001).to_bytes(2, "big"), Opcode.CLOSE))
        await hold(reader)

    async with raw_venue(handler) as url, running() as (desk, runtime):
        desk.on["frame"] = lambda *_: taken.append(runtime.send("a", "order"))
        desk.on["closed"] = lambda *_: taken.append(runtime.send("a", "order"))
        runtime.dial("a", Dial(url))
        await desk.until("closed")
        assert taken == [False, False]


async def test_a_stuck_write_ends_the_link(running: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer that reads nothing: sends are refused above the high-water mark, then the link is dropped."""
    monkeypatch.setattr(transport, "STUCK_S", 0.1)
    release = asyncio.Event()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        await release.wait()

    async with raw_venue(handler) as url, running() as (desk, runtime):
        runtime.dial("a", Dial(url))
        await desk.until("opened")
        sent = 0
        while runtime.send("a", "x" * 100_000):
            sent += 1
            assert sent < 1000
        (closed,) = await desk.until("closed")
        assert "read nothing" in closed[1]
        release.set()


@pytest.mark.parametrize(
    ("flood", "words"),
    [
        (frame(b"", Opcode.PING) * 200, "pings"),
        (frame(b"x", Opcode.PONG) * 200, "pongs"),
        (frame(b"") * 200, "empty messages"),
        (frame(b"a", fin=False) + frame(b"b", Opcode.CONT, fin=False) * 5000, "fragments"),
        (frame(b"", fin=False) + frame(b"", Opcode.CONT, fin=False) * 5000, "fragments"),
    ],
    ids=["pings", "pongs", "empty", "tiny fragments", "empty fragments"],
)
async def test_a_flood_of_nothing_ends_the_link(running: Any, flood: bytes, words: str) -> None:
    """Frames without content cost the peer nothing and us time: their number is capped, and the rest of the flood is
    not parsed."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        for _ in range(100):
            writer.write(flood)
            await writer.drain()
        await hold(reader)

    async with raw_venue(handler) as url, running() as (desk, runtime):
        runtime.dial("a", Dial(url))
        (closed,) = await desk.until("closed")
        assert words in closed[1]
        assert "1008" in closed[1]
        assert len(desk.named("frame")) + len(desk.named("activity")) <= transport.NOTHING_A_SECOND + 1


async def test_a_socket_with_much_to_parse_lets_others_in_between(running: Any) -> None:
    """While one socket works through 140,000 bytes of small messages, a timer and another socket get their turns. Every
    message arrives, in order, and each part of the work ends as a read of its own."""
    most = 20_000

    async def busy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        writer.write(b"".join(frame(b"%05d" % number) for number in range(most)))
        await hold(reader)

    async def calm(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        while await reader.read(65536):
            writer.write(frame(b"calm"))

    ticks = 0

    def tick() -> int:
        nonlocal ticks
        ticks += 1_000_000
        return ticks

    clock = Clock(wall=lambda: 1_780_000_000_000_000_000, mono=tick, boot=lambda: 0)
    async with raw_venue(busy) as one, raw_venue(calm) as two, running(clock=clock) as (desk, runtime):
        runtime.dial("calm", Dial(two))
        await desk.until("opened")
        runtime.dial("busy", Dial(one))
        desk.on["read_end"] = lambda link: runtime.send("calm", "?") and None
        await desk.until("frame", most + 1)
        frames = desk.named("frame")
        mine = [data for link, data in frames if link == "busy"]
        assert mine == [f"{number:05}" for number in range(len(mine))]
        first = frames.index(("calm", "calm"))
        assert first < most, "the other socket waited for all of it"
        ends = [entry[0] for entry in desk.inputs if entry[0] in ("frame", "read_end") and entry[1] == "busy"]
        runs = "".join("f" if name == "frame" else "|" for name in ends).split("|")
        assert max(map(len, runs)) * 7 <= 16 * transport.STEP


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", ["407", "proxy"]),
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 19\r\n\r\n<html>blocked</html"[:-1], ["403"]),
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 20\r\n\r\n<html>blocked</html>", ["403", "HTML", "proxy"]),
        (b"HTTP/1.1 302 Found\r\nLocation: wss://elsewhere\r\nContent-Length: 0\r\n\r\n", ["302", "not followed"]),
        (b'HTTP/1.1 429 Slow\r\nContent-Length: 15\r\n\r\n{"code": -1003}', ["429", "-1003"]),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ["200"]),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", ["Accept"]),
        (b"\x15\x03\x01 not http at all\r\n\r\n", ["handshake failed"]),
        (b"", ["ended during the handshake"]),
    ],
)
async def test_refused_handshakes_say_why(running: Any, answer: bytes, words: list[str]) -> None:
    """Status, proxy, block page, redirect: the reason names it, the link is closed, and ``opened`` was not called."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()

    async with raw_venue(handler) as url, running() as (desk, runtime):
        runtime.dial("a", Dial(url))
        (closed,) = await desk.until("closed")
        assert desk.named("opened") == []
        assert closed[1].startswith("ConnectFailed: 127.0.0.1:")
        if words != ["403"]:
            assert all(word in closed[1] for word in words), closed[1]


async def test_a_refused_connection(running: Any, unused_tcp_port: int) -> None:
    """A refused connection closes the link with the system's error text; the link can be dialled again."""
    async with running() as (desk, runtime):
        for _ in range(2):
            runtime.dial("a", Dial(f"ws://127.0.0.1:{unused_tcp_port}/"))
            await desk.until("closed", 1)
            assert "refused" in desk.named("closed")[0][1]
            desk.inputs.clear()


async def test_a_handshake_that_never_ends(running: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Connecting has one deadline for everything."""
    monkeypatch.setattr(dialing, "CONNECT_S", 0.1)

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await hold(reader)

    async with raw_venue(handler) as url, running() as (desk, runtime):
        runtime.dial("a", Dial(url))
        (closed,) = await desk.until("closed")
        assert "within 0.1 s" in closed[1]


async def test_a_drop_while_dialling(running: Any) -> None:
    """It ends the attempt: one ``closed``, no ``opened``, and the name can be used again."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await hold(reader)

    async with raw_venue(handler) as url, running() as (desk, runtime):
        runtime.dial("a", Dial(url))
        await asyncio.sleep(0.05)
        runtime.drop("a", "changed my mind")
        runtime.drop("a", "twice")
        assert await desk.until("closed") == [("a", "changed my mind")]
        assert runtime.links["a"].state == "down"


@pytest.mark.parametrize("url", ["ws://venue.example/ws", "http://127.0.0.1/", "ws://10.0.0.1/", "wss://", "ws://a:b"])
async def test_addresses_that_must_not_be_dialled(running: Any, url: str) -> None:
    """Plain text is allowed to this machine only, and no other schemes."""
    async with running() as (desk, runtime):
        runtime.dial("a", Dial(url))
        (closed,) = await desk.until("closed")
        assert closed[1].startswith("ConfigError")


async def test_secrets_stay_out_of_reasons(running: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A token in the address or a header reaches the venue, but no reason and no log, even if the venue repeats it."""
    caplog.set_level("DEBUG")
    token = "canaryTOKEN0123456789abcdef"
    seen: list[str] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        seen.append(head)
        body = f"bad token {token} and header s3cr3t-header".encode()
        writer.write(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    async with raw_venue(handler) as url, running() as (desk, runtime):
        runtime.dial("a", Dial(Secret(f"{url}?token={token}"), (("X-Key", Secret("s3cr3t-header")),)))
        (closed,) = await desk.until("closed")
        assert "401" in closed[1]
        runtime.dial("b", Dial(Secret(f"ftp://{token}")))
        await desk.until("closed", 2)
        assert token in seen[0]
        assert "X-Key: s3cr3t-header" in seen[0]
        shown = repr(desk.inputs) + caplog.text
        assert token not in shown
        assert "s3cr3t" not in shown


async def test_one_link_does_not_touch_another(running: Any) -> None:
    """A failing link and one that receives garbage do not affect a third one."""

    async def good(socket: ServerConnection) -> None:
        async for message in socket:
            await socket.send(message)

    async def bad(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        writer.write(bytes(range(256)) * 100)
        await hold(reader)

    async with venue(good) as url, raw_venue(bad) as garbage, running() as (desk, runtime):
        runtime.dial("good", Dial(url))
        await desk.until("opened")
        runtime.dial("bad", Dial(garbage))
        runtime.dial("none", Dial("ws://127.0.0.1:1/"))
        await desk.until("closed", 2)
        assert runtime.send("good", "still here")
        assert await desk.until("frame") == [("good", "still here")]
        assert {link for link, _ in desk.named("closed")} == {"bad", "none"}
