"""Deals that an earlier run left open become HELD deals of this run, with what their records tell of their legs."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from arbkit.core.errors import ConfigError
from arbkit.core.orders.deals import Deal, DealState
from arbkit.core.orders.ids import IntentIds, format_cl_ord_id
from arbkit.core.orders.journal import DealClosed, DealOpened, Intent, OrderOutcome, decode, encode
from arbkit.core.orders.orders import Orders
from arbkit.core.trading.interrupted import InterruptedDeals
from arbkit.core.types import Catalogue, Instrument, NewOrder, OrdStatus, Purpose, Role, Side, Tif
from arbkit.strategies import SpreadArb, TakerExecutor

IDS = IntentIds(7)
A, B = "one:BTC-USDT", "two:BTC-USDT"


def instrument(venue: str) -> Instrument:
    return Instrument(
        venue=venue,
        symbol="BTC-USDT",
        native="BTCUSDT",
        base="BTC",
        quote="USDT",
        tick=Decimal("0.01"),
        lot=Decimal("0.0001"),
    )


def intent(name: str, side: Side, qty: str, purpose: Purpose = Purpose.ENTRY) -> Intent:
    venue = name.partition(":")[0]
    order = NewOrder(
        account=f"{venue}:main",
        instrument=name,
        cl_ord_id=format_cl_ord_id(IDS.next()),
        side=side,
        qty=Decimal(qty),
        px=Decimal(100),
        tif=Tif.IOC,
        deal=1,
        deadline_ns=0,
        purpose=purpose,
    )
    return Intent(at_ns=1, order=order, channel="trade", link=f"{venue}.trade")


def outcome(one: Intent, filled: str, **more: Any) -> OrderOutcome:
    order = one.order
    return OrderOutcome(
        at_ns=2,
        account=order.account,
        cl_ord_id=order.cl_ord_id,
        status=OrdStatus.CANCELED,
        filled=Decimal(filled),
        **more,
    )


def after(*records: Any, orders: dict[str, Orders] | None = None) -> list[Deal | DealClosed]:
    """What becomes of the open deals of a journal."""
    opened = DealOpened(at_ns=1, deal=1, strategy="spread", instruments=[A, B])
    deals = decode(b"".join(encode(record) for record in (opened, *records))).interrupted()
    made = InterruptedDeals(deals, orders or {}, Catalogue([instrument("one"), instrument("two")]))
    found = made.tick(5)
    assert made.tick(6) == []
    return found


def test_one_leg_filled_and_the_other_not_is_held() -> None:
    """The deal is HELD with what was bought, what was paid, and the fee that was taken in base."""
    buy, sell = intent(A, Side.BUY, "0.5"), intent(B, Side.SELL, "0.5")
    fees = (("BTC", Decimal("0.0005")),)
    (deal,) = after(buy, sell, outcome(buy, "0.5", paid=Decimal("49.5"), fees=fees), outcome(sell, "0"))
    assert isinstance(deal, Deal)
    assert (deal.id, deal.strategy, deal.state) == (1, "spread", DealState.HELD)
    first, second = deal.legs
    assert (first.account, first.bought, first.paid, first.net_base) == (
        "one:main",
        Decimal("0.5"),
        Decimal("49.5"),
        Decimal("0.4995"),
    )
    assert (second.account, second.side, second.qty, second.filled) == ("two:main", Side.SELL, Decimal("0.5"), 0)
    assert "0.4995 BTC unhedged" in deal.why
    assert [order.filled_qty for order in deal.orders.values()] == [Decimal("0.5"), 0]


def test_what_an_earlier_hedge_did_counts() -> None:
    """Bought 0.5, sold nothing, then took 0.2 back: 0.3 is left."""
    buy, sell = intent(A, Side.BUY, "0.5"), intent(B, Side.SELL, "0.5")
    back = intent(A, Side.SELL, "0.5", Purpose.UNWIND)
    ends = [outcome(buy, "0.5"), outcome(sell, "0"), outcome(back, "0.2")]
    (deal,) = after(buy, sell, back, *ends)
    assert isinstance(deal, Deal)
    assert sum(leg.net_base for leg in deal.legs) == Decimal("0.3")
    assert deal.legs[0].qty == Decimal("0.5")


def test_a_leg_whose_order_was_not_written_has_the_size_of_the_other() -> None:
    """The run died between the two: the deal can be completed there, or reversed."""
    buy = intent(A, Side.BUY, "0.5")
    (deal,) = after(buy, outcome(buy, "0.5"))
    assert isinstance(deal, Deal)
    leg = deal.legs[1]
    assert (leg.account, leg.side, leg.qty, leg.px) == ("two:main", Side.SELL, Decimal("0.5"), Decimal(100))


def test_records_without_fees_that_differ_by_a_fee_end_the_deal() -> None:
    """An older arbkit did not write fees. The buyer bought more to pay its fee in the base asset: nothing is left."""
    buy, sell = intent(A, Side.BUY, "0.5005"), intent(B, Side.SELL, "0.5")
    (record,) = after(buy, sell, outcome(buy, "0.5005"), outcome(sell, "0.5"))
    assert isinstance(record, DealClosed)
    assert (record.deal, record.outcome) == (1, "interrupted")


def test_a_deal_without_an_order_ends() -> None:
    """The run died before an order was written: nothing can have left."""
    (record,) = after()
    assert isinstance(record, DealClosed)


def test_an_order_without_an_outcome_is_that_of_the_table() -> None:
    """UNKNOWN in this run: its proof goes to the deal."""
    buy, sell = intent(A, Side.BUY, "0.5"), intent(B, Side.SELL, "0.5")
    tables = {"two:main": Orders("two:main", fill_ids=True)}
    order = tables["two:main"].add(sell.order, 1)
    tables["two:main"].sent(sell.order.cl_ord_id, Role.TRADE, "two.trade", 1)
    tables["two:main"].timed_out(sell.order.cl_ord_id, 2)
    (deal,) = after(buy, sell, outcome(buy, "0.5"), orders=tables)
    assert isinstance(deal, Deal)
    assert deal.in_doubt
    assert deal.orders[sell.order.cl_ord_id] is order


def test_instruments_that_are_not_known_yet_are_waited_for() -> None:
    """Their venue has not told them: the deal waits, and says which books it needs."""
    buy = intent(A, Side.BUY, "0.5")
    opened = DealOpened(at_ns=1, deal=1, strategy="spread", instruments=[A, B])
    deals = decode(b"".join(encode(record) for record in (opened, buy, outcome(buy, "0.5")))).interrupted()
    catalogue = Catalogue([instrument("one")])
    made = InterruptedDeals(deals, {}, catalogue)
    assert (made.tick(1), made.deals, made.instruments) == ([], [1], [A, B])
    catalogue.add(instrument("two"))
    assert len(made.tick(2)) == 1
    assert (made.deals, made.instruments) == ([], [])


def test_a_deal_that_was_closed_is_not_looked_at() -> None:
    """Whatever its outcome."""
    buy = intent(A, Side.BUY, "0.5")
    assert after(buy, outcome(buy, "0.5"), DealClosed(at_ns=3, deal=1, outcome="reversed")) == []


def test_a_leg_that_is_naked_while_its_orders_are_not_proved_is_told(kit: Any) -> None:
    """One leg filled, the other is UNKNOWN, and the run died when it had begun to take the first back: the next run
    can do nothing before a proof. It says so after the executor's patience, once."""
    rig = kit.rig(executor=TakerExecutor(max_naked_s=3.0)).boot()
    bought, sold = rig.trade()
    rig.fill(bought)
    rig.say("bb.private", rig.report(sold, OrdStatus.UNKNOWN))
    rig.run(4)
    assert len(rig.orders()) == 3
    left = rig.left()
    found = {"unresolved": left.unresolved, "interrupted": left.interrupted, "booked": left.booked}
    rig = kit.rig(executor=TakerExecutor(max_naked_s=3.0), block=8, **found).boot()
    rig.run(2)
    assert [len(rig.desk.unresolved()), rig.log.of("alarm.deal_naked")] == [2, []]
    rig.run(10)
    (told,) = rig.log.of("alarm.deal_naked")
    assert "0.1 BTC unhedged while" in str(told["why"])
    assert rig.orders() == []


def test_a_deal_is_worked_off_although_a_venue_has_removed_its_symbol(kit: Any) -> None:
    """The strategy cannot begin without it, which is told; the order there is proved, and the other leg is taken back
    where the symbol still trades."""
    rig = kit.rig().boot()
    bought, sold = rig.trade()
    rig.fill(bought)
    rig.say("bb.private", rig.report(sold, OrdStatus.UNKNOWN))
    left = rig.left()
    found = {"unresolved": left.unresolved, "interrupted": left.interrupted, "booked": left.booked}
    venues = kit.venue("aa"), kit.venue("bb", symbols=("ETH-USDT",))
    rig = kit.rig(*venues, strategies=[SpreadArb(symbols="BTC-USDT")], block=8, **found).boot()
    (told,) = rig.log.of("strategy.out")
    assert told["why"] == "strategy SpreadArb: BTC-USDT needs two venues, only aa has it"
    rig.run(1)
    (deal,) = rig.deals
    assert (deal.state, deal.over) == (DealState.HELD, Decimal("0.1"))
    rig.say("bb.private", rig.report(sold, OrdStatus.REJECTED))
    rig.run(3)
    (back,) = rig.orders()
    wanted = rig.order(back).intent
    assert (wanted.instrument, wanted.side, wanted.qty) == ("aa:BTC-USDT", Side.SELL, Decimal("0.1"))
    rig.fill(back)
    assert (rig.deals, rig.desk.interrupted.waiting, rig.desk.idle) == ([], [], True)


def test_a_strategy_without_its_symbol_refuses_to_begin_where_nothing_is_open(kit: Any) -> None:
    """Then its configuration is to be repaired first."""
    rig = kit.rig(kit.venue("aa"), kit.venue("bb", symbols=("ETH-USDT",)), strategies=[SpreadArb(symbols="BTC-USDT")])
    with pytest.raises(ConfigError, match="BTC-USDT needs two venues, only aa has it"):
        rig.boot()
