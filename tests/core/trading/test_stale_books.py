"""No order is sent on a book that is not current: neither one that waited for tokens, nor one made for an old top."""

from __future__ import annotations

from arbkit.core.types import BookLost, BookState, BookUpdate, Level, OrdStatus, RateReport, RejectReason, TopUpdate

A, B = "aa:BTC-USDT", "bb:BTC-USDT"


def test_hedge_that_waits_while_its_book_is_lost_does_not_leave(kit):
    """Tokens are free again after the book was lost: the price was made for a book that is no longer trusted."""
    rig = kit.rig().boot()
    rig.desk.view.wait_ns = lambda order: 0  # an executor that does not look at the tokens
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


def test_what_tells_no_time_does_not_make_a_book_young_after_a_silence(kit):
    """Frames are delayed in the network and arrive together. A best-bid-ask frame and a REST snapshot have no venue
    time that would show the delay: after a silence longer than the transit budget they count only once a timestamped
    frame has come in time."""
    rig = kit.rig().boot()
    book = rig.desk.books[A]

    def top(px, seq):
        rig.strategy.touched.clear()
        rig.say("aa.public", TopUpdate(A, Level(px, 1.0), Level(px + 0.1, 1.0), seq, recv_ns=rig.now))

    def delta(seq):
        rig.say("aa.public", BookUpdate(A, [Level(9.0, 1.0)], [], False, seq, rig.now, rig.now))

    delta(4)
    top(101.0, 5)
    assert book.best_bid() == (101.0, 1.0)
    rig.later(2_000)
    heard = book.recv_ns
    top(102.0, 6)
    assert (book.best_bid(), book.recv_ns) == ((101.0, 1.0), heard)
    assert not rig.strategy.touched
    delta(7)
    top(102.0, 8)
    assert book.best_bid() == (102.0, 1.0)
    rig.later(2_000)
    rig.book(A, 103.0, 103.1)
    assert book.state is BookState.STALE
    delta(9)
    assert book.trusted


def test_venue_that_dates_nothing_is_believed(kit):
    """Without timestamped frames this cannot be detected; only the symbol's own watchdog is left."""
    rig = kit.rig().boot()
    rig.later(2_000)
    rig.book(A, 103.0, 103.1)
    assert rig.desk.books[A].trusted
