"""Chaos: a real desk against simulated venues at which things go wrong, in virtual time, judged by the venues' records.

``run(subject, seed)`` plays one seed: it draws a market, 2 or more of the subject's venues and a random half of the
fault kinds (all at once would hide each other), trades for ``seconds``, stops the desk, heals the venues and judges.
The same seed gives the same run; a report whose ``broken`` is not empty prints its whole fault plan, which ``run`` also
takes as ``faults``. ``make chaos SEEDS=500 SECONDS=60`` plays many seeds and then the safeguards, each switched off.

What must hold after every seed:

- I1 every balance of ours equals the venue's, to the last unit, and none was corrected from a report;
- I2 no intent has two accepted orders;
- I3 every fill of the venue is booked once, and no other;
- I4 no order is left open, here or there, and none unproved;
- I5 each deal's fills balance to less than any leg can trade, or it is held with an alarm;
- I6 no order left on a book that was not SYNCED, silent beyond its limit, or showed a top that the venue did not have;
- I7 no cap was exceeded when an order left, and no venue lacked the money for one.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from random import Random
from typing import Any, Protocol, get_args

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from arbkit.core.deals import Deal, DealState
from arbkit.core.desk import Desk, Setup
from arbkit.core.engine import Slot
from arbkit.core.gate import GateConfig
from arbkit.core.ids import parse_cl_ord_id
from arbkit.core.limits import LimitsConfig
from arbkit.core.orders import Order
from arbkit.core.protocols import Exchange
from arbkit.core.signer import LocalSigner
from arbkit.core.types import BookState, HttpRequest, RejectReason, Side, VenueSettings
from arbkit.core.venue import VenueSetup
from arbkit.sim.dialect import Dialect
from arbkit.sim.faults import Fault, FaultKind
from arbkit.sim.market import Divergence
from arbkit.sim.world import World
from arbkit.testing.virtual import Make, VirtualRun, endpoints, reveal

__all__ = ["ROUGH", "START_NS", "Report", "Subject", "Witness", "client_ids", "run", "swarm"]

START_NS = 1_763_000_000_000_000_000
KINDS: tuple[FaultKind, ...] = get_args(FaultKind)
LAG_NS = 500_000_000
"""A book's top must have been the venue's so long before its last frame at most: the transit budget, and a frame."""
SLACK_NS = 250_000_000
"""The watchdog looks at its symbols by timer, not at every moment."""
STORM_S = 10.0
"""How long a stopping desk is left with the faults before the venues are healed."""
HEALED_S = 120.0
"""How long it may take after that."""

LIMITS = LimitsConfig(
    max_order_notional=Decimal(1_000), max_deal_notional=Decimal(1_000), max_open_deals=3,
    max_open_notional=Decimal(1_500), max_venue_notional=Decimal(1_500), max_asset_notional=Decimal(1_000),
    max_deals_per_minute=600, cooldown_ns=500_000_000, max_broken=1_000, max_loss_day=Decimal(10_000),
    max_loss_run=Decimal(10_000),
)  # fmt: skip
GATE = GateConfig(max_order_notional=Decimal(3_000), orders_per_second=100, notional_per_minute=Decimal(1_000_000))

ROUGH: tuple[Fault, ...] = (
    Fault(kind="lose_request", count=0, chance=0.01),
    Fault(kind="lose_ack", count=0, chance=0.005),
    Fault(kind="close", at_s=20.0, every_s=600.0, count=0, on="book"),
    Fault(kind="close", at_s=40.0, every_s=600.0, count=0, on="reply"),
)
"""A rough day: 1 % of the orders lost, half a percent of the answers, each connection cut every ten minutes."""


class MakeExchange(Protocol):
    @property
    def venue(self) -> str: ...
    def __call__(self, settings: VenueSettings) -> Exchange: ...


class Subject(Struct, frozen=True, kw_only=True):
    """What is put to the test."""

    exchanges: Sequence[MakeExchange]
    """Adapters, as their plugins register them."""
    dialects: Sequence[type[Dialect]]
    """Their simulated venues."""
    slot: Callable[[], Slot]
    """A strategy and its executor, new for each run."""
    limits: LimitsConfig = LIMITS
    gate: GateConfig = GATE


class Report(Struct, kw_only=True):
    """One seed's run and its verdict."""

    seed: int
    seconds: float
    venues: list[str]
    faults: list[Fault]
    """The expanded plan: ``run(subject, seed, seconds, faults=..., venues=...)`` plays it again."""
    broken: list[str] = field(default_factory=list)
    """Invariants that did not hold, in words; empty = the run is good."""
    fired: Counter[str] = field(default_factory=Counter)
    """Faults that fired, by kind."""
    paths: Counter[str] = field(default_factory=Counter)
    """Recovery paths that were entered, by name."""
    deals: Counter[str] = field(default_factory=Counter)
    """By outcome."""
    times_ms: list[float] = field(default_factory=list)
    """Of each deal that ended flat with something traded: from its first order to its end."""
    orders: int = 0
    frames: int = 0
    finish_s: float = 0.0
    """From the stop to nothing open."""
    commands_hash: str = ""

    def __str__(self) -> str:
        plan = msgspec.json.encode([trimmed(fault) for fault in self.faults]).decode()
        head = f"seed {self.seed}, {self.seconds:g} s, {', '.join(self.venues)}"
        if not self.broken:
            return f"{head}: good"
        lines = "\n".join(f"  {text}" for text in self.broken)
        return f"{head}: BROKEN\n{lines}\n  plan: {plan}"


def trimmed(fault: Fault) -> dict[str, Any]:
    """A fault's fields that are not the defaults."""
    whole, plain = msgspec.to_builtins(fault), msgspec.to_builtins(Fault(kind=fault.kind))
    return {key: value for key, value in whole.items() if key == "kind" or value != plain[key]}


# --- the plan of a seed -----------------------------------------------------------------------------------------------


def swarm(seed: int, venues: Sequence[str], kinds: Sequence[FaultKind] = KINDS) -> list[Fault]:
    """A random half of ``kinds``, one or two lines of each, without end. No query lags longer than venues say."""
    rng = Random(f"chaos:{seed}")  # noqa: S311 - a plan, no secret
    plan: list[Fault] = []
    for kind in sorted(rng.sample(kinds, (len(kinds) + 1) // 2)):
        for _ in range(rng.choice((1, 1, 2))):
            fault = _fault(kind, rng)
            plan.append(replace(fault, venue=rng.choice(("", *venues)), at_s=round(rng.uniform(0, 15), 3), count=0))
    return plan


def _fault(kind: FaultKind, rng: Random) -> Fault:
    def some(low: float, high: float) -> float:
        return round(rng.uniform(low, high), 4)

    match kind:
        case "skip":
            return Fault(kind=kind, every_s=some(2, 12))
        case "drop" | "reorder" | "corrupt":
            return Fault(kind=kind, chance=some(0.001, 0.02))
        case "duplicate":
            return Fault(kind=kind, chance=some(0.01, 0.2))
        case "close":
            return Fault(kind=kind, every_s=some(3, 15), on=rng.choice(("any", "book", "user", "reply")))
        case "mute":
            on = rng.choice(("any", "book", "user", "reply"))
            return Fault(kind=kind, every_s=some(5, 20), for_s=some(0.2, 6), on=on)
        case "throttle":
            return Fault(kind=kind, every_s=some(5, 15), for_s=some(0.1, 3))
        case "status":
            return Fault(
                kind=kind, chance=some(0.02, 0.3), status=rng.choice((500, 502, 503, 504)),
                body=rng.choice(("json", "html")), applied=rng.random() < 0.5,
            )  # fmt: skip
        case "delay":
            return Fault(kind=kind, every_s=some(4, 12), for_s=some(0.1, 3))
        case "blind":
            return Fault(kind=kind, every_s=some(4, 12), for_s=some(0.1, 1.9))
        case "lose_ack":
            return Fault(kind=kind, chance=some(0.02, 0.3), cut=rng.random() < 0.5)
        case "lose_request":
            return Fault(kind=kind, chance=some(0.02, 0.2))
        case "partial":
            return Fault(kind=kind, chance=some(0.1, 0.6), fraction=some(0.05, 0.9))


# --- one run ----------------------------------------------------------------------------------------------------------


def run(
    subject: Subject, seed: int, seconds: float = 60.0, *, faults: Sequence[Fault] | None = None,
    venues: Sequence[str] = (), prepare: Callable[[Witness], None] = lambda _: None,
) -> Report:  # fmt: skip
    """Play one seed and judge it. ``prepare`` sees the run before it begins (to cut lines, or switch a safeguard off);
    without ``faults`` they are the seed's ``swarm``, without ``venues`` the seed chooses."""
    rng = Random(f"run:{seed}")  # noqa: S311 - as above
    known = [dialect.venue for dialect in subject.dialects]
    chosen = list(venues) or rng.sample(known, rng.randint(min(2, len(known)), len(known)))
    plan = list(swarm(seed, chosen) if faults is None else faults)
    report = Report(seed=seed, seconds=seconds, venues=chosen, faults=plan)
    poor = rng.random() < 0.3
    purse = {"USDT": Decimal(4_000 if poor else 200_000), "BTC": Decimal(1 if poor else 3), "ETH": Decimal(80)}
    world = World(
        [dialect for dialect in subject.dialects if dialect.venue in chosen], seed=seed, start_ns=START_NS, faults=plan,
        divergence=Divergence(edge_every_s=rng.choice((0.7, 1.5, 3.0))), purse=purse,
    )  # fmt: skip
    told = _Told(report)
    witness = Witness(world, lambda port, now_ns: _desk(subject, world, port, now_ns, told, seed), START_NS, report)
    prepare(witness)
    witness.run_for(seconds)
    witness.desk.stop(witness.now_ns)
    stopped_ns = witness.now_ns
    witness.run_for(STORM_S, lambda: witness.desk.idle)
    world.heal()
    witness.run_for(HEALED_S, lambda: witness.desk.idle)
    report.finish_s = (witness.now_ns - stopped_ns) / 1e9
    report.fired.update(world.faults()["counts"])
    report.frames = sum(link.messages for link in witness.desk.counters.links.values())
    report.commands_hash = witness.desk.commands_hash()
    _judge(witness, told, report)
    return report


def _desk(subject: Subject, world: World, port: VirtualRun, now_ns: int, told: _Told, seed: int) -> Desk:
    venues = []
    for make in subject.exchanges:
        if make.venue not in world.sites:
            continue
        where = endpoints(world, make.venue)
        keys = [where.pop(name) or "" for name in ("key", "secret", "passphrase")]
        settings = VenueSettings(environment="sim", endpoints={name: url for name, url in where.items() if url})
        venues.append(
            VenueSetup(exchange=make(settings), account=f"{make.venue}:main", signer=LocalSigner(*keys))
        )  # fmt: skip
    setup = Setup(venues=venues, slots=[subject.slot()], limits=subject.limits, gate=subject.gate, seed=seed)
    return Desk(setup, port, now_ns, facts=told)


class _Told:
    """The desk's facts, read for the paths they prove."""

    _PATHS: Mapping[str, str] = {
        "order.unknown": "unknown", "order.absent": "proved absent", "order.unresolved": "unresolved alarm",
        "link.down": "link lost", "link.drop": "link dropped", "link.behind": "link behind", "link.bad_frame": "bad frame",
        "book.lost": "book lost", "book.stale": "book stale", "venue.throttled": "throttled",
    }  # fmt: skip

    def __init__(self, report: Report) -> None:
        self._report = report
        self.unknown: dict[str, None] = {}
        self.absent: dict[str, None] = {}
        self.held: set[int] = set()
        self.wrong: list[str] = []
        """What must not be told in any run."""

    def log(self, event: str, **fields: Any) -> None:
        report = self._report
        if event in self._PATHS:
            report.paths[self._PATHS[event]] += 1
        if event == "order.unknown":
            self.unknown[fields["cl_ord_id"]] = None
        elif event == "order.absent":
            self.absent[fields["cl_ord_id"]] = None
        elif event == "deal.closed":
            report.deals[fields["outcome"]] += 1
            report.paths[fields["outcome"]] += 1
            if fields["outcome"] in ("hedged", "completed", "reversed"):
                report.times_ms.append(fields["ms"])
        elif event == "alarm.deal_held":
            self.held.add(fields["deal"])
        elif event in ("strategy.failed", "link.quarantined", "link.refused", "order.anomaly", "alarm.late_fill"):
            self.wrong.append(f"told: {event} {fields}")
        elif event == "alarm.external_movement":
            self.wrong.append(f"I1: a balance was corrected from a report: {fields}")


class Witness(VirtualRun):
    """A run whose venues' true tops are kept, and whose every order is looked at as it leaves."""

    def __init__(self, world: World, make: Make, start_ns: int, report: Report) -> None:
        self.report = report
        self._tops: dict[str, deque[tuple[int, tuple[float, ...]]]] = {}
        self._seqs: dict[str, int] = {}
        self.left: dict[str, str] = {}
        """The link on which each client id left."""
        self.deals: dict[int, Deal] = {}
        """Every deal that sent an order."""
        super().__init__(world, make, start_ns)

    def send(self, link: str, text: str) -> bool:
        found = super().send(link, text)
        if found:
            self._look(link, self.sent[-1][2])
        return found

    def request(self, link: str, ref: int, request: HttpRequest, timeout_ns: int) -> None:
        self._look(link, f"{reveal(request.url)} {request.body.decode()}")
        super().request(link, ref, request, timeout_ns)

    def _drain(self) -> None:
        for venue, site in self.world.sites.items():
            for symbol, book in site.exchange.books.items():
                key = f"{venue}:{symbol}"
                if self._seqs.get(key) != book.seq:
                    self._seqs[key] = book.seq
                    pair = site.exchange.pairs[symbol]
                    bid, bids, ask, asks = book.top()
                    tops = self._tops.setdefault(key, deque(maxlen=4_000))
                    tick, lot = pair.tick, pair.lot
                    tops.append(
                        (self.now_ns, (float(bid * tick), float(bids * lot), float(ask * tick), float(asks * lot)))
                    )  # fmt: skip
        super()._drain()

    def _look(self, link: str, text: str) -> None:
        """A client id seen for the first time is an order that leaves now."""
        for cl_ord_id in client_ids(text):
            if cl_ord_id in self.left:
                continue
            for table in self.desk.orders.values():
                order = table.get(cl_ord_id)
                if order is not None:
                    self.left[cl_ord_id] = link
                    self._leaves(order)

    def _leaves(self, order: Order) -> None:
        intent = order.intent
        self.report.orders += 1
        deal = self.desk.engine.deals.get(intent.deal)
        if deal is None:
            self._wrong(f"I5: {intent.cl_ord_id} left for deal {intent.deal}, which is not open")
            return
        self.deals[deal.id] = deal
        self._book(order)
        self._caps(intent.cl_ord_id)

    def _book(self, order: Order) -> None:
        """I6."""
        intent, now_ns, desk = order.intent, self.now_ns, self.desk
        book = desk.books[intent.instrument]
        what = f"I6: {intent.purpose.value} {intent.cl_ord_id} on {intent.instrument}"
        if book.state is not BookState.SYNCED:
            self._wrong(f"{what}: its book is {book.state.value} ({book.reason})")
            return
        if intent.deadline_ns and now_ns > intent.deadline_ns:
            self._wrong(f"{what}: it left {(now_ns - intent.deadline_ns) / 1e6:.1f} ms after its deadline")
        limit_ns = min(
            (
                watch.limit_ns
                for link in desk.links.values()
                if (watch := link.watch.symbols.get(intent.instrument)) is not None
            ),
            default=0,
        )  # fmt: skip
        silent_ns = now_ns - book.recv_ns
        if silent_ns > limit_ns + SLACK_NS:
            self._wrong(f"{what}: its book is silent for {silent_ns / 1e6:.0f} ms, the limit is {limit_ns / 1e6:.0f}")
        bid, ask = book.best_bid(), book.best_ask()
        seen = (*(bid or (0.0, 0.0)), *(ask or (0.0, 0.0)))
        tops = self._tops[intent.instrument]
        first = max(0, bisect_left(tops, book.recv_ns - LAG_NS, key=lambda top: top[0]) - 1)
        if not any(_same(tops[index][1], seen) for index in range(first, len(tops))):
            self._wrong(f"{what}: its top {seen} was never true in the last {(silent_ns + LAG_NS) / 1e6:.0f} ms")

    def _caps(self, cl_ord_id: str) -> None:
        """I7, from the open deals and orders alone."""
        desk, config = self.desk, self.desk.setup.limits
        total = Decimal(0)
        venues: Counter[str] = Counter()
        assets: Counter[str] = Counter()
        for deal in desk.engine.deals.values():
            sizes = [leg.qty * leg.px for leg in deal.legs]
            total += max(sizes)
            for leg, size in zip(deal.legs, sizes, strict=True):
                venues[leg.instrument.partition(":")[0]] += size  # type: ignore[assignment]  # counts of money
            assets[deal.legs[0].base] += max(sizes)  # type: ignore[assignment]  # as above
            if max(sizes) > min(config.max_order_notional, config.max_deal_notional):
                self._wrong(f"I7: deal {deal.id} is worth {max(sizes)}")
        for name, value, most in (
            ("max_open_deals", len(desk.engine.deals), config.max_open_deals),
            ("max_open_notional", total, config.max_open_notional),
            ("max_venue_notional", max(venues.values(), default=0), config.max_venue_notional),
            ("max_asset_notional", max(assets.values(), default=0), config.max_asset_notional),
        ):
            if value > most:
                self._wrong(f"I7: {name}: {value} of {most} when {cl_ord_id} left")

    def _wrong(self, text: str) -> None:
        if len(self.report.broken) < 20:
            self.report.broken.append(f"{(self.now_ns - START_NS) / 1e9:.3f} s: {text}")


_IDS = re.compile(r"(?<![0-9a-z])a[0-9a-z]{15}(?![0-9a-z])")


def client_ids(text: str) -> list[str]:
    """Ids of ours in a wire text, each once."""
    return [found for found in dict.fromkeys(_IDS.findall(text)) if parse_cl_ord_id(found) is not None]


def _same(true: Sequence[float], seen: Sequence[float]) -> bool:
    return all(abs(ours - theirs) <= 1e-9 * theirs for ours, theirs in zip(seen, true, strict=True))


# --- the verdict ------------------------------------------------------------------------------------------------------


def _judge(witness: Witness, told: _Told, report: Report) -> None:
    desk, world = witness.desk, witness.world
    broken = report.broken
    broken += told.wrong[:20]
    for cl_ord_id in told.unknown:
        report.paths["found again"] += cl_ord_id not in told.absent
    ledger = world.ledger()
    for name, orders in world.orders().items():
        account = desk.venues[name].account
        said = ledger[name]["accounts"]["main"]
        theirs = {asset: Decimal(row["free"]) + Decimal(row["locked"]) for asset, row in said.items()}
        if not ledger[name]["conserved"]:
            broken.append(f"I1: {name}'s own ledger does not add up: the simulator is wrong")
        broken += [
            f"I1: {name} {one.asset}: ours {one.ours}, the venue's {one.reported}, drift {one.drift}"
            for one in desk.ledger.compare(account, theirs)
        ]
        accepted = Counter(order["cl_ord_id"] for order in orders)
        broken += [f"I2: {name} accepted {cl_ord_id} {n} times" for cl_ord_id, n in accepted.items() if n > 1]
        _judge_fills(desk, account, orders, broken)
    broken += [f"I1: external movement {key}: {amount}" for key, amount in desk.ledger.externals().items() if amount]
    if not desk.idle:
        states = [f"deal {deal.id} {deal.state.value}" for deal in desk.engine.deals.values()]
        broken.append(f"I4: not idle {report.finish_s:.0f} s after the stop: {states}")
    broken += [f"I4: {order!r} is not proved" for order in desk.unresolved()]
    for table in desk.orders.values():
        broken += [f"I4: {order!r} is open here" for order in table.open()]
    for deal in witness.deals.values():
        _judge_deal(desk, deal, told, broken)


def _judge_fills(desk: Desk, account: str, orders: Sequence[dict[str, Any]], broken: list[str]) -> None:
    """I3 and the venue's half of I4: each order there against ours, fill by fill."""
    table = desk.orders[account]
    there = {order["cl_ord_id"] for order in orders}
    for order in orders:
        ours = table.get(order["cl_ord_id"])
        name = f"{account} {order['cl_ord_id']}"
        if ours is None:
            broken.append(f"I3: {name} is unknown here")
            continue
        if order["status"] in ("new", "partially_filled"):
            broken.append(f"I4: {name} is open there")
        true = {
            fill["trade_id"]: (Decimal(fill["qty"]), Decimal(fill["px"]), Decimal(fill["fee"]), fill["fee_asset"])
            for fill in order["fills"]
        }
        booked = {key: (fill.qty, fill.px, fill.fee, fill.fee_asset) for key, fill in ours.fills.items()}
        if _worth(booked) != _worth(true):
            broken.append(f"I3: {name} ({ours.status.value}): booked {booked}, filled {true}")
    for order in table:
        if order.cl_ord_id not in there and order.filled_qty:
            broken.append(f"I3: {order!r} is filled here, the venue has none such")
        if order.reason is RejectReason.INSUFFICIENT_FUNDS:
            broken.append(f"I7: {order!r}: {order.text or 'no money for it'}")


def _worth(fills: Mapping[str, tuple[Decimal, Decimal, Decimal, str]]) -> list[tuple[Any, ...]]:
    """Without trade ids, which a venue may write in more than one way; fees only where there are any."""
    return sorted((qty, px, fee, asset if fee else "") for qty, px, fee, asset in fills.values())


def _judge_deal(desk: Desk, deal: Deal, told: _Told, broken: list[str]) -> None:
    """I5, from the orders' fills."""
    over = Decimal(0)
    base = deal.legs[0].base
    for order in deal.orders.values():
        for fill in order.fills.values():
            over += fill.qty if fill.side is Side.BUY else -fill.qty
            if fill.fee_asset == base:
                over -= fill.fee
    held = deal.state is DealState.HELD
    if held:
        if deal.id not in told.held:
            broken.append(f"I5: deal {deal.id} is held without an alarm")
        return
    if deal.state is not DealState.CLOSED:
        broken.append(f"I5: deal {deal.id} is {deal.state.value}")
        return
    for leg in deal.legs:
        instrument = desk.catalogue[leg.instrument]
        qty = instrument.quantize_qty(abs(over))
        least = max(instrument.min_notional / (leg.px * Decimal("0.97")), instrument.min_qty)
        if qty >= least > 0:
            broken.append(f"I5: deal {deal.id} closed as {deal.outcome} with {over} {base} over ({deal.why})")
            return
