"""Reads, queries and cancels: priorities, waiting, and who gets the answer."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest

from arbkit.core.execution.requests import lane_of
from arbkit.core.types import (
    Ask,
    AskKind,
    CancelAll,
    CancelOrder,
    Lane,
    ListFills,
    ListOpenOrders,
    NewOrder,
    NoAnswer,
    Purpose,
    QueryOrder,
    RateLimit,
    RateReport,
    ReplaceOrder,
    Role,
    Side,
)

A = "aa:BTC-USDT"
S, MS = 1_000_000_000, 1_000_000
D = Decimal


def test_lanes():
    """Cancels first, then hedges, queries, entries, reads; an ``Ask`` names its own lane."""
    order = NewOrder(account="aa:main", instrument=A, cl_ord_id="x", side=Side.BUY, qty=D(1), px=D(1))
    from msgspec.structs import replace

    account = {"account": "aa:main", "instrument": A}
    for what, lane in (
        (CancelOrder(cl_ord_id="x", **account), Lane.CANCEL),
        (CancelAll(account="aa:main"), Lane.CANCEL),
        (ReplaceOrder(cl_ord_id="x", new_cl_ord_id="y", qty=D(1), px=D(1), **account), Lane.CANCEL),
        (replace(order, purpose=Purpose.HEDGE), Lane.HEDGE),
        (replace(order, purpose=Purpose.UNWIND), Lane.HEDGE),
        (QueryOrder(cl_ord_id="x", **account), Lane.QUERY),
        (ListOpenOrders(account="aa:main"), Lane.QUERY),
        (ListFills(**account), Lane.QUERY),
        (order, Lane.ORDER),
        (Ask(kind=AskKind.TIME), Lane.READ),
        (Ask(kind=AskKind.SNAPSHOT, lane=Lane.QUERY), Lane.QUERY),
    ):
        assert lane_of(what) is lane
    assert Lane.CANCEL.value > Lane.HEDGE.value > Lane.QUERY.value > Lane.ORDER.value > Lane.READ.value


def asked(rig, part):
    return [one[3] for one in rig.port.log if one[0] == "request" and part in one[3]]


def test_queries_and_cancels_pass_while_reads_wait(kit):
    """Reads have used their share of a bucket: a query and a cancel are still sent at once."""
    aa = kit.venue("aa", trade=False)
    aa.rate_limits = (RateLimit("ip", 20, 10 * S), RateLimit("order", 1000, S))
    rig = kit.rig(aa, kit.venue("bb")).boot()
    rig.run(20)
    for i in range(30):
        rig.say("aa.public", Ask(kind=AskKind.SNAPSHOT, instrument=f"{A}.{i}"))
    reads = len(asked(rig, "snapshot"))
    assert reads <= 12
    requests, rest = rig.desk.requests, rig.desk.venues["aa"].rest
    requests.ask(rest, QueryOrder(account="aa:main", instrument=A, cl_ord_id="q"), rig.now)
    requests.ask(rest, CancelOrder(account="aa:main", instrument=A, cl_ord_id="c"), rig.now)
    assert asked(rig, "QueryOrder q")
    assert asked(rig, "CancelOrder c")
    assert len(asked(rig, "snapshot")) == reads
    rig.run(60)
    assert len(asked(rig, "snapshot")) == 30


def test_when_tokens_come_the_better_lane_goes_first(kit):
    """After a ban a cancel is sent before a query, and a query before a read, whatever came first."""
    rig = kit.rig(kit.venue("aa", trade=False), kit.venue("bb")).boot()
    rig.say("aa.public", RateReport(venue="aa", bucket="*", until_ns=rig.now + S))
    requests, rest = rig.desk.requests, rig.desk.venues["aa"].rest
    rig.say("aa.public", Ask(kind=AskKind.SNAPSHOT, instrument=A))
    requests.ask(rest, QueryOrder(account="aa:main", instrument=A, cl_ord_id="q"), rig.now)
    requests.ask(rest, CancelOrder(account="aa:main", instrument=A, cl_ord_id="c"), rig.now)
    before = len(rig.port.log)
    rig.run(1.1)
    left = [one[3] for one in rig.port.log[before:] if one[0] == "request" and one[1] == "aa.main.rest"]
    assert [one.removeprefix("fake://").split("/")[0].split()[0] for one in left[:3]] == [
        "CancelOrder",
        "QueryOrder",
        "snapshot",
    ]


def test_a_command_that_waits_is_not_queued_twice(kit):
    """The same query is asked again while a ban lasts: one waits, and one is sent."""
    rig = kit.rig(kit.venue("aa", trade=False), kit.venue("bb")).boot()
    rig.say("aa.public", RateReport(venue="aa", bucket="*", until_ns=rig.now + S))
    query = QueryOrder(account="aa:main", instrument=A, cl_ord_id="q")
    for _ in range(50):
        rig.desk.requests.ask(rig.desk.venues["aa"].rest, query, rig.now)
    rig.run(1.5)
    assert len(asked(rig, "QueryOrder q")) == 1
    rig.desk.requests.ask(rig.desk.venues["aa"].rest, query, rig.now)
    assert len(asked(rig, "QueryOrder q")) == 2


def test_a_listing_that_waits_is_made_longer(kit):
    """A listing of fills is asked for again with another beginning (the venue's clock moved): one is sent, with the
    earliest. Another instrument is another listing."""
    venue = kit.venue("aa", trade=False)
    sessions = []
    rig = kit.rig(venue, kit.venue("bb")).boot()
    rest = rig.desk.venues["aa"].rest
    encode = rest.session.encode
    rest.session.encode = lambda what, now_ns: sessions.append(what) or encode(what, now_ns)
    rig.say("aa.public", RateReport(venue="aa", bucket="*", until_ns=rig.now + S))
    for since_ns, instrument in ((500, A), (300, A), (400, A), (200, "aa:ETH-USDT")):
        one = ListFills(account="aa:main", instrument=instrument, since_ns=since_ns)
        rig.desk.requests.ask(rest, one, rig.now)
    rig.run(1.5)
    listed = [what[0] for what in sessions if isinstance(what, list) and isinstance(what[0], ListFills)]
    assert [(one.instrument, one.since_ns) for one in listed] == [(A, 300), ("aa:ETH-USDT", 200)]


def test_read_is_given_up_after_six_tries_with_growing_delays(kit):
    """Then its session gets one ``NoAnswer`` with the status; the delays double, with jitter."""
    rig = kit.rig(kit.venue("aa"), kit.venue("bb")).boot()
    rig.say("aa.public", Ask(kind=AskKind.SNAPSHOT, instrument=A))
    times = []
    for _ in range(2500):
        for one in rig.requests("snapshot"):
            times.append(rig.now)
            rig.reply(one[2], status=503)
        for link in ("aa.public", "aa.private", "aa.trade", "bb.public", "bb.private", "bb.trade"):
            rig.desk.activity(link, rig.now)
        rig.run(0.02)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert len(times) == 6
    assert all(300 * MS * 2**i * 0.9 <= gap <= 600 * MS * 2**i * 1.1 for i, gap in enumerate(gaps))
    heard = [answer for what, answer in rig.desk.links["aa.public"].session.heard if isinstance(what, Ask)]
    assert [(type(one), one.status) for one in heard] == [(NoAnswer, 503)]


@pytest.mark.parametrize("status", [400, 404])
def test_other_refusals_are_answers(kit, status):
    """A 4xx that is not a rate-limit refusal goes to the session at once: only the session can interpret it."""
    rig = kit.rig().boot()
    rig.say("aa.public", Ask(kind=AskKind.SNAPSHOT, instrument=A))
    rig.reply(rig.requests("snapshot")[0][2], status=status)
    assert [answer.status for _, answer in rig.desk.links["aa.public"].session.heard] == [status]


def test_answer_nobody_waits_for_is_ignored(rig):
    """An unknown reference, or the same one twice."""
    rig.say("aa.public", Ask(kind=AskKind.SNAPSHOT, instrument=A))
    ref = rig.requests("snapshot")[0][2]
    rig.reply(ref)
    rig.reply(ref)
    rig.desk.answered(987654, NoAnswer("?"), rig.now)
    assert len(rig.desk.links["aa.public"].session.heard) == 1


def test_refusal_of_a_replaced_session_still_closes_the_throttle(rig):
    """The session is gone, but the venue's "not before" time still applies."""
    rig.say("aa.public", Ask(kind=AskKind.SNAPSHOT, instrument=A))
    ref = rig.requests("snapshot")[0][2]
    rig.close("aa.public")
    rig.run(1)
    rig.reply(ref, RateReport(venue="aa", bucket="*", until_ns=rig.now + 60 * S), status=418)
    throttle = rig.desk.venues["aa"].throttle
    assert throttle.ready_ns((("ip", 1),), Lane.CANCEL, rig.now) >= rig.now + 60 * S


def test_read_that_cannot_be_encoded_is_tried_again_and_then_told(kit):
    """A plugin that raises a lookup error while encoding a poll: the poll is repeated later."""
    rig = kit.rig(kit.venue("aa"))
    rig.venues["aa"].encode_raises[Role.REST] = KeyError("symbol")
    rig.run(60)
    assert {line[0] for line in rig.port.log} <= {"journal"}
    rig.venues["aa"].encode_raises.clear()
    rig.run(60)
    assert rig.desk.venues["aa"].catalogued


def test_more_than_a_limit_at_once_never_blocks_the_rest(kit):
    """A cost above the whole limit is never granted; other requests are sent."""
    rig = kit.rig().boot()
    cost = rig.venues["aa"].cost
    rig.venues["aa"].cost = lambda what, role: (("ip", 5000),) if isinstance(what, ListFills) else cost(what, role)
    rig.desk.requests.ask(rig.desk.venues["aa"].rest, ListFills(account="aa:main", instrument=A), rig.now)
    rig.run(3)
    assert not asked(rig, "ListFills")
    assert len(rig.trade()) == 2


def test_timeouts_depend_on_the_kind_of_request(kit):
    """Catalogue requests have a long timeout, queries a short one, orders one second more than the acknowledgement
    limit."""
    rig = kit.rig(kit.venue("aa", trade=False), kit.venue("bb")).boot()
    rig.trade()
    rig.desk.requests.ask(rig.desk.venues["aa"].rest, ListOpenOrders(account="aa:main", instrument=A), rig.now)
    seconds = {
        one[3].removeprefix("fake://").split("/")[0].split()[0]: one[4] / 1e9
        for one in rig.port.log
        if one[0] == "request"
    }
    assert seconds["catalogue"] == 30
    assert seconds["balances"] == 5
    assert seconds["ListOpenOrders"] == 2
    assert 1.25 <= seconds["NewOrder"] <= 3
