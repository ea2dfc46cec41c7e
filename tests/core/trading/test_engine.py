"""The engine: a deal's reservations are released exactly once, whatever its end, and a plugin failure does not stop the
desk."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from arbkit.core.money.gate import GateConfig
from arbkit.core.money.limits import LimitsConfig
from arbkit.core.orders.deals import Deal, DealLeg, DealState, Outcome
from arbkit.core.orders.ids import parse_cl_ord_id
from arbkit.core.orders.journal import decode
from arbkit.core.orders.records import Booked
from arbkit.core.types import (
    CancelOrder,
    Listing,
    Mode,
    NewOrder,
    OrderUpdate,
    OrdStatus,
    Purpose,
    RateLimit,
    RejectReason,
    Side,
)

D = Decimal
A, B = "aa:BTC-USDT", "bb:BTC-USDT"
S, MS = 1_000_000_000, 1_000_000
NEVER = 1 << 62


class Scripted:
    """Plans two legs and returns the commands that the test sets."""

    due_ns = NEVER

    def __init__(self, **does) -> None:
        self.does = does
        self.updates: list[OrderUpdate] = []
        self.timers = 0

    def plan(self, opportunity, view, now_ns):
        if "plan" in self.does:
            return self.does["plan"](opportunity, view, now_ns)
        legs = [
            DealLeg(
                account=view.account(leg.instrument),
                instrument=leg.instrument,
                base="BTC",
                side=leg.side,
                qty=D(str(leg.qty)),
                px=D(str(leg.px)),
                quote="USDT",
            )
            for leg in opportunity.legs
        ]
        return Deal(opportunity, legs, created_ns=now_ns, deadline_ns=now_ns + S)

    def on_order(self, deal, update, view, now_ns):
        self.updates.append(update)
        return self.does.get("on_order", lambda *_: ())(deal, update, view, now_ns)

    def on_book(self, deal, view, now_ns):
        return self.does.get("on_book", lambda *_: ())(deal, view, now_ns)

    def on_timer(self, deal, view, now_ns):
        self.timers += 1
        return self.does.get("on_timer", lambda *_: ())(deal, view, now_ns)


def close_when_done(deal, update, view, now_ns):
    if deal.state is not DealState.CLOSED and all(order.done for order in deal.orders.values()):
        deal.close(Outcome.HEDGED, "all done", now_ns)
    return ()


def nothing_held(rig):
    """Limits and rate tokens are as if there had been no deal."""
    limits = rig.desk.limits
    assert limits.open_deals == 0
    assert limits.notional == 0
    assert limits.free("aa:main", "USDT") == rig.desk.ledger.totals("aa:main")["USDT"]
    assert limits.free("bb:main", "BTC") == rig.desk.ledger.totals("bb:main")["BTC"]
    for venue in rig.desk.venues.values():
        assert not venue.throttle._holds
    assert not rig.desk.engine._owners


# --- every way to end


def test_refused_by_the_gate_holds_nothing(kit):
    """A gate refusal of the second leg releases the reservation; nothing was sent, nothing is in the journal."""
    rig = kit.rig(gate=GateConfig(price_band=D("0.0001"))).boot()
    rig.book(B, 101.0, 101.1)
    assert rig.trade() == []
    assert rig.desk.counters.opportunities_dropped["price_band"] == 1
    assert not rig.records()
    nothing_held(rig)


def test_refused_for_tokens_holds_nothing(kit):
    """No tokens: the reservation and the reserved tokens are released."""
    aa = kit.venue("aa")
    aa.rate_limits = (RateLimit("ip", 1000, S), RateLimit("order", 1, S))
    rig = kit.rig(aa, kit.venue("bb")).boot()
    assert rig.trade() == []
    nothing_held(rig)


def test_not_sent_holds_nothing(rig):
    """Both legs refused on their links: the deal ends with nothing, once."""
    rig.port.dead |= {"aa.trade", "bb.trade"}
    assert rig.trade() == []
    assert rig.desk.counters.deals == {"nothing": 1}
    assert [r.outcome for r in rig.records("DealClosed")] == ["nothing"]
    nothing_held(rig)


def test_closed_deal_holds_nothing(rig):
    """Hedged: released once, counted once, in the journal once."""
    for one in rig.trade():
        rig.fill(one)
    assert rig.desk.counters.deals == {"hedged": 1}
    assert len(rig.records("DealClosed")) == 1
    nothing_held(rig)


def test_held_deal_keeps_its_reservation_and_is_told_once(kit):
    """HELD: one alarm, the pair is restricted, the exposure still counts, and the journal has the deal open."""
    rig = kit.rig().boot()
    ids = rig.trade()
    rig.fill(ids[0])
    rig.close("aa.public")
    rig.close("bb.public")
    rig.say("bb.private", rig.report(ids[1], OrdStatus.REJECTED, reason=RejectReason.OTHER))
    rig.run(25)
    assert [deal.state for deal in rig.deals] == [DealState.HELD]
    assert len(rig.log.of("alarm.deal_held")) == 1
    assert rig.records("DealClosed") == []
    assert rig.desk.limits.open_deals == 1
    assert rig.desk.held() == rig.deals
    for _ in range(5):
        rig.say("bb.private", rig.report(ids[1], OrdStatus.REJECTED, reason=RejectReason.OTHER))
    assert len(rig.log.of("alarm.deal_held")) == 1
    assert rig.desk.idle


# --- executors that misbehave


@pytest.mark.parametrize(
    "does",
    [
        lambda *_: None,
        lambda *_: 1 / 0,
        lambda *_: [object()],
        lambda deal, *_: [NewOrder(account="zz:main", instrument=A, cl_ord_id="", side=Side.BUY, qty=D(1), px=D(1))],
        lambda deal, *_: [CancelOrder(account="zz:main", instrument=A, cl_ord_id="x")],
        lambda deal, *_: [NewOrder(account="aa:main", instrument=A, cl_ord_id="", side=Side.BUY, qty=D(0), px=D(1))],
        lambda deal, *_: deal.move(DealState.PLANNED),
    ],
    ids=["none", "raises", "nonsense", "account", "cancel_account", "zero", "move"],
)
def test_failing_executor_stops_only_its_deal_and_strategy(kit, does):
    """Whatever ``on_order`` does: the desk goes on, the deal is HELD, the fill is booked, the strategy is stopped."""
    rig = kit.rig(executor=Scripted(on_order=does)).boot()
    ids = rig.trade()
    rig.fill(ids[0])
    assert rig.desk.ledger.totals("aa:main")["BTC"] == D("10.1")
    assert [deal.state for deal in rig.deals] == [DealState.HELD]
    assert rig.desk.engine.strategies[0].failed
    assert len(rig.log.of("alarm.deal_held")) == 1
    rig.fill(ids[1])
    rig.run(3)
    assert rig.trade() == []


@pytest.mark.parametrize("what", ["raises", "account", "instrument", "no_legs"])
def test_invalid_plan_stops_only_its_strategy(kit, what):
    """A plan with an unknown instrument or account is a failure of the strategy; nothing stays reserved."""

    def plan(opportunity, view, now_ns):
        if what == "raises":
            raise KeyError("x")
        leg = DealLeg(
            account="zz:main" if what == "account" else "aa:main",
            instrument="zz:BTC-USDT" if what == "instrument" else A,
            base="BTC",
            side=Side.BUY,
            qty=D("0.1"),
            px=D("100.2"),
            quote="USDT",
        )
        return Deal(opportunity, [] if what == "no_legs" else [leg], created_ns=now_ns, deadline_ns=now_ns + S)

    rig = kit.rig(executor=Scripted(plan=plan)).boot()
    assert rig.trade() == []
    nothing_held(rig)
    rig.run(2)


def test_hedge_refused_by_the_gate_is_told_to_its_executor(kit):
    """REJECTED with reason GATE is passed to ``on_order``; nothing was sent, and it does not count as sent."""

    def on_order(deal, update, view, now_ns):
        if len(deal.orders) == 2 and update.ord_status is OrdStatus.FILLED:
            return [
                NewOrder(
                    account="bb:main",
                    instrument=B,
                    cl_ord_id="",
                    side=Side.SELL,
                    qty=D("0.1"),
                    px=D("50"),
                    purpose=Purpose.HEDGE,
                )
            ]
        return ()

    executor = Scripted(on_order=on_order)
    rig = kit.rig(executor=executor).boot()
    ids = rig.trade()
    rig.fill(ids[0])
    assert len(rig.orders()) == 2
    told = executor.updates[-1]
    assert told.ord_status is OrdStatus.REJECTED
    assert rig.order(told.cl_ord_id).reason is RejectReason.GATE
    assert rig.desk.counters.refused["price_band"] == 1


def test_executor_that_asks_again_at_every_refusal_ends_held(kit):
    """An executor that returns a new order for every refusal would recurse without end: it counts as failed."""

    def on_order(deal, update, view, now_ns):
        return [
            NewOrder(
                account="bb:main",
                instrument=B,
                cl_ord_id="",
                side=Side.SELL,
                qty=D("0.1"),
                px=D("50"),
                purpose=Purpose.HEDGE,
            )
        ]

    rig = kit.rig(executor=Scripted(on_order=on_order)).boot()
    ids = rig.trade()
    rig.fill(ids[0])
    assert len(rig.orders()) == 2
    assert rig.deals[0].state is DealState.HELD
    assert len(rig.deals[0].orders) < 200
    rig.run(2)


@pytest.mark.parametrize(("count", "sent"), [(1, 1), (5, 0)])
def test_later_entries_need_tokens_too(kit, count, sent):
    """The entries of a second wave are not sent beyond the venue's rate limit: all of them are refused, because a wave
    is not begun with a part of it, and the executor is called."""
    aa = kit.venue("aa")
    aa.rate_limits = (RateLimit("ip", 1000, S), RateLimit("order", 4, 10 * S))  # the order lane: three

    def on_order(deal, update, view, now_ns):
        if update.ord_status is not OrdStatus.FILLED:
            return ()
        return [
            NewOrder(account="aa:main", instrument=A, cl_ord_id="", side=Side.BUY, qty=D("0.06"), px=D("100.2"))
            for _ in range(count)
        ]

    def plan(opportunity, view, now_ns):
        legs = [
            DealLeg(
                account="aa:main",
                instrument=A,
                base="BTC",
                side=Side.BUY,
                qty=D("0.4"),
                px=D("100.2"),
                quote="USDT",
                wave=wave,
            )
            for wave in (1,)
        ]
        legs.append(
            DealLeg(
                account="bb:main", instrument=B, base="BTC", side=Side.SELL, qty=D("0.4"), px=D("99.9"), quote="USDT"
            )
        )
        return Deal(opportunity, legs, created_ns=now_ns, deadline_ns=now_ns + S)

    rig = kit.rig(aa, kit.venue("bb"), executor=Scripted(on_order=on_order, plan=plan)).boot()
    ids = rig.trade()
    rig.fill(ids[0])
    left = [text for link, text in rig.sends("NewOrder") if link == "aa.trade"]
    assert len(left) == sent
    assert rig.desk.counters.refused["rate_tokens"] == count - sent


# --- ids, timers, foreign orders


def test_refused_edges_use_up_no_ids(kit):
    """An edge that the gate refuses comes with every tick; it must not use up the block of ids."""
    rig = kit.rig().boot()
    rig.desk.gate.restrict("", Mode.REDUCING, "test")
    for _ in range(50):
        assert rig.trade() == []
    assert rig.desk.gate.lift("", "")
    first = rig.trade()
    assert parse_cl_ord_id(first[0]) & 0xFFFFFF < 2
    assert rig.deals[0].id & 0xFFFFF < 2


def test_executor_due_in_the_past_without_a_deal_does_not_spin(kit):
    """A timer that an executor did not clear causes no wakes once its deals are gone."""
    executor = Scripted(on_order=close_when_done)
    executor.due_ns = 1
    rig = kit.rig(executor=executor).boot()
    assert rig.run(5) < 100
    assert executor.timers == 0


def test_timer_reaches_open_deals(kit):
    """At ``due_ns``, ``on_timer`` is called for each open deal of that executor."""
    executor = Scripted(on_order=close_when_done)

    def on_timer(deal, view, now_ns):
        executor.due_ns = NEVER
        return ()

    executor.does["on_timer"] = on_timer
    rig = kit.rig(executor=executor).boot()
    rig.trade()
    executor.due_ns = rig.now + 100 * MS
    rig.desk._dirty = True
    rig.run(0.2)
    assert executor.timers == 1


def test_foreign_order_of_an_unknown_instrument_is_only_told(rig):
    """A manual trade in an unknown instrument raises an alarm and no error; one in a known instrument changes the
    balance."""
    foreign = {
        "account": "aa:main",
        "cl_ord_id": "",
        "ord_status": OrdStatus.FILLED,
        "side": Side.BUY,
        "qty": D(1),
        "px": D(5),
        "last_px": D(5),
        "last_qty": D(1),
        "cum_qty": D(1),
        "fee": D(0),
        "fee_asset": "USDT",
    }
    rig.say("aa.private", OrderUpdate(instrument="aa:WHAT-USDT", order_id="1", trade_id="1", **foreign))
    rig.say("aa.private", OrderUpdate(instrument=A, order_id="2", trade_id="2", **foreign))
    assert rig.desk.counters.alarms["foreign_order"] == 2
    assert rig.desk.ledger.totals("aa:main")["BTC"] == D(11)


def test_a_foreign_order_is_told_once_and_each_of_its_fills(kit):
    """A listing repeats it each minute. Orders that an earlier run ended are no news: only a fill of today is."""
    booked = Booked(account="aa:main", at_ns=1, flows={}, left={}, orders=((A, "old"),))
    rig = kit.rig(booked=[booked]).boot()
    row = {"account": "aa:main", "instrument": A, "cl_ord_id": "", "source": "poll", "side": Side.BUY}
    fill = {"ord_status": OrdStatus.PARTIALLY_FILLED, "last_qty": D(1), "last_px": D(100), "fee": D(0)}
    early = OrderUpdate(order_id="old", trade_id="t0", exch_ns=rig.now - 3600 * S, **row, **fill)
    for _ in range(3):
        rig.say("aa.private", early)
    assert rig.desk.counters.alarms["foreign_order"] == 0
    for _ in range(3):
        rig.say("aa.private", OrderUpdate(order_id="hand", ord_status=OrdStatus.NEW, **row))
    assert rig.desk.counters.alarms["foreign_order"] == 1
    for number in (1, 2, 2):
        rig.say("aa.private", OrderUpdate(order_id="hand", trade_id=f"t{number}", exch_ns=rig.now, **row, **fill))
    assert rig.desk.counters.alarms["foreign_order"] == 3


def test_a_deal_counts_all_fills_of_a_listing_before_it_closes(rig):
    """Two fills in one listing, and without the second, tiny one the legs would be equal to a dust: no fill is late."""
    bought, sold = rig.trade()
    rig.fill(sold)
    rig.say("aa.private", rig.report(bought, OrdStatus.FILLED, order_id="v1", cum_qty=D("0.1")))
    parts = [
        rig.report(
            bought,
            OrdStatus.PARTIALLY_FILLED,
            order_id="v1",
            last_qty=D(qty),
            last_px=D("100.2"),
            trade_id=f"t{number}",
            fee=D(0),
            fee_asset="USDT",
            source="poll",
        )
        for number, qty in enumerate(("0.09999", "0.00001"))
    ]
    rig.say("aa.public", Listing(account="aa:main", kind="fills", instrument=A, updates=parts, recv_ns=rig.now))
    assert rig.desk.counters.alarms["late_fill"] == 0
    assert [one["outcome"] for one in rig.log.of("deal.closed")] == ["hedged"]
    assert rig.order(bought).filled_qty == D("0.1")


def test_late_fill_of_a_closed_deal_reopens_it(rig):
    """A fill after the end: the ledger books it, an alarm names it, and the deal goes on: it counts again, is open in
    the journal with its orders, and what filled is taken back or completed. It is one deal in the counts."""
    ids = rig.trade()
    for one in ids:
        rig.say(
            f"{rig.order(one).intent.account[:2]}.private",
            rig.report(one, OrdStatus.EXPIRED, order_id="v" + one, cum_qty=D(0)),
        )
    assert not rig.deals
    rig.say("aa.private", rig.filled(ids[0], qty="0.06"))
    assert rig.desk.ledger.totals("aa:main")["BTC"] == D("10.06")
    assert rig.desk.counters.alarms["late_fill"] == 1
    (deal,) = rig.deals
    assert deal.state is DealState.UNWINDING
    assert rig.desk.limits.notional > 0
    recovery = decode(b"".join(one[1] for one in rig.port.log if one[0] == "journal"))
    (told,) = recovery.interrupted()
    assert told.deal.deal == deal.id
    assert {key: one.filled for key, one in told.ended.items()} == {ids[0]: D("0.06"), ids[1]: 0}
    rig.fill(rig.orders()[-1])
    assert rig.deals == []
    assert sum(rig.desk.counters.deals.values()) == 1
    assert next(one.outcome for one in rig.records("DealClosed")) == "nothing"
    assert len(rig.records("DealClosed")) == 2
    nothing_held(rig)


def carried(rig) -> tuple[dict[str, D], dict[str, D]]:
    """What the journal says now that all runs gained, and that is left, without zeros."""
    found: tuple[dict[str, D], dict[str, D]] = {}, {}
    for one in rig.left().booked:
        for sums, part in zip(found, (one.flows, one.left), strict=True):
            for asset, amount in part.items():
                sums[asset] = sums.get(asset, D(0)) + amount
    gained, left = ({asset: amount for asset, amount in sums.items() if amount} for sums in found)
    return gained, left


def test_what_the_journal_carries_is_what_was_booked(rig):
    """After a deal, while a late fill has opened it again, at its second end, and after a fill that comes when nothing
    of the deal is in memory: the next run would know the same gain and the same leftovers. Nothing counts twice."""

    def booked() -> tuple[dict[str, D], dict[str, D]]:
        left = rig.desk.leftovers
        pnl = {asset: amount for asset, amount in rig.desk.ledger.pnl().items() if amount}
        return pnl, {asset: left.of(asset) for asset in left.assets()}

    buy, sell = rig.trade()
    rig.fill(sell)
    rig.say("aa.private", rig.report(buy, OrdStatus.EXPIRED, order_id="v" + buy, cum_qty=D(0)))
    (hedge,) = rig.orders()[2:]
    rig.fill(hedge)
    assert rig.deals == []
    assert carried(rig) == booked()
    late = replace(rig.filled(buy, qty="0.06"), ord_status=OrdStatus.EXPIRED)
    rig.say("aa.private", late)
    (deal,) = rig.deals
    assert deal.over == D("0.06")
    assert booked()[1] == {}
    rig.fill(rig.orders()[-1])
    assert rig.deals == []
    assert carried(rig) == booked()
    rig.run(1)
    rig.desk.engine.past.clear()
    rig.say("aa.private", replace(late, trade_id="another", cum_qty=D("0.1"), last_qty=D("0.04")))
    assert rig.deals == []
    assert booked()[1] == {"BTC": D("0.04")}
    assert carried(rig) == booked()


def test_a_side_that_a_venue_refuses_is_left_alone_by_all_deals(rig):
    """A closed market: the other leg is taken back at once, the rules are asked for again, and for a minute no deal
    begins there; the other side of the market can be traded. After an accepted order it is as before."""
    buy, sell = rig.trade()
    rig.fill(buy)
    asked = len(rig.requests("catalogue"))
    rig.run(10)
    rig.say("bb.private", rig.report(sell, OrdStatus.REJECTED, reason=RejectReason.INSTRUMENT, text="closed"))
    (back,) = rig.orders()[2:]
    assert (rig.order(back).intent.instrument, rig.order(back).intent.purpose) == (A, Purpose.UNWIND)
    rig.fill(back)
    (row,) = rig.log.of("side.refused")
    assert (row["instrument"], row["side"], row["s"]) == (B, "sell", 60.0)
    rig.auto = False
    rig.run(1)
    assert len(rig.requests("catalogue")) == asked + 1
    rig.auto = True
    rig.run(10)
    assert rig.trade() == []
    assert rig.desk.counters.opportunities_dropped["refused_side"] == 1
    assert "closed" in str(rig.log.of("deal.refused")[-1]["why"])
    rig.propose((B, Side.BUY, 0.1, 100.2), (A, Side.SELL, 0.1, 99.9))
    for one in rig.orders()[3:]:
        rig.fill(one)
    for _ in range(5):
        rig.run(10)
        for link in rig.desk.links:
            rig.desk.activity(link, rig.now)
        for name in (A, B):
            rig.book(name, 100.0, 100.1)
    first, second = rig.trade()
    rig.fill(first)
    rig.fill(second)
    assert rig.desk.venues["bb"].refusals.sides == {}


def test_a_pair_trades_again_when_none_of_its_deals_is_held(kit):
    """HELD restricts the pair; a late fill that ends it gives the pair back."""
    rig = kit.rig().boot()
    ids = rig.trade()
    rig.fill(ids[0])
    rig.close("aa.public")
    rig.close("bb.public")
    rig.say("bb.private", rig.report(ids[1], OrdStatus.EXPIRED, order_id="v", cum_qty=D(0)))
    rig.run(25)
    (deal,) = rig.desk.held()
    assert rig.desk.gate.mode(pair=deal.pair) is Mode.REDUCING
    rig.fill(ids[1])
    assert rig.deals == []
    assert rig.desk.gate.restricted() == {}
    assert len(rig.log.of("risk.lifted")) == 1
    nothing_held(rig)


def test_report_of_an_account_that_is_not_ours_is_ignored(rig):
    """A report of another account is not booked anywhere."""
    rig.say("aa.private", OrderUpdate(account="zz:main", instrument=A, cl_ord_id="x", ord_status=OrdStatus.NEW))
    assert rig.desk.idle


def test_the_best_opportunity_is_taken_first(kit):
    """Ranked by expected net over all strategies: with room for one deal, the best one is taken."""
    from msgspec.structs import replace

    from arbkit.core.money.limits import LimitsConfig

    rig = kit.rig(limits=LimitsConfig(max_open_deals=1)).boot()
    rig.propose((A, Side.BUY, 0.1, 100.2), (B, Side.SELL, 0.1, 99.9))
    first = rig.deals[0]
    for one in rig.orders():
        rig.fill(one)
    poor, rich = replace(first.opportunity, expected_net=0.1), replace(first.opportunity, expected_net=9.0)
    rig.strategy.next = [poor, rich]
    rig.book(A, 100.0, 100.1)
    assert [deal.expected_net for deal in rig.deals] == [9.0]
    assert rig.desk.counters.opportunities_dropped["max_open_deals"] == 1


# --- waves and other venues -------------------------------------------------------------------------------------------


def elsewhere(venue: str, qty: str = "0.1") -> NewOrder:
    """A hedge on a venue where the deal has no leg."""
    return NewOrder(
        account=f"{venue}:main",
        instrument=f"{venue}:BTC-USDT",
        cl_ord_id="",
        side=Side.SELL,
        qty=D(qty),
        px=D("99.9"),
        purpose=Purpose.HEDGE,
    )


def test_a_hedge_on_a_third_venue_gets_a_leg_and_reserves_its_funds(kit):
    """Bought on aa, not sold on bb: cc sells. Its base is reserved with the order, its fill is counted, and the journal
    tells the leg, so that a later run knows it."""

    def on_order(deal, update, view, now_ns):
        if len(deal.orders) == 2 and not deal.open_orders:
            return [elsewhere("cc")]
        if len(deal.orders) == 3 and not deal.open_orders:
            deal.close(Outcome.COMPLETED, "sold on cc", now_ns)
        return ()

    rig = kit.rig(kit.venue("aa"), kit.venue("bb"), kit.venue("cc"), executor=Scripted(on_order=on_order)).boot()
    ids = rig.trade()
    rig.fill(ids[0])
    rig.say("bb.private", rig.report(ids[1], OrdStatus.EXPIRED, cum_qty=D(0)))
    (deal,) = rig.deals
    free = rig.desk.ledger.totals("cc:main")["BTC"]
    assert [leg.instrument for leg in deal.legs] == [A, B, "cc:BTC-USDT"]
    assert rig.desk.limits.free("cc:main", "BTC") == free - D("0.1")
    assert deal.pair == f"{A}+{B}"
    opened = rig.records("DealOpened")[-1]
    assert (opened.instruments, [leg.instrument for leg in opened.legs]) == ([A, B], [A, B, "cc:BTC-USDT"])
    assert "cc.trade" in {link for link, _ in rig.sends("NewOrder")}
    rig.fill(rig.orders()[-1])
    assert deal.overs == {"BTC": 0}
    assert rig.desk.counters.deals == {"completed": 1}
    nothing_held(rig)


def test_a_hedge_elsewhere_without_funds_is_refused(kit):
    """More than cc has: it is told as refused, no leg is added, and nothing is sent there."""

    def on_order(deal, update, view, now_ns):
        return [elsewhere("cc", "11")] if len(deal.orders) == 2 and not deal.open_orders else ()

    executor = Scripted(on_order=on_order)
    wide = LimitsConfig(max_venue_notional=D(100_000))
    rig = kit.rig(kit.venue("aa"), kit.venue("bb"), kit.venue("cc"), executor=executor, limits=wide).boot()
    ids = rig.trade()
    rig.fill(ids[0])
    rig.say("bb.private", rig.report(ids[1], OrdStatus.EXPIRED, cum_qty=D(0)))
    assert rig.desk.counters.refused["funds"] == 1
    assert len(rig.deals[0].legs) == 2
    assert executor.updates[-1].ord_status is OrdStatus.REJECTED
    assert not [link for link, _ in rig.sends("NewOrder") if link.startswith("cc")]


def staged(opportunity, view, now_ns):
    """The purchase first, then the sale."""
    legs = [
        DealLeg(
            account=view.account(leg.instrument),
            instrument=leg.instrument,
            base="BTC",
            side=leg.side,
            qty=D(str(leg.qty)),
            px=D(str(leg.px)),
            quote="USDT",
            wave=wave,
        )
        for wave, leg in enumerate(opportunity.legs)
    ]
    return Deal(opportunity, legs, created_ns=now_ns, deadline_ns=now_ns + S)


def test_a_later_wave_is_reserved_when_the_deal_begins(kit):
    """Base on bb, and the rate tokens of its order and its unwind: another deal cannot take them meanwhile. It passes
    when new deals are forbidden by then."""

    def on_order(deal, update, view, now_ns):
        if len(deal.orders) == 1 and not deal.open_orders:
            leg = deal.legs[1]
            return [
                NewOrder(account=leg.account, instrument=B, cl_ord_id="", side=leg.side, qty=leg.qty, px=leg.px, leg=1)
            ]
        if len(deal.orders) == 2 and not deal.open_orders:
            deal.close(Outcome.HEDGED, "both", now_ns)
        return ()

    rig = kit.rig(executor=Scripted(plan=staged, on_order=on_order)).boot()
    (first,) = rig.trade()
    (deal,) = rig.deals
    assert rig.desk.limits.reserved("bb:main", "BTC") == D("0.1")
    assert rig.desk.venues["bb"].throttle._holds[deal.id]
    rig.desk.gate.restrict("", Mode.REDUCING, "a test", "test")
    rig.fill(first)
    assert deal.wave == 1
    assert [link for link, _ in rig.sends("NewOrder")] == ["aa.trade", "bb.trade"]
    rig.fill(rig.orders()[-1])
    assert rig.desk.counters.deals == {"hedged": 1}
    nothing_held(rig)


@pytest.mark.parametrize("waves", [(1, 2), (0, 2)])
def test_waves_begin_with_zero_and_leave_none_out(kit, waves):
    """Such a plan could never be finished: its strategy is stopped with the reason."""

    def plan(opportunity, view, now_ns):
        deal = staged(opportunity, view, now_ns)
        for leg, wave in zip(deal.legs, waves, strict=True):
            leg.wave = wave
        return deal

    rig = kit.rig(executor=Scripted(plan=plan)).boot()
    assert rig.trade() == []
    assert "they begin with 0" in rig.desk.engine.strategies[0].failed
