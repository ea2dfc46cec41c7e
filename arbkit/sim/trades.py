"""The public trades of one pair of a simulated exchange: the newest, the day's statistics, and candles."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from arbkit.core.types import Side
from arbkit.sim.records import TradeReport

__all__ = ["MINUTE", "Candle", "Trades"]

MINUTE: Final = 60_000_000_000
"""The shortest candle, in nanoseconds."""


@dataclass(slots=True)
class Candle:
    """The trades of some time: prices in ticks, quantities in lots; zeros before the first trade."""

    ns: int = 0
    """When it begins."""
    open: int = 0
    high: int = 0
    low: int = 0
    last: int = 0
    last_qty: int = 0
    qty: int = 0
    turnover: int = 0
    """The sum of ticks times lots."""
    bought: int = 0
    """The part of ``qty`` whose taker bought."""
    spent: int = 0
    """The part of ``turnover`` whose taker bought."""
    count: int = 0
    first_id: int = 0
    last_id: int = 0

    @classmethod
    def of(cls, trade: TradeReport) -> Candle:
        """One trade as a candle."""
        turnover, buys = trade.px * trade.qty, trade.side is Side.BUY
        bought, spent = (trade.qty, turnover) if buys else (0, 0)
        px, qty = trade.px, trade.qty
        return cls(trade.ns, px, px, px, px, qty, qty, turnover, bought, spent, 1, trade.id, trade.id)

    def join(self, later: Candle) -> None:
        """Count the trades of a later candle."""
        if not later.count:
            return
        self.open, self.first_id = self.open or later.open, self.first_id or later.first_id
        self.high, self.low = max(self.high, later.high), min(self.low or later.low, later.low)
        self.last, self.last_qty, self.last_id = later.last, later.last_qty, later.last_id
        self.qty += later.qty
        self.turnover += later.turnover
        self.bought += later.bought
        self.spent += later.spent
        self.count += later.count


class Trades:
    """The public trades of one pair. ``SimExchange`` owns one per pair."""

    __slots__ = ("_minutes", "day", "newest")

    def __init__(self) -> None:
        self.newest: deque[TradeReport] = deque(maxlen=1000)
        """Oldest first."""
        self.day = Candle()
        """All trades since the start."""
        self._minutes: dict[int, Candle] = {}

    def add(self, trade: TradeReport) -> None:
        self.newest.append(trade)
        one, minute = Candle.of(trade), trade.ns // MINUTE * MINUTE
        self.day.join(one)
        self._minutes.setdefault(minute, Candle(minute)).join(one)

    def candles(self, period_ns: int, since_ns: int, until_ns: int) -> list[Candle]:
        """The candles of ``period_ns`` (a number of minutes) that begin from ``since_ns`` to ``until_ns``, oldest
        first, none before the first trade. One without trades has the last price before it."""
        found: dict[int, Candle] = {}
        for minute, candle in self._minutes.items():
            start = minute // period_ns * period_ns
            found.setdefault(start, Candle(start)).join(candle)
        rows, last = [], 0
        for start in range(min(found), until_ns + 1, period_ns) if found else ():
            row = found.get(start) or Candle(start, last, last, last, last)
            last = row.last
            if start >= since_ns:
                rows.append(row)
        return rows
