"""Runs the sessions of one adapter against its simulated venue in virtual time, without a desk.

The conformance rules use it. It does not do what a desk does (retries of orders, trust in books, rate tokens), so every
result comes from the adapter. Links have a latency, and the venue's clock can differ from ours.
"""

from __future__ import annotations

import heapq
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from arbkit.core.errors import BadFrame, CredentialsError, RemoteProtocolError
from arbkit.core.market.books import Books
from arbkit.core.orders.ids import IntentIds, format_cl_ord_id
from arbkit.core.protocols import Exchange, Session
from arbkit.core.types import (
    NEVER,
    Ask,
    AskKind,
    BookLost,
    BookUpdate,
    Catalogue,
    ClockSample,
    Command,
    Dial,
    HttpAnswer,
    HttpRequest,
    Instrument,
    InstrumentUpdate,
    LinkSpec,
    NewOrder,
    NoAnswer,
    Notice,
    OrderUpdate,
    Output,
    Ready,
    Role,
    Secret,
    Send,
    Side,
    VenueSettings,
    rest_link,
)
from arbkit.core.venues.signer import LocalSigner
from arbkit.sim import venue as sim
from arbkit.sim.dialect import Dialect
from arbkit.sim.faults import Fault
from arbkit.sim.wire import Answer, Close, Ping, Request, SimFrame
from arbkit.sim.world import ACCOUNT, World
from arbkit.testing.conformance.true_books import TrueBooks

__all__ = ["LATENCY_NS", "START_NS", "Rig", "Spoken"]

T = TypeVar("T")

START_NS = 1_780_000_000_000_000_000
LATENCY_NS = 2_000_000
SECOND = 1_000_000_000
_REDIAL_NS = SECOND
_TRIES = 6
UNREADABLE = (BadFrame, ValueError, LookupError, ArithmeticError, RecursionError, msgspec.MsgspecError)
"""The exceptions that a session may raise for a frame that it cannot read."""


class WatchedSigner(LocalSigner):
    """A signer that records its signatures, so that a rule can search for them in printed texts."""

    __slots__ = ("made",)

    def __init__(self, key: str, secret: str, passphrase: str = "") -> None:
        super().__init__(key, secret, passphrase)
        self.made: list[str] = []

    def hmac(self, algorithm: str, payload: bytes, encoding: str = "") -> bytes:
        digest = super().hmac(algorithm, payload, encoding)
        self.made += [digest.hex(), b64encode(digest).decode()]
        return digest

    def ecdsa(self, payload: bytes) -> bytes:
        signature = super().ecdsa(payload)
        self.made += [signature.hex(), urlsafe_b64encode(signature).decode().rstrip("=")]
        return signature


class Spoken(Struct, frozen=True):
    """One output of a session."""

    ns: int
    link: str
    out: Output


class _Line:
    """One link and its present session."""

    def __init__(self, spec: LinkSpec, session: Session) -> None:
        self.spec = spec
        self.session = session
        self.conn = 0
        self.up = spec.role is Role.REST
        self.ready = False
        self.asking = False
        """A token was asked for; the dial follows."""
        self.closed = False
        """The credentials were refused; the link is not dialled again."""
        self.last_recv_ns = 0
        self.ends: list[str] = []
        """Why each connection ended."""


class Rig:
    """An adapter's sessions and their simulated venue.

    ``skew_ns``: the venue's clock minus ours. ``secret`` and ``key`` replace the correct ones. ``said`` contains all
    outputs of the sessions, ``frames`` all received frames, ``bodies`` all HTTP answers, ``sent`` everything sent.
    """

    def __init__(
        self,
        exchange: Callable[[VenueSettings], Exchange],
        dialect: type[Dialect],
        *,
        faults: Sequence[Fault] = (),
        skew_ns: int = 0,
        secret: str = "",
        key: str = "",
        options: Mapping[str, str] | None = None,
        seed: int = 7,
    ) -> None:
        self.now_ns = START_NS
        self.skew_ns = skew_ns
        self.venue = dialect.venue
        self.world = World([dialect], seed=seed, start_ns=START_NS + skew_ns, faults=faults)
        self.site = self.world.sites[self.venue]
        self.truth: sim.SimExchange = self.site.exchange
        given = self.world.endpoints(self.venue, f"http://{self.venue}.sim", f"ws://{self.venue}.sim")
        hosts = {name: url for name in ("rest", "ws_public", "ws_private", "ws_trade") if (url := given.get(name))}
        self.secrets = [text for text in (given["secret"], given["passphrase"]) if text]
        self.signer = WatchedSigner(
            key or given["key"] or "", secret or given["secret"] or "", given["passphrase"] or ""
        )
        settings = VenueSettings(environment="sim", endpoints=hosts, options=options or {})
        self.exchange: Exchange = exchange(settings)
        self.account = f"{self.venue}:{ACCOUNT}"
        self.catalogue = Catalogue()
        self.lines: dict[str, _Line] = {}
        self._market = Books()
        self.books = self._market.by_id
        self.said: list[Spoken] = []
        self.frames: list[tuple[str, str]] = []
        self.bodies: list[tuple[Ask | Command, HttpAnswer]] = []
        self.sent: list[tuple[int, str, Send | HttpRequest | Dial]] = []
        self.faults: list[tuple[str, Exception]] = []
        """Exceptions raised by sessions, by link."""
        self.judge = TrueBooks(self.truth)
        self.lost: Callable[[SimFrame], bool] = lambda frame: False
        """The venue's frames that never arrive."""
        self.unanswered: Callable[[Ask | Command], bool] = lambda what: False
        """The HTTP requests whose answers never arrive."""
        self._ids = IntentIds(1)
        self._later: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0
        self._links: dict[int, str] = {}
        self._flying: dict[int, tuple[str, Ask | Command, int, int]] = {}

    # --- start ------------------------------------------------------------------------------------------------------

    def boot(
        self,
        symbols: Iterable[str] = ("BTC-USDT",),
        roles: Iterable[Role] = tuple(Role),
        *,
        trades: Iterable[str] = (),
    ) -> Rig:
        """Request time, catalogue and (where declared) the account's status, then open the links of ``roles`` and
        wait until they are ready. ``trades``: the symbols whose public trades are wanted. The market of all others
        stands still."""
        self._add(rest_link(self.venue, self.account))
        status = (AskKind.ACCOUNT,) if self.exchange.capabilities.account_status else ()
        for kind in (AskKind.TIME, AskKind.CATALOGUE, *status):
            self.ask(Ask(kind=kind))
        symbols, trades = list(symbols), list(trades)
        wanted = [self.instrument(symbol) for symbol in symbols]
        for symbol in self.truth.books.keys() - {*symbols, *trades}:
            self.world.market.stop(symbol)
        chosen = set(roles)
        prints = [[self.instrument(symbol) for symbol in trades]] if trades else []
        for spec in self.exchange.links(wanted, self.account, *prints):
            if spec.role in chosen and spec.role is not Role.REST:
                self._dial(self._add(spec))
        self.run_for(20, lambda: all(line.ready or line.closed for line in self.lines.values()))
        return self

    def _add(self, spec: LinkSpec) -> _Line:
        line = self.lines[spec.link] = _Line(spec, self.exchange.session(spec, self.catalogue, self.signer))
        line.ready = spec.role is Role.REST
        for instrument in spec.instruments:
            self._market.create(instrument)
        return line

    def line(self, role: Role) -> _Line:
        """The first link of a role."""
        return next(line for line in self.lines.values() if line.spec.role is role)

    @property
    def trades(self) -> bool:
        """Whether the adapter sends orders."""
        return bool(self.exchange.route(self.order()))

    def instrument(self, symbol: str) -> Instrument:
        return self.catalogue[f"{self.venue}:{symbol}"]

    def cl_ord_id(self) -> str:
        return format_cl_ord_id(self._ids.next())

    # --- requests ---------------------------------------------------------------------------------------------------

    def ask(self, what: Ask) -> list[Output]:
        """Send a request over REST and return the outputs for its answer."""
        before = len(self.said)
        self._request(self.line(Role.REST), what, 0)
        self.run_for(30, lambda: not self._flying)
        return [spoken.out for spoken in self.said[before:]]

    def do(self, command: Command, role: Role | None = None, wait_s: float = 0.3) -> list[Output]:
        """Send a command on ``role`` (None = the preferred one) and return all outputs within ``wait_s`` seconds."""
        before = len(self.said)
        self.put(command, role or self.exchange.route(command)[0])
        self.run_for(wait_s)
        return [spoken.out for spoken in self.said[before:]]

    def put(self, what: Ask | Command, role: Role) -> None:
        """Send it once on ``role``, without waiting."""
        line = self.line(role)
        for wire in line.session.encode(what if isinstance(what, Ask) else [what], self.now_ns):
            if isinstance(wire, Send):
                self._text(line, wire)
            else:
                self._http(line, what, wire, _TRIES)

    def hear(self, role: Role, text: str) -> None:
        """Deliver a frame to the link of ``role`` that the simulated venue did not send."""
        line = self.line(role)
        self._say(line, lambda: line.session.receive(text, self.now_ns))

    def order(self, **fields: object) -> NewOrder:
        """A small IOC limit buy of BTC-USDT that matches at once; ``fields`` replace its fields."""
        one = self.instrument("BTC-USDT")
        given = {
            "account": self.account,
            "instrument": one.id,
            "cl_ord_id": self.cl_ord_id(),
            "side": Side.BUY,
            "qty": Decimal("0.01"),
            "px": self.best("BTC-USDT", ask=True) + 100 * one.tick,
            **fields,
        }
        return NewOrder(**given)  # type: ignore[arg-type]  # fields of NewOrder

    def best(self, symbol: str, *, ask: bool) -> Decimal:
        """The venue's best price."""
        top = self.truth.books[symbol].top()
        return top[2 if ask else 0] * self.truth.pairs[symbol].tick

    def updates(self, cl_ord_id: str) -> list[OrderUpdate]:
        """All updates of one order."""
        return [each for each in self.outs(OrderUpdate) if each.cl_ord_id == cl_ord_id]

    def outs(self, kind: type[T], outputs: Iterable[Output] | None = None) -> list[T]:
        """The outputs of one type, among ``outputs`` or (None) all so far."""
        return [out for out in ([s.out for s in self.said] if outputs is None else outputs) if isinstance(out, kind)]

    def true_order(self, cl_ord_id: str) -> sim.SimOrder | None:
        """The venue's newest order with this client order id."""
        found = [order for order in self.truth.orders.values() if order.cl_ord_id == cl_ord_id]
        return found[-1] if found else None

    def freeze(self) -> None:
        """From now on no quotes change on the venue."""
        self.world.market = _Still()  # type: ignore[assignment]  # has all that a world uses of its market

    def cut(self, link: str) -> None:
        """Cut the link's connection."""
        line = self.lines[link]
        self.world.closed(line.conn, self._venue_ns())
        self._lost(line.conn, "cut")

    def reborn(self, link: str) -> Session:
        """A new session, as after a reconnect."""
        return self.exchange.session(self.lines[link].spec, self.catalogue, self.signer)

    # --- links ------------------------------------------------------------------------------------------------------

    def _venue_ns(self) -> int:
        return self.now_ns + self.skew_ns

    def _at(self, delay_ns: int, call: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._later, (self.now_ns + delay_ns, self._count, call))

    def _dial(self, line: _Line) -> None:
        line.session = self.exchange.session(line.spec, self.catalogue, self.signer)
        dial = line.session.dial(self.now_ns)
        if isinstance(dial, Ask):
            line.asking = True
            self._request(line, dial, 0)
            return
        self._connect(line, dial)

    def _connect(self, line: _Line, dial: Dial) -> None:
        self.sent.append((self.now_ns, line.spec.link, dial))
        parts = urlsplit(_reveal(dial.url))
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        headers = {name.lower(): _reveal(value) for name, value in dial.headers}

        def arrive() -> None:
            conn, refused = self.world.connect(self.venue, target, headers, self._venue_ns())
            if refused is None:
                line.conn = conn
                self._links[conn] = line.spec.link
                self._at(LATENCY_NS, lambda: self._opened(line, conn))
            else:
                line.ends.append(f"HTTP {refused.status}")
                self._at(_REDIAL_NS, lambda: self._dial(line))
            self._drain()

        self._at(LATENCY_NS, arrive)

    def _opened(self, line: _Line, conn: int) -> None:
        if line.conn == conn:
            line.up = True
            line.last_recv_ns = self.now_ns
            self._say(line, lambda: line.session.start(self.now_ns))

    def _lost(self, conn: int, reason: str) -> None:
        link = self._links.pop(conn, None)
        if link is None:
            return
        line = self.lines[link]
        line.up = line.ready = False
        line.conn = 0
        line.ends.append(reason)
        for instrument in line.spec.instruments if line.spec.role is Role.PUBLIC else ():
            self._market.lose(instrument, reason)
        if not line.closed:
            self._at(_REDIAL_NS, lambda: self._dial(line))

    def _drop(self, line: _Line, reason: str) -> None:
        if line.conn:
            self.world.closed(line.conn, self._venue_ns())
            self._lost(line.conn, reason)

    def _text(self, line: _Line, send: Send) -> None:
        self.sent.append((self.now_ns, line.spec.link, send))
        text, conn = _reveal(send.data), line.conn

        def arrive() -> None:
            self.world.frame(conn, text, self._venue_ns())
            self._drain()

        self._at(LATENCY_NS, arrive)

    def _request(self, line: _Line, what: Ask | Command, tries: int) -> None:
        rest = self.line(Role.REST)
        wires = rest.session.encode(what if isinstance(what, Ask) else [what], self.now_ns)
        for wire in wires:
            assert isinstance(wire, HttpRequest)
            self._http(line, what, wire, tries)

    def _http(self, line: _Line, what: Ask | Command, wire: HttpRequest, tries: int) -> None:
        self.sent.append((self.now_ns, self.line(Role.REST).spec.link, wire))
        parts = urlsplit(_reveal(wire.url))
        headers = {name.lower(): _reveal(value) for name, value in wire.headers}
        request = Request(wire.method, parts.path, parts.query, headers, wire.body)
        self._count += 1
        ref = self._count
        self._flying[ref] = (line.spec.link, what, self.now_ns, tries)

        def arrive() -> None:
            self.world.http(self.venue, request, ref, self._venue_ns())
            self._drain()

        self._at(LATENCY_NS, arrive)

    # --- what arrives -----------------------------------------------------------------------------------------------

    def _drain(self) -> None:
        for out in self.world.drain():
            if isinstance(out, SimFrame):
                self._at(LATENCY_NS, lambda out=out: self._frame(out))  # type: ignore[misc]  # bound at once
            elif isinstance(out, Ping):
                self._at(LATENCY_NS, lambda out=out: self._received(out.conn))  # type: ignore[misc]  # as above
            elif isinstance(out, Close):
                self._at(LATENCY_NS, lambda out=out: self._lost(out.conn, f"{out.code} {out.reason}"))  # type: ignore[misc]  # as above
            elif isinstance(out, Answer):
                self._at(LATENCY_NS, lambda out=out: self._answer(out))  # type: ignore[misc]  # as above
        self.judge.learn(self.now_ns)

    def _received(self, conn: int) -> None:
        """Record that the connection received something."""
        if conn in self._links:
            self.lines[self._links[conn]].last_recv_ns = self.now_ns

    def _frame(self, frame: SimFrame) -> None:
        if self.lost(frame):
            return
        self._received(frame.conn)
        link = self._links.get(frame.conn)
        if link is not None:
            line = self.lines[link]
            self.frames.append((line.spec.link, frame.text))
            self._say(line, lambda: line.session.receive(frame.data, self.now_ns))

    def _answer(self, out: Answer) -> None:
        link, what, sent_ns, tries = self._flying.pop(out.ref)
        line = self.lines[link]
        answer: HttpAnswer | NoAnswer = NoAnswer("the connection closed without a response", recv_ns=self.now_ns)
        if out.reply is not None and not self.unanswered(what):
            headers = {name.lower(): value for name, value in out.reply.headers.items()}
            answer = HttpAnswer(out.reply.status, headers, out.reply.body, sent_ns, self.now_ns)
            self.bodies.append((what, answer))
            if isinstance(what, Ask) and (answer.status >= 500 or answer.status in (403, 418, 429)):
                self._say(
                    self.line(Role.REST), lambda: self.line(Role.REST).session.answered(what, answer, self.now_ns)
                )
                if tries < _TRIES:
                    self._at(SECOND, lambda: self._request(line, what, tries + 1))
                    return
        self._say(line, lambda: line.session.answered(what, answer, self.now_ns))
        if line.asking and not line.closed:
            line.asking = False
            dial = line.session.dial(self.now_ns)
            if isinstance(dial, Dial):
                self._connect(line, dial)
            else:  # there is no token
                self._at(_REDIAL_NS, lambda: self._dial(line))

    def _say(self, line: _Line, call: Callable[[], Sequence[Output]]) -> None:
        """Call a session with the exception guard of a desk, and process its outputs."""
        try:
            outputs = call()
        except CredentialsError as error:
            self.faults.append((line.spec.link, error))
            line.closed = True
            self._drop(line, str(error))
            return
        except UNREADABLE as error:
            self.faults.append((line.spec.link, error))
            return
        except RemoteProtocolError as error:
            self.faults.append((line.spec.link, error))
            self._drop(line, str(error))
            return
        for out in outputs:
            self.said.append(Spoken(self.now_ns, line.spec.link, out))
            match out:
                case Send():
                    self._text(line, out)
                case Ask():
                    self._at(max(0, out.not_before_ns - self.now_ns), lambda out=out: self._request(line, out, 0))  # type: ignore[misc]  # bound at once
                case Ready():
                    line.ready = True
                case InstrumentUpdate():
                    self.catalogue.add(out.instrument)
                case ClockSample():
                    self.signer.offset_ns = out.offset_ns
                case BookUpdate():
                    book = self._market.apply(out)
                    self.judge.check(out.instrument.partition(":")[2], book)
                case BookLost():
                    self._market.lose(out.instrument, out.reason)
                case Notice() if out.going_away:
                    self._drop(line, "going away")

    # --- time -------------------------------------------------------------------------------------------------------

    def run_for(self, seconds: float, done: Callable[[], bool] = lambda: False) -> None:
        """Run ``seconds`` of virtual time, or until ``done``."""
        until_ns = self.now_ns + round(seconds * SECOND)
        while not done():
            due_ns = min(self._later[0][0] if self._later else NEVER, self.world.due_ns - self.skew_ns)
            for line in self.lines.values():
                if line.up and line.spec.role is not Role.REST:
                    due_ns = min(due_ns, line.session.due_ns, line.last_recv_ns + line.spec.silence_ns)
            self.now_ns = max(self.now_ns, min(due_ns, until_ns))
            if self.now_ns >= until_ns:
                return
            while self._later and self._later[0][0] <= self.now_ns:
                heapq.heappop(self._later)[2]()
            if self.world.due_ns <= self._venue_ns():
                self.world.tick(self._venue_ns())
                self._drain()
            for line in list(self.lines.values()):
                if not line.up or line.spec.role is Role.REST:
                    continue
                if line.session.due_ns <= self.now_ns:
                    self._say(line, lambda line=line: line.session.tick(self.now_ns))  # type: ignore[misc]  # bound at once
                if line.conn and line.last_recv_ns + line.spec.silence_ns <= self.now_ns:
                    self._drop(line, "silence")


class _Still:
    """A market without changes."""

    due_ns = NEVER
    edges: Sequence[object] = ()

    def tick(self, now_ns: int) -> None: ...

    def eaten(self, exchange: sim.SimExchange, now_ns: int) -> None: ...

    def shown(self, venue: str, symbol: str, now_ns: int) -> None: ...


def _reveal(text: str) -> str:
    return text.reveal() if isinstance(text, Secret) else text
