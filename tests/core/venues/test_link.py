"""One link's backoff and its count of bad frames."""

from __future__ import annotations

from random import Random

from arbkit.core.counters import LinkCounters
from arbkit.core.market.watchdog import Watchdog
from arbkit.core.types import NEVER, LinkSpec, Role
from arbkit.core.venues.link import BACKOFF_CAP_NS, Link, Phase

S = 1_000_000_000


def make(role: Role = Role.PUBLIC) -> Link:
    spec = LinkSpec(link="x", venue="x", role=role)
    return Link(spec, None, Watchdog().add(spec), LinkCounters(), 0)  # type: ignore[arg-type]


def test_rest_is_always_up() -> None:
    """A request channel is never dialled."""
    link = make(Role.REST)
    assert link.up
    assert link.ready
    assert link.dial_ns == NEVER


def test_backoff_grows_to_its_cap_with_jitter() -> None:
    """Delays stay under 0.25 s doubled with each attempt, and under 30 s; their mean grows; two links do not agree."""
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
    """Thirty seconds up: the next delay is a first one again."""
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
    """A venue that announces an end and then does not take the connection is not hammered."""
    link, rng = make(), Random(1)
    link.opened(0)
    link.lost("going away", 40 * S, rng, planned=True)
    assert link.dial_ns == 40 * S
    link.phase = Phase.DIALING
    link.lost("refused", 40 * S, rng, planned=True)
    assert link.dial_ns > 40 * S


def test_bad_frames_are_forgotten_after_their_window() -> None:
    """Five within ten seconds are too many; the count begins anew with a connection."""
    link = make()
    assert [link.bad_frame(i * S) for i in range(5)] == [False] * 4 + [True]
    link.opened(5 * S)
    assert not link.bad_frame(6 * S)
    assert link.counted.bad_frames == 6
