"""Fees in another coin (BNB, OKB, MNT): they are seen in fills, priced, and count as what they are. The judge is the
venues' own ledger."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from arbkit import SpreadArb
from arbkit.core.money.limits import LimitsConfig
from arbkit.core.protocols import Strategy, View
from arbkit.core.types import Leg, Mode, Opportunity, Side
from arbkit.testing.simulated import differences
from tests.testing.lives import Lives


class Loser(Strategy):
    """Buys on one venue and sells on another each second, whatever that costs."""

    def __init__(self, buy: str, sell: str) -> None:
        self.venues = buy, sell
        self.next_ns = 0

    def instruments(self, catalogue: Any) -> Any:
        self.listed = {one.venue: one for one in catalogue.symbol("BTC-USDT")}
        return self.listed.values()

    def decide(self, view: View, touched: Sequence[str], now_ns: int) -> Sequence[Opportunity]:
        buy, sell = (self.listed[name] for name in self.venues)
        asks, bids = view.book(buy.id), view.book(sell.id)
        ready = view.may_trade(buy.venue) and view.may_trade(sell.venue)
        if asks is None or bids is None or not ready or now_ns < self.next_ns:
            return ()
        self.next_ns = now_ns + 1_000_000_000
        ask, bid = asks.best_ask(), bids.best_bid()
        assert ask is not None
        assert bid is not None
        legs = (
            Leg(instrument=buy.id, side=Side.BUY, qty=0.003, px=ask[0] * 1.001),
            Leg(instrument=sell.id, side=Side.SELL, qty=0.003, px=bid[0] * 0.999),
        )
        return [Opportunity(legs=legs, expected_net=1.0, asset="USDT", edge=0.001, seen_ns=now_ns)]


@pytest.mark.parametrize(("buy", "sell"), [("binance", "okx"), ("okx", "bybit"), ("bybit", "binance")])
def test_a_loss_paid_in_another_coin_trips_the_breaker(buy: str, sell: str) -> None:
    """No strategy wants a book of the coin; its price is asked for once fees are paid in it."""
    lives = Lives(buy, sell, symbols=("BNB-USDT",))
    for site in lives.world.sites.values():
        site.exchange.accounts["main"].fee_asset = "BNB"
    before = {asset: lives.held(asset) for asset in ("USDT", "BTC", "BNB")}
    limits = LimitsConfig(max_loss_run=Decimal(3), max_deals_per_minute=600, cooldown_ns=0, max_broken=1000)
    run = lives.run(limits, Loser(buy, sell))
    run.run_for(90, lambda: run.desk.gate.mode() is not Mode.ACTIVE)
    assert "loss" in run.desk.gate.why()
    run.stop()
    prices = {"USDT": Decimal(1), "BTC": Decimal(61_800), "BNB": Decimal(620)}
    lost = -sum((lives.held(asset) - before[asset]) * price for asset, price in prices.items())
    assert lives.held("BNB") < before["BNB"]
    assert Decimal(3) <= lost < Decimal(4)
    assert lives.told("price.wanted")
    assert differences(run) == []


def test_purchases_are_not_grossed_up_for_a_fee_in_another_coin() -> None:
    """On the account that pays in BNB, once a fill shows it; the other account goes on as it did."""
    lives = Lives("binance", "okx", symbols=("BNB-USDT",))
    lives.world.sites["binance"].exchange.accounts["main"].fee_asset = "BNB"
    for after_s in (20, 40):
        lives.edge("binance", "okx", after_s)
        lives.edge("okx", "binance", after_s + 10)
    strategy = SpreadArb(symbols=("BTC-USDT",), min_edge=0.0003, min_edge_immovable=0.0003, max_notional=150.0)
    run = lives.run(LimitsConfig(trade_off=False), strategy)
    deals: list[tuple[str, Decimal]] = []
    plan = run.desk.engine.strategies[0].executor.plan

    def planned(*args: Any) -> Any:
        deal = plan(*args)
        if deal is not None:
            deals.append((deal.legs[0].instrument, deal.legs[0].qty / deal.legs[1].qty))
        return deal

    run.desk.engine.strategies[0].executor.plan = planned  # type: ignore[method-assign]  # looks on
    run.run_for(60)
    last = dict(deals)
    assert last["okx:BTC-USDT"] > Decimal("1.0005")
    assert last["binance:BTC-USDT"] < Decimal("1.0005")
    assert run.desk.view.fee_in_base("okx:BTC-USDT")
    assert not run.desk.view.fee_in_base("binance:BTC-USDT")
