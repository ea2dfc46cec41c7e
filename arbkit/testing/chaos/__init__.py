"""Chaos runs: a real desk in virtual time, with weather, watched by judges that read the venues' own ledgers.

``run`` plays a seed, ``play`` a plan; ``weather.WEATHER`` lists what can happen, ``court.JUDGES`` what must hold,
``mutants.MUTANTS`` the safeguards that can be switched off to see whether the judges notice.
"""

from __future__ import annotations

from arbkit.testing.chaos.court import JUDGES
from arbkit.testing.chaos.plan import ALL, ChaosPlan, Deals, draw, read_plan, swarm
from arbkit.testing.chaos.report import SeedReport, Violation, summed
from arbkit.testing.chaos.runner import play, run
from arbkit.testing.chaos.subject import DeskUnderTest, MakeExchange, spread
from arbkit.testing.chaos.watched import START_NS, Watched, client_ids
from arbkit.testing.chaos.weather import FOUNDATION, PROFILES, WEATHER, Profile, Upset

__all__ = [
    "ALL",
    "FOUNDATION",
    "JUDGES",
    "PROFILES",
    "START_NS",
    "WEATHER",
    "ChaosPlan",
    "Deals",
    "DeskUnderTest",
    "MakeExchange",
    "Profile",
    "SeedReport",
    "Upset",
    "Violation",
    "Watched",
    "client_ids",
    "draw",
    "play",
    "read_plan",
    "run",
    "spread",
    "summed",
    "swarm",
]
