"""The default executor: sends taker legs, all at once or in waves, and repairs the deal if they fill differently.

Entry: priced IOC orders. The legs of wave 0 are sent together. When all of them have ended and their fills are counted,
those of the next wave follow, made as small as what was filled and what the fees took. ``policy`` says which legs go
first; by default it is what the strategy proposes. After the last wave there are two cases:

- every asset but the one in which the deal gains is even, or the difference is too small to trade: the deal closes, and
  the difference is left over for the next deal of the asset;
- otherwise one more priced IOC order is sent for the difference, the cheapest by the present books (``ways``), within
  ``max_unwind_loss``. It completes a leg (hedge), reverses one (unwind), or hedges on a third venue; then again, until
  all is even. A wave of which nothing can be sent ends the entry.

A venue that is banned, out of rate tokens or not ready gets such an order only if no other can take it now. A side that
its venue refuses gets none before it may be tried again (``View.refused``).

After ``tries`` such orders, or after ``hold_after_s`` without a possible one, the deal is HELD: an alarm is raised, and
it goes on more slowly. Orders follow after 2 s, 4 s and so on, up to a minute; a fill starts that anew. With each
``hold_after_s`` the price may be worse by another ``max_unwind_loss``, up to ``max_held_loss``. A HELD deal of an
earlier run is taken up with the first book of its instruments.

While the outcome of an order is unknown, nothing is sent for its deal until there is proof. If that takes longer than
``max_naked_s``, what is known to have filled on the other legs is taken back: an order that the venue still does not
show is more likely absent. If it was refused as "too many requests", it is taken back at once. The deal stays open
until the proof comes, and counts in full; if the order had been executed after all, it is reversed too. The engine
calls it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from math import isfinite
from typing import get_args

from arbkit.core.errors import ConfigError, LocalProtocolError
from arbkit.core.orders.deals import Deal, DealState, Outcome
from arbkit.core.protocols import Executor, View
from arbkit.core.types import (
    NEVER,
    Command,
    NewOrder,
    Opportunity,
    OrderUpdate,
    OrdStatus,
    Purpose,
    RejectReason,
    Side,
    plain,
)
from arbkit.strategies.legs import Policy, chain, pair, scaled, stage
from arbkit.strategies.repair import HELD_CAP_NS, HELD_NS, LOOK_NS, NEVER_HELD, Repair
from arbkit.strategies.ways import Ways, dust, reference

__all__ = ["TakerExecutor"]

_ZERO = Decimal(0)
_UNTRIED = frozenset({RejectReason.GATE, RejectReason.CLOCK, RejectReason.UNKNOWN_ORDER})
"""Rejections before matching. They say nothing about the price, so they do not count as a try."""
_PATIENCE = 3
"""Maximum number of orders that were sent, rejected ones included, per allowed try."""
_DOUBLINGS = 9
"""In doubt, the delay between two tries doubles so often at most."""
_EVEN = Decimal("0.002")
"""Legs of different assets count as filled equally if they differ by no more: fees that were not planned for, and
slippage."""


class TakerExecutor(Executor):
    """Executes deals of up to six taker legs. Raises ``ConfigError`` for invalid settings.

    ``max_unwind_loss``: how much worse than the opposite leg a hedge or unwind may trade, as a fraction of price.
    ``max_held_loss``: the same for a deal that has been HELD for some time. ``slippage``: how far beyond the last level
    used such an order may fill; it is multiplied by the number of the try. ``tries``: number of hedge and unwind orders
    until HELD. ``spacing_s``: seconds between them; doubles each time. ``hold_after_s``: seconds without a possible
    order until HELD. ``order_life_s``: seconds in which the venue must execute an order. ``max_naked_s``: how long a
    filled leg waits for the proof of an order of unknown outcome; a proof usually takes about 20 s. ``policy``: which
    legs go first, ``as_proposed``, ``at_once``, ``slow_first`` or ``thin_first`` (see ``legs.stage``).
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
        policy: Policy = "as_proposed",
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
        if policy not in get_args(Policy):
            raise ConfigError(f"executor: policy {policy!r} is none of {', '.join(get_args(Policy))}")
        self.policy: Policy = policy
        self.max_unwind_loss = Decimal(repr(max_unwind_loss))
        self.max_held_loss = max(Decimal(repr(max_held_loss)), self.max_unwind_loss)
        self.slippage = slippage
        self.tries = tries
        self.spacing_ns = int(spacing_s * 1e9)
        self.hold_after_ns = int(hold_after_s * 1e9)
        self.order_life_ns = int(order_life_s * 1e9)
        self.max_naked_ns = int(max_naked_s * 1e9)
        self.due_ns = NEVER
        self._repairs: dict[int, Repair] = {}

    def plan(self, opportunity: Opportunity, view: View, now_ns: int) -> Deal | None:
        """A deal with exact legs (see ``legs.pair`` and ``legs.chain``). None if a rule of a venue is not met. Raises
        ``LocalProtocolError`` for legs that this executor does not support."""
        legs = opportunity.legs
        takers = len(legs) > 1
        for leg in legs:
            takers = takers and not leg.maker
        if not takers:
            raise LocalProtocolError(f"TakerExecutor needs two taker legs or more; got {legs}")
        carried = _ZERO
        one, other = legs[0], legs[1]
        same = one.instrument.partition(":")[2] == other.instrument.partition(":")[2]
        if len(legs) == 2 and same and one.side is not other.side:
            found = pair(opportunity, view)
            if found is None:
                return None
            planned, carried = found
        else:
            made = chain(opportunity, view)
            if made is None:
                return None
            planned = made
        if self.policy != "as_proposed":
            stage(planned, self.policy, view)
        deal = Deal(opportunity, planned, created_ns=now_ns, deadline_ns=opportunity.deadline_ns)
        if not deal.deadline_ns:
            deal.deadline_ns = now_ns + self.order_life_ns * (1 + deal.waves)
        deal.carried = carried
        return deal

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
        first = sum(leg.wave == 0 for leg in deal.legs)
        entries = sum(order.intent.purpose is Purpose.ENTRY for order in deal.orders.values())
        incomplete = deal.state is DealState.SENT and entries < first
        if incomplete or any(not order.status.terminal or order.leaves for order in deal.orders.values()):
            self._wake(deal, NEVER)
            return ()
        if deal.state is DealState.SENT and (orders := self._next_wave(deal, view, now_ns)):
            return orders
        overs = deal.overs
        uneven = self._uneven(deal, overs, view)
        if not uneven:
            if deal.open_orders:  # wait for missing fees: a fee may be in base
                self._wake(deal, NEVER)
            else:
                self._close(deal, overs, view, now_ns)
            return ()
        return self._repair(deal, overs, uneven, view, now_ns)

    def _next_wave(self, deal: Deal, view: View, now_ns: int) -> Sequence[Command]:
        """The orders of the next wave of which some can be sent; none after the deal's deadline."""
        while deal.wave < deal.waves and now_ns < deal.deadline_ns:
            deal.wave += 1
            orders = []
            for index, qty in scaled(deal, deal.wave, view):
                leg = deal.legs[index]
                orders.append(
                    NewOrder(
                        account=leg.account,
                        instrument=leg.instrument,
                        cl_ord_id="",
                        side=leg.side,
                        qty=qty,
                        px=leg.px,
                        deadline_ns=min(deal.deadline_ns, now_ns + self.order_life_ns),
                        deal=deal.id,
                        leg=index,
                    )
                )
            if orders:
                return orders
        return ()

    def _uneven(self, deal: Deal, overs: Mapping[str, Decimal], view: View) -> dict[str, Decimal]:
        """The differences that are large enough to trade."""
        loss = self.max_unwind_loss
        return {asset: over for asset, over in overs.items() if not dust(deal, asset, abs(over), view, loss)}

    def _in_doubt(self, deal: Deal, view: View, now_ns: int) -> Sequence[Command]:
        """An order is UNKNOWN. When its proof takes too long, take back what is known to have filled."""
        if deal.state is not DealState.HELD:
            deal.move(DealState.IN_DOUBT)
        repair = self._repairs.setdefault(deal.id, Repair(now_ns))
        repair.doubt_ns = repair.doubt_ns or now_ns
        overs = deal.overs
        uneven = self._uneven(deal, overs, view)
        doubted = [order for order in deal.orders.values() if order.unknown]
        open_too = any(not (order.status.terminal or order.unknown) for order in deal.orders.values())
        if open_too or not uneven:
            self._wake(deal, NEVER)
            return ()
        refused = all(order.reason is RejectReason.THROTTLED for order in doubted)
        due_ns = repair.doubt_ns + (0 if refused else self.max_naked_ns)
        if now_ns < due_ns:
            self._wake(deal, due_ns)
            return ()
        deal.why = deal.naked = f"{_amounts(uneven)} unhedged while {doubted[0].cl_ord_id} is unknown"
        return self._repair(deal, overs, uneven, view, now_ns)

    def _repair(
        self, deal: Deal, overs: dict[str, Decimal], uneven: Mapping[str, Decimal], view: View, now_ns: int
    ) -> Sequence[Command]:
        """``overs``: surplus of each asset over all legs (negative: a shortage). Returns one order, or waits, or holds
        the deal; a deal in doubt is never held, because its proof is still to come."""
        doubt, held = deal.in_doubt, deal.state is DealState.HELD
        if not (doubt or held):
            deal.move(DealState.UNWINDING)
        repair = self._repairs.setdefault(deal.id, Repair(now_ns))
        if held and not repair.held_ns:
            repair.held_ns = now_ns
        if overs != repair.overs:
            repair.overs, repair.again = overs, 0
        if now_ns < repair.next_ns:
            self._wake(deal, repair.next_ns)
            return ()
        unhedged = f"{_amounts(uneven)} unhedged"
        sent, tried = self._sent(deal)
        if sent != repair.sent:
            repair.sent, repair.since_ns = sent, now_ns
        if not (doubt or held) and (tried >= self.tries or sent >= _PATIENCE * self.tries):
            self._hold(deal, repair, f"{unhedged} after {deal.tries} hedge and unwind orders", now_ns)
            return ()
        ways = Ways(
            deal,
            view,
            loss=self._loss(repair, now_ns),
            further=self.slippage * min(tried + 1, self.tries),
            until_ns=now_ns + self.order_life_ns,
        )
        order, wait_ns, why = ways.cheapest(uneven)
        repair.waiting = order is None
        end_ns = NEVER if doubt or held else repair.since_ns + self.hold_after_ns
        if held:
            deal.why = f"{unhedged}: {why}" if why else unhedged
        if wait_ns:
            repair.since_ns = now_ns  # it will be possible
            repair.next_ns = now_ns + min(wait_ns, LOOK_NS)
        elif now_ns >= end_ns and (order is None or sent < deal.tries):
            self._hold(deal, repair, f"{unhedged}: {why or next(reversed(deal.orders.values())).text}", now_ns)
            return ()
        elif order is None:
            repair.next_ns = min(now_ns + (LOOK_NS if doubt or held else max(self.spacing_ns, 1)), end_ns)
        if order is None or wait_ns:
            self._wake(deal, repair.next_ns)
            return ()
        if held:
            if repair.sent_held not in (NEVER_HELD, sent):  # a try that did not leave is no reason to wait longer
                repair.again += 1
            repair.sent_held = sent
            repair.next_ns = now_ns + min(HELD_NS << min(repair.again, _DOUBLINGS), HELD_CAP_NS)
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

    def _loss(self, repair: Repair, now_ns: int) -> Decimal:
        """How much worse than the opposite leg an order may trade now."""
        if not repair.held_ns:
            return self.max_unwind_loss
        spans = 1 + (now_ns - repair.held_ns) // max(self.hold_after_ns, LOOK_NS)
        return min(self.max_unwind_loss * spans, self.max_held_loss)

    def _close(self, deal: Deal, overs: Mapping[str, Decimal], view: View, now_ns: int) -> None:
        completed = reversed_ = _ZERO
        base, several = deal.assets[0], len(deal.assets) > 1
        for order in deal.orders.values():
            qty = order.filled_qty
            if several:  # in units of the asset in which the deal gains
                of = deal.legs[order.intent.leg].base
                qty *= reference(deal, of, Side.BUY) or reference(deal, of, Side.SELL) or _ZERO
            if order.intent.purpose is Purpose.HEDGE:
                completed += qty
            elif order.intent.purpose is Purpose.UNWIND:
                reversed_ += qty
        unit = f" {deal.asset}" if several else ""
        if not any(leg.bought or leg.sold for leg in deal.legs):
            outcome, why = Outcome.NOTHING, "no leg filled"
        elif reversed_ > completed:
            outcome, why = Outcome.REVERSED, f"{plain(reversed_)}{unit} reversed"
        elif completed:
            outcome, why = Outcome.COMPLETED, f"{plain(completed)}{unit} completed"
        elif self._equal(deal, overs, view):
            outcome, why = Outcome.HEDGED, f"{'all' if several else 'both'} legs filled equally"
        else:
            outcome, why = Outcome.LEFT, "the legs filled unequally"
        if several:
            overs = {asset: over for asset, over in overs.items() if over}
            if overs:
                why += f"; {_amounts(overs)} left, too little to trade"
        elif overs[base]:
            why += f"; {plain(overs[base])} {base} left, too little to trade"
        deal.close(outcome, why, now_ns)
        self._forget(deal)

    @staticmethod
    def _equal(deal: Deal, overs: Mapping[str, Decimal], view: View) -> bool:
        """Whether all legs filled in the same part of their size, to a lot."""
        lots = [view.catalogue[leg.instrument].lot for leg in deal.legs]
        parts = [leg.filled / leg.qty for leg in deal.legs]
        differ = max(parts) - min(parts)
        if len(deal.assets) == 1:
            return differ * max(leg.qty for leg in deal.legs) <= max(lots)
        return differ <= _EVEN + 2 * max(lot / leg.qty for lot, leg in zip(lots, deal.legs, strict=True))

    def _hold(self, deal: Deal, repair: Repair, why: str, now_ns: int) -> None:
        deal.hold(why)
        repair.held_ns = now_ns
        repair.next_ns = now_ns + HELD_NS
        self._wake(deal, repair.next_ns)

    def _wake(self, deal: Deal, due_ns: int) -> None:
        repair = self._repairs.get(deal.id)
        if repair is not None:
            repair.due_ns = due_ns
            self.due_ns = min(repair.due_ns for repair in self._repairs.values())

    def _forget(self, deal: Deal) -> None:
        if self._repairs.pop(deal.id, None) is not None:
            self.due_ns = min((repair.due_ns for repair in self._repairs.values()), default=NEVER)


def _amounts(overs: Mapping[str, Decimal]) -> str:
    return " and ".join(f"{plain(over)} {asset}" for asset, over in overs.items())
