"""The sender: an order is written first, sent once on one channel, or refused with nothing sent."""

from __future__ import annotations

from decimal import Decimal

import pytest

from arbkit.core.orders.deals import Deal, DealLeg, DealState
from arbkit.core.orders.journal import decode
from arbkit.core.types import (
    Lane,
    OrderAbsent,
    OrdStatus,
    RateLimit,
    RateReport,
    RejectReason,
    Role,
    Side,
)

D = Decimal
A, B = "aa:BTC-USDT", "bb:BTC-USDT"
S, MS = 1_000_000_000, 1_000_000


def test_intent_is_written_before_its_bytes_leave(rig):
    """For every order sent, the port's log has before it an intent with its one channel and link."""
    ids = rig.trade()
    assert len(ids) == 2
    for cl_ord_id in ids:
        at = next(i for i, one in enumerate(rig.port.log) if one[0] == "send" and cl_ord_id in one[2])
        before = decode(b"".join(one[1] for one in rig.port.log[:at] if one[0] == "journal")).records
        intent = next(r for r in before if type(r).__name__ == "Intent" and r.order.cl_ord_id == cl_ord_id)
        assert (intent.channel, intent.link) == ("trade", rig.port.log[at][1])


@pytest.mark.parametrize("how", ["closed", "not_ready", "never_opened"])
def test_rest_carries_orders_when_the_trade_link_cannot(kit, how):
    """A trade link that is down or not logged in at that moment: the order goes by REST, and its intent says so."""
    rig = kit.rig().boot()
    if how == "closed":
        rig.close("aa.trade")
    elif how == "not_ready":
        rig.close("aa.trade")
        rig.run(1)
        rig.open("aa.trade", ready=False)
        rig.book(B, 100.0, 100.1)
    else:
        rig.desk.links["aa.trade"].ready = False
    ids = rig.trade()
    assert len(ids) == 2 == len(rig.orders())
    channels = {r.order.cl_ord_id: (r.channel, r.link) for r in rig.records("Intent")}
    assert channels[ids[1]] == ("rest", "aa.main.rest") or channels[ids[0]] == ("rest", "aa.main.rest")
    assert rig.sends("NewOrder")[-1][0] == "bb.trade"
    assert len(rig.requests("NewOrder")) == 1


def test_order_of_which_nothing_left_is_refused_and_its_deal_goes_on(rig):
    """``Port.send`` False: REJECTED locally, never sent on another channel, and the filled leg is unwound."""
    rig.port.dead.add("bb.trade")
    ids = rig.trade()
    assert len(ids) == 1
    refused = next(o for o in rig.deals[0].orders.values() if o.intent.instrument == B)
    assert (refused.status, refused.reason) == (OrdStatus.REJECTED, RejectReason.GATE)
    assert not rig.requests("NewOrder")
    rig.port.dead.clear()
    rig.fill(ids[0])
    rig.run(0.3)
    new = rig.orders()[1:]
    assert len(new) == 1
    assert rig.order(new[0]).intent.purpose.value in ("hedge", "unwind")
    rig.fill(new[0])
    assert not rig.deals


def test_cut_between_send_and_ack_is_unknown_in_the_same_turn(rig):
    """The trade link is lost: its order becomes UNKNOWN at once, is queried, and is never sent again."""
    ids = rig.trade()
    rig.close("aa.trade")
    assert rig.order(ids[0]).status is OrdStatus.UNKNOWN
    assert rig.order(ids[1]).status is OrdStatus.PENDING_NEW
    rig.fill(ids[1])
    assert rig.deals[0].state is DealState.IN_DOUBT
    rig.run(0.2)
    assert rig.requests(f"QueryOrder {ids[0]}")
    rig.run(3)
    assert rig.orders().count(ids[0]) == 1
    assert len(rig.orders()) == 2
    query = rig.requests(f"QueryOrder {ids[0]}")[0]
    rig.reply(query[2], rig.filled(ids[0]))
    assert not rig.deals
    assert rig.desk.counters.deals["hedged"] == 1


def test_late_acknowledgement_is_unknown(rig):
    """No answer within the limit: UNKNOWN by a timer, then queried; the late report still counts, once."""
    ids = rig.trade()
    rig.run(0.6)
    assert [rig.order(one).status for one in ids] == [OrdStatus.UNKNOWN] * 2
    assert len(rig.sends("QueryOrder")) >= 2
    for one in ids:
        rig.fill(one)
        rig.fill(one)
    assert not rig.deals
    assert rig.desk.ledger.totals("aa:main")["BTC"] == D("10.1")
    assert len(rig.orders()) == 2


@pytest.mark.parametrize(("sent", "status"), [(True, OrdStatus.UNKNOWN), (False, OrdStatus.REJECTED)])
def test_rest_order_without_an_answer(kit, sent, status):
    """If bytes may have left: UNKNOWN. If certainly none left: REJECTED locally."""
    rig = kit.rig(kit.venue("aa", trade=False), kit.venue("bb")).boot()
    ids = rig.trade()
    request = rig.requests("NewOrder")[0]
    order = rig.order(request[3].rpartition(" ")[2])
    rig.no_answer(request[2], sent=sent)
    assert order.status is status
    assert order.cl_ord_id in ids
    assert rig.orders().count(order.cl_ord_id) == 1


@pytest.mark.parametrize("status", [200, 500, 502, 503, 504])
def test_rest_order_with_an_answer_that_proves_nothing(kit, status):
    """5xx, HTML or an empty 200: UNKNOWN, whatever the status code."""
    rig = kit.rig(kit.venue("aa", trade=False), kit.venue("bb")).boot()
    rig.trade()
    request = rig.requests("NewOrder")[0]
    rig.reply(request[2], status=status)
    assert rig.order(request[3].rpartition(" ")[2]).status is OrdStatus.UNKNOWN


def test_rest_order_whose_answer_cannot_be_read_is_unknown(kit):
    """The session raises on the body: a bad frame, and the order is UNKNOWN."""
    rig = kit.rig(kit.venue("aa", trade=False), kit.venue("bb")).boot()
    rig.trade()
    request = rig.requests("NewOrder")[0]
    rig.reply(request[2], ValueError("<html>"))
    assert rig.order(request[3].rpartition(" ")[2]).status is OrdStatus.UNKNOWN
    assert rig.desk.links["aa.main.rest"].counted.bad_frames == 1


def test_legs_that_the_tokens_do_not_carry_together_are_not_begun(kit):
    """Two legs of one venue with tokens for one: neither is sent (a check of each leg alone would let both pass)."""
    venue = kit.venue("aa", symbols=("BTC-USDT", "ETH-USDT"))
    venue.rate_limits = (RateLimit("ip", 1000, S), RateLimit("order", 4, S))  # the order lane: three, the holds: two
    strategy = kit.strategy()
    strategy.instruments = list
    rig = kit.rig(venue, strategies=[strategy], executor=TwoLegs()).boot()
    rig.strategy = strategy
    legs = (A, Side.BUY, 0.1, 100.2), ("aa:ETH-USDT", Side.SELL, 0.1, 99.9)
    rig.propose(*legs)
    assert rig.orders() == []
    assert rig.desk.counters.opportunities_dropped["rate_tokens"] == 1
    assert rig.desk.limits.open_deals == 0


def test_tokens_held_for_the_unwind_never_cost_the_entry_its_own(kit):
    """Tokens for the legs but not for legs and unwind: the deal is not started, rather than started with one leg."""
    aa = kit.venue("aa")
    aa.rate_limits = (RateLimit("ip", 1000, S), RateLimit("order", 2, S))  # the order lane: one
    rig = kit.rig(aa, kit.venue("bb")).boot()
    assert rig.trade() == []
    assert not rig.deals
    assert rig.desk.limits.open_deals == 0
    aa = kit.venue("aa")
    aa.rate_limits = (RateLimit("ip", 1000, S), RateLimit("order", 3, S))  # two: one entry and one unwind
    assert len(kit.rig(aa, kit.venue("bb")).boot().trade()) == 2


class TwoLegs:
    """Sends the orders it is given and nothing more."""

    due_ns = 1 << 62

    def plan(self, opportunity, view, now_ns):
        legs = [
            DealLeg(
                account=view.account(leg.instrument),
                instrument=leg.instrument,
                base=leg.instrument.partition(":")[2].partition("-")[0],
                side=leg.side,
                qty=D(str(leg.qty)),
                px=D(str(leg.px)),
                quote="USDT",
            )
            for leg in opportunity.legs
        ]
        return Deal(opportunity, legs, created_ns=now_ns, deadline_ns=now_ns + S)

    def on_order(self, deal, update, view, now_ns):
        return ()

    def on_book(self, deal, view, now_ns):
        return ()

    def on_timer(self, deal, view, now_ns):
        return ()


def broken(rig):
    """A deal whose aa leg was filled and whose bb leg was refused: it needs a hedge."""
    ids = rig.trade()
    a, b = sorted(ids, key=lambda one: rig.order(one).intent.instrument)
    rig.say("bb.trade", rig.report(b, OrdStatus.REJECTED, reason=RejectReason.NO_MATCH, source="ack"))
    return a


def test_hedges_pass_while_reads_and_entries_find_no_tokens(kit):
    """The order bucket is used up to the share of entries: an entry is refused, a hedge is sent at once."""
    rig = kit.rig().boot()
    a = broken(rig)
    throttle = rig.desk.venues["aa"].throttle
    for name in ("aa", "bb"):
        throttle = rig.desk.venues[name].throttle
        while throttle.take((("order", 10),), Lane.ORDER, rig.now):
            pass
        while throttle.take((("order", 1),), Lane.ORDER, rig.now):
            pass
    before = len(rig.orders())
    rig.fill(a)
    assert len(rig.orders()) == before + 1


def test_hedge_that_waited_past_its_deadline_is_not_sent(kit):
    """A venue that accepts nothing for a minute: a hedge made for old prices is given up, not sent late."""
    rig = kit.rig().boot()
    rig.desk.view.wait_ns = lambda order: 0  # an executor that does not look at the tokens
    a = broken(rig)
    for venue in ("aa", "bb"):
        rig.say(f"{venue}.trade", RateReport(venue=venue, bucket="*", until_ns=rig.now + 60 * S))
    before = len(rig.orders())
    rig.fill(a)
    deal = rig.deals[0]
    waiting = [o for o in deal.orders.values() if o.status is OrdStatus.PENDING_NEW]
    assert len(waiting) == 1
    assert not waiting[0].sent_ns
    rig.run(1.5)
    assert waiting[0].status is OrdStatus.REJECTED
    assert waiting[0].reason is RejectReason.GATE
    rig.run(70)
    assert all(rig.order(one).sent_ns < rig.order(one).intent.deadline_ns for one in rig.orders()[before:]), (
        "an order left after its own deadline"
    )


def test_halt_withdraws_hedges_that_still_wait(kit):
    """Kill switch: orders that wait for tokens are withdrawn, not sent when tokens come."""
    rig = kit.rig().boot()
    a = broken(rig)
    for venue in ("aa", "bb"):
        rig.say(f"{venue}.trade", RateReport(venue=venue, bucket="*", until_ns=rig.now + S // 2))
    rig.fill(a)
    before = rig.orders()
    rig.desk.halt(rig.now)
    rig.run(5)
    assert rig.orders() == before


def test_leg_that_cannot_be_encoded_keeps_the_other_from_leaving(rig):
    """A plugin that fails to encode: no leg of the deal is sent, its link is quarantined, the desk goes on."""
    rig.venues["bb"].encode_raises[Role.TRADE] = TypeError("bug")
    assert rig.trade() == []
    assert "link.quarantined" in rig.log.names()
    assert not rig.deals
    assert rig.desk.limits.open_deals == 0
    assert rig.desk.counters.deals["nothing"] == 1
    rig.run(1)


def test_wires_that_do_not_match_the_orders_leave_nothing(rig):
    """Two wires for three orders breaks the session contract: nothing is sent, all are refused, the link is
    quarantined."""
    link = rig.desk.links["aa.trade"]
    encode = link.session.encode
    link.session.encode = lambda what, now_ns: [*encode(what, now_ns)] * 2 if len(what) == 1 else encode(what, now_ns)
    assert rig.trade() == []
    assert "link.quarantined" in rig.log.names()


def test_batch_is_one_wire_and_every_order_is_watched(kit):
    """Orders of one turn for one account in one wire message: each is sent once, and each becomes UNKNOWN without
    answer."""
    venue = kit.venue("aa", symbols=("BTC-USDT", "ETH-USDT"))
    venue.batches = True
    strategy = kit.strategy()
    strategy.instruments = list
    rig = kit.rig(venue, strategies=[strategy], executor=TwoLegs()).boot()
    rig.strategy = strategy
    rig.propose((A, Side.BUY, 0.1, 100.2), ("aa:ETH-USDT", Side.SELL, 0.1, 99.9))
    assert [text.split()[0] for _, text in rig.sends()] == ["BATCH"]
    rig.run(1)
    assert [o.status for o in rig.deals[0].orders.values()] == [OrdStatus.UNKNOWN] * 2


def test_pending_ack_does_not_stop_the_clock(rig):
    """A PENDING_NEW report proves nothing: without another report the order becomes UNKNOWN in time."""
    ids = rig.trade()
    rig.say("aa.trade", rig.report(ids[0], OrdStatus.PENDING_NEW, order_id="9", source="ack"))
    rig.run(0.5)
    assert rig.order(ids[0]).status is OrdStatus.UNKNOWN


def test_cancel_that_could_not_leave_on_the_trade_link_goes_by_rest(kit):
    """A cancel is not an order: it may be sent on another channel, and is."""
    rig = kit.rig(executor=Maker()).boot()
    ids = rig.trade()
    for one in ids:
        rig.say(f"{rig.order(one).intent.account[:2]}.trade", rig.report(one, OrdStatus.NEW, order_id="v" + one))
    rig.port.dead.add("aa.trade")
    rig.desk.stop(rig.now)
    assert [url for *_, url, _ in rig.requests("CancelOrder")] == [f"fake://CancelOrder {ids[0]}"]


class Maker(TwoLegs):
    """Rests on both sides."""

    def plan(self, opportunity, view, now_ns):
        deal = super().plan(opportunity, view, now_ns)
        for leg in deal.legs:
            leg.maker = True
        return deal


def test_no_report_of_a_venue_makes_an_order_leave_twice(rig):
    """Whatever a venue reports about an order (absent, absent again, duplicate): its id is sent once."""
    ids = rig.trade()
    rig.close("aa.trade")
    rig.run(0.1)
    for _ in range(5):
        for one in rig.requests("QueryOrder"):
            rig.reply(one[2], OrderAbsent("aa:main", A, ids[0], rig.now))
        rig.run(0.2)
    rig.say("aa.private", rig.report(ids[0], OrdStatus.REJECTED, reason=RejectReason.DUPLICATE))
    rig.run(2)
    assert all(rig.orders().count(one) == 1 for one in rig.orders())
