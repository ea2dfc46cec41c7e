"""The trading desk: the single writer. Every input is one plain call with one time; every effect leaves by the port.

It makes the collaborators, routes each event to its owner and ends each turn. It is the same code live, on paper, in
replay and in virtual time: the same inputs in the same order with the same times give the same commands. The runtime,
the tape and the virtual run call it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from random import Random
from typing import Any

from msgspec import Struct

from arbkit.core.alarms import Alarms
from arbkit.core.counters import Counters
from arbkit.core.errors import ConfigError, CredentialsError, RemoteProtocolError
from arbkit.core.execution.dialer import GOING_AWAY, Dialer
from arbkit.core.execution.requests import Answered, Requests
from arbkit.core.execution.sender import Sender
from arbkit.core.execution.successors import Successors
from arbkit.core.execution.tracker import Tracker
from arbkit.core.log import Log, no_log
from arbkit.core.market.bases import Bases
from arbkit.core.market.books import Books
from arbkit.core.market.identity import Identity
from arbkit.core.market.prices import Prices
from arbkit.core.market.watchdog import LinkDead, SymbolSilent, Watchdog
from arbkit.core.money.gate import Gate, GateConfig
from arbkit.core.money.ledger import Ledger
from arbkit.core.money.leftovers import Leftovers
from arbkit.core.money.limits import HELD, PERSON, Limits, LimitsConfig, ModeChange
from arbkit.core.orders.deals import Deal, DealState
from arbkit.core.orders.ids import IntentIds
from arbkit.core.orders.journal import Booked, Control, DayBegan, Intent, Interrupted, PersonAsked
from arbkit.core.orders.orders import Order
from arbkit.core.port import Port
from arbkit.core.protocols import Resyncable
from arbkit.core.reported import Reported, contained_ns
from arbkit.core.startup import Startup, make_venue
from arbkit.core.trading.audit import Audit
from arbkit.core.trading.callbacks import SLOW_NS, Callbacks
from arbkit.core.trading.engine import Engine
from arbkit.core.trading.interrupted import InterruptedDeals
from arbkit.core.trading.modes import Modes
from arbkit.core.trading.reasons import Reasons
from arbkit.core.trading.reducing import Reducing
from arbkit.core.trading.running import RunningStrategy
from arbkit.core.trading.view import DeskView
from arbkit.core.types import (
    NEVER,
    Ask,
    AskKind,
    Balance,
    BookUpdate,
    CancelOrder,
    Catalogue,
    HttpAnswer,
    InstrumentUpdate,
    Listing,
    ListOpenOrders,
    Mode,
    NoAnswer,
    Notice,
    OrderAbsent,
    QueryOrder,
    RateReport,
    Ready,
    Role,
    Send,
    Tif,
    TopUpdate,
    Trade,
)
from arbkit.core.venues import health
from arbkit.core.venues.guard import Guard, brief, is_unreadable, said
from arbkit.core.venues.link import Link, Phase
from arbkit.core.venues.venue import RETRY_NS, Venue, VenueSetup

__all__ = ["Desk", "Setup"]

SECOND = 1_000_000_000
_UP = Phase.UP
SAMPLED = 15
"""One frame of a link in so many + 1 (a power of two) is timed, and one decision. Each order is."""
JUMP_NS = SECOND
"""After a clock jump or a suspend no book is fresh for so long."""


class Setup(Struct, frozen=True, kw_only=True):
    """All that a run depends on besides its inputs."""

    venues: Sequence[VenueSetup]
    strategies: Sequence[RunningStrategy]
    limits: LimitsConfig = LimitsConfig()
    gate: GateConfig = GateConfig()
    seed: int = 0
    block: int = 0
    """The id block reserved for this run."""
    first: int = 0
    """The first number that it uses in the block: ``ids.first_in``."""
    unresolved: Sequence[Intent] = ()
    """From the journal of earlier runs: proved before anything new."""
    interrupted: Sequence[Interrupted] = ()
    """Deals that an earlier run did not see closed."""
    booked: Sequence[Booked] = ()
    """What earlier runs gained, and what their deals left."""
    kept: Sequence[Control | DayBegan] = ()
    """Modes that earlier runs set, and the first mark of the day."""
    durability: str = "process"
    """``power``: an order leaves only once its intent is on the disk."""
    same: Mapping[str, Collection[str]] = {}
    """Assets that the user knows to be the same on these venues: see ``market.identity``."""
    strike: Callable[[str], str] = str
    """Takes secrets out of the words of a venue about an order or the account, before they are kept and journaled."""


class Desk:
    """See the module. ``probe`` reads the time for histograms only; nothing is decided by it."""

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
        rng = Random(setup.seed)  # noqa: S311 - jitter, not secrets
        self.catalogue = Catalogue()
        self.watchdog = Watchdog()
        self.market = Books(self.watchdog)
        self.books = self.market.by_id
        """To read. ``market`` owns them."""
        self.prices = Prices(self.books, self.catalogue)
        self.ledger = Ledger()
        self.guard = Guard()
        self.venues: dict[str, Venue] = {}
        self._moved: set[str] = set()
        """Venues whose ``due_ns`` may have changed; they add themselves."""
        self._alarms: Alarms[str] = Alarms()
        """When each venue is due."""
        self.requests = Requests(port, self.venues, self.guard, rng)
        self.dialer = Dialer(
            port, self.venues, self.requests, self.guard, self.watchdog, self.market, rng, self.counters, self.log
        )
        self.links = self.dialer.links
        self.successors = Successors(self.dialer, self.market, self.watchdog, self.log)
        if not setup.venues:
            raise ConfigError("no venues: a desk needs at least one")
        for each in setup.venues:
            if each.exchange.venue in self.venues:
                raise ConfigError(f"venue {each.exchange.venue} is given twice")
            self.venues[each.exchange.venue] = make_venue(each, self.catalogue, self.dialer, self._moved, now_ns)
        self.orders = {venue.account: venue.orders for venue in self.venues.values()}
        for venue in self.venues.values():
            venue.health.most = setup.limits.max_mishaps
            venue.moved()
        self.leftovers = Leftovers(self.prices.last, setup.limits.asset)
        self.limits = Limits(setup.limits, self.ledger, self.catalogue, self.prices, self.leftovers)
        self.gate = Gate(setup.gate, self.catalogue, self.orders, self.books, self.prices)
        self.identity = Identity(setup.same)
        deals: dict[int, Deal] = {}
        self.bases = Bases()
        self.view = DeskView(
            self.catalogue,
            self.books,
            self.bases,
            self.limits,
            self.gate,
            self.venues,
            self.identity,
            setup.strategies,
            deals,
        )
        self.sender = Sender(
            port,
            self.venues,
            self.requests,
            self.guard,
            self.gate,
            self.books,
            self.counters,
            self.log,
            hold_until_durable=setup.durability == "power",
            probe=probe,
        )
        self.modes = Modes(self.gate, self.sender, self.counters, self.log)
        self.reducing = Reducing(self.limits, self.catalogue, self.books, self.orders, self.counters, self.log)
        self.tracker = Tracker(self.venues, self.sender, self.requests, self.counters, self.log)
        self.callbacks = Callbacks(setup.strategies, self.view, self.sender.journal, self.counters, self.log, probe)
        self.engine = Engine(
            catalogue=self.catalogue,
            books=self.market,
            orders=self.orders,
            venues=self.venues,
            ledger=self.ledger,
            limits=self.limits,
            gate=self.gate,
            modes=self.modes,
            reducing=self.reducing,
            view=self.view,
            sender=self.sender,
            tracker=self.tracker,
            callbacks=self.callbacks,
            deals=deals,
            ids=IntentIds(setup.block, first=setup.first),
            counters=self.counters,
            log=self.log,
            now_ns=now_ns,
        )
        self.reasons = Reasons(self.engine, self.gate, self.limits, self.view, self.venues, self.books)
        self.interrupted = InterruptedDeals(setup.interrupted, self.orders, self.catalogue)
        self.startup = Startup(
            self.venues,
            self.catalogue,
            self.market,
            self.dialer,
            self.engine,
            self.callbacks,
            self.interrupted,
            bool(setup.unresolved or setup.interrupted),
            self.log,
            now_ns,
        )
        self.audit = Audit(
            self.ledger,
            self.limits,
            self.modes,
            self.sender,
            self.prices,
            setup.limits.asset,
            self.venues,
            self.counters,
            self.log,
            now_ns,
        )
        self.reported = Reported(
            self.venues,
            self.catalogue,
            self.books,
            self.ledger,
            self.view,
            self.identity,
            self.watchdog,
            self.requests,
            self.tracker,
            self.engine,
            self.counters,
            self.log,
            setup.strike,
        )
        self._handlers: dict[type, Callable[[Link, Any, int], None]] = {
            **self.reported.takers,
            Notice: self._on_notice,
            Ready: self._on_ready,
            Send: self._on_send,
            Ask: self._on_ask,
            QueryOrder: self._on_ask,
        }
        self._cancel_ns = NEVER
        """When resting orders are to be cancelled (again), once the desk stops."""
        self._reads = 0
        """Socket reads that changed a book."""
        self._due_ns = now_ns
        self._dirty = True
        """Something other than books may have changed: ``due_ns`` is worked out anew."""
        self._restore(now_ns)

    def _restore(self, now_ns: int) -> None:
        """Paper balances, what earlier runs gained and left, their orders, the modes that they set, and what they left
        open: UNKNOWN until proved."""
        self.audit.restore(self.setup.booked, [one for one in self.setup.kept if isinstance(one, DayBegan)])
        self.modes.restore(one for one in self.setup.kept if isinstance(one, Control))
        self.reducing.restore(self.setup.booked)
        for booked in self.setup.booked:
            if booked.account in self.orders:
                self.orders[booked.account].ended(booked.orders)
        for venue in self.venues.values():
            if venue.paper is not None:
                for balance in venue.paper.balances(now_ns):
                    self.ledger.balance(balance)
        for intent in self.setup.unresolved:
            account = intent.order.account
            if account not in self.orders:
                raise ConfigError(
                    f"the journal holds an unresolved order of {account} ({intent.order.cl_ord_id}); "
                    "run with that venue configured, or settle it by hand"
                )
            venue = self.venues[account.partition(":")[0]]
            self.engine.restored(self.tracker.restore(venue, intent, now_ns))
        for told in self.setup.interrupted:
            self.engine.left_open(told, now_ns)
        self.callbacks.load()

    # --- inputs ---------------------------------------------------------------------------------------------------

    def opened(self, link_id: str, now_ns: int) -> None:
        """The link is connected."""
        link = self.links[link_id]
        if link.phase is not Phase.DIALING:  # given up meanwhile
            self._port.drop(link_id, link.reason or "not wanted")
            return
        self.dialer.opened(link, now_ns)
        self._dirty = True
        self.log("link.up", link=link_id, attempt=link.attempt)
        self._run(link, link.session.start, now_ns)
        self._end(now_ns)

    def frame(self, link_id: str, data: str | bytes, now_ns: int) -> None:
        """One whole message; ``read_end`` follows after the last of a socket read."""
        link = self.links[link_id]
        if link.phase is not _UP:
            return  # an earlier frame of this read ended it
        counted = link.counted
        counted.messages = count = counted.messages + 1
        counted.bytes += len(data)
        link.watch.seen_ns = now_ns
        if self._probe is not None and not count & SAMPLED:
            self._timed(link, data, now_ns, self._probe)
            return
        session = link.session
        try:
            outputs = session.receive(data, now_ns)
            if type(outputs) is not list and type(outputs) is not tuple:
                outputs = tuple(outputs)  # a generator raises here
        except Exception as error:  # the boundary to plugin code, as in ``Guard.run``
            self.guard.fault(link, error)
            self._faults(now_ns)
            return
        for out in outputs or ():
            if type(out) is BookUpdate:
                if link.books.update(out, link.watch, now_ns):
                    self._behind(link, out, now_ns)
            else:
                self._output(link, out, now_ns, 0)
        if session.due_ns < link.due_ns:
            self._dirty = True
            self.dialer.settle(link, now_ns)

    def _timed(self, link: Link, data: str | bytes, now_ns: int, probe: Callable[[], int]) -> None:
        """``frame`` for one in so many, of which the time is taken."""
        began = probe()
        outputs = self.guard.listed(link, link.session.receive, data, now_ns)
        decoded = probe()
        if outputs is None:
            self._faults(now_ns)
            return
        self._outputs(link, outputs, now_ns)
        if link.session.due_ns < link.due_ns:
            self._dirty = True
            self.dialer.settle(link, now_ns)
        applied = probe()
        self.counters.decode.observe((decoded - began) / 1000)
        self.counters.book.observe((applied - decoded) / 1000)
        if self.sender.stamps is not None:
            self.sender.stamps.frame(decoded, applied)

    def read_end(self, link_id: str, now_ns: int) -> None:
        """No more messages in this read: decide."""
        market, sender = self.market, self.sender
        if market.touched:
            if market.moved or self.engine.asks_more:
                self._end(now_ns)
                return
            market.touched.clear()
        if sender.pending or sender.refused or self.guard.raised or self.callbacks.changed:
            self._end(now_ns)

    def activity(self, link_id: str, now_ns: int) -> None:
        """A ping or pong: the socket lives."""
        self.links[link_id].watch.seen_ns = now_ns

    def closed(self, link_id: str, reason: str, now_ns: int) -> None:
        """The link is down, or could not be dialled. Intents in flight on it are UNKNOWN in the same turn."""
        link = self.links[link_id]
        self._dirty = True
        if self.successors.closed(link, now_ns):
            self._end(now_ns)
            return
        if link.phase is Phase.UP or (link.phase is Phase.CLOSING and link.reason != GOING_AWAY):
            self.venues[link.spec.venue].health.mishap("lost connections", health.LINK_LOST, now_ns)
        self.dialer.closed(link, reason, now_ns)
        if link.spec.role is Role.PUBLIC:
            self._lose_books(link, f"{link_id} is down")
        else:
            venue = self.venues[link.spec.venue]
            venue.readiness.link_lost(link_id)
            for order in self.tracker.link_lost(venue, link_id, now_ns):
                self.engine.doubtful(order, now_ns)
        self._end(now_ns)

    def answered(self, ref: int, answer: HttpAnswer | NoAnswer, now_ns: int) -> None:
        """A REST answer, or that there is none."""
        self._dirty = True
        matched = self.requests.answered(ref, answer, now_ns)
        if matched is not None:
            self._moved.add(matched.link.spec.venue)
            self._answered(matched, now_ns)
        self._end(now_ns)

    def wake(self, now_ns: int) -> None:
        """Timers: whatever is due by now."""
        self._dirty = True
        if now_ns >= self.startup.due_ns:
            self.startup.select(now_ns)
        if now_ns >= self.audit.due_ns:
            self.audit.tick(now_ns)
            self.engine.reduce(now_ns)
            self.bases.sample(self.view.book)
            asset = self.setup.limits.asset
            self.startup.price(self.ledger.unpriced(self.prices, asset), asset, now_ns)
            for left in self.interrupted.tick(now_ns):
                if isinstance(left, Deal):
                    self.engine.resume(left, now_ns)
                else:
                    self.engine.ended_before(left, now_ns)
            self.engine.forget(now_ns)
            deals = {*self.engine.deals, *self.interrupted.deals}
            for table in self.orders.values():
                table.forget(now_ns, deals)
            for book in self.market.stuck(now_ns):
                self._resync(book.instrument, f"crossed for {(now_ns - book.crossed_ns) / 1e9:.1f} s", now_ns)
            for order in self.tracker.untold(now_ns):
                self._mute(order)
            for link in self.links.values():
                link.counted.transit_ns = link.watch.transit.excess_ns
        for name in self.dialer.alarms.take(now_ns):
            link = self.links[name]
            if link.phase is Phase.UP and link.session.due_ns <= now_ns:
                self._run(link, link.session.tick, now_ns)
            if link.leave_ns <= now_ns:
                self._leave(link, "its time is nearly over", now_ns)
            self.dialer.wake(link, now_ns)
        if self.successors.due_ns <= now_ns:
            self.successors.tick(now_ns)
        for order in self.tracker.overdue(now_ns):
            self.engine.doubtful(order, now_ns)
        self._settle_venues()
        for name in self._alarms.take(now_ns):
            self._wake_venue(self.venues[name], now_ns)
        self.sender.pump(now_ns)
        self.requests.pump(now_ns)
        for verdict in self.watchdog.tick(now_ns):
            if isinstance(verdict, LinkDead):
                self._drop(self.links[verdict.link], verdict.reason)
            elif isinstance(verdict, SymbolSilent):
                if self.catalogue[verdict.instrument].tradable:  # what cannot be traded may be silent
                    self._drop(self.links[verdict.link], verdict.reason)
            elif self.market.stale((verdict.instrument,), verdict.reason):
                self.log("book.stale", instrument=verdict.instrument, why=verdict.reason)
        self.engine.timers(now_ns)
        if now_ns >= self._cancel_ns:
            self._cancel_resting(now_ns)
        if self.callbacks.waits:
            self.callbacks.timers(now_ns)
        self._end(now_ns)

    def late(self, lag_ns: int, now_ns: int) -> None:
        """The loop came back late: what is buffered is old."""
        if self.watchdog.late(lag_ns, now_ns):
            self.counters.late_turns += 1
            self.market.stale_all("the loop was late")
            self.log("loop.late", ms=lag_ns / 1e6)

    def jumped(self, now_ns: int) -> None:
        """The wall clock jumped or the machine slept: nothing held is current."""
        self.market.stale_all("clock jump or suspend")
        self.watchdog.late(max(JUMP_NS, self.watchdog.late_ns + 1), now_ns)  # sockets hold frames of before
        self.log("clock.jumped")
        for venue in self.venues.values():
            venue.clock_jumped(now_ns)
            self.watchdog.clock(venue.exchange.venue, None)
        self._dirty = True

    def durable(self, position: int, now_ns: int) -> None:
        """The journal is on the disk up to ``position``."""
        self._dirty = True
        self.sender.durable(position, now_ns)
        self._end(now_ns)

    def stop(self, now_ns: int) -> None:
        """No new deals; open ones are finished or unwound; resting orders are cancelled."""
        if self.engine.stopping:
            return
        self.engine.stop()
        self.log("desk.stopping", deals=len(self.engine.deals))
        self._cancel_resting(now_ns)
        self.callbacks.stop(now_ns)
        self._end(now_ns)

    def halt(self, now_ns: int) -> None:
        """Nothing more is sent but cancels (of all that rests) and queries."""
        running = not self.engine.stopping
        self.engine.stop()
        self._dirty = True
        self.gate.kill("halted by hand")
        self.log("desk.halted")
        self.sender.pump(now_ns)  # what waits for tokens is withdrawn
        self._cancel_resting(now_ns)
        if running:
            self.callbacks.stop(now_ns)
        self.callbacks.save(now_ns, at_once=True)
        self._end(now_ns)

    def mode(self, scope: str, mode: str, rule: str, who: str, why: str, now_ns: int) -> None:
        """Somebody outside asks for a mode of a scope ("" = everything, a venue, or a pair). ACTIVE lifts what the same
        rule has set; from a person also what breakers have set, if its cause is gone."""
        if rule == PERSON:
            self.sender.journal(PersonAsked(at_ns=now_ns, who=who, what=mode, scope=scope, why=why))
        self.modes.ask(scope, Mode(mode), rule, who, why, now_ns)
        self.sender.pump(now_ns)  # what waits for tokens and may not leave any more is withdrawn
        self._dirty = True
        self._end(now_ns)

    def person(self, what: str, scope: str, who: str, why: str, now_ns: int) -> None:
        """A person asks for something that is no mode. ``resolve``: ask now for all that is not proved. ``release``:
        try the HELD deals of the pair ``scope`` again now, and let the pair trade although one stays HELD; what they
        left open counts as before."""
        self.sender.journal(PersonAsked(at_ns=now_ns, who=who, what=what, scope=scope, why=why))
        self.log("person.asked", what=what, scope=scope or "all", who=who, why=why)
        if what == "resolve":
            for venue in self.venues.values():
                venue.resolver.hurry(now_ns)
                venue.moved()
        else:
            self.engine.release(scope, now_ns)
            self.modes.change(ModeChange(scope, Mode.ACTIVE, why, HELD), now_ns, who)
            self.modes.ask(scope, Mode.ACTIVE, PERSON, who, why, now_ns)
        self._dirty = True
        self._end(now_ns)

    def scope_problem(self, scope: str) -> str:
        """Why there is no such scope for ``mode``; "" = there is."""
        instruments = scope.split("+")
        if (
            not scope
            or scope in self.venues
            or (len(instruments) > 1 and all(one in self.books for one in instruments))
        ):
            return ""
        return f"{scope!r} is no venue of this run ({', '.join(self.venues)}), and no pair of two instruments"

    def release_problem(self, pair: str) -> str:
        """Why ``person`` cannot release this pair; "" = it can."""
        if any(deal.pair == pair for deal in self.held()) or self.gate.set_by(pair, HELD) is not None:
            return ""
        pairs = sorted({deal.pair for deal in self.held()})
        return f"no deal of {pair!r} is HELD" + (f"; those of these are: {', '.join(pairs)}" if pairs else "")

    def _cancel_resting(self, now_ns: int) -> None:
        """A cancel is a request: repeat it until the order is terminal."""
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
            self.sender.submit(resting, "", now_ns)

    # --- state ----------------------------------------------------------------------------------------------------

    @property
    def due_ns(self) -> int:
        """When ``wake`` wants to be called."""
        if self._dirty or self._moved or self.engine.moved:
            self._dirty = False
            self.engine.settled()
            self._settle_venues()
            self._due_ns = min(
                self.audit.due_ns,
                self.startup.due_ns,
                self._cancel_ns,
                self._alarms.due_ns,
                self.dialer.alarms.due_ns,
                self.successors.due_ns,
                self.watchdog.due_ns,
                self.sender.due_ns,
                self.requests.due_ns,
                self.engine.due_ns,
            )
        due = self._due_ns
        return min(due, self.callbacks.due_ns) if self.callbacks.waits else due  # a strategy may set it at any time

    def _settle_venues(self) -> None:
        """Set the alarms of the venues in which something changed."""
        for name in self._moved:
            self._alarms.by(name, self.venues[name].due_ns())
        self._moved.clear()

    @property
    def idle(self) -> bool:
        """Nothing is open that could still move: no deal but held ones, no order, nothing in flight."""
        if (
            self.sender.busy
            or self.callbacks.saving
            or any(deal.state is not DealState.HELD for deal in self.engine.deals.values())
        ):
            return False
        return not any(table.open() for table in self.orders.values())

    @property
    def calm(self) -> bool:
        """No deal is open: a good moment for a long collection."""
        return not self.engine.deals

    def held(self) -> list[Deal]:
        """Deals that could be neither completed nor reversed yet, those of earlier runs included."""
        return [deal for deal in self.engine.deals.values() if deal.state is DealState.HELD]

    def unresolved(self) -> list[Order]:
        """Orders whose outcome is not proved."""
        return [order for table in self.orders.values() for order in table.unresolved()]

    @property
    def proved_by_ns(self) -> int:
        """When all open proofs can be complete, if the venues answer; 0 = none is open."""
        return max(venue.resolver.proved_by_ns for venue in self.venues.values())

    def commands_hash(self) -> str:
        """Of every order command sent so far, in order."""
        return self.sender.commands_hash()

    # --- sessions and links ---------------------------------------------------------------------------------------

    def _run(self, link: Link, call: Callable[..., Sequence[Any]], *args: object, sent_ns: int = 0) -> Sequence[Any]:
        """Call into a session under the guard and act on what it says. The last argument is the time."""
        now_ns = args[-1]
        assert isinstance(now_ns, int)
        outputs = self.guard.listed(link, call, *args)
        if outputs is None:
            self._faults(now_ns)
            return ()
        self._outputs(link, outputs, now_ns, sent_ns)
        self.dialer.settle(link, now_ns)
        return outputs

    def _outputs(self, link: Link, outputs: Sequence[Any], now_ns: int, sent_ns: int = 0) -> None:
        """Act on what a session said. ``sent_ns``: when the question it answers was sent, 0 = none was."""
        for out in outputs:
            self._output(link, out, now_ns, sent_ns)

    def _output(self, link: Link, out: Any, now_ns: int, sent_ns: int) -> None:
        """Route one of them."""
        kind = type(out)
        if kind is BookUpdate:
            if link.books.update(out, link.watch, now_ns):
                self._behind(link, out, now_ns)
        elif kind is TopUpdate:
            self._on_top(link, out, now_ns)
        elif kind is OrderAbsent:
            self.tracker.absent(self.venues[link.spec.venue], out, sent_ns or now_ns, now_ns)
        elif kind is Listing:
            self.reported.listing(link, out, sent_ns or now_ns, now_ns)
        elif kind is Trade:
            if link.books is self.market:  # an heir tells what the old connection tells too
                self.callbacks.traded(out, now_ns)
        elif (handler := self._handlers.get(kind)) is not None:
            self._dirty = True
            self._moved.add(link.spec.venue)
            handler(link, out, now_ns)

    def _behind(self, link: Link, update: BookUpdate, now_ns: int) -> None:
        """The link has just turned late."""
        transit_ns = link.books.by_id[update.instrument].transit_ns
        self.log("link.behind", link=link.spec.link, ms=transit_ns / 1e6)
        self.venues[link.spec.venue].clock_doubted(now_ns)
        self._dirty = True

    def _answered(self, matched: Answered, now_ns: int) -> None:
        """A matched answer: rate limits first, then what the session makes of it."""
        link, answer, what, sent_ns = matched.link, matched.answer, matched.what, matched.sent_ns
        venue = self.venues[link.spec.venue]
        if matched.refusal is not None:
            said = self.guard.listed(venue.rest, venue.rest.session.answered, what, matched.refusal, now_ns) or ()
            for out in said:
                if isinstance(out, RateReport):
                    self.reported.rate(venue.rest, out, now_ns)
                elif isinstance(out, Notice):
                    self._on_notice(venue.rest, out, now_ns)
            if matched.repeated:
                return
        if not isinstance(what, Ask):
            outputs: Sequence[Any] = ()
            if isinstance(answer, HttpAnswer):
                outputs = self._run(link, matched.session.answered, what, answer, now_ns, sent_ns=sent_ns)
            for order in self.tracker.answered(matched, outputs, now_ns):
                self.engine.doubtful(order, now_ns)
            return
        outputs = self._run(link, matched.session.answered, what, answer, now_ns, sent_ns=sent_ns)
        if link.phase is Phase.ASKING:
            self.dialer.token(link, now_ns)
        if link is venue.rest:
            known = venue.answered(what, isinstance(answer, HttpAnswer), outputs, sent_ns, now_ns)
            if known is not None:
                self._polled(venue, known, outputs if what.kind is AskKind.PAGE or not what.ref else (), now_ns)

    def _polled(self, venue: Venue, kind: AskKind, whole: Sequence[Any], now_ns: int) -> None:
        """A poll was answered. ``whole``: all that the answer says; what it leaves out is not there any more."""
        if kind is AskKind.CATALOGUE:
            for gone in venue.unlisted(whole) if whole else ():
                self.reported.instrument(venue.rest, InstrumentUpdate(gone), now_ns)
            self.startup.select(now_ns)
        elif kind is AskKind.BALANCES and whole:
            listing = [out for out in whole if isinstance(out, Balance)]
            exch_ns = max((report.exch_ns for report in listing), default=0)
            self.ledger.listed(venue.account, listing, contained_ns(venue, exch_ns, now_ns))

    def _drop(self, link: Link, reason: str) -> None:
        """End a connection; its books are not waited for."""
        self.dialer.drop(link, reason)
        self._lose_books(link, reason)

    def _resync(self, instrument: str, reason: str, now_ns: int) -> None:
        """Ask for one book again: by its session, else by a new connection."""
        for link in list(self.links.values()):
            if link.books is not self.market:
                continue  # an heir
            if link.spec.role is Role.PUBLIC and link.phase is Phase.UP and instrument in link.spec.instruments:
                if isinstance(link.session, Resyncable):
                    self._run(link, link.session.resync, instrument, reason, now_ns)
                else:
                    self._drop(link, f"{instrument}: {reason}")

    def _mute(self, order: Order) -> None:
        """A poll or an answer told a fill that the private stream has not told: dial the stream again, if it was up
        when the order was sent."""
        for link in self.links.values():
            own = link.spec.role is Role.PRIVATE and link.spec.venue == order.intent.account.partition(":")[0]
            if own and link.ready and link.ready_ns <= order.sent_ns:
                self._drop(link, f"mute: it told no fill of {order.cl_ord_id}, an answer did")

    def _lose_books(self, link: Link, reason: str) -> None:
        if link.spec.role is Role.PUBLIC:
            for instrument in link.spec.instruments:
                link.books.lose(instrument, reason)

    def _faults(self, now_ns: int) -> None:
        """What sessions raised in this turn: the venue's fault costs the frame or the connection, the plugin's the
        link."""
        self._dirty = True
        raised = self.guard.raised.copy()
        self.guard.raised.clear()
        for fault in raised:
            link, error = fault.link, fault.error
            name, why = link.spec.link, said(error)
            if isinstance(error, CredentialsError):
                self.counters.alarms["credentials"] += 1
                self.log("link.refused", link=name, why=why)
                self.dialer.retire(link, Phase.CLOSED, why)
                self.venues[link.spec.venue].readiness.stop(why)
            elif is_unreadable(error):
                self.log("link.bad_frame", link=name, why=brief(error))
                if link.bad_frame(now_ns):
                    self._drop(link, "too many unreadable frames")
            elif isinstance(error, RemoteProtocolError):
                self._drop(link, why)
            elif link.phase is not Phase.QUARANTINED:  # of a REST link, answers may be under way
                reason = f"plugin fault: {brief(error)}"
                self.counters.alarms["plugin_fault"] += 1
                self.log("link.quarantined", link=name, why=reason)
                self.dialer.retire(link, Phase.QUARANTINED, reason)
                self._lose_books(link, reason)
                self.venues[link.spec.venue].readiness.stop(reason)

    def _wake_venue(self, venue: Venue, now_ns: int) -> None:
        """Polls, listings, questions and paper that are due."""
        venue.moved()
        for ask in venue.polls.take(now_ns):
            self.requests.ask(venue.rest, ask, now_ns)
        if venue.list_orders_ns <= now_ns and venue.rest.phase is not Phase.CLOSED:
            venue.orders_asked(now_ns)
            self.requests.ask(venue.rest, ListOpenOrders(account=venue.account), now_ns)
        if venue.catalogued and venue.resolver.due_ns <= now_ns:
            for known in self.tracker.wake(venue, now_ns):
                self.engine.changed(known, now_ns)
        if venue.paper is not None and venue.paper.due_ns <= now_ns:
            self.view.now_ns = now_ns
            self._outputs(venue.rest, venue.paper.tick(now_ns, self.view.book), now_ns, now_ns)

    # --- events: a link speaks for its own venue only -------------------------------------------------------------

    def _on_top(self, link: Link, top: TopUpdate, now_ns: int) -> None:
        """A faster best bid and ask; its frames often have no exchange timestamp."""
        if top.exch_ns > 0 or not link.watch.undatable(now_ns):
            link.books.overlay(top)

    def _on_notice(self, link: Link, notice: Notice, now_ns: int) -> None:
        self.log("venue.notice", venue=notice.venue, text=notice.text)
        if notice.going_away and link.phase is Phase.UP and link.spec.role is not Role.REST:
            self._leave(link, notice.text, now_ns)

    def _leave(self, link: Link, why: str, now_ns: int) -> None:
        """A connection is going to end. Another takes over the books; one without books is dialled anew, and one whose
        time is only nearly over waits for that until nothing is open."""
        if link.spec.role is Role.PUBLIC and link.spec.instruments:
            self.successors.begin(link, why, now_ns)
        elif link.leave_ns <= now_ns and not self.idle:
            link.leave_ns = now_ns + RETRY_NS
        else:
            link.leave(GOING_AWAY)
            self._drop(link, GOING_AWAY)

    def _on_ready(self, link: Link, ready: Ready, now_ns: int) -> None:
        target = self.links.get(ready.link, link)
        if target.spec.venue != link.spec.venue:
            return
        target.confirmed(now_ns)
        self.log("link.ready", link=target.spec.link)
        venue = self.venues[target.spec.venue]
        venue.readiness.link_ready(target.spec.link, now_ns)
        if target.spec.role is Role.PRIVATE:
            venue.streaming(now_ns)
            self.tracker.streaming(venue, now_ns)

    def _on_send(self, link: Link, send: Send, now_ns: int) -> None:
        self.dialer.send(link, send, now_ns)

    def _on_ask(self, link: Link, ask: Ask | QueryOrder, now_ns: int) -> None:
        self.requests.ask(link, ask, now_ns)

    # --- the end of a turn ----------------------------------------------------------------------------------------

    def _end(self, now_ns: int) -> None:
        """Decide, then tell what could not be done in this turn, then write the journal."""
        if self.market.touched:
            self._reads += 1
            probe = self._probe
            if probe is None or self._reads & SAMPLED:
                self.engine.decide(now_ns)
            else:
                began, turns = probe(), self.counters.turns
                self.engine.decide(now_ns)
                if self.counters.turns > turns:
                    took_ns = probe() - began
                    self.counters.decision.observe(took_ns / 1000)
                    if took_ns > SLOW_NS:
                        names = "+".join(one.name for one in self.engine.strategies)
                        self.callbacks.slow(names, "decide", took_ns, now_ns)
            if self.sender.sent_ns:
                self.counters.tick_to_order.observe((self.sender.sent_ns - now_ns) / 1000)
        while self.guard.raised or self.requests.given_up or self.sender.refused:
            self._faults(now_ns)
            given_up = self.requests.given_up.copy()
            self.requests.given_up.clear()
            for matched in given_up:
                self._answered(matched, now_ns)
            self.engine.drain(now_ns)
        if self.callbacks.changed:
            self.callbacks.tell(now_ns)
        self.sender.end_turn()
