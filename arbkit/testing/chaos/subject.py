"""What a chaos run tests: adapters with their simulated venues, a strategy, limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Protocol

from msgspec import Struct

from arbkit.core.money.gate import GateConfig
from arbkit.core.money.limits import LimitsConfig
from arbkit.core.protocols import Exchange
from arbkit.core.trading.running import RunningStrategy
from arbkit.core.types import VenueSettings
from arbkit.sim.dialect import Dialect
from arbkit.strategies import SpreadArb, TakerExecutor, TriangularArb

__all__ = ["DEALS", "DeskUnderTest", "MakeExchange", "chain", "spread", "staged", "triangle"]

LIMITS = LimitsConfig(
    max_order_notional=Decimal(1_000),
    max_deal_notional=Decimal(1_000),
    max_open_deals=3,
    max_open_notional=Decimal(1_500),
    max_venue_notional=Decimal(1_500),
    max_asset_notional=Decimal(1_000),
    max_deals_per_minute=600,
    cooldown_ns=500_000_000,
    max_broken=1_000,
    max_loss_day=Decimal(10_000),
    max_loss_run=Decimal(10_000),
)
GATE = GateConfig(max_order_notional=Decimal(3_000), orders_per_second=100, notional_per_minute=Decimal(1_000_000))


class MakeExchange(Protocol):
    @property
    def venue(self) -> str: ...
    def __call__(self, settings: VenueSettings) -> Exchange: ...


def spread() -> RunningStrategy:
    """``SpreadArb`` on two symbols, with the usual executor."""
    strategy = SpreadArb(symbols=("BTC-USDT", "ETH-USDT"), min_edge=0.0003, max_notional=500.0)
    return RunningStrategy("spread", strategy, TakerExecutor())


def staged() -> RunningStrategy:
    """The same, with the leg first that needs most of its book."""
    return RunningStrategy("spread", spread().strategy, TakerExecutor(policy="thin_first"))


def triangle() -> RunningStrategy:
    """``TriangularArb`` with three legs at once."""
    strategy = TriangularArb(assets=("USDT", "BTC", "ETH"), min_edge=0.0003, max_notional=400.0)
    return RunningStrategy("triangle", strategy, TakerExecutor())


def chain() -> RunningStrategy:
    """``TriangularArb`` with one leg after the other."""
    strategy = TriangularArb(assets=("USDT", "BTC", "ETH"), min_edge=0.0003, max_notional=400.0, one_by_one=True)
    return RunningStrategy("triangle", strategy, TakerExecutor())


DEALS: Mapping[str, Callable[[], RunningStrategy]] = {"staged": staged, "triangle": triangle, "chain": chain}
"""What a plan's ``deals`` means, beside ``pair``: that is the subject's own strategy."""


class DeskUnderTest(Struct, frozen=True, kw_only=True):
    """The adapters and the strategy to test."""

    exchanges: Sequence[MakeExchange]
    """Exchange classes, as their plugins register them."""
    dialects: Sequence[type[Dialect]]
    """Their simulated venues."""
    slot: Callable[[], RunningStrategy] = spread
    """Makes the running strategy (a strategy and its executor), new for each process."""
    limits: LimitsConfig = LIMITS
    gate: GateConfig = GATE

    @property
    def venues(self) -> list[str]:
        """The names of the venues."""
        return [dialect.venue for dialect in self.dialects]
