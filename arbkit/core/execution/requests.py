"""The way out: grants rate tokens by lane, picks the channel once, has the wire made, and matches what comes back.

Reads are timed out and repeated here. An order is sent once or never; whatever is not certain is told as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Protocol, TypeAlias

from arbkit.core.protocols import Exchange, Session
from arbkit.core.types import (
    NEVER,
    Ask,
    AskKind,
    CancelAll,
    CancelOrder,
    Command,
    Dial,
    HttpAnswer,
    HttpRequest,
    Lane,
    NewOrder,
    NoAnswer,
    Purpose,
    ReplaceOrder,
    Role,
    Send,
    Wire,
)
from arbkit.core.venues.link import Link
from arbkit.core.venues.throttle import Throttle

__all__ = ["Answered", "Gateway", "Port", "lane_of"]

What: TypeAlias = Ask | Command

READ_TIMEOUT_NS = 5_000_000_000
CATALOGUE_TIMEOUT_NS = 30_000_000_000
QUERY_TIMEOUT_NS = 2_000_000_000
ACK_FLOOR_NS = 250_000_000
ACK_CAP_NS = 2_000_000_000
RETRY_FIRST_NS = 300_000_000
RETRY_CAP_NS = 30_000_000_000
READ_TRIES = 6
WAIT_NS = 2_000_000_000
"""A hedge without a deadline waits no longer for its tokens: the prices it was made for are gone."""
HOLD_NS = 1_000_000_000
"""Nor does an order for the disk: a restart counts with no more when it proves an absence."""


class Port(Protocol):
    """The outside, as the floors below the runtime see it: it moves bytes and decides nothing."""

    def dial(self, link: str, dial: Dial) -> None:
        """Connect; ``Desk.opened`` or ``Desk.closed`` follows."""
        ...

    def send(self, link: str, text: str) -> bool:
        """Write one message; False when provably nothing left."""
        ...

    def drop(self, link: str, reason: str) -> None:
        """Close; ``Desk.closed`` follows."""
        ...

    def request(self, link: str, ref: int, request: HttpRequest, timeout_ns: int) -> None:
        """One REST call; exactly one ``Desk.answered(ref, ...)`` follows."""
        ...

    def journal(self, record: bytes) -> int:
        """Append to the journal's page cache before returning; the position after it."""
        ...


class Answered:
    """A REST answer matched to what it answers."""

    __slots__ = ("answer", "commands", "link", "sent_ns", "session", "what")

    def __init__(self, link: Link, session: Session, what: What, commands: Sequence[Command], sent_ns: int) -> None:
        self.link = link
        self.session = session
        self.what = what
        self.commands = commands
        """All that travelled in the request (a batch)."""
        self.sent_ns = sent_ns
        self.answer: HttpAnswer | NoAnswer = NoAnswer("not answered yet")


class _Waiting:
    """A read, query, cancel or hedge that waits for its tokens or its time."""

    __slots__ = ("link", "not_before_ns", "order", "ready_ns", "session", "tries", "until_ns", "what")

    def __init__(self, order: tuple[float, int], what: What, link: Link, not_before_ns: int, tries: int) -> None:
        self.order = order
        self.what = what
        self.link = link
        self.session = link.session
        self.not_before_ns = not_before_ns
        self.ready_ns = not_before_ns
        """When to try (again)."""
        self.tries = tries
        self.until_ns = NEVER
        if isinstance(what, NewOrder):
            self.until_ns = what.deadline_ns or not_before_ns + WAIT_NS


class _Batch:
    """Orders that leave together on one link, and until when they may."""

    __slots__ = ("link", "orders", "role", "until_ns")

    def __init__(self, orders: Sequence[NewOrder], role: Role, link: Link, now_ns: int) -> None:
        self.orders = orders
        self.role = role
        self.link = link
        self.until_ns = min([now_ns + HOLD_NS, *(order.deadline_ns for order in orders if order.deadline_ns)])


def lane_of(what: What) -> Lane:
    """Who this is when tokens are short."""
    if isinstance(what, Ask):
        return what.lane
    if isinstance(what, NewOrder):
        return Lane.ORDER if what.purpose is Purpose.ENTRY else Lane.HEDGE
    if isinstance(what, CancelOrder | CancelAll | ReplaceOrder):
        return Lane.CANCEL
    return Lane.QUERY


class Gateway:
    """All requests of all venues. ``links`` and ``rests`` are the desk's own dicts."""

    def __init__(
        self,
        port: Port,
        exchanges: Mapping[str, Exchange],
        throttles: Mapping[str, Throttle],
        rests: Mapping[str, Link],
        trades: Mapping[str, Link],
        rng: Random,
        intents: Callable[[Sequence[tuple[NewOrder, Role, str]], int], int],
        *,
        hold_until_durable: bool = False,
    ) -> None:
        self._port = port
        self._exchanges = exchanges
        self._throttles = throttles
        self._rests = rests
        """By venue."""
        self._trades = trades
        """Trade links by account."""
        self._rng = rng
        self._intents = intents
        """Journals intents with their channel and link in one write; the position after it, -1 if it failed."""
        self._hold = hold_until_durable
        self._held: list[tuple[int, _Batch]] = []
        """By the journal position that must be durable first."""
        self._waiting: list[_Waiting] = []
        self._flying: dict[int, tuple[Answered, _Waiting | None]] = {}
        self._ref = 0
        self._acks: dict[str, int] = {}
        self.due_ns = NEVER
        self.sent: Callable[[NewOrder, Role, str, int], None] = lambda *_: None
        """Told after each order handed to a link: (order, role, link, now_ns)."""
        self.not_sent: Callable[[NewOrder, str, int], None] = lambda *_: None
        """Told when provably nothing of an order left: (order, why, now_ns)."""
        self.refused: Callable[[Link, Ask, HttpAnswer, int], None] = lambda *_: None
        """Told of a read that the venue refused (403, 418, 429, 5xx) and that is repeated."""
        self.fault: Callable[[Link, Exception, int], None] = lambda *_: None
        """Told what a session raised while it encoded."""
        self.gave_up: Callable[[Answered, int], None] = lambda *_: None
        """Told of a read that could not even be encoded, time and again."""
        self.withheld: Callable[[NewOrder], str] = lambda _: ""
        """Why an order that had to wait must not leave any more (the mode has changed), "" = it may."""
        self.latency_ns: Callable[[str], int] = lambda _: 0

    # --- reads, queries, cancels, hedges: may wait

    def ask(self, link: Link, what: What, now_ns: int) -> None:
        """Have ``what`` done for ``link``'s session, now or as soon as tokens allow; a command that waits already is
        not done twice (services ask again for as long as a ban may last)."""
        if not isinstance(what, Ask) and any(one.what == what for one in self._waiting):
            return
        not_before = what.not_before_ns if isinstance(what, Ask) else 0
        self._enqueue(what, link, max(not_before, now_ns), 0)
        self.pump(now_ns)

    def _enqueue(self, what: What, link: Link, not_before_ns: int, tries: int) -> None:
        self._ref += 1
        self._waiting.append(_Waiting((-lane_of(what).value, self._ref), what, link, not_before_ns, tries))

    def pump(self, now_ns: int) -> None:
        """Send what is due and granted, the better lanes first."""
        if not self._waiting:
            self.due_ns = self._ack_due()
            return
        self._waiting.sort(key=_order)
        again: list[_Waiting] = []
        waiting, self._waiting = self._waiting, []
        for item in waiting:
            if item.link.session is not item.session:
                continue  # its connection is gone: a new session asks for itself
            if isinstance(item.what, NewOrder) and (why := self._stale(item.what, item.until_ns, now_ns)):
                self.not_sent(item.what, why, now_ns)
                continue
            item.ready_ns = max(item.not_before_ns, now_ns)
            if item.ready_ns <= now_ns:
                item.ready_ns = self._try(item, now_ns)
                if item.ready_ns == 0:
                    continue
            again.append(item)
        self._waiting = again + self._waiting  # an executor that was told of a refusal may have added some
        due = min((min(one.ready_ns, one.until_ns) for one in self._waiting), default=NEVER)
        self.due_ns = min(due, self._ack_due())

    def _stale(self, order: NewOrder, until_ns: int, now_ns: int) -> str:
        """Why an order that waited must not leave now."""
        return "it waited past its deadline" if now_ns >= until_ns else self.withheld(order)

    def _try(self, item: _Waiting, now_ns: int) -> int:
        """Send it and return 0, or return when to try again."""
        what = item.what
        role = Role.REST if isinstance(what, Ask) else self._role(what)
        ready = self._take(what, role, item.link, now_ns)
        if ready > now_ns:
            return ready
        if isinstance(what, NewOrder):
            self._send_orders([([what], role)], now_ns)
            return 0
        if role is Role.TRADE and not isinstance(what, Ask):
            link = self._trades[what.account]
            wires = [wire for wire in self._encode(link, [what], now_ns) if isinstance(wire, Send)]
            if wires and all(self._port.send(link.spec.link, wire.data) for wire in wires):
                link.counted.sent += 1
                return 0
        rest = self._rests[item.link.spec.venue]  # also for what could not leave on its trade link: it is no order
        wanted = False
        for wire in self._encode(rest, what if isinstance(what, Ask) else [what], now_ns):
            if isinstance(wire, HttpRequest):
                wanted = True
                owner = item.link if isinstance(what, Ask) else rest
                self._request(owner, rest, what, (), wire, item, now_ns)
        return self._not_made(item, what, now_ns) if isinstance(what, Ask) and not wanted else 0

    def _not_made(self, item: _Waiting, what: Ask, now_ns: int) -> int:
        """A read that the plugin could not encode is tried again like one that failed."""
        item.tries += 1
        if item.tries < READ_TRIES:
            return self._delayed(item, now_ns)
        answered = Answered(item.link, item.session, what, (), now_ns)
        answered.answer = NoAnswer("the request cannot be made", sent=False, recv_ns=now_ns)
        self.gave_up(answered, now_ns)
        return 0

    def _take(self, what: What, role: Role, link: Link, now_ns: int) -> int:
        """Take the tokens and return ``now_ns``, or return when there may be some."""
        cost = self._exchanges[link.spec.venue].cost(what, role)
        lane = lane_of(what)
        throttle = self._throttles[link.spec.venue]
        deal = what.deal if isinstance(what, NewOrder) else 0  # a hedge spends what its deal holds
        if throttle.take(cost, lane, now_ns, deal):
            return now_ns
        return max(throttle.ready_ns(cost, lane, now_ns, deal), now_ns + 1_000_000)

    def _delayed(self, item: _Waiting, now_ns: int) -> int:
        """When a read that failed is tried again."""
        delay = int(min(RETRY_CAP_NS, RETRY_FIRST_NS << item.tries) * (0.5 + self._rng.random() / 2))
        item.not_before_ns = now_ns + delay
        return item.not_before_ns

    def _encode(self, link: Link, what: Ask | Sequence[Command], now_ns: int) -> Sequence[Wire]:
        """Nothing when the plugin cannot: its fault is told, and whoever waits for an answer asks again in time."""
        try:
            return link.session.encode(what, now_ns)
        except Exception as error:  # the one guard for all venues, as for what sessions receive
            self.fault(link, error, now_ns)
            return ()

    def _role(self, command: Command) -> Role:
        venue = command.account.partition(":")[0]
        trade = self._trades.get(command.account)
        for role in self._exchanges[venue].route(command):
            if role is Role.REST or (role is Role.TRADE and trade is not None and trade.up and trade.ready):
                return role
        return Role.REST

    def _request(
        self,
        owner: Link,
        rest: Link,
        what: What,
        commands: Sequence[Command],
        wire: HttpRequest,
        item: _Waiting | None,
        now_ns: int,
    ) -> None:
        self._ref += 1
        self._flying[self._ref] = (Answered(owner, owner.session, what, commands, now_ns), item)
        if isinstance(what, Ask):
            timeout = CATALOGUE_TIMEOUT_NS if what.kind is AskKind.CATALOGUE else READ_TIMEOUT_NS
        elif isinstance(what, NewOrder):
            timeout = self._ack_timeout(owner.spec.venue) + 1_000_000_000
        else:
            timeout = QUERY_TIMEOUT_NS
        self._port.request(rest.spec.link, self._ref, wire, timeout)

    # --- orders: now or never

    def grant(self, orders: Sequence[NewOrder], now_ns: int) -> bool:
        """Take the tokens for all of these entries, each at its own venue; False when one has none (what the others
        took is lost to this window, which errs on the safe side)."""
        for order in orders:
            venue = order.account.partition(":")[0]
            cost = self._exchanges[venue].cost(order, self._role(order))
            if not self._throttles[venue].take(cost, Lane.ORDER, now_ns):
                return False
        return True

    def orders(self, orders: Sequence[NewOrder], now_ns: int) -> None:
        """Send new orders: entries (granted before) now, hedges and unwinds as soon as tokens allow."""
        ready: dict[tuple[str, Role], list[NewOrder]] = {}
        for order in orders:
            if order.purpose is Purpose.ENTRY:
                ready.setdefault((order.account, self._role(order)), []).append(order)
            else:
                self._enqueue(order, self._rests[order.account.partition(":")[0]], now_ns, 0)
        if ready:
            self._send_orders([(batch, role) for (_, role), batch in ready.items()], now_ns)
        self.pump(now_ns)

    def _send_orders(self, batches: Sequence[tuple[list[NewOrder], Role]], now_ns: int) -> None:
        """Write all intents at once, then make each wire and hand it over. The channel is fixed from here on."""
        linked = [_Batch(orders, role, self._link(orders[0], role), now_ns) for orders, role in batches]
        position = self._intents(
            [(order, batch.role, batch.link.spec.link) for batch in linked for order in batch.orders], now_ns
        )
        now: list[_Batch] = []
        for batch in linked:
            if position < 0 and batch.orders[0].purpose is Purpose.ENTRY:
                for order in batch.orders:
                    self.not_sent(order, "the journal cannot be written", now_ns)
            elif self._hold and position >= 0:
                self._held.append((position, batch))
            else:
                now.append(batch)
        self._transmit(now, now_ns)

    def _link(self, order: NewOrder, role: Role) -> Link:
        return self._trades[order.account] if role is Role.TRADE else self._rests[order.account.partition(":")[0]]

    def _transmit(self, batches: Sequence[_Batch], now_ns: int) -> None:
        """Make all wires, then hand all over: the first send must not delay the making of the second leg, and a deal of
        which one leg cannot leave is not begun with the other."""
        made = [(batch, *self._make(batch, now_ns)) for batch in batches]
        stuck = {
            order.deal: why for batch, _, why in made if why for order in batch.orders if order.purpose is Purpose.ENTRY
        }
        for batch, wires, why in made:
            if batch.orders[0].purpose is Purpose.ENTRY:
                why = why or next((stuck[order.deal] for order in batch.orders if order.deal in stuck), "")
            if why:
                for order in batch.orders:
                    self.not_sent(order, why, now_ns)
                continue
            each = len(wires) == len(batch.orders)
            for index, wire in enumerate(wires):
                self._hand_over([batch.orders[index]] if each else batch.orders, batch, wire, now_ns)

    def _make(self, batch: _Batch, now_ns: int) -> tuple[Sequence[Wire], str]:
        """The wires of a batch, or why nothing of it may leave."""
        orders, link = batch.orders, batch.link
        name = link.spec.link
        if batch.role is Role.TRADE and not (link.up and link.ready):
            return (), f"{name} is down"
        wires = self._encode(link, orders, now_ns)
        if len(wires) in (1, len(orders)):
            return wires, ""
        if wires:
            count = f"{len(wires)} wires for {len(orders)} orders"
            self.fault(link, TypeError(f"{count}: one for each, or one for all"), now_ns)
        return (), f"{name} could not encode it"

    def _hand_over(self, orders: Sequence[NewOrder], batch: _Batch, wire: Wire, now_ns: int) -> None:
        link = batch.link
        if isinstance(wire, HttpRequest):
            self._request(link, link, orders[0], orders, wire, None, now_ns)
        elif not link.up or not self._port.send(link.spec.link, wire.data):
            for order in orders:
                self.not_sent(order, f"{link.spec.link} is down", now_ns)
            return
        link.counted.sent += 1
        deadline = now_ns + self._ack_timeout(link.spec.venue)
        for order in orders:
            if batch.role is Role.TRADE:
                self._acks[order.cl_ord_id] = deadline
                self.due_ns = min(self.due_ns, deadline)
            self.sent(order, batch.role, link.spec.link, now_ns)

    def durable(self, position: int, now_ns: int) -> None:
        """The journal is on the disk up to ``position``: send what waited for it, unless it waited too long."""
        ready: list[_Batch] = []
        while self._held and self._held[0][0] <= position:
            batch = self._held.pop(0)[1]
            why = self._stale(batch.orders[0], batch.until_ns, now_ns)
            if not why:
                ready.append(batch)
                continue
            for order in batch.orders:
                self.not_sent(order, why, now_ns)
        self._transmit(ready, now_ns)

    def _ack_timeout(self, venue: str) -> int:
        return min(ACK_CAP_NS, max(ACK_FLOOR_NS, 8 * self.latency_ns(venue)))

    def acked(self, cl_ord_id: str) -> None:
        """Something answered for this order."""
        self._acks.pop(cl_ord_id, None)

    def overdue(self, now_ns: int) -> list[str]:
        """Orders whose acknowledgement is late: their outcome is unknown."""
        late = [cl_ord_id for cl_ord_id, deadline in self._acks.items() if deadline <= now_ns]
        for cl_ord_id in late:
            del self._acks[cl_ord_id]
        return late

    def _ack_due(self) -> int:
        return min(self._acks.values(), default=NEVER)

    # --- answers

    def answered(self, ref: int, answer: HttpAnswer | NoAnswer, now_ns: int) -> Answered | None:
        """Match an answer; None when it is repeated (a read that failed) or nobody wants it any more."""
        flight = self._flying.pop(ref, None)
        if flight is None:
            return None
        answered, item = flight
        answered.answer = answer
        if not isinstance(answered.what, Ask):
            return answered
        status = answer.status
        failed = isinstance(answer, NoAnswer) or status >= 500 or status in (403, 418, 429)
        if not failed:
            return answered if answered.link.session is answered.session else None
        if isinstance(answer, HttpAnswer):
            self.refused(answered.link, answered.what, answer, now_ns)
        if answered.link.session is not answered.session:
            return None
        retry_ns = _retry_after(answer, now_ns)
        assert item is not None
        item.tries += 1
        if item.tries >= READ_TRIES:
            if isinstance(answer, HttpAnswer):
                answered.answer = NoAnswer(f"HTTP {status}", status=status, recv_ns=now_ns)
            return answered
        self._enqueue(item.what, item.link, max(self._delayed(item, now_ns), retry_ns), item.tries)
        self.pump(now_ns)
        return None

    @property
    def busy(self) -> bool:
        """An order write is on its way or held back."""
        return bool(self._held) or any(isinstance(entry[0].what, NewOrder) for entry in self._flying.values())


def _order(item: _Waiting) -> tuple[float, int]:
    return item.order


def _retry_after(answer: HttpAnswer | NoAnswer, now_ns: int) -> int:
    if isinstance(answer, NoAnswer):
        return answer.retry_ns
    seconds = answer.headers.get("retry-after", "")
    return now_ns + int(seconds) * 1_000_000_000 if seconds.isdigit() else 0
