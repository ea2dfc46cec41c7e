"""What a person may do over the API. Each action takes the way of ``arbkit mode``, and is journaled with who and
when."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from arbkit.core.runtime.control import ModeAsked
from arbkit.core.types import Mode
from arbkit.monitor.api.facts import RunFacts
from arbkit.monitor.api.shapes import Acted, Action

__all__ = ["ACTIONS", "act"]


class Senseless(ValueError):
    """The action makes no sense as asked."""


def _mode(facts: RunFacts, action: Action) -> ModeAsked:
    if action.mode is None:
        raise Senseless("mode: say which: active, reducing or halted")
    return ModeAsked(mode=Mode(action.mode), scope=action.scope, why=action.why)


def _kill(facts: RunFacts, action: Action) -> ModeAsked:
    if action.scope or action.mode not in (None, "halted"):
        raise Senseless("kill is for everything; for a venue or a pair ask for its mode")
    return ModeAsked(mode=Mode.HALTED, why=action.why)


def _venue(facts: RunFacts, action: Action) -> ModeAsked:
    if action.scope not in facts.desk.venues:
        raise Senseless(f"scope: {action.scope!r} is no venue of this run: {', '.join(facts.desk.venues)}")
    if action.mode not in ("active", "reducing"):
        raise Senseless("mode: a venue is switched on by active, off by reducing")
    return ModeAsked(mode=Mode(action.mode), scope=action.scope, why=action.why)


ACTIONS: Mapping[str, Callable[[RunFacts, Action], ModeAsked]] = {"mode": _mode, "kill": _kill, "venue": _venue}


def act(facts: RunFacts, name: str, action: Action, who: str) -> Acted | str:
    """Do it; why it cannot be done."""
    try:
        asked = ACTIONS[name](facts, action)
    except Senseless as error:
        return str(error)
    told = facts.ask(asked, who)
    if told.error:
        return told.error
    gate = facts.desk.gate
    return Acted(
        mode=gate.mode().value,
        restricted={scope: f"{mode.value}: {why}" for scope, (mode, why) in gate.restricted().items() if scope},
    )
