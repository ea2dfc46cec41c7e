"""The public link: order books."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import UNSET

from arbkit.adapters.chained import Chained, Depth
from arbkit.adapters.checksummed import CheckedDepth, Checksummed
from arbkit.adapters.snapshot_only import SnapshotOnly
from arbkit.adapters.wire import MS, json_text
from arbkit.core.errors import BadFrame
from arbkit.core.types import (
    NEVER,
    Ask,
    BookLost,
    Command,
    Dial,
    HttpAnswer,
    NoAnswer,
    Notice,
    Output,
    Ready,
    Send,
    Wire,
)
from arbkit_okx import login, wire
from arbkit_okx.wire import VENUE

if TYPE_CHECKING:
    from arbkit.core.protocols import Signer
    from arbkit.core.types import Catalogue, LinkSpec

CHANNELS = {"bbo-tbt": 1, "books5": 5, "books50-l2-tbt": 50, "books": 400, "books-l2-tbt": 400}
"""Book channels and their levels per side."""
SNAPSHOTS = ("bbo-tbt", "books5")
"""The channels that push full books."""
PING_NS = 20_000_000_000
"""OKX closes a link after 30 s without data; it recommends a text ``ping`` after 20 to 25 s."""

_TIER = ("64003", "64004")
Books = Chained | SnapshotOnly | Checksummed


class PublicSession:
    """Subscribes one book channel, checks ``prevSeqId``, and subscribes a book again after a gap.

    ``recorded`` also reads frames of 2022: with a checksum instead of sequence ids. A live session refuses them.
    """

    def __init__(
        self,
        link: LinkSpec,
        catalogue: Catalogue,
        *,
        url: str,
        channel: str,
        signer: Signer | None = None,
        recorded: bool = False,
    ) -> None:
        self.due_ns = NEVER
        self._link = link
        self._catalogue = catalogue
        self._url = url
        self._channel = channel
        self._signer = signer if channel.endswith("l2-tbt") else None
        self._recorded = recorded
        self._heard_ns = 0
        self._books: dict[tuple[str, str], Books | None] = {}
        """By (channel, instId); None = known and ignored."""
        self._depths: dict[str, int] = {}
        """Levels of the channel that feeds each instrument: a deeper channel replaces it, a shallower one is
        ignored."""
        self._awaited: set[str] = set()
        """instIds whose subscription is not confirmed."""
        self._ready = False

    def dial(self, now_ns: int) -> Dial | Ask:
        return Dial(self._url)

    def start(self, now_ns: int) -> Sequence[Output]:
        self._heard_ns = now_ns
        self.due_ns = now_ns + PING_NS
        if self._signer is not None:
            return (login.frame(self._signer, now_ns),)
        return self._subscribe(now_ns)

    def _subscribe(self, now_ns: int) -> list[Output]:
        out: list[Output] = []
        for instrument_id in self._link.instruments:
            native = self._catalogue[instrument_id].native
            book = self._book(self._channel, native)
            if book is not None:
                book.resync.expect(now_ns)
            self._awaited.add(native)
            out.append(_request("subscribe", self._channel, native))
        self._schedule()
        return out

    def receive(self, data: str | bytes, now_ns: int) -> Sequence[Output]:
        self._heard_ns = now_ns
        if data == "pong":
            return ()
        frame = wire.public_frame(data)
        arg = frame.arg
        if frame.event:
            return self._event(frame, now_ns)
        if arg is None:
            raise BadFrame("neither an event nor a push")
        try:
            book = self._books[arg.channel, arg.inst_id]
        except KeyError:
            book = self._book(arg.channel, arg.inst_id)
        if book is None:
            return ()
        if isinstance(book, Checksummed):
            return self._text_rows(book, data, now_ns)
        if len(frame.data) == 1:
            return self._row(book, arg, frame.action, frame.data[0], data, now_ns)
        out: list[Output] = []
        for row in frame.data:
            out += self._row(book, arg, frame.action, row, data, now_ns)
        return out

    def _row(
        self,
        book: Chained | SnapshotOnly,
        arg: wire.Arg,
        action: str,
        row: wire.BookRow,
        data: str | bytes,
        now_ns: int,
    ) -> Sequence[Output]:
        bids, asks, prev = row.bids, row.asks, row.prev_seq_id
        if bids is UNSET or asks is UNSET:
            raise BadFrame(f"{arg.channel} {arg.inst_id}: a book without bids or asks")
        if prev is UNSET:
            if arg.channel not in SNAPSHOTS:
                return self._no_sequence(book, arg, data, now_ns)
            prev = 0
        depth = Depth(bids, asks, row.seq_id, prev, row.ts * MS)
        if action == "update":
            out = book.update(depth, now_ns)
        elif action == "snapshot" or arg.channel in SNAPSHOTS:
            return book.snapshot(depth, now_ns)
        else:
            raise BadFrame(f"{arg.channel} {arg.inst_id}: unknown action {action!r}")
        if book.due_ns < self.due_ns:
            self.due_ns = book.due_ns
        return out

    def _no_sequence(
        self, book: Chained | SnapshotOnly, arg: wire.Arg, data: str | bytes, now_ns: int
    ) -> Sequence[Output]:
        if not self._recorded:
            out = book.lose("a frame without prevSeqId", now_ns)
            self.due_ns = min(self.due_ns, book.due_ns)
            return out
        checked = Checksummed(book.instrument, lambda now_ns: (), depth=CHANNELS[arg.channel])
        self._books[arg.channel, arg.inst_id] = checked
        return self._text_rows(checked, data, now_ns)

    def _text_rows(self, book: Checksummed, data: str | bytes, now_ns: int) -> Sequence[Output]:
        frame = wire.text_frame(data)
        out: list[Output] = []
        for row in frame.data:
            depth = CheckedDepth(row.bids, row.asks, row.checksum, 0, row.ts * MS)
            out += (book.snapshot if frame.action == "snapshot" else book.update)(depth, now_ns)
        return out

    def _event(self, frame: wire.PublicFrame, now_ns: int) -> Sequence[Output]:
        native = frame.arg.inst_id if frame.arg is not None else ""
        out: list[Output] = []
        if frame.event == "login":
            return self._subscribe(now_ns)
        if frame.event == "notice":
            return (Notice(VENUE, f"{frame.code} {frame.msg}", frame.code == "64008", now_ns),)
        if frame.event == "error":
            if frame.code in _TIER and self._channel != "books":
                return self._fall_back(frame, now_ns)
            error = login.refused(frame.code, frame.msg)
            if error is not None:
                raise error
            # the reply contains the request id only, so request ids are made from instIds
            native = native or next((name for name in self._awaited if _request_id(name) == frame.id), "")
            out.append(Notice(VENUE, f"{frame.code} {frame.msg}", recv_ns=now_ns))
            book = self._books.get((self._channel, native))
            if book is not None:
                book.resync.arrived()
                out.append(BookLost(book.instrument, f"subscription refused: {frame.code}", now_ns))
        self._awaited.discard(native)
        if not self._awaited and not self._ready and self._link.instruments:
            self._ready = True
            out.append(Ready(self._link.link, now_ns))
        return out

    def _fall_back(self, frame: wire.PublicFrame, now_ns: int) -> Sequence[Output]:
        """The fast channel is not allowed for the account's tier or conflicts with another one: use ``books``."""
        out: list[Output] = [Notice(VENUE, f"{self._channel}: {frame.code} {frame.msg}; reading books", recv_ns=now_ns)]
        self._channel = "books"
        self._books.clear()
        self._depths.clear()
        return [*out, *self._subscribe(now_ns)]

    def _book(self, channel: str, native: str) -> Books | None:
        """The book of this push; created at its first push."""
        depth = CHANNELS.get(channel)
        instrument = self._catalogue.native(VENUE, native)
        if instrument is None:
            return None
        book: Books | None = None
        if depth is not None and depth > self._depths.get(native, 0):
            for name in CHANNELS:
                if (name, native) in self._books:
                    self._books[name, native] = None
            self._depths[native] = depth
            family = SnapshotOnly if channel in SNAPSHOTS else Chained
            book = family(
                instrument.id,
                lambda now_ns: (_request("unsubscribe", channel, native), _request("subscribe", channel, native)),
                depth=depth,
            )
        self._books[channel, native] = book
        return book

    def answered(self, what: Ask | Command, answer: HttpAnswer | NoAnswer, now_ns: int) -> Sequence[Output]:
        return ()

    def tick(self, now_ns: int) -> Sequence[Output]:
        out: list[Output] = []
        if now_ns - self._heard_ns >= PING_NS:
            out.append(Send("ping", 0))
            self._heard_ns = now_ns
        for book in self._books.values():
            if book is not None and book.due_ns <= now_ns:
                out += book.tick(now_ns)
        self._schedule()
        return out

    def _schedule(self) -> None:
        self.due_ns = min(
            [self._heard_ns + PING_NS, *(book.due_ns for book in self._books.values() if book is not None)]
        )

    def encode(self, what: Ask | Sequence[Command], now_ns: int) -> Sequence[Wire]:
        return ()


def _request(op: str, channel: str, native: str) -> Send:
    arg = {"channel": channel, "instId": native}
    return Send(json_text({"id": _request_id(native), "op": op, "args": [arg]}))


def _request_id(native: str) -> str:
    """The request id of a subscription: letters and digits, at most 32."""
    return "".join(char for char in native if char.isalnum())[:32]
