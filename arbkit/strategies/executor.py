"""The default executor: sends two taker legs at once, and repairs the deal if they fill differently.

Entry: one purchase and one sale of the same asset, both priced IOC orders, sent together. When all orders have ended
and their fills are counted, there are two cases:

- the legs are balanced, or the difference is too small to trade: the deal closes, and the difference is left over
  for the next deal of the asset;
- otherwise one more priced IOC order is sent for the difference. It completes the smaller leg (hedge) or reverses a
  part of the larger one (unwind), whichever is cheaper by the present books, within ``max_unwind_loss``.

A venue that is banned, out of rate tokens or not ready gets such an order only if no other can take it now. A side that
its venue refuses gets none before it may be tried again (``View.refused``).

After ``tries`` such orders, or after ``hold_after_s`` without a possible one, the deal is HELD: an alarm is raised, and
it goes on more slowly. Orders follow after 2 s, 4 s and so on, up to a minute; a fill starts that anew. With each
``hold_after_s`` the price may be worse by another ``max_unwind_loss``, up to ``max_held_loss``. A HELD deal of an
earlier run is taken up with the first book of its instruments.

While the outcome of an order is unknown, nothing is sent for its deal until there is proof. If that takes longer than
``max_naked_s``, what is known to have filled on the other leg is taken back: an order that the venue still does not
show is more likely absent. If it was refused as "too many requests", it is taken back at once. The deal stays open
until the proof comes, and counts in full; if the order had been executed after all, it is reversed too. The engine
calls it.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from math import isfinite

from arbkit.core.errors import ConfigError, LocalProtocolError
from arbkit.core.orders.deals import Deal, DealLeg, DealState, Outcome
from arbkit.core.protocols import Executor, View
from arbkit.core.types import (
    NEVER,
    Command,
    Instrument,
    NewOrder,
    Opportunity,
    OrderUpdate,
    OrdStatus,
    Purpose,
    RejectReason,
    Side,
    plain,
)
from arbkit.strategies.edge import common_lot

__all__ = ["TakerExecutor"]

_ZERO = Decimal(0)
_ONE = Decimal(1)
_UNTRIED = frozenset({RejectReason.GATE, RejectReason.CLOCK, RejectReason.UNKNOWN_ORDER})
"""Rejections before matching. They say nothing about the price, so they do not count as a try."""
_PATIENCE = 3
"""Maximum number of orders that were sent, rejected ones included, per allowed try."""
_WAIT_PRICE = 0.0001
"""What a second of waiting costs, as a fraction of price: about what Bitcoin's price moves in a second."""
_LOOK_NS = 1_000_000_000
"""While the order must wait, prices are looked at again after so long."""
_DOUBLINGS = 9
"""In doubt, the delay between two tries doubles so often at most."""
_HELD_NS = 2_000_000_000
"""Delay before the first order of a HELD deal; it doubles with each one."""
_NEVER_HELD = -1
_HELD_CAP_NS = 60_000_000_000


class _Repair:
    """State of an unbalanced deal: since when, when the next order may be sent, and when to check again."""

    __slots__ = (
        "again",
        "doubt_ns",
        "due_ns",
        "held_ns",
        "next_ns",
        "over",
        "sent",
        "sent_held",
        "since_ns",
        "waiting",
    )

    def __init__(self, now_ns: int) -> None:
        self.since_ns = now_ns
        """Since when no order could leave."""
        self.sent = 0
        """Number of hedge and unwind orders that had left then."""
        self.doubt_ns = 0
        """Since when an order of the deal is UNKNOWN; 0 = none is."""
        self.held_ns = 0
        """Since when the deal is HELD; 0 = it is not."""
        self.again = 0
        """Number of orders that left since it is HELD, or since the last fill after that."""
        self.sent_held = _NEVER_HELD
        """How many had left before the last try since it is HELD."""
        self.over = _ZERO
        """The difference at the last look."""
        self.next_ns = now_ns
        self.due_ns = NEVER
        self.waiting = False
        """No order is possible with the present books; check again when one changes."""


class TakerExecutor(Executor):
    """Executes deals of one purchase and one sale. Raises ``ConfigError`` for invalid settings.

    ``max_unwind_loss``: how much worse than the opposite leg a hedge or unwind may trade, as a fraction of price.
    ``max_held_loss``: the same for a deal that has been HELD for some time. ``slippage``: how far beyond the last level
    used such an order may fill; it is multiplied by the number of the try. ``tries``: number of hedge and unwind orders
    until HELD. ``spacing_s``: seconds between them; doubles each time. ``hold_after_s``: seconds without a possible
    order until HELD. ``order_life_s``: seconds in which the venue must execute an order. ``max_naked_s``: how long a
    filled leg waits for the proof of an order of unknown outcome; a proof usually takes about 20 s.
    """

    def __init__(
        self,
        *,
        max_unwind_loss: float = 0.01,
        max_held_loss: float = 0.05,
        slippage: float = 0.0005,
        tries: int = 6,
        spacing_s: float = 0.05,
        hold_after_s: float = 10.0,
        order_life_s: float = 1.0,
        max_naked_s: float = 30.0,
    ) -> None:
        if any(not 0.0 <= share < 1.0 for share in (max_unwind_loss, max_held_loss, slippage)):
            raise ConfigError(
                f"executor: max_unwind_loss {max_unwind_loss}, max_held_loss {max_held_loss} and slippage {slippage} "
                f"must be fractions of price, from 0 to below 1"
            )
        if not all(map(isfinite, (tries, spacing_s, hold_after_s, order_life_s, max_naked_s))):
            raise ConfigError("executor: tries and times must be numbers")
        if tries < 1 or min(spacing_s, hold_after_s, max_naked_s) < 0.0 or order_life_s <= 0.0:
            raise ConfigError("executor: tries must be at least 1, times at least 0, order_life_s more than 0")
        self.max_unwind_loss = Decimal(repr(max_unwind_loss))
        self.max_held_loss = max(Decimal(repr(max_held_loss)), self.max_unwind_loss)
        self.slippage = slippage
        self.tries = tries
        self.spacing_ns = int(spacing_s * 1e9)
        self.hold_after_ns = int(hold_after_s * 1e9)
        self.order_life_ns = int(order_life_s * 1e9)
        self.max_naked_ns = int(max_naked_s * 1e9)
        self.due_ns = NEVER
        self._repairs: dict[int, _Repair] = {}

    def plan(self, opportunity: Opportunity, view: View, now_ns: int) -> Deal | None:
        """A deal with two legs of one size, rounded to the common lot. The purchase is larger in the ratio of the
        opportunity's legs, for a fee in base, and rounded to the nearest lot. Up to half of the size, what earlier
        deals left of the asset makes one leg smaller, so that roundings do not add up. None if a rule of a venue is not
        met. Raises ``LocalProtocolError`` for legs that this executor does not support."""
        legs = opportunity.legs
        if len(legs) != 2 or legs[0].side is legs[1].side or [leg for leg in legs if leg.wave or leg.maker]:
            raise LocalProtocolError(f"TakerExecutor needs one purchase and one sale in the same wave; got {legs}")
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
        left = max(-size / 2, min(left, size / 2))
        for carried in (left, _ZERO) if left else (_ZERO,):  # where a leg would be too small, what is left waits
            sells = _floor(size + min(carried, _ZERO), lot)
            buys = to_buy.quantize_qty((sells - carried) * max(bought / sold, _ONE) + to_buy.lot / 2)
            if not (_allowed(to_buy, buys, buy_px) and _allowed(to_sell, sells, sell_px)):
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
                        quote=to_buy.quote,
                    )
                )
            deadline = opportunity.deadline_ns or now_ns + self.order_life_ns
            deal = Deal(opportunity, planned, created_ns=now_ns, deadline_ns=deadline)
            deal.carried = carried
            return deal
        return None

    def on_order(self, deal: Deal, update: OrderUpdate, view: View, now_ns: int) -> Sequence[Command]:
        """When all orders have ended, close the deal or return an order for the difference."""
        return self._settle(deal, view, now_ns)

    def on_book(self, deal: Deal, view: View, now_ns: int) -> Sequence[Command]:
        """Check again if an unbalanced deal waits for a book. A HELD deal that is new here is taken up."""
        repair = self._repairs.get(deal.id)
        if deal.state is DealState.HELD:
            return () if repair is not None and now_ns < repair.next_ns else self._settle(deal, view, now_ns)
        if repair is None or not repair.waiting:
            return ()
        repair.next_ns = now_ns
        return self._settle(deal, view, now_ns)

    def on_timer(self, deal: Deal, view: View, now_ns: int) -> Sequence[Command]:
        """The next try of an unbalanced deal is due, or its time is over."""
        repair = self._repairs.get(deal.id)
        if repair is None or repair.due_ns > now_ns:
            return ()
        return self._settle(deal, view, now_ns)

    def _settle(self, deal: Deal, view: View, now_ns: int) -> Sequence[Command]:
        if deal.state in (DealState.PLANNED, DealState.RESERVED, DealState.CLOSED):
            return ()
        if deal.in_doubt:
            return self._in_doubt(deal, view, now_ns)
        known = self._repairs.get(deal.id)
        if known is not None and known.doubt_ns:
            known.doubt_ns = 0
            known.since_ns = now_ns
            known.next_ns = min(known.next_ns, now_ns + self.spacing_ns)
        if deal.state is DealState.IN_DOUBT:
            deal.move(DealState.UNWINDING if deal.tries else DealState.SENT)
        entries = sum(order.intent.purpose is Purpose.ENTRY for order in deal.orders.values())
        incomplete = deal.state is DealState.SENT and entries < len(deal.legs)
        if incomplete or any(not order.status.terminal or order.leaves for order in deal.orders.values()):
            self._wake(deal, NEVER)
            return ()
        over = deal.over
        if self._dust(deal, abs(over), view):
            if deal.open_orders:  # wait for missing fees: a fee may be in base
                self._wake(deal, NEVER)
            else:
                self._close(deal, over, view, now_ns)
            return ()
        return self._repair(deal, over, view, now_ns)

    def _in_doubt(self, deal: Deal, view: View, now_ns: int) -> Sequence[Command]:
        """An order is UNKNOWN. When its proof takes too long, take back what is known to have filled."""
        if deal.state is not DealState.HELD:
            deal.move(DealState.IN_DOUBT)
        repair = self._repairs.setdefault(deal.id, _Repair(now_ns))
        repair.doubt_ns = repair.doubt_ns or now_ns
        over = deal.over
        doubted = [order for order in deal.orders.values() if order.unknown]
        open_too = any(not (order.status.terminal or order.unknown) for order in deal.orders.values())
        if open_too or self._dust(deal, abs(over), view):
            self._wake(deal, NEVER)
            return ()
        refused = all(order.reason is RejectReason.THROTTLED for order in doubted)
        due_ns = repair.doubt_ns + (0 if refused else self.max_naked_ns)
        if now_ns < due_ns:
            self._wake(deal, due_ns)
            return ()
        deal.why = f"{plain(over)} {deal.legs[0].base} unhedged while {doubted[0].cl_ord_id} is unknown"
        return self._repair(deal, over, view, now_ns)

    def _repair(self, deal: Deal, over: Decimal, view: View, now_ns: int) -> Sequence[Command]:
        """``over``: surplus of base over all legs (negative: a shortage). Returns one order, or waits, or holds the
        deal; a deal in doubt is never held, because its proof is still to come."""
        doubt, held = deal.in_doubt, deal.state is DealState.HELD
        if not (doubt or held):
            deal.move(DealState.UNWINDING)
        repair = self._repairs.setdefault(deal.id, _Repair(now_ns))
        if held and not repair.held_ns:
            repair.held_ns = now_ns
        if over != repair.over:
            repair.over, repair.again = over, 0
        if now_ns < repair.next_ns:
            self._wake(deal, repair.next_ns)
            return ()
        unhedged = f"{plain(over)} {deal.legs[0].base} unhedged"
        sent, tried = self._sent(deal)
        if sent != repair.sent:
            repair.sent, repair.since_ns = sent, now_ns
        if not (doubt or held) and (tried >= self.tries or sent >= _PATIENCE * self.tries):
            self._hold(deal, repair, f"{unhedged} after {deal.tries} hedge and unwind orders", now_ns)
            return ()
        order, wait_ns, why = self._cheapest(deal, over, tried, self._loss(repair, now_ns), view, now_ns)
        repair.waiting = order is None
        end_ns = NEVER if doubt or held else repair.since_ns + self.hold_after_ns
        if held:
            deal.why = f"{unhedged}: {why}" if why else unhedged
        if wait_ns:
            repair.since_ns = now_ns  # it will be possible
            repair.next_ns = now_ns + min(wait_ns, _LOOK_NS)
        elif now_ns >= end_ns and (order is None or sent < deal.tries):
            self._hold(deal, repair, f"{unhedged}: {why or next(reversed(deal.orders.values())).text}", now_ns)
            return ()
        elif order is None:
            repair.next_ns = min(now_ns + (_LOOK_NS if doubt or held else max(self.spacing_ns, 1)), end_ns)
        if order is None or wait_ns:
            self._wake(deal, repair.next_ns)
            return ()
        if held:
            if repair.sent_held not in (_NEVER_HELD, sent):  # a try that did not leave is no reason to wait longer
                repair.again += 1
            repair.sent_held = sent
            repair.next_ns = now_ns + min(_HELD_NS << min(repair.again, _DOUBLINGS), _HELD_CAP_NS)
        else:
            repair.next_ns = now_ns + (self.spacing_ns << min(deal.tries, _DOUBLINGS if doubt else self.tries - 1))
        deal.tries += 1
        self._wake(deal, NEVER)
        return (order,)

    @staticmethod
    def _sent(deal: Deal) -> tuple[int, int]:
        """Number of hedge and unwind orders that left, and of those that reached matching."""
        sent = tried = 0
        for order in deal.orders.values():
            if order.intent.purpose is not Purpose.ENTRY:
                rejected = order.status is OrdStatus.REJECTED
                sent += not (rejected and order.reason is RejectReason.GATE)
                tried += not (rejected and order.reason in _UNTRIED)
        return sent, tried

    def _loss(self, repair: _Repair, now_ns: int) -> Decimal:
        """How much worse than the opposite leg an order may trade now."""
        if not repair.held_ns:
            return self.max_unwind_loss
        spans = 1 + (now_ns - repair.held_ns) // max(self.hold_after_ns, _LOOK_NS)
        return min(self.max_unwind_loss * spans, self.max_held_loss)

    def _cheapest(
        self, deal: Deal, over: Decimal, tried: int, loss: Decimal, view: View, now_ns: int
    ) -> tuple[NewOrder | None, int, str]:
        """The cheapest order that reduces the difference, by the present books, and how long it must wait; or (None, 0,
        why there is none). A venue that is not ready for new deals or takes no order now, or an instrument that is not
        tradable, is used only if no other is possible."""
        side = Side.SELL if over > 0 else Side.BUY
        sign = 1.0 if side is Side.SELL else -1.0
        bound = self._bound(deal, side, loss)
        best: NewOrder | None = None
        best_wait_ns = 0
        best_worth = (False, 0.0)
        whys = []
        for index, leg in enumerate(deal.legs):
            offer = self._offer(deal, leg, side, abs(over), bound, tried, view)
            if isinstance(offer, str):
                whys.append(f"{leg.instrument} {offer}")
                continue
            instrument, qty, px, value = offer
            order = NewOrder(
                account=leg.account,
                instrument=instrument.id,
                cl_ord_id="",
                side=side,
                qty=qty,
                px=px,
                deadline_ns=now_ns + self.order_life_ns,
                deal=deal.id,
                leg=index,
                purpose=Purpose.HEDGE if leg.side is side else Purpose.UNWIND,
            )
            wait_ns = view.wait_ns(order)
            if wait_ns == NEVER:
                whys.append(f"{leg.instrument} allows no request of this cost")
                continue
            whole = value + float(abs(over) - qty) * float(bound)
            worth = (
                not wait_ns and instrument.tradable and view.may_trade(instrument.venue),
                sign * whole * (1.0 - sign * view.taker_fee(leg.instrument)) - whole * _WAIT_PRICE * wait_ns / 1e9,
            )
            if best is None or worth > best_worth:
                best, best_wait_ns, best_worth = order, wait_ns, worth
        return best, best_wait_ns, "" if best is not None else "; ".join(whys)

    def _offer(
        self, deal: Deal, leg: DealLeg, side: Side, missing: Decimal, bound: Decimal, tried: int, view: View
    ) -> tuple[Instrument, Decimal, Decimal, float] | str:
        """(instrument, size, limit price, value at the levels) of the possible order on this leg's instrument within
        the price bound, or the reason why there is none."""
        instrument = view.catalogue[leg.instrument]
        if why := view.refused(leg.instrument, side):
            return why
        if deal.in_doubt and (
            leg.side is side
            or any(order.unknown and order.intent.instrument == leg.instrument for order in deal.orders.values())
        ):
            return "waits for the proof of an order"
        book = view.book(leg.instrument)
        if book is None:
            return "has no trusted book"
        if side is Side.BUY and leg.bought:  # add the fee in base, at the rate that this venue took before
            missing /= 1 - leg.fees.get(leg.base, _ZERO) / leg.bought
        qty = min(missing, leg.qty - leg.filled if leg.side is side else leg.filled, instrument.max_qty or missing)
        limit = float(bound)
        wanted = float(qty)
        got = value = worst = 0.0
        levels = book.levels_to_sell() if side is Side.SELL else book.levels_to_buy()
        for px, size in levels:
            if wanted <= got or (px < limit if side is Side.SELL else px > limit):
                break
            take = min(size, wanted - got)
            got += take
            value += take * px
            worst = px
        if not got:
            return f"has no level within {plain(instrument.quantize_px(bound, side))}"
        if got < wanted:
            qty = instrument.quantize_qty(got)
        else:
            qty = instrument.quantize_qty(qty)
        further = self.slippage * min(tried + 1, self.tries)
        if side is Side.SELL:
            limit = max(worst * (1.0 - further), limit)
        else:
            limit = min(worst * (1.0 + further), limit)
        limit_px = instrument.quantize_px(limit, side)
        if not _allowed(instrument, qty, limit_px):
            return (
                f"allows no order of {plain(qty)} at {plain(limit_px)}, which is all that the book has within the bound"
            )
        return instrument, qty, limit_px, value * float(qty) / got

    @staticmethod
    def _bound(deal: Deal, side: Side, loss: Decimal) -> Decimal:
        """The worst allowed price: the average price of the opposite leg, made worse by ``loss``."""
        if side is Side.SELL:
            legs = [leg for leg in deal.legs if leg.side is Side.BUY]
            bought = sum((leg.bought for leg in legs), _ZERO)
            px = sum((leg.paid for leg in legs), _ZERO) / bought if bought else legs[0].px
            return px * (1 - loss)
        legs = [leg for leg in deal.legs if leg.side is Side.SELL]
        sold = sum((leg.sold for leg in legs), _ZERO)
        px = sum((leg.received for leg in legs), _ZERO) / sold if sold else legs[0].px
        return px * (1 + loss)

    def _dust(self, deal: Deal, qty: Decimal, view: View) -> bool:
        """Whether ``qty`` is too small to trade on every leg's instrument, at the worst allowed price."""
        for leg in deal.legs:
            instrument = view.catalogue[leg.instrument]
            if _large_enough(instrument, instrument.quantize_qty(qty), leg.px * (1 - self.max_unwind_loss)):
                return False
        return True

    def _close(self, deal: Deal, over: Decimal, view: View, now_ns: int) -> None:
        completed = reversed_ = _ZERO
        for order in deal.orders.values():
            if order.intent.purpose is Purpose.HEDGE:
                completed += order.filled_qty
            elif order.intent.purpose is Purpose.UNWIND:
                reversed_ += order.filled_qty
        if not any(leg.bought or leg.sold for leg in deal.legs):
            outcome, why = Outcome.NOTHING, "no leg filled"
        elif reversed_ > completed:
            outcome, why = Outcome.REVERSED, f"{plain(reversed_)} reversed"
        elif completed:
            outcome, why = Outcome.COMPLETED, f"{plain(completed)} completed"
        elif self._equal(deal, view):
            outcome, why = Outcome.HEDGED, "both legs filled equally"
        else:
            outcome, why = Outcome.LEFT, "the legs filled unequally"
        if over:
            why += f"; {plain(over)} {deal.legs[0].base} left, too little to trade"
        deal.close(outcome, why, now_ns)
        self._forget(deal)

    @staticmethod
    def _equal(deal: Deal, view: View) -> bool:
        """Whether all legs filled in the same part of their size, to a lot."""
        lot = max(view.catalogue[leg.instrument].lot for leg in deal.legs)
        parts = [leg.filled / leg.qty for leg in deal.legs]
        return (max(parts) - min(parts)) * max(leg.qty for leg in deal.legs) <= lot

    def _hold(self, deal: Deal, repair: _Repair, why: str, now_ns: int) -> None:
        deal.hold(why)
        repair.held_ns = now_ns
        repair.next_ns = now_ns + _HELD_NS
        self._wake(deal, repair.next_ns)

    def _wake(self, deal: Deal, due_ns: int) -> None:
        repair = self._repairs.get(deal.id)
        if repair is not None:
            repair.due_ns = due_ns
            self.due_ns = min(repair.due_ns for repair in self._repairs.values())

    def _forget(self, deal: Deal) -> None:
        if self._repairs.pop(deal.id, None) is not None:
            self.due_ns = min((repair.due_ns for repair in self._repairs.values()), default=NEVER)


def _floor(qty: Decimal, lot: Decimal) -> Decimal:
    return qty // lot * lot if lot else qty


def _large_enough(instrument: Instrument, qty: Decimal, px: Decimal) -> bool:
    return qty > 0 and qty >= instrument.min_qty and qty * px >= instrument.min_notional


def _allowed(instrument: Instrument, qty: Decimal, px: Decimal) -> bool:
    """Whether the venue's rules allow an order of this size at this price."""
    return (
        px > 0
        and _large_enough(instrument, qty, px)
        and (instrument.max_qty is None or qty <= instrument.max_qty)
        and (instrument.max_notional is None or qty * px <= instrument.max_notional)
    )
