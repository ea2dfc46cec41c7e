"""Buying on one market and selling on another: what is worked out in advance, and what a trade may use.

``strategies.spread`` owns the pairs; ``strategies.reasons`` reads them.
"""

from __future__ import annotations

from math import inf

from arbkit.core.market.book import Book
from arbkit.core.protocols import View
from arbkit.core.types import Instrument
from arbkit.strategies.basis import Basis
from arbkit.strategies.edge import Terms

__all__ = ["FRESH_NS", "HEADROOM", "SpreadMarket", "SpreadPair", "comparable", "means", "movable"]

HEADROOM = 0.02
"""Share of balances and limits that stays free, because a deal also reserves its worst unwind and a hedge may cost more
than the entry."""


FRESH_NS = 1_000_000_000
"""For so long after a trade of ours the books may lack what it took."""


class SpreadMarket:
    """One instrument, and from when each side of its book may be used again after a trade of ours."""

    __slots__ = ("asks_from_ns", "bids_from_ns", "book", "id", "instrument", "pairs")

    def __init__(self, instrument: Instrument) -> None:
        self.id = instrument.id
        self.instrument = instrument
        self.book: Book | None = None
        """Its book, once it was trusted. Whether it is now must be looked at each time."""
        self.asks_from_ns = 0
        self.bids_from_ns = 0
        self.pairs: list[tuple[SpreadMarket, SpreadPair, SpreadPair]] = []
        """(the other market, the pair that buys here, the pair that sells here)."""


class SpreadPair:
    """Buying on one market and selling on another. What depends on fees and rules is computed when one of them changes,
    so that a check is one comparison."""

    __slots__ = (
        "_basis",
        "_closed_ns",
        "_least",
        "_standing_ns",
        "basis",
        "buy",
        "ceiling",
        "closed_ns",
        "floor",
        "hurdle",
        "least_edge",
        "movable",
        "ratio",
        "sell",
        "taken_ns",
        "terms",
        "unlike",
        "version",
    )

    def __init__(self, buy: SpreadMarket, sell: SpreadMarket, standing_ns: int) -> None:
        self.buy = buy
        self.sell = sell
        self.version = -1
        """``View.version`` of the costs below; -1 = they were never worked out."""
        self.floor = inf
        """The ratio of bid to ask up to which there is nothing to look at."""
        self.hurdle = inf
        """The ratio of bid to ask from which a trade can pay."""
        self.ceiling = self.least_edge = 0.0
        self.movable = False
        self.unlike = ""
        """Why its asset is not known to be the same on both venues: then nothing is traded; "" = it is."""
        self.basis = 1.0
        """The ratio at which an edge begins: above 1 where the prices differ all the time."""
        self.ratio = 0.0
        """The ratio when a trade was last looked for."""
        self.taken_ns = 0
        """When a trade was last proposed."""
        self.closed_ns = 0
        """When the ratio was last seen at or below ``floor``; 0 = never. Also just after a trade of ours, which took
        what was there."""
        self.terms = Terms(buy_fee=0.0, sell_fee=0.0)
        self._least = 0.0
        self._standing_ns = standing_ns
        self._basis = Basis(standing_ns) if standing_ns else None
        self._closed_ns = 0
        """``closed_ns`` when the last trade was proposed."""

    def settle(self, terms: Terms, least_edge: float, max_edge: float, version: int) -> None:
        """Take over the present costs and work out floor, ceiling and hurdle."""
        self.version = version
        self.terms = terms
        self.ceiling = terms.hurdle(max_edge)
        self._least = least_edge
        self._set_hurdle()
        self.floor = self.hurdle if self._basis is None else terms.hurdle(0.0)

    def _set_hurdle(self) -> None:
        self.least_edge = (self.basis - 1.0) * self.terms.pays + self.basis * self._least
        self.hurdle = inf if self.unlike else self.basis * self.terms.hurdle(self._least)

    def stands(self, ratio: float, now_ns: int) -> None:
        """The ratio of the present books is above ``floor``: work out how much of it has always been there."""
        if self._basis is None:
            return
        if now_ns - self.taken_ns < FRESH_NS:
            ratio = max(ratio, self.ratio)  # our own trade took what was there
        low = self._basis.look(ratio, now_ns)
        basis = low if now_ns - self._closed() >= self._standing_ns and low > self.floor else 1.0
        if basis != self.basis:
            self.basis = basis
            self._set_hurdle()

    def took(self, now_ns: int) -> None:
        """A trade is proposed now."""
        self.closed_ns = self._closed_ns = self._closed()
        self.taken_ns = now_ns

    def _closed(self) -> int:
        """When the edge has last closed by itself."""
        return self._closed_ns if 0 <= self.closed_ns - self.taken_ns < FRESH_NS else self.closed_ns


def comparable(one: Instrument, other: Instrument) -> bool:
    """Whether both trade the same asset in the same quote asset. USDT, USDC and USD are different assets."""
    return (one.base, one.quote, one.kind, one.multiplier, one.settle) == (
        other.base,
        other.quote,
        other.kind,
        other.multiplier,
        other.settle,
    ) and one.venue != other.venue


def means(view: View, buy: Instrument, sell: Instrument) -> tuple[float, float, float]:
    """(free quote for the purchase, free base for the sale, notional that the limits allow), with headroom for an
    unwind: buying back also needs some quote at the selling venue."""
    return (
        float(view.free(buy.id, buy.quote)) * (1.0 - HEADROOM),
        float(view.free(sell.id, sell.base)),
        min(
            float(min(view.room(buy.id), view.room(sell.id))) * (1.0 - HEADROOM),
            float(view.free(sell.id, sell.quote)) / HEADROOM,
        ),
    )


def movable(view: View, buy: Instrument, sell: Instrument) -> bool:
    """Whether it is known that the asset can be moved from the buying venue to the selling venue."""
    return (
        view.movable(buy.venue, buy.base, "withdraw") is True and view.movable(sell.venue, sell.base, "deposit") is True
    )
