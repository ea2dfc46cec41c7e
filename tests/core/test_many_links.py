"""A desk with many venues, links and symbols does for each input what is due, and nothing for the others.

The judge counts calls of Python functions: the same on every machine, however busy it is.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from arbkit.bench.frame import BenchPort
from arbkit.bench.many import START_NS, make_desk, sync
from arbkit.core.desk import Desk
from arbkit.core.types import NEVER, FeeUpdate, Level, TopUpdate
from arbkit.strategies import edge, spread

S = 1_000_000_000
FEW, MANY = 2, 60
"""Venues with one symbol: each has a public and a REST link, and private ones live."""


def calls(call: Callable[..., object], *args: object) -> int:
    """How many functions of Python and of C this calls."""
    count = 0

    def seen(frame: object, event: str, arg: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(seen)
    try:
        call(*args)
    finally:
        sys.setprofile(None)
    return count


class Many:
    """A desk with books, and the time."""

    def __init__(self, venues: int, symbols: int = 1) -> None:
        self.port = BenchPort()
        self.desk: Desk = make_desk(venues, symbols, self.port, START_NS)
        self.streams = sync(self.desk, self.port)
        self.now = self.desk.due_ns
        self.settle()

    def settle(self) -> None:
        """Do what is due."""
        while self.desk.due_ns <= self.now:
            self.desk.wake(self.now)

    def frame(self, instrument: str, text: str = "") -> None:
        """A frame of this book, as a link gives it to the desk, and the look at the time after it."""
        link, stream = self.streams[instrument]
        self.desk.frame(link, text or stream.next(self.now), self.now)
        self.desk.read_end(link, self.now)
        assert self.desk.due_ns <= NEVER


@pytest.fixture(scope="module")
def few() -> Many:
    return Many(FEW)


@pytest.fixture(scope="module")
def many() -> Many:
    return Many(MANY)


def test_there_are_as_many_links_as_the_tests_say(few: Many, many: Many) -> None:
    """The comparison is between 4 and 120 links."""
    assert (len(few.desk.links), len(many.desk.links)) == (4, 120)


def test_a_wake_up_for_one_link_costs_the_same_with_many(few: Many, many: Many) -> None:
    """One session wants its timer; the other links and venues are not looked at."""

    def due(one: Many) -> int:
        link = one.port.dialled[0]
        one.now += 1
        one.settle()
        one.desk.dialer.alarms.by(link, one.now)
        return calls(one.desk.wake, one.now)

    assert due(many) <= due(few) + 5


def test_the_time_of_the_next_wake_up_costs_the_same_with_many(few: Many, many: Many) -> None:
    """After an event of one venue its time is worked out, and no other's. After a frame of a book none is."""

    def after_event(one: Many) -> int:
        next(iter(one.desk.venues.values())).moved()
        return calls(lambda: one.desk.due_ns)

    assert after_event(many) <= after_event(few) + 5
    for one in (few, many):
        one.desk.due_ns  # noqa: B018 - it settles what the event left
        one.frame("v00:A00-USDT")
        assert calls(lambda one=one: one.desk.due_ns) <= 3


def test_due_times_are_never_later_than_those_worked_out_anew(many: Many) -> None:
    """What is kept is what a look at everything finds."""
    desk = many.desk
    for number, instrument in enumerate(many.streams):
        many.now += S // 7
        many.frame(instrument)
        if number % 3 == 0:
            desk.wake(many.now)
        kept = desk.due_ns
        desk._dirty = True
        for venue in desk.venues.values():
            venue.moved()
        assert kept == desk.due_ns


def test_watchdogs_of_links_that_opened_together_do_not_tick_together(many: Many) -> None:
    """Their checks are spread over the second, so that no wake-up has to do all of them."""
    ticks: Counter[int] = Counter()
    alarms = many.desk.watchdog.alarms
    until = many.now + 2 * S
    while alarms.due_ns < until:
        many.now = alarms.due_ns
        before = alarms.due_ns
        ticks[before] += len({link for link, at in alarms._at.items() if at == before})
        many.desk.wake(many.now)
    assert max(ticks.values()) <= 2
    assert len(ticks) > MANY


@pytest.fixture
def worked_out(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Each pair of which the settings were worked out."""
    made: list[Any] = []
    between = edge.Terms.between

    def count(view: Any, buy: Any, sell: Any, **settings: Any) -> edge.Terms:
        made.append((buy.id, sell.id))
        return between(view, buy, sell, **settings)

    monkeypatch.setattr(spread.Terms, "between", count)
    return made


def test_settings_of_a_pair_are_worked_out_once_until_a_fee_changes(worked_out: list[Any]) -> None:
    """Ten seconds of frames need no new look at fees, rules and latencies. A new fee needs one for each pair, when its
    books move; the same fee told again needs none."""
    one = Many(3, 2)
    pairs = 3 * 2 * 2
    assert len(worked_out) == len(set(worked_out))
    for _ in range(60):
        one.now += S // 6
        one.settle()
        for instrument in one.streams:
            one.frame(instrument)
    assert len(worked_out) == pairs
    fee = FeeUpdate("v00:main", "v00:A00-USDT", Decimal("0.0002"), Decimal("0.0004"))
    rest = one.desk.venues["v00"].rest
    for _ in range(3):
        one.desk._outputs(rest, [fee], one.now)
        for _ in range(20):
            one.now += S // 10
            for instrument in one.streams:
                one.frame(instrument)
    assert len(worked_out) == 2 * pairs
    market = one.desk.engine.strategies[0].strategy._markets["v00:A00-USDT"]
    assert {pair.terms.buy_fee for _, pair, _ in market.pairs} == {0.0004}


def test_a_strategy_that_asks_for_tops_is_not_asked_when_none_moved() -> None:
    """Most changes are in the depth. A faster best bid and ask that says nothing new asks nobody either."""
    one = Many(2)
    link, _ = one.streams["v00:A00-USDT"]
    book = one.desk.books["v00:A00-USDT"]
    asked: list[list[str]] = []
    strategy = one.desk.engine.strategies[0].strategy
    decide = strategy.decide

    def seen(view: Any, touched: Any, now_ns: int) -> Any:
        asked.append(list(touched))
        return decide(view, touched, now_ns)

    strategy.decide = seen  # type: ignore[method-assign]
    for _ in range(300):
        before = book.bid_px, book.ask_px
        asked.clear()
        one.now += 1_000_000
        one.frame("v00:A00-USDT")
        assert asked == ([["v00:A00-USDT"]] if before != (book.bid_px, book.ask_px) else [])
    bid, ask = book.best_bid(), book.best_ask()
    assert bid is not None
    assert ask is not None
    asked.clear()
    for seq, size in ((book.seq + 1, 2.0), (book.seq + 2, 3.0)):
        top = TopUpdate(book.instrument, Level(bid[0], size), Level(ask[0], size), seq, one.now, one.now)
        one.desk._outputs(one.desk.links[link], [top], one.now)
        one.desk.read_end(link, one.now)
    assert book.best_bid() == (bid[0], 3.0)
    assert asked == []
