"""The clock with wall, monotonic and boot clocks that the test sets."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from arbkit.core.runtime.clock import Clock, seed

SECOND = 1_000_000_000


class Hands:
    """Three clocks: wall, monotonic, and boot (which continues during sleep)."""

    def __init__(self) -> None:
        self.wall = 1_700_000_000 * SECOND
        self.mono = 5 * SECOND
        self.boot = 7 * SECOND

    def clock(self) -> Clock:
        return Clock(lambda: self.wall, lambda: self.mono, lambda: self.boot)

    def run(self, ns: int) -> None:
        self.wall += ns
        self.mono += ns
        self.boot += ns


def test_starts_at_the_wall_clock() -> None:
    """The real one: nanoseconds since 1970, rising. The bound is wide, since the machine may pause in between."""
    clock = Clock()
    assert abs(clock.now_ns() - time.time_ns()) < 60 * SECOND  # noqa: TID251 - what the clock is compared with
    first = clock.now_ns()
    assert clock.now_ns() >= first
    assert clock.jump_ns() == 0


@given(st.lists(st.tuples(st.integers(0, 10**12), st.integers(-(10**13), 10**13))))
def test_never_steps(moves: list[tuple[int, int]]) -> None:
    """Whatever happens to the wall clock, our time advances with the monotonic clock."""
    hands = Hands()
    clock = hands.clock()
    began = clock.now_ns()
    total = 0
    for run, wall in moves:
        hands.run(run)
        hands.wall += wall
        total += run
        assert clock.now_ns() == began + total


def test_a_jump_is_told_once() -> None:
    """A jump of an hour is reported once with its size; after that the new wall time is the normal one."""
    hands = Hands()
    clock = hands.clock()
    for jump in (3600 * SECOND, -3600 * SECOND, 300_000_000):
        hands.run(SECOND)
        hands.wall += jump
        assert clock.jump_ns() == jump
        hands.run(SECOND)
        assert clock.jump_ns() == 0
    assert clock.wall_error_ns == 300_000_000


def test_slewing_is_no_jump() -> None:
    """500 us a second for an hour, looked at each second, adds up to 1.8 s and is never a jump."""
    hands = Hands()
    clock = hands.clock()
    for _ in range(3600):
        hands.run(SECOND)
        hands.wall += 500_000
        assert clock.jump_ns() == 0
    assert clock.wall_error_ns == 1_800_000_000


def test_sleep_is_told() -> None:
    """The monotonic clock stops during sleep: the boot clock shows it, also when the wall clock was set back."""
    hands = Hands()
    clock = hands.clock()
    hands.wall += 60 * SECOND
    hands.boot += 60 * SECOND
    assert clock.jump_ns() == 60 * SECOND
    hands.boot += 60 * SECOND
    assert clock.jump_ns() == 60 * SECOND
    assert clock.jump_ns() == 0


def test_seeds_differ() -> None:
    """64 bits of entropy."""
    seeds = {seed() for _ in range(100)}
    assert len(seeds) == 100
    assert all(0 <= each < 1 << 64 for each in seeds)
