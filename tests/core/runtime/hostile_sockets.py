"""What one hostile socket costs the loop: a server on loopback floods one connection, in many ways.

Prints a table: the longest time in which nothing else had its turn, by the clock and in the processor's time (which a
busy machine does not change), and by how much the memory grew. Each attack runs in a process of its own.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import resource
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from socket import create_server

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from websockets.frames import Frame, Opcode

from arbkit.cli.loop import loop_factory
from arbkit.core.errors import ConnectFailed
from arbkit.core.runtime.clock import Clock
from arbkit.core.runtime.dialing import connect, tls_context
from arbkit.core.runtime.transport import MAX_MESSAGE, Transport
from arbkit.core.types import Dial

__all__ = ["ATTACKS", "BEFORE", "measure"]

CLOCK = Clock()
perf_ns = CLOCK.perf_ns
MIB = 1 << 20
QUIET_NS = 1_000_000_000
"""A connection that stays open is watched until nothing has arrived for this time, and a flood for ``LONGEST_NS``."""
LONGEST_NS = 5_000_000_000
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
DEFLATE = b"Sec-WebSocket-Extensions: permessage-deflate\r\n"


def frame(data: bytes, opcode: Opcode = Opcode.TEXT, fin: bool = True, rsv1: bool = False) -> bytes:
    head, *rest = Frame(opcode, data, fin).serialize(mask=False)[:14]
    size = 2 if len(data) < 126 else 4 if len(data) < 65536 else 10
    return bytes([head | (0x40 if rsv1 else 0), *rest[: size - 1]]) + data


def accepted(request: bytes, extra: bytes = b"") -> bytes:
    lines = request.split(b"\r\n")
    key = next(line.split(b": ")[1] for line in lines if line.lower().startswith(b"sec-websocket-key"))
    token = base64.b64encode(hashlib.sha1(key + GUID).digest())
    head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    return head + b"Sec-WebSocket-Accept: " + token + b"\r\n" + extra + b"\r\n"


def deflated(size: int, unit: bytes = b"a") -> bytes:
    """Text of this size, as one compressed message has it."""
    packer = zlib.compressobj(9, wbits=-15)
    return (packer.compress(unit * (size // len(unit))) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]


def repeated(data: bytes, times: int) -> Iterator[bytes]:
    yield from (data for _ in range(times))


def fragments(data: bytes, times: int) -> Iterator[bytes]:
    yield frame(b"", fin=False)
    yield from repeated(frame(data, Opcode.CONT, fin=False) * 16_000, times)


def slices(data: bytes, size: int) -> Iterator[bytes]:
    yield from (data[at : at + size] for at in range(0, len(data), size))


def halves(data: bytes) -> Iterator[bytes]:
    yield frame(data[:1000], fin=False, rsv1=True)
    yield frame(data[1000:], Opcode.CONT)


def endless(first: bytes, rest: bytes, times: int) -> Iterator[bytes]:
    yield first
    yield from repeated(rest, times)


PLAIN: dict[str, Callable[[], Iterator[bytes]]] = {
    "no attack": lambda: repeated(frame(b"calm"), 3),
    "fragments of 2 bytes to 15 MB": lambda: fragments(b"ab", 490),
    "fragments of 1 byte to 15 MB": lambda: fragments(b"a", 980),
    "empty fragments without end": lambda: fragments(b"", 1500),
    "4,000 fragments of 4 kB": lambda: endless(frame(b"", fin=False), frame(b"a" * 4096, Opcode.CONT, fin=False), 4000),
    "empty messages without end": lambda: repeated(frame(b"") * 16_000, 600),
    "messages of 1 byte without end": lambda: repeated(frame(b"a") * 16_000, 100),
    "pongs without end": lambda: repeated(frame(b"x", Opcode.PONG) * 16_000, 600),
    "pings without end": lambda: repeated(frame(b"x", Opcode.PING) * 16_000, 600),
    "a frame head of 2^62 bytes": lambda: repeated(b"\x81\x7f" + (1 << 62).to_bytes(8, "big") + b"x" * 1000, 1),
    "messages of 1 MiB without end": lambda: repeated(frame(b"a" * MIB), 200),
    "a message of 16 MiB": lambda: repeated(frame(b"a" * MAX_MESSAGE), 1),
    "a close reason that drives a terminal": lambda: repeated(frame(b"\x03\xf0a\x1b[2J\nb", Opcode.CLOSE), 1),
    "bytes that are no text": lambda: repeated(frame(b"\xed\xa0\x80"), 1),
    "a reserved opcode": lambda: repeated(b"\x83\x01x", 1),
    "a masked frame": lambda: repeated(b"\x81\x81abcdx", 1),
}
PACKED: dict[str, Callable[[], Iterator[bytes]]] = {
    "a compressed message of 500 MB": lambda: repeated(frame(deflated(500 * MIB), rsv1=True), 1),
    "a compressed message of 500 MB in fragments": lambda: halves(deflated(500 * MIB)),
    "200 compressed messages of 1 MiB": lambda: repeated(frame(deflated(MIB), rsv1=True), 200),
}
"""Where compression was asked for."""
WHOLE: dict[str, Callable[[], Iterator[bytes]]] = {
    "ten messages of 16 MiB, allowed": lambda: repeated(frame(b"a" * MAX_MESSAGE), 10),
    "a message of 16 MiB in writes of 4 kB, allowed": lambda: slices(frame(b"a" * MAX_MESSAGE), 4096),
}
"""On a link that may get whole books."""
BEFORE: dict[str, Callable[[], Iterator[bytes]]] = {
    "a head without end": lambda: endless(b"HTTP/1.1 101 X\r\n", b"X: " + b"a" * 4000 + b"\r\n", 50_000),
    "a refusal without end": lambda: endless(b"HTTP/1.1 403 No\r\n\r\n", b"x" * 65_536, 20_000),
}
"""In place of the handshake."""
ATTACKS = {**PLAIN, **PACKED, **WHOLE, **BEFORE}


def serve(name: str) -> None:
    """Prints the port, attacks the first connection, and ends with it."""
    pieces = ATTACKS[name]()
    with create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], flush=True)
        peer, _ = server.accept()
        with peer, suppress(OSError):
            request = b""
            while b"\r\n\r\n" not in request:
                request += peer.recv(65_536)
            if name not in BEFORE:
                peer.sendall(accepted(request, DEFLATE if name in PACKED else b""))
            for piece in pieces:
                peer.sendall(piece)
            while peer.recv(65_536):
                pass


class Listener:
    """Counts what arrives."""

    def __init__(self) -> None:
        self.arrived = 0
        self.reason = ""

    def opened(self, transport: Transport, now_ns: int) -> None: ...

    def message(self, data: str | bytes, now_ns: int) -> None:
        self.arrived += 1

    def control(self, now_ns: int) -> None:
        self.arrived += 1

    def read_end(self, now_ns: int) -> None: ...

    def closed(self, reason: str, now_ns: int) -> None:
        self.reason = reason


class Beat:
    """A timer beside the attacked connection."""

    def __init__(self) -> None:
        self.held_ms = self.worked_ms = 0.0
        """The longest time between two of its turns, by the clock and of the processor."""

    async def run(self) -> None:
        while True:
            began_ns, worked_s = perf_ns(), time.thread_time()
            await asyncio.sleep(0.001)
            self.held_ms = max(self.held_ms, (perf_ns() - began_ns) / 1e6 - 1)
            self.worked_ms = max(self.worked_ms, 1000 * (time.thread_time() - worked_s))


class Suffered(Struct):
    """What an attack did."""

    held_ms: float
    worked_ms: float
    grown_mib: float
    arrived: int
    """Messages, pings and pongs."""
    end: str
    """Why the connection ended; "" = it did not."""


async def suffer(name: str, port: int) -> Suffered:
    listener, beat, tls = Listener(), Beat(), tls_context()
    dial = Dial(f"ws://127.0.0.1:{port}/", deflate=name in PACKED)
    if name in WHOLE:
        dial = replace(dial, most=MAX_MESSAGE)
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    timer = asyncio.create_task(beat.run())
    try:
        await connect(dial, listener, clock=CLOCK, tls=tls)
        began_ns = last_ns = perf_ns()
        seen = 0
        while not listener.reason and perf_ns() - last_ns < QUIET_NS and perf_ns() - began_ns < LONGEST_NS:
            await asyncio.sleep(0.05)
            if listener.arrived != seen:
                seen, last_ns = listener.arrived, perf_ns()
    except ConnectFailed as error:
        listener.reason = str(error)
    await asyncio.sleep(0.01)  # a last turn of the timer
    timer.cancel()
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib
    return Suffered(beat.held_ms, beat.worked_ms, grown_kib / 1024, listener.arrived, listener.reason)


def measure(name: str) -> Suffered:
    """One attack, in a process of its own."""
    command = [sys.executable, __file__, name, "suffer"]
    done = subprocess.run(command, capture_output=True, timeout=120, check=True)
    return msgspec.json.decode(done.stdout, type=Suffered)


def main() -> None:
    match sys.argv[1:]:
        case [name, "serve"]:
            serve(name)
        case [name, "suffer"]:
            command = [sys.executable, __file__, name, "serve"]
            with subprocess.Popen(command, stdout=subprocess.PIPE) as server:
                assert server.stdout is not None
                port = int(server.stdout.readline())
                with asyncio.Runner(loop_factory=loop_factory()) as runner:
                    said = runner.run(suffer(name, port))
                server.kill()
            sys.stdout.buffer.write(msgspec.json.encode(said))
        case names:
            for name in names or ATTACKS:
                said = measure(name)
                times = f"{said.held_ms:6.1f} ms, {said.worked_ms:5.1f} of the processor, {said.grown_mib:4.1f} MiB"
                print(f"{name:46} {times}, {said.arrived:8} arrived, {said.end[:60] or 'open'}", flush=True)


if __name__ == "__main__":
    main()
