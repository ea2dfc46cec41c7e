"""What a deal was expected to bring against what it brought, and where the difference comes from.

``realised`` is the value of all that the deal's orders moved, fees included, in the asset of the deal: what is left of
another asset counts at its last price when the deal ended. The difference is the sum of five parts, exactly. Positive
is better than expected.

=========  =============================================================================================================
slippage   the first orders filled at other prices than the strategy saw, against the allowance for it
fees       fees that were expected, minus those that were paid
latency    what was gone when the orders arrived (the share of the deal that never filled on all legs), against the
           allowance for it
unwind     orders that completed or reversed a leg, and the prices of what they had to trade
leftovers  what stays bought and not sold, or sold and not bought: its price at the end against the price paid
=========  =============================================================================================================

The strategy tells the net gain, fees and allowances that it expects. Their sum is the gain at the prices it saw.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from msgspec import Struct

from arbkit.core.types import Purpose, Side, assets_of
from arbkit.core.types.exact import WIDE, exactly

__all__ = ["Expectation", "Split", "Traded", "split"]

_UNIT = Decimal("1e-8")
_ZERO, _ONE = Decimal(0), Decimal(1)


class Expectation(Struct, frozen=True, gc=False, kw_only=True):
    """What a strategy expected of a deal, in the deal's asset; see ``records.DealOpened``."""

    net: Decimal
    fees: Decimal
    slippage: Decimal
    penalty: Decimal


class Traded(Struct, frozen=True, gc=False, kw_only=True):
    """An order of a deal and what filled of it."""

    account: str
    instrument: str
    purpose: Purpose
    side: Side
    qty: Decimal
    """Ordered."""
    filled: Decimal
    paid: Decimal
    """Price times quantity over its fills."""
    fees: Sequence[tuple[str, Decimal]] = ()


class Split(Struct, frozen=True, gc=False, kw_only=True):
    """``realised`` minus the expected net gain is the sum of the five parts. All are multiples of 10**-8."""

    realised: Decimal
    slippage: Decimal
    fees: Decimal
    latency: Decimal
    unwind: Decimal
    leftovers: Decimal


class _Leg:
    """One instrument of one account."""

    __slots__ = ("entered", "hedged", "planned", "px", "sign")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        """1 = it is bought by the first orders, -1 = it is sold."""
        self.planned = _ZERO
        self.entered = _ZERO
        """Filled by first orders, in the leg's direction."""
        self.px = _ZERO
        """Their quote, then (divided) their average price."""
        self.hedged = _ZERO
        """Filled by later orders, in the leg's direction (negative: reversed)."""


def split(expected: Expectation, asset: str, orders: Sequence[Traded], prices: Mapping[str, Decimal]) -> Split | None:
    """``prices``: in ``asset``, of the other assets. None if one that is needed is missing, or nothing is known of the
    deal's orders."""
    with exactly(WIDE):  # sums and products of amounts are exact in it; quotients are exact far below ``_UNIT``
        return _split(expected, {**prices, asset: _ONE}, orders)


def _split(expected: Expectation, price: Mapping[str, Decimal], orders: Sequence[Traded]) -> Split | None:
    legs: dict[tuple[str, str], _Leg] = {}
    entry = later = paid = _ZERO
    """The value at ``prices`` of what the first orders and the later ones brought, and of all fees."""
    for order in orders:
        base, quote = assets_of(order.instrument)
        needed = [base, quote] if order.filled else []
        if any(name not in price for name in [*needed, *(name for name, fee in order.fees if fee)]):
            return None
        sign = 1 if order.side is Side.BUY else -1
        filled, cash = order.filled, order.paid
        worth = sign * (filled * price[base] - cash * price[quote]) if filled else _ZERO
        for name, fee in order.fees:
            paid += fee * price[name] if fee else _ZERO
        key = order.account, order.instrument
        if order.purpose is Purpose.ENTRY:
            entry += worth
            leg = legs.setdefault(key, _Leg(sign))
            leg.planned += order.qty
            leg.entered += filled
            leg.px += cash
        else:
            later += worth
            if key in legs:
                legs[key].hedged += filled * sign * legs[key].sign
    return _parts(expected, legs, entry, later, paid, price)


def _parts(
    expected: Expectation,
    legs: Mapping[tuple[str, str], _Leg],
    entry: Decimal,
    later: Decimal,
    paid: Decimal,
    price: Mapping[str, Decimal],
) -> Split:
    net, fees, slippage, penalty = expected.net, expected.fees, expected.slippage, expected.penalty
    gross = net + fees + slippage + penalty
    # the share of the deal that the first orders filled on all legs, and the share that was filled in the end
    first = _share([leg.entered / leg.planned for leg in legs.values() if leg.planned])
    last = _share([(leg.entered + leg.hedged) / leg.planned for leg in legs.values() if leg.planned])
    # the value of what the first orders filled beyond that share, and of the part of it that was not traded on
    extra = left = _ZERO
    for (_, instrument), leg in legs.items():
        over = leg.entered - first * leg.planned
        if over > 0:
            base, quote = assets_of(instrument)
            worth = leg.sign * (price[base] - leg.px / leg.entered * price[quote])
            extra += over * worth
            kept = min(max(leg.entered + leg.hedged - last * leg.planned, _ZERO), over)
            left += kept * worth
    realised = _round(entry + later - paid)
    told = [
        _round(entry - extra - first * gross + last * slippage),
        _round(last * fees - paid),
        _round(last * (net + penalty) - net),
        _round(later + extra - left - (last - first) * gross),
    ]
    # what is left of the sum is the leftovers' part, to the last digit
    rest = realised - _round(net) - sum(told, _ZERO)
    return Split(realised=realised, slippage=told[0], fees=told[1], latency=told[2], unwind=told[3], leftovers=rest)


def _share(shares: Sequence[Decimal]) -> Decimal:
    return min(max(min(shares), _ZERO), _ONE) if shares else _ZERO


def _round(value: Decimal) -> Decimal:
    """To 10**-8, half to even."""
    return value.quantize(_UNIT)
