"""Journal records: what must survive our death, and how to read it back. No file is touched here.

On disk a record is version (1 byte), length and CRC32 (4 bytes each, little endian; the CRC covers version, length and
body), then msgpack. The first record of a run is ``RunStart``.
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
"""No record is near a megabyte: a longer length is damage."""


class RunStart(Struct, frozen=True, gc=False, kw_only=True, tag="run"):
    """A process began to write. Live refuses a journal of another mode, account or environment."""

    at_ns: int
    mode: str
    """``paper``, ``live`` or ``sim``."""
    account: str
    environment: str
    code: str
    """Code version."""


class BlockReserved(Struct, frozen=True, gc=False, kw_only=True, tag="block"):
    """Durable before an id of this block is used."""

    at_ns: int
    account: str
    block: int


class Intent(Struct, frozen=True, gc=False, kw_only=True, tag="intent"):
    """Written before the first byte leaves: what, and over which one link."""

    at_ns: int
    order: NewOrder
    channel: str
    """The link's role (``trade`` or ``rest``): the intent is never sent on another."""
    link: str


class OrderOutcome(Struct, frozen=True, gc=False, kw_only=True, tag="outcome"):
    """An order ended (terminal, all its fills counted), or was proved absent."""

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
    """Somebody, or a limit, changed what the gate lets through."""

    at_ns: int
    mode: Mode
    venue: str = ""
    """"" = all of them."""
    who: str = ""
    why: str = ""


class Note(Struct, frozen=True, gc=False, kw_only=True, tag="note"):
    """For a person who reads the journal later."""

    at_ns: int
    text: str


Record: TypeAlias = RunStart | BlockReserved | Intent | OrderOutcome | DealOpened | DealClosed | Control | Note

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Record] = msgspec.msgpack.Decoder(Record)


class Interrupted(Struct, frozen=True, gc=False, kw_only=True):
    """A deal that was begun and never closed, with all its orders and what is proved of them."""

    deal: DealOpened
    intents: Sequence[Intent]
    filled: Mapping[str, Decimal]
    """By client id, of the orders whose end is known."""


class Recovery(Struct, frozen=True, kw_only=True):
    """What a journal tells."""

    records: Sequence[Record]
    good_until: int
    """Bytes that hold whole records: cut the file here before writing on."""
    torn: bool = False
    """The last write was cut short, or its bytes are wrong."""
    damaged: bool = False
    """Whole records follow a bad spot: the file was changed, or the disk lies. Not to be traded on unseen."""
    text: str = ""
    """What was found, for a person; "" = a clean journal."""

    def unresolved(self) -> list[Intent]:
        """Intents without an outcome, the oldest first: each must be proved before there are new deals."""
        intents: dict[str, Intent] = {}
        for record in self.records:
            if isinstance(record, Intent):
                intents[record.order.cl_ord_id] = record
            elif isinstance(record, OrderOutcome):
                intents.pop(record.cl_ord_id, None)
        return list(intents.values())

    def open_deals(self) -> list[DealOpened]:
        """Deals begun in the last run and never closed: their exposure may still be there."""
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
        """The id block to reserve next: above every block that was reserved or is seen in an id."""
        last = 0
        for record in self.records:
            if isinstance(record, BlockReserved):
                last = max(last, record.block)
            elif isinstance(record, Intent):
                last = max(last, (parse_cl_ord_id(record.order.cl_ord_id) or 0) >> 32)
        return last + 1

    def run(self) -> RunStart | None:
        """Whose journal it is: the last ``RunStart``."""
        return next((record for record in reversed(self.records) if isinstance(record, RunStart)), None)


def encode(record: Record) -> bytes:
    """One record, ready to append. A ``Secret`` anywhere in it is refused with ``TypeError``."""
    body = _encoder.encode(record)
    start = struct.pack("<BI", VERSION, len(body))
    return b"".join((start, struct.pack("<I", crc32(body, crc32(start))), body))


def decode(data: bytes) -> Recovery:
    """Read a journal up to its last good record; zeros after it are space reserved ahead, anything else is said.

    Raises ``ConfigError`` for a whole record of a version or kind that this code does not know."""
    records: list[Record] = []
    at = 0
    while (end := _whole(data, at)) is not None:
        if data[at] != VERSION:
            raise ConfigError(
                f"the journal holds a record of version {data[at]} at byte {at}; this arbkit reads version {VERSION}: "
                "run the version that wrote it, or start with an empty state folder once nothing is open"
            )
        try:
            records.append(_decoder.decode(data[at + _HEAD.size : end]))
        except msgspec.DecodeError as error:
            raise ConfigError(
                f"the journal record at byte {at} is whole but not one that this arbkit knows ({error}): "
                "run the version that wrote it"
            ) from None
        at = end
    rest = len(data) - at
    if not data[at:].strip(b"\0"):
        return Recovery(records=records, good_until=at)
    later = _next_whole(data, at + 1)
    if later is not None:
        text = f"bytes {at} to {later} are damaged and whole records follow: the journal was changed, or the disk lies"
    else:
        text = f"the last write was cut short: {rest} bytes after byte {at} are no whole record and do not count"
    return Recovery(records=records, good_until=at, torn=True, damaged=later is not None, text=text)


def _whole(data: bytes, at: int) -> int | None:
    """The end of the record at ``at``, None where there is no whole one."""
    body = at + _HEAD.size
    if body > len(data):
        return None
    _, length, crc = _HEAD.unpack_from(data, at)
    end = body + length
    if not 0 < length < _LONGEST or end > len(data):
        return None
    return end if crc32(data[body:end], crc32(data[at : at + 5])) == crc else None


def _next_whole(data: bytes, at: int) -> int | None:
    """Where a whole record of ours begins at or after ``at``. The version byte makes most tries cheap."""
    version = bytes((VERSION,))
    while (at := data.find(version, at)) >= 0:
        if _whole(data, at) is not None:
            return at
        at += 1
    return None
