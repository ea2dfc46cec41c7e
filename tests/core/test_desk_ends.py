"""How a desk stops, halts, waits for the disk, and handles late loops and clock jumps."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from arbkit.core.orders.deals import Deal, DealLeg
from arbkit.core.types import AccountStatus, BookState, Listing, OrderAbsent, OrdStatus, RejectReason

D = Decimal
A, B = "aa:BTC-USDT", "bb:BTC-USDT"
S, MS = 1_000_000_000, 1_000_000


class Maker:
    """Rests on both sides; closes when all its orders have ended."""

    due_ns = 1 << 62

    def plan(self, opportunity, view, now_ns):
        legs = [
            DealLeg(
                account=view.account(leg.instrument),
                instrument=leg.instrument,
                base="BTC",
                side=leg.side,
                qty=D(str(leg.qty)),
                px=D(str(leg.px)),
                quote="USDT",
                maker=True,
            )
            for leg in opportunity.legs
        ]
        return Deal(opportunity, legs, created_ns=now_ns, deadline_ns=now_ns + S)

    def on_order(self, deal, update, view, now_ns):
        from arbkit.core.orders.deals import Outcome

        if all(order.done for order in deal.orders.values()):
            deal.close(Outcome.NOTHING, "over", now_ns)
        return ()

    def on_book(self, deal, view, now_ns):
        return ()

    def on_timer(self, deal, view, now_ns):
        return ()


def resting(kit):
    rig = kit.rig(executor=Maker()).boot()
    ids = rig.trade()
    for one in ids:
        rig.say(f"{rig.order(one).intent.account[:2]}.trade", rig.report(one, OrdStatus.NEW, order_id="v" + one))
    return rig, ids


# --- stop and halt


def test_stop_finishes_open_deals_and_begins_none(rig):
    """After ``stop`` no entry is sent; the open deal's missing leg still is; then the desk is idle."""
    assert rig.desk.idle
    ids = rig.trade()
    assert not rig.desk.idle
    assert not rig.desk.calm
    rig.desk.stop(rig.now)
    assert rig.trade() == []
    rig.fill(ids[0])
    rig.say("bb.trade", rig.report(ids[1], OrdStatus.EXPIRED, order_id="1", cum_qty=D(0), source="ack"))
    rig.run(0.2)
    more = rig.orders()[2:]
    assert len(more) == 1
    assert not rig.desk.idle
    rig.fill(more[0])
    assert rig.desk.idle
    assert rig.desk.calm


def test_stop_cancels_resting_orders(kit):
    """GTC orders are cancelled; the desk is idle when the venue has confirmed both."""
    rig, ids = resting(kit)
    rig.desk.stop(rig.now)
    assert [text for _, text in rig.sends("CancelOrder")] == [f"CancelOrder {one}" for one in ids]
    assert not rig.desk.idle
    for one in ids:
        rig.say(f"{rig.order(one).intent.account[:2]}.private", rig.report(one, OrdStatus.CANCELED, cum_qty=D(0)))
    assert rig.desk.idle


def test_stop_asks_again_for_a_cancel_that_got_lost(kit):
    """A cancel without answer is repeated until the order's end is reported."""
    rig, ids = resting(kit)
    rig.desk.stop(rig.now)
    rig.run(5)
    cancels = [text for _, text in rig.sends("CancelOrder")]
    assert cancels.count(f"CancelOrder {ids[0]}") >= 2
    assert len(cancels) < 20
    for one in ids:
        rig.say(f"{rig.order(one).intent.account[:2]}.private", rig.report(one, OrdStatus.CANCELED, cum_qty=D(0)))
    assert rig.desk.idle


def test_stop_cancels_an_order_that_is_found_alive_later(kit):
    """UNKNOWN at the stop and later found open: it is cancelled then, or the desk would never be idle."""
    rig = kit.rig(executor=Maker()).boot()
    ids = rig.trade()
    rig.close("aa.trade")
    rig.say("bb.trade", rig.report(ids[1], OrdStatus.REJECTED, source="ack"))
    rig.desk.stop(rig.now)
    rig.run(0.1)
    rig.say("aa.private", rig.report(ids[0], OrdStatus.NEW, order_id="7"))
    rig.run(3)
    asked = [one[3] for one in rig.requests("CancelOrder")] + [text for _, text in rig.sends("CancelOrder")]
    assert any(ids[0] in one for one in asked)


def test_stop_twice_is_once(kit):
    """A second stop sends nothing more."""
    rig, _ = resting(kit)
    rig.desk.stop(rig.now)
    before = len(rig.sends("CancelOrder"))
    rig.desk.stop(rig.now)
    assert len(rig.sends("CancelOrder")) == before


def test_halt_sends_only_cancels_and_queries(kit):
    """The kill switch: no order of any purpose leaves any more; unknown ones are still asked for."""
    rig = kit.rig().boot()
    ids = rig.trade()
    rig.close("aa.trade")
    rig.desk.halt(rig.now)
    rig.fill(ids[1])
    rig.run(3)
    assert len(rig.orders()) == 2
    assert rig.requests("QueryOrder")
    assert rig.trade() == []
    rig.reply(rig.requests("QueryOrder")[0][2], rig.report(ids[0], OrdStatus.EXPIRED, order_id="1", cum_qty=D(0)))
    rig.run(30)
    assert len(rig.orders()) == 2
    assert len(rig.desk.held()) == 1


def test_halt_cancels_what_rests(kit):
    """A resting order would go on filling after the kill switch: it is cancelled."""
    rig, ids = resting(kit)
    rig.desk.halt(rig.now)
    assert [text for _, text in rig.sends("CancelOrder")] == [f"CancelOrder {one}" for one in ids]


def test_idle_waits_for_unknown_orders(rig):
    """A held deal may stay open; an UNKNOWN order keeps the desk from being idle, and is named."""
    ids = rig.trade()
    rig.close("aa.trade")
    rig.fill(ids[1])
    rig.desk.stop(rig.now)
    assert not rig.desk.idle
    assert [order.cl_ord_id for order in rig.desk.unresolved()] == [ids[0]]


# --- durability


@pytest.fixture
def power(kit):
    return kit.rig(durability="power").boot()


def test_power_nothing_leaves_before_the_disk_has_it(power):
    """Orders wait for ``durable(position)`` and then leave, both legs, in order."""
    ids = power.trade()
    assert ids == []
    assert not power.desk.idle
    power.later(3)
    power.desk.durable(power.port.written - 1, power.now)
    assert power.orders() == []
    power.desk.durable(power.port.written, power.now)
    assert len(power.orders()) == 2
    intents = [r.order.cl_ord_id for r in power.records("Intent")]
    assert power.orders() == intents
    for one in intents:
        power.fill(one)
    assert power.desk.counters.deals["hedged"] == 1


def test_power_link_that_went_down_meanwhile_keeps_both_legs(power):
    """One leg's link dies while the intents are on their way to the disk: neither leg leaves, nothing is open."""
    power.trade()
    power.close("aa.trade")
    power.later(3)
    power.desk.durable(power.port.written, power.now)
    assert power.orders() == []
    assert power.desk.idle
    assert power.desk.limits.open_deals == 0


def test_power_link_dialled_anew_but_not_logged_in_takes_nothing(power):
    """A link that is UP without login is not ready: an order on it would be lost or refused."""
    power.trade()
    power.close("aa.trade")
    link = power.desk.links["aa.trade"]
    link.dial_ns = power.now
    power.wake()
    power.open("aa.trade", ready=False)
    power.desk.durable(power.port.written, power.now)
    assert power.orders() == []


def test_power_disk_that_takes_longer_than_the_deadline(power):
    """A stalled disk: orders made for old prices are refused."""
    power.trade()
    power.later(1500)
    power.desk.durable(power.port.written, power.now)
    assert power.orders() == []
    assert power.desk.idle


def test_power_halt_while_orders_wait_for_the_disk(power):
    """What waits for the disk is withdrawn by the kill switch."""
    power.trade()
    power.desk.halt(power.now)
    power.later(3)
    power.desk.durable(power.port.written, power.now)
    assert power.orders() == []


def test_journal_that_cannot_be_written_begins_nothing(rig):
    """A full disk: no entry is sent; an open deal is still finished from memory; there is one alarm."""
    ids = rig.trade()
    rig.port.journal_fails = True
    rig.fill(ids[0])
    rig.say("bb.trade", rig.report(ids[1], OrdStatus.EXPIRED, order_id="1", cum_qty=D(0), source="ack"))
    rig.run(0.2)
    more = rig.orders()[2:]
    assert len(more) == 1
    rig.fill(more[0])
    assert not rig.deals
    rig.run(6)
    for one in (A, B):
        rig.book(one, 100.0, 100.1)
    assert rig.trade() == []
    assert rig.desk.counters.alarms["journal"] == 1


# --- time


def test_late_loop_makes_every_book_stale_until_the_backlog_is_drained(rig):
    """More than 50 ms late: STALE; a frame read before the backlog is worked off does not heal it; one after does."""
    rig.desk.late(200 * MS, rig.now)
    assert {book.state for book in rig.desk.books.values()} == {BookState.STALE}
    rig.later(100)
    rig.book(A, 100.0, 100.1)
    assert rig.desk.view.book(A) is None
    rig.later(101)
    rig.book(A, 100.0, 100.1)
    assert rig.desk.view.book(A) is not None
    assert rig.desk.view.book(B) is None
    assert rig.desk.counters.late_turns == 1


def test_a_delay_under_the_bound_is_ignored(rig):
    """A delay under the bound changes nothing."""
    rig.desk.late(40 * MS, rig.now)
    assert {book.state for book in rig.desk.books.values()} == {BookState.SYNCED}


def test_clock_jump_makes_books_stale_and_the_clock_unknown(kit):
    """After a jump or a suspend: no entry until the clock is measured again and books are fresh, and what the sockets
    had buffered does not count as fresh."""
    rig = kit.rig().boot()
    rig.desk.jumped(rig.now)
    assert {book.state for book in rig.desk.books.values()} == {BookState.STALE}
    assert not rig.desk.venues["aa"].may_trade
    rig.book(A, 100.0, 100.1)
    assert rig.desk.view.book(A) is None
    rig.run(2)
    assert rig.desk.venues["aa"].may_trade
    rig.book(A, 100.0, 100.1)
    assert rig.desk.view.book(A) is not None


def test_link_that_falls_behind_makes_its_books_stale_and_heals(kit):
    """Frames 300 ms later than usual: STALE, whatever their receive time; when they come on time again, it heals."""
    rig = kit.rig().boot()
    for _ in range(20):
        rig.later(100)
        rig.book(A, 100.0, 100.1, exch_ns=rig.now - 5 * MS)
    assert rig.desk.view.book(A) is not None
    rig.later(100)
    rig.book(A, 100.0, 100.1, exch_ns=rig.now - 305 * MS)
    assert rig.desk.view.book(A) is None
    assert rig.trade() == []
    rig.later(100)
    rig.book(A, 100.0, 100.1, exch_ns=rig.now - 5 * MS)
    assert rig.desk.view.book(A) is not None
    assert len(rig.log.of("link.behind")) == 1


def test_old_book_is_absent_from_the_view(rig):
    """A minute without updates: not traded on, whatever the symbol's usual rate."""
    rig.later(61_000)
    rig.desk.view.now_ns = rig.now
    assert rig.desk.view.book(A) is None


def test_crossed_book_is_absent_from_the_view(rig):
    """A crossed book of one venue is an error."""
    rig.book(A, 100.2, 100.1)
    assert rig.desk.view.book(A) is None
    rig.book(A, 100.0, 100.1)
    assert rig.desk.view.book(A) is not None


# --- the loop


def test_no_wake_is_due_at_once_after_a_wake_and_they_are_few(kit):
    """Ten minutes with every fault of a bad day: after each wake the next is later, and there are few of them."""
    rig = kit.rig().boot()
    wakes = 0
    for i in range(120):
        ids = rig.trade() if i % 3 == 0 else []
        if i % 12 == 0:
            rig.close("aa.trade")
        if i % 20 == 5:
            rig.close("bb.public")
        if i % 30 == 7:
            rig.close("aa.private")
        wakes += rig.run(2)
        for link in list(rig.desk.links.values()):
            if link.phase.value == "dialing":
                rig.open(link.spec.link)
        for one in rig.requests("QueryOrder"):
            if i % 4:
                rig.reply(
                    one[2], OrderAbsent(one[1][:2] + ":main", one[1][:2] + ":BTC-USDT", one[3].split()[-1], rig.now)
                )
            else:
                rig.no_answer(one[2])
        for one in rig.requests("ListFills"):
            rig.reply(
                one[2],
                Listing(
                    account=one[1][:2] + ":main", kind="fills", instrument=one[1][:2] + ":BTC-USDT", recv_ns=rig.now
                ),
            )
        for one in ids[:1]:
            if rig.order(one).status is OrdStatus.PENDING_NEW:
                rig.fill(one)
        wakes += rig.run(3)
        for one in (A, B):
            rig.book(one, 100.0, 100.1)
    assert wakes < 600 * 60
    desk = rig.desk
    assert len(desk.requests._waiting) + len(desk.sender._waiting) < 50
    assert len(desk.requests._flying) < 50
    assert len(desk.sender._acks) < 20
    assert not desk.sender._held
    assert all(len(waiting) < 10 for waiting in desk.dialer._waiting.values())
    assert len(desk.engine.deals) == len(desk.engine._owners) <= 8
    assert len(desk.engine._unended) < 30
    assert all(rig.orders().count(one) == 1 for one in set(rig.orders()))


def test_the_words_of_a_venue_are_kept_without_secrets(kit):
    """A refusal repeats the passphrase: neither the order, nor the journal, nor a mode has it."""
    rig = kit.rig(strike=lambda text: text.replace("open sesame", "***")).boot()
    bought, sold = rig.trade()
    refusal = {"ord_status": OrdStatus.REJECTED, "reason": RejectReason.AUTH, "text": "no such passphrase: open sesame"}
    rig.say("aa.trade", replace(rig.report(bought, OrdStatus.REJECTED), **refusal))
    rig.say("aa.private", AccountStatus("aa:main", "bad passphrase: open sesame", ["it was open sesame"]))
    rig.fill(sold)
    rig.run(1)
    assert rig.order(bought).text == "no such passphrase: ***"
    journal = b"".join(one[1] for one in rig.port.log if one[0] == "journal")
    assert b"no such passphrase: ***" in journal
    told = [*rig.desk.venues["aa"].readiness.missing(), *map(str, rig.log.rows)]
    assert not [text for text in [journal.decode("latin-1"), *told] if "open sesame" in text]
