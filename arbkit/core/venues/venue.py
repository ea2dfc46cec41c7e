"""What is known of one venue: fees, latency, clock, asset states, readiness, its account's orders, its polls.

The desk makes one ``Venue`` for each venue and writes to it what the venue says. Everybody else reads its attributes:
there is no second copy of a fee or a latency.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from arbkit.core.orders.orders import Orders
from arbkit.core.protocols import Exchange, Session, Signer
from arbkit.core.types import (
    NEVER,
    AccountStatus,
    Ask,
    AskKind,
    AssetStatus,
    Balance,
    Catalogue,
    ClockSample,
    Command,
    FeeUpdate,
    Instrument,
    InstrumentUpdate,
    Lane,
    LinkSpec,
    NewOrder,
    QueryOrder,
    Role,
)
from arbkit.core.venues.clock import VenueClock
from arbkit.core.venues.guard import Guard, session_of
from arbkit.core.venues.health import Health
from arbkit.core.venues.link import Link, Phase
from arbkit.core.venues.paper import Paper
from arbkit.core.venues.polls import Poll, Polls
from arbkit.core.venues.readiness import Readiness
from arbkit.core.venues.refusals import Refusals
from arbkit.core.venues.resolver import Resolver
from arbkit.core.venues.throttle import Cost, Throttle

__all__ = ["MAY_WITHDRAW", "PaperSetup", "Venue", "VenueSetup", "WORST_FEE"]

SECOND = 1_000_000_000
EVERY_NS: dict[AskKind, int] = {
    AskKind.CATALOGUE: 3600 * SECOND,
    AskKind.TIME: 20 * SECOND,
    AskKind.FEES: 3600 * SECOND,
    AskKind.BALANCES: 60 * SECOND,
    AskKind.ASSETS: 300 * SECOND,
    AskKind.ACCOUNT: 3600 * SECOND,
}
_ANSWERS: dict[AskKind, tuple[type, ...]] = {
    AskKind.CATALOGUE: (InstrumentUpdate,),
    AskKind.TIME: (ClockSample,),
    AskKind.FEES: (FeeUpdate,),
    AskKind.BALANCES: (Balance,),
    AskKind.ASSETS: (AssetStatus,),
    AskKind.ACCOUNT: (AccountStatus,),
}
_PRIVATE = frozenset({AskKind.FEES, AskKind.BALANCES, AskKind.ASSETS, AskKind.ACCOUNT})
RETRY_NS = 2 * SECOND
"""A missing answer is asked for again after this; the delay doubles with each failure, up to ``RETRY_CAP_NS``."""
RETRY_CAP_NS = 60 * SECOND
"""An account with a problem is also asked for again after this: somebody may have changed the key."""
RULES_NS = 10 * SECOND
"""A refusal that speaks of trading rules asks for the catalogue no sooner than this after it was last asked for."""
CLOCK_NS = SECOND
"""A doubt about the venue's clock asks for its time no sooner than this after it was last asked for."""
WRONG_NS = SECOND
"""A larger difference of the clocks is told. It costs nothing, but somebody should look."""
FIRST_LATENCY_NS = 50_000_000


KEEP_NS = 600 * SECOND
"""A finished order is kept so long, plus the times that its venue declares: after a reconnect it may be told again."""
MAY_WITHDRAW = "the key may withdraw money: make one that may not, and delete this one"
WORST_FEE = Decimal("0.001")
"""The rate assumed where neither the configuration nor the venue tells one: the venues' highest tier."""


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
    maker: Decimal = WORST_FEE
    taker: Decimal = WORST_FEE
    """Fractions. On paper: the rates charged. Live: the rates assumed until the account's own are known."""
    movable: Mapping[str, bool] = {}
    """What the user knows of assets: True = deposits and withdrawals are open, where the venue does not tell; False =
    the asset is not to be moved, whatever the venue tells."""


def retry_ns(failed: int) -> int:
    """The delay after so many failures in a row."""
    return min(RETRY_CAP_NS, RETRY_NS << min(failed, 10))


class Venue:
    """State of one venue. ``rest`` is its REST link, ``trade`` its order-entry socket once there is one. ``moved``: the
    venues whose ``due_ns`` may have changed; the desk works off what is added there."""

    __slots__ = (
        "_began_ns",
        "_guard",
        "_moved",
        "_told",
        "_told_offset_ns",
        "_unknown_fee",
        "account",
        "assets",
        "balances_ns",
        "catalogue",
        "catalogued",
        "clock",
        "exchange",
        "fee_in_base",
        "fees",
        "fills_ns",
        "health",
        "instruments",
        "latency_ns",
        "list_orders_ns",
        "orders",
        "orders_failed",
        "orders_wanted_ns",
        "paper",
        "polls",
        "readiness",
        "refusals",
        "resolver",
        "rest",
        "selected",
        "setup",
        "status",
        "throttle",
        "trade",
    )

    def __init__(
        self, setup: VenueSetup, catalogue: Catalogue, rest: Link, guard: Guard, moved: set[str], now_ns: int
    ) -> None:
        exchange = setup.exchange
        self._guard = guard
        self._moved = moved
        self.setup = setup
        self.exchange = exchange
        self.catalogue = catalogue
        self.account = setup.account
        self.rest = rest
        self.trade: Link | None = None
        self.throttle = Throttle(exchange.rate_limits)
        self.readiness = Readiness(setup.account, exchange.capabilities)
        self.refusals = Refusals()
        self.health = Health()
        self.paper: Paper | None = None
        if setup.paper is not None:
            self.paper = Paper(
                setup.account,
                catalogue,
                balances=setup.paper.balances,
                maker=setup.maker,
                taker=setup.taker,
                latency_ns=setup.paper.latency_ns,
            )
        able = exchange.capabilities
        patience_ns = able.order_window_ns + able.order_timeout_ns + 2 * able.lookup_lag_ns
        self.orders = Orders(setup.account, fill_ids=able.fill_ids, keep_ns=KEEP_NS + patience_ns)
        self._began_ns = now_ns
        self.clock = VenueClock(step_ns=able.clock_step_ns)
        self.resolver = Resolver(
            setup.account,
            able,
            clock=self.clock if setup.paper is None else VenueClock(0),  # paper runs on our own clock
            known=self.orders.knows,
            started_ns=now_ns,
        )
        self.polls = Polls()
        self.polls.add(AskKind.TIME, now_ns)
        self.polls.add(AskKind.CATALOGUE, now_ns)
        self.catalogued = False
        self.selected = False
        self.instruments: list[str] = []
        """Those whose books are kept."""
        self.fees: dict[str, FeeUpdate] = {}
        """The account's own rates by instrument, as far as they are known."""
        self.fee_in_base = True
        """Whether the fee of a purchase is taken from what was bought: as the last fill of one says."""
        self._unknown_fee = FeeUpdate(setup.account, "", setup.maker, setup.taker)
        self.assets: dict[str, AssetStatus] = {}
        """Whether an asset can be moved, by asset."""
        self.latency_ns = FIRST_LATENCY_NS if setup.paper is None else setup.paper.latency_ns
        """Typical time from sending an order to its acknowledgement."""
        self.list_orders_ns = NEVER
        """When open orders are to be listed."""
        self.orders_failed = 0
        """How many listings of open orders were asked for since the last complete one."""
        self.fills_ns: dict[str, int] = {}
        """When the newest complete listing of the fills of an instrument was asked for."""
        self.balances_ns = 0
        """When the newest listing of balances was asked for."""
        self.orders_wanted_ns = 0
        """A list asked for before this time does not count (the private stream was not up yet)."""
        self._told: set[str] = set()
        """What was said of the account and is in the log."""
        self._told_offset_ns = 0
        self.status: AccountStatus | None = None
        """The newest; None = the venue has not told it."""

    # --- to read

    def fee(self, instrument: str) -> FeeUpdate:
        """The account's own rates of an instrument; the assumed ones while they are not known."""
        return self.fees.get(instrument, self._unknown_fee)

    def movable(self, asset: str, direction: str) -> bool | None:
        """Whether an asset can be moved in this direction (``deposit`` or ``withdraw``); None = not known."""
        own = self.setup.movable.get(asset)
        known = self.assets.get(asset)
        told = None if known is None else known.deposit if direction == "deposit" else known.withdraw
        return own if own is False or told is None else told

    @property
    def may_trade(self) -> bool:
        """New deals may begin here."""
        return self.paper is not None or self.readiness.ready

    def session(self, spec: LinkSpec) -> Session:
        """A new session for one connection of a link. Raises like ``session_of``."""
        return session_of(self.exchange, spec, self.catalogue, self.setup.signer)

    def channel(self, command: Command) -> Role:
        """The role that a command goes out on now: the adapter's first choice that is ready, REST otherwise. Raises
        what the adapter raises, as ``cost``: call it by ``Guard.asked``."""
        trade = self.trade
        if isinstance(command, QueryOrder) and not command.cl_ord_id:
            return Role.REST  # an answer on a socket is matched by the client order id
        for role in self.exchange.route(command):
            if role is Role.REST or (
                role is Role.TRADE and trade is not None and trade.ready and trade.phase is Phase.UP
            ):
                return role
        return Role.REST

    def cost(self, what: Ask | Command, role: Role) -> Sequence[Cost]:
        """The rate-limit units that a request uses on a channel."""
        found = self.exchange.cost(what, role)
        return found if type(found) is list or type(found) is tuple else tuple(found)

    @property
    def began_ns(self) -> int:
        """When the run began, by the venue's clock; the earliest time that the error of its clock allows."""
        return self.clock.venue_ns(self._began_ns) - self.clock.error_ns

    def wait_ns(self, order: NewOrder, now_ns: int) -> int:
        """How long this hedge or unwind would wait for its rate tokens; ``NEVER`` = it never gets them, or the adapter
        cannot tell what they are."""
        if self.paper is not None:
            return 0
        ready_ns = self._guard.asked(self.rest, self._ready_ns, order, now_ns)
        return NEVER if ready_ns is None or ready_ns == NEVER else ready_ns - now_ns

    def _ready_ns(self, order: NewOrder, now_ns: int) -> int:
        cost = self.cost(order, self.channel(order))
        return self.throttle.ready_ns(cost, Lane.HEDGE, now_ns, order.deal)

    def due_ns(self) -> int:
        """When the venue wants something done: a poll, a listing, a question, paper."""
        due = min(self.list_orders_ns, self.polls.due_ns)
        if self.catalogued:
            due = min(due, self.resolver.due_ns)
        if self.paper is not None:
            due = min(due, self.paper.due_ns)
        return due

    # --- what happens

    def moved(self) -> None:
        """Something was set in motion here: ``due_ns`` may have changed."""
        self._moved.add(self.exchange.venue)

    def ask_at(self, poll: Poll, due_ns: int) -> None:
        """Ask for this at ``due_ns``, whatever was planned."""
        self.polls.set(poll, due_ns)
        self.moved()

    def linked(self, instruments: Sequence[str], specs: Sequence[LinkSpec], now_ns: int) -> None:
        """Books are wanted here (or more of them), over these links: poll what a deal needs to know."""
        first, self.selected = not self.selected, True
        self.moved()
        self.instruments.extend(instruments)
        guarantees = self.exchange.capabilities
        if first and self.setup.signer is not None:
            self.polls.add(AskKind.ASSETS, now_ns)
            if self.paper is None and guarantees.account_status:
                self.polls.add(AskKind.ACCOUNT, now_ns)
        if self.paper is None:
            if first:
                self.readiness.expect(specs)
                self.polls.add(AskKind.BALANCES, now_ns)
                self.list_orders_ns = now_ns
            if first and guarantees.fees_at_once:
                self.polls.add(AskKind.FEES, now_ns)
            else:
                self._ask_fees(now_ns)

    def _ask_fees(self, now_ns: int) -> None:
        """Poll the rates of the instruments that no answer named yet, each by itself."""
        for instrument in self.instruments:
            if instrument not in self.fees and self.polls.get(AskKind.FEES, instrument) is None:
                self.polls.add(AskKind.FEES, now_ns, instrument)

    def joined(self, link: Link) -> None:
        """A link of this venue was made."""
        if link.spec.role is Role.TRADE:
            self.trade = link

    def streaming(self, now_ns: int) -> None:
        """The private stream is up (again): what was listed before it, or is being listed, may miss something."""
        self.list_orders_ns = self.orders_wanted_ns = now_ns
        self.orders_failed = 0
        self.moved()
        balances = self.polls.get(AskKind.BALANCES)
        if balances is not None:
            balances.wanted_ns = now_ns
            self.ask_at(balances, now_ns)

    def orders_asked(self, now_ns: int) -> None:
        """Open orders are being listed: if no complete list comes, ask again, each time later."""
        self.moved()
        self.list_orders_ns = now_ns + retry_ns(self.orders_failed)
        self.orders_failed += 1

    def answered(
        self, ask: Ask, has_body: bool, outputs: Sequence[object], sent_ns: int, now_ns: int
    ) -> AskKind | None:
        """A poll, or a page of it, was answered by ``outputs``: the kind of the poll, if it is answered now."""
        poll = self._polled(ask)
        if poll is None:
            return None
        kind = poll.kind
        if ask.kind is not AskKind.PAGE and not ask.ref:
            poll.sent_ns = sent_ns
        poll.page = None
        for out in outputs:
            if isinstance(out, Ask) and out.kind in (AskKind.PAGE, kind):
                poll.page = out.ref
                return None  # its next page is asked for
        good = has_body and any(isinstance(out, _ANSWERS[kind]) for out in outputs)
        if self.rest.phase is Phase.CLOSED and kind in _PRIVATE:
            return None  # refused credentials: asking on would end in a ban
        if poll.sent_ns < poll.wanted_ns:
            return None  # asked again since
        if not good:
            self.ask_at(poll, now_ns + retry_ns(poll.failed))
            poll.failed += 1
            return None
        due_ns = now_ns + EVERY_NS[kind]
        self.ask_at(poll, self.clock.ask_ns(due_ns, now_ns) if kind is AskKind.TIME else due_ns)
        poll.failed = 0
        poll.known = True
        if kind is AskKind.CATALOGUE:
            self.catalogued = True
        elif kind is AskKind.BALANCES:
            self.readiness.rest_warm()
            self.readiness.balances_listed(poll.sent_ns)
            self.balances_ns = poll.sent_ns
        elif kind is AskKind.FEES:
            self._ask_fees(now_ns)
            self.readiness.fees_known(all(p.known for p in self.polls if p.kind is AskKind.FEES))
        elif kind is AskKind.ACCOUNT and self.readiness.problem:
            self.ask_at(poll, now_ns + RETRY_CAP_NS)
        return kind

    def _polled(self, ask: Ask) -> Poll | None:
        """The poll that a question belongs to."""
        if ask.kind is not AskKind.PAGE:
            return self.polls.get(ask.kind, ask.instrument)
        return next((poll for poll in self.polls if poll.page == ask.ref), None)

    def unlisted(self, outputs: Sequence[object]) -> list[Instrument]:
        """The instruments that were tradable and are not in ``outputs``, the whole catalogue: not tradable now."""
        listed = {out.instrument.id for out in outputs if isinstance(out, InstrumentUpdate)}
        known = self.catalogue.venue(self.exchange.venue)
        return [
            replace(one, tradable=False, status="not listed") for one in known if one.tradable and one.id not in listed
        ]

    def rules_doubted(self, now_ns: int) -> None:
        """An order was refused for a trading rule: ours may be out of date, so read them again."""
        self._hurry(AskKind.CATALOGUE, RULES_NS, now_ns)

    def clock_doubted(self, now_ns: int) -> None:
        """A request was refused for its time, or frames seem to be late: the venue's clock may have changed."""
        self._hurry(AskKind.TIME, CLOCK_NS, now_ns)

    def _hurry(self, kind: AskKind, every_ns: int, now_ns: int) -> None:
        """Poll this again now, but not sooner than ``every_ns`` after the last time."""
        poll = self.polls.get(kind)
        if poll is not None and poll.known and poll.due_ns != NEVER:
            self.ask_at(poll, min(poll.due_ns, max(now_ns, poll.asked_ns + every_ns)))

    def account_said(self, status: AccountStatus) -> Sequence[str]:
        """The state of the account and its key. Returns the warnings that are new."""
        problems = (status.problem, MAY_WITHDRAW if status.withdraw else "")
        self.readiness.account_checked("; ".join(filter(None, problems)))
        self.status = status
        new = [text for text in status.warnings if text not in self._told]
        self._told.update(new)
        return new

    def clock_sample(self, sample: ClockSample, now_ns: int) -> int | None:
        """The venue told its time: signatures, proofs, readiness and the age of frames depend on it. Returns the offset
        if it is a new one that is worth a warning: our clock is wrong, or the venue's."""
        clock = self.clock
        clock.sample(sample, now_ns)
        if self.setup.signer is not None:
            self.setup.signer.offset_ns = clock.offset_ns
        self.readiness.clock(clock.error_ns)
        wrong = clock.offset_ns if abs(clock.offset_ns) > clock.error_ns + WRONG_NS else 0
        if abs(wrong - self._told_offset_ns) <= WRONG_NS:
            return None
        self._told_offset_ns = wrong
        return wrong

    def clock_jumped(self, now_ns: int) -> None:
        """Our own clock jumped: the measured offset is worth nothing."""
        self.clock.lost()
        self.readiness.clock(self.clock.error_ns)
        for poll in self.polls:
            if poll.kind is AskKind.TIME:
                self.ask_at(poll, now_ns)

    def acknowledged(self, latency_ns: int) -> None:
        """An order was answered: the latency, smoothed over the last eight or so."""
        self.latency_ns += (latency_ns - self.latency_ns) // 8
