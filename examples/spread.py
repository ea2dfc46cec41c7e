"""The built-in strategy with your own settings: ``arbkit run spread.py:Majors``.

Every attribute of ``SpreadArb`` can be set here, or under ``params`` of ``[strategy]`` in arbkit.toml.
"""

import arbkit


class Majors(arbkit.SpreadArb):
    """Two symbols on every venue of the configuration that lists them."""

    symbols = ("BTC-USDT", "ETH-USDT")
    min_edge = 0.0008  # 8 basis points of the purchase, after fees, slippage, depth and latency
    max_notional = 150.0
