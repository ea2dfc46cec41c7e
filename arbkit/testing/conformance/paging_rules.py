"""Conformance rules about listings that are longer than one page, and about all types of orders, there and back."""

from __future__ import annotations

from decimal import Decimal

from arbkit.core.types import (
    CancelOrder,
    ListFills,
    Listing,
    ListOpenOrders,
    NewOrder,
    OrderUpdate,
    OrdStatus,
    QueryOrder,
    Role,
    Side,
    Tif,
)
from arbkit.sim.market import MAKER
from arbkit.sim.world import ACCOUNT
from arbkit.testing.conformance.order_rules import judge, same_end
from arbkit.testing.conformance.rig import Rig
from arbkit.testing.conformance.rules import VenueUnderTest, must, rule, same

__all__: list[str] = []

OPEN_ORDERS = 230
"""More than two pages of open orders on each venue that has pages (the longest page is 100)."""
FILLS = 1_100
"""More than one page of fills (the longest page is 1,000)."""


def _listing(rig: Rig, what: ListOpenOrders | ListFills) -> Listing:
    """The one listing that answers ``what``; it can take several requests."""
    before = len(rig.said)
    rig.put(what, rig.exchange.route(what)[-1])
    rig.run_for(60, lambda: bool(rig.outs(Listing, [spoken.out for spoken in rig.said[before:]])))
    found = rig.outs(Listing, [spoken.out for spoken in rig.said[before:]])
    must(len(found) == 1, f"{len(found)} listings answer one {type(what).__name__}: {found}"[:300])
    return found[0]


def _compare(listing: Listing, have: list[str], want: set[str], what: str) -> str:
    """Check a listing against what the venue has; the note says whether it is complete."""
    must(set(have) <= want, f"{what}: not the venue's: {sorted(set(have) - want)[:3]}")
    same(len(set(have)), len(have), f"{what}: different ones listed")
    if listing.complete:
        must(set(have) == want, f"{what}: {len(have)} of {len(want)} are listed, and the listing says complete")
    return f"{what}: " + ("complete" if listing.complete else f"{len(have)} of {len(want)}, not complete")


def _placed(rig: Rig, px: Decimal, now_ns: int) -> None:
    """Place a small buy at the venue, without the adapter."""
    qty, cl_ord_id = Decimal("0.001"), rig.cl_ord_id()
    rig.truth.place(ACCOUNT, "BTC-USDT", Side.BUY, now_ns=now_ns, qty=qty, px=px, cl_ord_id=cl_ord_id)


@rule("paging", "dialect", "orders")
def open_orders_pages(subject: VenueUnderTest) -> str:
    """With more open orders than one page, the listing has all of them, or says that it is not complete."""
    rig = subject.rig().boot()
    one = rig.instrument("BTC-USDT")
    px = rig.best("BTC-USDT", ask=False) / 2 // 1
    for number in range(OPEN_ORDERS):
        _placed(rig, px - number, rig.now_ns)
    rig.run_for(1)
    want = {order.cl_ord_id for order in rig.truth.orders.values() if not order.status.terminal}
    same(len(want), OPEN_ORDERS, "open orders at the venue")
    notes = []
    for instrument in ("", one.id):
        listing = _listing(rig, ListOpenOrders(account=rig.account, instrument=instrument))
        have = [update.cl_ord_id for update in listing.updates]
        notes.append(_compare(listing, have, want, "open orders" + (" of one instrument" if instrument else "")))
    return "; ".join(notes)


@rule("paging", "dialect", "orders")
def fills_pages(subject: VenueUnderTest) -> str:
    """With more fills than one page, the listing has all of them, or says that it is not complete."""
    rig = subject.rig().boot()
    one = rig.instrument("BTC-USDT")
    rig.freeze()
    started_ns = rig.now_ns - 1_000_000
    rig.run_for(0.1)
    px = rig.best("BTC-USDT", ask=False) // 1 + 1
    pair = rig.truth.pairs["BTC-USDT"]
    ticks = int(px / pair.tick)
    for number in range(FILLS):
        _placed(rig, px, rig.now_ns + number)
        rig.truth.quote(MAKER, "BTC-USDT", False, ticks, int(Decimal("0.001") / pair.lot), rig.now_ns + number)
    rig.run_for(2)
    want = {str(fill.id) for fill in rig.truth.fills}
    must(len(want) >= FILLS, f"{len(want)} fills, so the rule cannot be tested")
    listing = _listing(rig, ListFills(account=rig.account, instrument=one.id, since_ns=started_ns))
    return _compare(listing, [update.trade_id for update in listing.updates], want, "fills")


_TRIPS = (
    # (tif, post-only, USDT through the best price; negative = rests or does not match, the end)
    (Tif.IOC, False, 20, OrdStatus.FILLED),
    (Tif.IOC, False, -500, OrdStatus.EXPIRED),
    (Tif.FOK, False, 20, OrdStatus.FILLED),
    (Tif.FOK, False, -500, OrdStatus.EXPIRED),
    (Tif.GTC, False, 20, OrdStatus.FILLED),
    (Tif.GTC, False, -500, OrdStatus.CANCELED),
    (Tif.GTC, True, -500, OrdStatus.CANCELED),
)
"""Each type of order, with the end that it must have. CANCELED: we cancel it."""


def _order(rig: Rig, side: Side, tif: Tif, post_only: bool, through: int) -> NewOrder:
    buy = side is Side.BUY
    px = rig.best("BTC-USDT", ask=buy) + (through if buy else -through)
    return rig.order(side=side, tif=tif, post_only=post_only, px=px)


@rule("order round trip", "dialect", "orders")
def round_trips(subject: VenueUnderTest) -> None:
    """Each type of order (IOC, FOK, GTC, post-only), each side, each role: the stream reports each fill and the right
    end, and a query gives the same end."""
    probe = subject.rig().boot()
    for role in probe.exchange.route(probe.order()):
        rig = subject.rig().boot()
        for tif, post_only, through, end in _TRIPS:
            for side in Side:
                order = _order(rig, side, tif, post_only, through)
                rig.do(order, role)
                if end is OrdStatus.CANCELED:
                    judge(rig, order, OrdStatus.NEW)
                    cancel = CancelOrder(account=order.account, instrument=order.instrument, cl_ord_id=order.cl_ord_id)
                    rig.do(cancel, role)
                judge(rig, order, end)
                rig.run_for(3)
                query = QueryOrder(account=order.account, instrument=order.instrument, cl_ord_id=order.cl_ord_id)
                reported = rig.outs(OrderUpdate, rig.do(query, Role.REST))
                found = [u for u in reported if u.cl_ord_id == order.cl_ord_id and u.source == "poll"]
                kind = f"{side.value} {tif.value}{' post-only' if post_only else ''} over {role.value}"
                must(found, f"{kind}: not found by a query: {reported}"[:300])
                same_end(rig, found[-1].ord_status, end, f"{kind}: status in a query")


@rule("catalogue and rounding", "dialect", "orders")
def exact_numbers(subject: VenueUnderTest) -> None:
    """The venue gets exactly the price and the size of an order, however the ``Decimal`` is written (``1E-5``,
    ``6.1E+4``), down to the smallest size and one tick; on each role."""
    probe = subject.rig().boot()
    for role in probe.exchange.route(probe.order()):
        rig = subject.rig().boot()
        one = rig.instrument("BTC-USDT")
        pair = rig.truth.pairs["BTC-USDT"]
        high = one.quantize_px(rig.best("BTC-USDT", ask=False) - 500, Side.BUY)
        round_px = Decimal(f"{int(high // 1000)}E+3")
        least = max(pair.min_qty, one.lot)
        if one.min_notional:
            least = max(least, one.quantize_qty(one.min_notional / (high - 1000)) + one.lot)
        for px, qty in (
            (high, least),
            (round_px, least.normalize()),
            (high - one.tick, least + one.lot),
            (high + one.tick, Decimal("0.01") + one.lot),
            (round_px, Decimal("2E-2")),
        ):
            order = rig.order(tif=Tif.GTC, px=px, qty=qty)
            rig.do(order, role)
            true = rig.true_order(order.cl_ord_id)
            must(true is not None, f"{role.value}: {qty} at {px} did not arrive: {rig.updates(order.cl_ord_id)}"[:300])
            assert true is not None
            at_venue = (Decimal(pair.px_text(true.px)), Decimal(pair.qty_text(true.qty)))
            same((px, qty), at_venue, f"{role.value}: price and size of an order")
