"""Book normalizer for feeds with a checksum of the best levels.

Venue adapters use ``Checksummed``. It keeps prices and sizes as received text, because the checksum is made of them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice, zip_longest
from zlib import crc32

from msgspec import Struct, convert

from arbkit.adapters.chained import Again, Normalized, Resync, Wake, no_wake
from arbkit.core.types import BookLost, BookState, BookUpdate, Level

__all__ = ["CheckedDepth", "Checksummed", "TextLevel", "interleaved_crc32"]

TextLevel = Sequence[str]
"""(price, size, ...) exactly as received."""


class CheckedDepth(Struct, gc=False):
    """A depth message with prices and sizes as text, and the venue's checksum."""

    bids: Sequence[TextLevel]
    asks: Sequence[TextLevel]
    checksum: int
    seq: int = 0
    exch_ns: int = 0


def interleaved_crc32(bids: Iterator[TextLevel], asks: Iterator[TextLevel]) -> int:
    """Signed CRC32 of ``bid:size:ask:size:...`` over the best 25 levels per side. If one side has fewer levels, its
    part is skipped.

    Used by OKX until 2026 and by Bitget; their documentation has examples.
    """
    pairs = zip_longest(islice(bids, 25), islice(asks, 25), fillvalue=())
    text = ":".join(part for level in chain.from_iterable(pairs) for part in level[:2])
    value = crc32(text.encode())
    return value - (1 << 32) if value >> 31 else value


class _Texts:
    """One side of the book: the levels as text, by price, with the best price last."""

    __slots__ = ("keys", "sign", "texts")

    def __init__(self, sign: float) -> None:
        self.sign = sign
        self.keys: list[float] = []
        self.texts: dict[float, TextLevel] = {}

    def clear(self) -> None:
        self.keys.clear()
        self.texts.clear()

    def apply(self, levels: Sequence[Level], texts: Sequence[TextLevel]) -> None:
        for level, text in zip(levels, texts, strict=True):
            key = self.sign * level.px
            if level.qty:
                if key not in self.texts:
                    self.keys.insert(bisect_left(self.keys, key), key)
                self.texts[key] = text
            elif self.texts.pop(key, None) is not None:
                del self.keys[bisect_left(self.keys, key)]

    def prune(self, most: int) -> list[Level]:
        """Remove the worst levels, so that ``most`` remain. Returns their deletes."""
        worst = self.keys[:-most]
        for key in worst:
            del self.texts[key]
        del self.keys[:-most]
        return [Level(self.sign * key, 0.0) for key in worst]

    def __iter__(self) -> Iterator[TextLevel]:
        return (self.texts[key] for key in reversed(self.keys))


class Checksummed:
    """Applies each message to the book of texts and compares the checksum. If it differs, the book is LOST until the
    next snapshot.

    ``window``: the venue sends no delete for a level that falls out of ``depth`` (Kraken), so such a level is deleted
    at once."""

    __slots__ = ("_asks", "_bids", "_checksum", "_depth", "_window", "instrument", "resync", "state")

    def __init__(
        self,
        instrument: str,
        again: Again,
        wake: Wake = no_wake,
        *,
        depth: int = 0,
        checksum: Callable[[Iterator[TextLevel], Iterator[TextLevel]], int] = interleaved_crc32,
        window: bool = False,
    ) -> None:
        self.instrument = instrument
        self._depth = depth
        self._checksum = checksum
        self._window = window
        self._bids = _Texts(1.0)
        self._asks = _Texts(-1.0)
        self.resync = Resync(again, wake)
        self.state = BookState.SYNCING

    @property
    def held(self) -> int:
        """Number of levels on the longer side."""
        return max(len(self._bids.keys), len(self._asks.keys))

    @property
    def due_ns(self) -> int:
        return self.resync.due_ns

    def snapshot(self, message: CheckedDepth, now_ns: int) -> Normalized:
        """Replace the book, if the snapshot's checksum is right."""
        self._bids.clear()
        self._asks.clear()
        return self._apply(message, True, now_ns)

    def update(self, message: CheckedDepth, now_ns: int) -> Normalized:
        if self.state is not BookState.SYNCED:
            return self.resync.ask(now_ns)
        return self._apply(message, False, now_ns)

    def _apply(self, message: CheckedDepth, snapshot: bool, now_ns: int) -> Normalized:
        bids = convert(message.bids, list[Level], strict=False)
        asks = convert(message.asks, list[Level], strict=False)
        self._bids.apply(bids, message.bids)
        self._asks.apply(asks, message.asks)
        depth = self._depth
        if self._window:
            bids += self._bids.prune(depth)
            asks += self._asks.prune(depth)
        if self._checksum(iter(self._bids), iter(self._asks)) != message.checksum:
            return self.lose("checksum does not match", now_ns)
        for side in (self._bids, self._asks):
            if depth and len(side.keys) > 2 * depth:
                side.prune(depth)
        if snapshot:
            self.state = BookState.SYNCED
            self.resync.arrived()
        levels = depth if snapshot else 0
        return (BookUpdate(self.instrument, bids, asks, snapshot, message.seq, message.exch_ns, now_ns, levels),)

    def lose(self, reason: str, now_ns: int) -> Normalized:
        """Mark the book as LOST and request a snapshot."""
        self.state = BookState.LOST
        return (BookLost(self.instrument, reason, now_ns), *self.resync.ask(now_ns))

    def tick(self, now_ns: int) -> Normalized:
        """``due_ns`` was reached without a snapshot: request it again."""
        return self.resync.ask(now_ns)
