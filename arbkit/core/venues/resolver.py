"""Finds out what happened to UNKNOWN orders, and fetches missing fills. It never sends an order.

There is one per account. The tracker calls ``see`` after every change of an order, sends the commands that ``tick``
returns (``Lane.QUERY``), and passes the answers to ``absent``, ``listed`` and ``failed``. Order updates go to the order
table first, as if they came from a stream.

Absence is proved only when all of these hold:

1. the venue can no longer execute it: sent + ``order_window_ns`` (or the order's deadline, if later) +
   ``order_timeout_ns`` + clock error + ``lookup_lag_ns`` has passed. Only the gateway checks the window: an order that
   arrives in time may wait inside the venue, for as long as the matching engine's own timeout;
2. two not-found replies came to queries *sent* after that moment;
3. a complete listing of open orders, *sent* after that moment, does not contain the order;
4. a complete listing of fills, *sent* ``lookup_lag_ns`` after listing 3 arrived, has no fill of it. (An order can leave
   the book by filling; a listing of fills from before that moment would not show it.)

A fill without client order id, of an order that nobody knows, may be one of this order: the venue is asked for that
order by its order id. A failed query proves nothing. Without proof an order stays UNKNOWN without time limit, and the
questions become rare.

All times are of our clock. Those that the venue is asked with, or tells, are of its own (``VenueClock``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import TypeAlias

from msgspec import Struct

from arbkit.core.orders.orders import Order
from arbkit.core.types import NEVER, Capabilities, ListFills, Listing, ListOpenOrders, OrderAbsent, QueryOrder, Tif
from arbkit.core.venues.clock import VenueClock

__all__ = ["ProvedAbsent", "Question", "Resolver", "Unresolved"]

_MS = 1_000_000
_FIRST_NS, _SLOWEST_NS = 50 * _MS, 5_000 * _MS
"""Delay of the next query after a reply without result: the first value, doubled each time up to the second."""
_LIST_NS, _SLOWEST_LIST_NS = 100 * _MS, 10_000 * _MS
"""The same for listings, which cost several times as much."""
_FAILED_LIST_NS = 1_000 * _MS
"""The least delay after a listing that failed or was cut short."""
_AGAIN_NS = 100 * _MS
"""Delay between the two not-found replies of a proof, so that they do not come from the same state of one replica."""
_RARE_NS = 30_000 * _MS
"""Delay of the next query when both replies of a proof are there: the listings that are missing need the tokens."""
_ANSWER_NS = 5_000 * _MS
"""A query without any reply is repeated after this time (``Requests`` reports ``NoAnswer`` much sooner)."""
_PAGES_NS = 60_000 * _MS
"""The same for a listing: its pages may wait for tokens, and asking again would begin with the first one. ``Requests``
and the session tell each end of it."""
_OVERDUE_NS = 400 * _MS
"""An IOC order, or an order with a cancel request, whose end is not reported for this long is queried."""
_GRACE_NS = 300 * _MS
"""Fills and fees may come this much later on the stream than the report that implies them. Where the stream has no
fills (``Capabilities.streams_fills``), they are listed at once."""
_WHOSE = 10
"""Number of orders that one listing lets us ask for by their order ids."""
_RUNS_NS = 10_000 * _MS
"""The clocks of two runs of ours may differ by so much (a machine that starts before its clock is set)."""
_OPEN = 8
"""Number of unanswered queries to remember per order. Beyond it, the newest entry is replaced."""
_FILLS_BEFORE_NS = 1_000 * _MS
"""Fills are listed from this long before the order was sent, because venues round and batch their timestamps."""
_MOVES_NS = 1_000 * _MS
"""And from so much before that: until the answer comes, the measured clock of the venue may have moved."""

Question: TypeAlias = QueryOrder | ListOpenOrders | ListFills


class ProvedAbsent(Struct, frozen=True, gc=False):
    """Proof that the venue does not have this order and never will: pass it to ``Orders.absent``. An order that was
    acknowledged before has ended, with the fills that are counted."""

    account: str
    instrument: str
    cl_ord_id: str
    why: str


class Unresolved(Struct, frozen=True, gc=False):
    """An alarm, once per order: there is still no proof. The resolver keeps asking."""

    account: str
    instrument: str
    cl_ord_id: str
    since_ns: int
    why: str


class _Goal(Enum):
    PROOF = "its state at the venue is unknown"
    END = "its end was not reported"
    FILLS = "some of its fills or fees are missing"


class _Case:
    """One order that the resolver works on."""

    __slots__ = (
        "alarmed",
        "asked_ns",
        "goal",
        "list_ns",
        "lists",
        "missed",
        "next_ns",
        "not_filled",
        "not_found",
        "not_open_ns",
        "order",
        "queries",
        "since_ns",
        "text",
        "tries",
    )

    def __init__(self, order: Order, goal: _Goal, next_ns: int, now_ns: int) -> None:
        self.order = order
        self.goal = goal
        self.since_ns = now_ns
        self.asked_ns = 0
        """When the open query was sent; 0 = none is open."""
        self.next_ns = NEVER if goal is _Goal.FILLS else next_ns
        self.queries: list[int] = []
        """When the queries without a matched reply were sent, the oldest first."""
        self.tries = 0
        self.list_ns = next_ns
        """No listing is asked for before this time."""
        self.lists = 0
        """Number of listings without result."""
        self.missed = False
        """A query was answered with not-found, at whatever time."""
        self.not_found: list[int] = []
        """Send times of the not-found queries that count for the proof (clause 2)."""
        self.not_open_ns = NEVER
        """When the listing of clause 3 arrived: complete, late enough, and without the order. ``NEVER`` = not yet."""
        self.not_filled = False
        """The listing of clause 4 arrived and has no fill of the order."""
        self.alarmed = False
        self.text = ""
        """What prevents the proof, for the alarm."""

    def replied(self, now_ns: int) -> None:
        """A query was answered without result, or not at all: the next one waits longer."""
        self.asked_ns = 0
        self.next_ns = now_ns + min(_FIRST_NS << min(self.tries, 10), _SLOWEST_NS)
        self.tries += 1

    def listed(self, text: str, now_ns: int, least_ns: int = _LIST_NS) -> None:
        """A listing brought nothing, or there was none: the next one waits longer."""
        self.text = text
        self.list_ns = now_ns + max(least_ns, min(_LIST_NS << min(self.lists, 10), _SLOWEST_LIST_NS))
        self.lists += 1

    @property
    def proved(self) -> bool:
        """Clauses 2 to 4. Their entries count only if sent after the moment of clause 1, and clause 4 only after clause
        3."""
        return len(self.not_found) >= 2 and self.not_filled


class Resolver:
    """The open questions of one account."""

    def __init__(
        self,
        account: str,
        capabilities: Capabilities,
        *,
        clock: VenueClock,
        known: Callable[[str, str], bool] = lambda _, __: False,
        started_ns: int = -1,
        alarm_ns: int = 10_000 * _MS,
    ) -> None:
        """``known(instrument, order_id)`` is true for a venue order id whose order is known, ours or not
        (``Orders.knows``). Some venues list fills without the client order id. ``started_ns``: an order that was sent
        before is of an earlier run."""
        self.account = account
        self.capabilities = capabilities
        self.alarm_ns = alarm_ns + capabilities.order_timeout_ns
        """An order without proof for so long raises an alarm. Before the venue's timeout there can be no proof."""
        self._clock = clock
        self._known = known
        self._started_ns = started_ns
        self._cases: dict[str, _Case] = {}
        self._lists: dict[tuple[type[ListOpenOrders | ListFills], str], int] = {}
        """When the open listings were requested, by kind and instrument ("" = all). All orders of it share them."""
        self._whose: dict[tuple[str, str], int] = {}
        """Instrument and order id of fills that nobody explains: when their order was asked for, 0 = not yet."""

    @property
    def due_ns(self) -> int:
        """When ``tick`` has something to do; ``NEVER`` if no order is open here."""
        return min((self._due(case) for case in self._cases.values()), default=NEVER)

    @property
    def proved_by_ns(self) -> int:
        """When the open proofs can be complete, if the venue answers; 0 = none is open, ``NEVER`` = there can be
        none."""
        proofs = [self._proof_ns(case) for case in self._cases.values() if case.goal is not _Goal.FILLS]
        return min(max(proofs) + self.capabilities.lookup_lag_ns + _ANSWER_NS, NEVER) if proofs else 0

    def in_doubt(self) -> list[str]:
        """Client order ids that are UNKNOWN now, the oldest first."""
        return [cl_ord_id for cl_ord_id, case in self._cases.items() if case.goal is _Goal.PROOF]

    def see(self, order: Order, now_ns: int) -> None:
        """An order was sent, changed, or found in the journal. Cheap and idempotent: call it after every change."""
        goal, next_ns = _goal(order, now_ns, _GRACE_NS if self.capabilities.streams_fills else 0)
        case = self._cases.get(order.cl_ord_id)
        if goal is None:
            if case is not None:
                self._forget(case)
        elif case is None or case.goal is not goal:
            if case is not None:
                self._forget(case)
            self._cases[order.cl_ord_id] = _Case(order, goal, next_ns, now_ns)
        elif case.asked_ns:
            case.replied(now_ns)  # the change may have been the reply

    def absent(self, event: OrderAbsent, sent_ns: int, now_ns: int) -> None:
        """A query sent at ``sent_ns`` was answered with not-found.

        On a socket the reply cannot be matched to one query (``sent_ns`` is then ``now_ns``). It counts as the answer
        to the oldest open query, so that a late reply is not taken for a new one.
        """
        case = self._cases.get(event.cl_ord_id)
        if case is None or case.goal is _Goal.FILLS or not case.queries:
            return
        sent_ns = min(sent_ns, case.queries.pop(0))
        case.replied(now_ns)
        case.missed = True
        proof_ns = self._proof_ns(case)
        if sent_ns <= proof_ns:
            if now_ns < proof_ns < case.next_ns:
                case.next_ns = proof_ns + 1
        elif sent_ns not in case.not_found and len(case.not_found) < 2:
            case.not_found.append(sent_ns)
            case.next_ns = now_ns + (_RARE_NS if len(case.not_found) == 2 else _AGAIN_NS)
        elif len(case.not_found) == 2:
            case.next_ns = now_ns + _RARE_NS

    def listed(self, listing: Listing, sent_ns: int, now_ns: int) -> None:
        """A listing arrived that was requested at ``sent_ns``. The order table has processed its updates already."""
        kind: type[ListOpenOrders | ListFills] = ListOpenOrders if listing.kind == "open_orders" else ListFills
        self._lists.pop((kind, listing.instrument), None)
        for case in list(self._cases.values()):
            order = case.order
            if listing.instrument not in ("", order.intent.instrument):
                continue
            if case.goal is _Goal.FILLS:
                if kind is ListFills and sent_ns >= case.since_ns:
                    case.listed("the listing of fills does not contain them", now_ns)
                continue
            if not listing.complete:
                case.listed(f"the listing of {listing.kind} is not complete", now_ns, _FAILED_LIST_NS)
            elif kind is ListFills and listing.since_ns > self._fills_from(order):
                case.listed("the listing of fills begins after the order was sent", now_ns)
            elif sent_ns <= self._listed_after(case, kind):
                case.list_ns = max(case.list_ns, now_ns + _LIST_NS)  # too early to count
            elif shown := self._shown(case, kind, listing):
                case.not_filled = False
                if kind is ListOpenOrders:
                    case.not_open_ns = NEVER
                case.listed(shown, now_ns)
            elif kind is ListFills:
                case.not_filled = True
            else:
                case.not_open_ns = min(case.not_open_ns, now_ns)

    def failed(self, command: Question, now_ns: int) -> None:
        """No usable answer: ask again later. It never counts as not-found."""
        if isinstance(command, QueryOrder):
            case = self._cases.get(command.cl_ord_id)
            if case is not None:
                del case.queries[-1:]
                case.replied(now_ns)
                case.text = "queries get no answer"
            return
        self._lists.pop((type(command), command.instrument), None)
        for case in self._cases.values():
            if command.instrument in ("", case.order.intent.instrument):
                case.listed("listings get no answer", now_ns, _FAILED_LIST_NS)

    def hurry(self, now_ns: int) -> None:
        """A person wants to know: ask now what would be asked later. What is asked already is waited for."""
        for case in self._cases.values():
            if not case.asked_ns and case.goal is not _Goal.FILLS:
                case.next_ns = min(case.next_ns, now_ns)
            case.list_ns = min(case.list_ns, now_ns)

    def tick(self, now_ns: int) -> Sequence[Question | ProvedAbsent | Unresolved]:
        """The questions to ask now, and the orders that are proved absent or not resolved in time."""
        out: list[Question | ProvedAbsent | Unresolved] = []
        for case in list(self._cases.values()):
            if self._due(case) > now_ns:
                continue
            order = case.order
            intent = order.intent
            if case.proved:
                self._forget(case)
                why = "expired, not found by two queries, and in no listing"
                out.append(ProvedAbsent(self.account, intent.instrument, intent.cl_ord_id, why))
                continue
            if case.asked_ns and case.asked_ns + _ANSWER_NS <= now_ns:
                case.replied(now_ns)
                case.text = "questions get no answer"
            if not case.asked_ns and case.next_ns <= now_ns:
                case.asked_ns = now_ns
                case.queries = [*case.queries[: _OPEN - 1], now_ns]
                out.append(self._query(intent.instrument, intent.cl_ord_id, order.order_id))
            kind, at = self._wanted(case)
            if kind is not None and at <= now_ns:
                out.append(self._list(kind, case, now_ns))
            if not case.alarmed and case.since_ns + self.alarm_ns <= now_ns:
                case.alarmed = True
                why = case.goal.value + (f"; {case.text}" if case.text else "")
                out.append(Unresolved(self.account, intent.instrument, intent.cl_ord_id, case.since_ns, why))
        for (instrument, order_id), asked_ns in self._whose.items():
            if not asked_ns:
                self._whose[instrument, order_id] = now_ns
                out.append(self._query(instrument, "", order_id))
        return out

    def _due(self, case: _Case) -> int:
        if case.proved:
            return 0
        due = case.asked_ns + _ANSWER_NS if case.asked_ns else case.next_ns
        due = min(due, self._wanted(case)[1])
        return due if case.alarmed else min(due, case.since_ns + self.alarm_ns)

    def _wanted(self, case: _Case) -> tuple[type[ListOpenOrders | ListFills] | None, int]:
        """The next listing that the case needs, and when to request it. A proof needs one only after a query was
        answered with not-found: listings cost much."""
        at = case.list_ns
        if case.goal is _Goal.FILLS:
            kind: type[ListOpenOrders | ListFills] = ListFills
        elif not case.missed or case.not_filled:
            return None, NEVER
        else:
            kind = ListOpenOrders if case.not_open_ns == NEVER else ListFills
            at = max(at, self._listed_after(case, kind) + 1)
        asked_ns = self._lists.get((kind, self._scope(kind, case.order.intent.instrument)))
        return kind, at if asked_ns is None else max(at, asked_ns + _PAGES_NS)

    def _listed_after(self, case: _Case, kind: type[ListOpenOrders | ListFills]) -> int:
        """Only a listing sent after this moment counts for clause 3 or 4."""
        if kind is ListOpenOrders:
            return self._proof_ns(case)
        return max(self._proof_ns(case), case.not_open_ns + self.capabilities.lookup_lag_ns)

    def _list(self, kind: type[ListOpenOrders | ListFills], case: _Case, now_ns: int) -> Question:
        instrument = self._scope(kind, case.order.intent.instrument)
        self._lists[kind, instrument] = now_ns
        if kind is ListOpenOrders:
            return ListOpenOrders(account=self.account, instrument=instrument)
        cases = [other for other in self._cases.values() if instrument in ("", other.order.intent.instrument)]
        since_ns = max(0, min(self._fills_from(other.order) for other in cases) - _MOVES_NS)
        return ListFills(account=self.account, instrument=instrument, since_ns=since_ns)

    def _scope(self, kind: type[ListOpenOrders | ListFills], instrument: str) -> str:
        """The instrument that a listing is asked for; "" = one listing has all."""
        return "" if kind is ListFills and self.capabilities.fills_by_account else instrument

    def _query(self, instrument: str, cl_ord_id: str, order_id: str) -> QueryOrder:
        return QueryOrder(account=self.account, instrument=instrument, cl_ord_id=cl_ord_id, order_id=order_id)

    def _shown(self, case: _Case, kind: type[ListOpenOrders | ListFills], listing: Listing) -> str:
        """How the listing shows the order, or a fill that may belong to it; "" if it does not.

        For an order that was acknowledged before (goal END), fills do not count: only an open order shows that it is
        alive.
        """
        order = case.order
        intent = order.intent
        if kind is ListFills and case.goal is _Goal.END:
            return ""
        shown = ""
        unexplained: dict[str, None] = {}
        for update in listing.updates:
            if update.instrument != intent.instrument:
                continue
            if update.cl_ord_id == intent.cl_ord_id or (order.order_id and update.order_id == order.order_id):
                return f"the listing of {listing.kind} has it"
            if (
                kind is ListFills
                and not update.cl_ord_id
                and update.side in (None, intent.side)
                and not (update.exch_ns and update.exch_ns < self._fills_from(order))
                and not self._known(update.instrument, update.order_id)
            ):
                shown = f"fill {update.trade_id} of order {update.order_id} belongs to no known order"
                unexplained[update.order_id] = None
        for order_id in list(unexplained)[:_WHOSE]:
            asked_ns = self._whose.get((intent.instrument, order_id), 0)
            if order_id and asked_ns + _ANSWER_NS <= listing.recv_ns:
                self._whose[intent.instrument, order_id] = 0
        return shown

    def _proof_ns(self, case: _Case) -> int:
        """The moment of clause 1: after it, an order that the venue does not know does not exist. ``NEVER`` if the
        venue does not guarantee an order window."""
        window_ns = self.capabilities.order_window_ns
        if window_ns <= 0:
            return NEVER
        order = case.order
        left_ns = order.sent_ns or case.since_ns
        if left_ns <= self._started_ns:
            left_ns = min(left_ns + _RUNS_NS, self._started_ns)
        expiry_ns = max(left_ns + window_ns, order.intent.deadline_ns)
        return expiry_ns + self.capabilities.order_timeout_ns + self._clock.error_ns + self.capabilities.lookup_lag_ns

    def _fills_from(self, order: Order) -> int:
        """The earliest time of a fill of this order, by the venue's clock."""
        before_ns = _FILLS_BEFORE_NS + (_RUNS_NS if order.sent_ns <= self._started_ns else 0)
        error_ns = self._clock.error_ns if self._clock.known else 0
        return max(0, self._clock.venue_ns(order.sent_ns) - before_ns - error_ns)

    def _forget(self, case: _Case) -> None:
        del self._cases[case.order.cl_ord_id]
        instrument = case.order.intent.instrument
        if not any(other.order.intent.instrument == instrument for other in self._cases.values()):
            self._whose = {key: asked_ns for key, asked_ns in self._whose.items() if key[0] != instrument}
            for kind in (ListOpenOrders, ListFills):
                if (scope := self._scope(kind, instrument)) or not self._cases:
                    self._lists.pop((kind, scope), None)


def _goal(order: Order, now_ns: int, fills_ns: int) -> tuple[_Goal | None, int]:
    """What to find out about an order, and the earliest time to ask. ``fills_ns``: how much later than a report its
    fills may come by themselves."""
    if order.done:
        return None, NEVER
    if order.unknown:
        return _Goal.PROOF, now_ns
    if order.status.terminal:
        if order.final:
            return _Goal.FILLS, now_ns + fills_ns
        return _Goal.END, now_ns + _GRACE_NS
    if not order.sent_ns:
        return None, NEVER
    if order.cancel_asked:
        return _Goal.END, now_ns + _OVERDUE_NS
    if order.intent.tif is not Tif.GTC:
        return _Goal.END, max(now_ns, order.sent_ns + _OVERDUE_NS)
    if order.needs_fills:
        return _Goal.FILLS, now_ns + fills_ns
    return None, NEVER
