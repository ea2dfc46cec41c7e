"""Journal records: what must survive our death, and how to read it back. No file is touched here.

A record is version (1 byte), length and CRC32 (4 bytes each, little endian; the CRC covers version, length and body),
then msgpack. The first record of a run is ``RunStart``.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TypeAlias

from msgspec import Struct

from arbkit.core.types import Mode, NewOrder, OrdStatus

__all__ = ["BlockReserved", "Control", "DealClosed", "DealOpened", "Intent", "Note", "Outcome", "Record", "Recovery",
           "RunStart", "decode", "encode"]  # fmt: skip


class RunStart(Struct, frozen=True, gc=False, kw_only=True, tag="run", array_like=True):
    """A process began to write. Live refuses a journal of another mode, account or environment."""

    at_ns: int
    mode: str
    """``paper``, ``live`` or ``sim``."""
    account: str
    environment: str
    code: str
    """Code version."""


class BlockReserved(Struct, frozen=True, gc=False, kw_only=True, tag="block", array_like=True):
    """Written durably before an id of this block is used."""

    at_ns: int
    account: str
    block: int


class Intent(Struct, frozen=True, gc=False, kw_only=True, tag="intent", array_like=True):
    """Written before the first byte leaves: what, and over which one link."""

    at_ns: int
    order: NewOrder
    channel: str
    """``ws`` or ``rest``: never sent on another."""
    link: str


class Outcome(Struct, frozen=True, gc=False, kw_only=True, tag="outcome", array_like=True):
    """An order ended (terminal status), or was proved absent (``absent``)."""

    at_ns: int
    account: str
    cl_ord_id: str
    status: OrdStatus
    filled: Decimal = Decimal(0)
    order_id: str = ""
    absent: bool = False
    text: str = ""


class DealOpened(Struct, frozen=True, gc=False, kw_only=True, tag="deal", array_like=True):
    at_ns: int
    deal: int
    strategy: str
    instruments: Sequence[str]


class DealClosed(Struct, frozen=True, gc=False, kw_only=True, tag="closed", array_like=True):
    at_ns: int
    deal: int
    outcome: str
    why: str = ""


class Control(Struct, frozen=True, gc=False, kw_only=True, tag="control", array_like=True):
    """Somebody, or a limit, changed what the gate lets through."""

    at_ns: int
    mode: Mode
    venue: str = ""
    """"" = all."""
    who: str = ""
    why: str = ""


class Note(Struct, frozen=True, gc=False, kw_only=True, tag="note", array_like=True):
    at_ns: int
    text: str


Record: TypeAlias = RunStart | BlockReserved | Intent | Outcome | DealOpened | DealClosed | Control | Note


class Recovery(Struct, frozen=True, kw_only=True):
    """What a journal tells."""

    records: Sequence[Record]
    good_until: int
    """Bytes that hold whole records: cut the file here before writing on."""
    torn: bool
    """Bytes after ``good_until`` were cut off in writing (never acknowledged, so never sent)."""
    damaged: bool = False
    """Whole records follow the bad spot: the file was changed or the disk lies. Do not trade on it unseen."""
    text: str = ""
    """What was found, for a person; "" = a clean journal."""

    def unresolved(self) -> list[Intent]:
        """Intents without an outcome, oldest first: each must be proved before new deals."""
        return []

    def open_deals(self) -> list[DealOpened]:
        return []

    def next_block(self) -> int:
        """The id block to reserve next: above every block reserved or seen in an id."""
        return 0


def encode(record: Record) -> bytes:
    """One record, ready to append. Raises ``TypeError`` for a ``Secret`` anywhere in it."""
    return b""


def decode(data: bytes) -> Recovery:
    """Read a journal. Raises ``ConfigError`` for a version this code does not know."""
    return Recovery(records=(), good_until=0, torn=False)
