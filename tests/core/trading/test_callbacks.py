"""The hooks of a strategy beside ``decide``: when each is called, with what, and what happens when it is wrong."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from arbkit import ConfigError, Side, Strategy
from arbkit.core.counters import Counters
from arbkit.core.orders.deals import DealState, Outcome
from arbkit.core.orders.journal import StrategyState
from arbkit.core.trading.callbacks import MOST_STATE, Callbacks
from arbkit.core.trading.hooks import check
from arbkit.core.trading.running import RunningStrategy
from arbkit.core.types import NEVER, OrdStatus
from arbkit.strategies import TakerExecutor

A, B = "aa:BTC-USDT", "bb:BTC-USDT"


@pytest.fixture
def full(kit):
    """A strategy with all hooks. ``calls`` has each call, ``deals`` each report."""

    class Full(kit.strategy):
        due_ns = NEVER

        def __init__(self) -> None:
            super().__init__()
            self.calls: list[tuple[str, int]] = []
            self.deals: list[Any] = []
            self.state: Any = b"1"
            self.loaded: bytes | None = None
            self.bad = ""
            """The hook that raises."""

        def _called(self, name: str, now_ns: int = 0) -> None:
            self.calls.append((name, now_ns))
            if name == self.bad:
                raise ZeroDivisionError("bug")

        def on_deal(self, deal, view, now_ns):
            assert view.now_ns == now_ns
            self.deals.append(deal)
            self._called("on_deal", now_ns)

        def on_timer(self, view, now_ns):
            assert view.now_ns == now_ns
            self._called("on_timer", now_ns)

        def on_start(self, view, now_ns):
            assert len(view.catalogue)
            self._called("on_start", now_ns)

        def on_stop(self, view, now_ns):
            self._called("on_stop", now_ns)

        def save(self):
            self._called("save")
            return self.state

        def load(self, state):
            self.loaded = state
            self._called("load")

        def count(self, name: str) -> int:
            return sum(1 for one, _ in self.calls if one == name)

    return Full


def states(rig) -> list[bytes]:
    return [one.state for one in rig.records("StrategyState")]


# --- deals ------------------------------------------------------------------------------------------------------------


def test_a_deal_is_told_from_its_orders_to_its_end(kit, full):
    """Sent, each fill, closed: one report for each change, with what was expected, filled and gained."""
    strategy = full()
    rig = kit.rig(strategies=[strategy])
    rig.strategy = strategy
    rig.boot()
    buy, sell = rig.trade(0.1)
    assert [(deal.state, deal.filled, deal.orders) for deal in strategy.deals] == [(DealState.SENT, 0.0, 2)]
    rig.fill(buy)
    (half,) = strategy.deals[1:]
    assert [leg.filled for leg in half.legs] == [Decimal("0.1"), Decimal(0)]
    assert (half.state, half.net["BTC"], half.closed) == (DealState.SENT, Decimal("0.1"), False)
    rig.fill(sell)
    (end,) = strategy.deals[2:]
    assert (end.outcome, end.why, end.expected, end.asset) == (Outcome.HEDGED, end.why, 1.0, "USDT")
    assert end.why
    assert end.closed
    assert end.closed_ns == rig.now
    assert end.net == {"USDT": Decimal("0.1") * (Decimal("99.9") - Decimal("100.2"))}
    assert [(leg.instrument, leg.side, leg.avg_px) for leg in end.legs] == [
        (A, Side.BUY, Decimal("100.2")),
        (B, Side.SELL, Decimal("99.9")),
    ]
    assert [deal.id for deal in strategy.deals] == [end.id] * 3


def test_an_acknowledgement_that_changes_nothing_is_not_told(kit, full):
    """Only what a strategy can see in the report is a change."""
    strategy = full()
    rig = kit.rig(strategies=[strategy])
    rig.strategy = strategy
    rig.boot()
    buy, _ = rig.trade(0.1)
    rig.say("aa.private", rig.report(buy, OrdStatus.NEW, order_id="v1"))
    assert len(strategy.deals) == 1


def test_each_strategy_is_told_of_its_own_deals(kit, full):
    """The other one has no part in it."""
    mine, other = full(), full()
    rig = kit.rig(strategies=[mine, other])
    rig.strategy = mine
    rig.boot()
    rig.trade()
    assert mine.deals
    assert other.deals == []


def test_a_strategy_that_raises_in_on_deal_is_out_and_its_deal_is_hedged(kit, full):
    """The leg that stays empty is completed by the executor all the same."""
    strategy = full()
    strategy.bad = "on_deal"
    rig = kit.rig(strategies=[strategy])
    rig.strategy = strategy
    rig.boot()
    buy, sell = rig.trade(0.1)
    assert rig.log.of("strategy.failed")[0]["error"] == "ZeroDivisionError: bug"
    before = len(rig.orders())
    rig.fill(buy)
    rig.say("bb.private", rig.report(sell, OrdStatus.EXPIRED, cum_qty=Decimal(0), order_id="v2"))
    rig.run(1)
    assert len(rig.orders()) > before, "nobody hedges"
    assert strategy.count("on_deal") == 1


# --- timers -----------------------------------------------------------------------------------------------------------


def test_a_timer_is_called_when_it_is_due(kit, full):
    """At that time, once; again only for a new ``due_ns``."""
    strategy = full()
    rig = kit.rig(strategies=[strategy])
    strategy.due_ns = rig.now + 3 * kit.S
    rig.boot()
    rig.run(10)
    assert [at for name, at in strategy.calls if name == "on_timer"] == [kit.START + 3 * kit.S]
    assert strategy.due_ns == NEVER
    strategy.due_ns = rig.now + kit.S
    rig.run(5)
    assert strategy.count("on_timer") == 2


def test_a_regular_timer_keeps_its_beat(kit, full):
    """``due_ns += period`` gives one call a period, also if one came late."""
    strategy = full()

    def beat(view: Any, now_ns: int) -> None:
        strategy.calls.append(("on_timer", now_ns))
        strategy.due_ns += kit.S

    strategy.on_timer = beat
    rig = kit.rig(strategies=[strategy])
    strategy.due_ns = rig.now + kit.S
    rig.boot()
    rig.run(4.5)
    rig.later(3000)
    rig.run(1)
    times = [(at - kit.START) / kit.S for name, at in strategy.calls if name == "on_timer"]
    assert times[:4] == [1.0, 2.0, 3.0, 4.0]
    assert len(times) == 8


@pytest.mark.parametrize("due", [1.5e18, None, "soon"])
def test_a_time_that_is_no_whole_number_of_ns_is_told(kit, full, due):
    """A float has no nanoseconds left at this size."""
    strategy = full()
    rig = kit.rig(strategies=[strategy]).boot()
    strategy.due_ns = due
    rig.wake()
    (told,) = rig.log.of("strategy.failed")
    assert told["error"] == f"TypeError: due_ns is {due!r}; it is a time in ns, a whole number"


# --- start, stop, state -----------------------------------------------------------------------------------------------


def test_start_comes_before_the_first_decision_and_stop_once(kit, full):
    """Start when the instruments are known; stop when no deals begin any more."""
    strategy = full()
    rig = kit.rig(strategies=[strategy])
    rig.run(0.1)
    assert [name for name, _ in strategy.calls] == ["on_start"]
    assert not strategy.touched
    rig.boot()
    rig.desk.stop(rig.now)
    rig.desk.halt(rig.now)
    assert [name for name, _ in strategy.calls] == ["on_start", "on_stop", "save"]


def test_a_state_is_journaled_after_a_deal_at_most_once_a_second(kit, full):
    """One that is the same as before is not written again; one that must wait is written when the second is over."""
    strategy = full()
    rig = kit.rig(strategies=[strategy])
    rig.strategy = strategy
    rig.boot()
    for number in range(3):
        strategy.state = b"%d" % number
        for one in rig.trade():
            rig.fill(one)
    assert states(rig) == [b"0"]
    assert not rig.desk.idle
    rig.run(1.5)
    assert states(rig) == [b"0", b"2"]
    assert rig.desk.idle
    for one in rig.trade():
        rig.fill(one)
    rig.run(1)
    assert (strategy.count("save"), states(rig)) == (3, [b"0", b"2"])
    strategy.state = b"end"
    rig.desk.stop(rig.now)
    assert states(rig)[-1] == b"end"


def test_the_next_run_loads_what_was_saved(kit, full):
    """Before anything else is asked of the strategy."""
    strategy = full()
    slots = [RunningStrategy("s0", strategy, TakerExecutor(), state=b"kept")]
    rig = kit.rig(strategies=[kit.strategy()])
    setup = type(rig.desk.setup)(venues=rig.desk.setup.venues, strategies=slots, block=8)
    type(rig.desk)(setup, rig.port, rig.now)
    assert (strategy.loaded, strategy.calls) == (b"kept", [("load", 0)])
    strategy.bad = "load"
    with pytest.raises(ConfigError, match=r"strategy s0: load\(\) cannot read what save\(\) returned .*Zero"):
        type(rig.desk)(setup, rig.port, rig.now)


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("text", "TypeError: save() returned 'text'; return bytes"),
        (None, "TypeError: save() returned None; return bytes"),
        (b"x" * (MOST_STATE + 1), "TypeError: save() returned 65537 bytes; at most 65536 are kept"),
    ],
    ids=["text", "None", "long"],
)
def test_a_state_that_cannot_be_kept_is_told(kit, full, state, told):
    """And nothing is written."""
    strategy = full()
    strategy.state = state
    rig = kit.rig(strategies=[strategy]).boot()
    rig.desk.stop(rig.now)
    assert rig.log.of("strategy.failed")[0]["error"] == told
    assert states(rig) == []


@pytest.mark.parametrize("hook", ["on_start", "on_timer", "on_stop", "save"])
def test_a_hook_that_raises_stops_its_strategy_and_nobody_else(kit, full, hook):
    """It is counted, logged with its place, and not called again."""
    bad, good = full(), full()
    bad.bad = hook
    bad.due_ns = good.due_ns = kit.START + kit.S
    rig = kit.rig(strategies=[bad, good]).boot()
    rig.run(2)
    rig.desk.stop(rig.now)
    assert rig.desk.counters.strategy_faults == {"s0": 1}
    assert "test_callbacks.py:" in rig.log.of("strategy.failed")[0]["where"]
    assert bad.count(hook) == 1
    assert {name for name, _ in good.calls} == {"on_start", "on_timer", "on_stop", "save"}


def test_what_a_hook_returns_is_told(kit, full):
    """Only ``decide`` proposes trades: a list that nobody reads would be lost in silence."""
    strategy = full()
    strategy.on_start = lambda view, now_ns: [1]
    rig = kit.rig(strategies=[strategy]).boot()
    told = "TypeError: on_start() returned [1]; return nothing: trades are proposed by decide()"
    assert rig.log.of("strategy.failed")[0]["error"] == told


def test_a_slow_hook_is_named(kit, full):
    """Once a minute, with its time; the fast ones are only counted."""
    rows: list[tuple[str, dict[str, Any]]] = []
    counters, clock = Counters(), iter(range(0, 10**12, 15_000_000))
    view = kit.rig().desk.view
    running = RunningStrategy("s0", kit.strategy(), TakerExecutor())
    running.strategy.on_start = lambda view, now_ns: None

    def log(event: str, /, **fields: Any) -> None:
        rows.append((event, fields))

    callbacks = Callbacks([running], view, lambda _: None, counters, log, lambda: next(clock))
    callbacks.started(running, kit.START)
    callbacks.started(running, kit.START + kit.S)
    callbacks.started(running, kit.START + 61 * kit.S)
    assert rows == [("strategy.slow", {"strategy": "s0", "hook": "on_start", "ms": 15.0})] * 2
    assert counters.callbacks["s0", "on_start"].count == 3


# --- the check at the start -------------------------------------------------------------------------------------------


class Plain(Strategy):
    def instruments(self, catalogue):
        return ()

    def decide(self, view, touched, now_ns):
        return ()


async def waits(self, deal, view, now_ns): ...


def yields(self, deal, view, now_ns):
    yield 1


HOOKS: dict[str, tuple[dict[str, Any], str]] = {
    "misspelt": (
        {"on_deals": lambda self, deal, view, now_ns: None},
        "on_deals() is no method that arbkit calls; did you mean def on_deal(self, deal, view, now_ns)?",
    ),
    "unknown": (
        {"on_candle": lambda self: None},
        "on_candle() is no method that arbkit calls; the methods are instruments, decide, trades",
    ),
    "in another style": (
        {"onTimer": lambda self, view, now_ns: None, "due_ns": 0},
        "onTimer() is no method that arbkit calls; did you mean def on_timer(self, view, now_ns)?",
    ),
    "without its prefix": (
        {"trade": lambda self: None},
        "trade() is no method that arbkit calls; did you mean def on_trade(self, trade, view, now_ns)?",
    ),
    "of an executor": ({"on_order": lambda self: None}, "on_order() is a method of an executor"),
    "too few arguments": (
        {"on_deal": lambda self, deal: None},
        "on_deal(self, deal) has other arguments; write def on_deal(self, deal, view, now_ns)",
    ),
    "too many arguments": (
        {"decide": lambda self, view, touched, now_ns, more: ()},
        "decide(self, view, touched, now_ns, more) has other arguments; write def decide(self, view, touched, now_ns)",
    ),
    "async": ({"on_deal": waits}, "on_deal() is async: nobody waits for it; write def on_deal(self, deal, view"),
    "a generator": ({"on_deal": yields}, "on_deal() has a yield, so a call does nothing"),
    "trades alone": ({"trades": lambda self, catalogue: ()}, "trades() needs on_trade(trade, view, now_ns) beside it"),
    "on_trade alone": ({"on_trade": lambda self, trade, view, now_ns: None}, "on_trade() needs trades(catalogue)"),
    "save alone": ({"save": lambda self: b""}, "save() needs load(state) beside it"),
    "load alone": ({"load": lambda self, state: None}, "load() needs save() beside it"),
    "a timer without a time": (
        {"on_timer": lambda self, view, now_ns: None},
        "on_timer() needs the attribute due_ns, the time in ns of its next call",
    ),
    "a time without a timer": ({"due_ns": 5}, "due_ns needs on_timer(view, now_ns) beside it"),
    "what it asks": ({"asks": "tops"}, "asks is 'tops': it is 'top' or 'depth', did you mean 'top'?"),
}


@pytest.mark.parametrize(("body", "text"), HOOKS.values(), ids=HOOKS)
def test_a_wrong_hook_is_told_at_the_start(body: dict[str, Callable[..., Any]], text: str):
    """With the strategy, what is wrong, and what to write."""
    with pytest.raises(ConfigError) as caught:
        check(type("Mine", (Plain,), body)())
    assert str(caught.value).startswith(f"strategy Mine: {text}")


def test_every_hook_and_own_names_pass():
    """All hooks at once, with defaults and ``*``, and helpers with names of their own."""

    class Whole(Plain):
        due_ns = 0

        def trades(self, catalogue):
            return ()

        def on_trade(self, trade, view, now_ns, *, more=1): ...
        def on_deal(self, *arguments): ...
        def on_timer(self, view, now_ns): ...
        def on_start(self, view, now_ns=0): ...
        def on_stop(self, view, now_ns): ...
        def save(self):
            return b""

        def load(self, state): ...
        def refresh(self): ...
        def spread(self): ...

    check(Whole())


def test_states_are_carried_by_strategy_and_environment(kit):
    """Into a fresh journal too; ``--settled`` and a paper run leave them; another environment has its own."""
    from arbkit.core.orders.carried import Carried
    from arbkit.core.orders.journal import RunStart, Settled

    def began(environment: str, at_ns: int, mode: str = "live") -> RunStart:
        return RunStart(at_ns=at_ns, mode=mode, account="aa:main", environment=environment, code="0")

    carried = Carried()
    for record in (
        began("prod", 1),
        StrategyState(at_ns=2, strategy="one", state=b"old"),
        StrategyState(at_ns=3, strategy="one", state=b"new"),
        began("testnet", 4, "paper"),
        StrategyState(at_ns=5, strategy="one", state=b"test"),
        began("prod", 6),
        StrategyState(at_ns=7, strategy="two", state=b"two"),
        Settled(at_ns=8),
    ):
        carried.take(record)
    fresh = Carried()
    for record in carried.records():
        fresh.take(record)
    for one in (carried, fresh):
        assert one.states({"aa:main": "prod"}) == {"one": b"new", "two": b"two"}
        assert one.states({"aa:main": "testnet"}) == {"one": b"test"}
