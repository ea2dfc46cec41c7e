"""The matching engine compared with a brute-force one, and conservation of money in the ledger."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arbkit.core.types import OrdStatus, Side, Tif
from arbkit.sim.ledger import FEES
from arbkit.sim.matching import Resting, SimBook
from arbkit.sim.pair import Pair, text, units
from arbkit.sim.venue import Account, OrderReport, Profile, Refused, SimExchange

PAIR = Pair("BTC-USDT", "BTC", "USDT", Decimal("0.5"), Decimal("0.001"), Decimal("0.001"))


class Oracle:
    """Price-time priority in the simplest form: one list, searched completely each time."""

    def __init__(self) -> None:
        self.orders: list[dict[str, Any]] = []
        self.clock = 0

    def place(self, number: int, buy: bool, px: int, qty: int) -> list[tuple[int, int, int]]:
        fills = []
        while qty:
            others = [o for o in self.orders if o["buy"] != buy and (o["px"] <= px if buy else o["px"] >= px)]
            if not others:
                break
            best = min(others, key=lambda o: (o["px"] if buy else -o["px"], o["at"]))
            lots = min(qty, best["qty"])
            fills.append((best["id"], best["px"], lots))
            qty -= lots
            best["qty"] -= lots
            if not best["qty"]:
                self.orders.remove(best)
        if qty:
            self.clock += 1
            self.orders.append({"id": number, "buy": buy, "px": px, "qty": qty, "at": self.clock})
        return fills

    def depth(self, buy: bool) -> list[tuple[int, int]]:
        prices = sorted({o["px"] for o in self.orders if o["buy"] == buy}, reverse=buy)
        return [(px, sum(o["qty"] for o in self.orders if o["buy"] == buy and o["px"] == px)) for px in prices]


@given(st.lists(st.tuples(st.booleans(), st.integers(95, 105), st.integers(0, 9), st.integers(0, 40)), max_size=60))
@settings(max_examples=200, deadline=None, derandomize=True, database=None)
def test_priority_equals_the_oracle(steps: list[tuple[bool, int, int, int]]) -> None:
    """Fills and depth are those of a brute-force book; size 0 stands for a cancel of an earlier order."""
    book, oracle = SimBook(), Oracle()
    feed = book.feed()
    seen: dict[bool, dict[int, int]] = {True: {}, False: {}}
    live: dict[int, Resting] = {}
    for number, (buy, px, qty, back) in enumerate(steps):
        if qty:
            result = book.match("me", buy, px, qty)
            assert [(r.id, r.px, lots) for r, lots in result.fills] == oracle.place(number, buy, px, qty)
            if result.left:
                live[number] = Resting(number, "me", buy, px, result.left)
                book.add(live[number])
        elif (resting := live.pop(number - 1 - back, None)) is not None and resting.qty:
            book.remove(resting)
            oracle.orders = [o for o in oracle.orders if o["id"] != resting.id]
        bids, asks = book.depth(1000)
        assert (bids, asks) == (oracle.depth(True), oracle.depth(False))
        first, last, bid_changes, ask_changes = feed.take()
        assert last == book.seq
        assert first == last + 1 or bid_changes or ask_changes
        for buy_side, changes in ((True, bid_changes), (False, ask_changes)):
            for level, lots in changes:
                seen[buy_side][level] = lots
        assert {px: q for px, q in seen[True].items() if q} == dict(bids)
        assert {px: q for px, q in seen[False].items() if q} == dict(asks)


@given(st.lists(st.tuples(st.integers(95, 105), st.integers(1, 9), st.booleans()), max_size=40), st.booleans())
@settings(max_examples=100, deadline=None, derandomize=True, database=None)
def test_orders_leave_together_as_one_by_one(orders: list[tuple[int, int, bool]], buy: bool) -> None:
    """Many orders that are withdrawn leave the same book, queues and changes as when each one is removed."""
    books = SimBook(), SimBook()
    feeds = [book.feed() for book in books]
    for number, (px, qty, _) in enumerate(orders):
        for book in books:
            book.add(Resting(number, "me", buy, px, qty))
    leave = [(number, px) for number, (px, _, leaves) in enumerate(orders) if leaves]
    for number, px in leave:
        books[0].resize(books[0].resting(number, buy, px), 0)
    books[1].withdraw(buy, [books[1].resting(number, buy, px) for number, px in leave])
    assert feeds[0].take() == feeds[1].take()
    met = [[(one.id, lots) for one, lots in book.makers(not buy, None, 1 << 62)] for book in books]
    assert books[0].depth(99) == books[1].depth(99)
    assert met[0] == met[1]
    assert {number for number, _ in met[1]} == {n for n, (_, _, leaves) in enumerate(orders) if not leaves}


@given(
    st.integers(0, 10**9),
    st.sampled_from(["0.00001", "0.5", "0.025", "1", "10", "0.000000000001"]),
    st.sampled_from([0, 2, 8]),
)
@settings(max_examples=200, deadline=None, derandomize=True, database=None)
def test_levels_are_written_as_plain_decimals(count: int, step: str, pad: int) -> None:
    """Price and size are the decimal numbers, without an exponent, with ``pad`` decimals and no further zeros."""
    pair = Pair("BTC-USDT", "BTC", "USDT", Decimal(step), Decimal("1"), Decimal("1"))
    other = Pair("BTC-USDT", "BTC", "USDT", Decimal("1"), Decimal(step), Decimal("1"))
    ((px, _),) = pair.level_texts([(count, 1)], pad)
    ((_, size),) = other.level_texts([(1, count)], pad)
    assert px == size == pair.px_text(count, pad) == other.qty_text(count, pad)
    whole, _, part = f"{Decimal(step) * count:f}".partition(".")
    part = part.rstrip("0").ljust(pad, "0")
    assert px == (f"{whole}.{part}" if part else whole)


def exchange(**rules: Any) -> SimExchange:
    venue = SimExchange("sim", Profile(**rules), [PAIR])
    for name in ("ann", "bob"):
        venue.open(Account(name), [("BTC", Decimal(10)), ("USDT", Decimal(10_000))])
    venue.open(
        Account("maker", synthetic=True, maker=Decimal(0), taker=Decimal(0)),
        [("BTC", Decimal(50)), ("USDT", Decimal(5000))],
    )
    return venue


actions = st.tuples(
    st.sampled_from(["ann", "bob", "maker"]),
    st.booleans(),
    st.integers(190, 210),
    st.integers(1, 900),
    st.sampled_from(["gtc", "ioc", "fok", "post", "market", "spend", "cancel"]),
    st.sampled_from(["none", "taker", "maker", "both"]),
)


@given(st.lists(actions, max_size=50), st.sampled_from(["0.001", "-0.0002", "0.00033333"]))
@settings(max_examples=200, deadline=None, derandomize=True, database=None)
def test_money_is_conserved(steps: list[Any], maker_fee: str) -> None:
    """Whatever is placed, matched or cancelled: each asset sums to what was paid in, and nothing is negative."""
    venue = exchange(maker=Decimal(maker_fee), taker=Decimal("0.001"))
    for now, (who, buy, px, lots, kind, stp) in enumerate(steps):
        side, price, qty = (Side.BUY if buy else Side.SELL), px * PAIR.tick, lots * PAIR.lot
        try:
            if who == "maker":
                venue.quote("maker", PAIR.symbol, buy, px, 0 if kind == "cancel" else lots, now)
            elif kind == "cancel":
                venue.cancel_all(who, now_ns=now)
            elif kind == "market":
                venue.place(who, PAIR.symbol, side, qty=qty, kind="market", stp=stp, now_ns=now)
            elif kind == "spend":
                venue.place(who, PAIR.symbol, side, quote_qty=Decimal(px), kind="market", stp=stp, now_ns=now)
            else:
                tif = {"gtc": Tif.GTC, "post": Tif.GTC, "ioc": Tif.IOC, "fok": Tif.FOK}[kind]
                post = kind == "post"
                venue.place(who, PAIR.symbol, side, qty=qty, px=price, tif=tif, post_only=post, stp=stp, now_ns=now)
        except Refused:
            pass
        assert venue.ledger.conserved
        assert all(free >= 0 and locked >= 0 for who, _, free, locked in venue.ledger.rows() if who != FEES)
        bid, _, ask, _ = venue.books[PAIR.symbol].top()
        assert not bid or not ask or bid < ask
        alive = [order for order in venue.orders.values() if not order.status.terminal]
        for name in ("ann", "bob"):
            assert venue.open_orders(name) == [order for order in alive if order.account == name]
    for name in ("ann", "bob"):
        venue.cancel_all(name, now_ns=99)
        assert all(locked == 0 for _, _, locked in venue.balances(name))


def test_time_in_force_and_post_only() -> None:
    """FOK fills completely or not at all, IOC drops its rest, post-only never takes, a limit order rests."""
    venue = exchange()
    venue.quote("maker", PAIR.symbol, False, 200, 5, 0)
    buy = {"side": Side.BUY, "px": Decimal(100), "qty": Decimal("0.008"), "now_ns": 1}
    fok = venue.place("ann", PAIR.symbol, tif=Tif.FOK, **buy)
    assert (fok.status, fok.cum, fok.reason) == (OrdStatus.EXPIRED, 0, "fok")
    with pytest.raises(Refused, match="post_only"):
        venue.place("ann", PAIR.symbol, post_only=True, **buy)
    ioc = venue.place("ann", PAIR.symbol, tif=Tif.IOC, **buy)
    assert (ioc.status, ioc.cum, ioc.reason) == (OrdStatus.EXPIRED, 5, "ioc")
    rests = venue.place("ann", PAIR.symbol, **buy)
    assert rests.status is OrdStatus.NEW
    assert venue.ledger.locked("ann", "USDT") == units("0.8")
    kinds = [r.kind for r in venue.take_reports() if isinstance(r, OrderReport)]
    assert kinds == ["new", "expired", "new", "trade", "expired", "new"]


@pytest.mark.parametrize(
    ("scope", "window", "open_again", "closed_again"),
    [("none", 0, True, True), ("open", 0, False, True), ("window", 100, False, False), ("always", 0, False, False)],
)
def test_client_id_scopes(scope: Any, window: int, open_again: bool, closed_again: bool) -> None:
    """A client order id is not reserved, or while its order is open, for some time, or for good, by the profile."""
    venue = exchange(client_ids=scope, client_id_window_ns=window)

    def again(now_ns: int) -> bool:
        try:
            venue.place("ann", PAIR.symbol, Side.BUY, px=Decimal(50), qty=Decimal(1), cl_ord_id="x", now_ns=now_ns)
        except Refused as refused:
            return refused.rule != "duplicate"
        return True

    assert again(0)
    assert again(10) is open_again
    venue.cancel("ann", PAIR.symbol, cl_ord_id="x", now_ns=11)
    assert again(12) is closed_again


def test_fee_comes_off_what_is_received_and_rounds_down() -> None:
    """A taker pays its fee in the asset that it receives, cut to the venue's decimals."""
    venue = exchange(taker=Decimal("0.001"), fee_decimals=5)
    venue.quote("maker", PAIR.symbol, False, 200, 37, 0)
    order = venue.place("ann", PAIR.symbol, Side.BUY, px=Decimal(100), qty=Decimal("0.037"), tif=Tif.IOC, now_ns=1)
    assert [(text(f.fee), f.fee_asset) for f in order.fills] == [("0.00003", "BTC")]  # 0.000037 exactly
    assert venue.ledger.free("ann", "BTC") == units("10.03697")
    assert venue.ledger.free(FEES, "BTC") == units("0.00003")


def test_a_venue_may_charge_in_the_quote_asset() -> None:
    """Of a purchase and of a sale; an account with a rule of its own has that one."""
    venue = exchange(taker=Decimal("0.01"), fee_asset="quote")
    venue.accounts["bob"].fee_asset = "BTC"
    venue.quote("maker", PAIR.symbol, False, 200, 100, 0)
    venue.quote("maker", PAIR.symbol, True, 190, 100, 0)
    fees = []
    for side, px in ((Side.BUY, 100), (Side.SELL, 95)):
        order = venue.place("ann", PAIR.symbol, side, px=Decimal(px), qty=Decimal("0.01"), tif=Tif.IOC, now_ns=1)
        fees += [(text(fill.fee), fill.fee_asset) for fill in order.fills]
    assert fees == [("0.01", "USDT"), ("0.0095", "USDT")]
    order = venue.place("bob", PAIR.symbol, Side.BUY, px=Decimal(100), qty=Decimal("0.01"), tif=Tif.IOC, now_ns=1)
    assert [(text(fill.fee), fill.fee_asset) for fill in order.fills] == [("0.0001", "BTC")]


def test_numbers_print_plainly() -> None:
    """Never with an exponent; trailing zeros only where padding requires them."""
    assert text(units("0.00000001")) == "0.00000001"
    assert text(units("61837.63"), pad=8) == "61837.63000000"
    assert text(-15, 1) == "-1.5"
    assert text(0) == "0"
