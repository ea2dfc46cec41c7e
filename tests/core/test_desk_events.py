"""Events of sessions, correct and wrong ones: each has its effect, and wrong ones have none."""

from __future__ import annotations

from decimal import Decimal

import pytest

from arbkit.core.types import (
    AskKind,
    AssetStatus,
    Balance,
    BookLost,
    BookUpdate,
    ClockSample,
    FeeUpdate,
    InstrumentUpdate,
    Lane,
    Level,
    Listing,
    Notice,
    OrderAbsent,
    OrderUpdate,
    OrdStatus,
    RateReport,
    Ready,
    RejectReason,
    Side,
    TopUpdate,
    Trade,
)

D = Decimal
A, B = "aa:BTC-USDT", "bb:BTC-USDT"
S, MS = 1_000_000_000, 1_000_000


@pytest.mark.parametrize(
    "event",
    [
        ClockSample("zz", 0, 1, 0),
        RateReport(venue="zz", bucket="*", until_ns=1),
        RateReport(venue="aa", bucket="nonsense", used=5, limit=10),
        Balance(account="zz:main", asset="BTC", free=D(1)),
        Balance(account="aa:main", asset="BTC", free=D("NaN")),
        FeeUpdate("zz:main", "zz:X", D(0), D(0)),
        AssetStatus("zz", "BTC", True, None),
        OrderAbsent("zz:main", "zz:X", "nobody"),
        OrderUpdate(account="zz:main", instrument="zz:X", cl_ord_id="x", ord_status=OrdStatus.FILLED),
        OrderUpdate(
            account="aa:main",
            instrument="aa:X",
            cl_ord_id="",
            ord_status=OrdStatus.FILLED,
            side=Side.BUY,
            last_px=D(1),
            last_qty=D(1),
            trade_id="1",
        ),
        Listing(account="zz:main", kind="open_orders"),
        BookUpdate("zz:X", [Level(1.0, 1.0)], [], snapshot=True),
        BookLost("zz:X", "?"),
        TopUpdate("zz:X", Level(1.0, 1.0), Level(2.0, 1.0), 1),
        Trade("zz:X", Side.BUY, 1.0, 1.0),
        Ready("zz.link"),
        Notice("zz", "hello"),
        object(),
    ],
    ids=lambda event: type(event).__name__,
)
def test_events_about_unknown_names_change_nothing(rig, event):
    """Events that name another venue, account or instrument: no exception, and trading goes on."""
    rig.say("aa.public", event)
    rig.run(1)
    assert len(rig.trade()) == 2


def test_ready_of_one_link_is_not_ready_of_another(rig):
    """``Ready`` with an unknown link name logs in no link, neither the sender's own nor another venue's."""
    rig.close("aa.trade")
    rig.run(1)
    rig.open("aa.trade", ready=False)
    rig.say("aa.trade", Ready("bb.trade", rig.now))
    assert not rig.desk.links["aa.trade"].ready


def test_rate_report_of_a_ban_closes_the_venue(rig):
    """Until then nothing is sent there: no reads, no orders. The other venue is not affected."""
    rig.say("aa.trade", RateReport(venue="aa", bucket="*", until_ns=rig.now + 5 * S))
    assert rig.desk.venues["aa"].throttle.ready_ns((("ip", 1),), Lane.CANCEL, rig.now) >= rig.now + 5 * S
    assert rig.desk.venues["bb"].throttle.ready_ns((("ip", 1),), Lane.CANCEL, rig.now) == rig.now
    assert rig.trade() == []
    assert rig.log.of("venue.throttled")[0]["venue"] == "aa"


def test_refused_key_stops_the_account_and_is_told(rig):
    """An order refused because of the key: no more deals on that account, and an alarm."""
    ids = rig.trade()
    rig.say("aa.trade", rig.report(ids[0], OrdStatus.REJECTED, reason=RejectReason.AUTH, text="-2015", source="ack"))
    assert rig.desk.counters.alarms["credentials"] == 1
    assert not rig.desk.venues["aa"].may_trade
    assert rig.desk.venues["bb"].may_trade


def test_own_fee_replaces_the_worst(rig):
    """The account's own fee counts for its instrument; for others, the worst configured one."""
    rig.say("aa.private", FeeUpdate("aa:main", A, D("-0.0001"), D("0.0004")))
    assert rig.desk.view.taker_fee(A) == 0.0004
    assert rig.desk.view.taker_fee("aa:ETH-USDT") == 0.001


def test_changed_trading_rules_apply_at_once(rig):
    """A new tick size or a trading halt of an instrument counts from then on."""
    from msgspec.structs import replace

    rig.say("aa.public", InstrumentUpdate(replace(rig.venues["aa"].instrument(), tradable=False)))
    assert rig.trade() == []
    assert rig.desk.counters.opportunities_dropped["instrument"] == 1


def test_top_of_book_touches_its_instrument(rig):
    """A faster best bid and ask starts a decision."""
    decided = len(rig.strategy.touched)
    rig.say("aa.public", TopUpdate(A, Level(100.0, 2.0), Level(100.05, 1.0), 10**9, recv_ns=rig.now))
    assert rig.desk.books[A].best_ask()[0] == 100.05
    assert rig.strategy.touched[decided:] == [[A]]


def test_strategies_are_asked_once_a_read(rig):
    """Three updates of one read are one decision, with the instruments in the order of their first change."""
    before = len(rig.strategy.touched)
    rig.say("aa.public", rig.snapshot(A, 99.9, 100.1), rig.snapshot(B, 99.9, 100.1), rig.snapshot(A, 99.8, 100.1))
    assert rig.strategy.touched[before:] == [[A, B]]


def test_known_asset_states_are_seen(rig):
    """Deposit and withdrawal by venue and asset; None if the venue does not report it."""
    rig.say("aa.public", AssetStatus("aa", "BTC", False, None))
    view = rig.desk.view
    assert view.movable("aa", "BTC", "deposit") is False
    assert view.movable("aa", "BTC", "withdraw") is None
    assert view.movable("aa", "DOGE", "withdraw") is None


def test_free_is_what_is_not_reserved(rig):
    """The view's free balance shrinks with an open deal."""
    view = rig.desk.view
    free = view.free(A, "USDT")
    rig.trade()
    assert view.free(A, "USDT") < free - 10
    assert view.room(A) > 0
    assert view.account(A) == "aa:main"


def test_prices_come_from_trusted_books_only(rig):
    """The mid, its inverse, 1 for itself, None without a trusted book."""
    prices = rig.desk.prices
    assert prices("BTC", "USDT") == D("100.05")
    assert prices("USDT", "BTC") == 1 / D("100.05")
    assert prices("BTC", "BTC") == 1
    assert prices("ETH", "USDT") is None
    for instrument in rig.desk.books:
        rig.desk.market.lose(instrument, "test")
    assert prices("BTC", "USDT") is None


# --- a venue's clock and latency


def test_a_clock_sample_is_used_if_it_is_sharper_or_excludes_the_old_one(rig):
    """A worse sample that agrees changes nothing, until the old one has lost its sharpness by age; one that contradicts
    it is believed at once: a clock was stepped."""
    venue, signer = rig.desk.venues["aa"], rig.desk.venues["aa"].setup.signer
    now = rig.now
    venue.clock_sample(ClockSample("aa", 5 * MS, MS, 0), now)
    venue.clock_sample(ClockSample("aa", 7 * MS, 2 * MS, 0), now)
    assert (venue.clock.offset_ns, signer.offset_ns) == (5 * MS, 5 * MS)
    venue.clock_sample(ClockSample("aa", 4 * MS, 2 * MS, 0), now + 2 * S)
    assert signer.offset_ns == 4 * MS
    venue.clock_sample(ClockSample("aa", 3000 * MS, 40 * MS, 0), now + 3 * S)
    assert signer.offset_ns == 3000 * MS
    assert venue.clock.error_ns == 40 * MS


def test_a_clock_refusal_asks_for_the_time_at_once(rig):
    """B10: the venue refuses an order for its time: its clock is read now, not at the next poll, and not more often
    than once a second."""
    poll = rig.desk.venues["aa"].polls.get(AskKind.TIME)
    rig.run(5)
    poll.asked_ns, poll.due_ns = rig.now - S, rig.now + 19 * S
    one, _ = rig.trade()
    rig.say("aa.trade", rig.report(one, OrdStatus.REJECTED, reason=RejectReason.CLOCK, source="ack"))
    rig.wake()
    assert poll.asked_ns == rig.now


def test_a_clock_that_is_far_off_is_told_once_and_when_it_is_right_again(rig):
    """Ours or the venue's: it costs nothing, because each venue's own time is used, but somebody should look."""
    for offset_s in (0.4, 5, 5.3, 5.1, 0.1):
        rig.say("aa.private", ClockSample("aa", int(offset_s * S), 2 * MS, rig.now))
    assert rig.log.of("clock.wrong") == [{"venue": "aa", "offset_ms": 5000.0}, {"venue": "aa", "offset_ms": 0.0}]


def test_latency_follows_acknowledgements(rig):
    """The latency estimate moves by an eighth of each difference; the view shows it."""
    venue = rig.desk.venues["aa"]
    venue.latency_ns = 80 * MS
    venue.acknowledged(0)
    assert rig.desk.view.latency_ns("aa") == 70 * MS


def test_ack_time_is_measured_from_send_to_first_report(rig):
    """Sent at t, reported 40 ms later: the latency estimate moves toward 40 ms."""
    venue = rig.desk.venues["aa"]
    before = venue.latency_ns
    ids = rig.trade()
    rig.later(40)
    rig.say("aa.trade", rig.report(ids[0], OrdStatus.NEW, order_id="1", source="ack"))
    assert venue.latency_ns == before + (40 * MS - before) // 8
    assert rig.desk.counters.ack.count == 1


def test_reports_of_one_turn_are_one_answer(rig):
    """The acknowledgement and the fill came in the same read: the latency moves once, and one answer was slow."""
    venue = rig.desk.venues["aa"]
    before = venue.latency_ns
    ids = rig.trade()
    rig.later(2_000)
    acknowledged = rig.report(ids[0], OrdStatus.NEW, order_id=f"v{ids[0]}", source="ack")
    rig.say("aa.trade", acknowledged, rig.filled(ids[0]))
    assert venue.latency_ns == before + (2_000 * MS - before) // 8
    assert venue.health._counts["slow answers"] == 1
