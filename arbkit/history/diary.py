"""The diary: what a run sees and the journal does not need to hold. Alarms and reasons (log events), balances, the gain
at present prices, the end of the run. One JSON object a line, in ``diary`` beside the journal; a line that was cut off
does not count.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct

__all__ = ["NAME", "Ended", "Entry", "Marked", "Owned", "Told", "encode", "entries"]

NAME = "diary"


class Told(Struct, frozen=True, kw_only=True, tag="told"):
    """An event of the log, without secrets."""

    at_ns: int
    event: str
    fields: Mapping[str, Any]


class Owned(Struct, frozen=True, kw_only=True, tag="owned"):
    """The balances of an account by our ledger, of the assets whose balance changed."""

    at_ns: int
    account: str
    totals: Mapping[str, Decimal]


class Marked(Struct, frozen=True, kw_only=True, tag="marked"):
    """The gain at present prices."""

    at_ns: int
    asset: str
    gain: Decimal | None
    """Of this and earlier runs, since they were last settled; None = an asset has no price."""
    run: Decimal | None
    """Of this run."""


class Ended(Struct, frozen=True, kw_only=True, tag="ended"):
    """The end of a run. One that was killed has none."""

    at_ns: int
    run_ns: int
    """When it began."""
    ending: str
    exit: int


Entry: TypeAlias = Told | Owned | Marked | Ended

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Entry] = msgspec.json.Decoder(Entry)


def encode(entry: Entry) -> bytes:
    """One line."""
    return _encoder.encode(entry) + b"\n"


def entries(data: bytes) -> tuple[list[Entry], int]:
    """The entries of whole lines, and the length of these. A line that cannot be read is left out: the diary decides
    nothing."""
    end = data.rfind(b"\n") + 1
    found = []
    for line in data[:end].splitlines():
        try:
            found.append(_decoder.decode(line))
        except msgspec.DecodeError:
            continue
    return found, end
