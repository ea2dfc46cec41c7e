"""Why it does not trade: each reason is told when it holds, and no longer."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from arbkit_binance.adapter import Binance
from arbkit_binance.dialect import BinanceDialect
from arbkit_okx.adapter import Okx
from arbkit_okx.dialect import OkxDialect

from arbkit import Idle, Leg, Opportunity, Side, SpreadArb, Strategy
from arbkit.app.pair_log import PairLog
from arbkit.core.market.identity import Identity
from arbkit.core.money.limits import LimitsConfig
from arbkit.core.types import Mode
from arbkit.strategies import best_spread
from arbkit.testing.simulated import START_NS, simulate
from arbkit.testing.virtual import VirtualRun

S = 1_000_000_000
VENUES: Any = {Binance: BinanceDialect, Okx: OkxDialect}
THERE, BACK = "binance:BTC-USDT>okx:BTC-USDT", "okx:BTC-USDT>binance:BTC-USDT"


def begun(*, limits: LimitsConfig | None = None, **settings: Any) -> VirtualRun:
    strategy = SpreadArb(**{"symbols": ("BTC-USDT",), "min_edge": 0.0003, "max_notional": 150.0, **settings})
    run = simulate(strategy, VENUES, edge_every_s=0, limits=limits)
    run.run_for(5)
    return run


def told(run: VirtualRun) -> dict[str, Idle]:
    return {one.name: one for one in run.desk.reasons.now(run.now_ns)}


def reason(run: VirtualRun, name: str = THERE) -> str:
    return told(run)[name].reason


def test_the_usual_state_is_that_no_edge_covers_the_fees() -> None:
    """One row for each direction, with the present edge and the one that it needs."""
    run = begun()
    rows = told(run)
    assert rows.keys() == {THERE, BACK}
    assert {one.reason for one in rows.values()} == {"fees"}
    assert "it needs 0.030%" in rows[THERE].text
    assert run.desk.reasons.nothing(list(rows.values())) == ""


def test_what_is_in_the_way_is_told_with_its_numbers() -> None:
    """A mode, a venue that is not ready, a lost book; each is over when its cause is."""
    run = begun()
    desk = run.desk
    desk.gate.restrict("binance", Mode.REDUCING, "a person asked for it", "person")
    assert reason(run) == reason(run, BACK) == "mode"
    assert told(run)[THERE].text == "a person asked for it"
    desk.gate.lift("binance", "person")
    assert reason(run) == "fees"
    desk.venues["okx"].readiness.stop("a test")
    assert (reason(run), told(run)[THERE].text) == ("venue", "okx: stopped: a test")
    desk.venues["okx"].readiness.stop("")
    desk.market.lose("okx:BTC-USDT", "a gap")
    assert (reason(run), told(run)[BACK].text) == ("book", "okx:BTC-USDT: a gap")


def test_one_venue_left_is_nothing_to_trade() -> None:
    """And which one; as soon as the other is back, something can be traded."""
    run = begun()
    run.desk.venues["okx"].readiness.stop("a test")
    text = run.desk.reasons.nothing(list(told(run).values()))
    assert text == "nothing can be traded, only binance is left: okx: stopped: a test"
    run.desk.venues["binance"].readiness.stop("a test too")
    assert "no venue is left" in run.desk.reasons.nothing(list(told(run).values()))
    run.desk.venues["okx"].readiness.stop("")
    run.desk.venues["binance"].readiness.stop("")
    assert run.desk.reasons.nothing(list(told(run).values())) == ""


def test_balances_and_stock_are_told_by_direction() -> None:
    """The one that has nothing to sell is told; the other direction goes on."""
    run = begun(max_stock_immovable=1000.0)
    run.world.sites["okx"].exchange.immovable["BTC"] = (True, False)
    run.world.sites["okx"].exchange.deposit("main", "BTC", -Decimal(3), run.now_ns)
    run.run_for(310)
    rows = told(run)
    assert (rows[THERE].reason, rows[THERE].text) == ("balance", "okx:main has 0 BTC to sell")
    assert rows[BACK].reason == "fees"
    run.world.sites["okx"].exchange.deposit("main", "BTC", Decimal(2), run.now_ns)
    run.run_for(20)
    rows = told(run)
    assert rows[THERE].reason == "fees"
    assert (rows[BACK].reason, rows[BACK].text) == (
        "stock",
        "okx:main has 2 BTC, and max_stock_immovable is 1000 USDT",
    )


def test_a_deal_that_the_limits_refuse_is_told_for_a_minute() -> None:
    """The strategy proposes it, so it cannot know: the engine's refusal is the reason."""
    run = begun(limits=LimitsConfig(max_deals_per_minute=0))
    run.world.plant("BTC-USDT", "binance", "okx", 0.003, run.now_ns + S, S)
    run.run_for(1.5)
    assert (reason(run), told(run)[THERE].text) == ("max_deals_per_minute", "0 deals began in the last minute")
    run.run_for(60)
    assert reason(run) == "fees"


def test_a_strategy_without_reasons_has_those_of_the_engine() -> None:
    """Only for pairs with a refused deal."""

    class Own(Strategy):
        def instruments(self, catalogue: Any) -> Any:
            self.mine = catalogue.symbol("BTC-USDT")
            return self.mine

        def decide(self, view: Any, touched: Any, now_ns: int) -> Any:
            found = best_spread(view, self.mine, touched, now_ns, min_edge=0.0003, max_notional=150.0)
            return [found] if found else []

    run = simulate(Own(), VENUES, edge_every_s=0, limits=LimitsConfig(max_deals_per_minute=0))
    run.run_for(5)
    assert told(run) == {}
    run.world.plant("BTC-USDT", "binance", "okx", 0.003, run.now_ns + S, S)
    run.run_for(1.5)
    assert {name: one.reason for name, one in told(run).items()} == {THERE: "max_deals_per_minute"}


def test_the_engine_refuses_strange_tickers_for_every_strategy(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that never asks whether the assets are the same opens no deal, and the reason is told. Once the assets are
    known to be the same, it does."""

    class Bold(Strategy):
        def instruments(self, catalogue: Any) -> Any:
            return catalogue.symbol("BTC-USDT")

        def decide(self, view: Any, touched: Any, now_ns: int) -> Any:
            asks, bids = view.book("binance:BTC-USDT"), view.book("okx:BTC-USDT")
            if asks is None or bids is None or not view.may_trade("binance") or not view.may_trade("okx"):
                return ()
            legs = [
                Leg(instrument="binance:BTC-USDT", side=Side.BUY, qty=0.002, px=asks.ask_px * 1.001),
                Leg(instrument="okx:BTC-USDT", side=Side.SELL, qty=0.002, px=bids.bid_px * 0.999),
            ]
            return [Opportunity(legs=legs, expected_net=1.0, asset="USDT", edge=0.001, seen_ns=now_ns)]

    monkeypatch.setattr(Identity, "unlike", lambda *_: "nothing proves it")
    run = simulate(Bold(), VENUES, edge_every_s=0)
    run.run_for(8)
    assert not any(rows for rows in run.world.orders().values())
    assert run.desk.counters.opportunities_dropped["identity"] > 0
    assert (reason(run), told(run)[THERE].text) == ("identity", "nothing proves it")
    monkeypatch.undo()
    run.run_for(8)
    assert all(rows for rows in run.world.orders().values())


def test_reasons_that_raise_are_told_and_stop_nothing() -> None:
    """A mistake in what only tells is no reason to stop a strategy."""

    class Odd(SpreadArb):
        def reasons(self, view: Any, now_ns: int) -> Any:
            raise ZeroDivisionError("odd")

    run = simulate(Odd(symbols=("BTC-USDT",)), VENUES, edge_every_s=0)
    run.run_for(3)
    (row,) = run.desk.reasons.now(run.now_ns)
    assert (row.name, row.reason, row.text) == ("Odd", "fault", "reasons() raised ZeroDivisionError: odd")
    assert run.desk.reasons.nothing([row]) == ""
    assert not run.desk.engine.strategies[0].failed


def test_a_cooldown_is_no_reason_when_it_is_over() -> None:
    """The engine refuses a deal only when one is proposed; the rest that it told is counted down meanwhile."""

    class Own(Strategy):
        def instruments(self, catalogue: Any) -> Any:
            self.mine = catalogue.symbol("BTC-USDT")
            return self.mine

        def decide(self, view: Any, touched: Any, now_ns: int) -> Any:
            found = best_spread(view, self.mine, touched, now_ns, min_edge=0.0003, max_notional=150.0)
            return [found] if found else []

    run = simulate(Own(), VENUES, edge_every_s=0)
    run.run_for(5)
    pair = "binance:BTC-USDT+okx:BTC-USDT"
    run.desk.limits._rests[pair] = run.now_ns + 4 * S, "a deal was completed"
    run.world.plant("BTC-USDT", "binance", "okx", 0.003, run.now_ns + S, S)
    run.run_for(2)
    assert told(run)[THERE].reason == "cooldown"
    run.run_for(1)
    assert 0 < int(told(run)[THERE].text.partition("another ")[2].split()[0]) <= 1000
    run.run_for(2)
    assert told(run) == {}


def test_asking_changes_nothing() -> None:
    """A run that is asked all the time sends the same commands as one that never is: a replay is never asked."""
    hashes = []
    for asked in (False, True):
        strategy = SpreadArb(symbols=("BTC-USDT",), min_edge=0.0003, max_notional=150.0)
        run = simulate(strategy, VENUES, edge_every_s=2.0)
        for _ in range(300):
            if asked:
                run.desk.reasons.now(run.now_ns)
            run.run_for(0.1)
        assert run.stop()
        assert run.desk.sender.commands
        hashes.append(run.desk.commands_hash())
    assert hashes[0] == hashes[1]


@pytest.fixture
def diary() -> list[tuple[float, str, dict[str, Any]]]:
    return []


def test_the_log_tells_reasons_bases_and_that_nothing_can_be_traded(diary: Any) -> None:
    """Once a minute all pairs; a standing basis when it begins and is over; the alarm after two looks, again each
    minute, and its end."""
    run = simulate(SpreadArb(symbols=("BTC-USDT",), min_edge=0.0003, max_notional=150.0), VENUES, edge_every_s=0)
    run.world.plant("BTC-USDT", "binance", "okx", 0.003, START_NS + S // 10, 100 * S)

    def log(event: str, /, **fields: Any) -> None:
        diary.append(((run.now_ns - START_NS) / S, event, fields))

    pairs = PairLog(run.desk, log)

    def play(seconds: int) -> None:
        for _ in range(seconds):
            run.run_for(1)
            pairs.look(run.now_ns)

    play(140)
    run.desk.venues["okx"].readiness.stop("a test")
    play(90)
    run.desk.venues["okx"].readiness.stop("")
    play(20)
    events = [(round(at), event) for at, event, _ in diary if event != "pairs.idle"]
    assert [event for _, event in events] == [
        "basis.standing",
        "basis.over",
        "alarm.nothing_tradable",
        "alarm.nothing_tradable",
        "pairs.tradable",
    ]
    began, over, alarm, again, tradable = (at for at, _ in events)
    assert began <= 21
    assert 100 <= over <= 121
    assert 150 <= alarm <= 171
    assert again - alarm == 60
    assert 230 <= tradable <= 241
    assert run.desk.counters.alarms["nothing_tradable"] == 2
    idle = [(round(at), fields) for at, event, fields in diary if event == "pairs.idle"]
    assert [at for at, _ in idle] == [61, 121, 181, 241]
    assert idle[0][1]["reasons"] == {"basis": 1, "fees": 1}
    assert idle[0][1]["pairs"][THERE].startswith("basis: the bid is 0.")
    assert idle[2][1]["reasons"] == {"venue": 2}
