"""What becomes known of orders: reports, answers, listings, silence, proofs. It returns what changed; the desk passes
that on to the engine.

It writes to the order tables and the resolvers. It sends no order: it asks questions by ``Requests``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from arbkit.core.counters import Counters, Histogram
from arbkit.core.execution.requests import Answered, Requests
from arbkit.core.execution.sender import HOLD_NS, Sender
from arbkit.core.log import Log
from arbkit.core.orders.journal import Intent
from arbkit.core.orders.orders import Change, Order
from arbkit.core.types import (
    NEVER,
    Ask,
    CancelOrder,
    Listing,
    NewOrder,
    NoAnswer,
    OrderAbsent,
    OrderUpdate,
    OrdStatus,
    QueryOrder,
    Role,
    Tif,
)
from arbkit.core.venues import health
from arbkit.core.venues.resolver import ProvedAbsent, Unresolved
from arbkit.core.venues.venue import Venue

__all__ = ["Known", "Tracker", "own_update"]

LIST_EVERY_NS = 30_000_000_000
"""While orders rest: what the stream did not tell of them shows in the listing."""
_VERDICTS = (OrderUpdate, OrderAbsent, Listing, Ask)
"""What answers a question; an Ask means that the session looks for the order in a second place."""
UNTOLD_NS = 10_000_000_000
"""A fill that an answer told and the private stream has not told for so long: the stream is mute."""
_UNANSWERED = frozenset({OrdStatus.PENDING_NEW, OrdStatus.UNKNOWN})

Known: TypeAlias = tuple[Change, OrderUpdate]
"""A change of an order and the report that brought it."""


class Tracker:
    """See the module."""

    def __init__(
        self, venues: Mapping[str, Venue], sender: Sender, requests: Requests, counters: Counters, log: Log
    ) -> None:
        self._venues = venues
        self._sender = sender
        self._requests = requests
        self._counters = counters
        self._log = log
        self._untold: dict[str, tuple[int, Order]] = {}
        """Orders with fills that an answer told before the private stream: when it was."""

    # --- reports

    def report(self, update: OrderUpdate, now_ns: int) -> Known | None:
        """A report, whatever its source; None when it proves nothing: another account, a fill that may be ours."""
        venue = self._venues.get(update.account.partition(":")[0])
        if venue is None or venue.account != update.account:
            return None
        change = venue.orders.apply(update)
        if change.unclaimed:
            return None
        order = change.order
        if order is not None and change.old is not change.new and OrdStatus.UNKNOWN in (change.old, change.new):
            self._told(order, "order.proved" if change.old is OrdStatus.UNKNOWN else "order.unknown")
        if order is not None and order.cum_qty and not order.streamed:
            self._untold.setdefault(order.cl_ord_id, (now_ns, order))
        self._note(venue, change, now_ns)
        return change, update

    def refused(self, change: Change, now_ns: int) -> Known | None:
        """An order of which provably nothing left."""
        if change.order is None:
            return None
        venue = self._venue_of(change.order)
        self._note(venue, change, now_ns)
        return change, own_update(change.order, now_ns)

    def _venue_of(self, order: Order) -> Venue:
        return self._venues[order.intent.account.partition(":")[0]]

    def _note(self, venue: Venue, change: Change, now_ns: int) -> None:
        """Keep acknowledgement timers and open questions true to a change."""
        order = change.order
        if order is None:
            return
        if order.status not in _UNANSWERED:
            self._sender.acked(order.cl_ord_id)
        if order.acked_ns == now_ns and order.sent_ns and change.old in _UNANSWERED and change.new is not change.old:
            took_ns = now_ns - order.sent_ns
            self._counters.ack.observe(took_ns / 1000)
            self._counters.ack_of.setdefault(venue.exchange.venue, Histogram()).observe(took_ns / 1000)
            venue.acknowledged(took_ns)
            if took_ns > health.SLOW_NS:
                venue.health.mishap("slow answers", health.SLOW, now_ns)
        if change.changed or change.ask:
            self._question(venue, order, now_ns)

    def _question(self, venue: Venue, order: Order, now_ns: int) -> None:
        """An order changed: its resolver looks whether something is left to prove."""
        venue.moved()
        venue.resolver.see(order, now_ns)
        venue.readiness.unresolved(sum(1 for other in venue.orders.unresolved() if other.unknown))

    # --- silence

    def _timed_out(self, venue: Venue, cl_ord_id: str, now_ns: int) -> list[Order]:
        """The order if it has just turned UNKNOWN because nothing answered for it."""
        order = venue.orders.timed_out(cl_ord_id, now_ns)
        return [] if order is None else [self._doubt(venue, order, now_ns)]

    def _told(self, order: Order, event: str) -> None:
        """An order became UNKNOWN, or its outcome became known."""
        intent = order.intent
        self._log(
            event, cl_ord_id=order.cl_ord_id, instrument=intent.instrument, deal=intent.deal, status=order.status.value
        )

    def _doubt(self, venue: Venue, order: Order, now_ns: int) -> Order:
        self._counters.orders[venue.exchange.venue, "unknown"] += 1
        venue.health.mishap("orders in doubt", health.UNKNOWN, now_ns)
        self._told(order, "order.unknown")
        self._question(venue, order, now_ns)
        return order

    def overdue(self, now_ns: int) -> list[Order]:
        """Orders that turned UNKNOWN because their acknowledgement is late."""
        late = self._sender.overdue(now_ns)
        return [order for venue, cl_ord_id in late for order in self._timed_out(venue, cl_ord_id, now_ns)]

    def link_lost(self, venue: Venue, link: str, now_ns: int) -> list[Order]:
        """Orders in flight on a link that died: UNKNOWN in the same turn."""
        lost = venue.orders.link_lost(link, now_ns)
        for order in lost:
            self._sender.acked(order.cl_ord_id)
            self._doubt(venue, order, now_ns)
        return lost

    def answered(self, matched: Answered, outputs: Sequence[object], now_ns: int) -> list[Order]:
        """The REST answer of a command, and what the session made of it (acted upon already). The orders that turned
        UNKNOWN: those of the request about which the answer said nothing."""
        venue = self._venues[matched.link.spec.venue]
        answer, what = matched.answer, matched.what
        assert not isinstance(what, Ask)
        never_sent = isinstance(answer, NoAnswer) and not answer.sent
        doubtful: list[Order] = []
        for command in matched.commands or (what,):
            if isinstance(command, NewOrder):
                if never_sent:
                    self._sender.refuse(command, answer.reason if isinstance(answer, NoAnswer) else "", now_ns)
                else:
                    doubtful += self._timed_out(venue, command.cl_ord_id, now_ns)
            elif not isinstance(command, CancelOrder) and not any(isinstance(out, _VERDICTS) for out in outputs):
                venue.resolver.failed(command, now_ns)  # type: ignore[arg-type]  # only queries and lists come here
        venue.moved()
        return doubtful

    def untold(self, now_ns: int) -> list[Order]:
        """Orders of whose fills the private stream should have told by now. Each is named once."""
        late = [(key, order) for key, (at_ns, order) in self._untold.items() if at_ns + UNTOLD_NS <= now_ns]
        for key, _ in late:
            del self._untold[key]
        return [order for _, order in late if not order.streamed]

    # --- listings and proofs

    def absent(self, venue: Venue, event: OrderAbsent, sent_ns: int, now_ns: int) -> None:
        """The venue says that it knows no such order now."""
        venue.moved()
        venue.resolver.absent(event, sent_ns, now_ns)

    def listed(self, venue: Venue, listing: Listing, sent_ns: int, now_ns: int) -> None:
        """Open orders or fills, each of which was passed to ``report``. ``sent_ns``: when the request that this answers
        was sent. A list of several pages says when its first one was: what changed since then may be missing."""
        venue.moved()
        sent_ns = listing.sent_ns or sent_ns
        venue.resolver.listed(listing, sent_ns, now_ns)
        if listing.kind == "fills" and listing.complete:
            venue.fills_ns[listing.instrument] = max(sent_ns, venue.fills_ns.get(listing.instrument, 0))
        if listing.kind == "open_orders" and listing.complete and not listing.instrument:
            resting = self._reconcile(venue, listing, sent_ns, now_ns)
            if sent_ns >= venue.orders_wanted_ns:
                venue.orders_failed = 0
                venue.list_orders_ns = now_ns + LIST_EVERY_NS if resting else NEVER
            venue.readiness.orders_listed(sent_ns)

    def _reconcile(self, venue: Venue, listing: Listing, sent_ns: int, now_ns: int) -> bool:
        """Resting orders missing from a complete list have ended unheard: ask for their end. True while any rest."""
        listed = {update.cl_ord_id for update in listing.updates} | {update.order_id for update in listing.updates}
        resting = [
            order
            for order in venue.orders.open()
            if order.intent.tif is Tif.GTC and order.acked_ns and not order.status.terminal and not order.unknown
        ]
        for order in resting:
            if order.acked_ns < sent_ns and not listed & {order.cl_ord_id, order.order_id}:
                query = QueryOrder(
                    account=venue.account,
                    instrument=order.intent.instrument,
                    cl_ord_id=order.cl_ord_id,
                    order_id=order.order_id,
                )
                self._requests.ask(venue.rest, query, now_ns)
        return bool(resting)

    def wake(self, venue: Venue, now_ns: int) -> list[Known]:
        """Ask what the venue's resolver wants to know; what it has proved."""
        venue.moved()
        proved = []
        for verdict in venue.resolver.tick(now_ns):
            if isinstance(verdict, ProvedAbsent):
                change = venue.orders.absent(verdict.cl_ord_id, now_ns)
                self._log("order.absent", **_ids(venue, verdict.cl_ord_id), why=verdict.why)
                if (known := self.refused(change, now_ns)) is not None:
                    proved.append(known)
            elif isinstance(verdict, Unresolved):
                self._counters.alarms["unresolved"] += 1
                self._log("order.unresolved", **_ids(venue, verdict.cl_ord_id), why=verdict.why)
            elif venue.paper is not None:
                venue.paper.submit([verdict], now_ns)
            else:
                self._requests.ask(venue.rest, verdict, now_ns)
        return proved

    def streaming(self, venue: Venue, now_ns: int) -> None:
        """The private stream is up (again): each open order may have changed unseen."""
        for order in venue.orders.open():
            self._question(venue, order, now_ns)

    def restore(self, venue: Venue, intent: Intent, now_ns: int) -> Order:
        """An order that an earlier run left open: UNKNOWN until proved."""
        cl_ord_id = intent.order.cl_ord_id
        order = venue.orders.add(intent.order, intent.at_ns)
        # it may have waited for the disk: what proves its absence must be later than any time it can have left
        sent_ns = min(intent.at_ns + HOLD_NS, now_ns)
        venue.orders.sent(cl_ord_id, Role(intent.channel), intent.link, sent_ns)
        venue.orders.timed_out(cl_ord_id, now_ns)
        self._question(venue, order, now_ns)
        return order


def _ids(venue: Venue, cl_ord_id: str) -> dict[str, object]:
    """An order as the log names it."""
    order = venue.orders.get(cl_ord_id)
    return {"cl_ord_id": cl_ord_id, "deal": 0 if order is None else order.intent.deal}


def own_update(order: Order, now_ns: int) -> OrderUpdate:
    """A change that we concluded ourselves, in the form of a report: what executors are given."""
    intent = order.intent
    return OrderUpdate(
        account=intent.account,
        instrument=intent.instrument,
        cl_ord_id=intent.cl_ord_id,
        ord_status=order.status,
        source="desk",
        recv_ns=now_ns,
    )
