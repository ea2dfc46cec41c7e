"""Reads, queries and cancels: granted rate tokens by lane, sent, timed out, and repeated where that is safe.

The desk, the dialer and the tracker ask; ``execution.sender`` sends its REST orders through ``post``. An order write is
never repeated here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import TypeAlias

from msgspec.structs import replace

from arbkit.core.alarms import Alarms
from arbkit.core.port import Port
from arbkit.core.types import (
    NEVER,
    Ask,
    AskKind,
    CancelAll,
    CancelOrder,
    Command,
    HttpAnswer,
    HttpRequest,
    Lane,
    ListFills,
    ListOpenOrders,
    NewOrder,
    NoAnswer,
    Purpose,
    ReplaceOrder,
    Role,
    Send,
    Wire,
)
from arbkit.core.venues.guard import Guard
from arbkit.core.venues.link import Link
from arbkit.core.venues.venue import Venue

__all__ = ["Answered", "Requests", "lane_of"]

What: TypeAlias = Ask | Command

READ_TIMEOUT_NS = 5_000_000_000
CATALOGUE_TIMEOUT_NS = 30_000_000_000
QUERY_TIMEOUT_NS = 2_000_000_000
RETRY_FIRST_NS = 300_000_000
RETRY_CAP_NS = 30_000_000_000
READ_TRIES = 6
_LISTED, _PAGED = 64 << 20, 16 << 20
_MOST: Mapping[AskKind | type[Command], int] = {
    AskKind.CATALOGUE: _LISTED,
    AskKind.ASSETS: _LISTED,
    AskKind.FEES: _LISTED,
    AskKind.SNAPSHOT: _PAGED,
    AskKind.PAGE: _PAGED,
    ListOpenOrders: _PAGED,
    ListFills: _PAGED,
}
"""Bytes of an answer after decompression that may be over the usual 1 MiB. Some venues' catalogues have 20 MB."""
_REFUSALS = frozenset({403, 418, 429, 451})
"""HTTP statuses of firewalls, bans, throttles and legal blocks (RFC 7725): asking on at once makes them last."""
_MOST_DIGITS = 6
"""A ``Retry-After`` of more digits (over 11 days) is no time to wait for."""
BLOCKED_NS = 1_000_000
"""A request whose tokens are there but blocked is tried again after this."""


_UNANSWERED = NoAnswer("not answered yet")


class Answered:
    """A REST answer matched to what it answers."""

    __slots__ = ("answer", "commands", "link", "refusal", "repeated", "sent_ns", "session", "what")

    def __init__(self, link: Link, what: What, commands: Sequence[Command], sent_ns: int) -> None:
        self.link = link
        self.session = link.session
        self.what = what
        self.commands = commands
        """All that travelled in the request (a batch of orders, or the one command)."""
        self.sent_ns = sent_ns
        self.answer: HttpAnswer | NoAnswer = _UNANSWERED
        self.refusal: HttpAnswer | None = None
        """A read that the venue refused (``_REFUSALS``, 5xx): what it says of rate limits, and to a person, counts."""
        self.repeated = False
        """The read is repeated: nothing else of this answer counts."""


class _Waiting:
    """A request that waits for its tokens or its time."""

    __slots__ = ("link", "not_before_ns", "order", "ready_ns", "session", "tries", "what")

    def __init__(self, order: tuple[float, int], what: What, link: Link, not_before_ns: int, tries: int) -> None:
        self.order = order
        self.what = what
        self.link = link
        self.session = link.session
        self.not_before_ns = not_before_ns
        self.ready_ns = not_before_ns
        """When to try (again)."""
        self.tries = tries


def lane_of(what: What) -> Lane:
    """The lane of a request: who goes first when tokens are short."""
    if isinstance(what, Ask):
        return Lane.QUERY if what.kind is AskKind.PAGE else what.lane
    if isinstance(what, NewOrder):
        return Lane.ORDER if what.purpose is Purpose.ENTRY else Lane.HEDGE
    if isinstance(what, CancelOrder | CancelAll | ReplaceOrder):
        return Lane.CANCEL
    return Lane.QUERY


class Requests:
    """All requests of all venues. ``given_up``: reads that could not even be encoded; the desk drains it.

    What waits is kept by venue: what one venue makes wait costs the others nothing."""

    def __init__(self, port: Port, venues: Mapping[str, Venue], guard: Guard, rng: Random) -> None:
        self._port = port
        self._venues = venues
        self._guard = guard
        self._rng = rng
        self._waiting: dict[str, list[_Waiting]] = {}
        self._alarms: Alarms[str] = Alarms()
        """When something that waits at a venue can be tried again."""
        self._flying: dict[int, tuple[Answered, _Waiting | None]] = {}
        self._ref = 0
        self.given_up: list[Answered] = []

    @property
    def due_ns(self) -> int:
        """When ``pump`` wants to be called."""
        return self._alarms.due_ns

    # --- out

    def ask(self, link: Link, what: What, now_ns: int) -> None:
        """Have ``what`` done for ``link``'s session, now or as soon as tokens allow. A command that waits already is
        not done twice: services ask again for as long as a ban may last. Of two listings of fills that differ in their
        beginning the longer one is asked for."""
        venue = link.spec.venue
        for one in () if isinstance(what, Ask) else self._waiting.get(venue, ()):
            if isinstance(what, ListFills) and isinstance(one.what, ListFills):
                since_ns = min(what.since_ns, one.what.since_ns)
                longer = replace(what, since_ns=since_ns)
                if longer == replace(one.what, since_ns=since_ns):
                    one.what = longer
                    return
            elif one.what == what:
                return
        not_before = what.not_before_ns if isinstance(what, Ask) else 0
        self._enqueue(what, link, max(not_before, now_ns), 0)
        self._pump(venue, now_ns)

    def _enqueue(self, what: What, link: Link, not_before_ns: int, tries: int) -> None:
        self._ref += 1
        item = _Waiting((-lane_of(what).value, self._ref), what, link, not_before_ns, tries)
        self._waiting.setdefault(link.spec.venue, []).append(item)

    def pump(self, now_ns: int) -> None:
        """Send what is due and granted."""
        for venue in self._alarms.take(now_ns):
            self._pump(venue, now_ns)

    def freed(self, venue: str, now_ns: int) -> None:
        """Tokens of a venue came back sooner than it had said: what waits there is tried at the next ``pump``."""
        if self._waiting.get(venue):
            self._alarms.by(venue, now_ns)

    def _pump(self, venue: str, now_ns: int) -> None:
        """Send what is due and granted at a venue, the better lanes first."""
        waiting = self._waiting.pop(venue)
        waiting.sort(key=_order)
        again: list[_Waiting] = []
        for item in waiting:
            if item.link.session is not item.session:
                continue  # its connection is gone: a new session asks for itself
            item.ready_ns = max(item.not_before_ns, now_ns)
            if item.ready_ns <= now_ns:
                item.ready_ns = self._try(item, now_ns)
                if item.ready_ns == 0:
                    continue
            again.append(item)
        if again:
            self._waiting[venue] = again
        self._alarms.at(venue, min((one.ready_ns for one in again), default=NEVER))

    def _try(self, item: _Waiting, now_ns: int) -> int:
        """Send it and return 0, or return when to try again."""
        what = item.what
        venue = self._venues[item.link.spec.venue]
        found = self._guard.asked(venue.rest, self._granted, venue, what, now_ns)
        if found is None:  # as if it could not be encoded
            return self._not_made(item, what, now_ns) if isinstance(what, Ask) else 0
        role, ready_ns = found
        if ready_ns:
            return max(ready_ns, now_ns + BLOCKED_NS)
        if role is Role.TRADE and not isinstance(what, Ask) and self._on_socket(venue, what, now_ns):
            return 0
        rest = venue.rest  # also for what could not leave on its trade link: it is no order
        wanted = False
        for wire in self._encode(rest, what if isinstance(what, Ask) else [what], now_ns):
            if isinstance(wire, HttpRequest):
                wanted = True
                owner = item.link if isinstance(what, Ask) else rest
                most = _MOST.get(what.kind if isinstance(what, Ask) else type(what), 0)
                if most:
                    wire = replace(wire, most=most)
                self._fly(Answered(owner, what, (), now_ns), item, rest, wire, _timeout(what))
        return self._not_made(item, what, now_ns) if isinstance(what, Ask) and not wanted else 0

    def _granted(self, venue: Venue, what: What, now_ns: int) -> tuple[Role, int]:
        """The channel, and 0 with the tokens taken, or when they could be there. Raises what the adapter raises."""
        role = Role.REST if isinstance(what, Ask) else venue.channel(what)
        cost, lane = venue.cost(what, role), lane_of(what)
        if venue.throttle.take(cost, lane, now_ns):
            return role, 0
        return role, venue.throttle.ready_ns(cost, lane, now_ns)

    def _on_socket(self, venue: Venue, what: Command, now_ns: int) -> bool:
        """Whether the command left on the venue's trade link."""
        link = venue.trade
        assert link is not None  # ``Venue.channel`` chose it
        wires = [wire for wire in self._encode(link, [what], now_ns) if isinstance(wire, Send)]
        if not wires or not all(self._port.send(link.spec.link, wire.data) for wire in wires):
            return False
        link.counted.sent += 1
        return True

    def _encode(self, link: Link, what: Ask | Sequence[Command], now_ns: int) -> Sequence[Wire]:
        """Nothing when the plugin raised: whoever waits for an answer asks again in time."""
        return self._guard.listed(link, link.session.encode, what, now_ns) or ()

    def _not_made(self, item: _Waiting, what: Ask, now_ns: int) -> int:
        """A read that the plugin could not encode is tried again like one that failed."""
        item.tries += 1
        if item.tries < READ_TRIES:
            return self._delayed(item, now_ns)
        answered = Answered(item.link, what, (), now_ns)
        answered.answer = NoAnswer("the request cannot be made", sent=False, recv_ns=now_ns)
        self.given_up.append(answered)
        return 0

    def _delayed(self, item: _Waiting, now_ns: int) -> int:
        """When a read that failed is tried again."""
        delay = int(min(RETRY_CAP_NS, RETRY_FIRST_NS << item.tries) * (0.5 + self._rng.random() / 2))
        item.not_before_ns = now_ns + delay
        return item.not_before_ns

    def post(self, rest: Link, orders: Sequence[NewOrder], wire: HttpRequest, now_ns: int, timeout_ns: int) -> None:
        """Send orders by REST, once. The answer comes back by ``answered`` like any other."""
        self._fly(Answered(rest, orders[0], orders, now_ns), None, rest, wire, timeout_ns)

    def _fly(self, answered: Answered, item: _Waiting | None, rest: Link, wire: HttpRequest, timeout_ns: int) -> None:
        self._ref += 1
        self._flying[self._ref] = (answered, item)
        self._port.request(rest.spec.link, self._ref, wire, timeout_ns)

    # --- back

    def answered(self, ref: int, answer: HttpAnswer | NoAnswer, now_ns: int) -> Answered | None:
        """Match an answer; None when nobody wants it any more. A read that failed is repeated (``Answered.repeated``)
        until its tries are used up."""
        answered, item = self._flying.pop(ref, (None, None))
        if answered is None:
            return None
        answered.answer = answer
        if not isinstance(answered.what, Ask):
            return answered
        stale = answered.link.session is not answered.session
        if isinstance(answer, HttpAnswer):
            if answer.status < 500 and answer.status not in _REFUSALS:
                return None if stale else answered
            answered.refusal = answer
        assert item is not None  # every read has one
        item.tries += 1
        if not stale and item.tries >= READ_TRIES:
            if isinstance(answer, HttpAnswer):
                answered.answer = NoAnswer(f"HTTP {answer.status}", status=answer.status, recv_ns=now_ns)
            return answered
        if not stale:
            not_before = max(self._delayed(item, now_ns), _retry_after(answer, now_ns))
            self._enqueue(item.what, item.link, not_before, item.tries)
            self._pump(item.link.spec.venue, now_ns)
        answered.repeated = True
        return answered if answered.refusal is not None else None

    @property
    def writes(self) -> bool:
        """An order write is on its way."""
        return any(isinstance(answered.what, NewOrder) for answered, _ in self._flying.values())


def _order(item: _Waiting) -> tuple[float, int]:
    return item.order


def _timeout(what: What) -> int:
    if isinstance(what, Ask):
        return CATALOGUE_TIMEOUT_NS if what.kind is AskKind.CATALOGUE else READ_TIMEOUT_NS
    return QUERY_TIMEOUT_NS


def _retry_after(answer: HttpAnswer | NoAnswer, now_ns: int) -> int:
    if isinstance(answer, NoAnswer):
        return answer.retry_ns
    seconds = answer.headers.get("retry-after", "")
    readable = seconds.isascii() and seconds.isdecimal() and len(seconds) <= _MOST_DIGITS
    return now_ns + int(seconds) * 1_000_000_000 if readable else 0
