"""Buy where it is cheaper, sell where it is dearer, at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from arbkit.core.protocols import Strategy, View
from arbkit.core.types import Catalogue, Instrument, Opportunity

__all__ = ["SpreadArb", "best_spread"]


def best_spread(
    view: View, instruments: Sequence[Instrument], touched: Sequence[str], now_ns: int, *, min_edge: float = 0.001,
    max_notional: float = 1_000.0, slippage: float = 0.0001, latency_cost_per_s: float = 0.0002,
    fee_in_base: bool = True,
) -> Opportunity | None:  # fmt: skip
    """The best trade now among instruments of one symbol, one of them ``touched``."""
    raise NotImplementedError


class SpreadArb(Strategy):
    """Two venues, one symbol, both legs at once. Subclass it and set attributes, or pass them by name."""

    symbols: Sequence[str] = ()
    min_edge: float = 0.001
    min_edge_immovable: float = 0.005
    max_stock_immovable: float = 5_000.0
    max_edge: float = 0.03
    max_notional: float = 1_000.0
    slippage: float = 0.0001
    latency_cost_per_s: float = 0.0002
    cooldown_s: float = 0.1
    fee_in_base: bool = True

    def __init__(self, **settings: object) -> None:
        self.seen = 0
        self.taken = 0
        self.skipped: dict[str, int] = {}

    def instruments(self, catalogue: Catalogue) -> Iterable[Instrument]:
        raise NotImplementedError

    def decide(self, view: View, touched: Sequence[str], now_ns: int) -> Sequence[Opportunity]:
        raise NotImplementedError
