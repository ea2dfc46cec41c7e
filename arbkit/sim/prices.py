"""What things cost at a simulated exchange, by its own books."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from arbkit.core.types import plain
from arbkit.sim.matching import SimBook
from arbkit.sim.pair import UNIT, Pair
from arbkit.sim.price import DOLLARS
from arbkit.sim.records import Band

__all__ = ["SimPrices"]


class SimPrices:
    """Middles of books, values in dollars, and price limits. ``SimExchange`` owns one."""

    __slots__ = ("_books", "_pairs")

    def __init__(self, pairs: Mapping[str, Pair], books: Mapping[str, SimBook]) -> None:
        self._pairs = pairs
        self._books = books

    def middle(self, symbol: str) -> int:
        """The middle of the book in ticks; 0 if a side is empty."""
        bid, _, ask, _ = self._books[symbol].top()
        return (bid + ask) // 2 if bid and ask else 0

    def bounds(self, symbol: str, band: Band) -> tuple[str, str]:
        """The highest price of a buy order and the lowest of a sell order, as text."""
        pair, middle = self._pairs[symbol], self.middle(symbol)
        return pair.px_text(int(middle * band.buy_most)), pair.px_text(-int(-middle * band.sell_least))

    def dollars(self, asset: str) -> Decimal:
        """The price of an asset in dollars; 0 if no pair says it."""
        if asset in DOLLARS:
            return Decimal(1)
        for pair in self._pairs.values():
            if pair.base == asset and pair.quote in (*DOLLARS, "BTC") and (middle := self.middle(pair.symbol)):
                return middle * pair.tick * self.dollars(pair.quote)
        return Decimal(0)

    def worth(self, asset: str, amount: int) -> str:
        """The value of a ledger amount in dollars, as text."""
        return self.total([(asset, amount, 0)])

    def total(self, balances: Iterable[tuple[str, int, int]]) -> str:
        """The value of (asset, free, locked) amounts in dollars, as text."""
        values = (self.dollars(asset) * (free + locked) for asset, free, locked in balances)
        return plain(round(sum(values, Decimal(0)) / UNIT, 8))
