"""Safeguards that can be switched off, as a table. Each is a patch of named attributes at run time: nothing in the
shipped code knows of it. The judges must notice each one; ``hunt`` counts the seeds that it takes.

``promise`` is what docs/reliability.md promises. A mutant that no run can notice says why in ``unseen``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Final
from unittest.mock import patch

from msgspec import Struct
from msgspec.structs import replace

from arbkit.adapters.chained import Chained
from arbkit.adapters.joined import Joined
from arbkit.core.desk import Desk
from arbkit.core.execution.sender import Sender
from arbkit.core.execution.tracker import Tracker
from arbkit.core.market.watchdog import LinkWatch, Transit
from arbkit.core.money.gate import Gate
from arbkit.core.money.ledger import Ledger
from arbkit.core.money.leftovers import Leftovers
from arbkit.core.money.limits import Limits
from arbkit.core.orders.carried import Carried
from arbkit.core.orders.deals import Deal
from arbkit.core.orders.orders import Order, Orders
from arbkit.core.trading.audit import Audit
from arbkit.core.trading.engine import Engine
from arbkit.core.trading.view import DeskView
from arbkit.core.venues.clock import VenueClock
from arbkit.core.venues.link import Link
from arbkit.core.venues.readiness import Readiness
from arbkit.core.venues.resolver import Resolver, _Case
from arbkit.core.venues.signer import LocalSigner
from arbkit.core.venues.throttle import Throttle
from arbkit.core.venues.venue import Venue
from arbkit.sim.faults import Fault
from arbkit.strategies import SpreadArb, TakerExecutor, legs, ways
from arbkit.testing.chaos import sabotage
from arbkit.testing.chaos.disk import Disk
from arbkit.testing.chaos.plan import ChaosPlan, draw
from arbkit.testing.chaos.runner import play
from arbkit.testing.chaos.subject import DeskUnderTest
from arbkit.testing.chaos.weather import FOUNDATION, Profile, Upset

__all__ = ["MUTANTS", "Catch", "Mutant", "hunt", "planted"]


class Mutant(Struct, frozen=True, kw_only=True):
    """One safeguard that is missing."""

    name: str
    promise: str
    patches: Sequence[tuple[Any, str, Any]]
    """(object, name of its attribute, what stands there instead)."""
    profile: Profile = "storm"
    kinds: Sequence[str] = FOUNDATION
    """The weather in which it is hunted."""
    faults: Sequence[Fault] = ()
    upsets: Sequence[Upset] = ()
    """Instead of drawn weather."""
    tight: bool = False
    """With small loss limits."""
    seconds: float = 30.0
    unseen: str = ""
    """Why no run can notice it."""


class Catch(Struct, frozen=True):
    """How a mutant was noticed."""

    mutant: str
    seeds: int
    """Played until it was; 0 = it was not."""
    said: str


_HIDDEN: Final = (
    Fault(kind="lose_ack", count=0, chance=0.5),
    Fault(kind="mute", count=0, every_s=3.0, for_s=2.5, on="user"),
    Fault(kind="blind", at_s=1.0, for_s=1.9),
)
"""Orders that only a lagging replica can show."""
_SLOW: Final = (
    Fault(kind="lose_request", count=0, chance=0.4),
    Fault(kind="mute", count=0, every_s=9.0, for_s=6.0, on="book"),
)
"""Deals stay open for a long time."""
_CUT: Final = (Fault(kind="lose_ack", count=0, chance=0.3, cut=True), Fault(kind="lose_request", count=0, chance=0.1))
_DIES: Final = Upset(kind="crash", at_s=8.0, for_s=0.3, point="after_send")
_BACK: Final = "A crash"

MUTANTS: Final[tuple[Mutant, ...]] = (
    # --- connections
    Mutant(
        name="a lost link is not dialled again",
        promise="Connection lost: dialled again without limit",
        patches=((Link, "lost", sabotage.lost_for_good),),
        kinds=("close",),
    ),
    Mutant(
        name="silence is not noticed",
        promise="Heartbeat continues, data stops",
        patches=((LinkWatch, "tick", sabotage.asleep),),
        faults=(Fault(kind="silent", at_s=5.0, every_s=20.0, for_s=12.0, chance=0.002, count=0),),
        seconds=60.0,
    ),
    Mutant(
        name="bans are ignored",
        promise="429 or a ban: nothing is sent until the time that the venue gives",
        patches=(
            (Throttle, "report", sabotage.nothing),
            ("arbkit.core.execution.requests", "_retry_after", sabotage.zero),
        ),
        kinds=("ban", "throttle"),
        seconds=60.0,
    ),
    # --- books
    Mutant(
        name="no sequence check",
        promise="A frame missing, truncated, swapped: the book is LOST",
        patches=((Joined, "_follows", sabotage.yes), (Chained, "update", sabotage.unchecked)),
        kinds=("skip", "drop", "reorder"),
    ),
    Mutant(
        name="stale books are shown",
        promise="A book that is not SYNCED is not visible",
        patches=((DeskView, "book", sabotage.any_book), (Gate, "_price", sabotage.nothing)),
    ),
    Mutant(
        name="crossed books are shown",
        promise="Crossed book: not visible to strategies",
        patches=((DeskView, "book", sabotage.crossed_book), (Gate, "_price", sabotage.nothing)),
        kinds=("ghost", "skip"),
    ),
    Mutant(
        name="late frames are fresh",
        promise="Frames arrive late: all books of the link are STALE",
        patches=((LinkWatch, "updated", sabotage.never_behind),),
        kinds=("delay", "late"),
    ),
    Mutant(
        name="the transit history is forgotten at a reconnect",
        promise="Frames arrive late: all books of the link are STALE",
        patches=((LinkWatch, "opened", sabotage.transit_forgotten),),
        faults=(
            Fault(kind="lag", at_s=8.0, for_s=20.0, amount=2.0),
            Fault(kind="close", at_s=10.0, every_s=4.0, count=4, on="book"),
        ),
    ),
    Mutant(
        name="the age of frames is not judged by the measured clock",
        promise="Frames arrive late, also from the first frame on: all books of the link are STALE",
        patches=((Transit, "measured", sabotage.nothing),),
        faults=(Fault(kind="lag", for_s=200.0, amount=2.0),),
    ),
    Mutant(
        name="a late loop is ignored",
        promise="The event loop is late: all books are STALE until the sockets are read",
        patches=((Desk, "late", sabotage.nothing),),
        kinds=("stall",),
        unseen="the frames of the time that the loop was blocked are late by their own timestamps: the transit watch "
        "marks the same books",
    ),
    # --- orders and money
    Mutant(
        name="no answer is a no",
        promise="No answer after an order: UNKNOWN",
        patches=((Orders, "_doubt", sabotage.doubt_is_a_no),),
        kinds=("lose_ack", "lose_request"),
    ),
    Mutant(
        name="sent again when nobody answers",
        promise="UNKNOWN: queried, never sent again",
        patches=(
            (Tracker, "_timed_out", sabotage.sent_again),
            (Orders, "sent", sabotage.sent_as_often_as_you_like),
        ),
        faults=_HIDDEN,
    ),
    Mutant(
        name="doubt is not raised when a link is lost",
        promise="Lost link after an order: UNKNOWN in the same turn",
        patches=((Orders, "link_lost", sabotage.none_of_them),),
        faults=_CUT,
        seconds=60.0,
    ),
    Mutant(
        name="hedges and entries in doubt",
        promise="UNKNOWN counts as full exposure: nothing is sent for the deal until it is proved",
        patches=(
            (Orders, "in_doubt", sabotage.no),
            (Deal, "in_doubt", property(sabotage.no)),
            (Readiness, "unresolved", sabotage.nothing),
        ),
        kinds=("lose_ack", "lose_request", "status"),
    ),
    Mutant(
        name="no wait for the venue's expiry",
        promise="The order never arrived: its absence is proved",
        patches=(
            (Resolver, "_proof_ns", sabotage.zero),
            # no fault makes a request arrive late: early questions show only if their answers are booked at once
            (Orders, "_has_unnamed", sabotage.no),
        ),
        faults=_HIDDEN,
    ),
    Mutant(
        name="one not-found proves absence",
        promise="The order never arrived: its absence is proved",
        patches=((_Case, "proved", property(lambda self: self.missed)),),
        faults=_HIDDEN,
    ),
    Mutant(
        name="the clock error is not in the proof of absence",
        promise="The order never arrived: its absence is proved",
        patches=((VenueClock, "error_ns", sabotage.exact),),
        kinds=("lose_request", "venue_clock"),
        unseen="no simulated venue executes an order later than its timeout, which is longer than any clock error",
    ),
    Mutant(
        name="a batch answer doubts only its first order",
        promise="No answer after an order: UNKNOWN",
        patches=((Tracker, "answered", sabotage.first_of_batch),),
        unseen="the two legs of a deal are on two venues, so no request carries two orders",
    ),
    Mutant(
        name="every copy of a fill counts",
        promise="A fill by stream and by poll is booked once",
        patches=((Orders, "_fills", sabotage.every_copy_counts),),
    ),
    Mutant(
        name="a poll outranks the stream",
        promise="The state is computed from all reports together",
        patches=((Orders, "apply", sabotage.a_poll_knows_better),),
    ),
    Mutant(
        name="fills that never came are not fetched",
        promise="A fill by stream and by poll is booked once",
        patches=((Order, "needs_fills", property(sabotage.no)),),
        faults=_HIDDEN,
    ),
    Mutant(
        name="late fills are dropped",
        promise="A fill after the end of the order: booked",
        patches=((Orders, "_fills", sabotage.late_fills_are_dropped),),
        kinds=("late_fill",),
    ),
    Mutant(
        name="an ack is a fill",
        promise="Legs fill unequally: completed or reversed",
        patches=((TakerExecutor, "_settle", sabotage.an_ack_is_a_fill),),
    ),
    Mutant(
        name="the minimum notional is ignored",
        promise="The venue's trading rules are kept",
        patches=(
            (Gate, "_rules", sabotage.nothing),
            (legs, "large_enough", sabotage.positive),
            (ways, "large_enough", sabotage.positive),
        ),
        kinds=("partial",),
    ),
    Mutant(
        name="fees in base are ignored",
        promise="A fee in the base asset: the hedge uses the received quantity",
        patches=((SpreadArb, "fee_in_base", False),),
        profile="calm",
        seconds=120.0,
    ),
    Mutant(
        name="foreign fills are gains",
        promise="A foreign order: its fills change the balance but not the gain",
        patches=((Ledger, "fill", sabotage.foreign_gains),),
        kinds=("hand_trade", "foreign"),
    ),
    Mutant(
        name="external movements are not booked",
        promise="The balance changes without an order of ours: booked, with an alarm",
        patches=((Ledger, "drifts", sabotage.none_of_them),),
        kinds=("deposit", "withdraw"),
    ),
    Mutant(
        name="rules are not read again",
        promise="An order is refused for its price, size, notional or instrument: the rules are read again",
        patches=((Venue, "rules_doubted", sabotage.nothing),),
        kinds=("rules",),
        seconds=60.0,
    ),
    Mutant(
        name="nothing is reserved",
        promise="Limits: exposure and funds are reserved before an order",
        patches=(
            (Limits, "_exposure", sabotage.nothing),
            (Limits, "_funds", sabotage.nothing),
            (Limits, "_pace", sabotage.nothing),
            (Limits, "room", sabotage.room_for_all),
        ),
        faults=_SLOW,
    ),
    Mutant(
        name="a reservation has the other venue's fee",
        promise="Limits: exposure and funds are reserved before an order",
        patches=(("arbkit.core.trading.engine", "needs_of", sabotage.fees_swapped),),
        unseen="the headroom of the strategy (2 %) is larger than the difference of two fees",
    ),
    Mutant(
        name="loss limits are ignored",
        promise="Loss limits stop new deals",
        patches=((Limits, "pnl", sabotage.none_of_them),),
        # the venues charge four times the fee that they told, so that each deal is a loss
        faults=(Fault(kind="fee", amount=0.004, asset=""),),
        tight=True,
        seconds=20.0,
    ),
    Mutant(
        name="rate limits are ignored",
        promise="Rate tokens are short: no entries",
        patches=((Throttle, "_ready_ns", sabotage.always_enough),),
        kinds=("close", "lose_ack"),
        seconds=60.0,
        unseen="a desk of two symbols stays below every limit of the venues also without a count of its own, because "
        "its questions wait by growing delays",
    ),
    Mutant(
        name="tokens are never given back",
        promise="Rate tokens are short: no entries; a deal begins only if there are tokens for its unwind",
        patches=((Throttle, "release", sabotage.nothing),),
        profile="calm",
        seconds=60.0,
    ),
    Mutant(
        name="the ledger's key has no account",
        promise="Each fill is booked once",
        patches=((Ledger, "fill", sabotage.key_without_account),),
        unseen="one account a venue: the instrument in the key names the venue too",
    ),
    Mutant(
        name="the clock's offset has the wrong sign",
        promise="The venue's clock and ours differ: every time that is sent to a venue is on its own clock",
        patches=((LocalSigner, "venue_ns", sabotage.wrong_way),),
        upsets=(Upset(kind="skew", amount=20.0),),
    ),
    Mutant(
        name="a sample that excludes the old one is not used",
        promise="One of the clocks is stepped: a sample that excludes the old one wins",
        patches=((VenueClock, "sample", sabotage.sharper_only),),
        # samples are blurred after the first ones, and our clock runs away faster than two clocks drift apart
        upsets=(
            Upset(kind="slow_line", at_s=5.0, amount=0.05),
            Upset(kind="drift", at_s=6.0, amount=0.05, for_s=100.0),
        ),
    ),
    # --- the machine and the process
    Mutant(
        name="open intents are not read back",
        promise="SIGKILL: the next run resolves what was open before it trades",
        patches=((Carried, "of", sabotage.intents_forgotten),),
        upsets=(_DIES,),
    ),
    Mutant(
        name="interrupted deals are not told",
        promise="SIGKILL: the next run reads the journal",
        patches=((Carried, "of", sabotage.deals_forgotten),),
        upsets=(_DIES,),
    ),
    Mutant(
        name="gains and leftovers of earlier runs are forgotten",
        promise="A restart, a crash, or many: losses, leftovers, modes of breakers and the day come from the journal",
        patches=((Carried, "_booked", sabotage.nothing),),
        upsets=(_DIES,),
    ),
    Mutant(
        name="what deals leave is forgotten",
        promise="Roundings, fees in base, small fills and late ones leave an amount of an asset: it counts in the caps",
        patches=((Leftovers, "book", sabotage.nothing),),
    ),
    Mutant(
        name="a restored order is proved absent too early",
        promise="SIGKILL: the next run resolves what was open before it trades",
        patches=((Tracker, "restore", sabotage.restored_long_ago),),
        faults=(Fault(kind="blind", for_s=1.9), Fault(kind="mute", count=0, every_s=1.0, for_s=0.9, on="user")),
        upsets=(_DIES,),
    ),
    Mutant(
        name="ids begin again at each start",
        promise="Client ids are never used again, also across restarts",
        patches=((Carried, "next_block", sabotage.one), ("arbkit.core.recovery", "first_in", sabotage.zero)),
        kinds=("crash",),
    ),
    Mutant(
        name="ids begin again when the journal is lost",
        promise="The state folder is lost: no client id is used again",
        patches=(
            (Carried, "next_block", sabotage.by_the_journal),
            ("arbkit.core.recovery", "first_in", sabotage.zero),
        ),
        kinds=("amnesia",),
        seconds=60.0,
    ),
    Mutant(
        name="a fresh journal forgets what is open",
        promise="Weeks of deals: the journal is made anew with what is open",
        patches=((Carried, "records", sabotage.none_of_them),),
        upsets=(Upset(kind="crash", at_s=25.0, for_s=0.3, point="after_send"),),
        seconds=40.0,
    ),
    Mutant(
        name="another writer on the account is ignored",
        promise="Two live processes on one account: no new deals",
        patches=(("arbkit.core.trading.engine", "another_writer", sabotage.nothing),),
        kinds=("amnesia",),
        unseen="no second arbkit trades on a simulated account, and the orders of a lost journal have ended before the "
        "next process starts",
    ),
    Mutant(
        name="a torn record is not cut off",
        promise="A torn last record is cut off",
        patches=((Disk, "cut", sabotage.nothing),),
        kinds=("crash", "power_cut"),
        upsets=(
            Upset(kind="crash", at_s=5.0, for_s=1.0, point="torn_write"),
            Upset(kind="crash", at_s=15.0, for_s=1.0),
        ),
    ),
    Mutant(
        name="the id block is not flushed before use",
        promise="Client ids are never used again, also across restarts",
        patches=((Disk, "flush", sabotage.nothing),),
        kinds=("power_cut",),
        unseen="with durability power no order leaves before a later record, and with it the block, is on the disk",
    ),
    Mutant(
        name="the journal is written after the send",
        promise="The intent is written before its first byte leaves",
        patches=((Sender, "_send", sabotage.written_afterwards),),
        profile="calm",
    ),
    Mutant(
        name="no order waits for the disk",
        promise="durability = power: an order leaves only once its intent is on the disk",
        patches=((Sender, "_hold", property(sabotage.no, sabotage.nothing)),),
        kinds=("power_cut",),
    ),
    Mutant(
        name="a failed write is ignored",
        promise="fdatasync or a write fails: no entry is sent",
        patches=((Sender, "flush", sabotage.failures_ignored), (Engine, "stop", sabotage.nothing)),
        kinds=("disk_dead",),
        seconds=60.0,
    ),
    Mutant(
        name="a stop does not stop",
        promise="SIGTERM, Ctrl-C: no new deals",
        patches=((Engine, "stop", sabotage.nothing),),
        profile="calm",
    ),
    Mutant(
        name="the audit never looks",
        promise="Marked loss: the mode gets stricter; drifts are booked",
        patches=((Audit, "tick", sabotage.looks_away),),
        kinds=("deposit",),
    ),
)
"""All mutants, in the order of docs/reliability.md."""


@contextmanager
def planted(mutant: Mutant) -> Iterator[None]:
    """The safeguard is missing until the block ends."""
    with ExitStack() as stack:
        for owner, name, instead in mutant.patches:
            if isinstance(owner, str):
                stack.enter_context(patch(f"{owner}.{name}", instead))
            elif isinstance(instead, property):  # it hides an attribute of the instances
                stack.enter_context(patch.object(owner, name, instead, create=True))
            else:
                stack.enter_context(patch.object(owner, name, instead))
        yield


def plan_of(mutant: Mutant, seed: int, venues: Sequence[str]) -> ChaosPlan:
    """The plan of a seed of the hunt."""
    plan = draw(seed, mutant.profile, venues, kinds=mutant.kinds, seconds=mutant.seconds)
    if mutant.faults or mutant.upsets:
        faults = [fault for fault in mutant.faults if fault.venue in ("", *plan.venues)]
        plan = replace(plan, faults=faults, upsets=mutant.upsets, poor=False, tight=mutant.tight)
    return plan


def hunt(mutant: Mutant, subject: DeskUnderTest, *, most: int = 100, first: int = 0) -> Catch:
    """Play seeds with the mutant until a judge complains who is silent about the same plan without it."""
    for seed in range(first, first + most):
        plan = plan_of(mutant, seed, subject.venues)
        with planted(mutant):
            report = play(subject, plan)
        if not report.violations:
            continue
        usual = {one.judge for one in play(subject, plan).violations}
        said = next((one for one in report.violations if one.judge not in usual), None)
        if said is not None:
            return Catch(mutant.name, seed - first + 1, f"{said.judge}: {said.text}")
    return Catch(mutant.name, 0, mutant.unseen)
