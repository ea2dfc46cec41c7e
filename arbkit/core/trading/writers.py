"""Tells whether somebody else trades on an account of ours with ids of our form: another arbkit on another machine,
or an earlier run whose journal is lost. ``Engine`` asks it about reports of orders that are not in our tables.

A lock sees two processes of one user on one machine (``runtime.locks``); only the venue sees the others.
"""

from __future__ import annotations

from arbkit.core.orders.ids import IntentIds, parse_cl_ord_id
from arbkit.core.types import OrderUpdate, OrdStatus, plain

__all__ = ["another_writer"]

_MARGIN_NS = 10_000_000_000
"""A fill of the venue's time so shortly after our start may be of before it: the clocks differ."""
_OPEN = frozenset({OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED})


def another_writer(update: OrderUpdate, ids: IntentIds, began_ns: int) -> str:
    """Why no new deal may begin after this report of an order that is not ours; "" = it says nothing of the kind.

    It does if the order has an id of our form that we did not hand out (one that we did is only too old for our
    tables), and it is open, or has filled since we began. What has ended before was of an earlier run.
    """
    intent = parse_cl_ord_id(update.cl_ord_id)
    if intent is None or ids.made(intent):
        return ""
    if not (update.exch_ns > began_ns + _MARGIN_NS if update.trade_id else update.ord_status in _OPEN):
        return ""
    what = f"filled {plain(update.last_qty)}" if update.trade_id else "is open"
    return (
        f"order {update.cl_ord_id} ({update.instrument}) on {update.account} {what}, has an id of arbkit's form and is "
        "in no journal of this run: another arbkit trades on this account, or the journal of an earlier run is lost; "
        "stop the other one or cancel the order by hand, then start again"
    )
