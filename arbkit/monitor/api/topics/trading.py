"""What the desk looks for and does: opportunities, deals, orders, fills."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import islice

from arbkit.core.orders.deals import Deal, DealLeg
from arbkit.core.orders.orders import Order
from arbkit.core.trading.reasons import DEAD
from arbkit.core.types import Fill, Idle, plain
from arbkit.monitor.api import shapes
from arbkit.monitor.api.facts import RunFacts
from arbkit.monitor.api.samples import Samples, rounded
from arbkit.monitor.api.shapes import Subscribe
from arbkit.monitor.api.table import Cell
from arbkit.monitor.api.topics.said import said

__all__ = ["deals", "fills", "opportunities", "orders"]

_CLOSED = 200
"""So many closed deals are shown."""
_NO_STAGES = shapes.Stages()


def opportunities(facts: RunFacts, samples: Samples, ask: Subscribe) -> Iterator[Cell]:
    pairs = facts.desk.counters.pairs
    whys: dict[str, Idle] = {}
    for idle in facts.idle():  # of both directions, the one that something could come of
        pair = "+".join(sorted(idle.instruments))
        if pair not in whys or whys[pair].reason in DEAD:
            whys[pair] = idle

    def row(pair: str) -> shapes.Looked:
        counted, why = pairs.get(pair), whys.get(pair)
        return shapes.Looked(
            pair=pair,
            seen=0 if counted is None else counted.seen,
            taken=0 if counted is None else counted.taken,
            dropped={} if counted is None else counted.dropped,
            last_us=None if counted is None else counted.last_ns // 1000 or None,
            edge=counted.edge if counted is not None and counted.last_ns else None,
            reason="" if why is None else why.reason,
            text="" if why is None else why.text,
        )

    for pair in sorted({*whys, *pairs} - {""}):
        yield (pair,), None, row, pair


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
            why=said(deal.why),
            asset=deal.asset,
            expected=plain(round(Decimal(repr(deal.expected_net)), 8)),
            realised=_realised(deal),
            opened_us=deal.created_ns // 1000,
            closed_us=deal.closed_ns // 1000 or None,
            legs=[_leg(deal, leg) for leg in deal.legs],
            orders=[_order(facts, order) for order in deal.orders.values()],
        )

    for deal in _shown(facts):
        yield (str(deal.id),), deal.closed_ns or None, row, deal


def _realised(deal: Deal) -> str | None:
    if not deal.closed_ns:
        return None
    prices = {**dict(deal.prices), deal.asset: Decimal(1)}
    net = {asset: amount for asset, amount in deal.net().items() if amount}
    if not net.keys() <= prices.keys():
        return None
    return rounded(sum((amount * prices[asset] for asset, amount in net.items()), Decimal(0)))


def _leg(deal: Deal, leg: DealLeg) -> shapes.Leg:
    paid, qty = (leg.paid, leg.bought) if leg.side.value == "buy" else (leg.received, leg.sold)
    return shapes.Leg(
        instrument=leg.instrument,
        side=leg.side.value,
        wave=leg.wave,
        qty=plain(leg.qty),
        px=plain(leg.px),
        filled=plain(leg.filled),
        avg_px=plain(round(paid / qty, 10)) if qty else None,
        fees={asset: plain(fee) for asset, fee in leg.fees.items() if fee},
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
        qty=plain(intent.qty),
        px=plain(intent.px),
        tif=intent.tif.value,
        channel="" if order.channel is None else order.channel.value,
        status=order.status.value,
        filled=plain(order.filled_qty),
        sent_us=order.sent_ns // 1000,
        acked_us=order.acked_ns // 1000 or None,
        ended_us=order.terminal_ns // 1000 or None,
        text=said(order.text),
        stages=_stages(facts, order),
    )


def _stages(facts: RunFacts, order: Order) -> shapes.Stages:
    stamps = facts.desk.sender.stamps
    stamp = None if stamps is None else stamps.get(order.cl_ord_id)
    if stamp is None:
        return _NO_STAGES
    return shapes.Stages(
        wire_in=round(stamp.wire_ns / 1000, 1) if stamp.wire_ns else None,
        decode=_us(stamp.read_ns, stamp.decoded_ns),
        book=_us(stamp.decoded_ns, stamp.applied_ns),
        decide=_us(stamp.applied_ns or stamp.read_ns, stamp.found_ns),
        gate=_us(stamp.found_ns, stamp.checked_ns),
        sign=_us(stamp.checked_ns or stamp.read_ns, stamp.made_ns),
        wire_out=_us(stamp.made_ns, stamp.out_ns),
        ack=_us(stamp.out_ns, order.acked_ns),
        fill=_us(order.acked_ns, order.terminal_ns) if order.filled_qty else None,
    )


def _us(since_ns: int, until_ns: int) -> float | None:
    return round(max(until_ns - since_ns, 0) / 1000, 1) if since_ns and until_ns else None


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
            qty=plain(fill.qty),
            px=plain(fill.px),
            fees={asset: plain(fee) for asset, fee in fill.fees if fee},
            maker=fill.maker,
        )

    for order in _orders(facts):
        for fill in list(order.fills.values()):
            yield (fill.cl_ord_id, fill.trade_id), (fill.fee, fill.extra_fees), row, (order, fill)
