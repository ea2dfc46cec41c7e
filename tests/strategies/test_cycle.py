"""The best trade around three books against a search that knows nothing of steps: it sends a whole amount through each
book in turn, and looks for the amount with the largest net."""

from __future__ import annotations

from math import inf
from random import Random

import pytest

from arbkit.core.types import Side
from arbkit.strategies.cycle import Hop, around

Levels = list[tuple[float, float]]
WIDE = 1e5


def through(side: Side, levels: Levels, spent: float, hop: Hop) -> tuple[float, float, float, float]:
    """(what comes out, base, quote, worst price) if so much is sent through one book; what does not fit is lost."""
    beside = 1.0 + hop.fee if hop.fee_beside and side is Side.BUY else 1.0
    left, base, quote, worst = spent / beside, 0.0, 0.0, 0.0
    for px, size in levels:
        if left <= 1e-12 * spent:
            break
        take = min(size, left if side is Side.SELL else left / px)
        left -= take if side is Side.SELL else take * px
        base, quote, worst = base + take, quote + take * px, px
    out = quote if side is Side.SELL else base
    whole = hop.fee_elsewhere or beside != 1.0
    return (out if whole else out * (1.0 - hop.fee)), base, quote, worst


class Oracle:
    def __init__(self, books: list[Levels], hops: list[Hop]) -> None:
        self.books, self.hops = books, hops
        self.kept = 1.0
        for hop in hops:
            self.kept *= 1.0 - hop.slippage - hop.penalty - (hop.fee if hop.fee_elsewhere else 0.0)

    def net(self, spent: float) -> float:
        there = spent
        for levels, hop in zip(self.books, self.hops, strict=True):
            there, _, _, _ = through(hop.side, levels, there, hop)
        return there * self.kept - spent

    def fits(self, spent: float) -> bool:
        """Whether balances, limits, largest orders and levels allow it."""
        there = spent
        for levels, hop in zip(self.books, self.hops, strict=True):
            limit = 1.0 + hop.slippage if hop.side is Side.BUY else 1.0
            if there * limit > hop.most_spent * (1 + 1e-12):
                return False
            there_next, base, quote, _ = through(hop.side, levels, there, hop)
            if base > hop.max_qty * (1 + 1e-12) or quote * limit > hop.most_notional * (1 + 1e-12):
                return False
            if base >= sum(size for _, size in levels) * (1 + 1e-12):
                return False
            there = there_next
        return True

    def best(self, least: float) -> tuple[float, float]:
        """(amount, net): ternary search on a concave net, then bisection down to what is allowed."""
        low, high = 0.0, WIDE
        for _ in range(120):
            one, two = low + (high - low) / 3, high - (high - low) / 3
            if self.net(one) < self.net(two):
                low = one
            else:
                high = two
        amount = low
        good, bad = 0.0, amount
        if not (self.fits(amount) and self.net(amount) >= least * amount):
            for _ in range(80):
                middle = (good + bad) / 2
                if self.fits(middle) and self.net(middle) >= least * middle:
                    good = middle
                else:
                    bad = middle
            amount = good
        return amount, self.net(amount)


def books(rng: Random) -> list[Levels]:
    """USDT > BTC > ETH > USDT with an edge of some 0.5 % that the depth uses up."""
    edge = rng.uniform(-0.002, 0.012)
    found = []
    for place, (px, size) in enumerate(((60_000.0, 0.01), (0.04, 0.3), (2_400.0 * (1 + edge), 0.3))):
        sign = -1.0 if place == 2 else 1.0
        levels, at = [], px
        for _ in range(rng.randint(1, 6)):
            levels.append((at, size * rng.uniform(0.05, 2.0)))
            at *= 1.0 + sign * rng.uniform(0.0001, 0.003)
        found.append(levels)
    return found


def hops(rng: Random, *, capped: bool) -> list[Hop]:
    found = []
    for side in (Side.BUY, Side.BUY, Side.SELL):
        kind = rng.randrange(3)
        found.append(
            Hop(
                side=side,
                fee=rng.choice((0.0, 0.0004, 0.001)),
                fee_beside=kind == 1,
                fee_elsewhere=kind == 2,
                slippage=rng.choice((0.0, 0.0001)),
                penalty=rng.choice((0.0, 0.00005)),
                most_spent=rng.uniform(0.001, 1.0) * (1000, 0.01, 0.4)[len(found)] if capped else inf,
                max_qty=rng.uniform(0.1, 2.0) * (0.01, 0.3, 0.3)[len(found)] if capped else inf,
                most_notional=rng.uniform(0.1, 2.0) * (600, 0.012, 700)[len(found)] if capped else inf,
            )
        )
    return found


@pytest.mark.parametrize("capped", [False, True])
def test_the_best_size_is_that_of_a_search(made_books, capped):
    """Net, size and edge agree over random books, fees of all three kinds, and caps."""
    found = 0
    for seed in range(100):
        rng = Random(seed)
        levels, wanted = books(rng), hops(rng, capped=capped)
        least = rng.choice((0.0, 0.0005, 0.002))
        oracle = Oracle(levels, wanted)
        amount, net = oracle.best(least)
        trip = around(made_books(levels, wanted), wanted, least_edge=least)
        if trip is None:
            assert net <= 1e-9 * max(amount, 1.0), seed
            continue
        found += 1
        assert trip.net == pytest.approx(net, rel=1e-6, abs=1e-9), seed
        assert trip.net == pytest.approx(oracle.net(trip.spent), rel=1e-9, abs=1e-12), seed
        assert trip.edge >= least - 1e-12
        assert trip.spent <= amount * (1 + 1e-6)
        there = trip.spent
        for side, hop, qty, px in zip(levels, wanted, trip.qtys, trip.pxs, strict=True):
            there, base, _, worst = through(hop.side, side, there, hop)
            assert qty == pytest.approx(base, rel=1e-9)
            assert px == pytest.approx(worst, rel=1e-12)
        assert there == pytest.approx(trip.back, rel=1e-9)
    assert found > 50


def test_a_lot_cuts_the_end_of_the_trade(made_books):
    """The size is a multiple of the lot that weighs most. The worst levels are cut, so the edge is no smaller."""
    cut = 0
    for seed in range(100):
        rng = Random(seed)
        levels, wanted = books(rng), hops(rng, capped=False)
        lots = (1e-5, 0.01, 1e-4)
        rough = [
            Hop(
                **{name: getattr(hop, name) for name in hop.__struct_fields__ if name != "lot"},
                lot=lot,
            )
            for hop, lot in zip(wanted, lots, strict=True)
        ]
        smooth, trip = around(made_books(levels, wanted), wanted), around(made_books(levels, rough), rough)
        if smooth is None or smooth.qtys[1] < 0.01:
            assert trip is None
            continue
        assert trip is not None
        cut += 1
        assert trip.qtys[1] == pytest.approx(int(smooth.qtys[1] / 0.01 + 1e-9) * 0.01)
        assert trip.edge >= smooth.edge - 1e-12
        assert trip.net == pytest.approx(Oracle(levels, wanted).net(trip.spent), rel=1e-9, abs=1e-12)
    assert cut > 20


@pytest.mark.parametrize("rule", [{"min_qty": 1.0}, {"min_notional": 1e6}])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_order_that_is_too_small_is_no_trade(made_books, rule, place):
    """Of any of the three."""
    levels = [[(60_000.0, 1.0)], [(0.04, 20.0)], [(2_430.0, 20.0)]]
    wanted = [Hop(side=side, fee=0.001, most_spent=500.0) for side in (Side.BUY, Side.BUY, Side.SELL)]
    assert around(made_books(levels, wanted), wanted) is not None
    wanted[place] = Hop(side=wanted[place].side, fee=0.001, most_spent=500.0, **rule)
    assert around(made_books(levels, wanted), wanted) is None


@pytest.fixture
def made_books(made):
    names = ("v:BTC-USDT", "v:ETH-BTC", "v:ETH-USDT")

    def make(levels: list[Levels], wanted: list[Hop]) -> list:
        return [
            made.book(name, [] if hop.side is Side.BUY else side, side if hop.side is Side.BUY else [])
            for name, side, hop in zip(names, levels, wanted, strict=True)
        ]

    return make
