"""The modes that rules set: told, written to the journal, restored by a later run. Desk and engine pass every change
here; ``gate`` keeps the modes and checks commands against them.
"""

from __future__ import annotations

from collections.abc import Iterable

from arbkit.core.counters import Counters
from arbkit.core.execution.sender import Sender
from arbkit.core.log import Log
from arbkit.core.money.gate import Gate
from arbkit.core.money.limits import LASTING, PERSON, ModeChange
from arbkit.core.orders.journal import Control
from arbkit.core.types import Mode

__all__ = ["HEALTH", "KILL_FILE", "Modes"]

HEALTH = "health"
"""The rule of what ``venues.health`` asks for."""
KILL_FILE = "kill_file"
"""The rule of what the kill file in the state folder asks for. The file outlives the run, so the journal need not."""
_LIFTED = frozenset({PERSON, "max_broken", "another_writer", HEALTH})
"""What a person lifts by asking for ACTIVE: a cause that is still there sets its mode again."""


class Modes:
    """See the module."""

    def __init__(self, gate: Gate, sender: Sender, counters: Counters, log: Log) -> None:
        self._gate = gate
        self._sender = sender
        self._counters = counters
        self._log = log

    def ask(self, scope: str, mode: Mode, rule: str, who: str, why: str, now_ns: int) -> None:
        """Somebody outside asks for a mode: the last one counts, also a less strict one."""
        rules = _LIFTED if rule == PERSON and mode is Mode.ACTIVE else (rule,)
        for each in sorted(rules):
            if mode is Mode.ACTIVE or self._gate.set_by(scope, each) not in (None, mode):
                self.change(ModeChange(scope, Mode.ACTIVE, why, each), now_ns, who)
        if mode is not Mode.ACTIVE:
            self.change(ModeChange(scope, mode, why, rule), now_ns, who)

    def change(self, change: ModeChange, now_ns: int, who: str = "breaker") -> None:
        """A rule makes its scope stricter, or lifts what it has set."""
        scope, mode, why, rule = change.scope, change.mode, change.why, change.rule
        lifts = mode is Mode.ACTIVE
        if not (self._gate.lift(scope, rule) if lifts else self._gate.restrict(scope, mode, why, rule)):
            return
        if rule in LASTING:
            self._sender.journal(Control(at_ns=now_ns, mode=mode, scope=scope, rule=rule, who=who, why=why))
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
