"""From the start to trading: catalogues, strategies that raise, what must be known of an account, restored intents."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from arbkit.core.errors import ConfigError
from arbkit.core.orders.journal import Intent
from arbkit.core.types import (
    Balance,
    ClockSample,
    InstrumentUpdate,
    Lane,
    Listing,
    NewOrder,
    OrderAbsent,
    OrderUpdate,
    OrdStatus,
    RateReport,
    Ready,
    Side,
)

D = Decimal
A, B = "aa:BTC-USDT", "bb:BTC-USDT"
S, MS = 1_000_000_000, 1_000_000


def both(kit, **how):
    """A strategy that raises until both catalogues are known."""
    strategy = kit.strategy()

    def instruments(catalogue):
        found = catalogue.symbol("BTC-USDT")
        if len(found) < how.get("least", 2):
            raise how.get("error", ConfigError("strategy.symbol: BTC-USDT is on one venue only"))
        return found

    strategy.instruments = instruments
    return strategy


def test_a_silent_venue_holds_the_others_for_fifteen_seconds_at_most(kit):
    """One venue does not answer with its catalogue: the other gets its links after 15 s, the late one is added
    later."""
    rig = kit.rig()
    rig.mute = {"bb"}
    rig.run(14)
    assert not rig.count("dial")
    rig.run(2)
    assert {one[1][:2] for one in rig.port.log if one[0] == "dial"} == {"aa"}
    for _ in range(60):
        for one in rig.requests("fake://"):
            if one[1] == "bb.rest":
                rig.no_answer(one[2])
        rig.run(0.5)
    rig.mute = set()
    rig.run(40)
    assert {one[1][:2] for one in rig.port.log if one[0] == "dial"} == {"aa", "bb"}
    assert set(rig.desk.books) == {A, B}


def test_a_slow_venue_and_one_that_is_down_delay_nobody(kit):
    """Of four venues one is down and one tells its catalogue after ten seconds: the others have their links two seconds
    after theirs, and the slow one at once when it has told it. What is down comes when it is up."""
    rig = kit.rig(*(kit.venue(name) for name in ("aa", "bb", "cc", "dd")))
    rig.mute = {"cc", "dd"}

    def dialled():
        return {one[1][:2] for one in rig.port.log if one[0] == "dial"}

    rig.run(2.1)
    assert dialled() == {"aa", "bb"}
    rig.run(8)
    assert dialled() == {"aa", "bb"}
    rig.mute = {"dd"}
    rig.run(0.1)
    assert dialled() == {"aa", "bb", "cc"}
    rig.run(60)
    rig.mute = set()
    for _, _, ref, _, _ in rig.requests():
        rig.no_answer(ref)
    rig.run(60)
    assert dialled() == {"aa", "bb", "cc", "dd"}


def test_a_strategy_that_names_an_instrument_of_a_slow_venue_waits(kit):
    """``catalogue["bb:BTC-USDT"]`` is no mistake while bb has not told its instruments."""
    strategy = both(kit, error=KeyError("bb:BTC-USDT"))
    rig = kit.rig(strategies=[strategy])
    rig.mute = {"bb"}
    rig.run(16)
    assert "KeyError" in str(rig.log.of("strategy.waits")[0]["why"])
    rig.mute = set()
    rig.run(30)
    assert set(rig.desk.books) == {A, B}


def test_strategy_that_needs_both_venues_waits_for_the_second(kit):
    """ConfigError while one of two catalogues is known is logged and the run goes on. When both are known, the strategy
    is asked again and both venues get their books."""
    strategy = both(kit)
    rig = kit.rig(strategies=[strategy])
    rig.mute = {"bb"}
    rig.run(16)
    waits = rig.log.of("strategy.waits")
    assert len(waits) == 1
    assert "one venue only" in str(waits[0]["why"])
    rig.mute = set()
    rig.run(30)
    assert set(rig.desk.books) == {A, B}
    assert {one[1] for one in rig.port.log if one[0] == "dial"} >= {"aa.public", "bb.public"}


def test_first_venue_is_linked_when_the_second_makes_it_wanted(kit):
    """A strategy that needs nothing of one venue alone: that venue is used when the second catalogue comes."""
    strategy = kit.strategy()
    strategy.instruments = lambda catalogue: (
        catalogue.symbol("BTC-USDT") if len(catalogue.symbol("BTC-USDT")) > 1 else []
    )
    rig = kit.rig(strategies=[strategy])
    rig.mute = {"bb"}
    rig.run(16)
    rig.mute = set()
    rig.run(30)
    assert set(rig.desk.books) == {A, B}
    assert {one[1] for one in rig.port.log if one[0] == "dial"} >= {"aa.public", "bb.public"}


def test_an_instrument_wanted_later_gets_a_link_of_its_own(kit):
    """With venue bb, a second symbol of aa is needed: aa's first book and link stay, the new symbol gets its own
    link."""
    aa, bb = kit.venue("aa", symbols=("BTC-USDT", "ETH-USDT")), kit.venue("bb", symbols=("ETH-USDT",))
    strategy = kit.strategy()
    strategy.instruments = lambda catalogue: [
        one for one in catalogue if one.symbol == "BTC-USDT" or len(catalogue.symbol(one.symbol)) > 1
    ]
    rig = kit.rig(aa, bb, strategies=[strategy])
    rig.mute = {"bb"}
    rig.run(16)
    rig.open("aa.public")
    rig.book(A, 100.0, 100.1)
    epoch = rig.desk.books[A].epoch
    rig.mute = set()
    rig.run(20)
    assert set(rig.desk.books) == {A, "aa:ETH-USDT", "bb:ETH-USDT"}
    link = next(one for one in rig.desk.links.values() if "aa:ETH-USDT" in one.spec.instruments)
    assert link.spec.instruments == ["aa:ETH-USDT"]
    assert link.spec.link != "aa.public"
    assert rig.desk.books[A].epoch == epoch


def test_config_error_with_all_venues_known_reaches_the_caller(kit):
    """It is an error in the configuration: the run ends (exit 2)."""
    strategy = both(kit, least=3)
    rig = kit.rig(strategies=[strategy])
    with pytest.raises(ConfigError, match="one venue only"):
        rig.run(1)


def test_config_error_of_a_strategy_that_has_traded_does_not_end_the_run(kit):
    """A venue that joins late must not end a run that trades."""
    strategy = kit.strategy()

    def instruments(catalogue):
        if len(catalogue.symbol("BTC-USDT")) > 1:
            raise ConfigError("too many venues")
        return catalogue.symbol("BTC-USDT")

    strategy.instruments = instruments
    rig = kit.rig(strategies=[strategy])
    rig.mute = {"bb"}
    rig.run(16)
    assert A in rig.desk.books
    rig.mute = set()
    rig.run(30)
    assert rig.log.of("strategy.waits")


def test_strategy_error_at_the_start_stops_only_that_strategy(kit):
    """Any other exception of ``instruments`` stops that strategy; the other one trades."""
    bad = both(kit, least=99, error=TypeError("bug"))
    good = kit.strategy()
    rig = kit.rig(strategies=[bad, good])
    rig.strategy = good
    rig.boot()
    assert rig.desk.engine.strategies[0].failed
    assert len(rig.trade()) == 2


def test_strategy_that_raises_in_decide_is_out_and_the_other_trades(kit):
    """A failure stops one strategy; it is counted and logged once."""
    bad, good = kit.strategy(), kit.strategy()
    rig = kit.rig(strategies=[bad, good])
    rig.strategy = good
    rig.boot()
    bad.raises = ZeroDivisionError("bug")
    assert len(rig.trade()) == 2
    rig.trade()
    assert rig.desk.counters.strategy_faults == {"s0": 1}
    assert len(rig.log.of("strategy.failed")) == 1


def test_a_venue_that_joins_late_does_not_end_a_run_whose_strategy_has_failed(kit):
    """The failure is logged once; the strategy's open deals are still finished when another venue comes."""
    rig = kit.rig()
    rig.mute = {"bb"}
    rig.run(16)
    rig.open("aa.public")
    rig.strategy.raises = ZeroDivisionError("bug")
    rig.book(A, 100.0, 100.1)
    assert rig.desk.engine.strategies[0].failed
    rig.mute = set()
    rig.run(30)
    assert rig.desk.venues["bb"].catalogued


def test_catalogue_of_several_pages_is_waited_for(kit):
    """The first page is not the whole catalogue: strategies are asked after the last one."""
    from arbkit.core.types import Ask, AskKind

    rig = kit.rig(kit.venue("aa"))
    rig.auto = False
    rig.run(0)
    first = rig.requests("catalogue")[0]
    rig.reply(first[2], Ask(kind=AskKind.CATALOGUE, ref="2"))
    assert not rig.desk.venues["aa"].catalogued
    rig.run(0)
    second = rig.requests("catalogue")[0]
    rig.reply(second[2], InstrumentUpdate(rig.venues["aa"].instrument()))
    assert rig.desk.venues["aa"].catalogued
    assert set(rig.desk.books) == {A}


def test_first_page_with_instruments_is_not_the_last(kit):
    """A page that brings instruments and asks for the next one does not start the run either."""
    from arbkit.core.types import Ask, AskKind

    rig = kit.rig(kit.venue("aa", symbols=("ETH-USDT", "BTC-USDT")))
    rig.auto = False
    rig.run(0)
    aa = rig.venues["aa"]
    rig.reply(
        rig.requests("catalogue")[0][2],
        InstrumentUpdate(aa.instrument("ETH-USDT")),
        Ask(kind=AskKind.CATALOGUE, ref="2"),
    )
    assert not rig.desk.venues["aa"].catalogued
    rig.reply(rig.requests("catalogue")[0][2], InstrumentUpdate(aa.instrument("BTC-USDT")))
    assert set(rig.desk.books) == {A}


# --- what an account must know before it trades


@pytest.mark.parametrize("missing", ["private", "balances", "orders", "fees", "clock"])
def test_nothing_is_entered_before_everything_is_known(kit, missing):
    """Each missing condition of readiness alone prevents new deals; when it is met, the same proposal is taken."""
    rig = kit.rig()
    facts_of = rig.facts_of
    held: set[str] = {missing}

    def but_one(venue, kind, rest):
        name = {"balances": "balances", "fees": "fees", "time": "clock", "ListOpenOrders": "orders"}.get(kind, kind)
        return None if name in held and venue.venue == "aa" else facts_of(venue, kind, rest)

    rig.facts_of = but_one
    rig.run(0.1)
    for one in [one for one in rig.port.log if one[0] == "dial"]:
        if not (missing == "private" and one[1] == "aa.private"):
            rig.open(one[1])
    rig.run(0.1)
    rig.book(A, 100.0, 100.1)
    rig.book(B, 100.0, 100.1)
    assert rig.trade() == []
    assert rig.desk.counters.opportunities_dropped["venue_not_ready"] == 1
    held.clear()
    if missing == "private":
        rig.open("aa.private")
    rig.run(0.1)
    rig.book(A, 100.0, 100.1)
    rig.book(B, 100.0, 100.1)
    assert len(rig.trade()) == 2


def test_after_the_private_link_is_lost_unwinds_go_and_entries_do_not(rig):
    """New deals stop; the open one is finished."""
    ids = rig.trade()
    rig.close("aa.private")
    assert rig.trade() == []
    rig.fill(ids[1])
    rig.say("aa.trade", rig.report(ids[0], OrdStatus.EXPIRED, order_id="1", cum_qty=D(0), source="ack"))
    rig.run(0.2)
    hedges = rig.orders()[2:]
    assert len(hedges) == 1
    assert rig.order(hedges[0]).intent.purpose.value in ("hedge", "unwind")


def test_private_link_that_comes_back_lists_before_it_trades(rig):
    """Balances and open orders asked for before the new stream do not count."""
    rig.close("aa.private")
    rig.run(1)
    rig.auto = False
    rig.open("aa.private")
    assert not rig.desk.venues["aa"].may_trade
    rig.auto = True
    rig.run(0.1)
    assert rig.desk.venues["aa"].may_trade


def test_resting_order_that_ended_while_the_stream_was_down_is_found(kit):
    """It is not among the open orders any more: it is queried, and its fills are booked."""
    rig = kit.rig(executor=Maker()).boot()
    ids = rig.trade()
    for one in ids:
        rig.say(f"{rig.order(one).intent.account[:2]}.trade", rig.report(one, OrdStatus.NEW, order_id="v" + one))
    rig.run(1)
    assert not rig.sends("QueryOrder")
    rig.close("aa.private")
    rig.run(2)
    rig.open("aa.private")
    rig.run(1)
    assert ("aa.trade", f"QueryOrder {ids[0]}") in rig.sends("QueryOrder")
    rig.say("aa.trade", rig.filled(ids[0]))
    assert rig.desk.ledger.totals("aa:main")["BTC"] == D("10.1")


class Maker:
    """Rests on both sides and does nothing more."""

    due_ns = 1 << 62

    def plan(self, opportunity, view, now_ns):
        from arbkit.core.orders.deals import Deal, DealLeg

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
        return ()

    on_book = on_timer = lambda self, deal, view, now_ns: ()


# --- restored intents


def restored(cl_ord_id: str, channel: str = "trade") -> Intent:
    order = NewOrder(
        account="aa:main", instrument=A, cl_ord_id=cl_ord_id, side=Side.BUY, qty=D("0.1"), px=D("100.2"), deal=99
    )
    return Intent(at_ns=1_763_000_000_000_000_000 - 5 * S, order=order, channel=channel, link=f"aa.{channel}")


def test_restored_intent_is_proved_found_and_never_sent(kit):
    """UNKNOWN until the venue reports it; no entry there before; its fill changes the balance; nothing is sent
    again."""
    rig = kit.rig(unresolved=[restored("a000000000001m01")])
    order = rig.order("a000000000001m01")
    assert order.status is OrdStatus.UNKNOWN
    rig.boot()
    assert not rig.desk.venues["aa"].may_trade
    assert rig.trade() == []
    query = next(
        one
        for one in rig.port.log
        if one[-1] == "QueryOrder a000000000001m01"
        or (one[0] == "request" and one[3].endswith("QueryOrder a000000000001m01"))
    )
    assert query
    rig.say("aa.trade", rig.filled("a000000000001m01"))
    assert order.done
    rig.run(0.1)
    assert rig.desk.venues["aa"].may_trade
    assert "a000000000001m01" not in rig.orders()
    assert [r.cl_ord_id for r in rig.records("OrderOutcome")] == ["a000000000001m01"]


def test_restored_intent_is_proved_absent_by_the_full_proof_only(kit):
    """Two not-found replies and both listings after the expiry; then it is over, and nothing was sent."""
    rig = kit.rig(kit.venue("aa", trade=False), kit.venue("bb"), unresolved=[restored("a000000000001m01", "rest")])
    rig.boot()
    order = rig.order("a000000000001m01")
    for _ in range(100):
        for one in rig.requests("QueryOrder"):
            rig.reply(one[2], OrderAbsent("aa:main", A, "a000000000001m01", rig.now))
        for one in rig.requests("ListFills"):
            rig.reply(one[2], Listing(account="aa:main", kind="fills", instrument=A, recv_ns=rig.now))
        rig.run(0.05)
    assert order.done
    assert order.status is OrdStatus.REJECTED
    assert rig.desk.venues["aa"].may_trade
    assert not rig.orders()


def test_restored_order_on_an_instrument_that_left_the_catalogue_is_booked(kit):
    """The venue delisted it before the start: the run starts, the fill is booked by its assets, and the order ends."""
    order = replace(restored("a000000000001m01").order, instrument="aa:OLD-USDT")
    rig = kit.rig(unresolved=[replace(restored("a000000000001m01"), order=order)])
    rig.boot()
    rig.say("aa.trade", replace(rig.filled("a000000000001m01"), instrument="aa:OLD-USDT"))
    assert rig.order("a000000000001m01").done
    assert rig.desk.ledger.pnl() == {"OLD": D("0.1"), "USDT": D("-10.02")}
    assert [r.filled for r in rig.records("OrderOutcome")] == [D("0.1")]
    rig.run(0.1)
    assert rig.desk.venues["aa"].may_trade


def test_restored_order_of_a_venue_not_configured_stops_the_start(kit):
    """It could be filled without being noticed: the error says what to do."""
    intent = restored("a000000000001m01")
    other = NewOrder(
        account="zz:main", instrument="zz:BTC-USDT", cl_ord_id="a000000000001m01", side=Side.BUY, qty=D(1), px=D(1)
    )
    with pytest.raises(ConfigError, match="zz:main"):
        kit.rig(unresolved=[Intent(at_ns=intent.at_ns, order=other, channel="rest", link="zz.rest")])


# --- polls


def test_ban_closes_the_venue_for_reads_and_piles_up_nothing(rig):
    """The venue refuses everything for an hour: nothing is requested meanwhile, and no queue grows."""
    rig.say("aa.trade", RateReport(venue="aa", bucket="*", until_ns=rig.now + 3600 * S))
    rig.close("aa.private")
    rig.run(5)
    rig.open("aa.private")
    before = sum(1 for one in rig.port.log if one[0] == "request" and one[1] == "aa.main.rest")
    for _ in range(300):
        rig.run(10)
        for link in ("aa.public", "bb.public", "aa.private", "aa.trade", "bb.private", "bb.trade"):
            rig.desk.activity(link, rig.now)
    assert sum(1 for one in rig.port.log if one[0] == "request" and one[1] == "aa.main.rest") == before
    assert len(rig.desk.requests._waiting) < 12
    rig.run(700)
    asked = [one[3] for one in rig.port.log if one[0] == "request" and one[1] == "aa.main.rest"][before:]
    assert 0 < len(asked) < 200


@pytest.mark.parametrize("status", [403, 418, 429, 503])
def test_refused_read_is_repeated_not_before_the_venue_wants_it(kit, status):
    """Retry-After is respected, and the limits named in the refusal close the throttle."""
    rig = kit.rig(kit.venue("aa"))
    rig.auto = False
    rig.run(0)
    one = rig.requests("time")[0]
    rig.reply(one[2], RateReport(venue="aa", bucket="*", until_ns=rig.now + 7 * S), status=status, retry_after="7")
    assert rig.desk.venues["aa"].throttle.ready_ns((("ip", 1),), Lane.CANCEL, rig.now) > rig.now
    rig.run(6.9)
    assert not rig.requests("time")
    rig.run(2)
    assert rig.requests("time")


def test_clock_samples_set_the_offset_of_the_signer(kit):
    """The signer gets the venue's clock offset; a worse sample that agrees does not replace a better one."""
    rig = kit.rig()
    rig.skew = 250 * MS
    rig.boot()
    signer = rig.desk.venues["aa"].setup.signer
    assert signer.offset_ns == 250 * MS
    rig.say("aa.public", ClockSample("aa", 270 * MS, 50 * MS, rig.now))
    assert signer.offset_ns == 250 * MS


def changed_balance(rig, usdt, fills, btc="10"):
    """From now on the venue aa has this balance, and lists these fills."""
    facts_of = rig.facts_of
    rig.fill_listings = 0

    def facts(venue, kind, rest):
        if venue.venue == "aa" and kind == "balances":
            return [
                Balance(account="aa:main", asset=asset, free=D(free), snapshot=True, recv_ns=rig.now)
                for asset, free in (("BTC", btc), ("USDT", usdt), ("ETH", "100"))
            ]
        if venue.venue == "aa" and kind == "ListFills":
            rig.fill_listings += 1
            by_account = venue.capabilities.fills_by_account
            return [
                Listing(
                    account="aa:main",
                    kind="fills",
                    instrument=name,
                    updates=[one for one in fills if name in ("", one.instrument)],
                    recv_ns=rig.now,
                )
                for name in ([""] if by_account else [f"aa:{symbol}" for symbol in venue.symbols])
            ]
        return facts_of(venue, kind, rest)

    rig.facts_of = facts
    rig.say("aa.private", Balance(account="aa:main", asset="USDT", free=D(usdt), recv_ns=rig.now))
    rig.say("aa.private", Ready("aa.private", rig.now))


def test_balance_change_that_no_order_explains_is_external(rig):
    """A deposit is not profit: after a while it is booked as external, with an alarm."""
    changed_balance(rig, "1000500", [])
    for _ in range(40):
        rig.run(2)
    assert rig.fill_listings
    assert rig.desk.counters.alarms["external_movement"] == 1
    assert rig.desk.ledger.externals() == {("aa:main", "USDT"): 500}


def test_one_listing_of_fills_for_all_instruments_is_enough(kit):
    """Kraken lists the fills of the account, and allows few such requests: two instruments with the asset need one."""
    aa = kit.venue("aa", symbols=("BTC-USDT", "ETH-USDT"))
    aa.capabilities = replace(aa.capabilities, fills_by_account=True)
    rig = kit.rig(aa, kit.venue("bb")).boot()
    changed_balance(rig, "1000500", [])
    for _ in range(40):
        rig.run(2)
    assert rig.fill_listings == 1
    assert rig.desk.ledger.externals() == {("aa:main", "USDT"): 500}


def test_a_balance_change_is_checked_against_fills_first(rig):
    """A purchase that no stream told: the venue lists it, so it is booked as what it is, once, and no deposit is."""
    bought = OrderUpdate(
        account="aa:main",
        instrument="aa:BTC-USDT",
        cl_ord_id="by-hand",
        order_id="77",
        ord_status=OrdStatus.FILLED,
        side=Side.BUY,
        qty=D(1),
        last_qty=D(1),
        last_px=D(500),
        trade_id="t1",
        fee=D(0),
        source="poll",
        exch_ns=rig.now,
    )
    changed_balance(rig, "999500", [bought], btc="11")
    for _ in range(40):
        rig.run(2)
    assert rig.desk.counters.alarms["external_movement"] == 0
    assert rig.desk.ledger.externals() == {("aa:main", "USDT"): -500, ("aa:main", "BTC"): 1}
    assert rig.desk.ledger.pnl() == {}
    assert rig.desk.ledger.position("aa:main", "aa:BTC-USDT") == 1


def test_no_listing_of_fills_no_external_movement(rig):
    """While the venue does not list its fills, nothing is called a deposit. The balances are asked for meanwhile: with
    the fills it is one at once."""
    changed_balance(rig, "1000500", [])
    facts_of = rig.facts_of
    rig.facts_of = lambda venue, kind, rest: None if kind == "ListFills" else facts_of(venue, kind, rest)
    for _ in range(12):
        rig.run(2)
    assert rig.desk.counters.alarms["external_movement"] == 0
    assert rig.desk.ledger.externals() == {}
    rig.facts_of = lambda venue, kind, rest: None if kind == "balances" else facts_of(venue, kind, rest)
    rig.run(25)
    assert rig.desk.counters.alarms["external_movement"] == 1
