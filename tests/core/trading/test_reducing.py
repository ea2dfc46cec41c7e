"""What deals left is traded off by a deal of its own: once, in the right direction, and only when it is known."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from arbkit.core.money.leftovers import Leftovers, booked_fill
from arbkit.core.money.limits import LimitsConfig
from arbkit.core.types import Fill, Mode, OrdStatus, Purpose, Side


def sent(rig):
    return [rig.order(one).intent for one in rig.orders()]


@pytest.mark.parametrize(("left", "side"), [("0.18", Side.SELL), ("-0.18", Side.BUY)])
def test_a_leftover_is_traded_off(kit, left: str, side: Side) -> None:
    """Told at once; after a pause for the next deal one order takes it, also in mode REDUCING; then nothing is left."""
    rig = kit.rig().boot()
    rig.desk.gate.restrict("", Mode.REDUCING, "test")
    rig.desk.leftovers.add("aa:main", "BTC", Decimal(left))
    rig.run(3)
    assert rig.log.of("alarm.leftover")
    assert sent(rig) == []
    rig.run(5)
    (intent,) = sent(rig)
    assert (intent.side, intent.qty, intent.purpose) == (side, Decimal("0.18"), Purpose.UNWIND)
    assert rig.desk.leftovers.of("BTC") == 0, "an open deal has taken it"
    rig.fill(intent.cl_ord_id)
    assert (rig.deals, rig.desk.leftovers.of("BTC")) == ([], 0)
    rig.run(30)
    assert len(sent(rig)) == 1
    assert rig.log.of("leftover.gone")


def test_what_did_not_fill_is_left_and_tried_again(kit) -> None:
    """With a growing delay; a part that filled is not sold twice."""
    rig = kit.rig().boot()
    rig.desk.leftovers.add("aa:main", "BTC", Decimal("0.18"))
    rig.run(8)
    (first,) = sent(rig)
    rig.fill(first.cl_ord_id, qty="0.01")
    assert (rig.deals, rig.desk.leftovers.of("BTC")) == ([], Decimal("0.17"))
    rig.run(20)
    assert [intent.qty for intent in sent(rig)] == [Decimal("0.18"), Decimal("0.17")]


def test_an_order_of_unknown_outcome_is_waited_for(kit) -> None:
    """Of another deal: what is left is not known before its proof. Of the leftover's own deal: it is not sent again."""
    rig = kit.rig().boot()
    a, b = rig.trade()
    rig.fill(a)
    rig.say("bb.private", rig.report(b, OrdStatus.UNKNOWN))
    assert rig.order(b).unknown
    before = len(sent(rig))
    rig.desk.leftovers.add("aa:main", "BTC", Decimal("0.18"))
    rig.run(8)
    assert len(sent(rig)) == before


def test_what_is_only_told(kit) -> None:
    """``trade_off = false``, an amount below ``max_left`` or every venue's minimum, and a run that stops."""
    rig = kit.rig(limits=LimitsConfig(trade_off=False)).boot()
    rig.desk.leftovers.add("aa:main", "BTC", Decimal("0.18"))
    rig.run(30)
    assert (sent(rig), len(rig.log.of("alarm.leftover"))) == ([], 1)
    for left, most in (("0.0000001", 0), ("0.08", 10)):
        small = kit.rig(limits=LimitsConfig(max_left=Decimal(most))).boot()
        small.desk.leftovers.add("aa:main", "BTC", Decimal(left))
        small.run(30)
        assert (sent(small), small.log.of("alarm.leftover")) == ([], [])
        assert small.desk.reducing.told() == []


TRIANGLE = ("BTC-USDT", "ETH-USDT", "ETH-BTC")


@pytest.mark.parametrize(("left", "side", "px"), [("0.18", Side.SELL, 200.0), ("-0.18", Side.BUY, 40.0)])
def test_what_is_left_does_not_become_another_position(kit, left: str, side: Side, px: float) -> None:
    """Where deals trade BTC too, ETH is traded off for USDT, also at a worse price: BTC would be left then."""
    rig = kit.rig(kit.venue("aa", symbols=TRIANGLE), strategies=[kit.strategy(one) for one in TRIANGLE]).boot()
    rig.book("aa:BTC-USDT", 1.0, 1.01)
    rig.book("aa:ETH-BTC", px, px + 0.01)
    rig.desk.leftovers.add("aa:main", "BTC", Decimal("0.0001"))
    rig.desk.leftovers.add("aa:main", "ETH", Decimal(left))
    rig.run(9)
    (intent,) = sent(rig)
    assert (intent.instrument, intent.side, intent.qty) == ("aa:ETH-USDT", side, Decimal("0.18"))


@pytest.mark.parametrize(("bid", "ask", "best"), [("0.0093", "0.0094", "aa"), ("0.0110", "0.0111", "bb")])
def test_markets_of_different_quotes_are_compared_by_their_worth(kit, bid: str, ask: str, best: str) -> None:
    """A purchase of ETH for USDT or for BTC, which is worth 10,000 USDT: the cheaper one, not the smaller number."""
    symbols = {"aa": ("ETH-BTC", "BTC-USDT"), "bb": ("ETH-USDT",)}
    venues = [kit.venue(name, symbols=listed) for name, listed in symbols.items()]
    for venue in venues:
        venue.instrument = small(venue.instrument)
    rig = kit.rig(*venues, strategies=[kit.strategy(one) for listed in symbols.values() for one in listed]).boot()
    rig.book("aa:BTC-USDT", 9_999.0, 10_001.0)
    rig.book("aa:ETH-BTC", float(bid), float(ask))
    rig.desk.leftovers.add("bb:main", "ETH", Decimal("-0.18"))
    rig.run(9)
    assert [intent.instrument[:2] for intent in sent(rig)] == [best]


def small(made):
    """The same instruments with a small price step, and no minimum in the quote asset."""
    return lambda symbol="BTC-USDT": replace(made(symbol), tick=Decimal("0.0001"), min_notional=Decimal(0))


def test_a_fill_without_a_deal_leaves_both_assets_of_its_pair(kit) -> None:
    """ETH bought for BTC, where deals end in USDT: BTC is short. Where BTC is what deals gain, only ETH is left."""
    venue = kit.venue("aa")
    fill = Fill(
        account="aa:main",
        instrument="aa:ETH-BTC",
        side=Side.BUY,
        qty=Decimal(2),
        px=Decimal("0.04"),
        fee=Decimal("0.001"),
        fee_asset="BTC",
        trade_id="1",
        order_id="1",
        cl_ord_id="",
    )
    for positions, left in (({"ETH", "BTC"}, {"ETH": 2, "BTC": Decimal("-0.081")}), ({"ETH"}, {"ETH": 2})):
        book = Leftovers(lambda held, asset: Decimal(1), "USDT")
        book.book([booked_fill(fill, venue.instrument("ETH-BTC"), positions, 0)])
        assert {asset: book.of(asset) for asset in book.assets()} == left
