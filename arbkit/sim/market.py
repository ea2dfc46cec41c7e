"""The quotes of all simulated venues: an order flow per venue and symbol, and planted edges.

``World`` owns the ``Market`` and ticks it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import ceil, prod
from random import Random
from typing import Final

from arbkit.sim.flow import Flow
from arbkit.sim.price import DOLLARS, STEP_NS
from arbkit.sim.timers import NEVER, Timers
from arbkit.sim.venue import SimExchange

__all__ = ["MAKER", "Divergence", "PlantedEdge", "Market"]

MAKER: Final = "maker"
"""The synthetic account that quotes on each venue."""
_REFILL_NS: Final = 400_000_000


@dataclass(frozen=True, slots=True)
class Divergence:
    """How much and how often the prices of the venues differ: fractions of the price, and seconds."""

    noise: float = 0.0003
    """Each venue differs from the common price by at most this, apart from its lag. Twice this, plus 0.0006 for the
    lag, must be less than two taker fees. Otherwise the differences are edges."""
    step_s: float = 2.0
    """Mean time between two changes of one venue's difference."""
    edge_every_s: float = 0.0
    """Mean time between two randomly planted edges on a symbol; 0 = only edges planted with ``Market.plant``."""
    edge: tuple[float, float] = (0.001, 0.004)
    """Range of the net edge, after both taker fees."""
    lasting_s: tuple[float, float] = (0.15, 1.5)
    cycle_every_s: float = 0.0
    """Mean time between two randomly planted edges around three pairs of one venue, for each pair that is no dollar
    pair; 0 = only those planted with ``Market.plant_cycle``. ``edge`` and ``lasting_s`` are theirs too."""
    pace: float = 1.0
    """Multiplies the number of changes of each book."""


@dataclass(slots=True)
class PlantedEdge:
    """A planted edge: buy at ``buy_venue``, sell at ``sell_venue``. ``net`` is the gain at the best prices, as a
    fraction, after the taker fees. One around three pairs has both venues equal, and a dollar asset as ``home``."""

    symbol: str
    buy_venue: str
    sell_venue: str
    net: float
    start_ns: int
    end_ns: int
    home: str = ""
    """Around three pairs: the asset with which the way begins and ends. The price of ``symbol`` is what moves."""
    begun_ns: int = 0
    """When the books changed."""
    ended_ns: int = 0
    shown_ns: dict[str, int] = field(default_factory=dict)
    """When the first book frame with the edge was sent, by venue."""
    gone_ns: dict[str, int] = field(default_factory=dict)
    """When the first book frame after its end was sent, by venue."""


class _Quoter:
    """Quotes the flow of one pair on one venue for the synthetic account."""

    __slots__ = ("exchange", "flow", "next_ns", "stopped", "symbol")

    def __init__(self, exchange: SimExchange, symbol: str, flow: Flow, start_ns: int) -> None:
        self.exchange = exchange
        self.symbol = symbol
        self.flow = flow
        self.next_ns = start_ns + flow.offset_ns
        self.stopped = False
        exchange.requote(MAKER, symbol, flow.levels(), start_ns)

    def play(self, now_ns: int) -> int:
        """Apply the steps that are due and return the time of the next one."""
        if self.stopped:
            return NEVER
        while self.next_ns <= now_ns:
            levels = self.flow.step()
            for buy, px, lots in self.flow.trades:
                self.exchange.take(MAKER, self.symbol, buy, px, lots, now_ns)
            if levels:
                self.exchange.requote(MAKER, self.symbol, levels, now_ns)
            self.next_ns += STEP_NS
        return self.next_ns

    def jump(self, ticks: int, now_ns: int) -> None:
        """Move the best prices and keep them there."""
        self.flow.jump(ticks)
        self.exchange.requote(MAKER, self.symbol, self.flow.take(), now_ns)

    def settle(self, now_ns: int) -> None:
        """Return to the venue's price."""
        self.flow.settle()
        self.exchange.requote(MAKER, self.symbol, self.flow.take(), now_ns)

    def refill(self, eaten: Sequence[tuple[bool, int]], now_ns: int) -> None:
        """Quote consumed levels again, if the flow still has them."""
        levels = [(buy, px, self.flow.lots(buy, px)) for buy, px in eaten]
        self.exchange.requote(MAKER, self.symbol, levels, now_ns)


class Market:
    """Changes the synthetic quotes of all venues: flow, planted edges, refills."""

    def __init__(
        self,
        exchanges: Mapping[str, SimExchange],
        flows: Mapping[tuple[str, str], Flow],
        start_ns: int,
        divergence: Divergence,
        rng: Random,
    ) -> None:
        """``flows``: by (venue, symbol)."""
        self.edges: list[PlantedEdge] = []
        """All planted edges, in the order of planting."""
        self._rng = rng
        self._divergence = divergence
        self._timers = Timers()
        self._quoters: dict[tuple[str, str], _Quoter] = {}
        self._active: dict[str, PlantedEdge] = {}
        self._planted: dict[str, list[PlantedEdge]] = {symbol: [] for _, symbol in flows}
        """The edges that have not ended, by symbol."""
        for (venue, symbol), flow in flows.items():
            quoter = self._quoters[venue, symbol] = _Quoter(exchanges[venue], symbol, flow, start_ns)
            self._play(quoter, start_ns)
        if divergence.edge_every_s:
            for symbol in sorted({symbol for _, symbol in flows}):
                self._timers.at(self._soon(start_ns, divergence.edge_every_s), self._planter(symbol))
        if divergence.cycle_every_s:
            for venue, symbol in sorted(flows):
                if self._homes(venue, symbol):
                    self._timers.at(self._soon(start_ns, divergence.cycle_every_s), self._around(venue, symbol))

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
        self._planted[symbol].append(edge)
        self._timers.at(start_ns, lambda now: self._begin(edge, now))
        self._timers.at(end_ns, lambda now: self._end(edge, now))
        return edge

    def plant_cycle(
        self, venue: str, symbol: str, net: float, start_ns: int, duration_ns: int, *, up: bool = True
    ) -> PlantedEdge:
        """Open an edge around three pairs of one venue at ``start_ns``: ``symbol`` (ETH-BTC) gets dearer (``up``) or
        cheaper than its two assets are in dollars.

        ``net`` is a fraction at the best prices, after three default taker fees. Raises ``ValueError`` if both assets
        have no pair with the same dollar asset there, or if the symbol has another edge at that time.
        """
        end_ns = start_ns + duration_ns
        if self._taken(symbol, start_ns, end_ns):
            raise ValueError(f"{symbol} already has a planted edge between {start_ns} and {end_ns}")
        homes = self._homes(venue, symbol)
        if not homes:
            raise ValueError(f"{venue} has no pairs around {symbol} with one dollar asset")
        edge = PlantedEdge(symbol, venue, venue, net, start_ns, end_ns, home=homes[0])
        self.edges.append(edge)
        self._planted[symbol].append(edge)
        self._timers.at(start_ns, lambda now: self._begin_cycle(edge, up, now))
        self._timers.at(end_ns, lambda now: self._end(edge, now))
        return edge

    def cycle_net(self, venue: str, symbol: str, home: str, *, up: bool) -> float:
        """The present gain at the best prices of the way from ``home`` over the quote of ``symbol`` (``up``: over its
        base) back to ``home``, as a fraction, after three default taker fees."""
        pair = self._quoters[venue, symbol].exchange.pairs[symbol]
        dollars = [f"{asset}-{home}" for asset in (pair.base, pair.quote)]
        keep = prod(1 - self._taker(venue, one) for one in (symbol, *dollars))
        base, quote = (self._best(venue, one) for one in dollars)
        bid, ask = self._best(venue, symbol)
        gain = bid * quote[0] / base[1] if up else base[0] / (ask * quote[1])
        return gain * keep - 1.0

    def _taker(self, venue: str, symbol: str) -> float:
        """The default taker fee."""
        return float(self._quoters[venue, symbol].exchange.profile.rates(symbol)[1])

    def _best(self, venue: str, symbol: str) -> tuple[float, float]:
        """(bid, ask) of the flow."""
        quoter = self._quoters[venue, symbol]
        bid, ask = quoter.flow.top()
        tick = float(quoter.exchange.pairs[symbol].tick)
        return bid * tick, ask * tick

    def _homes(self, venue: str, symbol: str) -> list[str]:
        """The dollar assets that both assets of a pair have a pair with; none for a dollar pair."""
        pair = self._quoters[venue, symbol].exchange.pairs[symbol]
        return [
            home
            for home in DOLLARS
            if all((venue, f"{asset}-{home}") in self._quoters for asset in (pair.base, pair.quote))
        ]

    def stop(self, symbol: str) -> None:
        """No more orders on this symbol; its quotes stay."""
        for (_, of), quoter in self._quoters.items():
            if of == symbol:
                quoter.stopped = True

    def shock(self, venue: str, move: float, now_ns: int, lasting_ns: int) -> None:
        """Move all prices of a venue by a fraction for some time."""
        for (of, symbol), quoter in self._quoters.items():
            if of == venue and symbol not in self._active:
                quoter.jump(round(quoter.flow.top()[0] * move), now_ns)
                self._timers.at(now_ns + lasting_ns, quoter.settle)

    def _taken(self, symbol: str, start_ns: int, end_ns: int) -> bool:
        return any(start_ns < e.end_ns and e.start_ns < end_ns for e in self._planted.get(symbol, ()))

    def net(self, symbol: str, buy_venue: str, sell_venue: str) -> float:
        """The present edge at the best prices, as a fraction, after both default taker fees."""
        buy, sell = self._quoters[buy_venue, symbol].exchange, self._quoters[sell_venue, symbol].exchange
        ask = buy.books[symbol].top()[2] * float(buy.pairs[symbol].tick)
        bid = sell.books[symbol].top()[0] * float(sell.pairs[symbol].tick)
        if not ask or not bid:
            return -1.0
        cost = ask * (1 + self._taker(buy_venue, symbol))
        return (bid * (1 - self._taker(sell_venue, symbol)) - cost) / ask

    def shown(self, venue: str, symbol: str, now_ns: int) -> None:
        """A book frame of ``symbol`` was sent: record its time on the edge that it shows the start or the end of."""
        edge = self._active.get(symbol)
        if edge is None or venue not in (edge.buy_venue, edge.sell_venue):
            return
        (edge.gone_ns if edge.ended_ns else edge.shown_ns).setdefault(venue, now_ns)

    def _play(self, quoter: _Quoter, now_ns: int) -> None:
        self._timers.at(quoter.play(now_ns), lambda now: self._play(quoter, now))

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

    def _around(self, venue: str, symbol: str) -> Callable[[int], None]:
        def plant(now_ns: int) -> None:
            plan = self._divergence
            lasting = round(self._rng.uniform(*plan.lasting_s) * 1e9)
            net, up = self._rng.uniform(*plan.edge), self._rng.random() < 0.5
            if not self._taken(symbol, now_ns, now_ns + lasting + 1):
                self.plant_cycle(venue, symbol, net, now_ns + 1, lasting, up=up)
            self._timers.at(self._soon(now_ns + lasting, plan.cycle_every_s), plant)

        return plant

    def _soon(self, now_ns: int, mean_s: float) -> int:
        return now_ns + round(mean_s * self._rng.uniform(0.5, 1.5) * 1e9)

    def _begin(self, edge: PlantedEdge, now_ns: int) -> None:
        self._active[edge.symbol] = edge
        edge.begun_ns = now_ns
        buy, sell = (self._quoters[venue, edge.symbol] for venue in (edge.buy_venue, edge.sell_venue))
        buy_tick, sell_tick = (float(q.exchange.pairs[edge.symbol].tick) for q in (buy, sell))
        ask = buy.flow.top()[1] * buy_tick
        bid = sell.flow.top()[0] * sell_tick
        pay = 1 + self._taker(edge.buy_venue, edge.symbol) + edge.net
        keep = 1 - self._taker(edge.sell_venue, edge.symbol)
        half = (ask * pay - bid * keep) / (pay + keep)  # (bid + half) * keep == (ask - half) * pay
        buy.jump(-ceil(half / buy_tick), now_ns)
        sell.jump(ceil(half / sell_tick), now_ns)

    def _begin_cycle(self, edge: PlantedEdge, up: bool, now_ns: int) -> None:
        self._active[edge.symbol] = edge
        edge.begun_ns = now_ns
        quoter = self._quoters[edge.buy_venue, edge.symbol]
        gain = 1.0 + self.cycle_net(edge.buy_venue, edge.symbol, edge.home, up=up)
        bid, ask = quoter.flow.top()
        if up:
            quoter.jump(ceil(bid * ((1.0 + edge.net) / gain - 1.0)), now_ns)
        else:
            quoter.jump(-ceil(ask * (1.0 - gain / (1.0 + edge.net))), now_ns)

    def _end(self, edge: PlantedEdge, now_ns: int) -> None:
        edge.ended_ns = now_ns
        self._planted[edge.symbol].remove(edge)
        for venue in (edge.buy_venue, edge.sell_venue):
            self._quoters[venue, edge.symbol].settle(now_ns)
