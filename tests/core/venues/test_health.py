"""The health of a venue: out after many mishaps, back on probation."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from arbkit.core.venues.health import BOOK_LOST, LINK_LOST, UNKNOWN, Health

S = 1_000_000_000
MOST = 40.0
T0 = 1_780_000_000 * S


def run(health: Health, begin: int, seconds: int, every_s: int = 0, points: float = UNKNOWN) -> list[tuple[int, str]]:
    """Changes as (second, why), with a mishap every so many seconds."""
    changes = []
    for second in range(begin, begin + seconds):
        if every_s and second % every_s == 0:
            health.mishap("orders in doubt", points, T0 + second * S)
        if health.tick(T0 + second * S):
            changes.append((second, health.why))
    return changes


def test_a_bad_minute_takes_it_out_and_a_quiet_time_brings_it_back() -> None:
    health = Health(MOST)
    assert run(health, 0, 600, every_s=60) == []
    ((out, why),) = run(health, 600, 60, every_s=10)
    assert 620 <= out < 660
    assert "orders in doubt" in why
    ((back, none),) = run(health, 660, 300)
    assert none == ""
    assert 30 <= back - out <= 240


def test_on_probation_half_of_it_is_enough_and_it_stays_out_for_longer() -> None:
    health = Health(MOST)
    (first, _), (back, _) = run(health, 0, 40, every_s=5) + run(health, 40, 300)
    begin = back + 1
    ((again, why),) = run(health, begin, 20, every_s=10)
    assert "again during its probation; " not in why
    assert "probation" in why
    assert "out for 60 s" in why
    assert again - begin < 20 < first + 20
    ((third, _),) = run(health, again + 1, 200)
    assert third - again >= 60


def test_a_gap_that_loses_a_hundred_books_is_one_mishap() -> None:
    health = Health(MOST)
    for _ in range(100):
        health.mishap("lost books", BOOK_LOST, T0)
    for _ in range(3):
        health.mishap("lost connections", LINK_LOST, T0)
    assert health.points(T0) < MOST
    assert not health.tick(T0)


@given(st.lists(st.tuples(st.integers(0, 120), st.sampled_from([BOOK_LOST, LINK_LOST, UNKNOWN])), max_size=200))
def test_it_is_out_only_after_enough_and_never_for_ever(mishaps: list[tuple[int, float]]) -> None:
    """A venue that has no more mishaps is back within half an hour; one that had few was never out."""
    health = Health(MOST)
    counts: dict[int, list[float]] = {}
    for second, points in mishaps:
        counts.setdefault(second, []).append(points)
    for second in range(1_900):
        for points in counts.get(second, ()):
            health.mishap(str(points), points, T0 + second * S)
        if health.tick(T0 + second * S) and health.why:
            assert sum(points for _, points in mishaps) >= MOST / 2
    assert health.why == ""
    assert health.points(T0 + 1_900 * S) <= MOST / 8
