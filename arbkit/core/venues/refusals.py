"""The sides of instruments that a venue refuses, and how long they are left alone. ``venues.Venue`` owns it, the engine
tells it of refusals, the engine and executors read it.

A refusal that the same order would meet again (funds, a closed market, the account's mode) is enough for a rest of a
minute. Any other one counts when it comes twice in a deal, for five seconds. Each further rest of a side is twice as
long, up to an hour. An accepted order on that side ends it, and so do other steps or limits of the instrument.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from arbkit.core.orders.orders import Order
from arbkit.core.types import OrdStatus, RejectReason, Side

__all__ = ["Refusals"]

_FIRST_NS = 5_000_000_000
_LASTING_NS = 60_000_000_000
_MOST_NS = 3_600_000_000_000
_LASTING = frozenset(
    {
        RejectReason.INSUFFICIENT_FUNDS,
        RejectReason.INSTRUMENT,
        RejectReason.AUTH,
        RejectReason.BAD_QTY,
        RejectReason.MIN_NOTIONAL,
    }
)
"""Reasons that last, also where the venue's adapter does not say so (``Order.lasting``)."""
_NO_REFUSAL = frozenset({RejectReason.GATE, RejectReason.NO_MATCH, RejectReason.POST_ONLY})
"""Our own refusal, or the normal end of an order that found no counterparty."""


class _Rest(Struct):
    span_ns: int
    until_ns: int
    why: str


class Refusals:
    """See the module. ``sides`` is empty while the venue refuses nothing."""

    __slots__ = ("sides",)

    def __init__(self) -> None:
        self.sides: dict[tuple[str, Side], _Rest] = {}

    def refused(self, order: Order, deal: Iterable[Order], now_ns: int) -> int:
        """The venue has rejected ``order``. ``deal``: all orders of its deal. Returns for how long its side is left
        alone from now on, 0 = it is not."""
        if not _teaches(order):
            return 0
        intent = order.intent
        if order.lasting or order.reason in _LASTING:
            span_ns = _LASTING_NS
        elif sum(_teaches(other) and _side(other) == _side(order) for other in deal) > 1:
            span_ns = _FIRST_NS
        else:
            return 0
        before = self.sides.get((intent.instrument, intent.side))
        if before is not None:
            span_ns = min(max(span_ns, 2 * before.span_ns), _MOST_NS)
        why = order.text or (order.reason.value if order.reason is not None else "refused")
        self.sides[intent.instrument, intent.side] = _Rest(span_ns, now_ns + span_ns, why)
        return span_ns

    def accepted(self, instrument: str, side: Side) -> None:
        """The venue has accepted an order on this side."""
        self.sides.pop((instrument, side), None)

    def changed(self, instrument: str) -> None:
        """The instrument has other steps or limits: what was refused may be accepted now."""
        for side in Side:
            self.sides.pop((instrument, side), None)

    def why(self, instrument: str, side: Side, now_ns: int) -> str:
        """Why nothing should be sent to this side now; "" = it can be tried."""
        rest = self.sides.get((instrument, side))
        if rest is None or now_ns >= rest.until_ns:
            return ""
        return f"refuses orders, left alone for another {-(-(rest.until_ns - now_ns) // 1_000_000_000)} s: {rest.why}"


def _side(order: Order) -> tuple[str, Side]:
    return order.intent.instrument, order.intent.side


def _teaches(order: Order) -> bool:
    """Whether the venue itself has refused this order. One that was proved absent was not refused."""
    return order.status is OrdStatus.REJECTED and not order.presumed and order.reason not in _NO_REFUSAL
