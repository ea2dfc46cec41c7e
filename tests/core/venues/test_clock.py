"""The estimate of a venue's clock, where the venue tells its time in whole seconds only."""

from __future__ import annotations

import random

import pytest

from arbkit.adapters.wire import time_sample
from arbkit.core.venues.clock import SHARP_NS, VenueClock

MS = 1_000_000
S = 1_000_000_000
T0 = 1_780_000_000 * S


class Told:
    """A venue whose clock is ours plus ``offset_ns``, asked over a way of 5 to 30 ms."""

    def __init__(self, offset_ns: int, seed: int) -> None:
        self.offset_ns = offset_ns
        self.random = random.Random(seed)
        self.clock = VenueClock(step_ns=S)
        self.now_ns = T0 + self.random.randrange(S)

    def ask(self, every_s: int = 20) -> None:
        """Ask when the estimate wants it, and check that the true offset is within the error."""
        there, back = (self.random.randrange(5 * MS, 30 * MS) for _ in "ab")
        sent_ns = self.now_ns
        told_ns = (sent_ns + there + self.offset_ns) // S * S
        self.now_ns = sent_ns + there + back
        self.clock.sample(time_sample("x", told_ns, S, sent_ns, self.now_ns), self.now_ns)
        self.now_ns = self.clock.ask_ns(self.now_ns + every_s * S, self.now_ns)


@pytest.mark.parametrize("seed", range(20))
def test_whole_seconds_are_enough_for_a_sharp_clock(seed: int) -> None:
    """A few questions that are asked at the right moment; then the truth stays within the error, for an hour."""
    offset_ns = random.Random(seed).randrange(-5 * S, 5 * S)
    told = Told(offset_ns, seed)
    for _ in range(8):
        told.ask()
        assert abs(told.clock.offset_ns - offset_ns) <= told.clock.error_ns
        if told.clock.error_ns <= SHARP_NS:
            break
    assert told.clock.error_ns <= SHARP_NS
    assert told.now_ns - T0 < 20 * S
    while told.now_ns - T0 < 3600 * S:
        told.ask()
        assert abs(told.clock.offset_ns - offset_ns) <= told.clock.error_ns < 2 * SHARP_NS


@pytest.mark.parametrize("step_ns", [-10 * S, -400 * MS, -200 * MS, 200 * MS, 400 * MS, 10 * S])
def test_a_step_of_the_clock_shows_within_a_minute(step_ns: int) -> None:
    """Though a step of less than a second changes few of the whole seconds that are told."""
    for seed in range(10):
        told = Told(0, seed)
        for _ in range(10):
            told.ask()
        told.offset_ns, stepped_ns = step_ns, told.now_ns
        while told.now_ns < stepped_ns + 60 * S:
            told.ask()
        assert abs(told.clock.offset_ns - step_ns) <= 2 * SHARP_NS


def test_a_clock_that_is_told_finely_is_asked_when_it_is_due() -> None:
    clock = VenueClock()
    clock.sample(time_sample("x", T0, 1, T0, T0 + 10 * MS), T0 + 10 * MS)
    assert clock.ask_ns(T0 + 20 * S, T0) == T0 + 20 * S
