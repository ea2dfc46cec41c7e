"""What ``arbkit`` promises: a pinned, sorted list, loaded lazily."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import arbkit

NAMES = [
    "ArbkitError",
    "BadFrame",
    "Book",
    "BookUpdate",
    "CancelOrder",
    "Capabilities",
    "Catalogue",
    "ConfigError",
    "Deal",
    "DealLeg",
    "DealReport",
    "DealState",
    "Exchange",
    "Executor",
    "Idle",
    "Instrument",
    "Leg",
    "Level",
    "NEVER",
    "NewOrder",
    "Opportunity",
    "OrderUpdate",
    "Outcome",
    "Purpose",
    "RemoteProtocolError",
    "Session",
    "Side",
    "Signer",
    "SpreadArb",
    "Strategy",
    "Trade",
    "TriangularArb",
    "VenueSettings",
    "View",
    "hookimpl",
]


def test_the_public_names_are_these() -> None:
    """Adding one is a decision; losing one breaks somebody."""
    assert arbkit.__all__ == NAMES
    assert sorted(arbkit.__all__) == arbkit.__all__
    assert dir(arbkit) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_each_public_name_is_there_and_documented(name: str) -> None:
    """A name loads from its home, and a class says what it is."""
    found = getattr(arbkit, name)
    assert name in ("hookimpl", "NEVER") or (found.__name__ == name and found.__doc__)


def test_what_a_type_checker_sees_is_what_python_gives() -> None:
    """The typing imports and the lazy table name the same homes."""
    tree = ast.parse(Path(str(arbkit.__file__)).read_text())
    typed = {
        alias.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("arbkit.")
        for alias in node.names
    }
    assert typed == arbkit._HOME
    assert sorted(typed) == sorted(NAMES)


def test_an_unknown_name_is_an_attribute_error() -> None:
    """As of any module."""
    with pytest.raises(AttributeError, match="has no attribute 'Strateggy'"):
        _ = arbkit.Strateggy
