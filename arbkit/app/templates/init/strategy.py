"""The strategy of this folder: `arbkit run` runs it on paper, `arbkit demo strategy:Mine` on simulated venues."""

from arbkit import SpreadArb


class Mine(SpreadArb):
    """Buys on one venue and sells on another at the same time, when the edge after all fees is large enough."""

    symbols = ("BTC-USDT", "ETH-USDT")
    min_edge = 0.001  # 0.1 % of the notional, after fees and slippage
    max_notional = 100.0  # of one deal, in the quote asset
