"""Orders on their way out: from "passed the gate" to "handed to the link". Only the engine and the desk call it.

An order is sent once or never. Its channel is chosen once, when its rate tokens are taken. Its intent is written to the
journal before its first byte can leave. An order that provably did not leave is REJECTED in the order table at once and
waits in ``refused`` for the end of the turn; the engine drains it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b

import msgspec

from arbkit.core.counters import Counters
from arbkit.core.errors import JournalFailed
from arbkit.core.execution.requests import Requests
from arbkit.core.execution.stamps import Stamps
from arbkit.core.log import Log
from arbkit.core.market.book import Book
from arbkit.core.money.gate import Gate
from arbkit.core.orders.deals import Deal, DealLeg
from arbkit.core.orders.journal import Intent, Record
from arbkit.core.orders.journal import encode as encode_record
from arbkit.core.orders.orders import Change
from arbkit.core.port import Port
from arbkit.core.types import NEVER, Command, HttpRequest, Lane, Mode, NewOrder, Purpose, Role, Wire
from arbkit.core.venues.guard import Guard
from arbkit.core.venues.link import Phase
from arbkit.core.venues.venue import Venue

__all__ = ["Outgoing", "Sender"]

_encode = msgspec.msgpack.Encoder().encode

ACK_FLOOR_NS = 250_000_000
ACK_CAP_NS = 2_000_000_000
WAIT_NS = 2_000_000_000
"""A hedge without a deadline waits no longer for its tokens: the prices it was made for are gone."""
HOLD_NS = 1_000_000_000
"""No order waits longer for the disk: a restart counts with no more when it proves an absence."""
BLOCKED_NS = 1_000_000
"""A hedge whose tokens are there but blocked is tried again after this."""


class Outgoing:
    """One order with its channel and link, both fixed from here on."""

    __slots__ = ("link", "order", "pair", "role", "venue")

    def __init__(self, order: NewOrder, venue: Venue, role: Role, pair: str) -> None:
        self.order = order
        self.venue = venue
        self.role = role
        self.pair = pair
        """The pair of its deal: modes are set by pair."""
        trade = venue.trade
        self.link = trade if role is Role.TRADE and trade is not None else venue.rest


class _Waiting:
    """A hedge or unwind that waits for its tokens, until when, and when to try again."""

    __slots__ = ("order", "pair", "ready_ns", "until_ns", "venue")

    def __init__(self, order: NewOrder, venue: Venue, pair: str, now_ns: int) -> None:
        self.order = order
        self.venue = venue
        self.pair = pair
        self.ready_ns = now_ns
        self.until_ns = order.deadline_ns or now_ns + WAIT_NS


class _Held:
    """Orders whose intents are not on the disk yet (durability ``power``)."""

    __slots__ = ("batches", "position", "until_ns")

    def __init__(self, batches: Sequence[list[Outgoing]], position: int, now_ns: int) -> None:
        self.batches = batches
        self.position = position
        deadlines = [out.order.deadline_ns for batch in batches for out in batch if out.order.deadline_ns]
        self.until_ns = min([now_ns + HOLD_NS, *deadlines])


class Sender:
    """All orders of all venues. ``due_ns``: when ``pump`` or ``overdue`` wants to be called."""

    def __init__(
        self,
        port: Port,
        venues: Mapping[str, Venue],
        requests: Requests,
        guard: Guard,
        gate: Gate,
        books: Mapping[str, Book],
        counters: Counters,
        log: Log,
        *,
        hold_until_durable: bool = False,
        probe: Callable[[], int] | None = None,
    ) -> None:
        self._port = port
        self._venues = venues
        self._requests = requests
        self._guard = guard
        self._gate = gate
        self._books = books
        self._counters = counters
        self._log = log
        self._hold = hold_until_durable
        self.stamps = None if probe is None else Stamps(probe)
        """To read, and for the engine and the desk to stamp."""
        self._hash = blake2b(digest_size=16)
        self._uncounted: list[Command] = []
        """Commands of this turn: they are hashed once the orders have left."""
        self.commands = 0
        """Commands so far."""
        self.sent_ns = 0
        """When an order was last handed over in this turn, by the probe; 0 = none was."""
        self.refused: list[Change] = []
        """Orders of which provably nothing left, for the end of the turn."""
        self.journal_failed = ""
        """Why the journal cannot be written any more; "" = it can."""
        self.due_ns = NEVER
        self.pending: list[Record] = []
        """What waits to be written: see ``journal``."""
        self._written: deque[tuple[int, int]] = deque(maxlen=10_000)
        """Journal position and time of intents that are not on the disk yet."""
        self._held: deque[_Held] = deque()
        self._waiting: list[_Waiting] = []
        self._acks: dict[str, tuple[int, Venue]] = {}
        """By client id: until when the order must be acknowledged."""

    def commands_hash(self) -> str:
        """Of every command so far, in order."""
        self._hash_commands()
        return self._hash.hexdigest()

    def _hash_commands(self) -> None:
        for command in self._uncounted:
            self._hash.update(_encode(command))
        self._uncounted.clear()

    # --- grants

    def grant(
        self, orders: Sequence[NewOrder], deal: Deal, now_ns: int, planned: Sequence[DealLeg] = ()
    ) -> list[Outgoing] | None:
        """Choose the channel of these entries and take their rate tokens and those of the deal's worst unwind, each at
        its own venue; None when one venue has none (what the others took is lost to this window, which is safe).
        ``planned``: all legs of a deal that begins; the tokens of later waves are reserved with it."""
        granted = []
        for order in orders:
            venue = self._venues[order.account.partition(":")[0]]
            if venue.paper is not None:
                granted.append(Outgoing(order, venue, Role.REST, deal.pair))
                continue
            try:
                role = self._granted(venue, order, deal, now_ns)
            except Exception as error:  # as in ``Guard.asked``, which is not called here: this is the way of each order
                self._guard.blame(venue.rest, error)
                role = None
            if role is None:
                if not deal.wave:  # later waves were reserved when the deal began
                    self.release(deal, now_ns)
                return None
            granted.append(Outgoing(order, venue, role, deal.pair))
        if len(planned) > len(orders) and not self._reserve(planned, deal, now_ns):
            self.release(deal, now_ns)
            return None
        return granted

    def _granted(self, venue: Venue, order: NewOrder, deal: Deal, now_ns: int) -> Role | None:
        """The channel of an entry, with its tokens taken; None when the venue has none. Raises what the adapter
        raises, as the two below."""
        role = venue.channel(order)
        cost, throttle = venue.exchange.cost, venue.throttle
        units = [*cost(order, role)]
        if deal.wave:
            return role if throttle.take(units, Lane.ORDER, now_ns, deal.id) else None
        return role if throttle.begin(units, [*cost(order, Role.REST)], deal.id, now_ns) else None

    def _reserve(self, planned: Sequence[DealLeg], deal: Deal, now_ns: int) -> bool:
        """Reserve the tokens of the orders of later waves, and of their unwind."""
        for leg in planned:
            venue = self._venues[leg.account.partition(":")[0]]
            if leg.wave and venue.paper is None:
                order = NewOrder(
                    account=leg.account, instrument=leg.instrument, cl_ord_id="", side=leg.side, qty=leg.qty, px=leg.px
                )
                if not self._guard.asked(venue.rest, self._reserved, venue, order, deal, now_ns):
                    return False
        return True

    def _reserved(self, venue: Venue, order: NewOrder, deal: Deal, now_ns: int) -> bool:
        needed = [*venue.cost(order, venue.channel(order)), *venue.cost(order, Role.REST)]
        return venue.throttle.begin((), needed, deal.id, now_ns)

    def release(self, deal: Deal, now_ns: int) -> None:
        """The deal is over: give back the tokens held for its unwind, at the venues of its legs."""
        for leg in deal.legs:
            name = leg.account.partition(":")[0]
            self._venues[name].throttle.release(deal.id)
            self._requests.freed(name, now_ns)

    # --- commands of one turn, past the gate

    def submit(self, commands: Sequence[Command], pair: str, now_ns: int) -> None:
        """Commands of an executor or of the desk: hedges and unwinds leave as soon as their tokens allow, cancels and
        questions by ``Requests``. Entries need a grant: see ``send``."""
        for command in commands:
            self._count(command)
            venue = self._venues[command.account.partition(":")[0]]
            if not isinstance(command, NewOrder):
                if venue.paper is not None:
                    venue.paper.submit([command], now_ns)
                    venue.moved()
                else:
                    self._requests.ask(venue.rest, command, now_ns)
            elif venue.paper is not None:
                self._send([Outgoing(command, venue, Role.REST, pair)], now_ns)
            else:
                self._waiting.append(_Waiting(command, venue, pair, now_ns))
        self.pump(now_ns)

    def send(self, granted: Sequence[Outgoing], now_ns: int) -> None:
        """Orders with their tokens."""
        for out in granted:
            self._count(out.order)
        self._send(granted, now_ns)

    def _count(self, command: Command) -> None:
        self._uncounted.append(command)
        self.commands += 1

    def pump(self, now_ns: int) -> None:
        """Send the hedges whose tokens have come; refuse those that waited too long."""
        if self._waiting:
            again = []
            for item in self._waiting:
                order, venue = item.order, item.venue
                if why := self._stale(order, item.pair, item.until_ns, now_ns):
                    self.refuse(order, why, now_ns)
                    continue
                found = self._guard.asked(venue.rest, self._hedged, venue, order, now_ns)
                if found is None:
                    self.refuse(order, f"the plugin of {venue.exchange.venue} cannot tell its channel or cost", now_ns)
                    continue
                role, ready_ns = found
                if not ready_ns:
                    self._send([Outgoing(order, venue, role, item.pair)], now_ns)
                    continue
                item.ready_ns = max(ready_ns, now_ns + BLOCKED_NS)
                again.append(item)
            self._waiting = again
        self._set_due()

    def _hedged(self, venue: Venue, order: NewOrder, now_ns: int) -> tuple[Role, int]:
        """The channel of a hedge, and 0 with its tokens taken, or when they could be there."""
        role = venue.channel(order)
        cost, throttle = venue.cost(order, role), venue.throttle
        if throttle.take(cost, Lane.HEDGE, now_ns, order.deal):
            return role, 0
        return role, throttle.ready_ns(cost, Lane.HEDGE, now_ns, order.deal)

    def _stale(self, order: NewOrder, pair: str, until_ns: int, now_ns: int) -> str:
        """Why an order that waited must not leave now: its time, the mode and the book of now."""
        if now_ns >= until_ns:
            return "it waited past its deadline"
        mode = self._gate.mode(order.account.partition(":")[0], pair)
        if mode is Mode.HALTED or (mode is Mode.REDUCING and order.purpose is Purpose.ENTRY):
            return f"{mode.value} while it waited"
        book = self._books.get(order.instrument)
        return "" if book is not None and book.trusted else "its book was lost while it waited"

    # --- journal, encode, hand over

    def _send(self, granted: Sequence[Outgoing], now_ns: int) -> None:
        """Write all intents in one write, make all wires, then hand all over: the first send must not delay the second
        leg, and a deal of which one leg cannot leave is not begun with the other."""
        batches: dict[tuple[str, Role], list[Outgoing]] = {}
        for out in granted:
            order, role = out.order, out.role
            link = "paper" if out.venue.paper is not None else out.link.spec.link
            self.pending.append(Intent(at_ns=now_ns, order=order, channel=role.value, link=link))
            batches.setdefault((order.account, role), []).append(out)
        position = self.flush()
        self._written.append((position, now_ns))
        if position < 0:
            for batch in list(batches.values()):
                if batch[0].order.purpose is Purpose.ENTRY:  # hedges go out unwritten: a naked leg is worse
                    self._refuse(batch, "the journal cannot be written", now_ns)
                    del batches[batch[0].order.account, batch[0].role]
        elif self._hold:
            self._held.append(_Held(list(batches.values()), position, now_ns))
            return
        self._transmit(list(batches.values()), now_ns)

    def _transmit(self, batches: Sequence[list[Outgoing]], now_ns: int) -> None:
        made = []
        stuck: dict[int, str] = {}
        for batch in batches:
            wires, why = self._make(batch, now_ns)
            made.append((batch, wires, why))
            if why and batch[0].order.purpose is Purpose.ENTRY:
                stuck.update((out.order.deal, why) for out in batch)
        if self.stamps is not None:
            self.stamps.made()
        for batch, wires, why in made:
            if stuck and not why and batch[0].order.purpose is Purpose.ENTRY:
                why = next((stuck[out.order.deal] for out in batch if out.order.deal in stuck), "")
            if why:
                self._refuse(batch, why, now_ns)
            elif batch[0].venue.paper is not None:
                self._on_paper(batch, now_ns)
            elif len(wires) == len(batch):
                for out, wire in zip(batch, wires, strict=True):
                    self._hand_over([out], wire, now_ns)
            else:
                self._hand_over(batch, wires[0], now_ns)

    def _make(self, batch: list[Outgoing], now_ns: int) -> tuple[Sequence[Wire], str]:
        """The wires of a batch, or why nothing of it may leave."""
        link = batch[0].link
        if batch[0].venue.paper is not None:
            return (), ""
        if batch[0].role is Role.TRADE and not (link.ready and link.phase is Phase.UP):
            return (), f"{link.spec.link} is down"
        wires = self._guard.listed(link, link.session.encode, [out.order for out in batch], now_ns)
        if wires:
            if len(wires) in (1, len(batch)):
                return wires, ""
            text = f"{len(wires)} wires for {len(batch)} orders: one for each, or one for all"
            self._guard.fault(link, TypeError(text))
        return (), f"{link.spec.link} could not encode it"

    def _hand_over(self, batch: Sequence[Outgoing], wire: Wire, now_ns: int) -> None:
        first = batch[0]
        link, venue = first.link, first.venue
        patience_ns = min(ACK_CAP_NS, max(ACK_FLOOR_NS, 8 * venue.latency_ns))
        if isinstance(wire, HttpRequest):
            orders = [out.order for out in batch]
            self._requests.post(link, orders, wire, now_ns, patience_ns + 1_000_000_000)
        elif link.phase is not Phase.UP or not self._port.send(link.spec.link, wire.data):
            self._refuse(batch, f"{link.spec.link} is down", now_ns)
            return
        link.counted.sent += 1
        for out in batch:
            cl_ord_id = out.order.cl_ord_id
            if out.role is Role.TRADE:
                self._acks[cl_ord_id] = (now_ns + patience_ns, venue)
                self.due_ns = min(self.due_ns, now_ns + patience_ns)
            venue.orders.sent(cl_ord_id, out.role, link.spec.link, now_ns)
        self._left(batch, now_ns)

    def _on_paper(self, batch: Sequence[Outgoing], now_ns: int) -> None:
        for out in batch:
            venue = out.venue
            assert venue.paper is not None
            venue.orders.sent(out.order.cl_ord_id, Role.REST, "paper", now_ns)
            venue.paper.submit([out.order], now_ns)
            venue.moved()
        self._left(batch, now_ns)

    def _left(self, batch: Sequence[Outgoing], now_ns: int) -> None:
        if self.stamps is not None:
            self.sent_ns = self.stamps.now_ns()
            for out in batch:
                self.stamps.left(out.order.cl_ord_id, self.sent_ns, now_ns)

    # --- refusals

    def refuse(self, order: NewOrder, why: str, now_ns: int) -> None:
        """Provably nothing of this order left: REJECTED now, told at the end of the turn."""
        orders = self._venues[order.account.partition(":")[0]].orders
        self.refused.append(orders.not_sent(order.cl_ord_id, why, now_ns))

    def _refuse(self, batch: Sequence[Outgoing], why: str, now_ns: int) -> None:
        for out in batch:
            self.refuse(out.order, why, now_ns)

    # --- acknowledgements

    def acked(self, cl_ord_id: str) -> None:
        """Something answered for this order."""
        self._acks.pop(cl_ord_id, None)

    def overdue(self, now_ns: int) -> list[tuple[Venue, str]]:
        """Orders whose acknowledgement is late: their outcome is unknown."""
        late = [(venue, cl_ord_id) for cl_ord_id, (until_ns, venue) in self._acks.items() if until_ns <= now_ns]
        for _, cl_ord_id in late:
            del self._acks[cl_ord_id]
        return late

    @property
    def busy(self) -> bool:
        """An order is on its way: waiting for the disk, or without its REST answer."""
        return bool(self._held) or self._requests.writes

    def _set_due(self) -> None:
        due = min((until_ns for until_ns, _ in self._acks.values()), default=NEVER)
        for item in self._waiting:
            due = min(due, item.ready_ns, item.until_ns)
        self.due_ns = due

    # --- journal

    def journal(self, record: Record) -> None:
        """Written with the next intent, at the latest at the end of the turn."""
        self.pending.append(record)

    def flush(self) -> int:
        """Write what waits. The journal's position after it; -1 when it cannot be written: then nothing new is begun,
        and what is open is ended from memory."""
        records, self.pending = self.pending, []
        try:
            return self._port.journal(b"".join([encode_record(record) for record in records]))
        except JournalFailed as error:
            self.journal_fails(str(error))
            return -1

    def journal_fails(self, why: str) -> None:
        """The journal cannot be written, or its reserve is in use. Only the first time is told."""
        if not self.journal_failed:
            self.journal_failed = why
            self._counters.alarms["journal"] += 1
            self._log("alarm.journal", why=why)

    def end_turn(self) -> None:
        """Write what waits, and forget the probe of this turn."""
        self.sent_ns = 0
        if self.pending:
            self.flush()
        if self._uncounted:
            self._hash_commands()

    def durable(self, position: int, now_ns: int) -> None:
        """The journal is on the disk up to ``position``: send what waited for it, unless it waited too long."""
        while self._written and self._written[0][0] <= position:
            self._counters.durable.observe((now_ns - self._written.popleft()[1]) / 1000)
        ready: list[list[Outgoing]] = []
        while self._held and self._held[0].position <= position:
            held = self._held.popleft()
            for batch in held.batches:
                if why := self._stale(batch[0].order, batch[0].pair, held.until_ns, now_ns):
                    self._refuse(batch, why, now_ns)
                else:
                    ready.append(batch)
        if ready:
            self._transmit(ready, now_ns)
