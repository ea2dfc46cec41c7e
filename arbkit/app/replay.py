"""Replays a captured run: creates a new desk from the tape's plan and feeds it the tape's inputs.

``arbkit replay`` calls it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from arbkit.app import target
from arbkit.app.plan import RunPlan, make_desk, make_exchanges
from arbkit.config.load import StrategyConfig
from arbkit.core.tape import ReplayPort, TapeReader
from arbkit.core.tape import replay as replay_tape
from arbkit.core.venues.signer import LocalSigner
from arbkit.plugins.registry import Registry

__all__ = ["replay"]


def replay(path: str, registry: Registry) -> dict[str, Any]:
    """Replay the tape ``path``. Returns the hash of the replayed commands and the recorded one; ``same`` compares
    them."""
    reader = TapeReader(Path(path).read_bytes())
    plan = msgspec.msgpack.decode(reader.head.setup, type=RunPlan)
    strategy = target.make(target.load(plan.target, registry), StrategyConfig(target=plan.target, params=plan.params))
    port = ReplayPort(reader.head)
    signers = {venue.venue: LocalSigner("replayed", "replayed", "replayed") for venue in plan.venues if venue.signed}
    desk = make_desk(plan, make_exchanges(plan, registry), strategy, signers, port, reader.head.began_ns)
    inputs = replay_tape(reader, desk, port)
    return {
        "inputs": inputs,
        "commands": desk.sender.commands,
        "commands_hash": desk.commands_hash(),
        "recorded_hash": getattr(reader, "commands_hash", ""),
        "same": getattr(reader, "commands_hash", "") == desk.commands_hash(),
    }
