"""The order flow that the simulated venues quote: limit orders, cancels and trades, from a seed.

Each venue has one ``Flow`` per symbol: a book of 100 to 200 levels a side, which changes every 100 ms. All is pure and
synchronous. Prices are integer ticks, and sizes are integer lots.

- All venues follow one efficient price per symbol (``arbkit.sim.price``), each with its own lag, so some venues lead
  (Hasbrouck 1995, "One security, many markets", Journal of Finance 50). Each venue also differs by a small drift, which
  tends to zero.
- The number of events in a step has a Poisson distribution. Its mean depends on the earlier numbers with an exponential
  kernel: a Hawkes process in discrete time (Hawkes 1971, Biometrika 58; Bacry, Mastromatteo, Muzy 2015, "Hawkes
  processes in finance", Market Microstructure and Liquidity 1).
- Limit orders arrive at a rate that does not depend on the book, and every level can be cancelled, so the number of
  levels returns to its mean (Smith, Farmer, Gillemot, Krishnamurthy 2003, Quantitative Finance 3). Both rates are
  higher near the best price (Cont, Stoikov, Talreja 2010, Operations Research 58).
- The distance of a new order from the best price has a power-law tail with exponent 0.6 (Bouchaud, Mezard, Potters
  2002, Quantitative Finance 2). The sizes of orders have one with exponent 1.5 (Gopikrishnan, Plerou, Gabaix, Stanley
  2000, Physical Review E 62).
- Trades take size at the best price. Large ones take several levels, and the best price is quoted again within some
  steps. A trade does not move the efficient price. The exchange matches each one (``trades``), so clients see a
  public trade, and their resting orders can be filled by it.

Each ``Flow`` computes the price of its symbol itself, from the same seed. Two flows share nothing, so the order in
which they are asked changes nothing. A flow keeps only its present book.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from math import exp
from random import Random
from typing import Final

from arbkit.sim.pair import Pair
from arbkit.sim.price import STEP_NS, STYLES, WILD, walk

__all__ = ["LAG_STEPS", "Flow"]

LAG_STEPS: Final = 4
"""A venue lags by less than one step more than this."""

_BRANCHING: Final = 0.6  # the share of events that earlier events cause
_COOLING: Final = 0.1  # the share of the excitement that a step takes away
_BAND: Final = 0.00003  # the quotes follow when the price has left them by this fraction
_LEVELS: Final = 130.0  # arrivals and cancels are equally frequent at this number of levels on a side
_FEWEST: Final = 100  # no side has fewer levels
_WHOLE: Final = 0.75  # the share of cancels that leave nothing at the level
_TRADES: Final = 0.02  # the share of events that are trades
_REQUOTE: Final = 0.4  # the probability in a step that a taken best price is quoted again
_GAP: Final = 0.0001  # a trade takes no level farther than this fraction from the middle
_SCALE: Final = 0.00006  # the typical distance of an order from the best price
_REACH: Final = 0.003  # the largest distance
_BEST: Final = 100  # the size at the best price is 0.5 to 2.5 times this, in orders
_TRADE: Final = 10  # the smallest trade, in orders


class _Side:
    """One side of a book. A key is the price in ticks, negative for asks, so the best key is the largest."""

    __slots__ = ("buy", "changed", "keys", "lots", "sign")

    def __init__(self, buy: bool) -> None:
        self.buy = buy
        self.sign = 1 if buy else -1
        self.keys: list[int] = []
        """Ascending."""
        self.lots: dict[int, int] = {}
        self.changed: dict[int, int] = {}
        """The new lots of the keys that a step changed."""

    def put(self, key: int, lots: int) -> None:
        if key not in self.lots:
            insort(self.keys, key)
        self.lots[key] = self.changed[key] = lots

    def drop(self, index: int) -> None:
        key = self.keys.pop(index)
        del self.lots[key]
        self.changed[key] = 0

    def drop_better(self, key: int) -> None:
        """Remove all levels that are better than this one, best first."""
        at = bisect_right(self.keys, key)
        if at < len(self.keys):
            self._gone(self.keys[at:][::-1])
            del self.keys[at:]

    def drop_worse(self, key: int) -> None:
        """Remove all levels that are worse than this one, worst first."""
        at = bisect_left(self.keys, key)
        if at:
            self._gone(self.keys[:at])
            del self.keys[:at]

    def _gone(self, keys: Sequence[int]) -> None:
        lots, changed = self.lots, self.changed
        for key in keys:
            del lots[key]
            changed[key] = 0

    def take(self) -> list[tuple[bool, int, int]]:
        if not self.changed:
            return []
        changed, self.changed = self.changed, {}
        if self.buy:
            return [(True, key, lots) for key, lots in changed.items()]
        return [(False, -key, lots) for key, lots in changed.items()]


class Flow:
    """One pair's book on one venue."""

    __slots__ = (
        "_asks",
        "_bids",
        "_drift",
        "_heat",
        "_lag",
        "_middle",
        "_noise",
        "_pair_tick",
        "_price",
        "_random",
        "_reach",
        "_rng",
        "_scale",
        "_step_share",
        "_style",
        "_unit",
        "events",
        "held",
        "lag_ns",
        "offset_ns",
        "trades",
    )

    def __init__(
        self,
        pair: Pair,
        price: Decimal,
        seed: str,
        venue: str,
        noise: float = 0.0003,
        step_s: float = 2.0,
        pace: float = 1.0,
    ) -> None:
        """``noise``: the venue's price differs from the efficient price by at most this fraction; ``step_s``: mean time
        between two changes of that difference. ``pace`` multiplies the number of changes."""
        lag_ns = Random(f"{seed}:{venue}:lag").randrange((LAG_STEPS + 1) * STEP_NS)
        self._lag, self.offset_ns = divmod(lag_ns, STEP_NS)
        """``offset_ns``: the steps happen that long after each multiple of ``STEP_NS``."""
        self.lag_ns = lag_ns
        """How long the venue is behind the efficient price."""
        self.held = False
        """After ``jump``: the best prices stay, and only sizes and the other levels change."""
        self.events = 0
        """The number of events of the last step."""
        self.trades: list[tuple[bool, int, int]] = []
        """The market orders of the last step: (buy, worst px, lots)."""
        style = STYLES.get(pair.symbol) or STYLES["SOL-USDT"]
        self._style = style = replace(style, events=style.events * pace)
        self._price = walk(pair.base, pair.quote, float(price), seed)
        self._rng = Random(f"{seed}:{venue}:{pair.symbol}:flow")
        self._random = self._rng.random
        self._noise = noise
        self._step_share = STEP_NS / 1e9 / step_s
        self._drift = 0.0
        self._heat = style.events * STEP_NS / 1e9
        self._pair_tick = float(pair.tick)
        self._unit = style.size / float(price * pair.lot)
        ticks = float(price / pair.tick)
        self._scale = max(30.0, ticks * _SCALE)
        self._reach = max(400, round(ticks * _REACH))
        self._middle = 0.0
        self._bids, self._asks = _Side(True), _Side(False)
        self.settle()
        for side in (self._bids, self._asks):
            self._fill(side, round(_LEVELS))
        self.take()

    @property
    def wild(self) -> bool:
        """Whether the venue sees a wild time."""
        return self._price.wild

    def top(self) -> tuple[int, int]:
        """The best bid and ask, in ticks."""
        return self._bids.keys[-1], -self._asks.keys[-1]

    def levels(self) -> list[tuple[bool, int, int]]:
        """All levels: (buy, px, lots)."""
        return [
            (side.buy, key * side.sign, lots) for side in (self._bids, self._asks) for key, lots in side.lots.items()
        ]

    def lots(self, buy: bool, px: int) -> int:
        """The lots at a price."""
        return self._bids.lots.get(px, 0) if buy else self._asks.lots.get(-px, 0)

    def step(self) -> list[tuple[bool, int, int]]:
        """Go on by ``STEP_NS``. Returns the changed levels: (buy, px, lots), 0 lots = gone."""
        if self._lag:
            self._lag -= 1
        else:
            self._price.step()
        self.trades = []
        random = self._random
        if random() < self._step_share:
            noise = self._noise
            self._drift = min(noise, max(-noise, 0.8 * self._drift + self._rng.uniform(-noise, noise) / 2))
        if not self.held:
            self._follow()
        mean = self._style.events * STEP_NS / 1e9 * (WILD if self._price.wild else 1.0)
        mean = min(150.0, (1.0 - _BRANCHING) * mean + _BRANCHING * self._heat)
        self.events = events = self._count(mean)
        self._heat += (events - self._heat) * _COOLING
        bids, asks = self._bids, self._asks
        for _ in range(events):
            side = bids if random() < 0.5 else asks
            levels = len(side.keys)
            if random() < _TRADES:
                self._trade(side)
            elif levels > _FEWEST and random() * (levels + _LEVELS) < levels:
                self._cancel(side)
            else:
                self._arrive(side)
        return self.take()

    def jump(self, ticks: int) -> None:
        """Move the best prices by ``ticks`` and keep them there until ``settle``. The next ``step`` or ``take`` has the
        changes."""
        self.held = True
        bid, ask = self.top()
        self._place(bid + ticks, ask + ticks)

    def settle(self) -> None:
        """Quote around the venue's price. The next ``step`` or ``take`` has the changes."""
        self.held = False
        self._middle = self._target()
        self._place(*self._wanted())

    def take(self) -> list[tuple[bool, int, int]]:
        """The levels that changed since the last call: (buy, px, lots), 0 lots = gone."""
        return self._bids.take() + self._asks.take()

    # --- inside -----------------------------------------------------------------------------------------------------

    def _target(self) -> float:
        """The venue's price in ticks."""
        return self._price.value * (1.0 + self._drift) / self._pair_tick

    def _wanted(self) -> tuple[int, int]:
        """The best bid and ask around the middle, in ticks."""
        middle = self._middle
        spread = max(1, round(middle * self._style.spread * (2.0 if self._price.wild else 1.0)))
        bid = max(1, round(middle - spread / 2))
        return bid, bid + spread

    def _place(self, bid: int, ask: int) -> None:
        """Make these the best prices. Better levels are removed, and missing ones are added."""
        for side, best in ((self._bids, bid), (self._asks, -ask)):
            keys = side.keys
            side.drop_better(best)
            if not keys or keys[-1] < best:
                side.put(best, self._full())
            side.drop_worse(best - self._reach)
            self._fill(side, _FEWEST)

    def _fill(self, side: _Side, levels: int) -> None:
        """Add orders until there are so many levels. Bids of a price of few ticks have no room for all of them."""
        self._arrive(side, 20 * levels, levels)

    def _follow(self) -> None:
        """Follow the price if it has left the quotes, or quote a best price that was taken."""
        target = self._target()
        if abs(target - self._middle) > max(0.75, target * _BAND):
            self.settle()
            return
        bid, ask = self._wanted()
        for side, best in ((self._bids, bid), (self._asks, -ask)):
            if side.keys[-1] < best and self._random() < _REQUOTE:
                side.put(best, self._full())

    def _count(self, mean: float) -> int:
        """A number with the Poisson distribution, by multiplication of uniform numbers (Knuth)."""
        random = self._random
        least, product, count = exp(-mean), random(), 0
        while product > least:
            product *= random()
            count += 1
        return count

    def _size(self, orders: int) -> int:
        return 1 + int(self._unit * orders * (1.0 - self._random()) ** (-1 / 1.5))

    def _full(self) -> int:
        """The size at a best price, the sum of many orders."""
        return 1 + int(self._unit * _BEST * (0.5 + 2.0 * self._random()))

    def _arrive(self, side: _Side, orders: int = 1, full: int = 1 << 62) -> None:
        """So many new orders; none any more when the side has ``full`` levels."""
        random, scale, reach, unit = self._random, self._scale, self._reach, self._unit
        keys, lots, changed, best = side.keys, side.lots, side.changed, side.keys[-1]
        worst = 0 if side.buy else -1 << 62  # a price is positive
        for _ in range(orders):
            if len(keys) >= full:
                return
            away = int(scale * ((1.0 - random()) ** (-1 / 0.6) - 1.0))
            if away > reach:
                away = int(reach * random())
            if not away:
                self._resize(side)
                continue
            key = best - away
            if key > worst:
                size = 1 + int(unit * (1.0 - random()) ** (-1 / 1.5))
                had = lots.get(key)
                if had is None:
                    insort(keys, key)
                    had = 0
                lots[key] = changed[key] = had + size

    def _cancel(self, side: _Side) -> None:
        """Cancel a level or a part of it, more often near the best price."""
        random = self._random
        rank = int(len(side.keys) * random() ** 2)
        if not rank:
            self._resize(side)
        elif random() < _WHOLE:
            side.drop(-1 - rank)
        else:
            key = side.keys[-1 - rank]
            side.put(key, 1 + int(side.lots[key] * random()))

    def _resize(self, side: _Side) -> None:
        """Change the size at the best price. It is the sum of many orders, so it does not vanish by one cancel."""
        best = side.keys[-1]
        side.put(best, (side.lots[best] + self._full()) // 2)

    def _trade(self, side: _Side) -> None:
        """A market order takes lots, best price first."""
        if self.held:
            return
        keys, left = side.keys, self._size(_TRADE)
        last = self._middle * side.sign - max(4.0, self._middle * _GAP)
        taken = worst = 0
        while left and keys[-1] > last:
            worst, have = keys[-1], side.lots[keys[-1]]
            if left < have or len(keys) <= _FEWEST:
                lots = min(left, have - 1)
                side.put(worst, have - lots)
                taken += lots
                break
            side.drop(-1)
            taken += have
            left -= have
        if taken:
            self.trades.append((not side.buy, worst * side.sign, taken))
