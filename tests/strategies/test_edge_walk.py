"""The edge walk against a brute-force search over every size, in exact fractions."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arbkit.core.market.books import Books
from arbkit.core.types import BookUpdate, Level, TopUpdate
from arbkit.strategies.edge import Terms, common_lot, top_ratio, walk

ladder = st.lists(st.tuples(st.integers(1, 30), st.integers(1, 12)), min_size=1, max_size=6, unique_by=lambda x: x[0])


def exact(value: float) -> Fraction:
    return Fraction(repr(value))


def eat(levels: list[tuple[int, int]], qty: Fraction) -> tuple[Fraction, int] | None:
    """(amount, worst price) of taking ``qty`` from the best level on."""
    money, left = Fraction(0), qty
    for px, size in levels:
        take = min(left, Fraction(size))
        money += take * px
        left -= take
        if not left:
            return money, px
    return None


def search(asks, bids, terms, seconds, least, quote, base, notional):
    """The best net over every number of lots, by trying all."""
    fee, slip = exact(terms.buy_fee), exact(terms.slippage)
    up = 1 / (1 - fee) if terms.fee_in_base else Fraction(1)
    bare = up if terms.fee_in_base else 1 + fee
    penalty = exact(terms.cost_per_s) * seconds
    pays, keeps = bare + slip + penalty, 1 - exact(terms.sell_fee) - slip - penalty
    best = None
    lot = exact(terms.lot)
    for lots in range(1, int(sum(size for _, size in bids) / lot) + 1):
        qty = lots * lot
        bought, sold = eat(asks, qty * up), eat(bids, qty)
        if bought is None or sold is None:
            break
        (paid, ask), (got, bid) = bought, sold
        cost = paid / up
        net = got * keeps - cost * pays
        fits = (
            bid * keeps > ask * pays
            and net >= exact(least) * cost
            and qty * bare * ask * (1 + slip) <= quote
            and qty <= base
            and qty * up * ask * (1 + slip) <= notional
            and qty * bids[0][0] <= notional
        )
        big = qty >= exact(terms.min_qty) and min(Fraction(ask), bid * (1 - slip)) * qty >= exact(terms.min_notional)
        if fits and big and (best is None or net > best[0]):
            best = net, qty, ask, bid
    return best


@settings(max_examples=400, deadline=None, derandomize=True)
@given(
    asks=ladder,
    bids=ladder,
    fee=st.sampled_from([0.0, 0.001, 0.01, 0.1]),
    in_base=st.booleans(),
    slip=st.sampled_from([0.0, 0.002, 0.02]),
    age=st.integers(0, 20),
    rate=st.sampled_from([0.0, 0.01]),
    least=st.sampled_from([0.0, 0.013, 0.21]),
    lot=st.sampled_from([1.0, 0.5, 0.25]),
    min_qty=st.sampled_from([0.0, 3.0]),
    min_notional=st.sampled_from([0.0, 25.0]),
    quote=st.sampled_from([inf, 401.3, 57.7]),
    base=st.sampled_from([inf, 7.3]),
    notional=st.sampled_from([inf, 333.3]),
)
def test_walk_finds_the_best_size_of_all(
    made, asks, bids, fee, in_base, slip, age, rate, least, lot, min_qty, min_notional, quote, base, notional
):
    """No size that is a multiple of the lot, within the limits, without loss on any unit and above the least edge,
    earns more."""
    asks = sorted((px + 60, size) for px, size in asks)
    bids = sorted(((px + 65, size) for px, size in bids), reverse=True)
    terms = Terms(
        buy_fee=fee,
        sell_fee=fee / 2,
        fee_in_base=in_base,
        slippage=slip,
        cost_per_s=rate,
        lot=lot,
        buy_lot=lot,
        min_qty=min_qty,
        min_notional=min_notional,
    )
    buy = made.book("a", [], asks, recv_ns=1)
    sell = made.book("b", bids, [], recv_ns=1)
    found = walk(
        buy, sell, terms, 1 + age * 10**9, least_edge=least, most_quote=quote, most_base=base, most_notional=notional
    )
    caps = [Fraction(10**9) if cap == inf else exact(cap) for cap in (quote, base, notional)]
    best = search(asks, bids, terms, age, least, *caps)
    if best is None:
        assert found is None
        return
    assert found is not None
    net, qty, ask, bid = best
    assert found.net == pytest.approx(float(net), rel=1e-9, abs=1e-9)
    assert found.qty == pytest.approx(float(qty))
    assert found.net <= float(net) + 1e-9
    assert (found.buy_px, found.sell_px) == (ask, bid)
    assert found.edge >= least - 1e-9
    assert found.net == pytest.approx(found.gross - found.fees - found.slippage - found.penalty)


def test_no_cross_is_no_edge(made):
    """A bid at the ask, or one whose profit is less than the fees, is not an edge."""
    terms = Terms(buy_fee=0.001, sell_fee=0.001)
    level = made.book("a", [(99.0, 1.0)], [(100.0, 1.0)])
    for bid in (100.0, 100.2):
        assert walk(level, made.book("b", [(bid, 1.0)], []), terms, 0) is None
    assert walk(level, made.book("b", [(100.21, 1.0)], []), terms, 0) is not None


def test_an_empty_side_is_no_edge(made):
    """One-sided and empty books are normal."""
    terms = Terms(buy_fee=0.0, sell_fee=0.0)
    full, empty = made.book("a", [(99.0, 1.0)], [(100.0, 1.0)]), made.book("b", [], [])
    assert walk(empty, full, terms, 0) is None
    assert walk(full, empty, terms, 0) is None
    assert top_ratio(empty, full) == top_ratio(full, empty) == 0.0


def test_fee_in_base_orders_more_than_it_sells(made):
    """With 0.1 % taken out of the purchase, 1 sold needs 1.001 bought: rounded down to the lot, never to a surplus."""
    terms = Terms(buy_fee=0.001, sell_fee=0.0, fee_in_base=True, lot=0.0001, buy_lot=0.0001)
    found = walk(made.book("a", [], [(100.0, 5.0)]), made.book("b", [(102.0, 1.0)], []), terms, 0)
    assert (found.qty, found.buy_qty) == (1.0, 1.001)
    assert found.net == pytest.approx(102.0 - 100.0 / 0.999)


def test_fee_in_quote_orders_what_it_sells(made):
    """A fee in quote costs money, not quantity."""
    terms = Terms(buy_fee=0.001, sell_fee=0.002, lot=0.0001, buy_lot=0.0001)
    found = walk(made.book("a", [], [(100.0, 5.0)]), made.book("b", [(102.0, 1.0)], []), terms, 0)
    assert (found.qty, found.buy_qty) == (1.0, 1.0)
    assert found.fees == pytest.approx(0.1 + 0.204)


def test_a_venue_that_charges_in_quote_is_not_asked_for_more(made):
    """``fee_in_base`` holds for the other venues only."""
    here, there = made.instrument("a", fee_in_quote=True), made.instrument("b")
    view = made.view(here, there)
    for buy, sell, in_base in ((here, there, False), (there, here, True)):
        assert Terms.between(view, buy, sell, slippage=0, cost_per_s=0, fee_in_base=True).fee_in_base is in_base


def test_a_book_that_cannot_be_checked_earns_less_by_its_doubt(made):
    """Two seconds of doubt cost as two seconds of age, on the leg of that venue, whichever side it is on."""
    here, there = made.instrument("a"), made.instrument("b")
    view = made.view(here, there)
    view.doubts = {"a": 2_000_000_000}
    buy, sell = made.book("a", [], [(100.0, 1.0)]), made.book("b", [(102.0, 1.0)], [])
    sure, unsure = (
        walk(buy, sell, Terms.between(given, here, there, slippage=0, cost_per_s=0.001, fee_in_base=False), 0)
        for given in (made.view(here, there), view)
    )
    assert sure.net - unsure.net == pytest.approx(100.0 * 0.002)
    terms = Terms.between(view, there, here, slippage=0, cost_per_s=0.001, fee_in_base=False)
    assert terms.sell_latency_ns - terms.buy_latency_ns == 2_000_000_000


def test_age_and_latency_take_from_the_edge(made):
    """The edge shrinks with the age of the books and the latency of the venue, down to nothing."""
    buy, sell = made.book("a", [], [(100.0, 1.0)], 10), made.book("b", [(101.0, 1.0)], [], 10)
    terms = Terms(buy_fee=0.0, sell_fee=0.0, cost_per_s=0.002, buy_latency_ns=500_000_000, sell_latency_ns=500_000_000)
    nets = [found.net for s in (0, 1, 2, 3) if (found := walk(buy, sell, terms, 10 + s * 10**9))]
    assert nets == sorted(nets, reverse=True)
    assert len(nets) == 2
    assert nets[0] == pytest.approx(1.0 - 201.0 * 0.001)


def test_transit_excess_counts_as_age(made):
    """A book whose frames arrive late counts as that old."""
    buy, sell = made.book("a", [], [(100.0, 1.0)], 10), made.book("b", [(101.0, 1.0)], [], 10)
    buy.transit_ns = 10**9
    found = walk(buy, sell, Terms(buy_fee=0.0, sell_fee=0.0, cost_per_s=0.001), 10)
    assert found.penalty == pytest.approx(0.1)


def test_a_faster_top_is_walked_first(made):
    """The best-bid-ask stream overlays the depth book: gone levels are not counted."""
    market = Books()
    buy = market.apply(BookUpdate("a", [], [Level(100.0, 5.0), Level(101.0, 5.0)], snapshot=True))
    market.overlay(TopUpdate("a", Level(99.0, 1.0), Level(101.0, 2.0), seq=7))
    sell = made.book("b", [(103.0, 9.0)], [])
    found = walk(buy, sell, Terms(buy_fee=0.0, sell_fee=0.0), 0)
    assert (found.qty, found.buy_px) == (2.0, 101.0)
    assert top_ratio(buy, sell) == pytest.approx(103.0 / 101.0)


def test_levels_beyond_the_vouched_depth_are_not_walked(made):
    """A venue that guarantees one level: only that level counts."""
    buy = made.book("a", [], [(100.0, 1.0), (101.0, 5.0)])
    buy.depth = 1
    found = walk(buy, made.book("b", [(105.0, 9.0)], []), Terms(buy_fee=0.0, sell_fee=0.0), 0)
    assert found.qty == 1.0


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ("0.001", "0.00001", "0.001"),
        ("5", "0.2", "5"),
        ("0.003", "0.005", "0.015"),
        ("0", "0.1", "0.1"),
        ("0", "0", "0"),
    ],
)
def test_common_lot(one, other, both):
    """The smallest size that is a multiple of both lots."""
    assert common_lot(Decimal(one), Decimal(other)) == common_lot(Decimal(other), Decimal(one)) == Decimal(both)
