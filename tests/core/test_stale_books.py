"""No order leaves on a book that is not current: neither one that waited, nor one made for an old top."""

from __future__ import annotations

from arbkit.core.types import BookLost, BookUpdate, Level, OrdStatus, RateReport, RejectReason, TopUpdate

A, B = "aa:BTC-USDT", "bb:BTC-USDT"


def test_hedge_that_waits_while_its_book_is_lost_does_not_leave(kit):
    """Tokens come back after the book is gone: the price was made for a book that nobody vouches for any more."""
    rig = kit.rig().boot()
    a, b = rig.trade()
    rig.say("bb.private", rig.report(b, OrdStatus.REJECTED, reason=RejectReason.OTHER))
    for venue in ("aa", "bb"):
        rig.say(f"{venue}.trade", RateReport(venue=venue, bucket="*", until_ns=rig.now + 300 * kit.MS))
    rig.fill(a)
    waiting = [o for o in rig.deals[0].orders.values() if o.status is OrdStatus.PENDING_NEW]
    assert len(waiting) == 1
    intent = waiting[0].intent
    rig.say(f"{intent.instrument[:2]}.public", BookLost(intent.instrument, "a hole in the sequence", rig.now))
    rig.run(0.5)
    assert intent.cl_ord_id not in rig.orders()
    assert waiting[0].reason is RejectReason.GATE


def top(rig, seq):
    return TopUpdate(A, Level(101.0, 1.0), Level(101.1, 1.0), seq, recv_ns=rig.now)


def test_top_without_a_time_does_not_make_a_book_young_after_a_silence(kit):
    """Frames pile up somewhere on the way and come at once. A best-bid-ask frame has no time of its own that would show
    it: after a silence longer than the transit budget it counts only once a dated frame has come in time."""
    rig = kit.rig().boot()
    book = rig.desk.books[A]
    rig.say("aa.public", top(rig, 5))
    assert book.best_bid() == (101.0, 1.0)
    rig.later(2_000)
    heard = book.recv_ns
    rig.strategy.touched.clear()
    rig.say("aa.public", TopUpdate(A, Level(102.0, 1.0), Level(102.1, 1.0), 6, recv_ns=rig.now))
    assert book.recv_ns == heard
    assert book.best_bid() == (101.0, 1.0)
    assert not rig.strategy.touched
    delta = BookUpdate(A, [Level(99.0, 1.0)], [], snapshot=False, seq=7, exch_ns=rig.now, recv_ns=rig.now)
    rig.say("aa.public", delta)
    rig.say("aa.public", TopUpdate(A, Level(102.0, 1.0), Level(102.1, 1.0), 8, recv_ns=rig.now))
    assert book.best_bid() == (102.0, 1.0)
