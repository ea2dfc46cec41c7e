"""Why ``SpreadArb`` does not make a trade now, in words. It looks at the same things in the same order as ``decide``,
but goes on where ``decide`` has stopped at one comparison."""

from __future__ import annotations

from arbkit.core.protocols import View
from arbkit.core.types import Idle, Instrument, Side, plain
from arbkit.strategies.basis import closed, likely_cause
from arbkit.strategies.edge import top_ratio, walk
from arbkit.strategies.pairs import SpreadPair, means

__all__ = ["why_idle"]


def why_idle(
    pair: SpreadPair,
    view: View,
    now_ns: int,
    *,
    min_edge: float,
    standing_s: float,
    max_notional: float,
    max_stock: float,
) -> Idle:
    """The present reason of one direction. The arguments are the strategy's settings."""
    buy, sell = pair.buy.instrument, pair.sell.instrument
    reason, text = _state(pair, view) or _means(pair, view, max_notional, max_stock) or ("", "")
    if not reason:
        reason, text = _prices(pair, view, now_ns, min_edge, standing_s, max_notional)
    return Idle(instruments=(buy.id, sell.id), reason=reason, text=text)


def _state(pair: SpreadPair, view: View) -> tuple[str, str] | None:
    """What no price can change."""
    buy, sell = pair.buy.instrument, pair.sell.instrument
    if why := view.unlike(buy, sell):
        return "identity", why
    for one in (buy, sell):
        if not view.may_trade(one.venue):
            return "venue", f"{one.venue} is not ready"
    for one in (buy, sell):
        known = view.catalogue[one.id]
        if not known.tradable:
            return "halted", f"{one.id} is {known.status or 'not tradable'}"
    for one, side in ((buy, Side.BUY), (sell, Side.SELL)):
        if why := view.refused(one.id, side):
            return "refused", f"{side.value} {one.id} {why}"
    for one in (buy, sell):
        if view.book(one.id) is None:
            return "book", f"{one.id} has no trusted book"
    return None if pair.version >= 0 else ("book", "both books have just come")


def _means(pair: SpreadPair, view: View, max_notional: float, max_stock: float) -> tuple[str, str] | None:
    """Balances, stock and limits."""
    buy, sell = pair.buy.instrument, pair.sell.instrument
    terms = pair.terms
    asks = view.book(buy.id)
    ask = 0.0 if asks is None else asks.ask_px
    quote, base, notional = means(view, buy, sell)
    if quote <= terms.min_notional:
        return "balance", f"{_free(view, buy, buy.quote)} to buy with"
    if base * ask <= terms.min_notional or base < terms.min_qty:
        return "balance", f"{_free(view, sell, sell.base)} to sell"
    if min(max_notional, notional) <= terms.min_notional:
        return (
            "limit",
            f"limits and {_free(view, sell, sell.quote)} leave {min(max_notional, notional):.2f} {buy.quote}",
        )
    if not pair.movable and max_stock - float(view.free(buy.id, buy.base)) * ask <= terms.min_notional:
        return "stock", f"{_free(view, buy, buy.base)}, and max_stock_immovable is {max_stock:g} {buy.quote}"
    return None


def _free(view: View, one: Instrument, asset: str) -> str:
    return f"{view.account(one.id)} has {plain(view.free(one.id, asset))} {asset}"


def _prices(
    pair: SpreadPair, view: View, now_ns: int, min_edge: float, standing_s: float, max_notional: float
) -> tuple[str, str]:
    """What the prices decide."""
    buy, sell = pair.buy.instrument, pair.sell.instrument
    terms = pair.terms
    asks, bids = view.book(buy.id), view.book(sell.id)
    if asks is None or bids is None:
        return "book", ""
    ratio = top_ratio(asks, bids)
    edge = ratio * terms.keeps - terms.pays
    now = f"the edge is {edge:.3%} at the best prices"
    if ratio > pair.ceiling:
        return "too good", f"{now}: {likely_cause(view, buy, sell, ratio)}"
    if pair.basis > 1.0 and pair.floor < ratio <= pair.hurdle:
        since = f"the bid is {pair.basis - 1.0:.3%} above the ask since {standing_s:g} s or the first look"
        cause = likely_cause(view, buy, sell, ratio)
        return "basis", f"{since}: {cause}; traded from {pair.hurdle - 1.0:.3%} until it has closed once"
    if ratio <= terms.hurdle(min_edge):
        return "fees", f"{now}, after fees and slippage; it needs {min_edge:.3%}"
    if ratio <= pair.hurdle:
        return "immovable", f"{now}, and it needs {pair.least_edge:.3%}: {_immovable(view, buy, sell)}"
    if asks.recv_ns < pair.buy.asks_from_ns or bids.recv_ns < pair.sell.bids_from_ns:
        return "cooldown", "after the last trade both books are waited for"
    quote, base, notional = means(view, buy, sell)
    found = walk(
        asks,
        bids,
        terms,
        now_ns,
        least_edge=pair.least_edge,
        most_quote=quote,
        most_base=base,
        most_notional=min(max_notional, notional),
    )
    if found is None:
        return "thin", f"{now}, but the levels hold less than the smallest order, or it is gone after their age"
    return "", now


def _immovable(view: View, buy: Instrument, sell: Instrument) -> str:
    if why := closed(view, buy, sell):
        return why
    hint = f"movable = {{ {buy.base} = true }} in [venues.{buy.venue}] and [venues.{sell.venue}] if it does"
    return f"{buy.base} is not known to move from {buy.venue} to {sell.venue}; set {hint}"
