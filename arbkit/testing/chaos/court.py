"""The judges of a run: each is a small function that yields sentences about what is wrong. ``Court`` asks them.

They read the venues' own ledgers and logs (``truth.Truth``), what left and what came back on the wire, and the journal.
What arbkit itself says is compared with that, never believed. ``JUDGES`` lists them with the promise of each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from arbkit.core.orders.orders import Order
from arbkit.core.types import Purpose, assets_of
from arbkit.testing.chaos import ending, leaving
from arbkit.testing.chaos.plan import ChaosPlan
from arbkit.testing.chaos.report import SeedReport, Violation
from arbkit.testing.chaos.watched import Watched

__all__ = ["JUDGES", "Court"]

LEFT_ALONE_S = 30
"""A naked leg that a venue would have taken for so long was forgotten."""
UNPROVED_S = 60
"""So long an order may be of unknown outcome without an action on its naked leg."""
UNMARKED_S = 10
"""So long the profit and loss may have no value."""
LOSS_S = 5
"""A loss limit must hold so long after it was passed: the audit is asked every second, fills come late."""
DUST = Decimal(100)
"""A rest of this value, in the reporting asset, is more than what is too small to trade on any venue."""
_ZERO: Final = Decimal(0)

JUDGES: Final[Mapping[str, str]] = {
    "accepted_once": "one accepted order per intent",
    "ledger": "each balance equals the venue's",
    "fills": "each fill of the venue is booked once, and nothing else",
    "open": "no order is open or unproved at the end",
    "deals": "the fills of each deal balance to less than any leg can trade, or it is held with an alarm",
    "naked": "what is naked, dust and held deals included, stays within the cap of its asset",
    "left_alone": "no naked leg is left alone while the books would have let it finish",
    "unproved": "nothing is unproved for more than 60 s without an action on the naked leg",
    "loss": "a loss limit that was passed stays passed, over restarts too",
    "carried": "gains and leftovers are those of all processes, by the venues' ledgers",
    "marked": "the profit and loss always has a value, and it is the venues'",
    "book": "no order is sent on a book that is wrong, stale or silent",
    "caps": "no limit is exceeded when an order is sent",
    "rules": "no order breaks a rule of its venue",
    "rate": "no rate limit of a venue is exceeded",
    "ban": "a ban is respected",
    "told": "every alarm has a cause, and every cause an alarm",
    "written": "an order is in the journal before its first byte leaves",
    "doubt": "nothing is sent for a deal or an instrument with an order of unknown outcome",
    "stopped": "no deal begins after a stop",
    "alive": "edges are taken while nothing is wrong",
    "machinery": "the desk raises nothing, and its journal can be read",
}
"""The judges by name, with the promise that each judges."""

_PATHS: Final[Mapping[str, str]] = {
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
    "loop.late": "loop late",
    "alarm.deal_interrupted": "interrupted deal told",
    "alarm.external_movement": "external movement",
}
_NEVER: Final = frozenset({"strategy.failed", "link.quarantined"})
_FOREIGN: Final = frozenset({"trade", "foreign"})
_MOVES: Final = frozenset({"deposit", "withdraw", "trade", "foreign"})
_LATE: Final = frozenset({"late_fill", "reject", "foreign", "trade"})


class Court:
    """Watches one run and collects the violations. ``log`` is the desk's log; ``seen``, ``second`` and ``filled`` are
    the hooks of ``Watched``; ``end`` is called when the run is over."""

    def __init__(self, plan: ChaosPlan, report: SeedReport, asset: str) -> None:
        self._plan = plan
        self._report = report
        self._asset = asset
        self._said: Counter[str] = Counter()
        self._kinds: set[str] = {fault.kind for fault in plan.faults}
        self.run: Watched
        """Set by ``sits``."""
        self.unknown: dict[str, None] = {}
        self.absent: dict[str, None] = {}
        self.held: set[int] = set()
        self.naked: set[int] = set()
        """Deals that were told to be naked while an order of them is in doubt."""
        self.told: Counter[str] = Counter()
        """Log events by name."""
        self._moves: list[Mapping[str, Any]] = []
        self._alone: Counter[str] = Counter()
        self._unmarked = 0
        self._lost_s = 0
        self._acted_ns: dict[str, int] = {}
        """By asset: when a hedge or an unwind last left."""
        self._began: set[int] = set()
        """Deals of which an order left: later waves belong to what has begun."""

    def sits(self, run: Watched) -> None:
        """The run begins."""
        self.run = run

    def says(self, judge: str, text: str, *, now: bool = True) -> None:
        """A violation; of each judge the first ones are kept."""
        self._said[judge] += 1
        if self._said[judge] <= 5:
            when = f"{self.run.at_s:.3f} s: " if now else ""
            self._report.violations.append(Violation(judge, when + text))

    # --- the desk's log

    def log(self, event: str, /, **fields: Any) -> None:
        report = self._report
        self.told[event] += 1
        if event in _PATHS:
            report.paths[_PATHS[event]] += 1
        if event == "order.unknown":
            self.unknown[fields["cl_ord_id"]] = None
        elif event == "alarm.deal_naked":
            self.naked.add(fields["deal"])
        elif event == "order.absent":
            self.absent[fields["cl_ord_id"]] = None
            self.run.unheard.pop(fields["cl_ord_id"], None)
        elif event == "deal.closed":
            report.deals[fields["outcome"]] += 1
            report.paths[fields["outcome"]] += 1
            if fields["outcome"] != "held":
                report.times_ms.append(fields["ms"])
        elif event == "venue.throttled":
            self.run.paused_ns = max(self.run.paused_ns, self.run.now_ns + round(fields["ms"] * 1e6))
        elif event == "alarm.deal_held":
            self.held.add(fields["deal"])
        elif event == "alarm.external_movement":
            self._moves.append(fields)
            if not self._kinds & _MOVES:
                self.says("told", f"an external movement without a cause: {fields}")
        elif event in _NEVER:
            self.says("machinery", f"{event} {fields}")
        elif (
            (event in ("order.anomaly", "alarm.late_fill") and not self._kinds & _LATE and not self.run.crashes)
            # an order of an earlier process is in no table of the later ones
            or (event == "order.foreign" and not self._kinds & _FOREIGN and not self.run.crashes)
            or (event == "link.refused" and not self._kinds & {"login", "refuse"})
        ):
            self.says("told", f"{event} without a cause: {fields}")

    # --- when an order leaves

    def seen(self, run: Watched, order: Order, link: str) -> None:
        self._report.orders += 1
        intent = order.intent
        if intent.purpose is not Purpose.ENTRY:
            for asset in assets_of(intent.instrument):
                self._acted_ns[asset] = run.now_ns
        for judge, judged in (
            ("written", leaving.written(run, order)),
            ("doubt", leaving.doubt(run, order)),
            ("caps", leaving.caps(run, order)),
            ("book", leaving.book(run, order)),
        ):
            for text in judged:
                self.says(judge, f"{intent.purpose.value} {intent.cl_ord_id} on {intent.instrument}: {text}")
        written = run.intents.get(intent.cl_ord_id)
        began_ns = run.clock_ns if written is None else written.at_ns  # it may have waited for the disk
        first = intent.purpose is Purpose.ENTRY and intent.deal not in self._began
        if first and not run.deals[intent.deal].wave:
            self._began.add(intent.deal)
        if first and began_ns > run.stopped_ns:
            self.says("stopped", f"entry {intent.cl_ord_id} left after the stop")
        if first and self._lost_s > LOSS_S:
            lost = -run.truth.worth(self._asset)
            self.says("loss", f"entry {intent.cl_ord_id} left after a loss of {lost:.2f} {self._asset}")

    # --- when something was filled, and each second

    def filled(self, run: Watched) -> None:
        most = run.desk.setup.limits.max_asset_notional
        for asset in run.truth.gains:
            naked = run.truth.naked(asset, self._asset)
            if asset != self._asset and abs(naked) > most * Decimal("1.02"):
                self.says("naked", f"{naked:.0f} {self._asset} of {asset} are naked, the cap is {most}")

    def second(self, run: Watched) -> None:
        self._count_loss(run)
        for judge, judged in (
            ("left_alone", self._left_alone(run)),
            ("unproved", self._unproved(run)),
            ("marked", self._marked(run)),
        ):
            for text in judged:
                self.says(judge, text)

    def _count_loss(self, run: Watched) -> None:
        limits = run.desk.setup.limits
        least = min(limits.max_loss_day, limits.max_loss_run)
        # a loss between the two moments at which the desk looks may be gone again: only a clear one counts
        self._lost_s = self._lost_s + 1 if -run.truth.worth(self._asset) > least * Decimal("1.1") else 0

    def _left_alone(self, run: Watched) -> Iterator[str]:
        truth, now_ns = run.truth, run.now_ns
        for asset in [one for one in truth.gains if one != self._asset and one != "BNB"]:
            symbol = f"{asset}-{self._asset}"
            naked = truth.naked(asset, self._asset)
            able = [venue for venue in self._plan.venues if truth.open_for_us(venue, symbol, now_ns)]
            self._alone[asset] = self._alone[asset] + 1 if abs(naked) > DUST and able else 0
            acted_s = (now_ns - self._acted_ns.get(asset, 0)) / 1e9
            if self._alone[asset] >= LEFT_ALONE_S and acted_s > LEFT_ALONE_S and not run.desk.unresolved():
                self._alone[asset] = 0
                state = "; ".join(f"deal {deal.id} {deal.state.value}: {deal.why}" for deal in run.desk.held())
                state = state or ("an earlier run left a deal" if run.desk.interrupted.waiting else "no deal is open")
                yield (
                    f"{naked:.0f} {self._asset} of {asset} naked for {LEFT_ALONE_S} s although {', '.join(able)} "
                    f"would have taken it ({state})"
                )

    def _unproved(self, run: Watched) -> Iterator[str]:
        for order in run.desk.unresolved():
            since_ns = run.sent_ns.get(order.cl_ord_id, run.now_ns)
            asset = order.intent.instrument.partition(":")[2].partition("-")[0]
            naked = run.truth.naked(asset, self._asset)
            # a process that is down can do nothing
            quiet_ns = run.now_ns - max(since_ns, self._acted_ns.get(asset, 0), run.boots_ns[-1])
            if abs(naked) > DUST and quiet_ns > UNPROVED_S * 10**9 and not self._stuck(run, order):
                self._acted_ns[asset] = run.now_ns  # told once a minute
                yield f"{order!r} is unproved, and {naked:.0f} {self._asset} of {asset} are naked without an action"

    def _stuck(self, run: Watched, order: Order) -> bool:
        """Whether nothing can be done before a proof, and that was told: wherever the order's deal has filled, one of
        its orders is unproved too."""
        deal = run.desk.engine.deals.get(order.intent.deal)
        if deal is None or deal.id not in self.naked:
            return False
        doubted = {one.intent.instrument for one in run.desk.unresolved() if one.intent.deal == deal.id}
        filled = {one.intent.instrument for one in deal.orders.values() if run.truth.filled.get(one.cl_ord_id)}
        return filled <= doubted

    def _marked(self, run: Watched) -> Iterator[str]:
        gone = [asset for asset in run.desk.ledger.gained() if not run.truth.listed(asset, self._asset)]
        self._unmarked = self._unmarked + 1 if run.desk.audit.gain is None and not gone else 0
        if self._unmarked == UNMARKED_S:
            held = [asset for asset, amount in run.desk.ledger.gained().items() if amount]
            none = [asset for asset in held if run.desk.prices(asset, self._asset) is None]
            yield f"the profit and loss had no value for {UNMARKED_S} s: no price of {', '.join(sorted(none))}"

    # --- at the end

    def end(self) -> None:
        run, report = self.run, self._report
        for cl_ord_id in self.unknown:
            report.paths["found again"] += cl_ord_id not in self.absent
        if self._plan.tight:
            report.paths["tight limits"] += 1
        for judge, judged in (
            ("machinery", iter(run.wrong)),
            ("accepted_once", ending.accepted_once(run)),
            ("ledger", ending.ledger(run)),
            ("fills", ending.fills(run)),
            ("open", ending.left_open(run, report.finish_s)),
            ("deals", self._deals()),
            ("carried", ending.carried(run)),
            ("rules", ending.rules(run, self._kinds)),
            ("rate", ending.rate(run)),
            ("ban", ending.ban(run)),
            ("told", self._told()),
            ("marked", ending.marked(run, self._asset)),
            ("alive", ending.alive(run, self._plan)),
        ):
            for text in judged:
                self.says(judge, text, now=False)

    def _deals(self) -> Iterator[str]:
        for deal in self.run.deals.values():
            if deal.id not in self.run.lost_deals:
                yield from ending.deal(self.run, deal, self.held)

    def _told(self) -> Iterator[str]:
        """What happened and was not told."""
        run = self.run
        desk = run.desk
        told = bool(desk.held() or desk.interrupted.waiting or desk.reducing.told())
        told = told or self.told["alarm.deal_interrupted"] > 0 or not self.naked.isdisjoint(desk.engine.deals)
        for asset in run.truth.gains:
            naked = run.truth.naked(asset, self._asset)
            if asset not in (self._asset, "BNB") and abs(naked) > DUST and not told:
                yield f"{naked:.0f} {self._asset} of {asset} are naked at the end, and nothing tells it"
        if run.crashes:
            return  # a process that starts opens its ledger with what it finds
        for name, venue in desk.venues.items():
            true = run.truth.moved(name)
            for asset, amount in true.items():
                booked = desk.ledger.externals().get((venue.account, asset), _ZERO)
                if booked != amount:
                    yield f"{name} moved {amount} {asset} from outside, {booked} was told"
