"""The compiled code in the hands of a careless or hostile caller: errors, never a crash, a leak or a half change."""

from __future__ import annotations

import gc
import math
import sys
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from arbkit.core.types import Level

pytestmark = pytest.mark.compiled
DECODE = msgspec.json.Decoder(list[Level], strict=False).decode
RAW = msgspec.Raw(b'[["10","1"],["11","2"],["12","0"]]')


@pytest.fixture
def speed() -> Any:
    return import_module("arbkit_speed")


@pytest.fixture
def bids(speed: Any) -> Any:
    ladder = speed.Ladder(1.0)
    speed.replace(ladder, [Level(float(px), 1.0) for px in range(1, 100)])
    return ladder


WRONG: list[tuple[type[Exception], Callable[[Any, Any], object]]] = [
    (TypeError, lambda speed, side: speed.Ladder()),
    (TypeError, lambda speed, side: speed.Ladder("1")),
    (TypeError, lambda speed, side: speed.Ladder(sign=1.0)),
    (ValueError, lambda speed, side: speed.Ladder(0.0)),
    (ValueError, lambda speed, side: speed.Ladder(float("nan"))),
    (TypeError, lambda speed, side: speed.change(side)),
    (TypeError, lambda speed, side: speed.change([], [])),
    (TypeError, lambda speed, side: speed.change(side, None)),
    (TypeError, lambda speed, side: speed.change(side, {1, 2})),
    (TypeError, lambda speed, side: speed.change(side, RAW)),
    (AttributeError, lambda speed, side: speed.change(side, [Level(5.0, 0.0), (1.0, 2.0)])),
    (TypeError, lambda speed, side: speed.change(side, [SimpleNamespace(px="1", qty=1.0)])),
    (ValueError, lambda speed, side: speed.change(side, [Level(5.0, 0.0), Level(float("nan"), 1.0)])),
    (TypeError, lambda speed, side: speed.replace(side, [], 1.5)),
    (ValueError, lambda speed, side: speed.replace(side, [], -1)),
    (TypeError, lambda speed, side: speed.replace(side, [], 1, 2, 3)),
    (AttributeError, lambda speed, side: speed.replace(side, "text")),
    (AttributeError, lambda speed, side: speed.reader(DECODE)(side)),
    (AttributeError, lambda speed, side: speed.reader(DECODE)(SimpleNamespace(bids=RAW))),
    (TypeError, lambda speed, side: speed.reader(DECODE)()),
    (TypeError, lambda speed, side: side.size_at("1")),
    (ValueError, lambda speed, side: side.top(-1)),
    (TypeError, lambda speed, side: side.top(1.0)),
    (AttributeError, lambda speed, side: setattr(side, "best_px", 1.0)),
    (TypeError, lambda speed, side: setattr(speed.Ladder, "best", None)),
    (TypeError, lambda speed, side: type("Mine", (speed.Ladder,), {})),
    (TypeError, lambda speed, side: type(iter(side))()),
]


@pytest.mark.parametrize(("error", "call"), WRONG)
def test_wrong_calls_are_refused_and_change_nothing(
    speed: Any, bids: Any, error: type[Exception], call: Callable[[Any, Any], object]
) -> None:
    """Also when the second of two levels is wrong: all or nothing."""
    before = list(bids)
    with pytest.raises(error):
        call(speed, bids)
    assert list(bids) == before


def test_code_that_runs_meanwhile_cannot_harm(speed: Any, bids: Any) -> None:
    """An attribute that changes the ladder or the list while it is read."""
    levels: list[Any] = []

    class Sly:
        qty = 1.0

        @property
        def px(self) -> float:
            speed.replace(bids, [])
            levels.clear()
            return 50.5

    levels += [Sly(), Level(1.0, 1.0)]
    speed.change(bids, levels)
    assert list(bids) == [(50.5, 1.0)]


def test_a_book_that_changes_under_its_reader_is_an_error(speed: Any, bids: Any) -> None:
    """The levels that an iterator would give next are of another book."""
    walk = iter(bids)
    assert next(walk) == (99.0, 1.0)
    speed.change(bids, [Level(98.0, 0.0)])
    with pytest.raises(RuntimeError, match="changed while"):
        next(walk)
    walk = iter(bids)
    del bids
    assert len(list(walk)) == 98
    assert list(walk) == []


def test_a_side_of_any_size_and_order(speed: Any, bids: Any) -> None:
    """Huge depth, many equal prices, unsorted snapshots."""
    speed.replace(bids, [Level(1.0, float(n)) for n in range(5000)], sys.maxsize)
    assert list(bids) == [(1.0, 4999.0)]
    speed.replace(bids, [Level(float(n * 7919 % 5003), 1.0) for n in range(5003)], 10**30)
    assert [px for px, _ in bids] == [float(n) for n in range(5002, -1, -1)]
    infinite = [Level(math.inf, 1.0), Level(math.inf, 0.0)]
    speed.change(bids, [*infinite, *(Level(float(n), 0.0) for n in range(5003))])
    assert (list(bids), len(bids)) == ([], 0)
    assert sys.getsizeof(bids) < 4096, "the memory of levels that are gone is given back"


def work(speed: Any) -> None:
    """Everything that the module does, errors too."""
    rows = speed.rows(RAW, DECODE)
    message = SimpleNamespace(bids=RAW, asks=None)
    speed.reader(DECODE)(message)
    assert (message.bids, message.asks) == (rows, None)
    side = speed.Ladder(-1.0)
    for levels in (rows, list(rows), DECODE(RAW), tuple(rows) * 50):
        speed.replace(side, levels, 1, 2)
        speed.change(side, levels)
    _ = side.best(), side.best_px, side.sign, side.keep, side.size_at(10.0), side.top(2), list(side), len(side)
    _ = rows == list(rows), rows != rows[:1], repr(rows), rows[0], rows[1:]
    next(iter(side))
    for raw in (b'[["-1","1"]]', b"[", b'[["1","1",nul]]', b"[[1e5,1]]", b'[["1","12345678901234567.8"]]'):
        with suppress(msgspec.MsgspecError):
            speed.rows(msgspec.Raw(raw), DECODE)
    for error, call in WRONG:
        with suppress(error):
            call(speed, side)


def test_nothing_leaks(speed: Any) -> None:
    """The same memory, blocks and references after a thousand rounds of everything as after a hundred."""
    used = [speed.Rows, speed.Ladder, Level, RAW, DECODE]
    tracemalloc.start()
    try:
        found = []
        for count in (200, 1000, 1000):
            for _ in range(count):
                work(speed)
            gc.collect()
            found.append((tracemalloc.get_traced_memory()[0], [sys.getrefcount(one) for one in used]))
    finally:
        tracemalloc.stop()
    assert found[1][1] == found[2][1]
    assert abs(found[2][0] - found[1][0]) < 4096


def test_a_thousand_books_of_800_levels_fit_in_40_mb(speed: Any) -> None:
    """400 levels a side and 800 a side: what the interpreter and the levels take, counted by the allocator."""
    tracemalloc.start()
    try:
        books = []
        for _ in range(1000):
            sides = speed.Ladder(1.0), speed.Ladder(-1.0)
            for side in sides:
                speed.replace(side, [Level(float(px), 1.0) for px in range(1, 801)], 1600, 1664)
            books.append(sides)
        assert tracemalloc.get_traced_memory()[0] < 40_000_000
    finally:
        tracemalloc.stop()
