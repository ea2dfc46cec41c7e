"""Tells what deals left (``money.leftovers``), and trades it off with deals of its own: one order on one instrument.

The engine calls ``tick`` once a second and runs its deals like any other; this class is their strategy and executor.
Such a deal passes in mode REDUCING and is not refused by a cap, because it makes the exposure smaller. Its price is
within ``unwind_allowance`` of the mid of its book. Where deals trade ETH and BTC, ETH is sold for USDT and not for BTC:
that would be another position. An asset waits while an order on it is UNKNOWN: what is left is not known then. What is
too small for every venue's minimum waits for the next deal of the asset, which takes it into its legs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from arbkit.core.counters import Counters
from arbkit.core.log import Log
from arbkit.core.market.book import Book
from arbkit.core.money.limits import Limits
from arbkit.core.money.needs import Need
from arbkit.core.orders.deals import Deal, DealLeg, DealState, Outcome
from arbkit.core.orders.journal import Booked
from arbkit.core.orders.orders import Orders
from arbkit.core.protocols import View
from arbkit.core.types import (
    NEVER,
    Catalogue,
    Command,
    Instrument,
    Leg,
    NewOrder,
    Opportunity,
    OrderUpdate,
    Purpose,
    Side,
    plain,
)

__all__ = ["Reducing"]

_ZERO = Decimal(0)
_LIFE_NS = 1_000_000_000
"""So long may the venue take to execute the order."""
_WAIT_NS = 5_000_000_000
"""An asset waits for so long, because the next deal of it may take what is left; then after each try, doubling."""
_DOUBLINGS = 3
_SLIPPAGE = 0.0005
"""How far beyond the last level used the order may fill, as a fraction of price."""


class Reducing:
    """See the module. ``books`` and ``orders`` (by account) are live mappings."""

    due_ns = NEVER

    def __init__(
        self,
        limits: Limits,
        catalogue: Catalogue,
        books: Mapping[str, Book],
        orders: Mapping[str, Orders],
        counters: Counters,
        log: Log,
    ) -> None:
        self._limits = limits
        self._left = limits.leftovers
        self._catalogue = catalogue
        self._books = books
        self._orders = orders
        self._counters = counters
        self._log = log
        self._by_asset: dict[str, list[str]] = {}
        """Instruments with a book, by base and by quote."""
        self._known = 0
        """How many books are in it."""
        self._told: set[str] = set()
        """Assets of which a large leftover was told."""
        self._next: dict[str, tuple[int, int]] = {}
        """By asset with a large leftover: when it may be traded off, and the number of tries."""

    def large(self, asset: str) -> bool:
        """Whether what is left of the asset is worth ``max_left``, and enough for an order on some venue."""
        qty, price = abs(self._left.of(asset)), self._left.price(asset)
        if price is not None and qty * price < self._limits.config.max_left:
            return False
        for instrument in self._ways(asset):
            whole = instrument.quantize_qty(qty)
            worth = whole * (price or _ZERO) * (1 - self._limits.config.unwind_allowance)
            if whole and whole >= instrument.min_qty and (price is None or worth >= instrument.min_notional):
                return True
        return False

    def _markets(self, asset: str) -> list[Instrument]:
        """All instruments of the asset that have a book."""
        if self._known != len(self._books):
            self._known = len(self._books)
            self._by_asset.clear()
            for name in self._books:
                for of in (self._catalogue[name].base, self._catalogue[name].quote):
                    self._by_asset.setdefault(of, []).append(name)
        return [self._catalogue[name] for name in self._by_asset.get(asset, ())]

    def _ways(self, asset: str) -> list[Instrument]:
        """Those on which the asset may be traded off: what comes for it is to be no position again."""
        markets = [one for one in self._markets(asset) if one.base == asset]
        return [one for one in markets if one.quote not in self._left.net] or markets

    def restore(self, booked: Sequence[Booked]) -> None:
        """What the deals of earlier runs left."""
        self._left.book(booked)
        for asset in self._left.assets():
            self._log("leftover.carried", asset=asset, what=self.text(asset))

    def told(self) -> list[str]:
        """What is left, of each asset of which it is large."""
        return [self.text(asset) for asset in self._left.assets() if self.large(asset)]

    def text(self, asset: str) -> str:
        """What is left of the asset."""
        qty, price = self._left.of(asset), self._left.price(asset)
        worth = "" if price is None else f", {plain(round(abs(qty) * price, 2))} {self._limits.config.asset}"
        where = ", ".join(f"{account} {plain(amount)}" for account, amount in self._left.where(asset).items())
        word = "bought and not sold" if qty > 0 else "sold and not bought"
        return f"{plain(abs(qty))} {asset} {word}{worth} ({where})"

    def tick(self, view: View, now_ns: int, *, trade: bool) -> list[tuple[Deal, Need]]:
        """Tell what became large or is gone. With ``trade`` returns a deal for each asset that is due, with what it
        needs."""
        self._left.value()
        large = [asset for asset in self._left.assets() if self.large(asset)]
        for asset in large:
            if asset not in self._told:
                self._counters.alarms["leftover"] += 1
                self._log("alarm.leftover", asset=asset, what=self.text(asset))
        for asset in sorted(self._told.difference(large)):
            self._log("leftover.gone", asset=asset)
            self._next.pop(asset, None)
        self._told = set(large)
        planned = []
        for asset in large if trade and self._limits.config.trade_off else ():
            next_ns, tries = self._next.setdefault(asset, (now_ns + _WAIT_NS, 0))
            if now_ns < next_ns or self._in_doubt(asset):
                continue
            found = self._best(asset, view, now_ns)
            if found is not None:
                self._next[asset] = now_ns + (_WAIT_NS << min(tries, _DOUBLINGS)), tries + 1
                planned.append(found)
        return planned

    def _in_doubt(self, asset: str) -> bool:
        markets = self._markets(asset)
        return any(table.in_doubt(one.id) for table in self._orders.values() for one in markets)

    def _best(self, asset: str, view: View, now_ns: int) -> tuple[Deal, Need] | None:
        """On the instrument with the best price after the fee."""
        left = self._left.of(asset)
        side = Side.SELL if left > 0 else Side.BUY
        sign = 1 if side is Side.SELL else -1
        best: tuple[Instrument, Decimal, Decimal] | None = None
        best_px = 0.0
        for instrument in self._ways(asset):
            offer = self._offer(instrument, side, abs(left), view)
            if offer is None:
                continue
            qty, px = offer
            unit = self._limits.price(instrument.quote) or _ZERO  # markets of different quotes are compared
            net = sign * float(px * unit) * (1 - sign * view.taker_fee(instrument.id))
            if best is None or net > best_px:
                best, best_px = (instrument, qty, px), net
        if best is None:
            return None
        instrument, qty, px = best
        account = view.account(instrument.id)
        opportunity = Opportunity(
            legs=(Leg(instrument=instrument.id, side=side, qty=float(qty), px=float(px)),),
            expected_net=0.0,
            asset=instrument.quote,
            edge=0.0,
            seen_ns=now_ns,
            note="leftover",
        )
        leg = DealLeg(
            account=account, instrument=instrument.id, base=asset, side=side, qty=qty, px=px, quote=instrument.quote
        )
        deal = Deal(opportunity, [leg], created_ns=now_ns, deadline_ns=now_ns + _LIFE_NS)
        deal.reduces = True
        deal.carried = qty * sign
        fee = 1 + max(Decimal(repr(view.taker_fee(instrument.id))), _ZERO)
        used = (asset, qty) if side is Side.SELL else (instrument.quote, qty * px * fee)
        return deal, Need(account=account, asset=used[0], amount=used[1])

    def _offer(self, instrument: Instrument, side: Side, left: Decimal, view: View) -> tuple[Decimal, Decimal] | None:
        """Size and limit price of the possible order; None = there is none."""
        book = view.book(instrument.id)
        quote_px = self._limits.price(instrument.quote)
        if book is None or not instrument.tradable or not view.may_trade(instrument.venue) or not quote_px:
            return None
        bid, ask = book.best_bid(), book.best_ask()
        if bid is None or ask is None:
            return None
        mid = (bid[0] + ask[0]) / 2
        allowance = float(self._limits.config.unwind_allowance)
        bound = mid * (1 - allowance) if side is Side.SELL else mid * (1 + allowance)
        most = float(self._limits.config.max_order_notional / quote_px) / max(bound, mid)
        if side is Side.SELL:
            most = min(most, float(view.free(instrument.id, instrument.base)))
        else:
            fee = 1 + max(view.taker_fee(instrument.id), 0.0)
            most = min(most, float(view.free(instrument.id, instrument.quote)) / (bound * fee))
        wanted = min(float(left), most, float(instrument.max_qty or left))
        got = worst = 0.0
        for px, size in book.levels_to_sell() if side is Side.SELL else book.levels_to_buy():
            if got >= wanted or (px < bound if side is Side.SELL else px > bound):
                break
            got += min(size, wanted - got)
            worst = px
        if not got:
            return None
        limit = max(worst * (1 - _SLIPPAGE), bound) if side is Side.SELL else min(worst * (1 + _SLIPPAGE), bound)
        qty, px_ = instrument.quantize_qty(min(Decimal(repr(got)), left)), instrument.quantize_px(limit, side)
        if not qty or qty < instrument.min_qty or qty * px_ < instrument.min_notional:
            return None
        return qty, px_

    def order(self, deal: Deal) -> NewOrder:
        """The order of its deal."""
        (leg,) = deal.legs
        return NewOrder(
            account=leg.account,
            instrument=leg.instrument,
            cl_ord_id="",
            side=leg.side,
            qty=leg.qty,
            px=leg.px,
            deadline_ns=deal.deadline_ns,
            deal=deal.id,
            purpose=Purpose.UNWIND,
        )

    # --- as strategy and executor of its deals

    def instruments(self, catalogue: Catalogue) -> Sequence[Instrument]:
        return ()

    def decide(self, view: View, touched: Sequence[str], now_ns: int) -> Sequence[Opportunity]:
        return ()

    def plan(self, opportunity: Opportunity, view: View, now_ns: int) -> Deal | None:
        return None

    def on_order(self, deal: Deal, update: OrderUpdate | None, view: View, now_ns: int) -> Sequence[Command]:
        """Close the deal when its order has ended."""
        if deal.in_doubt:
            if deal.state is not DealState.HELD:
                deal.move(DealState.IN_DOUBT)
        elif deal.state is not DealState.CLOSED and deal.orders and not deal.open_orders:
            filled = sum((order.filled_qty for order in deal.orders.values()), _ZERO)
            why = f"{plain(filled)} {deal.legs[0].base} of what was left traded off"
            deal.close(Outcome.COMPLETED if filled else Outcome.NOTHING, why, now_ns)
        return ()

    def on_book(self, deal: Deal, view: View, now_ns: int) -> Sequence[Command]:
        """The same, for a deal of an earlier run."""
        return self.on_order(deal, None, view, now_ns)

    def on_timer(self, deal: Deal, view: View, now_ns: int) -> Sequence[Command]:
        return ()
