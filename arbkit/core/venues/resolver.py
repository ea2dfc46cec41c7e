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

A failed query proves nothing. Without proof an order stays UNKNOWN without time limit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import TypeAlias

from msgspec import Struct

from arbkit.core.orders.orders import Order
from arbkit.core.types import NEVER, Capabilities, ListFills, Listing, ListOpenOrders, OrderAbsent, QueryOrder, Tif

__all__ = ["ProvedAbsent", "Question", "Resolver", "Unresolved"]

_MS = 1_000_000
_FIRST_NS, _SLOWEST_NS = 50 * _MS, 5_000 * _MS
"""Delay of the next question after a reply without result: the first value, doubled each time up to the second."""
_AGAIN_NS = 100 * _MS
"""Delay between the two not-found replies of a proof, so that they do not come from the same state of one replica."""
_ANSWER_NS = 5_000 * _MS
"""A question without any reply is repeated after this time (``Requests`` reports ``NoAnswer`` much sooner)."""
_OVERDUE_NS = 400 * _MS
"""An IOC order, or an order with a cancel request, whose end is not reported for this long is queried."""
_GRACE_NS = 300 * _MS
"""Fills and fees may come this much later on the stream than the report that implies them."""
_OPEN = 8
"""Number of unanswered queries to remember per order. Beyond it, the newest entry is replaced."""
_FILLS_BEFORE_NS = 1_000 * _MS
"""Fills are listed from this long before the order was sent, because the clocks differ."""

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

    def __init__(self, order: Order, goal: _Goal, now_ns: int) -> None:
        self.order = order
        self.goal = goal
        self.since_ns = now_ns
        self.asked_ns = 0
        """When the open question was asked; 0 = none is open."""
        self.next_ns = now_ns
        self.queries: list[int] = []
        """When the queries without a matched reply were sent, the oldest first."""
        self.tries = 0
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
        """A reply without result, or no reply: the next question waits longer."""
        self.asked_ns = 0
        self.next_ns = now_ns + min(_FIRST_NS << min(self.tries, 10), _SLOWEST_NS)
        self.tries += 1

    @property
    def proved(self) -> bool:
        """Clauses 2 to 4. Their entries count only if sent after the moment of clause 1, and clause 4 only after clause
        3."""
        return len(self.not_found) >= 2 and self.not_filled

    @property
    def wants_lists(self) -> bool:
        """Whether to request listings. They use many rate-limit units, so only after a query was answered with
        not-found."""
        return self.goal is not _Goal.FILLS and self.missed


class Resolver:
    """The open questions of one account."""

    def __init__(
        self,
        account: str,
        capabilities: Capabilities,
        *,
        known: Callable[[str, str], object] = lambda _, __: None,
        alarm_ns: int = 10_000 * _MS,
    ) -> None:
        """``known(instrument, order_id)`` is true for a venue order id of one of our orders (``Orders.by_order_id``).
        Some venues list fills without the client order id; such a fill is then known to belong to another order."""
        self.account = account
        self.capabilities = capabilities
        self.alarm_ns = alarm_ns + capabilities.order_timeout_ns
        """An order without proof for so long raises an alarm. Before the venue's timeout there can be no proof."""
        self.clock_error_ns = 0
        """Bound of the error of the estimated venue clock. The desk updates it (``ClockSample.error_ns``)."""
        self._known = known
        self._cases: dict[str, _Case] = {}
        self._lists: dict[tuple[type[ListOpenOrders | ListFills], str], int] = {}
        """When the open listings were requested, by kind and instrument. All orders of the instrument share them."""
        self._list_next: dict[str, int] = {}
        """Per instrument: no listing is requested before this time."""

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
        goal, next_ns = _goal(order, now_ns)
        case = self._cases.get(order.cl_ord_id)
        if goal is None:
            if case is not None:
                self._forget(case)
        elif case is None or case.goal is not goal:
            if case is not None:
                self._forget(case)
            case = self._cases[order.cl_ord_id] = _Case(order, goal, now_ns)
            case.next_ns = next_ns
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
            case.next_ns = now_ns + _AGAIN_NS

    def listed(self, listing: Listing, sent_ns: int, now_ns: int) -> None:
        """A listing arrived that was requested at ``sent_ns``. The order table has processed its updates already."""
        kind: type[ListOpenOrders | ListFills] = ListOpenOrders if listing.kind == "open_orders" else ListFills
        self._lists.pop((kind, listing.instrument), None)
        for case in list(self._cases.values()):
            order = case.order
            if listing.instrument not in ("", order.intent.instrument):
                continue
            if case.goal is _Goal.FILLS:
                if kind is ListFills and case.asked_ns and sent_ns >= case.asked_ns:
                    case.replied(now_ns)
                    case.text = "the listing of fills does not contain them"
                continue
            if not listing.complete:
                case.text = f"the listing of {listing.kind} is not complete"
            elif kind is ListFills and listing.since_ns > _fills_from(order):
                case.text = "the listing of fills begins after the order was sent"
            elif sent_ns > self._listed_after(case, kind):
                nothing = not self._is_listed(case, kind, listing)
                if kind is ListFills:
                    case.not_filled = nothing
                else:
                    case.not_open_ns = min(case.not_open_ns, now_ns) if nothing else NEVER
                    case.not_filled = case.not_filled and nothing
            self._list_next[order.intent.instrument] = now_ns + (1 if listing.complete else 10) * _AGAIN_NS

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
        self._list_next[command.instrument] = now_ns + 10 * _AGAIN_NS
        for case in self._cases.values():
            if case.order.intent.instrument == command.instrument:
                case.text = "listings get no answer"
                if case.goal is _Goal.FILLS and isinstance(command, ListFills):
                    case.replied(now_ns)

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
                if case.goal is _Goal.FILLS:
                    if self._lists.get((ListFills, intent.instrument)) != now_ns:
                        out.append(self._list(ListFills, case, now_ns))
                else:
                    case.queries = [*case.queries[: _OPEN - 1], now_ns]
                    out.append(
                        QueryOrder(
                            account=self.account,
                            instrument=intent.instrument,
                            cl_ord_id=intent.cl_ord_id,
                            order_id=order.order_id,
                        )
                    )
            out += [self._list(kind, case, now_ns) for kind, at in self._wanted(case) if at <= now_ns]
            if not case.alarmed and case.since_ns + self.alarm_ns <= now_ns:
                case.alarmed = True
                why = case.goal.value + (f"; {case.text}" if case.text else "")
                out.append(Unresolved(self.account, intent.instrument, intent.cl_ord_id, case.since_ns, why))
        return out

    def _due(self, case: _Case) -> int:
        if case.proved:
            return 0
        due = case.asked_ns + _ANSWER_NS if case.asked_ns else case.next_ns
        for _, at in self._wanted(case):
            due = min(due, at)
        return due if case.alarmed else min(due, case.since_ns + self.alarm_ns)

    def _wanted(self, case: _Case) -> list[tuple[type[ListOpenOrders | ListFills], int]]:
        """The next listing that the proof needs, and when to request it."""
        if not case.wants_lists:
            return []
        instrument = case.order.intent.instrument
        if case.not_open_ns == NEVER:
            kind: type[ListOpenOrders | ListFills] = ListOpenOrders
        elif not case.not_filled:
            kind = ListFills
        else:
            return []
        at = max(self._listed_after(case, kind) + 1, self._list_next.get(instrument, 0))
        asked_ns = self._lists.get((kind, instrument))
        return [(kind, at if asked_ns is None else max(at, asked_ns + _ANSWER_NS))]

    def _listed_after(self, case: _Case, kind: type[ListOpenOrders | ListFills]) -> int:
        """Only a listing sent after this moment counts for clause 3 or 4."""
        if kind is ListOpenOrders:
            return self._proof_ns(case)
        return max(self._proof_ns(case), case.not_open_ns + self.capabilities.lookup_lag_ns)

    def _list(self, kind: type[ListOpenOrders | ListFills], case: _Case, now_ns: int) -> Question:
        instrument = case.order.intent.instrument
        self._lists[kind, instrument] = now_ns
        if kind is ListOpenOrders:
            return ListOpenOrders(account=self.account, instrument=instrument)
        cases = [other for other in self._cases.values() if other.order.intent.instrument == instrument]
        return ListFills(
            account=self.account, instrument=instrument, since_ns=min(_fills_from(other.order) for other in cases)
        )

    def _is_listed(self, case: _Case, kind: type[ListOpenOrders | ListFills], listing: Listing) -> bool:
        """Whether the listing contains the order, or a fill that may belong to it.

        For an order that was acknowledged before (goal END), fills do not count: only an open order shows that it is
        alive.
        """
        order = case.order
        intent = order.intent
        if kind is ListFills and case.goal is _Goal.END:
            return False
        for update in listing.updates:
            if update.instrument != intent.instrument:
                continue
            if update.cl_ord_id == intent.cl_ord_id or (order.order_id and update.order_id == order.order_id):
                return True
            if (
                kind is ListFills
                and not update.cl_ord_id
                and update.side in (None, intent.side)
                and not (update.exch_ns and update.exch_ns < _fills_from(order))
                and not self._known(update.instrument, update.order_id)
            ):
                case.text = f"fill {update.trade_id} of order {update.order_id} belongs to no known order"
                return True
        return False

    def _proof_ns(self, case: _Case) -> int:
        """The moment of clause 1: after it, an order that the venue does not know does not exist. ``NEVER`` if the
        venue does not guarantee an order window."""
        window_ns = self.capabilities.order_window_ns
        if window_ns <= 0:
            return NEVER
        order = case.order
        expiry_ns = max((order.sent_ns or case.since_ns) + window_ns, order.intent.deadline_ns)
        return expiry_ns + self.capabilities.order_timeout_ns + self.clock_error_ns + self.capabilities.lookup_lag_ns

    def _forget(self, case: _Case) -> None:
        del self._cases[case.order.cl_ord_id]
        instrument = case.order.intent.instrument
        if not any(other.order.intent.instrument == instrument for other in self._cases.values()):
            self._list_next.pop(instrument, None)
            for kind in (ListOpenOrders, ListFills):
                self._lists.pop((kind, instrument), None)


def _goal(order: Order, now_ns: int) -> tuple[_Goal | None, int]:
    """What to find out about an order, and the earliest time to ask."""
    if order.done:
        return None, NEVER
    if order.unknown:
        return _Goal.PROOF, now_ns
    if order.status.terminal:
        if order.final:
            return _Goal.FILLS, now_ns + _GRACE_NS
        return _Goal.END, now_ns + _GRACE_NS
    if not order.sent_ns:
        return None, NEVER
    if order.cancel_asked:
        return _Goal.END, now_ns + _OVERDUE_NS
    if order.intent.tif is not Tif.GTC:
        return _Goal.END, max(now_ns, order.sent_ns + _OVERDUE_NS)
    if order.needs_fills:
        return _Goal.FILLS, now_ns + _GRACE_NS
    return None, NEVER


def _fills_from(order: Order) -> int:
    return max(0, order.sent_ns - _FILLS_BEFORE_NS)
