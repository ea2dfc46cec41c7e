"""The meaning of OKX's error codes for an order. Only codes listed here are rejections. Any other code, and the codes
of a throttle, leave the order UNKNOWN.

Source: the "Error Code" section of https://www.okx.com/docs-v5/en/.
"""

from __future__ import annotations

from arbkit.core.types import OrdStatus, RejectReason

ORDER_UNKNOWN = "51603"
"""A query found no such order. It may also come for an order that was just placed."""
GONE = frozenset({"51400", "51401", "51402", "51410", "51412", "51503", "51509", "51510", ORDER_UNKNOWN})
"""A cancel found no open order or was not completed; query the final state."""

NOT_LOGGED_IN = "60011"
"""The link is not logged in any more; the order was not accepted."""

_BY_REASON = {
    RejectReason.INSUFFICIENT_FUNDS: ("51008", "51127", "51131"),
    RejectReason.BAD_PRICE: ("51006", "51116", "51122", "51137", "51138"),
    RejectReason.BAD_QTY: ("51020", "51120", "51121", "50122", "51201", "51202", "51203"),
    RejectReason.INSTRUMENT: ("51001", "51021", "51022", "51024", "51155"),
    RejectReason.OTHER: ("51000", "60012", "60013", NOT_LOGGED_IN),
    RejectReason.THROTTLED: ("50011", "50061", "60014", "50040"),
    RejectReason.CLOCK: ("50102", "50112", "60004", "60006", "50036", "50037"),
    RejectReason.AUTH: (
        "50113",
        "50105",
        "50111",
        "50119",
        "50110",
        "50120",
        "50101",
        "60005",
        "60007",
        "60009",
        "60024",
    ),
}
REJECTS = {code: reason for reason, codes in _BY_REASON.items() for code in codes}
"""The rejection reason of each code."""
DUPLICATE = "51016"
"""The client order id is in use, so the first copy of the order arrived."""


def verdict(code: str) -> tuple[OrdStatus, RejectReason | None]:
    """(status, reason) that the code in the answer to a new order proves."""
    if code == "0":
        return OrdStatus.NEW, None
    if code == DUPLICATE:
        return OrdStatus.UNKNOWN, RejectReason.DUPLICATE
    reason = REJECTS.get(code)
    return OrdStatus.REJECTED if reason is not None and reason.definite else OrdStatus.UNKNOWN, reason
