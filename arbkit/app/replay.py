"""Replay of a captured run: the same plan, a fresh desk, the inputs from the tape."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from arbkit.app import target
from arbkit.app.plan import RunPlan, make_desk
from arbkit.config.load import StrategyConfig
from arbkit.core.tape import ReplayPort, TapeReader
from arbkit.core.tape import replay as replay_tape
from arbkit.core.venues.signer import LocalSigner
from arbkit.plugins.registry import Registry

__all__ = ["replay"]


def replay(path: str, registry: Registry) -> dict[str, Any]:
    """Feed a captured run to a fresh desk: the hash of its commands, beside the one that the run wrote down."""
    reader = TapeReader(Path(path).read_bytes())
    plan = msgspec.msgpack.decode(reader.head.setup, type=RunPlan)
    strategy = target.make(target.load(plan.target, registry), StrategyConfig(target=plan.target, params=plan.params))
    port = ReplayPort(reader.head)
    signers = {venue.venue: LocalSigner("replayed", "replayed", "replayed") for venue in plan.venues if venue.signed}
    desk = make_desk(plan, registry, strategy, signers, port, reader.head.began_ns)
    inputs = replay_tape(reader, desk, port)
    return {
        "inputs": inputs,
        "commands": desk.sender.commands,
        "commands_hash": desk.commands_hash(),
        "recorded_hash": getattr(reader, "commands_hash", ""),
        "same": getattr(reader, "commands_hash", "") == desk.commands_hash(),
    }
