"""Books that are read from generated frames equal the model's, whatever the wire does.

A failure names its seed; ``Played(venue, wire, quirks, seed)`` plays it again.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
from generated import QUIRKS, Played
from hypothesis import given, settings
from hypothesis import strategies as st

HARMFUL = ("gap", "reordered", "reconnect", "restart by delta")
"""Only these may lose a book."""
WITH = {
    "early deltas": ("late snapshot", "reconnect"),
    "late snapshot": ("gap",),
    "old snapshot": ("gap",),
    "refused snapshot": ("gap",),
    "straddle": ("gap",),
}
"""Quirks that need others to happen often enough."""


SEEDS = (1, pytest.param(2, marks=pytest.mark.long))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_plain_stream(venue: Any, wire: tuple[str, Any], seed: int) -> None:
    """Without any quirk: each book is SYNCED from its snapshot on, and equal after each frame."""
    played = Played(venue, wire[1], (), seed)
    assert played.faults == []
    assert played.losses == 0
    assert len(played.log) > 200


def test_each_quirk_alone(venue: Any, wire: tuple[str, Any]) -> None:
    """It happens several times. No book is wrong while it is SYNCED, and none is lost without need."""
    for quirk in wire[1].quirks:
        others = WITH.get(quirk, ())
        played = Played(venue, wire[1], (quirk, *others), 7, count=80)
        assert played.faults == [], quirk
        assert played.seen[quirk] > 1, quirk
        assert played.losses == 0 or not {quirk, *others}.isdisjoint(HARMFUL), quirk


@pytest.mark.parametrize("seed", SEEDS)
def test_all_quirks_at_once(venue: Any, wire: tuple[str, Any], seed: int) -> None:
    """Hundreds of frames with everything that the wire may do."""
    played = Played(venue, wire[1], wire[1].quirks, seed, count=300)
    assert played.faults == []
    assert set(played.seen) == set(wire[1].quirks)


@settings(max_examples=3, deadline=None)
@given(data=st.data())
def test_any_quirks_and_any_seed(venue: Any, wire: tuple[str, Any], data: st.DataObject) -> None:
    """Combinations that nobody thought of."""
    quirks = data.draw(st.lists(st.sampled_from(sorted(wire[1].quirks)), unique=True))
    seed = data.draw(st.integers(0, 10_000))
    assert Played(venue, wire[1], quirks, seed, count=80).faults == []


@pytest.mark.needs("WIRES")
def test_every_quirk_is_known(venue: Any) -> None:
    """A wire names its quirks as ``QUIRKS`` does."""
    for wire in venue.facts.WIRES.values():
        assert set(wire.quirks) <= set(QUIRKS)


def test_the_model_is_independent() -> None:
    """The judge shares no code with what it judges."""
    tree = ast.parse((Path(__file__).parent / "model.py").read_text())
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported == {"__future__", "collections.abc", "dataclasses", "functools", "random"}
