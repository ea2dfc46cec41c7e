"""The run tape: every input of the desk in order, so that a run can be repeated exactly. ``runtime`` writes it through
``TapingDesk``; ``arbkit replay`` reads it.

A tape is ``MAGIC``, then blocks. Each block is independent: a header ``<III`` (packed size, raw size, CRC32 of the raw
bytes), then zlib data. A block holds complete records: a header ``<BHIq`` (kind, link, payload length, time in ns) and
the payload. The first record is the head. A write that was cut off costs the last block only.

The desk's outputs are not on the tape, with two exceptions: which sends failed (that answer comes from outside), and
the hash of all commands at the end.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Iterator
from struct import Struct as Packer
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from msgspec import Struct

from arbkit.core.desk import Desk
from arbkit.core.errors import ConfigError, RemoteProtocolError
from arbkit.core.types import Dial, HttpAnswer, HttpRequest, NoAnswer

__all__ = ["BLOCK", "MAGIC", "ReplayPort", "TapeHead", "TapeReader", "TapeWriter", "TapingDesk", "replay"]

MAGIC = b"arbkit tape 1\n"
MAX_BLOCK = 128 * 1024 * 1024
"""Largest block, in raw bytes, that a reader decompresses: two of the longest answers."""
BLOCK = 256 * 1024
"""Size in raw bytes at which a block is written."""

_LONGEST_HASH = 64
_DIGITS = 19
"""Of the largest number of 64 bits."""
_RECORD = Packer("<BHIq")
_BLOCK = Packer("<III")
(
    _HEAD,
    _LINK,
    _OPENED,
    _TEXT,
    _BINARY,
    _READ_END,
    _ACTIVITY,
    _CLOSED,
    _ANSWER,
    _NO_ANSWER,
    _WAKE,
    _LATE,
    _JUMPED,
    _DURABLE,
    _STOP,
    _HALT,
    _REFUSED,
    _END,
    _MODE,
    _PERSON,
) = range(20)


class TapeHead(Struct, frozen=True, kw_only=True):
    """What the run depended on besides its inputs. ``setup`` belongs to the caller: whatever the desk was made from."""

    began_ns: int
    code: str
    seed: int
    journal: int = 0
    """Position of the journal at the start, in bytes."""
    setup: bytes = b""


class TapeWriter:
    """Collects records in memory; the caller takes them with ``take`` and writes them. Uses no file, thread or
    clock."""

    __slots__ = ("_block", "_links", "_sends", "_struck", "failure")

    def __init__(self, head: TapeHead) -> None:
        self.failure = ""
        """Why an input could not be recorded: the tape ends before it. "" = all were."""
        self._block = bytearray()
        self._sends = 0
        self._links: dict[str, int] = {}
        self._struck: list[bytes] = []
        self.add(_HEAD, 0, msgspec.msgpack.encode(head), head.began_ns)

    @property
    def size(self) -> int:
        """Bytes that are not taken yet."""
        return len(self._block)

    def add(self, kind: int, link: int, payload: bytes, now_ns: int) -> None:
        block = self._block
        block += _RECORD.pack(kind, link, len(payload), now_ns)
        block += payload

    def link(self, name: str) -> int:
        """The number that stands for a link name on this tape."""
        number = self._links.get(name)
        if number is None:
            number = self._links[name] = len(self._links)
            self.add(_LINK, number, name.encode(), 0)
        return number

    def strike(self, secret: str) -> None:
        """Mask a secret that became known during the run (a token in an answer), in everything not yet packed."""
        text = secret.encode()
        if text and text not in self._struck:
            self._struck.append(text)

    def sent(self, handed_over: bool) -> None:
        """The desk sent something. ``handed_over`` is the port's answer; False = nothing left."""
        if not handed_over:
            self.add(_REFUSED, 0, b"%d" % self._sends, 0)
        self._sends += 1

    def broke(self, error: Exception) -> None:
        """An input cannot be recorded: nothing after it counts."""
        self.failure = self.failure or f"an input cannot be recorded: {type(error).__name__}"

    def end(self, commands_hash: str, now_ns: int) -> None:
        """Write the hash of all commands. A replay compares its own hash with it."""
        self.add(_END, 0, commands_hash.encode(), now_ns)

    def take(self) -> bytes | bytearray:
        """The records collected so far; empty if there are none. They are removed from the writer."""
        block, self._block = self._block, bytearray()
        return block

    def pack(self, raw: bytes | bytearray) -> bytes:
        """A block as written to the disk, with secrets masked. Slow: call it on another thread."""
        for secret in self._struck:
            raw = raw.replace(secret, b"*" * len(secret))  # same length, so that the records can still be parsed
        packed = zlib.compress(raw, 3)
        return _BLOCK.pack(len(packed), len(raw), zlib.crc32(raw)) + packed


class TapingDesk:
    """Has the same inputs as a desk (``INPUTS``). Records each input and passes it on."""

    def __init__(self, desk: Desk, tape: TapeWriter) -> None:
        self._frame = desk.frame  # bound once: called for every frame
        self._add = tape.add
        self._link = tape.link
        self._broke = tape.broke
        for kind, one in INPUTS.items():
            if one.name not in ("frame", "answered"):
                setattr(self, one.name, self._taped(kind, one, getattr(desk, one.name)))
        self._answered = {
            HttpAnswer: self._taped(_ANSWER, INPUTS[_ANSWER], desk.answered),
            NoAnswer: self._taped(_NO_ANSWER, INPUTS[_NO_ANSWER], desk.answered),
        }

    if TYPE_CHECKING:  # the other inputs are made in __init__

        def __getattr__(self, name: str) -> Callable[..., None]: ...

    def frame(self, link: str, data: str | bytes, now_ns: int) -> None:
        """See ``Desk.frame``."""
        try:
            if isinstance(data, str):
                self._add(_TEXT, self._link(link), data.encode(), now_ns)
            else:
                self._add(_BINARY, self._link(link), data, now_ns)
        except Exception as error:  # a fault of the tape ends the tape, never the run
            self._broke(error)
        self._frame(link, data, now_ns)

    def answered(self, ref: int, answer: HttpAnswer | NoAnswer, now_ns: int) -> None:
        """See ``Desk.answered``."""
        self._answered[type(answer)](ref, answer, now_ns)

    def _taped(self, kind: int, one: _Input, call: Callable[..., None]) -> Callable[..., None]:
        add, link, payload, broke = self._add, self._link, one.payload, self._broke

        def about_link(name: str, *arguments: Any) -> None:
            try:
                add(kind, link(name), payload(*arguments[:-1]), arguments[-1])
            except Exception as error:  # see ``frame``
                broke(error)
            call(name, *arguments)

        def about_none(*arguments: Any) -> None:
            try:
                add(kind, 0, payload(*arguments[:-1]), arguments[-1])
            except Exception as error:  # see ``frame``
                broke(error)
            call(*arguments)

        return about_link if one.about_link else about_none


class TapeReader:
    """Reads a tape, which may be a stranger's. Raises ``ConfigError`` if the data is not a tape,
    ``RemoteProtocolError`` if a block before the last one, or a record, is damaged."""

    def __init__(self, data: bytes) -> None:
        if not data.startswith(MAGIC):
            raise ConfigError("not an arbkit run tape, or one of another version")
        self._data = data
        self.torn = False
        """The last block is incomplete; everything before it was read."""
        self.commands_hash = ""
        """Hash of the run's commands. Known after all records were read; "" = the run did not end normally."""
        self._records = self._read()
        first = next(self._records, None)
        if first is None or first[0] != _HEAD:
            raise ConfigError("the tape has no head: the run ended before its first block was written")
        try:
            self.head = msgspec.msgpack.decode(first[2], type=TapeHead)
        except msgspec.DecodeError as error:
            raise RemoteProtocolError(f"damaged tape: its head cannot be read: {error}") from None

    def _read(self) -> Iterator[tuple[int, int, bytes, int]]:
        data, at = self._data, len(MAGIC)
        while at < len(data):
            raw = self._block(at)
            if raw is None:
                self.torn = True
                return
            at += _BLOCK.size + _BLOCK.unpack_from(data, at)[0]
            yield from _records(raw)

    def _block(self, at: int) -> bytes | None:
        data = self._data
        if at + _BLOCK.size > len(data):
            return None
        packed, size, crc = _BLOCK.unpack_from(data, at)
        begin = at + _BLOCK.size
        if begin + packed > len(data):
            return None
        if size > MAX_BLOCK:
            raise RemoteProtocolError(f"damaged tape: a block of {size} bytes at {at}")
        try:
            raw = zlib.decompressobj().decompress(data[begin : begin + packed], size + 1)
        except zlib.error:
            raw = b""
        if len(raw) != size or zlib.crc32(raw) != crc:
            if begin + packed == len(data):
                return None
            raise RemoteProtocolError(f"damaged tape: the block at {at} does not match its CRC")
        return raw

    def inputs(self, refuse: Callable[[int], object] = lambda _: None) -> Iterator[tuple[str, tuple[Any, ...]]]:
        """Yields (name of the desk's input, its arguments) in order. ``refuse(n)`` is called before the input during
        which the run's n-th send (from 0) failed."""
        held: tuple[str, tuple[Any, ...]] | None = None
        names: dict[int, str] = {}
        for count, (kind, number, payload, now_ns) in enumerate(self._records, 1):
            try:
                found = self._input(kind, number, payload, now_ns, names, refuse)
            except (LookupError, ValueError, msgspec.DecodeError) as error:
                raise RemoteProtocolError(
                    f"damaged tape: record {count} cannot be read: {type(error).__name__}: {str(error)[:80]}"
                ) from None
            if found is not None:
                if held is not None:
                    yield held
                held = found
        if held is not None:
            yield held

    def _input(
        self,
        kind: int,
        number: int,
        payload: bytes,
        now_ns: int,
        names: dict[int, str],
        refuse: Callable[[int], object],
    ) -> tuple[str, tuple[Any, ...]] | None:
        """The input that a record holds; None if it holds something else."""
        if kind == _LINK:
            names[number] = payload.decode()
        elif kind == _END:
            self.commands_hash = _text(payload[:_LONGEST_HASH])[0]
        elif kind == _REFUSED:
            refuse(*_numbers(payload))
        else:
            one = INPUTS[kind]
            link = (names[number],) if one.about_link else ()
            return one.name, (*link, *one.arguments(payload), now_ns)
        return None


def _records(raw: bytes) -> Iterator[tuple[int, int, bytes, int]]:
    at = 0
    while at < len(raw):
        end = at + _RECORD.size
        if end <= len(raw):
            kind, link, size, now_ns = _RECORD.unpack_from(raw, at)
            at, end = end, end + size
        if end > len(raw):
            raise RemoteProtocolError("damaged tape: a record is longer than its block")
        yield kind, link, raw[at:end], now_ns
        at = end


_ANSWERED = msgspec.msgpack.Decoder(tuple[int, HttpAnswer])
_MODE_ARGUMENTS = msgspec.msgpack.Decoder(tuple[str, str, str, str, str])
_PERSON_ARGUMENTS = msgspec.msgpack.Decoder(tuple[str, str, str, str])
_NOT_ANSWERED = msgspec.msgpack.Decoder(tuple[int, NoAnswer])


class _Input(NamedTuple):
    """How an input of the desk is stored on a tape. Its last argument is always the time."""

    name: str
    about_link: bool
    """Whether its first argument is a link."""
    payload: Callable[..., bytes]
    """Encodes the other arguments."""
    arguments: Callable[[bytes], tuple[Any, ...]]
    """Decodes them."""


def _nothing(*_: object) -> bytes:
    return b""


def _no_arguments(_: bytes) -> tuple[Any, ...]:
    return ()


def _number(value: int) -> bytes:
    return b"%d" % value


def _numbers(payload: bytes) -> tuple[Any, ...]:
    if not payload.isdigit() or len(payload) > _DIGITS:
        raise ValueError("not a number of at most 19 digits")
    return (int(payload),)


def _text(payload: bytes) -> tuple[Any, ...]:
    return (payload.decode(),)


def _answer(*arguments: object) -> bytes:
    return msgspec.msgpack.encode(arguments)


INPUTS: dict[int, _Input] = {
    _OPENED: _Input("opened", True, _nothing, _no_arguments),
    _TEXT: _Input("frame", True, str.encode, _text),
    _BINARY: _Input("frame", True, bytes, lambda payload: (payload,)),
    _READ_END: _Input("read_end", True, _nothing, _no_arguments),
    _ACTIVITY: _Input("activity", True, _nothing, _no_arguments),
    _CLOSED: _Input("closed", True, str.encode, _text),
    _ANSWER: _Input("answered", False, _answer, _ANSWERED.decode),
    _NO_ANSWER: _Input("answered", False, _answer, _NOT_ANSWERED.decode),
    _WAKE: _Input("wake", False, _nothing, _no_arguments),
    _LATE: _Input("late", False, _number, _numbers),
    _JUMPED: _Input("jumped", False, _nothing, _no_arguments),
    _DURABLE: _Input("durable", False, _number, _numbers),
    _STOP: _Input("stop", False, _nothing, _no_arguments),
    _HALT: _Input("halt", False, _nothing, _no_arguments),
    _MODE: _Input("mode", False, _answer, _MODE_ARGUMENTS.decode),
    _PERSON: _Input("person", False, _answer, _PERSON_ARGUMENTS.decode),
}
"""Every input of the desk by its record kind. ``frame`` and ``answered`` have two kinds each, by the type of the
data."""


class ReplayPort:
    """The port of a replayed desk: accepts everything and does nothing. Sends that failed in the run fail again."""

    def __init__(self, head: TapeHead) -> None:
        self._journal = head.journal
        self._sends = 0
        self._refused: set[int] = set()

    def refuse(self, send: int) -> None:
        """The run's n-th send (from 0) failed."""
        self._refused.add(send)

    def dial(self, link: str, dial: Dial) -> None: ...

    def send(self, link: str, text: str) -> bool:
        self._sends += 1
        return self._sends - 1 not in self._refused

    def drop(self, link: str, reason: str) -> None: ...

    def request(self, link: str, ref: int, request: HttpRequest, timeout_ns: int) -> None: ...

    def journal(self, record: bytes) -> int:
        self._journal += len(record)
        return self._journal


def replay(reader: TapeReader, desk: Desk, port: ReplayPort, links: Collection[str] | None = None) -> int:
    """Run a new desk, made with ``port``, through all inputs of a tape. Returns the number of inputs. Raises
    ``RemoteProtocolError`` for a damaged tape, also if it has inputs of other links than ``links``."""
    count = 0
    about = {one.name for one in INPUTS.values() if one.about_link}
    for name, arguments in reader.inputs(port.refuse):
        if links is not None and name in about and arguments[0] not in links:
            raise RemoteProtocolError(f"damaged tape: the run of its head has no link {arguments[0]!r:.60}")
        getattr(desk, name)(*arguments)
        count += 1
    return count
