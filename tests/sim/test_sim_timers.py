"""The timers of dialects: what is due, in which order, and after a cancel."""

from __future__ import annotations

from arbkit.sim.timers import NEVER, Timers


def test_what_is_due_is_always_known() -> None:
    """``due_ns`` is the time of the next call that will happen: cancelled timers do not count, late ones run once."""
    timers, calls = Timers(), list[tuple[str, int]]()
    assert timers.due_ns == NEVER
    soon = timers.at(10, lambda now: calls.append(("once", now)))
    often = timers.at(20, lambda now: calls.append(("often", now)), 5)
    assert timers.due_ns == 10
    soon.cancel()
    assert timers.due_ns == 20
    timers.tick(19)
    assert not calls
    timers.tick(33)
    assert (calls, timers.due_ns) == ([("often", 33)], 35)
    often.cancel()
    assert timers.due_ns == NEVER


def test_what_is_due_together_runs_in_order() -> None:
    """Timers of one time run in the order in which they were set for it, also those that a call adds or cancels."""
    timers, calls = Timers(), list[str]()

    def first(now_ns: int) -> None:
        calls.append("first")
        timers.at(now_ns, lambda now: calls.append("added"))
        third.cancel()

    timers.at(10, first, 10)
    timers.at(10, lambda now: calls.append("second"), 10)
    third = timers.at(10, lambda now: calls.append("third"))
    timers.tick(10)
    assert calls == ["first", "second", "added"]
    assert timers.due_ns == 20
