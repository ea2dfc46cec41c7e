"""Buy where it is cheaper and sell where it is dearer, at once, with stock held on both venues."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from itertools import combinations
from math import isfinite

from arbkit.core.errors import ConfigError
from arbkit.core.market.book import Book
from arbkit.core.protocols import Strategy, View
from arbkit.core.types import Catalogue, Instrument, Leg, Opportunity, Side
from arbkit.strategies.edge import Edge, Terms, top_ratio, walk

__all__ = ["SpreadArb", "best_spread"]

_FRESH_NS = 1_000_000_000
"""Fees, rules, latencies and whether an asset moves are read again after this time, and fees at each crossing."""

_HEADROOM = 0.02
"""Left free of balances and limits: a deal reserves its worst unwind too, and a hedge may cost more than its entry."""


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
    """The best trade of this moment between two of ``instruments`` (one symbol), one of them ``touched``.

    For a strategy of one's own: it keeps no state, so it has neither the cooldown nor the stock cap of ``SpreadArb``;
    the settings mean the same. An instrument is skipped while its book is not trusted or its venue not ready.
    """
    best: Opportunity | None = None
    books = [(instrument, book) for instrument in instruments if (book := view.book(instrument.id)) is not None]
    for one, other in combinations(books, 2):
        if one[0].id not in touched and other[0].id not in touched:
            continue
        for (buy, asks), (sell, bids) in ((one, other), (other, one)):
            if top_ratio(asks, bids) <= 1.0 or not (_comparable(buy, sell) and buy.tradable and sell.tradable):
                continue
            terms = Terms.between(
                view, buy, sell, slippage=slippage, cost_per_s=latency_cost_per_s, fee_in_base=fee_in_base
            )
            least = min_edge if _movable(view, buy, sell) else max(min_edge, min_edge_immovable)
            if not terms.hurdle(least) < top_ratio(asks, bids) <= terms.hurdle(max_edge):
                continue
            if not (view.may_trade(buy.venue) and view.may_trade(sell.venue)):
                continue
            quote, base, notional = _means(view, buy, sell)
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


class _Market:
    """One instrument, and until when each side of its book is spoken for by a deal of ours."""

    __slots__ = ("asks_from_ns", "bids_from_ns", "id", "instrument", "pairs")

    def __init__(self, instrument: Instrument) -> None:
        self.id = instrument.id
        self.instrument = instrument
        self.asks_from_ns = 0
        self.bids_from_ns = 0
        self.pairs: list[tuple[_Market, _Pair, _Pair]] = []
        """(the other market, the pair that buys here, the pair that sells here)."""


class _Pair:
    """Buying on one market and selling on another: what is worked out ahead, so that a look costs one comparison."""

    __slots__ = ("buy", "ceiling", "fresh_ns", "hurdle", "least_edge", "movable", "sell", "terms", "tradable")

    def __init__(self, buy: _Market, sell: _Market) -> None:
        self.buy = buy
        self.sell = sell
        self.fresh_ns = 0
        self.hurdle = self.ceiling = self.least_edge = 0.0
        self.movable = False
        self.tradable = False
        self.terms = Terms(buy_fee=0.0, sell_fee=0.0)


class SpreadArb(Strategy):
    """Takes the spread of one symbol between two venues, both legs at once.

    Subclass it and set attributes, or pass them by name (``SpreadArb(symbols=("BTC-USDT",))``). Amounts are in the
    quote asset, edges are fractions of what the purchase costs, after depth, fees, slippage and latency.

    After an opportunity the two sides of the books that it eats are left alone until a frame of that book came in later
    than our order can have reached the venue plus ``cooldown_s``: the same levels are not sold twice.
    """

    symbols: Sequence[str] = ()
    min_edge: float = 0.001
    """The least net edge of a whole trade."""
    min_edge_immovable: float = 0.005
    """The same where the asset cannot be moved out of the buying venue or into the selling one, or nobody knows:
    closed deposits are the commonest reason for a spread that stays."""
    max_stock_immovable: float = 5_000.0
    """Such a trade leaves no more of the asset than this on the buying venue."""
    max_edge: float = 0.03
    """A better edge than this is a bad quote or another asset: counted, not taken."""
    max_notional: float = 1_000.0
    """Of one leg."""
    slippage: float = 0.0001
    """How far beyond the last level each order may fill."""
    latency_cost_per_s: float = 0.0002
    """Expected move against each leg in a second of book age and order latency."""
    cooldown_s: float = 0.1
    fee_in_base: bool = True
    """A buyer's fee is taken out of what is bought (Binance, OKX and Bybit do, unless it is paid in another coin)."""

    def __init__(self, **settings: object) -> None:
        """Raises ``ConfigError`` for an unknown setting or a value that makes no sense."""
        name = type(self).__name__
        known = [key for key in SpreadArb.__annotations__ if not key.startswith("_")]
        for key, value in settings.items():
            if key not in known:
                near = get_close_matches(key, known, 1)
                hint = f"did you mean {near[0]!r}?" if near else f"it knows {', '.join(sorted(known))}"
                raise ConfigError(f"strategy {name}: unknown setting {key!r}; {hint}")
            setattr(self, key, value)
        if isinstance(self.symbols, str):
            self.symbols = (self.symbols,)
        if not isinstance(self.symbols, list | tuple) or not all(isinstance(symbol, str) for symbol in self.symbols):
            raise ConfigError(f"strategy {name}: symbols = {self.symbols!r} is not a list of names")
        if not self.symbols:
            raise ConfigError(f'strategy {name}: set symbols, for example symbols = ("BTC-USDT",)')
        self.symbols = tuple(self.symbols)
        for key in known:
            value = getattr(self, key)
            if key == "symbols":
                continue
            if key == "fee_in_base":
                if not isinstance(value, bool):
                    raise ConfigError(f"strategy {name}: fee_in_base = {value!r} is not true or false")
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value) or value < 0:
                raise ConfigError(f"strategy {name}: {key} = {value!r} is not a number of 0 or more")
        if not self.min_edge <= self.max_edge < 1.0:
            raise ConfigError(
                f"strategy {name}: edges are fractions (0.001 = 10 bps); min_edge {self.min_edge} must not be above "
                f"max_edge {self.max_edge}"
            )
        self.seen = 0
        """Crossings that would pay on fresh books of any depth."""
        self.taken = 0
        """Opportunities handed to the engine."""
        self.skipped: Counter[str] = Counter()
        """The other crossings by reason."""
        self.suspect = ""
        """The last edge that was too good to be true."""
        self._markets: dict[str, _Market] = {}

    def instruments(self, catalogue: Catalogue) -> Iterable[Instrument]:
        """The symbols on every venue that has them. Raises ``ConfigError`` for one that fewer than two have."""
        self._markets = {}
        for symbol in self.symbols:
            listed = catalogue.symbol(symbol)
            if len(listed) < 2:
                where = f"only {listed[0].venue} has it" if listed else "no loaded venue has it"
                near = get_close_matches(symbol, {instrument.symbol for instrument in catalogue} - {symbol}, 1)
                hint = f" (did you mean {near[0]}?)" if near and not listed else ""
                raise ConfigError(f"strategy {type(self).__name__}: {symbol} needs two venues, {where}{hint}")
            markets = [_Market(instrument) for instrument in listed]
            self._markets.update((market.id, market) for market in markets)
            for one, other in combinations(markets, 2):
                if _comparable(one.instrument, other.instrument):
                    there, back = _Pair(one, other), _Pair(other, one)
                    one.pairs.append((other, there, back))
                    other.pairs.append((one, back, there))
        return [market.instrument for market in self._markets.values()]

    def decide(self, view: View, touched: Sequence[str], now_ns: int) -> Sequence[Opportunity]:
        """All trades that pay now, no two of them from one side of one book."""
        found: list[tuple[_Pair, Opportunity]] = []
        looked: list[_Pair] = []
        for instrument in touched:
            market = self._markets.get(instrument)
            if market is None or (book := view.book(instrument)) is None:
                continue
            for other, buy_here, sell_here in market.pairs:
                rival = view.book(other.id)
                if rival is None:
                    continue
                if now_ns >= buy_here.fresh_ns:
                    self._refresh(buy_here, view, now_ns)
                    self._refresh(sell_here, view, now_ns)
                if top_ratio(book, rival) > buy_here.hurdle and buy_here not in looked:
                    looked.append(buy_here)
                    self._look(buy_here, book, rival, view, now_ns, found)
                if top_ratio(rival, book) > sell_here.hurdle and sell_here not in looked:
                    looked.append(sell_here)
                    self._look(sell_here, rival, book, view, now_ns, found)
        return self._choose(found, view, now_ns) if found else ()

    def _look(
        self, pair: _Pair, asks: Book, bids: Book, view: View, now_ns: int, found: list[tuple[_Pair, Opportunity]]
    ) -> None:
        """The top of the books crosses: find out what can be had of it."""
        buy, sell = pair.buy.instrument, pair.sell.instrument
        terms = pair.terms
        if view.taker_fee(buy.id) != terms.buy_fee or view.taker_fee(sell.id) != terms.sell_fee:
            self._refresh(pair, view, now_ns)
            terms = pair.terms
        ratio = top_ratio(asks, bids)
        if ratio <= pair.hurdle:
            return
        self.seen += 1
        why = ""
        if ratio > pair.ceiling:
            why = "too good"
            self.suspect = f"{buy.id} -> {sell.id}: bid {ratio - 1.0:.2%} above ask"
        elif not pair.tradable:
            why = "halted"
        elif asks.recv_ns < pair.buy.asks_from_ns or bids.recv_ns < pair.sell.bids_from_ns:
            why = "cooldown"
        elif not (view.may_trade(buy.venue) and view.may_trade(sell.venue)):
            why = "venue not ready"
        if why:
            self.skipped[why] += 1
            return
        quote, base, notional = _means(view, buy, sell)
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

    def _choose(self, found: list[tuple[_Pair, Opportunity]], view: View, now_ns: int) -> Sequence[Opportunity]:
        """The best first; what would eat the same side of a book again waits."""
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
            chosen.append(opportunity)
        self.taken += len(chosen)
        return chosen

    def _refresh(self, pair: _Pair, view: View, now_ns: int) -> None:
        """Read again what changes seldom."""
        for market in (pair.buy, pair.sell):
            market.instrument = view.catalogue.get(market.id) or market.instrument
        buy, sell = pair.buy.instrument, pair.sell.instrument
        pair.tradable = buy.tradable and sell.tradable
        pair.movable = _movable(view, buy, sell)
        pair.least_edge = self.min_edge if pair.movable else max(self.min_edge, self.min_edge_immovable)
        pair.terms = Terms.between(
            view, buy, sell, slippage=self.slippage, cost_per_s=self.latency_cost_per_s, fee_in_base=self.fee_in_base
        )
        pair.hurdle = pair.terms.hurdle(pair.least_edge)
        pair.ceiling = pair.terms.hurdle(self.max_edge)
        pair.fresh_ns = now_ns + _FRESH_NS


def _comparable(one: Instrument, other: Instrument) -> bool:
    """The same thing for the same money: USDT, USDC and USD are three."""
    return (one.base, one.quote, one.kind, one.multiplier, one.settle) == (
        other.base,
        other.quote,
        other.kind,
        other.multiplier,
        other.settle,
    ) and one.venue != other.venue


def _means(view: View, buy: Instrument, sell: Instrument) -> tuple[float, float, float]:
    """(free quote to buy with, free base to sell, notional that the limits allow), less the headroom for an unwind:
    buying back what was sold takes some quote at the selling venue as well."""
    return (
        float(view.free(buy.id, buy.quote)) * (1.0 - _HEADROOM),
        float(view.free(sell.id, sell.base)),
        min(
            float(min(view.room(buy.id), view.room(sell.id))) * (1.0 - _HEADROOM),
            float(view.free(sell.id, sell.quote)) / _HEADROOM,
        ),
    )


def _movable(view: View, buy: Instrument, sell: Instrument) -> bool:
    """What piles up where it is bought can be brought to where it is sold, for certain."""
    return (
        view.movable(buy.venue, buy.base, "withdraw") is True and view.movable(sell.venue, sell.base, "deposit") is True
    )


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
    )
