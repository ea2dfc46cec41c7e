"""Deterministic hypothesis settings, and a desk with fake venues.

``Rig`` runs a real desk. A test decides which events the sessions of the fake venues return, so that every fault can be
placed exactly, and reads from the port's log what was sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import settings

from arbkit.core.desk import Desk, Setup
from arbkit.core.errors import JournalFailed
from arbkit.core.orders.carried import Left
from arbkit.core.orders.deals import Deal
from arbkit.core.orders.journal import decode
from arbkit.core.protocols import Executor, Strategy
from arbkit.core.trading.running import RunningStrategy
from arbkit.core.types import (
    NEVER,
    Ask,
    AskKind,
    AssetStatus,
    Balance,
    BookUpdate,
    CancelOrder,
    Capabilities,
    ClientIdScope,
    ClockSample,
    Dial,
    FeeUpdate,
    HttpAnswer,
    HttpRequest,
    Instrument,
    InstrumentUpdate,
    Leg,
    Level,
    LinkSpec,
    Listing,
    NewOrder,
    NoAnswer,
    Opportunity,
    OrderUpdate,
    OrdStatus,
    QueryOrder,
    RateLimit,
    Ready,
    Role,
    Send,
    Side,
    rest_link,
)
from arbkit.core.venues.venue import VenueSetup
from arbkit.strategies import TakerExecutor

settings.register_profile("arbkit", deadline=None, derandomize=True, database=None)
settings.load_profile("arbkit")

START = 1_763_000_000_000_000_000
MS = 1_000_000
S = 1_000_000_000


class FakeSigner:
    key = "key"
    offset_ns = 0

    def venue_ns(self, now_ns: int) -> int:
        return now_ns + self.offset_ns


class FakeSession:
    """A session that returns what the test gives it: ``receive`` takes a list of outputs, or an exception to raise."""

    def __init__(self, venue: FakeVenue, spec: LinkSpec, number: int) -> None:
        self.venue = venue
        self.spec = spec
        self.number = number
        self.due_ns = NEVER
        self.heard: list[tuple[Any, Any]] = []
        """The answers that this session got."""

    def dial(self, now_ns: int) -> Dial | Ask:
        return self.venue.dials.get(self.spec.link, Dial(f"ws://{self.spec.link}"))

    def start(self, now_ns: int) -> Sequence[Any]:
        return self.venue.starts.get(self.spec.link, ())

    def receive(self, data: Any, now_ns: int) -> Sequence[Any]:
        if data and isinstance(data[0], Exception):
            raise data[0]
        return data

    def answered(self, what: Any, answer: HttpAnswer | NoAnswer, now_ns: int) -> Sequence[Any]:
        self.heard.append((what, answer))
        if isinstance(answer, NoAnswer) or not answer.body:
            return ()
        outputs = self.venue.answers[int(answer.body)]
        if isinstance(outputs, Exception):
            raise outputs
        return outputs

    def tick(self, now_ns: int) -> Sequence[Any]:
        self.due_ns = NEVER
        return self.venue.ticks.pop(self.spec.link, ())

    def encode(self, what: Any, now_ns: int) -> Sequence[Any]:
        error = self.venue.encode_raises.get(self.spec.role)
        if error is not None:
            raise error
        if isinstance(what, Ask):
            return [HttpRequest("GET", f"fake://{what.kind.value}/{what.instrument}")]
        if self.venue.batches and len(what) > 1:
            ids = ",".join(one.cl_ord_id for one in what)
            return [Send(f"BATCH {ids}")]
        made = []
        for one in what:
            text = f"{type(one).__name__} {getattr(one, 'cl_ord_id', '')}".strip()
            made.append(Send(text) if self.spec.role is Role.TRADE else HttpRequest("POST", f"fake://{text}"))
        return made


class FakeVenue:
    """An exchange whose every answer a test can set."""

    def __init__(self, venue: str, *, trade: bool = True, symbols: Sequence[str] = ("BTC-USDT",)) -> None:
        self.venue = venue
        self.trade = trade
        self.capabilities = Capabilities(
            client_id_scope=ClientIdScope.ALWAYS,
            order_window_ns=1000 * MS,
            order_timeout_ns=0,
            lookup_lag_ns=0,
        )
        self.rate_limits: Sequence[RateLimit] = (RateLimit("ip", 1000, S), RateLimit("order", 1000, S))
        self.symbols = symbols
        self.sessions: dict[str, FakeSession] = {}
        self.made = 0
        self.dials: dict[str, Dial | Ask] = {}
        self.starts: dict[str, Sequence[Any]] = {}
        self.ticks: dict[str, Sequence[Any]] = {}
        self.encode_raises: dict[Role, Exception] = {}
        self.batches = False
        self.answers: list[Any] = []

    def instrument(self, symbol: str = "BTC-USDT") -> Instrument:
        base, quote = symbol.split("-")
        return Instrument(
            venue=self.venue,
            symbol=symbol,
            native=base + quote,
            base=base,
            quote=quote,
            tick=Decimal("0.01"),
            lot=Decimal("0.0001"),
            min_qty=Decimal("0.0001"),
            min_notional=Decimal(5),
        )

    def links(self, instruments: Sequence[Instrument], account: str) -> Sequence[LinkSpec]:
        ids = [one.id for one in instruments]
        found = [rest_link(self.venue, account)]
        if ids:
            found.append(LinkSpec(link=f"{self.venue}.public", venue=self.venue, role=Role.PUBLIC, instruments=ids))
        if account:
            found.append(LinkSpec(link=f"{self.venue}.private", venue=self.venue, role=Role.PRIVATE, account=account))
            if self.trade:
                found.append(LinkSpec(link=f"{self.venue}.trade", venue=self.venue, role=Role.TRADE, account=account))
        return found

    def session(self, spec: LinkSpec, catalogue: Any, signer: Any) -> FakeSession:
        self.made += 1
        self.sessions[spec.link] = FakeSession(self, spec, self.made)
        return self.sessions[spec.link]

    def route(self, command: Any) -> Sequence[Role]:
        orders = isinstance(command, NewOrder | CancelOrder | QueryOrder)
        return (Role.TRADE, Role.REST) if orders else (Role.REST,)

    def cost(self, what: Any, role: Role) -> Sequence[tuple[str, int]]:
        return (("order", 1),) if isinstance(what, NewOrder) else (("ip", 1),)


class FakeStrategy(Strategy):
    """Uses one symbol on all venues. At its next decision it proposes what is in ``next``."""

    def __init__(self, symbol: str = "BTC-USDT") -> None:
        self.symbol = symbol
        self.next: list[Opportunity] = []
        self.raises: Exception | None = None
        self.touched: list[list[str]] = []

    def instruments(self, catalogue: Any) -> Any:
        return catalogue.symbol(self.symbol)

    def decide(self, view: Any, touched: Sequence[str], now_ns: int) -> Sequence[Opportunity]:
        self.touched.append(list(touched))
        if self.raises is not None:
            raise self.raises
        found, self.next = self.next, []
        return found


class FakePort:
    """Records in order everything that the desk sends."""

    def __init__(self) -> None:
        self.log: list[tuple[Any, ...]] = []
        self.written = 0
        self.dead: set[str] = set()
        """Links on which sending fails."""
        self.journal_fails = False

    def dial(self, link: str, dial: Dial) -> None:
        self.log.append(("dial", link))

    def send(self, link: str, text: str) -> bool:
        if link in self.dead:
            return False
        self.log.append(("send", link, text))
        return True

    def drop(self, link: str, reason: str) -> None:
        self.log.append(("drop", link, reason))

    def request(self, link: str, ref: int, request: HttpRequest, timeout_ns: int) -> None:
        self.log.append(("request", link, ref, request.url, timeout_ns))

    def journal(self, record: bytes) -> int:
        if self.journal_fails:
            raise JournalFailed("disk full")
        self.written += len(record)
        self.log.append(("journal", record))
        return self.written


class LogRows:
    def __init__(self) -> None:
        self.rows: list[tuple[str, dict[str, object]]] = []

    def __call__(self, event: str, /, **fields: object) -> None:
        self.rows.append((event, fields))

    def names(self) -> list[str]:
        return [name for name, _ in self.rows]

    def of(self, event: str) -> list[dict[str, object]]:
        return [fields for name, fields in self.rows if name == event]


class Rig:
    """A desk, its port and the time. Each method is one input from outside."""

    def __init__(
        self,
        *venues: FakeVenue,
        strategies: Sequence[Strategy] | None = None,
        executor: Executor | None = None,
        **setup: Any,
    ) -> None:
        self.venues = {one.venue: one for one in venues or (FakeVenue("aa"), FakeVenue("bb"))}
        self.strategy = FakeStrategy()
        self.executor = executor or TakerExecutor()
        self.port = FakePort()
        self.log = LogRows()
        self.now = START
        slots = [RunningStrategy(f"s{i}", one, self.executor) for i, one in enumerate(strategies or [self.strategy])]
        self.desk = Desk(
            Setup(
                venues=[
                    VenueSetup(exchange=one, account=f"{one.venue}:main", signer=FakeSigner())  # type: ignore[arg-type]
                    for one in self.venues.values()
                ],
                strategies=slots,
                **{"block": 7, **setup},
            ),
            self.port,
            self.now,
            log=self.log,
        )
        self.answered: set[int] = set()
        self.mute: set[str] = set()
        """Venues whose requests are not answered automatically."""
        self.auto = True
        """Requests that ``run`` answers."""
        self.skew = 0

    # --- time

    def wake(self) -> None:
        self.desk.wake(self.now)

    def run(self, seconds: float) -> int:
        """Run for virtual seconds; returns the number of wakes. With ``auto``, reads are answered at once."""
        until = self.now + round(seconds * S)
        wakes = 0
        while True:
            if self.auto:
                self.answer_reads()
            due = self.desk.due_ns
            if due > until:
                self.now = until
                return wakes
            self.now = max(self.now, due)
            self.desk.wake(self.now)
            wakes += 1
            assert self.desk.due_ns > self.now, "wake left something due: the loop would spin"

    def later(self, ms: float) -> None:
        """Advance the time without waking the desk."""
        self.now += round(ms * MS)

    # --- what happened

    def requests(self, part: str = "") -> list[tuple[Any, ...]]:
        """Requests not answered yet: ("request", link, ref, url, timeout)."""
        return [one for one in self.port.log if one[0] == "request" and one[2] not in self.answered and part in one[3]]

    def sends(self, part: str = "") -> list[tuple[str, str]]:
        return [(one[1], one[2]) for one in self.port.log if one[0] == "send" and part in one[2]]

    def orders(self) -> list[str]:
        """Client ids of new orders that left on any channel, in order, repeated as often as they left."""
        left = []
        for one in self.port.log:
            text = one[2] if one[0] == "send" else one[3].removeprefix("fake://") if one[0] == "request" else ""
            word, _, ids = text.partition(" ")
            if word in ("NewOrder", "BATCH"):
                left += ids.split(",")
        return left

    def records(self, kind: str = "") -> list[Any]:
        found = list(decode(b"".join(one[1] for one in self.port.log if one[0] == "journal")).records)
        return [one for one in found if not kind or type(one).__name__ == kind]

    def left(self) -> Left:
        """What the journal tells the next run."""
        return decode(b"".join(one[1] for one in self.port.log if one[0] == "journal")).left()

    def count(self, what: str) -> int:
        return sum(1 for one in self.port.log if one[0] == what)

    # --- inputs

    def reply(self, ref: int, *outputs: Any, status: int = 200, **headers: str) -> None:
        """A REST answer that the session turns into ``outputs`` (an exception is raised)."""
        venue = self.venues[next(one[1] for one in self.port.log if one[0] == "request" and one[2] == ref)[:2]]
        raised = outputs and isinstance(outputs[0], Exception)
        venue.answers.append(outputs[0] if raised else list(outputs))
        body = str(len(venue.answers) - 1).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answered.add(ref)
        self.desk.answered(ref, HttpAnswer(status, named, body, self.now, self.now), self.now)

    def no_answer(self, ref: int, reason: str = "timed out", *, sent: bool = True) -> None:
        self.answered.add(ref)
        self.desk.answered(ref, NoAnswer(reason, sent=sent, recv_ns=self.now), self.now)

    def say(self, link: str, *outputs: Any) -> None:
        """One frame and the end of its socket read."""
        self.desk.frame(link, list(outputs), self.now)  # type: ignore[arg-type]
        self.desk.read_end(link, self.now)

    def open(self, link: str, *, ready: bool = True) -> None:
        self.desk.opened(link, self.now)
        if ready:
            self.say(link, Ready(link, self.now))

    def close(self, link: str, reason: str = "cut") -> None:
        self.desk.closed(link, reason, self.now)

    def book(self, instrument: str, bid: float, ask: float, *, qty: float = 1.0, exch_ns: int = 0) -> None:
        """A snapshot on the venue's public link."""
        self.say(f"{instrument[:2]}.public", self.snapshot(instrument, bid, ask, qty=qty, exch_ns=exch_ns))

    def snapshot(self, instrument: str, bid: float, ask: float, *, qty: float = 1.0, exch_ns: int = 0) -> BookUpdate:
        return BookUpdate(
            instrument, [Level(bid, qty)], [Level(ask, qty)], snapshot=True, exch_ns=exch_ns, recv_ns=self.now
        )

    def answer_reads(self) -> None:
        """Answer every open poll with success, once."""
        for _, link, ref, url, _ in self.requests():
            venue = self.venues[link[:2]]
            if venue.venue in self.mute:
                continue
            kind, _, rest = url.removeprefix("fake://").partition("/")
            outputs = self.facts_of(venue, kind, rest)
            if outputs is not None:
                self.reply(ref, *outputs)

    def facts_of(self, venue: FakeVenue, kind: str, rest: str) -> list[Any] | None:
        account = f"{venue.venue}:main"
        match kind:
            case AskKind.CATALOGUE.value:
                return [InstrumentUpdate(venue.instrument(symbol)) for symbol in venue.symbols]
            case AskKind.TIME.value:
                return [ClockSample(venue.venue, self.skew, MS, self.now)]
            case AskKind.FEES.value:
                return [FeeUpdate(account, rest, Decimal("0.001"), Decimal("0.001"))]
            case AskKind.BALANCES.value:
                return [
                    Balance(account=account, asset=asset, free=Decimal(amount), snapshot=True)
                    for asset, amount in (("BTC", "10"), ("USDT", "1000000"), ("ETH", "100"))
                ]
            case AskKind.ASSETS.value:
                return [AssetStatus(venue.venue, "BTC", True, True)]
            case "ListOpenOrders":
                return [Listing(account=account, kind="open_orders", updates=(), recv_ns=self.now)]
        return None

    # --- a complete start, and a trade

    def boot(self) -> Rig:
        """All links up and ready, all account data known, both books SYNCED."""
        self.run(0.1)
        for one in [one for one in self.port.log if one[0] == "dial"]:
            self.open(one[1])
        self.run(0.1)
        for venue in self.venues.values():
            for symbol in venue.symbols:
                if f"{venue.venue}:{symbol}" in self.desk.books:
                    self.book(f"{venue.venue}:{symbol}", 100.0, 100.1)
        return self

    def propose(self, *legs: tuple[str, Side, float, float]) -> None:
        """Make the strategy propose this; the decision happens now."""
        self.strategy.next = [
            Opportunity(
                legs=[Leg(instrument=i, side=side, qty=qty, px=px) for i, side, qty, px in legs],
                expected_net=1.0,
                asset="USDT",
                edge=0.01,
                seen_ns=self.now,
            )
        ]
        instrument = legs[0][0]
        book = self.desk.books[instrument]
        bid, ask = book.best_bid() or (100.0, 1.0), book.best_ask() or (100.1, 1.0)
        self.book(instrument, bid[0], ask[0])

    def trade(self, qty: float = 0.1) -> list[str]:
        """Buy on aa, sell on bb. Returns the client order ids that were sent."""
        before = len(self.orders())
        self.propose(("aa:BTC-USDT", Side.BUY, qty, 100.2), ("bb:BTC-USDT", Side.SELL, qty, 99.9))
        return self.orders()[before:]

    def order(self, cl_ord_id: str) -> Any:
        for table in self.desk.orders.values():
            if (found := table.get(cl_ord_id)) is not None:
                return found
        return None

    def report(self, cl_ord_id: str, status: OrdStatus, **fields: Any) -> OrderUpdate:
        intent = self.order(cl_ord_id).intent
        return OrderUpdate(
            account=intent.account,
            instrument=intent.instrument,
            cl_ord_id=cl_ord_id,
            ord_status=status,
            recv_ns=self.now,
            **fields,
        )

    def filled(self, cl_ord_id: str, *, qty: str = "", px: str = "") -> OrderUpdate:
        """The whole order in one fill at its limit."""
        intent = self.order(cl_ord_id).intent
        amount = Decimal(qty) if qty else intent.qty
        status = OrdStatus.FILLED if amount == intent.qty else OrdStatus.EXPIRED
        return self.report(
            cl_ord_id,
            status,
            order_id="v" + cl_ord_id,
            last_qty=amount,
            last_px=Decimal(px) if px else intent.px,
            cum_qty=amount,
            trade_id="t" + cl_ord_id,
            fee=Decimal(0),
            fee_asset="USDT",
        )

    def fill(self, cl_ord_id: str, **how: Any) -> None:
        """The fill, reported by the venue's stream."""
        self.say(f"{self.order(cl_ord_id).intent.account[:2]}.private", self.filled(cl_ord_id, **how))

    @property
    def deals(self) -> list[Deal]:
        return list(self.desk.engine.deals.values())


class Kit:
    """The parts that the tests of the desk use."""

    rig = Rig
    venue = FakeVenue
    strategy = FakeStrategy
    START, MS, S = START, MS, S


@pytest.fixture(scope="session")
def kit() -> type[Kit]:
    """A desk with fake venues, and its parts."""
    return Kit


@pytest.fixture
def rig() -> Rig:
    """Two fake venues, started: books SYNCED, everything ready."""
    return Rig().boot()
