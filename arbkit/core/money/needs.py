"""What a deal can use of each asset, at worst. ``money.limits`` reserves it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from msgspec import Struct

from arbkit.core.orders.deals import Deal, DealLeg
from arbkit.core.types import Catalogue, Side

__all__ = ["Need", "needs_of"]

_ZERO = Decimal(0)


class Need(Struct, frozen=True, gc=False, kw_only=True):
    """The worst-case amount that one order may use of one asset."""

    account: str
    asset: str
    amount: Decimal


def needs_of(deal: Deal, catalogue: Catalogue, takers: Sequence[Decimal], allowance: Decimal) -> list[Need]:
    """What all legs and their worst-case unwind can use. A buy needs its quote at the limit price made worse by
    ``allowance``, plus the fee. A sell needs its base, and the quote that buying it back may cost more than the sale
    brought. A leg of a later wave needs nothing where the waves before bring what it spends to its account: it is made
    as small as what they have brought, and that stays reserved for the deal.

    ``takers``: the taker fee of each leg as a fraction.
    """
    needs = []
    fed = _fed(deal, catalogue, takers, allowance) if deal.waves else ()
    for leg, taker in zip(deal.legs, takers, strict=True):
        if leg in fed:
            continue
        quote = leg.quote or catalogue[leg.instrument].quote
        notional = leg.qty * leg.px
        fee = max(taker, _ZERO)
        if leg.side is Side.BUY:
            needs.append(Need(account=leg.account, asset=quote, amount=notional * (1 + allowance) * (1 + fee)))
        else:
            needs.append(Need(account=leg.account, asset=leg.base, amount=leg.qty))
            back = notional * ((1 + allowance) * (1 + fee) - (1 - fee))
            needs.append(Need(account=leg.account, asset=quote, amount=back))
    return needs


def _fed(deal: Deal, catalogue: Catalogue, takers: Sequence[Decimal], allowance: Decimal) -> list[DealLeg]:
    """The legs that spend only what earlier waves bring to their account, but for ``allowance``: they are scaled to
    it."""
    fed: list[DealLeg] = []
    there: dict[tuple[str, str], Decimal] = {}
    wave, coming = 0, dict(there)
    for leg, taker in sorted(zip(deal.legs, takers, strict=True), key=lambda one: one[0].wave):
        if leg.wave != wave:
            wave = leg.wave
            for key, amount in coming.items():
                there[key] = there.get(key, _ZERO) + amount
            coming.clear()
        quote = leg.quote or catalogue[leg.instrument].quote
        notional, fee = leg.qty * leg.px, max(taker, _ZERO)
        if leg.side is Side.BUY:
            spent, spends, gets, got = quote, notional * (1 + fee), leg.base, leg.qty * (1 - fee)
        else:
            spent, spends, gets, got = leg.base, leg.qty, quote, notional * (1 - fee)
        if there.get((leg.account, spent), _ZERO) >= spends * (1 - allowance):
            fed.append(leg)
            there[leg.account, spent] -= spends
        coming[leg.account, gets] = coming.get((leg.account, gets), _ZERO) + got
    return fed
