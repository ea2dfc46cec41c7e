"""The published levels of a book, followed by a client that only knows the changes."""

from __future__ import annotations

from random import Random

import pytest

from arbkit.sim.depth import SimDepth
from arbkit.sim.matching import Resting, SimBook


@pytest.mark.parametrize("levels", [1, 5, 20, 400])
@pytest.mark.parametrize("seed", range(5))
def test_changes_lead_to_the_books_best_levels(levels: int, seed: int) -> None:
    """A client that applies each change has the best levels of the book after each step, and nothing is told twice: a
    change is one of a level that it had otherwise. First come the levels that left; both parts begin with the best."""
    rng, book = Random(seed), SimBook()
    resting: list[Resting] = []

    def trade(times: int) -> None:
        for number in range(times):
            if resting and rng.random() < 0.5:
                order = resting.pop(rng.randrange(len(resting)))
                left = rng.choice([0, 1, order.qty + 1])
                book.resize(order, left)
                if left:
                    resting.append(order)
            else:
                buy = rng.random() < 0.5
                px = rng.randrange(1, 40) if buy else rng.randrange(40, 80)
                resting.append(Resting(len(resting) + 1000 * number + book.seq, "a", buy, px, rng.randrange(1, 9)))
                book.add(resting[-1])

    trade(60)
    depth = SimDepth(book, levels)
    mine = dict(depth.bids), dict(depth.asks)
    for _ in range(60):
        trade(rng.randrange(6))
        change = depth.step()
        if change is None:
            continue
        lost, _, *sides = change
        assert not lost
        for had, told, sign in zip(mine, sides, (-1, 1), strict=True):
            assert told == sorted(told, key=lambda level: (level[1] > 0, sign * level[0]))
            assert all(had.get(px, 0) != lots for px, lots in told)
            had.update(told)
            for px in [px for px, lots in had.items() if not lots]:
                del had[px]
        assert [sorted(mine[0].items(), reverse=True), sorted(mine[1].items())] == list(book.depth(levels))
        assert (depth.bids, depth.asks) == book.depth(levels)


def test_after_lost_changes_the_published_levels_are_those_of_the_book() -> None:
    """A fault drops changes of the stream; a snapshot that is taken afterwards is right."""
    book = SimBook()
    orders = [Resting(px, "a", True, px, 5) for px in (10, 11, 12)]
    for order in orders:
        book.add(order)
    depth = SimDepth(book, 2)
    book.remove(orders[2])
    book.skip()
    book.resize(orders[0], 3)
    change = depth.step()
    assert change is not None
    lost, _, bids, _ = change
    assert (lost, bids) == (True, [(10, 3)])
    assert depth.bids == [(11, 5), (10, 3)]
