"""What the desk keeps of one venue: its links' account, its chores, its clock, its readiness."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from msgspec import Struct

from arbkit.core.orders.orders import Orders
from arbkit.core.protocols import Exchange, Signer
from arbkit.core.types import (
    NEVER,
    Ask,
    AskKind,
    AssetStatus,
    Balance,
    ClockSample,
    FeeUpdate,
    InstrumentUpdate,
)
from arbkit.core.venues.link import Link, Phase
from arbkit.core.venues.paper import Paper
from arbkit.core.venues.readiness import Readiness
from arbkit.core.venues.resolver import Resolver
from arbkit.core.venues.throttle import Throttle

__all__ = ["PaperSetup", "Venue", "VenueSetup"]

SECOND = 1_000_000_000
EVERY_NS: dict[AskKind, int] = {
    AskKind.CATALOGUE: 3600 * SECOND,
    AskKind.TIME: 20 * SECOND,
    AskKind.FEES: 3600 * SECOND,
    AskKind.BALANCES: 60 * SECOND,
    AskKind.ASSETS: 300 * SECOND,
}
_ANSWERS: dict[AskKind, tuple[type, ...]] = {
    AskKind.CATALOGUE: (InstrumentUpdate,),
    AskKind.TIME: (ClockSample,),
    AskKind.FEES: (FeeUpdate,),
    AskKind.BALANCES: (Balance,),
    AskKind.ASSETS: (AssetStatus,),
}
_PRIVATE = frozenset({AskKind.FEES, AskKind.BALANCES, AskKind.ASSETS})
RETRY_NS = 2 * SECOND
"""A fact that is missing is asked for again after this."""
CLOCK_MEMORY_NS = 600 * SECOND
FIRST_LATENCY_NS = 50_000_000


class PaperSetup(Struct, frozen=True, kw_only=True):
    """Paper execution at one venue."""

    balances: Mapping[str, Decimal]
    latency_ns: int = 50_000_000


class VenueSetup(Struct, frozen=True, kw_only=True):
    """One venue as the desk is given it."""

    exchange: Exchange
    account: str
    """``binance:main``."""
    signer: Signer | None = None
    paper: PaperSetup | None = None
    """None: live orders."""
    maker: Decimal = Decimal("0.001")
    taker: Decimal = Decimal("0.001")
    """Fractions: the truth in paper, the worst to assume in live until the own rates are known."""


class Poll(Struct):
    """A fact asked for at start and again from time to time."""

    kind: AskKind
    instrument: str
    due_ns: int
    known: bool = False
    wanted_ns: int = 0
    """An answer to a question sent before this time is too old to count (the private stream was not up yet)."""


class Venue:
    """State of one venue; the desk moves it."""

    __slots__ = (
        "account",
        "balances_ns",
        "catalogued",
        "chores",
        "clock",
        "clock_at_ns",
        "exchange",
        "latency_ns",
        "list_orders_ns",
        "orders",
        "orders_wanted_ns",
        "paper",
        "readiness",
        "resolver",
        "rest",
        "selected",
        "setup",
        "throttle",
    )

    def __init__(self, setup: VenueSetup, rest: Link, readiness: Readiness, paper: Paper | None, now_ns: int) -> None:
        exchange = setup.exchange
        self.setup = setup
        self.exchange = exchange
        self.account = setup.account
        self.rest = rest
        self.throttle = Throttle(exchange.rate_limits)
        self.readiness = readiness
        self.paper = paper
        self.orders = Orders(setup.account, fill_ids=exchange.capabilities.fill_ids)
        self.resolver = Resolver(setup.account, exchange.capabilities, known=self.orders.by_order_id)
        self.chores = [Poll(AskKind.TIME, "", now_ns), Poll(AskKind.CATALOGUE, "", now_ns)]
        self.catalogued = False
        self.selected = False
        self.clock: ClockSample | None = None
        self.clock_at_ns = 0
        self.latency_ns = FIRST_LATENCY_NS if setup.paper is None else setup.paper.latency_ns
        self.list_orders_ns = NEVER
        """When open orders are to be listed."""
        self.balances_ns = 0
        """When the newest listing of balances was asked for."""
        self.orders_wanted_ns = 0
        """A list asked for before this time does not count (the private stream was not up yet)."""

    def selected_instruments(self, instruments: Sequence[str], now_ns: int) -> None:
        """Books are wanted here (or more of them): learn what a deal needs to know."""
        first, self.selected = not self.selected, True
        if first and self.setup.signer is not None:
            self.chores.append(Poll(AskKind.ASSETS, "", now_ns))
        if self.paper is None:
            if first:
                self.chores.append(Poll(AskKind.BALANCES, "", now_ns))
                self.list_orders_ns = now_ns
            self.chores.extend(Poll(AskKind.FEES, instrument, now_ns) for instrument in instruments)

    def streaming(self, now_ns: int) -> None:
        """The private stream is up (again): what was listed before it, or is being listed, may miss something."""
        self.list_orders_ns = self.orders_wanted_ns = now_ns
        balances = self.chore(AskKind.BALANCES)
        if balances is not None:
            balances.due_ns = balances.wanted_ns = now_ns

    def chore(self, kind: AskKind, instrument: str = "") -> Poll | None:
        for chore in self.chores:
            if chore.kind is kind and chore.instrument == instrument:
                return chore
        return None

    def answered(self, ask: Ask, whole: bool, outputs: Sequence[object], sent_ns: int, now_ns: int) -> bool:
        """A chore was answered by ``outputs`` (``whole``: with a body at all); True when the catalogue is known now."""
        chore = self.chore(ask.kind, ask.instrument)
        if chore is None or any(isinstance(out, Ask) and out.kind is ask.kind for out in outputs):
            return False  # not a chore, or its next page is asked for
        good = whole and any(isinstance(out, _ANSWERS[ask.kind]) for out in outputs)
        if self.rest.phase is Phase.CLOSED and ask.kind in _PRIVATE:
            return False  # refused credentials: asking on would end in a ban
        if sent_ns < chore.wanted_ns:
            return False  # asked again since
        # an account may lack what it asks for (no permission for asset states): not so soon again
        patience = RETRY_NS * (15 if ask.kind is AskKind.ASSETS else 1)
        chore.due_ns = now_ns + (EVERY_NS[ask.kind] if good else patience)
        if not good:
            return False
        chore.known = True
        if ask.kind is AskKind.CATALOGUE:
            self.catalogued = True
        elif ask.kind is AskKind.BALANCES:
            self.readiness.rest_warm()
            self.readiness.balances_listed(sent_ns)
            self.balances_ns = sent_ns
        elif ask.kind is AskKind.FEES:
            self.readiness.fees_known(all(c.known for c in self.chores if c.kind is AskKind.FEES))
        return ask.kind is AskKind.CATALOGUE

    def sample(self, sample: ClockSample, now_ns: int) -> bool:
        """Keep the sharpest recent clock sample; True when this one is now the one to use."""
        best = self.clock
        if best is not None and best.error_ns < sample.error_ns and now_ns - self.clock_at_ns < CLOCK_MEMORY_NS:
            return False
        self.clock = sample
        self.clock_at_ns = now_ns
        return True

    def acknowledged(self, latency_ns: int) -> None:
        """An order was answered: the venue's pace, smoothed."""
        self.latency_ns += (latency_ns - self.latency_ns) // 8

    @property
    def may_trade(self) -> bool:
        return self.paper is not None or self.readiness.ready

    def due_ns(self) -> int:
        due = self.list_orders_ns
        if self.catalogued:
            due = min(due, self.resolver.due_ns)
        if self.paper is not None:
            due = min(due, self.paper.due_ns)
        for chore in self.chores:
            due = min(due, chore.due_ns)
        return due
