"""Binance market data: subscriptions, books, best bid and ask, trades."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
from msgspec import Raw, Struct

from arbkit.adapters.joined import Joined
from arbkit.adapters.wire import MS, NOTHING, S, is_present, json_text, read_json
from arbkit.core.errors import BadFrame, RemoteProtocolError
from arbkit.core.types import (
    NEVER,
    Ask,
    BookUpdate,
    Catalogue,
    Command,
    Dial,
    HttpAnswer,
    Level,
    LinkSpec,
    NoAnswer,
    Notice,
    Output,
    Px,
    Qty,
    Ready,
    Send,
    Side,
    TopUpdate,
    Trade,
    Wire,
)
from arbkit_binance import limits

__all__ = ["SUBSCRIBE_BATCH", "Depth", "PublicSession"]

SUBSCRIBE_BATCH = 200
"""Maximum streams in one SUBSCRIBE. The venue documents no limit; a small value limits the effect of a lost
acknowledgement."""
SUBSCRIBE_BYTES = 4_000
"""Maximum bytes of one SUBSCRIBE. The venue does not answer a message of more than about 4,090 bytes."""
_ACK_NS = 10 * S


class Diff(Struct, gc=False, rename={"last": "u", "first": "U", "prev": "pu", "bids": "b", "asks": "a"}):
    """``depthUpdate``: absolute sizes. ``pu`` exists in futures messages only."""

    last: int
    first: int
    bids: list[Level]
    asks: list[Level]
    s: str
    E: int = 0
    prev: int = 0

    @property
    def exch_ns(self) -> int:
        return self.E * MS


class Depth(Struct, gc=False, rename={"last": "lastUpdateId"}):
    """A snapshot over REST, and ``@depth5|10|20``."""

    last: int
    bids: list[Level]
    asks: list[Level]
    E: int = 0

    @property
    def exch_ns(self) -> int:
        return self.E * MS


class BookTicker(Struct, gc=False):
    """Prices are 0 if a side is empty."""

    u: int
    s: str
    b: Qty
    B: Qty
    a: Qty
    A: Qty
    E: int = 0


class TradeFrame(Struct, gc=False):
    s: str
    p: Px
    q: Qty
    m: bool
    t: int = 0
    a: int = 0
    T: int = 0


class DiffFrame(Struct, gc=False):
    data: Diff


class DepthFrame(Struct, gc=False):
    stream: str
    data: Depth


class BookTickerFrame(Struct, gc=False):
    data: BookTicker


class TradeEnvelope(Struct, gc=False):
    data: TradeFrame


class Loose(Struct, gc=False):
    """Any message except a combined frame that begins with its stream name."""

    stream: str = ""
    data: Raw = NOTHING
    id: int | str | None = None
    code: int | None = None
    msg: str = ""
    error: Raw = NOTHING
    e: str = ""
    u: int | None = None


_DIFF = msgspec.json.Decoder(DiffFrame, strict=False)
_DEPTH = msgspec.json.Decoder(DepthFrame, strict=False)
_TICKER = msgspec.json.Decoder(BookTickerFrame, strict=False)
_TRADE = msgspec.json.Decoder(TradeEnvelope, strict=False)
_SNAPSHOT = msgspec.json.Decoder(Depth, strict=False)
_LOOSE = msgspec.json.Decoder(Loose)

_CHANNELS = {
    **dict.fromkeys(("depth", "depth@100ms", "depth@1000ms", "depth@0ms", "depth@250ms", "depth@500ms"), "diff"),
    **{f"depth{n}{speed}": "partial" for n in (5, 10, 20) for speed in ("", "@100ms", "@250ms", "@500ms", "@1000ms")},
    "bookTicker": "ticker",
    "trade": "trade",
    "aggTrade": "trade",
}
_RAW_EVENTS = {"depthUpdate": "depth", "bookTicker": "bookTicker", "trade": "trade", "aggTrade": "aggTrade"}


class PublicSession:
    """One combined-stream socket (https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams).

    A book is created at its first frame: deltas are buffered and a snapshot is requested. ``@depth<N>`` frames are
    full books; they are used only for symbols whose deltas are not subscribed.
    """

    __slots__ = (
        "_acks",
        "_books",
        "_catalogue",
        "_depth",
        "_diffs",
        "_ids",
        "_link",
        "_partial",
        "_request",
        "_url",
        "due_ns",
    )

    def __init__(self, link: LinkSpec, catalogue: Catalogue, url: str, depth: int) -> None:
        self.due_ns = NEVER
        self._link = link
        self._catalogue = catalogue
        self._url = url
        self._depth = depth
        self._books: dict[str, Joined] = {}
        """By native symbol."""
        self._diffs: dict[str, tuple[str, Joined]] = {}
        """(native symbol, book) by stream name, to find the book of a usual frame quickly."""
        self._partial: dict[str, int] = {}
        """Last ``lastUpdateId`` of whole-book streams, by native symbol."""
        self._ids: dict[str, str] = {}
        self._acks: dict[int, tuple[list[str], int]] = {}
        """Subscriptions without acknowledgement: request id -> (streams, deadline)."""
        self._request = 0

    def dial(self, now_ns: int) -> Dial:
        return Dial(self._url)

    def start(self, now_ns: int) -> Sequence[Output]:
        streams: list[str] = []
        for instrument_id in self._link.instruments:
            name = self._catalogue[instrument_id].native.lower()
            streams += (f"{name}@depth@100ms", f"{name}@bookTicker")
        return self._subscribe(streams, now_ns) or [Ready(self._link.link, now_ns)]

    def receive(self, data: str | bytes, now_ns: int) -> Sequence[Output]:
        text = data if isinstance(data, str) else data[:96].decode("latin-1")
        if text[:11] != '{"stream":"':
            return self._loose(data, now_ns)
        stream = text[11 : text.find('"', 11)]
        known = self._diffs.get(stream)
        if known is None:
            return self._read(stream.partition("@")[2], data, now_ns)
        native, book = known
        diff = _DIFF.decode(data).data
        if diff.s != native:
            raise BadFrame(f"{stream} carries {diff.s}")
        return book.update(diff, now_ns)

    def answered(self, what: Ask | Command, answer: HttpAnswer | NoAnswer, now_ns: int) -> Sequence[Output]:
        assert isinstance(what, Ask)
        instrument = self._catalogue.get(what.instrument)
        book = self._books.get(instrument.native) if instrument else None
        if book is None:
            return ()
        if isinstance(answer, NoAnswer):
            return book.refused(now_ns)
        snapshot = read_json(_SNAPSHOT, answer.body) if answer.status == 200 else None
        outputs = book.refused(now_ns) if snapshot is None else book.snapshot(snapshot, now_ns)
        return [*limits.from_headers(answer, "", now_ns), *outputs]

    def tick(self, now_ns: int) -> Sequence[Output]:
        """Repeat subscriptions that were not acknowledged in time."""
        late = [request for request, (_, deadline) in self._acks.items() if deadline <= now_ns]
        missing = [stream for request in late for stream in self._acks.pop(request)[0]]
        return self._subscribe(missing, now_ns)

    def encode(self, what: Ask | Sequence[Command], now_ns: int) -> Sequence[Wire]:
        raise RemoteProtocolError("a public Binance link carries no requests")

    # --- frames

    def _read(self, channel: str, data: str | bytes, now_ns: int) -> Sequence[Output]:
        kind = _CHANNELS.get(channel)
        if kind == "diff":
            diff = _DIFF.decode(data).data
            book = self._books.get(diff.s) or self._book(diff.s)
            if book is None:
                return ()
            self._diffs[f"{diff.s.lower()}@{channel}"] = (diff.s, book)
            return book.update(diff, now_ns)
        if kind == "ticker":
            top = _TICKER.decode(data).data
            instrument = self._ids.get(top.s) or self._id(top.s)
            if not instrument or not top.b or not top.a:
                return ()
            return (TopUpdate(instrument, Level(top.b, top.B), Level(top.a, top.A), top.u, top.E * MS, now_ns),)
        if kind == "trade":
            trade = _TRADE.decode(data).data
            instrument = self._ids.get(trade.s) or self._id(trade.s)
            side = Side.SELL if trade.m else Side.BUY
            number = trade.t or trade.a
            if not instrument:
                return ()
            return (Trade(instrument, side, trade.p, trade.q, str(number), trade.T * MS, now_ns),)
        if kind == "partial":
            return self._whole(_DEPTH.decode(data), now_ns)
        if channel.startswith("depth"):
            raise BadFrame(f"unknown depth channel {channel!r}")
        return self._loose(data, now_ns)

    def _whole(self, frame: DepthFrame, now_ns: int) -> Sequence[Output]:
        name, _, channel = frame.stream.partition("@")
        native = name.upper()
        depth = frame.data
        instrument = self._ids.get(native) or self._id(native)
        if not instrument or native in self._books or depth.last <= self._partial.get(native, -1):
            return ()
        self._partial[native] = depth.last
        levels = int(channel.removeprefix("depth").partition("@")[0])
        return (BookUpdate(instrument, depth.bids, depth.asks, True, depth.last, depth.exch_ns, now_ns, levels),)

    def _loose(self, data: str | bytes, now_ns: int) -> Sequence[Output]:
        """Acknowledgements, errors, notices of the venue, and frames in other formats."""
        frame = _LOOSE.decode(data)
        if frame.e == "serverShutdown" or frame.stream == "!serverShutdown":
            return (Notice(self._link.venue, "the venue announces its shutdown", going_away=True, recv_ns=now_ns),)
        if frame.stream:
            channel = frame.stream.partition("@")[2]
            if not is_present(frame.data) or channel not in _CHANNELS or data[:11] in ('{"stream":"', b'{"stream":"'):
                return ()
            return self._read(channel, b'{"stream":"%b","data":%b}' % (frame.stream.encode(), frame.data), now_ns)
        if frame.code is not None or is_present(frame.error):
            if isinstance(frame.id, int) and frame.id in self._acks:
                # a repeated request would be refused again, and the link is not ready without it
                self._acks[frame.id] = ([], NEVER)
                self._due()
            said = frame.msg or bytes(frame.error).decode()
            return (Notice(self._link.venue, f"subscription refused: {frame.code or ''} {said}", recv_ns=now_ns),)
        if isinstance(frame.id, int):
            known = self._acks.pop(frame.id, None)
            self._due()
            return (Ready(self._link.link, now_ns),) if known and not self._acks else ()
        channel = _RAW_EVENTS.get(frame.e, "bookTicker" if frame.u is not None and not frame.e else "")
        if channel:  # a raw stream: the payload without its envelope
            raw = data.encode() if isinstance(data, str) else bytes(data)
            return self._read(channel, b'{"data":%b}' % raw, now_ns)
        return ()

    # --- names, books, subscriptions

    def _id(self, native: str) -> str:
        instrument = self._catalogue.native(self._link.venue, native)
        if instrument is None:
            return ""
        self._ids[native] = instrument.id
        return instrument.id

    def _book(self, native: str) -> Joined | None:
        instrument = self._ids.get(native) or self._id(native)
        if not instrument:
            return None
        book = self._books[native] = Joined(instrument, self._depth)
        return book

    def _subscribe(self, streams: Sequence[str], now_ns: int) -> list[Output]:
        sends: list[Output] = []
        for batch in _batches(streams):
            self._request += 1
            self._acks[self._request] = (batch, now_ns + _ACK_NS)
            sends.append(Send(_subscribe_text(batch, self._request)))
        self._due()
        return sends

    def _due(self) -> None:
        self.due_ns = min((deadline for _, deadline in self._acks.values()), default=NEVER)


def _subscribe_text(streams: Sequence[str], request: int) -> str:
    return json_text({"method": "SUBSCRIBE", "params": streams, "id": request})


_BARE_BYTES = len(_subscribe_text((), 1 << 53))
"""Bytes of a SUBSCRIBE without its streams."""


def _batches(streams: Sequence[str]) -> Iterator[list[str]]:
    """Split the streams into SUBSCRIBE messages by the limits of count and bytes."""
    batch: list[str] = []
    size = _BARE_BYTES
    for stream in streams:
        more = len(json_text(stream).encode()) + 1  # the comma
        if batch and (len(batch) == SUBSCRIBE_BATCH or size + more > SUBSCRIBE_BYTES):
            yield batch
            batch, size = [], _BARE_BYTES
        batch.append(stream)
        size += more
    if batch:
        yield batch
