"""The meaning of Bybit's return codes for an order. Only codes listed here are rejections. Any other code, and the
codes of a throttle, leave the order UNKNOWN.

Source: https://bybit-exchange.github.io/docs/v5/error
"""

from __future__ import annotations

from arbkit.core.types import OrdStatus, RejectReason

_BY_REASON = {
    RejectReason.INSUFFICIENT_FUNDS: (170131, 170033, 110004, 110007, 110012),
    RejectReason.BAD_PRICE: (170132, 170133, 170134, 170193, 170194, 170371, 170372, 110003),
    RejectReason.BAD_QTY: (170136, 170137, 170148, 170124, 170381),
    RejectReason.MIN_NOTIONAL: (170140, 110094),
    RejectReason.POST_ONLY: (170218, 170217),
    RejectReason.INSTRUMENT: (170121, 10029, 170151, 170157),
    RejectReason.THROTTLED: (10006, 170005, 170222, 10429, 10403, 20003),
    RejectReason.CLOCK: (10002, -1),
    RejectReason.AUTH: (10003, 10004, 10005, 10007, 10010, -2015, 33004),
    RejectReason.OTHER: (10001, 170810),
}
REJECTS = {code: reason for reason, codes in _BY_REASON.items() for code in codes}
"""The rejection reason of each code."""
DUPLICATES = frozenset({170141, 110072, 10014})
"""The client order id is in use, so the first copy of the order arrived."""
UNKNOWN_ORDER = frozenset({170213, 110001, 170143})
GONE = frozenset({*UNKNOWN_ORDER, 170139, 170142, 170190, 110008, 110010})
"""A cancel found no open order; query the final state."""
RESTARTING = 10019
"""This node of the trade socket is shutting down; dial a new connection."""
ALREADY_AUTHED = 20001

REASONS = {
    "EC_PostOnlyWillTakeLiquidity": RejectReason.POST_ONLY,
    "EC_NoImmediateQtyToFill": RejectReason.NO_MATCH,
    "EC_NoEnoughQtyToFill": RejectReason.NO_MATCH,
    "EC_DuplicatedClOrdID": RejectReason.DUPLICATE,
}
"""``rejectReason`` of an order."""


def verdict(code: int | None) -> tuple[OrdStatus, RejectReason | None]:
    """(status, reason) that the code in the answer to a new order proves."""
    if code == 0:
        return OrdStatus.NEW, None
    if code in DUPLICATES:
        return OrdStatus.UNKNOWN, RejectReason.DUPLICATE
    reason = REJECTS.get(code) if code is not None else None
    return OrdStatus.REJECTED if reason is not None and reason.definite else OrdStatus.UNKNOWN, reason
