"""Protocol buffers, as far as MEXC uses them: reads one message by the field numbers of its published schema.

https://protobuf.dev/programming-guides/encoding/ and https://github.com/mexcdevelop/websocket-proto
Fields that the schema here lacks are skipped, because the venue adds some without notice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import arbkit.venue as kit

__all__ = ["LEVELS", "NUMBER", "TEXT", "Kind", "Schema", "read"]

TEXT: Final = "text"
NUMBER: Final = "number"
"""An int32, int64 or bool."""
LEVELS: Final = "levels"
"""Repeated messages of two texts, in the fields 1 and 2; read as pairs."""
Kind: TypeAlias = "str | Mapping[int, tuple[str, Any]] | list[Mapping[int, tuple[str, Any]]]"
Schema: TypeAlias = Mapping[int, tuple[str, Kind]]
"""Name and kind of each field by its number. A schema as kind is a message; in a list, a repeated one."""
_PAIR: Schema = {1: ("0", TEXT), 2: ("1", TEXT)}
_LONGEST = 10
"""Bytes of a varint."""


def read(data: bytes, schema: Schema) -> dict[str, Any]:
    """The fields of the message that are in it. Raises ``BadFrame`` if it is cut off or not of this schema."""
    found: dict[str, Any] = {}
    at, end = 0, len(data)
    while at < end:
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        value: Any = None
        if wire == 2:
            size, at = _varint(data, at)
            value = data[at : at + size]
            at += size
        elif wire == 0:
            value, at = _varint(data, at)
        elif wire in (1, 5):
            at += 8 if wire == 1 else 4
        else:
            raise kit.BadFrame(f"wire type {wire}")
        if at > end:
            raise kit.BadFrame("the message is cut off")
        known = schema.get(number)
        if known is None:
            continue
        name, kind = known
        if (wire != 0) if kind is NUMBER else (wire != 2):
            raise kit.BadFrame(f"{name} has wire type {wire}")
        if kind is NUMBER:
            found[name] = value - (1 << 64) if value >> 63 else value
        elif kind is TEXT:
            found[name] = value.decode()
        elif kind is LEVELS:
            pair = read(value, _PAIR)
            found.setdefault(name, []).append((pair.get("0", ""), pair.get("1", "")))
        elif isinstance(kind, list):
            found.setdefault(name, []).append(read(value, kind[0]))
        elif not isinstance(kind, str):
            found[name] = read(value, kind)
    return found


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """The whole number at ``at``, and where it ends."""
    if at < len(data) and data[at] < 128:  # the usual case
        return data[at], at + 1
    value = 0
    for place, byte in enumerate(data[at : at + _LONGEST]):
        value |= (byte & 127) << (7 * place)
        if byte < 128:
            return value & ((1 << 64) - 1), at + place + 1
    raise kit.BadFrame("the message is cut off in a number")
