"""What a strategy is told of a deal: a copy that it may keep, and with which it can change nothing."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from msgspec import Struct

from arbkit.core.orders.deals import Deal, DealLeg, DealState, Outcome
from arbkit.core.types import Side

__all__ = ["DealReport", "LegReport", "report_of"]

_ZERO = Decimal(0)


class LegReport(Struct, frozen=True, kw_only=True):
    """One leg of a deal. Hedge and unwind orders on its instrument are counted in."""

    instrument: str
    side: Side
    qty: Decimal
    """Planned."""
    px: Decimal
    """The limit price of its first order."""
    filled: Decimal
    """In the leg's direction, minus what was traded back; fees in base are not subtracted."""
    avg_px: Decimal | None
    """Of the fills in the leg's direction; None = nothing filled."""
    fees: Mapping[str, Decimal]
    """Paid, by asset; negative = rebate."""


class DealReport(Struct, frozen=True, kw_only=True):
    """One deal as it is now: what ``on_deal`` is told and ``view.deals`` returns. Two are equal if nothing changed."""

    id: int
    strategy: str
    """The name of the strategy that it belongs to."""
    pair: str
    """Its instruments, sorted and joined by "+"."""
    state: DealState
    outcome: Outcome | None
    """None while nothing is decided. HELD can still change."""
    why: str
    """What decided the outcome, as text."""
    legs: tuple[LegReport, ...]
    expected: float
    """The profit that the opportunity promised, in ``asset``."""
    asset: str
    net: Mapping[str, Decimal]
    """Gain by asset so far, after fees; without zeros."""
    fees: Mapping[str, Decimal]
    """Paid over all legs, by asset. They are in ``net`` already."""
    orders: int
    """Number of orders so far: of the legs, hedges and unwinds."""
    note: str
    """``Opportunity.note``."""
    created_ns: int
    closed_ns: int
    """0 while it is open."""

    @property
    def closed(self) -> bool:
        """Nothing more is expected of it. A late fill can open it again."""
        return self.state is DealState.CLOSED

    @property
    def filled(self) -> float:
        """The share of the plan that is filled, of the leg with the smallest: 0 to 1, more for a hedge in excess."""
        return min((float(leg.filled / leg.qty) for leg in self.legs), default=0.0)


def report_of(deal: Deal) -> DealReport:
    """The deal as it is now."""
    fees: dict[str, Decimal] = {}
    for leg in deal.legs:
        for asset, fee in leg.fees.items():
            fees[asset] = fees.get(asset, _ZERO) + fee
    return DealReport(
        id=deal.id,
        strategy=deal.strategy,
        pair=deal.pair,
        state=deal.state,
        outcome=deal.outcome,
        why=deal.why,
        legs=tuple(map(_leg, deal.legs)),
        expected=deal.expected_net,
        asset=deal.asset,
        net={asset: amount for asset, amount in deal.net().items() if amount},
        fees={asset: fee for asset, fee in fees.items() if fee},
        orders=len(deal.orders),
        note=deal.opportunity.note,
        created_ns=deal.created_ns,
        closed_ns=deal.closed_ns,
    )


def _leg(leg: DealLeg) -> LegReport:
    traded, value = (leg.bought, leg.paid) if leg.side is Side.BUY else (leg.sold, leg.received)
    return LegReport(
        instrument=leg.instrument,
        side=leg.side,
        qty=leg.qty,
        px=leg.px,
        filled=leg.filled,
        avg_px=value / traded if traded else None,
        fees={asset: fee for asset, fee in leg.fees.items() if fee},
    )
