"""One WebSocket connection: converts between bytes and complete messages. ``core.runtime.link`` uses it.

It runs the sans-I/O client of ``websockets`` inside an ``asyncio.Protocol``, so that all messages of one socket read
are handled in one call. Other implementations of ``Transport`` can replace it (tests do).
"""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Any, Protocol, cast

from websockets.client import ClientProtocol
from websockets.exceptions import PayloadTooBig
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import State
from websockets.uri import WebSocketURI

from arbkit.core.errors import ConnectFailed
from arbkit.core.runtime.clock import Clock
from arbkit.core.runtime.reasons import cause, close_text, refusal, reveal, scrub
from arbkit.core.types import Dial

__all__ = ["MAX_MESSAGE", "Receiver", "Transport", "WebSocket"]

MAX_MESSAGE = 16 * 1024 * 1024
"""Maximum bytes of one message after decompression, whatever ``Dial.most`` allows."""
LINGER_S = 1.0
"""Timeout of the closing handshake; then the socket is aborted."""
STUCK_S = 5.0
"""If the peer reads nothing for this time, the connection is closed."""
HIGH_WATER = 64 * 1024
"""If more bytes than this wait to be sent, ``send`` refuses."""
NOTHING_A_SECOND = 50
"""If the peer sends more frames without data per second (pings, pongs, empty messages), the connection is closed."""
FRAGMENTS = 4096
"""If the peer cuts one message into more fragments, the connection is closed."""
STEP = 4096
"""``HELD_NS`` is checked each time that so many bytes were parsed."""
SLOW = 64
"""A frame that goes to the sans-I/O client counts for so many bytes more: it takes as long as they do in messages."""
_DATA = frozenset({Opcode.TEXT, Opcode.BINARY, Opcode.CONT})
_OPCODES = frozenset(Opcode)
_OPEN = State.OPEN
_TEXT = 0x81
_WHOLE = frozenset({_TEXT, 0x82})
"""First byte of a whole message (text or binary) in one frame, without extensions."""
HELD_NS = 2_000_000
"""A socket with more to parse than this time allows lets the others in between, and reads no more until it is done.
With twenty busy sockets the loop comes round before it counts as late (``inputs.LATE_NS``)."""


class Receiver(Protocol):
    """The callbacks of a transport, called on the loop's thread. ``now_ns`` is the time of the socket read."""

    def opened(self, transport: Transport, now_ns: int) -> None:
        """The connection is open; ``transport.send`` may be called in this call."""
        ...

    def message(self, data: str | bytes, now_ns: int) -> None:
        """One complete message: text as ``str``, binary as ``bytes``."""
        ...

    def read_end(self, now_ns: int) -> None:
        """All messages of one socket read were delivered. Not called for a read without a complete message."""
        ...

    def control(self, now_ns: int) -> None:
        """A ping or pong arrived."""
        ...

    def closed(self, reason: str, now_ns: int) -> None:
        """The connection ended. Called at most once, as the last call. Not called after ``Transport.close``."""
        ...


class Transport(Protocol):
    """An open connection."""

    def send(self, text: str) -> bool:
        """Pass one text message to the socket. False: it is certain that no byte of it was sent."""
        ...

    def ping(self) -> None:
        """Send a ping; the peer answers with a pong."""
        ...

    def close(self) -> None:
        """Close with a closing handshake. The receiver is not called any more."""
        ...

    async def wait_closed(self) -> None:
        """Wait until the socket is closed, after ``close`` or ``Receiver.closed``."""
        ...


class WebSocket(asyncio.Protocol):
    """A client connection; made by ``dialing.connect``."""

    def __init__(self, uri: WebSocketURI, dial: Dial, receiver: Receiver, clock: Clock, max_message: int) -> None:
        self._secrets = [dial.url, *(value for _, value in dial.headers)]
        self._headers = dial.headers
        self._receiver: Receiver | None = receiver
        self._now = clock.now_ns
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._paused = False
        self._rest = bytearray()
        """What was read and is not parsed yet: an incomplete frame, or what ``HELD_NS`` did not allow (then reading is
        paused)."""
        self._need = 0
        """So many bytes of ``_rest`` are wanted before it is looked at again; 0 = it is being parsed."""
        self._most = max_message
        self._parts = bytearray()
        self._fragments = 0
        self._text = True
        self._nothing = 0
        self._nothing_window = 0
        self.handshake: asyncio.Future[None] = self._loop.create_future()
        self._gone = asyncio.Event()
        self._ws = ClientProtocol(
            uri,
            extensions=[ClientPerMessageDeflateFactory()] if dial.deflate else None,
            max_size=max_message,
            logger=_SILENT,
        )

    # --- what the loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=HIGH_WATER)
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        request = self._ws.connect()
        for name, value in self._headers:
            if name in request.headers:
                del request.headers[name]
            request.headers[name] = reveal(value)
        request.headers.setdefault("User-Agent", "arbkit")
        self._ws.send_request(request)
        self._flush()

    def data_received(self, data: bytes) -> None:
        now_ns = self._now()
        if self._ws.reader.eof:
            return
        if self._rest:
            self._rest += data
            if len(self._rest) < self._need:
                return
            data, self._rest = bytes(self._rest), bytearray()
        at, delivered = self._parse(data, now_ns)
        if delivered and self._receiver is not None:
            self._receiver.read_end(now_ns)
        if self._ws.state is not _OPEN:
            self._on_end(now_ns)
        if at < len(data) and self._transport is not None:
            self._rest += data[at:]
            if not self._need:
                self._transport.pause_reading()
                self._loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
            self.data_received(b"")

    def _parse(self, data: bytes, now_ns: int) -> tuple[int, bool]:
        """Deliver the messages in ``data``. Returns how far it came, and True if there were any messages. What is left
        is an incomplete frame of ``_need`` bytes, or (0) more than ``HELD_NS`` allows."""
        at, delivered = 0, False
        while True:
            at, events = self._cut(data, at)
            for event in events:
                receiver = self._receiver
                if receiver is None:
                    return len(data), False
                message: str | bytes | None
                if type(event) is str or type(event) is bytes:
                    message = event
                elif not isinstance(event, Frame):
                    self._on_response(receiver, now_ns)
                    continue
                elif event.opcode is Opcode.CLOSE:
                    break
                elif event.opcode in _DATA:
                    message = self._complete_message(event, now_ns)
                    if message is None:
                        continue
                else:
                    receiver.control(now_ns)
                    self._count_nothing(now_ns)
                    continue
                delivered = True
                receiver.message(message, now_ns)
                if not message:
                    self._count_nothing(now_ns)
            if self._need or at == len(data) or self._now() - now_ns >= HELD_NS:
                return at, delivered

    def _cut(self, data: bytes, at: int) -> tuple[int, list[Any]]:
        """The frames in ``data`` from ``at`` on, for about ``STEP`` bytes, and where the next begins.

        Whole unmasked text and binary frames are cut out here: nearly all of a venue's data. Everything else goes to
        the sans-I/O client, one frame at a time, so that both are at the same place between two frames."""
        ws, most, size = self._ws, self._most, len(data)
        stop = min(size, at + STEP)
        events: list[Any] = []
        self._need = 0
        is_open = ws.state is _OPEN
        inside = ws.current_size
        while at < stop:
            if is_open:
                begin = at + 2
                if begin > size:
                    self._need = 2
                    break
                head, length = data[at], data[at + 1]
                masked = length >= 128
                if length >= 126 and not masked:
                    begin += 2 if length == 126 else 8
                    if begin > size:
                        self._need = begin - at
                        break
                    length = data[at + 2] << 8 | data[at + 3] if length == 126 else int.from_bytes(data[at + 2 : begin])
                end = begin + length
                if masked or length > (most if inside is None else most - inside):
                    end = size  # refused by its first bytes
                elif end > size and head & 15 in _OPCODES:
                    self._need = end - at
                    break
                elif inside is None and head in _WHOLE:
                    at, payload = end, data[begin:end]
                    if head != _TEXT:
                        events.append(payload)
                        continue
                    try:
                        events.append(payload.decode())
                    except UnicodeDecodeError:
                        events.append(Frame(Opcode.TEXT, payload))
                        return size, events  # it is refused when it is delivered
                    continue
            else:  # the handshake, line by line, so that it ends where the first frame begins; or the end
                end = data.find(b"\n", at) + 1 if ws.state is State.CONNECTING else 0
                end = end or size
            ws.receive_data(data[at:end])
            is_open, inside = ws.state is _OPEN, ws.current_size
            at, stop = end, stop - SLOW
            if ws.writes:
                self._flush()
            events += ws.events_received()
        return at, events

    def eof_received(self) -> bool:
        self._ws.receive_eof()
        self._on_end(self._now())
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone.set()
        self._cancel_timer()
        self._ws.receive_eof()
        text = "the connection was lost" if exc is None else f"the connection was lost: {cause(exc)}"
        self._fail(text, self._now())

    def pause_writing(self) -> None:
        self._paused = True
        self._cancel_timer()
        self._timer = self._loop.call_later(STUCK_S, self._on_stuck)

    def resume_writing(self) -> None:
        self._paused = False
        self._cancel_timer()

    # --- what the link calls

    def send(self, text: str) -> bool:
        transport = self._transport
        if self._receiver is None or self._paused or transport is None or transport.is_closing():
            return False
        if self._ws.state is not State.OPEN:
            return False
        self._ws.send_text(reveal(text).encode())
        return self._flush()

    def ping(self) -> None:
        if self._receiver is not None and self._ws.state is State.OPEN and not self._paused:
            self._ws.send_ping(b"arbkit")
            self._flush()

    def close(self) -> None:
        self._receiver = None
        if self._ws.state is State.OPEN:
            self._ws.send_close(CloseCode.NORMAL_CLOSURE)
            self._flush()
        self._linger()

    async def wait_closed(self) -> None:
        try:
            async with asyncio.timeout(2 * LINGER_S):
                await self._gone.wait()
        except TimeoutError:
            self.abort()

    def abort(self) -> None:
        """Close the socket without a closing handshake."""
        self._receiver = None
        self.handshake.cancel()
        self._cancel_timer()
        if self._transport is not None:
            self._transport.abort()

    # --- inside

    def _complete_message(self, frame: Frame, now_ns: int) -> str | bytes | None:
        """The message that this frame completes, else None."""
        data = frame.data
        if frame.opcode is not Opcode.CONT:
            self._text = frame.opcode is Opcode.TEXT
            if not frame.fin:
                self._parts, self._fragments = bytearray(data), 1
                return None
        else:
            self._parts += data
            self._fragments += 1
            if self._fragments > FRAGMENTS:
                self._refuse(CloseCode.POLICY_VIOLATION, f"a message of over {FRAGMENTS} fragments", now_ns)
                return None
            if not frame.fin:
                return None
            data, self._parts = self._parts, bytearray()
        if not self._text:
            return bytes(data)
        try:
            return str(data, "utf-8")
        except UnicodeDecodeError:
            self._refuse(CloseCode.INVALID_DATA, "a text message that is not UTF-8", now_ns)
            return None

    def _refuse(self, code: CloseCode, text: str, now_ns: int) -> None:
        """End the connection because of what the peer sent. What it sends from now on is not parsed."""
        if self._ws.state is State.OPEN:
            self._ws.fail(code, text)
        self._flush()
        self._fail(f"closed by us with {code.value}: {text}", now_ns)

    def _on_response(self, receiver: Receiver, now_ns: int) -> None:
        if self._ws.handshake_exc is None and not self.handshake.done():
            self.handshake.set_result(None)
            receiver.opened(self, now_ns)

    def _on_end(self, now_ns: int) -> None:
        """The connection ended or was never established: report the reason."""
        ws = self._ws
        if ws.handshake_exc is not None:
            self._fail(refusal(ws.handshake_exc, self._secrets), now_ns)
        elif ws.close_rcvd is not None:
            self._fail(f"closed by the venue with {close_text(ws.close_rcvd.code, ws.close_rcvd.reason)}", now_ns)
        elif isinstance(ws.parser_exc, PayloadTooBig):
            self._fail(f"closed by us with 1009: a message over {ws.max_message_size} bytes", now_ns)
        elif ws.close_sent is not None:
            self._fail(f"closed by us with {close_text(ws.close_sent.code, ws.close_sent.reason)}", now_ns)
        elif ws.state is State.CONNECTING:
            return
        else:
            self._fail("the connection ended without a close frame (1006)", now_ns)

    def _fail(self, reason: str, now_ns: int) -> None:
        receiver, self._receiver = self._receiver, None
        self._linger()
        if not self.handshake.done():
            self.handshake.set_exception(ConnectFailed(reason))
        elif receiver is not None:
            receiver.closed(scrub(reason, self._secrets), now_ns)

    def _flush(self) -> bool:
        """Write the protocol's pending bytes to the socket. False: nothing was written."""
        transport, waiting = self._transport, self._ws.data_to_send()
        if transport is None or transport.is_closing():
            return False
        try:
            for data in waiting:
                if data:
                    transport.write(data)
                else:
                    transport.close()
        except RuntimeError:  # uvloop: the handle is closed; connection_lost follows
            return False
        return True

    def _linger(self) -> None:
        transport = self._transport
        if transport is not None and not transport.is_closing():
            self._cancel_timer()
            self._timer = self._loop.call_later(LINGER_S, transport.abort)

    def _on_stuck(self) -> None:
        self._fail(f"the peer read nothing for {STUCK_S:g} s", self._now())
        self.abort()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _count_nothing(self, now_ns: int) -> None:
        window = now_ns // 1_000_000_000
        self._nothing = self._nothing + 1 if window == self._nothing_window else 1
        self._nothing_window = window
        if self._nothing > NOTHING_A_SECOND:
            text = f"over {NOTHING_A_SECOND} pings, pongs and empty messages a second"
            self._refuse(CloseCode.POLICY_VIOLATION, text, now_ns)


_SILENT = logging.Logger("arbkit.websockets", logging.CRITICAL + 1)  # noqa: LOG001 - see below
"""Not connected to the logging tree, because at DEBUG the library logs every frame and header, secrets included."""
