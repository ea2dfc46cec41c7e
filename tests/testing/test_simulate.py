"""``arbkit.testing.simulate``: what a test of a strategy gives, and what it gets. The hooks replay byte for byte."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import pytest

from arbkit import Catalogue, ConfigError, Instrument, Opportunity, SpreadArb, Strategy, Trade, View
from arbkit.strategies import best_spread
from arbkit.testing import Fault, Planted, simulate
from arbkit.testing.simulated import Unfinished

S = 1_000_000_000
WIDE = Planted(buy="okx", sell="binance", net=0.004, at_s=3)


class All(Strategy):
    """Has every hook, and lets each of them decide: a timer, prints and its deals change what it does next."""

    pause_s: float = 0.2
    due_ns = 0

    def __init__(self, **settings: object) -> None:
        super().__init__(**settings)
        self.calls: list[str] = []
        self.until_ns = 0
        self.seen = 0
        self.bought = 0.0

    def instruments(self, catalogue: Catalogue) -> Iterable[Instrument]:
        self.listed = catalogue.symbol("BTC-USDT")
        return self.listed

    def trades(self, catalogue: Catalogue) -> Iterable[Instrument]:
        return self.listed

    def on_start(self, view: View, now_ns: int) -> None:
        self.calls.append(f"start {now_ns}")
        self.due_ns = now_ns + S

    def on_stop(self, view: View, now_ns: int) -> None:
        self.calls.append(f"stop {now_ns}")

    def on_timer(self, view: View, now_ns: int) -> None:
        basis = view.basis(self.listed[0].id, self.listed[1].id, 10)
        self.calls.append(f"timer {now_ns} {basis} {view.limits()} {view.price('BTC', 'USDT')}")
        self.due_ns += S

    def on_trade(self, trade: Trade, view: View, now_ns: int) -> None:
        self.bought += trade.qty
        self.calls.append(f"trade {now_ns} {trade}")

    def on_deal(self, deal: Any, view: View, now_ns: int) -> None:
        self.calls.append(f"deal {now_ns} {deal} {view.deals(self)}")
        self.until_ns = now_ns + int(self.pause_s * 1e9)

    def save(self) -> bytes:
        self.seen += 1
        return b"%d %f" % (self.seen, self.bought)

    def load(self, state: bytes) -> None:
        self.seen = int(state.split()[0])

    def decide(self, view: View, touched: Sequence[str], now_ns: int) -> Sequence[Opportunity]:
        if now_ns < self.until_ns:
            return ()
        found = best_spread(view, self.listed, touched, now_ns, min_edge=0.001, max_notional=100 + self.bought % 50)
        return [found] if found else []


def test_a_run_with_all_hooks_replays_byte_for_byte() -> None:
    """Commands and journal; and each hook is called again with the same arguments, in the same order."""
    faults = [Fault(kind="close", venue="okx", at_s=3), Fault(kind="lose_ack", venue="binance", at_s=5)]
    strategy = All()
    run = simulate(strategy, seconds=10, faults=faults, tape=True, state=b"7 0", edge_every_s=1.0)
    assert run.deals
    kinds = {call.partition(" ")[0] for call in strategy.calls}
    assert kinds == {"start", "stop", "timer", "trade", "deal"}
    again = All()
    assert run.replay(again) == []
    assert again.calls == strategy.calls
    assert run.saved.startswith(b"%d " % strategy.seen)
    assert strategy.seen > 7


def test_a_strategy_that_is_not_repeatable_is_found() -> None:
    """A check of the check: another pause gives other commands, and the replay says so."""
    run = simulate(All(), seconds=6, tape=True, edge_every_s=1.0)
    found = run.replay(All(pause_s=5.0))
    assert found
    assert found[0].startswith(("the commands differ: ", "record "))
    with pytest.raises(ConfigError, match="replay needs a run made with tape=True"):
        simulate(All()).replay(All())


def test_an_edge_that_is_planted_is_traded_and_reported() -> None:
    """Deals, gain, fees and the venues' own ledgers; the judge of the gain is what the venues hold."""
    begun = {"USDT": 5_000, "BTC": "0.1"}
    run = simulate(
        SpreadArb(symbols=("BTC-USDT",), max_notional=150.0),
        seconds=6,
        edges=[WIDE],
        balances={"binance": begun, "okx": begun},
        fees={"okx": 0.0005},
    )
    (first, *_) = run.deals
    assert {leg.instrument: leg.side.value for leg in first.legs} == {
        "okx:BTC-USDT": "buy",
        "binance:BTC-USDT": "sell",
    }
    assert first.closed
    assert float(first.net["USDT"]) > 0
    held = {asset: sum(one[asset] for one in run.ledgers.values()) for asset in ("USDT", "BTC")}
    assert held["USDT"] - 10_000 == run.pnl["USDT"]
    assert held["BTC"] - Decimal("0.2") == run.pnl.get("BTC", 0)
    (bought,) = [leg for leg in first.legs if leg.instrument == "okx:BTC-USDT"]
    assert bought.fees["BTC"] == pytest.approx(bought.filled * Decimal("0.0005"), rel=Decimal("0.001"))
    assert run.differences == []
    assert [len(orders) for orders in run.orders.values()] == [len(run.deals)] * 2


def test_why_nothing_was_traded_is_reported() -> None:
    """What the strategy skipped, and what it says now."""
    run = simulate(SpreadArb(symbols=("BTC-USDT",)), seconds=6, edges=[WIDE], balances={"okx": {"BTC": 1}})
    assert run.deals == []
    assert run.skipped["balance"] > 0
    assert {one.reason for one in run.idle} <= {"balance", "fees", "immovable", "limit"}


def test_what_stays_open_is_an_error() -> None:
    """A deal whose other venue answers nothing any more can not be closed."""
    silent = Fault(kind="lose_ack", venue="binance", at_s=2, count=0, cut=True)
    dark = Fault(kind="status", venue="binance", at_s=2, count=0, status=503)
    with pytest.raises(Unfinished, match=r"still open 30 s after the stop: deal \d+ \(binance:BTC"):
        simulate(SpreadArb(symbols=("BTC-USDT",), max_notional=150.0), seconds=5, edges=[WIDE], faults=[silent, dark])


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"venues": ["binanse"]}, "no plugin registers the venue 'binanse', did you mean 'binance'?"),
        ({"symbols": ["BTCUSDT"]}, "simulate: symbols: no 'BTCUSDT' in this run, did you mean 'BTC-USDT'?"),
        ({"fees": {"okex": 0}}, "simulate: fees: no venue 'okex' in this run, did you mean 'okx'?"),
        ({"balances": {"x": {}}}, "simulate: balances: no venue 'x' in this run; there are binance, okx"),
        ({"edges": [WIDE, WIDE]}, "simulate: edges: BTC-USDT already has a planted edge"),
    ],
)
def test_a_wrong_name_is_told(given: dict[str, Any], text: str) -> None:
    """With the nearest one."""
    with pytest.raises(ConfigError) as caught:
        simulate(SpreadArb(symbols=("BTC-USDT",)), **given)
    assert str(caught.value).startswith(text)
