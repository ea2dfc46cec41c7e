"""The ways out of an uneven deal, by the present books: what an order would cost, and which one is the cheapest.

A surplus of an asset is sold, a shortage is bought: directly for the asset in which the deal gains (``home``), or over
other assets of its legs, as in a triangle. That completes the deal (in a leg's own direction), reverses it (against
it), or hedges it on a third venue. A way counts with the depth of its books, fees, and the time until its venue takes
an order; it must be within the loss that the executor allows, over all its steps. The first step is the next order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

from arbkit.core.market.book import Book
from arbkit.core.orders.deals import Deal, DealLeg
from arbkit.core.protocols import View
from arbkit.core.types import NEVER, Instrument, NewOrder, Purpose, Side, plain
from arbkit.strategies.legs import allowed, large_enough

__all__ = ["Ways", "dust", "reference"]

_ZERO = Decimal(0)
_ONE = Decimal(1)
_WAIT_PRICE = 0.0001
"""What a second of waiting costs, as a fraction of price: about what Bitcoin's price moves in a second."""


class Ways:
    """The ways out of one deal now. ``loss``: how much worse than what the legs paid or got a way may end, as a
    fraction. ``further``: how far beyond the last level used an order may fill. ``until_ns``: the deadline of an order.
    """

    __slots__ = ("_deal", "_further", "_loss", "_overs", "_until_ns", "_view")

    def __init__(self, deal: Deal, view: View, *, loss: Decimal, further: float, until_ns: int) -> None:
        self._deal = deal
        self._overs = deal.overs
        self._view = view
        self._loss = loss
        self._further = further
        self._until_ns = until_ns

    def cheapest(self, uneven: Mapping[str, Decimal]) -> tuple[NewOrder | None, int, str]:
        """The cheapest order that makes an asset even, and how long it must wait; or (None, 0, why there is none). The
        most valuable asset comes first."""
        whys = []
        for asset in sorted(uneven, key=self._worth, reverse=True):
            order, wait_ns, why = self._of(asset, uneven[asset])
            if order is not None:
                return order, wait_ns, ""
            whys.append(why)
        return None, 0, "; ".join(whys)

    def _worth(self, asset: str) -> Decimal:
        return abs(self._overs[asset]) * (reference(self._deal, asset, Side.BUY) or _ZERO)

    def _of(self, asset: str, over: Decimal) -> tuple[NewOrder | None, int, str]:
        """A venue that is not ready for new deals or takes no order now, or an instrument that is not tradable, is used
        only if no other is possible. Another venue than those of the legs is used only if none of them takes the order
        now: nothing is reserved there."""
        best: NewOrder | None = None
        best_wait_ns, best_worth = 0, (False, 0.0)
        whys = []
        own = list(enumerate(self._deal.legs))
        for places in (own, self._elsewhere(asset, over)):
            if best is not None and best_worth[0]:
                break
            for index, leg in places:
                if asset not in (leg.base, leg.quote):
                    continue
                offer = self._offer(index, leg, asset, over)
                if isinstance(offer, str):
                    if index < len(own):
                        whys.append(f"{leg.instrument} {offer}")
                    continue
                order, wait_ns, worth = offer
                if (best is None or worth > best_worth) and (worth[0] or index < len(own)):
                    best, best_wait_ns, best_worth = order, wait_ns, worth
        return best, best_wait_ns, "" if best is not None else "; ".join(whys)

    def _offer(
        self, index: int, leg: DealLeg, asset: str, over: Decimal
    ) -> tuple[NewOrder, int, tuple[bool, float]] | str:
        """The order on this leg's instrument within the loss, how long it waits, and what it is worth: (it can leave
        now, value in ``home`` after the fee); or why there is none."""
        view, deal = self._view, self._deal
        instrument = view.catalogue[leg.instrument]
        sign = 1.0 if over > 0 else -1.0
        side = Side.SELL if (asset == leg.base) is (over > 0) else Side.BUY
        if why := view.refused(leg.instrument, side):
            return why
        if deal.in_doubt and (
            leg.side is side
            or any(order.unknown and order.intent.instrument == leg.instrument for order in deal.orders.values())
        ):
            return "waits for the proof of an order"
        book = view.book(leg.instrument)
        if book is None:
            return "has no trusted book"
        other = leg.quote if asset == leg.base else leg.base
        rest = self._unit(other, sign, abs(over), frozenset((leg.instrument,)))
        if rest is None:
            return f"leads to {other}, and there is no way from there"
        bound = self._bound(leg, asset, over > 0, rest)
        missing = abs(over) if asset == leg.base else _base_of(book, side, abs(over), bound)
        sized = self._sized(instrument, leg, side, missing, book, bound)
        if isinstance(sized, str):
            return sized
        qty, px, value = sized
        order = NewOrder(
            account=leg.account,
            instrument=instrument.id,
            cl_ord_id="",
            side=side,
            qty=qty,
            px=px,
            deadline_ns=self._until_ns,
            deal=deal.id,
            leg=index,
            purpose=Purpose.HEDGE if leg.side is side else Purpose.UNWIND,
        )
        wait_ns = view.wait_ns(order)
        if wait_ns == NEVER:
            return "allows no request of this cost"
        if asset == leg.base:
            whole = (value + float(abs(over) - qty) * float(bound)) * rest
        else:
            whole = (float(qty) + (float(abs(over)) - value) / float(bound)) * rest
        ready = not wait_ns and instrument.tradable and view.may_trade(instrument.venue)
        fee = view.taker_fee(leg.instrument)
        return order, wait_ns, (ready, sign * whole * (1.0 - sign * fee) - whole * _WAIT_PRICE * wait_ns / 1e9)

    def _sized(
        self, instrument: Instrument, leg: DealLeg, side: Side, missing: Decimal, book: Book, bound: Decimal
    ) -> tuple[Decimal, Decimal, float] | str:
        """(size, limit price, value in quote at the levels), or why the book or the venue's rules allow none."""
        if side is Side.BUY and leg.bought:  # add the fee in base, at the rate that this venue took before
            missing /= 1 - leg.fees.get(leg.base, _ZERO) / leg.bought
        qty = min(missing, leg.qty - leg.filled if leg.side is side else leg.filled, instrument.max_qty or missing)
        limit = float(bound)
        wanted = float(qty)
        got = value = worst = 0.0
        levels = book.levels_to_sell() if side is Side.SELL else book.levels_to_buy()
        for px, size in levels:
            if wanted <= got or (px < limit if side is Side.SELL else px > limit):
                break
            take = min(size, wanted - got)
            got += take
            value += take * px
            worst = px
        if not got:
            return f"has no level within {plain(instrument.quantize_px(bound, side))}"
        qty = instrument.quantize_qty(got if got < wanted else qty)
        if side is Side.SELL:
            limit = max(worst * (1.0 - self._further), limit)
        else:
            limit = min(worst * (1.0 + self._further), limit)
        limit_px = instrument.quantize_px(limit, side)
        if not allowed(instrument, qty, limit_px):
            return (
                f"allows no order of {plain(qty)} at {plain(limit_px)}, which is all that the book has within the bound"
            )
        return qty, limit_px, value * float(qty) / got

    def _bound(self, leg: DealLeg, asset: str, surplus: bool, rest: float) -> Decimal:
        """The worst allowed price: at which the whole way ends ``loss`` worse than what the legs paid for the asset (or
        got for it, if it is short)."""
        worth = reference(self._deal, asset, Side.BUY if surplus else Side.SELL) or leg.px
        bound = worth * (1 - self._loss if surplus else 1 + self._loss)
        if rest != 1.0:
            bound /= Decimal(repr(rest))
        return bound if asset == leg.base else _ONE / bound

    def _unit(self, asset: str, sign: float, amount: Decimal | float, used: frozenset[str]) -> float | None:
        """What a unit of ``asset`` is worth in ``home`` if so much of it is sold (``sign`` > 0) or bought on the other
        legs, by the best way; None if there is none. An asset that is uneven the other way round has a use at once."""
        deal = self._deal
        if asset == deal.asset:
            return 1.0
        needed = float(self._overs.get(asset, _ZERO))
        if needed * sign < 0:
            needed_unit = self._walked(asset, -sign, abs(needed), used)
            if needed_unit is None:
                known = reference(deal, asset, Side.SELL if sign > 0 else Side.BUY)
                return None if known is None else float(known)
            return needed_unit
        return self._walked(asset, sign, float(amount), used)

    def _walked(self, asset: str, sign: float, amount: float, used: frozenset[str]) -> float | None:
        best: float | None = None
        for leg in self._deal.legs:
            if leg.instrument in used or asset not in (leg.base, leg.quote):
                continue
            in_base = asset == leg.base
            side = Side.SELL if in_base is (sign > 0) else Side.BUY
            book = self._view.book(leg.instrument)
            if book is None or self._view.refused(leg.instrument, side):
                continue
            base, quote = _taken(book, side, amount, in_base=in_base)
            if not base:
                continue
            rate = (quote / base if in_base else base / quote) * (1.0 - sign * self._view.taker_fee(leg.instrument))
            other = leg.quote if in_base else leg.base
            further = 1.0
            if other != self._deal.asset:
                found = self._walked(other, sign, amount * rate, used | {leg.instrument})
                if found is None:
                    continue
                further = found
            if best is None or sign * rate * further > sign * best:
                best = rate * further
        return best

    def _elsewhere(self, asset: str, over: Decimal) -> Iterator[tuple[int, DealLeg]]:
        """Legs that the deal does not have: the same symbols on venues that are ready and have the funds."""
        deal, view = self._deal, self._view
        if deal.in_doubt or deal.reduces:
            return
        here = {leg.instrument for leg in deal.legs}
        for leg in list(deal.legs):
            if {leg.base, leg.quote} != {asset, deal.asset}:
                continue
            mine = view.catalogue[leg.instrument]
            for one in view.catalogue.symbol(mine.symbol):
                if one.id in here or not one.tradable or not view.may_trade(one.venue) or view.unlike(mine, one):
                    continue
                here.add(one.id)
                side = Side.SELL if (asset == leg.base) is (over > 0) else Side.BUY
                if side is Side.SELL:
                    most = view.free(one.id, one.base)
                else:
                    fee = Decimal(repr(max(view.taker_fee(one.id), 0.0)))
                    most = view.free(one.id, one.quote) / (leg.px * (1 + self._loss) * (1 + fee))
                yield (
                    len(deal.legs),
                    DealLeg(
                        account=view.account(one.id),
                        instrument=one.id,
                        base=one.base,
                        side=side,
                        qty=most,
                        px=leg.px,
                        quote=one.quote,
                    ),
                )


def dust(deal: Deal, asset: str, qty: Decimal, view: View, loss: Decimal) -> bool:
    """Whether ``qty`` of an asset is too small to trade on every leg's instrument, at the worst allowed price."""
    for leg in deal.legs:
        instrument = view.catalogue[leg.instrument]
        if not instrument.native:
            continue  # it has left the venue's list
        if asset == leg.base:
            size = qty
        elif asset == leg.quote:
            size = qty / leg.px
        else:
            continue
        if large_enough(instrument, instrument.quantize_qty(size), leg.px * (1 - loss)):
            return False
    return True


def reference(deal: Deal, asset: str, side: Side, seen: frozenset[str] = frozenset()) -> Decimal | None:
    """What a unit of ``asset`` cost the deal, in the asset in which it gains (``side`` BUY: by the legs that bring it),
    or what it got for one (SELL: by those that take it); the planned price where nothing has filled. None if no leg
    says it."""
    if asset == deal.asset:
        return _ONE
    given = got = _ZERO
    planned: Decimal | None = None
    for leg in deal.legs:
        if asset == leg.base and leg.side is side:
            other, price = leg.quote, leg.px
            had, paid = (leg.bought, leg.paid) if side is Side.BUY else (leg.sold, leg.received)
        elif asset == leg.quote and leg.side is not side:
            other, price = leg.base, 1 / leg.px
            had, paid = (leg.received, leg.sold) if side is Side.BUY else (leg.paid, leg.bought)
        else:
            continue
        unit = None if other in seen else reference(deal, other, side, seen | {asset})
        if unit is None:
            continue
        given += paid * unit
        got += had
        planned = planned if planned is not None else price * unit
    return given / got if got else planned


def _base_of(book: Book, side: Side, quote: Decimal, bound: Decimal) -> Decimal:
    """How much base trades for so much quote, by the levels within ``bound``; the rest at the bound."""
    base, value = _taken(book, side, float(quote), in_base=False)
    return Decimal(repr(base)) + max(quote - Decimal(repr(value)), _ZERO) / bound


def _taken(book: Book, side: Side, amount: float, *, in_base: bool) -> tuple[float, float]:
    """(base, quote) that the levels give for ``amount`` of one of them."""
    base = quote = 0.0
    for px, size in book.levels_to_buy() if side is Side.BUY else book.levels_to_sell():
        left = amount - (base if in_base else quote)
        if left <= 0.0:
            break
        take = min(size, left if in_base else left / px)
        base += take
        quote += take * px
    return base, quote
