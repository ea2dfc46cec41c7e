"""The strategy: its settings, the books that it needs, and the trades that it proposes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated

from arbkit import Catalogue, DealReport, Instrument, Opportunity, Strategy, View
from arbkit.strategies import best_spread
from msgspec import Meta


class NewName(Strategy):
    """Trades the spread of one symbol between two venues, then pauses."""

    symbol: str = "BTC-USDT"
    min_edge: Annotated[float, Meta(ge=0, lt=1)] = 0.001
    """Minimum net edge, as a fraction."""
    max_notional: Annotated[float, Meta(gt=0)] = 150.0
    """Of one leg, in quote."""
    pause_s: Annotated[float, Meta(ge=0)] = 1.0

    def instruments(self, catalogue: Catalogue) -> Iterable[Instrument]:
        """The symbol on every venue that lists it."""
        self._listed = catalogue.symbol(self.symbol)
        self._not_before_ns = 0
        return self._listed

    def decide(self, view: View, touched: Sequence[str], now_ns: int) -> Sequence[Opportunity]:
        """Called once per socket read that changed a book. It must not wait, do I/O or read a clock."""
        if now_ns < self._not_before_ns:
            return ()
        found = best_spread(view, self._listed, touched, now_ns, min_edge=self.min_edge, max_notional=self.max_notional)
        return () if found is None else (found,)

    def on_deal(self, deal: DealReport, view: View, now_ns: int) -> None:
        """Each change of a deal of its own: the pause begins anew."""
        self._not_before_ns = now_ns + int(self.pause_s * 1e9)
