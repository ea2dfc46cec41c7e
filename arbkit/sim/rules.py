"""Order checks of a simulated exchange. Each function raises ``Refused`` with the rule's name."""

from __future__ import annotations

from decimal import Decimal

from arbkit.sim.pair import Pair, units
from arbkit.sim.records import Band, Refused

__all__ = ["band", "lots", "notional", "ticks"]


def ticks(pair: Pair, px: Decimal | None) -> int:
    """Check the price (positive, a multiple of the tick) and return it in ticks."""
    count = None if px is None or px <= 0 else pair.ticks(px)
    if count is None:
        raise Refused("tick")
    return count


def lots(pair: Pair, qty: Decimal | None) -> int:
    """Check the size (minimum, maximum, a multiple of the lot) and return it in lots."""
    if qty is None or qty < pair.min_qty:
        raise Refused("min_qty")
    if qty > pair.max_qty:
        raise Refused("max_qty")
    count = pair.lots(qty)
    if count is None:
        raise Refused("lot")
    return count


def notional(pair: Pair, amount: int) -> None:
    """Check the notional ``amount``, in ledger units of quote."""
    if amount < units(pair.min_notional):
        raise Refused("min_notional")


def band(limits: Band, buy: bool, ticks: int, middle: int) -> None:
    """Check a limit price against the price band around ``middle``, both in ticks."""
    most, least = (limits.buy_most, limits.buy_least) if buy else (limits.sell_most, limits.sell_least)
    if most is not None and ticks > middle * most:
        raise Refused("band_high")
    if least is not None and ticks < middle * least:
        raise Refused("band_low")
