"""Frames that are cut out of a read, against the sans-I/O client of ``websockets`` that gets every byte.

The same bytes, split at the same places, must give the same messages, pings and end.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory, ServerPerMessageDeflateFactory
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from arbkit.core.runtime import transport
from arbkit.core.runtime.clock import Clock
from arbkit.core.types import Dial

MOST = 300
URI = "ws://127.0.0.1:1/"


class Wire:
    """A socket that keeps what is written to it."""

    def __init__(self) -> None:
        self.written = bytearray()
        self.closing = False
        self.paused = False

    def set_write_buffer_limits(self, high: int) -> None: ...
    def get_extra_info(self, name: str) -> None: ...
    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.closing = True

    abort = close

    def is_closing(self) -> bool:
        return self.closing

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False


class Told:
    """What a receiver is told, without the ends of reads."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def opened(self, transport: Any, now_ns: int) -> None: ...
    def message(self, data: str | bytes, now_ns: int) -> None:
        self.events.append(data)

    def read_end(self, now_ns: int) -> None: ...
    def control(self, now_ns: int) -> None:
        self.events.append("control")

    def closed(self, reason: str, now_ns: int) -> None:
        by, code = re.findall(r"by (us|the venue) with (\d+)", reason)[0]
        self.events.append(("closed", by, int(code)))


def answer(request: bytes, deflate: bool) -> tuple[ServerProtocol, bytes]:
    """A venue's side, and its answer to the handshake."""
    server = ServerProtocol(extensions=[ServerPerMessageDeflateFactory()] if deflate else None)
    server.receive_data(bytes(request))
    (asked,) = server.events_received()
    assert isinstance(asked, Request)
    server.send_response(server.accept(asked))
    return server, b"".join(server.data_to_send())


def ours(reads: list[bytes], deflate: bool) -> list[Any]:
    """What the transport tells."""
    told, wire = Told(), Wire()

    async def run() -> None:
        dial = Dial(URI, deflate=deflate)
        made = transport.WebSocket(parse_uri(URI), dial, told, Clock(), MOST)
        made.connection_made(wire)  # type: ignore[arg-type]  # what it uses of one
        _, hello = answer(bytes(wire.written), deflate)
        first, *rest = reads
        made.data_received(hello + first)  # the first frames come with the handshake
        for read in rest:
            made.data_received(read)
        while wire.paused:
            await asyncio.sleep(0)
        if not made.handshake.cancelled():
            made.handshake.exception()
        made.abort()

    asyncio.run(run())
    return told.events


def theirs(reads: list[bytes], deflate: bool) -> list[Any]:
    """What the sans-I/O client makes of it, with messages joined from their fragments."""
    ws = ClientProtocol(
        parse_uri(URI), extensions=[ClientPerMessageDeflateFactory()] if deflate else None, max_size=MOST
    )
    ws.send_request(ws.connect())
    _, hello = answer(b"".join(ws.data_to_send()), deflate)
    ws.receive_data(hello)
    ws.events_received()
    events: list[Any] = []
    parts, text = b"", True
    for read in reads:
        # frame by frame, as far as it can: an end in a read must not hide the messages before it
        for byte in read:
            ws.receive_data(bytes([byte]))
            for event in ws.events_received():
                assert isinstance(event, Frame)
                if event.opcode is Opcode.CLOSE:
                    continue
                if event.opcode in (Opcode.PING, Opcode.PONG):
                    events.append("control")
                    continue
                if event.opcode is not Opcode.CONT:
                    parts, text = b"", event.opcode is Opcode.TEXT
                parts += event.data
                if event.fin:
                    try:
                        events.append(parts.decode() if text else parts)
                    except UnicodeDecodeError:
                        return [*events, ("closed", "us", 1007)]
            if ws.close_rcvd is not None:
                return [*events, ("closed", "the venue", ws.close_rcvd.code)]
            if ws.state is not State.OPEN:
                assert ws.close_sent is not None
                return [*events, ("closed", "us", ws.close_sent.code)]
    return events


def frame(opcode: int, payload: bytes, fin: bool = True, rsv: int = 0, mask: bool = False, wide: int = 0) -> bytes:
    """One frame, valid or not. ``wide``: a longer form of the length than is needed."""
    head = bytes([(0x80 if fin else 0) | rsv | opcode])
    size = len(payload)
    masked = 0x80 if mask else 0
    if size < 126 and not wide:
        head += bytes([masked | size])
    elif size < 65536 and wide < 2:
        head += bytes([masked | 126]) + size.to_bytes(2, "big")
    else:
        head += bytes([masked | 127]) + size.to_bytes(8, "big")
    return head + (b"\0\0\0\0" if mask else b"") + payload


PAYLOADS = st.one_of(
    st.binary(max_size=12),
    st.text(max_size=12).map(str.encode),
    st.integers(100, 320).map(lambda size: b"x" * size),
)
GOOD = st.builds(frame, st.sampled_from((1, 1, 1, 2)), st.text(max_size=150).map(str.encode), wide=st.integers(0, 2))
ANY = st.builds(
    frame,
    st.sampled_from((0, 1, 2, 8, 9, 10, 3, 11)),
    PAYLOADS,
    fin=st.sampled_from((True, True, False)),
    rsv=st.sampled_from((0, 0, 0, 0x40, 0x20)),
    mask=st.sampled_from((False, False, False, True)),
    wide=st.sampled_from((0, 0, 1, 2)),
)
FRAGMENTS = st.lists(st.binary(max_size=80), min_size=2, max_size=4).map(
    lambda parts: b"".join(
        frame(0 if number else 2, part, fin=number == len(parts) - 1) + (frame(9, b"?") if number % 2 else b"")
        for number, part in enumerate(parts)
    )
)
STREAM = st.lists(st.one_of(GOOD, GOOD, GOOD, FRAGMENTS, ANY), max_size=8).map(b"".join)


@settings(max_examples=400)
@given(STREAM, st.lists(st.integers(0, 1000), max_size=6))
@example(frame(1, b"a") + frame(1, "ä".encode()[:1]) + frame(1, b"b"), [])
@example(frame(1, b"a" * MOST) + frame(1, b"b" * (MOST + 1)), [])
@example(frame(2, b"a" * 200, fin=False) + frame(0, b"b" * 101), [3])
@example(frame(1, b"", fin=False) + frame(1, b"a"), [])
def test_any_bytes_split_anywhere_tell_the_same(stream: bytes, cuts: list[int]) -> None:
    """Messages, pings and the reason of the end, also for frames that break the rules of length, masking, UTF-8,
    fragments, reserved bits and opcodes."""
    places = sorted({cut % (len(stream) + 1) for cut in cuts})
    reads = [stream[begin:end] for begin, end in zip([0, *places], [*places, len(stream)], strict=True)]
    assert ours(reads, deflate=False) == theirs(reads, deflate=False)


@settings(max_examples=60)
@given(st.lists(st.text(max_size=200), min_size=1, max_size=5), st.lists(st.integers(0, 1000), max_size=6))
def test_compressed_messages_go_the_same_way(texts: list[str], cuts: list[int]) -> None:
    """With an extension every frame goes through the sans-I/O client, whole."""
    ws = ClientProtocol(parse_uri(URI), extensions=[ClientPerMessageDeflateFactory()])
    ws.send_request(ws.connect())
    server, _ = answer(b"".join(ws.data_to_send()), deflate=True)
    for text in texts:
        server.send_text(text.encode())
    stream = b"".join(server.data_to_send())
    places = sorted({cut % (len(stream) + 1) for cut in cuts})
    reads = [stream[begin:end] for begin, end in zip([0, *places], [*places, len(stream)], strict=True)]
    assert ours(reads, deflate=True) == texts


def test_a_large_message_in_many_reads_is_copied_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A snapshot of a megabyte comes in hundreds of reads: it is looked at when it is complete."""
    looks = 0
    cut = transport.WebSocket._cut

    def counted(self: Any, data: bytes, at: int) -> Any:
        nonlocal looks
        looks += 1
        return cut(self, data, at)

    monkeypatch.setattr(transport.WebSocket, "_cut", counted)
    monkeypatch.setattr(f"{__name__}.MOST", 2 << 20)
    message = "x" * (1 << 20)
    stream = frame(1, message.encode())
    reads = [stream[at : at + 4096] for at in range(0, len(stream), 4096)]
    assert ours(reads, deflate=False) == [message]
    assert looks <= 8


@pytest.mark.parametrize("data", [b"", b"a"])
def test_fragments_count_for_more_than_their_bytes(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    """A fragment takes ten times as long as a whole message: the time is looked at after few of them."""
    most = 0
    cut = transport.WebSocket._cut

    def counted(self: Any, data: bytes, at: int) -> Any:
        nonlocal most
        end, events = cut(self, data, at)
        most = max(most, len(events))
        return end, events

    monkeypatch.setattr(transport.WebSocket, "_cut", counted)
    stream = frame(1, b"a", fin=False) + frame(0, data, fin=False) * 200 + frame(0, b"b")
    (message,) = ours([stream], deflate=False)
    assert message == "a" + 200 * data.decode() + "b"
    assert most <= 64
