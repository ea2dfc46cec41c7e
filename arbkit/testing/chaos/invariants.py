"""Checks the invariants I1 to I7 of a chaos run: on each order when it is sent, and at the end of the run.

``arbkit.testing.chaos.runner`` lists the invariants and uses this module.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct, field

from arbkit.core.desk import Desk
from arbkit.core.orders.deals import Deal, DealState
from arbkit.core.orders.ids import parse_cl_ord_id
from arbkit.core.orders.orders import Order
from arbkit.core.types import BookState, HttpRequest, RejectReason, Side
from arbkit.sim.faults import Fault
from arbkit.sim.world import World
from arbkit.testing.virtual import Make, VirtualRun, reveal

__all__ = ["START_NS", "SeedReport", "LogRows", "WatchedRun", "client_ids", "judge"]

START_NS = 1_763_000_000_000_000_000
LAG_NS = 500_000_000
"""A book's top must be one that the venue had at most this long before the book's last frame: the transit limit of the
watchdog plus one frame interval."""
SLACK_NS = 250_000_000
"""Tolerance of the silence check, because the watchdog checks symbols by timer."""


class SeedReport(Struct, kw_only=True):
    """The result of one seed's run."""

    seed: int
    seconds: float
    venues: list[str]
    faults: list[Fault]
    """The fault plan. ``run(subject, seed, seconds, faults=..., venues=...)`` repeats the run."""
    broken: list[str] = field(default_factory=list)
    """Violated invariants, as text; empty = the run is good."""
    fired: Counter[str] = field(default_factory=Counter)
    """Number of fired faults, by kind."""
    paths: Counter[str] = field(default_factory=Counter)
    """Number of recovery paths that were taken, by name."""
    deals: Counter[str] = field(default_factory=Counter)
    """Number of closed deals, by outcome."""
    times_ms: list[float] = field(default_factory=list)
    """Duration of each deal that ended without exposure, from its first order to its end."""
    orders: int = 0
    """Number of sent orders."""
    frames: int = 0
    finish_s: float = 0.0
    """Seconds from the stop until nothing was open."""
    commands_hash: str = ""

    @property
    def flat_in_time(self) -> int:
        """Number of deals that ended without exposure within 2 s of their first order."""
        return sum(ms <= 2_000 for ms in self.times_ms)

    def __str__(self) -> str:
        plan = msgspec.json.encode([trimmed(fault) for fault in self.faults]).decode()
        head = f"seed {self.seed}, {self.seconds:g} s, {', '.join(self.venues)}"
        if not self.broken:
            return f"{head}: good"
        lines = "\n".join(f"  {text}" for text in self.broken)
        return f"{head}: BROKEN\n{lines}\n  plan: {plan}"


def trimmed(fault: Fault) -> dict[str, Any]:
    """A fault's fields that differ from the defaults."""
    whole, plain = msgspec.to_builtins(fault), msgspec.to_builtins(Fault(kind=fault.kind))
    return {key: value for key, value in whole.items() if key == "kind" or value != plain[key]}


class LogRows:
    """The desk's log. It counts recovery paths and collects log events that must not occur."""

    _PATHS: Mapping[str, str] = {
        "order.unknown": "unknown",
        "order.absent": "proved absent",
        "order.unresolved": "unresolved alarm",
        "link.down": "link lost",
        "link.drop": "link dropped",
        "link.behind": "link behind",
        "link.bad_frame": "bad frame",
        "book.lost": "book lost",
        "book.stale": "book stale",
        "venue.throttled": "throttled",
    }

    def __init__(self, report: SeedReport) -> None:
        self._report = report
        self.unknown: dict[str, None] = {}
        self.absent: dict[str, None] = {}
        self.held: set[int] = set()
        self.wrong: list[str] = []
        """Log events that must not occur in any run."""

    def __call__(self, event: str, /, **fields: Any) -> None:
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
            if fields["outcome"] in ("hedged", "completed", "reversed", "nothing"):
                report.times_ms.append(fields["ms"])
        elif event == "alarm.deal_held":
            self.held.add(fields["deal"])
        elif event in ("strategy.failed", "link.quarantined", "link.refused", "order.anomaly", "alarm.late_fill"):
            self.wrong.append(f"logged: {event} {fields}")
        elif event == "alarm.external_movement":
            self.wrong.append(f"I1: a balance was corrected from a report: {fields}")


class WatchedRun(VirtualRun):
    """A run that records the venues' true best prices and checks each order when it is sent."""

    def __init__(self, world: World, make: Make, start_ns: int, report: SeedReport) -> None:
        self.report = report
        self._tops: dict[str, deque[tuple[int, tuple[float, ...]]]] = {}
        self._seqs: dict[str, int] = {}
        self.left: dict[str, str] = {}
        """The link on which each client order id was sent."""
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
                    )
        super()._drain()

    def _look(self, link: str, text: str) -> None:
        """Check each order whose client order id appears in a sent text for the first time."""
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
            self._wrong(f"I5: {intent.cl_ord_id} was sent for deal {intent.deal}, which is not open")
            return
        self.deals[deal.id] = deal
        self._book(order)
        self._caps(intent.cl_ord_id)

    def _book(self, order: Order) -> None:
        """Check I6: the order's book."""
        intent, now_ns, desk = order.intent, self.now_ns, self.desk
        book = desk.books[intent.instrument]
        what = f"I6: {intent.purpose.value} {intent.cl_ord_id} on {intent.instrument}"
        if book.state is not BookState.SYNCED:
            self._wrong(f"{what}: its book is {book.state.value} ({book.reason})")
            return
        if intent.deadline_ns and now_ns > intent.deadline_ns:
            self._wrong(f"{what}: it was sent {(now_ns - intent.deadline_ns) / 1e6:.1f} ms after its deadline")
        limit_ns = min(
            (
                watch.limit_ns
                for link in desk.links.values()
                if (watch := link.watch.symbols.get(intent.instrument)) is not None
            ),
            default=0,
        )
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
        """Check I7, computed from the open deals only."""
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
                self._wrong(f"I7: {name}: {value} of {most} when {cl_ord_id} was sent")

    def _wrong(self, text: str) -> None:
        if len(self.report.broken) < 20:
            self.report.broken.append(f"{(self.now_ns - START_NS) / 1e9:.3f} s: {text}")


_IDS = re.compile(r"(?<![0-9a-z])a[0-9a-z]{15}(?![0-9a-z])")


def client_ids(text: str) -> list[str]:
    """Our client order ids in a sent text, each once."""
    return [found for found in dict.fromkeys(_IDS.findall(text)) if parse_cl_ord_id(found) is not None]


def _same(true: Sequence[float], seen: Sequence[float]) -> bool:
    return all(abs(ours - theirs) <= 1e-9 * theirs for ours, theirs in zip(seen, true, strict=True))


# --- the check at the end ---------------------------------------------------------------------------------------------


def judge(watched: WatchedRun, log: LogRows, report: SeedReport) -> None:
    """Check I1 to I5 and I7 at the end of a run, and add the violations to ``report.broken``."""
    desk, world = watched.desk, watched.world
    broken = report.broken
    broken += log.wrong[:20]
    for cl_ord_id in log.unknown:
        report.paths["found again"] += cl_ord_id not in log.absent
    ledger = world.ledger()
    for name, orders in world.orders().items():
        account = desk.venues[name].account
        rows = ledger[name]["accounts"]["main"]
        theirs = {asset: Decimal(row["free"]) + Decimal(row["locked"]) for asset, row in rows.items()}
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
    for deal in watched.deals.values():
        _judge_deal(desk, deal, log, broken)


def _judge_fills(desk: Desk, account: str, orders: Sequence[dict[str, Any]], broken: list[str]) -> None:
    """Check I3, and I4 at the venue: compare each order of the venue with ours, fill by fill."""
    table = desk.orders[account]
    there = {order["cl_ord_id"] for order in orders}
    for order in orders:
        ours = table.get(order["cl_ord_id"])
        name = f"{account} {order['cl_ord_id']}"
        if ours is None:
            broken.append(f"I3: {name} is unknown to arbkit")
            continue
        if order["status"] in ("new", "partially_filled"):
            broken.append(f"I4: {name} is open at the venue")
        true = {
            fill["trade_id"]: (Decimal(fill["qty"]), Decimal(fill["px"]), Decimal(fill["fee"]), fill["fee_asset"])
            for fill in order["fills"]
        }
        booked = {key: (fill.qty, fill.px, fill.fee, fill.fee_asset) for key, fill in ours.fills.items()}
        if _worth(booked) != _worth(true):
            broken.append(f"I3: {name} ({ours.status.value}): booked {booked}, filled {true}")
    for known in table:
        if known.cl_ord_id not in there and known.filled_qty:
            broken.append(f"I3: {known!r} is filled in arbkit, the venue has no such order")
        if known.reason is RejectReason.INSUFFICIENT_FUNDS:
            broken.append(f"I7: {known!r}: {known.text or 'insufficient funds'}")


def _worth(fills: Mapping[str, tuple[Decimal, Decimal, Decimal, str]]) -> list[tuple[Any, ...]]:
    """The fills without trade ids, which a venue may format differently in different messages. The fee asset is left
    out if the fee is 0."""
    return sorted((qty, px, fee, asset if fee else "") for qty, px, fee, asset in fills.values())


def _judge_deal(desk: Desk, deal: Deal, log: LogRows, broken: list[str]) -> None:
    """Check I5, computed from the orders' fills."""
    over = Decimal(0)
    base = deal.legs[0].base
    for order in deal.orders.values():
        for fill in order.fills.values():
            over += fill.qty if fill.side is Side.BUY else -fill.qty
            if fill.fee_asset == base:
                over -= fill.fee
    held = deal.state is DealState.HELD
    if held:
        if deal.id not in log.held:
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
