"""Makes the picture of a run for a terminal: one look at the desk. ``app.status`` asks for it once a second."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from msgspec.structs import replace

from arbkit.core.desk import Desk
from arbkit.core.types import Idle, Mode, plain
from arbkit.monitor.picture import Picture, VenueLine
from arbkit.monitor.terminal import clean

__all__ = ["Painter"]

IDLE_NS = 3_000_000_000
"""To ask why each pair is not traded takes time of the loop: so often."""
_QUOTED = frozenset({"venue", "book", "mode", "refused", "fault"})


class Painter:
    """``kind``: ``live``, ``paper`` or ``demo``."""

    def __init__(self, desk: Desk, kind: str, began_ns: int) -> None:
        self._desk = desk
        self._kind = kind
        self._began_ns = began_ns
        self._idle = ""
        self._idle_ns = 0
        self.reasons: list[Idle] = []
        """Why each pair was not traded at the last look."""

    def picture(self, why: Mapping[str, str], *, stopping: bool, now_ns: int) -> Picture:
        """The run now. ``why``: for each venue why it cannot trade, "" = it can."""
        desk = self._desk
        if now_ns >= self._idle_ns + IDLE_NS:
            self._idle_ns = now_ns
            self.reasons = [_cleaned(one) for one in desk.reasons.now(now_ns)]
            self._idle = clean(idle(desk, self.reasons))
        asset = desk.setup.limits.asset
        marked = desk.ledger.marked(desk.prices.last, asset)
        books = desk.books.values()
        return Picture(
            at_ns=now_ns,
            began_ns=self._began_ns,
            kind=self._kind,
            mode=desk.gate.mode().value,
            venues=[VenueLine(name, why.get(name, "connecting")) for name in desk.venues],
            asset=asset,
            marked=None if marked is None else plain(round(marked, 8)),
            deals=dict(desk.counters.deals),
            open_deals=len(desk.engine.deals),
            held=len(desk.held()),
            unresolved=len(desk.unresolved()),
            idle=self._idle,
            stopping=stopping,
            books=(sum(1 for book in books if book.trusted), len(books)),
        )


def _cleaned(one: Idle) -> Idle:
    """Without secrets and control characters, where a venue's own words may be in it."""
    return replace(one, text=clean(one.text)) if one.reason in _QUOTED else one


def idle(desk: Desk, rows: list[Idle]) -> str:
    """Why nothing is traded now, in one text: the mode, or the most common reason with one pair as an example."""
    if desk.gate.mode() is not Mode.ACTIVE:
        return desk.gate.why() or desk.gate.killed or f"the mode is {desk.gate.mode().value}"
    if dead := desk.reasons.nothing(rows):
        return dead
    if not rows or not all(one.reason for one in rows):
        return ""
    reason, count = Counter(one.reason for one in rows).most_common(1)[0]
    one = next(one for one in rows if one.reason == reason)
    share = f"{count} of {len(rows)} pairs: " if len(rows) > 1 else ""
    return f"{share}{reason}, as {one.name}: {one.text}"
