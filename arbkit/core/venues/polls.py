"""What is asked of a venue at start and again from time to time. ``venues.venue`` says what, and when again."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from arbkit.core.alarms import Alarms
from arbkit.core.types import NEVER, Ask, AskKind

__all__ = ["Poll", "Polls"]


class Poll(Struct):
    """Something that is asked for at start and again from time to time. ``Polls`` writes ``due_ns``."""

    number: int
    kind: AskKind
    instrument: str
    due_ns: int
    known: bool = False
    wanted_ns: int = 0
    """An answer to a question sent before this time is too old to count (the private stream was not up yet)."""
    asked_ns: int = 0
    """When it was last asked for."""
    sent_ns: int = 0
    """When the first page of the answer that is read now was asked for."""
    page: str | None = None
    """``ref`` of the next page that it waits for; None = it waits for none."""
    failed: int = 0
    """How many answers in a row were of no use."""


class Polls:
    """The polls of one venue. A venue may have one for each instrument: only those that are due are looked at."""

    __slots__ = ("_alarms", "_by", "_numbered")

    def __init__(self) -> None:
        self._alarms: Alarms[int] = Alarms()
        self._by: dict[tuple[AskKind, str], Poll] = {}
        self._numbered: list[Poll] = []

    @property
    def due_ns(self) -> int:
        """Of the first of them; ``NEVER`` while all are asked."""
        return self._alarms.due_ns

    def __iter__(self) -> Iterator[Poll]:
        return iter(self._numbered)

    def add(self, kind: AskKind, now_ns: int, instrument: str = "") -> None:
        """Ask for this from now on."""
        poll = Poll(len(self._numbered), kind, instrument, now_ns)
        self._by[kind, instrument] = poll
        self._numbered.append(poll)
        self._alarms.by(poll.number, now_ns)

    def get(self, kind: AskKind, instrument: str = "") -> Poll | None:
        """The poll of this kind, if there is one."""
        return self._by.get((kind, instrument))

    def set(self, poll: Poll, due_ns: int) -> None:
        """Ask for it at ``due_ns``."""
        poll.due_ns = due_ns
        self._alarms.at(poll.number, due_ns)

    def take(self, now_ns: int) -> list[Ask]:
        """The questions that are due; a poll is not due again before its question is answered."""
        asks = []
        for number in self._alarms.take(now_ns):
            poll = self._numbered[number]
            poll.due_ns = NEVER
            poll.asked_ns = now_ns
            asks.append(Ask(kind=poll.kind, instrument=poll.instrument))
        return asks
