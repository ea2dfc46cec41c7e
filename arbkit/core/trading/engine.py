"""Event in, commands out: one synchronous function that routes and owns nothing.

It feeds books, orders, ledger and deals, asks the strategies once per socket read, and passes every command through
limits, gate and journal on its way out. No queue, no await, no logging of a tick.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from arbkit.core.counters import Counters
from arbkit.core.errors import ConfigError, LocalProtocolError
from arbkit.core.log import Log
from arbkit.core.market.book import Book
from arbkit.core.money.gate import Gate
from arbkit.core.money.ledger import Ledger
from arbkit.core.money.limits import Limits, Refusal, needs_of, pair_of
from arbkit.core.orders.deals import Deal, DealState, Outcome
from arbkit.core.orders.ids import IntentIds, format_cl_ord_id
from arbkit.core.orders.journal import DealClosed, DealOpened, Record
from arbkit.core.orders.journal import OrderOutcome as OrderOutcome
from arbkit.core.orders.orders import Change, Order, Orders
from arbkit.core.protocols import Executor, Strategy
from arbkit.core.trading.view import DeskView
from arbkit.core.types import (
    NEVER,
    Balance,
    BookLost,
    BookState,
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
    Tif,
    TopUpdate,
)

__all__ = ["Engine", "Outbox", "RunningStrategy", "wanted"]


class RunningStrategy(Struct):
    """One strategy at work."""

    name: str
    strategy: Strategy
    executor: Executor
    failed: str = ""
    """Why it was taken out of service; its open deals are finished all the same."""
    placed: bool = False
    """It has named its instruments."""


class Outbox(Struct):
    """Where the engine's decisions go; the desk fills it in."""

    grant: Callable[[Sequence[NewOrder], int], bool]
    """Take the rate tokens of a deal's entries."""
    send: Callable[[Sequence[Command], int], None]
    """Commands that passed the gate, of one turn."""
    answered: Callable[[str], None]
    """Something is known of this order."""
    question: Callable[[Order, int], None]
    """An order changed: the resolver may have to look after it."""
    journal: Callable[[Record], None]
    hold: Callable[[Deal, int], bool]
    """Set rate tokens aside for the deal's worst-case unwind."""
    release: Callable[[Deal], None]


class Engine:
    """See the module. All collaborators are handed in; the desk reads ``deals`` and ``touched``."""

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        books: Mapping[str, Book],
        orders: Mapping[str, Orders],
        ledger: Ledger,
        limits: Limits,
        gate: Gate,
        view: DeskView,
        slots: Sequence[RunningStrategy],
        ids: IntentIds,
        outbox: Outbox,
        counters: Counters,
        log: Log,
        fee_of: Callable[[str], Decimal],
        allowance: Decimal,
    ) -> None:
        self._catalogue = catalogue
        self._books = books
        self._orders = orders
        self._ledger = ledger
        self._limits = limits
        self._gate = gate
        self._view = view
        self.slots = list(slots)
        self._ids = ids
        self._out = outbox
        self._counters = counters
        self._log = log
        self._fee_of = fee_of
        self._allowance = allowance
        self.deals: dict[int, Deal] = {}
        """Open deals; HELD ones stay here."""
        self._slot_of: dict[int, RunningStrategy] = {}
        self._deal_ids = (ids.block << 24) + 1
        self.touched: dict[str, None] = {}
        """Instruments whose book changed since the last decision, in order."""
        self.stopping = False
        self.legs_sent = 0
        self._unended: set[str] = set()
        """Orders whose end is not in the journal yet."""
        self._told_drop: dict[str, int] = {}
        self._broken: set[int] = set()
        """Deals whose executor failed: HELD, and it is not asked about them again."""
        self._depth = 0
        """Executors speaking within each other's words: a refusal told at once may bring the next order."""
        self._timers_ns = 0

    # --- books

    def top_update(self, top: TopUpdate, now_ns: int) -> None:
        book = self._books.get(top.instrument)
        if book is not None and book.overlay(top):
            self.touched[top.instrument] = None

    def book_lost(self, lost: BookLost, now_ns: int) -> None:
        book = self._books.get(lost.instrument)
        if book is not None and book.state is not BookState.LOST:
            book.lose(BookState.LOST, lost.reason)

    # --- decisions

    def decide(self, now_ns: int) -> None:
        """Once a socket read: hedge what waits for books, then let the strategies look at what was touched."""
        touched = list(self.touched)
        self.touched.clear()
        self._view.now_ns = now_ns
        if self.deals:
            self._deals_on_books(touched, now_ns)
        if self.stopping:
            return
        found: list[tuple[float, int, RunningStrategy, Opportunity]] = []
        for slot in self.slots:
            if slot.failed:
                continue
            try:
                for opportunity in slot.strategy.decide(self._view, touched, now_ns):
                    found.append((-opportunity.expected_net, len(found), slot, opportunity))
            except Exception as error:
                self.fault(slot, error)
        self._counters.turns += 1
        if found:
            found.sort(key=_by_net)
            self._counters.opportunities_seen += len(found)
            for _, _, slot, opportunity in found:
                if not slot.failed:
                    self._take(slot, opportunity, now_ns)

    def fault(self, slot: RunningStrategy, error: Exception) -> None:
        """Take a strategy out of service; its deals are drained, the rest goes on."""
        slot.failed = f"{type(error).__name__}: {error}"
        self._counters.strategy_faults[slot.name] += 1
        where = _where(error)
        self._log("strategy.failed", strategy=slot.name, error=slot.failed, where=where)

    def _take(self, slot: RunningStrategy, opportunity: Opportunity, now_ns: int) -> None:
        try:
            deal = slot.executor.plan(opportunity, self._view, now_ns)
            if deal is not None:
                self._check_plan(deal)
        except Exception as error:
            self.fault(slot, error)
            return
        if deal is None:
            self._counters.opportunities_dropped["nothing_left"] += 1
            return
        for leg in deal.legs:
            if not self._view.may_trade(leg.instrument.partition(":")[0]):
                self._counters.opportunities_dropped["venue_not_ready"] += 1
                return
        deal.id = self._deal_ids
        deal.strategy = slot.name
        refusal = self._limits.reserve(deal, needs_of(deal, self._catalogue, self._fee_of, self._allowance), now_ns)
        if refusal is not None:
            self._dropped(refusal.rule, refusal.text, deal, now_ns)
            return
        orders = self._first_orders(deal)
        for order in orders:
            refusal = self._gate.check(order, deal, now_ns)
            if refusal is not None:
                self._limits.undo(deal.id)
                self._ids.unused(len(orders))  # an edge that cannot be taken comes with every tick: the block must last
                self._dropped(refusal.rule, refusal.text, deal, now_ns)
                return
        if not self._out.hold(deal, now_ns) or not self._out.grant(orders, now_ns):
            self._limits.undo(deal.id)
            self._ids.unused(len(orders))
            self._out.release(deal)
            self._dropped("rate_tokens", "no rate tokens left for the legs and their unwind", deal, now_ns)
            return
        self._counters.opportunities_taken += 1
        self._deal_ids += 1
        self.deals[deal.id] = deal
        self._slot_of[deal.id] = slot
        deal.move(DealState.RESERVED)
        self._out.journal(
            DealOpened(
                at_ns=now_ns, deal=deal.id, strategy=slot.name, instruments=[leg.instrument for leg in deal.legs]
            )
        )
        for order in orders:
            self._add(order, deal, now_ns)
        deal.move(DealState.SENT)
        deal.sent_ns = now_ns
        self.legs_sent += len(orders)
        self._out.send(orders, now_ns)
        self._settle(deal, now_ns)

    def _check_plan(self, deal: Deal) -> None:
        """Raises ``LocalProtocolError`` for a deal that names what does not exist."""
        if not any(leg.wave == 0 for leg in deal.legs):
            raise LocalProtocolError("the executor planned a deal without a leg in wave 0")
        for leg in deal.legs:
            if leg.account not in self._orders or leg.instrument not in self._catalogue or leg.qty <= 0 or leg.px <= 0:
                raise LocalProtocolError(
                    f"the executor planned {leg.qty} {leg.instrument} at {leg.px} on {leg.account}: no such leg"
                )

    def _add(self, order: NewOrder, deal: Deal, now_ns: int) -> None:
        deal.orders[order.cl_ord_id] = self._orders[order.account].add(order, now_ns)
        self._unended.add(order.cl_ord_id)

    def restored(self, order: Order) -> None:
        """An order of an earlier run is watched to its end."""
        self._unended.add(order.cl_ord_id)

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

    def _dropped(self, rule: str, text: str, deal: Deal, now_ns: int) -> None:
        """Counted always, told once a second and rule: an edge that cannot be taken comes with every tick."""
        self._counters.opportunities_dropped[rule] += 1
        if now_ns - self._told_drop.get(rule, -1_000_000_000) >= 1_000_000_000:
            self._told_drop[rule] = now_ns
            self._log("deal.refused", rule=rule, why=text, pair=pair_of(deal))

    # --- orders and deals

    def order_update(self, update: OrderUpdate, now_ns: int) -> None:
        """A report, whatever its source."""
        table = self._orders.get(update.account)
        if table is None:
            return
        self.changed(table.apply(update), update, now_ns)

    def changed(self, change: Change, update: OrderUpdate, now_ns: int) -> None:
        """Book what a change of an order brought, and let its deal go on."""
        order = change.order
        if order is None:
            self._foreign(change, update)
            return
        intent = order.intent
        if order.status not in _UNANSWERED:
            self._out.answered(intent.cl_ord_id)
        deal = self.deals.get(intent.deal)
        for fill in change.fills:
            instrument = self._catalogue[fill.instrument]
            self._ledger.fill(fill, instrument)
            self._limits.fill(intent.deal, fill, instrument)
            if deal is not None:
                deal.fill(fill)
            elif fill.qty:
                self._counters.alarms["late_fill"] += 1
                self._log(
                    "alarm.late_fill",
                    cl_ord_id=intent.cl_ord_id,
                    instrument=fill.instrument,
                    side=fill.side.value,
                    qty=str(fill.qty),
                    px=str(fill.px),
                    deal=intent.deal,
                )
        for anomaly in change.anomalies:
            self._counters.alarms["order_anomaly"] += 1
            self._log("order.anomaly", cl_ord_id=intent.cl_ord_id, what=anomaly)
        if change.changed or change.ask:
            self._out.question(order, now_ns)
        if not change.changed:
            return
        if order.done and intent.cl_ord_id in self._unended:
            self._unended.discard(intent.cl_ord_id)
            self._ended(order, now_ns)
        if deal is not None:
            self._advance(deal, update, now_ns)

    def _foreign(self, change: Change, update: OrderUpdate) -> None:
        """Somebody else's order on our account: its fills move our balances and are no gain of ours."""
        for fill in change.fills:
            instrument = self._catalogue.get(fill.instrument)
            if instrument is not None:
                self._ledger.fill(fill, instrument, external=True)
        self._counters.alarms["foreign_order"] += 1
        self._log(
            "order.foreign",
            account=update.account,
            instrument=update.instrument,
            order_id=update.order_id,
            anomalies=list(change.anomalies),
        )

    def doubtful(self, order: Order, now_ns: int) -> None:
        """An order turned UNKNOWN without a report (link lost, no answer)."""
        self._counters.orders[order.intent.account.partition(":")[0], "unknown"] += 1
        self._log("order.unknown", cl_ord_id=order.intent.cl_ord_id, instrument=order.intent.instrument)
        self._out.question(order, now_ns)
        deal = self.deals.get(order.intent.deal)
        if deal is not None:
            self._advance(deal, _told(order, now_ns), now_ns)

    def refused(self, order: NewOrder, change: Change, now_ns: int) -> None:
        """Provably nothing of an order left."""
        if change.order is not None:
            self.changed(change, _told(change.order, now_ns), now_ns)

    def _ended(self, order: Order, now_ns: int) -> None:
        intent = order.intent
        self._counters.orders[intent.account.partition(":")[0], order.status.value] += 1
        self._out.journal(
            OrderOutcome(
                at_ns=now_ns,
                account=intent.account,
                cl_ord_id=intent.cl_ord_id,
                status=order.status,
                filled=order.filled_qty,
                order_id=order.order_id,
                text=order.text,
            )
        )

    def _advance(self, deal: Deal, update: OrderUpdate, now_ns: int) -> None:
        slot = self._slot_of[deal.id]
        self._view.now_ns = now_ns
        self._act(deal, slot, lambda: slot.executor.on_order(deal, update, self._view, now_ns), now_ns)

    def _deals_on_books(self, touched: Sequence[str], now_ns: int) -> None:
        for deal in list(self.deals.values()):
            if deal.state in (DealState.UNWINDING, DealState.HELD) and any(
                leg.instrument in touched for leg in deal.legs
            ):
                self._on_book(deal, now_ns)

    def _on_book(self, deal: Deal, now_ns: int) -> None:
        slot = self._slot_of[deal.id]
        self._act(deal, slot, lambda: slot.executor.on_book(deal, self._view, now_ns), now_ns)

    def timers(self, now_ns: int) -> None:
        """Executors whose time came."""
        self._view.now_ns = now_ns
        self._timers_ns = now_ns
        for deal in list(self.deals.values()):
            slot = self._slot_of.get(deal.id)
            if slot is not None and slot.executor.due_ns <= now_ns:
                self._on_timer(deal, slot, now_ns)

    def _on_timer(self, deal: Deal, slot: RunningStrategy, now_ns: int) -> None:
        self._act(deal, slot, lambda: slot.executor.on_timer(deal, self._view, now_ns), now_ns)

    @property
    def due_ns(self) -> int:
        """Of executors with an open deal; one that stays due is asked a thousand times a second, not without end."""
        due = min((slot.executor.due_ns for slot in self._slot_of.values()), default=NEVER)
        return max(due, self._timers_ns + _MS)

    def _act(self, deal: Deal, slot: RunningStrategy, ask: Callable[[], Sequence[Command]], now_ns: int) -> None:
        """Let an executor speak for its deal and send what passes the gate."""
        if deal.id in self._broken:
            return
        self._depth += 1
        try:
            if self._depth > _DEPTH:
                raise LocalProtocolError("the executor answers each refusal with another order")
            commands = [self._proper(command, deal) for command in ask()]
        except Exception as error:
            self.fault(slot, error)
            if deal.state is not DealState.CLOSED:
                deal.state = DealState.HELD
                deal.why = f"its executor failed: {slot.failed}"
                self._broken.add(deal.id)
            commands = []
        self._carry_out(commands, deal, now_ns)
        self._depth -= 1
        self._settle(deal, now_ns)

    def _proper(self, command: Command, deal: Deal) -> Command:
        """A command that the desk can carry out, with its id; raises ``LocalProtocolError`` for anything else."""
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
        refused: list[tuple[NewOrder, str]] = []
        for command in commands:
            refusal = self._gate.check(command, deal, now_ns)
            if isinstance(command, NewOrder):
                self._add(command, deal, now_ns)
                if refusal is None and command.purpose is Purpose.ENTRY and not self._out.grant([command], now_ns):
                    refusal = Refusal("rate_tokens", f"no rate tokens left for {command.cl_ord_id}")
            if refusal is not None:
                self._counters.refused[refusal.rule] += 1
                self._log("command.refused", rule=refusal.rule, why=refusal.text, deal=deal.id)
                if isinstance(command, NewOrder):
                    refused.append((command, refusal.text))
                continue
            if isinstance(command, NewOrder):
                self.legs_sent += 1
            elif isinstance(command, CancelOrder):
                self._orders[command.account].cancel_asked(command.cl_ord_id)
            passed.append(command)
        if passed:
            self._out.send(passed, now_ns)
        for order, why in refused:
            self.refused(order, self._orders[order.account].not_sent(order.cl_ord_id, why, now_ns), now_ns)

    def _settle(self, deal: Deal, now_ns: int) -> None:
        """A deal that reached its end: give back what it held, drive the breakers, tell."""
        if deal.state is DealState.CLOSED and deal.id in self.deals:
            del self.deals[deal.id]
            del self._slot_of[deal.id]
            self._limits.release(deal.id)
            self._out.release(deal)
        elif deal.state is not DealState.HELD or deal.closed_ns:
            return
        else:
            deal.closed_ns = now_ns  # told once
            self._counters.alarms["deal_held"] += 1
            self._log("alarm.deal_held", deal=deal.id, pair=pair_of(deal), why=deal.why)
        outcome = deal.outcome or Outcome.HELD
        self._counters.deals[outcome.value] += 1
        self._out.journal(DealClosed(at_ns=now_ns, deal=deal.id, outcome=outcome.value, why=deal.why))
        for change in self._limits.outcome(deal, now_ns):
            self.restrict(change.scope, change.mode, change.why)
        self._log(
            "deal.closed",
            deal=deal.id,
            outcome=outcome.value,
            why=deal.why,
            pair=pair_of(deal),
            net={asset: str(amount) for asset, amount in deal.net().items() if amount},
            expected=round(deal.expected_net, 8),
            orders=len(deal.orders),
            ms=(now_ns - deal.sent_ns) / 1e6,
        )

    def restrict(self, scope: str, mode: Mode, why: str) -> None:
        """A breaker fell."""
        if self._gate.restrict(scope, mode, why):
            self._counters.alarms["mode"] += 1
            self._log("risk.restricted", scope=scope or "all", mode=mode.value, why=why)

    def balance(self, report: Balance, now_ns: int) -> None:
        self._ledger.balance(report)


_DEPTH = 16
_MS = 1_000_000
_UNANSWERED = frozenset({OrdStatus.PENDING_NEW, OrdStatus.UNKNOWN})


def _by_net(entry: tuple[float, int, RunningStrategy, Opportunity]) -> tuple[float, int]:
    return entry[0], entry[1]


def _told(order: Order, now_ns: int) -> OrderUpdate:
    """A change of ours in the form of a report, for executors."""
    intent = order.intent
    return OrderUpdate(
        account=intent.account,
        instrument=intent.instrument,
        cl_ord_id=intent.cl_ord_id,
        ord_status=order.status,
        source="desk",
        recv_ns=now_ns,
    )


def wanted(slot: RunningStrategy, catalogue: Catalogue) -> list[str]:
    """The ids of the instruments that a strategy asks for. Raises ``ConfigError`` for one that is not there."""
    asked = [instrument.id for instrument in slot.strategy.instruments(catalogue)]
    unknown = [name for name in asked if name not in catalogue]
    if unknown:
        raise ConfigError(
            f"strategy {slot.name}: instruments() returned what the catalogue lacks: {', '.join(unknown)}"
        )
    return asked


def _where(error: BaseException) -> str:
    trace = error.__traceback__
    where = ""
    while trace is not None:
        where = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
        trace = trace.tb_next
    return where
