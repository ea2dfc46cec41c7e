"""Modes that rules set: each lifts its own, and those of breakers outlive a run."""

from __future__ import annotations

from arbkit.core.money.limits import HELD, ModeChange
from arbkit.core.types import Mode

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
