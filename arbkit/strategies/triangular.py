"""The triangular strategy: three trades on one venue that end in the asset where they began, with more of it.

``TriangularArb`` finds all cycles of three pairs in the catalogue. Each pair keeps its best prices as two rates (sold,
bought); a changed book changes its own two, and only the cycles of that pair are looked at again: a product of three
numbers each. What passes is worked out over the depth of the books (``cycle.around``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from itertools import combinations
from math import inf

from arbkit.core.errors import ConfigError
from arbkit.core.market.book import Book
from arbkit.core.protocols import Strategy, View
from arbkit.core.settings import AtLeast0, Share, WrongSettings
from arbkit.core.types import Catalogue, Idle, Instrument, Leg, Opportunity, Side, plain
from arbkit.strategies.cycle import Hop, Trip, around

__all__ = ["TriangularArb"]

_FRESH_NS = 1_000_000_000
"""Fees, rules and latencies are read again after this time."""
_HEADROOM = 0.04
"""Share of balances and limits that stays free, because a deal also reserves its worst unwind."""
_TOLD = 50
"""So many cycles say why they are not traded: those with the best prices."""


class _Pair:
    """One instrument: what the best prices give on the way over it, in both directions."""

    __slots__ = ("bought", "fresh_ns", "id", "instrument", "sold", "ways")

    def __init__(self, instrument: Instrument) -> None:
        self.id = instrument.id
        self.instrument = instrument
        self.fresh_ns = 0
        self.sold = _Way(self, Side.SELL)
        self.bought = _Way(self, Side.BUY)
        self.ways: list[_Cycle] = []
        """The cycles over it, in both directions."""


class _Way:
    """One direction over a pair."""

    __slots__ = ("factor", "free_ns", "hop", "pair", "rate", "side")

    def __init__(self, pair: _Pair, side: Side) -> None:
        self.pair = pair
        self.side = side
        self.hop = Hop(side=side, fee=0.0)
        self.factor = 0.0
        """What fee, slippage and usual penalty leave."""
        self.rate = 0.0
        """What a unit of the spent asset brings at the best price, after costs; 0 = not known."""
        self.free_ns = 0
        """From when this side of the book may be used again after a trade of ours."""


class _Cycle:
    """Three ways that begin and end in ``home``."""

    __slots__ = ("first", "home", "second", "third", "ways")

    def __init__(self, home: str, ways: tuple[_Way, _Way, _Way]) -> None:
        self.home = home
        self.ways = ways
        self.first, self.second, self.third = ways

    @property
    def rate(self) -> float:
        return self.first.rate * self.second.rate * self.third.rate

    @property
    def venue(self) -> str:
        return self.first.pair.instrument.venue

    def __str__(self) -> str:
        return " > ".join(f"{way.side.value} {way.pair.instrument.symbol}" for way in self.ways)


class TriangularArb(Strategy):
    """Trades around three pairs of one venue, all legs at once or one after the other.

    Subclass it and set attributes, or pass them by name (``TriangularArb(assets=("USDT", "BTC", "ETH"))``). Amounts are
    in the asset where a cycle begins. Edges are fractions of what is spent there, after depth, fees, slippage and
    latency penalty.

    After an opportunity the three book sides that it used are not used again until a book update arrives that is later
    than the expected arrival of our order at the venue plus ``cooldown_s``. So the same levels are not traded twice.
    """

    venues: Sequence[str] = ()
    """Only these venues; none = all."""
    assets: Sequence[str] = ()
    """Only cycles of these assets; none = all. A venue lists thousands of pairs: name the assets that you mean."""
    homes: Sequence[str] = ("USDT", "USDC", "USD")
    """A cycle begins and ends in the first of these assets that it has; one without any is left out. They should be
    worth about the same, because amounts are in them."""
    min_edge: Share = 0.0005
    """Minimum net edge of a trade."""
    max_edge: Share = 0.03
    """A larger edge is probably a wrong quote. It is counted and not traded."""
    max_notional: AtLeast0 = 1_000.0
    """The most that is spent of the asset where a cycle begins."""
    slippage: Share = 0.0001
    """How far beyond the last level used each order may fill, as a fraction of price."""
    latency_cost_per_s: AtLeast0 = 0.0002
    """Expected price move against each leg per second of book age and order latency, as a fraction of price."""
    cooldown_s: AtLeast0 = 0.1
    """See the class."""
    one_by_one: bool = False
    """The legs go out one after the other, each for what the one before has brought: only the first asset has to be
    there, and prices can move meanwhile. False: all at once, with a balance of each asset."""

    def __init__(self, **settings: object) -> None:
        """Raises ``ConfigError`` for an unknown setting or an invalid value."""
        super().__init__(**settings)
        if self.min_edge > self.max_edge:
            raise WrongSettings(type(self), {"min_edge": f"must not be above max_edge, which is {self.max_edge}"})
        self.seen = 0
        """Number of looks above the minimum edge, before depth."""
        self.taken = 0
        """Number of opportunities returned to the engine."""
        self.skipped: Counter[str] = Counter()
        """Number of the other looks, by reason."""
        self._pairs: dict[str, _Pair] = {}
        self._cycles: list[_Cycle] = []

    def instruments(self, catalogue: Catalogue) -> Iterable[Instrument]:
        """The instruments of all cycles. Raises ``ConfigError`` if there is none."""
        self._pairs, self._cycles = {}, []
        by_venue: dict[str, list[Instrument]] = {}
        for one in catalogue:
            wanted = not self.assets or (one.base in self.assets and one.quote in self.assets)
            if wanted and one.kind == "spot" and (not self.venues or one.venue in self.venues):
                by_venue.setdefault(one.venue, []).append(one)
        for listed in by_venue.values():
            for home, three in _triangles(listed, self.homes):
                self._add(home, three)
        if not self._cycles:
            raise ConfigError(f"strategy {type(self).__name__}: {self._no_cycle(catalogue)}")
        return [pair.instrument for pair in self._pairs.values()]

    def _no_cycle(self, catalogue: Catalogue) -> str:
        known = {one.venue for one in catalogue}
        for venue in self.venues:
            if venue not in known:
                return f"no venue {venue!r} is loaded; there are {', '.join(sorted(known)) or 'none'}"
        listed = {asset for one in catalogue for asset in (one.base, one.quote)}
        for asset in self.assets:
            if asset not in listed:
                near = get_close_matches(asset.upper(), listed, 1)
                return f"no venue lists {asset!r}" + (f", did you mean {near[0]!r}?" if near else "")
        what = f" of {', '.join(self.assets)}" if self.assets else ""
        return f"no venue has three pairs{what} that form a cycle with one of {', '.join(self.homes)}"

    def _add(self, home: str, three: Sequence[Instrument]) -> None:
        pairs = [self._pairs.setdefault(one.id, _Pair(one)) for one in three]
        here, ways = home, []
        for pair in pairs:
            selling = pair.instrument.base == here
            ways.append(pair.sold if selling else pair.bought)
            here = pair.instrument.quote if selling else pair.instrument.base
        back = [way.pair.bought if way.side is Side.SELL else way.pair.sold for way in reversed(ways)]
        for there in (ways, back):
            cycle = _Cycle(home, (there[0], there[1], there[2]))
            self._cycles.append(cycle)
            for pair in pairs:
                pair.ways.append(cycle)

    def decide(self, view: View, touched: Sequence[str], now_ns: int) -> Sequence[Opportunity]:
        """All profitable trades, at most one per side of a book."""
        found: list[tuple[_Cycle, Opportunity]] = []
        looked: list[_Cycle] = []
        hurdle = 1.0 + self.min_edge
        for instrument in touched:
            pair = self._pairs.get(instrument)
            if pair is None:
                continue
            sold, bought = pair.sold, pair.bought
            book = view.book(instrument)
            if book is None:
                sold.rate = bought.rate = 0.0
                continue
            if now_ns >= pair.fresh_ns:
                self._refresh(pair, view, now_ns)
            sold.rate = book.bid_px * sold.factor
            bought.rate = bought.factor / book.ask_px
            for cycle in pair.ways:
                rate = cycle.first.rate * cycle.second.rate * cycle.third.rate
                if rate > hurdle and cycle not in looked:
                    looked.append(cycle)
                    if (opportunity := self._look(cycle, view, now_ns)) is not None:
                        found.append((cycle, opportunity))
        return self._choose(found, view, now_ns) if found else ()

    def reasons(self, view: View, now_ns: int) -> Iterable[Idle]:
        """For the cycles with the best prices, why they are not traded now."""
        best = sorted(self._cycles, key=lambda cycle: -cycle.rate)[:_TOLD]
        for cycle in best:
            reason, text = self._why(cycle, view, now_ns)
            yield Idle(instruments=[way.pair.id for way in cycle.ways], reason=reason, text=text)

    def _refresh(self, pair: _Pair, view: View, now_ns: int) -> None:
        """Read rules, fees and latencies again."""
        one = pair.instrument = view.catalogue.get(pair.id) or pair.instrument
        pair.fresh_ns = now_ns + _FRESH_NS
        fee = max(view.taker_fee(one.id), 0.0)
        delay = self.latency_cost_per_s * 1e-9 * view.latency_ns(one.venue)
        for way in (pair.sold, pair.bought):
            way.hop = Hop(
                side=way.side,
                fee=fee,
                fee_beside=one.fee_in_quote,
                fee_elsewhere=not one.fee_in_quote and not view.fee_in_base(one.id),
                slippage=self.slippage,
                penalty=delay,
                lot=float(one.lot),
                min_qty=float(one.min_qty),
                min_notional=float(one.min_notional),
                max_qty=inf if one.max_qty is None else float(one.max_qty),
            )
            way.factor = way.hop.kept * (way.hop.rate(1.0))

    def _look(self, cycle: _Cycle, view: View, now_ns: int) -> Opportunity | None:
        """The best prices pay: compute the best trade, or count why there is none."""
        for way in cycle.ways:
            if now_ns >= way.pair.fresh_ns or view.taker_fee(way.pair.id) != way.hop.fee:
                self._refresh(way.pair, view, now_ns)
        self.seen += 1
        reason, _ = self._state(cycle, view) or ("", "")
        if reason:
            self.skipped[reason] += 1
            return None
        books = self._books(cycle, view)
        if any(book.recv_ns < way.free_ns for book, way in zip(books, cycle.ways, strict=True)):
            self.skipped["cooldown"] += 1
            return None
        trip = self._trip(cycle, books, view, now_ns)
        if trip is None:
            self.skipped[self._means(cycle, view) or "thin"] += 1
            return None
        if trip.edge > self.max_edge:
            self.skipped["too good"] += 1
            return None
        return self._opportunity(cycle, trip, now_ns)

    @staticmethod
    def _books(cycle: _Cycle, view: View) -> list[Book]:
        return [book for way in cycle.ways if (book := view.book(way.pair.id)) is not None]

    def _trip(self, cycle: _Cycle, books: Sequence[Book], view: View, now_ns: int) -> Trip | None:
        """The best trade by depth, balances and limits."""
        hops = []
        for place, (way, book) in enumerate(zip(cycle.ways, books, strict=True)):
            one = way.pair.instrument
            spent = one.base if way.side is Side.SELL else one.quote
            most = float(view.free(one.id, spent)) * (1.0 - _HEADROOM)
            if place == 0:
                most = min(most, self.max_notional)
            elif self.one_by_one:
                most = inf
            later = place if self.one_by_one else 0
            age_ns = book.age_ns(now_ns) + (1 + later) * view.latency_ns(one.venue)
            hops.append(
                Hop(
                    side=way.side,
                    fee=way.hop.fee,
                    fee_beside=way.hop.fee_beside,
                    fee_elsewhere=way.hop.fee_elsewhere,
                    slippage=self.slippage,
                    penalty=self.latency_cost_per_s * 1e-9 * age_ns,
                    lot=way.hop.lot,
                    min_qty=way.hop.min_qty,
                    min_notional=way.hop.min_notional,
                    max_qty=way.hop.max_qty,
                    most_spent=most,
                    most_notional=float(view.room(one.id, 3)) * (1.0 - _HEADROOM),
                )
            )
        return around(books, hops, least_edge=self.min_edge)

    def _opportunity(self, cycle: _Cycle, trip: Trip, now_ns: int) -> Opportunity:
        legs = []
        for place, (way, qty, px) in enumerate(zip(cycle.ways, trip.qtys, trip.pxs, strict=True)):
            further = 1.0 + self.slippage if way.side is Side.BUY else 1.0 - self.slippage
            wave = place if self.one_by_one else 0
            legs.append(Leg(instrument=way.pair.id, side=way.side, qty=qty, px=px * further, wave=wave))
        hops = [way.hop for way in cycle.ways]
        return Opportunity(
            legs=legs,
            expected_net=trip.net,
            asset=cycle.home,
            edge=trip.edge,
            seen_ns=now_ns,
            note=str(cycle),
            fees=trip.spent * sum(hop.fee for hop in hops),
            slippage=trip.spent * sum(hop.slippage for hop in hops),
            penalty=trip.spent * sum(hop.penalty for hop in hops),
        )

    def _choose(self, found: list[tuple[_Cycle, Opportunity]], view: View, now_ns: int) -> Sequence[Opportunity]:
        """Sort by profit and drop trades that would use a book side again."""
        found.sort(key=lambda item: -item[1].edge)
        chosen: list[Opportunity] = []
        cooldown = int(self.cooldown_s * 1e9)
        for cycle, opportunity in found:
            if any(way.free_ns > now_ns for way in cycle.ways):
                self.skipped["cooldown"] += 1
                continue
            for way in cycle.ways:
                way.free_ns = now_ns + 1 + view.latency_ns(cycle.venue) + cooldown
            chosen.append(opportunity)
        self.taken += len(chosen)
        return chosen

    # --- why not ------------------------------------------------------------------------------------------------------

    def _state(self, cycle: _Cycle, view: View) -> tuple[str, str] | None:
        """What no price can change."""
        if not view.may_trade(cycle.venue):
            return "venue", f"{cycle.venue} is not ready"
        for way in cycle.ways:
            one = way.pair.instrument
            if not one.tradable:
                return "halted", f"{one.id} is {one.status or 'not tradable'}"
            if why := view.refused(one.id, way.side):
                return "refused", f"{way.side.value} {one.id} {why}"
            if view.book(one.id) is None:
                way.rate = 0.0
                return "book", f"{one.id} has no trusted book"
        return None

    def _means(self, cycle: _Cycle, view: View) -> str:
        """Which of balance and limits is in the way; "" = neither."""
        for place, way in enumerate(cycle.ways):
            one = way.pair.instrument
            spent = one.base if way.side is Side.SELL else one.quote
            free = float(view.free(one.id, spent)) if place == 0 or not self.one_by_one else inf
            least = way.hop.min_qty if way.side is Side.SELL else way.hop.min_notional
            if free <= least:
                return "balance"
            if float(view.room(one.id, 3)) <= way.hop.min_notional:
                return "limit"
        return ""

    def _why(self, cycle: _Cycle, view: View, now_ns: int) -> tuple[str, str]:
        """The reason why a cycle is not traded now, as a word and a text."""
        if state := self._state(cycle, view):
            return state
        if not cycle.rate:
            return "book", "a book has just come"
        now = f"{cycle}: the edge is {cycle.rate - 1.0:.3%} at the best prices"
        means = self._means(cycle, view)
        if means == "balance":
            held = ", ".join(
                f"{plain(view.free(way.pair.id, asset))} {asset}"
                for way in cycle.ways
                for asset in (way.pair.instrument.base if way.side is Side.SELL else way.pair.instrument.quote,)
            )
            return means, f"{cycle.venue} has {held}; all three have to be there, or one_by_one = true"
        if means:
            return means, f"the limits leave less than the smallest order for a leg of {cycle}"
        if cycle.rate <= 1.0 + self.min_edge:
            return "fees", f"{now}, after fees and slippage; it needs {self.min_edge:.3%}"
        books = self._books(cycle, view)
        if any(book.recv_ns < way.free_ns for book, way in zip(books, cycle.ways, strict=True)):
            return "cooldown", "after the last trade the books are waited for"
        trip = self._trip(cycle, books, view, now_ns)
        if trip is None:
            return "thin", f"{now}, but the levels hold less than the smallest order, or it is gone after their age"
        return ("too good", now) if trip.edge > self.max_edge else ("", now)


def _triangles(listed: Sequence[Instrument], homes: Sequence[str]) -> Iterator[tuple[str, list[Instrument]]]:
    """Each three pairs of one venue that form a cycle, in the order of the way from ``home``."""
    between: dict[frozenset[str], Instrument] = {}
    beside: dict[str, dict[str, None]] = {}
    for one in listed:
        between.setdefault(frozenset((one.base, one.quote)), one)
        beside.setdefault(one.base, {})[one.quote] = None
        beside.setdefault(one.quote, {})[one.base] = None
    for place, home in enumerate(homes):
        before = homes[:place]
        around_it = [asset for asset in beside.get(home, ()) if asset not in before]
        for one_, other in combinations(around_it, 2):
            third = between.get(frozenset((one_, other)))
            if third is not None:
                yield home, [between[frozenset((home, one_))], third, between[frozenset((home, other))]]
