"""What a bad day left is counted, told and traded off by the runs after it. The judge is the venues' own ledger."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from arbkit.app.ending import exit_code, last_words
from arbkit.core.errors import CredentialsError
from arbkit.core.money.limits import DAY_NS, LimitsConfig
from arbkit.core.runtime.supervisor import Ending
from arbkit.core.types import Mode
from arbkit.core.venues.guard import SessionFault
from arbkit.strategies import TakerExecutor
from arbkit.testing.simulated import START_NS
from tests.testing.lives import Lives

OKX_ORDER = '"op":"order"'
PX = Decimal(61_800)
"""About what a Bitcoin costs at the simulated venues."""
LOT = Decimal("0.00001")


def crash(lives: Lives, limits: LimitsConfig) -> bool:
    """A run that dies between the two legs of its first deal."""
    run = lives.run(limits)
    lives.edge("binance", "okx", 40)
    return lives.dies_before(run, OKX_ORDER, 60)


def test_crashes_never_add_up_over_a_cap() -> None:
    """Each run dies with one leg out. Whatever was naked is counted by the runs after it: the cap holds over
    restarts."""
    lives = Lives("binance", "okx")
    limits = LimitsConfig(trade_off=False, max_asset_notional=Decimal(320))
    for _ in range(5):
        crash(lives, limits)
        assert lives.naked * PX < 320
    assert lives.naked * PX > 140


@pytest.mark.parametrize("trade_off", [True, False])
def test_what_is_left_is_told_until_it_is_gone(trade_off: bool) -> None:
    """Every run tells it, counts it and ends with 6, until it was traded off: with ``trade_off`` by the next run
    itself."""
    lives = Lives("binance", "bybit")
    lives.left("binance:main", "0.002")
    for nth in range(3):
        run = lives.run(LimitsConfig(trade_off=trade_off))
        run.run_for(60)
        run.stop()
        if trade_off:
            assert abs(lives.naked) < LOT
            assert len(lives.told("alarm.leftover")) == (nth == 0)
            assert exit_code(run.desk, Ending.IDLE) == 0
        else:
            assert lives.told("leftover.carried")
            assert lives.told("alarm.leftover")
            assert lives.naked == run.desk.leftovers.of("BTC") == Decimal("0.002")
            assert run.desk.limits.room(run.desk.catalogue["binance:BTC-USDT"]) < 500
            assert exit_code(run.desk, Ending.IDLE) == 6
            assert "0.002 BTC bought and not sold" in last_words(run.desk, Ending.IDLE, 6, {}, as_json=False)
        lives.ends(run)


def test_a_deal_that_trades_off_a_leftover_survives_its_process() -> None:
    """Killed after its order left: the next run proves the order and counts what is left then, once; it does not trade
    the order back."""
    lives = Lives("binance", "bybit")
    lives.left("binance:main", "0.002")
    run = lives.run(LimitsConfig())
    run.run_for(60, lambda: run.desk.engine.legs_sent > 0)
    lives.dies(run)
    assert abs(lives.naked) < LOT
    run = lives.run(LimitsConfig())
    run.run_for(60)
    run.stop()
    assert run.desk.engine.legs_sent == 0
    assert run.desk.leftovers.of("BTC") == lives.naked
    assert run.desk.counters.deals == {"completed": 1}
    assert exit_code(run.desk, Ending.IDLE) == 0


def test_a_key_that_is_refused_after_deals_is_exit_code_3() -> None:
    """It expired: the account is out until a new start, so who restarts the run must know, also if it traded before.
    The last words say what to do."""
    lives = Lives("binance", "bybit")
    lives.edge("binance", "bybit", 10, 1.0)
    run = lives.run(LimitsConfig())
    run.run_for(20)
    assert run.desk.engine.legs_sent
    assert exit_code(run.desk, Ending.IDLE) == 0
    private = next(link for name, link in run.desk.links.items() if name.startswith("bybit") and "private" in name)
    run.desk.guard.raised.append(SessionFault(private, CredentialsError("bybit refused the key: it has expired")))
    run.run_for(1)
    run.stop()
    assert exit_code(run.desk, Ending.IDLE) == 3
    told = str(last_words(run.desk, Ending.IDLE, 3, {}, as_json=False))
    assert "arbkit keys test" in told


def test_one_sided_fills_are_not_hedged_and_never_add_up() -> None:
    """Binance fills 4 USDT of each deal, less than it allows to sell again, Bybit nothing: no such deal is hedged. What
    one leaves goes into the next, which ends HELD, so that no more deals follow; with deep books nothing is left."""
    lives = Lives("binance", "bybit")
    for venue, qty in (("binance", "0.00007"), ("bybit", "0")):
        lives.thin(venue, qty)
    run = lives.run(LimitsConfig(max_broken=1000, cooldown_ns=0))
    for second in range(20, 120, 10):
        lives.edge("binance", "bybit", second, 1.0)
    run.run_for(130)
    assert run.desk.counters.deals["left"]
    assert not run.desk.counters.deals["hedged"]
    assert lives.told("alarm.deal_held")
    assert 0 < lives.naked * PX < 16
    assert exit_code(run.desk, Ending.IDLE) == 6
    for venue in ("binance", "bybit"):
        lives.deep(venue)
    run.run_for(120)
    assert abs(lives.naked * PX) < 5
    assert run.desk.leftovers.of("BTC") == lives.naked
    assert not run.desk.held()


def loss(lives: Lives, limits: LimitsConfig) -> str:
    """A run in which the OKX leg is lost and the price falls by 2 %: the other leg is sold far lower. Returns why the
    gate is not ACTIVE."""
    run = lives.run(limits, executor=TakerExecutor(max_unwind_loss=0.05))
    lost: list[str] = []

    def reaches(link: str, text: str) -> bool:
        if lost or OKX_ORDER not in text.replace(" ", ""):
            return True
        lost.append(text)
        return False

    run.reaches = reaches
    lives.edge("binance", "okx", 10, 0.2)
    run.run_for(12)
    lives.fall(0.02, run.now_ns)
    run.run_for(60)
    assert abs(lives.naked) < 2 * LOT
    lives.ends(run)
    return run.desk.gate.why()


def test_a_loss_limit_holds_over_restarts() -> None:
    """Of the day: until the next one. Of the run: until a person has settled it."""
    midnight_ns = (START_NS // DAY_NS + 1) * DAY_NS
    lives = Lives("binance", "okx", start_ns=midnight_ns - 160 * 10**9)
    limits = LimitsConfig(max_loss_day=Decimal("0.5"), max_loss_run=Decimal(10))
    assert "today" in loss(lives, limits)
    run = lives.run(limits)
    run.run_for(30)
    assert run.desk.gate.mode() is Mode.REDUCING
    lives.edge("binance", "okx", 1)
    run.run_for(10)
    assert run.desk.counters.deals.total() == 0
    lives.ends(run)
    lives.now_ns = midnight_ns + 10**9
    run = lives.run(replace(limits, max_loss_run=Decimal("0.5")))
    run.run_for(30)
    assert "since the accounts were last settled" in run.desk.gate.why()
    lives.ends(run)
    run = lives.run(limits)
    run.run_for(30)
    assert not run.desk.gate.lift("", "max_loss_day"), "a new day has lifted it"
    assert run.desk.gate.mode() is Mode.REDUCING, "what a run loss has set is lifted by a person only"
    lives.ends(run)
    run = lives.run(limits, settled=True)
    run.run_for(30)
    assert run.desk.gate.mode() is Mode.ACTIVE


def test_a_loss_stops_entries_and_not_what_ends_a_deal() -> None:
    """The breaker falls while a leg is open: the leg is taken back all the same, and no deal begins after that."""
    lives = Lives("binance", "okx")
    limits = LimitsConfig(max_loss_run=Decimal("0.45"), max_loss_day=Decimal("0.4"))
    assert "loss" in loss(lives, limits)
    assert not lives.told("command.refused")
    assert [one["outcome"] for one in lives.told("deal.closed")] == ["completed"]
