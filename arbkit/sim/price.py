"""The efficient price of a symbol, which all venues follow, and how busy each symbol is.

- The price has a small diffusion and jumps. Jump sizes have a power-law tail with exponent 3 (Gopikrishnan, Meyer,
  Amaral, Stanley 1998, European Physical Journal B 3). A jump raises the rate of the next ones, so volatility clusters
  (Cont 2001, "Empirical properties of asset returns", Quantitative Finance 1).
- A step moves the price by at most ``MAX_STEP``, and a larger jump takes several steps. This limits the difference
  between two venues with different lags.
- Quiet and wild hours alternate as a Markov chain with two states (Hamilton 1989, Econometrica 57).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Final

__all__ = ["DOLLARS", "MAX_STEP", "STEP_NS", "STYLES", "WILD", "Cross", "Price", "Style", "walk"]

STEP_NS: Final = 100_000_000
"""Time between two changes of a book."""
MAX_STEP: Final = 0.00012
"""The largest move of an efficient price in one step, as a fraction."""
WILD: Final = 3.0
"""In wild hours there are this many times as many events and jumps as in quiet hours, and spreads are twice as wide."""

_QUIET_STEPS: Final = 18_000  # mean length of a quiet time, 30 minutes; a wild time is a third of it
_WILD_STEPS: Final = 6_000
_JUMP_BRANCHING: Final = 0.5  # the share of jumps that earlier jumps cause
_JUMP_COOLING: Final = 0.01  # the share of that excitement that a step takes away
_DIFFUSION: Final = 0.1  # a step's diffusion, in typical jumps


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How busy and how deep a symbol is, in quiet hours."""

    events: float
    """Changes of the book per second."""
    spread: float
    """As a fraction of the price; at least one tick."""
    size: float
    """The smallest order, in the quote asset."""
    jumps: float
    """Price jumps per second."""
    jump: float
    """The smallest jump, as a fraction."""


STYLES: Final[Mapping[str, Style]] = {
    "BTC-USDT": Style(events=130.0, spread=0.0000003, size=400.0, jumps=0.4, jump=0.00004),
    "ETH-USDT": Style(events=90.0, spread=0.000008, size=300.0, jumps=0.4, jump=0.00005),
    "SOL-USDT": Style(events=50.0, spread=0.00013, size=150.0, jumps=0.3, jump=0.00007),
    "ETH-BTC": Style(events=15.0, spread=0.0003, size=0.005, jumps=0.1, jump=0.00005),
    "BNB-USDT": Style(events=30.0, spread=0.00005, size=150.0, jumps=0.2, jump=0.00005),
    "XRP-USDT": Style(events=40.0, spread=0.0001, size=100.0, jumps=0.3, jump=0.00007),
    "DOGE-USDT": Style(events=25.0, spread=0.0002, size=80.0, jumps=0.3, jump=0.00008),
    "BTC-USDC": Style(events=40.0, spread=0.000003, size=250.0, jumps=0.4, jump=0.00004),
    "ETH-USDC": Style(events=25.0, spread=0.00002, size=150.0, jumps=0.4, jump=0.00005),
    "SOL-BTC": Style(events=8.0, spread=0.0006, size=0.002, jumps=0.1, jump=0.00006),
    "SOL-ETH": Style(events=5.0, spread=0.0008, size=0.05, jumps=0.1, jump=0.00006),
    "SOL-BNB": Style(events=5.0, spread=0.0008, size=0.2, jumps=0.1, jump=0.00006),
}
"""By symbol. Other symbols are like ``SOL-USDT``."""
DOLLARS: Final = ("USDT", "USDC")
"""Assets that always cost the same."""


class Price:
    """The efficient price of one symbol, step by step."""

    __slots__ = ("_heat", "_rng", "_style", "_todo", "value", "wild")

    def __init__(self, style: Style, value: float, seed: str) -> None:
        self._rng = Random(seed)
        self._style = style
        self._heat = 0.0
        self._todo = 0.0  # the part of the last jumps that is still to come
        self.value = value
        self.wild = self._rng.random() * (_QUIET_STEPS + _WILD_STEPS) < _WILD_STEPS

    def step(self) -> None:
        """Go on by ``STEP_NS``."""
        random, style = self._rng.random, self._style
        if random() * (_WILD_STEPS if self.wild else _QUIET_STEPS) < 1.0:
            self.wild = not self.wild
        rate = style.jumps * STEP_NS / 1e9 * (WILD if self.wild else 1.0)
        jumped = random() < (1.0 - _JUMP_BRANCHING) * rate + _JUMP_BRANCHING * self._heat
        self._heat += (jumped - self._heat) * _JUMP_COOLING
        todo = self._todo + self._rng.gauss(0.0, style.jump * _DIFFUSION)
        if jumped:
            todo += style.jump * (1.0 - random()) ** (-1 / 3) * (1.0 if random() < 0.5 else -1.0)
        move = min(MAX_STEP, max(-MAX_STEP, todo))
        self._todo = todo - move
        self.value *= 1.0 + move


class Cross:
    """The efficient price of an asset in another one that is no dollar: the two dollar prices, divided."""

    __slots__ = ("_base", "_quote", "_scale")

    def __init__(self, base: Price, quote: Price, value: float) -> None:
        self._base = base
        self._quote = quote
        self._scale = value * quote.value / base.value

    @property
    def wild(self) -> bool:
        return self._base.wild

    @property
    def value(self) -> float:
        return self._scale * self._base.value / self._quote.value

    def step(self) -> None:
        self._base.step()
        self._quote.step()


def walk(base: str, quote: str, value: float, seed: str) -> Price | Cross:
    """The efficient price of a pair from ``value`` on. All pairs of a seed agree: no way around three of them gains."""

    def dollars(asset: str, start: float) -> Price:
        return Price(STYLES.get(f"{asset}-USDT", STYLES["SOL-USDT"]), start, f"{seed}:{asset}-USDT:price")

    return dollars(base, value) if quote in DOLLARS else Cross(dollars(base, 1.0), dollars(quote, 1.0), value)
