"""A market whose true book is known: the model that judges the books of the venue packages.

It imports nothing of arbkit. Prices are whole ticks and sizes whole lots, so every number is exact. All randomness
comes from the ``random.Random`` that the caller gives.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from random import Random

Sides = tuple[dict[int, int], dict[int, int]]
"""Bids and asks, as size in lots by price in ticks."""
Top = list[tuple[float, float]]
"""(price, size) of the best levels, best first."""


@dataclass
class Market:
    """One symbol: its full book, and a random order flow that changes it.

    ``levels`` is the usual number of levels a side. ``id`` counts the engine's updates."""

    native: str
    random: Random
    levels: int
    px_decimals: int = 1
    qty_decimals: int = 4
    mid: int = 20_000
    id: int = 1_000_000
    sides: Sides = field(default_factory=lambda: ({}, {}))

    def __post_init__(self) -> None:
        self.touched: tuple[set[int], set[int]] = (set(), set())
        """Prices that changed since ``taken`` was called."""
        for distance in range(1, 2 * self.levels, 2):
            self._set(0, self.mid - distance, self._size())
            self._set(1, self.mid + distance, self._size())

    def advance(self, updates: int) -> None:
        """The engine makes so many updates: inserts, size changes, cancels, sweeps, and now and then a price move."""
        for _ in range(updates):
            self.id += 1
            kind = self.random.choices(("insert", "resize", "cancel", "sweep", "move"), (40, 25, 25, 8, 2))[0]
            side = self.random.randrange(2)
            if kind == "insert" or len(self.sides[side]) < 3:
                self._insert(side)
            elif kind == "resize":
                self._set(side, self._some(side), self._size())
            elif kind == "cancel":
                self._set(side, self._some(side), 0)
            elif kind == "sweep":
                self._sweep(side, self.random.randint(1, 4))
            else:
                self._move(self.random.choice((-1, 1)) * self.random.randint(5, max(6, self.levels)))
            self._trim()

    def taken(self) -> tuple[set[int], set[int]]:
        """The prices that changed since the last call."""
        found = self.touched
        self.touched = (set(), set())
        return found

    def prices(self, side: int, count: int = 0) -> list[int]:
        """The prices of a side, best first; 0 = all."""
        found = sorted(self.sides[side], reverse=side == 0)
        return found[:count] if count else found

    def window(self, count: int) -> Sides:
        """The best ``count`` levels a side; 0 = all."""
        bids, asks = ({px: self.sides[side][px] for px in self.prices(side, count)} for side in (0, 1))
        return bids, asks

    def top(self, count: int) -> tuple[Top, Top]:
        """The best levels as floats, as a correct reader of the wire has them."""
        bids, asks = (
            [(scaled(px, self.px_decimals), scaled(self.sides[side][px], self.qty_decimals)) for px in prices]
            for side, prices in ((side, self.prices(side, count)) for side in (0, 1))
        )
        return bids, asks

    def absent(self, side: int) -> int:
        """A price inside the book at which there is no level."""
        step = -1 if side == 0 else 1
        px = self.prices(side)[0] + step
        while px in self.sides[side]:
            px += step
        return px

    # --- order flow

    def _set(self, side: int, px: int, size: int) -> None:
        if size:
            self.sides[side][px] = size
        elif self.sides[side].pop(px, None) is None:
            return
        self.touched[side].add(px)

    def _size(self) -> int:
        return self.random.choice((1, 5, 10, 250, 12_345, 1_000_000, self.random.randint(1, 10**7)))

    def _some(self, side: int) -> int:
        """A level, mostly near the best price."""
        prices = self.prices(side)
        return prices[min(int(self.random.expovariate(4 / len(prices))), len(prices) - 1)]

    def _insert(self, side: int) -> None:
        step = -1 if side == 0 else 1
        other = self.prices(1 - side, 1)
        nearest = (other[0] if other else self.mid) + step
        self._set(side, nearest + step * int(self.random.expovariate(3 / self.levels)), self._size())

    def _sweep(self, side: int, count: int) -> None:
        """A market order takes the best levels; a limit order of the other side follows."""
        for px in self.prices(side, min(count, len(self.sides[side]) - 1)):
            self._set(side, px, 0)
        self._insert(1 - side)

    def _move(self, ticks: int) -> None:
        """The price moves: levels in the way are taken, and the space behind is filled."""
        start = (self.prices(0)[0] + self.prices(1)[0]) // 2
        if abs(start + ticks - 20_000) > 5000:
            ticks = -ticks
        side = 1 if ticks > 0 else 0
        step = 1 if ticks > 0 else -1
        self.mid = start + ticks
        for px in self.prices(side):
            if (px - self.mid) * step <= 0:
                self._set(side, px, 0)
        for px in range(start, self.mid, 2 * step):
            self._set(1 - side, px, self._size())
        self._set(side, self.mid + step, self._size())

    def _trim(self) -> None:
        """Far orders are cancelled, so that the book keeps its size."""
        for side in (0, 1):
            surplus = len(self.sides[side]) - 2 * self.levels
            if surplus > 0:
                far = self.prices(side)[self.levels :]
                for px in self.random.sample(far, surplus):
                    self._set(side, px, 0)


@lru_cache(1 << 15)
def scaled(units: int, decimals: int) -> float:
    return float(f"{units}e-{decimals}")


@lru_cache(1 << 15)
def text(units: int, decimals: int, style: str) -> str:
    """A number as venues write it. ``padded``: eight decimals; ``tick``: the market's decimals; ``plain``: no zeros at
    the end; ``exponent``: scientific."""
    if style == "exponent":
        return f"{units}E-{decimals}"
    whole, part = divmod(units, 10**decimals)
    digits = f"{part:0{decimals}d}"
    if style == "padded":
        digits = digits.ljust(8, "0")
    elif style == "plain":
        digits = digits.rstrip("0")
    return f"{whole}.{digits}" if digits else f"{whole}"


def shuffled(values: Iterable[int], random: Random) -> list[int]:
    found = sorted(values)
    random.shuffle(found)
    return found
