"""Paper execution: the order side of a venue, filled against the live books. It takes the same commands and returns the
same events as a real venue. Sender and tracker submit commands; the desk calls ``tick``.

Modelled: an order arrives after a latency and meets the book of that moment. A quantity taken at a price stays taken
until the venue's size at that price changes. Rules, balances and fees are the venue's. Without a trusted book an IOC
expires unfilled. Not modelled: hidden size, queue position, and how others would react.

A resting order is checked every ``LOOK_NS``. It fills at its own price, as maker, and only from levels that trade
through it (strictly better for us than its price), not from levels at its price.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_UP, Decimal

from msgspec.structs import replace

from arbkit.core.market.book import Book
from arbkit.core.types import (
    NEVER,
    Balance,
    CancelAll,
    CancelOrder,
    Catalogue,
    Command,
    Event,
    Instrument,
    ListFills,
    Listing,
    ListOpenOrders,
    NewOrder,
    OrderAbsent,
    OrderUpdate,
    OrdStatus,
    QueryOrder,
    RejectReason,
    ReplaceOrder,
    Side,
    Tif,
)

__all__ = ["Paper"]

LOOK_NS = 100_000_000
_KEEP = 10_000
"""Number of orders kept for queries and listings."""
_ZERO = Decimal(0)
_FEE_STEP = Decimal("1e-12")
"""Fees are rounded up to this step, which the ledger represents exactly."""

BookOf = Callable[[str], Book | None]


class _PaperOrder:
    """One order at the paper venue."""

    __slots__ = ("cum_qty", "fills", "order", "order_id", "status")

    def __init__(self, order: NewOrder, order_id: str) -> None:
        self.order = order
        self.order_id = order_id
        self.status = OrdStatus.NEW
        self.cum_qty = _ZERO
        self.fills: list[OrderUpdate] = []

    @property
    def leaves(self) -> Decimal:
        return self.order.qty - self.cum_qty


class Paper:
    """One paper account at one venue.

    ``latency_ns`` is the time from ``submit`` to execution (the desk may update it to the measured latency). The report
    comes at the time of execution. ``maker`` and ``taker`` are fees as fractions, taken in the asset received.
    """

    def __init__(
        self,
        account: str,
        catalogue: Catalogue,
        *,
        balances: Mapping[str, Decimal],
        maker: Decimal,
        taker: Decimal,
        latency_ns: int,
    ) -> None:
        self.account = account
        self.latency_ns = latency_ns
        self._catalogue = catalogue
        self._rates = (maker, taker)
        self._free = dict(balances)
        self._locked: dict[str, Decimal] = {}
        self._way: deque[tuple[int, Command]] = deque()
        """Commands on their way, with arrival time; the order is kept."""
        self._orders: dict[str, _PaperOrder] = {}
        self._resting: dict[str, _PaperOrder] = {}
        self._eaten: dict[tuple[str, Side], dict[float, tuple[float, Decimal]]] = {}
        """By instrument and our side: price -> (the venue's size when we last took there, quantity we took of it)."""
        self._look_ns = NEVER
        self._count = 0

    @property
    def due_ns(self) -> int:
        """When ``tick`` has something to do; ``NEVER`` if nothing is on its way or resting."""
        return min(self._way[0][0] if self._way else NEVER, self._look_ns)

    def balances(self, now_ns: int) -> list[Balance]:
        """All balances, as a full listing."""
        assets = dict.fromkeys((*self._free, *self._locked))
        return [self._balance(asset, now_ns, snapshot=True) for asset in assets]

    def submit(self, commands: Sequence[Command], now_ns: int) -> None:
        """Send commands; they arrive ``latency_ns`` later."""
        at = now_ns + self.latency_ns
        if self._way:
            at = max(at, self._way[-1][0])
        self._way.extend((at, command) for command in commands)

    def tick(self, now_ns: int, book_of: BookOf) -> list[Event]:
        """Execute the commands that have arrived. ``book_of`` returns the trusted book of an instrument id, or None."""
        events: list[Event] = []
        while self._way and self._way[0][0] <= now_ns:
            self._carry_out(self._way.popleft()[1], book_of, now_ns, events)
        if self._look_ns <= now_ns:
            for paper in list(self._resting.values()):
                instrument = paper.order.instrument
                before = paper.cum_qty
                self._match(paper, book_of(instrument), now_ns, events, maker=True)
                if paper.status is OrdStatus.FILLED:
                    del self._resting[paper.order.cl_ord_id]
                if paper.cum_qty != before:
                    events += self._balances_of(self._catalogue[instrument], now_ns)
            self._look_ns = now_ns + LOOK_NS
        self._look_ns = min(self._look_ns, now_ns + LOOK_NS) if self._resting else NEVER
        return events

    def _carry_out(self, command: Command, book_of: BookOf, now_ns: int, events: list[Event]) -> None:
        match command:
            case NewOrder():
                self._new(command, book_of, now_ns, events)
            case CancelOrder():
                self._cancel(command, now_ns, events)
            case CancelAll():
                for paper in list(self._resting.values()):
                    if command.instrument in ("", paper.order.instrument):
                        self._end(paper, OrdStatus.CANCELED, now_ns, events)
            case ReplaceOrder():
                old = self._resting.get(command.cl_ord_id)
                self._cancel(command, now_ns, events)
                if old is not None:
                    new = replace(old.order, cl_ord_id=command.new_cl_ord_id, qty=command.qty, px=command.px)
                    self._new(new, book_of, now_ns, events)
            case QueryOrder():
                known = self._orders.get(command.cl_ord_id)
                if known is None:
                    events.append(OrderAbsent(self.account, command.instrument, command.cl_ord_id, now_ns))
                else:
                    events.append(self._report(known, now_ns, source="poll"))
            case ListOpenOrders():
                open_orders = [
                    self._report(paper, now_ns, source="poll")
                    for paper in self._resting.values()
                    if command.instrument in ("", paper.order.instrument)
                ]
                events.append(self._listing("open_orders", command.instrument, open_orders, 0, now_ns))
            case ListFills():
                fills = [
                    fill
                    for paper in self._orders.values()
                    if command.instrument in ("", paper.order.instrument) and command.order_id in ("", paper.order_id)
                    for fill in paper.fills
                    if fill.exch_ns >= command.since_ns
                ]
                events.append(self._listing("fills", command.instrument, fills, command.since_ns, now_ns))

    def _new(self, order: NewOrder, book_of: BookOf, now_ns: int, events: list[Event]) -> None:
        instrument = self._catalogue.get(order.instrument)
        book = book_of(order.instrument)
        reason = self._refusal(order, instrument, book, now_ns)
        if reason is not None:
            events.append(
                OrderUpdate(
                    account=self.account,
                    instrument=order.instrument,
                    cl_ord_id=order.cl_ord_id,
                    side=order.side,
                    ord_status=OrdStatus.REJECTED,
                    qty=order.qty,
                    px=order.px,
                    reason=reason,
                    source="ack",
                    text=f"paper: {reason.value}",
                    exch_ns=now_ns,
                    recv_ns=now_ns,
                )
            )
            return
        assert instrument is not None  # checked by _refusal
        self._count += 1
        paper = self._orders[order.cl_ord_id] = _PaperOrder(order, str(self._count))
        if len(self._orders) > _KEEP:
            self._forget_one()
        self._lock(paper, instrument, order.qty)
        events.append(self._report(paper, now_ns, source="ack"))
        self._match(paper, book, now_ns, events, maker=False)
        if paper.status is not OrdStatus.FILLED:
            if order.tif is not Tif.GTC:
                self._end(paper, OrdStatus.EXPIRED, now_ns, events)
                return
            self._resting[order.cl_ord_id] = paper
            self._look_ns = min(self._look_ns, now_ns + LOOK_NS)
        events += self._balances_of(instrument, now_ns)

    def _refusal(
        self, order: NewOrder, instrument: Instrument | None, book: Book | None, now_ns: int
    ) -> RejectReason | None:
        """Why the venue would reject the order; None = it would not."""
        if instrument is None or not instrument.tradable:
            return RejectReason.INSTRUMENT
        if order.cl_ord_id in self._orders:
            return RejectReason.DUPLICATE
        if order.deadline_ns and now_ns > order.deadline_ns:
            return RejectReason.CLOCK
        if order.px <= 0 or (instrument.tick and order.px % instrument.tick):
            return RejectReason.BAD_PRICE
        most = instrument.max_qty
        if order.qty <= 0 or order.qty < instrument.min_qty or (most is not None and order.qty > most):
            return RejectReason.BAD_QTY
        if instrument.lot and order.qty % instrument.lot:
            return RejectReason.BAD_QTY
        notional = order.qty * order.px
        if notional < instrument.min_notional:
            return RejectReason.MIN_NOTIONAL
        asset, amount = (instrument.quote, notional) if order.side is Side.BUY else (instrument.base, order.qty)
        if self._free.get(asset, _ZERO) < amount:
            return RejectReason.INSUFFICIENT_FUNDS
        if order.post_only and book is not None:
            best = book.best_ask() if order.side is Side.BUY else book.best_bid()
            if best is not None:
                opposite = _exact(best[0])
                if opposite <= order.px if order.side is Side.BUY else opposite >= order.px:
                    return RejectReason.POST_ONLY
        return None

    def _match(self, paper: _PaperOrder, book: Book | None, now_ns: int, events: list[Event], *, maker: bool) -> None:
        """Fill from the levels within the limit price. A maker fills only from levels beyond its price, at its own
        price."""
        if book is None:
            return
        order = paper.order
        instrument = self._catalogue[order.instrument]
        takes = self._takes(order, paper.leaves, book, instrument, maker=maker)
        if order.tif is Tif.FOK and sum(qty for _, qty, _ in takes) < paper.leaves:
            return
        eaten = self._eaten.setdefault((order.instrument, order.side), {})
        for (level_px, size), qty, before in takes:
            eaten[level_px] = (size, before + qty)
            px = order.px if maker else _exact(level_px)
            events.append(self._fill(paper, instrument, px, qty, now_ns, maker=maker))

    def _takes(
        self, order: NewOrder, leaves: Decimal, book: Book, instrument: Instrument, *, maker: bool
    ) -> list[tuple[tuple[float, float], Decimal, Decimal]]:
        """Per level, from the best on: ((price, size), quantity to take, quantity taken before)."""
        buy = order.side is Side.BUY
        eaten = self._eaten.get((order.instrument, order.side), {})
        top = (book.best_ask() if buy else book.best_bid()) or (0.0, 0.0)
        ladder = book.asks if buy else book.bids
        for level_px, (size, _) in list(eaten.items()):
            if ladder.size_at(level_px) != size and (level_px, size) != top:
                del eaten[level_px]  # the venue's size there changed
        takes = []
        for level in book.levels_to_buy() if buy else book.levels_to_sell():
            px = _exact(level[0])
            if leaves <= 0 or (px > order.px if buy else px < order.px) or (maker and px == order.px):
                break
            size, before = eaten.get(level[0], (level[1], _ZERO))
            if size != level[1]:
                before = _ZERO
            qty = instrument.quantize_qty(min(leaves, _exact(level[1]) - before))
            if qty > 0:
                takes.append((level, qty, before))
                leaves -= qty
        return takes

    def _fill(
        self, paper: _PaperOrder, instrument: Instrument, px: Decimal, qty: Decimal, now_ns: int, *, maker: bool
    ) -> OrderUpdate:
        order = paper.order
        rate = self._rates[0 if maker else 1]
        notional = qty * px
        self._lock(paper, instrument, -qty)
        if order.side is Side.BUY:
            gives, given, gets, got = instrument.quote, notional, instrument.base, qty
        else:
            gives, given, gets, got = instrument.base, qty, instrument.quote, notional
        fee = (got * rate).quantize(_FEE_STEP, rounding=ROUND_UP)
        self._free[gives] = self._free.get(gives, _ZERO) - given
        self._free[gets] = self._free.get(gets, _ZERO) + got - fee
        paper.cum_qty += qty
        paper.status = OrdStatus.FILLED if paper.cum_qty == order.qty else OrdStatus.PARTIALLY_FILLED
        self._count += 1
        update = replace(
            self._report(paper, now_ns, source="stream"),
            last_px=px,
            last_qty=qty,
            trade_id=f"p{self._count}",
            fee=fee,
            fee_asset=gets,
            maker=maker,
        )
        paper.fills.append(update)
        return update

    def _cancel(self, command: CancelOrder | ReplaceOrder, now_ns: int, events: list[Event]) -> None:
        paper = self._resting.get(command.cl_ord_id)
        if paper is not None:
            self._end(paper, OrdStatus.CANCELED, now_ns, events)
            return
        events.append(
            OrderUpdate(
                account=self.account,
                instrument=command.instrument,
                cl_ord_id=command.cl_ord_id,
                about_cancel=True,
                ord_status=OrdStatus.REJECTED,
                reason=RejectReason.UNKNOWN_ORDER,
                source="ack",
                text="paper: no such open order",
                exch_ns=now_ns,
                recv_ns=now_ns,
            )
        )

    def _end(self, paper: _PaperOrder, status: OrdStatus, now_ns: int, events: list[Event]) -> None:
        """End the order and release what it has locked."""
        instrument = self._catalogue[paper.order.instrument]
        self._resting.pop(paper.order.cl_ord_id, None)
        self._lock(paper, instrument, -paper.leaves)
        paper.status = status
        events.append(self._report(paper, now_ns, source="stream"))
        events += self._balances_of(instrument, now_ns)

    def _lock(self, paper: _PaperOrder, instrument: Instrument, qty: Decimal) -> None:
        """Move the amount that ``qty`` of the order needs from free to locked (negative: back)."""
        order = paper.order
        buy = order.side is Side.BUY
        asset, amount = (instrument.quote, qty * order.px) if buy else (instrument.base, qty)
        self._free[asset] = self._free.get(asset, _ZERO) - amount
        self._locked[asset] = self._locked.get(asset, _ZERO) + amount

    def _report(self, paper: _PaperOrder, now_ns: int, *, source: str) -> OrderUpdate:
        order = paper.order
        ended = paper.status is OrdStatus.EXPIRED
        return OrderUpdate(
            account=self.account,
            instrument=order.instrument,
            cl_ord_id=order.cl_ord_id,
            order_id=paper.order_id,
            ord_status=paper.status,
            side=order.side,
            px=order.px,
            qty=order.qty,
            cum_qty=paper.cum_qty,
            reason=RejectReason.NO_MATCH if ended and not paper.cum_qty else None,
            source=source,
            exch_ns=now_ns,
            recv_ns=now_ns,
        )

    def _listing(self, kind: str, instrument: str, updates: list[OrderUpdate], since_ns: int, now_ns: int) -> Listing:
        return Listing(
            account=self.account, kind=kind, instrument=instrument, updates=updates, since_ns=since_ns, recv_ns=now_ns
        )

    def _balances_of(self, instrument: Instrument, now_ns: int) -> list[Balance]:
        return [self._balance(asset, now_ns) for asset in (instrument.base, instrument.quote)]

    def _balance(self, asset: str, now_ns: int, *, snapshot: bool = False) -> Balance:
        return Balance(
            account=self.account,
            asset=asset,
            free=self._free.get(asset, _ZERO),
            locked=self._locked.get(asset, _ZERO),
            snapshot=snapshot,
            exch_ns=now_ns,
            recv_ns=now_ns,
        )

    def _forget_one(self) -> None:
        oldest = next(name for name in self._orders if name not in self._resting)
        del self._orders[oldest]


def _exact(value: float) -> Decimal:
    """The shortest decimal that reads as this float: the number that the venue sent."""
    return Decimal(repr(value))
