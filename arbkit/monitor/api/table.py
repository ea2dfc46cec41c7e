"""The rows of one subscription, and what a client must be sent to know them. ``feeds`` fills it, ``sockets`` reads it.

A row is encoded once, when it changed. A client is told by version: it gets each row that changed since the version
that it knows, once, however often it changed meanwhile. So a slow client costs no memory.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

from arbkit.monitor.api.shapes import Changes, Snapshot, Topic

__all__ = ["Cell", "Key", "Table", "encode"]

Key = tuple[Any, ...]
Cell = tuple[Key, object, Callable[[Any], Any], Any]
"""A row as a topic yields it: its key; a stamp that is another one when the row has changed (None = make the row and
compare it); the function that makes the row, and what it is made of."""

MOST_GONE = 2_000
"""So many keys that are gone are remembered. A client that missed more gets a snapshot."""
FAR_BEHIND = 100
"""A client that is so many versions behind gets a snapshot."""

_encoder = msgspec.json.Encoder()
encode = _encoder.encode


class _Entry:
    __slots__ = ("raw", "seen", "stamp", "version")

    def __init__(self, raw: bytes, stamp: object, version: int, seen: int) -> None:
        self.raw = raw
        self.stamp = stamp
        self.version = version
        self.seen = seen


class Table:
    """See the module. ``begin``, ``put`` for each row, ``end``: one pass over the topic."""

    def __init__(self, topic: Topic) -> None:
        self.topic = topic
        self.version = 0
        """Of the last complete pass that changed something; 0 = none was yet."""
        self.made_ns = 0
        """When that pass, or a later one that changed nothing, began."""
        self._rows: dict[Key, _Entry] = {}
        """Those that changed last are last."""
        self._gone: deque[tuple[int, Key]] = deque()
        self._floor = 0
        """What was gone at this version or before is not known any more."""
        self._pass = 0
        self._at_ns = 0
        self._changed = False
        self._told: dict[int, bytes] = {}
        """Messages of the present version, by the version that the client knows."""

    def __len__(self) -> int:
        return len(self._rows)

    def begin(self, now_ns: int) -> None:
        self._pass += 1
        self._at_ns = now_ns
        self._changed = not self.version

    def put(self, cell: Cell) -> None:
        """A row of this pass."""
        key, stamp, make, what = cell
        rows = self._rows
        entry = rows.get(key)
        if entry is not None:
            entry.seen = self._pass
            if stamp is not None and entry.stamp == stamp:
                return
            raw = encode(make(what))
            entry.stamp = stamp
            if raw == entry.raw:
                return
            entry.raw, entry.version = raw, self.version + 1
            del rows[key]
            rows[key] = entry
        else:
            rows[key] = _Entry(encode(make(what)), stamp, self.version + 1, self._pass)
        self._changed = True

    def end(self) -> bool:
        """The pass is complete: rows that it did not put are gone. True if something changed."""
        here = self._pass
        for key in [key for key, entry in self._rows.items() if entry.seen != here]:
            del self._rows[key]
            self._gone.append((self.version + 1, key))
            self._changed = True
        while len(self._gone) > MOST_GONE:
            self._floor = self._gone.popleft()[0]
        self.made_ns = self._at_ns
        if self._changed:
            self.version += 1
            self._told.clear()
        return self._changed

    def message(self, known: int) -> bytes:
        """What makes a client that knows version ``known`` (0 = nothing) know the present one."""
        message = self._told.get(known)
        if message is None:
            message = self._told[known] = self._message(known)
        return message

    def _message(self, known: int) -> bytes:
        at_us = self.made_ns // 1000
        if not known or known < self._floor or self.version - known > FAR_BEHIND:
            message = encode(Snapshot(topic=self.topic, at_us=at_us, rows=_ROWS))
            return _with(message, [entry.raw for entry in self._rows.values()])
        changed = []
        for entry in reversed(self._rows.values()):
            if entry.version <= known:
                break
            changed.append(entry.raw)
        changed.reverse()
        gone = [key for version, key in self._gone if version > known and key not in self._rows]
        return _with(encode(Changes(topic=self.topic, at_us=at_us, rows=_ROWS, gone=gone)), changed)


_ROWS = (0,)
_PLACE = b'"rows":[0]'
"""Before all that a venue or a person could have written."""


def _with(message: bytes, rows: list[bytes]) -> bytes:
    """The message with these rows, in one copy: there may be thousands."""
    head, _, tail = message.partition(_PLACE)
    return b"".join((head, b'"rows":[', b",".join(rows), b"]", tail))
