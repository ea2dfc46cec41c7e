"""Venues that lie (``hostile``): a few seeds; ``make chaos`` runs 150."""

from __future__ import annotations

import json
from random import Random

import hostile
import pytest

from arbkit.core.reported import Reported


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_lying_venue_stops_nothing(seed: int) -> None:
    """Half of what the venues say is a lie: no exception, no endless loop, a journal that can be read, nothing shown
    that must not be, and books that are back afterwards."""
    assert hostile.judge(seed) == ""


def test_the_judge_sees_what_it_must(monkeypatch: pytest.MonkeyPatch) -> None:
    """A desk that trusts a number of a venue is found."""

    def trusting(self: Reported, link: object, notice: object, now_ns: int) -> None:
        raise OverflowError("a number of a venue")

    monkeypatch.setattr(Reported, "clock", trusting)
    assert "OverflowError" in hostile.judge(0)


def test_a_lie_is_another_message() -> None:
    """Most lies are JSON that differs in a few places, so that they get past the first decoder."""
    rng = Random(1)
    text = json.dumps({"a": [1, {"b": "2"}], "c": {"d": "e"}})
    lies = [hostile.lie(text, ["before"], rng) for _ in range(500)]
    assert sum(one != text for one in lies) > 450
    readable = 0
    for one in lies:
        try:
            json.loads(one)
        except (ValueError, RecursionError):  # depth is one of the lies
            continue
        readable += 1
    assert readable > 300
