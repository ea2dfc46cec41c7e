"""The public link: order books."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import UNSET, Struct

from arbkit.adapters.chained import Chained, Depth
from arbkit.adapters.joined import Joined
from arbkit.adapters.wire import MS, json_text, read_json
from arbkit.core.errors import BadFrame
from arbkit.core.types import (
    NEVER,
    Ask,
    BookLost,
    Command,
    Dial,
    HttpAnswer,
    Level,
    NoAnswer,
    Notice,
    Output,
    Ready,
    Send,
    Wire,
)
from arbkit_bybit import wire
from arbkit_bybit.wire import VENUE

if TYPE_CHECKING:
    from arbkit.core.types import Catalogue, LinkSpec

PING_NS = 20_000_000_000
PING = Send(json_text({"req_id": "ping", "op": "ping"}), 0)
ARGS_PER_REQUEST = 10
_FULL = 10_000
"""Levels per side of the full book's snapshot."""


class _Change(Struct, gc=False):
    """A delta or a snapshot of a full book, in the form that ``Joined`` needs."""

    bids: Sequence[Level]
    asks: Sequence[Level]
    first: int
    last: int
    prev: int
    exch_ns: int


class PublicSession:
    """Subscribes one book depth, checks that ``u`` increases by one, and subscribes a book again after a gap.

    ``orderbook.1`` of spot sends only full books and repeats ``u``, so it is not checked. ``orderbook.full`` sends only
    changes, which are joined to a REST snapshot by ``u``.
    """

    def __init__(
        self,
        link: LinkSpec,
        catalogue: Catalogue,
        *,
        url: str,
        depth: str,
        gap_check: bool = True,
    ) -> None:
        self.due_ns = NEVER
        self._link = link
        self._catalogue = catalogue
        self._url = url
        self._depth = depth
        self._gap_check = gap_check
        self._ping_ns = 0
        self._books: dict[str, Chained | Joined | None] = {}
        """By topic; None = known and ignored."""
        self._depths: dict[str, tuple[int, str]] = {}
        """Depth and topic that feed each symbol: a deeper topic replaces it, a shallower one is ignored."""
        self._restarts: dict[str, int] = {}
        """``seq`` of the last restart of each full book, by topic."""
        self._requests: dict[str, list[str]] = {}
        """Subscriptions without an answer: topics by request id."""
        self._count = 0
        self._ready = False

    def dial(self, now_ns: int) -> Dial | Ask:
        return Dial(self._url)

    def start(self, now_ns: int) -> Sequence[Output]:
        topics = [f"orderbook.{self._depth}.{self._catalogue[name].native}" for name in self._link.instruments]
        for topic in topics:
            book = self._book(topic)
            if isinstance(book, Chained):
                book.resync.expect(now_ns)
        self._ping_ns = now_ns + PING_NS
        self._schedule()
        return [
            self._subscribe(topics[start : start + ARGS_PER_REQUEST])
            for start in range(0, len(topics), ARGS_PER_REQUEST)
        ]

    def _subscribe(self, topics: list[str]) -> Send:
        self._count += 1
        request = f"sub{self._count}"
        self._requests[request] = topics
        return Send(json_text({"req_id": request, "op": "subscribe", "args": topics}))

    def _again(self, topic: str) -> Sequence[Send]:
        return (Send(json_text({"req_id": "unsub", "op": "unsubscribe", "args": [topic]})), self._subscribe([topic]))

    def receive(self, data: str | bytes, now_ns: int) -> Sequence[Output]:
        frame = wire.public_frame(data)
        topic = frame.topic
        if not topic:
            return self._reply(frame, now_ns)
        try:
            book = self._books[topic]
        except KeyError:
            book = self._book(topic)
        if book is None:
            return ()
        row = frame.data
        if not isinstance(row, wire.BookRow):
            raise BadFrame(f"{topic}: no book in it")
        bids, asks, u = row.bids, row.asks, row.u
        if bids is UNSET or asks is UNSET or not u:
            raise BadFrame(f"{topic}: a book without b, a or u")
        exch_ns = (frame.cts or frame.ts) * MS
        if isinstance(book, Joined):
            if u == 1:
                self._restarts[topic] = row.seq
            return self._change(topic, book, _Change(bids, asks, u, u, 0, exch_ns), now_ns)
        if frame.type == "snapshot" or u == 1:
            # u = 1: the service restarted, and the message is a full book whatever its type
            return book.snapshot(Depth(bids, asks, u, 0, exch_ns), now_ns)
        if frame.type != "delta":
            raise BadFrame(f"{topic}: unknown type {frame.type!r}")
        out = book.update(Depth(bids, asks, u, u - 1, exch_ns), now_ns)
        if book.due_ns < self.due_ns:
            self.due_ns = book.due_ns
        return out

    def _change(self, topic: str, book: Joined, change: _Change, now_ns: int) -> Sequence[Output]:
        if change.last != 1:
            return book.update(change, now_ns)
        # u = 1: the service restarted, so the old numbers are not valid any more
        fresh = self._books[topic] = Joined(book.instrument, book.depth)
        return (BookLost(book.instrument, "the full book restarted", now_ns), *fresh.update(change, now_ns))

    def _reply(self, frame: wire.PublicFrame, now_ns: int) -> Sequence[Output]:
        if frame.op in ("ping", "pong", "unsubscribe"):
            return ()
        if not frame.op and frame.success is None:
            raise BadFrame("neither a reply nor a push")
        topics = self._requests.pop(frame.req_id, [])
        out: list[Output] = []
        if frame.success is False:
            if len(topics) > 1:
                # one bad topic may make the whole request fail
                return [self._subscribe([topic]) for topic in topics]
            out.append(Notice(VENUE, f"{frame.op}: {frame.ret_msg}", recv_ns=now_ns))
            for topic in topics:
                book = self._books.get(topic)
                if isinstance(book, Chained):
                    book.resync.arrived()
                if book is not None:
                    out.append(BookLost(book.instrument, f"subscription refused: {frame.ret_msg}", now_ns))
        if topics and not self._requests and not self._ready:
            self._ready = True
            out.append(Ready(self._link.link, now_ns))
        return out

    def _book(self, topic: str) -> Chained | Joined | None:
        """The book of this push; created at its first push."""
        name, _, rest = topic.partition(".")
        levels, _, symbol = rest.partition(".")
        depth = _FULL if levels == "full" else int(levels) if levels.isdigit() else 0
        instrument = self._catalogue.native(VENUE, symbol) if name == "orderbook" and depth else None
        if instrument is None:
            return None
        book: Chained | Joined | None = None
        deepest, feeding = self._depths.get(symbol, (0, ""))
        if depth > deepest:
            if feeding:
                self._books[feeding] = None
            self._depths[symbol] = depth, topic
            if depth == _FULL:
                book = Joined(instrument.id, depth)
            else:
                check = self._gap_check and depth > 1
                book = Chained(instrument.id, lambda now_ns: self._again(topic), depth=depth, check=check)
        self._books[topic] = book
        return book

    def answered(self, what: Ask | Command, answer: HttpAnswer | NoAnswer, now_ns: int) -> Sequence[Output]:
        """The snapshot for a full book."""
        symbol = self._catalogue[what.instrument].native if isinstance(what, Ask) else ""
        topic = f"orderbook.full.{symbol}"
        book = self._books.get(topic)
        if not isinstance(book, Joined):
            return ()
        reply = read_json(wire.REPLY, answer.body) if isinstance(answer, HttpAnswer) and answer.status == 200 else None
        full = read_json(wire.FULL_BOOK, bytes(reply.result)) if reply is not None and reply.ret_code == 0 else None
        if full is None or full.seq < self._restarts.get(topic, 0):
            # no answer, or one from before the last restart: its larger u would make all changes look old
            return book.refused(now_ns)
        return book.snapshot(_Change(full.b, full.a, full.u, full.u, 0, (full.cts or full.ts) * MS), now_ns)

    def tick(self, now_ns: int) -> Sequence[Output]:
        out: list[Output] = []
        if self._ping_ns <= now_ns:
            out.append(PING)
            self._ping_ns = now_ns + PING_NS
        for book in self._books.values():
            if isinstance(book, Chained) and book.due_ns <= now_ns:
                out += book.tick(now_ns)
        self._schedule()
        return out

    def _schedule(self) -> None:
        self.due_ns = min([self._ping_ns, *(book.due_ns for book in self._books.values() if isinstance(book, Chained))])

    def encode(self, what: Ask | Sequence[Command], now_ns: int) -> Sequence[Wire]:
        return ()
