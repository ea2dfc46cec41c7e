"""The modes that rules set: told, written to the journal, restored by a later run. Desk and engine pass every change
here; ``gate`` keeps the modes and checks commands against them.
"""

from __future__ import annotations

from collections.abc import Iterable

from arbkit.core.counters import Counters
from arbkit.core.execution.sender import Sender
from arbkit.core.log import Log
from arbkit.core.money.gate import Gate
from arbkit.core.money.limits import LASTING, ModeChange
from arbkit.core.orders.journal import Control
from arbkit.core.types import Mode

__all__ = ["Modes"]


class Modes:
    """See the module."""

    def __init__(self, gate: Gate, sender: Sender, counters: Counters, log: Log) -> None:
        self._gate = gate
        self._sender = sender
        self._counters = counters
        self._log = log

    def change(self, change: ModeChange, now_ns: int) -> None:
        """A rule makes its scope stricter, or lifts what it has set."""
        scope, mode, why, rule = change.scope, change.mode, change.why, change.rule
        lifts = mode is Mode.ACTIVE
        if not (self._gate.lift(scope, rule) if lifts else self._gate.restrict(scope, mode, why, rule)):
            return
        if rule in LASTING:
            self._sender.journal(Control(at_ns=now_ns, mode=mode, scope=scope, rule=rule, who="breaker", why=why))
        if not lifts:
            self._counters.alarms["mode"] += 1
        self._log("risk.lifted" if lifts else "risk.restricted", scope=scope or "all", mode=mode.value, why=why)

    def restore(self, kept: Iterable[Control]) -> None:
        """What earlier runs have set and not lifted."""
        for record in kept:
            scope = record.scope or record.venue
            if self._gate.restrict(scope, record.mode, record.why, record.rule):
                why = f"set by an earlier run: {record.why}"
                self._log("risk.restricted", scope=scope or "all", mode=record.mode.value, why=why)
