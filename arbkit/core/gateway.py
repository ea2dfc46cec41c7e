"""The way out: grants rate tokens by lane, picks the channel once, has the wire made, and matches what comes back.

Reads are timed out and repeated here. An order is sent once or never; whatever is not certain is told as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Protocol, TypeAlias

from arbkit.core.links import Link
from arbkit.core.protocols import NEVER, Exchange, Session
from arbkit.core.throttle import Throttle
from arbkit.core.types import (
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
    Wire,
)

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

    __slots__ = ("link", "not_before_ns", "order", "session", "tries", "what")

    def __init__(self, order: tuple[float, int], what: What, link: Link, not_before_ns: int, tries: int) -> None:
        self.order = order
        self.what = what
        self.link = link
        self.session = link.session
        self.not_before_ns = not_before_ns
        self.tries = tries


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
        intents: Callable[[Sequence[tuple[NewOrder, Role, str]]], int],
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
        self._held: list[tuple[int, Sequence[NewOrder], Role, Link]] = []
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
        self.latency_ns: Callable[[str], int] = lambda _: 0

    # --- reads, queries, cancels, hedges: may wait

    def ask(self, link: Link, what: What, now_ns: int) -> None:
        """Have ``what`` done for ``link``'s session, now or as soon as tokens allow."""
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
        due = NEVER
        for item in waiting:
            if item.link.session is not item.session:
                continue  # its connection is gone: a new session asks for itself
            ready = max(item.not_before_ns, now_ns)
            if ready <= now_ns:
                ready = self._try(item, now_ns)
                if ready == 0:
                    continue
            again.append(item)
            due = min(due, ready)
        self._waiting = again + self._waiting
        self.due_ns = min(due, self._ack_due())

    def _try(self, item: _Waiting, now_ns: int) -> int:
        """Send it and return 0, or return when to try again."""
        what = item.what
        venue = item.link.spec.venue
        role = Role.REST if isinstance(what, Ask) else self._role(what)
        cost = self._exchanges[venue].cost(what, role)
        lane = lane_of(what)
        throttle = self._throttles[venue]
        deal = what.deal if isinstance(what, NewOrder) else 0  # a hedge spends what its deal holds
        if not throttle.take(cost, lane, now_ns, deal):
            return max(throttle.ready_ns(cost, lane, now_ns, deal), now_ns + 1_000_000)
        if isinstance(what, NewOrder):
            self._send_orders([([what], role)], now_ns)
            return 0
        rest = self._rests[venue]
        link = rest if isinstance(what, Ask) or role is Role.REST else self._trades[what.account]
        for wire in self._encode(link, what if isinstance(what, Ask) else [what], now_ns):
            if isinstance(wire, HttpRequest):
                owner = item.link if isinstance(what, Ask) else rest
                self._request(owner, rest, what, (), wire, item, now_ns)
            else:
                self._port.send(link.spec.link, wire.data)
        return 0

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
        linked = [(orders, role, self._link(orders[0], role)) for orders, role in batches]
        position = self._intents([(order, role, link.spec.link) for orders, role, link in linked for order in orders])
        now: list[tuple[Sequence[NewOrder], Role, Link]] = []
        for orders, role, link in linked:
            if position < 0 and orders[0].purpose is Purpose.ENTRY:
                for order in orders:
                    self.not_sent(order, "the journal cannot be written", now_ns)
            elif self._hold and position >= 0:
                self._held.append((position, orders, role, link))
            else:
                now.append((orders, role, link))
        self._transmit(now, now_ns)

    def _link(self, order: NewOrder, role: Role) -> Link:
        return self._trades[order.account] if role is Role.TRADE else self._rests[order.account.partition(":")[0]]

    def _transmit(self, batches: Sequence[tuple[Sequence[NewOrder], Role, Link]], now_ns: int) -> None:
        """Make all wires, then hand all over: the first send must not delay the making of the second leg."""
        made = [(orders, role, link, self._encode(link, orders, now_ns)) for orders, role, link in batches]
        for orders, role, link, wires in made:
            if not wires:
                for order in orders:
                    self.not_sent(order, f"{link.spec.link} could not encode it", now_ns)
            each = len(wires) == len(orders)
            for index, wire in enumerate(wires):
                self._hand_over([orders[index]] if each else orders, role, link, wire, now_ns)

    def _hand_over(self, batch: Sequence[NewOrder], role: Role, link: Link, wire: Wire, now_ns: int) -> None:
        if isinstance(wire, HttpRequest):
            self._request(link, link, batch[0], batch, wire, None, now_ns)
        elif not link.up or not self._port.send(link.spec.link, wire.data):
            for order in batch:
                self.not_sent(order, f"{link.spec.link} is down", now_ns)
            return
        deadline = now_ns + self._ack_timeout(link.spec.venue)
        for order in batch:
            if role is Role.TRADE:
                self._acks[order.cl_ord_id] = deadline
                self.due_ns = min(self.due_ns, deadline)
            self.sent(order, role, link.spec.link, now_ns)

    def durable(self, position: int, now_ns: int) -> None:
        """The journal is on the disk up to ``position``: send what waited for it."""
        ready = []
        while self._held and self._held[0][0] <= position:
            ready.append(self._held.pop(0)[1:])
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
        if answered.link.session is not answered.session:
            return None
        status = answer.status
        failed = isinstance(answer, NoAnswer) or status >= 500 or status in (403, 418, 429)
        if not failed:
            return answered
        if isinstance(answer, HttpAnswer):
            self.refused(answered.link, answered.what, answer, now_ns)
        retry_ns = _retry_after(answer, now_ns)
        assert item is not None
        item.tries += 1
        if item.tries >= READ_TRIES:
            if isinstance(answer, HttpAnswer):
                answered.answer = NoAnswer(f"HTTP {status}", status=status, recv_ns=now_ns)
            return answered
        delay = int(min(RETRY_CAP_NS, RETRY_FIRST_NS << item.tries) * (0.5 + self._rng.random() / 2))
        self._enqueue(item.what, item.link, max(now_ns + delay, retry_ns), item.tries)
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
