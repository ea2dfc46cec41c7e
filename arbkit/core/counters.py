"""What the hot path counts: plain ints and int buckets, read by ``monitor.metrics`` when somebody scrapes.

Nothing here knows of Prometheus. Counting costs about 30 ns, observing about 150 ns.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter

__all__ = ["BOUNDS_US", "Counters", "Histogram", "LinkCounters"]

BOUNDS_US: tuple[float, ...] = (
    *(mantissa * 10.0**exponent for exponent in range(7) for mantissa in (1.0, 1.6, 2.5, 4.0, 6.3)),
    1e7,
)
"""Upper bounds in microseconds, five a decade: 1 us to 10 s."""


class Histogram:
    """Durations in microseconds, in fixed log-spaced buckets."""

    __slots__ = ("buckets", "sum_us")

    def __init__(self) -> None:
        self.buckets = [0] * (len(BOUNDS_US) + 1)
        """One a bound (value <= bound), and one for what is beyond the last."""
        self.sum_us = 0.0

    def observe(self, us: float) -> None:
        self.buckets[bisect_left(BOUNDS_US, us)] += 1
        self.sum_us += us

    @property
    def count(self) -> int:
        return sum(self.buckets)

    def quantile(self, share: float) -> float:
        """The duration under which ``share`` (0 to 1) of all fall, interpolated in its bucket; 0 when there is none."""
        wanted = share * self.count
        if not wanted:
            return 0.0
        seen = 0
        for i, inside in enumerate(self.buckets[:-1]):
            if inside and seen + inside >= wanted:
                low = BOUNDS_US[i - 1] if i else 0.0
                return low + (BOUNDS_US[i] - low) * (wanted - seen) / inside
            seen += inside
        return BOUNDS_US[-1]


class LinkCounters:
    """One link. Counters only rise; ``up`` and ``transit_ns`` are what they are now."""

    __slots__ = ("bad_frames", "bytes", "gaps", "messages", "reconnects", "sent", "transit_ns", "up")

    def __init__(self) -> None:
        self.messages = 0
        """Whole messages received."""
        self.bytes = 0
        self.sent = 0
        """Messages and requests handed to the transport."""
        self.gaps = 0
        """Books lost for a hole in their sequence or a wrong checksum."""
        self.reconnects = 0
        self.bad_frames = 0
        self.transit_ns = 0
        """How much later than usual the last frame came."""
        self.up = 0


class Counters:
    """All of one engine."""

    __slots__ = (
        "ack",
        "alarms",
        "book",
        "deals",
        "decision",
        "decode",
        "durable",
        "late_turns",
        "links",
        "opportunities_dropped",
        "opportunities_seen",
        "opportunities_taken",
        "orders",
        "refused",
        "strategy_faults",
        "tick_to_order",
        "turns",
    )

    def __init__(self) -> None:
        self.links: dict[str, LinkCounters] = {}
        self.decode = Histogram()
        """Message text to events (``Session.receive``)."""
        self.book = Histogram()
        """Events into books."""
        self.decision = Histogram()
        """Strategies and ranking, once a socket read."""
        self.tick_to_order = Histogram()
        """Receive stamp of a read to the last order of its turn handed to the transport."""
        self.durable = Histogram()
        """Intent written to intent on the disk."""
        self.ack = Histogram()
        """Order sent to its first report."""
        self.turns = 0
        """Decisions run."""
        self.late_turns = 0
        """Times the loop came back too late to trust what it had."""
        self.opportunities_seen = 0
        self.opportunities_taken = 0
        self.opportunities_dropped: Counter[str] = Counter()
        """By reason: no room, not ready, nothing left after rounding."""
        self.deals: Counter[str] = Counter()
        """Closed deals by outcome."""
        self.orders: Counter[tuple[str, str]] = Counter()
        """Finished and in-doubt orders by (venue, status)."""
        self.refused: Counter[str] = Counter()
        """Commands that the gate refused, by reason."""
        self.strategy_faults: Counter[str] = Counter()
        self.alarms: Counter[str] = Counter()
        """Things a person must see, by kind."""

    def link(self, name: str) -> LinkCounters:
        """The counters of a link, made when first asked for."""
        found = self.links.get(name)
        if found is None:
            found = self.links[name] = LinkCounters()
        return found
