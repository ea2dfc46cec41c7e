"""What mutants put in place of a safeguard: functions with the signature of the method that they replace."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import count
from typing import Any

from msgspec.structs import replace

from arbkit.core.errors import JournalFailed
from arbkit.core.execution.sender import Outgoing, Sender
from arbkit.core.execution.tracker import Tracker
from arbkit.core.market.watchdog import LinkWatch, Transit
from arbkit.core.money.ledger import Ledger
from arbkit.core.money.needs import needs_of
from arbkit.core.orders.carried import Carried, Left
from arbkit.core.orders.deals import Deal, Outcome
from arbkit.core.orders.journal import Intent, encode
from arbkit.core.orders.orders import Order, Orders
from arbkit.core.trading.audit import EVERY_NS, Audit
from arbkit.core.types import NEVER, BookUpdate, ClockSample, Command, Fill, Instrument, OrderUpdate, RejectReason, Role
from arbkit.core.venues.clock import VenueClock
from arbkit.core.venues.link import Link
from arbkit.core.venues.venue import Venue
from arbkit.strategies import TakerExecutor

_copies = count()
_fills, _apply, _sent = Orders._fills, Orders.apply, Orders.sent
_timed_out, _settle, _updated, _opened = Tracker._timed_out, TakerExecutor._settle, LinkWatch.updated, LinkWatch.opened
_lost, _ledger_fill, _answered, _of = Link.lost, Ledger.fill, Tracker.answered, Carried.of


def nothing(*_: Any, **__: Any) -> None:
    """Instead of a method whose effect is left out."""


def no(*_: Any, **__: Any) -> bool:
    return False


def yes(*_: Any, **__: Any) -> bool:
    return True


def zero(*_: Any, **__: Any) -> int:
    return 0


def one(*_: Any, **__: Any) -> int:
    return 1


exact = property(zero, nothing)
"""An attribute that is 0, whatever it is set to."""


def positive(instrument: Instrument, qty: Decimal, px: Decimal) -> bool:
    """``large_enough`` without the venue's minimum."""
    return qty > 0


def none_of_them(*_: Any, **__: Any) -> list[Any]:
    return []


def every_copy_counts(self: Orders, order: Order, update: OrderUpdate, anomalies: list[str]) -> tuple[Fill, ...]:
    if update.trade_id:
        update = replace(update, trade_id=f"{update.trade_id}#{next(_copies)}")
    return _fills(self, order, update, anomalies)


def late_fills_are_dropped(self: Orders, order: Order, update: OrderUpdate, anomalies: list[str]) -> tuple[Fill, ...]:
    return () if order.status.terminal else _fills(self, order, update, anomalies)


def doubt_is_a_no(self: Orders, order: Order, now_ns: int) -> None:
    self._conclude(order, RejectReason.OTHER, "no answer", now_ns)


def sent_again(self: Tracker, venue: Venue, cl_ord_id: str, now_ns: int) -> list[Order]:
    order = venue.orders.get(cl_ord_id)
    if order is not None and order.channel is not None and order.status.value == "pending_new":
        self._sender._send([Outgoing(order.intent, venue, order.channel, "")], now_ns)
    return _timed_out(self, venue, cl_ord_id, now_ns)


def sent_as_often_as_you_like(self: Orders, cl_ord_id: str, role: Role, link: str, now_ns: int) -> None:
    if not self._live[cl_ord_id].sent_ns:
        _sent(self, cl_ord_id, role, link, now_ns)


def a_poll_knows_better(self: Orders, update: OrderUpdate) -> Any:
    order = self.get(update.cl_ord_id)
    if order is not None and update.source == "poll" and update.ord_status.terminal and update.cum_qty is not None:
        order.cum_qty = update.cum_qty
        order.filled_qty = update.cum_qty
        order.fees_pending = frozenset()
    return _apply(self, update)


def an_ack_is_a_fill(self: TakerExecutor, deal: Deal, view: Any, now_ns: int) -> Sequence[Command]:
    if deal.orders and all(order.acked_ns for order in deal.orders.values()) and deal.state.value == "sent":
        deal.close(Outcome.HEDGED, "all acknowledged", now_ns)
        return ()
    return _settle(self, deal, view, now_ns)


def unchecked(self: Any, message: Any, now_ns: int) -> tuple[BookUpdate, ...]:
    return (BookUpdate(self.instrument, message.bids, message.asks, False, message.seq, message.exch_ns, now_ns),)


def never_behind(self: LinkWatch, instrument: str, exch_ns: int, recv_ns: int) -> int:
    _updated(self, instrument, exch_ns, recv_ns)
    self.behind = False
    return 0


def asleep(self: LinkWatch, now_ns: int) -> list[Any]:
    """``LinkWatch.tick`` that looks at nothing."""
    self.due_ns = now_ns + 1_000_000_000
    return []


def sharper_only(self: VenueClock, sample: ClockSample, now_ns: int) -> None:
    """``VenueClock.sample`` that never asks whether the sample excludes the estimate."""
    if sample.error_ns <= self.error_ns:
        self.offset_ns, self.error_ns = sample.offset_ns, sample.error_ns


def looks_away(self: Audit, now_ns: int) -> None:
    """``Audit.tick`` that looks at nothing."""
    self.due_ns = now_ns + EVERY_NS


def by_the_journal(self: Carried, now_ns: int = 0) -> int:
    """``Carried.next_block`` without the time."""
    return self.block + 1


def intents_forgotten(self: Carried, accounts: Any) -> Left:
    """``Carried.of`` without what is open."""
    return replace(_of(self, accounts), unresolved=())


def deals_forgotten(self: Carried, accounts: Any) -> Left:
    """``Carried.of`` without the deals that were not closed."""
    return replace(_of(self, accounts), interrupted=())


def transit_forgotten(self: LinkWatch, now_ns: int) -> None:
    _opened(self, now_ns)
    self.transit = Transit()


def lost_for_good(self: Link, *arguments: Any, **named: Any) -> None:
    _lost(self, *arguments, **named)
    self.dial_ns = NEVER


def any_book(self: Any, instrument: str) -> Any:
    """``DeskView.book`` without a look at its state."""
    return self._books.get(instrument)


def crossed_book(self: Any, instrument: str) -> Any:
    """``DeskView.book`` without a look at bids and asks."""
    book = self._books.get(instrument)
    return None if book is None or book.state.value != "synced" else book


def room_for_all(self: Any, instrument: Instrument) -> Decimal:
    return Decimal(1000)


def restored_long_ago(self: Tracker, venue: Venue, intent: Intent, now_ns: int) -> Order:
    """``Tracker.restore``, as if nothing could arrive any more."""
    cl_ord_id = intent.order.cl_ord_id
    order = venue.orders.add(replace(intent.order, deadline_ns=0), intent.at_ns)
    venue.orders.sent(cl_ord_id, Role(intent.channel), intent.link, max(1, intent.at_ns - 3_600_000_000_000))
    venue.orders.timed_out(cl_ord_id, now_ns)
    self._question(venue, order, now_ns)
    return order


def foreign_gains(self: Ledger, fill: Fill, instrument: Instrument, *, external: bool = False) -> bool:
    return _ledger_fill(self, fill, instrument)


def written_afterwards(self: Sender, granted: Sequence[Outgoing], now_ns: int) -> None:
    """``Sender._send``, with the journal after the wire."""
    batches: dict[tuple[str, Role], list[Outgoing]] = {}
    for out in granted:
        batches.setdefault((out.order.account, out.role), []).append(out)
    self._transmit(list(batches.values()), now_ns)
    for out in granted:
        link = out.link.spec.link
        self.pending.append(Intent(at_ns=now_ns, order=out.order, channel=out.role.value, link=link))
    self.flush()


def failures_ignored(self: Sender) -> int:
    """``Sender.flush``, where a record that cannot be written does not matter."""
    records, self.pending = self.pending, []
    try:
        return self._port.journal(b"".join([encode(record) for record in records]))
    except JournalFailed:
        return 0


def always_enough(self: Any, costs: Any, lane: Any, now_ns: int, deal: int) -> int:
    return now_ns


def first_of_batch(self: Tracker, matched: Any, outputs: Any, now_ns: int) -> list[Order]:
    matched.commands = matched.commands[:1]
    return _answered(self, matched, outputs, now_ns)


def fees_swapped(deal: Deal, catalogue: Any, takers: Sequence[Decimal], allowance: Decimal) -> Any:
    """``needs_of`` with each leg's fee at the other venue."""
    return needs_of(deal, catalogue, list(reversed(takers)), allowance)


def key_without_account(self: Ledger, fill: Fill, instrument: Instrument, *, external: bool = False) -> bool:
    booked = {(side, trade_id) for account, _, side, trade_id in self._booked if account != fill.account}
    return (fill.side, fill.trade_id) not in booked and _ledger_fill(self, fill, instrument, external=external)


def wrong_way(self: Any, now_ns: int) -> int:
    """``LocalSigner.venue_ns`` with the offset's sign changed."""
    return now_ns - int(self.offset_ns)
