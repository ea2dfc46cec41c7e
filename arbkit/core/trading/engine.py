"""Events in, commands out. It asks strategies once per socket read, opens deals, lets executors carry them out, and
passes every command through limits and gate to ``execution.sender``.

The desk calls it. No queue, no await, no logging of a tick.

A deal's states (``orders.deals.MOVES`` has the table of moves) are set here at the start (RESERVED, SENT) and by its
executor afterwards; a deal whose executor failed goes to HELD by ``Deal.hold``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal
from functools import partial
from itertools import combinations

from msgspec.structs import replace

from arbkit.core.counters import Counters, PairCounters
from arbkit.core.errors import ConfigError, LocalProtocolError
from arbkit.core.execution.sender import Sender
from arbkit.core.execution.tracker import Known, Tracker, own_update
from arbkit.core.log import Log
from arbkit.core.market.books import Books
from arbkit.core.money.gate import Gate
from arbkit.core.money.ledger import Ledger
from arbkit.core.money.leftovers import booked_fill
from arbkit.core.money.limits import HELD, Limits, ModeChange, Refusal
from arbkit.core.money.needs import needs_of
from arbkit.core.orders.deals import Deal, DealLeg, DealState
from arbkit.core.orders.ids import IntentIds, format_cl_ord_id
from arbkit.core.orders.journal import DealClosed, Interrupted
from arbkit.core.orders.orders import Change, Order, Orders
from arbkit.core.protocols import Retries, Strategy
from arbkit.core.trading import journaled
from arbkit.core.trading.callbacks import Callbacks
from arbkit.core.trading.interrupted import gone
from arbkit.core.trading.modes import Modes
from arbkit.core.trading.reducing import Reducing
from arbkit.core.trading.running import RunningStrategy, misproposed, misreturned
from arbkit.core.trading.view import DeskView
from arbkit.core.trading.writers import another_writer
from arbkit.core.types import (
    NEVER,
    CancelAll,
    CancelOrder,
    Catalogue,
    Command,
    ListFills,
    ListOpenOrders,
    Mode,
    NewOrder,
    Opportunity,
    OrderUpdate,
    OrdStatus,
    Purpose,
    QueryOrder,
    RejectReason,
    ReplaceOrder,
    Side,
    Tif,
)
from arbkit.core.venues.venue import Venue

__all__ = ["Engine"]

_MS = 1_000_000
_NO_RULE = frozenset({RejectReason.INSUFFICIENT_FUNDS, RejectReason.AUTH, RejectReason.CLOCK})
"""Refusals that say nothing about the rules of the instrument."""
_MOST_LEGS = 6
_ROUNDS = 16
"""So often in one turn an executor may answer the refusal of its order with another order."""


class Engine:
    """See the module. The desk reads ``deals``; ``stopping`` is set by ``stop``."""

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        books: Books,
        orders: Mapping[str, Orders],
        venues: Mapping[str, Venue],
        ledger: Ledger,
        limits: Limits,
        gate: Gate,
        modes: Modes,
        reducing: Reducing,
        view: DeskView,
        sender: Sender,
        tracker: Tracker,
        callbacks: Callbacks,
        deals: dict[int, Deal],
        ids: IntentIds,
        counters: Counters,
        log: Log,
        now_ns: int,
    ) -> None:
        self._began_ns = now_ns
        self._catalogue = catalogue
        self._books = books
        self._orders = orders
        self._venues = venues
        self._ledger = ledger
        self._limits = limits
        self._gate = gate
        self._modes = modes
        self._reducing = reducing
        self._reducer = RunningStrategy("leftovers", reducing, reducing)
        self._view = view
        self._sender = sender
        self._tracker = tracker
        self._callbacks = callbacks
        self.strategies = callbacks.strategies
        self._asking = [(one, _near(one.strategy) if _asks_top(one) else None) for one in self.strategies]
        """Each strategy, and if it asks for best prices only: the instruments of which it wants every change now."""
        self._nears = [near for _, near in self._asking if near is not None]
        self._depth = len(self._nears) < len(self._asking)
        self._ids = ids
        self._counters = counters
        self._log = log
        self.deals = deals
        """Open deals, HELD ones included. The engine is the only writer."""
        self._owners: dict[int, RunningStrategy] = {}
        self._deal_ids = (ids.block << 20) + 1  # a block is at least a second: no run reaches the ids of the next
        self.stopping = False
        self.legs_sent = 0
        self._unended: set[str] = set()
        """Orders whose end is not in the journal yet."""
        self._told_drop: dict[str, int] = {}
        """When the refusal of a deal was last logged, by rule."""
        self.refusals: dict[str, tuple[int, Refusal]] = {}
        """The last refusal of a deal, by pair."""
        self._broken: set[int] = set()
        """Deals whose executor failed: HELD, and it is not asked about them again."""
        self._held: set[int] = set()
        """Deals that were told to be HELD and are not closed yet."""
        self._untold: set[int] = set()
        """Those of an earlier run: told once their orders are proved, if something is left then."""
        self._left: dict[int, str] = {}
        """The pairs of deals of an earlier run that ``resume`` or ``ended_before`` has not taken yet."""
        self.past: dict[int, tuple[Deal, RunningStrategy]] = {}
        """Closed deals, the oldest first, while a late fill of theirs may come."""
        self._keep_ns = max((table.keep_ns for table in orders.values()), default=0)
        self._told_naked: set[int] = set()
        """Deals whose ``naked`` was told."""
        self._timers_ns = 0
        self.moved = True
        """An executor was asked: ``due_ns`` may have changed, until ``settled``."""

    def stop(self) -> None:
        """No new deals from now on."""
        self.stopping = True

    # --- decisions

    @property
    def asks_more(self) -> bool:
        """Somebody looks also where no best price moved: an open deal, or a strategy that asks for depth or is near an
        edge."""
        return bool(self.deals) or self._depth or any(self._nears)

    def decide(self, now_ns: int) -> None:
        """Once a socket read: hedge what waits for books, then let the strategies look at what they ask for."""
        books = self._books
        touched, moved = books.touched, books.moved
        books.touched = {}
        if moved:
            books.moved = {}
        self._view.now_ns = now_ns
        if self.deals:
            self._deals_on_books(touched, now_ns)
        if self.stopping:
            return
        found: list[tuple[float, int, RunningStrategy, Opportunity]] = []
        for running, near in self._asking:
            if near is None:
                asked = list(touched)
            elif near:
                asked = [one for one in touched if one in near or one in moved]
            elif moved:
                asked = list(moved)
            else:
                continue
            if not asked or running.failed:
                continue
            self._counters.turns += 1
            proposed: Sequence[Opportunity] = ()
            try:
                proposed = running.strategy.decide(self._view, asked, now_ns)
                for opportunity in proposed:
                    found.append((-opportunity.expected_net, len(found), running, opportunity))
            except Exception as error:
                self.fault(running, misreturned(proposed, error))
        if found:
            if len(found) > 1:
                found.sort(key=_by_net)
            self._counters.opportunities_seen += len(found)
            for _, _, running, opportunity in found:
                if not running.failed:
                    self._take(running, opportunity, now_ns)

    def fault(self, running: RunningStrategy, error: Exception) -> None:
        """Take a strategy out of service; its deals are finished, the rest goes on."""
        self._callbacks.fault(running, error)

    def _take(self, running: RunningStrategy, opportunity: Opportunity, now_ns: int) -> None:
        """Open a deal: plan, reserve, check each order, take rate tokens, send. Each step may drop it."""
        self.moved = True
        stamps = self._sender.stamps
        found_ns = 0 if stamps is None else stamps.now_ns()
        counted = self._counted(opportunity, now_ns)
        deal = self._plan(running, opportunity, counted, now_ns)
        if deal is None:
            return
        takers = [self._venues[leg.account.partition(":")[0]].fee(leg.instrument).taker for leg in deal.legs]
        needs = needs_of(deal, self._catalogue, takers, self._limits.config.unwind_allowance)
        refusal = self._limits.reserve(deal, needs, now_ns)
        if refusal is not None:
            self._dropped(refusal, deal, now_ns)
            return
        orders = self._first_orders(deal)
        for order in orders:
            refusal = refusal or self._gate.check(order, deal, now_ns)
        granted = None if refusal is not None else self._sender.grant(orders, deal, now_ns, deal.legs)
        if granted is None:
            self._limits.undo(deal.id)
            self._ids.unused(len(orders))  # an edge that cannot be taken comes with every tick: the block must last
            no_tokens = Refusal("rate_tokens", "no rate tokens left for the legs and their unwind")
            self._dropped(refusal or no_tokens, deal, now_ns)
            return
        self._counters.opportunities_taken += 1
        counted.taken += 1
        self._open(running, deal, takers, now_ns)
        for order in orders:
            self._add(order, deal, now_ns)
        deal.move(DealState.SENT)
        deal.sent_ns = now_ns
        self.legs_sent += len(orders)
        if stamps is not None:
            stamps.checked(orders, found_ns, now_ns)
        self._sender.send(granted, now_ns)
        if stamps is not None:
            stamps.wire(orders, self._wire_ns(deal, now_ns))
        self._limits.leftovers.opened(deal)
        self._callbacks.note(running, deal)

    def _counted(self, opportunity: Opportunity, now_ns: int) -> PairCounters:
        """The counters of its pair, with one more seen."""
        names = sorted([leg.instrument for leg in opportunity.legs])
        known = all(name in self._catalogue for name in names)
        counted = self._counters.pair("+".join(names) if known else "")
        counted.seen += 1
        counted.last_ns, counted.edge = now_ns, opportunity.edge
        return counted

    def _wire_ns(self, deal: Deal, now_ns: int) -> int:
        """How long the frame of this read was on the way, by the corrected clock; 0 = not known."""
        for leg in deal.legs:
            book, clock = self._books.by_id[leg.instrument], self._venues[leg.account.partition(":")[0]].clock
            if book.recv_ns == now_ns and book.exch_ns > 0 and clock.known:
                return now_ns - book.exch_ns + clock.offset_ns
        return 0

    def _open(self, running: RunningStrategy, deal: Deal, takers: Sequence[Decimal], now_ns: int) -> None:
        """A new deal, whose funds are reserved. ``takers``: the fee rate of each leg."""
        self._deal_ids += 1
        self.deals[deal.id] = deal
        self._owners[deal.id] = running
        deal.move(DealState.RESERVED)
        self._sender.journal(journaled.opened(deal, running.name, takers, now_ns))

    def reduce(self, now_ns: int) -> None:
        """Once a second: tell what deals left, and trade it off."""
        self._view.now_ns = now_ns
        for deal, need in self._reducing.tick(self._view, now_ns, trade=not self.stopping):
            deal.id = self._deal_ids
            deal.strategy = self._reducer.name
            refusal = self._limits.reserve(deal, [need], now_ns)
            if refusal is not None:
                self._dropped(refusal, deal, now_ns)
                continue
            self._open(self._reducer, deal, (), now_ns)
            deal.move(DealState.SENT)
            deal.sent_ns = now_ns
            self._limits.leftovers.opened(deal)
            self._carry_out([self._proper(self._reducing.order(deal), deal)], deal, now_ns)

    def _plan(
        self, running: RunningStrategy, opportunity: Opportunity, counted: PairCounters, now_ns: int
    ) -> Deal | None:
        """The executor's deal, if its venues may trade."""
        try:
            deal = running.executor.plan(opportunity, self._view, now_ns)
            if deal is not None:
                self._check_plan(deal)
        except Exception as error:
            self.fault(running, misproposed(opportunity) or error)
            return None
        if deal is None:
            if mistake := misproposed(opportunity):
                self.fault(running, mistake)
            self._counters.opportunities_dropped["nothing_left"] += 1
            counted.dropped["nothing_left"] += 1
            return None
        for leg in deal.legs:
            venue = self._venues[leg.account.partition(":")[0]]
            if not venue.may_trade:
                self._counters.opportunities_dropped["venue_not_ready"] += 1
                counted.dropped["venue_not_ready"] += 1
                return None
            if venue.refusals.sides and (why := venue.refusals.why(leg.instrument, leg.side, now_ns)):
                self._dropped(Refusal("refused_side", f"{leg.side.value} {leg.instrument} {why}"), deal, now_ns)
                return None
        if deal.pair not in self._view.alike and (why := self._unlike(deal)):
            self._dropped(Refusal("identity", why), deal, now_ns)
            return None
        deal.id = self._deal_ids
        deal.strategy = running.name
        return deal

    def _unlike(self, deal: Deal) -> str:
        """Why the deal's legs are not known to be about the same assets; "" = they are."""
        for one, other in combinations(deal.legs, 2):
            if why := self._view.unlike(self._catalogue[one.instrument], self._catalogue[other.instrument]):
                return why
        self._view.alike.add(deal.pair)
        return ""

    def _check_plan(self, deal: Deal) -> None:
        """Raises ``LocalProtocolError`` for a deal that names what does not exist."""
        waves, places = set(), set()
        for leg in deal.legs:
            waves.add(leg.wave)
            places.add((leg.instrument, leg.account))
            instrument = self._catalogue.get(leg.instrument)
            if leg.account not in self._orders or instrument is None or leg.qty <= 0 or leg.px <= 0:
                raise LocalProtocolError(
                    f"the executor planned {leg.qty} {leg.instrument} at {leg.px} on {leg.account}: no such leg"
                )
            leg.quote = instrument.quote
        if not waves or waves != set(range(len(waves))):
            raise LocalProtocolError(f"the executor planned a deal with the waves {sorted(waves)}: they begin with 0")
        if len(places) < len(deal.legs) or len(places) > _MOST_LEGS:
            raise LocalProtocolError(
                f"the executor planned a deal with the legs {', '.join([leg.instrument for leg in deal.legs])}: "
                f"at most {_MOST_LEGS}, one for each instrument"
            )
        deal.waves = len(waves) - 1

    def _add(self, order: NewOrder, deal: Deal, now_ns: int) -> None:
        deal.orders[order.cl_ord_id] = self._orders[order.account].add(order, now_ns)
        self._unended.add(order.cl_ord_id)

    # --- what earlier runs left

    def restored(self, order: Order) -> None:
        """An order of an earlier run is watched to its end."""
        self._unended.add(order.cl_ord_id)

    def left_open(self, told: Interrupted, now_ns: int) -> None:
        """An earlier run did not close this deal: its pair takes no new deals before it is closed."""
        pair = self._left[told.deal.deal] = "+".join(sorted(told.deal.instruments))
        why = f"deal {told.deal.deal} of an earlier run is open"
        self._modes.change(ModeChange(pair, Mode.REDUCING, why, HELD), now_ns)

    def ended_before(self, record: DealClosed, now_ns: int) -> None:
        """Nothing is left of this deal of an earlier run."""
        self._sender.journal(record)
        self._lift_held(self._left.pop(record.deal), now_ns)

    def resume(self, deal: Deal, now_ns: int) -> None:
        """A deal of an earlier run, HELD: it counts, and the executor of its strategy works it off."""
        named = {running.name: running for running in (*self.strategies, self._reducer)}
        owner = self._owners[deal.id] = named.get(deal.strategy, self.strategies[0])
        deal.reduces = owner is self._reducer
        self.deals[deal.id] = deal
        self._left.pop(deal.id, None)
        self._held.add(deal.id)
        self._untold.add(deal.id)
        self._limits.count(deal)
        self._view.now_ns = now_ns
        self._on_book(deal, now_ns)

    def release(self, pair: str, now_ns: int) -> None:
        """A person wants the HELD deals of a pair to be tried again now, also those whose executor failed."""
        self._view.now_ns = now_ns
        for deal in [one for one in self.deals.values() if one.pair == pair and one.state is DealState.HELD]:
            self._broken.discard(deal.id)
            running = self._owners[deal.id]
            executor = running.executor
            again = executor.again if isinstance(executor, Retries) else executor.on_book
            self._act(deal, running, partial(again, deal, self._view, now_ns), now_ns)

    def _first_orders(self, deal: Deal) -> list[NewOrder]:
        return [
            NewOrder(
                account=leg.account,
                instrument=leg.instrument,
                cl_ord_id=format_cl_ord_id(self._ids.next()),
                side=leg.side,
                qty=leg.qty,
                px=leg.px,
                tif=Tif.GTC if leg.maker else Tif.IOC,
                post_only=leg.maker,
                deadline_ns=deal.deadline_ns,
                deal=deal.id,
                leg=index,
            )
            for index, leg in enumerate(deal.legs)
            if leg.wave == 0
        ]

    def _dropped(self, refusal: Refusal, deal: Deal, now_ns: int) -> None:
        """Counted always, logged once a second and rule: an edge that cannot be taken comes with every tick."""
        rule = refusal.rule
        self._counters.opportunities_dropped[rule] += 1
        if (counted := self._counters.pairs.get(deal.pair)) is not None:  # not what trades off leftovers
            counted.dropped[rule] += 1
        self.refusals[deal.pair] = now_ns, refusal
        if now_ns - self._told_drop.get(rule, -1_000_000_000) >= 1_000_000_000:
            self._told_drop[rule] = now_ns
            self._log("deal.refused", rule=rule, why=refusal.text, pair=deal.pair)

    # --- orders and deals

    def changed(self, known: Known, now_ns: int) -> None:
        """Book what a change of an order brought, and let its deal go on."""
        change, update = known
        order = change.order
        if order is None:
            self._foreign(change, update, now_ns)
            return
        intent = order.intent
        deal = self.deals.get(intent.deal)
        if change.fills:
            if deal is None:
                deal = self._reopened(order, change, now_ns)
            self._unended.add(intent.cl_ord_id)  # its outcome is written (again)
        for fill in change.fills:
            instrument = self._catalogue.get(fill.instrument) or gone(fill.instrument)
            self._ledger.fill(fill, instrument)
            self._limits.fill(intent.deal, fill, instrument)
            self._sender.journal(journaled.filled(fill, intent.cl_ord_id, now_ns))
            if fill.side is Side.BUY and fill.fee:
                in_base = any(asset == instrument.base for asset, _ in fill.fees)
                self._view.version += self._venues[instrument.venue].fee_in_base is not in_base
                self._venues[instrument.venue].fee_in_base = in_base
            if deal is not None:
                deal.fill(fill)
            elif intent.deal not in self._left:  # one of those is made from its orders
                late = booked_fill(fill, instrument, self._limits.leftovers.net, now_ns)
                self._limits.leftovers.book((late,))
                self._sender.journal(late)
        for anomaly in change.anomalies:
            self._counters.alarms["order_anomaly"] += 1
            self._log("order.anomaly", cl_ord_id=intent.cl_ord_id, deal=intent.deal, what=anomaly)
        if not change.changed:
            return
        if change.new is not change.old:
            self._judge(order, deal, now_ns)
        if order.done and intent.cl_ord_id in self._unended:
            self._unended.discard(intent.cl_ord_id)
            self._ended(order, now_ns)
        if deal is not None:
            self._callbacks.note(self._owners[deal.id], deal)
            self._advance(deal, update, now_ns)

    def _judge(self, order: Order, deal: Deal | None, now_ns: int) -> None:
        """What a venue's yes or no teaches about the order's side of its instrument."""
        intent = order.intent
        venue = self._venues[intent.account.partition(":")[0]]
        if order.status is OrdStatus.REJECTED:
            if order.reason is not None and order.reason is not RejectReason.GATE:
                self._log(
                    "order.rejected",
                    cl_ord_id=order.cl_ord_id,
                    instrument=intent.instrument,
                    deal=intent.deal,
                    reason=order.reason.value,
                    text=order.text,
                )
            span_ns = venue.refusals.refused(order, () if deal is None else deal.orders.values(), now_ns)
            if span_ns:
                if order.reason not in _NO_RULE:
                    venue.rules_doubted(now_ns)
                self._log(
                    "side.refused",
                    instrument=intent.instrument,
                    side=intent.side.value,
                    s=span_ns / 1e9,
                    why=order.text,
                )
        elif venue.refusals.sides and order.acked_ns and not order.unknown:
            venue.refusals.accepted(intent.instrument, intent.side)

    def _reopened(self, order: Order, change: Change, now_ns: int) -> Deal | None:
        """A fill came after the end of its deal: the deal goes on, in the journal too. None if it is too old."""
        intent = order.intent
        filled = [fill for fill in change.fills if fill.qty]
        if not filled or intent.deal in self._left:
            return None
        self._counters.alarms["late_fill"] += 1
        self._log(
            "alarm.late_fill",
            cl_ord_id=intent.cl_ord_id,
            instrument=intent.instrument,
            side=intent.side.value,
            qty=str(sum(fill.qty for fill in filled)),
            px=str(filled[0].px),
            deal=intent.deal,
        )
        deal, running = self.past.pop(intent.deal, (None, None))
        if deal is None or running is None:
            return None
        deal.reopen(f"a fill of {intent.cl_ord_id} came after its end")
        self.deals[deal.id] = deal
        self._owners[deal.id] = running
        self._limits.count(deal)
        self._sender.journal(journaled.reopened(deal, now_ns))
        for booked in self._limits.leftovers.reopened(deal, now_ns):
            self._sender.journal(booked)
        for known in deal.orders.values():
            if (sent := journaled.intent(known)) is not None:
                self._sender.journal(sent)
                if known is not order:
                    self._sender.journal(journaled.outcome(known, now_ns))
        return deal

    def forget(self, now_ns: int) -> None:
        """Drop the closed deals of which nothing can come any more. Call it from time to time."""
        while self.past:
            first = next(iter(self.past))
            if now_ns - self.past[first][0].closed_ns <= self._keep_ns:
                return
            del self.past[first]

    def _foreign(self, change: Change, update: OrderUpdate, now_ns: int) -> None:
        """An order on our account that is not ours: its fills move our balances and are no gain of ours. It is told
        once, and each fill since the start."""
        for fill in change.fills:
            instrument = self._catalogue.get(fill.instrument)
            if instrument is not None:
                self._ledger.fill(fill, instrument, external=True)
        if not change.told or any(fill.exch_ns > self._began_ns for fill in change.fills):
            self._counters.alarms["foreign_order"] += 1
            self._log(
                "order.foreign",
                account=update.account,
                instrument=update.instrument,
                order_id=update.order_id,
                anomalies=list(change.anomalies),
            )
        if why := another_writer(update, self._ids, self._began_ns):
            self._modes.change(ModeChange("", Mode.REDUCING, why, "another_writer"), now_ns)

    def doubtful(self, order: Order, now_ns: int) -> None:
        """An order turned UNKNOWN without a report (link lost, no answer)."""
        deal = self.deals.get(order.intent.deal)
        if deal is not None:
            self._advance(deal, own_update(order, now_ns), now_ns)

    def drain(self, now_ns: int) -> None:
        """The end of a turn: tell executors which of their orders did not leave; they may order anew."""
        for _ in range(_ROUNDS):
            if not self._sender.refused:
                return
            self._tell_refused(now_ns)
        for change in self._sender.refused:
            deal = self.deals.get(change.order.intent.deal) if change.order is not None else None
            if deal is not None:
                error = LocalProtocolError("the executor answers each refusal with another order")
                self._executor_failed(deal, self._owners[deal.id], error)
        self._tell_refused(now_ns)

    def _tell_refused(self, now_ns: int) -> None:
        refused = self._sender.refused.copy()
        self._sender.refused.clear()
        for change in refused:
            known = self._tracker.refused(change, now_ns)
            if known is not None:
                self.changed(known, now_ns)

    def _ended(self, order: Order, now_ns: int) -> None:
        intent = order.intent
        self._counters.orders[intent.account.partition(":")[0], order.status.value] += 1
        self._sender.journal(journaled.outcome(order, now_ns))

    # --- executors

    def _advance(self, deal: Deal, update: OrderUpdate, now_ns: int) -> None:
        running = self._owners[deal.id]
        self._view.now_ns = now_ns
        self._act(deal, running, lambda: running.executor.on_order(deal, update, self._view, now_ns), now_ns)

    def _deals_on_books(self, touched: Collection[str], now_ns: int) -> None:
        for deal in list(self.deals.values()):
            if deal.state in (DealState.UNWINDING, DealState.HELD) and any(
                leg.instrument in touched for leg in deal.legs
            ):
                self._on_book(deal, now_ns)

    def _on_book(self, deal: Deal, now_ns: int) -> None:
        running = self._owners[deal.id]
        self._act(deal, running, lambda: running.executor.on_book(deal, self._view, now_ns), now_ns)

    def timers(self, now_ns: int) -> None:
        """Ask the executors whose time has come."""
        self._view.now_ns = now_ns
        self._timers_ns = now_ns
        self.moved = True
        for deal in list(self.deals.values()):
            running = self._owners.get(deal.id)
            if running is not None and running.executor.due_ns <= now_ns:
                self._on_timer(deal, running, now_ns)

    def _on_timer(self, deal: Deal, running: RunningStrategy, now_ns: int) -> None:
        self._act(deal, running, lambda: running.executor.on_timer(deal, self._view, now_ns), now_ns)

    def settled(self) -> None:
        """The desk has read ``due_ns``."""
        self.moved = False

    @property
    def due_ns(self) -> int:
        """Of executors with an open deal; one that stays due is asked a thousand times a second, not without end."""
        due = min((running.executor.due_ns for running in self._owners.values()), default=NEVER)
        return max(due, self._timers_ns + _MS)

    def _act(self, deal: Deal, running: RunningStrategy, ask: Callable[[], Sequence[Command]], now_ns: int) -> None:
        """Ask an executor about its deal and carry out what passes the gate."""
        self.moved = True
        if deal.id in self._broken:
            return
        commands: list[Command] = []
        try:
            commands = [self._proper(command, deal) for command in ask()]
        except Exception as error:
            self._executor_failed(deal, running, error)
        if commands:
            self._carry_out(commands, deal, now_ns)
        self._callbacks.note(running, deal)
        self._settle(deal, now_ns)

    def _executor_failed(self, deal: Deal, running: RunningStrategy, error: Exception) -> None:
        self.fault(running, error)
        if deal.state is not DealState.CLOSED:
            deal.hold(f"its executor failed: {running.failed}")
            self._broken.add(deal.id)

    def _proper(self, command: Command, deal: Deal) -> Command:
        """A command that the desk can carry out, with its id; raises ``LocalProtocolError`` for anything else."""
        if isinstance(command, ReplaceOrder):
            raise LocalProtocolError("an executor cannot replace orders yet: cancel, wait for the end, order anew")
        if not isinstance(command, NewOrder | CancelOrder | CancelAll | QueryOrder | ListOpenOrders | ListFills):
            raise LocalProtocolError(f"an executor cannot command {command!r}")
        if command.account not in self._orders:
            raise LocalProtocolError(f"the executor commands something on {command.account}, which is no account here")
        if not isinstance(command, NewOrder):
            return command
        if command.qty <= 0 or command.px <= 0:
            raise LocalProtocolError(f"the executor orders {command.qty} at {command.px}")
        return replace(command, cl_ord_id=format_cl_ord_id(self._ids.next()), deal=deal.id)

    def _carry_out(self, commands: Sequence[Command], deal: Deal, now_ns: int) -> None:
        passed: list[Command] = []
        entries = [one for one in commands if isinstance(one, NewOrder) and one.purpose is Purpose.ENTRY]
        if entries:
            self._enter(entries, deal, now_ns)
        for command in commands:
            if isinstance(command, NewOrder) and command.purpose is Purpose.ENTRY:
                continue
            refusal = self._widen(command, deal, now_ns) or self._gate.check(command, deal, now_ns)
            if isinstance(command, NewOrder):
                self._add(command, deal, now_ns)
            if refusal is not None:
                self._refuse(command, refusal, deal, now_ns)
                continue
            if isinstance(command, NewOrder):
                self.legs_sent += 1
            elif isinstance(command, CancelOrder):
                self._orders[command.account].cancel_asked(command.cl_ord_id)
            passed.append(command)
        if passed:
            self._sender.submit(passed, deal.pair, now_ns)

    def _enter(self, orders: Sequence[NewOrder], deal: Deal, now_ns: int) -> None:
        """Send the entries of a later wave, or refuse them all: a wave is not begun with one leg only."""
        refusal: Refusal | None = None
        for order in orders:
            leg = deal.leg_at(order.instrument, order.account)
            deal.wave = max(deal.wave, leg.wave if leg is not None else 0)
        for order in orders:
            refusal = refusal or self._gate.check(order, deal, now_ns)
        for order in orders:
            self._add(order, deal, now_ns)
        granted = None if refusal is not None else self._sender.grant(orders, deal, now_ns)
        if granted is not None:
            self.legs_sent += len(orders)
            self._sender.send(granted, now_ns)
            return
        refusal = refusal or Refusal("rate_tokens", f"no rate tokens left for wave {deal.wave} of deal {deal.id}")
        for order in orders:
            self._refuse(order, refusal, deal, now_ns)

    def _refuse(self, command: Command, refusal: Refusal, deal: Deal, now_ns: int) -> None:
        self._counters.refused[refusal.rule] += 1
        self._log("command.refused", rule=refusal.rule, why=refusal.text, deal=deal.id)
        if isinstance(command, NewOrder):
            self._sender.refuse(command, refusal.text, now_ns)

    def _widen(self, command: Command, deal: Deal, now_ns: int) -> Refusal | None:
        """A hedge at a place where the deal has no leg: the deal gets one, if its funds can be reserved."""
        if not isinstance(command, NewOrder) or command.purpose is not Purpose.HEDGE:
            return None
        if deal.leg_at(command.instrument, command.account) is not None:
            return None
        instrument = self._catalogue.get(command.instrument)
        if instrument is None or len(deal.legs) >= _MOST_LEGS or deal.in_doubt:
            return None  # the gate says why it does not pass
        leg = DealLeg(
            account=command.account,
            instrument=command.instrument,
            base=instrument.base,
            side=command.side,
            qty=command.qty,
            px=command.px,
            wave=deal.wave,
            quote=instrument.quote,
        )
        taker = self._venues[instrument.venue].fee(instrument.id).taker
        refusal = self._limits.widen(deal, leg, taker, now_ns)
        if refusal is None:
            deal.add(leg)
            self._sender.journal(journaled.reopened(deal, now_ns))
        return refusal

    def _settle(self, deal: Deal, now_ns: int) -> None:
        """Tell what needs to be told of a deal, each once; end one that is closed."""
        if deal.state is DealState.CLOSED:
            if deal.id in self.deals:
                self._over(deal, now_ns)
        elif deal.state is DealState.HELD:
            if deal.id not in self._held:
                self._held.add(deal.id)
                self._counters.alarms["deal_held"] += 1
                self._log("alarm.deal_held", deal=deal.id, pair=deal.pair, why=deal.why)
                for change in self._limits.outcome(deal, now_ns):
                    self._modes.change(change, now_ns)
            elif deal.id in self._untold and not deal.in_doubt and (deal.tries or not deal.open_orders):
                self._untold.discard(deal.id)
                self._counters.alarms["deal_interrupted"] += 1
                self._log("alarm.deal_interrupted", deal=deal.id, pair=deal.pair, why=deal.why)
        if deal.naked and deal.id not in self._told_naked:
            self._told_naked.add(deal.id)
            self._counters.alarms["deal_naked"] += 1
            self._log("alarm.deal_naked", deal=deal.id, pair=deal.pair, why=deal.naked)

    def _over(self, deal: Deal, now_ns: int) -> None:
        """A deal is closed: give back what it held, drive the breakers, log it."""
        del self.deals[deal.id]
        self.past[deal.id] = deal, self._owners.pop(deal.id)
        self._limits.release(deal.id)
        self._sender.release(deal, now_ns)
        deal.naked = ""
        self._told_naked.discard(deal.id)
        self._untold.discard(deal.id)
        assert deal.outcome is not None
        outcome = deal.outcome
        if not deal.counted:
            deal.counted = True
            self._counters.deals[outcome.value] += 1
        booked = self._limits.leftovers.closed(deal, now_ns)
        closed = journaled.closed(deal, outcome, booked, self._limits.leftovers.price, now_ns)
        deal.prices = closed.prices
        self._sender.journal(closed)
        if deal.id in self._held:
            self._held.discard(deal.id)
            self._lift_held(deal.pair, now_ns)
        else:  # a HELD one is counted already
            for change in self._limits.outcome(deal, now_ns):
                self._modes.change(change, now_ns)
        self._log(
            "deal.closed",
            deal=deal.id,
            outcome=outcome.value,
            why=deal.why,
            pair=deal.pair,
            legs=deal.traded(),
            net={asset: str(amount) for asset, amount in deal.net().items() if amount},
            expected=round(deal.expected_net, 8),
            orders=len(deal.orders),
            ms=(now_ns - deal.sent_ns) / 1e6,
        )

    def _lift_held(self, pair: str, now_ns: int) -> None:
        """A HELD deal of a pair is closed: the pair may trade again if it was the last one."""
        if pair in self._left.values() or any(self.deals[deal].pair == pair for deal in self._held):
            return
        self._modes.change(ModeChange(pair, Mode.ACTIVE, "none of its deals is HELD any more", HELD), now_ns)


def _asks_top(running: RunningStrategy) -> bool:
    asks = getattr(running.strategy, "asks", "depth")
    if asks not in ("depth", "top"):
        raise ConfigError(f'strategy {running.name}: asks = {asks!r} is neither "top" nor "depth"')
    return bool(asks == "top")


def _near(strategy: Strategy) -> Collection[str]:
    return getattr(strategy, "near", ())


def _by_net(entry: tuple[float, int, RunningStrategy, Opportunity]) -> tuple[float, int]:
    return entry[0], entry[1]
