"""Rules about orders that work: placed, filled, cancelled, found again. The judge is the venue's own book of orders."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

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
from arbkit.sim.venue import SimFill
from arbkit.sim.world import ACCOUNT
from arbkit.testing.conformance.rig import SECOND, Rig
from arbkit.testing.conformance.rules import VenueUnderTest, must, rule, same

__all__ = ["judge"]

_EXCH_NS = SECOND


def _truth(solo: Rig, fill: SimFill) -> dict[str, object]:
    pair = solo.truth.pairs[fill.symbol]
    return {
        "px": Decimal(pair.px_text(fill.px)),
        "qty": Decimal(pair.qty_text(fill.qty)),
        "fee": Decimal(text(fill.fee)),
        "fee_asset": fill.fee_asset,
        "side": fill.side,
        "maker": fill.maker,
        "order_id": str(fill.order_id),
    }


def _told(update: OrderUpdate) -> dict[str, object]:
    return {
        "px": update.last_px,
        "qty": update.last_qty,
        "fee": update.fee,
        "fee_asset": update.fee_asset,
        "side": update.side,
        "maker": update.maker,
        "order_id": update.order_id,
    }


def judge(solo: Rig, order: NewOrder, status: OrdStatus) -> list[OrderUpdate]:
    """All that was said of an order against what the venue has; the stream's reports."""
    cl_ord_id = order.cl_ord_id
    true = solo.true_order(cl_ord_id)
    must(true is not None, f"the venue has no order {cl_ord_id}")
    assert true is not None
    pair = solo.truth.pairs[true.symbol]
    cum = Decimal(pair.qty_text(true.cum))
    said = solo.updates(cl_ord_id)
    stream = [update for update in said if update.source == "stream"]
    for update in said:
        same((update.account, update.instrument), (order.account, order.instrument), "account and instrument")
        same(update.order_id, str(true.id), "the venue's id")
        must(update.side in (None, order.side) and update.px in (None, order.px), f"side or price of {update}")
        must(update.qty in (None, order.qty), f"size of {update}")
        must(update.cum_qty is None or update.cum_qty <= cum, f"cum_qty {update.cum_qty} of {cum}")
        must(not update.about_cancel, f"about a cancel: {update}")
        must(update.ord_status is not OrdStatus.REJECTED or status is OrdStatus.REJECTED, f"a false no: {update}")
        late = update.recv_ns + solo.skew_ns - update.exch_ns
        must(0 <= late < _EXCH_NS, f"exch_ns {late} ns before its receipt: {update}")
    cums = [update.cum_qty for update in stream if update.cum_qty is not None]
    must(cums == sorted(cums), f"cum_qty falls: {cums}")
    fills = [update for update in stream if update.last_qty]
    same(
        sorted(update.trade_id for update in fills), sorted(str(fill.id) for fill in true.fills), "fills on the stream"
    )
    for update in fills:
        fill = next(fill for fill in true.fills if str(fill.id) == update.trade_id)
        same(_told(update), _truth(solo, fill), f"fill {fill.id}")
        must(update.exch_ns == fill.ns // 1_000_000 * 1_000_000, f"time of fill {fill.id}: {update.exch_ns}")
        must(update.cum_qty is None or update.cum_qty >= update.last_qty, f"cum_qty before its own fill: {update}")
    ends = [update for update in stream if update.ord_status.terminal]
    if status.terminal:
        must(ends, f"the stream never said that {cl_ord_id} ended")
        same(ends[-1].ord_status, status, "the end")
        same(ends[-1].cum_qty, cum, "cum_qty of the last report")
    else:
        must(not ends, f"{cl_ord_id} is open, and said to have ended: {ends}")
    return stream


def _roles(solo: Rig, order: NewOrder) -> Sequence[Role]:
    return solo.exchange.route(order)


def _both(subject: VenueUnderTest) -> list[tuple[Rig, Role]]:
    """A fresh venue for each way in."""
    probe = subject.rig().boot()
    return [(subject.rig().boot(), role) for role in _roles(probe, probe.order())]


@rule
def ioc_full(subject: VenueUnderTest) -> None:
    """An IOC that meets enough is filled: each fill once with its fee, then FILLED with all of it, on every way in."""
    for solo, role in _both(subject):
        for side in (Side.BUY, Side.SELL):
            tick = solo.instrument("BTC-USDT").tick
            px = solo.best("BTC-USDT", ask=side is Side.BUY) + (2000 if side is Side.BUY else -2000) * tick
            _, bids, _, asks = solo.truth.books["BTC-USDT"].top()
            pair = solo.truth.pairs["BTC-USDT"]
            most = asks if side is Side.BUY else bids
            order = solo.order(side=side, px=px, qty=Decimal(pair.qty_text(most)) + 100 * pair.lot)
            solo.do(order, role)
            judge(solo, order, OrdStatus.FILLED)
            must(len(solo.true_order(order.cl_ord_id).fills) > 1, "one fill only: no judge")  # type: ignore[union-attr]  # judged


@rule
def ioc_partial(subject: VenueUnderTest) -> None:
    """An IOC that meets less than it wants is filled with that, and expires."""
    for solo, role in _both(subject):
        pair = solo.truth.pairs["BTC-USDT"]
        _, _, _, lots = solo.truth.books["BTC-USDT"].top()
        px = solo.best("BTC-USDT", ask=True)
        order = solo.order(px=px, qty=Decimal(pair.qty_text(lots)) + 100 * pair.lot)
        solo.do(order, role)
        judge(solo, order, OrdStatus.EXPIRED)
        true = solo.true_order(order.cl_ord_id)
        must(true is not None and 0 < true.cum < true.qty, "not partly filled: no judge")


@rule
def ioc_none(subject: VenueUnderTest) -> None:
    """An IOC that meets nothing expires with nothing filled."""
    for solo, role in _both(subject):
        order = solo.order(px=solo.best("BTC-USDT", ask=False) - 100)
        solo.do(order, role)
        same(judge(solo, order, OrdStatus.EXPIRED)[-1].cum_qty, Decimal(0), "cum_qty")


@rule
def fok(subject: VenueUnderTest) -> None:
    """A FOK is filled whole or not at all."""
    for solo, role in _both(subject):
        order = solo.order(tif=Tif.FOK)
        solo.do(order, role)
        judge(solo, order, OrdStatus.FILLED)
        killed = solo.order(tif=Tif.FOK, px=solo.best("BTC-USDT", ask=True), qty=Decimal(3))
        solo.do(killed, role)
        same(judge(solo, killed, OrdStatus.EXPIRED)[-1].cum_qty, Decimal(0), "cum_qty")


@rule
def rest_and_cancel(subject: VenueUnderTest) -> None:
    """A GTC rests, locks its balance, and ends CANCELED when asked, by our id or the venue's."""
    for solo, role in _both(subject):
        for by_id in (False, True):
            order = solo.order(tif=Tif.GTC, px=solo.best("BTC-USDT", ask=False) - 500)
            solo.do(order, role)
            judge(solo, order, OrdStatus.NEW)
            _stream_balances(solo)
            order_id = solo.updates(order.cl_ord_id)[-1].order_id if by_id else ""
            solo.do(_cancel(order, order_id), role)
            judge(solo, order, OrdStatus.CANCELED)
            _stream_balances(solo)


def _cancel(order: NewOrder, order_id: str = "") -> CancelOrder:
    return CancelOrder(account=order.account, instrument=order.instrument, cl_ord_id=order.cl_ord_id, order_id=order_id)


def _stream_balances(solo: Rig) -> None:
    """The last balance that the stream told of each asset is the venue's."""
    told: dict[str, Balance] = {}
    for balance in solo.outs(Balance):
        must(not balance.snapshot, "a change of some assets is marked as a full listing")
        told[balance.asset] = balance
    must("USDT" in told, "the stream told no balance")
    true = {asset: (free, locked) for asset, free, locked in solo.truth.balances(ACCOUNT)}
    for asset, balance in told.items():
        same((units(balance.free), units(balance.locked)), true[asset], f"balance of {asset} on the stream")
        must(balance.exch_ns > 0, f"balance of {asset} without exch_ns")


@rule
def maker(subject: VenueUnderTest) -> None:
    """A resting order that is hit twice: two fills as maker, partly filled in between, FILLED at the end."""
    solo = subject.rig().boot()
    order = solo.order(tif=Tif.GTC, px=solo.best("BTC-USDT", ask=False) - 20)
    solo.do(order)
    true = solo.true_order(order.cl_ord_id)
    must(true is not None and not true.status.terminal, "not resting: no judge")
    assert true is not None
    first = true.qty // 3
    for lots in (first, true.qty - first):
        solo.truth.quote(MAKER, true.symbol, False, true.px, lots, solo.now_ns + solo.skew_ns)
        solo.run_for(0.3)
    stream = judge(solo, order, OrdStatus.FILLED)
    must(any(update.ord_status is OrdStatus.PARTIALLY_FILLED for update in stream), "never partly filled")
    must(all(fill.maker for fill in true.fills), "no maker's fills: no judge")
    _stream_balances(solo)


@rule
def post_only(subject: VenueUnderTest) -> None:
    """A post-only order that would take ends with nothing filled and the reason; one that rests ends when cancelled."""
    for solo, role in _both(subject):
        crossing = solo.order(tif=Tif.GTC, post_only=True)
        solo.do(crossing, role)
        said = solo.updates(crossing.cl_ord_id)
        ends = [update for update in said if update.ord_status.terminal]
        must(ends, f"no end of a post-only order that would take: {said}")
        last = ends[-1]
        same((last.cum_qty or Decimal(0), last.reason), (Decimal(0), RejectReason.POST_ONLY), "a crossing post-only")
        resting = solo.order(tif=Tif.GTC, post_only=True, px=solo.best("BTC-USDT", ask=False) - 500)
        solo.do(resting, role)
        solo.do(_cancel(resting), role)
        stream = judge(solo, resting, OrdStatus.CANCELED)
        same(stream[-1].reason, None, "the reason of an order that we cancelled")


@rule
def cancel_all(subject: VenueUnderTest) -> str | None:
    """All resting orders of an instrument end at once."""
    solo = subject.rig().boot(("BTC-USDT", "ETH-USDT"))
    everything = CancelAll(account=solo.account, instrument=solo.instrument("BTC-USDT").id)
    if not solo.exchange.route(everything):
        return "not offered"
    orders = [solo.order(tif=Tif.GTC, px=solo.best("BTC-USDT", ask=False) - 500 - n) for n in range(3)]
    for order in orders:
        solo.do(order)
    solo.do(everything)
    for order in orders:
        judge(solo, order, OrdStatus.CANCELED)
    return None


@rule
def cancel_gone(subject: VenueUnderTest) -> None:
    """A cancel that finds nothing answers the cancel alone: it never says how the order ended."""
    for solo, role in _both(subject):
        order = solo.order()
        solo.do(order, role)
        unknown = solo.order()
        for gone in (order, unknown):
            before = len(solo.updates(gone.cl_ord_id))
            solo.do(_cancel(gone), role)
            # a stream may repeat the order's last state because of it
            said = [update for update in solo.updates(gone.cl_ord_id)[before:] if update.source == "ack"]
            must(said, "no answer to the cancel")
            for update in said:
                same((update.about_cancel, update.reason), (True, RejectReason.UNKNOWN_ORDER), f"answer {update.text}")
                same(update.ord_status, OrdStatus.UNKNOWN, "status in the answer to a cancel")
                same(update.instrument, gone.instrument, "instrument in the answer to a cancel")


@rule
def query(subject: VenueUnderTest) -> None:
    """An order is found by our id in any state, on every way; one that never was is absent, said by the venue."""
    solo = subject.rig().boot()
    bid = solo.best("BTC-USDT", ask=False)
    orders = {
        OrdStatus.FILLED: solo.order(),
        OrdStatus.EXPIRED: solo.order(px=bid - 100),
        OrdStatus.NEW: solo.order(tif=Tif.GTC, px=bid - 500),
        OrdStatus.CANCELED: solo.order(tif=Tif.GTC, px=bid - 600),
    }
    for order in orders.values():
        solo.do(order)
    solo.do(_cancel(orders[OrdStatus.CANCELED]))
    solo.run_for(3)
    for role in solo.exchange.route(_query(solo.order())):
        for status, order in orders.items():
            true = solo.true_order(order.cl_ord_id)
            assert true is not None
            for order_id in ("", str(true.id)):
                said = solo.do(_query(order, order_id), role)
                found = [u for u in solo.outs(OrderUpdate, said) if u.cl_ord_id == order.cl_ord_id]
                must(found and not solo.outs(OrderAbsent, said), f"{status.value} order not found: {said}")
                last = found[-1]
                same((last.ord_status, last.source), (status, "poll"), "a found order")
                same(
                    last.cum_qty, Decimal(solo.truth.pairs[true.symbol].qty_text(true.cum)), "cum_qty of a found order"
                )
                same((last.order_id, last.instrument), (str(true.id), order.instrument), "a found order")
        never = solo.order()
        said = solo.do(_query(never), role)
        same(
            [(a.account, a.instrument, a.cl_ord_id) for a in solo.outs(OrderAbsent, said)],
            [(never.account, never.instrument, never.cl_ord_id)],
            "an order that never was",
        )
        must(not solo.outs(OrderUpdate, said), f"an order that never was is told of: {said}")


def _query(order: NewOrder, order_id: str = "") -> QueryOrder:
    return QueryOrder(account=order.account, instrument=order.instrument, cl_ord_id=order.cl_ord_id, order_id=order_id)


@rule
def listings(subject: VenueUnderTest) -> None:
    """Open orders and fills are listed whole and true, those of others too, which carry no id of ours."""
    solo = subject.rig().boot(("BTC-USDT", "ETH-USDT"))
    mine = [solo.order(tif=Tif.GTC, px=solo.best("BTC-USDT", ask=False) - 500 - n) for n in range(3)]
    eth = solo.instrument("ETH-USDT")
    px = solo.best("ETH-USDT", ask=False) - 50
    mine.append(solo.order(instrument=eth.id, tif=Tif.GTC, px=px, qty=Decimal("0.1")))
    for order in mine:
        solo.do(order)
    foreign = solo.truth.place(
        ACCOUNT,
        "BTC-USDT",
        Side.BUY,
        now_ns=solo.now_ns,
        qty=Decimal("0.01"),
        px=solo.best("BTC-USDT", ask=False) - 700,
        cl_ord_id="byhand1",
    )
    solo.run_for(0.3)
    others = [update for update in solo.outs(OrderUpdate) if update.order_id == str(foreign.id)]
    must(others and not any(map(_ours, others)), f"an order placed by hand, on the stream: {others}")
    started_ns = solo.now_ns
    solo.run_for(0.1)
    taker = solo.order(qty=Decimal("1.5"), px=solo.best("BTC-USDT", ask=True) + 30)
    solo.do(taker)
    ids = {order.cl_ord_id: order.instrument for order in mine}
    for instrument in ("", solo.instrument("BTC-USDT").id):
        said = solo.outs(Listing, solo.do(ListOpenOrders(account=solo.account, instrument=instrument)))
        same([(one.kind, one.instrument, one.complete) for one in said], [("open_orders", instrument, True)], "listing")
        want = {(cl, where) for cl, where in ids.items() if instrument in ("", where)}
        same({(u.cl_ord_id, u.instrument) for u in said[0].updates if _ours(u)}, want, "our open orders")
        strangers = [update.order_id for update in said[0].updates if not _ours(update)]
        same(strangers, [str(foreign.id)], "orders placed by hand")
        must(all(u.ord_status is OrdStatus.NEW and u.source == "poll" for u in said[0].updates), f"states in {said}")
    true = solo.true_order(taker.cl_ord_id)
    assert true is not None
    since = ListFills(account=solo.account, instrument=taker.instrument, since_ns=started_ns)
    one = ListFills(account=solo.account, instrument=taker.instrument, order_id=str(true.id))
    for wanted in (since, one):
        said = solo.outs(Listing, solo.do(wanted))
        must(len(said) == 1 and said[0].kind == "fills", f"no listing of fills: {said}")
        same(said[0].instrument, taker.instrument, "instrument of the listing")
        must(said[0].complete or not wanted.since_ns, "a short recent listing is not complete")
        fills = {update.trade_id: _told(update) for update in said[0].updates}
        same(fills, {str(fill.id): _truth(solo, fill) for fill in true.fills}, "fills")


def _ours(update: OrderUpdate) -> bool:
    return parse_cl_ord_id(update.cl_ord_id) is not None


@rule
def reborn(subject: VenueUnderTest) -> None:
    """Answers are read by a session that was born after the question: request ids carry what is needed."""
    solo = subject.rig().boot()
    order, refused = solo.order(tif=Tif.GTC, px=solo.best("BTC-USDT", ask=False) - 500), solo.order(qty=Decimal(500))
    for role in solo.exchange.route(order):
        if role is Role.REST:
            continue
        link = solo.line(role).spec.link
        for command, status in ((order, OrdStatus.NEW), (refused, OrdStatus.REJECTED), (_cancel(order), None)):
            seen = len(solo.frames)
            solo.do(command, role)
            answers = [text for name, text in solo.frames[seen:] if name == link]
            heard: list[OrderUpdate] = []
            for answer in answers:
                heard += solo.outs(OrderUpdate, solo.reborn(link).receive(answer, solo.now_ns))
            must(heard, f"a fresh session cannot read the answer to {command!r}: {answers}")
            for update in heard:
                same((update.cl_ord_id, update.instrument), (command.cl_ord_id, command.instrument), "answer")
                must(status is None or update.ord_status is status, f"status {update.ord_status} in {answers}")
