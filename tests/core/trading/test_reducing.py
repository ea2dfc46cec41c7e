"""What deals left is traded off by a deal of its own: once, in the right direction, and only when it is known."""

from __future__ import annotations

from decimal import Decimal

import pytest

from arbkit.core.money.limits import LimitsConfig
from arbkit.core.types import Mode, OrdStatus, Purpose, Side


def sent(rig):
    return [rig.order(one).intent for one in rig.orders()]


@pytest.mark.parametrize(("left", "side"), [("0.18", Side.SELL), ("-0.18", Side.BUY)])
def test_a_leftover_is_traded_off(kit, left: str, side: Side) -> None:
    """Told at once; after a pause for the next deal one order takes it, also in mode REDUCING; then nothing is left."""
    rig = kit.rig().boot()
    rig.desk.gate.restrict("", Mode.REDUCING, "test")
    rig.desk.leftovers.add("aa:main", "BTC", Decimal(left))
    rig.run(3)
    assert rig.log.of("alarm.leftover")
    assert sent(rig) == []
    rig.run(5)
    (intent,) = sent(rig)
    assert (intent.side, intent.qty, intent.purpose) == (side, Decimal("0.18"), Purpose.UNWIND)
    assert rig.desk.leftovers.of("BTC") == 0, "an open deal has taken it"
    rig.fill(intent.cl_ord_id)
    assert (rig.deals, rig.desk.leftovers.of("BTC")) == ([], 0)
    rig.run(30)
    assert len(sent(rig)) == 1
    assert rig.log.of("leftover.gone")


def test_what_did_not_fill_is_left_and_tried_again(kit) -> None:
    """With a growing delay; a part that filled is not sold twice."""
    rig = kit.rig().boot()
    rig.desk.leftovers.add("aa:main", "BTC", Decimal("0.18"))
    rig.run(8)
    (first,) = sent(rig)
    rig.fill(first.cl_ord_id, qty="0.01")
    assert (rig.deals, rig.desk.leftovers.of("BTC")) == ([], Decimal("0.17"))
    rig.run(20)
    assert [intent.qty for intent in sent(rig)] == [Decimal("0.18"), Decimal("0.17")]


def test_an_order_of_unknown_outcome_is_waited_for(kit) -> None:
    """Of another deal: what is left is not known before its proof. Of the leftover's own deal: it is not sent again."""
    rig = kit.rig().boot()
    a, b = rig.trade()
    rig.fill(a)
    rig.say("bb.private", rig.report(b, OrdStatus.UNKNOWN))
    assert rig.order(b).unknown
    before = len(sent(rig))
    rig.desk.leftovers.add("aa:main", "BTC", Decimal("0.18"))
    rig.run(8)
    assert len(sent(rig)) == before


def test_what_is_only_told(kit) -> None:
    """``trade_off = false``, an amount below ``max_left`` or every venue's minimum, and a run that stops."""
    rig = kit.rig(limits=LimitsConfig(trade_off=False)).boot()
    rig.desk.leftovers.add("aa:main", "BTC", Decimal("0.18"))
    rig.run(30)
    assert (sent(rig), len(rig.log.of("alarm.leftover"))) == ([], 1)
    for left, most in (("0.0000001", 0), ("0.08", 10)):
        small = kit.rig(limits=LimitsConfig(max_left=Decimal(most))).boot()
        small.desk.leftovers.add("aa:main", "BTC", Decimal(left))
        small.run(30)
        assert (sent(small), small.log.of("alarm.leftover")) == ([], [])
        assert small.desk.reducing.told() == []
