"""Links and sessions of a desk: the effects of a cut, a late reply, a bad frame or a plugin failure."""

from __future__ import annotations

import itertools

import pytest

from arbkit.core.errors import BadFrame, CredentialsError, RemoteProtocolError
from arbkit.core.types import (
    Ask,
    AskKind,
    BookLost,
    BookState,
    Dial,
    NoAnswer,
    Notice,
    RateLimit,
    Ready,
    Send,
)
from arbkit.core.venues.link import Phase

A, B = "aa:BTC-USDT", "bb:BTC-USDT"
S, MS = 1_000_000_000, 1_000_000


def test_books_of_a_dead_link_are_lost_in_the_same_turn(rig):
    """Down: the book is LOST and absent from the view at once; the other venue's book keeps state and epoch."""
    epoch = rig.desk.books[B].epoch
    rig.close("aa.public")
    assert rig.desk.books[A].state is BookState.LOST
    assert rig.desk.view.book(A) is None
    assert rig.desk.view.book(B) is not None
    assert rig.desk.books[B].epoch == epoch
    assert rig.trade() == [] or rig.desk.books[A].state is BookState.SYNCED


def test_a_new_connection_gives_the_book_a_new_epoch(rig):
    """After the resync the book is another one: a new epoch, SYNCED again, from a session of its own."""
    epoch, session = rig.desk.books[A].epoch, rig.desk.links["aa.public"].session
    rig.close("aa.public")
    rig.run(1)
    assert ("dial", "aa.public") in rig.port.log
    rig.open("aa.public")
    assert rig.desk.view.book(A) is None
    rig.book(A, 100.0, 100.1)
    assert rig.desk.books[A].epoch > epoch
    assert rig.desk.view.book(A) is not None
    assert rig.desk.links["aa.public"].session is not session


def test_answer_to_a_replaced_session_is_dropped(rig):
    """The answer to a request of the previous connection is dropped; the new session sends its own."""
    old = rig.desk.links["aa.public"].session
    rig.say("aa.public", Ask(kind=AskKind.SNAPSHOT, instrument=A))
    request = rig.requests("snapshot")[0]
    rig.close("aa.public")
    rig.run(1)
    rig.open("aa.public")
    new = rig.desk.links["aa.public"].session
    rig.reply(request[2], rig.snapshot(A, 1.0, 2.0))
    assert not old.heard
    assert not new.heard
    assert rig.desk.books[A].best_bid() != (1.0, 1.0)


def test_snapshot_that_comes_after_its_connection_ended_revives_no_book(rig):
    """Between two connections nothing keeps a book current: an answer to the old one is dropped, and the book is LOST
    until the new connection has synced."""
    rig.say("aa.public", Ask(kind=AskKind.SNAPSHOT, instrument=A))
    request = rig.requests("snapshot")[0]
    rig.close("aa.public")
    rig.reply(request[2], rig.snapshot(A, 100.0, 100.1))
    assert rig.desk.books[A].state is BookState.LOST
    rig.run(1)
    rig.open("aa.public")
    assert rig.desk.view.book(A) is None


def test_read_that_waits_dies_with_its_session(rig):
    """A snapshot to be asked later is not asked for a connection that is gone."""
    rig.say("aa.public", Ask(kind=AskKind.SNAPSHOT, instrument=A, not_before_ns=rig.now + 2 * S))
    rig.close("aa.public")
    rig.run(5)
    assert not rig.requests("snapshot")


def test_five_unreadable_frames_in_ten_seconds_drop_the_link(rig):
    """Each is counted and not applied; the fifth ends the connection."""
    for _ in range(4):
        rig.say("aa.public", BadFrame("?"))
        rig.later(1000)
    assert not rig.count("drop")
    rig.say("aa.public", ValueError("?"))
    assert [one[1] for one in rig.port.log if one[0] == "drop"] == ["aa.public"]
    assert rig.desk.links["aa.public"].counted.bad_frames == 5


def test_rare_unreadable_frames_drop_nothing(rig):
    """Four in ten seconds, repeatedly, is below the bound."""
    for _ in range(12):
        rig.say("aa.public", RecursionError("deep"))
        rig.later(3000)
    assert not rig.count("drop")


@pytest.mark.parametrize("error", [RemoteProtocolError("gap"), TypeError("bug")])
def test_frames_of_a_link_that_is_being_dropped_are_ignored(rig, error):
    """Frames of the same read behind the one that ended it are not applied: their sequence is broken."""
    rig.say("aa.public", error)
    rig.book(A, 50.0, 50.1)
    assert rig.desk.books[A].best_bid()[0] == 100.0
    rig.close("aa.public")
    assert rig.desk.books[A].state is BookState.LOST


def test_no_order_goes_to_a_link_that_is_being_dropped(rig):
    """Dropped but not closed yet: orders take the other channel."""
    rig.say("aa.trade", RemoteProtocolError("?"))
    rig.trade()
    assert {link for link, _ in rig.sends("NewOrder")} == {"bb.trade"}
    assert len(rig.requests("NewOrder")) == 1


def test_plugin_fault_quarantines_one_link(rig):
    """The link is shown as quarantined and not dialled again; its venue stops; the other venue is not affected."""
    rig.say("aa.public", AttributeError("bug"))
    link = rig.desk.links["aa.public"]
    assert link.phase is Phase.QUARANTINED
    rig.close("aa.public")
    before = rig.count("dial")
    rig.run(120)
    assert rig.count("dial") == before
    assert not rig.desk.venues["aa"].may_trade
    assert rig.desk.venues["bb"].may_trade
    assert rig.desk.counters.alarms["plugin_fault"] == 1


def test_quarantine_while_dialling_is_not_undone_by_the_connection(rig):
    """A connection that is made for a quarantined link is closed, not used."""
    rig.close("aa.private")
    rig.run(1)
    link = rig.desk.links["aa.private"]
    assert link.phase is Phase.DIALING
    rig.desk.dialer.retire(link, Phase.CLOSED, "refused")
    rig.desk.opened("aa.private", rig.now)
    assert link.phase is Phase.CLOSED
    assert not link.up


def test_refused_credentials_stop_private_links_only(rig):
    """The venue's books go on; its account does not trade; no further attempts are made with the refused key, and no
    line says that there are. What the account lacks because of it is no reason of its own."""
    rig.say("aa.private", CredentialsError("bad key"))
    rig.close("aa.private")
    rig.run(0.1)
    assert [row["link"] for row in rig.log.of("link.refused")] == ["aa.private"]
    assert rig.log.of("link.down") == []
    assert rig.desk.venues["aa"].readiness.missing() == ["stopped: bad key"]
    assert rig.desk.links["aa.private"].phase is Phase.CLOSED
    assert rig.desk.links["aa.public"].up
    assert rig.desk.view.book(A) is not None
    assert not rig.desk.venues["aa"].may_trade
    assert rig.trade() == []


def test_refused_credentials_of_a_rest_call_leave_public_reads(kit):
    """The REST session reports a refused key: clock and catalogue are still read, the account's data is not."""
    rig = kit.rig()
    rig.auto = False
    rig.run(0)
    for _, link, ref, url, _ in rig.requests():
        rig.reply(ref, *rig.facts_of(rig.venues[link[:2]], *url.removeprefix("fake://").split("/")))
    rig.run(0)
    balances = next(one for one in rig.requests("balances") if one[1] == "aa.main.rest")
    rig.reply(balances[2], CredentialsError("bad key"), status=401)
    rig.auto = True
    rig.mute = set()
    asked = sum(1 for one in rig.port.log if one[0] == "request" and one[1] == "aa.main.rest" and "balances" in one[3])
    rig.run(60)
    again = sum(1 for one in rig.port.log if one[0] == "request" and one[1] == "aa.main.rest" and "balances" in one[3])
    assert again == asked
    times = sum(1 for one in rig.port.log if one[0] == "request" and one[1] == "aa.main.rest" and "time" in one[3])
    assert times >= 3


def test_late_frames_of_a_quarantined_link_are_ignored(rig):
    """What still arrives from a broken plugin's link changes nothing and is no new alarm."""
    rig.say("aa.public", TypeError("bug"))
    rig.say("aa.public", TypeError("bug"))
    assert rig.desk.counters.alarms["plugin_fault"] == 1


def test_announced_end_is_followed_at_once(rig):
    """``going_away``: the next connection is dialled without a delay, while the books stay. If the old one ends before
    the new one has them, the new one is its successor all the same."""
    rig.run(5)
    before = rig.count("dial")
    rig.say("aa.public", Notice("aa", "maintenance", going_away=True))
    rig.run(0.001)
    assert rig.count("dial") == before + 1
    assert rig.port.log[-1] == ("dial", "aa.public~")
    assert rig.desk.books[A].state is BookState.SYNCED
    rig.close("aa.public")
    rig.run(30)
    assert rig.desk.books[A].state is BookState.LOST
    assert "aa.public" not in rig.desk.links
    assert rig.count("dial") == before + 1


def test_reconnect_storm_is_bounded(rig):
    """A venue that accepts and closes: less than one attempt a second in the mean, with growing delays."""
    before = rig.count("dial")
    for _ in range(600):
        rig.run(0.5)
        if rig.desk.links["aa.public"].phase is Phase.DIALING:
            rig.open("aa.public", ready=False)
            rig.close("aa.public")
    assert rig.count("dial") - before < 60


def test_silent_socket_is_dropped_and_its_books_are_no_longer_trusted(kit):
    """Half-open TCP: nothing is received, the watchdog drops the link, and the book was STALE before that."""
    rig = kit.rig().boot()
    rig.run(65)
    assert any(one[0] == "drop" and one[1] == "aa.public" for one in rig.port.log)
    assert rig.desk.view.book(A) is None


def test_token_comes_before_the_dial(kit):
    """A link that needs a token asks for it by REST, dials with it, and tries again later when it gets none."""
    aa = kit.venue("aa")
    rig = kit.rig(aa, kit.venue("bb"))
    aa.dials["aa.private"] = Ask(kind=AskKind.TOKEN)
    rig.run(0.1)
    assert ("dial", "aa.private") not in rig.port.log
    token = rig.requests("token")[0]
    aa.dials["aa.private"] = Dial("ws://aa.private?token")
    rig.reply(token[2])
    assert rig.port.log.count(("dial", "aa.private")) == 1


def test_token_that_never_comes_is_asked_for_again(kit):
    """Six tries, then the dial is delayed and started again; no request stays open."""
    aa = kit.venue("aa")
    rig = kit.rig(aa, kit.venue("bb"))
    aa.dials["aa.private"] = Ask(kind=AskKind.TOKEN)
    for _ in range(200):
        rig.run(0.5)
        for one in rig.requests("token"):
            rig.no_answer(one[2])
    link = rig.desk.links["aa.private"]
    assert link.attempt >= 2
    assert ("dial", "aa.private") not in rig.port.log


def test_dial_that_raises_after_its_token_is_guarded(kit):
    """A session that raises while it makes its address from the token is quarantined; the desk goes on."""
    aa = kit.venue("aa")
    rig = kit.rig(aa, kit.venue("bb"))
    aa.dials["aa.private"] = Ask(kind=AskKind.TOKEN)
    rig.run(0.1)

    def dial(now_ns):
        raise TypeError("bug")

    rig.desk.links["aa.private"].session.dial = dial
    rig.reply(rig.requests("token")[0][2])
    assert rig.desk.links["aa.private"].phase is Phase.QUARANTINED
    rig.run(1)


def test_dial_that_cannot_be_read_is_tried_again(kit):
    """A session whose ``dial`` raises a lookup or value error is not forgotten for ever."""
    aa = kit.venue("aa")
    rig = kit.rig(aa, kit.venue("bb"))
    aa.dials["aa.private"] = Ask(kind=AskKind.TOKEN)
    rig.run(0.1)

    def dial(now_ns):
        raise KeyError("token")

    rig.desk.links["aa.private"].session.dial = dial
    rig.reply(rig.requests("token")[0][2])
    aa.dials["aa.private"] = Dial("ws://aa.private")
    rig.run(40)
    assert ("dial", "aa.private") in rig.port.log


def test_messages_wait_for_the_per_connection_limit(kit):
    """Ten subscriptions at two a second leave in about five seconds, in order, and no wake is for nothing."""
    aa = kit.venue("aa")
    links = aa.links

    def limited(instruments, account):
        from msgspec.structs import replace

        return [replace(one, send_limit=RateLimit("socket", 2, S)) for one in links(instruments, account)]

    aa.links = limited
    aa.starts["aa.public"] = [Send(f"sub {i}") for i in range(10)]
    rig = kit.rig(aa, kit.venue("bb"))
    rig.run(0.1)
    rig.open("aa.public", ready=False)
    wakes = rig.run(3)
    assert 5 <= len(rig.sends("sub")) < 10
    rig.run(6)
    assert [text for _, text in rig.sends("sub")] == [f"sub {i}" for i in range(10)]
    assert wakes < 60


def test_messages_of_a_closed_connection_are_not_sent_on_the_next(kit):
    """Messages that waited for the limit are dropped with their connection."""
    aa = kit.venue("aa")
    links = aa.links

    def limited(instruments, account):
        from msgspec.structs import replace

        return [replace(one, send_limit=RateLimit("socket", 1, S)) for one in links(instruments, account)]

    aa.links = limited
    rig = kit.rig(aa, kit.venue("bb"))
    rig.run(0.1)
    rig.open("aa.public")
    rig.say("aa.public", Send("one"), Send("two"), Send("three"))
    rig.close("aa.public")
    rig.run(2)
    rig.open("aa.public")
    rig.run(5)
    assert [text for _, text in rig.sends()] == ["one"]


def test_a_socket_that_takes_nothing_does_not_spin(kit):
    """``Port.send`` False before the close is known: no busy loop."""
    aa = kit.venue("aa")
    links = aa.links

    def limited(instruments, account):
        from msgspec.structs import replace

        return [replace(one, send_limit=RateLimit("socket", 5, S)) for one in links(instruments, account)]

    aa.links = limited
    rig = kit.rig(aa, kit.venue("bb")).boot()
    rig.port.dead.add("aa.public")
    rig.say("aa.public", Send("one"), Send("two"))
    assert rig.run(3) < 60


def test_book_lost_by_its_session_is_absent_until_a_snapshot(rig):
    """A gap: LOST at once; a snapshot brings it back."""
    rig.say("aa.public", BookLost(A, "gap", rig.now))
    assert rig.desk.view.book(A) is None
    assert rig.desk.links["aa.public"].counted.gaps == 1
    rig.book(A, 100.0, 100.1)
    assert rig.desk.view.book(A) is not None


def test_late_close_of_a_link_that_waits_does_not_double_its_backoff(rig):
    """Two reports of one end count once."""
    rig.close("aa.public")
    link = rig.desk.links["aa.public"]
    attempt, dial_ns = link.attempt, link.dial_ns
    rig.close("aa.public")
    assert (link.attempt, link.dial_ns) == (attempt, dial_ns)


def test_unanswered_question_comes_back_to_its_session_once(rig):
    """A failed snapshot request is repeated with growing delay; after six tries its session gets one ``NoAnswer``."""
    rig.say("aa.public", Ask(kind=AskKind.SNAPSHOT, instrument=A))
    times = []
    for _ in range(2000):
        for one in rig.requests("snapshot"):
            times.append(rig.now)
            rig.no_answer(one[2])
        rig.say("aa.public", Ready("aa.public", rig.now))
        rig.run(0.05)
    heard = rig.desk.links["aa.public"].session.heard
    assert len(times) == 6
    gaps = [b - a for a, b in itertools.pairwise(times)]
    assert all(later > earlier for earlier, later in itertools.pairwise(gaps))
    assert [type(answer) for _, answer in heard] == [NoAnswer]
