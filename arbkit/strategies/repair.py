"""What the executor remembers of a deal that it repairs."""

from __future__ import annotations

from decimal import Decimal

from arbkit.core.types import NEVER

__all__ = ["HELD_CAP_NS", "HELD_NS", "LOOK_NS", "NEVER_HELD", "Repair"]

LOOK_NS = 1_000_000_000
"""While the order must wait, prices are looked at again after so long."""
HELD_NS = 2_000_000_000
"""Delay before the first order of a HELD deal; it doubles with each one."""
NEVER_HELD = -1
HELD_CAP_NS = 60_000_000_000


class Repair:
    """State of an unbalanced deal: since when, when the next order may be sent, and when to check again."""

    __slots__ = (
        "again",
        "doubt_ns",
        "due_ns",
        "held_ns",
        "next_ns",
        "overs",
        "sent",
        "sent_held",
        "since_ns",
        "waiting",
    )

    def __init__(self, now_ns: int) -> None:
        self.since_ns = now_ns
        """Since when no order could leave."""
        self.sent = 0
        """Number of hedge and unwind orders that had left then."""
        self.doubt_ns = 0
        """Since when an order of the deal is UNKNOWN; 0 = none is."""
        self.held_ns = 0
        """Since when the deal is HELD; 0 = it is not."""
        self.again = 0
        """Number of orders that left since it is HELD, or since the last fill after that."""
        self.sent_held = NEVER_HELD
        """How many had left before the last try since it is HELD."""
        self.overs: dict[str, Decimal] = {}
        """The differences at the last look."""
        self.next_ns = now_ns
        self.due_ns = NEVER
        self.waiting = False
        """No order is possible with the present books; check again when one changes."""
