"""The gate: one test per rule; each order passes once the rule is satisfied."""

from __future__ import annotations

from decimal import Decimal as Dec
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from arbkit.core.market.books import Books
from arbkit.core.money.gate import Gate, GateConfig
from arbkit.core.orders.deals import Deal, DealLeg
from arbkit.core.orders.orders import Orders
from arbkit.core.types import (
    BookUpdate,
    CancelAll,
    CancelOrder,
    Catalogue,
    Instrument,
    Leg,
    Level,
    ListFills,
    ListOpenOrders,
    Mode,
    NewOrder,
    Opportunity,
    OrderUpdate,
    OrdStatus,
    Purpose,
    QueryOrder,
    RejectReason,
    ReplaceOrder,
    Role,
    Side,
)

ACCOUNT = "okx:main"
BTC = "okx:BTC-USDT"
SECOND = 1_000_000_000
RULES = Instrument(
    venue="okx",
    symbol="BTC-USDT",
    native="BTC-USDT",
    base="BTC",
    quote="USDT",
    tick=Dec("0.1"),
    lot=Dec("0.01"),
    min_qty=Dec("0.02"),
    max_qty=Dec(50),
    min_notional=Dec(5),
    max_notional=Dec(2000),
)


class Bench:
    """A gate with one instrument at 99.9 / 100.1, one deal that buys 1 BTC, and the orders that passed."""

    def __init__(self, config: GateConfig | None = None, rules: Instrument = RULES, price: Dec | None = None) -> None:
        self.catalogue = Catalogue([rules])
        self.market = Books()
        self.book = self.market.apply(
            BookUpdate(BTC, [Level(99.9, 1.0)], [Level(100.1, 1.0)], snapshot=True, recv_ns=1)
        )
        self.orders = Orders(ACCOUNT)
        self.gate = Gate(
            config or GateConfig(), self.catalogue, {ACCOUNT: self.orders}, {BTC: self.book}, lambda held, asset: price
        )
        self.deal = self.make_deal(1)
        self.count = 0

    def make_deal(self, number: int, qty: str = "1") -> Deal:
        leg = DealLeg(account=ACCOUNT, instrument=BTC, base="BTC", side=Side.BUY, qty=Dec(qty), px=Dec(100))
        seen = [Leg(instrument=BTC, side=Side.BUY, qty=1.0, px=100.0)]
        opportunity = Opportunity(legs=seen, expected_net=1.0, asset="USDT", edge=0.01, seen_ns=0)
        deal = Deal(opportunity, [leg], created_ns=0, deadline_ns=1000 * SECOND)
        deal.id = number
        return deal

    def order(self, **kw: Any) -> NewOrder:
        self.count += 1
        fields: dict[str, Any] = {"side": Side.BUY, "qty": "0.1", "px": "100", "deal": 1, "cl_ord_id": f"o{self.count}"}
        fields |= kw
        fields["qty"], fields["px"] = Dec(fields["qty"]), Dec(fields["px"])
        return NewOrder(**({"account": ACCOUNT, "instrument": BTC} | fields))

    def rule(self, now_ns: int = 0, **kw: Any) -> str:
        """The rule that refuses such an order; "" if it passes (it is then sent)."""
        command = self.order(**kw)
        refusal = self.gate.check(command, self.deal, now_ns)
        if refusal is not None:
            return refusal.rule
        self.deal.orders[command.cl_ord_id] = self.orders.add(command, now_ns)
        self.orders.sent(command.cl_ord_id, Role.TRADE, "link", now_ns or 1)
        return ""

    def finish(self, number: int, filled: str = "0") -> None:
        self.orders.apply(
            OrderUpdate(
                account=ACCOUNT,
                instrument=BTC,
                cl_ord_id=f"o{number}",
                ord_status=OrdStatus.CANCELED,
                cum_qty=Dec(filled),
            )
        )


def test_a_sound_order_passes() -> None:
    """An order that satisfies all rules."""
    assert Bench().rule() == ""


@pytest.mark.parametrize("mode", Mode)
def test_what_each_mode_lets_through(mode: Mode) -> None:
    """ACTIVE: everything. REDUCING: only orders that lower exposure. HALTED: no order. Cancels and queries always
    pass."""
    bench = Bench()
    bench.gate.restrict("", mode, "test")
    passed = {purpose for purpose in Purpose if not bench.rule(purpose=purpose)}
    expected = {
        Mode.ACTIVE: set(Purpose),
        Mode.REDUCING: {Purpose.HEDGE, Purpose.UNWIND},
        Mode.HALTED: set(),
    }
    assert passed == expected[mode]
    for command in (
        CancelOrder(account=ACCOUNT, instrument=BTC, cl_ord_id="x"),
        CancelAll(account=ACCOUNT),
        QueryOrder(account=ACCOUNT, instrument=BTC, cl_ord_id="x"),
        ListOpenOrders(account=ACCOUNT),
        ListFills(account=ACCOUNT, instrument=BTC),
    ):
        assert bench.gate.check(command, None, 0) is None


def test_modes_are_per_scope_and_only_get_stricter() -> None:
    """Modes of venue, pair and everything apply together; a breaker never makes them less strict; the kill switch
    stays."""
    bench = Bench()
    gate = bench.gate
    assert gate.restrict("binance", Mode.HALTED, "api key revoked")
    assert bench.rule() == ""
    assert gate.restrict(bench.deal.pair, Mode.REDUCING, "held")
    assert bench.rule() == "mode"
    assert not gate.restrict(bench.deal.pair, Mode.ACTIVE, "no")
    assert not gate.restrict(bench.deal.pair, Mode.REDUCING, "again")
    assert gate.why(bench.deal.pair) == "held"
    assert (gate.mode("okx"), gate.mode("binance"), gate.mode("okx", bench.deal.pair)) == (
        Mode.ACTIVE,
        Mode.HALTED,
        Mode.REDUCING,
    )
    assert gate.restricted() == {"binance": (Mode.HALTED, "api key revoked"), BTC: (Mode.REDUCING, "held")}
    gate.kill("Ctrl-C")
    gate.kill("again")
    assert (bench.rule(purpose=Purpose.UNWIND), gate.why(), gate.mode()) == ("mode", "Ctrl-C", Mode.HALTED)


@pytest.mark.parametrize(
    ("kw", "rule"),
    [
        ({"qty": "0.105"}, "rules"),
        ({"px": "100.05"}, "rules"),
        ({"qty": "0.01"}, "rules"),
        ({"qty": "0.04"}, "rules"),
        ({"qty": "51"}, "rules"),
        ({"qty": "21"}, "rules"),
        ({"qty": "0"}, "rules"),
        ({"px": "-100"}, "rules"),
        ({"px": "105.1"}, "price_band"),
        ({"px": "94.9", "side": Side.SELL, "purpose": Purpose.UNWIND}, "price_band"),
        ({"side": Side.SELL}, "children"),
        ({"qty": "1.01"}, "children"),
        ({"deal": 2}, "deal"),
        ({"deadline_ns": 5}, "deadline"),
        ({"instrument": "okx:ETH-USDT"}, "instrument"),
    ],
)
def test_each_rule_refuses_what_it_names(kw: dict[str, Any], rule: str) -> None:
    """One violation at a time."""
    assert Bench().rule(now_ns=5, **kw) == rule


@pytest.mark.parametrize(
    "kw",
    [
        {"px": "105"},
        {"px": "50"},
        {"qty": "1"},
        {"qty": "0.05"},
        {"deadline_ns": 6},
        {"px": "95", "side": Side.SELL, "purpose": Purpose.UNWIND},
        {"qty": "2.49", "purpose": Purpose.HEDGE},
    ],
)
def test_the_edges_of_the_rules_pass(kw: dict[str, Any]) -> None:
    """A value equal to the limit passes; so does any price on the gaining side of the mid."""
    assert Bench().rule(now_ns=5, **kw) == ""


def test_an_untradable_instrument_takes_no_entry() -> None:
    """Halted or delisted: no new legs. A hedge or an unwind is tried: our catalogue may be old."""
    bench = Bench(rules=replace(RULES, tradable=False))
    assert bench.rule() == "instrument"
    assert bench.rule(purpose=Purpose.HEDGE) == ""
    assert bench.rule(purpose=Purpose.UNWIND, side=Side.SELL) == ""


def test_an_order_needs_a_deal_and_a_leg() -> None:
    """Without its deal nothing passes; nor on an instrument or account that the deal has no leg on."""
    bench = Bench()
    refusal = bench.gate.check(bench.order(), None, 0)
    assert refusal is not None
    assert refusal.rule == "deal"
    assert bench.rule(account="okx:other") == "account"
    assert bench.rule(account="okx:other", purpose=Purpose.HEDGE) == "children"


def test_without_a_trusted_book_nothing_goes_out() -> None:
    """Stale, crossed, one-sided or missing: invariant I6 holds for hedges too."""
    bench = Bench()
    bench.market.stale((BTC,), "test")
    assert (bench.rule(), bench.rule(purpose=Purpose.HEDGE)) == ("book", "book")
    bench.market.apply(BookUpdate(BTC, [Level(101.0, 1.0)], [], recv_ns=2))
    assert bench.rule() == "book"
    bench.market.apply(BookUpdate(BTC, [], [Level(100.1, 1.0)], snapshot=True, recv_ns=3))
    assert bench.rule() == "book"
    bench.market.apply(BookUpdate(BTC, [Level(99.9, 1.0)], [], recv_ns=4))
    assert bench.rule() == ""
    assert (
        Gate(GateConfig(), bench.catalogue, bench.gate.orders, {}, bench.gate.price_of)
        .check(bench.order(), bench.make_deal(1), 0)
        .rule
        == "book"
    )  # type: ignore[union-attr]


def test_no_entry_while_an_order_there_is_unknown() -> None:
    """An UNKNOWN order blocks entries on its instrument for every deal, and everything of its own deal."""
    bench = Bench()
    assert bench.rule() == ""
    bench.orders.link_lost("link", 5)
    assert (bench.rule(), bench.rule(purpose=Purpose.HEDGE)) == ("in_doubt", "in_doubt")
    own, bench.deal = bench.deal, bench.make_deal(2)
    assert (bench.rule(deal=2), bench.rule(deal=2, purpose=Purpose.HEDGE)) == ("in_doubt", "")
    bench.orders.absent("o1", 9)
    bench.deal = own
    assert bench.rule() == ""


def test_in_doubt_only_what_is_known_to_have_filled_is_taken_back() -> None:
    """Nothing else passes for a deal with an UNKNOWN order: not more than the leg filled, not in its direction, not
    where something is open or in doubt."""
    bench = Bench()
    assert bench.rule(qty="0.6") == ""
    leg = bench.deal.legs[0]
    back: dict[str, Any] = {"purpose": Purpose.UNWIND, "side": Side.SELL}
    bench.orders.link_lost("link", 5)
    assert bench.rule(qty="0.5", **back) == "in_doubt"  # the doubt is on this leg
    order = bench.deal.orders["o1"]
    elsewhere = Orders("other:main")
    doubted = elsewhere.add(replace(order.intent, account="other:main", instrument="other:BTC-USDT"), 0)
    elsewhere.sent(doubted.cl_ord_id, Role.TRADE, "link", 0)
    elsewhere.link_lost("link", 5)
    bench.deal.orders = {"o1": doubted}
    leg.bought = Dec("0.6")
    assert bench.rule(qty="0.7", **back) == "in_doubt"
    assert bench.rule(qty="0.5", purpose=Purpose.UNWIND) == "in_doubt"
    assert bench.rule(qty="0.5", **(back | {"purpose": Purpose.HEDGE})) == "in_doubt"
    assert bench.rule(qty="0.5", **back) == ""
    assert bench.rule(qty="0.1", **back) == "in_doubt"  # the first one is still open


def test_children_never_exceed_their_parent() -> None:
    """Filled quantity plus open quantity of a deal's entries stays within the planned quantity of the leg."""
    bench = Bench()
    assert [bench.rule(qty="0.6"), bench.rule(qty="0.6"), bench.rule(qty="0.4")] == ["", "children", ""]
    assert bench.rule(qty="0.05") == "children"
    bench.finish(1, filled="0.2")
    assert bench.rule(qty="0.6") == "children"
    bench.orders.apply(
        OrderUpdate(
            account=ACCOUNT,
            instrument=BTC,
            cl_ord_id="o1",
            ord_status=OrdStatus.CANCELED,
            cum_qty=Dec("0.2"),
            trade_id="t",
            last_qty=Dec("0.2"),
            last_px=Dec(100),
            fee=Dec(0),
        )
    )
    assert bench.rule(qty="0.4") == ""


def test_hedges_are_bounded_too() -> None:
    """By number, and by quantity in multiples of the plan."""
    bench = Bench(GateConfig(max_hedges=3))
    assert bench.rule(qty="1") == ""
    assert [bench.rule(qty="1", purpose=Purpose.HEDGE) for _ in range(3)] == ["", "", "children"]
    assert [bench.rule(qty="0.1", purpose=Purpose.UNWIND) for _ in range(2)] == ["children", "children"]
    for number in range(1, bench.count + 1):
        if bench.orders.get(f"o{number}"):
            bench.finish(number)
    assert [bench.rule(qty="0.1", purpose=Purpose.UNWIND) for _ in range(2)] == ["", "max_hedges"]


def test_the_number_of_hedges_is_per_minute() -> None:
    """A deal that goes on for long is not stopped by what it sent long ago."""
    bench = Bench(GateConfig(max_hedges=2))
    for number in (1, 2):
        assert bench.rule(qty="0.1", purpose=Purpose.UNWIND, now_ns=number * SECOND) == ""
        bench.finish(bench.count)
    assert bench.rule(qty="0.1", purpose=Purpose.UNWIND, now_ns=30 * SECOND) == "max_hedges"
    assert bench.rule(qty="0.1", purpose=Purpose.UNWIND, now_ns=62 * SECOND) == ""


def test_an_order_that_never_left_does_not_count_as_a_hedge() -> None:
    """Orders refused while the book is lost must not use up the number of hedges."""
    bench = Bench(GateConfig(max_hedges=2))
    for _ in range(5):
        command = bench.order(purpose=Purpose.HEDGE)
        bench.deal.orders[command.cl_ord_id] = bench.orders.add(command, 0)
        bench.orders.not_sent(command.cl_ord_id, "no trusted book", 0)
    assert bench.rule(purpose=Purpose.HEDGE) == ""


def test_the_rate_cap_keeps_room_for_hedges() -> None:
    """Entries up to half of the orders a second, hedges up to all; the window slides; a refusal counts nothing."""
    bench = Bench(GateConfig(orders_per_second=4))
    assert [bench.rule(now_ns=10) for _ in range(4)] == ["", ""] + ["orders_per_second"] * 2
    assert [bench.rule(now_ns=10, purpose=Purpose.HEDGE) for _ in range(3)] == ["", "", "orders_per_second"]
    assert bench.rule(now_ns=10 + SECOND) == ""


def test_turnover_stops_entries_not_hedges() -> None:
    """Notional per minute: all orders that passed count, but only entries are refused for it."""
    bench = Bench(GateConfig(notional_per_minute=Dec(25)))
    assert [bench.rule(now_ns=n * SECOND) for n in (1, 2, 3)] == ["", "", "notional_per_minute"]
    assert bench.rule(now_ns=4 * SECOND, purpose=Purpose.HEDGE) == ""
    assert bench.rule(now_ns=61 * SECOND) == "notional_per_minute"
    assert bench.rule(now_ns=65 * SECOND) == ""


def test_notional_is_counted_in_the_reporting_asset() -> None:
    """Another quote needs a price; without one nothing passes."""
    assert Bench(GateConfig(max_order_notional=Dec(9))).rule() == "max_order_notional"
    assert Bench(GateConfig(asset="EUR")).rule() == "no_price"
    assert Bench(GateConfig(asset="EUR"), price=Dec("0.9")).rule() == ""
    assert (
        Bench(GateConfig(asset="EUR", max_order_notional=Dec("8.9")), price=Dec("0.9")).rule() == "max_order_notional"
    )


def test_deadlines() -> None:
    """A deal past its deadline sends no entries but is hedged; an order past its own deadline is never sent."""
    bench = Bench()
    late = 1000 * SECOND
    assert (bench.rule(late), bench.rule(late, purpose=Purpose.HEDGE)) == ("deadline", "")
    assert bench.rule(late, purpose=Purpose.HEDGE, deadline_ns=late) == "deadline"


def test_a_replace_is_refused() -> None:
    """And it counts nothing: the order that it names is still the only one of the deal."""
    bench = Bench()
    assert bench.rule(qty="0.6") == ""
    command = ReplaceOrder(
        account=ACCOUNT, instrument=BTC, cl_ord_id="o1", new_cl_ord_id="n", qty=Dec("0.6"), px=Dec("100")
    )
    refusal = bench.gate.check(command, bench.deal, 0)
    assert refusal is not None
    assert (refusal.rule, refusal.text) == ("replace", "o1: orders are not replaced; cancel it, then send a new one")
    assert bench.rule(qty="0.4") == ""


@settings(max_examples=100)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(Purpose),
            st.sampled_from(Side),
            st.integers(1, 200),
            st.integers(900, 1100),
            st.integers(0, SECOND),
            st.sampled_from(["", "lost", "reject", "fill"]),
        ),
        max_size=40,
    )
)
def test_the_limits_hold_for_any_sequence(asked: list[tuple[Purpose, Side, int, int, int, str]]) -> None:
    """For any sequence of orders and results: plan, hedge limit, rate and order size are never exceeded."""
    config = GateConfig(orders_per_second=6, max_hedges=5)
    bench = Bench(config)
    now = 1
    passed: list[tuple[int, NewOrder]] = []
    for purpose, side, lots, ticks, step, then in asked:
        now += step
        qty, px = Dec(lots) / 100, Dec(ticks) / 10
        if bench.rule(now, purpose=purpose, side=side, qty=str(qty), px=str(px)):
            continue
        name = f"o{bench.count}"
        passed.append((now, bench.deal.orders[name].intent))
        update = OrderUpdate(
            account=ACCOUNT, instrument=BTC, cl_ord_id=name, ord_status=OrdStatus.REJECTED, reason=RejectReason.OTHER
        )
        if then == "lost":
            bench.orders.link_lost("link", now)
        elif then == "reject":
            bench.orders.apply(update)
        elif then == "fill":
            bench.orders.apply(
                replace(
                    update,
                    ord_status=OrdStatus.FILLED,
                    reason=None,
                    trade_id=name,
                    last_qty=qty,
                    last_px=px,
                    fee=Dec(0),
                )
            )
    orders = bench.deal.orders.values()
    assert sum(o.filled_qty + o.leaves for o in orders if o.intent.purpose is Purpose.ENTRY) <= 1
    assert sum(o.filled_qty + o.leaves for o in orders) <= 1 + config.hedge_factor
    assert sum(o.intent.purpose is not Purpose.ENTRY for o in orders) <= config.max_hedges
    assert all(one.qty * one.px <= config.max_order_notional for _, one in passed)
    for at, _ in passed:
        assert sum(at - SECOND < other <= at for other, _ in passed) <= config.orders_per_second


def test_a_hedge_needs_no_other_book_than_its_own() -> None:
    """The book that prices the quote asset falls silent while a leg is open: the hedge passes, and counts at the last
    price. Entries need a price of now."""
    bench = Bench(GateConfig(asset="EUR"))
    assert bench.rule(purpose=Purpose.HEDGE) == ""
    bench.gate.price_of = lambda held, asset: Dec(1)
    assert bench.rule() == ""
    bench.gate.price_of = lambda held, asset: Dec(30)
    assert bench.rule(purpose=Purpose.HEDGE) == "max_order_notional"
    bench.gate.price_of = lambda held, asset: Dec(20)
    assert bench.rule(purpose=Purpose.HEDGE) == ""
    bench.gate.price_of = lambda held, asset: None
    assert [bench.rule(), bench.rule(purpose=Purpose.HEDGE)] == ["no_price", ""]
    assert bench.rule(purpose=Purpose.HEDGE, qty="0.2") == "max_order_notional"


def test_a_mode_is_lifted_when_its_reason_is_gone() -> None:
    """Only that of the rule and the scope; the strictest of the other rules applies. The kill switch stays."""
    bench = Bench()
    pair = bench.deal.pair
    bench.gate.restrict(pair, Mode.HALTED, "strict", "one")
    bench.gate.restrict(pair, Mode.REDUCING, "less strict", "two")
    bench.gate.restrict("binance", Mode.REDUCING, "other", "one")
    assert bench.gate.why(pair) == "strict"
    assert [bench.gate.lift(pair, "one"), bench.gate.lift(pair, "one")] == [True, False]
    assert bench.gate.restricted() == {pair: (Mode.REDUCING, "less strict"), "binance": (Mode.REDUCING, "other")}
    assert bench.gate.lift(pair, "two")
    assert bench.gate.restricted() == {"binance": (Mode.REDUCING, "other")}
    bench.gate.kill("by hand")
    bench.gate.lift("binance", "one")
    assert bench.gate.mode() is Mode.HALTED
