"""Expected against realised: the parts, by hand, by an independent calculation and as a property."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, ROUND_UP, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arbkit.core.types import Purpose, Side
from arbkit.history.schema import decimal, units
from arbkit.history.split import Expectation, Split, Traded, split

D = Decimal
WANTED = Expectation(net=D("0.70"), fees=D("1.202"), slippage=D("0.06"), penalty=D("0.038"))
"""Bought at 60000 and sold at 60200, 0.01 BTC: 2.00 before costs."""
PRICES = {"BTC": D(60100)}


def traded(
    venue: str, side: Side, filled: str, px: str, fee: str, *, qty: str = "0.01", purpose: Purpose = Purpose.ENTRY
) -> Traded:
    return Traded(
        account=f"{venue}:main",
        instrument=f"{venue}:BTC-USDT",
        purpose=purpose,
        side=side,
        qty=D(qty),
        filled=D(filled),
        paid=D(filled) * D(px),
        fees=(("USDT", D(fee)),) if D(fee) else (),
    )


BOUGHT = traded("v", Side.BUY, "0.01", "60000", "0.6")
SOLD = traded("w", Side.SELL, "0.01", "60200", "0.602")
HALF = traded("w", Side.SELL, "0.005", "60200", "0.301")
MISSED = traded("w", Side.SELL, "0", "60200", "0")
NOTHING = traded("v", Side.BUY, "0", "60000", "0")


@pytest.mark.parametrize(
    ("orders", "parts"),
    [
        pytest.param((BOUGHT, SOLD), ("0.798", "0.06", "0", "0.038", "0", "0"), id="as seen: the allowances come back"),
        pytest.param(
            (traded("v", Side.BUY, "0.01", "60010", "0.6001"), SOLD),
            ("0.6979", "-0.04", "-0.0001", "0.038", "0", "0"),
            id="a worse price",
        ),
        pytest.param((NOTHING, MISSED), ("0", "0", "0", "-0.70", "0", "0"), id="nothing filled: all was gone"),
        pytest.param(  # half was there: half of what was expected, with half of the allowances
            (traded("v", Side.BUY, "0.005", "60000", "0.3"), HALF),
            ("0.399", "0.03", "0", "-0.331", "0", "0"),
            id="half filled on both legs",
        ),
        pytest.param(  # 0.005 sold later, 40 lower than seen
            (BOUGHT, HALF, traded("w", Side.SELL, "0.005", "60160", "0.3008", qty="0.005", purpose=Purpose.HEDGE)),
            ("0.5982", "0.06", "0.0002", "0.038", "-0.2", "0"),
            id="completed by a hedge",
        ),
        pytest.param(  # bought at 60000, sold back at 59950
            (BOUGHT, MISSED, traded("v", Side.SELL, "0.01", "59950", "0.5995", purpose=Purpose.UNWIND)),
            ("-1.6995", "0", "-1.1995", "-0.70", "-0.5", "0"),
            id="reversed",
        ),
        pytest.param(  # 0.01 bought and not sold: worth 60100 at the end
            (BOUGHT, MISSED), ("0.4", "0", "-0.6", "-0.70", "0", "1"), id="left"
        ),
        pytest.param(  # half of the surplus is traded back 10 lower, half stays
            (BOUGHT, MISSED, traded("v", Side.SELL, "0.005", "59990", "0.3", qty="0.01", purpose=Purpose.UNWIND)),
            ("-0.45", "0", "-0.9", "-0.70", "-0.05", "0.5"),
            id="half reversed, half left",
        ),
    ],
)
def test_by_hand(orders: Sequence[Traded], parts: Sequence[str]) -> None:
    found = split(WANTED, "USDT", orders, PRICES)
    assert found == Split(**dict(zip(Split.__struct_fields__, map(D, parts), strict=True)))


def test_a_fee_in_another_asset_counts_at_its_price() -> None:
    order = Traded(
        account="v:main",
        instrument="v:BTC-USDT",
        purpose=Purpose.ENTRY,
        side=Side.BUY,
        qty=D("0.01"),
        filled=D("0.01"),
        paid=D(600),
        fees=(("BNB", D("0.001")), ("BTC", D("0.00001"))),
    )
    found = split(WANTED, "USDT", (order, SOLD), {**PRICES, "BNB": D(600)})
    assert found is not None
    assert found.fees == D("1.202") - D("0.602") - D("0.6") - D("0.601")
    assert split(WANTED, "USDT", (order, SOLD), PRICES) is None


def test_three_legs_in_three_quotes() -> None:
    """Around a triangle: what stays of each asset counts at its price."""
    prices = {"BTC": D(60000), "ETH": D(3000)}

    def leg(symbol: str, side: Side, qty: str, px: str) -> Traded:
        return Traded(
            account="v:main",
            instrument=f"v:{symbol}",
            purpose=Purpose.ENTRY,
            side=side,
            qty=D(qty),
            filled=D(qty),
            paid=D(qty) * D(px),
        )

    orders = (
        leg("BTC-USDT", Side.BUY, "0.01", "60000"),
        leg("ETH-BTC", Side.BUY, "0.2", "0.05"),
        leg("ETH-USDT", Side.SELL, "0.2", "3010"),
    )
    expected = Expectation(net=D(2), fees=D(0), slippage=D(0), penalty=D(0))
    found = split(expected, "USDT", orders, prices)
    assert found == Split(realised=D(2), slippage=D(0), fees=D(0), latency=D(0), unwind=D(0), leftovers=D(0))


amounts = st.decimals(min_value=0, max_value=1_000, places=8)
prices_ = st.decimals(min_value="0.00000001", max_value=100_000, places=8)


@st.composite
def deals(draw: st.DrawFn) -> tuple[Expectation, list[Traded]]:
    """Any number of legs and of later orders, filled in any way."""
    expected = Expectation(
        net=draw(st.decimals(min_value=-100, max_value=100, places=10)),
        **{name: draw(amounts) for name in ("fees", "slippage", "penalty")},
    )
    orders = []
    for number in range(draw(st.integers(0, 5))):
        qty = draw(st.decimals(min_value="0.00000001", max_value=1_000, places=8))
        filled = qty * draw(st.sampled_from([D(0), D("0.25"), D("0.5"), D("0.9999"), D(1)]))
        purpose = Purpose.ENTRY if number < 2 else draw(st.sampled_from(list(Purpose)))
        orders.append(
            Traded(
                account="v:main" if draw(st.booleans()) else "w:main",
                instrument="v:BTC-USDT",
                purpose=purpose,
                side=draw(st.sampled_from(list(Side))),
                qty=qty,
                filled=filled,
                paid=filled * draw(prices_),
                fees=tuple((asset, draw(amounts)) for asset in draw(st.sampled_from([(), ("USDT",), ("BTC", "BNB")]))),
            )
        )
    return expected, orders


def worth(orders: Sequence[Traded], prices: dict[str, Decimal]) -> Fraction:
    """What all orders brought, at these prices, in exact fractions."""
    total = Fraction(0)
    for order in orders:
        sign = 1 if order.side is Side.BUY else -1
        total += sign * (Fraction(order.filled) * Fraction(prices["BTC"]) - Fraction(order.paid))
        total -= sum(Fraction(fee) * Fraction(prices.get(asset, D(1))) for asset, fee in order.fees)
    return total


@settings(max_examples=100, deadline=None)
@given(deal=deals(), price=prices_)
def test_the_parts_are_the_difference(deal: tuple[Expectation, list[Traded]], price: Decimal) -> None:
    """Realised is what an exact calculation says, rounded to 10**-8. The five parts add up to realised minus expected,
    to the last digit, and so do the four without the leftovers where nothing is left over."""
    expected, orders = deal
    prices = {"BTC": price, "BNB": D(600)}
    found = split(expected, "USDT", orders, prices)
    assert found is not None
    assert abs(Fraction(found.realised) - worth(orders, prices)) <= Fraction(1, 2 * 10**8)
    told = found.slippage + found.fees + found.latency + found.unwind + found.leftovers
    assert told == found.realised - expected.net.quantize(D("1e-8"), ROUND_HALF_EVEN)
    paid = sum((fee * prices.get(asset, D(1)) for order in orders for asset, fee in order.fees), D(0))
    assert -paid <= found.fees + D("1e-8") <= expected.fees - paid + D("2e-8")


@settings(max_examples=50, deadline=None)
@given(
    qty=st.decimals(min_value="0.001", max_value=10, places=4),
    low=st.decimals(min_value=1_000, max_value=2_000, places=2),
    high=st.decimals(min_value=1_000, max_value=2_000, places=2),
    later=st.decimals(min_value=1_000, max_value=2_000, places=2),
    share=st.sampled_from([D(0), D("0.25"), D("0.5"), D(1)]),
    price=st.decimals(min_value=1_000, max_value=2_000, places=2),
)
def test_what_is_completed_leaves_nothing(
    qty: Decimal, low: Decimal, high: Decimal, later: Decimal, share: Decimal, price: Decimal
) -> None:
    """A deal whose short leg is completed has nothing left over, whatever the price at the end; the hedge costs what
    its price is worse than the one that was seen."""
    sold = qty * share
    orders = [
        traded("v", Side.BUY, str(qty), str(low), "0", qty=str(qty)),
        traded("w", Side.SELL, str(sold), str(high), "0", qty=str(qty)),
        traded("w", Side.SELL, str(qty - sold), str(later), "0", qty=str(qty), purpose=Purpose.HEDGE),
    ]
    gross = qty * (high - low)
    expected = Expectation(net=gross, fees=D(0), slippage=D(0), penalty=D(0))
    found = split(expected, "USDT", orders, {"BTC": price})
    assert found is not None
    assert abs(found.leftovers) <= D("5e-8")
    assert abs(found.unwind - (qty - sold) * (later - high)) <= D("5e-8")
    assert abs(found.latency) <= D("1e-8")


@given(amount=st.decimals(min_value=-(10**9), max_value=10**9, places=8))
def test_what_other_code_does_to_the_decimal_context_changes_nothing(amount: Decimal) -> None:
    """Six digits, rounded away from zero: the same parts, and an amount comes out of the database as it went in."""
    orders = [BOUGHT, traded("w", Side.SELL, "0.01", "60203.33333333", "0.60203333")]
    known = split(WANTED, "USDT", orders, PRICES)
    with localcontext(prec=6, rounding=ROUND_UP):
        found = split(WANTED, "USDT", orders, PRICES)
        kept = decimal(units(amount))
    assert found == known
    assert kept == amount
