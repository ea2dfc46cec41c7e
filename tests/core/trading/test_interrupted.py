"""Deals left open by a crashed run: reported once all orders are proved, and only where the rest is more than dust."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from arbkit.core.counters import Counters
from arbkit.core.orders.ids import IntentIds, format_cl_ord_id
from arbkit.core.orders.journal import DealClosed, DealOpened, Intent, OrderOutcome, decode, encode
from arbkit.core.orders.orders import Orders
from arbkit.core.trading.interrupted import InterruptedDeals
from arbkit.core.types import Catalogue, NewOrder, OrdStatus, Side, Tif

IDS = IntentIds(7)
A, B = "one:BTC-USDT", "two:BTC-USDT"


class Told:
    """Records the log events."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, event: str, /, **fields: Any) -> None:
        self.rows.append((event, fields))


def intent(instrument: str, side: Side, qty: str, deal: int = 1) -> Intent:
    venue = instrument.partition(":")[0]
    order = NewOrder(
        account=f"{venue}:main",
        instrument=instrument,
        cl_ord_id=format_cl_ord_id(IDS.next()),
        side=side,
        qty=Decimal(qty),
        px=Decimal(100),
        tif=Tif.IOC,
        deal=deal,
        deadline_ns=0,
    )
    return Intent(at_ns=1, order=order, channel="trade", link=f"{venue}.trade")


def outcome(one: Intent, filled: str) -> OrderOutcome:
    order = one.order
    return OrderOutcome(
        at_ns=2, account=order.account, cl_ord_id=order.cl_ord_id, status=OrdStatus.CANCELED, filled=Decimal(filled)
    )


def after(*records: Any, orders: dict[str, Orders] | None = None) -> tuple[InterruptedDeals, Told, list[Any]]:
    """The interrupted deals of a journal after one ``tick``, and the deals that it closed."""
    opened = DealOpened(at_ns=1, deal=1, strategy="spread", instruments=[A, B])
    deals = decode(b"".join(encode(record) for record in (opened, *records))).interrupted()
    told = Told()
    made = InterruptedDeals(deals, orders or {}, Catalogue(), Counters(), told)
    return made, told, made.tick(5)


def test_one_leg_filled_and_the_other_not_is_told_once() -> None:
    """An alarm with asset and quantity, the deal closed in the journal, and nothing at the second ``tick``."""
    buy, sell = intent(A, Side.BUY, "0.5"), intent(B, Side.SELL, "0.5")
    made, told, journal = after(buy, sell, outcome(buy, "0.5"), outcome(sell, "0"))
    ((event, fields),) = told.rows
    assert (event, fields["why"]) == ("alarm.deal_interrupted", "0.5 BTC bought and not sold")
    assert len(made.left) == 1
    (closed,) = journal
    assert isinstance(closed, DealClosed)
    assert made.tick(6) == []
    assert len(told.rows) == 1


def test_legs_that_differ_only_by_the_fee_raise_no_alarm() -> None:
    """The buyer bought more to pay its fee in the base asset: no alarm."""
    buy, sell = intent(A, Side.BUY, "0.5005"), intent(B, Side.SELL, "0.5")
    made, told, journal = after(buy, sell, outcome(buy, "0.5005"), outcome(sell, "0.5"))
    assert (made.left, told.rows, len(journal)) == ([], [], 1)


def test_nothing_is_told_before_every_order_is_proved() -> None:
    """An order without an outcome, still UNKNOWN in this run: the deal stays open until the resolver has proof."""
    buy, sell = intent(A, Side.BUY, "0.5"), intent(B, Side.SELL, "0.5")
    tables = {"two:main": Orders("two:main", fill_ids=True)}
    tables["two:main"].add(sell.order, 1)
    made, told, journal = after(buy, sell, outcome(buy, "0.5"), orders=tables)
    assert (made.left, told.rows, journal) == ([], [], [])


def test_a_deal_that_was_closed_is_not_looked_at() -> None:
    """Whatever its outcome: a held deal was reported by the run that held it."""
    buy = intent(A, Side.BUY, "0.5")
    made, told, journal = after(buy, outcome(buy, "0.5"), DealClosed(at_ns=3, deal=1, outcome="held"))
    assert (made.left, told.rows, journal) == ([], [], [])
