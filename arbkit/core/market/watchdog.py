"""Timeouts of links and books, and the transit delay of frames. ``market.books``, ``execution.dialer`` and the desk
call it.

Five watches: silence of the socket, silence of all data of a link, a symbol that never sends, silence of one symbol,
and frames that come late.

Hot path: ``watch = watchdog.add(spec)`` once per link, then ``watch.seen_ns = now`` per frame and
``excess = watch.updated(instrument, exch_ns, recv_ns)`` per book update. The rest runs in ``tick`` when ``due_ns`` is
reached.

``market.books`` treats a book as fresh only while ``not watch.behind`` and ``now >= watchdog.drained_ns``. When
``watch.behind`` becomes True, all books of the link are marked STALE.
"""

from __future__ import annotations

from msgspec import Struct

from arbkit.core.alarms import Alarms
from arbkit.core.types import NEVER, LinkSpec

__all__ = ["BookStale", "LinkDead", "LinkWatch", "SymbolSilent", "SymbolWatch", "Transit", "Watchdog"]

_SECOND = 1_000_000_000
_HOUR = 3600 * _SECOND
_PERIOD = _SECOND
"""Longest time between two checks. Each check also updates the usual rates, so a symbol whose rate rises is soon
watched by its new rate."""
_APART = 618_033_989
"""The checks of two links are so far apart in their period (the golden section spreads any number of them)."""


class LinkDead(Struct, frozen=True, gc=False):
    """This link is dead: drop it and connect again."""

    link: str
    reason: str


class BookStale(Struct, frozen=True, gc=False):
    """No update of this book for too long: call ``Books.stale``. The next update makes it SYNCED again."""

    instrument: str
    reason: str


class SymbolSilent(Struct, frozen=True, gc=False):
    """This symbol has sent nothing since the link was ready, though its session asked again: dial the link anew, unless
    the symbol is not tradable."""

    link: str
    instrument: str
    reason: str


class Transit:
    """Transit delay of the frames of one link, compared with what it should be.

    Where the offset of the venue's clock is measured (``measured``), that is no delay: a frame is as late as its
    timestamp says, also on a link that was late from its first frame. Else it is the smallest difference between
    receive time and exchange time in the last ``5 * slot_ns``: the offset between the clocks and the shortest network
    delay are part of it, so they cancel out. If the clocks or the route change, it follows after at most five slots
    (five minutes by default).
    """

    __slots__ = ("_low", "_lows", "_turn_ns", "excess_ns", "slot_ns", "usual_ns")

    def __init__(self, slot_ns: int = 60 * _SECOND) -> None:
        self.slot_ns = slot_ns
        self.usual_ns = NEVER
        self.excess_ns = 0
        """Of the last sample, in ns."""
        self._low = NEVER
        self._lows = [NEVER] * 4
        """Smallest differences of the four previous slots."""
        self._turn_ns = 0

    def measured(self, offset_ns: int | None) -> None:
        """The venue's clock minus ours; None = it is not known any more."""
        self._lows = [NEVER] * 4
        if offset_ns is None:
            self.usual_ns = self._low = NEVER
            self._turn_ns = 0
        else:
            self.usual_ns = -offset_ns
            self._low = -offset_ns - _HOUR
            self._turn_ns = NEVER

    def sample(self, exch_ns: int, recv_ns: int) -> int:
        """How much later than it should this frame came, in ns. If the frame has no exchange time (``exch_ns`` 0, or a
        time before 1970): the excess of the last frame that had one."""
        if exch_ns <= 0:
            return self.excess_ns
        took = recv_ns - exch_ns
        if recv_ns >= self._turn_ns:
            self._turn(recv_ns)
        if took < self._low:
            if took < -_HOUR or self._turn_ns == NEVER:
                return self.excess_ns  # a timestamp an hour ahead is in a wrong unit: it proves nothing
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
    """Watches one symbol by its own usual rate: the mean of about its last hundred update intervals."""

    __slots__ = ("_counted", "_counted_ns", "beats", "instrument", "last_ns", "limit_ns", "mean_ns", "told")

    FACTOR, FLOOR_NS, CAP_NS = 20, 1 * _SECOND, 60 * _SECOND
    """STALE after 20 usual intervals without update, but at least 1 s (updates come in bursts) and at most 60 s."""
    STEADY = 64
    """Number of intervals after which a symbol's rate is used. The mean also follows a change of the rate over about
    this many intervals."""

    def __init__(self, instrument: str, now_ns: int) -> None:
        self.instrument = instrument
        self.last_ns = now_ns
        """Receive time of the last update. ``LinkWatch.updated`` writes this and ``beats``; ``settle`` computes the
        rest."""
        self.beats = 0
        """Number of intervals; several updates in one socket read count as one."""
        self.mean_ns = 0
        self.limit_ns = self.CAP_NS
        self.told = False
        self._counted = 0
        self._counted_ns = now_ns

    def settle(self) -> None:
        """Update the mean interval and the limit of silence."""
        fresh = self.beats - self._counted
        if fresh:
            interval = (self.last_ns - self._counted_ns) // fresh
            self.mean_ns += (interval - self.mean_ns) * fresh // max(fresh, min(self.beats, self.STEADY))
            self._counted = self.beats
            self._counted_ns = self.last_ns
        if self.beats > self.STEADY:
            self.limit_ns = min(max(self.FACTOR * self.mean_ns, self.FLOOR_NS), self.CAP_NS)


class LinkWatch:
    """The watches of one link. ``opened``, ``ready`` and ``closed`` follow the link's state. ``behind``: its last
    update came later than the budget allows."""

    __slots__ = (
        "_budget_ns",
        "_dog",
        "_phase_ns",
        "_unheard",
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
    """Time limit from open to ``Ready``: the login and the subscriptions (TLS is done by then)."""
    UNHEARD_NS, LONGEST_UNHEARD_NS = 45 * _SECOND, _HOUR
    """A symbol that has sent nothing for so long after ``Ready`` is told. The session has asked for it again meanwhile.
    The next connection waits twice as long for it."""

    def __init__(self, spec: LinkSpec, dog: Watchdog, phase_ns: int) -> None:
        self._dog = dog
        self._phase_ns = phase_ns
        self.spec = spec
        self.link = spec.link
        self.transit = Transit()
        self.symbols: dict[str, SymbolWatch] = {}
        self._unheard: dict[str, int] = {}
        """How long to wait for the first update of a symbol, where an earlier connection had none. Kept over
        connections."""
        self.behind = False
        self.open_ns = 0
        """Since when the link is open; 0 = closed."""
        self.ready_ns = 0
        self.seen_ns = 0
        """When something was received (any bytes, also pings and pongs). The desk writes it."""
        self.data_ns = 0
        self.dated_ns = 0
        """Receive time of the last update that had an exchange time; 0 = none had."""
        self.told = False
        self.due_ns = NEVER
        self._budget_ns = dog.budget_ns

    def opened(self, now_ns: int) -> None:
        """The socket is open: start all watches."""
        self.open_ns = self.seen_ns = self.data_ns = self.due_ns = now_ns
        self.ready_ns = 0
        self.told = self.behind = False
        self.symbols = {}
        self._dog.alarms.by(self.link, now_ns)

    def ready(self, now_ns: int) -> None:
        """``Ready`` came: subscribed. Without it the link counts as dead ``SETUP_NS`` after it opened."""
        self.ready_ns = self.data_ns = now_ns

    def closed(self) -> None:
        """The link is closed: stop all watches until it opens again."""
        self.open_ns = 0
        self.due_ns = NEVER
        self.behind = False
        self._dog.alarms.cancel(self.link)

    def updated(self, instrument: str, exch_ns: int, recv_ns: int) -> int:
        """A book changed. Returns the transit excess in ns (for ``Book.transit_ns``) and sets ``behind``."""
        symbol = self.symbols.get(instrument)
        if symbol is None:
            symbol = self.symbols[instrument] = SymbolWatch(instrument, recv_ns)
            self._unheard.pop(instrument, None)
            self.data_ns = recv_ns
        if recv_ns != symbol.last_ns:
            symbol.last_ns = self.data_ns = recv_ns
            symbol.beats += 1
        if exch_ns > 0:
            self.dated_ns = recv_ns
        excess = self.transit.sample(exch_ns, recv_ns)
        self.behind = excess > self._budget_ns
        return excess

    def undatable(self, now_ns: int) -> bool:
        """Whether an update without exchange time cannot be trusted to be current: after a network stall it comes late,
        but its receive time is recent.

        If the venue timestamps its updates, a timestamped one must have come within the budget; if it had been late,
        ``behind`` would be set. If the venue timestamps none, this cannot be decided, and the result is False.
        """
        return self.dated_ns != 0 and now_ns - self.dated_ns > self._budget_ns

    def tick(self, now_ns: int) -> list[LinkDead | BookStale | SymbolSilent]:
        """What has been silent for too long. Sets ``due_ns`` to the time of the next check."""
        if not self.open_ns or self.told:
            self.due_ns = NEVER
            return []
        found: list[LinkDead | BookStale | SymbolSilent] = []
        spec = self.spec
        due = self.seen_ns + spec.silence_ns
        if due <= now_ns:
            return self._dead(f"nothing received for {_seconds(now_ns - self.seen_ns)}")
        if not self.ready_ns:
            if self.open_ns + self.SETUP_NS <= now_ns:
                return self._dead(f"not subscribed {_seconds(now_ns - self.open_ns)} after it opened")
            due = min(due, self.open_ns + self.SETUP_NS)
        elif spec.quiet_ns and (spec.instruments or not spec.trades):  # trades alone may be rare
            if self.data_ns + spec.quiet_ns <= now_ns:
                return self._dead(f"no data of any instrument for {_seconds(now_ns - self.data_ns)}")
            due = min(due, self.data_ns + spec.quiet_ns)
        if self.ready_ns and len(self.symbols) < len(spec.instruments):
            found += self._never_sent(now_ns)
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
        self.due_ns = min(due, now_ns + _PERIOD - (now_ns - self._phase_ns) % _PERIOD)
        return found

    def _never_sent(self, now_ns: int) -> list[SymbolSilent]:
        """Symbols without one update since the link was ready; each is told once a connection."""
        silent_ns = now_ns - self.ready_ns
        found = []
        for instrument in self.spec.instruments:
            patience_ns = self._unheard.get(instrument, self.UNHEARD_NS)
            if instrument not in self.symbols and patience_ns <= silent_ns:
                self._unheard[instrument] = min(2 * patience_ns, self.LONGEST_UNHEARD_NS)
                reason = f"{instrument}: subscribed, but nothing came for {_seconds(silent_ns)}"
                found.append(SymbolSilent(self.link, instrument, reason))
        return found

    def _dead(self, reason: str) -> list[LinkDead | BookStale | SymbolSilent]:
        self.told = True
        self.due_ns = NEVER
        return [LinkDead(self.link, reason)]


class Watchdog:
    """The watches of all links; ``alarms`` has those that are open."""

    __slots__ = ("_links", "_offsets", "alarms", "budget_ns", "drained_ns", "late_ns")

    def __init__(self, *, budget_ns: int = 250_000_000, late_ns: int = 50_000_000) -> None:
        self.budget_ns = budget_ns
        """How late a frame may come, in ns (``Transit``)."""
        self.late_ns = late_ns
        """How late the event loop may run, in ns."""
        self.drained_ns = 0
        """Until then the event loop works off a backlog, and no book is fresh."""
        self.alarms = Alarms()
        self._links: dict[str, LinkWatch] = {}
        self._offsets: dict[str, int | None] = {}
        """What is measured of the venues' clocks."""

    def add(self, spec: LinkSpec) -> LinkWatch:
        """The watch of this link; it starts with ``opened``. Returns the same object for the same link."""
        watch = self._links.get(spec.link)
        if watch is None:
            watch = self._links[spec.link] = LinkWatch(spec, self, len(self._links) * _APART % _PERIOD)
            watch.transit.measured(self._offsets.get(spec.venue))
        return watch

    def clock(self, venue: str, offset_ns: int | None) -> None:
        """The venue's clock minus ours was measured; None = it is not known any more."""
        if self._offsets.get(venue) != offset_ns:
            self._offsets[venue] = offset_ns
            for watch in self._links.values():
                if watch.spec.venue == venue:
                    watch.transit.measured(offset_ns)

    def remove(self, link: str) -> None:
        """Stop watching a link that is no longer needed."""
        self._links.pop(link, None)
        self.alarms.cancel(link)

    @property
    def due_ns(self) -> int:
        """When ``tick`` is wanted; ``NEVER`` while no link is open."""
        return self.alarms.due_ns

    def late(self, lag_ns: int, now_ns: int) -> bool:
        """The event loop ran ``lag_ns`` late. Returns True if that is over the bound: then mark all books STALE; none
        is fresh before ``drained_ns``.

        Frames piled up for ``lag_ns``. Working them off takes at most as long again; if it takes longer, the loop is
        late again.
        """
        if lag_ns <= self.late_ns:
            return False
        self.drained_ns = max(self.drained_ns, now_ns + lag_ns)
        return True

    def tick(self, now_ns: int) -> list[LinkDead | BookStale | SymbolSilent]:
        """What has been silent for too long. Each is reported once per silence."""
        found: list[LinkDead | BookStale | SymbolSilent] = []
        for link in self.alarms.take(now_ns):
            watch = self._links[link]
            found += watch.tick(now_ns)
            self.alarms.by(link, watch.due_ns)
        return found


def _seconds(span_ns: int) -> str:
    return f"{span_ns / _SECOND:.1f} s"
