"""Alarms against a plain dictionary: nothing is ever late, and nothing is forgotten."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from arbkit.core.alarms import Alarms
from arbkit.core.types import NEVER

NAMES = st.sampled_from("abcd")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("by"), NAMES, st.one_of(st.integers(0, 100), st.just(NEVER))),
        st.tuples(st.just("cancel"), NAMES, st.just(0)),
        st.tuples(st.just("take"), st.just(""), st.integers(0, 100)),
    ),
    max_size=60,
)


@given(STEPS)
def test_it_is_a_table_of_the_earliest_times(steps: list[tuple[str, str, int]]) -> None:
    alarms, plain = Alarms(), dict[str, int]()
    for step, name, at in steps:
        if step == "by":
            alarms.by(name, at)
            plain[name] = min(at, plain.get(name, NEVER))
        elif step == "cancel":
            alarms.cancel(name)
            plain.pop(name, None)
        else:
            due = sorted((when, key) for key, when in plain.items() if when <= at)
            assert alarms.take(at) == [key for _, key in due]
            for _, key in due:
                del plain[key]
        assert alarms.due_ns == min(plain.values(), default=NEVER)


def test_memory_is_bounded_by_what_is_set() -> None:
    """A name that is set anew each time it rings leaves nothing behind."""
    alarms = Alarms()
    for now in range(0, 100_000, 10):
        alarms.by("a", now + 1_000)
        alarms.by("a", now + 5)
        assert alarms.take(now + 5) == ["a"]
    assert len(alarms._heap) < 200
