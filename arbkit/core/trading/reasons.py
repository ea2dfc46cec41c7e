"""Why nothing is traded now, for each trade that the strategies look for.

A strategy knows its own reasons (``protocols.Explains``); the engine knows what it refused, the gate its modes, the
market why a book is not trusted. The log, the metrics and the summary of a run read this. It changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from arbkit.core.market.book import Book
from arbkit.core.money.gate import Gate
from arbkit.core.money.limits import Limits, Refusal
from arbkit.core.protocols import Explains
from arbkit.core.trading.engine import Engine
from arbkit.core.trading.view import DeskView
from arbkit.core.types import Idle, Mode
from arbkit.core.venues.venue import Venue

__all__ = ["DEAD", "Reasons"]

_RECENT_NS = 60_000_000_000
DEAD = frozenset({"identity", "venue", "halted", "book", "mode", "balance", "limit", "stock"})
"""Reasons for which no price could lead to a trade."""


class Reasons:
    """``now`` is for once in some seconds: it looks at everything."""

    def __init__(
        self,
        engine: Engine,
        gate: Gate,
        limits: Limits,
        view: DeskView,
        venues: Mapping[str, Venue],
        books: Mapping[str, Book],
    ) -> None:
        self._engine = engine
        self._gate = gate
        self._limits = limits
        self._view = view
        self._venues = venues
        self._books = books

    def now(self, now_ns: int) -> list[Idle]:
        """One for each trade that a strategy looks for. A strategy that does not explain itself has those pairs of
        which the engine refused a deal in the last minute."""
        turn_ns, self._view.now_ns = self._view.now_ns, now_ns
        try:
            return self._now(now_ns)
        finally:
            self._view.now_ns = turn_ns

    def _now(self, now_ns: int) -> list[Idle]:
        found: list[Idle] = []
        for running in self._engine.strategies:
            if running.failed or not isinstance(running.strategy, Explains):
                continue
            try:
                found += [self._whole(one, now_ns) for one in running.strategy.reasons(self._view, now_ns)]
            except Exception as error:  # it only tells: no reason to stop the strategy or the log
                text = f"reasons() raised {type(error).__name__}: {error}"
                found.append(Idle(instruments=[running.name], reason="fault", text=text))
        told = {_pair(one) for one in found}
        for pair in self._engine.refusals:
            if pair not in told and (refusal := self._refusal(pair, now_ns)) is not None:
                found.append(Idle(instruments=pair.split("+"), reason=refusal.rule, text=refusal.text))
        return found

    def _whole(self, one: Idle, now_ns: int) -> Idle:
        """With what the strategy does not know."""
        pair = _pair(one)
        venues = [name.partition(":")[0] for name in one.instruments]
        for venue in venues:
            if self._gate.mode(venue, pair) is not Mode.ACTIVE:
                scope = next((scope for scope in ("", venue, pair) if self._gate.why(scope)), "")
                return replace(one, reason="mode", text=self._gate.why(scope))
        if one.reason == "venue":
            missing = {
                name: self._venues[name].readiness.missing()
                for name in sorted(set(venues))
                if name in self._venues and not self._may(name)
            }
            return replace(one, text="; ".join(f"{name}: {', '.join(why)}" for name, why in missing.items()))
        if one.reason == "book":
            return replace(one, text="; ".join(self._untrusted(one.instruments)))
        if one.reason in ("", "cooldown") and (refusal := self._refusal(pair, now_ns)) is not None:
            return replace(one, reason=refusal.rule, text=refusal.text)
        return one

    def _refusal(self, pair: str, now_ns: int) -> Refusal | None:
        """Why the engine refused a deal of the pair in the last minute, if it would still."""
        at_ns, refusal = self._engine.refusals.get(pair, (-_RECENT_NS, None))
        if refusal is None or now_ns - at_ns >= _RECENT_NS:
            return None
        return self._limits.pair_may_trade(pair, now_ns) if refusal.rule == "cooldown" else refusal

    def nothing(self, rows: Sequence[Idle]) -> str:
        """Why no price at all could lead to a trade, in one text; "" = one could, or nothing is looked for."""
        if not rows or any(one.reason not in DEAD for one in rows):
            return ""
        names = sorted({name for one in rows for name in one.instruments})
        venues = {name.partition(":")[0] for name in names}
        left = sorted({venue for name in names if self._may(venue := name.partition(":")[0]) and self._view.book(name)})
        head = "nothing can be traded"
        if len(left) < 2 <= len(venues):
            head += f", {'only ' + left[0] if left else 'no venue'} is left"
        common = Counter(one.text for one in rows).most_common(3)
        return f"{head}: {'; '.join(text for text, _ in common)}"

    def _may(self, venue: str) -> bool:
        known = self._venues.get(venue)
        return known is not None and known.may_trade

    def _untrusted(self, instruments: Iterable[str]) -> list[str]:
        found = []
        for name in instruments:
            if self._view.book(name) is None:
                book = self._books.get(name)
                why = "there is no book" if book is None else book.reason or "crossed" * bool(book.crossed_ns)
                found.append(f"{name}: {why or 'no update for a minute'}")
        return found


def _pair(one: Idle) -> str:
    return "+".join(sorted(one.instruments))
