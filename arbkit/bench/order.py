"""``arbkit bench order``: from a decision to both orders of a deal handed to the links, step by step.

A desk on two simulated venues in virtual time, with their real protocols: signed orders on both trade sockets, intents
encoded for the journal. ``warm``: decisions in a row; ``cold``: each after 20 ms in which the processor did something
else, which is the usual case: its caches hold other data then. A step's time contains the steps within it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import contextmanager
from decimal import Decimal
from statistics import median
from threading import Event
from typing import Any

from msgspec import Struct

from arbkit.bench.measure import ROUNDS, perf_ns, rounds
from arbkit.core.errors import ArbkitError
from arbkit.core.money.gate import GateConfig
from arbkit.core.money.limits import LimitsConfig
from arbkit.core.protocols import Strategy, View
from arbkit.core.types import Catalogue, Instrument, Leg, Opportunity, Side
from arbkit.plugins.registry import load
from arbkit.testing.simulated import simulate
from arbkit.testing.virtual import VirtualRun

__all__ = ["OrderResult", "order"]

SYMBOL = "BTC-USDT"
BURST, WARM_UP = 8, 3
"""Decisions in a row, of which the first are not counted."""
BURSTS = 6
COLD = 12
REST_S = 0.02
_MANY = Decimal(10_000_000)


class OrderResult(Struct, kw_only=True):
    """One way, or one step of the warm way. Times are microseconds; a step's is its median."""

    what: str
    median_us: float
    mean_us: float | None = None
    p99_us: float | None = None
    samples: int = 0
    calibration_us: float | None = None


class _Proposes(Strategy):
    """Proposes a deal when it is told to: now here, now there, so that balances last."""

    def __init__(self) -> None:
        self.wanted = False
        self.turn = 0
        self.listed: Sequence[Instrument] = ()

    def instruments(self, catalogue: Catalogue) -> Sequence[Instrument]:
        self.listed = catalogue.symbol(SYMBOL)[:2]
        return self.listed

    def decide(self, view: View, touched: Sequence[str], now_ns: int) -> Sequence[Opportunity]:
        if not self.wanted:
            return ()
        self.wanted = False
        self.turn += 1
        buy, sell = self.listed if self.turn % 2 else self.listed[::-1]
        asks, bids = view.book(buy.id), view.book(sell.id)
        if asks is None or bids is None:
            return ()
        legs = (
            Leg(instrument=buy.id, side=Side.BUY, qty=0.001, px=asks.ask_px * 1.001),
            Leg(instrument=sell.id, side=Side.SELL, qty=0.001, px=bids.bid_px * 0.999),
        )
        return (Opportunity(legs=legs, expected_net=1.0, asset=buy.quote, edge=0.001, seen_ns=now_ns),)


class _Desk:
    """A desk that trades, and its deals."""

    def __init__(self) -> None:
        registry = load(dialects=True)
        able = [name for name in registry.exchanges if name in registry.dialects]
        names = [name for name in ("binance", "okx") if name in able] or able
        if len(names) < 2:
            raise ArbkitError("bench order needs two venues with a simulator: pip install arbkit-binance arbkit-okx")
        self.strategy = _Proposes()
        self.run: VirtualRun = simulate(
            self.strategy,
            {registry.exchange(name): registry.dialects[name] for name in names[:2]},
            edge_every_s=0,
            limits=LimitsConfig(
                max_deals_per_minute=10_000,
                max_open_deals=100,
                max_open_notional=_MANY,
                max_venue_notional=_MANY,
                max_asset_notional=_MANY,
                max_loss_day=_MANY,
                max_loss_run=_MANY,
                cooldown_ns=0,
            ),
            gate=GateConfig(orders_per_second=1_000, notional_per_minute=_MANY),
        )
        self.desk = self.run.desk
        self.run.run_for(15)
        self.link = next(link for link, one in self.desk.links.items() if one.spec.instruments)

    def decide(self) -> int:
        """One decision with two orders, in ns."""
        desk, touched = self.desk, self.strategy.listed[0].id
        self.strategy.wanted = True
        desk.market.touched[touched] = None
        before, now_ns = desk.engine.legs_sent, self.run.clock_ns
        began = perf_ns()
        desk.read_end(self.link, now_ns)
        took = perf_ns() - began
        if desk.engine.legs_sent != before + 2:
            raise ArbkitError(f"bench order: no deal was made: {dict(desk.counters.opportunities_dropped)}")
        self.run.now_ns += 1_000
        return took

    def warm(self) -> list[int]:
        """Decisions in a row."""
        took: list[int] = []
        for _ in range(BURSTS):
            took += [self.decide() for _ in range(BURST)][WARM_UP:]
            self.run.run_for(12)
        return took

    def cold(self) -> list[int]:
        """Decisions after a rest."""
        took = []
        for _ in range(COLD):
            self.run.run_for(2)
            Event().wait(REST_S)
            took.append(self.decide())
        return took


def order() -> list[OrderResult]:
    """Measure both ways in the same rounds, then the steps of the warm one."""
    desk = _Desk()
    desk.warm()
    samples, calibration = rounds({"warm": desk.warm, "cold": desk.cold}, ROUNDS)
    results = [
        OrderResult(
            what=name,
            median_us=sample.median_us,
            mean_us=sample.mean_us,
            p99_us=sample.p99_us,
            samples=sample.count,
            calibration_us=calibration,
        )
        for name, sample in samples.items()
    ]
    if not desk.run.stop():
        raise ArbkitError("bench order: a deal was left open")
    return results + _steps()


def _steps() -> list[OrderResult]:
    """The warm way again, with each step timed."""
    made = _Desk()
    desk = made.desk
    engine, sender = desk.engine, desk.sender
    executor = engine.strategies[0].executor
    watched: list[tuple[str, Any, str]] = [
        ("plan", executor, "plan"),
        ("reserve", desk.limits, "reserve"),
        ("gate", desk.gate, "check"),
        ("tokens", sender, "grant"),
        ("add", engine, "_add"),
        ("send", sender, "send"),
        ("send: journal", sender, "flush"),
        ("send: encode and sign", sender, "_make"),
        ("send: hand over", sender, "_hand_over"),
    ]
    took: dict[str, list[int]] = {name: [] for name, _, _ in watched}
    made.warm()
    with _watching(watched, took):
        decisions = len(made.warm()) * BURST // (BURST - WARM_UP)
    return [
        OrderResult(what=name, median_us=round(median(spans) * len(spans) / decisions / 1000, 1), samples=len(spans))
        for name, spans in took.items()
        if spans
    ]


@contextmanager
def _watching(watched: Sequence[tuple[str, Any, str]], took: dict[str, list[int]]) -> Any:
    def timed(call: Callable[..., Any], spans: list[int]) -> Callable[..., Any]:
        def run(*args: Any, **named: Any) -> Any:
            began = perf_ns()
            try:
                return call(*args, **named)
            finally:
                spans.append(perf_ns() - began)

        return run

    for name, owner, method in watched:
        setattr(owner, method, timed(getattr(owner, method), took[name]))
    try:
        yield
    finally:
        for _, owner, method in watched:
            delattr(owner, method)
