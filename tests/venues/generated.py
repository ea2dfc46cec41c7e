"""Generated market data: a venue that is simulated from model markets, and the judge of a session's books.

A *wire* (``WIRES`` in ``plugins/*/tests/facts.py``) writes the frames of one book channel, with these attributes:

``options``   settings of the adapter that read this channel
``replayed``  only the session for recordings reads it
``window``    levels a side that the channel carries; 0 = all
``style``     how numbers are written (``model.text``)
``zero``      the size of a deleted level
``counts``    what a sequence number counts: ``frames`` or engine ``updates`` of a symbol, or the frames of the whole
              ``connection`` (then ``numbered(data, number)`` writes it); "" = frames have none
``kind``      ``rest``: changes only, joined to a snapshot over REST; ``socket``: a snapshot follows a subscription;
              ``whole``: each frame is a whole book
``quirks``    what this wire may do, by name (``QUIRKS``)

``welcome``   what the venue says before the client may speak; without it, nothing
``acks``      ``acks(text)``: what the venue says at once to a client's message; without it, nothing

and these methods: ``delta``, ``snapshot``, ``idle`` make a frame (``body`` the REST answer) of a ``Message``, ``asked``
gives the symbols that a client's message subscribes, ``wanted`` the symbol of a REST request.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from random import Random
from typing import Any

from model import Market, Sides, Top, shuffled, text

from arbkit.core.market.books import Books
from arbkit.core.types import (
    Ask,
    BookLost,
    BookState,
    BookUpdate,
    HttpAnswer,
    LinkSpec,
    Output,
    Role,
    Secret,
    Send,
    VenueSettings,
    rest_link,
)
from arbkit.testing.recording import AnyCatalogue

QUIRKS = {
    # how a frame is written
    "other zeros": "a deleted level has the size 0, 0.0, 0.00000000 or 0e0",
    "numbers": "prices and sizes are JSON numbers, not texts",
    "exponents": "prices and sizes are texts with exponents",
    "absent deletes": "a frame also deletes levels that are not there",
    # what happens on the socket
    "gap": "a frame is lost",
    "reordered": "two frames of one symbol come in the wrong order",
    "repeated": "a frame comes twice",
    "idle": "a frame says that nothing changed",
    "restart": "the venue restarts: a snapshot with new sequence numbers",
    "restart by delta": "the same, but the whole book is in a frame of type delta, or the numbers just begin again",
    "reset": "the sequence numbers fall in a delta that follows the last one",
    "unasked snapshot": "a snapshot that nobody asked for",
    "reconnect": "the link breaks; a new session begins, where numbers that count updates are lower",
    # how a snapshot comes
    "straddle": "the snapshot is of a moment inside the next delta",
    "early deltas": "deltas of a symbol come before its snapshot",
    "late snapshot": "the snapshot comes several frames after it was made",
    "old snapshot": "the first answer is older than the first delta",
    "refused snapshot": "the first answer is a refusal",
}
"""What real wires do, by name."""

EVENTS = (
    "gap",
    "reordered",
    "repeated",
    "idle",
    "restart",
    "restart by delta",
    "reset",
    "unasked snapshot",
    "reconnect",
)
STEP_NS = 3_000_000_000
"""Time between two frames: long enough for a session that waits before it asks again."""
SEVERAL = 3
"""Symbols on the socket."""
PATIENCE, HEALED = 25, 5
"""Rounds at the end of a play that a book has to become whole, and those for which it must stay so."""
COMPARED = 20
"""Levels a side that must be equal."""
_FAR = 1 << 62


@dataclass
class Message:
    """What a wire writes: levels as (price, size), and the sequence numbers."""

    native: str
    bids: list[tuple[Any, Any]]
    asks: list[tuple[Any, Any]]
    first: int
    last: int
    prev: int
    ms: int
    engine: int
    """The engine's number after it; it never restarts."""
    top: tuple[Sequence[tuple[Any, Any]], Sequence[tuple[Any, Any]]] = ((), ())
    """The best 25 levels after it as last written, for a checksum."""


@dataclass
class Frame:
    """A frame, and the book after it."""

    native: str
    data: str | bytes | None
    snapshot: bool
    first: int
    engine: int
    seq: int
    truth: tuple[Top, Top]
    number: int = -1
    """Which frame of the connection it is, where these are counted."""


@dataclass
class Line:
    """The state of one symbol: the venue's, and what a correct client knows."""

    market: Market
    offset: int = 0
    """Subtracted from the engine's number to give the venue's number."""
    seq: int = 0
    """The last sequence number on the wire."""
    engine: int = 0
    """The engine's number of the last frame."""
    sent: Sides = ({}, {})
    written: tuple[dict[int, tuple[Any, Any]], dict[int, tuple[Any, Any]]] = field(default_factory=lambda: ({}, {}))
    """The levels of the window as last written."""
    old: Frame | None = None
    """A snapshot of some frames ago."""
    whole: bool = False
    """The client has all it needs: its book must be SYNCED and equal to ``newest``. Otherwise it must not be SYNCED."""
    missing: int = _FAR
    """A snapshot from this engine number on makes the client whole. ``_FAR`` = nothing was delivered yet."""
    lost_frame: bool = False
    """A frame was lost and none came after it."""
    newest: Frame | None = None
    subscribed: bool = False
    """The venue sends frames of this symbol."""


@dataclass
class Entry:
    """What a client was given: a new socket (``open``), a frame, or the answer to its request.

    ``truth`` is the book after it; None where the client cannot know the book."""

    kind: str
    frame: Frame | None = None
    truth: tuple[Top, Top] | None = None


class Played:
    """One play: ``count`` steps of a venue with some quirks, and the session that reads it.

    ``faults`` says what was wrong with the books ([] = nothing), ``seen`` counts the quirks that happened, ``log`` has
    what the client was given, in order."""

    def __init__(
        self,
        venue: Any,
        wire: Any,
        quirks: Sequence[str],
        seed: int,
        *,
        count: int = 200,
    ) -> None:
        self.wire = wire
        self.quirks = tuple(quirks)
        self.seed = seed
        self.random = Random(seed)
        self.events = [name for name in EVENTS if name in self.quirks]
        self.exchange = venue.exchange(VenueSettings(options=wire.options))
        self.faults: list[str] = []
        self.seen: Counter[str] = Counter()
        self.losses = 0
        self.log: list[Entry] = []
        self.index = 0
        self.now_ns = 10**18
        self.ms = 0
        self.numbers = 0
        """Frames of the connection so far."""
        self.broken = False
        """A frame of the connection was lost and none came after it."""
        self.catalogue = AnyCatalogue()
        self.books = Books()
        self.rest = self.exchange.session(rest_link(self.exchange.venue), self.catalogue, None)
        self.due: list[tuple[int, Callable[[], None]]] = []
        """Answers under way: (step, delivery)."""
        levels = max(wire.window * 6 // 5, 30) if wire.window else 120
        self.lines: dict[str, Line] = {}
        for number in range(SEVERAL):
            native = venue.facts.native(number)
            thin = number == SEVERAL - 1
            market = Market(
                native, self.random, 8 if thin else levels, px_decimals=number + 1, qty_decimals=(4, 2, 8)[number]
            )
            self.lines[native] = Line(market, engine=market.id)
        self.ids = {native: self.catalogue.native(self.exchange.venue, native).id for native in self.lines}
        self.natives = {name: native for native, name in self.ids.items()}
        self.connect()
        self.steps = count
        for self.index in range(count):
            self.step()
        self.settle()

    # --- the venue

    def connect(self) -> None:
        """A new socket and a new session. All books are lost, and answers under way are void."""
        self.log.append(Entry("open"))
        self.due.clear()
        self.numbers, self.broken = 0, False
        for native, line in self.lines.items():
            self.books.lose(self.ids[native], "the link is down")
            line.whole = line.lost_frame = line.subscribed = False
            line.missing = _FAR
            line.subscribed = self.wire.kind != "socket"
            line.old = self.snapshot(line)
            line.market.advance(3)
            self.flush(line)
        link = LinkSpec(link="x", venue=self.exchange.venue, role=Role.PUBLIC, instruments=list(self.ids.values()))
        make = self.exchange.replay_session if self.wire.replayed else self.exchange.session
        self.session = make(link, self.catalogue, None)
        self.take(self.session.start(self.now_ns))
        if welcome := getattr(self.wire, "welcome", None):
            self.take(self.session.receive(welcome, self.now_ns))
        if self.wire.replayed:
            for native in self.lines:
                self.subscribe(native)

    def step(self) -> None:
        self.now_ns += STEP_NS
        if self.session.due_ns <= self.now_ns:
            self.take(self.session.tick(self.now_ns))
        line = self.random.choice(list(self.lines.values()))
        event = self.random.choice(self.events) if self.events and self.random.random() < 0.2 else ""
        if not line.subscribed:
            if "early deltas" in self.quirks and self.random.random() < 0.5:
                self.count("early deltas")
                self.deliver(self.delta(line))
        elif event == "reconnect":
            self.count(event)
            for one in self.lines.values():
                one.offset = min(one.offset + self.random.randint(50, 100), one.market.id - 1)  # numbers begin at 1
            self.connect()
        elif event and (line.whole or (self.wire.kind == "rest" and event in ("gap", "restart by delta"))):
            self.count(event)
            getattr(self, "_" + event.replace(" ", "_"))(line)
        else:
            self.deliver(self.delta(line))
        self.answer()
        if self.wire.replayed and line.subscribed and not line.whole and self.random.random() < 0.5:
            self.deliver(self.snapshot(line))  # nobody can ask in a recording

    def settle(self) -> None:
        """Enough time for every request; then each book must be whole, and stay so."""
        healed = 0
        while healed < HEALED and self.index < self.steps + PATIENCE:
            self.index += 1
            self.now_ns += 40 * STEP_NS
            if self.session.due_ns <= self.now_ns:
                self.take(self.session.tick(self.now_ns))
            for line in self.lines.values():
                if line.subscribed:
                    self.deliver(self.delta(line))
                    if self.wire.replayed and not line.whole:
                        self.deliver(self.snapshot(line))
            self.answer()
            healed = healed + 1 if not self.due and all(line.whole for line in self.lines.values()) else 0
        for line in self.lines.values():
            if not line.whole:
                self.fault(line, "never became whole again")

    def answer(self) -> None:
        """Deliver the answers that are due."""
        for _ in range(4):
            ready = [what for at, what in self.due if at <= self.index]
            self.due = [(at, what) for at, what in self.due if at > self.index]
            for what in ready:
                what()

    def count(self, quirk: str) -> None:
        self.seen[quirk] += 1

    # --- events

    def _gap(self, line: Line) -> None:
        self.withhold(line, self.delta(line))
        self.deliver(self.delta(line))

    def withhold(self, line: Line, frame: Frame) -> bool:
        """The frame does not come (yet); whether the client lacks it. A snapshot of a later moment covers it."""
        self.count_frame(frame)
        self.broken = True
        covered = line.newest is not None and frame.engine <= line.newest.engine
        if covered or self.wire.kind == "whole":
            return False
        line.missing = frame.engine
        line.lost_frame = True
        return True

    def _reordered(self, line: Line) -> None:
        first, second = self.delta(line), self.delta(line)
        lacks = self.withhold(line, first)
        self.deliver(second)
        self.deliver(first)
        if lacks and self.wire.kind == "rest":
            line.missing = first.first - 1  # the session has both now, and puts them in order

    def _repeated(self, line: Line) -> None:
        frame = self.delta(line)
        self.deliver(frame)
        self.deliver(frame)

    def _idle(self, line: Line) -> None:
        if self.wire.kind == "whole":
            self.deliver(self.snapshot(line))
            return
        self.deliver(self.frame(line, self.wire.idle, {}, {}, line.engine, line.seq, line.seq))

    def _restart(self, line: Line) -> None:
        line.offset = line.market.id - 1
        self.flush(line)
        line.seq = 1
        self.deliver(self.snapshot(line))

    def _restart_by_delta(self, line: Line) -> None:
        if self.wire.kind == "rest":
            line.seq = 0
            frame = self.delta(line)
            line.whole = False
            line.missing = frame.engine
            self.deliver(frame)
            return
        self.flush(line)
        line.seq = 1
        bids, asks = line.sent
        self.deliver(self.frame(line, self.wire.delta, bids, asks, line.engine, 1, 0, snapshot=True))

    def _reset(self, line: Line) -> None:
        line.market.advance(1)
        line.offset = line.market.id - self.random.randint(1, max(1, line.seq // 2))
        self.deliver(self.delta(line))

    def _unasked_snapshot(self, line: Line) -> None:
        self.deliver(self.snapshot(line))

    # --- making frames

    def delta(self, line: Line) -> Frame:
        """The engine moves on; the frame with what changed in the window."""
        market = line.market
        if self.wire.kind == "rest" and self.random.random() < 0.1:
            line.old = self.snapshot(line)
        first = line.engine + 1
        if not market.touched[0] and not market.touched[1]:
            market.advance(1)
        market.advance(self.random.choice((0, 0, 0, 1, 3, 7)))
        before, touched = line.sent, market.taken()
        line.engine = market.id
        line.sent = market.window(self.wire.window)
        prev, line.seq = line.seq, self.number(line, line.seq + 1)
        if self.wire.kind == "whole":
            return self.frame(line, self.wire.delta, *line.sent, first, line.seq, prev, snapshot=True)
        changes = []
        for side, (was, now) in enumerate(zip(before, line.sent, strict=True)):
            if self.wire.window:
                changed = {px: size for px, size in now.items() if was.get(px) != size}
                changed |= dict.fromkeys((px for px in was if px not in now), 0)
            else:
                changed = {px: now.get(px, 0) for px in touched[side]}
            if "absent deletes" in self.quirks and self.random.random() < 0.3:
                changed[market.absent(side)] = 0
                self.count("absent deletes")
            changes.append(changed)
        return self.frame(line, self.wire.delta, *changes, first, line.seq, prev)

    def flush(self, line: Line) -> None:
        """The state of the venue moves on without a frame."""
        line.market.taken()
        line.engine = line.market.id
        line.sent = line.market.window(self.wire.window)
        line.seq = self.number(line, line.seq + 1)

    def number(self, line: Line, frames: int) -> int:
        return line.market.id - line.offset if self.wire.counts == "updates" else frames

    def snapshot(self, line: Line) -> Frame:
        """The book as of the last frame, or for a REST snapshot as of now."""
        if self.wire.kind == "rest":
            seq = self.number(line, line.seq)
            bids, asks = line.market.window(self.wire.window) if self.wire.counts == "updates" else line.sent
            engine = line.market.id if self.wire.counts == "updates" else line.engine
            return self.frame(line, self.wire.body, bids, asks, engine, seq, 0, snapshot=True, engine=engine)
        bids, asks = line.sent
        return self.frame(line, self.wire.snapshot, bids, asks, line.engine, line.seq, -1, snapshot=True)

    def frame(
        self,
        line: Line,
        write: Callable[[Message], Any],
        bids: dict[int, int],
        asks: dict[int, int],
        first: int,
        seq: int,
        prev: int,
        *,
        snapshot: bool = False,
        engine: int = 0,
    ) -> Frame:
        market = line.market
        engine = engine or line.engine
        sides = []
        for side, levels in enumerate((bids, asks)):
            order = sorted(levels, reverse=side == 0) if snapshot else shuffled(levels, self.random)
            rows = [(px, self.level(market, px, levels[px])) for px in order]
            if snapshot:
                line.written[side].clear()
            line.written[side].update(rows)
            sides.append([row for _, row in rows])
        top = tuple(
            [
                line.written[side][px]
                for px in sorted(line.sent[side], reverse=side == 0)[:25]
                if px in line.written[side]
            ]
            for side in (0, 1)
        )
        numbered = first - line.offset if self.wire.counts == "updates" else seq
        self.ms += 1
        message = Message(market.native, *sides, numbered, seq, prev, self.now_ns // 1_000_000 + self.ms, engine, top)
        data = write(message)
        count = min(COMPARED, self.wire.window or COMPARED)
        return Frame(market.native, data, snapshot, first, engine, seq, market.top(count))

    def level(self, market: Market, px: int, size: int) -> tuple[Any, Any]:
        style = self.wire.style
        if "exponents" in self.quirks and self.random.random() < 0.3:
            self.count("exponents")
            style = "exponent"
        if "numbers" in self.quirks and self.random.random() < 0.5:
            self.count("numbers")
            return float(f"{px}e-{market.px_decimals}"), float(f"{size}e-{market.qty_decimals}")
        written = text(size, market.qty_decimals, style)
        if not size:
            written = self.wire.zero
            if "other zeros" in self.quirks:
                self.count("other zeros")
                written = self.random.choice(("0", "0.0", "0.00000000", "0e0"))
        return text(px, market.px_decimals, style), written

    # --- the client

    def count_frame(self, frame: Frame) -> None:
        """The venue sends it: it has its number now, also if it is lost."""
        if self.wire.counts == "connection" and frame.number < 0:
            frame.number = frame.seq = self.numbers
            frame.data = self.wire.numbered(frame.data, frame.number)
            self.numbers += 1

    def deliver(self, frame: Frame) -> None:
        """The session receives a frame."""
        line = self.lines[frame.native]
        self.count_frame(frame)
        if self.wire.counts == "connection" and self.broken:
            self.broken = False
            for one in self.lines.values():
                one.whole = False
        line.subscribed = line.subscribed or frame.snapshot
        self.know(line, frame)
        self.log.append(Entry("frame", frame, line.newest.truth if line.newest and line.whole else None))
        assert frame.data is not None
        self.take(self.session.receive(frame.data, self.now_ns))
        self.judge()

    def know(self, line: Line, frame: Frame) -> None:
        """What a correct client knows after this frame or answer."""
        if frame.snapshot and (frame.engine >= line.missing or self.wire.kind != "rest"):
            line.whole = True
            line.lost_frame = False
            line.missing = _FAR
        elif not frame.snapshot:
            if line.missing == _FAR and not line.whole:
                line.missing = frame.first - 1
            if line.lost_frame and frame.engine >= line.missing:
                line.whole = line.lost_frame = False
        if line.newest is None or frame.engine >= line.newest.engine:
            line.newest = frame

    def take(self, outputs: Sequence[Output]) -> None:
        self.losses += any(isinstance(output, BookLost) for output in outputs)
        for output in outputs:
            match output:
                case BookUpdate():
                    self.books.apply(output)
                case BookLost():
                    line = self.lines[self.natives[output.instrument]]
                    late = not self.wire.counts and "gap" in self.quirks
                    if line.whole and not late:  # a checksum shows a gap later, or never
                        self.fault(line, f"was lost without a reason: {output.reason}")
                    self.books.lose(output.instrument, output.reason)
                case Ask():
                    self.ask(output)
                case Send():
                    sent = output.data.reveal() if isinstance(output.data, Secret) else output.data
                    for native in self.wire.asked(sent):
                        self.subscribe(native)
                    for ack in self.wire.acks(sent) if hasattr(self.wire, "acks") else ():
                        self.take(self.session.receive(ack, self.now_ns))
                case _:
                    pass

    def subscribe(self, native: str) -> None:
        """The venue answers a subscription with a snapshot, at the end of this step or later."""
        if self.wire.kind == "rest":
            return
        line = self.lines[native]
        line.subscribed = False
        wait = self.random.randint(1, 6) if "late snapshot" in self.quirks else 0
        if wait:
            self.count("late snapshot")

        def send() -> None:
            self.flush(line)
            self.deliver(self.snapshot(line))

        self.due.append((self.index + wait, send))

    def ask(self, ask: Ask) -> None:
        """The session asks for a snapshot over REST."""
        line = self.lines[self.natives[ask.instrument]]
        wait = max(0, -(-(ask.not_before_ns - self.now_ns) // STEP_NS)) if ask.not_before_ns else 0
        first_time = int(ask.ref or "1") == 1

        def make() -> None:
            if "refused snapshot" in self.quirks and first_time and self.random.random() < 0.5:
                self.count("refused snapshot")
                reply(None)
                return
            if "old snapshot" in self.quirks and first_time and line.old and line.old.engine < line.missing:
                self.count("old snapshot")
                reply(line.old)
                return
            if "straddle" in self.quirks and self.wire.counts == "updates":
                self.count("straddle")
                line.market.advance(self.random.randint(1, 5))
            body = self.snapshot(line)
            if "late snapshot" in self.quirks:
                self.count("late snapshot")
                self.due.append((self.index + self.random.randint(1, 9), lambda: reply(body)))
            else:
                reply(body)

        def reply(body: Frame | None) -> None:
            if body is None:
                answer = HttpAnswer(503, {}, b"", self.now_ns, self.now_ns)
            else:
                assert isinstance(body.data, bytes)
                answer = HttpAnswer(200, {}, body.data, self.now_ns, self.now_ns)
                self.know(line, body)
                self.log.append(Entry("answer", body, line.newest.truth if line.newest and line.whole else None))
            self.take(self.session.answered(ask, answer, self.now_ns))
            self.judge()

        self.due.append((self.index + wait, make))

    # --- the judge

    def judge(self) -> None:
        """Each book is SYNCED and equal to the model where the client has all it needs, and not SYNCED elsewhere."""
        for native, line in self.lines.items():
            book = self.books.by_id.get(self.ids[native])
            synced = book is not None and book.state is BookState.SYNCED
            if not self.wire.counts and not (line.whole and synced):
                # a checksum sees a wrong book, not a gap: a book may be lost late, but never wrong
                line.whole = synced
                if not synced:
                    continue
            if not line.whole:
                if synced:
                    self.fault(line, "is SYNCED without all frames")
                continue
            if not synced:
                self.fault(line, f"is not SYNCED: {book.reason if book else 'no book'}")
                continue
            assert line.newest is not None
            if self.wire.counts and book.seq != line.newest.seq:
                self.fault(line, f"is at {book.seq}, not at {line.newest.seq}")
                continue
            for side, truth in zip((book.levels_to_sell(), book.levels_to_buy()), line.newest.truth, strict=True):
                found = list(islice(side, COMPARED))
                if found != truth:
                    self.fault(line, f"differs from the model: {found[:3]} is not {truth[:3]}")
                    break

    def fault(self, line: Line, what: str) -> None:
        if len(self.faults) < 5:
            self.faults.append(f"seed {self.seed} step {self.index} {line.market.native} {what}")
