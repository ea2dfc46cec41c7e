"""TriangularArb with hand-made books: which cycles it finds, what it takes and what it leaves, and why."""

from __future__ import annotations

from decimal import Decimal
from itertools import permutations

import pytest

from arbkit.core.errors import ConfigError
from arbkit.core.types import Side
from arbkit.strategies import TriangularArb

BTC, ETH, CROSS = "v:BTC-USDT", "v:ETH-USDT", "v:ETH-BTC"
S = 1_000_000_000


@pytest.fixture
def view(made):
    """Three pairs without an edge: 50,000, 2,500 and 0.05."""
    found = made.view(*(made.instrument("v", symbol, lot="0.0001") for symbol in ("BTC-USDT", "ETH-USDT", "ETH-BTC")))
    found.fees = dict.fromkeys((BTC, ETH, CROSS), 0.0005)
    found.put(BTC, [(49_995.0, 5)], [(50_000.0, 5)])
    found.put(ETH, [(2_500.0, 50)], [(2_500.5, 50)])
    found.put(CROSS, [(0.04999, 50)], [(0.05, 50)])
    return found


def ready(view, **settings) -> TriangularArb:
    """It has seen all books, at a time when none of them paid."""
    strategy = TriangularArb(latency_cost_per_s=0.0, **settings)
    strategy.instruments(view.catalogue)
    assert strategy.decide(view, [BTC, ETH, CROSS], 1) == ()
    return strategy


def listed(made, *symbols: str):
    return made.view(*(made.instrument("v", symbol) for symbol in symbols)).catalogue


# --- cycles -----------------------------------------------------------------------------------------------------------


def test_all_cycles_of_three_pairs_are_found(made):
    """Against a search over all triples of pairs, in both directions, whichever way a pair is quoted."""
    symbols = ("BTC-USDT", "ETH-USDT", "ETH-BTC", "SOL-USDT", "SOL-BTC", "SOL-ETH", "USDT-USDC", "BTC-USDC", "XRP-EUR")
    catalogue = listed(made, *symbols)
    strategy = TriangularArb()
    strategy.instruments(catalogue)
    wanted = set()
    for three in permutations(symbols, 3):
        for home in ("USDT", "USDC"):
            way, here = [], home
            for symbol in three:
                base, quote = symbol.split("-")
                if here not in (base, quote):
                    break
                way.append(("sell" if here == base else "buy") + " " + symbol)
                here = quote if here == base else base
            if len(way) == 3 and here == home and not (home == "USDC" and "USDT" in " ".join(way)):
                wanted.add(" > ".join(way))
    assert {str(cycle) for cycle in strategy._cycles} == wanted
    assert len(wanted) == 2 * 4
    assert len(strategy._cycles) == len(wanted)


def test_only_the_named_venues_and_assets(made):
    """One venue has no cycle of these assets, the other is not wanted."""
    view = made.view(
        *(made.instrument(venue, symbol) for venue in "vw" for symbol in ("BTC-USDT", "ETH-USDT", "ETH-BTC", "SOL-BTC"))
    )
    found = TriangularArb(venues=("w",), assets=("USDT", "BTC", "ETH")).instruments(view.catalogue)
    assert sorted(one.id for one in found) == ["w:BTC-USDT", "w:ETH-BTC", "w:ETH-USDT"]


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({}, "no venue has three pairs that form a cycle with one of USDT, USDC, USD"),
        ({"assets": ("USDT", "BTC")}, "no venue has three pairs of USDT, BTC that form a cycle"),
        ({"assets": ("USDT", "BTX")}, "no venue lists 'BTX', did you mean 'BTC'"),
        ({"venues": ("okx",)}, "no venue 'okx' is loaded; there are v"),
    ],
)
def test_a_cycle_that_is_not_there_is_a_mistake_with_a_reason(made, settings, text):
    """Of the catalogue, of a name, of a venue."""
    with pytest.raises(ConfigError, match=text):
        TriangularArb(**settings).instruments(listed(made, "BTC-USDT", "ETH-USDT"))


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"min_edge": 0.05}, "min_edge: must not be above max_edge, which is 0.03"),
        ({"min_egde": 0.01}, "min_egde: .*min_edge"),
        ({"slippage": 1.5}, "slippage"),
        ({"one_by_one": "perhaps"}, "one_by_one"),
    ],
)
def test_wrong_settings_are_told_by_name(settings, text):
    """As those of every strategy."""
    with pytest.raises(ConfigError, match=text):
        TriangularArb(**settings)


# --- what it takes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("moved", [BTC, ETH, CROSS])
@pytest.mark.parametrize("forward", [True, False])
def test_an_edge_is_taken_whichever_book_brings_it(view, moved, forward):
    """USDT > BTC > ETH > USDT, or the other way round: sides, prices with slippage, and a size within the balance."""
    strategy = ready(view, max_notional=1_000.0, slippage=0.0)
    px = {BTC: 50_000.0, ETH: 2_500.0, CROSS: 0.05}[moved] * (1.004 if (moved == ETH) is forward else 0.996)
    view.put(moved, [(px, 5)], [(px * 1.00001, 5)])
    (found,) = strategy.decide(view, [moved], 2)
    legs = [(leg.instrument, leg.side) for leg in found.legs]
    there = [(BTC, Side.BUY), (CROSS, Side.BUY), (ETH, Side.SELL)]
    assert legs == (there if forward else [(name, side.opposite) for name, side in reversed(there)])
    assert found.asset == "USDT"
    first = found.legs[0]
    assert 900 < first.qty * first.px <= 1_000
    spent, back = first.qty * first.px, found.legs[2].qty * found.legs[2].px * 0.9995
    assert found.expected_net == pytest.approx(back - spent, rel=0.02)
    assert found.edge == pytest.approx(found.expected_net / spent, rel=0.01)
    assert all(leg.wave == 0 for leg in found.legs)


def test_one_by_one_needs_only_the_first_asset(view):
    """Three waves. All at once, it needs the other two as well."""
    view.put(ETH, [(2_512.0, 5)], [(2_512.5, 5)])
    view.balances = {("v", "BTC"): Decimal(0), ("v", "ETH"): Decimal(0)}
    strategy = ready_at_edge(view)
    assert strategy.decide(view, [ETH], 2) == ()
    assert strategy.skipped == {"balance": 1}
    chain = ready_at_edge(view, one_by_one=True)
    (found,) = chain.decide(view, [ETH], 2)
    assert [leg.wave for leg in found.legs] == [0, 1, 2]


def ready_at_edge(view, **settings) -> TriangularArb:
    strategy = TriangularArb(latency_cost_per_s=0.0, **settings)
    strategy.instruments(view.catalogue)
    strategy.decide(view, [BTC, CROSS], 1)
    return strategy


def test_the_smallest_balance_decides(view):
    """0.004 BTC are there: the cycle is about 200 USDT, though 1,000 are allowed."""
    view.put(ETH, [(2_512.0, 5)], [(2_512.5, 5)])
    view.balances = {("v", "BTC"): Decimal("0.004")}
    (found,) = ready_at_edge(view).decide(view, [ETH], 2)
    assert 0.0035 < found.legs[1].qty * found.legs[1].px <= 0.004


@pytest.mark.parametrize(
    ("settings", "why"), [({"max_edge": 0.002}, "too good"), ({"min_edge": 0.01, "max_edge": 0.02}, "")]
)
def test_an_edge_beyond_the_settings_is_left(view, settings, why):
    """Above the largest it is counted; below the smallest it is not even looked at."""
    view.put(ETH, [(2_512.0, 5)], [(2_512.5, 5)])
    strategy = ready_at_edge(view, **settings)
    assert strategy.decide(view, [ETH], 2) == ()
    assert dict(strategy.skipped) == ({why: 1} if why else {})


def test_the_same_levels_are_not_taken_twice(view):
    """Not before a book update that is later than the arrival of our order; then they are."""
    view.put(ETH, [(2_512.0, 5)], [(2_512.5, 5)], recv_ns=2)
    strategy = ready_at_edge(view, cooldown_s=0.1)
    assert len(strategy.decide(view, [ETH], 2)) == 1
    view.put(ETH, [(2_512.0, 4)], [(2_512.5, 5)], recv_ns=50_000_000)
    assert strategy.decide(view, [ETH], 50_000_000) == ()
    assert strategy.skipped["cooldown"] == 1
    for name in (BTC, ETH, CROSS):
        book = view.book(name)
        view.put(name, list(book.levels_to_sell()), list(book.levels_to_buy()), recv_ns=S)
    assert len(strategy.decide(view, [ETH], S)) == 1


@pytest.mark.parametrize("what", ["book", "venue", "halted", "refused"])
def test_what_no_price_can_change(view, made, what):
    """A book that is not trusted, a venue that is not ready, a halted pair, a refused side: no trade, with the reason,
    and the same reason for a person."""
    view.put(ETH, [(2_512.0, 5)], [(2_512.5, 5)])
    strategy = ready_at_edge(view)
    if what == "book":
        view.market.lose(CROSS, "x")
    elif what == "venue":
        view.down.add("v")
    elif what == "halted":
        view.catalogue.add(made.instrument("v", "ETH-BTC", lot="0.0001", tradable=False, status="BREAK"))
        strategy._pairs[CROSS].fresh_ns = 0
    else:
        view.refused = lambda name, side: "refuses orders" if (name, side) == (CROSS, Side.BUY) else ""
    assert strategy.decide(view, [ETH], 2) == ()
    assert strategy.skipped == {what: 1}
    assert what in {one.reason for one in strategy.reasons(view, 2)}


def test_reasons_name_the_legs_and_what_is_missing(view):
    """In the order of the way; with the edge, or the balances."""
    strategy = ready(view)
    reasons = {one.name: one for one in strategy.reasons(view, 2)}
    one = reasons[f"{BTC}>{CROSS}>{ETH}"]
    assert one.reason == "fees"
    assert "buy BTC-USDT > buy ETH-BTC > sell ETH-USDT" in one.text
    assert "it needs 0.050%" in one.text
    view.balances["v", "ETH"] = Decimal(0)
    reasons = {one.name: one for one in strategy.reasons(view, 2)}
    assert reasons[f"{BTC}>{CROSS}>{ETH}"].text.startswith("v has 1000000 USDT, 1000000 BTC, 0 ETH; all three")


def test_a_changed_book_looks_only_at_its_own_cycles(made):
    """Forty assets with a pair in USDT and one in BTC: a change of one of them looks at that one's cycle."""
    symbols = ["BTC-USDT", *(f"A{n}-{quote}" for n in range(40) for quote in ("USDT", "BTC"))]
    view = made.view(*(made.instrument("v", symbol) for symbol in symbols))
    strategy = TriangularArb()
    strategy.instruments(view.catalogue)
    assert len(strategy._cycles) == 80
    assert len(strategy._pairs["v:A7-BTC"].ways) == 2
    assert len(strategy._pairs["v:BTC-USDT"].ways) == 80
