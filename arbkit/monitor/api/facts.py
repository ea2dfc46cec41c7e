"""What the API reads, and the one way in which a person's action reaches the desk. ``app.launch`` makes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from msgspec import Struct

from arbkit.core.desk import Desk
from arbkit.core.runtime.control import ModeAsked, ModesTold
from arbkit.core.types import Idle
from arbkit.monitor.board import Board

__all__ = ["RunFacts"]


class RunFacts(Struct, frozen=True, kw_only=True):
    """See the module. The callables are called on the loop and do not wait."""

    desk: Desk
    now_ns: Callable[[], int]
    kind: Literal["live", "paper", "demo"]
    version: str
    began_ns: int
    environments: Mapping[str, str]
    """By venue."""
    board: Board
    why: Mapping[str, str]
    """For each venue why it cannot trade, "" = it can; it is kept current."""
    idle: Callable[[], Sequence[Idle]]
    """Why each pair was not traded at the last look."""
    stopping: Callable[[], bool]
    ask: Callable[[ModeAsked, str], ModesTold]
    """A person's action, and who asks."""
    folder: Path
    """The state folder of the run, with its history."""
