"""A strategy with its own ``decide``: ``arbkit run own_strategy.py:Patient``.

``decide`` gets the changed instruments and returns the trades that it proposes. It must not send, wait or do I/O.
"""

from collections.abc import Iterable, Sequence

from arbkit import Catalogue, Instrument, Opportunity, Strategy, View
from arbkit.strategies import best_spread


class Patient(Strategy):
    """Trades an edge only after it has existed for 50 ms, and then pauses for 1 s."""

    symbol = "BTC-USDT"
    stand_ns = 50_000_000
    rest_ns = 1_000_000_000

    def __init__(self) -> None:
        self.listed: list[Instrument] = []
        self.since_ns = 0
        self.not_before_ns = 0

    def instruments(self, catalogue: Catalogue) -> Iterable[Instrument]:
        self.listed = catalogue.symbol(self.symbol)
        return self.listed

    def decide(self, view: View, touched: Sequence[str], now_ns: int) -> Sequence[Opportunity]:
        if now_ns < self.not_before_ns:
            return ()
        found = best_spread(view, self.listed, touched, now_ns, min_edge=0.0005, max_notional=150.0)
        if found is None:
            self.since_ns = 0
            return ()
        self.since_ns = self.since_ns or now_ns
        if now_ns - self.since_ns < self.stand_ns:
            return ()
        self.since_ns = 0
        self.not_before_ns = now_ns + self.rest_ns
        return (found,)
