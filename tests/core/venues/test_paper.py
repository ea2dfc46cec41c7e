"""Paper execution: the book at arrival, rules and balances as at a venue."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbkit.core.market.books import Books
from arbkit.core.orders.ids import format_cl_ord_id
from arbkit.core.orders.orders import Orders
from arbkit.core.types import (
    NEVER,
    Balance,
    BookUpdate,
    CancelAll,
    CancelOrder,
    Catalogue,
    Command,
    Event,
    Instrument,
    Level,
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
    Role,
    Side,
    Tif,
    TopUpdate,
)
from arbkit.core.venues.paper import LOOK_NS, Paper

MS = 1_000_000
A, I = "v:main", "v:BTC-USDT"  # noqa: E741 - short because it is everywhere
BTC = Instrument(
    venue="v",
    symbol="BTC-USDT",
    native="BTCUSDT",
    base="BTC",
    quote="USDT",
    tick=Decimal("0.1"),
    lot=Decimal("0.01"),
    min_qty=Decimal("0.02"),
    max_qty=Decimal(100),
    min_notional=Decimal(5),
)
START = {"BTC": Decimal(10), "USDT": Decimal(1000)}
MAKER, TAKER = Decimal("0.0002"), Decimal("0.001")


def levels(*pairs: tuple[float, float]) -> list[Level]:
    return [Level(px, qty) for px, qty in pairs]


class Bench:
    """A paper account, one book, one clock."""

    def __init__(self, latency: int = 10 * MS) -> None:
        self.paper = Paper(A, Catalogue([BTC]), balances=START, maker=MAKER, taker=TAKER, latency_ns=latency)
        self.market = Books()
        self.book = self.market.create(I)
        self.now = 1000 * MS
        self.ids = 0
        self.snapshot([(99.9, 1), (99.8, 2)], [(100.1, 1), (100.2, 2), (100.4, 5)])

    def snapshot(self, bids: list[tuple[float, float]], asks: list[tuple[float, float]]) -> None:
        self.market.apply(BookUpdate(I, levels(*bids), levels(*asks), snapshot=True, recv_ns=self.now))

    def delta(self, bids: list[tuple[float, float]] = [], asks: list[tuple[float, float]] = []) -> None:  # noqa: B006
        self.market.apply(BookUpdate(I, levels(*bids), levels(*asks), recv_ns=self.now))

    def order(self, side: Side = Side.BUY, qty: str = "2", px: str = "100.2", **more: object) -> NewOrder:
        self.ids += 1
        fields = {"account": A, "instrument": I, "cl_ord_id": format_cl_ord_id(self.ids)} | more
        return NewOrder(side=side, qty=Decimal(qty), px=Decimal(px), **fields)  # type: ignore[arg-type]

    def run(self, *commands: Command, trusted: bool = True) -> list[Event]:
        """Submit, wait for the arrival, tick."""
        self.paper.submit(commands, self.now)
        self.now += self.paper.latency_ns
        return self.tick(trusted=trusted)

    def tick(self, *, trusted: bool = True) -> list[Event]:
        return self.paper.tick(self.now, lambda _: self.book if trusted and self.book.trusted else None)

    def free(self, asset: str) -> Decimal:
        return next(balance.free for balance in self.paper.balances(self.now) if balance.asset == asset)


def updates(events: list[Event]) -> list[OrderUpdate]:
    return [event for event in events if isinstance(event, OrderUpdate)]


def fills(events: list[Event]) -> list[tuple[Decimal, Decimal]]:
    return [(update.last_px, update.last_qty) for update in updates(events) if update.last_qty]


def test_an_ioc_walks_the_levels_within_its_limit():
    """Ack, one report per level with its fee in the asset received, the end, exact balances."""
    bench = Bench()
    events = bench.run(bench.order(qty="4"))
    statuses = [update.ord_status for update in updates(events)]
    assert statuses == [OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED, OrdStatus.PARTIALLY_FILLED, OrdStatus.EXPIRED]
    assert fills(events) == [(Decimal("100.1"), 1), (Decimal("100.2"), 2)]
    assert [(u.fee, u.fee_asset) for u in updates(events) if u.last_qty] == [
        (Decimal("0.001"), "BTC"),
        (Decimal("0.002"), "BTC"),
    ]
    assert updates(events)[-1].cum_qty == 3
    assert bench.free("BTC") == Decimal("12.997")
    assert bench.free("USDT") == Decimal("699.5")
    assert [e.free for e in events if isinstance(e, Balance)] == [Decimal("12.997"), Decimal("699.5")]


def test_a_sell_is_paid_in_quote_less_the_fee():
    """The last fill of a whole order reports FILLED, and no report follows."""
    bench = Bench()
    events = bench.run(bench.order(Side.SELL, "1.5", "99.8"))
    assert fills(events) == [(Decimal("99.9"), 1), (Decimal("99.8"), Decimal("0.5"))]
    assert updates(events)[-1].ord_status is OrdStatus.FILLED
    assert bench.free("USDT") == 1000 + Decimal("149.8") * (1 - TAKER)
    assert bench.free("BTC") == Decimal("8.5")


def test_it_meets_the_book_of_its_arrival():
    """A quantity seen at sending but gone at arrival does not fill."""
    bench = Bench()
    bench.paper.submit([bench.order(px="100.1")], bench.now)
    assert bench.paper.due_ns == bench.now + 10 * MS
    bench.now += 9 * MS
    assert bench.tick() == []
    bench.delta(asks=[(100.1, 0)])
    bench.now += MS
    ended = updates(bench.tick())[-1]
    assert (ended.ord_status, ended.cum_qty, ended.reason) == (OrdStatus.EXPIRED, 0, RejectReason.NO_MATCH)
    assert bench.paper.due_ns == NEVER


def test_without_a_trusted_book_nothing_fills():
    """An IOC expires with nothing; balances are as before."""
    bench = Bench()
    events = bench.run(bench.order(), trusted=False)
    assert [update.ord_status for update in updates(events)] == [OrdStatus.NEW, OrdStatus.EXPIRED]
    assert bench.free("USDT") == 1000


def test_the_same_liquidity_is_not_taken_twice():
    """What was taken at a price stays taken until the venue's size there changes; each side separately."""
    bench = Bench()
    assert fills(bench.run(bench.order(qty="0.6", px="100.1"))) == [(Decimal("100.1"), Decimal("0.6"))]
    assert fills(bench.run(bench.order(qty="0.6", px="100.1"))) == [(Decimal("100.1"), Decimal("0.4"))]
    assert fills(bench.run(bench.order(qty="0.6", px="100.1"))) == []
    bench.delta(asks=[(100.2, 3)])
    assert fills(bench.run(bench.order(qty="0.6", px="100.1"))) == []
    bench.delta(asks=[(100.1, 0.5)])
    assert fills(bench.run(bench.order(qty="0.6", px="100.1"))) == [(Decimal("100.1"), Decimal("0.5"))]
    bench.delta(asks=[(100.1, 0)])
    bench.run(bench.order(qty="0.6", px="100.1"))
    bench.delta(asks=[(100.1, 0.5)])
    assert fills(bench.run(bench.order(qty="0.6", px="100.1"))) == [(Decimal("100.1"), Decimal("0.5"))]


def test_liquidity_of_the_faster_stream_is_not_taken_twice_either():
    """The best ask of the top-of-book stream is remembered like a level of the book."""
    bench = Bench()
    bench.market.overlay(TopUpdate(I, Level(99.9, 1), Level(100.0, 0.5), seq=9))
    assert fills(bench.run(bench.order(px="100", qty="1"))) == [(Decimal(100), Decimal("0.5"))]
    assert fills(bench.run(bench.order(px="100", qty="1"))) == []


@given(st.lists(st.tuples(st.sampled_from(list(Side)), st.integers(2, 400), st.integers(990, 1010)), max_size=25))
def test_money_is_conserved_and_no_level_gives_more_than_it_shows(orders):
    """On a book that does not change: all quantity taken <= quantity shown, and paid amounts match the prices."""
    bench = Bench()
    taken: dict[Decimal, Decimal] = {}
    btc, usdt = START["BTC"], START["USDT"]
    for side, qty, px in orders:
        order = bench.order(side, str(Decimal(qty) / 100), str(Decimal(px) / 10))
        for update in updates(bench.run(order)):
            if update.last_qty:
                taken[update.last_px] = taken.get(update.last_px, Decimal(0)) + update.last_qty
                assert update.last_px <= order.px if side is Side.BUY else update.last_px >= order.px
                sign = 1 if side is Side.BUY else -1
                btc += sign * update.last_qty - (update.fee or 0) * (side is Side.BUY)
                usdt -= sign * update.last_qty * update.last_px + (update.fee or 0) * (side is Side.SELL)
    shown = {
        Decimal(repr(px)): Decimal(repr(qty)) for ladder in (bench.book.bids, bench.book.asks) for px, qty in ladder
    }
    assert all(qty <= shown[px] for px, qty in taken.items())
    assert (bench.free("BTC"), bench.free("USDT")) == (btc, usdt)
    assert all(balance.locked == 0 and balance.free >= 0 for balance in bench.paper.balances(bench.now))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"px": "100.15"}, RejectReason.BAD_PRICE),
        ({"qty": "0.015"}, RejectReason.BAD_QTY),
        ({"qty": "0.01"}, RejectReason.BAD_QTY),
        ({"side": Side.SELL, "qty": "101"}, RejectReason.BAD_QTY),
        ({"qty": "0.04"}, RejectReason.MIN_NOTIONAL),
        ({"qty": "9.99"}, RejectReason.INSUFFICIENT_FUNDS),
        ({"side": Side.SELL, "qty": "10.01"}, RejectReason.INSUFFICIENT_FUNDS),
        ({"instrument": "v:ETH-USDT"}, RejectReason.INSTRUMENT),
        ({"deadline_ns": 1005 * MS}, RejectReason.CLOCK),
        ({"tif": Tif.GTC, "post_only": True, "px": "100.1"}, RejectReason.POST_ONLY),
    ],
    ids=str,
)
def test_it_refuses_what_the_venue_would(fields, reason):
    """Rules, funds, expiry: a definite rejection, and no balance changes."""
    bench = Bench()
    [update] = bench.run(bench.order(**fields))
    assert (update.ord_status, update.reason) == (OrdStatus.REJECTED, reason)
    assert bench.free("USDT") == 1000
    assert bench.free("BTC") == 10


def test_a_client_id_is_taken_once():
    """The second order with one id is refused; the first stands."""
    bench = Bench()
    order = bench.order()
    bench.run(order)
    [update] = bench.run(order)
    assert update.reason is RejectReason.DUPLICATE


def test_fill_or_kill_fills_whole_or_not_at_all():
    """A FOK larger than the levels within its limit takes nothing."""
    bench = Bench()
    assert fills(bench.run(bench.order(qty="3.01", tif=Tif.FOK))) == []
    assert sum(qty for _, qty in fills(bench.run(bench.order(qty="3", tif=Tif.FOK)))) == 3


def test_a_resting_order_fills_when_the_book_trades_through_it():
    """Levels at its price are not enough; it fills at its own price, as maker; its amount is locked meanwhile."""
    bench = Bench()
    order = bench.order(qty="2", px="100", tif=Tif.GTC, post_only=True)
    [new, *_] = bench.run(order)
    assert new.ord_status is OrdStatus.NEW
    assert bench.free("USDT") == 800
    bench.delta(asks=[(100.0, 3)])
    bench.now = bench.paper.due_ns
    assert bench.now == 1010 * MS + LOOK_NS
    assert bench.tick() == []
    bench.delta(bids=[(99.9, 0)], asks=[(100.0, 0), (99.9, 1.5)])
    bench.now = bench.paper.due_ns
    events = bench.tick()
    assert fills(events) == [(Decimal(100), Decimal("1.5"))]
    assert updates(events)[0].maker
    assert updates(events)[0].fee == Decimal("1.5") * MAKER
    [listing] = bench.run(ListOpenOrders(account=A, instrument=I))
    assert [u.cum_qty for u in listing.updates] == [Decimal("1.5")]
    [canceled, *_] = bench.run(CancelOrder(account=A, instrument=I, cl_ord_id=order.cl_ord_id))
    assert (canceled.ord_status, canceled.cum_qty) == (OrdStatus.CANCELED, Decimal("1.5"))
    assert bench.free("USDT") == 850
    assert bench.paper.due_ns == NEVER


def test_cancels_queries_and_listings_are_answered():
    """A cancel of what is not open is refused; a query finds finished orders; a listing gives their fills."""
    bench = Bench()
    order = bench.order()
    bench.run(order)
    [refused] = bench.run(CancelOrder(account=A, instrument=I, cl_ord_id=order.cl_ord_id))
    assert refused.about_cancel
    assert refused.reason is RejectReason.UNKNOWN_ORDER
    [found] = bench.run(QueryOrder(account=A, instrument=I, cl_ord_id=order.cl_ord_id))
    assert (found.ord_status, found.cum_qty, found.source) == (OrdStatus.FILLED, 2, "poll")
    [absent] = bench.run(QueryOrder(account=A, instrument=I, cl_ord_id="foreign"))
    assert isinstance(absent, OrderAbsent)
    [listing] = bench.run(ListFills(account=A, instrument=I, since_ns=1000 * MS))
    assert isinstance(listing, Listing)
    assert [update.last_qty for update in listing.updates] == [1, 1]


def test_cancel_all_and_replace():
    """CancelAll ends all resting orders; a replace is a cancel and a new order."""
    bench = Bench()
    order = bench.order(px="99.9", tif=Tif.GTC)
    bench.run(order)
    replaced = ReplaceOrder(
        account=A, instrument=I, cl_ord_id=order.cl_ord_id, new_cl_ord_id="b", qty=Decimal(1), px=Decimal(99)
    )
    assert [u.ord_status for u in updates(bench.run(replaced))] == [OrdStatus.CANCELED, OrdStatus.NEW]
    assert bench.free("USDT") == 901
    assert [u.cl_ord_id for u in updates(bench.run(CancelAll(account=A)))] == ["b"]
    assert bench.free("USDT") == 1000


def test_the_order_table_agrees():
    """With the real order table, every paper order ends ``done``, with the same quantities."""
    bench = Bench()
    orders = Orders(A)
    for qty in ("0.5", "4", "1"):
        order = bench.order(qty=qty)
        orders.add(order, bench.now)
        orders.sent(order.cl_ord_id, Role.REST, "paper", bench.now)
        for update in updates(bench.run(order)):
            change = orders.apply(update)
            assert change.anomalies == ()
        table = orders.get(order.cl_ord_id)
        assert table is not None
        assert table.done
    assert len(orders) == 0


def test_commands_do_not_overtake_each_other():
    """If the latency falls while running, a cancel still does not arrive before its order."""
    bench = Bench(latency=100 * MS)
    order = bench.order(px="99.9", tif=Tif.GTC)
    bench.paper.submit([order], bench.now)
    bench.paper.latency_ns = MS
    bench.paper.submit([CancelOrder(account=A, instrument=I, cl_ord_id=order.cl_ord_id)], bench.now)
    bench.now += 100 * MS
    assert [update.ord_status for update in updates(bench.tick())] == [OrdStatus.NEW, OrdStatus.CANCELED]
