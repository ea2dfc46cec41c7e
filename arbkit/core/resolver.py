"""Proves what became of orders nobody answered for, and fetches fills that never came. It never sends an order.

One per account. The desk calls ``see`` after every change of an order, carries out the commands that ``tick`` returns
(Lane.QUERY, REST preferred), and reports what came back through ``absent``, ``listed`` and ``failed``.

Absence is proved only when all of these hold:
(1) the venue-side expiry has passed: ``sent_ns`` + ``order_window_ns`` + clock error + ``lookup_lag_ns``;
(2) two not-found replies came to queries *sent* after that moment;
(3) a complete open-orders listing and (4) a complete fills listing, both *sent* after it, show nothing of the order.
A failed query is nothing. Without proof the order stays UNKNOWN, for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from arbkit.core.protocols import NEVER
from arbkit.core.types import (
    Capabilities,
    Listing,
    ListFills,
    ListOpenOrders,
    NewOrder,
    OrderAbsent,
    OrdStatus,
    QueryOrder,
)

__all__ = ["ProvedAbsent", "Resolver", "Unresolved"]


class ProvedAbsent(Struct, frozen=True, gc=False):
    """The venue never took this order and never will: its exposure is free."""

    account: str
    instrument: str
    cl_ord_id: str
    why: str


class Unresolved(Struct, frozen=True, gc=False):
    """An alarm, told once an order: still no proof."""

    account: str
    instrument: str
    cl_ord_id: str
    since_ns: int
    why: str


class Resolver:
    """The open questions of one account."""

    due_ns: int
    clock_error_ns: int
    """Bound of the venue clock estimate; the desk keeps it current (``ClockSample.error_ns`` plus the offset unless
    signing corrects it)."""

    def __init__(
        self, account: str, capabilities: Capabilities, *, known: Callable[[str], bool] = lambda order_id: False,
        alarm_ns: int = 10_000_000_000,
    ) -> None:  # fmt: skip
        """``known(order_id)``: this venue order id belongs to an order of ours that is not in question."""
        self.due_ns = NEVER

    def see(
        self, request: NewOrder, *, status: OrdStatus, sent_ns: int, now_ns: int, order_id: str = "",
        missing_fills: bool = False,
    ) -> None:  # fmt: skip
        """An order changed (or was found in the journal). UNKNOWN: prove it; terminal with ``missing_fills`` (cum_qty
        over what is booked): fetch them after a grace; acked or pending IOC/FOK: query it when it stays silent past
        its time; otherwise forget it. Cheap, idempotent: call it after every change."""

    def absent(self, event: OrderAbsent, sent_ns: int, now_ns: int) -> None:
        """Not found, in answer to a query sent at ``sent_ns``."""

    def listed(self, listing: Listing, sent_ns: int, now_ns: int) -> None:
        """A listing came, asked for at ``sent_ns``. Its updates are also fed to the order table by the desk, first."""

    def failed(self, command: QueryOrder | ListOpenOrders | ListFills, now_ns: int) -> None:
        """No usable answer: asked again later."""

    def tick(self, now_ns: int) -> Sequence[QueryOrder | ListOpenOrders | ListFills | ProvedAbsent | Unresolved]:
        """What to ask now, and what has been proved or is overdue."""
        return ()

    def in_doubt(self) -> list[str]:
        """Client ids that are UNKNOWN now, oldest first."""
        return []
