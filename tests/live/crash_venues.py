"""Simulated venues with slow books and many long edges: ``crash_venues.py SEED VENUES...``.

A process of its own. Prints what ``arbkit sim --json`` prints. It needs little of the machine, so that several crash
runs go on at a time.
"""

from __future__ import annotations

import asyncio
import json
import sys

from arbkit.core.runtime.clock import Clock
from arbkit.plugins import registry as plugins
from arbkit.sim.market import Divergence
from arbkit.sim.shell import serve
from arbkit.sim.world import World


async def main(seed: str, *names: str) -> None:
    """Until killed."""
    registry = plugins.load(dialects=True)
    clock = Clock()
    edges = Divergence(edge_every_s=0.3, lasting_s=(0.5, 2.0), pace=0.05)
    dialects = [registry.dialect(name) for name in names]
    world = World(dialects, seed=int(seed), start_ns=clock.now_ns(), divergence=edges)
    async with serve(world, now_ns=clock.now_ns) as where:
        print(json.dumps(where), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
