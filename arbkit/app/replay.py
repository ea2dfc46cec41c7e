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
from arbkit.core.errors import ConfigError, RemoteProtocolError
from arbkit.core.tape import ReplayPort, TapeReader
from arbkit.core.tape import replay as replay_tape
from arbkit.core.types.exact import exactly
from arbkit.core.venues.signer import AnyKey
from arbkit.plugins.registry import Registry

__all__ = ["replay"]


@exactly()
def replay(path: str, registry: Registry, named: str | None = None) -> dict[str, Any]:
    """Replay the tape ``path``. Returns the hash of the replayed commands and the recorded one; ``same`` compares
    them.

    ``named``: the strategy, as for ``arbkit run``. A tape may be a stranger's, so what it names is not loaded, except a
    registered name: that is installed here. Raises ``ConfigError``."""
    try:
        reader = TapeReader(Path(path).read_bytes())
        plan = msgspec.msgpack.decode(reader.head.setup, type=RunPlan)
    except RemoteProtocolError as error:
        raise ConfigError(f"{path}: {error}") from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise ConfigError(f"{path}: damaged tape: the plan of its run cannot be read: {error}") from None
    if named is None and plan.target not in registry.strategies:
        raise ConfigError(
            f"{path}: the run's strategy was {plan.target[:200]!r}. Code that a tape names is not loaded. To use a "
            f"strategy that you trust, name it: arbkit replay {path} module:Class"
        )
    strategy = target.make(
        target.load(named or plan.target, registry), StrategyConfig(target=plan.target, params=plan.params)
    )
    port = ReplayPort(reader.head)
    signers = {venue.venue: AnyKey() for venue in plan.venues if venue.signed}
    desk = make_desk(plan, make_exchanges(plan, registry), strategy, signers, port, reader.head.began_ns)
    try:
        inputs = replay_tape(reader, desk, port, desk.links)
    except RemoteProtocolError as error:
        raise ConfigError(f"{path}: {error}") from None
    return {
        "inputs": inputs,
        "commands": desk.sender.commands,
        "commands_hash": desk.commands_hash(),
        "recorded_hash": reader.commands_hash,
        "same": reader.commands_hash == desk.commands_hash(),
    }
