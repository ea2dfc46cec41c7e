"""Journal records: what must survive a crash, and how to read it back. The sender encodes them, ``app.launch`` reads
them at startup. This module does not touch files.

On disk a record is version (1 byte), length and CRC32 (4 bytes each, little endian; the CRC covers version, length and
body), then the body as msgpack. The first record of a run is ``RunStart``.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TypeAlias
from zlib import crc32

import msgspec
from msgspec import Struct

from arbkit.core.errors import ConfigError
from arbkit.core.orders.ids import parse_cl_ord_id
from arbkit.core.types import Mode, NewOrder, OrdStatus

__all__ = [
    "BlockReserved",
    "Control",
    "DealClosed",
    "DealOpened",
    "Intent",
    "Interrupted",
    "Note",
    "OrderOutcome",
    "Record",
    "Recovery",
    "RunStart",
    "decode",
    "encode",
]

VERSION = 1
_HEAD = struct.Struct("<BII")
_LONGEST = 1 << 20
"""Longest body in bytes. No record comes near it: a larger length is damage."""


class RunStart(Struct, frozen=True, gc=False, kw_only=True, tag="run"):
    """A run began. Live mode refuses a journal of another mode, account or environment."""

    at_ns: int
    mode: str
    """``paper``, ``live`` or ``sim``."""
    account: str
    environment: str
    code: str
    """Code version."""


class BlockReserved(Struct, frozen=True, gc=False, kw_only=True, tag="block"):
    """Reserves a block of client order ids. It is on the disk before an id of the block is used."""

    at_ns: int
    account: str
    block: int


class Intent(Struct, frozen=True, gc=False, kw_only=True, tag="intent"):
    """An order, written before its first byte leaves, with the one link that it uses."""

    at_ns: int
    order: NewOrder
    channel: str
    """The link's role (``trade`` or ``rest``). The order is never sent on another."""
    link: str


class OrderOutcome(Struct, frozen=True, gc=False, kw_only=True, tag="outcome"):
    """An order ended (terminal, all fills counted) or was proved absent."""

    at_ns: int
    account: str
    cl_ord_id: str
    status: OrdStatus
    filled: Decimal = Decimal(0)
    order_id: str = ""
    absent: bool = False
    text: str = ""


class DealOpened(Struct, frozen=True, gc=False, kw_only=True, tag="deal"):
    at_ns: int
    deal: int
    strategy: str
    instruments: Sequence[str]


class DealClosed(Struct, frozen=True, gc=False, kw_only=True, tag="closed"):
    at_ns: int
    deal: int
    outcome: str
    why: str = ""


class Control(Struct, frozen=True, gc=False, kw_only=True, tag="control"):
    """A person or a breaker changed the mode of the gate."""

    at_ns: int
    mode: Mode
    venue: str = ""
    """"" = all venues."""
    who: str = ""
    why: str = ""


class Note(Struct, frozen=True, gc=False, kw_only=True, tag="note"):
    """A note for a person who reads the journal."""

    at_ns: int
    text: str


Record: TypeAlias = RunStart | BlockReserved | Intent | OrderOutcome | DealOpened | DealClosed | Control | Note

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Record] = msgspec.msgpack.Decoder(Record)


class Interrupted(Struct, frozen=True, gc=False, kw_only=True):
    """A deal that was opened and never closed, with all its orders and what is proved about them."""

    deal: DealOpened
    intents: Sequence[Intent]
    filled: Mapping[str, Decimal]
    """Filled quantity by client order id, of the orders whose end is known."""


class Recovery(Struct, frozen=True, kw_only=True):
    """The contents of a journal."""

    records: Sequence[Record]
    good_until: int
    """Length in bytes of the complete records. Cut the file here before you append to it."""
    torn: bool = False
    """The last write was cut off, or its bytes are wrong."""
    damaged: bool = False
    """Complete records follow damaged bytes: the file was changed, or the disk returned wrong data. A person must check
    it before trading."""
    text: str = ""
    """What was found, as text; "" = the journal is clean."""

    def unresolved(self) -> list[Intent]:
        """Intents without an outcome, the oldest first. Each must be proved before new deals are opened."""
        intents: dict[str, Intent] = {}
        for record in self.records:
            if isinstance(record, Intent):
                intents[record.order.cl_ord_id] = record
            elif isinstance(record, OrderOutcome):
                intents.pop(record.cl_ord_id, None)
        return list(intents.values())

    def open_deals(self) -> list[DealOpened]:
        """Deals that were opened and never closed. Their exposure may still exist."""
        deals: dict[int, DealOpened] = {}
        for record in self.records:
            if isinstance(record, DealOpened):
                deals[record.deal] = record
            elif isinstance(record, DealClosed):
                deals.pop(record.deal, None)
        return list(deals.values())

    def interrupted(self) -> list[Interrupted]:
        """``open_deals`` with their orders."""
        intents: dict[int, list[Intent]] = {}
        filled: dict[str, Decimal] = {}
        for record in self.records:
            if isinstance(record, Intent):
                intents.setdefault(record.order.deal, []).append(record)
            elif isinstance(record, OrderOutcome):
                filled[record.cl_ord_id] = record.filled
        return [
            Interrupted(
                deal=deal,
                intents=orders,
                filled={o.order.cl_ord_id: filled[o.order.cl_ord_id] for o in orders if o.order.cl_ord_id in filled},
            )
            for deal in self.open_deals()
            for orders in [intents.get(deal.deal, [])]
        ]

    def next_block(self) -> int:
        """The id block to reserve next: above every block that was reserved or appears in an id."""
        last = 0
        for record in self.records:
            if isinstance(record, BlockReserved):
                last = max(last, record.block)
            elif isinstance(record, Intent):
                last = max(last, (parse_cl_ord_id(record.order.cl_ord_id) or 0) >> 32)
        return last + 1

    def run(self) -> RunStart | None:
        """The last ``RunStart``; None if there is none."""
        return next((record for record in reversed(self.records) if isinstance(record, RunStart)), None)


def encode(record: Record) -> bytes:
    """Encode one record for appending. Raises ``TypeError`` if it contains a ``Secret``."""
    body = _encoder.encode(record)
    start = struct.pack("<BI", VERSION, len(body))
    return b"".join((start, struct.pack("<I", crc32(body, crc32(start))), body))


def decode(data: bytes) -> Recovery:
    """Read a journal up to its last good record. Zeros after it are preallocated space; any other rest is reported in
    the result.

    Raises ``ConfigError`` for a complete record of a version or kind that this code does not know.
    """
    records: list[Record] = []
    at = 0
    while (end := _record_end(data, at)) is not None:
        if data[at] != VERSION:
            raise ConfigError(
                f"the journal holds a record of version {data[at]} at byte {at}; this arbkit reads version {VERSION}: "
                "run the version that wrote it, or start with an empty state folder once nothing is open"
            )
        try:
            records.append(_decoder.decode(data[at + _HEAD.size : end]))
        except msgspec.DecodeError as error:
            raise ConfigError(
                f"the journal record at byte {at} is complete, but this arbkit cannot read it ({error}): "
                "run the version that wrote it"
            ) from None
        at = end
    rest = len(data) - at
    if not data[at:].strip(b"\0"):
        return Recovery(records=records, good_until=at)
    later = _find_record(data, at + 1)
    if later is not None:
        text = (
            f"bytes {at} to {later} are damaged, but complete records follow: the file was changed or the disk failed"
        )
    else:
        text = f"the last write was cut off: {rest} bytes after byte {at} are not a complete record and are ignored"
    return Recovery(records=records, good_until=at, torn=True, damaged=later is not None, text=text)


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
    version = bytes((VERSION,))
    while (at := data.find(version, at)) >= 0:
        if _record_end(data, at) is not None:
            return at
        at += 1
    return None
