"""The end of a run: exit code, summary, and the list of what is left for the operator. ``app.launch`` uses it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from arbkit.core.desk import Desk
from arbkit.core.errors import ConfigError
from arbkit.core.runtime.supervisor import Ending
from arbkit.core.types import Mode, plain
from arbkit.monitor.words import amounts

__all__ = ["exit_code", "gain", "last_line", "last_words", "not_traded"]


_MOST = 12
"""So many reasons are told why pairs were not traded."""


def exit_code(desk: Desk, ending: Ending) -> int:
    """0 ok, 1 a strategy or the journal failed, 2 one could not begin, 3 a key was refused (also after deals: the
    account is out until a new start), 4 no venue reached, 5 risk stop, 6 something unresolved, held or open, 130 ended
    by a second stop with nothing left."""
    if desk.unresolved() or desk.held() or desk.interrupted.waiting or desk.reducing.told() or not desk.idle:
        return 6
    if ending is Ending.CUT:
        return 130
    if desk.counters.alarms["credentials"]:
        return 3
    if not any(venue.catalogued for venue in desk.venues.values()):
        return 4
    if desk.gate.mode() is not Mode.ACTIVE:
        return 5
    if desk.sender.journal_failed:
        return 1
    errors = [running.error for running in desk.engine.strategies if running.failed]
    return 2 if any(isinstance(error, ConfigError) for error in errors) else 1 if errors else 0


def last_line(desk: Desk) -> dict[str, Any]:
    """The summary of a run, as plain data."""
    counters = desk.counters
    held = len(desk.held())
    outcomes = counters.deals + Counter({"held": held})
    asset = desk.setup.limits.asset
    marked = desk.ledger.marked(desk.prices.last, asset)
    tick = counters.tick_to_order
    return {
        "deals": sum(outcomes.values()),
        "legs": desk.engine.legs_sent,
        "hedged": counters.deals["hedged"] + counters.deals["completed"] + counters.deals["reversed"],
        "broken": sum(counters.deals[name] for name in ("completed", "reversed", "left")) + held,
        "outcomes": dict(sorted(outcomes.items())),
        "unresolved": len(desk.unresolved()),
        "held": held,
        "left_over": len(desk.interrupted.waiting) + len(desk.reducing.told()),
        "open_orders": sum(len(table.open()) for table in desk.orders.values()),
        "pnl": {name: plain(amount) for name, amount in sorted(desk.ledger.pnl().items()) if amount},
        "pnl_marked": None if marked is None else {asset: plain(marked.quantize(Decimal("0.00000001")))},
        "leftovers": _leftovers(desk),
        "opportunities": {"seen": counters.opportunities_seen, "taken": counters.opportunities_taken},
        "skipped": _skipped(desk),
        "idle": {one.name: f"{one.reason}: {one.text}" for one in desk.reasons.now(desk.view.now_ns) if one.reason},
        "tick_to_order_us": {"p50": round(tick.quantile(0.5), 1), "p99": round(tick.quantile(0.99), 1)},
        "messages": sum(link.messages for link in counters.links.values()),
        "commands_hash": desk.commands_hash(),
    }


def _leftovers(desk: Desk) -> dict[str, dict[str, str]]:
    """What closed deals left of each asset, and what it is worth in the reporting asset at book prices."""
    left = desk.leftovers
    found = {}
    for asset in left.assets():
        price, qty = left.price(asset), left.of(asset)
        found[asset] = {"qty": plain(qty), "worth": "" if price is None else plain(round(qty * price, 2))}
    return found


def gain(line: Mapping[str, Any]) -> str:
    """The gain of ``last_line`` as text: marked at book prices, then what it consists of."""
    if not line["pnl"]:
        return "nothing booked"
    booked = amounts(line["pnl"], small=True)
    if line["pnl_marked"] is None:
        return f"{booked}; not marked: a book price is missing"
    return f"{amounts(line['pnl_marked'])} at book prices ({booked})"


def _skipped(desk: Desk) -> dict[str, int]:
    """Number of skipped opportunities by reason, of the strategies that have a ``skipped`` counter (``SpreadArb``)."""
    found: dict[str, int] = {}
    for running in desk.engine.strategies:
        counts = getattr(running.strategy, "skipped", None)
        for reason, count in counts.items() if isinstance(counts, Mapping) else ():
            found[str(reason)] = found.get(str(reason), 0) + int(count)
    return dict(sorted(found.items()))


def not_traded(line: Mapping[str, Any]) -> list[str]:
    """Why the pairs of ``last_line`` were not traded: each reason once."""
    told: dict[str, list[str]] = {}
    for name, why in line["idle"].items():
        told.setdefault(why, []).append(name)
    lines = [f"  {_pairs(names)} not traded: {why}" for why, names in list(told.items())[:_MOST]]
    more = sum(len(names) for names in list(told.values())[_MOST:])
    return [*lines, *[f"  and {more} pairs more"] * bool(more)]


def _pairs(names: list[str]) -> str:
    """One pair, or one as an example and how many more."""
    return f"{names[0]} was" if len(names) == 1 else f"{names[0]} and {len(names) - 1} more pairs were"


def _brief(name: str, left: Mapping[str, str], asset: str) -> str:
    """What is left of an asset, to four digits."""
    qty = plain(Decimal(f"{Decimal(left['qty']):.4g}"))
    return f"{qty} {name} ({left['worth'] or '?'} {asset})"


def last_words(
    desk: Desk, ending: Ending, code: int, waiting: Mapping[str, str], as_json: bool
) -> dict[str, Any] | str:
    """The final text of ``arbkit run``: what is left and why the run ended, then the summary line. One document with
    ``as_json``."""
    line = last_line(desk)
    idle = {venue: why for venue, why in waiting.items() if why}
    if as_json:
        return {**line, "waiting": idle, "ending": ending.value, "exit": code}
    lines = [f"  {venue} did not trade: {why}" for venue, why in idle.items()]
    lines += [
        f"  strategy {running.name} failed: {running.failed}" for running in desk.engine.strategies if running.failed
    ]
    if failed := desk.sender.journal_failed:
        lines.append(f"  the journal could not be written: {failed}")
    if line["skipped"] and not line["deals"]:
        reasons = ", ".join(f"{count} {reason}" for reason, count in line["skipped"].items())
        lines.append(f"  skipped: {reasons}")
    if not line["deals"]:
        lines += not_traded(line)
    if code == 5:
        lines.append(f"  stopped by a risk limit: {desk.gate.why() or desk.gate.killed}")
    for order in desk.unresolved():
        intent = order.intent
        lines.append(
            f"  unresolved: {intent.cl_ord_id} {intent.side.value} {plain(intent.qty)} {intent.instrument}"
            f" at {plain(intent.px)}: {order.status.value}"
        )
    for deal in desk.held():
        lines.append(f"  held: deal {deal.id} {', '.join(leg.instrument for leg in deal.legs)}: {deal.why}")
    lines += [
        f"  left open by an earlier run: deal {left.deal.deal} {', '.join(left.deal.instruments)}: its instruments are "
        "not known yet"
        for left in desk.interrupted.waiting
    ]
    lines += [f"  left over: {text}" for text in desk.reducing.told()]
    if code == 3:
        lines.append(
            "  A key is refused: replace it or its rights, try it with `arbkit keys test`, then run this again."
        )
    if code == 6:
        lines.append("  Run the same command again: it reads the journal, resolves orders and goes on with held deals.")
    outcomes = ", ".join(f"{count} {name}" for name, count in line["outcomes"].items()) or "none"
    lines.append(f"gain     {gain(line)}")
    small = [asset for asset in line["leftovers"] if not desk.reducing.large(asset)]
    if small:
        asset = desk.setup.limits.asset
        texts = [_brief(name, line["leftovers"][name], asset) for name in small[:_MOST]]
        texts += [f"{len(small) - _MOST} more"] * (len(small) > _MOST)
        lines.append(f"carried  {', '.join(texts)}: too little to trade, the next deals take it")
    lines.append(
        f"{line['deals']} deals ({outcomes}), {line['legs']} orders. Left: {line['open_orders']} open orders, "
        f"{line['unresolved']} unresolved, {line['held']} deals held."
    )
    return "\n".join(lines)
