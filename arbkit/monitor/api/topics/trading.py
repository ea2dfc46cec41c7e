"""What the desk looks for and does: opportunities, deals, orders, fills."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import islice

from arbkit.core.orders.deals import Deal, DealLeg
from arbkit.core.orders.orders import Order
from arbkit.core.types import Fill, Idle
from arbkit.monitor.api import shapes
from arbkit.monitor.api.facts import RunFacts
from arbkit.monitor.api.samples import Samples, worth
from arbkit.monitor.api.shapes import Subscribe
from arbkit.monitor.api.table import Cell

__all__ = ["deals", "fills", "opportunities", "orders"]

_CLOSED = 200
"""So many closed deals are shown."""
_UNIT = Decimal("1e-8")
_NO_STAGES = shapes.Stages()


def opportunities(facts: RunFacts, samples: Samples, ask: Subscribe) -> Iterator[Cell]:
    def row(what: tuple[str, Idle | None]) -> shapes.Looked:
        pair, idle = what
        return shapes.Looked(
            pair=pair,
            seen=0,
            taken=0,
            dropped={},
            last_us=None,
            edge=None,
            reason="" if idle is None else idle.reason,
            text="" if idle is None else idle.text,
        )

    for idle in facts.idle():
        pair = "+".join(sorted(idle.instruments))
        yield (pair,), None, row, (pair, idle)


def _shown(facts: RunFacts) -> list[Deal]:
    """Open deals, and the newest of those that are closed."""
    engine = facts.desk.engine
    closed = [deal for deal, _ in islice(reversed(engine.past.values()), _CLOSED)]
    return [*engine.deals.values(), *closed]


def deals(facts: RunFacts, samples: Samples, ask: Subscribe) -> Iterator[Cell]:
    def row(deal: Deal) -> shapes.Deal:
        return shapes.Deal(
            id=str(deal.id),
            strategy=deal.strategy,
            pair=deal.pair,
            state=deal.state.value,
            outcome=None if deal.outcome is None else deal.outcome.value,
            why=deal.why,
            asset=deal.asset,
            expected=Decimal(repr(deal.expected_net)).quantize(_UNIT),
            realised=_realised(facts, deal),
            opened_us=deal.created_ns // 1000,
            closed_us=deal.closed_ns // 1000 or None,
            legs=[_leg(deal, leg) for leg in deal.legs],
            orders=[_order(facts, order) for order in deal.orders.values()],
        )

    for deal in _shown(facts):
        yield (str(deal.id),), deal.closed_ns or None, row, deal


def _realised(facts: RunFacts, deal: Deal) -> Decimal | None:
    if not deal.closed_ns:
        return None
    value = worth(facts.desk, deal.net(), deal.asset)
    return None if value is None else value.quantize(_UNIT)


def _leg(deal: Deal, leg: DealLeg) -> shapes.Leg:
    paid, qty = (leg.paid, leg.bought) if leg.side.value == "buy" else (leg.received, leg.sold)
    return shapes.Leg(
        instrument=leg.instrument,
        side=leg.side.value,
        wave=leg.wave,
        qty=leg.qty,
        px=leg.px,
        filled=leg.filled,
        avg_px=round(paid / qty, 10) if qty else None,
        fees={asset: fee for asset, fee in leg.fees.items() if fee},
    )


def _order(facts: RunFacts, order: Order) -> shapes.Order:
    intent = order.intent
    return shapes.Order(
        cl_ord_id=order.cl_ord_id,
        order_id=order.order_id,
        deal=str(intent.deal),
        account=intent.account,
        instrument=intent.instrument,
        purpose=intent.purpose.value,
        side=intent.side.value,
        qty=intent.qty,
        px=intent.px,
        tif=intent.tif.value,
        channel="" if order.channel is None else order.channel.value,
        status=order.status.value,
        filled=order.filled_qty,
        sent_us=order.sent_ns // 1000,
        acked_us=order.acked_ns // 1000 or None,
        ended_us=order.terminal_ns // 1000 or None,
        text=order.text,
        stages=_NO_STAGES,
    )


def _orders(facts: RunFacts) -> list[Order]:
    """Those of the shown deals, and what else is open."""
    found = {order.cl_ord_id: order for deal in _shown(facts) for order in deal.orders.values()}
    for table in facts.desk.orders.values():
        for order in table.open():
            found[order.cl_ord_id] = order
    return list(found.values())


def orders(facts: RunFacts, samples: Samples, ask: Subscribe) -> Iterator[Cell]:
    def row(order: Order) -> shapes.Order:
        return _order(facts, order)

    for order in _orders(facts):
        stamp = (
            order.seen,
            order.cum_qty,
            order.filled_qty,
            order.sent_ns,
            order.terminal_ns,
            order.order_id,
            order.text,
        )
        yield (order.cl_ord_id,), stamp, row, order


def fills(facts: RunFacts, samples: Samples, ask: Subscribe) -> Iterator[Cell]:
    def row(what: tuple[Order, Fill]) -> shapes.Fill:
        order, fill = what
        return shapes.Fill(
            at_us=(fill.exch_ns or order.terminal_ns or order.acked_ns) // 1000,
            cl_ord_id=fill.cl_ord_id,
            trade_id=fill.trade_id,
            deal=str(order.intent.deal),
            instrument=fill.instrument,
            side=fill.side.value,
            qty=fill.qty,
            px=fill.px,
            fees={asset: fee for asset, fee in fill.fees if fee},
            maker=fill.maker,
        )

    for order in _orders(facts):
        for fill in list(order.fills.values()):
            yield (fill.cl_ord_id, fill.trade_id), (fill.fee, fill.extra_fees), row, (order, fill)
