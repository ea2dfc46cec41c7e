"""Invented instruments, orders and keys, for rules that need no simulated venue."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from hashlib import sha512

from arbkit.core.orders.ids import IntentIds, format_cl_ord_id
from arbkit.core.types import Instrument, NewOrder, Side
from arbkit.core.venues.signer import LocalSigner

__all__ = ["AnyKey", "an_order", "invented"]


class AnyKey(LocalSigner):
    """A signer whose key is of every kind, for rules that check no signature."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__("key", "secret", "passphrase")

    def ed25519(self, payload: bytes) -> bytes:
        return sha512(payload).digest()

    ecdsa = ed25519

    def hmac(self, algorithm: str, payload: bytes, encoding: str = "") -> bytes:
        return super().hmac(algorithm, payload)


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
