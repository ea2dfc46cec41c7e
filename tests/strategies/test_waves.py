"""Deals of three legs, all at once and one after the other, with hand-made books: how waves follow from fills and fees,
and which way out is taken when a leg fails."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from table import MS, D, Table

from arbkit.core.errors import ConfigError, LocalProtocolError
from arbkit.core.orders.deals import DealState, Outcome
from arbkit.core.types import Leg, Opportunity, OrdStatus, Purpose, RejectReason, Side
from arbkit.strategies import TakerExecutor

BTC, ETH, CROSS = "v:BTC-USDT", "v:ETH-USDT", "v:ETH-BTC"
ELSEWHERE = "w:ETH-USDT"


def around(waves=(0, 0, 0), qty=1.0) -> Opportunity:
    """USDT > BTC > ETH > USDT: buy 0.1 BTC at 50,000, 2 ETH at 0.05, sell them at 2,520."""
    legs = (
        Leg(instrument=BTC, side=Side.BUY, qty=0.1 * qty, px=50_000.0, wave=waves[0]),
        Leg(instrument=CROSS, side=Side.BUY, qty=2.0 * qty, px=0.05, wave=waves[1]),
        Leg(instrument=ETH, side=Side.SELL, qty=2.0 * qty, px=2_520.0, wave=waves[2]),
    )
    return Opportunity(legs=legs, expected_net=40.0, asset="USDT", edge=0.008, seen_ns=1)


class Three(Table):
    """Three pairs at v, and ETH-USDT at w."""

    def __init__(self, made, **named) -> None:
        rules = {"lot": "0.0001", "min_notional": "5"}
        view = made.view(
            made.instrument("v", "BTC-USDT", **rules),
            made.instrument("v", "ETH-BTC", lot="0.001", tick="0.00001", min_notional="0.0001"),
            made.instrument("v", "ETH-USDT", **rules),
            made.instrument("w", "ETH-USDT", **rules),
        )
        super().__init__(view, **named)
        self.view.put(BTC, [(49_990.0, 5)], [(50_000.0, 5)])
        self.view.put(CROSS, [(0.0499, 50)], [(0.05, 50)])
        self.view.put(ETH, [(2_520.0, 50)], [(2_521.0, 50)])
        self.view.put(ELSEWHERE, [(2_400.0, 50)], [(2_600.0, 50)])


@pytest.fixture
def three(made) -> Three:
    return Three(made)


# --- waves ------------------------------------------------------------------------------------------------------------


def test_three_legs_at_once(three):
    """All filled: the deal is hedged, and each asset but USDT is even."""
    three.start(around())
    assert [order.instrument for order in three.sent] == [BTC, CROSS, ETH]
    three.report(0, "0.1").report(1, 2).report(2, 2).closed(Outcome.HEDGED)
    assert three.deal.net() == {"BTC": 0, "USDT": D(40), "ETH": 0}


def test_each_wave_waits_for_the_one_before(three):
    """One order at a time; the next follows from its fill at once, in the turn of the report."""
    three.start(around((0, 1, 2)))
    assert [order.instrument for order in three.sent] == [BTC]
    three.report(0, "0.1")
    assert [order.instrument for order in three.sent] == [BTC, CROSS]
    three.report(1, 2)
    assert [(order.instrument, order.qty) for order in three.sent] == [(BTC, D("0.1")), (CROSS, D(2)), (ETH, D(2))]
    assert all(order.purpose is Purpose.ENTRY for order in three.sent)
    three.report(2, 2).closed(Outcome.HEDGED)


def test_a_wave_is_as_small_as_what_was_filled(three):
    """0.03 of 0.1 BTC: the next legs are 0.6 ETH."""
    three.start(around((0, 1, 2))).report(0, "0.03")
    assert three.sent[1].qty == D("0.6")
    three.report(1, "0.6")
    assert three.sent[2].qty == D("0.6")
    three.report(2, "0.6").closed(Outcome.HEDGED)


def test_a_wave_is_as_small_as_fees_leave(made):
    """1 % of each purchase is taken in what is bought: 0.099 BTC buy 1.98 ETH, of which 1.9602 are there to sell."""
    three = Three(made, fee="0.01").start(around((0, 1, 2))).report(0, "0.1")
    assert three.sent[1].qty == D("1.98")
    three.report(1, "1.98")
    assert three.sent[2].qty == D("1.9602")
    three.report(2, "1.9602")
    assert three.deal.state is DealState.CLOSED
    assert three.overs == {}


def test_a_first_wave_without_a_fill_ends_the_deal(three):
    """Nothing more is sent."""
    three.start(around((0, 1, 2))).report(0).closed(Outcome.NOTHING)
    assert len(three.sent) == 1


def test_a_wave_that_would_be_too_small_is_left_out_and_its_surplus_sold(three):
    """0.0015 BTC are 75 USDT, and ETH-BTC takes no order below 0.1 ETH: the purchase is taken back."""
    rules = three.view.catalogue[CROSS]
    three.view.catalogue.add(
        type(rules)(**{f: getattr(rules, f) for f in rules.__struct_fields__} | {"min_qty": D("0.1")})
    )
    three.start(around((0, 1, 2))).report(0, "0.0015")
    assert three.last() == (Purpose.UNWIND, BTC, Side.SELL, D("0.0015"), D("49990"))
    three.report(1, "0.0015").closed(Outcome.REVERSED)


def test_two_legs_of_one_wave_share_what_the_wave_before_brought(made):
    """0.6 of 1 BTC sold: the purchases on two venues are made smaller in the same proportion."""
    names = [made.instrument(venue, "BTC-USDT") for venue in "abc"]
    table = Table(made.view(*names))
    for one in names:
        table.view.put(one.id, [(99.0, 50)], [(99.1, 50)])
    legs = (
        Leg(instrument="a:BTC-USDT", side=Side.SELL, qty=1.0, px=99.0),
        Leg(instrument="b:BTC-USDT", side=Side.BUY, qty=0.75, px=99.1, wave=1),
        Leg(instrument="c:BTC-USDT", side=Side.BUY, qty=0.25, px=99.1, wave=1),
    )
    table.view.other_coin = {"b:BTC-USDT", "c:BTC-USDT"}
    table.start(Opportunity(legs=legs, expected_net=1.0, asset="USDT", edge=0.01, seen_ns=1)).report(0, "0.6")
    assert [(order.instrument, order.qty) for order in table.sent[1:]] == [
        ("b:BTC-USDT", D("0.45")),
        ("c:BTC-USDT", D("0.15")),
    ]
    table.report(1, "0.45").report(2, "0.15").closed(Outcome.HEDGED)


def test_no_wave_follows_while_an_order_is_unknown(three):
    """The purchase is in doubt: nothing is sent. Found filled at once, the chain goes on."""
    three.start(around((0, 1, 2))).doubt(0)
    assert (three.deal.state, len(three.sent)) == (DealState.IN_DOUBT, 1)
    three.report(0, "0.1")
    assert three.last()[:2] == (Purpose.ENTRY, CROSS)


def test_no_wave_follows_after_the_deadline(three):
    """Found filled after four seconds: what it brought is worked off at the prices of that time."""
    three.start(around((0, 1, 2))).doubt(0).report(0, "0.1", after_ms=4_000)
    assert three.last()[0] is not Purpose.ENTRY


def test_a_refused_wave_is_completed_by_a_hedge(three):
    """The gate refuses the second leg: it is sent as a hedge then, because the books still let the deal finish."""
    three.start(around((0, 1, 2))).report(0, "0.1")
    three.report(1, status=OrdStatus.REJECTED, reason=RejectReason.GATE)
    assert three.last() == (Purpose.HEDGE, CROSS, Side.BUY, D(2), D("0.05"))
    three.report(2, 2).tick()
    assert three.last() == (Purpose.HEDGE, ETH, Side.SELL, D(2), D(2_520))
    three.report(3, 2).closed(Outcome.COMPLETED)


# --- which leg first --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["thin_first", "slow_first"])
def test_a_policy_says_which_leg_goes_first(made, policy):
    """The leg that needs most of its book, or that of the slowest venue; then the other ones, for what it filled."""
    view = made.view(made.instrument("a"), made.instrument("b"))
    table = Table(view, policy=policy)
    view.put("a:BTC-USDT", [(99.9, 50)], [(100.0, 50)])
    view.put("b:BTC-USDT", [(101.0, 1.2)], [(101.1, 50)])
    view.other_coin.add("a:BTC-USDT")
    view.latency_ns = {"a": 5 * MS, "b": 80 * MS}.__getitem__
    legs = (
        Leg(instrument="a:BTC-USDT", side=Side.BUY, qty=1.0, px=100.0),
        Leg(instrument="b:BTC-USDT", side=Side.SELL, qty=1.0, px=101.0),
    )
    table.start(Opportunity(legs=legs, expected_net=1.0, asset="USDT", edge=0.01, seen_ns=1))
    assert [order.instrument for order in table.sent] == ["b:BTC-USDT"]
    table.report(0, "0.7")
    assert table.last()[:4] == (Purpose.ENTRY, "a:BTC-USDT", Side.BUY, D("0.7"))
    table.report(1, "0.7").closed(Outcome.HEDGED)


def test_all_at_once_overrides_what_a_strategy_proposes(made):
    """``at_once`` sends a proposed chain together."""
    assert len(Three(made, policy="at_once").start(around((0, 1, 2))).sent) == 3


def test_an_unknown_policy_is_refused():
    """With the names of the others."""
    with pytest.raises(ConfigError, match="policy 'thin' is none of as_proposed, at_once, slow_first, thin_first"):
        TakerExecutor(policy="thin")  # type: ignore[arg-type]


def test_legs_that_do_not_come_out_even_are_refused(three):
    """A mistake of the strategy, told with the asset."""
    legs = around().legs
    bad = Opportunity(legs=legs[:2], expected_net=1.0, asset="USDT", edge=0.01, seen_ns=1)
    with pytest.raises(LocalProtocolError, match="bring 2 ETH and take 0"):
        TakerExecutor().plan(bad, three.view, 5)


@pytest.mark.parametrize("rules", [{"min_qty": "3"}, {"min_notional": "9000"}, {"max_notional": "50"}])
def test_a_plan_that_a_venue_would_refuse_is_none(three, rules):
    """Of any leg."""
    old = three.view.catalogue[ETH]
    changed = {name: D(value) for name, value in rules.items()}
    three.view.catalogue.add(type(old)(**{f: getattr(old, f) for f in old.__struct_fields__} | changed))
    assert TakerExecutor().plan(around(), three.view, 5) is None


# --- the ways out -----------------------------------------------------------------------------------------------------


def test_a_missing_leg_in_the_middle_is_completed_with_what_is_over_and_what_is_short(three):
    """0.1 BTC too much and 2 ETH too few: buying ETH with the BTC makes both even with one order."""
    three.start(around()).report(0, "0.1").report(2, 2).report(1)
    assert three.overs == {"BTC": D("0.1"), "ETH": D(-2)}
    assert three.last() == (Purpose.HEDGE, CROSS, Side.BUY, D(2), D("0.05"))
    three.report(3, 2).closed(Outcome.COMPLETED)


def test_a_missing_leg_is_given_up_where_that_is_cheaper(three):
    """ETH-BTC has become 0.7 % dearer: BTC is sold again, then ETH is bought back, each on its own pair."""
    three.start(around())
    three.view.put(CROSS, [(0.0523, 50)], [(0.0525, 50)])
    three.report(0, "0.1").report(2, 2).report(1)
    assert three.last()[:4] == (Purpose.UNWIND, BTC, Side.SELL, D("0.1")) or three.last()[:3] == (
        Purpose.UNWIND,
        ETH,
        Side.BUY,
    )
    three.report(3, three.sent[3].qty).tick()
    three.report(4, three.sent[4].qty).closed(Outcome.REVERSED)
    assert three.overs == {}


def test_a_failed_last_leg_goes_back_over_both_pairs_where_its_own_book_has_none(three):
    """Nobody buys ETH for USDT here, and w pays too little: it is sold for BTC, and that for USDT."""
    three.start(around((0, 1, 2))).report(0, "0.1").report(1, 2)
    three.view.put(ETH, [], [(2_521.0, 50)])
    three.report(2)
    assert three.last() == (Purpose.UNWIND, CROSS, Side.SELL, D(2), D("0.0499"))
    three.report(3, 2).tick()
    assert three.last() == (Purpose.UNWIND, BTC, Side.SELL, D("0.0998"), D("49990"))
    three.report(4, "0.0998").closed(Outcome.REVERSED)


def test_the_loss_is_that_of_the_whole_way(three):
    """Back over both pairs costs more than 1 %, though each step costs less: it is not taken, and the deal is held."""
    three.start(around((0, 1, 2))).report(0, "0.1").report(1, 2)
    three.view.put(ETH, [], [(2_521.0, 50)])
    three.view.put(CROSS, [(0.0497, 50)], [(0.05, 50)])
    three.view.put(BTC, [(49_700.0, 5)], [(50_000.0, 5)])
    three.report(2)
    while three.deal.state is DealState.UNWINDING:
        three.tick()
    assert (three.deal.state, len(three.sent)) == (DealState.HELD, 3)
    assert "2 ETH unhedged" in three.deal.why


def test_a_third_venue_takes_what_no_leg_can(three):
    """The venue of all legs is banned for a minute; w pays a good price and has the ETH: it is sold there at once."""
    three.start(around((0, 1, 2))).report(0, "0.1").report(1, 2)
    three.view.put(ELSEWHERE, [(2_515.0, 50)], [(2_600.0, 50)])
    three.view.waits["v"] = 60_000 * MS
    three.report(2)
    assert three.last() == (Purpose.HEDGE, ELSEWHERE, Side.SELL, D(2), D("2515"))
    three.report(3, 2).closed(Outcome.COMPLETED)


@pytest.mark.parametrize(
    "cannot", ["price", "funds", "venue", "book", "asset", "own"], ids=lambda what: f"without the {what}"
)
def test_a_third_venue_is_used_only_if_it_can(three, cannot):
    """Its price within the loss, its balance, its readiness, its book, the same asset, and none of our own ready."""
    three.start(around((0, 1, 2))).report(0, "0.1").report(1, 2)
    three.view.put(ELSEWHERE, [(2_300.0 if cannot == "price" else 2_515.0, 50)], [(2_600.0, 50)])
    three.view.waits["v"] = 0 if cannot == "own" else 60_000 * MS
    if cannot == "funds":
        three.view.balances["w", "ETH"] = D(0)
    elif cannot == "venue":
        three.view.down.add("w")
    elif cannot == "book":
        three.view.market.lose(ELSEWHERE, "x")
    elif cannot == "asset":
        three.view.strangers["ETH"] = "perhaps another"
    three.report(2)
    assert all(order.instrument != ELSEWHERE for order in three.sent)


def test_in_doubt_only_what_has_filled_is_taken_back(three):
    """The last leg of three is UNKNOWN for half a minute: the two others go back, each against its own direction."""
    three.start(around()).report(0, "0.1").report(1, 2).doubt(2)
    three.tick()
    assert three.last()[:4] == (Purpose.UNWIND, CROSS, Side.SELL, D(2))
    three.report(3, 2).tick()
    assert three.last()[:3] == (Purpose.UNWIND, BTC, Side.SELL)
    three.report(4, three.sent[4].qty)
    assert three.deal.state is DealState.IN_DOUBT
    three.absent(2).closed(Outcome.REVERSED)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.integers(0, 100), min_size=3, max_size=3),
    st.lists(st.integers(0, 100), max_size=12),
    st.sampled_from([(0, 0, 0), (0, 1, 2), (0, 0, 1), (1, 0, 1)]),
    st.sampled_from(["0", "0.001"]),
)
def test_whatever_fills_the_deal_ends_even(made, first, later, waves, fee):
    """Any parts of the orders fill, in any waves: the deal is closed with no more than an order's minimum and a lot
    over of each asset; and no order breaks a rule (``Table.send`` looks)."""
    three = Three(made, fee=fee).start(around(waves))
    parts = [*first, *later]
    index = 0
    while index < len(three.sent) and index < 40:
        order = three.sent[index]
        part = parts[index] if index < len(parts) else 100
        lot = three.view.catalogue[order.instrument].lot
        filled = order.qty * part / 100 // lot * lot
        three.report(index, filled)
        index += 1
        ticks = 0
        while index == len(three.sent) and three.deal.state is not DealState.CLOSED and ticks < 50:
            three.tick()
            ticks += 1
    assert three.deal.state is DealState.CLOSED
    for asset, over in three.overs.items():
        worth = abs(over) * {"BTC": D(50_000), "ETH": D(2_520)}[asset]
        assert worth < Decimal(10), (asset, over)  # the minimum of 5 USDT, and what a lot (5 USDT of BTC) cuts off
