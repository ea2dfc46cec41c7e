"""What is journaled of deals and orders, as records. The engine writes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from arbkit.core.orders.deals import Deal, Outcome
from arbkit.core.orders.orders import Order
from arbkit.core.orders.records import Booked, DealClosed, DealOpened, Filled, Intent, OrderOutcome, Planned
from arbkit.core.types import Fill

__all__ = ["closed", "filled", "intent", "opened", "outcome", "reopened"]


def opened(deal: Deal, strategy: str, takers: Sequence[Decimal], now_ns: int) -> DealOpened:
    """A deal begins. ``takers``: the fee rate of each leg, for a strategy that does not tell the fees it expects."""
    plan = deal.opportunity
    fees = plan.fees
    if not fees:
        for leg, taker in zip(deal.legs, takers, strict=False):
            fees += float(leg.qty * leg.px * taker)
    told = len(deal.legs) > 2 or deal.waves
    return DealOpened(
        at_ns=now_ns,
        deal=deal.id,
        strategy=strategy,
        instruments=[leg.instrument for leg in deal.legs],
        asset=deal.asset,
        expected=deal.expected_net,
        fees=fees,
        slippage=plan.slippage,
        penalty=plan.penalty,
        legs=_planned(deal) if told else (),
        gains=deal.asset if told else "",
    )


def reopened(deal: Deal, now_ns: int) -> DealOpened:
    """A deal goes on after its end, or has got a leg more."""
    if len(deal.legs) > 2 or deal.waves:
        pair = deal.pair.split("+")  # without the places of hedges
        return DealOpened(
            at_ns=now_ns,
            deal=deal.id,
            strategy=deal.strategy,
            instruments=pair,
            legs=_planned(deal),
            gains=deal.asset,
        )
    instruments = [leg.instrument for leg in deal.legs]
    return DealOpened(at_ns=now_ns, deal=deal.id, strategy=deal.strategy, instruments=instruments)


def _planned(deal: Deal) -> tuple[Planned, ...]:
    return tuple(
        Planned(instrument=leg.instrument, account=leg.account, side=leg.side, qty=leg.qty, px=leg.px, wave=leg.wave)
        for leg in deal.legs
    )


def closed(
    deal: Deal, outcome: Outcome, booked: tuple[Booked, ...], price_of: Callable[[str], Decimal | None], now_ns: int
) -> DealClosed:
    """A deal ends. ``price_of``: the last price of an asset, in one and the same asset for all."""
    unit = price_of(deal.asset)
    prices = []
    for asset in dict.fromkeys(asset for one in booked for asset in one.flows if asset != deal.asset):
        price = price_of(asset)
        if price is not None and unit:
            prices.append((asset, price / unit))
    return DealClosed(
        at_ns=now_ns, deal=deal.id, outcome=outcome.value, why=deal.why, booked=booked, prices=tuple(prices)
    )


def filled(fill: Fill, cl_ord_id: str, now_ns: int) -> Filled:
    """A fill, or a fee that came later."""
    return Filled(
        at_ns=now_ns,
        cl_ord_id=cl_ord_id,
        trade_id=fill.trade_id,
        qty=fill.qty,
        px=fill.px,
        fees=tuple(fill.fees),
        maker=fill.maker,
        exch_ns=fill.exch_ns,
    )


def intent(order: Order) -> Intent | None:
    """An order that was sent, again; None if it was not."""
    if order.channel is None:
        return None
    return Intent(at_ns=order.sent_ns, order=order.intent, channel=order.channel.value, link=order.link)


def outcome(order: Order, now_ns: int) -> OrderOutcome:
    """An order that has ended."""
    return OrderOutcome(
        at_ns=now_ns,
        account=order.intent.account,
        cl_ord_id=order.cl_ord_id,
        status=order.status,
        filled=order.filled_qty,
        order_id=order.order_id,
        text=order.text,
        paid=order.paid,
        fees=tuple(order.fees().items()),
    )
