"""The deal: its table of moves, and exact counting of what its legs did."""

from __future__ import annotations

from decimal import Decimal as Dec
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from arbkit.core.errors import LocalProtocolError
from arbkit.core.orders.deals import MOVES, Deal, DealLeg, DealState, Outcome
from arbkit.core.orders.orders import Orders
from arbkit.core.types import Fill, Leg, NewOrder, Opportunity, Role, Side


def make_deal() -> Deal:
    legs = [
        DealLeg(account="a:x", instrument="a:BTC-USDT", base="BTC", side=Side.BUY, qty=Dec(1), px=Dec(100)),
        DealLeg(account="b:x", instrument="b:BTC-USDT", base="BTC", side=Side.SELL, qty=Dec(1), px=Dec(101)),
    ]
    seen = [Leg(instrument=leg.instrument, side=leg.side, qty=1.0, px=1.0) for leg in legs]
    opportunity = Opportunity(legs=seen, expected_net=0.5, asset="USDT", edge=0.005, seen_ns=1)
    return Deal(opportunity, legs, created_ns=1, deadline_ns=2)


def make_fill(leg: DealLeg, qty: str, px: str, fee: str = "0", fee_asset: str = "", side: Side | None = None) -> Fill:
    return Fill(
        account=leg.account,
        instrument=leg.instrument,
        cl_ord_id="",
        order_id="",
        trade_id="t",
        side=side or leg.side,
        px=Dec(px),
        qty=Dec(qty),
        fee=Dec(fee),
        fee_asset=fee_asset,
    )


def test_moves_are_the_table() -> None:
    """From each state exactly the listed moves; to stay is no move; CLOSED is final; every state can be reached."""
    for old in DealState:
        for new in DealState:
            deal = make_deal()
            deal.state = old
            if new in MOVES[old] or new is old:
                deal.move(new)
                assert deal.state is new
            else:
                with pytest.raises(LocalProtocolError, match="is not allowed"):
                    deal.move(new)
                assert deal.state is old
    assert set(MOVES) == set(DealState)
    assert frozenset().union(*MOVES.values()) == set(DealState) - {DealState.PLANNED}
    assert all(DealState.CLOSED in MOVES[state] for state in DealState if state is not DealState.CLOSED)


def test_a_deal_closes_once() -> None:
    """The first outcome stays; a second close is a programming error."""
    deal = make_deal()
    deal.close(Outcome.NOTHING, "no leg filled", 9)
    assert (deal.outcome, deal.why, deal.closed_ns) == (Outcome.NOTHING, "no leg filled", 9)
    with pytest.raises(LocalProtocolError, match="already closed"):
        deal.close(Outcome.HEDGED, "again", 10)
    assert deal.outcome is Outcome.NOTHING


def test_net_is_received_minus_paid_minus_fees() -> None:
    """Bought at 100 with a fee in base, sold at 101 with a fee in quote and one in a third asset."""
    deal = make_deal()
    buy, sell = deal.legs
    deal.fill(make_fill(buy, "1", "100", "0.001", "BTC"))
    deal.fill(make_fill(sell, "0.6", "101", "0.0606", "USDT"))
    deal.fill(make_fill(sell, "0.4", "101", "0.0001", "BNB"))
    assert deal.net() == {"BTC": Dec("-0.001"), "USDT": Dec("0.9394"), "BNB": Dec("-0.0001")}
    assert (buy.net_base, buy.filled, sell.net_base, sell.filled) == (Dec("0.999"), 1, -1, 1)


def test_taking_back_lowers_filled() -> None:
    """An unwind trades the leg's instrument the other way."""
    deal = make_deal()
    buy = deal.legs[0]
    deal.fill(make_fill(buy, "1", "100"))
    deal.fill(make_fill(buy, "0.4", "99", side=Side.SELL))
    assert (buy.filled, buy.net_base) == (Dec("0.6"), Dec("0.6"))
    assert deal.net()["USDT"] == Dec("-60.4")


def test_a_late_fee_row_adds_the_fee_alone() -> None:
    """Quantity 0 moves nothing else."""
    deal = make_deal()
    deal.fill(make_fill(deal.legs[0], "1", "100"))
    deal.fill(make_fill(deal.legs[0], "0", "100", "0.001", "BTC"))
    assert deal.net() == {"BTC": Dec("0.999"), "USDT": -100}


def test_a_fill_belongs_to_the_leg_of_its_account() -> None:
    """Two accounts on one instrument are two legs; a fill without a leg raises an error."""
    deal = make_deal()
    twin = DealLeg(account="a:y", instrument="a:BTC-USDT", base="BTC", side=Side.SELL, qty=Dec(1), px=Dec(1))
    deal.legs.append(twin)
    deal.fill(make_fill(twin, "1", "100"))
    assert (deal.legs[0].filled, twin.filled) == (0, 1)
    stray = DealLeg(account="z:x", instrument="a:BTC-USDT", base="BTC", side=Side.SELL, qty=Dec(1), px=Dec(1))
    with pytest.raises(LocalProtocolError, match="no leg"):
        deal.fill(make_fill(stray, "1", "100"))


def test_a_leg_may_have_a_quote_of_its_own() -> None:
    """The middle leg of a triangle uses another quote asset than the deal."""
    deal = make_deal()
    leg = DealLeg(account="c:x", instrument="c:ETH-BTC", base="ETH", side=Side.BUY, qty=Dec(1), px=Dec(1), quote="BTC")
    deal.legs.append(leg)
    deal.fill(make_fill(leg, "2", "0.05"))
    assert deal.net() == {"BTC": Dec("-0.10"), "USDT": 0, "ETH": 2}


amounts = st.decimals(min_value="0.00000001", max_value="1000", places=8)


@given(st.lists(st.tuples(st.integers(0, 1), st.sampled_from(Side), amounts, amounts), max_size=20))
def test_net_equals_fractions(steps: list[tuple[int, Side, Dec, Dec]]) -> None:
    """Exact for any fills in any order."""
    deal = make_deal()
    base = quote = Fraction(0)
    for number, side, qty, px in steps:
        deal.fill(make_fill(deal.legs[number], str(qty), str(px), side=side))
        sign = 1 if side is Side.BUY else -1
        base += sign * Fraction(qty)
        quote -= sign * Fraction(qty) * Fraction(px)
    assert {asset: Fraction(value) for asset, value in deal.net().items()} == {"BTC": base, "USDT": quote}


def test_open_orders_and_doubt_are_read_from_the_live_orders() -> None:
    """The deal sees each change of the order table at once, because it holds the same objects."""
    deal = make_deal()
    orders = Orders("a:x")
    for name in ("o1", "o2"):
        intent = NewOrder(
            account="a:x", instrument="a:BTC-USDT", cl_ord_id=name, side=Side.BUY, qty=Dec(1), px=Dec(100)
        )
        deal.orders[name] = orders.add(intent, 1)
    orders.sent("o1", Role.TRADE, "link", 2)
    orders.not_sent("o2", "no link", 3)
    assert ([order.cl_ord_id for order in deal.open_orders], deal.in_doubt) == (["o1"], False)
    orders.link_lost("link", 4)
    assert deal.in_doubt
    orders.absent("o1", 5)
    assert (deal.open_orders, deal.in_doubt) == ([], False)


def test_taxes_lower_the_gain_of_a_deal() -> None:
    """Beside the fee, in any asset; one taken in base is missing from what was bought."""
    deal = make_deal()
    buy = deal.legs[0]
    deal.fill(replace(make_fill(buy, "1", "100", "0.001", "BTC"), extra_fees=(("BTC", Dec("0.002")), ("BRL", Dec(5)))))
    assert buy.net_base == Dec("0.997")
    assert deal.net() == {"BTC": Dec("0.997"), "USDT": -100, "BRL": -5}
