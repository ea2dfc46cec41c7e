"""A market-data server that plays a recording, for tests of how a session handles lost and wrong frames.

It knows the true book and answers snapshot requests and subscriptions, so that a session can recover.

    server = TapeServer(exchange, teller, frames)
    assert not server.faults("dropped")

``Teller`` is the venue-specific part: which frames change a book, and how the true book is encoded.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from math import ceil
from random import Random
from typing import Protocol

from msgspec import Struct

from arbkit.core.errors import ProtocolError
from arbkit.core.market.book import Book
from arbkit.core.market.books import Books
from arbkit.core.protocols import Exchange, Session
from arbkit.core.types import (
    Ask,
    BookLost,
    BookUpdate,
    HttpAnswer,
    HttpRequest,
    LinkSpec,
    Output,
    Role,
    Secret,
    Send,
    rest_link,
)
from arbkit.testing.recording import RecordedFrame, Replay, started

__all__ = ["MUTATIONS", "Moment", "TapeServer", "Teller", "TrueTop"]

MUTATIONS = ("dropped", "truncated", "swapped", "doubled")
_LATER_NS = 60_000_000_000
"""Time step at the end of a play, so that delayed requests are made."""


class TrueTop(Struct, frozen=True, gc=False):
    """The true book of one symbol after a frame: the best levels per side, best first."""

    native: str
    seq: int
    bids: Sequence[tuple[float, float]]
    asks: Sequence[tuple[float, float]]
    exch_ns: int = 0


class Teller(Protocol):
    """The venue's message formats. The methods have no side effects.

    Where frames are binary, the method ``text(data)`` gives one as JSON text: ``TapeServer.spread`` sees its form.

    Where a field of each message counts all messages of the connection, the teller names it in ``counter``. The tape
    then has every message, and what is added or left out shows in the numbers."""

    def symbol(self, data: str | bytes) -> str:
        """The native symbol of a frame that changes a book, "" for any other frame."""
        ...

    def http(self, request: HttpRequest, truths: Mapping[str, TrueTop]) -> bytes | None:
        """The body of a 200 answer; None = answer 503."""
        ...

    def ws(self, text: str, truths: Mapping[str, TrueTop]) -> Sequence[str]:
        """The frames that answer a client's message: acknowledgements, snapshots of the subscribed books."""
        ...


class Moment(Struct, gc=False):
    """The client's books and the true books after a step."""

    index: int
    """Position in ``TapeServer.frames``; -1 = after the start, ``stop`` = after the extra time at the end."""
    books: Mapping[str, Book]
    """By native symbol."""
    truths: Mapping[str, TrueTop]
    lost: Sequence[str]
    """Symbols that were declared lost in this step, also if they recovered in it."""
    errors: int
    """Number of frames so far that could not be read."""


class TapeServer:
    """``levels`` per side are kept and sent; the best ``compared`` of them must agree. Only book frames are played, or
    all frames where they are counted (``Teller.counter``)."""

    def __init__(
        self,
        exchange: Exchange,
        teller: Teller,
        recording: Sequence[RecordedFrame],
        *,
        levels: int = 100,
        compared: int = 20,
    ) -> None:
        self.exchange = exchange
        self.teller = teller
        self.compared = compared
        self.counter: str = getattr(teller, "counter", "")
        self.frames: list[RecordedFrame] = []
        """The book frames, or all."""
        self.symbols: list[str] = []
        """The symbol of each frame, "" of one that changes no book."""
        self.truths: list[dict[str, TrueTop]] = []
        """The true books of all symbols after each frame. A symbol is missing until its book was SYNCED once."""
        reference = Replay(exchange)
        known: dict[str, TrueTop] = {}
        for frame in recording:
            changed = reference.feed(frame)
            for instrument in changed:
                book = reference.books[instrument]
                native = reference.native(instrument)
                truth = TrueTop(native, book.seq, book.bids.top(levels), book.asks.top(levels), book.exch_ns)
                known = {**known, native: truth}
            heard = frame.kind == "ws" and frame.dir == "in"
            symbol = teller.symbol(frame.payload) if heard else ""
            if symbol or (heard and self.counter):
                self.frames.append(frame)
                self.symbols.append(symbol)
                self.truths.append(known)
        self.catalogue = reference.catalogue

    def play(
        self, changes: Mapping[int, Sequence[str | bytes]], start: int = 0, stop: int | None = None
    ) -> Iterator[Moment]:
        """Feed frames ``start`` to ``stop`` to a new session. Frames in ``changes`` are replaced by the given ones."""
        client = _Client(self, start)
        stop = len(self.frames) if stop is None else stop
        yield client.begin()
        for index in range(start, stop):
            payloads = changes.get(index)
            yield client.step(index, [self.frames[index].payload] if payloads is None else payloads)
        yield client.finish(stop)

    def faults(self, mutation: str, *, window: int | None = None, only: Sequence[int] | None = None) -> list[str]:
        """Apply ``mutation`` to each book frame in turn and return all violations as text; [] = none.

        ``window`` frames before and after are played (None = the whole recording). A frame whose book is not SYNCED at
        that point is skipped. A checksum (``Capabilities.book_check``) tells a wrong book, not a lost frame: what the
        next frame makes right again, or the last two frames in the wrong order, it cannot see."""
        found: list[str] = []
        books = [index for index in (range(len(self.frames)) if only is None else only) if self.symbols[index]]
        for index in books:
            first = 0 if window is None else max(0, index - window)
            last = None if window is None else min(len(self.frames), index + window + 1)
            found += [f"{mutation} frame {index}: {text}" for text in self._judge(mutation, index, first, last)]
        return found

    def spread(self, count: int, *, seed: int = 1, among: Sequence[int] | None = None) -> list[int]:
        """A sample of ``count`` frames or some more for ``only``: of each kind of frame at least two, the others spread
        over the recording. A kind is a symbol and a form of message: the same fields, and the same lists empty.

        ``among``: the frames to choose from (None = all). Frames whose book is not SYNCED yet are left out, and so are
        the last two of a symbol: nothing follows them that could show a fault. The same seed gives the same frames."""
        read = getattr(self.teller, "text", lambda data: data)
        kinds: dict[tuple[str, str], list[int]] = {}
        after: dict[str, int] = {}
        for index in reversed(range(len(self.frames)) if among is None else sorted(among)):
            symbol = self.symbols[index]
            if index and symbol in self.truths[index - 1]:
                after[symbol] = after.get(symbol, 0) + 1
                if after[symbol] > 2:
                    kinds.setdefault((symbol, _form(read(self.frames[index].payload))), []).append(index)
        rng = Random(seed)  # noqa: S311  # a sample that can be drawn again
        found = set[int]()
        total = sum(map(len, kinds.values()))
        for indexes in kinds.values():
            wanted = min(len(indexes), max(2, ceil(count * len(indexes) / total)))
            step = len(indexes) / wanted
            found.update(indexes[int((place + rng.random()) * step)] for place in range(wanted))
        return sorted(found)

    def _judge(self, mutation: str, index: int, first: int, last: int | None) -> list[str]:
        symbol = self.symbols[index]
        stop = len(self.frames) if last is None else last
        following = next((i for i in range(index + 1, stop) if self.symbols[i] == symbol), None)
        changes = self._changes(mutation, index, following)
        if not changes:
            return []
        summed = self.exchange.capabilities.book_check == "checksum"
        if summed and mutation == "swapped" and symbol not in self.symbols[following + 1 if following else 0 : stop]:
            return []
        epochs: dict[str, int] | None = None
        flagged = False
        found: list[str] = []
        moment: Moment | None = None
        for moment in self.play(changes, first, stop):
            if moment.index == index - 1 or (index == first and moment.index == -1):
                epochs = {name: book.epoch for name, book in moment.books.items() if book.trusted}
                if symbol not in epochs:
                    return []  # the book is not SYNCED yet
            if epochs is None or moment.index < index:
                continue
            flagged = flagged or symbol in moment.lost
            found += [
                f"{name} was declared lost at {moment.index}"
                for name in moment.lost
                if name in epochs and name != symbol and not self.counter
            ]
            if mutation in ("dropped", "truncated") and moment.index == following and not flagged:
                if summed and self.equal(moment.books[symbol], moment.truths[symbol]):
                    continue
                found.append(f"{symbol} was still trusted after its next frame {moment.index}")
        assert moment is not None
        assert epochs is not None
        if mutation == "doubled" and (flagged or moment.books[symbol].epoch != epochs[symbol]):
            found.append(f"{symbol} was declared lost")
        if mutation in ("dropped", "truncated") and following is None:
            return found
        for name, epoch in epochs.items():
            book = moment.books[name]
            if name != symbol and book.epoch != epoch and (mutation == "doubled" or not self.counter):
                found.append(f"{name} changed its epoch")
            if not book.trusted:
                found.append(f"{name} did not recover: {book.state.value} {book.reason}")
            elif not self.equal(book, moment.truths[name]):
                found.append(f"{name} differs from the true book")
        return found

    def _changes(self, mutation: str, index: int, following: int | None) -> dict[int, Sequence[str | bytes]]:
        payload = self.frames[index].payload
        match mutation:
            case "dropped":
                return {index: ()}
            case "truncated":
                return {index: (payload[: len(payload) * 2 // 3],)}
            case "doubled":
                return {index: (payload, payload)}
            case "swapped" if following is not None:
                return {index: (self.frames[following].payload,), following: (payload,)}
        return {}

    def equal(self, book: Book, truth: TrueTop) -> bool:
        """Whether the best levels are equal."""
        count = self.compared
        return book.bids.top(count) == list(truth.bids[:count]) and book.asks.top(count) == list(truth.asks[:count])


def _form(payload: str | bytes) -> str:
    """The form of a message: its fields and words, without its numbers."""
    try:
        return _skeleton(json.loads(payload))
    except ValueError:
        return "binary"


def _skeleton(value: object) -> str:
    match value:
        case dict():
            return "{" + ",".join(f"{name}:{_skeleton(each)}" for name, each in sorted(value.items())) + "}"
        case []:
            return "[]"
        case list():
            return f"[{_skeleton(value[0])}]"
        case str() if value.isalpha():
            return value
        case _:
            return "*"


class _Client:
    """One session, its books and its open requests."""

    def __init__(self, server: TapeServer, start: int) -> None:
        self.server = server
        self.truths: dict[str, TrueTop] = server.truths[start - 1] if start else {}
        self.now_ns = server.frames[start].now_ns if server.frames else 0
        self._kept = Books()
        self.books: dict[str, Book] = {}
        """By the venue's own name."""
        self.lost: list[str] = []
        self.errors = 0
        self.added = 0
        """Messages of ours that were counted before the present one."""
        self.number = -1
        """The highest number of a message so far."""
        self.waiting: list[Ask] = []
        venue = server.exchange.venue
        natives = dict.fromkeys(server.symbols)
        found = [server.catalogue.native(venue, native) for native in natives]
        ids = [one.id for one in found if one is not None]
        self.session = self._session(LinkSpec(link=f"{venue}.public.0", venue=venue, role=Role.PUBLIC, instruments=ids))
        self.rest = self._session(rest_link(venue))

    def _session(self, link: LinkSpec) -> Session:
        return self.server.exchange.session(link, self.server.catalogue, None)

    def begin(self) -> Moment:
        self._take(started(self.session, self.now_ns))
        return self._moment(-1)

    def step(self, index: int, payloads: Sequence[str | bytes]) -> Moment:
        self.truths = self.server.truths[index]
        self.now_ns = self.server.frames[index].now_ns
        for payload in payloads:
            self._receive(self._counted(payload))
        self._answer()
        return self._moment(index)

    def _counted(self, payload: str | bytes, added: bool = False) -> str | bytes:
        """The message with its number, where messages are counted. A torn one has none."""
        field = self.server.counter
        try:
            message = json.loads(payload) if field else None
        except ValueError:
            return payload
        if not isinstance(message, dict) or field not in message:
            return payload
        if added:
            self.added += 1
            message[field] = self.number + 1
        else:
            message[field] += self.added
        self.number = max(self.number, message[field])
        return json.dumps(message)

    def finish(self, index: int) -> Moment:
        for _ in range(3):
            self.now_ns += _LATER_NS
            if self.session.due_ns <= self.now_ns:
                self._take(self.session.tick(self.now_ns))
            self._answer()
        return self._moment(index)

    def _moment(self, index: int) -> Moment:
        lost, self.lost = self.lost, []
        return Moment(index, self.books, self.truths, lost, self.errors)

    def _receive(self, payload: str | bytes) -> None:
        try:
            outputs = self.session.receive(payload, self.now_ns)
        except (ProtocolError, ValueError, KeyError, RecursionError):
            self.errors += 1
            return
        self._take(outputs)

    def _answer(self) -> None:
        """Answer the requests that are due."""
        due = [ask for ask in self.waiting if ask.not_before_ns <= self.now_ns]
        self.waiting = [ask for ask in self.waiting if ask.not_before_ns > self.now_ns]
        for ask in due:
            for wire in self.rest.encode(ask, self.now_ns):
                assert isinstance(wire, HttpRequest)
                body = self.server.teller.http(wire, self.truths)
                status = 503 if body is None else 200
                answer = HttpAnswer(status, {}, body or b"", self.now_ns, self.now_ns)
                self._take(self.session.answered(ask, answer, self.now_ns))

    def _take(self, outputs: Sequence[Output]) -> None:
        for output in outputs:
            match output:
                case BookUpdate():
                    native = self.server.catalogue[output.instrument].native
                    self.books[native] = self._kept.apply(output)
                case BookLost():
                    self._kept.lose(output.instrument, output.reason)
                    self.lost.append(self.server.catalogue[output.instrument].native)
                case Ask():
                    self.waiting.append(output)
                case Send():
                    text = output.data.reveal() if isinstance(output.data, Secret) else output.data
                    for reply in self.server.teller.ws(text, self.truths):
                        self._receive(self._counted(reply, added=True))
                case _:
                    pass
