"""When an order passed each station of its way out, for people. Nothing is decided by it.

Only orders are stamped: a turn that makes none costs nothing. ``Sender`` owns it; the engine says when an opportunity
was found, the desk when a sampled frame was decoded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from arbkit.core.types import NewOrder

__all__ = ["Stamp", "Stamps"]

_KEPT = 2_000


class Stamp:
    """The stations of one order, in ns; 0 = not passed, or not known. An order of a hedge has no ``found_ns``."""

    __slots__ = ("applied_ns", "checked_ns", "decoded_ns", "found_ns", "made_ns", "out_ns", "read_ns", "wire_ns")

    def __init__(self, read_ns: int) -> None:
        self.read_ns = read_ns
        """The socket read, or the timer, that caused it."""
        self.wire_ns = 0
        """From the venue's stamp on the book that moved to the read, by the corrected clock."""
        self.decoded_ns = 0
        """A frame of the read was decoded; likewise ``applied_ns``, to its book. Of sampled frames only."""
        self.applied_ns = 0
        self.found_ns = 0
        """The strategy had proposed it, and it was its turn."""
        self.checked_ns = 0
        """Planned, reserved, past the gate, with rate tokens."""
        self.made_ns = 0
        """In the journal, signed and encoded."""
        self.out_ns = 0
        """Given to the transport."""


class Stamps:
    """Those of the newest orders. ``now_ns`` is the probe: it reads the time."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self.now_ns = now_ns
        self._by_id: dict[str, Stamp] = {}
        self._decoded_ns = 0
        self._applied_ns = 0
        self._made_ns = 0

    def get(self, cl_ord_id: str) -> Stamp | None:
        return self._by_id.get(cl_ord_id)

    def frame(self, decoded_ns: int, applied_ns: int) -> None:
        """A sampled frame."""
        self._decoded_ns, self._applied_ns = decoded_ns, applied_ns

    def checked(self, orders: Sequence[NewOrder], found_ns: int, read_ns: int) -> None:
        """The first orders of a deal are about to be sent."""
        now_ns = self.now_ns()
        for order in orders:
            stamp = self._add(order.cl_ord_id, read_ns)
            stamp.found_ns, stamp.checked_ns = found_ns, now_ns
            if self._decoded_ns > read_ns:
                stamp.decoded_ns, stamp.applied_ns = self._decoded_ns, self._applied_ns

    def wire(self, orders: Sequence[NewOrder], wire_ns: int) -> None:
        """How long the frame that caused them was on the way."""
        for order in orders:
            if (stamp := self._by_id.get(order.cl_ord_id)) is not None:
                stamp.wire_ns = wire_ns

    def made(self) -> None:
        """The next orders that leave are encoded."""
        self._made_ns = self.now_ns()

    def left(self, cl_ord_id: str, out_ns: int, read_ns: int) -> None:
        stamp = self._by_id.get(cl_ord_id) or self._add(cl_ord_id, read_ns)
        stamp.made_ns, stamp.out_ns = self._made_ns, out_ns

    def _add(self, cl_ord_id: str, read_ns: int) -> Stamp:
        if len(self._by_id) >= _KEPT:
            del self._by_id[next(iter(self._by_id))]
        stamp = self._by_id[cl_ord_id] = Stamp(read_ns)
        return stamp
