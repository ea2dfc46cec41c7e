"""Modes that rules set: each lifts its own, and those of breakers outlive a run."""

from __future__ import annotations

from decimal import Decimal

from arbkit.core.money.limits import HELD, ModeChange
from arbkit.core.types import Mode, OrdStatus, QueryOrder

PAIR = "aa:BTC-USDT+bb:BTC-USDT"


def change(rig, mode: Mode, rule: str, scope: str = PAIR) -> None:
    rig.desk.modes.change(ModeChange(scope, mode, f"because of {rule}", rule), rig.now)
    rig.run(1)


def test_a_held_deal_that_ends_lifts_no_breaker(kit):
    """The pair stays in the mode that its broken deals have set; each change is told once."""
    rig = kit.rig().boot()
    for _ in range(2):
        change(rig, Mode.REDUCING, HELD)
        change(rig, Mode.REDUCING, "max_broken")
    for _ in range(2):
        change(rig, Mode.ACTIVE, HELD)
    assert rig.desk.gate.restricted() == {PAIR: (Mode.REDUCING, "because of max_broken")}
    assert (len(rig.log.of("risk.restricted")), len(rig.log.of("risk.lifted"))) == (2, 1)
    assert rig.trade() == []


def test_what_a_breaker_has_set_holds_in_the_next_run(kit):
    """Until it is lifted. What each run finds itself (held deals, prices) is not written."""
    first = kit.rig().boot()
    change(first, Mode.REDUCING, "max_broken")
    change(first, Mode.REDUCING, "max_loss_day", "")
    change(first, Mode.REDUCING, HELD)
    change(first, Mode.REDUCING, "no_price", "")
    change(first, Mode.ACTIVE, "max_loss_day", "")
    second = kit.rig(kept=first.left().kept).boot()
    assert second.desk.gate.restricted() == {PAIR: (Mode.REDUCING, "because of max_broken")}
    assert "set by an earlier run" in str(second.log.of("risk.restricted")[0]["why"])
    assert second.trade() == []


def test_a_person_releases_a_held_pair(kit):
    """The pair trades again at once and the deal is tried; what it left is still held, counted and told, and the
    journal says who wanted it. A pair without a HELD deal is refused with those that have one."""
    rig = kit.rig().boot()
    ids = rig.trade()
    rig.fill(ids[0])
    rig.close("aa.public")
    rig.close("bb.public")
    rig.say("bb.private", rig.report(ids[1], OrdStatus.EXPIRED, order_id="v", cum_qty=Decimal(0)))
    rig.run(25)
    (deal,) = rig.desk.held()
    desk = rig.desk
    assert desk.gate.mode(pair=deal.pair) is Mode.REDUCING
    assert desk.release_problem("x+y") == f"no deal of 'x+y' is HELD; those of these are: {deal.pair}"
    assert desk.release_problem(deal.pair) == ""
    desk.person("release", deal.pair, "api:trade 127.0.0.1", "looked at it", rig.now)
    assert desk.gate.mode(pair=deal.pair) is Mode.ACTIVE
    assert desk.held() == [deal]
    assert desk.limits.open_deals == 1
    (asked,) = rig.records("PersonAsked")
    assert (asked.what, asked.scope, asked.who, asked.why) == (
        "release",
        deal.pair,
        "api:trade 127.0.0.1",
        "looked at it",
    )


def test_a_person_wants_to_know_now(kit):
    """An order in doubt, whose next question is seconds away, is asked for at once; it is not sent again."""
    rig = kit.rig().boot()
    rig.trade()
    rig.close("bb.private")
    rig.close("bb.trade")
    venue = rig.desk.venues["bb"]
    (order,) = rig.desk.unresolved()
    query = QueryOrder(account="bb:main", instrument=order.intent.instrument, cl_ord_id=order.cl_ord_id)
    for _ in range(8):
        venue.resolver.failed(query, rig.now)
    assert venue.resolver.due_ns > rig.now + 1_000_000_000
    sent = rig.desk.engine.legs_sent
    rig.desk.person("resolve", "", "control port", "", rig.now)
    assert venue.resolver.due_ns <= rig.now
    assert rig.desk.engine.legs_sent == sent
    assert rig.records("PersonAsked")[0].what == "resolve"
