"""The trading desk: the single writer. Every input is one plain call with one time; every effect leaves by the port.

It joins links, sessions, gateway, engine and the services of floor 2. It runs the same live, on paper, in replay and
in virtual time: whoever calls the inputs in the same order with the same times gets the same commands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import msgspec
from msgspec import Struct

from arbkit.core.counters import Counters
from arbkit.core.errors import BadFrame, ConfigError, CredentialsError, RemoteProtocolError
from arbkit.core.execution.dialer import GOING_AWAY, Dialer
from arbkit.core.execution.requests import Answered, Gateway, Port
from arbkit.core.execution.tracker import Dispatch
from arbkit.core.log import Log, no_log
from arbkit.core.market.book import Book
from arbkit.core.market.watchdog import LinkDead, Watchdog
from arbkit.core.money.gate import Gate, GateConfig
from arbkit.core.money.ledger import Ledger
from arbkit.core.money.limits import Limits, LimitsConfig, pair_of
from arbkit.core.orders.deals import Deal, DealState
from arbkit.core.orders.ids import IntentIds
from arbkit.core.orders.journal import Intent, Interrupted
from arbkit.core.orders.orders import Order
from arbkit.core.protocols import Session
from arbkit.core.startup import Boot
from arbkit.core.trading.audit import Audit
from arbkit.core.trading.engine import Engine, Outbox, RunningStrategy
from arbkit.core.trading.interrupted import InterruptedDeals
from arbkit.core.trading.view import DeskView, Prices
from arbkit.core.types import (
    NEVER,
    Ask,
    AskKind,
    AssetStatus,
    Balance,
    BookLost,
    BookState,
    BookUpdate,
    CancelOrder,
    Catalogue,
    ClockSample,
    FeeUpdate,
    HttpAnswer,
    InstrumentUpdate,
    LinkSpec,
    Listing,
    ListOpenOrders,
    Mode,
    NewOrder,
    NoAnswer,
    Notice,
    OrderAbsent,
    OrderUpdate,
    OrdStatus,
    Purpose,
    QueryOrder,
    RateReport,
    Ready,
    RejectReason,
    Role,
    Send,
    Tif,
    TopUpdate,
)
from arbkit.core.venues.heard import Heard
from arbkit.core.venues.link import Link, Phase
from arbkit.core.venues.paper import Paper
from arbkit.core.venues.readiness import Readiness
from arbkit.core.venues.venue import RETRY_NS, Venue, VenueSetup

__all__ = ["Desk", "Setup"]

SECOND = 1_000_000_000
JUMP_NS = SECOND
"""After a clock jump or a suspend no book is fresh for so long."""
_UNREADABLE = (BadFrame, ValueError, LookupError, ArithmeticError, RecursionError, msgspec.MsgspecError)


class Setup(Struct, frozen=True, kw_only=True):
    """All that a run depends on besides its inputs."""

    venues: Sequence[VenueSetup]
    slots: Sequence[RunningStrategy]
    limits: LimitsConfig = LimitsConfig()
    gate: GateConfig = GateConfig()
    seed: int = 0
    block: int = 0
    """The id block reserved for this run."""
    unresolved: Sequence[Intent] = ()
    """From the journal of earlier runs: proved before anything new."""
    interrupted: Sequence[Interrupted] = ()
    """Deals that an earlier run did not see closed."""
    durability: str = "process"
    """``power``: an order leaves only once its intent is on the disk."""


class Desk:
    """See the module. ``probe`` tells the time for histograms only; nothing is decided by it."""

    def __init__(
        self,
        setup: Setup,
        port: Port,
        now_ns: int,
        *,
        log: Log | None = None,
        counters: Counters | None = None,
        probe: Callable[[], int] | None = None,
    ) -> None:
        self.setup = setup
        self.log = log or no_log
        self.counters = counters or Counters()
        self._port = port
        self._probe = probe
        self._rng = Random(setup.seed)  # noqa: S311 - jitter, not secrets
        self.catalogue = Catalogue()
        self.books: dict[str, Book] = {}
        self.watchdog = Watchdog()
        self.lines = Dialer(
            port,
            self.watchdog,
            self._rng,
            self.counters,
            self.log,
            self._session,
            self._ask,
            self._fault,
            lambda venue: self.venues[venue].throttle,
        )
        self.links = self.lines.links
        self._setups = {each.exchange.venue: each for each in setup.venues}
        self.venues: dict[str, Venue] = {}
        for venue_setup in setup.venues:
            self._add_venue(venue_setup, now_ns)
        accounts = {name: venue.account for name, venue in self.venues.items()}
        self.orders = {venue.account: venue.orders for venue in self.venues.values()}
        self.ledger = Ledger()
        self.marker = Prices(self.books, self.catalogue)
        self.limits = Limits(setup.limits, self.ledger, self.catalogue, self.marker)
        self.gate = Gate(setup.gate, self.catalogue, self.orders, self.books, self.marker)
        self.view = DeskView(
            self.catalogue,
            self.books,
            self.limits,
            accounts,
            lambda venue: self.venues[venue].may_trade,
            lambda venue: self.venues[venue].latency_ns,
        )
        self.heard = Heard(self.venues, self.view, self.log)
        self._trades: dict[str, Link] = {}
        self.dispatch = Dispatch(port, self.venues, self.orders, self.view, self.counters, self.log, self._run, probe)
        self.gateway = Gateway(
            port,
            {name: venue.exchange for name, venue in self.venues.items()},
            {name: venue.throttle for name, venue in self.venues.items()},
            {name: venue.rest for name, venue in self.venues.items()},
            self._trades,
            self._rng,
            self.dispatch.intents,
            hold_until_durable=setup.durability == "power",
        )
        self.gateway.sent = self.dispatch.sent
        self.gateway.not_sent = self.dispatch.not_sent
        self.gateway.refused = self._read_refused
        self.gateway.fault = self._fault
        self.gateway.gave_up = self._gave_up
        self.gateway.withheld = self._withheld
        self.gateway.latency_ns = lambda venue: self.venues[venue].latency_ns
        self.engine = Engine(
            catalogue=self.catalogue,
            books=self.books,
            orders=self.orders,
            ledger=self.ledger,
            limits=self.limits,
            gate=self.gate,
            view=self.view,
            slots=setup.slots,
            ids=IntentIds(setup.block),
            outbox=Outbox(
                grant=self.dispatch.grant,
                send=self.dispatch.send,
                answered=self.gateway.acked,
                question=self.dispatch.question,
                journal=self.dispatch.journal,
                hold=self.dispatch.hold,
                release=self.dispatch.release,
            ),
            counters=self.counters,
            log=self.log,
            fee_of=self.heard.fee,
            allowance=setup.limits.unwind_allowance,
        )
        self.dispatch.gateway = self.gateway
        self.dispatch.engine = self.engine
        self.aftermath = InterruptedDeals(
            setup.interrupted, self.orders, self.catalogue, self.dispatch.journal, self.counters, self.log
        )
        self._handlers: dict[type, Callable[[Link, Any, int], None]] = {
            TopUpdate: self._on_top,
            BookLost: self._on_book_lost,
            OrderUpdate: self._on_order_update,
            Balance: lambda _, report, now: self.engine.balance(report, now),
            FeeUpdate: self.heard.fee_update,
            InstrumentUpdate: lambda _, event, now: self.catalogue.add(event.instrument),
            AssetStatus: self.heard.asset,
            ClockSample: self.heard.clock,
            RateReport: self.heard.rate,
            Notice: self._on_notice,
            Ready: self._on_ready,
        }
        self.boot = Boot(
            self.venues, self.catalogue, self.books, self.lines, self._trades, self.engine, self.log, now_ns
        )
        self.audit = Audit(
            self.ledger,
            self.limits,
            self.marker,
            setup.limits.asset,
            self.venues,
            lambda change: self.engine.restrict(change.scope, change.mode, change.why),
            self.counters,
            self.log,
            now_ns,
        )
        self._cancel_ns = NEVER
        """When resting orders are to be cancelled (again), once the desk stops."""
        self._due_ns = now_ns
        self._dirty = True
        self._restore(now_ns)

    def _add_venue(self, setup: VenueSetup, now_ns: int) -> None:
        exchange = setup.exchange
        name = exchange.venue
        if name in self.venues:
            raise ConfigError(f"venue {name} is given twice")
        account = "" if setup.signer is None else setup.account
        specs = exchange.links((), account)
        spec = next(spec for spec in specs if spec.role is Role.REST)
        rest = self.lines.add(spec, now_ns)
        paper = None
        if setup.paper is not None:
            paper = Paper(
                setup.account,
                self.catalogue,
                balances=setup.paper.balances,
                fees=lambda _: (setup.maker, setup.taker),
                latency_ns=setup.paper.latency_ns,
            )
        readiness = Readiness(setup.account, exchange.capabilities, [s for s in specs if s.role is not Role.PUBLIC])
        self.venues[name] = Venue(setup, rest, readiness, paper, now_ns)

    def _session(self, spec: LinkSpec) -> Session:
        setup = self._setups[spec.venue]
        return setup.exchange.session(spec, self.catalogue, setup.signer)

    def _ask(self, link: Link, ask: Ask, now_ns: int) -> None:
        self.gateway.ask(link, ask, now_ns)

    def _restore(self, now_ns: int) -> None:
        """Paper balances, and what an earlier run left open: UNKNOWN until proved."""
        for venue in self.venues.values():
            self.view.worst_fees[venue.exchange.venue] = float(venue.setup.taker)
            if venue.paper is not None:
                for balance in venue.paper.balances(now_ns):
                    self.ledger.balance(balance)
        for intent in self.setup.unresolved:
            if intent.order.account not in self.orders:
                raise ConfigError(
                    f"the journal holds an unresolved order of {intent.order.account} ({intent.order.cl_ord_id}); "
                    "run with that venue configured, or settle it by hand"
                )
            self.dispatch.restore(intent, now_ns)

    # --- inputs ---------------------------------------------------------------------------------------------------

    def opened(self, link_id: str, now_ns: int) -> None:
        """The link is connected."""
        link = self.links[link_id]
        if link.phase is not Phase.DIALING:  # given up meanwhile
            self._port.drop(link_id, link.reason or "not wanted")
            return
        link.opened(now_ns)
        self._dirty = True
        self.log("link.up", link=link_id, attempt=link.attempt)
        self._run(link, lambda: link.session.start(now_ns), now_ns)
        self._end(now_ns)

    def frame(self, link_id: str, data: str | bytes, now_ns: int) -> None:
        """One whole message; ``read_end`` follows after the last of a socket read."""
        link = self.links[link_id]
        if link.phase is not Phase.UP:
            return  # it was ended by an earlier frame of this read
        counted = link.counted
        counted.messages += 1
        counted.bytes += len(data)
        link.watch.heard(now_ns)
        probe = self._probe
        began = probe() if probe is not None else 0
        try:
            outputs = link.session.receive(data, now_ns)
        except Exception as error:
            self._fault(link, error, now_ns)
            return
        if probe is None:
            self._outputs(link, outputs, now_ns)
            return
        decoded = probe()
        self._outputs(link, outputs, now_ns)
        self.counters.decode.observe((decoded - began) / 1000)
        self.counters.book.observe((probe() - decoded) / 1000)

    def read_end(self, link_id: str, now_ns: int) -> None:
        """No more messages in this read: decide."""
        if self.engine.touched or self.dispatch.pending:
            self._end(now_ns)

    def activity(self, link_id: str, now_ns: int) -> None:
        """A ping or pong: the socket lives."""
        self.links[link_id].watch.heard(now_ns)

    def closed(self, link_id: str, reason: str, now_ns: int) -> None:
        """The link is down, or could not be dialled. Intents in flight on it are UNKNOWN in the same turn."""
        link = self.links[link_id]
        self.lines.closed(link, reason, now_ns)
        self._dirty = True
        if link.spec.role is Role.PUBLIC:
            self._lose_books(link, f"{link_id} is down", now_ns)
        else:
            venue = self.venues[link.spec.venue]
            venue.readiness.link_lost(link_id)
            self.dispatch.link_lost(venue, link_id, now_ns)
        self._end(now_ns)

    def answered(self, ref: int, answer: HttpAnswer | NoAnswer, now_ns: int) -> None:
        """A REST answer, or that there is none."""
        matched = self.gateway.answered(ref, answer, now_ns)
        self._dirty = True
        if matched is not None:
            if isinstance(matched.what, Ask):
                self._ask_answered(matched, matched.what, now_ns)
            else:
                self.dispatch.answered(matched, matched.what, now_ns)
        self._end(now_ns)

    def wake(self, now_ns: int) -> None:
        """Timers: whatever is due by now."""
        self.boot.select(now_ns)
        if now_ns >= self.audit.due_ns:
            self.audit.tick(now_ns)
            self.aftermath.tick(now_ns)
        for link in list(self.links.values()):
            link.counted.transit_ns = link.watch.transit.excess_ns
            if link.phase is Phase.UP and link.session.due_ns <= now_ns:
                self._tick(link, now_ns)
            self.lines.wake(link, now_ns)
        for cl_ord_id in self.gateway.overdue(now_ns):
            self.dispatch.unanswered(cl_ord_id, now_ns)
        for venue in self.venues.values():
            self._wake_venue(venue, now_ns)
        self.gateway.pump(now_ns)
        for verdict in self.watchdog.tick(now_ns):
            if isinstance(verdict, LinkDead):
                self._drop(self.links[verdict.link], verdict.reason, now_ns)
            elif (book := self.books.get(verdict.instrument)) is not None and book.state is BookState.SYNCED:
                book.lose(BookState.STALE, verdict.reason)
                self.log("book.stale", instrument=verdict.instrument, why=verdict.reason)
        self.engine.timers(now_ns)
        if now_ns >= self._cancel_ns:
            self._cancel_resting(now_ns)
        self._dirty = True
        self._end(now_ns)

    def late(self, lag_ns: int, now_ns: int) -> None:
        """The loop came back late: what is buffered is old."""
        if self.watchdog.late(lag_ns, now_ns):
            self.counters.late_turns += 1
            self._stale_all("the loop was late", now_ns)
            self.log("loop.late", ms=lag_ns / 1e6)

    def jumped(self, now_ns: int) -> None:
        """The wall clock jumped or the machine slept: nothing held is current."""
        self._stale_all("clock jump or suspend", now_ns)
        self.watchdog.drained_ns = max(self.watchdog.drained_ns, now_ns + JUMP_NS)  # sockets hold frames of before
        self.log("clock.jumped")
        for venue in self.venues.values():
            venue.clock = None
            venue.readiness.clock(ClockSample(venue.exchange.venue, 0, NEVER, now_ns))
            for chore in venue.chores:
                if chore.kind is AskKind.TIME:
                    chore.due_ns = now_ns
        self._dirty = True

    def durable(self, position: int, now_ns: int) -> None:
        """The journal is on the disk up to ``position``."""
        self.dispatch.durable(position, now_ns)

    def stop(self, now_ns: int) -> None:
        """No new deals; open ones are finished or unwound; resting orders are cancelled."""
        if self.engine.stopping:
            return
        self.engine.stopping = True
        self.log("desk.stopping", deals=len(self.engine.deals))
        self._cancel_resting(now_ns)
        self._end(now_ns)

    def _cancel_resting(self, now_ns: int) -> None:
        """Cancel means please: asked again until the end of each is told."""
        self._cancel_ns = now_ns + RETRY_NS
        self._dirty = True
        resting = [
            CancelOrder(
                account=order.intent.account,
                instrument=order.intent.instrument,
                cl_ord_id=order.cl_ord_id,
                order_id=order.order_id,
            )
            for table in self.orders.values()
            for order in table.open()
            if order.intent.tif is Tif.GTC and not order.status.terminal
        ]
        for command in resting:
            self.orders[command.account].cancel_asked(command.cl_ord_id)
        if resting:
            self.dispatch.send(resting, now_ns)

    def halt(self, now_ns: int) -> None:
        """Nothing more is sent but cancels (of all that rests) and queries."""
        self.engine.stopping = True
        self.gate.kill("halted by hand")
        self.log("desk.halted")
        self.gateway.pump(now_ns)  # what waits for tokens is withdrawn
        self._cancel_resting(now_ns)
        self._end(now_ns)

    # --- state ----------------------------------------------------------------------------------------------------

    @property
    def due_ns(self) -> int:
        """When ``wake`` wants to be called."""
        if self._dirty or self.dispatch.dirty:
            self._dirty = self.dispatch.dirty = False
            due = min(self.audit.due_ns, self.boot.due_ns, self._cancel_ns, self.lines.due_ns(self.view.now_ns))
            for venue in self.venues.values():
                due = min(due, venue.due_ns())
            self._due_ns = due
        return min(self._due_ns, self.gateway.due_ns, self.engine.due_ns, self.watchdog.due_ns)

    @property
    def idle(self) -> bool:
        """Nothing is open that could still move: no deal but held ones, no order, nothing in flight."""
        if self.gateway.busy or any(deal.state is not DealState.HELD for deal in self.engine.deals.values()):
            return False
        return not any(table.open() for table in self.orders.values())

    @property
    def calm(self) -> bool:
        """No deal is open: a good moment for a long collection."""
        return not self.engine.deals

    def held(self) -> list[Deal]:
        return [deal for deal in self.engine.deals.values() if deal.state is DealState.HELD]

    def unresolved(self) -> list[Order]:
        """Orders whose fate is not proved."""
        return [order for table in self.orders.values() for order in table.unresolved()]

    def commands_hash(self) -> str:
        """Of every order command sent so far, in order."""
        return self.dispatch.commands_hash()

    # --- sessions and links ---------------------------------------------------------------------------------------

    def _run(self, link: Link, call: Callable[[], Sequence[Any]], now_ns: int, sent_ns: int = 0) -> Sequence[Any]:
        """Call into a session under the one guard, and act on what it says."""
        try:
            outputs = call()
        except Exception as error:
            self._fault(link, error, now_ns)
            return ()
        self._outputs(link, outputs, now_ns, sent_ns)
        return outputs

    def _tick(self, link: Link, now_ns: int) -> None:
        self._run(link, lambda: link.session.tick(now_ns), now_ns)

    def _outputs(self, link: Link, outputs: Sequence[Any], now_ns: int, sent_ns: int = 0) -> None:
        for out in outputs:
            kind = type(out)
            if kind is BookUpdate:
                book = self.books.get(out.instrument)
                if book is not None:
                    book.apply(out)
                    self.engine.touched[out.instrument] = None
                    watch = link.watch
                    book.transit_ns = watch.updated(out.instrument, out.exch_ns, now_ns)
                    if watch.behind or link.behind or now_ns < self.watchdog.drained_ns:
                        self._not_fresh(link, book, now_ns)
                    elif not out.exch_ns and watch.undatable(now_ns):
                        book.lose(BookState.STALE, "its frame tells no time, and no other came just now")
                continue
            handler = self._handlers.get(kind)
            if handler is not None:
                handler(link, out, now_ns)
                self._dirty = True
            elif kind is Send:
                self._dirty = True
                self.lines.send(link, out, now_ns)
            elif kind is Ask or kind is QueryOrder:
                self._dirty = True
                self.gateway.ask(link, out, now_ns)
            elif kind is OrderAbsent:
                self._dirty = True
                self.venues[link.spec.venue].resolver.absent(out, sent_ns or now_ns, now_ns)
            elif kind is Listing:
                self._dirty = True
                self.dispatch.listing(link, out, sent_ns or now_ns, now_ns)

    def _not_fresh(self, link: Link, book: Book, now_ns: int) -> None:
        """An old frame read now must not make a book look young."""
        behind = link.watch.behind
        if behind and not link.behind:
            self.log("link.behind", link=link.spec.link, ms=book.transit_ns / 1e6)
            for instrument in link.spec.instruments:
                other = self.books.get(instrument)
                if other is not None and other.state is BookState.SYNCED:
                    other.lose(BookState.STALE, "its link is behind")
        link.behind = behind
        if book.state is BookState.SYNCED and (behind or now_ns < self.watchdog.drained_ns):
            book.lose(BookState.STALE, "its link is behind" if behind else "the loop was late")

    def _drop(self, link: Link, reason: str, now_ns: int) -> None:
        """End a connection; its books are not waited for."""
        self.lines.drop(link, reason)
        self._lose_books(link, reason, now_ns)

    def _lose_books(self, link: Link, reason: str, now_ns: int) -> None:
        if link.spec.role is Role.PUBLIC:
            for instrument in link.spec.instruments:
                self.engine.book_lost(BookLost(instrument, reason, now_ns), now_ns)

    def _fault(self, link: Link, error: Exception, now_ns: int) -> None:
        """A session raised: the venue's fault costs the frame or the connection, the plugin's fault the link."""
        name = link.spec.link
        if isinstance(error, CredentialsError):
            self.counters.alarms["credentials"] += 1
            self.log("link.refused", link=name, why=str(error))
            self.lines.retire(link, Phase.CLOSED, str(error))
            self.venues[link.spec.venue].readiness.stop(str(error))
        elif isinstance(error, _UNREADABLE):
            self.log("link.bad_frame", link=name, why=_brief(error))
            if link.bad_frame(now_ns):
                self._drop(link, "too many unreadable frames", now_ns)
        elif isinstance(error, RemoteProtocolError):
            self._drop(link, str(error), now_ns)
        else:
            reason = f"plugin fault: {_brief(error)}"
            self.counters.alarms["plugin_fault"] += 1
            self.log("link.quarantined", link=name, why=reason)
            self.lines.retire(link, Phase.QUARANTINED, reason)
            self._lose_books(link, reason, now_ns)
            self.venues[link.spec.venue].readiness.stop(reason)

    # --- venues: start, chores, services --------------------------------------------------------------------------

    def _wake_venue(self, venue: Venue, now_ns: int) -> None:
        for chore in venue.chores:
            if chore.due_ns <= now_ns:
                chore.due_ns = NEVER
                self.gateway.ask(venue.rest, Ask(kind=chore.kind, instrument=chore.instrument), now_ns)
        if venue.list_orders_ns <= now_ns and venue.rest.phase is not Phase.CLOSED:
            venue.list_orders_ns = now_ns + RETRY_NS
            self.gateway.ask(venue.rest, ListOpenOrders(account=venue.account), now_ns)
        if venue.catalogued and venue.resolver.due_ns <= now_ns:
            self.dispatch.wake(venue, now_ns)
        if venue.paper is not None and venue.paper.due_ns <= now_ns:
            self.view.now_ns = now_ns
            self._outputs(venue.rest, venue.paper.tick(now_ns, self.view.book), now_ns, now_ns)

    def _ask_answered(self, matched: Answered, ask: Ask, now_ns: int) -> None:
        link = matched.link
        answer = matched.answer
        venue = self.venues[link.spec.venue]
        outputs = self._run(link, lambda: matched.session.answered(ask, answer, now_ns), now_ns, matched.sent_ns)
        if link.phase is Phase.ASKING:
            self.lines.token(link, now_ns)
        if link is venue.rest and venue.answered(ask, isinstance(answer, HttpAnswer), outputs, matched.sent_ns, now_ns):
            self.boot.select(now_ns)

    def _gave_up(self, matched: Answered, now_ns: int) -> None:
        assert isinstance(matched.what, Ask)
        self._ask_answered(matched, matched.what, now_ns)

    def _withheld(self, order: NewOrder) -> str:
        """An order that waited for tokens or the disk passes the modes and the books of now."""
        deal = self.engine.deals.get(order.deal)
        mode = self.gate.mode(order.account.partition(":")[0], "" if deal is None else pair_of(deal))
        if mode is Mode.HALTED or (mode is Mode.REDUCING and order.purpose is Purpose.ENTRY):
            return f"{mode.value} while it waited"
        book = self.books.get(order.instrument)
        return "" if book is not None and book.trusted else "its book was lost while it waited"

    def _read_refused(self, link: Link, ask: Ask, answer: HttpAnswer, now_ns: int) -> None:
        """A read that is repeated: what its refusal says of rate limits and bans counts all the same."""
        rest = self.venues[link.spec.venue].rest
        try:
            outputs = rest.session.answered(ask, answer, now_ns)
        except Exception as error:  # the guard; see frame
            self._fault(rest, error, now_ns)
            return
        for out in outputs:
            if isinstance(out, RateReport):
                self.heard.rate(rest, out, now_ns)

    def _stale_all(self, reason: str, now_ns: int) -> None:
        for book in self.books.values():
            if book.state is BookState.SYNCED:
                book.lose(BookState.STALE, reason)

    # --- events ---------------------------------------------------------------------------------------------------

    def _on_top(self, link: Link, top: TopUpdate, now_ns: int) -> None:
        """A faster best bid and ask, whose frames often tell no time."""
        if top.exch_ns or not link.watch.undatable(now_ns):
            self.engine.top_update(top, now_ns)

    def _on_book_lost(self, link: Link, lost: BookLost, now_ns: int) -> None:
        link.counted.gaps += 1
        self.log("book.lost", instrument=lost.instrument, why=lost.reason)
        self.engine.book_lost(lost, now_ns)

    def _on_order_update(self, link: Link, update: OrderUpdate, now_ns: int) -> None:
        if update.reason is RejectReason.AUTH and update.ord_status is OrdStatus.REJECTED:
            self.venues[link.spec.venue].readiness.stop(f"the venue refuses the key: {update.text}")
            self.counters.alarms["credentials"] += 1
        self.engine.order_update(update, now_ns)

    def _on_notice(self, link: Link, notice: Notice, now_ns: int) -> None:
        self.log("venue.notice", venue=notice.venue, text=notice.text)
        if notice.going_away and link.phase is Phase.UP:
            link.reason = GOING_AWAY
            self._drop(link, GOING_AWAY, now_ns)

    def _on_ready(self, link: Link, ready: Ready, now_ns: int) -> None:
        target = self.links.get(ready.link, link)
        if target.spec.venue != link.spec.venue:
            return
        target.ready = True
        target.ready_ns = now_ns
        target.watch.ready(now_ns)
        self.log("link.ready", link=target.spec.link)
        venue = self.venues[target.spec.venue]
        venue.readiness.link_ready(target.spec.link, now_ns)
        if target.spec.role is Role.PRIVATE:
            venue.streaming(now_ns)
            for order in venue.orders.open():
                self.dispatch.question(order, now_ns)

    # --- the end of a turn ----------------------------------------------------------------------------------------

    def _end(self, now_ns: int) -> None:
        if self.engine.touched:
            probe = self._probe
            if probe is None:
                self.engine.decide(now_ns)
            else:
                began = probe()
                self.engine.decide(now_ns)
                ended = probe()
                self.counters.decision.observe((ended - began) / 1000)
                if self.dispatch.sent_ns:
                    self.counters.tick_to_order.observe((self.dispatch.sent_ns - now_ns) / 1000)
        self.dispatch.sent_ns = 0
        if self.dispatch.pending:
            self.dispatch.flush()


def _brief(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error)[:200]}"
