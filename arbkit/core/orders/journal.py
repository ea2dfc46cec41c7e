"""The journal's format: records as bytes, and how to read them back. The sender encodes them, ``runtime.journal_file``
keeps the file. This module does not touch files.

A file begins with a ``JournalStart``. A record is version (1 byte), length and CRC32 (4 bytes each, little endian; the
CRC covers version, length and body), then the body as msgpack. Version 1 had the same records without ``JournalStart``.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from zlib import crc32

import msgspec
from msgspec import Struct

from arbkit.core.errors import ConfigError, JournalFailed
from arbkit.core.orders.carried import Carried, Left
from arbkit.core.orders.records import (
    BlockReserved,
    Booked,
    Control,
    DayBegan,
    DealClosed,
    DealOpened,
    Filled,
    Intent,
    Interrupted,
    JournalStart,
    Note,
    OrderOutcome,
    Planned,
    Record,
    RunStart,
    Settled,
    StrategyState,
)

__all__ = [
    "VERSION",
    "BlockReserved",
    "Booked",
    "Control",
    "DayBegan",
    "DealClosed",
    "DealOpened",
    "Filled",
    "Intent",
    "Interrupted",
    "JournalStart",
    "Note",
    "OrderOutcome",
    "Planned",
    "Record",
    "Recovery",
    "RunStart",
    "Scan",
    "Settled",
    "StrategyState",
    "decode",
    "encode",
    "scan",
    "whole",
]

VERSION = 2
_HEAD = struct.Struct("<BII")
_START, _CHECK = struct.Struct("<BI"), struct.Struct("<I")
"""The head in two parts: the check covers what is before it, too."""
_LONGEST = 1 << 20
"""Longest body in bytes. No record comes near it: a larger length is damage."""
_REST = 4 << 20
"""A rest of so many bytes without a complete record is no write that was cut off."""

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Record] = msgspec.msgpack.Decoder(Record)
_READERS: Mapping[int, msgspec.msgpack.Decoder[Record]] = {1: _decoder, VERSION: _decoder}
"""By version: this arbkit reads its own and the previous one."""


class Scan(Struct, frozen=True, kw_only=True):
    """What was found in a journal, beside its records."""

    good_until: int
    """Length in bytes of the complete records. Cut the file here before you append to it."""
    version: int = VERSION
    """Of its oldest record; 0 = no record."""
    torn: bool = False
    """The last write was cut off, or its bytes are wrong."""
    damaged: bool = False
    """Complete records follow damaged bytes: the file was changed, or the disk returned wrong data. A person must check
    it before trading."""
    text: str = ""
    """What was found, as text; "" = the journal is clean."""


class Recovery(Scan, frozen=True, kw_only=True):
    """The contents of a journal that is small or of a test; ``scan`` needs no memory for the records."""

    records: Sequence[Record]

    def carried(self) -> Carried:
        """What a later run needs of it."""
        carried = Carried()
        for record in self.records:
            carried.take(record)
        return carried

    def unresolved(self) -> list[Intent]:
        """Intents without an outcome, the oldest first, of all accounts."""
        return list(self.left().unresolved)

    def left(self) -> Left:
        """What earlier runs left, of all accounts."""
        return self.carried().of(self._accounts())

    def interrupted(self) -> list[Interrupted]:
        """Deals that were opened and never closed, of all accounts."""
        return list(self.left().interrupted)

    def next_block(self, now_ns: int = 0) -> int:
        """See ``Carried.next_block``."""
        return self.carried().next_block(now_ns)

    def run(self) -> RunStart | None:
        """The last ``RunStart``; None if there is none."""
        return next((record for record in reversed(self.records) if isinstance(record, RunStart)), None)

    def _accounts(self) -> dict[str, str]:
        found = {record.order.account: "" for record in self.records if isinstance(record, Intent)}
        return found | {record.account: record.environment for record in self.records if isinstance(record, RunStart)}


def encode(record: Record) -> bytes:
    """Encode one record for appending. Raises ``TypeError`` if it contains a ``Secret``, ``JournalFailed`` if it is so
    long that a reader would take it for damage."""
    body = _encoder.encode(record)
    if len(body) >= _LONGEST:
        raise JournalFailed(f"a {type(record).__name__} of {len(body)} bytes: a record may have {_LONGEST - 1}")
    start = _START.pack(VERSION, len(body))
    return start + _CHECK.pack(crc32(body, crc32(start))) + body


def decode(data: bytes) -> Recovery:
    """Read a whole journal. Raises like ``scan``."""
    records: list[Record] = []
    found = scan((data,), records.append)
    return Recovery(records=records, **msgspec.structs.asdict(found))


def scan(chunks: Iterable[bytes], take: Callable[[Record], object]) -> Scan:
    """Pass the records of a journal to ``take``, up to the last good one. ``chunks`` are its bytes in pieces of any
    size. Zeros after the records are preallocated space; any other rest is reported in the result.

    Raises ``ConfigError`` for a complete record of a version or kind that this code does not know.
    """
    head, unpack = _HEAD.size, _HEAD.unpack_from
    data, at, base, oldest, bad = b"", 0, 0, 0, False
    source = iter(chunks)
    for chunk in source:
        data, base, at = data[at:] + chunk, base + at, 0
        while at + head <= len(data):
            version, length, crc = unpack(data, at)
            end = at + head + length
            bad = not 0 < length < _LONGEST
            if bad or end > len(data):
                break
            body = data[at + head : end]
            bad = crc32(body, crc32(data[at : at + 5])) != crc
            if bad:
                break
            oldest = min(oldest or version, version)
            take(_record(version, body, base + at))
            at = end
        if bad:
            break
    good_until = base + at
    rest = _rest(chain((data[at:],), source))
    if not rest:
        return Scan(good_until=good_until, version=oldest)
    later = _find_record(rest, 1)
    damaged = later is not None or len(rest) >= _REST
    if damaged:
        text = f"the bytes after {good_until} are damaged, but more follow" + (
            f" (a complete record at byte {good_until + later})" if later is not None else ""
        )
        text += ": the file was changed or the disk failed"
    else:
        text = (
            f"the last write was cut off: {len(rest)} bytes after byte {good_until} are not a complete record and are "
            "ignored"
        )
    return Scan(good_until=good_until, version=oldest, torn=True, damaged=damaged, text=text)


def whole(data: bytes) -> Iterator[tuple[int, Record]]:
    """The records at the beginning of ``data``, each with its end, up to the first that is not whole and good. Raises
    like ``scan``."""
    head, unpack = _HEAD.size, _HEAD.unpack_from
    at = 0
    while at + head <= len(data):
        version, length, crc = unpack(data, at)
        end = at + head + length
        if not 0 < length < _LONGEST or end > len(data):
            return
        body = data[at + head : end]
        if crc32(body, crc32(data[at : at + 5])) != crc:
            return
        yield end, _record(version, body, at)
        at = end


def _record(version: int, body: bytes, at: int) -> Record:
    reader = _READERS.get(version)
    if reader is None:
        known = " and ".join(str(number) for number in _READERS)
        raise ConfigError(
            f"the journal holds a record of version {version} at byte {at}; this arbkit reads versions {known}: run "
            "the version that wrote it, or start with an empty state folder once nothing is open"
        )
    try:
        return reader.decode(body)
    except msgspec.DecodeError as error:
        raise ConfigError(
            f"the journal record at byte {at} is complete, but this arbkit cannot read it ({error}): "
            "run the version that wrote it"
        ) from None


def _rest(chunks: Iterable[bytes]) -> bytes:
    """What follows the records, cut at ``_REST``; empty if it is nothing but zeros."""
    kept = b""
    for chunk in chunks:
        if kept or chunk.strip(b"\0"):
            kept += chunk
        if len(kept) >= _REST:
            break
    return kept


def _record_end(data: bytes, at: int) -> int | None:
    """The end of the record at ``at``; None if there is no complete one."""
    body = at + _HEAD.size
    if body > len(data):
        return None
    _, length, crc = _HEAD.unpack_from(data, at)
    end = body + length
    if not 0 < length < _LONGEST or end > len(data):
        return None
    return end if crc32(data[body:end], crc32(data[at : at + 5])) == crc else None


def _find_record(data: bytes, at: int) -> int | None:
    """The position of the next complete record at or after ``at``. Searching for the version byte skips most
    positions."""
    found = []
    for version in _READERS:
        here = at
        while (here := data.find(bytes((version,)), here)) >= 0:
            if _record_end(data, here) is not None:
                found.append(here)
                break
            here += 1
    return min(found, default=None)
