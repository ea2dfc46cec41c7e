"""Deals that an earlier run opened and did not close: makes them deals of this run, HELD, so that they count, are told
and are worked off like any other.

That needs the instruments of the deal. The desk calls ``tick`` from time to time; startup subscribes ``instruments``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from arbkit.core.orders.deals import Deal, DealLeg, DealState
from arbkit.core.orders.journal import DealClosed, DealOpened, Intent, Interrupted, OrderOutcome
from arbkit.core.orders.orders import Order, Orders
from arbkit.core.types import Catalogue, Instrument, Leg, Opportunity, Purpose, Side, assets_of

__all__ = ["InterruptedDeals", "gone"]

_FEES = Decimal("0.005")
"""Fraction of the quantity. A record of an older arbkit does not tell fees: a difference up to this size between the
two sides can be fees taken in the base asset."""
_ZERO = Decimal(0)


class InterruptedDeals:
    """See the module."""

    __slots__ = ("_catalogue", "_orders", "waiting")

    def __init__(self, deals: Sequence[Interrupted], orders: Mapping[str, Orders], catalogue: Catalogue) -> None:
        self.waiting = list(deals)
        """Those whose instruments are not known yet."""
        self._orders = orders
        self._catalogue = catalogue

    @property
    def deals(self) -> list[int]:
        return [deal.deal.deal for deal in self.waiting]

    @property
    def instruments(self) -> list[str]:
        """The instruments that their deals need."""
        return [instrument for deal in self.waiting for instrument in _places(deal.deal)]

    def tick(self, now_ns: int) -> list[Deal | DealClosed]:
        """The deals whose instruments are known now, each once. One of which nothing is left comes as the record of its
        end: write it to the journal."""
        found: list[Deal | DealClosed] = []
        for deal in list(self.waiting):
            if all(instrument in self._catalogue for instrument in _places(deal.deal)):
                self.waiting.remove(deal)
                found.append(self._made(deal, now_ns))
        return found

    def _made(self, told: Interrupted, now_ns: int) -> Deal | DealClosed:
        orders = [self._order(intent, told.ended.get(intent.order.cl_ord_id)) for intent in told.intents]
        if not orders or _only_fees(told, orders):
            why = "its legs differ by no more than fees" if orders else "no order had left"
            return DealClosed(at_ns=now_ns, deal=told.deal.deal, outcome="interrupted", why=why)
        legs = self._legs(told, orders)
        planned = [Leg(instrument=leg.instrument, side=leg.side, qty=float(leg.qty), px=float(leg.px)) for leg in legs]
        asset = told.deal.gains or legs[0].quote
        plan = Opportunity(legs=planned, expected_net=0.0, asset=asset, edge=0.0, seen_ns=told.deal.at_ns)
        deal = Deal(plan, legs, created_ns=told.deal.at_ns, deadline_ns=told.deal.at_ns)
        deal.id, deal.strategy, deal.sent_ns = told.deal.deal, told.deal.strategy, told.intents[0].at_ns
        deal.pair = "+".join(sorted(told.deal.instruments))
        for order in orders:
            deal.orders[order.cl_ord_id] = order
        for state in (DealState.RESERVED, DealState.SENT):
            deal.move(state)
        over = " and ".join(f"{over.normalize():f} {asset}" for asset, over in deal.overs.items())
        doubt = sum(order.unknown for order in orders)
        deal.hold(f"an earlier run left {over} unhedged, {doubt} orders not proved")
        return deal

    def _order(self, intent: Intent, outcome: OrderOutcome | None) -> Order:
        """The order of the table; one that ended in the earlier run is in none, and is made from its records."""
        wanted = intent.order
        known = self._orders[wanted.account].get(wanted.cl_ord_id) if wanted.account in self._orders else None
        if known is not None or outcome is None:
            return known or Order(wanted)
        order = Order(wanted)
        order.status, order.order_id, order.text = outcome.status, outcome.order_id, outcome.text
        order.cum_qty = order.filled_qty = outcome.filled
        order.paid = outcome.paid or outcome.filled * wanted.px
        order.sent_ns, order.terminal_ns, order.final = intent.at_ns, outcome.at_ns, True
        return order

    def _legs(self, told: Interrupted, orders: Sequence[Order]) -> list[DealLeg]:
        """The planned legs. Where they are not told, a leg for each instrument: one that has no order has the size of
        the others, on the other side."""
        first = next((order.intent for order in orders if order.intent.purpose is Purpose.ENTRY), orders[0].intent)
        legs: dict[str, DealLeg] = {}
        for planned in told.deal.legs:
            rules = self._catalogue[planned.instrument]
            legs[planned.instrument] = DealLeg(
                account=planned.account,
                instrument=planned.instrument,
                base=rules.base,
                side=planned.side,
                qty=planned.qty,
                px=planned.px,
                wave=planned.wave,
                quote=rules.quote,
            )
        for name in told.deal.instruments if not legs else ():
            mine = [order.intent for order in orders if order.intent.instrument == name]
            entry = next((one for one in mine if one.purpose is Purpose.ENTRY), None)
            other = Side.SELL if first.side is Side.BUY else Side.BUY
            rules = self._catalogue[name]
            account = mine[0].account if mine else first.account.replace(_venue(first.instrument), rules.venue, 1)
            legs[name] = DealLeg(
                account=account,
                instrument=name,
                base=rules.base,
                side=entry.side if entry is not None else other,
                qty=(entry or first).qty,
                px=(entry or first).px,
                quote=rules.quote,
            )
        for order in orders:
            leg = legs[order.intent.instrument]
            if order.intent.side is Side.BUY:
                leg.bought += order.filled_qty
                leg.paid += order.paid
            else:
                leg.sold += order.filled_qty
                leg.received += order.paid
            outcome = told.ended.get(order.cl_ord_id)
            for asset, fee in order.fees().items() if outcome is None else outcome.fees:
                leg.fees[asset] = leg.fees.get(asset, _ZERO) + fee
        return list(legs.values())


def gone(instrument_id: str) -> Instrument:
    """An instrument that left the venue's catalogue before the run began: what an earlier run had there must be booked,
    and its deals have other legs. The assets are in its id; it has no name at the venue and no rules, because nothing
    is sent for it."""
    venue, _, symbol = instrument_id.partition(":")
    base, quote = assets_of(instrument_id)
    zero = Decimal(0)
    return Instrument(
        venue=venue, symbol=symbol, native="", base=base, quote=quote, tick=zero, lot=zero, tradable=False
    )


def _places(opened: DealOpened) -> Sequence[str]:
    """The instruments of its legs."""
    return [leg.instrument for leg in opened.legs] or opened.instruments


def _venue(instrument: str) -> str:
    return instrument.partition(":")[0]


def _only_fees(told: Interrupted, orders: Sequence[Order]) -> bool:
    """Whether all orders ended, an older arbkit wrote that without fees, and the two sides differ by less."""
    if len(told.ended) < len(orders) or all(one.paid or not one.filled for one in told.ended.values()):
        return False
    bought = sum((order.filled_qty for order in orders if order.intent.side is Side.BUY), _ZERO)
    sold = sum((order.filled_qty for order in orders if order.intent.side is Side.SELL), _ZERO)
    return abs(bought - sold) <= _FEES * max(bought, sold)
