"""Candles of a pair's public trades."""

from __future__ import annotations

from arbkit.core.types import Side
from arbkit.sim.trades import MINUTE, Trades
from arbkit.sim.venue import TradeReport

T0 = 1_750_000_020_000_000_000 // MINUTE * MINUTE


def trades(*made: tuple[int, Side, int, int]) -> Trades:
    """Trades of (nanoseconds after T0, the taker's side, price, quantity)."""
    found = Trades()
    for number, (after_ns, side, px, qty) in enumerate(made, 1):
        found.add(TradeReport(number, "A-B", side, px, qty, T0 + after_ns))
    return found


def test_a_candle_sums_its_trades() -> None:
    """First, highest, lowest and last price; sums, also of what takers bought; the trade on the border is the next
    candle's."""
    made = trades((0, Side.BUY, 10, 2), (1, Side.SELL, 12, 3), (MINUTE - 1, Side.BUY, 9, 1), (MINUTE, Side.BUY, 20, 5))
    one, two = made.candles(MINUTE, 0, T0 + MINUTE)
    assert (one.ns, one.open, one.high, one.low, one.last) == (T0, 10, 12, 9, 9)
    assert (one.qty, one.turnover, one.bought, one.spent) == (6, 65, 3, 29)
    assert (one.count, one.first_id, one.last_id, one.last_qty) == (3, 1, 3, 1)
    assert (two.ns, two.open, two.qty, two.first_id) == (T0 + MINUTE, 20, 5, 4)
    assert (made.day.open, made.day.last, made.day.qty, made.day.count) == (10, 20, 11, 4)


def test_a_candle_without_trades_has_the_last_price() -> None:
    """Time without a trade has candles of no volume at the last price; before the first trade there is none, and a
    start leaves out the older ones, not their price."""
    made = trades((0, Side.BUY, 10, 2), (3 * MINUTE, Side.BUY, 30, 1))
    rows = made.candles(MINUTE, T0 - 5 * MINUTE, T0 + 4 * MINUTE)
    assert [(row.open, row.high, row.low, row.last, row.qty) for row in rows] == [
        (10, 10, 10, 10, 2),
        (10, 10, 10, 10, 0),
        (10, 10, 10, 10, 0),
        (30, 30, 30, 30, 1),
        (30, 30, 30, 30, 0),
    ]
    assert made.candles(MINUTE, T0 + MINUTE, T0 + MINUTE)[0].last == 10
    assert Trades().candles(MINUTE, 0, T0) == []
