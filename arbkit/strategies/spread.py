"""The spread strategy: buy on the cheaper venue and sell on the dearer one at the same time.

It uses balances that are already on both venues; nothing is transferred. ``SpreadArb`` is the strategy,
``best_spread`` a stateless function for own strategies.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Annotated

from msgspec import Meta

from arbkit.core.errors import ConfigError
from arbkit.core.market.book import Book
from arbkit.core.protocols import Strategy, View
from arbkit.core.settings import AtLeast0, Share, WrongSettings
from arbkit.core.types import BookState, Catalogue, Idle, Instrument, Leg, Opportunity, Side
from arbkit.strategies.edge import Edge, Terms, top_ratio, walk
from arbkit.strategies.pairs import SpreadMarket, SpreadPair, comparable, means, movable
from arbkit.strategies.reasons import why_idle

__all__ = ["SpreadArb", "best_spread"]

_SYNCED = BookState.SYNCED


def best_spread(
    view: View,
    instruments: Sequence[Instrument],
    touched: Sequence[str],
    now_ns: int,
    *,
    min_edge: float = 0.001,
    min_edge_immovable: float = 0.005,
    max_edge: float = 0.03,
    max_notional: float = 1_000.0,
    slippage: float = 0.0001,
    latency_cost_per_s: float = 0.0002,
    fee_in_base: bool = True,
) -> Opportunity | None:
    """The best trade now between two of ``instruments`` (of one symbol), at least one of them ``touched``; or None.

    For your own strategies. It keeps no state, so it has no cooldown and no stock limit, and takes an edge that stays
    for one that has just appeared. The settings have the same meaning as in ``SpreadArb``. An instrument is skipped
    while its book is not trusted or its venue is not ready, and two that are not known to be about the same asset.
    """
    best: Opportunity | None = None
    books = [(instrument, book) for instrument in instruments if (book := view.book(instrument.id)) is not None]
    for one, other in combinations(books, 2):
        if one[0].id not in touched and other[0].id not in touched:
            continue
        for (buy, asks), (sell, bids) in ((one, other), (other, one)):
            if top_ratio(asks, bids) <= 1.0 or not comparable(buy, sell):
                continue
            if not (view.catalogue[buy.id].tradable and view.catalogue[sell.id].tradable):
                continue
            terms = Terms.between(
                view, buy, sell, slippage=slippage, cost_per_s=latency_cost_per_s, fee_in_base=fee_in_base
            )
            least = min_edge if movable(view, buy, sell) else max(min_edge, min_edge_immovable)
            if not terms.hurdle(least) < top_ratio(asks, bids) <= terms.hurdle(max_edge) or view.unlike(buy, sell):
                continue
            if not (view.may_trade(buy.venue) and view.may_trade(sell.venue)):
                continue
            quote, base, notional = means(view, buy, sell)
            edge = walk(
                asks,
                bids,
                terms,
                now_ns,
                least_edge=least,
                most_quote=quote,
                most_base=base,
                most_notional=min(max_notional, notional),
            )
            if edge is not None and (best is None or edge.net > best.expected_net):
                best = _opportunity(buy, sell, edge, slippage, now_ns)
    return best


class SpreadArb(Strategy):
    """Trades the spread of each symbol between two venues, both legs at once.

    Subclass it and set attributes, or pass them by name (``SpreadArb(symbols=("BTC-USDT",))``). Amounts are in the
    quote asset. Edges are fractions of the purchase cost, after depth, fees, slippage and latency penalty.

    After an opportunity the two book sides that it used are not used again until a book update arrives that is later
    than the expected arrival of our order at the venue plus ``cooldown_s``. So the same levels are not traded twice.
    """

    asks = "top"
    symbols: Annotated[Sequence[str], Meta(min_length=1)] = ()
    """Canonical names, as ``BTC-USDT``. One that fewer than two venues list is told and left out."""
    min_edge: Share = 0.001
    """Minimum net edge of a trade."""
    min_edge_immovable: Share = 0.005
    """Minimum net edge if the asset cannot be withdrawn from the buying venue or deposited at the selling venue, or if
    that is not known. Closed deposits often cause a spread that stays."""
    max_stock_immovable: AtLeast0 = 5_000.0
    """Such a trade leaves at most this much of the asset (in quote) on the buying venue."""
    max_edge: Share = 0.03
    """A larger edge is probably a wrong quote or a different asset. It is counted and not traded."""
    max_notional: AtLeast0 = 1_000.0
    """Maximum notional of one leg."""
    slippage: Share = 0.0001
    """How far beyond the last level used each order may fill, as a fraction of price."""
    latency_cost_per_s: AtLeast0 = 0.0002
    """Expected price move against each leg per second of book age and order latency, as a fraction of price."""
    cooldown_s: AtLeast0 = 0.1
    """See the class."""
    standing_s: AtLeast0 = 60.0
    """An edge that was there all this time, or since the first look, is a standing basis: only what exceeds it is
    traded, until it has closed once. 0 = every edge is traded."""
    fee_in_base: bool = True
    """The fee of a purchase is taken from the bought asset, so that more is bought. Where the account pays in another
    coin (BNB, OKB, MNT), the first fill shows it, and no more is bought than is sold. False: nowhere."""

    def __init__(self, **settings: object) -> None:
        """Raises ``ConfigError`` for an unknown setting or an invalid value."""
        super().__init__(**settings)
        if self.min_edge > self.max_edge:
            raise WrongSettings(type(self), {"min_edge": f"must not be above max_edge, which is {self.max_edge}"})
        self.seen = 0
        """Number of crossings above the hurdle, before depth and latency penalty."""
        self.taken = 0
        """Number of opportunities returned to the engine."""
        self.skipped: Counter[str] = Counter()
        """Number of the other crossings, by reason."""
        self.suspect = ""
        """The last edge above ``max_edge``, as text."""
        self.near: set[str] = set()
        """Instruments of which best prices cross by enough: there the depth decides."""
        self._markets: dict[str, SpreadMarket] = {}

    def instruments(self, catalogue: Catalogue) -> Iterable[Instrument]:
        """The instruments of the symbols on all venues. A symbol that fewer than two venues list is left out; raises
        ``ConfigError`` if none remains."""
        self._markets = {}
        self.near.clear()
        standing_ns = int(self.standing_s * 1e9)
        for symbol in self.symbols:
            listed = catalogue.symbol(symbol)
            if len(listed) < 2:
                found = f"only {listed[0].venue} has it" if listed else "no loaded venue has it"
                near = catalogue.like(symbol)
                hint = f" (did you mean {near[0]}?)" if near and not listed else ""
                catalogue.missed[symbol] = f"{symbol} needs two venues, {found}{hint}"
                continue
            markets = [SpreadMarket(instrument) for instrument in listed]
            self._markets.update((market.id, market) for market in markets)
            for one, other in combinations(markets, 2):
                if comparable(one.instrument, other.instrument):
                    there, back = SpreadPair(one, other, standing_ns), SpreadPair(other, one, standing_ns)
                    one.pairs.append((other, there, back))
                    other.pairs.append((one, back, there))
        if not self._markets:
            missed = "; ".join([catalogue.missed[symbol] for symbol in self.symbols])
            raise ConfigError(f"strategy {type(self).__name__}: {missed}")
        return [market.instrument for market in self._markets.values()]

    def decide(self, view: View, touched: Sequence[str], now_ns: int) -> Sequence[Opportunity]:
        """All profitable trades, at most one per side of a book."""
        found: list[tuple[SpreadPair, Opportunity]] = []
        looked: list[SpreadPair] = []
        version = view.version
        for instrument in touched:
            market = self._markets.get(instrument)
            if market is None or (book := view.book(instrument)) is None:
                continue
            market.book = book
            self.near.discard(instrument)
            bid, ask = book.bid_px, book.ask_px
            for other, buy_here, sell_here in market.pairs:
                rival = other.book
                if rival is None or rival.state is not _SYNCED or rival.crossed_ns:
                    if rival is not None or (rival := view.book(other.id)) is None:
                        continue
                    other.book = rival
                if buy_here.version != version:
                    self._refresh(buy_here, view)
                    self._refresh(sell_here, view)
                if rival.bid_px <= ask * buy_here.floor:
                    buy_here.closed_ns = now_ns
                elif buy_here not in looked:
                    looked.append(buy_here)
                    self._look(buy_here, book, rival, view, now_ns, found)
                if bid <= rival.ask_px * sell_here.floor:
                    sell_here.closed_ns = now_ns
                elif sell_here not in looked:
                    looked.append(sell_here)
                    self._look(sell_here, rival, book, view, now_ns, found)
        return self._choose(found, view, now_ns) if found else ()

    def reasons(self, view: View, now_ns: int) -> Iterable[Idle]:
        """For each symbol and direction, why it is not traded now."""
        found = []
        for market in self._markets.values():
            for _, pair, _ in market.pairs:
                found.append(
                    why_idle(
                        pair,
                        view,
                        now_ns,
                        min_edge=self.min_edge,
                        standing_s=self.standing_s,
                        max_notional=self.max_notional,
                        max_stock=self.max_stock_immovable,
                    )
                )
        return found

    def _look(
        self,
        pair: SpreadPair,
        asks: Book,
        bids: Book,
        view: View,
        now_ns: int,
        found: list[tuple[SpreadPair, Opportunity]],
    ) -> None:
        """The best prices cross: compute the best trade, or count why there is none."""
        buy, sell = pair.buy.instrument, pair.sell.instrument
        if view.book(buy.id) is None or view.book(sell.id) is None:
            return
        ratio = top_ratio(asks, bids)
        pair.stands(ratio, now_ns)
        if ratio <= pair.hurdle:
            return
        pair.ratio = ratio
        terms = pair.terms
        if (terms.buy_latency_ns, terms.sell_latency_ns) != (view.latency_ns(buy.venue), view.latency_ns(sell.venue)):
            self._refresh(pair, view)
            terms = pair.terms
        self.near.update((buy.id, sell.id))
        self.seen += 1
        why = ""
        if ratio > pair.ceiling:
            why = "too good"
            self.suspect = f"{buy.id} -> {sell.id}: bid {ratio - 1.0:.2%} above ask"
        elif not (view.catalogue[buy.id].tradable and view.catalogue[sell.id].tradable):
            why = "halted"
        elif asks.recv_ns < pair.buy.asks_from_ns or bids.recv_ns < pair.sell.bids_from_ns:
            why = "cooldown"
        elif not (view.may_trade(buy.venue) and view.may_trade(sell.venue)):
            why = "venue not ready"
        if why:
            self.skipped[why] += 1
            return
        quote, base, notional = means(view, buy, sell)
        notional = min(self.max_notional, notional)
        ask = asks.best_ask()
        assert ask is not None  # it has just crossed
        if not pair.movable:
            stock = self.max_stock_immovable - float(view.free(buy.id, buy.base)) * ask[0]
            if stock <= terms.min_notional:
                self.skipped["stock"] += 1
                return
            notional = min(notional, stock)
        edge = walk(
            asks,
            bids,
            terms,
            now_ns,
            least_edge=pair.least_edge,
            most_quote=quote,
            most_base=base,
            most_notional=notional,
        )
        if edge is not None:
            found.append((pair, _opportunity(buy, sell, edge, self.slippage, now_ns)))
        elif min(quote, base * ask[0]) <= terms.min_notional or base < terms.min_qty:
            self.skipped["balance"] += 1
        elif notional <= terms.min_notional:
            self.skipped["limit"] += 1
        else:
            self.skipped["thin"] += 1

    def _choose(self, found: list[tuple[SpreadPair, Opportunity]], view: View, now_ns: int) -> Sequence[Opportunity]:
        """Sort by profit and drop trades that would use a book side again."""
        found.sort(key=lambda item: -item[1].expected_net)
        chosen: list[Opportunity] = []
        cooldown = int(self.cooldown_s * 1e9)
        for pair, opportunity in found:
            buy, sell = pair.buy, pair.sell
            if buy.asks_from_ns > now_ns or sell.bids_from_ns > now_ns:
                self.skipped["cooldown"] += 1
                continue
            buy.asks_from_ns = now_ns + 1 + view.latency_ns(buy.instrument.venue) + cooldown
            sell.bids_from_ns = now_ns + 1 + view.latency_ns(sell.instrument.venue) + cooldown
            pair.took(now_ns)
            chosen.append(opportunity)
        self.taken += len(chosen)
        return chosen

    def _refresh(self, pair: SpreadPair, view: View) -> None:
        """Read rules, fees, latencies and asset status (again)."""
        for market in (pair.buy, pair.sell):
            market.instrument = view.catalogue.get(market.id) or market.instrument
        buy, sell = pair.buy.instrument, pair.sell.instrument
        pair.unlike = view.unlike(buy, sell)
        pair.movable = movable(view, buy, sell)
        terms = Terms.between(
            view, buy, sell, slippage=self.slippage, cost_per_s=self.latency_cost_per_s, fee_in_base=self.fee_in_base
        )
        pair.settle(terms, self._least(pair), self.max_edge, view.version)

    def _least(self, pair: SpreadPair) -> float:
        return self.min_edge if pair.movable else max(self.min_edge, self.min_edge_immovable)


def _opportunity(buy: Instrument, sell: Instrument, edge: Edge, slippage: float, now_ns: int) -> Opportunity:
    return Opportunity(
        legs=(
            Leg(instrument=buy.id, side=Side.BUY, qty=edge.buy_qty, px=edge.buy_px * (1.0 + slippage)),
            Leg(instrument=sell.id, side=Side.SELL, qty=edge.qty, px=edge.sell_px * (1.0 - slippage)),
        ),
        expected_net=edge.net,
        asset=buy.quote,
        edge=edge.edge,
        seen_ns=now_ns,
        fees=edge.fees,
        slippage=edge.slippage,
        penalty=edge.penalty,
    )
