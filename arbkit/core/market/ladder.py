"""One side of a book, in Python. ``market.books`` writes it; everybody else reads.

Keys are kept sorted with the best price at the *end*, where nearly all changes happen, and sizes in a dict. A deleted
level keeps its key with size 0 until it reaches the end of the list or the side is swept: a delete is one assignment,
and nothing is linear in the size of the book but a memory move.

The package ``arbkit-speed`` has the same names, compiled. This module is the reference: both keep and drop the same
levels after the same changes. ``market.speed`` chooses.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator, Sequence
from itertools import islice
from math import inf

from arbkit.core.types import Level

__all__ = ["Ladder", "change", "replace"]

SLACK = 64
"""A sweep is due when there are so many keys beyond twice those alive at the last sweep."""


class Ladder:
    """One side of a book. ``sign`` is +1 for bids (best = highest) and -1 for asks (best = lowest)."""

    __slots__ = ("best_px", "keep", "keys", "most", "sign", "sizes", "sweep_at")

    def __init__(self, sign: float) -> None:
        self.sign = sign
        self.best_px = 0.0 if sign > 0 else inf
        """The best price; 0.0 when there is no bid, ``inf`` when there is no ask."""
        self.keys: list[float] = []
        """``sign * price``, ascending. The last key is the best price and alive; others may be deleted (size 0)."""
        self.sizes: dict[float, float] = {}
        """Sizes by key."""
        self.keep = 0
        """The best levels that a sweep keeps, 0 = all: levels far beyond what the venue vouches for only get old."""
        self.most = 0
        """Keys beyond which a sweep is due in any case, where ``keep`` is not 0."""
        self.sweep_at = SLACK

    def __len__(self) -> int:
        """Number of levels alive. Linear: for people and tests."""
        return sum(1 for size in self.sizes.values() if size)

    def best(self) -> tuple[float, float] | None:
        """(price, size) of the best level; None when the side is empty."""
        keys = self.keys
        if not keys:
            return None
        key = keys[-1]
        return self.sign * key, self.sizes[key]

    def size_at(self, px: float) -> float:
        """The size at a price, 0 where there is none."""
        return self.sizes.get(self.sign * px, 0.0)

    def __iter__(self) -> Iterator[tuple[float, float]]:
        """(price, size) from the best level outward. Do not hold the iterator across a change of the book."""
        sign = self.sign
        sizes = self.sizes
        for key in reversed(self.keys):
            if size := sizes[key]:
                yield sign * key, size

    def top(self, count: int) -> list[tuple[float, float]]:
        """The best ``count`` levels."""
        return list(islice(self, count))


def replace(ladder: Ladder, levels: Sequence[Level], keep: int = 0, most: int = 0) -> float:
    """Take these levels in place of all that was there. ``keep`` and ``most`` hold until the next call. Returns
    ``best_px``."""
    sign = ladder.sign
    ladder.sizes = {sign * level.px: level.qty for level in levels if level.qty}
    ladder.keys = keys = sorted(ladder.sizes)
    ladder.keep, ladder.most = keep, most
    if keep and len(keys) > most:
        _sweep(ladder)
    else:
        _swept(ladder)
    ladder.best_px = best = sign * keys[-1] if keys else 0.0 if sign > 0 else inf
    return best


def change(ladder: Ladder, levels: Sequence[Level]) -> float:
    """Set absolute sizes. 0 deletes, also a level that is not there (normal on every venue). Returns ``best_px``."""
    sign = ladder.sign
    sizes = ladder.sizes
    keys = ladder.keys
    for level in levels:
        key = sign * level.px
        if key in sizes:
            sizes[key] = level.qty
        elif qty := level.qty:
            sizes[key] = qty
            if not keys or key > keys[-1]:
                keys.append(key)
            else:
                insort(keys, key)
    while keys and not sizes[keys[-1]]:
        del sizes[keys.pop()]
    ladder.best_px = best = sign * keys[-1] if keys else 0.0 if sign > 0 else inf
    if len(keys) > ladder.sweep_at:
        _sweep(ladder)
    return best


def _sweep(ladder: Ladder) -> None:
    """Forget the deleted levels, many in one pass, and the worst beyond those to keep."""
    sizes = ladder.sizes
    keys = [key for key in ladder.keys if sizes[key]]
    ladder.keys = keys = keys[-ladder.keep :]  # -0 is the start: all
    ladder.sizes = {key: sizes[key] for key in keys}
    _swept(ladder)


def _swept(ladder: Ladder) -> None:
    """Say when the next sweep is due."""
    due = 2 * len(ladder.keys) + SLACK
    ladder.sweep_at = min(due, ladder.most) if ladder.keep else due
