"""Invented instruments and orders, for rules that need no simulated venue."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from arbkit.core.orders.ids import IntentIds, format_cl_ord_id
from arbkit.core.types import Instrument, NewOrder, Side

__all__ = ["an_order", "invented"]


def invented(venue: str, count: int) -> Sequence[Instrument]:
    """``count`` instruments of the venue. Their native names have 21 letters and digits, as the longest real ones."""
    return [
        Instrument(
            venue=venue,
            symbol=f"INVENTEDCOIN{number:05d}-USDT",
            native=f"INVENTEDCOIN{number:05d}USDT",
            base=f"INVENTEDCOIN{number:05d}",
            quote="USDT",
            tick=Decimal("0.01"),
            lot=Decimal("0.001"),
        )
        for number in range(count)
    ]


def an_order(venue: str) -> NewOrder:
    """An order for the first of them."""
    return NewOrder(
        account=f"{venue}:main",
        instrument=invented(venue, 1)[0].id,
        cl_ord_id=format_cl_ord_id(IntentIds(1).next()),
        side=Side.BUY,
        qty=Decimal("0.5"),
        px=Decimal(100),
    )
