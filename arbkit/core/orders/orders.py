"""The order table of one account: it turns reports into one state per order. Engine and tracker add orders, the sender
marks them as sent, the tracker applies reports, resolver and gate read the state.

Reports come from the stream, from acks and from polls; they can be late, repeated or out of order. A report only *adds*
facts: statuses seen, the largest cumulative quantity, a set of fills. The state is computed from the facts, so the
result does not depend on the order of arrival, and a poll cannot undo what the stream has proved.

States (``OrdStatus``). A state later in the table outweighs the ones before it, except where the text says otherwise:

================  ===================================================  ==========================================
state             entered by                                           left by
================  ===================================================  ==========================================
PENDING_NEW       ``add``                                              a report; no answer -> UNKNOWN;
                                                                       ``not_sent`` -> REJECTED
UNKNOWN           sent, and the link was lost or no answer came in     any report of the order -> its state;
                  time; a rejection that proves nothing (duplicate     ``absent`` -> REJECTED, or CANCELED if the
                  id, throttled); a rejection and a fill together      venue has shown the order before
NEW               reported                                             a fill, an end
PARTIALLY_FILLED  a fill or a cumulative quantity                      an end
REJECTED          a definite rejection; ``not_sent``; ``absent``       a fill -> UNKNOWN; if REJECTED was our own
                                                                       conclusion: any report of a living order
CANCELED          reported; ``absent`` of an order seen before         reported EXPIRED or FILLED
EXPIRED           reported                                             all filled -> FILLED
FILLED            reported; cumulative quantity >= order quantity      never
================  ===================================================  ==========================================

A terminal order is ``done`` only when its final quantity is proved and all fills and fees are counted.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator
from decimal import Decimal
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from arbkit.core.errors import LocalProtocolError
from arbkit.core.orders.ids import parse_cl_ord_id
from arbkit.core.types import Fill, NewOrder, OrderUpdate, OrdStatus, RejectReason, Role, Side, is_amount, plain

__all__ = ["Change", "Order", "Orders"]


_K = TypeVar("_K")
_ZERO = Decimal(0)
_NONE: frozenset[str] = frozenset()
_BIT = {status: 1 << place for place, status in enumerate(OrdStatus)}
_FILLED, _EXPIRED, _CANCELED = _BIT[OrdStatus.FILLED], _BIT[OrdStatus.EXPIRED], _BIT[OrdStatus.CANCELED]
_REJECTED, _PARTIAL, _NEW = _BIT[OrdStatus.REJECTED], _BIT[OrdStatus.PARTIALLY_FILLED], _BIT[OrdStatus.NEW]
_UNKNOWN = _BIT[OrdStatus.UNKNOWN]
_EXISTS = _NEW | _PARTIAL | _FILLED | _EXPIRED | _CANCELED
"""Statuses that prove that the venue has accepted the order."""


class Order:
    """One intent and everything known about it. The table updates the object in place; nobody else writes to it."""

    __slots__ = (
        "acked_ns",
        "cancel_asked",
        "channel",
        "cum_qty",
        "fees_pending",
        "filled_qty",
        "fills",
        "final",
        "intent",
        "lasting",
        "link",
        "order_id",
        "paid",
        "presumed",
        "reason",
        "seen",
        "sent_ns",
        "status",
        "streamed",
        "terminal_ns",
        "text",
    )

    def __init__(self, intent: NewOrder) -> None:
        self.intent = intent
        self.status = OrdStatus.PENDING_NEW
        self.order_id = ""
        self.cum_qty = _ZERO
        """Total filled quantity by the best evidence. Never decreases."""
        self.filled_qty = _ZERO
        """Sum of the quantities in ``fills``. ``cum_qty`` is never below it."""
        self.paid = _ZERO
        """Sum of px * qty over ``fills``."""
        self.fills: dict[str, Fill] = {}
        """By trade id."""
        self.fees_pending = _NONE
        """Trade ids of fills whose fee is not known yet."""
        self.sent_ns = 0
        self.acked_ns = 0
        """When the venue first proved that it has received the order (ack, fill or poll)."""
        self.terminal_ns = 0
        self.channel: Role | None = None
        """Chosen once per intent. Never changed after a byte may have left."""
        self.link = ""
        self.cancel_asked = False
        """A cancel was sent and has not been refused."""
        self.reason: RejectReason | None = None
        """Why the order was rejected or ended; of an UNKNOWN order: what the venue answered."""
        self.text = ""
        """The venue's text for ``reason``."""
        self.lasting = False
        """The venue would refuse the same order again, until somebody changes something."""
        self.final = False
        """The final quantity is proved: a terminal report came with its cumulative quantity."""
        self.presumed = False
        """REJECTED is our own conclusion (``not_sent``, ``absent``). A report of a living order outweighs it."""
        self.streamed = False
        """The private stream has told a fill of it."""
        self.seen = 0
        """The reported statuses as bits: ``status`` is computed from them."""

    @property
    def cl_ord_id(self) -> str:
        return self.intent.cl_ord_id

    @property
    def avg_px(self) -> Decimal:
        """Volume-weighted average price of the counted fills; 0 if there are none."""
        return self.paid / self.filled_qty if self.filled_qty else _ZERO

    @property
    def unknown(self) -> bool:
        """Its existence or its end is not proved. It counts as full exposure, must be queried, and nothing is sent for
        its deal."""
        return self.status is OrdStatus.UNKNOWN

    def fees(self) -> dict[str, Decimal]:
        """Paid so far, by asset."""
        paid: dict[str, Decimal] = {}
        for fill in self.fills.values():
            for asset, fee in fill.fees:
                paid[asset] = paid.get(asset, _ZERO) + fee
        return paid

    @property
    def missing_fills(self) -> Decimal:
        """Quantity that is proved to have filled but whose fills have not arrived. Fetch them with ``ListFills``."""
        return self.cum_qty - self.filled_qty

    @property
    def needs_fills(self) -> bool:
        """Fills or fees are missing. Fetch them with ``ListFills``; a ``QueryOrder`` does not return them."""
        return self.filled_qty != self.cum_qty or bool(self.fees_pending)

    @property
    def done(self) -> bool:
        """Terminal, the final quantity proved, all fills and their fees counted."""
        if self.status is OrdStatus.REJECTED:
            return True
        return self.final and self.status.terminal and not self.needs_fills

    @property
    def leaves(self) -> Decimal:
        """The largest quantity that may still be added to ``filled_qty``."""
        proved = self.status is OrdStatus.REJECTED or (self.final and self.status.terminal)
        most = self.cum_qty if proved else max(self.intent.qty, self.cum_qty)
        return most - self.filled_qty

    def __repr__(self) -> str:
        intent = self.intent
        return (
            f"<Order {intent.cl_ord_id} {intent.instrument} {intent.side.value} {plain(intent.qty)} at "
            f"{plain(intent.px)}: {self.status.value}, {plain(self.filled_qty)} of {plain(self.cum_qty)} counted>"
        )


def _status(order: Order) -> OrdStatus:
    """Compute the state from the facts alone, so that it does not depend on their order of arrival."""
    seen = order.seen
    cum = order.cum_qty
    if seen & _FILLED or cum >= order.intent.qty:
        return OrdStatus.FILLED
    if seen & _EXPIRED:
        return OrdStatus.EXPIRED
    if seen & _CANCELED:
        return OrdStatus.CANCELED
    if seen & _REJECTED and not (order.presumed and (cum or seen & _EXISTS)):
        # A rejected order has no fills. If both were reported, only a query can tell which one is true.
        return OrdStatus.UNKNOWN if cum else OrdStatus.REJECTED
    if cum or seen & _PARTIAL:
        return OrdStatus.PARTIALLY_FILLED
    if seen & _NEW:
        return OrdStatus.NEW
    return OrdStatus.UNKNOWN if seen & _UNKNOWN else OrdStatus.PENDING_NEW


class Change(Struct, frozen=True, gc=False, kw_only=True):
    """The result of one report."""

    order: Order | None
    """None: a foreign order (placed by hand or by another program)."""
    fills: tuple[Fill, ...] = ()
    """Fills to book now, each exactly once (``Ledger.fill``, ``Deal.fill``, ``Limits.fill``).

    A fill reported without its fee is returned at once with fee 0, because a hedge must not wait for a fee. When a
    later report brings the fee, or other fees beside it (taxes), a second row is returned: trade id with ``/fee`` or
    ``/extra`` appended, qty 0, only what is new. Book it like any fill.
    """
    old: OrdStatus = OrdStatus.UNKNOWN
    new: OrdStatus = OrdStatus.UNKNOWN
    changed: bool = False
    """Something new: status, quantity, fill, fee or order id. False: a repeated report, to be ignored."""
    ask: bool = False
    """Query the final state now (``QueryOrder``): duplicate id, refused cancel, or a contradiction."""
    anomalies: tuple[str, ...] = ()
    """Contradictions in the report, for the log and an alarm. The facts are counted nevertheless."""
    unclaimed: bool = False
    """A fill without a client id that may be ours: an order of ours on the instrument has no order id yet. Nothing is
    booked; a later listing shows the fill again."""
    told: bool = False
    """A foreign order that was reported before, or ended in an earlier run of ours: no news for a person."""


def _readable(update: OrderUpdate) -> bool:
    """Whether all numbers are valid amounts. NaN and numbers of extreme length are refused here: comparing a NaN
    raises, and a very long number would block the event loop."""
    if update.last_qty and not (is_amount(update.last_qty) and is_amount(update.last_px)):
        return False
    cum, fee = update.cum_qty, update.fee
    if update.extra_fees and not all(is_amount(amount) for _, amount in update.extra_fees):
        return False
    return (cum is None or is_amount(cum)) and (fee is None or is_amount(fee))


def _remember(known: OrderedDict[_K, None], key: _K, keep: int) -> None:
    """Add the key, and forget the oldest beyond ``keep``."""
    known[key] = None
    if len(known) > keep:
        known.popitem(last=False)


class Orders:
    """All orders of one account.

    ``fill_ids`` (``Capabilities.fill_ids``): if True, a fill counts only with its trade id; a report without one only
    proves a quantity whose fills are missing. If False, the key of a fill is made from the cumulative quantity. The
    last ``keep`` finished orders are kept (about 2 kB each), each for ``keep_ns`` after its end, and still accept
    late fills. While an order is UNKNOWN, those that are newer than it are kept too: a listing of fills may name
    them. A report about one that was dropped counts as foreign, with an anomaly.
    """

    def __init__(
        self, account: str, *, fill_ids: bool = True, keep: int = 50_000, keep_ns: int = 3_600_000_000_000
    ) -> None:
        self.account = account
        self.fill_ids = fill_ids
        self.keep = keep
        self.keep_ns = keep_ns
        self.foreign = 0
        """Number of reports about orders that are not ours (O24)."""
        self._live: dict[str, Order] = {}
        self._archive: OrderedDict[str, Order] = OrderedDict()
        """Finished orders, the oldest first."""
        self._by_order_id: dict[tuple[str, str], Order] = {}
        """By (instrument, order id): some venues number their orders per instrument."""
        self._doubts: dict[str, int] = {}
        """Number of UNKNOWN orders per instrument."""
        self._foreign_fills: OrderedDict[tuple[str, Side, str], None] = OrderedDict()
        self._told: OrderedDict[tuple[str, str], None] = OrderedDict()
        """The newest foreign orders, by (instrument, order id or client order id)."""
        self._strangers: OrderedDict[tuple[str, str], None] = OrderedDict()
        """Orders that are not in this table, by (instrument, order id): a report named another client order id, a
        poll of the order itself named none, or the journal says that they ended in an earlier run."""

    def add(self, intent: NewOrder, now_ns: int) -> Order:
        """Add a new intent as PENDING_NEW. Raises ``LocalProtocolError`` for an empty or used client order id, another
        account, or a quantity that is not positive."""
        cl_ord_id = intent.cl_ord_id
        if not cl_ord_id or cl_ord_id in self._live or cl_ord_id in self._archive:
            raise LocalProtocolError(
                f"{self.account}: client order id {cl_ord_id!r} is empty or already used: each intent needs its own"
            )
        if intent.account != self.account:
            raise LocalProtocolError(
                f"order {cl_ord_id} belongs to {intent.account}, but was added to the table of {self.account}"
            )
        if intent.qty <= 0:
            raise LocalProtocolError(f"order {cl_ord_id}: quantity {intent.qty} is not positive")
        order = self._live[cl_ord_id] = Order(intent)
        return order

    def sent(self, cl_ord_id: str, role: Role, link: str, now_ns: int) -> None:
        """A byte of the order may have left on this link. Raises ``LocalProtocolError`` the second time: an order is
        sent once."""
        order = self._live[cl_ord_id]
        if order.sent_ns:
            raise LocalProtocolError(
                f"order {cl_ord_id} was already sent on {order.link}: query it, do not send it again"
            )
        order.sent_ns = now_ns
        order.channel = role
        order.link = link

    def not_sent(self, cl_ord_id: str, why: str, now_ns: int) -> Change:
        """No byte of the order has left (gate, no link, journal failed): REJECTED with reason GATE."""
        order = self._live[cl_ord_id]
        return self._conclude(order, RejectReason.GATE, why, now_ns)

    def ended(self, orders: Iterable[tuple[str, str]]) -> None:
        """Orders of earlier runs, by (instrument, order id): nobody needs to be asked whose they are, or told of
        them."""
        for order in orders:
            _remember(self._strangers, order, self.keep)
            _remember(self._told, order, self.keep)

    def absent(self, cl_ord_id: str, now_ns: int) -> Change:
        """The resolver has *proof* that the venue has no such order: REJECTED, or CANCELED if the venue has shown it
        before."""
        order = self._live.get(cl_ord_id) or self._archive[cl_ord_id]
        return self._conclude(order, RejectReason.UNKNOWN_ORDER, "proved absent", now_ns)

    def _conclude(self, order: Order, reason: RejectReason, text: str, now_ns: int) -> Change:
        old = order.status
        if old.terminal:
            return Change(order=order, old=old, new=old)
        if order.cum_qty or order.seen & _EXISTS:
            order.seen |= _CANCELED
            order.final = True
        else:
            order.seen |= _REJECTED
            order.presumed = True
        order.reason = reason
        order.text = text
        self._settle(order, now_ns)
        return Change(order=order, old=old, new=order.status, changed=True)

    def apply(self, update: OrderUpdate) -> Change:
        """Add the facts of one report. Never raises, whatever the venue reports."""
        order = self.get(update.cl_ord_id) if update.cl_ord_id else None
        if order is None and update.order_id:
            order = self._by_order_id.get((update.instrument, update.order_id))
        if not _readable(update):
            text = f"{update.cl_ord_id or update.order_id}: a report with invalid numbers was ignored"
            status = order.status if order is not None else OrdStatus.UNKNOWN
            return Change(order=order, old=status, new=status, ask=order is not None, anomalies=(text,))
        if order is None:
            return self._not_ours(update)
        old = order.status
        if update.instrument != order.intent.instrument:
            text = f"{order.cl_ord_id}: report names {update.instrument}, but the order is on {order.intent.instrument}"
            return Change(order=order, old=old, new=old, ask=True, anomalies=(text,))
        before = (order.seen, order.cum_qty, order.final, order.order_id)
        if update.order_id and not order.order_id:
            order.order_id = update.order_id
            self._by_order_id[update.instrument, update.order_id] = order
        if update.about_cancel:
            asked, order.cancel_asked = order.cancel_asked, False
            return Change(order=order, old=old, new=old, changed=asked, ask=not order.done)

        if update.source == "stream" and (update.last_qty or update.cum_qty):
            order.streamed = True
        anomalies: list[str] = []
        fills = self._fills(order, update, anomalies) if update.last_qty > 0 else ()
        self._facts(order, update, anomalies)
        self._settle(order, update.recv_ns)
        ask = order.unknown and (update.reason is RejectReason.DUPLICATE or bool(order.cum_qty))
        return Change(
            order=order,
            fills=fills,
            old=old,
            new=order.status,
            changed=bool(fills) or before != (order.seen, order.cum_qty, order.final, order.order_id),
            ask=ask,
            anomalies=tuple(anomalies),
        )

    def _facts(self, order: Order, update: OrderUpdate, anomalies: list[str]) -> None:
        """Add status and cumulative quantity."""
        status = update.ord_status
        if status is OrdStatus.REJECTED and update.reason is not None and not update.reason.definite:
            status = OrdStatus.UNKNOWN  # the venue may have accepted a copy: a query will tell
        if status is OrdStatus.UNKNOWN and not order.seen & (_EXISTS | _REJECTED):
            order.reason, order.text = update.reason, update.text
        cum = max(order.cum_qty, order.filled_qty, update.cum_qty or _ZERO, update.last_qty)
        if status is OrdStatus.FILLED and update.cum_qty is None:
            cum = max(cum, order.intent.qty)
        bit = _BIT[status]
        if order.presumed and not order.seen & _EXISTS and (bit & _EXISTS or cum):
            anomalies.append(
                f"{order.cl_ord_id}: counted as rejected ({order.text or 'never sent'}), "
                f"but the venue reports {status.value}"
            )
            order.reason, order.text = None, ""
        if cum > order.cum_qty:
            if cum > order.intent.qty:
                anomalies.append(
                    f"{order.cl_ord_id}: filled {plain(cum)}, more than its quantity {plain(order.intent.qty)}"
                )
            order.cum_qty = cum
        if status is OrdStatus.PENDING_NEW:
            bit = 0
        new_fact = bit & ~order.seen
        order.seen |= bit
        if new_fact and status is OrdStatus.FILLED and cum < order.intent.qty:  # it counts, or the order would not end
            anomalies.append(
                f"{order.cl_ord_id}: reported as filled, but only {plain(cum)} of {plain(order.intent.qty)}"
            )
        if new_fact and order.seen & _REJECTED and cum and not order.presumed:
            anomalies.append(f"{order.cl_ord_id}: reported as rejected and as filled {plain(cum)}")
        if status.terminal:
            if update.reason is not None:
                order.reason = update.reason
                order.text = update.text
            if status is OrdStatus.REJECTED:
                order.lasting = order.lasting or update.lasting
            else:
                order.final = order.final or status is OrdStatus.FILLED or update.cum_qty is not None
        if order.cum_qty >= order.intent.qty:
            order.final = True
        if not order.acked_ns and order.seen & (_EXISTS | _REJECTED):
            order.acked_ns = update.recv_ns

    def _fills(self, order: Order, update: OrderUpdate, anomalies: list[str]) -> tuple[Fill, ...]:
        """The new rows of one report: its fill, or the fee that an earlier report of the fill lacked, or nothing."""
        trade_id = update.trade_id
        if update.last_px <= 0:
            anomalies.append(
                f"{order.cl_ord_id}: fill {trade_id or '?'} at price {update.last_px}: only its quantity is used"
            )
            return ()
        if not trade_id:
            if self.fill_ids:
                return ()
            cum = update.cum_qty
            trade_id = (
                f"{order.cl_ord_id}@{plain(cum)}"
                if cum is not None
                else f"{order.cl_ord_id}@{update.exch_ns}:{plain(update.last_px)}:{plain(update.last_qty)}"
            )
        known = order.fills.get(trade_id)
        if known is not None:
            if known.qty != update.last_qty or known.px != update.last_px:
                anomalies.append(
                    f"{order.cl_ord_id}: fill {trade_id} was reported twice with different quantity or price"
                )
            return self._late_fees(order, known, update)
        intent = order.intent
        fill = Fill(
            account=self.account,
            instrument=intent.instrument,
            cl_ord_id=intent.cl_ord_id,
            order_id=order.order_id or update.order_id,
            trade_id=trade_id,
            side=intent.side,
            px=update.last_px,
            qty=update.last_qty,
            fee=_ZERO if update.fee is None else update.fee,
            fee_asset=update.fee_asset,
            extra_fees=update.extra_fees,
            maker=update.maker,
            exch_ns=update.exch_ns,
        )
        if update.fee is None:
            order.fees_pending |= {trade_id}
        if update.side is not None and update.side is not intent.side:
            anomalies.append(
                f"{order.cl_ord_id}: fill {trade_id} is a {update.side.value}, but the order is a {intent.side.value}"
            )
        if fill.px > intent.px if intent.side is Side.BUY else fill.px < intent.px:
            limit = plain(intent.px)
            anomalies.append(
                f"{order.cl_ord_id}: {intent.side.value} filled at {plain(fill.px)}, worse than its limit price {limit}"
            )
        order.fills[trade_id] = fill
        order.filled_qty += fill.qty
        order.paid += fill.qty * fill.px
        return (fill,)

    def _late_fees(self, order: Order, known: Fill, update: OrderUpdate) -> tuple[Fill, ...]:
        """What a repeated report of a fill says of fees that no report said before."""
        trade_id = known.trade_id
        fee, fee_asset, extra = _ZERO, known.fee_asset, () if known.extra_fees else update.extra_fees
        late = update.fee is not None and trade_id in order.fees_pending
        if late:
            assert update.fee is not None
            order.fees_pending -= {trade_id}
            fee, fee_asset = update.fee, update.fee_asset
        elif not extra:
            return ()
        order.fills[trade_id] = replace(
            known, fee=fee if late else known.fee, fee_asset=fee_asset, extra_fees=extra or known.extra_fees
        )
        row = trade_id + ("/fee" if late else "/extra")
        return (replace(known, trade_id=row, qty=_ZERO, fee=fee, fee_asset=fee_asset, extra_fees=extra),)

    def _not_ours(self, update: OrderUpdate) -> Change:
        order = (update.instrument, update.order_id)
        if update.order_id and (update.cl_ord_id or (update.source == "poll" and not update.last_qty)):
            _remember(self._strangers, order, self.keep)
        if not update.cl_ord_id and order not in self._strangers and self._has_unnamed(update.instrument, update.side):
            return Change(order=None, unclaimed=True)
        self.foreign += 1
        name = (update.instrument, update.order_id or update.cl_ord_id)
        told = name in self._told
        if name[1]:
            _remember(self._told, name, self.keep)
        anomalies: tuple[str, ...] = ()
        if update.cl_ord_id and parse_cl_ord_id(update.cl_ord_id) is not None:
            anomalies = (
                f"{update.cl_ord_id} has the form of our ids but is not in this table (too old, or of another run)",
            )
        if update.last_qty <= 0 or update.last_px <= 0 or not update.trade_id or update.side is None:
            return Change(order=None, anomalies=anomalies, told=told)
        key = (update.instrument, update.side, update.trade_id)
        if key in self._foreign_fills:
            return Change(order=None, told=True)
        _remember(self._foreign_fills, key, self.keep)
        fill = Fill(
            account=self.account,
            instrument=update.instrument,
            cl_ord_id=update.cl_ord_id,
            order_id=update.order_id,
            trade_id=update.trade_id,
            side=update.side,
            px=update.last_px,
            qty=update.last_qty,
            fee=update.fee or _ZERO,
            fee_asset=update.fee_asset,
            extra_fees=update.extra_fees,
            maker=update.maker,
            exch_ns=update.exch_ns,
        )
        return Change(order=None, fills=(fill,), changed=True, anomalies=anomalies, told=told)

    def _has_unnamed(self, instrument: str, side: Side | None) -> bool:
        """Whether an order of ours that may be at the venue has no order id yet."""
        return any(
            order.sent_ns and not order.order_id and not order.done
            for order in self._live.values()
            if order.intent.instrument == instrument and side in (None, order.intent.side)
        )

    def _settle(self, order: Order, now_ns: int) -> None:
        """Compute the state from the facts and update the indexes."""
        old = order.status
        new = _status(order)
        if new is not old:
            order.status = new
            instrument = order.intent.instrument
            if old is OrdStatus.UNKNOWN:
                self._doubts[instrument] -= 1
                if not self._doubts[instrument]:
                    del self._doubts[instrument]
            elif new is OrdStatus.UNKNOWN:
                self._doubts[instrument] = self._doubts.get(instrument, 0) + 1
        if new.terminal and not order.terminal_ns:
            order.terminal_ns = now_ns
        cl_ord_id = order.cl_ord_id
        if not order.done:
            if self._archive.pop(cl_ord_id, None) is not None:
                self._live[cl_ord_id] = order
        elif self._live.pop(cl_ord_id, None) is not None:
            self._archive[cl_ord_id] = order
            if len(self._archive) > self.keep:
                self._drop(next(iter(self._archive.values())))

    def forget(self, now_ns: int, deals: Collection[int]) -> None:
        """Drop the finished orders of which nothing can come any more. Those of ``deals`` (the open ones) are kept.
        Call it from time to time."""
        before_ns = now_ns - self.keep_ns
        if self._doubts:
            doubtful = [order.sent_ns for order in self._live.values() if order.unknown and order.sent_ns]
            before_ns = min([before_ns, *(sent_ns - self.keep_ns for sent_ns in doubtful)])
        over = []
        for order in self._archive.values():
            if order.terminal_ns >= before_ns:
                break
            if order.intent.deal not in deals:
                over.append(order)
        for order in over:
            self._drop(order)

    def _drop(self, order: Order) -> None:
        del self._archive[order.cl_ord_id]
        self._by_order_id.pop((order.intent.instrument, order.order_id), None)

    def link_lost(self, link: str, now_ns: int) -> list[Order]:
        """Orders that were sent on this link and not acked become UNKNOWN and are returned; acked ones do not
        change."""
        lost = [order for order in self._live.values() if order.link == link and order.status is OrdStatus.PENDING_NEW]
        for order in lost:
            self._doubt(order, now_ns)
        return lost

    def timed_out(self, cl_ord_id: str, now_ns: int) -> Order | None:
        """No answer in time: UNKNOWN. Returns the order if that changed it; None if it was answered before."""
        order = self._live.get(cl_ord_id)
        if order is None or order.status is not OrdStatus.PENDING_NEW:
            return None
        self._doubt(order, now_ns)
        return order

    def _doubt(self, order: Order, now_ns: int) -> None:
        order.seen |= _UNKNOWN
        self._settle(order, now_ns)

    def cancel_asked(self, cl_ord_id: str) -> None:
        """A cancel is sent for it. A cancel is a request: the status changes only when the venue reports it."""
        order = self._live.get(cl_ord_id)
        if order is not None:
            order.cancel_asked = True

    def get(self, cl_ord_id: str) -> Order | None:
        """The order, open or finished; None if it is unknown or no longer kept."""
        return self._live.get(cl_ord_id) or self._archive.get(cl_ord_id)

    def knows(self, instrument: str, order_id: str) -> bool:
        """Whether it is known whose order this is: one of the table, or certainly none of it."""
        return (instrument, order_id) in self._by_order_id or (instrument, order_id) in self._strangers

    def open(self) -> list[Order]:
        """Orders that are not ``done``, in the order of ``add``. An order reopened by late evidence comes last."""
        return list(self._live.values())

    def unresolved(self) -> list[Order]:
        """Orders that ``core.venues.resolver`` works on: UNKNOWN, fills or fees missing, or terminal without a proved
        quantity. Some of them may be complete a few milliseconds later (the fee of a fill): wait a moment before you
        query."""
        return [order for order in self._live.values() if order.unknown or order.needs_fills or order.status.terminal]

    def in_doubt(self, instrument: str) -> bool:
        """Whether an order of this instrument is UNKNOWN. O(1), because the gate calls it before each entry."""
        return self._doubts.get(instrument, 0) > 0

    def __len__(self) -> int:
        """Number of orders that are not archived."""
        return len(self._live)

    def __iter__(self) -> Iterator[Order]:
        return iter(self._live.values())
