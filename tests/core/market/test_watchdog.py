"""Watchdogs: silence of sockets and symbols, late frames, late loops."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from arbkit.core.market.watchdog import BookStale, LinkDead, LinkWatch, SymbolSilent, SymbolWatch, Transit, Watchdog
from arbkit.core.types import NEVER, LinkSpec, Role

MS = 1_000_000
S = 1000 * MS
T0 = 1_700_000_000 * S
SPEC = LinkSpec(link="v.public.0", venue="v", role=Role.PUBLIC, silence_ns=30 * S, quiet_ns=10 * S)


def opened(spec: LinkSpec = SPEC) -> tuple[Watchdog, LinkWatch]:
    watchdog = Watchdog()
    watch = watchdog.add(spec)
    watch.opened(T0)
    watch.ready(T0)
    return watchdog, watch


def run(watchdog: Watchdog, until: int) -> list[tuple[int, LinkDead | BookStale | SymbolSilent]]:
    """Call ``tick`` whenever it is due, without any other input."""
    found = []
    while (now := watchdog.due_ns) <= until:
        found += [(now, verdict) for verdict in watchdog.tick(now)]
        assert watchdog.due_ns > now
    return found


def test_nothing_is_due_while_no_link_is_open():
    """No timer is set without need."""
    watchdog = Watchdog()
    assert watchdog.due_ns == NEVER
    watch = watchdog.add(SPEC)
    assert watchdog.due_ns == NEVER
    watch.opened(T0)
    assert watchdog.due_ns <= T0
    watch.closed()
    assert watchdog.due_ns == NEVER
    assert watchdog.add(SPEC) is watch


def test_a_socket_without_a_byte_is_dead():
    """Silence of the socket is reported once, on time, and again only after a new connection."""
    watchdog, watch = opened(LinkSpec(link="l", venue="v", role=Role.PRIVATE, silence_ns=5 * S))
    watch.seen_ns = T0 + 2 * S
    [(at, verdict)] = run(watchdog, T0 + 60 * S)
    assert at == T0 + 7 * S
    assert isinstance(verdict, LinkDead)
    assert "nothing received for 5.0 s" in verdict.reason
    assert watchdog.due_ns == NEVER
    watch.opened(T0 + 100 * S)
    assert watchdog.tick(T0 + 100 * S) == []


def test_pongs_do_not_prove_the_data():
    """Heartbeats without data of any instrument: the subscription is lost."""
    watchdog, watch = opened()
    verdicts = []
    for second in range(12):
        watch.seen_ns = T0 + second * S
        verdicts += run(watchdog, T0 + second * S)
    [(at, verdict)] = verdicts
    assert at == T0 + 10 * S
    assert isinstance(verdict, LinkDead)
    assert "no data" in verdict.reason


def test_a_subscription_nobody_confirmed_is_dead():
    """Open but never Ready: dialled again."""
    watchdog = Watchdog()
    watch = watchdog.add(SPEC)
    watch.opened(T0)
    for second in range(19):
        watch.seen_ns = T0 + second * S
        assert run(watchdog, T0 + second * S) == []
    [(at, verdict)] = run(watchdog, T0 + 25 * S)
    assert at == T0 + LinkWatch.SETUP_NS
    assert isinstance(verdict, LinkDead)


def feed(watch: LinkWatch, instrument: str, start: int, stop: int, every: int) -> None:
    for now in range(start, stop, every):
        watch.seen_ns = now
        watch.updated(instrument, now - 20 * MS, now)


def test_a_dropped_subscription_shows_against_the_symbols_own_rate():
    """Of two symbols on one link, the one that stops is STALE after twenty of its usual intervals; the slow one, as
    silent as usual, is not. Finally the link is dialled again."""
    watchdog, watch = opened()
    end = T0 + 60 * S
    feed(watch, "v:FAST", T0, end, 100 * MS)
    feed(watch, "v:SLOW", T0, end, 5 * S)
    watchdog.tick(end)
    stale = dead = 0
    for now in range(end, end + 40 * S, 50 * MS):
        watch.seen_ns = now
        if (now - T0) % (500 * MS) == 0:
            watch.updated("v:SLOW", now - 20 * MS, now)
        for verdict in watchdog.tick(now):
            if isinstance(verdict, BookStale):
                assert verdict.instrument == "v:FAST"
                stale = now
            else:
                dead = now
    assert end + 1900 * MS <= stale <= end + 2100 * MS
    assert end + 19 * S <= dead <= end + 21 * S


def test_a_stale_symbol_is_told_again_after_it_came_back():
    """Reported once per silence."""
    watchdog, watch = opened()
    now = T0 + 60 * S
    feed(watch, "v:A", T0, now, 100 * MS)
    for start in (now, now + 10 * S):
        feed(watch, "v:A", start, start + S, 100 * MS)
        verdicts = [verdict for _, verdict in run(watchdog, start + 8 * S)]
        assert [type(verdict) for verdict in verdicts] == [BookStale]


def test_a_symbol_of_random_rate_is_not_called_stale():
    """Updates at random (Poisson) for an hour raise no false alarm."""
    rng = random.Random(5)
    watchdog, watch = opened()
    now = T0
    while now < T0 + 3600 * S:
        now += int(rng.expovariate(2) * S) + 1
        assert run(watchdog, now) == []
        watch.seen_ns = now
        watch.updated("v:A", 0, now)


def test_memory_of_a_usual_rate_follows_the_symbol():
    """A symbol that becomes slower for good gets a longer limit."""
    watchdog, watch = opened()
    feed(watch, "v:A", T0, T0 + 2 * S, 10 * MS)
    watchdog.tick(T0 + 2 * S)
    symbol = watch.symbols["v:A"]
    feed(watch, "v:A", T0 + 2 * S, T0 + 4 * S, 10 * MS)
    symbol.settle()
    assert symbol.limit_ns == SymbolWatch.FLOOR_NS
    for now in range(T0 + 5 * S, T0 + 300 * S, S):
        watch.updated("v:A", 0, now)
        symbol.settle()
    assert 15 * S < symbol.limit_ns <= 21 * S


@given(st.lists(st.tuples(st.integers(0, 40 * S), st.integers(-5 * S, 10 * S)), min_size=1, max_size=200))
def test_transit_equals_a_brute_force_minimum(samples):
    """The excess is measured against a minimum over at least the last four minutes and at most the last five."""
    transit = Transit()
    now = T0
    seen: list[tuple[int, int]] = []
    for gap, took in samples:
        now += gap
        seen.append((now, took))
        excess = transit.sample(now - took, now)
        assert excess >= 0
        longest = min(t for at, t in seen if at >= now - 300 * S)
        shortest = min(t for at, t in seen if at > now - 240 * S)
        assert took - shortest <= excess <= took - longest


def test_a_reader_that_falls_behind_is_found_and_recovers():
    """Old frames received late: the link is behind at once, and no longer when it catches up."""
    _, watch = opened()
    feed(watch, "v:A", T0, T0 + S, 10 * MS)
    assert not watch.behind
    assert watch.updated("v:A", T0 + S, T0 + S + 271 * MS) == 251 * MS
    assert watch.behind
    assert watch.updated("v:A", T0 + 2 * S, T0 + 2 * S + 25 * MS) == 5 * MS
    assert not watch.behind


def test_a_stamp_in_another_unit_does_not_become_the_usual():
    """A timestamp hours ahead is ignored; one hours old counts as late; none at all changes nothing."""
    transit = Transit()
    transit.sample(T0, T0 + 20 * MS)
    assert transit.sample(T0 * 1000, T0 + 30 * MS) == 0
    assert transit.sample(T0, T0 + 60 * MS) == 40 * MS
    assert transit.sample(0, T0 + 70 * MS) == 40 * MS
    assert transit.sample(T0 // 1000, T0 + 80 * MS) > 3600 * S


def test_with_a_measured_clock_a_link_is_late_from_its_first_frame():
    """The offset of the venue's clock is no delay, and a delay is never usual, however long it lasts."""
    watchdog, watch = opened()
    watchdog.clock("v", -5 * S)
    late = T0 + 600 * S
    for now in range(T0, late, S):
        watch.updated("v:A", now - 5 * S - 3 * S, now)
        assert watch.behind
    assert watch.updated("v:A", late - 5 * S - 20 * MS, late) == 20 * MS
    assert not watch.behind
    assert watch.updated("v:A", late * 1000, late) == 20 * MS  # a stamp in another unit proves nothing
    other = watchdog.add(LinkSpec(link="v.public.1", venue="v", role=Role.PUBLIC))
    assert other.updated("v:B", late - 6 * S, late) == S
    watchdog.clock("v", None)
    assert watch.updated("v:A", late - 8 * S, late) == 0


def test_a_late_loop_distrusts_everything_until_drained():
    """More than 50 ms late: no book is fresh for as long as frames piled up. A shorter delay changes nothing."""
    watchdog, _ = opened()
    assert not watchdog.late(50 * MS, T0)
    assert watchdog.drained_ns == 0
    assert watchdog.late(400 * MS, T0)
    assert watchdog.drained_ns == T0 + 400 * MS
    assert watchdog.late(60 * MS, T0 + 100 * MS)
    assert watchdog.drained_ns == T0 + 400 * MS


def test_memory_is_one_entry_a_symbol():
    """Memory does not grow with the number of frames."""
    transit = Transit()
    for i in range(100_000):
        transit.sample(T0 + i * S, T0 + i * S + 5)
    assert len(transit._lows) == 4


def test_a_symbol_that_never_sends_is_told_later_each_time():
    """After 45 s, then, on the next connection, after twice that. A connection on which it sends forgets that."""
    watchdog = Watchdog()
    spec = LinkSpec(link="v.public.0", venue="v", role=Role.PUBLIC, silence_ns=30 * S, instruments=("v:A", "v:B"))
    watch = watchdog.add(spec)
    told, now = [], T0
    for connection in range(4):
        watch.opened(now)
        watch.ready(now)
        begun, heard = now, connection == 2
        for now in range(begun, begun + 400 * S, S):
            watch.seen_ns = now
            watch.updated("v:A", now, now)
            if heard:
                watch.updated("v:B", now, now)
            if verdicts := watchdog.tick(now):
                told += [((now - begun) // S, verdict) for verdict in verdicts]
                break
        watch.closed()
    assert [at for at, _ in told] == [45, 90, 45]
    assert all(isinstance(verdict, SymbolSilent) and verdict.instrument == "v:B" for _, verdict in told)


def test_a_time_before_1970_is_no_time() -> None:
    """400 digits with a minus would be an excess that no float can hold: the frame counts as one without a time."""
    transit = Transit()
    transit.measured(0)
    assert transit.sample(10 * MS, 15 * MS) == 5 * MS
    assert transit.sample(-(10**400), 16 * MS) == 5 * MS
