"""The strategy: the books that it needs, and the trades that it proposes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from arbkit import Catalogue, Instrument, Opportunity, Strategy, View
from arbkit.strategies import best_spread


class NewName(Strategy):
    """Trades the spread of one symbol between two venues, then pauses."""

    def __init__(
        self, symbol: str = "BTC-USDT", min_edge: float = 0.001, max_notional: float = 150.0, pause_s: float = 1.0
    ) -> None:
        self.symbol = symbol
        self.min_edge = min_edge
        self.max_notional = max_notional
        self.pause_ns = int(pause_s * 1e9)
        self.listed: Sequence[Instrument] = ()
        self.not_before_ns = 0

    def instruments(self, catalogue: Catalogue) -> Iterable[Instrument]:
        """The symbol on every venue that lists it."""
        self.listed = catalogue.symbol(self.symbol)
        return self.listed

    def decide(self, view: View, touched: Sequence[str], now_ns: int) -> Sequence[Opportunity]:
        """Called once per socket read that changed a book. It must not wait, do I/O or read a clock."""
        if now_ns < self.not_before_ns:
            return ()
        found = best_spread(view, self.listed, touched, now_ns, min_edge=self.min_edge, max_notional=self.max_notional)
        if found is None:
            return ()
        self.not_before_ns = now_ns + self.pause_ns
        return (found,)
