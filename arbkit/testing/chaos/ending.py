"""Judges of a whole run, when it is over and its weather has ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

from arbkit.core.money.ledger import Difference
from arbkit.core.orders.deals import Deal, DealState
from arbkit.core.types import Side, assets_of
from arbkit.testing.chaos.plan import ChaosPlan
from arbkit.testing.chaos.watched import Watched

__all__ = [
    "accepted_once",
    "alive",
    "ban",
    "carried",
    "deal",
    "fills",
    "ledger",
    "left_open",
    "marked",
    "rate",
    "rules",
    "unequal",
]

BANNED_MOST, BANNED_EVERY_S = 20, 5
"""So many requests may reach a venue in a ban: what was on its way, and then one in so many seconds. (Not every venue
tells how long a ban lasts.)"""
READ_AGAIN_S = 20
"""So long after a refusal the rule is known."""
_RULES: Final = ("tick", "lot", "min_qty", "max_qty", "min_notional", "band_high", "band_low")
_FOR_LONG: Final = frozenset({"ban", "delist", "rules"})
"""Faults that a desk rightly respects after their end."""
_ZERO: Final = Decimal(0)
_TINY: Final = Decimal("1e-15")
"""Sums of many digits are rounded."""


def accepted_once(run: Watched) -> Iterator[str]:
    everywhere: Counter[str] = Counter()
    for orders in run.world.orders().values():
        everywhere.update(order["cl_ord_id"] for order in orders if order["cl_ord_id"] in run.left)
    for cl_ord_id, count in everywhere.items():
        if count > 1:
            yield f"{cl_ord_id} was accepted {count} times"


def ledger(run: Watched) -> Iterator[str]:
    for venue, site in run.world.sites.items():
        if not site.exchange.ledger.conserved:
            yield f"{venue}'s own ledger does not add up: the simulator is wrong"
        for one in unequal(run, venue):
            yield f"{venue} {one.asset}: ours {one.ours}, the venue's {one.reported}, drift {one.drift}"


def unequal(run: Watched, venue: str) -> list[Difference]:
    """The balances of a venue that are not ours; none where a new process respects a ban, and has not asked yet."""
    account = run.desk.venues[venue].account
    if any(name == venue for name, _ in run.knocked) and not run.desk.ledger.totals(account):
        return []
    return run.desk.ledger.compare(account, run.truth.totals(venue))


def fills(run: Watched) -> Iterator[str]:
    """Each order of the venues against ours: fill by fill in the last process, by what the journal said
    of it before."""
    ended = run.outcomes
    there: set[str] = set()
    for venue, orders in run.world.orders().items():
        table = run.desk.orders[run.desk.venues[venue].account]
        for order in orders:
            cl_ord_id = order["cl_ord_id"]
            if cl_ord_id not in run.left:
                continue
            there.add(cl_ord_id)
            ours = table.get(cl_ord_id)
            true = [
                (Decimal(fill["qty"]), Decimal(fill["px"]), Decimal(fill["fee"]), fill["fee_asset"])
                for fill in order["fills"]
            ]
            if ours is not None:
                booked = [(fill.qty, fill.px, fill.fee, fill.fee_asset) for fill in ours.fills.values()]
                if _worths(booked) != _worths(true):
                    yield f"{venue} {cl_ord_id} ({ours.status.value}): booked {booked}, filled {true}"
            elif cl_ord_id in ended:
                if ended[cl_ord_id].filled != sum((row[0] for row in true), _ZERO):
                    yield f"{venue} {cl_ord_id}: the journal says {ended[cl_ord_id].filled}, filled {true}"
            elif not run.crashes or run.disk.data:
                yield f"{venue} {cl_ord_id} is unknown to arbkit"
    for table in run.desk.orders.values():
        for known in table:
            if known.cl_ord_id not in there and known.filled_qty:
                yield f"{known!r} is filled in arbkit, the venue has no such order"


def _worths(fills: Sequence[tuple[Decimal, Decimal, Decimal, str]]) -> list[tuple[Any, ...]]:
    """The fills without trade ids, which a venue may format differently in different messages. The fee asset is left
    out if the fee is 0."""
    return sorted((qty, px, fee, asset if fee else "") for qty, px, fee, asset in fills)


def left_open(run: Watched, finish_s: float) -> Iterator[str]:
    desk = run.desk
    if not desk.idle:
        states = [f"deal {deal.id} {deal.state.value}" for deal in desk.engine.deals.values()]
        yield f"not idle {finish_s:.0f} s after the stop: {states}"
    for order in desk.unresolved():
        yield f"{order!r} is not proved"
    for table in desk.orders.values():
        for order in table.open():
            yield f"{order!r} is open in arbkit"
    for venue, orders in run.world.orders().items():
        for one in orders:
            if one["cl_ord_id"] in run.left and one["status"] in ("new", "partially_filled"):
                yield f"{venue} {one['cl_ord_id']} is open at the venue"


def deal(run: Watched, deal: Deal, held: set[int]) -> Iterator[str]:
    if deal.state is DealState.HELD:
        if deal.id not in held:
            yield f"deal {deal.id} is held without an alarm"
        return
    if deal.state is not DealState.CLOSED:
        yield f"deal {deal.id} is {deal.state.value}"
        return
    if deal.reduces:  # what it did not trade off is left: ``carried`` judges that
        return
    overs = _overs(run, deal)
    if any(order.filled_qty for order in deal.orders.values()):
        overs[deal.legs[0].base] += deal.carried  # type: ignore[assignment]
    for leg in deal.legs:
        instrument = run.desk.catalogue.get(leg.instrument)
        if instrument is None:
            continue
        for asset, over in overs.items():
            if asset == deal.asset or asset not in (instrument.base, instrument.quote):
                continue
            qty = instrument.quantize_qty(abs(over) if asset == instrument.base else abs(over) / leg.px)
            least = max(instrument.min_notional / (leg.px * Decimal("0.97")), instrument.min_qty)
            if qty >= least > 0:
                yield f"deal {deal.id} closed as {deal.outcome} with {over} {asset} over ({deal.why})"
                return


def _overs(run: Watched, deal: Deal) -> Counter[str]:
    """What the fills of a deal changed, by asset."""
    overs: Counter[str] = Counter()
    for order in deal.orders.values():
        base, quote = assets_of(order.intent.instrument)
        for fill in order.fills.values():
            sign = 1 if fill.side is Side.BUY else -1
            overs[base] += sign * fill.qty  # type: ignore[assignment]  # amounts, not counts
            overs[quote] -= sign * fill.qty * fill.px  # type: ignore[assignment]
            for asset, fee in fill.fees:
                overs[asset] -= fee  # type: ignore[assignment]
    for asset in [one for one in overs if all(one not in assets_of(leg.instrument) for leg in deal.legs)]:
        del overs[asset]  # a fee in another coin
    return overs


def carried(run: Watched) -> Iterator[str]:
    """What all our orders brought, those of dead processes too, is the gain of the last process; what they left of an
    asset is in its leftovers or in a deal that is open."""
    desk = run.desk
    if desk.unresolved():
        return
    gained = desk.ledger.gained()
    for asset, true in run.truth.gains.items():
        if abs(gained.get(asset, _ZERO) - true) > _TINY:
            yield f"the gain is {gained.get(asset, _ZERO)} {asset}, by the venues' ledgers {true}"
    for asset in {one.base for one in desk.catalogue} - {desk.setup.limits.asset, "BNB"}:
        open_ = sum((deal.overs.get(asset, _ZERO) for deal in desk.engine.deals.values()), _ZERO)
        true = run.truth.gains.get(asset, _ZERO)
        if abs(desk.leftovers.of(asset) + open_ - true) > _TINY:
            yield f"{desk.leftovers.of(asset)} {asset} are left over and {open_} in open deals, but {true} are naked"


def rules(run: Watched, kinds: set[str]) -> Iterator[str]:
    """Orders that a venue refused for what arbkit could know: at once, or some time after the first such refusal."""
    known = ["duplicate", "balance"]
    if kinds & {"withdraw", "trade", "foreign"}:
        known.remove("balance")
    changed = kinds & {"rules", "delist", "halt"}
    first_ns: dict[tuple[str, str, str], int] = {}
    for one in run.truth.rejected([*known, *_RULES]):
        since_ns = first_ns.setdefault((one.venue, one.symbol, one.refused), one.now_ns)
        if one.refused in known or not changed:
            yield f"{one.venue} refused {one.cl_ord_id} on {one.symbol}: {one.refused}"
        elif one.now_ns - since_ns > READ_AGAIN_S * 10**9 and run.crashes == 0:
            later_s = (one.now_ns - since_ns) / 1e9
            yield f"{one.venue} refused {one.cl_ord_id} on {one.symbol}: {one.refused}, as {later_s:.0f} s before"


def rate(run: Watched) -> Iterator[str]:
    """A counter of the venue's own kind (Kraken's goes down by the second) is not known to a process that starts: the
    venue may refuse once to tell it. Windows are short, and no reason to be over them."""
    for venue, (windows, own) in run.truth.over_limits().items():
        if windows or own > run.crashes:
            yield f"{venue} counted {windows + own} requests over its limits"


def ban(run: Watched) -> Iterator[str]:
    for (venue, until_ns), (since_ns, count) in run.knocked.items():
        lasted_s = (until_ns - since_ns) / 1e9
        if count > BANNED_MOST + lasted_s / BANNED_EVERY_S:
            yield f"{count} requests reached {venue} in a ban of {lasted_s:.0f} s"


def marked(run: Watched, asset: str) -> Iterator[str]:
    """Our figure, earlier processes included, against the venues'."""
    marked = run.desk.audit.gain
    if marked is None or run.desk.unresolved():
        return
    true = run.truth.worth(asset)
    if abs(marked - true) > 1 + abs(true) / 50:
        yield f"the profit and loss is {marked:.2f} {asset}, by the venues' ledgers {true:.2f}"


def _dear(run: Watched, venue: str) -> bool:
    """Whether three other venues charge less than half: what a price of theirs is worth here, they take among them."""
    rates = {name: max(fee.taker for fee in one.fees.values()) for name, one in run.desk.venues.items() if one.fees}
    return sum(2 * rate < rates.get(venue, _ZERO) for rate in rates.values()) >= 3


def alive(run: Watched, plan: ChaosPlan) -> Iterator[str]:
    """In fair weather all venues must trade: a mode, small balances or what is held may be a reason not to."""
    desk = run.desk
    if plan.seed % 2 == 0 or plan.poor or plan.tight or desk.gate.restricted() or desk.held():
        return
    if any(fault.kind in _FOR_LONG for fault in plan.faults) or run.stopped_by_disk:
        return
    if any(venue.health.returned_ns > run.healed_ns for venue in desk.venues.values()):
        return
    idle = [venue for venue in run.idle_venues() if not _dear(run, venue)]
    if idle and run.fair_edges >= 10:
        missing = {venue: desk.venues[venue].readiness.missing() for venue in idle}
        yield f"no order since the weather ended, in spite of {run.fair_edges} edges: {missing}"
