"""The quotes of all simulated venues: one recorded tape with a small offset per venue, and planted edges.

``World`` owns the ``Market`` and ticks it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import ceil
from random import Random
from typing import Final

from arbkit.sim.tape import Track
from arbkit.sim.timers import Timers
from arbkit.sim.venue import SimExchange

__all__ = ["MAKER", "Divergence", "PlantedEdge", "Market"]

MAKER: Final = "maker"
"""The synthetic account that quotes the tape on each venue."""
_REFILL_NS: Final = 400_000_000


@dataclass(frozen=True, slots=True)
class Divergence:
    """How much and how often the prices of the venues differ: fractions of the price, and seconds."""

    noise: float = 0.0003
    """Each venue drifts within plus or minus this. Twice this must be less than two taker fees, or the drift itself
    makes edges."""
    step_s: float = 2.0
    """Mean time between two drift steps of one venue's price."""
    edge_every_s: float = 0.0
    """Mean time between two randomly planted edges on a symbol; 0 = only edges planted with ``Market.plant``."""
    edge: tuple[float, float] = (0.001, 0.004)
    """Range of the net edge, after both taker fees."""
    lasting_s: tuple[float, float] = (0.15, 1.5)


@dataclass(slots=True)
class PlantedEdge:
    """A planted edge: buy at ``buy_venue``, sell at ``sell_venue``. ``net`` is the gain at the best prices, as a
    fraction, after both taker fees."""

    symbol: str
    buy_venue: str
    sell_venue: str
    net: float
    start_ns: int
    end_ns: int
    begun_ns: int = 0
    """When the books changed."""
    ended_ns: int = 0
    shown_ns: dict[str, int] = field(default_factory=dict)
    """When the first book frame with the edge was sent, by venue."""
    gone_ns: dict[str, int] = field(default_factory=dict)
    """When the first book frame after its end was sent, by venue."""


class _Quoter:
    """Quotes one pair on one venue for the synthetic account: the tape, shifted by some ticks."""

    __slots__ = ("asks", "bids", "drift", "exchange", "frame", "lap_ns", "shift", "symbol", "track")

    def __init__(self, exchange: SimExchange, symbol: str, track: Track, start_ns: int) -> None:
        self.exchange = exchange
        self.symbol = symbol
        self.track = track
        self.bids = dict(track.bids)
        self.asks = dict(track.asks)
        self.shift = 0
        self.drift = 0.0
        self.frame = 0
        self.lap_ns = start_ns
        for buy, px, lots in self._all():
            exchange.quote(MAKER, symbol, buy, px, lots, start_ns)

    def play(self, now_ns: int) -> int:
        """Apply the frames that are due and return the time of the next one."""
        frames = self.track.frames
        while (due_ns := self.lap_ns + frames[self.frame][0]) <= now_ns:
            _, bids, asks = frames[self.frame]
            self.bids.update(bids)
            self.asks.update(asks)
            self._quote([(True, px, lots) for px, lots in bids] + [(False, px, lots) for px, lots in asks], now_ns)
            self.frame += 1
            if self.frame == len(frames):
                self.frame = 0
                self.lap_ns += self.track.length_ns
        return due_ns

    def move(self, shift: int, now_ns: int) -> None:
        """Move all quotes to ``shift`` ticks from the tape."""
        if shift == self.shift:
            return
        old = [(buy, px) for buy, px, lots in self._all() if lots]
        self.shift = shift
        new = {(buy, px): lots for buy, px, lots in self._all() if lots}
        gone = [(buy, px - shift, 0) for buy, px in old if (buy, px) not in new]
        self._quote(gone + [(buy, px - shift, lots) for (buy, px), lots in new.items()], now_ns)

    def refill(self, eaten: Sequence[tuple[bool, int]], now_ns: int) -> None:
        """Quote consumed levels again, if the tape still has them."""
        levels = [(buy, px - self.shift) for buy, px in eaten]
        self._quote([(buy, px, (self.bids if buy else self.asks).get(px, 0)) for buy, px in levels], now_ns)

    def _quote(self, levels: Sequence[tuple[bool, int, int]], now_ns: int) -> None:
        """Remove levels first, then add, so that new quotes never cross old ones."""
        quote, symbol, shift = self.exchange.quote, self.symbol, self.shift
        for buy, px, lots in levels:
            if not lots:
                quote(MAKER, symbol, buy, px + shift, 0, now_ns)
        for buy, px, lots in levels:
            if lots:
                quote(MAKER, symbol, buy, px + shift, lots, now_ns)

    def _all(self) -> list[tuple[bool, int, int]]:
        return [(True, px + self.shift, lots) for px, lots in self.bids.items()] + [
            (False, px + self.shift, lots) for px, lots in self.asks.items()
        ]


class Market:
    """Changes the synthetic quotes of all venues: tape, drift, planted edges, refills."""

    def __init__(
        self,
        exchanges: Mapping[str, SimExchange],
        tracks: Mapping[tuple[str, str], Track],
        start_ns: int,
        divergence: Divergence,
        rng: Random,
    ) -> None:
        """``tracks``: by (venue, symbol)."""
        self.edges: list[PlantedEdge] = []
        """All planted edges, in the order of planting."""
        self._rng = rng
        self._divergence = divergence
        self._timers = Timers()
        self._quoters: dict[tuple[str, str], _Quoter] = {}
        self._active: dict[str, PlantedEdge] = {}
        for (venue, symbol), tape in tracks.items():
            quoter = self._quoters[venue, symbol] = _Quoter(exchanges[venue], symbol, tape, start_ns)
            self._play(quoter, start_ns)
            if divergence.noise:
                self._timers.at(self._soon(start_ns, divergence.step_s), self._drifter(quoter))
        if divergence.edge_every_s:
            for symbol in sorted({symbol for _, symbol in tracks}):
                self._timers.at(self._soon(start_ns, divergence.edge_every_s), self._planter(symbol))

    @property
    def due_ns(self) -> int:
        return self._timers.due_ns

    def tick(self, now_ns: int) -> None:
        """Do what is due."""
        self._timers.tick(now_ns)

    def eaten(self, exchange: SimExchange, now_ns: int) -> None:
        """Schedule the refill of the synthetic quotes that takers consumed."""
        for symbol, levels in exchange.eaten.items():
            if levels:
                quoter, taken = self._quoters[exchange.name, symbol], list(levels)
                levels.clear()
                self._timers.at(now_ns + _REFILL_NS, partial(quoter.refill, taken))

    def plant(
        self, symbol: str, buy_venue: str, sell_venue: str, net: float, start_ns: int, duration_ns: int
    ) -> PlantedEdge:
        """Open an edge at ``start_ns``: half of it lowers the buying venue's prices, half raises the selling venue's.

        ``net`` is a fraction at the best prices, after both venues' default taker fees. Raises ``ValueError`` if the
        symbol has another edge at that time. A third venue's price lies between, so there can be a smaller edge to it.
        """
        end_ns = start_ns + duration_ns
        if self._taken(symbol, start_ns, end_ns):
            raise ValueError(f"{symbol} already has a planted edge between {start_ns} and {end_ns}")
        for venue in (buy_venue, sell_venue):
            if (venue, symbol) not in self._quoters:
                raise ValueError(f"{venue} has no {symbol}")
        edge = PlantedEdge(symbol, buy_venue, sell_venue, net, start_ns, end_ns)
        self.edges.append(edge)
        self._timers.at(start_ns, lambda now: self._begin(edge, now))
        self._timers.at(end_ns, lambda now: self._end(edge, now))
        return edge

    def _taken(self, symbol: str, start_ns: int, end_ns: int) -> bool:
        return any(e.symbol == symbol and start_ns < e.end_ns and e.start_ns < end_ns for e in self.edges)

    def net(self, symbol: str, buy_venue: str, sell_venue: str) -> float:
        """The present edge at the best prices, as a fraction, after both default taker fees."""
        buy, sell = self._quoters[buy_venue, symbol].exchange, self._quoters[sell_venue, symbol].exchange
        ask = buy.books[symbol].top()[2] * float(buy.pairs[symbol].tick)
        bid = sell.books[symbol].top()[0] * float(sell.pairs[symbol].tick)
        if not ask or not bid:
            return -1.0
        cost = ask * (1 + float(buy.profile.taker))
        return (bid * (1 - float(sell.profile.taker)) - cost) / ask

    def shown(self, venue: str, symbol: str, now_ns: int) -> None:
        """A book frame of ``symbol`` was sent: record its time on the edge that it shows the start or the end of."""
        edge = self._active.get(symbol)
        if edge is None or venue not in (edge.buy_venue, edge.sell_venue):
            return
        (edge.gone_ns if edge.ended_ns else edge.shown_ns).setdefault(venue, now_ns)

    def _play(self, quoter: _Quoter, now_ns: int) -> None:
        self._timers.at(quoter.play(now_ns), lambda now: self._play(quoter, now))

    def _drifter(self, quoter: _Quoter) -> Callable[[int], None]:
        def drift(now_ns: int) -> None:
            noise = self._divergence.noise
            step = self._rng.uniform(-noise, noise) / 2
            quoter.drift = min(noise, max(-noise, quoter.drift + step))
            edge = self._active.get(quoter.symbol)
            if edge is None or edge.ended_ns:
                quoter.move(self._rest(quoter), now_ns)
            self._timers.at(self._soon(now_ns, self._divergence.step_s), drift)

        return drift

    def _planter(self, symbol: str) -> Callable[[int], None]:
        def plant(now_ns: int) -> None:
            plan = self._divergence
            venues = [venue for venue, of in self._quoters if of == symbol]
            buy, sell = self._rng.sample(venues, 2) if len(venues) > 1 else ("", "")
            lasting = round(self._rng.uniform(*plan.lasting_s) * 1e9)
            if buy and not self._taken(symbol, now_ns, now_ns + lasting + 1):
                self.plant(symbol, buy, sell, self._rng.uniform(*plan.edge), now_ns + 1, lasting)
            self._timers.at(self._soon(now_ns + lasting, plan.edge_every_s), plant)

        return plant

    def _soon(self, now_ns: int, mean_s: float) -> int:
        return now_ns + round(mean_s * self._rng.uniform(0.5, 1.5) * 1e9)

    @staticmethod
    def _rest(quoter: _Quoter) -> int:
        return round(quoter.drift * max(quoter.track.bids))

    def _begin(self, edge: PlantedEdge, now_ns: int) -> None:
        self._active[edge.symbol] = edge
        edge.begun_ns = now_ns
        buy, sell = (self._quoters[venue, edge.symbol] for venue in (edge.buy_venue, edge.sell_venue))
        buy_tick, sell_tick = (float(q.exchange.pairs[edge.symbol].tick) for q in (buy, sell))
        ask = buy.exchange.books[edge.symbol].top()[2] * buy_tick
        bid = sell.exchange.books[edge.symbol].top()[0] * sell_tick
        pay = 1 + float(buy.exchange.profile.taker) + edge.net
        keep = 1 - float(sell.exchange.profile.taker)
        half = (ask * pay - bid * keep) / (pay + keep)  # (bid + half) * keep == (ask - half) * pay
        buy.move(buy.shift - ceil(half / buy_tick), now_ns)
        sell.move(sell.shift + ceil(half / sell_tick), now_ns)

    def _end(self, edge: PlantedEdge, now_ns: int) -> None:
        edge.ended_ns = now_ns
        for venue in (edge.buy_venue, edge.sell_venue):
            quoter = self._quoters[venue, edge.symbol]
            quoter.move(self._rest(quoter), now_ns)
