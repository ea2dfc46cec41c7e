"""Deals that fill as planned never add up to a position: what rounding leaves of one is taken into the next."""

from __future__ import annotations

from decimal import Decimal
from random import Random

import pytest

from arbkit.core.money.leftovers import Leftovers
from arbkit.core.types import Leg, Opportunity, Side
from arbkit.strategies import TakerExecutor

PX = 60_000.0


def drift(made, deals: int, lots: tuple[str, str], fee: str, seed: int = 1) -> tuple[Decimal, Decimal]:
    """The largest and the last leftover, in lots of the coarser instrument, of so many deals on three venues whose
    purchases pay ``fee`` from what was bought. The sums are made here, not by what is tested."""
    rng = Random(seed)
    names = ("a", "b", "c")
    lot = dict(zip(names, (*lots, lots[0]), strict=True))
    view = made.view(*(made.instrument(name, lot=lot[name]) for name in names))
    left = Leftovers(lambda held, asset: Decimal(60_000), "USDT")
    executor = TakerExecutor()
    rate = Decimal(fee)
    net = worst = Decimal(0)
    for number in range(deals):
        buy, sell = rng.sample(names, 2)
        qty = rng.uniform(0.01, 0.3)
        gross = qty / (1 - float(fee)) if fee == "0.001" else qty
        legs = (
            Leg(instrument=f"{buy}:BTC-USDT", side=Side.BUY, qty=gross, px=PX),
            Leg(instrument=f"{sell}:BTC-USDT", side=Side.SELL, qty=qty, px=PX),
        )
        view.lefts["BTC"] = left.of("BTC")
        deal = executor.plan(
            Opportunity(legs=legs, expected_net=1.0, asset="USDT", edge=0.001, seen_ns=number), view, number
        )
        assert deal is not None
        bought, sold = (leg.qty for leg in deal.legs)
        change = bought * (1 - rate) - sold
        net += change
        left.add(deal.legs[0].account, "BTC", bought * (1 - rate))
        left.add(deal.legs[1].account, "BTC", -sold)
        assert left.of("BTC") == net
        worst = max(worst, abs(net))
    coarse = max(map(Decimal, lots))
    return worst / coarse, net / coarse


@pytest.mark.parametrize("lots", [("0.001", "0.001"), ("0.0001", "0.001")])
@pytest.mark.parametrize("fee", ["0.001", "0", "0.0006"])
def test_roundings_do_not_add_up(made, lots: tuple[str, str], fee: str) -> None:
    """Below one lot at any time, whatever the lots and fees are; also when the fee that was planned for is not the one
    that was paid (0.0006), or it was paid in another coin."""
    worst, _ = drift(made, 2_000, lots, fee)
    assert worst < 1


def test_a_hundred_thousand_deals_leave_less_than_a_lot(made) -> None:
    """A day of one deal a second, and some."""
    worst, last = drift(made, 100_000, ("0.0001", "0.001"), "0.001")
    assert abs(last) <= worst < 1


def test_what_is_left_makes_one_leg_smaller(made) -> None:
    """By up to half of the size; never larger than planned. A deal that is too small for it leaves it."""
    view = made.view(made.instrument("a"), made.instrument("b", min_qty="0.06"))
    legs = (
        Leg(instrument="a:BTC-USDT", side=Side.BUY, qty=0.1, px=PX),
        Leg(instrument="b:BTC-USDT", side=Side.SELL, qty=0.1, px=PX),
    )
    opportunity = Opportunity(legs=legs, expected_net=1.0, asset="USDT", edge=0.001, seen_ns=0)

    def sizes(left: str) -> tuple[list[Decimal], Decimal]:
        view.lefts["BTC"] = Decimal(left)
        deal = TakerExecutor().plan(opportunity, view, 0)
        assert deal is not None
        return [leg.qty for leg in deal.legs], deal.carried

    assert sizes("0.03") == ([Decimal("0.07"), Decimal("0.1")], Decimal("0.03"))
    assert sizes("7") == ([Decimal("0.05"), Decimal("0.1")], Decimal("0.05"))
    assert sizes("-0.03") == ([Decimal("0.1"), Decimal("0.07")], Decimal("-0.03"))
    assert sizes("-7") == ([Decimal("0.1"), Decimal("0.1")], Decimal(0))
