"""The answer to a request for a book: as a message, and its reader for sockets whose books are joined to a snapshot
over REST."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from msgspec.json import Decoder

from arbkit.adapters.context import Context
from arbkit.adapters.pauses import Pauses
from arbkit.adapters.sockets import BookSocket
from arbkit.adapters.wire import MS, read_json
from arbkit.core.market.rows import BookMessage, Levels
from arbkit.core.types import Ask, HttpAnswer, NoAnswer, Output, RateReport

__all__ = ["Usage", "WholeBook", "snapshots"]

Usage: TypeAlias = Callable[[Context, Sequence[str], HttpAnswer, int], Sequence[Output]]
"""What the headers of an answer tell about limits: ``usage(context, buckets, answer, now_ns)``."""


class WholeBook(BookMessage, gc=False, kw_only=True):
    """A book with the number of its last change (``last``) and its time in ms. A venue that has other names says so:
    ``last: int = field(name="lastUpdateId")``."""

    last: int
    bids: Levels
    asks: Levels
    ms: int = 0

    @property
    def exch_ns(self) -> int:
        return self.ms * MS


def snapshots(
    whole: Decoder[Any],
    pauses: Pauses,
    *,
    bucket: str = "",
    usage: Usage | None = None,
    read: Callable[[Any], Any] = lambda found: found,
) -> Callable[[BookSocket, Ask, HttpAnswer | NoAnswer, int], Sequence[Output]]:
    """A reader of answers to ``AskKind.SNAPSHOT``, for ``BookSocket(rest=...)``.

    ``whole`` decodes a book, and ``read`` makes a snapshot of it where it is none yet (it raises ``ValueError`` or
    ``IndexError`` for what is no book). Any other answer than such a book with HTTP 200 is a refusal: the book is asked
    for again. A throttle, a ban or a page of a firewall closes what ``pauses`` says, or ``bucket`` if that names none.
    """

    def found(answer: HttpAnswer | NoAnswer) -> Any:
        if not isinstance(answer, HttpAnswer) or answer.status != 200:
            return None
        book = read_json(whole, answer.body)
        try:
            return None if book is None else read(book)
        except (ValueError, IndexError):
            return None

    def answered(socket: BookSocket, ask: Ask, answer: HttpAnswer | NoAnswer, now_ns: int) -> Sequence[Output]:
        out: list[Output] = []
        own = isinstance(answer, HttpAnswer) and answer.body.lstrip()[:1] in (b"{", b"[")
        named, until_ns = pauses.end(answer, False, 0, now_ns, own)
        if until_ns:
            venue = socket.context.venue
            out.append(RateReport(venue=venue, bucket=named or bucket, until_ns=until_ns, recv_ns=now_ns))
        if usage is not None and isinstance(answer, HttpAnswer):
            out += usage(socket.context, [bucket] if bucket else [], answer, now_ns)
        book = socket.book(ask.instrument)
        if book is not None:
            snapshot = found(answer)
            out += book.refused(now_ns) if snapshot is None else book.snapshot(snapshot, now_ns)
        return out

    return answered
