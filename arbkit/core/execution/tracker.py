"""Orders on their way out, and what becomes known of them: to a venue or to paper, and back to the engine."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

import msgspec

from arbkit.core.counters import Counters
from arbkit.core.errors import JournalFailed
from arbkit.core.execution.requests import Answered, Gateway, Port
from arbkit.core.log import Log
from arbkit.core.orders.deals import Deal
from arbkit.core.orders.journal import Intent, Record
from arbkit.core.orders.journal import encode as encode_record
from arbkit.core.orders.orders import Order, Orders
from arbkit.core.trading.engine import Engine
from arbkit.core.trading.view import DeskView
from arbkit.core.types import (
    NEVER,
    Ask,
    CancelOrder,
    Command,
    HttpAnswer,
    Listing,
    NewOrder,
    NoAnswer,
    OrderAbsent,
    OrderUpdate,
    QueryOrder,
    Role,
    Tif,
)
from arbkit.core.venues.link import Link
from arbkit.core.venues.paper import Paper
from arbkit.core.venues.resolver import ProvedAbsent, Unresolved
from arbkit.core.venues.venue import Venue

__all__ = ["Dispatch"]

LIST_EVERY_NS = 30_000_000_000
"""While orders rest: what the stream did not tell of them shows in the listing."""
_VERDICTS = (OrderUpdate, OrderAbsent, Listing, Ask)
"""What answers a question; an Ask means that the session looks for the order in a second place."""


class Dispatch:
    """Between the engine on one side and gateway, paper and resolvers on the other."""

    engine: Engine
    gateway: Gateway
    """Both are given by the desk once they are made."""

    def __init__(
        self,
        port: Port,
        venues: Mapping[str, Venue],
        orders: Mapping[str, Orders],
        view: DeskView,
        counters: Counters,
        log: Log,
        run: Callable[..., Sequence[Any]],
        probe: Callable[[], int] | None,
    ) -> None:
        self._port = port
        self._venues = venues
        self._orders = orders
        self._view = view
        self._counters = counters
        self._log = log
        self._run = run
        """The desk's guard around a session's call."""
        self._commands = blake2b(digest_size=16)
        self.commands = 0
        """Order commands so far."""
        self._probe = probe
        self.sent_ns = 0
        """When an order was last handed over in this turn, by the probe; 0 = none was."""
        self._written: deque[tuple[int, int]] = deque(maxlen=10_000)
        """Journal position and time of intents that are not on the disk yet."""
        self._records: list[bytes] = []
        self.journal_failed = ""
        """Why the journal cannot be written any more; "" = it can."""
        self.dirty = True
        """Something was set in motion: due times may have changed."""

    def commands_hash(self) -> str:
        """Of every order command so far, in order."""
        return self._commands.hexdigest()

    # --- out ------------------------------------------------------------------------------------------------------

    def grant(self, orders: Sequence[NewOrder], now_ns: int) -> bool:
        """Rate tokens for the entries of a deal; paper needs none."""
        live = [order for order in orders if self._paper_of(order.account) is None]
        return not live or self.gateway.grant(live, now_ns)

    def _paper_of(self, account: str) -> Paper | None:
        return self._venues[account.partition(":")[0]].paper

    def send(self, commands: Sequence[Command], now_ns: int) -> None:
        """Commands of one turn, past the gate: to the venues, or to paper."""
        self.dirty = True
        orders: list[NewOrder] = []
        for command in commands:
            self._commands.update(msgspec.msgpack.encode(command))
            self.commands += 1
            paper = self._paper_of(command.account)
            if paper is not None:
                if isinstance(command, NewOrder):
                    self.intents([(command, Role.REST, "paper")], now_ns)
                    self.sent(command, Role.REST, "paper", now_ns)
                paper.submit([command], now_ns)
            elif isinstance(command, NewOrder):
                orders.append(command)
            else:
                self.gateway.ask(self._venues[command.account.partition(":")[0]].rest, command, now_ns)
        if orders:
            self.gateway.orders(orders, now_ns)

    def intents(self, orders: Sequence[tuple[NewOrder, Role, str]], now_ns: int) -> int:
        """Write intents with channel and link before their first byte leaves, and all that waited, in one write.

        The journal's position after it; -1 when it cannot be written: then nothing new is begun, and what is open is
        ended from memory."""
        self._records += [
            encode_record(Intent(at_ns=now_ns, order=order, channel=role.value, link=link))
            for order, role, link in orders
        ]
        position = self.flush()
        self._written.append((position, now_ns))
        return position

    def journal(self, record: Record) -> None:
        """Written with the next intent, at the latest at the end of the turn."""
        self._records.append(encode_record(record))

    def flush(self) -> int:
        """Write what waits; the position after it, -1 when that failed."""
        records, self._records = self._records, []
        try:
            return self._port.journal(b"".join(records))
        except JournalFailed as error:
            if not self.journal_failed:
                self.journal_failed = str(error)
                self._counters.alarms["journal"] += 1
                self._log("alarm.journal", why=self.journal_failed)
            return -1

    @property
    def pending(self) -> bool:
        """Records wait to be written."""
        return bool(self._records)

    def durable(self, position: int, now_ns: int) -> None:
        """The journal is on the disk up to ``position``."""
        while self._written and self._written[0][0] <= position:
            self._counters.durable.observe((now_ns - self._written.popleft()[1]) / 1000)
        self.gateway.durable(position, now_ns)
        self.dirty = True

    def sent(self, order: NewOrder, role: Role, link: str, now_ns: int) -> None:
        self._orders[order.account].sent(order.cl_ord_id, role, link, now_ns)
        if self._probe is not None:
            self.sent_ns = self._probe()

    def not_sent(self, order: NewOrder, why: str, now_ns: int) -> None:
        self.engine.refused(order, self._orders[order.account].not_sent(order.cl_ord_id, why, now_ns), now_ns)

    def hold(self, deal: Deal, now_ns: int) -> bool:
        """Tokens for one hedge order on each venue of the deal."""
        for leg in deal.legs:
            venue = self._venues[leg.account.partition(":")[0]]
            if venue.paper is None:
                probe = NewOrder(
                    account=leg.account, instrument=leg.instrument, cl_ord_id="", side=leg.side, qty=leg.qty, px=leg.px
                )
                if not venue.throttle.hold(deal.id, venue.exchange.cost(probe, Role.REST), now_ns):
                    return False
        return True

    def release(self, deal: Deal) -> None:
        for venue in self._venues.values():
            venue.throttle.release(deal.id)

    # --- what is known of orders ----------------------------------------------------------------------------------

    def question(self, order: Order, now_ns: int) -> None:
        """An order changed: its resolver looks whether something is left to prove."""
        venue = self._venues[order.intent.account.partition(":")[0]]
        venue.resolver.see(order, now_ns)
        venue.readiness.unresolved(sum(1 for other in venue.orders.unresolved() if other.unknown))
        if order.acked_ns == now_ns and order.sent_ns:
            venue.acknowledged(now_ns - order.sent_ns)
            self._counters.ack.observe((now_ns - order.sent_ns) / 1000)
        self.dirty = True

    def unanswered(self, cl_ord_id: str, now_ns: int) -> None:
        for table in self._orders.values():
            order = table.get(cl_ord_id)
            if order is not None:
                if table.timed_out(cl_ord_id, now_ns) is not None:
                    self.engine.doubtful(order, now_ns)
                return

    def answered(self, matched: Answered, command: Command, now_ns: int) -> None:
        answer = matched.answer
        venue = self._venues[matched.link.spec.venue]
        commands = matched.commands or (command,)
        if isinstance(answer, NoAnswer) and not answer.sent:
            for each in commands:
                if isinstance(each, NewOrder):
                    self.not_sent(each, answer.reason, now_ns)
        outputs: Sequence[Any] = ()
        if isinstance(answer, HttpAnswer):
            outputs = self._run(
                matched.link, lambda: matched.session.answered(command, answer, now_ns), now_ns, matched.sent_ns
            )
        for each in commands:
            if isinstance(each, NewOrder):
                self.unanswered(each.cl_ord_id, now_ns)
            elif not isinstance(each, CancelOrder) and not any(isinstance(out, _VERDICTS) for out in outputs):
                venue.resolver.failed(each, now_ns)  # type: ignore[arg-type]  # only queries and lists come here

    def _proved_absent(self, venue: Venue, verdict: ProvedAbsent, now_ns: int) -> None:
        change = venue.orders.absent(verdict.cl_ord_id, now_ns)
        self._log("order.absent", cl_ord_id=verdict.cl_ord_id, why=verdict.why)
        if change.order is not None:
            self.engine.refused(change.order.intent, change, now_ns)

    def listing(self, link: Link, listing: Listing, sent_ns: int, now_ns: int) -> None:
        venue = self._venues[link.spec.venue]
        for update in listing.updates:
            self.engine.order_update(update, now_ns)
        venue.resolver.listed(listing, sent_ns, now_ns)
        if listing.kind == "open_orders" and listing.complete and not listing.instrument:
            resting = self._reconcile(venue, listing, sent_ns, now_ns)
            if sent_ns >= venue.orders_wanted_ns:
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
                self.gateway.ask(venue.rest, query, now_ns)
        return bool(resting)

    def wake(self, venue: Venue, now_ns: int) -> None:
        """What a venue's resolver wants to ask or has proved."""
        for verdict in venue.resolver.tick(now_ns):
            if isinstance(verdict, ProvedAbsent):
                self._proved_absent(venue, verdict, now_ns)
            elif isinstance(verdict, Unresolved):
                self._counters.alarms["unresolved"] += 1
                self._log("order.unresolved", cl_ord_id=verdict.cl_ord_id, why=verdict.why)
            elif venue.paper is not None:
                venue.paper.submit([verdict], now_ns)
            else:
                self.gateway.ask(venue.rest, verdict, now_ns)

    def link_lost(self, venue: Venue, link: str, now_ns: int) -> None:
        """Intents in flight on a link that died are UNKNOWN in the same turn."""
        for order in venue.orders.link_lost(link, now_ns):
            self.gateway.acked(order.cl_ord_id)
            self.engine.doubtful(order, now_ns)

    def restore(self, intent: Intent, now_ns: int) -> None:
        """An order that an earlier run left open: UNKNOWN until proved."""
        table = self._orders[intent.order.account]
        table.add(intent.order, intent.at_ns)
        # it may have waited for the disk: what proves its absence must be later than any time it can have left
        table.sent(intent.order.cl_ord_id, Role(intent.channel), intent.link, intent.at_ns + 1_000_000_000)
        order = table.timed_out(intent.order.cl_ord_id, now_ns)
        if order is not None:
            self.engine.restored(order)
            self.question(order, now_ns)
