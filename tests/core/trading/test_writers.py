"""Orders on our account with ids of our form that are not ours: another arbkit, or a journal that is lost."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from arbkit.core.orders.ids import format_cl_ord_id, parse_cl_ord_id
from arbkit.core.types import Listing, Mode, OrderUpdate, OrdStatus, Side

A = "aa:BTC-USDT"
S = 1_000_000_000
OTHER = format_cl_ord_id((1_700_000_000 << 32) + 5)


def foreign(rig: Any, cl_ord_id: str = OTHER, status: OrdStatus = OrdStatus.NEW, **fields: Any) -> OrderUpdate:
    return OrderUpdate(
        account="aa:main",
        instrument=A,
        cl_ord_id=cl_ord_id,
        ord_status=status,
        side=Side.BUY,
        recv_ns=rig.now,
        **{"order_id": "77", **fields},
    )


def fill(rig: Any, exch_ns: int, cl_ord_id: str = OTHER) -> OrderUpdate:
    amount: dict[str, Any] = {"last_qty": Decimal(1), "last_px": Decimal(100), "cum_qty": Decimal(1)}
    return foreign(rig, cl_ord_id, OrdStatus.FILLED, trade_id="t1", exch_ns=exch_ns, **amount)


@pytest.mark.parametrize("how", ["open", "listed", "filled"])
def test_another_arbkit_on_the_account_stops_new_deals(rig: Any, how: str) -> None:
    """An open order, told by the stream or by the listing of open orders, or a fill of now: no new deal, and a sentence
    that says what to do; open deals are finished."""
    assert len(rig.trade()) == 2
    rig.run(20)
    report = fill(rig, rig.now) if how == "filled" else foreign(rig)
    if how == "listed":
        listing = Listing(
            account="aa:main", instrument="", kind="open_orders", complete=True, updates=(report,), recv_ns=rig.now
        )
        rig.say("aa.private", listing)
    else:
        rig.say("aa.private", report)
    assert rig.desk.gate.mode() is Mode.REDUCING
    why = rig.desk.gate.why()
    assert why.startswith(f"order {OTHER} (aa:BTC-USDT) on aa:main")
    assert "another arbkit trades on this account" in why
    assert "start again" in why
    assert rig.trade() == []


def test_orders_of_earlier_runs_stop_nothing(rig: Any) -> None:
    """A lost folder, and old orders on the account: what has ended, and what was filled before the start, is told as
    foreign and no more."""
    rig.run(20)
    rig.say("aa.private", fill(rig, rig.now - 21 * S))
    rig.say("aa.private", foreign(rig, status=OrdStatus.CANCELED, order_id="78", cum_qty=Decimal(0), exch_ns=rig.now))
    rig.say("aa.private", foreign(rig, "web-123", order_id="79"))
    rig.say("aa.private", foreign(rig, "", order_id="80"))
    assert rig.desk.counters.alarms["foreign_order"] == 4
    assert rig.desk.gate.mode() is Mode.ACTIVE


def test_a_foreign_fill_is_booked_unless_the_first_balances_contain_it(rig: Any) -> None:
    """A listing of fills may go back to an earlier run, whose orders this run does not know; the balances that the
    ledger began with contain them."""
    ledger, before = rig.desk.ledger, rig.desk.ledger.total("aa:main", "BTC")
    rig.run(20)
    rig.say("aa.private", fill(rig, rig.now - 21 * S, "web-1"))
    assert ledger.total("aa:main", "BTC") == before
    rig.say("aa.private", replace(fill(rig, rig.now, "web-2"), trade_id="t2", order_id="78"))
    assert ledger.total("aa:main", "BTC") == before + 1


def test_an_order_of_ours_that_was_dropped_is_not_anothers(rig: Any) -> None:
    """Reported after it left memory: it is ours by its number."""
    ids = rig.trade()
    number = parse_cl_ord_id(ids[0])
    for one in ids:
        rig.fill(one)
    rig.desk.orders["aa:main"].forget(rig.now + 10**18, ())
    assert rig.desk.orders["aa:main"].get(ids[0]) is None
    rig.run(20)
    rig.say("aa.private", fill(rig, rig.now, format_cl_ord_id(number or 0)))
    assert rig.desk.counters.alarms["foreign_order"] == 1
    assert rig.desk.gate.mode() is Mode.ACTIVE
