"""Reads recorded frames and feeds them to an exchange's sessions. ``arbkit replay`` and tests use it.

The format: one JSON object per line, ``{"t": seconds, "dir": "in"|"out", "kind": "ws"|"http", "url", "conn", "data",
"b64"}``, gzipped or not. The module contains no venue-specific code. A recorded HTTP answer is matched to the request
that the adapter makes, by the last part of the path and the instrument's native name.
"""

from __future__ import annotations

import gzip
import json
import zlib
from base64 import b64decode
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from io import BufferedIOBase
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
from msgspec import Struct

from arbkit.core.errors import ProtocolError
from arbkit.core.market.book import Book
from arbkit.core.market.books import Books
from arbkit.core.protocols import Exchange, Session
from arbkit.core.types import (
    Ask,
    AskKind,
    BookLost,
    BookState,
    BookUpdate,
    Catalogue,
    HttpAnswer,
    HttpRequest,
    Instrument,
    InstrumentUpdate,
    LinkSpec,
    NoAnswer,
    Output,
    Role,
    Secret,
    TopUpdate,
    plain,
    rest_link,
)

__all__ = ["AnyCatalogue", "RecordedFrame", "Replay", "Summary", "read_frames", "started"]

_MOMENT_NS = 2_000_000_000


def started(session: Session, now_ns: int) -> list[Output]:
    """What a session does first. Some venues take no message in the first moment: then what it does after that."""
    outputs = list(session.start(now_ns))
    if not outputs and session.due_ns <= now_ns + _MOMENT_NS:
        outputs += session.tick(session.due_ns)
    return outputs


class RecordedFrame(Struct, frozen=True, gc=False, omit_defaults=True):
    """One line of a recording."""

    dir: str
    kind: str
    data: str
    t: float = 0.0
    url: str = ""
    conn: str = ""
    b64: bool = False
    status: int = 200
    headers: dict[str, str] = {}
    method: str = "GET"

    @property
    def payload(self) -> str | bytes:
        """The received text or bytes."""
        return b64decode(self.data) if self.b64 else self.data

    @property
    def now_ns(self) -> int:
        return int(self.t * 1e9)


class Summary(Struct, omit_defaults=False):
    """Counts of a replay. ``books``: synchronized at least once. ``errors``: lines or frames that could not be read."""

    frames: int = 0
    books: int = 0
    gaps: int = 0
    errors: int = 0
    torn: int | None = None
    """The line, counted from 0, at which the file is truncated; the lines before it were read."""

    def as_dict(self) -> dict[str, int]:
        found = {"frames": self.frames, "books": self.books, "gaps": self.gaps, "errors": self.errors}
        return found if self.torn is None else found | {"torn": self.torn}


class AnyCatalogue(Catalogue):
    """A catalogue that makes an instrument for each unknown native name."""

    def native(self, venue: str, name: str) -> Instrument | None:
        known = super().native(venue, name)
        if known is None and name:
            known = Instrument(
                venue=venue, symbol=name, native=name, base="", quote="", tick=Decimal(0), lot=Decimal(0)
            )
            self.add(known)
        return known


_FRAME = msgspec.json.Decoder(RecordedFrame)
LONGEST = 32 * 1024 * 1024
"""Bytes of a line that is read. A longer one counts as an error; no more than this is held in memory."""
_LATEST_S = 1e10
"""A frame's time is below this (the year 2286)."""


def read_frames(path: str | Path, summary: Summary) -> Iterator[tuple[int, RecordedFrame]]:
    """Yield (line number, frame). A bad line counts in ``summary.errors``; a truncated end sets ``summary.torn``."""
    number = -1
    path = Path(path)
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
        try:
            for number, line in enumerate(_lines(file)):
                try:
                    frame = _FRAME.decode(line)
                    if not 0 <= frame.t < _LATEST_S:
                        raise ValueError("not a time")
                except (ValueError, RecursionError):
                    if line.endswith(b"\n"):
                        summary.errors += 1
                        continue
                    summary.torn = number
                    return
                yield number, frame
        except (EOFError, zlib.error, gzip.BadGzipFile):
            summary.torn = number + 1


def _lines(file: BufferedIOBase) -> Iterator[bytes]:
    """The lines of a file. A line over ``LONGEST`` gives only its end, which is no frame."""
    while line := file.readline(LONGEST):
        while len(line) == LONGEST and line[-1:] != b"\n":
            line = file.readline(LONGEST)
        yield line


class Replay:
    """Feeds a recording to an exchange's sessions and keeps the resulting books."""

    def __init__(self, exchange: Exchange, *, fused: bool = False) -> None:
        self.exchange = exchange
        self.fused = fused
        self.catalogue = AnyCatalogue()
        self._market = Books()
        self.books = self._market.by_id
        """By instrument id."""
        self.gaps = 0
        self.errors = 0
        self.problems: list[str] = []
        """What was wrong with the last frame: why it could not be read or used, which books it lost and why."""
        self._session = getattr(exchange, "replay_session", exchange.session)
        """An exchange can have ``replay_session`` to read old message formats that the venue no longer sends."""
        self._sessions: dict[str, Session] = {}
        """Public sessions, by the recording's connection."""
        self._rest = exchange.session(rest_link(exchange.venue), self.catalogue, None)
        self._asked: dict[tuple[str, str], tuple[Session, Ask]] = {}
        """Requests without an answer, by (last part of the path, native name)."""
        self._early: dict[tuple[str, str], HttpAnswer] = {}
        """Recorded answers that were not requested yet."""
        self._natives: dict[str, str] = {}
        self._want(self._rest, Ask(kind=AskKind.CATALOGUE), 0)

    def feed(self, frame: RecordedFrame) -> list[str]:
        """Process one frame. Returns the instruments whose books it changed and that are SYNCED."""
        self.problems = []
        if frame.dir != "in":
            return []
        try:
            outputs = self._http(frame) if frame.kind == "http" else self._socket(frame)
            return self._take(outputs, frame.now_ns)
        except (ProtocolError, ValueError, LookupError, ArithmeticError, RecursionError) as error:
            self.errors += 1
            self.problems.append(f"cannot be read: {type(error).__name__}: {str(error)[:200]}")
            return []

    def native(self, instrument_id: str) -> str:
        return self._natives[instrument_id]

    def _socket(self, frame: RecordedFrame) -> list[tuple[Session, Output]]:
        name = f"{frame.conn}|{frame.url}"
        session = self._sessions.get(name)
        outputs: list[tuple[Session, Output]] = []
        if session is None:
            link = LinkSpec(
                link=f"{self.exchange.venue}.public.{len(self._sessions)}", venue=self.exchange.venue, role=Role.PUBLIC
            )
            session = self._sessions[name] = self._session(link, self.catalogue, None)
            outputs += [(session, output) for output in session.start(frame.now_ns)]
        outputs += [(session, output) for output in session.receive(frame.payload, frame.now_ns)]
        return outputs

    def _http(self, frame: RecordedFrame) -> list[tuple[Session, Output]]:
        payload = frame.payload
        body = payload.encode() if isinstance(payload, str) else payload
        now_ns = frame.now_ns
        answer = HttpAnswer(frame.status, frame.headers, body, now_ns, now_ns)
        words = _words(frame.url)
        for key in [(words[0], word) for word in words]:
            wanted = self._asked.pop(key, None)
            if wanted is not None:
                session, ask = wanted
                return [(session, output) for output in session.answered(ask, answer, now_ns)]
            self._early[key] = answer
        return []

    def _want(self, session: Session, ask: Ask, now_ns: int) -> list[tuple[Session, Output]]:
        """Record the adapter's request; answer it now if the answer was already in the recording."""
        outputs: list[tuple[Session, Output]] = []
        known = self.catalogue.get(ask.instrument)
        for wire in self._rest.encode(ask, now_ns):
            if not isinstance(wire, HttpRequest):
                continue
            url = wire.url.reveal() if isinstance(wire.url, Secret) else wire.url
            path = _words(url)[0]
            key = (path, known.native if known else path)
            early = self._early.pop(key, None)
            if early is not None:
                outputs += [(session, output) for output in session.answered(ask, early, now_ns)]
            else:
                self._asked[key] = (session, ask)
        return outputs

    def _take(self, outputs: Sequence[tuple[Session, Output]], now_ns: int) -> list[str]:
        changed: dict[str, None] = {}
        waiting = list(outputs)
        while waiting:
            session, output = waiting.pop(0)
            match output:
                case BookUpdate():
                    self._name(output.instrument)
                    book = self._market.apply(output)
                    if book.state is BookState.SYNCED:
                        changed[output.instrument] = None
                case TopUpdate() if self.fused and self._market.overlay(output):
                    changed[output.instrument] = None
                case BookLost():
                    self.gaps += 1
                    self._name(output.instrument)
                    self.problems.append(f"{self._natives[output.instrument]} is lost: {output.reason}")
                    self._market.lose(output.instrument, output.reason)
                    changed.pop(output.instrument, None)
                case InstrumentUpdate():
                    self.catalogue.add(output.instrument)
                case Ask():
                    waiting += self._want(session, output, now_ns)
                case NoAnswer():
                    self.problems.append(f"the answer cannot be used: {output.reason}")
                case _:
                    pass
        return list(changed)

    def _name(self, instrument_id: str) -> None:
        """Make the book of an instrument that is seen for the first time, and remember the venue's name of it."""
        if instrument_id not in self.books:
            self._market.create(instrument_id)
            known = self.catalogue.get(instrument_id)
            self._natives[instrument_id] = known.native if known else instrument_id.partition(":")[2]


def _words(url: str) -> list[str]:
    """The last part of the path, then all query values. They identify a request."""
    parts = urlsplit(url)
    return [parts.path.rstrip("/").rpartition("/")[2], *(value for _, value in parse_qsl(parts.query))]


def print_books(
    path: str | Path,
    exchange: Exchange,
    *,
    top: int = 5,
    fused: bool = False,
    out: Callable[[str], object] = print,
    warn: Callable[[str], object] = lambda text: None,
) -> Summary:
    """Replay a recording. Calls ``out`` with one JSON line per changed book and frame, and then one with the summary.
    Calls ``warn`` with the line and the reason for each frame that cannot be read, and each book that is lost.

    ``fused``: also use the venue's best bid-ask stream. Raises ``OSError`` if the file cannot be opened."""
    summary = Summary()
    replay = Replay(exchange, fused=fused)
    for number, frame in read_frames(path, summary):
        summary.frames += 1
        for instrument_id in replay.feed(frame):
            out(json.dumps({"i": number, **book_line(replay.native(instrument_id), replay.books[instrument_id], top)}))
        for problem in replay.problems:
            warn(f"line {number + 1}: {problem}")
    summary.gaps = replay.gaps
    summary.errors += replay.errors
    summary.books = sum(1 for book in replay.books.values() if book.epoch)
    out(json.dumps({"summary": summary.as_dict()}))
    return summary


def book_line(native: str, book: Book, top: int) -> dict[str, Any]:
    """A book's best levels, with numbers as decimal text."""
    bids = _levels(book.levels_to_sell(), top)
    asks = _levels(book.levels_to_buy(), top)
    return {
        "symbol": native,
        "bid": bids[0] if bids else None,
        "ask": asks[0] if asks else None,
        f"bids{top}": bids[:top],
        f"asks{top}": asks[:top],
    }


def _levels(levels: Iterator[tuple[float, float]], top: int) -> list[list[str]]:
    return [[_text(px), _text(qty)] for (px, qty), _ in zip(levels, range(max(top, 1)), strict=False)]


def _text(value: float) -> str:
    return plain(Decimal(repr(value)))
