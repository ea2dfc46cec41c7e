"""Judges of an order when its first byte leaves: what the wire, the venues and the open deals say of it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final

from arbkit.core.orders.orders import Order
from arbkit.core.types import BookState, Purpose, assets_of
from arbkit.testing.chaos.truth import Top
from arbkit.testing.chaos.watched import Watched

__all__ = ["book", "caps", "doubt", "written"]

LAG_NS = 500_000_000
"""A book's top must be one that the venue had at most this long before the book's last frame: the transit limit of the
watchdog plus one frame interval."""
_USUAL: Final = 28
"""A book that is silent for so many usual intervals is not current: the watchdog allows 20."""
_LEAST_NS: Final = 2_500_000_000
OVERDUE_NS = 4_000_000_000
"""Later than this no answer to an order is waited for."""
NAKED_NS = 30_000_000_000
"""After this time without a proof, what filled on the other leg may be taken back: the executor's ``max_naked_s``."""
_ZERO: Final = Decimal(0)
_MOVED: Final = Decimal("0.98")


def written(run: Watched, order: Order) -> Iterator[str]:
    position = run.written.get(order.cl_ord_id)
    if position is None:
        if not run.disk.broken or order.intent.purpose is Purpose.ENTRY:
            yield "it left before its intent was written"
    elif run.desk.setup.durability == "power" and run.disk.synced < position:
        yield "it left before its intent was on the disk"


def doubt(run: Watched, order: Order) -> Iterator[str]:
    """Orders of which nothing came back, although their answer is overdue or their link is gone."""
    intent = order.intent
    back = _takes_back(run, order)
    later = intent.deal in run.deals and run.deals[intent.deal].legs[intent.leg].wave > 0
    for cl_ord_id, deal in run.unheard.items():
        other = run.intents.get(cl_ord_id)
        if other is None or cl_ord_id == order.cl_ord_id:
            continue
        waited_ns = run.now_ns - run.sent_ns[cl_ord_id]
        of_deal = deal == intent.deal and (intent.purpose is not Purpose.ENTRY or later)
        if of_deal and back and (waited_ns >= NAKED_NS or cl_ord_id in run.too_many):
            continue
        link = run.left[cl_ord_id]
        overdue = waited_ns > OVERDUE_NS or (link in run.desk.links and not run.desk.links[link].up)
        same = other.order.instrument == intent.instrument and intent.purpose is Purpose.ENTRY and overdue
        if of_deal or same:
            yield f"nothing was heard of {cl_ord_id} on {other.order.instrument} for {waited_ns / 1e6:.0f} ms"


def _takes_back(run: Watched, order: Order) -> bool:
    """Whether the order takes back no more than what the venue filled for the deal on this instrument, while no other
    order of the deal on it is open or unheard of."""
    intent = order.intent
    if intent.purpose is not Purpose.UNWIND:
        return False
    filled = _ZERO
    for known in run.deals[intent.deal].orders.values():
        cl_ord_id = known.cl_ord_id
        if known.intent.instrument != intent.instrument or known is order:
            continue
        if cl_ord_id in run.unheard or run.truth.rests(cl_ord_id, intent.instrument.partition(":")[0]):
            return False
        qty = run.truth.filled.get(cl_ord_id, _ZERO)
        filled += -qty if known.intent.side is intent.side else qty
    return intent.qty <= filled


def book(run: Watched, order: Order) -> Iterator[str]:
    """The order's book, by what the venue showed."""
    intent, now_ns, desk = order.intent, run.clock_ns, run.desk
    held = desk.books[intent.instrument]
    if held.state is not BookState.SYNCED:
        yield f"its book is {held.state.value} ({held.reason})"
        return
    if intent.deadline_ns and now_ns > intent.deadline_ns:
        yield f"it was sent {(now_ns - intent.deadline_ns) / 1e6:.1f} ms after its deadline"
    tops = run.truth.tops[intent.instrument]
    silent_ns, limit_ns = now_ns - held.recv_ns, _silence_ns(tops)
    if silent_ns > limit_ns and tops[-1][0] > run.now_ns - silent_ns + LAG_NS:
        yield f"its book is silent for {silent_ns / 1e6:.0f} ms, although the venue's changed"
    bid, ask = held.best_bid(), held.best_ask()
    seen = (*(bid or (0.0, 0.0)), *(ask or (0.0, 0.0)))
    since_ns = run.now_ns - silent_ns - LAG_NS
    first = max(0, bisect_left(tops, since_ns, key=lambda top: top[0]) - 1)
    if not any(_same(tops[index][1], seen) for index in range(first, len(tops))):
        yield f"its top {seen} was never true in the last {(silent_ns + LAG_NS) / 1e6:.0f} ms"


def _silence_ns(tops: Sequence[Top]) -> int:
    """How long a book may be silent, by how often the venue's own book changed of late."""
    few = min(100, len(tops))
    return max(_LEAST_NS, _USUAL * (tops[-1][0] - tops[-few][0]) // max(1, few - 1))


def _same(true: Sequence[float], seen: Sequence[float]) -> bool:
    return all(abs(ours - theirs) <= 1e-9 * theirs for ours, theirs in zip(seen, true, strict=True))


def caps(run: Watched, order: Order) -> Iterator[str]:
    """The caps, worked out again from the open deals."""
    desk, config = run.desk, run.desk.setup.limits
    if order.intent.deal not in desk.engine.deals:
        yield f"it was sent for deal {order.intent.deal}, which is not open"
    total = _ZERO
    venues: dict[str, Decimal] = {}
    assets: dict[str, Decimal] = {}
    for deal in desk.engine.deals.values():
        sizes = [leg.qty * leg.px * _price(run, leg.instrument, config.asset) for leg in deal.legs]
        total += max(sizes)
        worth: dict[str, Decimal] = {}
        for leg, size in zip(deal.legs, sizes, strict=True):
            venue = leg.instrument.partition(":")[0]
            venues[venue] = venues.get(venue, _ZERO) + size
            worth[leg.base] = max(worth.get(leg.base, _ZERO), size)
        for asset, size in worth.items():
            assets[asset] = assets.get(asset, _ZERO) + size
        if max(sizes) > min(config.max_order_notional, config.max_deal_notional):
            yield f"deal {deal.id} is worth {max(sizes)}"
    for name, value, most in (
        ("max_open_deals", Decimal(len(desk.engine.deals)), Decimal(config.max_open_deals)),
        ("max_open_notional", total, config.max_open_notional),
        ("max_venue_notional", max(venues.values(), default=_ZERO), config.max_venue_notional),
        ("max_asset_notional", max(assets.values(), default=_ZERO), config.max_asset_notional),
    ):
        if value > most:
            yield f"{name}: {value} of {most}"


def _price(run: Watched, instrument: str, asset: str) -> Decimal:
    """The price of what an instrument is quoted in, by the venues; a little less if it moves, because the caps were
    checked at an earlier one."""
    quote = assets_of(instrument)[1]
    price = run.truth.middle(quote, asset)
    return Decimal(1) if quote == asset or price is None else price * _MOVED
