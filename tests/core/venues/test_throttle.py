"""Rate limits compared with a brute-force count over every window."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbkit.core.errors import LocalProtocolError
from arbkit.core.types import NEVER, Lane, RateLimit, RateReport
from arbkit.core.venues.throttle import ConnectLimiter, Throttle

S = 1_000_000_000
FAST, SLOW = RateLimit("orders", 20, S), RateLimit("orders", 60, 10 * S)
WEIGHT = RateLimit("weight", 100, 2 * S)

requests = st.lists(
    st.tuples(
        st.integers(0, S // 2),
        st.sampled_from(list(Lane)),
        st.lists(st.tuples(st.sampled_from(["orders", "weight", "weight:x"]), st.integers(1, 15)), min_size=1),
    ),
    max_size=120,
)


def most_in_a_window(grants: list[tuple[int, int]], window_ns: int) -> int:
    """The reference: the largest sum over all half-open windows that start at a grant."""
    return max((sum(u for t, u in grants if start <= t < start + window_ns) for start, _ in grants), default=0)


@given(requests)
def test_no_window_of_any_phase_sees_more_than_its_limit(steps):
    """For any requests, no window as long as the limit's contains more units than the limit."""
    throttle = Throttle([FAST, SLOW, WEIGHT])
    grants: dict[str, list[tuple[int, int]]] = {"orders": [], "weight": [], "weight:x": []}
    now = 0
    for gap, lane, costs in steps:
        now += gap
        if throttle.take(costs, lane, now):
            for name, units in costs:
                grants[name].append((now, units))
    assert most_in_a_window(grants["orders"], FAST.window_ns) <= FAST.limit
    assert most_in_a_window(grants["orders"], SLOW.window_ns) <= SLOW.limit
    for name in ("weight", "weight:x"):
        assert most_in_a_window(grants[name], WEIGHT.window_ns) <= WEIGHT.limit


@given(requests, st.sampled_from(list(Lane)), st.integers(1, 20))
def test_ready_is_the_first_moment_of_a_grant(steps, lane, units):
    """Nothing is granted before ``ready_ns``; at ``ready_ns`` it is granted."""
    throttle = Throttle([FAST, SLOW, WEIGHT])
    now = 0
    for gap, other, costs in steps:
        now += gap
        throttle.take(costs, other, now)
    costs = [("orders", units)]
    ready = throttle.ready_ns(costs, lane, now)
    assert now <= ready < NEVER
    if ready > now:
        assert not throttle.take(costs, lane, ready - 1)
    assert throttle.take(costs, lane, ready)


@given(st.lists(st.tuples(st.integers(0, S // 10), st.sampled_from([Lane.READ, Lane.ORDER]))))
def test_a_cancel_and_a_query_always_find_some_left(steps):
    """Reads and orders, however many, leave tokens for a query and then for a cancel at any moment."""
    throttle = Throttle([WEIGHT])
    now = 0
    for gap, lane in steps:
        now += gap
        throttle.take([("weight", 5)], lane, now)
        assert throttle.ready_ns([("weight", 10)], Lane.QUERY, now) == now
        assert throttle.ready_ns([("weight", 15)], Lane.CANCEL, now) == now


def test_linked_windows_are_granted_together_or_not_at_all():
    """When one bucket of a request is empty, nothing is taken from the others."""
    throttle = Throttle([FAST, WEIGHT])
    assert throttle.take([("orders", 20)], Lane.CANCEL, 0)
    before = throttle.headroom(0)
    assert not throttle.take([("weight", 50), ("orders", 1)], Lane.CANCEL, 0)
    assert throttle.headroom(0) | {"weight": 1.0} == before | {"weight": 1.0}
    assert throttle.ready_ns([("weight", 100)], Lane.CANCEL, 0) == 0


def test_held_tokens_are_there_for_the_hedge():
    """Tokens reserved for a deal are not available to others; its hedge uses them although all others are used up."""
    throttle = Throttle([FAST])
    assert throttle.begin((), [("orders", 4)], 7, 0)
    taken = sum(throttle.take([("orders", 1)], Lane.CANCEL, 0) for _ in range(30))
    assert taken == 16
    assert not throttle.take([("orders", 1)], Lane.CANCEL, 0)
    assert throttle.take([("orders", 4)], Lane.HEDGE, 0, deal=7)
    assert not throttle.take([("orders", 1)], Lane.HEDGE, 0, deal=7)


def test_released_tokens_are_free_again():
    """A deal without unwind releases its reserved tokens; used tokens stay used."""
    throttle = Throttle([FAST])
    assert throttle.begin((), [("orders", 4)], 7, 0)
    assert throttle.take([("orders", 1)], Lane.HEDGE, 0, deal=7)
    throttle.release(7)
    assert throttle.headroom(0) == {"orders": pytest.approx(19 / 20)}


def test_a_hold_that_does_not_fit_takes_nothing():
    """A deal whose unwind could not be sent is not started."""
    throttle = Throttle([FAST, WEIGHT])
    assert throttle.take([("orders", 17)], Lane.ORDER, 0)
    assert not throttle.begin((), [("weight", 10), ("orders", 4)], 2, 0)
    assert throttle.headroom(0)["weight"] == 1.0


def test_a_higher_count_of_the_venue_raises_ours():
    """Others may use the same IP address: what the venue counted counts here, until a window has passed."""
    throttle = Throttle([WEIGHT])
    throttle.take([("weight", 10)], Lane.READ, 0)
    throttle.report(RateReport(venue="v", bucket="weight", used=5), 0)
    assert throttle.headroom(0)["weight"] == pytest.approx(0.9)
    throttle.report(RateReport(venue="v", bucket="weight", used=95), 0)
    assert throttle.headroom(0)["weight"] == pytest.approx(0.05)
    assert throttle.headroom(3 * S)["weight"] == 1.0


def test_a_counter_that_goes_down_evenly_comes_back_so():
    """The venue says that it is full, as after a start: no whole window is waited for, and no request is too early. The
    judge counts as the venue does."""
    throttle = Throttle([RateLimit("calls", 20, 40 * S, decays=True)])
    throttle.take([("calls", 3)], Lane.READ, S)
    throttle.report(RateReport(venue="v", bucket="calls", used=20), S)
    counted, at, sent = 20.0, S, []
    for now in range(S, 61 * S, S // 10):
        counted, at = max(0.0, counted - (now - at) / S / 2), now
        if throttle.take([("calls", 1)], Lane.CANCEL, now):
            counted += 1
            assert counted <= 20
            sent.append((now - S) / S)
    assert 2 <= sent[0] < 3
    assert len(sent) >= 28
    throttle.report(RateReport(venue="v", bucket="calls", used=1 << 40), 61 * S)
    assert throttle.ready_ns([("calls", 1)], Lane.CANCEL, 61 * S) < 64 * S


@given(requests, st.randoms(use_true_random=False))
def test_a_counter_that_goes_down_evenly_is_never_over_its_limit(steps, rng):
    """The venue's own counter, fed by what leaves; each request takes up to 100 ms longer than another one."""
    throttle = Throttle([RateLimit("orders", 20, 10 * S, decays=True), RateLimit("weight", 100, 2 * S)])
    now, arrivals = 0, []
    for gap, lane, costs in steps:
        now += gap
        units = sum(cost for name, cost in costs if name == "orders")
        if throttle.take(costs, lane, now) and units:
            arrivals.append((now + rng.randrange(S // 10), units))
    counted, at = 0.0, 0
    for arrived, units in sorted(arrivals):
        counted = max(0.0, counted - (arrived - at) * 20 / (10 * S)) + units
        at = arrived
        assert counted <= 20


def test_the_tokens_of_a_burst_come_back_one_by_one():
    """Not all at the end of a window: after a start at a venue with few, a proof does not wait for all of them."""
    throttle = Throttle([RateLimit("calls", 20, 40 * S, decays=True)])
    for _ in range(19):
        assert throttle.take([("calls", 1)], Lane.CANCEL, S)
    assert not throttle.take([("calls", 2)], Lane.CANCEL, S)
    assert throttle.ready_ns([("calls", 4)], Lane.CANCEL, S) <= 8 * S
    assert throttle.take([("calls", 4)], Lane.CANCEL, 8 * S)
    throttle.begin([("calls", 1)], [("calls", 2)], 1, 60 * S)
    assert throttle.headroom(60 * S)["calls"] == 0.8
    throttle.release(1)
    assert throttle.headroom(120 * S)["calls"] == 1


def test_the_venue_names_its_own_limit():
    """A limit reported in a header replaces the declared one."""
    throttle = Throttle([WEIGHT])
    throttle.report(RateReport(venue="v", bucket="weight", used=0, limit=50), 0)
    assert not throttle.take([("weight", 51)], Lane.CANCEL, 0)
    assert throttle.take([("weight", 50)], Lane.CANCEL, 0)


@pytest.mark.parametrize(("bucket", "orders", "weight"), [("*", 9, 9), ("weight", 0, 9), ("weight:x", 0, 0)])
def test_nothing_before_the_end_of_a_ban(bucket, orders, weight):
    """A 429 closes its bucket with all its keys, a ban the whole venue; cancels wait too."""
    throttle = Throttle([FAST, WEIGHT])
    throttle.report(RateReport(venue="v", bucket=bucket, until_ns=9 * S), 0)
    assert throttle.ready_ns([("orders", 1)], Lane.CANCEL, 0) == orders * S
    assert throttle.ready_ns([("weight", 1)], Lane.CANCEL, 0) == weight * S
    assert throttle.ready_ns([("weight:x", 1)], Lane.CANCEL, 0) == 9 * S
    assert throttle.take([("orders", 1), ("weight:x", 1)], Lane.CANCEL, 9 * S)


def test_a_report_of_a_limit_we_do_not_know_is_harmless():
    """Venues report limits that do not apply to our requests."""
    Throttle([FAST]).report(RateReport(venue="v", bucket="sapi", used=5, limit=10), 0)


def test_more_than_the_limit_is_never_ready():
    """A request that can never be granted is reported as such; an undeclared bucket is a programming error."""
    throttle = Throttle([FAST])
    assert throttle.ready_ns([("orders", 21)], Lane.CANCEL, 0) == NEVER
    with pytest.raises(LocalProtocolError, match="wieght"):
        throttle.ready_ns([("wieght", 1)], Lane.CANCEL, 0)


def test_a_request_beyond_its_lane_goes_out_alone():
    """A snapshot with a large cost is not delayed without end: it is granted when the window is empty."""
    throttle = Throttle([WEIGHT])
    throttle.take([("weight", 1)], Lane.READ, 0)
    ready = throttle.ready_ns([("weight", 80)], Lane.READ, 0)
    assert 2 * S <= ready < 3 * S
    assert throttle.take([("weight", 80)], Lane.READ, ready)


def test_memory_is_bounded():
    """A day's limit and a thousand keys keep a bounded number of entries."""
    throttle = Throttle([RateLimit("day", 160_000, 86_400 * S), RateLimit("key", 5, S)])
    for i in range(20_000):
        throttle.take([("day", 1), (f"key:{i}", 1), (f"key:{-i}", 1)], Lane.ORDER, i * S // 10)
    entries = sum(len(window.grants) for windows in throttle._windows.values() for window in windows)
    assert entries < 3000
    assert len(throttle._windows) <= 1026


def test_connections_come_one_after_the_other():
    """However many links reconnect, no second has more connections than the limit."""
    limiter = ConnectLimiter(limit=3, window_ns=S)
    made = [t for t in range(0, 10 * S, S // 20) if limiter.take(t)]
    assert most_in_a_window([(t, 1) for t in made], S) == 3
    assert len(made) >= 27
    assert limiter.ready_ns(made[-1]) > made[-1]
