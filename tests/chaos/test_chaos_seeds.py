"""The short chaos run: some seeds with all kinds of faults, and a check that the invariants notice a missing
safeguard."""

from __future__ import annotations

from collections import Counter

import pytest

from arbkit.testing import chaos
from arbkit.testing.chaos.runner import KINDS

SEEDS = range(24)
SECONDS = 20.0


def test_seeds_hold_every_invariant_and_meet_every_fault(subject):
    """Ledgers equal, one order per intent, each fill once, nothing open, deals balanced or held, no stale book, no cap
    exceeded. The run counts only if each kind of fault fired and each outcome occurred."""
    fired: Counter[str] = Counter()
    paths: Counter[str] = Counter()
    for seed in SEEDS:
        report = chaos.run(subject, seed, SECONDS)
        assert not report.broken, str(report)
        fired += report.fired
        paths += report.paths
    assert set(fired) == set(KINDS)
    wanted = {
        "hedged",
        "completed",
        "reversed",
        "unknown",
        "found again",
        "proved absent",
        "link lost",
        "link dropped",
        "link behind",
        "bad frame",
        "book lost",
        "book stale",
        "throttled",
    }
    assert wanted <= set(paths)


def test_seed_repeats_byte_for_byte(subject):
    """The same seed: the same plan, the same faults, the same commands."""
    first, second = (chaos.run(subject, 3, 10.0) for _ in range(2))
    assert first.faults == second.faults
    assert first.fired == second.fired
    assert first.orders
    assert first.commands_hash == second.commands_hash


def test_failing_seed_prints_a_plan_that_plays_it_again(subject, off):
    """A report prints the whole plan; the same invariant breaks again when the plan is used."""
    with off("every copy of a fill counts"):
        report = chaos.run(subject, 1, 5.0)
    with off("every copy of a fill counts"):
        again = chaos.run(subject, 1, 5.0, faults=report.faults, venues=report.venues)
    assert report.broken
    assert again.broken == report.broken
    assert '"kind":' in str(report)


@pytest.mark.parametrize(
    "name", ["every copy of a fill counts", "an ack is a fill", "lost books are traded on", "late frames are fresh"]
)
def test_safeguard_switched_off_is_noticed(subject, off, name):
    """The invariants must find a missing safeguard. ``make chaos`` switches off all the others."""
    with off(name):
        assert any(chaos.run(subject, seed, 10.0).broken for seed in range(6))


def test_rough_day_is_hedged(subject):
    """1 % of the orders and 0.5 % of the answers are lost, links are cut: at least 97 % of the deals are flat within 2
    s."""
    flat = total = 0
    for seed in range(3):
        report = chaos.run(subject, seed, 60.0, faults=chaos.ROUGH)
        assert not report.broken, str(report)
        total += report.deals.total()
        flat += report.flat_in_time
    assert total > 100
    assert flat / total >= 0.97
