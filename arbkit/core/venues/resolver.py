"""Proves what became of orders nobody answered for, and fetches fills that never came. It never sends an order.

One per account. The desk calls ``see`` after every change of an order, carries out the commands that ``tick`` returns
(``Lane.QUERY``), and reports what came back through ``absent``, ``listed`` and ``failed``; updates go to the order
table first, as from a stream.

Absence is proved only when all of these hold:

1. the venue-side expiry has passed: sent + ``order_window_ns`` + clock error + ``lookup_lag_ns``;
2. two not-found replies came to queries *sent* after that moment;
3. a complete open-orders listing, *sent* after it, does not have the order;
4. a complete fills listing, *sent* ``lookup_lag_ns`` after that one came, has no fill of it (an order may leave the
   book by filling: fills listed before it left would not show that).

A query that failed is nothing. Without proof an order stays UNKNOWN, for ever.
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
"""Delay after the first reply that settled nothing; doubles up to the second."""
_AGAIN_NS = 100 * _MS
"""Between the two not-found replies of a proof: not the same breath of the same replica."""
_ANSWER_NS = 5_000 * _MS
"""A question without any reply is asked again after so long (the gateway says NoAnswer much sooner)."""
_OVERDUE_NS = 400 * _MS
"""An IOC without its end, or a cancel without its, is asked for after so long."""
_GRACE_NS = 300 * _MS
"""Fills and fees come this much later on the stream than the report that implies them."""
_OPEN = 8
"""Queries without a reply to remember; beyond it the oldest stand for all."""
_SINCE_NS = 1_000 * _MS
"""Fills are listed from a little before the order was sent: the clocks differ."""

Question: TypeAlias = QueryOrder | ListOpenOrders | ListFills


class ProvedAbsent(Struct, frozen=True, gc=False):
    """The venue has no such order and never will: give it to ``Orders.absent``. An order that was acknowledged once has
    ended, with the fills that are counted."""

    account: str
    instrument: str
    cl_ord_id: str
    why: str


class Unresolved(Struct, frozen=True, gc=False):
    """An alarm, told once an order: still no proof. Work on it goes on."""

    account: str
    instrument: str
    cl_ord_id: str
    since_ns: int
    why: str


class _Goal(Enum):
    PROOF = "what became of it is unknown"
    END = "its end was never told"
    FILLS = "fills or fees of it are missing"


class _Case:
    """One order in question."""

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
        """When the question that is out was asked; 0 = none is."""
        self.next_ns = now_ns
        self.queries: list[int] = []
        """When the queries were asked that no reply has been matched to, the oldest first."""
        self.tries = 0
        self.missed = False
        """A query has found nothing, at whatever time."""
        self.not_found: list[int] = []
        """When the queries were sent that count for the proof."""
        self.not_open_ns = NEVER
        """When a complete listing of open orders that counts came without it."""
        self.not_filled = False
        """A complete listing of fills that counts had none of it."""
        self.alarmed = False
        self.text = ""
        """What stands in the way, for the alarm."""

    def replied(self, now_ns: int) -> None:
        """A reply that settled nothing, or none: the next question waits longer."""
        self.asked_ns = 0
        self.next_ns = now_ns + min(_FIRST_NS << min(self.tries, 10), _SLOWEST_NS)
        self.tries += 1

    @property
    def proved(self) -> bool:
        """Clauses 2 to 4: what they count was sent after the moment of clause 1, and nothing counts for 4 before 3."""
        return len(self.not_found) >= 2 and self.not_filled

    @property
    def wants_lists(self) -> bool:
        """Listings are dear: only when a query has found nothing."""
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
        """``known(instrument, order_id)`` is true for a venue order id that belongs to an order of ours
        (``Orders.by_order_id``): its fills are explained, although some venues list fills without the client id."""
        self.account = account
        self.capabilities = capabilities
        self.alarm_ns = alarm_ns
        self.clock_error_ns = 0
        """Bound of the error of the venue clock estimate: kept current by the desk (``ClockSample.error_ns``)."""
        self._known = known
        self._cases: dict[str, _Case] = {}
        self._lists: dict[tuple[type[ListOpenOrders | ListFills], str], int] = {}
        """When the listings that are out were asked, by kind and instrument: cases share them."""
        self._list_next: dict[str, int] = {}
        """Per instrument: no listing before."""

    @property
    def due_ns(self) -> int:
        """When ``tick`` has something to do; ``NEVER`` when no order is in question."""
        return min((self._due(case) for case in self._cases.values()), default=NEVER)

    def in_doubt(self) -> list[str]:
        """Client ids that are UNKNOWN now, the oldest first."""
        return [cl_ord_id for cl_ord_id, case in self._cases.items() if case.goal is _Goal.PROOF]

    def see(self, order: Order, now_ns: int) -> None:
        """An order was sent, changed, or was found in the journal. Cheap and idempotent: call it after every change."""
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
            case.replied(now_ns)  # whatever came may have been the reply

    def absent(self, event: OrderAbsent, sent_ns: int, now_ns: int) -> None:
        """Not found, in answer to a query sent at ``sent_ns``.

        On a socket nobody knows which query a reply answers (``sent_ns`` is then ``now_ns``): it counts as the answer
        to the oldest that is still open, so that a late one is not taken for a fresh one."""
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
        """A listing came, asked for at ``sent_ns``. The order table has had its updates already."""
        kind: type[ListOpenOrders | ListFills] = ListOpenOrders if listing.kind == "open_orders" else ListFills
        self._lists.pop((kind, listing.instrument), None)
        for case in list(self._cases.values()):
            order = case.order
            if listing.instrument not in ("", order.intent.instrument):
                continue
            if case.goal is _Goal.FILLS:
                if kind is ListFills and case.asked_ns and sent_ns >= case.asked_ns:
                    case.replied(now_ns)
                    case.text = "the fills listing does not have them"
                continue
            if not listing.complete:
                case.text = f"the {listing.kind} listing was cut short"
            elif kind is ListFills and listing.since_ns > _since(order):
                case.text = "the fills listing begins after the order"
            elif sent_ns > self._listed_after(case, kind):
                nothing = not self._shown(case, kind, listing)
                if kind is ListFills:
                    case.not_filled = nothing
                else:
                    case.not_open_ns = min(case.not_open_ns, now_ns) if nothing else NEVER
                    case.not_filled = case.not_filled and nothing
            self._list_next[order.intent.instrument] = now_ns + _AGAIN_NS

    def failed(self, command: Question, now_ns: int) -> None:
        """No usable answer: asked again later. It is never taken for "not found"."""
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
        """What to ask now, and what has been proved or is overdue."""
        out: list[Question | ProvedAbsent | Unresolved] = []
        for case in list(self._cases.values()):
            if self._due(case) > now_ns:
                continue
            order = case.order
            intent = order.intent
            if case.proved:
                self._forget(case)
                why = "not found twice, in no listing, and past its expiry"
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
        """The listing that its proof lacks next, and when to ask for it."""
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
        """Only what was sent after this moment counts for clause 3 or 4."""
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
            account=self.account, instrument=instrument, since_ns=min(_since(other.order) for other in cases)
        )

    def _shown(self, case: _Case, kind: type[ListOpenOrders | ListFills], listing: Listing) -> bool:
        """Whether the listing has the order, or a fill that may be its own.

        Of an order that was acknowledged, counted fills are no news: only standing in the book says it lives."""
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
                and not (update.exch_ns and update.exch_ns < _since(order))
                and not self._known(update.instrument, update.order_id)
            ):
                case.text = f"nobody explains fill {update.trade_id} of order {update.order_id}"
                return True
        return False

    def _proof_ns(self, case: _Case) -> int:
        """The moment after which what the venue does not know does not exist; ``NEVER`` without a promised window."""
        window_ns = self.capabilities.order_window_ns
        if window_ns <= 0:
            return NEVER
        order = case.order
        expiry_ns = max((order.sent_ns or case.since_ns) + window_ns, order.intent.deadline_ns)
        return expiry_ns + self.clock_error_ns + self.capabilities.lookup_lag_ns

    def _forget(self, case: _Case) -> None:
        del self._cases[case.order.cl_ord_id]
        instrument = case.order.intent.instrument
        if not any(other.order.intent.instrument == instrument for other in self._cases.values()):
            self._list_next.pop(instrument, None)
            for kind in (ListOpenOrders, ListFills):
                self._lists.pop((kind, instrument), None)


def _goal(order: Order, now_ns: int) -> tuple[_Goal | None, int]:
    """What is to be found out of an order, and not before when."""
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


def _since(order: Order) -> int:
    return max(0, order.sent_ns - _SINCE_NS)
