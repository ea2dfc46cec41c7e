"""SpreadArb: what it reads, what it takes, and what it does not take and counts."""

from __future__ import annotations

from decimal import Decimal

import pytest

from arbkit.core.errors import ConfigError
from arbkit.core.money.needs import needs_of
from arbkit.core.protocols import Strategy
from arbkit.core.types import BookUpdate, Level, Side
from arbkit.strategies import SpreadArb, TakerExecutor, TriangularArb, best_spread, register_strategies

A, B, C = "a:BTC-USDT", "b:BTC-USDT", "c:BTC-USDT"
MS = 1_000_000
NOW = 1_000_000 * MS


class Mine(SpreadArb):
    symbols = ("BTC-USDT",)
    slippage = 0.0
    latency_cost_per_s = 0.0
    fee_in_base = False
    standing_s = 0.0


@pytest.fixture
def view(made):
    """Three venues: a asks 100, b bids 101, c does neither."""
    view = made.view(*(made.instrument(venue, min_notional="5") for venue in "abc"))
    view.put(A, [(99.9, 5)], [(100.0, 2), (100.1, 3)], NOW)
    view.put(B, [(101.0, 1), (100.9, 9)], [(101.1, 5)], NOW)
    view.put(C, [(99.0, 5)], [(102.0, 5)], NOW)
    return view


def start(view, kind=Mine, **settings) -> SpreadArb:
    strategy = kind(**settings)
    strategy.instruments(view.catalogue)
    return strategy


# --- settings -------------------------------------------------------------------------------------------------------


def test_class_attributes_are_the_defaults():
    """A subclass sets attributes; named arguments outweigh them."""
    assert (Mine().min_edge, Mine(min_edge=0.002).min_edge) == (0.001, 0.002)
    assert SpreadArb(symbols="BTC-USDT").symbols == ("BTC-USDT",)
    assert SpreadArb(symbols=["BTC-USDT", "ETH-USDT"]).symbols == ("BTC-USDT", "ETH-USDT")


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"min_egde": 0.1}, "min_egde: is no setting of Mine, did you mean 'min_edge'?"),
        ({"colour": 1}, "colour: is no setting of Mine; known: cooldown_s, fee_in_base"),
        ({"symbols": ()}, "symbols: expected a list of length >= 1"),
        ({"symbols": 5}, "symbols: expected a list, got a whole number"),
        ({"max_notional": "many"}, "max_notional: expected a number, got text"),
        ({"slippage": -0.1}, "slippage: expected a number >= 0.0"),
        ({"min_edge": float("nan")}, "min_edge: expected a number"),
        ({"min_edge": True}, "min_edge: expected a number, got true or false"),
        ({"fee_in_base": "no"}, "fee_in_base: expected true or false, got text"),
        ({"min_edge": 0.1}, "min_edge: must not be above max_edge, which is 0.03"),
    ],
)
def test_a_wrong_setting_is_named(settings, text):
    """The error says what is wrong, where, and what to do."""
    with pytest.raises(ConfigError) as caught:
        Mine(**settings)
    assert text in str(caught.value)
    assert str(caught.value).startswith("strategy Mine: ")


def test_a_symbol_needs_two_venues(made):
    """The error names the venues that have it, and similar symbols. Beside another one it is left out, which is
    told."""
    catalogue = made.view(
        made.instrument("a"), made.instrument("b"), made.instrument("a", "ETH-USDT"), made.instrument("b", "ETH-USDC")
    ).catalogue
    with pytest.raises(ConfigError, match=r"ETH-USDT needs two venues, only a has it$"):
        SpreadArb(symbols="ETH-USDT").instruments(catalogue)
    with pytest.raises(ConfigError, match=r"BTC-USTD needs two venues, no loaded venue has it \(did you mean BTC-USDT"):
        SpreadArb(symbols="BTC-USTD").instruments(catalogue)
    known = [one.id for one in SpreadArb(symbols=("BTC-USDT", "ETH-USDT")).instruments(catalogue)]
    assert known == ["a:BTC-USDT", "b:BTC-USDT"]
    assert catalogue.missed["ETH-USDT"] == "ETH-USDT needs two venues, only a has it"


def test_instruments_are_its_symbols_on_every_venue(view, made):
    """No other instruments are requested."""
    view.catalogue.add(made.instrument("a", "ETH-USDT"))
    assert [instrument.id for instrument in Mine().instruments(view.catalogue)] == [A, B, C]


def test_is_registered_by_the_plugin_hook():
    """Built-in strategies register like those of plugins."""
    found = {}
    register_strategies(found.__setitem__)
    assert found == {"spread": SpreadArb, "triangular": TriangularArb}


# --- what it takes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("touched", [(A,), (B,), (A, B), (B, A, C)])
def test_takes_the_spread_whichever_book_moved(view, touched):
    """Buys at a, sells at b, as far into the books as each unit pays, once."""
    strategy = start(view)
    (found,) = strategy.decide(view, touched, NOW)
    assert (strategy.seen, strategy.taken, strategy.skipped) == (1, 1, {})
    buy, sell = found.legs
    assert (buy.instrument, buy.side, sell.instrument, sell.side) == (A, Side.BUY, B, Side.SELL)
    assert (buy.qty, buy.px, sell.qty, sell.px) == (5.0, 100.1, 5.0, 100.9)
    assert found.expected_net == pytest.approx(101 + 4 * 100.9 - 200 - 300.3 - 0.001 * (500.3 + 101 + 403.6))
    assert found.edge == pytest.approx(found.expected_net / 500.3)
    assert (found.asset, found.seen_ns) == ("USDT", NOW)


def test_looks_only_at_what_was_touched(view):
    """A read that changed neither book makes no decision; nor does a book of another symbol."""
    strategy = start(view)
    assert strategy.decide(view, (C,), NOW) == ()
    assert strategy.decide(view, ("a:ETH-USDT",), NOW) == ()
    assert strategy.seen == 0


def test_slippage_widens_the_prices_and_is_paid(view):
    """Each leg may fill at a worse price; the edge is reduced by that."""
    tight = start(view).decide(view, (A,), NOW)[0]
    (wide,) = start(view, slippage=0.0005).decide(view, (A,), NOW)
    assert (wide.legs[0].px, wide.legs[1].px) == (pytest.approx(100.1 * 1.0005), pytest.approx(100.9 * 0.9995))
    assert wide.expected_net < tight.expected_net


def test_fee_in_base_makes_the_purchase_larger(view):
    """What the venue takes out of the purchase as a fee is bought in addition."""
    view.put(A, [], [(100.0, 50)], NOW)
    (found,) = start(view, fee_in_base=True).decide(view, (A,), NOW)
    assert found.legs[1].qty < found.legs[0].qty <= found.legs[1].qty / 0.999


def test_size_keeps_to_balances_and_limits(view):
    """Free quote and base, the limits' room and max_notional all bind, with room left for an unwind."""
    for limit, largest in (
        (lambda: view.balances.update({("a", "USDT"): Decimal(150)}), 1.47),
        (lambda: view.balances.update({("b", "BTC"): Decimal("0.7")}), 0.7),
        (lambda: view.rooms.update({B: Decimal(50)}), 0.49),
        (lambda: view.rooms.update({A: Decimal(30)}), 0.294),
        (lambda: view.balances.update({("b", "USDT"): Decimal("0.4")}), 0.2),
    ):
        limit()
        (found,) = start(view).decide(view, (A,), NOW)
        assert largest * 0.98 < found.legs[0].qty <= largest
    assert start(view, max_notional=20.0).decide(view, (A,), NOW)[0].legs[0].qty <= 0.2


@pytest.mark.parametrize("in_base", [True, False])
@pytest.mark.parametrize("scarce", [("a", "USDT", "150"), ("b", "BTC", "0.777"), ("b", "USDT", "0.7")])
def test_what_balances_bind_can_be_reserved(view, scarce, in_base):
    """The largest trade that a balance allows still fits into it with its worst unwind, or it would never be sent."""
    venue, asset, amount = scarce
    view.balances[venue, asset] = Decimal(amount)
    (found,) = start(view, fee_in_base=in_base, slippage=0.0003).decide(view, (A,), NOW)
    deal = TakerExecutor().plan(found, view, NOW)
    needs = needs_of(
        deal, view.catalogue, [Decimal(repr(view.taker_fee(leg.instrument))) for leg in deal.legs], Decimal("0.01")
    )
    for need in needs:
        if need.account == f"{venue}:main" and need.asset == asset:
            assert need.amount <= Decimal(amount)


def test_one_side_of_a_book_is_sold_once(view):
    """b and c both bid for what a offers: the better trade is taken, the other waits."""
    view.put(C, [(101.5, 5)], [(102.0, 5)], NOW)
    strategy = start(view)
    (found,) = strategy.decide(view, (A,), NOW)
    assert found.legs[1].instrument == C
    assert strategy.skipped == {"cooldown": 1}
    assert (strategy.seen, strategy.taken) == (2, 1)


def test_both_directions_of_a_triangle_of_venues(view):
    """Trades that share no side of a book are taken together."""
    view.put(C, [(103.0, 5)], [(103.5, 5)], NOW)
    view.put(B, [(101.0, 5)], [(101.1, 5)], NOW)
    found = start(view).decide(view, (A, B, C), NOW)
    assert [tuple(leg.instrument for leg in one.legs) for one in found] == [(A, C)]


# --- what it leaves alone -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [(A, B), (B, A)])
def test_the_same_levels_are_not_taken_twice(view, order):
    """The pair waits until both books have updates from after the time when our orders can have arrived."""
    view.latency = 5 * MS
    strategy = start(view, cooldown_s=0.1)
    assert strategy.decide(view, (A,), NOW)
    later = NOW + 106 * MS
    assert strategy.decide(view, (A,), NOW + MS) == ()
    assert strategy.decide(view, (A,), later) == ()
    for name in order:
        assert strategy.decide(view, (A, B), later) == ()
        view.market.apply(BookUpdate(name, [], [Level(150.0, 1.0)], recv_ns=later))
    assert strategy.decide(view, (A,), later)
    assert strategy.skipped == {"cooldown": 4}


def test_an_edge_above_max_edge_is_reported_not_taken(view):
    """Above ``max_edge`` it is a wrong quote or another asset."""
    view.put(B, [(104.0, 1)], [(105.0, 5)], NOW)
    strategy = start(view)
    assert strategy.decide(view, (A,), NOW) == ()
    assert strategy.skipped == {"too good": 1}
    assert strategy.suspect == f"{A} -> {B}: bid 4.00% above ask"
    assert start(view, max_edge=0.05).decide(view, (A,), NOW)


@pytest.mark.parametrize("answer", [False, None])
@pytest.mark.parametrize(("venue", "direction"), [("a", "withdraw"), ("b", "deposit")])
def test_an_asset_that_cannot_be_moved_needs_a_larger_edge(view, answer, venue, direction):
    """Closed or unknown: the higher threshold for immovable assets applies."""
    view.moves[venue, "BTC", direction] = answer
    view.balances["a", "BTC"] = Decimal(0)
    assert start(view, min_edge_immovable=0.009).decide(view, (A,), NOW) == ()
    (found,) = start(view, min_edge_immovable=0.006).decide(view, (A,), NOW)
    assert found.edge >= 0.006


def test_the_other_direction_of_movement_does_not_matter(view):
    """What accumulates at a must be withdrawable there and depositable at b; the other directions may be closed."""
    view.moves = {("a", "BTC", "deposit"): False, ("b", "BTC", "withdraw"): None}
    assert start(view, min_edge_immovable=0.009).decide(view, (A,), NOW)


def test_stock_of_an_immovable_asset_is_capped(view):
    """After the trade, the buying venue holds no more of it than the cap."""
    view.moves["a", "BTC", "withdraw"] = None
    view.balances["a", "BTC"] = Decimal("3.5")
    (found,) = start(view, max_stock_immovable=400.0).decide(view, (A,), NOW)
    assert 0.4 < found.legs[0].qty <= 0.5
    view.balances["a", "BTC"] = Decimal(4)
    strategy = start(view, max_stock_immovable=400.0)
    assert strategy.decide(view, (A,), NOW) == ()
    assert strategy.skipped == {"stock": 1}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda view, made: view.down.add("b"), "venue not ready"),
        (lambda view, made: view.catalogue.add(made.instrument("b", tradable=False)), "halted"),
        (lambda view, made: view.balances.update({("a", "USDT"): Decimal(1)}), "balance"),
        (lambda view, made: view.balances.update({("b", "BTC"): Decimal(0)}), "balance"),
        (lambda view, made: view.rooms.update({A: Decimal(2)}), "limit"),
        (lambda view, made: view.put(A, [], [(100.0, 0.01)], NOW), "thin"),
    ],
    ids=["not ready", "halted", "no quote", "no base", "no room", "no depth"],
)
def test_what_is_left_is_counted_by_reason(view, made, change, why):
    """Each crossing that is not taken is counted with its reason."""
    change(view, made)
    strategy = start(view)
    assert strategy.decide(view, (A,), NOW) == ()
    assert (strategy.seen, strategy.taken, strategy.skipped) == (1, 0, {why: 1})


def test_books_that_are_not_trusted_are_absent(view):
    """Crossed, STALE or LOST: as if the venue did not exist."""
    view.books[B].crossed_ns = 1
    strategy = start(view)
    assert strategy.decide(view, (A, B), NOW) == ()
    assert strategy.seen == 0


def test_a_change_of_fees_counts_at_once(view):
    """A higher fee counts at once, a lower one within a second."""
    strategy = start(view, cooldown_s=0.0)
    assert strategy.decide(view, (C,), NOW) == ()
    assert strategy.decide(view, (A,), NOW)
    view.put(A, [], [(100.0, 2)], NOW + MS)
    view.put(B, [(101.0, 2)], [], NOW + MS)
    view.fees[A] = 0.02
    assert strategy.decide(view, (A,), NOW + MS) == ()
    view.fees[A] = 0.0
    assert strategy.decide(view, (A,), NOW + 2000 * MS)


def test_another_quote_asset_is_another_market(made):
    """USDT, USDC and USD are three assets: no pair across them, also within one user's symbols."""
    view = made.view(*(made.instrument(venue, symbol) for venue in "ab" for symbol in ("BTC-USDT", "BTC-USDC")))
    view.put("a:BTC-USDT", [], [(100.0, 5)], NOW)
    view.put("b:BTC-USDC", [(101.0, 5)], [], NOW)
    strategy = start(view, symbols=("BTC-USDT", "BTC-USDC"))
    assert strategy.decide(view, ("a:BTC-USDT", "b:BTC-USDC"), NOW) == ()
    assert best_spread(view, list(view.catalogue), ("a:BTC-USDT",), NOW) is None


# --- a standing basis -----------------------------------------------------------------------------------------------


class Wary(Mine):
    standing_s = 60.0
    cooldown_s = 0.0


def look(view, strategy, at_s, bid):
    """Both books anew at this second, a at 100 and b at ``bid``. Returns whether a trade is proposed."""
    now = NOW + round(at_s * 1000) * MS
    view.put(A, [(99.9, 5)], [(100.0, 5)], now)
    view.put(B, [(bid, 5)], [(bid + 0.1, 5)], now)
    return bool(strategy.decide(view, (A, B), now))


def test_an_edge_that_was_there_at_the_first_look_is_a_basis(view):
    """Nobody has seen it appear. Once it has closed, the next one counts."""
    strategy = start(view, Wary)
    for second in range(100):
        assert not look(view, strategy, second, 101.0)
    assert not look(view, strategy, 100, 100.0)
    assert look(view, strategy, 101.5, 101.0)


def test_an_edge_that_appears_is_taken_until_it_has_stood(view):
    """For the length of the window; then it is a basis, until it has closed once."""
    strategy = start(view, Wary)
    assert not look(view, strategy, 0, 100.0)
    taken = [second for second in range(1, 300) if look(view, strategy, second, 101.0)]
    assert taken == list(range(1, taken[-1] + 1))
    assert 50 <= taken[-1] <= 60
    assert not look(view, strategy, 300, 100.0)
    assert look(view, strategy, 301, 101.0)


def test_our_own_trade_does_not_close_a_basis(view):
    """After a trade the levels are gone for a moment: that is no sign of an edge that has closed."""
    strategy = start(view, Wary)
    taken = [-1.0]
    for second in range(200):
        gone = second == 0 or second - taken[-1] < 1
        if look(view, strategy, second, 100.0 if gone else 101.0):
            taken.append(second)
        if look(view, strategy, second + 0.6, 101.0):
            taken.append(second + 0.6)
    assert 50 <= taken[-1] <= 61


def test_what_exceeds_a_basis_is_traded(view):
    """The edge is measured from the basis: it must pay fees and ``min_edge`` beyond it. A basis that does not cover the
    fees changes nothing."""
    strategy = start(view, Wary)
    for second in range(100):
        look(view, strategy, second, 101.0)
    assert not look(view, strategy, 100, 101.0 * 1.0029)
    assert look(view, strategy, 100.1, 101.0 * 1.0032)
    strategy = start(view, Wary)
    for second in range(100):
        look(view, strategy, second, 100.15)
    assert look(view, strategy, 100, 100.32)


def test_a_strange_ticker_is_watched_only(view):
    """What is not known to be the same asset is never traded, also by the helper, until it is known."""
    view.strangers["BTC"] = "nothing proves it"
    strategy = start(view)
    listed = view.catalogue.symbol("BTC-USDT")
    assert strategy.decide(view, (A,), NOW) == ()
    assert best_spread(view, listed, (A,), NOW) is None
    view.strangers.clear()
    assert strategy.decide(view, (A,), NOW + 1000 * MS)
    assert best_spread(view, listed, (A,), NOW) is not None


# --- the helper -----------------------------------------------------------------------------------------------------


def test_best_spread_is_what_spread_arb_takes(view):
    """Without state, the same calculation."""
    settings = {"slippage": 0.0, "latency_cost_per_s": 0.0, "fee_in_base": False}
    found = best_spread(view, view.catalogue.symbol("BTC-USDT"), (B,), NOW, **settings)
    assert [found] == list(start(view).decide(view, (B,), NOW))
    assert best_spread(view, view.catalogue.symbol("BTC-USDT"), (C,), NOW) is None
    view.down = {"a"}
    assert best_spread(view, view.catalogue.symbol("BTC-USDT"), (B,), NOW) is None


def test_a_halt_counts_at_once(view, made):
    """The venue says in the middle of a run that the market is closed: no trade is proposed, also by a strategy that
    keeps the instruments of the start."""
    listed = view.catalogue.symbol("BTC-USDT")
    strategy = start(view, cooldown_s=0.0)
    assert strategy.decide(view, (A,), NOW)
    view.catalogue.add(made.instrument("b", tradable=False))
    view.put(A, [], [(100.0, 2)], NOW + MS)
    view.put(B, [(101.0, 2)], [], NOW + MS)
    assert strategy.decide(view, (A,), NOW + MS) == ()
    assert strategy.skipped["halted"] == 1
    assert best_spread(view, listed, (A,), NOW + MS) is None
    view.catalogue.add(made.instrument("b"))
    assert strategy.decide(view, (A,), NOW + MS)
    assert best_spread(view, listed, (A,), NOW + MS) is not None


def test_a_strategy_of_twelve_lines(view):
    """What a user writes."""

    class Own(Strategy):
        def instruments(self, catalogue):
            self.mine = catalogue.symbol("BTC-USDT")
            return self.mine

        def decide(self, view, touched, now_ns):
            best = best_spread(view, self.mine, touched, now_ns, min_edge=0.002)
            return [best] if best else []

    own = Own()
    own.instruments(view.catalogue)
    assert len(own.decide(view, (A,), NOW)) == 1
