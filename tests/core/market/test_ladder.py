"""One side of a book, in Python and compiled: against a plain dict, against another container, and one against the
other, after any changes."""

from __future__ import annotations

import math
import random
from importlib import import_module
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sortedcontainers import SortedDict

from arbkit.core.market import ladder as reference
from arbkit.core.market.ladder import SLACK
from arbkit.core.types import Level

Pairs = list[tuple[float, float]]
signs = st.sampled_from([1.0, -1.0])
few = st.lists(st.builds(Level, st.integers(1, 40).map(lambda tick: tick / 10), st.sampled_from([0.0, 1.0, 2.5])))
prices = st.one_of(
    st.integers(1, 300).map(lambda tick: tick / 100),
    st.floats(0, 1e15, exclude_min=True, exclude_max=True, allow_subnormal=True),
)
sizes = st.one_of(st.sampled_from([0.0, -0.0, 5e-324, 1.0]), st.floats(0, 1e15, exclude_max=True))
many = st.lists(st.builds(Level, prices, sizes), max_size=80)
steps = st.lists(
    st.tuples(st.booleans(), many, st.sampled_from([(0, 0), (2, 66), (6, 70), (3, 3), (20, 20)])), max_size=8
)


both = pytest.mark.parametrize(
    "code", ["arbkit.core.market.ladder", pytest.param("arbkit_speed", marks=pytest.mark.compiled)]
)
"""The module with ``Ladder``, ``change`` and ``replace``."""


def ordered(side: dict[float, float], sign: float) -> Pairs:
    return sorted(side.items(), reverse=sign > 0)


@both
@settings(max_examples=100)
@given(signs, few, st.lists(few, max_size=8))
def test_a_ladder_equals_a_dict(code: str, sign: float, first: list[Level], rest: list[list[Level]]) -> None:
    """Sizes are absolute, the last one for a price counts, and 0 may also delete a price that is not there."""
    module: Any = import_module(code)
    ladder = module.Ladder(sign)
    assert (list(ladder), ladder.best(), ladder.best_px) == ([], None, 0.0 if sign > 0 else math.inf)
    module.replace(ladder, first)
    truth = {level.px: level.qty for level in first if level.qty}
    # A snapshot that names a price twice keeps its last nonzero size, as a dict of the nonzero ones does.
    for batch in rest:
        module.change(ladder, batch)
        for level in batch:
            truth[level.px] = level.qty
            if not level.qty:
                del truth[level.px]
        want = ordered(truth, sign)
        assert list(ladder) == want
        assert len(ladder) == len(truth)
        assert ladder.best() == next(iter(want), None)
        assert ladder.best_px == (want[0][0] if want else 0.0 if sign > 0 else math.inf)
        assert ladder.top(3) == want[:3]
        assert [ladder.size_at(tick / 10) for tick in range(1, 41)] == [
            truth.get(tick / 10, 0.0) for tick in range(1, 41)
        ]


@both
def test_a_long_random_session_equals_sortedcontainers(code: str) -> None:
    """20,000 changes near the top and far from it: the same top five as the usual container after each frame."""
    rng = random.Random(7)
    module: Any = import_module(code)
    ladder = module.Ladder(-1.0)
    truth: SortedDict[float, float] = SortedDict()
    mid = 1000
    for _ in range(2000):
        mid += rng.randint(-3, 3)
        batch = []
        for _ in range(10):
            px = (mid + int(rng.expovariate(0.05))) / 100
            batch.append(Level(px, rng.choice([0.0, rng.random()])))
        module.change(ladder, batch)
        for level in batch:
            if level.qty:
                truth[level.px] = level.qty
            else:
                truth.pop(level.px, None)
        assert ladder.top(5) == list(truth.items()[:5])
    assert list(ladder) == list(truth.items())


@both
@settings(max_examples=40)
@given(signs, st.integers(80, 300), st.integers(1, 60), st.integers(0, 99))
def test_a_depth_drops_only_the_worst(code: str, sign: float, count: int, depth: int, seed: int) -> None:
    """Of a side with far more than twice the depth the best remain, twice as many as the depth; others are kept."""
    module: Any = import_module(code)
    ladder = module.Ladder(sign)
    levels = [Level(float(px), 1.0) for px in random.Random(seed).sample(range(1, 999), count)]
    best = ordered({level.px: 1.0 for level in levels}, sign)
    module.replace(ladder, levels, 2 * depth, 2 * depth + SLACK)
    assert list(ladder) == (best[: 2 * depth] if len(best) > 2 * depth + SLACK else best)
    module.replace(ladder, levels, depth, depth)
    assert list(ladder) == best[:depth]
    module.replace(ladder, levels)
    assert list(ladder) == best


@pytest.mark.compiled
@settings(max_examples=60)
@given(signs, steps)
def test_both_ladders_keep_and_drop_the_same(
    sign: float, told: list[tuple[bool, list[Level], tuple[int, int]]]
) -> None:
    """After any snapshots and changes, also of strange numbers: the same levels are kept, the same are dropped."""
    compiled = import_module("arbkit_speed")
    one, two = reference.Ladder(sign), compiled.Ladder(sign)
    for snapshot, levels, kept in told:
        if snapshot:
            reference.replace(one, levels, *kept)
            compiled.replace(two, levels, *kept)
        else:
            reference.change(one, levels)
            compiled.change(two, levels)
        assert list(two) == list(one)
        assert (len(two), two.best(), two.best_px, two.top(7)) == (len(one), one.best(), one.best_px, one.top(7))
        assert (two.sign, two.keep) == (one.sign, one.keep)


@pytest.mark.compiled
@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("order", ["best first", "worst first", "mixed", "twice"])
def test_long_messages_end_alike_in_any_order(sign: float, order: str) -> None:
    """New and known levels and deletes, many in one message: the compiled ladder puts them in together."""
    rng = random.Random(5)
    fast: Any = import_module("arbkit_speed")
    slow_ladder, fast_ladder = reference.Ladder(sign), fast.Ladder(sign)
    for count in (1, 2, 63, 64, 65, 129, 300, 600) * 3:
        prices = [tick / 4 for tick in rng.sample(range(1, 4_000), count)]
        prices.sort(reverse=(sign > 0) == (order != "worst first"))
        if order == "mixed":
            rng.shuffle(prices)
        levels = [Level(px, rng.choice((0.0, 0.0, 1.0, 2.5))) for px in prices]
        if order == "twice":
            levels = [Level(one.px, size) for one in levels for size in (one.qty, rng.choice((0.0, 3.0)))]
        reference.change(slow_ladder, levels)
        fast.change(fast_ladder, levels)
        assert list(fast_ladder) == list(slow_ladder)
        assert fast_ladder.best_px == slow_ladder.best_px


@both
def test_the_oracle_sees_a_delete_that_is_off(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ladder that does not delete differs from the dict at once."""
    module: Any = import_module(code)
    change = module.change
    monkeypatch.setattr(module, "change", lambda side, levels: change(side, [level for level in levels if level.qty]))
    with pytest.raises(AssertionError):
        test_a_long_random_session_equals_sortedcontainers(code)
