"""Conformance rules about orders that succeed: placing, filling, cancelling, querying, listing.

What the adapter reports is compared with the simulated venue's own records of orders and fills.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from msgspec.structs import replace

from arbkit.core.orders.ids import parse_cl_ord_id
from arbkit.core.types import (
    Balance,
    CancelAll,
    CancelOrder,
    ListFills,
    Listing,
    ListOpenOrders,
    NewOrder,
    OrderAbsent,
    OrderUpdate,
    OrdStatus,
    QueryOrder,
    RejectReason,
    Role,
    Side,
    Tif,
)
from arbkit.sim.market import MAKER
from arbkit.sim.pair import text, units
from arbkit.sim.venue import SimFill, SimOrder
from arbkit.sim.world import ACCOUNT
from arbkit.testing.conformance.rig import SECOND, Rig
from arbkit.testing.conformance.rules import NotRun, VenueUnderTest, must, rule, same

__all__ = ["judge", "same_end"]

_EXCH_NS = SECOND


def _expected(rig: Rig, fill: SimFill) -> dict[str, object]:
    """``maker`` is false where the venue does not tell it (``Capabilities.tells_maker``)."""
    pair = rig.truth.pairs[fill.symbol]
    return {
        "px": Decimal(pair.px_text(fill.px)),
        "qty": Decimal(pair.qty_text(fill.qty)),
        "fee": Decimal(text(fill.fee)),
        "fee_asset": fill.fee_asset,
        "side": fill.side,
        "maker": fill.maker and rig.exchange.capabilities.tells_maker,
        "order_id": str(fill.order_id),
    }


def _reported(update: OrderUpdate) -> dict[str, object]:
    return {
        "px": update.last_px,
        "qty": update.last_qty,
        "fee": update.fee,
        "fee_asset": update.fee_asset,
        "side": update.side,
        "maker": update.maker,
        "order_id": update.order_id,
    }


def judge(rig: Rig, order: NewOrder, status: OrdStatus) -> list[OrderUpdate]:
    """Compare all reports of an order with the venue's record. Returns the reports of the stream."""
    cl_ord_id = order.cl_ord_id
    true = rig.true_order(cl_ord_id)
    must(true is not None, f"the venue has no order {cl_ord_id}")
    assert true is not None
    pair = rig.truth.pairs[true.symbol]
    cum = Decimal(pair.qty_text(true.cum))
    reported = rig.updates(cl_ord_id)
    stream = [update for update in reported if update.source == "stream"]
    for update in reported:
        same((update.account, update.instrument), (order.account, order.instrument), "account and instrument")
        if update.order_id or update.source != "ack":  # the answer to a cancel by our id may not have it
            same(update.order_id, str(true.id), "the venue's id")
        must(update.side in (None, order.side) and update.px in (None, order.px), f"side or price of {update}")
        must(update.qty in (None, order.qty), f"size of {update}")
        must(update.cum_qty is None or update.cum_qty <= cum, f"cum_qty {update.cum_qty} of {cum}")
        must(not update.about_cancel, f"about a cancel: {update}")
        must(
            update.ord_status is not OrdStatus.REJECTED or status is OrdStatus.REJECTED, f"a wrong rejection: {update}"
        )
        late = update.recv_ns + rig.skew_ns - update.exch_ns
        told = update.exch_ns or update.source != "ack"  # an acknowledgement may have no time
        must(not told or 0 <= late < _EXCH_NS, f"exch_ns {late} ns before its receipt: {update}")
    cums = [update.cum_qty for update in stream if update.cum_qty is not None]
    must(cums == sorted(cums), f"cum_qty decreases: {cums}")
    fills = [update for update in stream if update.last_qty] or _listed_fills(rig, order, true)
    if stream and not rig.exchange.capabilities.streams_fees:
        listed = {update.trade_id: update for update in _listed(rig, order, true)}
        fees = [listed.get(update.trade_id, update) for update in fills]
        fills = [replace(one, fee=fee.fee, fee_asset=fee.fee_asset) for one, fee in zip(fills, fees, strict=True)]
    same(sorted(update.trade_id for update in fills), sorted(str(fill.id) for fill in true.fills), "fills")
    for update in fills:
        fill = next(fill for fill in true.fills if str(fill.id) == update.trade_id)
        same(_reported(update), _expected(rig, fill), f"fill {fill.id}")
        must(0 <= fill.ns - update.exch_ns < 1_000_000, f"time of fill {fill.id}: {update.exch_ns}")
        must(update.cum_qty is None or update.cum_qty >= update.last_qty, f"cum_qty before its own fill: {update}")
    ends = [update for update in stream if update.ord_status.terminal]
    if status.terminal:
        must(ends, f"the stream did not report the end of {cl_ord_id}")
        same_end(rig, ends[-1].ord_status, status, "the end")
        same(ends[-1].cum_qty, cum, "cum_qty of the last report")
    else:
        must(not ends, f"{cl_ord_id} is open, but reported as ended: {ends}")
    return stream


def _listed_fills(rig: Rig, order: NewOrder, true: SimOrder) -> list[OrderUpdate]:
    """The fills of the order out of a listing, where the stream has none (``Capabilities.streams_fills``)."""
    return [] if rig.exchange.capabilities.streams_fills else _listed(rig, order, true)


def _listed(rig: Rig, order: NewOrder, true: SimOrder) -> list[OrderUpdate]:
    what = ListFills(account=order.account, instrument=order.instrument, order_id=str(true.id))
    return [update for listing in rig.outs(Listing, rig.do(what, Role.REST)) for update in listing.updates]


def same_end(rig: Rig, told: OrdStatus, end: OrdStatus, what: str) -> None:
    """Compare an end. A report that does not know why may call it CANCELED (``Capabilities.end_reasons``)."""
    vague = end is OrdStatus.EXPIRED and told is OrdStatus.CANCELED and not rig.exchange.capabilities.end_reasons
    if not vague:
        same(told, end, what)


def _roles(rig: Rig, order: NewOrder) -> Sequence[Role]:
    return rig.exchange.route(order)


def _both(subject: VenueUnderTest) -> list[tuple[Rig, Role]]:
    """A new rig for each role that can carry orders."""
    probe = subject.rig().boot()
    return [(subject.rig().boot(), role) for role in _roles(probe, probe.order())]


@rule("order round trip", "dialect", "orders")
def ioc_full(subject: VenueUnderTest) -> None:
    """A fully matched IOC: each fill is reported once with its fee, then FILLED with the quantity; on each role."""
    for rig, role in _both(subject):
        for side in (Side.BUY, Side.SELL):
            tick = rig.instrument("BTC-USDT").tick
            px = rig.best("BTC-USDT", ask=side is Side.BUY) + (2000 if side is Side.BUY else -2000) * tick
            _, bids, _, asks = rig.truth.books["BTC-USDT"].top()
            pair = rig.truth.pairs["BTC-USDT"]
            most = asks if side is Side.BUY else bids
            order = rig.order(side=side, px=px, qty=Decimal(pair.qty_text(most)) + 100 * pair.lot)
            rig.do(order, role)
            judge(rig, order, OrdStatus.FILLED)
            must(len(rig.true_order(order.cl_ord_id).fills) > 1, "one fill only, so the rule cannot be tested")  # type: ignore[union-attr]  # judged


@rule("order round trip", "dialect", "orders")
def ioc_partial(subject: VenueUnderTest) -> None:
    """A partly matched IOC reports its fills and expires."""
    for rig, role in _both(subject):
        pair = rig.truth.pairs["BTC-USDT"]
        _, _, _, lots = rig.truth.books["BTC-USDT"].top()
        px = rig.best("BTC-USDT", ask=True)
        order = rig.order(px=px, qty=Decimal(pair.qty_text(lots)) + 100 * pair.lot)
        rig.do(order, role)
        judge(rig, order, OrdStatus.EXPIRED)
        true = rig.true_order(order.cl_ord_id)
        must(true is not None and 0 < true.cum < true.qty, "not partly filled, so the rule cannot be tested")


@rule("order round trip", "dialect", "orders")
def ioc_none(subject: VenueUnderTest) -> None:
    """An IOC without a match expires with cum_qty 0."""
    for rig, role in _both(subject):
        order = rig.order(px=rig.best("BTC-USDT", ask=False) - 100)
        rig.do(order, role)
        same(judge(rig, order, OrdStatus.EXPIRED)[-1].cum_qty, Decimal(0), "cum_qty")


@rule("order round trip", "dialect", "orders")
def fok(subject: VenueUnderTest) -> None:
    """A FOK is filled completely or not at all."""
    for rig, role in _both(subject):
        order = rig.order(tif=Tif.FOK)
        rig.do(order, role)
        judge(rig, order, OrdStatus.FILLED)
        killed = rig.order(tif=Tif.FOK, px=rig.best("BTC-USDT", ask=True), qty=Decimal(3))
        rig.do(killed, role)
        same(judge(rig, killed, OrdStatus.EXPIRED)[-1].cum_qty, Decimal(0), "cum_qty")


@rule("order round trip", "dialect", "orders")
def rest_and_cancel(subject: VenueUnderTest) -> None:
    """A GTC order rests, locks its balance, and ends CANCELED after a cancel by our id or the venue's id."""
    for rig, role in _both(subject):
        for by_id in (False, True):
            order = rig.order(tif=Tif.GTC, px=rig.best("BTC-USDT", ask=False) - 500)
            rig.do(order, role)
            judge(rig, order, OrdStatus.NEW)
            _stream_balances(rig)
            order_id = rig.updates(order.cl_ord_id)[-1].order_id if by_id else ""
            rig.do(_cancel(order, order_id), role)
            judge(rig, order, OrdStatus.CANCELED)
            _stream_balances(rig)


def _cancel(order: NewOrder, order_id: str = "") -> CancelOrder:
    return CancelOrder(account=order.account, instrument=order.instrument, cl_ord_id=order.cl_ord_id, order_id=order_id)


def _stream_balances(rig: Rig) -> None:
    """Check that the last balance of each asset on the stream equals the venue's; nothing is there that is not."""
    if not rig.exchange.capabilities.streams_balances:
        must(not rig.outs(Balance), "a balance on the stream, which the adapter does not declare")
        return
    latest: dict[str, Balance] = {}
    for balance in rig.outs(Balance):
        must(not balance.snapshot, "a change of some assets is marked as a full listing")
        latest[balance.asset] = balance
    must("USDT" in latest, "no USDT balance on the stream")
    true = {asset: (free, locked) for asset, free, locked in rig.truth.balances(ACCOUNT)}
    for asset, balance in latest.items():
        same((units(balance.free), units(balance.locked)), true[asset], f"balance of {asset} on the stream")
        must(balance.exch_ns > 0, f"balance of {asset} without exch_ns")


@rule("order round trip", "dialect", "orders")
def maker(subject: VenueUnderTest) -> None:
    """A resting order filled in two parts: two maker fills, PARTIALLY_FILLED between them, FILLED at the end."""
    rig = subject.rig().boot()
    order = rig.order(tif=Tif.GTC, px=rig.best("BTC-USDT", ask=False) - 20)
    rig.do(order)
    true = rig.true_order(order.cl_ord_id)
    must(true is not None and not true.status.terminal, "not resting, so the rule cannot be tested")
    assert true is not None
    first = true.qty // 3
    for lots in (first, true.qty - first):
        rig.truth.quote(MAKER, true.symbol, False, true.px, lots, rig.now_ns + rig.skew_ns)
        rig.run_for(0.3)
    stream = judge(rig, order, OrdStatus.FILLED)
    must(any(update.ord_status is OrdStatus.PARTIALLY_FILLED for update in stream), "never partly filled")
    must(all(fill.maker for fill in true.fills), "no maker's fills, so the rule cannot be tested")
    _stream_balances(rig)


@rule("order round trip", "dialect", "orders")
def post_only(subject: VenueUnderTest) -> None:
    """A post-only order that would match ends unfilled with reason POST_ONLY (or without a reason:
    ``Capabilities.end_reasons``); one that rests can be cancelled."""
    for rig, role in _both(subject):
        crossing = rig.order(tif=Tif.GTC, post_only=True)
        rig.do(crossing, role)
        reported = rig.updates(crossing.cl_ord_id)
        ends = [update for update in reported if update.ord_status.terminal]
        must(ends, f"no end of a post-only order that would take: {reported}")
        last = ends[-1]
        same(last.cum_qty or Decimal(0), Decimal(0), "cum_qty of a crossing post-only")
        if last.reason is not None or rig.exchange.capabilities.end_reasons:  # a refusal says it at once
            same(last.reason, RejectReason.POST_ONLY, "the reason of a crossing post-only")
        resting = rig.order(tif=Tif.GTC, post_only=True, px=rig.best("BTC-USDT", ask=False) - 500)
        rig.do(resting, role)
        rig.do(_cancel(resting), role)
        stream = judge(rig, resting, OrdStatus.CANCELED)
        same(stream[-1].reason, None, "the reason of an order that we cancelled")


@rule("order round trip", "dialect", "orders")
def cancel_all(subject: VenueUnderTest) -> None:
    """Cancel-all ends all resting orders of an instrument."""
    rig = subject.rig().boot(("BTC-USDT", "ETH-USDT"))
    everything = CancelAll(account=rig.account, instrument=rig.instrument("BTC-USDT").id)
    if not rig.exchange.route(everything):
        raise NotRun("the adapter routes no CancelAll")
    orders = [rig.order(tif=Tif.GTC, px=rig.best("BTC-USDT", ask=False) - 500 - n) for n in range(3)]
    for order in orders:
        rig.do(order)
    rig.do(everything)
    for order in orders:
        judge(rig, order, OrdStatus.CANCELED)


@rule("order round trip", "dialect", "orders")
def cancel_gone(subject: VenueUnderTest) -> None:
    """A cancel that finds no open order is answered with UNKNOWN_ORDER about the cancel; it does not end the order."""
    for rig, role in _both(subject):
        order = rig.order()
        rig.do(order, role)
        unknown = rig.order()
        for gone in (order, unknown):
            before = len(rig.updates(gone.cl_ord_id))
            rig.do(_cancel(gone), role)
            # a stream may repeat the order's last state after the cancel
            reported = [update for update in rig.updates(gone.cl_ord_id)[before:] if update.source == "ack"]
            must(reported, "no answer to the cancel")
            for update in reported:
                same((update.about_cancel, update.reason), (True, RejectReason.UNKNOWN_ORDER), f"answer {update.text}")
                same(update.ord_status, OrdStatus.UNKNOWN, "status in the answer to a cancel")
                same(update.instrument, gone.instrument, "instrument in the answer to a cancel")


@rule("order round trip", "dialect", "orders")
def query(subject: VenueUnderTest) -> None:
    """An order is found by our id in any state, on each role; an order that was never sent is reported as absent."""
    rig = subject.rig().boot()
    bid = rig.best("BTC-USDT", ask=False)
    orders = {
        OrdStatus.FILLED: rig.order(),
        OrdStatus.EXPIRED: rig.order(px=bid - 100),
        OrdStatus.NEW: rig.order(tif=Tif.GTC, px=bid - 500),
        OrdStatus.CANCELED: rig.order(tif=Tif.GTC, px=bid - 600),
    }
    for order in orders.values():
        rig.do(order)
    rig.do(_cancel(orders[OrdStatus.CANCELED]))
    rig.run_for(3)
    for role in rig.exchange.route(_query(rig.order())):
        for status, order in orders.items():
            true = rig.true_order(order.cl_ord_id)
            assert true is not None
            for order_id in ("", str(true.id)):
                reported = rig.do(_query(order, order_id), role)
                found = [u for u in rig.outs(OrderUpdate, reported) if u.cl_ord_id == order.cl_ord_id]
                must(found and not rig.outs(OrderAbsent, reported), f"{status.value} order not found: {reported}")
                last = found[-1]
                same_end(rig, last.ord_status, status, "a found order")
                same(last.source, "poll", "a found order")
                whole = last.ord_status is OrdStatus.FILLED and last.cum_qty is None  # the venue names no quantity
                cum = Decimal(rig.truth.pairs[true.symbol].qty_text(true.cum))
                same(order.qty if whole else last.cum_qty, cum, "cum_qty of a found order")
                same((last.order_id, last.instrument), (str(true.id), order.instrument), "a found order")
        never = rig.order()
        reported = rig.do(_query(never), role)
        same(
            [(a.account, a.instrument, a.cl_ord_id) for a in rig.outs(OrderAbsent, reported)],
            [(never.account, never.instrument, never.cl_ord_id)],
            "an order that was never sent",
        )
        must(not rig.outs(OrderUpdate, reported), f"a report about an order that was never sent: {reported}")


def _query(order: NewOrder, order_id: str = "") -> QueryOrder:
    return QueryOrder(account=order.account, instrument=order.instrument, cl_ord_id=order.cl_ord_id, order_id=order_id)


@rule("order round trip", "dialect", "orders")
def listings(subject: VenueUnderTest) -> None:
    """Listings of open orders and fills are complete and correct, and contain foreign orders without an id of ours."""
    rig = subject.rig().boot(("BTC-USDT", "ETH-USDT"))
    mine = [rig.order(tif=Tif.GTC, px=rig.best("BTC-USDT", ask=False) - 500 - n) for n in range(3)]
    eth = rig.instrument("ETH-USDT")
    px = rig.best("ETH-USDT", ask=False) - 50
    mine.append(rig.order(instrument=eth.id, tif=Tif.GTC, px=px, qty=Decimal("0.1")))
    for order in mine:
        rig.do(order)
    foreign = rig.truth.place(
        ACCOUNT,
        "BTC-USDT",
        Side.BUY,
        now_ns=rig.now_ns,
        qty=Decimal("0.01"),
        px=rig.best("BTC-USDT", ask=False) - 700,
        cl_ord_id="byhand1",
    )
    rig.run_for(0.3)
    others = [update for update in rig.outs(OrderUpdate) if update.order_id == str(foreign.id)]
    must(others and not any(map(_is_ours, others)), f"an order placed by hand, on the stream: {others}")
    started_ns = rig.now_ns
    rig.run_for(0.1)
    taker = rig.order(qty=Decimal("1.5"), px=rig.best("BTC-USDT", ask=True) + 30)
    rig.do(taker)
    ids = {order.cl_ord_id: order.instrument for order in mine}
    for instrument in ("", rig.instrument("BTC-USDT").id):
        reported = rig.outs(Listing, rig.do(ListOpenOrders(account=rig.account, instrument=instrument)))
        same(
            [(one.kind, one.instrument, one.complete) for one in reported],
            [("open_orders", instrument, True)],
            "listing",
        )
        want = {(cl, listed) for cl, listed in ids.items() if instrument in ("", listed)}
        same({(u.cl_ord_id, u.instrument) for u in reported[0].updates if _is_ours(u)}, want, "our open orders")
        strangers = [update.order_id for update in reported[0].updates if not _is_ours(update)]
        same(strangers, [str(foreign.id)], "orders placed by hand")
        must(
            all(u.ord_status is OrdStatus.NEW and u.source == "poll" for u in reported[0].updates),
            f"states in {reported}",
        )
    true = rig.true_order(taker.cl_ord_id)
    assert true is not None
    since = ListFills(account=rig.account, instrument=taker.instrument, since_ns=started_ns)
    one = ListFills(account=rig.account, instrument=taker.instrument, order_id=str(true.id))
    for wanted in (since, one):
        reported = rig.outs(Listing, rig.do(wanted, wait_s=1.3))  # some venues list once a second
        must(len(reported) == 1 and reported[0].kind == "fills", f"no listing of fills: {reported}")
        same(reported[0].instrument, taker.instrument, "instrument of the listing")
        must(reported[0].complete or not wanted.since_ns, "a short recent listing is not complete")
        fills = {update.trade_id: _reported(update) for update in reported[0].updates}
        same(fills, {str(fill.id): _expected(rig, fill) for fill in true.fills}, "fills")
    if rig.exchange.capabilities.fills_by_account:
        other = rig.order(instrument=eth.id, px=rig.best("ETH-USDT", ask=True) + 5, qty=Decimal("0.1"))
        rig.do(other)
        reported = rig.outs(Listing, rig.do(ListFills(account=rig.account, instrument="", since_ns=started_ns)))
        same([(one.instrument, one.complete) for one in reported], [("", True)], "listing of all fills")
        want = {(str(fill.id), fill.symbol) for fill in rig.truth.fills_of(ACCOUNT) if fill.ns >= started_ns}
        got = {(update.trade_id, update.instrument.partition(":")[2]) for update in reported[0].updates}
        same(got, want, "fills of all instruments")
        must(len({symbol for _, symbol in want}) == 2, f"too few fills, so the rule cannot be tested: {want}")


def _is_ours(update: OrderUpdate) -> bool:
    return parse_cl_ord_id(update.cl_ord_id) is not None


@rule("restarts", "dialect", "orders")
def reborn(subject: VenueUnderTest) -> None:
    """A session created after a request can read its answer, because the request id contains all that it needs
    (``Capabilities.answers_named``)."""
    rig = subject.rig().boot()
    if not rig.exchange.capabilities.answers_named:
        raise NotRun("capabilities.answers_named is false: only the session that asked can read an answer")
    order, refused = rig.order(tif=Tif.GTC, px=rig.best("BTC-USDT", ask=False) - 500), rig.order(qty=Decimal(500))
    for role in rig.exchange.route(order):
        if role is Role.REST:
            continue
        link = rig.line(role).spec.link
        for command, status in ((order, OrdStatus.NEW), (refused, OrdStatus.REJECTED), (_cancel(order), None)):
            seen = len(rig.frames)
            rig.do(command, role)
            answers = [text for name, text in rig.frames[seen:] if name == link]
            reported: list[OrderUpdate] = []
            for answer in answers:
                reported += rig.outs(OrderUpdate, rig.reborn(link).receive(answer, rig.now_ns))
            must(reported, f"a new session cannot read the answer to {command!r}: {answers}")
            for update in reported:
                same((update.cl_ord_id, update.instrument), (command.cl_ord_id, command.instrument), "answer")
                must(status is None or update.ord_status is status, f"status {update.ord_status} in {answers}")
