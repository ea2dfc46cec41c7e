"""What a venue refuses is left alone for growing periods, and not longer than it lasts."""

from __future__ import annotations

from decimal import Decimal

import pytest

from arbkit.core.orders.orders import Order
from arbkit.core.types import NewOrder, OrdStatus, RejectReason, Side
from arbkit.core.venues.refusals import Refusals

S = 1_000_000_000
A = "a:BTC-USDT"


def refused(reason: RejectReason | None, *, lasting: bool = False, instrument: str = A, side: Side = Side.BUY) -> Order:
    order = Order(
        NewOrder(
            account="a:main", instrument=instrument, cl_ord_id="x", side=side, qty=Decimal(1), px=Decimal(1), deal=1
        )
    )
    order.status, order.reason, order.lasting, order.text = OrdStatus.REJECTED, reason, lasting, "no"
    return order


@pytest.mark.parametrize(
    "order",
    [refused(RejectReason.INSTRUMENT), refused(RejectReason.INSUFFICIENT_FUNDS), refused(None, lasting=True)],
    ids=["closed", "funds", "lasting"],
)
def test_a_lasting_refusal_is_enough_once(order):
    """A minute, for that side of that instrument only; the text says for how long and why."""
    refusals = Refusals()
    assert refusals.refused(order, [order], 0) == 60 * S
    assert refusals.why(A, Side.BUY, 1) == "refuses orders, left alone for another 60 s: no"
    assert refusals.why(A, Side.BUY, 60 * S) == ""
    assert refusals.why(A, Side.SELL, 1) == refusals.why("a:ETH-USDT", Side.BUY, 1) == ""


def test_any_other_refusal_counts_when_it_comes_twice_in_a_deal():
    """On the same side; an order that found no counterparty, that our gate stopped or that was proved absent is no
    refusal."""
    refusals = Refusals()
    first, again = refused(RejectReason.OTHER), refused(RejectReason.BAD_PRICE)
    absent = refused(RejectReason.UNKNOWN_ORDER)
    absent.presumed = True
    others = [
        refused(RejectReason.OTHER, side=Side.SELL),
        refused(RejectReason.OTHER, instrument="b:BTC-USDT"),
        refused(RejectReason.NO_MATCH),
        refused(RejectReason.GATE),
        absent,
    ]
    assert refusals.refused(first, [first, *others], 0) == 0
    for order in others[2:]:
        assert refusals.refused(order, [order, order], 0) == 0
    assert refusals.sides == {}
    assert refusals.refused(again, [first, again], 0) == 5 * S


def test_each_rest_is_twice_as_long_up_to_an_hour():
    """A market that stays closed is asked less and less often."""
    refusals, order, now = Refusals(), refused(RejectReason.INSTRUMENT), 0
    spans = []
    for _ in range(8):
        spans.append(refusals.refused(order, [order], now) // S)
        now += spans[-1] * S
    assert spans == [60, 120, 240, 480, 960, 1920, 3600, 3600]


@pytest.mark.parametrize("how", ["accepted", "changed"])
def test_a_yes_or_new_rules_end_it(how):
    """An accepted order on that side, or a change of the instrument: the next refusal begins anew."""
    refusals, order = Refusals(), refused(RejectReason.INSTRUMENT)
    for _ in range(3):
        refusals.refused(order, [order], 0)
    if how == "accepted":
        refusals.accepted(A, Side.SELL)
        assert refusals.why(A, Side.BUY, 0)
        refusals.accepted(A, Side.BUY)
    else:
        refusals.changed("a:ETH-USDT")
        assert refusals.why(A, Side.BUY, 0)
        refusals.changed(A)
    assert refusals.why(A, Side.BUY, 0) == ""
    assert refusals.refused(order, [order], 0) == 60 * S
