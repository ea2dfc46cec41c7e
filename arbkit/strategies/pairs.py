"""Buying on one market and selling on another: what is worked out in advance, and what a trade may use.

``strategies.spread`` owns the pairs; ``strategies.reasons`` reads them.
"""

from __future__ import annotations

from math import inf

from arbkit.core.protocols import View
from arbkit.core.types import Instrument
from arbkit.strategies.basis import Basis
from arbkit.strategies.edge import Terms

__all__ = ["HEADROOM", "SpreadMarket", "SpreadPair", "comparable", "means", "movable"]

HEADROOM = 0.02
"""Share of balances and limits that stays free, because a deal also reserves its worst unwind and a hedge may cost more
than the entry."""


class SpreadMarket:
    """One instrument, and from when each side of its book may be used again after a trade of ours."""

    __slots__ = ("asks_from_ns", "bids_from_ns", "id", "instrument", "pairs")

    def __init__(self, instrument: Instrument) -> None:
        self.id = instrument.id
        self.instrument = instrument
        self.asks_from_ns = 0
        self.bids_from_ns = 0
        self.pairs: list[tuple[SpreadMarket, SpreadPair, SpreadPair]] = []
        """(the other market, the pair that buys here, the pair that sells here)."""


class SpreadPair:
    """Buying on one market and selling on another. The hurdle is computed in advance, so that a check is one
    comparison."""

    __slots__ = (
        "_basis",
        "basis",
        "buy",
        "ceiling",
        "fresh_ns",
        "hurdle",
        "least_edge",
        "movable",
        "ratio",
        "sell",
        "taken_ns",
        "terms",
        "unlike",
    )

    def __init__(self, buy: SpreadMarket, sell: SpreadMarket, standing_ns: int) -> None:
        self.buy = buy
        self.sell = sell
        self.fresh_ns = 0
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
        self.terms = Terms(buy_fee=0.0, sell_fee=0.0)
        self._basis = Basis(standing_ns) if standing_ns else None

    def settle(self, terms: Terms, least_edge: float, max_edge: float, ratio: float | None, now_ns: int) -> None:
        """Work out hurdle and ceiling from the present costs. ``ratio``: of the present books; None = one is not
        trusted."""
        self.terms = terms
        self.ceiling = terms.hurdle(max_edge)
        if self._basis is not None and ratio is not None:
            low = self._basis.look(ratio, now_ns)
            self.basis = low if low > terms.hurdle(0.0) else 1.0
        self.least_edge = (self.basis - 1.0) * terms.pays + self.basis * least_edge
        self.hurdle = inf if self.unlike else self.basis * terms.hurdle(least_edge)


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
