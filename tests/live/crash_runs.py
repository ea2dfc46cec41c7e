"""``make crash``: real processes on real sockets, killed at each point of ``crash.POINTS`` and started again.

    python tests/live/crash_runs.py [--runs N] [--points NAMES] [--venues NAMES] [--seed N] [--jobs N] [--json]

Of each point there are N runs on one simulated market and one state folder: a process is killed there, the next one
reads the journal, trades again and is stopped, and judges compare its books with the venues' own. In every other run
the power fails too, with ``durability = "power"``: what was not synced is forgotten (``crash_disk``). Prints a table;
exit code 1 if a judge complained.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

from crash import POINTS, settle
from crash_disk import evidence, lose_power

from arbkit.core.orders.journal import Intent, OrderOutcome, Recovery, RunStart, decode
from arbkit.core.runtime.clock import Clock
from arbkit.core.types import Purpose
from conftest import Run, Stage, Venues, staged

HERE = Path(__file__).parent
CLOCK = Clock()
MOST_NTH = {"renewed": 2, "replaced": 2, "closed": 3}
"""A point is met for the 1st to 5th time; these happen less often."""
CAP = Decimal(1_000)
DUST = Decimal(100)
"""A naked rest of this value is more than what is too small to trade."""
TRADES_S = 1.0
"""So long the next process trades after its first deal."""
LIMITS = f"""
[limits]
max_order_notional = 1000
max_deal_notional = 1000
max_open_notional = 3000
max_open_deals = 3
max_venue_notional = 3000
max_asset_notional = {CAP}
max_deals_per_minute = 600
cooldown_ns = 500000000
max_broken = 50
max_loss_day = 5000
max_loss_run = 10000
[gate]
max_order_notional = 3000
orders_per_second = 100
notional_per_minute = 1000000
"""


class Fill(NamedTuple):
    """A fill of one of our orders at a venue."""

    ns: int
    asset: str
    qty: Decimal
    """What came in; negative: what went."""
    px: Decimal


class Round:
    """One run: a crash, a recovery, and what the judges said of it."""

    def __init__(self, stage: Stage, folder: Path, venues: Venues, point: str, nth: int, power: float | None) -> None:
        self._stage = stage
        self._folder = folder
        self._journal = folder / "state" / "live" / "journal"
        self._venues = venues
        self.point = point
        self.nth = nth
        self.power = power
        """The part of the unsynced bytes that a power failure leaves; None = the power stays."""
        self.lost = 0
        """Bytes that the power failure took."""
        self.open = 0
        """Orders whose end the journal did not know at the restart."""
        self.naked = Decimal(0)
        """The largest value that was naked at the restart."""
        self.held = 0
        """Deals that the next process holds at its end, with exit code 6."""
        self.seconds = 0.0
        """From the restart until all venues trade and the first deal is over."""
        self.wrong: list[str] = []
        self.missed = ""
        """Why this run says nothing: the process did not reach the point, or the next one no deal, in two minutes. (The
        simulator and the processes run in real time, and the machine may be busy.)"""

    def play(self) -> None:
        durability = "process" if self.power is None else "power"
        began_ns = CLOCK.now_ns()
        victim = self._run(self.point, self.nth, durability)
        try:
            code, _ = victim.ended()
        except AssertionError:
            victim.end()
            self.missed = "the point was not reached"
            return
        if code != -signal.SIGKILL:
            self.wrong.append(f"it ended with {code} before it was killed:\n{victim.text}")
            return
        settle(self._folder)
        if self.power is not None:
            self.lost = lose_power(self._folder, self._journal.parent, self.power)
        before = self._read()
        open_then = {intent.order.cl_ord_id: intent for intent in before.unresolved()}
        self.open = len(open_then)
        time.sleep(0.3)  # what was on its way reaches the venues
        rows = self._orders()
        self.wrong += remembered(rows, open_then, list(evidence(self._folder)), before)
        then = naked(fills(rows))
        self.naked = max(map(abs, then.values()), default=Decimal(0))
        heir = self._run("never", 1, durability)
        started_ns = CLOCK.now_ns()
        try:
            try:
                for venue in self._venues.venues:
                    heir.wait("venue.ready", venue=venue)
                heir.wait("deal.closed")
                if heir.facts("risk.restricted"):  # what the killed process left is worked off
                    heir.wait("risk.relaxed", seconds=60.0)
            except AssertionError:
                if heir.process.poll() is not None:
                    raise
                self.missed = "the next process made no deal"  # it is judged nevertheless
            self.seconds = (CLOCK.now_ns() - started_ns) / 1e9
            time.sleep(TRADES_S)
            heir.stop()
            code, out = heir.ended()
            if self.missed and not out:
                return  # it was stopped while it started
            assert out, f"it ended with {code} and said nothing:\n{heir.text}"
        except AssertionError as error:
            if self.missed:
                self.missed += ", and did not end in time"
            else:
                self.wrong.append(str(error))
            heir.end()
            return
        self._judge(heir, code, json.loads(out), open_then, then, began_ns)

    def _judge(
        self,
        heir: Run,
        code: int,
        last: dict[str, Any],
        open_then: dict[str, Intent],
        then: dict[str, Decimal],
        began_ns: int,
    ) -> None:
        notes, after, rows = list(evidence(self._folder)), self._read(), self._orders()
        (books,) = [note[1] for note in notes if note[0] == "books"][-1:]
        self.held = last["held"] + last["left_over"]
        told = bool(heir.facts("alarm.deal_interrupted")) or self.held
        self.wrong += accepted_once(rows, notes)
        self.wrong += ledger(self._venues.get("ledger"), books)
        self.wrong += within_cap(fills(rows), began_ns)
        self.wrong += resolved_first(after, open_then)
        open_orders = last["unresolved"] or last["open_orders"]
        if code != (6 if self.held or open_orders else 0) or (open_orders and not self.missed):
            self.wrong.append(f"the next process ended with {code}: {last}")
        for asset, value in then.items():
            if abs(value) > DUST and not told:
                self.wrong.append(f"{value:.0f} of {asset} were naked at the restart, and nothing told it")
        for asset, value in naked(fills(rows)).items():
            if abs(value) > DUST and not self.held:
                self.wrong.append(f"{value:.0f} of {asset} are naked at the end, and nothing tells it")
        # a process that had no time to ask tells what is open with its exit code
        left = set() if self.missed else {intent.order.cl_ord_id for intent in after.unresolved()}
        self.wrong += [f"{cl_ord_id} has no end in the journal" for cl_ord_id in sorted(left)]

    def _run(self, point: str, nth: int, durability: str) -> Run:
        return self._stage.run(self._venues, crash=(point, nth), extra=LIMITS, durability=durability)

    def _orders(self) -> dict[str, list[dict[str, Any]]]:
        found: dict[str, list[dict[str, Any]]] = self._venues.get("orders")
        return found

    def _read(self) -> Recovery:
        recovery = decode(self._journal.read_bytes()) if self._journal.exists() else decode(b"")
        if recovery.damaged:
            self.wrong.append(f"the journal is damaged: {recovery.text}")
        return recovery

    @property
    def name(self) -> str:
        lost = "" if self.power is None else f", power lost ({self.power:.0%} of the unsynced bytes stay)"
        return f"{self.point}, {self.nth}. time{lost}"


# --- judges: they read what the venues, the journal and the evidence say ---------------------------------------------


def accepted_once(rows: dict[str, list[dict[str, Any]]], notes: Sequence[list[Any]]) -> Iterator[str]:
    """One accepted order per intent, and none without one."""
    intents = {note[1] for note in notes if note[0] == "intent"}
    counts = Counter(row["cl_ord_id"] for orders in rows.values() for row in orders)
    for cl_ord_id, count in counts.items():
        if count > 1:
            yield f"{cl_ord_id} was accepted {count} times"
        if cl_ord_id not in intents:
            yield f"{cl_ord_id} was never written"


def remembered(
    rows: dict[str, list[dict[str, Any]]],
    open_then: dict[str, Intent],
    notes: Sequence[list[Any]],
    journal: Recovery,
) -> Iterator[str]:
    """What reached a venue is in the journal, unless its end was: a fresh journal leaves that out."""
    known = {one.order.cl_ord_id for one in journal.records if isinstance(one, Intent)} | open_then.keys()
    ended = {note[1] for note in notes if note[0] == "outcome"}
    for venue, orders in rows.items():
        for row in orders:
            if row["cl_ord_id"] not in known and row["cl_ord_id"] not in ended:
                yield f"{venue} has {row['cl_ord_id']}, which the journal does not know after the crash"


def ledger(venues: dict[str, Any], books: dict[str, dict[str, str]]) -> Iterator[str]:
    """Each balance equals the venue's."""
    for venue, found in venues.items():
        if not found["conserved"]:
            yield f"{venue}'s own ledger does not add up: the simulator is wrong"
        ours = books[f"{venue}:main"]
        for asset, row in found["accounts"]["main"].items():
            theirs = Decimal(row["free"]) + Decimal(row["locked"])
            if Decimal(ours.get(asset, "0")) != theirs:
                yield f"{venue} {asset}: ours {ours.get(asset)}, the venue's {theirs}"


def within_cap(done: Sequence[Fill], began_ns: int) -> Iterator[str]:
    """What is naked of an asset stays within its cap at all times, over the crash too."""
    held: Counter[str] = Counter()
    for fill in done:
        held[fill.asset] += fill.qty  # type: ignore[assignment]  # an amount, no count
        value = abs(held[fill.asset] * fill.px)
        if value > CAP * Decimal("1.02") and fill.ns >= began_ns:
            yield f"{value:.0f} of {fill.asset} were naked, the cap is {CAP}"
            return


def resolved_first(journal: Recovery, open_then: dict[str, Intent]) -> Iterator[str]:
    """The next process opens no deal on an account with an order whose absence is not proved yet. (An order that was
    found is known before its end is written: its fills may still be on their way.)"""
    starts = [at for at, one in enumerate(journal.records) if isinstance(one, RunStart)]
    last_ns = next(one.at_ns for one in reversed(journal.records) if isinstance(one, RunStart))
    first = min(at for at in starts if getattr(journal.records[at], "at_ns", 0) == last_ns)
    mine = journal.records[first:]
    found = {one.cl_ord_id for one in mine if isinstance(one, OrderOutcome) and one.text != "proved absent"}
    waiting = {cl_ord_id: intent.order.account for cl_ord_id, intent in open_then.items() if cl_ord_id not in found}
    for one in mine:
        if isinstance(one, OrderOutcome):
            waiting.pop(one.cl_ord_id, None)
        elif isinstance(one, Intent) and one.order.purpose is Purpose.ENTRY and one.order.account in waiting.values():
            yield f"{one.order.cl_ord_id} was sent on {one.order.account} before {sorted(waiting)} had ended"
            return


def fills(rows: dict[str, list[dict[str, Any]]]) -> list[Fill]:
    """All fills of our orders, the oldest first; fees are too small to matter."""
    found = []
    for orders in rows.values():
        for row in orders:
            sign = 1 if row["side"] == "buy" else -1
            for fill in row["fills"]:
                base = row["symbol"].partition("-")[0]
                found.append(Fill(fill["ns"], base, sign * Decimal(fill["qty"]), Decimal(fill["px"])))
    return sorted(found)


def naked(done: Sequence[Fill]) -> dict[str, Decimal]:
    """By asset: the value of what all our orders brought together."""
    held: dict[str, Decimal] = {}
    px: dict[str, Decimal] = {}
    for fill in done:
        held[fill.asset] = held.get(fill.asset, Decimal(0)) + fill.qty
        px[fill.asset] = fill.px
    return {asset: qty * px[asset] for asset, qty in held.items()}


# --- all of them ------------------------------------------------------------------------------------------------------


def rounds(point: str, runs: int, seed: int, venues: Sequence[str]) -> Iterator[Round]:
    """The runs of one point."""
    dice = Random(f"{seed}:{point}")
    with tempfile.TemporaryDirectory() as name, staged(Path(name)) as stage:
        folder = Path(name)
        market = stage.script(str(HERE / "crash_venues.py"), str(seed), *venues)
        for number in range(runs):
            nth = dice.randrange(1, 1 + MOST_NTH.get(point, 5))
            power = dice.choice((0.0, 0.0, 0.5)) if number % 2 else None
            one = Round(stage, folder, market, point, nth, power)
            one.play()
            yield one


COLUMNS: Final[Mapping[str, Callable[[Sequence[Round]], object]]] = {
    "Killed when": lambda runs: POINTS[runs[0].point],
    "Runs": len,
    "Power lost": lambda runs: sum(one.power is not None for one in runs),
    "Bytes lost": lambda runs: sum(one.lost for one in runs),
    "Open orders": lambda runs: sum(one.open for one in runs),
    "Naked": lambda runs: sum(one.naked > DUST for one in runs),
    "Held": lambda runs: sum(one.held > 0 for one in runs),
    "Slowest restart": lambda runs: f"{max(one.seconds for one in runs):.1f} s",
    "Too slow": lambda runs: sum(bool(one.missed) for one in runs),
    "Wrong": lambda runs: sum(bool(one.wrong) for one in runs),
}
"""The table: what each column says of the runs of a point."""


def row(cells: Iterable[object]) -> str:
    """A line of the table."""
    return f"| {' | '.join(map(str, cells))} |"


def line(one: Round) -> str:
    """A run as JSON."""
    facts = {name: getattr(one, name) for name in ("point", "nth", "power", "lost", "open", "held", "missed", "wrong")}
    return json.dumps({**facts, "naked": str(round(one.naked)), "seconds": round(one.seconds, 1)})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10, help="of each point")
    parser.add_argument("--points", default=",".join(POINTS), help="by commas; default: all")
    parser.add_argument("--venues", default="binance,okx,bybit", help="by commas")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=4, help="points at a time")
    parser.add_argument("--json", action="store_true", help="one line per run")
    args = parser.parse_args()
    points, venues = args.points.split(","), args.venues.split(",")
    if unknown := [point for point in points if point not in POINTS]:
        parser.error(f"no point {', '.join(unknown)}; there are {', '.join(POINTS)}")

    def play(point: str) -> list[Round]:
        done = []
        for one in rounds(point, args.runs, args.seed, venues):
            done.append(one)
            for text in one.wrong:
                print(f"{one.name}: {text}", file=sys.stderr, flush=True)
            if args.json:
                print(line(one), flush=True)
        return done

    if not args.json:
        print(row(COLUMNS), row("---" for _ in COLUMNS), sep="\n")
    broken = 0
    with ThreadPoolExecutor(args.jobs) as pool:
        for done in pool.map(play, points):
            broken += sum(bool(one.wrong) for one in done)
            if not args.json:
                print(row(says(done) for says in COLUMNS.values()), flush=True)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
