"""What OKX's error codes mean for an order. Only codes listed here reject; every other leaves it UNKNOWN, and so do
the codes of a throttle.

Source: the "Error Code" section of https://www.okx.com/docs-v5/en/.
"""

from __future__ import annotations

from arbkit.core.types import OrdStatus, RejectReason

ORDER_UNKNOWN = "51603"
"""A query found no such order; it may lag right after placement."""
GONE = frozenset({"51400", "51401", "51402", "51410", "51412", "51503", "51509", "51510", ORDER_UNKNOWN})
"""A cancel that found nothing to cancel, or that the venue gave up on: the final state must be asked for."""

NOT_LOGGED_IN = "60011"
"""The link has lost its login: the order was not taken."""

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
"""Why a request was refused."""
DUPLICATE = "51016"
"""The client id is taken: the first copy landed, whatever became of it."""


def verdict(code: str) -> tuple[OrdStatus, RejectReason | None]:
    """Status and reason that the code of a new order's answer proves."""
    if code == "0":
        return OrdStatus.NEW, None
    if code == DUPLICATE:
        return OrdStatus.UNKNOWN, RejectReason.DUPLICATE
    reason = REJECTS.get(code)
    return OrdStatus.REJECTED if reason is not None and reason.definite else OrdStatus.UNKNOWN, reason
