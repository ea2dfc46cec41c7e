"""Test tools of arbkit, also for your own adapters and strategies.

``simulate`` runs a strategy on simulated venues in virtual time (``arbkit.testing.simulated``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from arbkit.sim.faults import Fault as Fault
    from arbkit.testing.simulated import Planted as Planted
    from arbkit.testing.simulated import Simulation as Simulation
    from arbkit.testing.simulated import simulate as simulate

__all__ = ["Fault", "Planted", "Simulation", "simulate"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'arbkit.testing' has no attribute {name!r}")
    from arbkit.sim import faults  # imported late: most of this package needs no simulator
    from arbkit.testing import simulated

    found: object = getattr(faults if name == "Fault" else simulated, name)
    return found
