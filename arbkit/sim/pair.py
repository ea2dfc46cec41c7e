"""A traded pair and its integer units: prices in ticks, sizes in lots, amounts in units of 1e-12."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Final

__all__ = ["SCALE", "UNIT", "Pair", "text", "units"]

SCALE: Final = 12
"""Decimals of the ledger."""
UNIT: Final = 10**SCALE
"""Ledger units per 1 of any asset."""


def units(value: Decimal | int | str) -> int:
    """A decimal amount in ledger units. Raises ``ValueError`` if it is not a whole number of units."""
    scaled = Decimal(value) * UNIT
    whole = int(scaled)
    if whole != scaled:
        raise ValueError(f"{value} is finer than one ledger unit (1e-{SCALE})")
    return whole


def text(value: int, scale: int = SCALE, pad: int = 0) -> str:
    """``value * 10**-scale`` as plain text, with at least ``pad`` decimals and no further trailing zeros.

    ``text(150, 2)`` is ``1.5``; ``text(150, 2, pad=8)`` is ``1.50000000``.
    """
    if value < 0:
        return f"-{text(-value, scale, pad)}"
    if not scale:
        return f"{value}.{'0' * pad}" if pad else str(value)
    digits = str(value)
    if len(digits) <= scale:
        digits = digits.rjust(scale + 1, "0")
    rest = digits[-scale:].rstrip("0")
    if pad:
        rest = rest.ljust(pad, "0")
    return f"{digits[:-scale]}.{rest}" if rest else digits[:-scale]


def _short(amount: int) -> tuple[int, int]:
    """An amount in ledger units without trailing zeros, and the decimals that are left: its multiples have
    fewer digits."""
    scale = SCALE
    while scale and not amount % 10:
        amount, scale = amount // 10, scale - 1
    return amount, scale


_again = lru_cache(maxsize=1 << 16)(text)  # books contain the same prices many times, but hardly a size twice


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """A traded pair and its rules. ``tick`` times ``lot`` must be a whole number of ledger units."""

    symbol: str
    """Canonical ``BASE-QUOTE``."""
    base: str
    quote: str
    tick: Decimal
    lot: Decimal
    min_qty: Decimal
    min_notional: Decimal = Decimal(0)
    max_qty: Decimal = Decimal(9000)
    """Infinity = the venue has no maximum."""
    px_step: int = 1
    """Ticks in the price step that orders must keep: more than 1 after a change of the rules. The book's tick stays."""
    qty_step: int = 1
    """Lots in the size step that orders must keep."""
    tick_units: int = field(init=False)
    lot_units: int = field(init=False)
    _tick: tuple[int, int] = field(init=False)
    _lot: tuple[int, int] = field(init=False)
    unit: int = field(init=False)
    """Ledger units of quote per tick times lot: ``px * qty * unit`` is the exact notional."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "tick_units", units(self.tick))
        object.__setattr__(self, "lot_units", units(self.lot))
        object.__setattr__(self, "_tick", _short(self.tick_units))
        object.__setattr__(self, "_lot", _short(self.lot_units))
        object.__setattr__(self, "unit", units(self.tick * self.lot))

    def ticks(self, px: Decimal) -> int | None:
        """The price in ticks; None if it is not a multiple of the tick."""
        count = px / self.tick
        return int(count) if not count % self.px_step else None

    def lots(self, qty: Decimal) -> int | None:
        """The size in lots; None if it is not a multiple of the lot."""
        count = qty / self.lot
        return int(count) if not count % self.qty_step else None

    @property
    def rule_tick(self) -> Decimal:
        """The price step as the venue tells it."""
        return self.tick * self.px_step

    @property
    def rule_lot(self) -> Decimal:
        """The size step as the venue tells it."""
        return self.lot * self.qty_step

    def px_text(self, ticks: int, pad: int = 0) -> str:
        tick, scale = self._tick
        return _again(ticks * tick, scale, pad)

    def qty_text(self, lots: int, pad: int = 0) -> str:
        lot, scale = self._lot
        return text(lots * lot, scale, pad)

    def level_texts(self, levels: Iterable[tuple[int, int]], pad: int = 0) -> list[list[str]]:
        """Levels (px ticks, lots) as ``[["price", "size"], ..]``."""
        (tick, px_scale), (lot, scale), none = self._tick, self._lot, text(0, SCALE, pad)
        return [
            [_again(px * tick, px_scale, pad), text(lots * lot, scale, pad) if lots else none] for px, lots in levels
        ]
