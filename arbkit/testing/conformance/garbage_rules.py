"""Conformance rules about messages that cannot be read, and about equal outputs for equal inputs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from decimal import Decimal

from arbkit.core.errors import CredentialsError, RemoteProtocolError
from arbkit.core.protocols import Exchange, Session
from arbkit.core.types import (
    NEVER,
    Ask,
    AskKind,
    Balance,
    BookUpdate,
    Catalogue,
    FeeUpdate,
    HttpAnswer,
    Instrument,
    InstrumentUpdate,
    LinkSpec,
    NoAnswer,
    OrderUpdate,
    Output,
    Role,
    TopUpdate,
    Trade,
    is_amount,
    rest_link,
)
from arbkit.core.venues.signer import AnyKey
from arbkit.testing.conformance.bent import BODIES, GARBAGE, bent
from arbkit.testing.conformance.invented import an_order, invented
from arbkit.testing.conformance.rig import SECOND, START_NS, UNREADABLE, Rig
from arbkit.testing.conformance.rules import VenueUnderTest, must, rule, same
from arbkit.testing.recording import AnyCatalogue, RecordedFrame, Summary, read_frames, started

__all__: list[str] = []

ALLOWED = (*UNREADABLE, RemoteProtocolError, CredentialsError)
"""What a session may raise for a message; anything else counts as an error of the adapter."""
_FRAMES = 40
"""Recorded frames that are bent."""
_HUGE = 1e15


def _catalogue_bodies(subject: VenueUnderTest) -> Iterator[bytes]:
    """Real answers to the request for the catalogue: of the simulated venue, else of the recording."""
    if subject.dialect is not None:
        for what, answer in subject.rig().boot(roles=(Role.REST,)).bodies:
            if isinstance(what, Ask) and what.kind is AskKind.CATALOGUE:
                yield answer.body
    for frame in _recorded(subject, "http"):
        payload = frame.payload
        yield payload.encode() if isinstance(payload, str) else payload


def _recorded(subject: VenueUnderTest, kind: str) -> Sequence[RecordedFrame]:
    if subject.recording is None:
        return ()
    frames = [frame for _, frame in read_frames(subject.recording, Summary())]
    found = [frame for frame in frames if frame.kind == kind and frame.dir == "in"]
    return found[:: max(1, len(found) // _FRAMES)]


def _told(outputs: Sequence[Output]) -> Sequence[Output]:
    return [out for out in outputs if not isinstance(out, NoAnswer)]


@rule("garbage")
def catalogue_garbage(subject: VenueUnderTest) -> str | None:
    """An unreadable answer to the request for the catalogue gives no instrument and raises only what counts as
    unreadable; a row with an order rule that is negative or not finite gives no tradable instrument."""
    exchange = subject.made()
    what = Ask(kind=AskKind.CATALOGUE)

    def read(status: int, body: bytes) -> list[Instrument]:
        session = exchange.session(rest_link(exchange.venue), Catalogue(), None)
        try:
            outputs = session.answered(what, HttpAnswer(status, {}, body, START_NS, START_NS), START_NS)
        except ALLOWED:
            return []
        except Exception as error:
            must(False, f"{type(error).__name__} for HTTP {status} {body[:60]!r}: {error}")
            return []
        return [out.instrument for out in outputs if isinstance(out, InstrumentUpdate)]

    for status, body in BODIES:
        must(not read(status, body), f"instruments in HTTP {status} {body[:60]!r}")
    rows = 0
    for whole in _catalogue_bodies(subject):
        good = read(200, whole)
        if not good:
            continue
        rows += len(good)
        for status in (429, 500, 503):
            must(not read(status, whole), f"instruments in an answer with HTTP {status}")
        for text in bent(whole):
            for one in read(200, text.encode()):
                amounts = (one.tick, one.lot, one.min_qty, one.max_qty, one.min_notional, one.max_notional)
                wrong = [amount for amount in amounts if amount is not None and not (is_amount(amount) and amount >= 0)]
                must(not (wrong and one.tradable), f"{one.id} is tradable with an order rule of {wrong[:1]}"[:200])
    return None if rows else "garbage only: a simulated venue or a recording has real rows"


def _impossible(out: Output) -> object:
    """What of an output no market can have; None = nothing."""
    match out:
        case BookUpdate():
            return next((level for level in (*out.bids, *out.asks) if not (_px(level.px) and _qty(level.qty))), None)
        case TopUpdate():
            return next((level for level in (out.bid, out.ask) if not (_px(level.px) and _qty(level.qty))), None)
        case Trade():
            return None if _px(out.px) and _qty(out.qty) else out
        case OrderUpdate():
            amounts = (out.px, out.qty, out.cum_qty, out.last_px, out.last_qty)
            return next((x for x in amounts if x is not None and not is_amount(x)), None)
        case Balance():
            return next((x for x in (out.free, out.locked) if not is_amount(x)), None)
        case FeeUpdate():
            return next((x for x in (out.maker, out.taker) if not (is_amount(x) and abs(x) < Decimal(1))), None)
        case _:
            return None


def _px(px: float) -> bool:
    return math.isfinite(px) and 0 < px < _HUGE


def _qty(qty: float) -> bool:
    return math.isfinite(qty) and 0 <= qty < _HUGE


def _sockets(
    exchange: Exchange, catalogue: Catalogue, instruments: Sequence[Instrument]
) -> list[tuple[LinkSpec, Session]]:
    """A new session for each socket link, started."""
    found = []
    for link in exchange.links(instruments, f"{exchange.venue}:main"):
        if link.role is not Role.REST:
            session = exchange.session(link, catalogue, AnyKey())
            session.dial(START_NS)
            started(session, START_NS)
            found.append((link, session))
    return found


def _receive(link: str, session: Session, data: str | bytes) -> Sequence[Output]:
    try:
        return session.receive(data, START_NS)
    except ALLOWED:
        return ()
    except Exception as error:
        must(False, f"{link}: {type(error).__name__} for {data[:60]!r}: {error}")
        return ()


@rule("garbage")
def frame_garbage(subject: VenueUnderTest) -> str | None:
    """Each session raises only what counts as unreadable, whatever arrives; no impossible number of a frame is in
    an output (NaN, infinite, huge; in books and trades also negative), and garbage changes no book and no order."""
    exchange = subject.made()
    many = invented(exchange.venue, 1)
    for text in GARBAGE:
        for link, session in _sockets(exchange, Catalogue(many), many):
            for data in (text, text.encode()):
                for out in _receive(link.link, session, data):
                    must(
                        not isinstance(out, BookUpdate | TopUpdate | Trade | OrderUpdate | Balance),
                        f"{link.link}: {text[:60]!r} gave {out!r}"[:300],
                    )
    frames: list[tuple[Role, str]] = []
    catalogue: Catalogue = AnyCatalogue(many)
    for frame in _recorded(subject, "ws"):
        payload = frame.payload
        frames.append((Role.PUBLIC, payload if isinstance(payload, str) else payload.decode("latin-1")))
    if subject.dialect is not None:
        rig = subject.rig().boot()
        catalogue = rig.catalogue
        if rig.trades:
            rig.do(rig.order())
        rig.run_for(1)
        frames += [(rig.lines[link].spec.role, text) for link, text in rig.frames[: 2 * _FRAMES]]
        many = [rig.instrument("BTC-USDT")]
    judged = 0
    for role, whole in frames:
        for text in bent(whole, 40):
            judged += 1
            for link, session in _sockets(exchange, catalogue, many):
                if link.role is not role:
                    continue
                for out in _receive(link.link, session, text):
                    wrong = _impossible(out)
                    must(wrong is None, f"{link.link}: {wrong!r} in the output for {text[:200]!r}")
    return None if judged else "garbage only: a simulated venue or a recording in JSON has real frames"


@rule("determinism")
def same_twice(subject: VenueUnderTest) -> None:
    """The same inputs at the same times give equal outputs, in a second run too: an adapter has no clock, no
    randomness and no memory outside its sessions."""
    first, second = _story(subject), _story(subject)
    for one, other in zip(first, second, strict=False):
        must(one == other, f"first {one!r}, in the second run {other!r}"[:400])
    same(len(second), len(first), "outputs of the second run")


def _story(subject: VenueUnderTest) -> list[object]:
    """All that the adapter says to a fixed sequence of inputs."""
    exchange = subject.made()
    many = invented(exchange.venue, 3)
    said: list[object] = list(exchange.links(many, f"{exchange.venue}:main"))
    for link in exchange.links(many, f"{exchange.venue}:main"):
        session = exchange.session(link, Catalogue(many), AnyKey())
        if link.role is Role.REST:
            said += session.encode(Ask(kind=AskKind.CATALOGUE), START_NS)
            order = an_order(exchange.venue)
            said += session.encode([order], START_NS) if Role.REST in exchange.route(order) else ()
            continue
        said += [session.dial(START_NS), *started(session, START_NS)]
        for text in GARBAGE:
            said += _receive(link.link, session, text)
        while session.due_ns < min(NEVER, START_NS + 60 * SECOND):
            due_ns = session.due_ns
            try:
                said += session.tick(due_ns)
            except RemoteProtocolError:
                break
            if session.due_ns <= due_ns:
                break  # the rule ``pings`` reports it
    if subject.dialect is not None:
        said += _on_the_venue(subject.rig().boot())
    return said


def _on_the_venue(rig: Rig) -> list[object]:
    if rig.trades:
        rig.do(rig.order())
    rig.run_for(3)
    return [*rig.said, *rig.sent]
