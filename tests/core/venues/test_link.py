"""One link's backoff and its count of bad frames."""

from __future__ import annotations

from random import Random

from arbkit.core.counters import LinkCounters
from arbkit.core.market.books import Books
from arbkit.core.market.watchdog import Watchdog
from arbkit.core.types import NEVER, LinkSpec, Role
from arbkit.core.venues.link import BACKOFF_CAP_NS, Link, Phase

S = 1_000_000_000


def make(role: Role = Role.PUBLIC) -> Link:
    spec = LinkSpec(link="x", venue="x", role=role)
    return Link(spec, None, Watchdog().add(spec), LinkCounters(), Books(), 0)  # type: ignore[arg-type]


def test_rest_is_always_up() -> None:
    """A REST link is always UP and never dialled."""
    link = make(Role.REST)
    assert link.up
    assert link.ready
    assert link.dial_ns == NEVER


def test_backoff_grows_to_its_cap_with_jitter() -> None:
    """Delays stay below 0.25 s doubled with each attempt, and below 30 s; their mean grows; two links get different
    delays."""
    delays = []
    for seed in range(50):
        link, rng, now = make(), Random(seed), 0
        delays.append([])
        for _ in range(12):
            link.phase = Phase.DIALING
            link.lost("refused", now, rng)
            delays[-1].append(link.dial_ns - now)
            now = link.dial_ns
    for attempt in range(12):
        column = [row[attempt] for row in delays]
        assert max(column) <= min(BACKOFF_CAP_NS, S // 4 << attempt)
        assert len(set(column)) > 40
    assert sum(row[9] for row in delays) > 20 * sum(row[2] for row in delays)


def test_connection_that_held_begins_the_backoff_anew() -> None:
    """After thirty seconds UP, the next delay is that of a first attempt."""
    link, rng = make(), Random(1)
    for _ in range(9):
        link.phase = Phase.DIALING
        link.lost("refused", 0, rng)
    link.opened(0)
    link.lost("cut", 29 * S, rng)
    assert link.attempt == 10
    link.opened(0)
    link.lost("cut", 30 * S, rng)
    assert link.attempt == 1
    assert link.dial_ns - 30 * S <= S // 4


def test_planned_end_is_dialled_at_once_but_only_once() -> None:
    """After an announced end, only the first attempt is without delay."""
    link, rng = make(), Random(1)
    link.opened(0)
    link.lost("going away", 40 * S, rng, planned=True)
    assert link.dial_ns == 40 * S
    link.phase = Phase.DIALING
    link.lost("refused", 40 * S, rng, planned=True)
    assert link.dial_ns > 40 * S


def test_bad_frames_are_forgotten_after_their_window() -> None:
    """Five within ten seconds are too many; the count starts again with each connection."""
    link = make()
    assert [link.bad_frame(i * S) for i in range(5)] == [False] * 4 + [True]
    link.opened(5 * S)
    assert not link.bad_frame(6 * S)
    assert link.counted.bad_frames == 6
