"""Four watchdogs: the socket, the subscription, the symbol, and how late frames come.

Hot path: ``watch = watchdog.add(spec)`` once a link, then ``watch.heard(now)`` per frame and
``excess = watch.updated(instrument, exch_ns, recv_ns)`` per book update. The rest runs on ``due_ns`` and ``tick``.

``market.books`` calls it for each update: a book is fresh only while ``not watch.behind`` and
``now >= watchdog.drained_ns``. When ``watch.behind`` turns True all books of the link are marked STALE.
"""

from __future__ import annotations

from msgspec import Struct

from arbkit.core.types import NEVER, LinkSpec

__all__ = ["BookStale", "LinkDead", "LinkWatch", "SymbolWatch", "Transit", "Watchdog"]

_SECOND = 1_000_000_000
_HOUR = 3600 * _SECOND
_PERIOD = _SECOND
"""Usual rates are looked at anew so often: a symbol that speeds up is held to its new rate."""


class LinkDead(Struct, frozen=True, gc=False):
    """Drop this link and dial again."""

    link: str
    reason: str


class BookStale(Struct, frozen=True, gc=False):
    """This book has been silent for too long: ``Books.stale``; its next update heals it."""

    instrument: str
    reason: str


class Transit:
    """How much later than usual the frames of one link come.

    The smallest difference between receive and exchange time of the last ``5 * slot_ns`` is "usual": the difference of
    the two clocks and the shortest way cancel out. It takes minutes to notice that the clocks or the route changed.
    """

    __slots__ = ("_low", "_lows", "_turn_ns", "excess_ns", "slot_ns", "usual_ns")

    def __init__(self, slot_ns: int = 60 * _SECOND) -> None:
        self.slot_ns = slot_ns
        self.usual_ns = NEVER
        self.excess_ns = 0
        """Of the last sample."""
        self._low = NEVER
        self._lows = [NEVER] * 4
        """Smallest differences of the four slots before this one."""
        self._turn_ns = 0

    def sample(self, exch_ns: int, recv_ns: int) -> int:
        """Excess of this frame over the usual; the last excess where the venue tells no time (``exch_ns`` 0)."""
        if not exch_ns:
            return self.excess_ns
        took = recv_ns - exch_ns
        if recv_ns >= self._turn_ns:
            self._turn(recv_ns)
        if took < self._low:
            if took < -_HOUR:
                return self.excess_ns  # no clock is an hour ahead: a stamp in another unit must not become the usual
            self._low = took
            if took < self.usual_ns:
                self.usual_ns = took
        self.excess_ns = excess = took - self.usual_ns
        return excess

    def _turn(self, now_ns: int) -> None:
        if self._turn_ns and now_ns - self._turn_ns < 5 * self.slot_ns:
            while self._turn_ns <= now_ns:
                self._lows = [*self._lows[1:], self._low]
                self._low = NEVER
                self._turn_ns += self.slot_ns
        else:
            self._lows = [NEVER] * 4
            self._low = NEVER
            self._turn_ns = now_ns + self.slot_ns
        self.usual_ns = min(self._lows)


class SymbolWatch:
    """Age of one symbol against its own usual rate: the mean of its last hundred intervals or so."""

    __slots__ = ("_counted", "_counted_ns", "beats", "instrument", "last_ns", "limit_ns", "mean_ns", "told")

    FACTOR, FLOOR_NS, CAP_NS = 20, 1 * _SECOND, 60 * _SECOND
    """Silent for 20 usual intervals is stale; never under a second (bursts), never over a minute."""
    STEADY = 64
    """Intervals to see before a symbol's rate is trusted, and about as many to follow a change of it."""

    def __init__(self, instrument: str, now_ns: int) -> None:
        self.instrument = instrument
        self.last_ns = now_ns
        """The last update. ``LinkWatch.updated`` writes this and ``beats``; the rest is done in ``settle``."""
        self.beats = 0
        """Intervals seen; several updates in one read are one."""
        self.mean_ns = 0
        self.limit_ns = self.CAP_NS
        self.told = False
        self._counted = 0
        self._counted_ns = now_ns

    def settle(self) -> None:
        """Hold the symbol to its present rate."""
        fresh = self.beats - self._counted
        if fresh:
            interval = (self.last_ns - self._counted_ns) // fresh
            self.mean_ns += (interval - self.mean_ns) * fresh // max(fresh, min(self.beats, self.STEADY))
            self._counted = self.beats
            self._counted_ns = self.last_ns
        if self.beats > self.STEADY:
            self.limit_ns = min(max(self.FACTOR * self.mean_ns, self.FLOOR_NS), self.CAP_NS)


class LinkWatch:
    """What is watched of one link. ``opened``, ``ready`` and ``closed`` follow its life; ``behind`` says that its last
    update came later than the budget allows."""

    __slots__ = (
        "_budget_ns",
        "_dog",
        "behind",
        "data_ns",
        "dated_ns",
        "due_ns",
        "link",
        "open_ns",
        "ready_ns",
        "seen_ns",
        "spec",
        "symbols",
        "told",
        "transit",
    )

    SETUP_NS = 20 * _SECOND
    """From open to ``Ready``: TLS is done, what is left is a login and subscriptions."""

    def __init__(self, spec: LinkSpec, dog: Watchdog) -> None:
        self._dog = dog
        self.spec = spec
        self.link = spec.link
        self.transit = Transit()
        self.symbols: dict[str, SymbolWatch] = {}
        self.behind = False
        self.open_ns = 0
        """Since when it is open; 0 = closed."""
        self.ready_ns = 0
        self.seen_ns = 0
        self.data_ns = 0
        self.dated_ns = 0
        """When the last update came that told its time."""
        self.told = False
        self.due_ns = NEVER
        self._budget_ns = dog.budget_ns

    def opened(self, now_ns: int) -> None:
        """The socket is open; everything is watched from now on."""
        self.open_ns = self.seen_ns = self.data_ns = self.due_ns = now_ns
        self.ready_ns = 0
        self.told = self.behind = False
        self.symbols = {}
        self._dog.settle()

    def ready(self, now_ns: int) -> None:
        """``Ready`` came: subscribed. Without it the link is dead ``SETUP_NS`` after it opened."""
        self.ready_ns = self.data_ns = now_ns

    def closed(self) -> None:
        """Nothing is watched until it opens again."""
        self.open_ns = 0
        self.due_ns = NEVER
        self.behind = False
        self._dog.settle()

    def heard(self, now_ns: int) -> None:
        """Any bytes, pings and pongs too."""
        self.seen_ns = now_ns

    def updated(self, instrument: str, exch_ns: int, recv_ns: int) -> int:
        """A book changed: returns the transit excess (for ``Book.transit_ns``) and sets ``behind``."""
        symbol = self.symbols.get(instrument)
        if symbol is None:
            symbol = self.symbols[instrument] = SymbolWatch(instrument, recv_ns)
            self.data_ns = recv_ns
        if recv_ns != symbol.last_ns:
            symbol.last_ns = self.data_ns = recv_ns
            symbol.beats += 1
        if exch_ns:
            self.dated_ns = recv_ns
        excess = self.transit.sample(exch_ns, recv_ns)
        self.behind = excess > self._budget_ns
        return excess

    def undatable(self, now_ns: int) -> bool:
        """Whether what tells no time cannot be believed to be new: after a stall it comes late and looks young.

        Where the venue dates its updates, one of them must have come a moment ago: had it been late, ``behind`` would
        say so. Where it dates none, nobody can tell."""
        return self.transit.usual_ns != NEVER and now_ns - self.dated_ns > self._budget_ns

    def tick(self, now_ns: int) -> list[LinkDead | BookStale]:
        """Who has been silent for too long, and when to look again."""
        if not self.open_ns or self.told:
            self.due_ns = NEVER
            return []
        found: list[LinkDead | BookStale] = []
        spec = self.spec
        due = self.seen_ns + spec.silence_ns
        if due <= now_ns:
            return self._dead(f"not a byte for {_seconds(now_ns - self.seen_ns)}")
        if not self.ready_ns:
            if self.open_ns + self.SETUP_NS <= now_ns:
                return self._dead(f"not subscribed {_seconds(now_ns - self.open_ns)} after it opened")
            due = min(due, self.open_ns + self.SETUP_NS)
        elif spec.quiet_ns:
            if self.data_ns + spec.quiet_ns <= now_ns:
                return self._dead(f"no data of any instrument for {_seconds(now_ns - self.data_ns)}")
            due = min(due, self.data_ns + spec.quiet_ns)
        for symbol in self.symbols.values():
            symbol.settle()
            end = symbol.last_ns + symbol.limit_ns
            if end > now_ns:
                symbol.told = False
                due = min(due, end)
                continue
            silent = now_ns - symbol.last_ns
            if not symbol.told:
                symbol.told = True
                usual = f", usually {_seconds(symbol.mean_ns)} apart" if symbol.beats > symbol.STEADY else ""
                found.append(BookStale(symbol.instrument, f"no update for {_seconds(silent)}{usual}"))
            if symbol.beats > symbol.STEADY and silent >= 10 * symbol.limit_ns:
                return [
                    *found,
                    *self._dead(f"{symbol.instrument}: its subscription seems lost, no update for {_seconds(silent)}"),
                ]
        self.due_ns = min(due, now_ns + _PERIOD)
        return found

    def _dead(self, reason: str) -> list[LinkDead | BookStale]:
        self.told = True
        self.due_ns = NEVER
        return [LinkDead(self.link, reason)]


class Watchdog:
    """All links. ``due_ns`` is ``NEVER`` while no link is open."""

    __slots__ = ("_links", "budget_ns", "drained_ns", "due_ns", "late_ns")

    def __init__(self, *, budget_ns: int = 250_000_000, late_ns: int = 50_000_000) -> None:
        self.budget_ns = budget_ns
        """How much later than usual a frame may come."""
        self.late_ns = late_ns
        """How late the loop may run."""
        self.drained_ns = 0
        """Until then the loop works off a backlog: no book is fresh."""
        self.due_ns = NEVER
        self._links: dict[str, LinkWatch] = {}

    def add(self, spec: LinkSpec) -> LinkWatch:
        """Watch this link from its ``opened`` on; the same object for the same link."""
        watch = self._links.get(spec.link)
        if watch is None:
            watch = self._links[spec.link] = LinkWatch(spec, self)
        return watch

    def remove(self, link: str) -> None:
        """The link is no longer wanted."""
        self._links.pop(link, None)
        self.settle()

    def settle(self) -> None:
        """When to look next."""
        self.due_ns = min((watch.due_ns for watch in self._links.values()), default=NEVER)

    def late(self, lag_ns: int, now_ns: int) -> bool:
        """The loop ran late. True = over the bound: mark all books STALE, and none is fresh before ``drained_ns``.

        Frames piled up for ``lag_ns``; working them off takes no longer than that, or the loop is late again."""
        if lag_ns <= self.late_ns:
            return False
        self.drained_ns = max(self.drained_ns, now_ns + lag_ns)
        return True

    def tick(self, now_ns: int) -> list[LinkDead | BookStale]:
        """Who has been silent for too long. Each is told once until it is heard again."""
        found: list[LinkDead | BookStale] = []
        for watch in self._links.values():
            if watch.due_ns <= now_ns:
                found += watch.tick(now_ns)
        self.settle()
        return found


def _seconds(span_ns: int) -> str:
    return f"{span_ns / _SECOND:.1f} s"
