"""The three venues and SpreadArb, as the chaos runner takes them."""

from __future__ import annotations

import pytest
from arbkit_binance.adapter import Binance
from arbkit_binance.dialect import BinanceDialect
from arbkit_bybit.adapter import Bybit
from arbkit_bybit.dialect import BybitDialect
from arbkit_okx.adapter import Okx
from arbkit_okx.dialect import OkxDialect

from arbkit.core.engine import Slot
from arbkit.strategies import SpreadArb, TakerExecutor
from arbkit.testing.chaos import Subject


def spread() -> Slot:
    strategy = SpreadArb(symbols=("BTC-USDT", "ETH-USDT"), min_edge=0.0003, max_notional=500.0)
    return Slot("spread", strategy, TakerExecutor())


SUBJECT = Subject(exchanges=(Binance, Okx, Bybit), dialects=(BinanceDialect, OkxDialect, BybitDialect), slot=spread)


@pytest.fixture(scope="session")
def subject() -> Subject:
    return SUBJECT
