"""What is asked of a venue again and again: catalogue, balances, fees, the account; and what an answer leaves out."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest
from msgspec.structs import replace

from arbkit.core.execution.requests import lane_of
from arbkit.core.types import (
    AccountStatus,
    Ask,
    AskKind,
    Balance,
    FeeUpdate,
    InstrumentUpdate,
    Lane,
    Listing,
    ListOpenOrders,
    Notice,
    OrderAbsent,
    OrdStatus,
    RejectReason,
)
from arbkit.core.venues.venue import MAY_WITHDRAW

D = Decimal
A, B = "aa:BTC-USDT", "bb:BTC-USDT"
S, MS = 1_000_000_000, 1_000_000


def asked(rig, part, link="aa.main.rest"):
    """Requests of aa so far, also those that are answered."""
    return [one for one in rig.port.log if one[0] == "request" and one[1] == link and part in one[3]]


def poll(rig, kind, *outputs, status=200):
    """The next poll of this kind is due now; it is answered with ``outputs``."""
    venue = rig.desk.venues["aa"]
    venue.ask_at(venue.polls.get(kind), rig.now)
    rig.wake()
    rig.reply(asked(rig, kind.value)[-1][2], *outputs, status=status)


def instruments(rig, *symbols):
    return [InstrumentUpdate(rig.venues["aa"].instrument(symbol)) for symbol in symbols]


def balances(*rows, exch_ns=0):
    return [
        Balance(account="aa:main", asset=asset, free=D(free), snapshot=True, exch_ns=exch_ns) for asset, free in rows
    ]


def idle(rig, seconds):
    """Time passes; every link and book stays alive."""
    for _ in range(seconds):
        rig.run(1)
        for link in ("aa.public", "bb.public", "aa.private", "bb.private", "aa.trade", "bb.trade"):
            rig.desk.activity(link, rig.now)
        for book in (A, B):
            rig.book(book, 100.0, 100.1)


WHOLE = (("BTC", "10"), ("USDT", "1000000"), ("ETH", "100"))


# --- the catalogue ----------------------------------------------------------------------------------------------------


def test_an_instrument_that_leaves_the_catalogue_is_not_tradable_until_it_comes_back(rig):
    """B14: a delisted symbol is in no catalogue. No deal begins on it; a relisted one is traded again."""
    poll(rig, AskKind.CATALOGUE, *instruments(rig, "ETH-USDT"))
    gone = rig.desk.catalogue[A]
    assert (gone.tradable, gone.status) == (False, "not listed")
    assert rig.desk.catalogue["aa:ETH-USDT"].tradable
    assert rig.desk.catalogue[B].tradable
    assert rig.desk.view.room(A) == 0
    assert rig.trade() == []
    assert rig.desk.counters.opportunities_dropped["instrument"] == 1
    poll(rig, AskKind.CATALOGUE, *instruments(rig, "ETH-USDT", "BTC-USDT"))
    assert rig.desk.view.room(A) > 0
    assert len(rig.trade()) == 2
    assert rig.log.of("instrument.changed") == [
        {"instrument": A, "tradable": False, "status": "not listed"},
        {"instrument": A, "tradable": True, "status": ""},
    ]


def test_a_catalogue_that_cannot_be_read_delists_nothing(rig):
    """Only an answer with instruments says which ones are gone."""
    for status in (200, 400):
        poll(rig, AskKind.CATALOGUE, status=status)
    assert rig.desk.catalogue[A].tradable


def test_the_pages_of_a_catalogue_are_one_answer(rig):
    """What was read comes with the last page: the first one alone delists nothing, and the poll is answered once."""
    venue = rig.desk.venues["aa"]
    poll(rig, AskKind.CATALOGUE, Ask(kind=AskKind.PAGE, ref="catalogue 7"))
    assert rig.desk.catalogue[A].tradable
    assert venue.polls.get(AskKind.CATALOGUE).due_ns > rig.now + 100_000 * S
    rig.reply(asked(rig, "page")[-1][2], *instruments(rig, "BTC-USDT"))
    assert rig.desk.catalogue[A].tradable
    assert venue.polls.get(AskKind.CATALOGUE).due_ns == rig.now + 3600 * S
    poll(rig, AskKind.CATALOGUE, Ask(kind=AskKind.PAGE, ref="catalogue 8"))
    rig.reply(asked(rig, "page")[-1][2], *instruments(rig, "ETH-USDT"))
    assert not rig.desk.catalogue[A].tradable


def test_a_halt_in_the_middle_of_a_deal_stops_entries_and_no_unwind(rig):
    """A stream says that the market is halted while one leg stands alone: the leg is taken back, also there."""
    ids = rig.trade()
    rig.say("aa.public", InstrumentUpdate(replace(rig.venues["aa"].instrument(), tradable=False)))
    rig.say("bb.public", InstrumentUpdate(replace(rig.venues["bb"].instrument(), tradable=False)))
    rig.fill(ids[0])
    rig.say("bb.trade", rig.report(ids[1], OrdStatus.EXPIRED, order_id="1", cum_qty=D(0), source="ack"))
    rig.run(0.2)
    [repair] = rig.orders()[2:]
    assert rig.order(repair).intent.purpose.value in ("hedge", "unwind")
    assert rig.trade() == []


REFUSED = [RejectReason.BAD_PRICE, RejectReason.BAD_QTY, RejectReason.MIN_NOTIONAL, RejectReason.INSTRUMENT]


@pytest.mark.parametrize("reason", REFUSED)
def test_rules_are_read_again_after_a_refusal_that_speaks_of_them(rig, reason):
    """The catalogue is an hour old: it is asked for now, and again at most once in ten seconds."""
    idle(rig, 30)
    before = len(asked(rig, "catalogue"))
    for _ in range(21):
        for venue in rig.desk.venues.values():
            venue.refusals.sides.clear()  # each time as if it were the first
            venue.health.most = 1e9
        ids = rig.trade()
        assert len(ids) == 2
        for one in ids:
            link = f"{rig.order(one).intent.account[:2]}.trade"
            rig.say(link, rig.report(one, OrdStatus.REJECTED, reason=reason, text="no", source="ack"))
        idle(rig, 1)
    assert len(asked(rig, "catalogue")) == before + 3  # at once, and after 10 and 20 seconds
    idle(rig, 30)
    assert len(asked(rig, "catalogue")) <= before + 4


def test_other_refusals_do_not_ask_for_the_rules(rig):
    """No funds, or a refused cancel, says nothing about tick, lot or status."""
    idle(rig, 30)
    before = len(asked(rig, "catalogue"))
    first, _ = rig.trade()
    rig.say("aa.trade", rig.report(first, OrdStatus.REJECTED, reason=RejectReason.INSUFFICIENT_FUNDS, source="ack"))
    rig.say(
        "aa.trade",
        rig.report(first, OrdStatus.REJECTED, reason=RejectReason.BAD_QTY, about_cancel=True, source="ack"),
    )
    idle(rig, 20)
    assert len(asked(rig, "catalogue")) == before


# --- balances ---------------------------------------------------------------------------------------------------------


def test_an_asset_that_a_full_listing_lacks_is_zero(rig):
    """The venue lists only what is there: what was withdrawn by hand is gone, and cannot be sold."""
    poll(rig, AskKind.BALANCES, *balances(*WHOLE[1:]))
    assert rig.desk.ledger.available("aa:main", "BTC") == 0
    assert rig.desk.ledger.available("aa:main", "ETH") == 100
    assert rig.desk.ledger.available("bb:main", "BTC") == 10
    assert rig.trade() != []  # aa buys, it needs no BTC
    poll(rig, AskKind.BALANCES, *balances(*WHOLE))
    assert rig.desk.ledger.available("aa:main", "BTC") == 10


def test_an_older_listing_does_not_undo_a_newer_report(rig):
    """A listing from before the stream's newest report is too old to say that an asset is gone."""
    now = rig.now
    rig.say("aa.private", Balance(account="aa:main", asset="BTC", free=D(10), exch_ns=now))
    poll(rig, AskKind.BALANCES, *balances(*WHOLE[1:], exch_ns=now - S))
    assert rig.desk.ledger.available("aa:main", "BTC") == 10
    poll(rig, AskKind.BALANCES, *balances(*WHOLE[1:], exch_ns=now + S))
    assert rig.desk.ledger.available("aa:main", "BTC") == 0


def test_balances_of_several_pages_count_from_the_first_page(rig):
    """A private stream that came up between two pages: the listing may miss something, so it does not count."""
    venue = rig.desk.venues["aa"]
    before = venue.balances_ns
    rig.auto = False
    rig.run(5)
    venue.ask_at(venue.polls.get(AskKind.BALANCES), rig.now)
    rig.wake()
    sent_ns = rig.now
    rig.reply(asked(rig, "balances")[-1][2], Ask(kind=AskKind.PAGE, ref="balances 2"))
    rig.later(100)
    assert venue.balances_ns == before
    rig.reply(asked(rig, "page")[-1][2], *balances(*WHOLE))
    assert venue.balances_ns == sent_ns
    assert rig.desk.ledger.available("aa:main", "BTC") == 10


# --- fees -------------------------------------------------------------------------------------------------------------


def test_fees_of_all_instruments_by_one_question(kit):
    """Where the venue answers with all rates at once, one question is asked; what it leaves out is asked for alone."""
    aa = kit.venue("aa", symbols=("BTC-USDT", "ETH-USDT", "ETH-BTC"))
    aa.capabilities = replace(aa.capabilities, fees_at_once=True)
    strategy = kit.strategy()
    strategy.instruments = list
    rig = kit.rig(aa, kit.venue("bb"), strategies=[strategy])
    facts_of = rig.facts_of

    def rates(venue, kind, rest):
        if kind != "fees" or rest:
            return facts_of(venue, kind, rest)
        return [FeeUpdate("aa:main", f"aa:{name}", D("0.0002"), D("0.0004")) for name in ("BTC-USDT", "ETH-USDT")]

    rig.facts_of = rates
    rig.boot()
    assert [one[3] for one in asked(rig, "fees")] == ["fake://fees/", "fake://fees/aa:ETH-BTC"]
    assert rig.desk.venues["aa"].may_trade
    assert rig.desk.view.taker_fee("aa:BTC-USDT") == 0.0004
    assert rig.desk.view.taker_fee("aa:ETH-BTC") == 0.001


# --- the account ------------------------------------------------------------------------------------------------------


def with_account(kit, *statuses):
    """aa tells the state of its account: the first of ``statuses``, then the next one at each question."""
    aa = kit.venue("aa")
    aa.capabilities = replace(aa.capabilities, account_status=True)
    rig = kit.rig(aa, kit.venue("bb"))
    facts_of = rig.facts_of
    left = list(statuses)

    def facts(venue, kind, rest):
        if kind != "account":
            return facts_of(venue, kind, rest)
        assert venue.venue == "aa", "the other venue does not answer this question"
        return [left.pop(0) if len(left) > 1 else left[0]]

    rig.facts_of = facts
    return rig


def test_an_account_with_a_problem_does_not_trade_until_it_is_solved(kit):
    """The problem is shown as the reason and logged once; a later answer without it lets the venue trade."""
    problem = "the key may not trade: allow Spot trading for it"
    bad = AccountStatus(account="aa:main", problem=problem)
    rig = with_account(kit, bad, bad, AccountStatus(account="aa:main"))
    rig.boot()
    venue = rig.desk.venues["aa"]
    assert venue.readiness.missing() == [problem]
    assert rig.trade() == []
    rig.run(70)
    rig.run(70)
    assert venue.readiness.missing() == []
    assert venue.may_trade
    assert rig.log.of("venue.account") == [{"venue": "aa", "problem": problem}]


def test_an_account_is_checked_before_it_trades_and_every_hour(kit):
    """Without the answer the venue waits. Warnings are logged once each, however often they come."""
    status = AccountStatus(account="aa:main", warnings=("the key expires in 3 days", "the key has no address list"))
    rig = with_account(kit, status)
    facts = rig.facts_of
    rig.facts_of = lambda venue, kind, rest: None if kind == "account" else facts(venue, kind, rest)
    rig.boot()
    assert rig.desk.venues["aa"].readiness.missing() == ["account not checked yet"]
    assert rig.desk.venues["bb"].may_trade
    rig.facts_of = facts
    rig.run(0.1)
    assert rig.desk.venues["aa"].may_trade
    assert len(asked(rig, "account")) == 1
    assert rig.desk.venues["aa"].polls.get(AskKind.ACCOUNT).due_ns > rig.now + 3599 * S
    poll(rig, AskKind.ACCOUNT, status)
    assert [one["warning"] for one in rig.log.of("venue.account")] == list(status.warnings)


def test_a_key_that_may_withdraw_does_not_trade(kit):
    """Whatever else it may do. Another key, that may not, lets the venue trade."""
    rig = with_account(kit, AccountStatus("aa:main", withdraw=True), AccountStatus("aa:main", withdraw=False))
    rig.boot()
    venue = rig.desk.venues["aa"]
    assert venue.readiness.missing() == [MAY_WITHDRAW]
    assert rig.trade() == []
    assert rig.log.of("venue.account") == [{"venue": "aa", "problem": MAY_WITHDRAW}]
    rig.run(70)
    assert venue.may_trade


def test_the_state_of_another_account_is_not_ours(kit):
    """A status for an account that is not the venue's own proves nothing."""
    rig = with_account(kit, AccountStatus(account="bb:main"))
    rig.boot()
    assert rig.desk.venues["aa"].readiness.missing() == ["account not checked yet"]


# --- polls that fail --------------------------------------------------------------------------------------------------


def test_a_poll_that_fails_is_repeated_with_growing_delay(rig):
    """2 s, doubling to 60 s; after a good answer it begins anew."""
    venue = rig.desk.venues["aa"]
    waits = []
    for _ in range(8):
        poll(rig, AskKind.ASSETS, status=400)
        waits.append((venue.polls.get(AskKind.ASSETS).due_ns - rig.now) // S)
    assert waits == [2, 4, 8, 16, 32, 60, 60, 60]
    poll(rig, AskKind.ASSETS, *rig.facts_of(rig.venues["aa"], "assets", ""))
    poll(rig, AskKind.ASSETS, status=400)
    assert (venue.polls.get(AskKind.ASSETS).due_ns - rig.now) // S == 2


def test_a_list_of_orders_that_is_never_complete_is_asked_for_more_and_more_seldom(kit):
    """A venue that answers, but never with a complete list, is not asked every two seconds."""
    rig = kit.rig()
    facts_of = rig.facts_of
    rig.facts_of = lambda venue, kind, rest: (
        [Listing(account="aa:main", kind="open_orders", complete=False)]
        if kind == "ListOpenOrders" and venue.venue == "aa"
        else facts_of(venue, kind, rest)
    )
    rig.run(0.1)
    rig.open("aa.private")
    times = []
    for _ in range(2000):
        count = len(asked(rig, "ListOpenOrders"))
        rig.run(0.1)
        rig.desk.activity("aa.private", rig.now)
        times += [rig.now] * (len(asked(rig, "ListOpenOrders")) - count)
    gaps = [(later - earlier) / S for earlier, later in pairwise(times)]
    assert len(times) <= 8
    assert all(later > 1.5 * earlier or later > 55 for earlier, later in pairwise(gaps))
    assert not rig.desk.venues["aa"].may_trade
    rig.facts_of = facts_of
    rig.run(61)
    assert "open orders" not in str(rig.desk.venues["aa"].readiness.missing())


@pytest.mark.parametrize("status", [418, 451, 503])
def test_what_a_refusal_says_to_a_person_is_passed_on(kit, status):
    """The words of a ban, of a legal block, of maintenance: they are in the log, and the venue is not hammered."""
    rig = kit.rig(kit.venue("aa"))
    rig.auto = False
    rig.run(0)
    counts = []
    for _ in range(1200):
        for one in rig.requests("time"):
            rig.reply(one[2], Notice(venue="aa", text="not in your country", recv_ns=rig.now), status=status)
        counts.append(len(asked(rig, "time")))
        rig.run(0.5)
    assert rig.log.of("venue.notice")[0] == {"venue": "aa", "text": "not in your country"}
    assert counts[-1] - counts[600] <= 30  # in the last five minutes


@pytest.mark.parametrize("seconds", ["²", "١٢", "1e3", "-5", "9" * 5000, "1" * 400, ""])
def test_an_odd_retry_after_is_no_crash(rig, seconds):
    """Digits of other scripts, superscripts, and numbers without end: the read is repeated in its own time."""
    rig.say("aa.public", Ask(kind=AskKind.SNAPSHOT, instrument=A))
    rig.reply(rig.requests("snapshot")[0][2], status=429, retry_after=seconds)
    rig.run(2)
    assert rig.requests("snapshot")


# --- pages of listings ------------------------------------------------------------------------------------------------


def doubtful(kit):
    """An order of aa whose outcome is unknown, on REST; the questions are answered by hand."""
    rig = kit.rig(kit.venue("aa", trade=False), kit.venue("bb")).boot()
    rig.auto = False
    one, _ = rig.trade()
    rig.no_answer(rig.requests("NewOrder")[0][2])
    assert rig.order(one).unknown
    return rig, one


def test_pages_go_by_rest_in_the_lane_of_queries(kit):
    """A page of a listing is needed for a proof: it goes before reads."""
    assert lane_of(Ask(kind=AskKind.PAGE, ref="x 1")) is Lane.QUERY
    rig, _ = doubtful(kit)
    rest = rig.desk.venues["aa"].rest
    rig.desk.requests.ask(rest, ListOpenOrders(account="aa:main", instrument=A), rig.now)
    rig.reply(rig.requests("ListOpenOrders")[0][2], Ask(kind=AskKind.PAGE, ref="open 1"))
    assert rig.requests("page")[0][1] == "aa.main.rest"


@pytest.mark.parametrize("first_page", ["old", "new"])
def test_a_listing_counts_from_its_first_page(kit, first_page):
    """An order that arrived after the first page was read is in none of them: only a list whose first page was asked
    for after the proof's moment shows that it is not there."""
    rig, one = doubtful(kit)
    begun = rig.now
    absent_at = 0
    for _ in range(400):
        for ask in rig.requests("QueryOrder"):
            rig.reply(ask[2], OrderAbsent("aa:main", A, one, rig.now))
        for kind in ("ListOpenOrders", "ListFills"):
            for ask in rig.requests(kind):
                name = "open_orders" if kind == "ListOpenOrders" else "fills"
                sent_ns = begun if first_page == "old" else rig.now
                rig.reply(ask[2], Ask(kind=AskKind.PAGE, ref="2"))
                page = rig.requests("page")[0]
                rig.reply(page[2], Listing(account="aa:main", kind=name, instrument=A, sent_ns=sent_ns))
        rig.run(0.02)
        if rig.order(one).done and not absent_at:
            absent_at = rig.now
    assert bool(absent_at) == (first_page == "new")


def test_a_page_that_fails_for_good_is_no_proof_and_the_list_is_asked_for_again(kit):
    """The session says that the list is not complete: nothing is concluded, and the next list is not at once."""
    rig, one = doubtful(kit)
    lists = []
    for _ in range(250):
        for ask in rig.requests("QueryOrder"):
            rig.reply(ask[2], OrderAbsent("aa:main", A, one, rig.now))
        for ask in rig.requests("ListOpenOrders"):
            lists.append(rig.now)
            rig.reply(ask[2], Ask(kind=AskKind.PAGE, ref="2"))
            [page] = rig.requests("page")
            rig.reply(page[2], Listing(account="aa:main", kind="open_orders", instrument=A, complete=False), status=400)
        rig.run(0.02)
    assert rig.order(one).unknown
    assert not rig.requests("ListFills")
    assert 2 <= len(lists) <= 6
    assert all(later - earlier >= S for earlier, later in pairwise(lists))


def test_only_listings_may_be_long(rig):
    """The answers that grow with the venue (its instruments) may have 64 MiB; the time or the balances may not."""
    most = {}
    request = rig.port.request
    rig.port.request = lambda link, ref, wire, timeout_ns: (
        most.__setitem__(wire.url.split("/")[2], wire.most),
        request(link, ref, wire, timeout_ns),
    )
    for kind in (AskKind.CATALOGUE, AskKind.TIME, AskKind.BALANCES):
        poll(rig, kind)
    assert most["catalogue"] == 64 << 20
    assert most["time"] == most["balances"] == 1 << 20
