"""The exact legs of a deal: sizes in lots, prices in ticks, waves; and how a later wave follows from the fills before.

``home`` is the asset in which a deal gains (``Deal.asset``); its other assets come out even.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal, TypeAlias

from arbkit.core.errors import LocalProtocolError
from arbkit.core.orders.deals import Deal, DealLeg
from arbkit.core.protocols import View
from arbkit.core.types import Instrument, Leg, Opportunity, Side
from arbkit.strategies.edge import common_lot

__all__ = ["Policy", "allowed", "chain", "large_enough", "pair", "scaled", "stage"]

Policy: TypeAlias = Literal["as_proposed", "at_once", "slow_first", "thin_first"]
"""Which legs go first. ``as_proposed``: as the strategy says (``Leg.wave``); all at once if it says nothing."""

_ZERO = Decimal(0)
_ONE = Decimal(1)
_EVEN = 0.05
"""How far the legs of an asset may differ at their limit prices, as a fraction: fees, slippage and depth."""
_TINY, _HALF = Decimal("1e-9"), Decimal("0.5")
"""In lots: what a division of Decimals may lack, and what rounds to the nearest lot."""


def pair(opportunity: Opportunity, view: View) -> tuple[list[DealLeg], Decimal] | None:
    """One purchase and one sale of one size, rounded to the common lot, and what they take of the asset's leftover. The
    purchase is larger in the ratio of the opportunity's legs, for a fee in base, and rounded to the nearest lot. Up to
    half of the size, what earlier deals left of the asset makes one leg smaller, so that roundings do not add up. None
    if a rule of a venue is not met. Raises ``LocalProtocolError`` for two instruments of different assets."""
    legs = opportunity.legs
    buy, sell = legs if legs[0].side is Side.BUY else (legs[1], legs[0])
    to_buy, to_sell = view.catalogue.get(buy.instrument), view.catalogue.get(sell.instrument)
    if to_buy is None or to_sell is None:
        return None
    if (to_buy.base, to_buy.quote) != (to_sell.base, to_sell.quote):
        raise LocalProtocolError(
            f"TakerExecutor needs the same base and quote on both legs; got {to_buy.id} and {to_sell.id}"
        )
    bought, sold = Decimal(repr(buy.qty)), Decimal(repr(sell.qty))
    lot = common_lot(to_buy.lot, to_sell.lot)
    size = min(bought, sold, to_buy.max_qty or bought, to_sell.max_qty or sold)
    if not size:
        return None
    buyer, seller, left = view.account(buy.instrument), view.account(sell.instrument), view.left(to_buy.base)
    buy_px, sell_px = to_buy.quantize_px(buy.px, buy.side), to_sell.quantize_px(sell.px, sell.side)
    if left:
        left = max(-size / 2, min(left, size / 2))
    for carried in (left, _ZERO) if left else (_ZERO,):  # where a leg would be too small, what is left waits
        sells = _floor(size + min(carried, _ZERO), lot)
        buys = sells
        if carried or bought > sold:
            buys = to_buy.quantize_qty((sells - carried) * max(bought / sold, _ONE) + to_buy.lot / 2)
        if not (allowed(to_buy, buys, buy_px) and allowed(to_sell, sells, sell_px)):
            continue
        planned = []
        for leg, account, qty, px in ((buy, buyer, buys, buy_px), (sell, seller, sells, sell_px)):
            planned.append(
                DealLeg(
                    account=account,
                    instrument=leg.instrument,
                    base=to_buy.base,
                    side=leg.side,
                    qty=qty,
                    px=px,
                    wave=leg.wave,
                    quote=to_buy.quote,
                )
            )
        return planned, carried
    return None


def chain(opportunity: Opportunity, view: View) -> list[DealLeg] | None:
    """Legs of several assets. The size of the leg with the coarsest lot is rounded down; the others are scaled with it
    and rounded to the nearest lot. None if a rule of a venue is not met. Raises ``LocalProtocolError`` if an asset
    other than the opportunity's does not come out even."""
    rules = [view.catalogue.get(leg.instrument) for leg in opportunity.legs]
    found = [(leg, one) for leg, one in zip(opportunity.legs, rules, strict=True) if one is not None and leg.qty]
    if len(found) < len(rules):
        return None
    _check_even(opportunity, found)
    scale = min(min(_ONE, (one.max_qty or qty) / qty) for leg, one in found if (qty := Decimal(repr(leg.qty))))
    coarse, its = max(found, key=lambda each: float(each[1].lot) / each[0].qty)
    scale = its.quantize_qty(Decimal(repr(coarse.qty)) * scale) / Decimal(repr(coarse.qty))
    planned = []
    for leg, one in found:
        most = one.max_qty if one.max_qty is not None else Decimal(repr(leg.qty)) + one.lot
        qty = one.quantize_qty(min(Decimal(repr(leg.qty)) * scale + one.lot / 2, most))
        px = one.quantize_px(leg.px, leg.side)
        if not allowed(one, qty, px):
            return None
        planned.append(
            DealLeg(
                account=view.account(leg.instrument),
                instrument=leg.instrument,
                base=one.base,
                side=leg.side,
                qty=qty,
                px=px,
                wave=leg.wave,
                quote=one.quote,
            )
        )
    return planned


def _check_even(opportunity: Opportunity, legs: Sequence[tuple[Leg, Instrument]]) -> None:
    gets: dict[str, float] = {}
    gives: dict[str, float] = {}
    for leg, one in legs:
        got, given = (one.base, one.quote) if leg.side is Side.BUY else (one.quote, one.base)
        sizes = {one.base: leg.qty, one.quote: leg.qty * leg.px}
        gets[got] = gets.get(got, 0.0) + sizes[got]
        gives[given] = gives.get(given, 0.0) + sizes[given]
    for asset in sorted(gets.keys() | gives.keys()):
        brings, takes = gets.get(asset, 0.0), gives.get(asset, 0.0)
        if asset != opportunity.asset and abs(brings - takes) > _EVEN * max(brings, takes):
            raise LocalProtocolError(
                f"the legs bring {brings:g} {asset} and take {takes:g}: every asset but {opportunity.asset}, in which "
                "the opportunity gains, has to come out even"
            )


# --- waves ------------------------------------------------------------------------------------------------------------


def stage(legs: Sequence[DealLeg], policy: Policy, view: View) -> None:
    """Give each leg its wave. ``slow_first``: the venue that takes longest to answer first, then the others.
    ``thin_first``: the leg that needs most of its book first, then the others."""
    if policy == "as_proposed":
        return
    first: Sequence[DealLeg] = legs
    if policy == "slow_first":
        latencies = [view.latency_ns(leg.instrument.partition(":")[0]) for leg in legs]
        first = [leg for leg, took in zip(legs, latencies, strict=True) if took == max(latencies)]
    elif policy == "thin_first":
        first = [max(legs, key=lambda leg: _share(leg, view))]
    for leg in legs:
        leg.wave = 0 if leg in first else 1


def _share(leg: DealLeg, view: View) -> float:
    """The share that the leg needs of what its book offers within the limit price."""
    book = view.book(leg.instrument)
    if book is None:
        return float("inf")
    limit, offered = float(leg.px), 0.0
    for px, size in book.levels_to_buy() if leg.side is Side.BUY else book.levels_to_sell():
        if px > limit if leg.side is Side.BUY else px < limit:
            break
        offered += size
    return float(leg.qty) / offered if offered else float("inf")


def scaled(deal: Deal, wave: int, view: View) -> list[tuple[int, Decimal]]:
    """The legs of a wave that can be sent, as (index, size): as much of each as the fills and fees of the waves before
    allow. What it would be too small for is left out."""
    overs = deal.overs
    legs = [(index, leg) for index, leg in enumerate(deal.legs) if leg.wave == wave]
    effects = [_effect(leg, view) for _, leg in legs]
    share = min([leg.filled / leg.qty for leg in deal.legs if leg.wave < wave], default=_ONE)
    found = []
    for (index, leg), effect in zip(legs, effects, strict=True):
        parts = []
        for asset, change in effect.items():
            whole = [one[asset] for one in effects if asset in one]
            same = all((one > 0) is (change > 0) for one in whole)
            before = any(asset in (other.base, other.quote) for other in deal.legs if other.wave < wave)
            if asset in overs and same and before:
                parts.append(max(-overs[asset] / sum(whole), _ZERO))
        part = min([*parts, _ONE]) if parts else min(share, _ONE)
        instrument = view.catalogue[leg.instrument]
        further = _TINY if _fed(deal, leg) else _HALF
        qty = min(leg.qty, instrument.quantize_qty(leg.qty * part + instrument.lot * further))
        if allowed(instrument, qty, leg.px):
            found.append((index, qty))
    return found


def _fed(deal: Deal, leg: DealLeg) -> bool:
    """Whether the waves before bring what the leg spends to its account: then it may spend no more."""
    spent = leg.base if leg.side is Side.SELL else leg.quote
    return any(
        other.wave < leg.wave
        and other.account == leg.account
        and spent == (other.base if other.side is Side.BUY else other.quote)
        for other in deal.legs
    )


def _effect(leg: DealLeg, view: View) -> dict[str, Decimal]:
    """What the whole leg changes of its two assets, at its limit price, after the fee."""
    fee, rules = Decimal(repr(max(view.taker_fee(leg.instrument), 0.0))), view.catalogue[leg.instrument]
    notional = leg.qty * leg.px
    if leg.side is Side.SELL:
        return {leg.base: -leg.qty, leg.quote: notional * (1 - fee)}
    if rules.fee_in_quote:
        return {leg.base: leg.qty, leg.quote: -notional * (1 + fee)}
    return {leg.base: leg.qty * (1 - fee if view.fee_in_base(leg.instrument) else _ONE), leg.quote: -notional}


# --- rules ------------------------------------------------------------------------------------------------------------


def _floor(qty: Decimal, lot: Decimal) -> Decimal:
    return qty // lot * lot if lot else qty


def large_enough(instrument: Instrument, qty: Decimal, px: Decimal) -> bool:
    """Whether it is no less than the venue's minimum."""
    return (
        qty > 0 and qty >= instrument.min_qty and (not instrument.min_notional or qty * px >= instrument.min_notional)
    )


def allowed(instrument: Instrument, qty: Decimal, px: Decimal) -> bool:
    """Whether the venue's rules allow an order of this size at this price."""
    return (
        px > 0
        and large_enough(instrument, qty, px)
        and (instrument.max_qty is None or qty <= instrument.max_qty)
        and (instrument.max_notional is None or qty * px <= instrument.max_notional)
    )
