"""The strategies and the executor of arbkit, and the functions to build your own."""

from __future__ import annotations

from arbkit.plugins.hooks import RegisterStrategy, hookimpl
from arbkit.strategies.cycle import Hop, Trip, around
from arbkit.strategies.edge import Edge, Terms, common_lot, top_ratio, walk
from arbkit.strategies.executor import TakerExecutor
from arbkit.strategies.spread import SpreadArb, best_spread
from arbkit.strategies.triangular import TriangularArb

__all__ = [
    "Edge",
    "Hop",
    "SpreadArb",
    "TakerExecutor",
    "Terms",
    "TriangularArb",
    "Trip",
    "around",
    "best_spread",
    "common_lot",
    "register_strategies",
    "top_ratio",
    "walk",
]


@hookimpl
def register_strategies(register: RegisterStrategy) -> None:
    """Register the built-in strategies with the same hook that plugins use."""
    register("spread", SpreadArb)
    register("triangular", TriangularArb)
