"""Runs a strategy on simulated venues in virtual time, and compares the ledgers. For tests of strategies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from difflib import get_close_matches
from functools import cache
from itertools import zip_longest
from typing import Any, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from arbkit.core.desk import Desk, Setup
from arbkit.core.errors import ArbkitError, ConfigError
from arbkit.core.log import Log, no_log
from arbkit.core.money.gate import GateConfig
from arbkit.core.money.limits import LimitsConfig
from arbkit.core.orders.journal import StrategyState, decode
from arbkit.core.orders.reports import DealReport, report_of
from arbkit.core.protocols import Exchange, Executor, Strategy
from arbkit.core.tape import MAGIC, ReplayPort, TapeHead, TapeReader, TapeWriter, TapingDesk
from arbkit.core.tape import replay as replay_tape
from arbkit.core.trading.hooks import check
from arbkit.core.trading.running import RunningStrategy
from arbkit.core.types import Idle, VenueSettings
from arbkit.core.venues.signer import LocalSigner
from arbkit.core.venues.venue import VenueSetup
from arbkit.plugins import registry
from arbkit.sim.dialect import Dialect
from arbkit.sim.faults import Fault
from arbkit.sim.market import Divergence
from arbkit.sim.world import MARKET, PRICES, World
from arbkit.strategies import TakerExecutor
from arbkit.testing.virtual import LATENCY_NS, VirtualRun, endpoints

__all__ = ["START_NS", "Planted", "Simulation", "Unfinished", "differences", "simulate", "unequal"]

START_NS = 1_780_000_000_000_000_000
"""Start time of virtual runs."""

Amount: TypeAlias = Decimal | float | str
Venues: TypeAlias = Sequence[str] | Mapping[Callable[[VenueSettings], Exchange], type[Dialect]]


class Planted(Struct, frozen=True, kw_only=True):
    """An edge that the simulated venues show: buy on one, sell on the other."""

    buy: str
    """The venue that is cheap then."""
    sell: str
    net: float
    """The gain at the best prices as a fraction, after both venues' default taker fees."""
    at_s: float
    """Seconds from the start. The venues are ready after about one."""
    for_s: float = 1.0
    symbol: str = "BTC-USDT"


class Unfinished(ArbkitError):
    """A simulated run was stopped, and a deal or an order is still open after half a minute."""


class Simulation(VirtualRun):
    """A run of a strategy, and what came of it. ``run_for`` and ``stop`` raise what the strategy raised, once: after
    that the run can go on without it. ``world`` is the simulated market, ``desk`` the real desk."""

    def __init__(
        self,
        world: World,
        setup: Callable[[Strategy, bytes], Setup],
        strategy: Strategy,
        state: bytes,
        latency_ns: int,
        log: Log,
        tape: bool,
    ) -> None:
        self._setup = setup
        self._log = log
        self._told = False
        self._tape: TapeWriter | None = None
        if tape:
            self._tape = TapeWriter(TapeHead(began_ns=START_NS, code="", seed=0))
        self._blocks: list[bytes] = []
        self.state = state
        """What the strategy was given to load."""
        self.strategy = strategy
        self._deals: dict[int, DealReport] = {}
        super().__init__(world, self._make, START_NS, latency_ns=latency_ns)

    def _make(self, port: VirtualRun, now_ns: int) -> Desk:
        desk = Desk(self._setup(self.strategy, self.state), port, now_ns, log=self._logged)
        if self._tape is None:
            return desk
        taped: Any = _Taped(desk, self._tape)
        made: Desk = taped
        return made

    def _logged(self, event: str, /, **fields: object) -> None:
        if event == "deal.closed" and isinstance(number := fields["deal"], int):
            self._deals.pop(number, None)
            self._deals[number] = report_of(self.desk.engine.past[number][0])
        self._log(event, **fields)

    # --- the run

    def run(self, until_ns: int, done: Callable[[], bool] = lambda: False) -> None:
        super().run(until_ns, lambda: done() or self._failed is not None)
        failed = self._failed
        if failed is not None and failed.error is not None:
            self._told = True
            raise failed.error

    @property
    def _failed(self) -> RunningStrategy | None:
        return next((one for one in self.desk.engine.strategies if one.failed and not self._told), None)

    def send(self, link: str, text: str) -> bool:
        sent = super().send(link, text)
        if self._tape is not None:
            self._tape.sent(sent)
        return sent

    # --- what came of it

    @property
    def deals(self) -> list[DealReport]:
        """The closed deals, in the order of their ends."""
        return list(self._deals.values())

    @property
    def open_deals(self) -> list[DealReport]:
        """What is not closed yet; HELD deals are open."""
        return [report_of(deal) for deal in self.desk.engine.deals.values()]

    @property
    def pnl(self) -> dict[str, Decimal]:
        """The gain by asset, after fees; without zeros."""
        return {asset: amount for asset, amount in self.desk.ledger.pnl().items() if amount}

    @property
    def fees(self) -> dict[str, Decimal]:
        """The fees paid, by asset. They are in ``pnl`` already."""
        return {asset: amount for asset, amount in self.desk.ledger.fees().items() if amount}

    @property
    def ledgers(self) -> dict[str, dict[str, Decimal]]:
        """What the account has, by venue and asset, as the venues say."""
        return {venue: _totals(rows) for venue, rows in self.world.ledger().items()}

    @property
    def differences(self) -> list[str]:
        """The balances of our ledger that differ from those of the venues, as text; [] = exactly equal."""
        return unequal(self.desk, self.world.ledger())

    @property
    def orders(self) -> dict[str, list[dict[str, Any]]]:
        """The orders that each venue accepted, with their fills."""
        return self.world.orders()

    @property
    def skipped(self) -> Counter[str]:
        """How often a trade was not made, by reason: what the strategy counted in an attribute ``skipped`` of its own
        (``SpreadArb`` does), and what limits, gate and venues refused."""
        return Counter(getattr(self.strategy, "skipped", {})) + self.desk.counters.opportunities_dropped

    @property
    def idle(self) -> list[Idle]:
        """Why each pair is not traded now, if the strategy says so (``reasons``), and what was refused lately."""
        return list(self.desk.reasons.now(self.clock_ns))

    @property
    def saved(self) -> bytes:
        """What the strategy saved last: pass it to the next run as ``state``."""
        records = decode(b"".join(self.records)).records
        return next((one.state for one in reversed(records) if isinstance(one, StrategyState)), self.state)

    def replay(self, strategy: Strategy) -> list[str]:
        """Give a new strategy all inputs of this run (made with ``tape=True``) again. Returns how its commands and its
        journal differ from those of the run; [] = they are the same, byte for byte. Something else is in play, a clock
        or a set's order, if they are not."""
        if self._tape is None:
            raise ConfigError("simulate: replay needs a run made with tape=True")
        if block := self._tape.take():
            self._blocks.append(self._tape.pack(block))
        reader = TapeReader(MAGIC + b"".join(self._blocks))
        port = _Keeping(reader.head)
        desk = Desk(self._setup(strategy, self.state), port, START_NS)
        replay_tape(reader, desk, port)
        ran: Any = self.desk
        both = self.records, port.records
        found = []
        if desk.commands_hash() != ran.commands_hash():
            found.append(f"the commands differ: {ran.sender.commands} in the run, {desk.sender.commands} in the replay")
        for number, (one, other) in enumerate(zip_longest(*(decode(b"".join(r)).records for r in both))):
            if one != other:
                found.append(f"record {number} of the journal differs: {one!r} in the run, {other!r} in the replay")
                break
        return found


class _Taped(TapingDesk):
    """A desk whose inputs are recorded; all else is that of the desk itself."""

    def __init__(self, desk: Desk, tape: TapeWriter) -> None:
        super().__init__(desk, tape)
        self._desk = desk

    def __getattr__(self, name: str) -> Any:
        return getattr(self._desk, name)


class _Keeping(ReplayPort):
    """Keeps the journal of a replay."""

    def __init__(self, head: TapeHead) -> None:
        super().__init__(head)
        self.records: list[bytes] = []

    def journal(self, record: bytes) -> int:
        self.records.append(record)
        return super().journal(record)


def simulate(
    strategy: Strategy,
    venues: Venues = ("binance", "okx"),
    *,
    seconds: float | None = None,
    symbols: Sequence[str] = (),
    edges: Sequence[Planted] = (),
    edge_every_s: float | None = None,
    pace: float = 1.0,
    faults: Sequence[Fault] = (),
    fees: Mapping[str, Amount] = {},
    balances: Mapping[str, Mapping[str, Amount]] = {},
    seed: int = 1,
    limits: LimitsConfig | None = None,
    gate: GateConfig | None = None,
    latency_ns: int = LATENCY_NS,
    log: Log | None = None,
    prices: Mapping[str, Decimal] = PRICES,
    state: bytes = b"",
    tape: bool = False,
) -> Simulation:
    """Run a strategy on simulated venues for ``seconds`` of virtual time, and stop it. Without ``seconds`` the run is
    only made: call ``run.run_for(30)`` and ``run.stop()``.

    ``venues``: names of installed venues, or ``{Binance: BinanceDialect}``. ``symbols``: those that all venues list,
    of ``arbkit.sim.world.MARKET``; ``prices`` in their place also says where they begin. ``edges``: shown at these
    times; without any, edges come by chance, on each symbol one every ``edge_every_s`` seconds (2; 0 = none).
    ``pace``: multiplies the number of changes of each book, about ten a second.
    ``fees``: by venue, the account's taker and maker fee as a fraction. ``balances``: by venue, what the account has of
    each asset. ``latency_ns``: one-way. ``log``: called as ``log(event, **fields)``. ``state``: what it loads.
    ``tape``: record the inputs, for ``run.replay``. The strategy's attribute ``executor`` is used if it has one.

    Raises what the strategy raised, ``ConfigError`` for a strategy that could never trade or a name that is not there,
    and with ``seconds`` ``Unfinished`` if something is still open at the end.
    """
    classes = _classes(venues)
    check(strategy)
    names = [dialect.venue for dialect in classes.values()]
    for what, named in (("fees", fees), ("balances", balances), ("edges", [v for e in edges for v in (e.buy, e.sell)])):
        for name in named:
            _known(f"{what}: no venue", name, names)
    for symbol in symbols:
        _known("symbols: no", symbol, list(MARKET))
    if edge_every_s is None:
        edge_every_s = 0.0 if edges else 2.0
    world = World(
        list(classes.values()),
        seed=seed,
        start_ns=START_NS,
        faults=faults,
        prices={symbol: MARKET[symbol] for symbol in symbols} or prices,
        divergence=Divergence(edge_every_s=edge_every_s, pace=pace),
        purses={venue: {asset: Decimal(str(x)) for asset, x in own.items()} for venue, own in balances.items()},
        fees={venue: (Decimal(str(fee)), Decimal(str(fee))) for venue, fee in fees.items()},
    )
    for edge in edges:
        start_ns = START_NS + round(edge.at_s * 1e9)
        try:
            world.plant(edge.symbol, edge.buy, edge.sell, edge.net, start_ns, round(edge.for_s * 1e9))
        except ValueError as error:
            raise ConfigError(f"simulate: edges: {error}") from None
    executor: Executor = getattr(strategy, "executor", None) or TakerExecutor()
    setup = Setup(
        venues=[_venue(exchange, dialect, world) for exchange, dialect in classes.items()],
        strategies=[],
        limits=limits or LimitsConfig(),
        gate=gate or GateConfig(),
        seed=seed,
        block=1,
    )

    def make(mine: Strategy, state: bytes) -> Setup:
        own = executor if mine is strategy else getattr(mine, "executor", None) or TakerExecutor()
        return replace(setup, strategies=[RunningStrategy(type(mine).__name__, mine, own, state=state)])

    run = Simulation(world, make, strategy, state, latency_ns, log or no_log, tape)
    if seconds is not None:
        run.run_for(seconds)
        if not run.stop():
            left = [f"deal {deal.id} ({deal.pair}) is {deal.state.value}: {deal.why}" for deal in run.open_deals]
            raise Unfinished(f"simulate: still open 30 s after the stop: {'; '.join(left) or 'orders'}")
    return run


def _classes(venues: Venues) -> Mapping[Callable[[VenueSettings], Exchange], type[Dialect]]:
    if not venues:
        raise ConfigError('simulate: no venues; pass their names, as ["binance", "okx"]')
    if isinstance(venues, Mapping):
        return venues
    installed = _installed()
    return {installed.exchange(name): installed.dialect(name) for name in venues}


@cache
def _installed() -> registry.Registry:
    return registry.load(dialects=True)


def _venue(exchange: Callable[[VenueSettings], Exchange], dialect: type[Dialect], world: World) -> VenueSetup:
    urls = {name: text for name, text in endpoints(world, dialect.venue).items() if text}
    key, secret, passphrase = (urls.pop(part, "") for part in ("key", "secret", "passphrase"))
    return VenueSetup(
        exchange=exchange(VenueSettings(environment="sim", endpoints=urls)),
        account=f"{dialect.venue}:main",
        signer=LocalSigner(key, secret, passphrase),
    )


def _known(what: str, name: str, names: Iterable[str]) -> None:
    if name not in names:
        near = get_close_matches(name, names, 1)
        hint = f", did you mean {near[0]!r}?" if near else f"; there are {', '.join(names)}"
        raise ConfigError(f"simulate: {what} {name!r} in this run{hint}")


def differences(run: VirtualRun) -> list[str]:
    """The balances that differ between the desk's ledger and the venues' ledgers, as text; empty = exactly equal."""
    return unequal(run.desk, run.world.ledger())


def unequal(desk: Desk, ledger: Mapping[str, Any]) -> list[str]:
    """Like ``differences``, for any desk. ``ledger``: the content of the simulator's admin page ``/ledger``."""
    found = []
    for name, venue in desk.venues.items():
        found += [
            f"{name} {one.asset}: ours {one.ours}, the venue's {one.reported}"
            for one in desk.ledger.compare(venue.account, _totals(ledger[name]))
        ]
        if not ledger[name]["conserved"]:
            found.append(f"{name}: the venue's own ledger does not add up")
    return found


def _totals(ledger: Mapping[str, Any]) -> dict[str, Decimal]:
    rows = ledger["accounts"]["main"]
    return {asset: Decimal(row["free"]) + Decimal(row["locked"]) for asset, row in rows.items()}
