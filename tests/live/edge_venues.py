"""Two simulated venues that plant short edges without end: ``edge_venues.py ONE OTHER SEED``.

A process of its own. Prints what ``arbkit sim --json`` prints. Every edge is noted with the
time of the frames that show it.
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


async def main(one: str, other: str, seed: str) -> None:
    """Until killed."""
    registry = plugins.load(dialects=True)
    clock = Clock()
    edges = Divergence(edge_every_s=0.15, edge=(0.001, 0.005), lasting_s=(0.02, 0.2))
    world = World(
        [registry.dialect(one), registry.dialect(other)], seed=int(seed), start_ns=clock.now_ns(), divergence=edges
    )
    async with serve(world, now_ns=clock.now_ns) as where:
        print(json.dumps(where), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
