"""What a person may do over the API. Each action takes the way of ``arbkit mode``, and is journaled with who and
when."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from arbkit.core.runtime.control import ModeAsked
from arbkit.core.types import Mode
from arbkit.monitor.api.facts import RunFacts
from arbkit.monitor.api.shapes import Acted, AskMode, AskNow, AskRelease, AskVenue

__all__ = ["ACTIONS", "Deed", "act"]


class Deed(Struct, frozen=True):
    """One action. ``problem``: why it cannot be done, with the status of the answer; None = it can."""

    body: type[Struct]
    asked: Callable[[Any], ModeAsked]
    problem: Callable[[RunFacts, Any], tuple[int, str] | None] = lambda facts, body: None


def _no_scope(facts: RunFacts, body: AskMode) -> tuple[int, str] | None:
    why = facts.desk.scope_problem(body.scope)
    return (404, f"scope: {why}") if why else None


def _no_venue(facts: RunFacts, body: AskVenue) -> tuple[int, str] | None:
    venues = facts.desk.venues
    known = ", ".join(venues)
    return None if body.scope in venues else (404, f"scope: {body.scope!r} is no venue of this run: {known}")


def _not_held(facts: RunFacts, body: AskRelease) -> tuple[int, str] | None:
    why = facts.desk.release_problem(body.scope)
    return (409, f"scope: {why}") if why else None


def _mode(body: AskMode | AskVenue) -> ModeAsked:
    return ModeAsked(mode=Mode(body.mode), scope=body.scope, why=body.why)


ACTIONS: Mapping[str, Deed] = {
    "mode": Deed(AskMode, _mode, _no_scope),
    "kill": Deed(AskNow, lambda body: ModeAsked(mode=Mode.HALTED, why=body.why)),
    "venue": Deed(AskVenue, _mode, _no_venue),
    "resolve": Deed(AskNow, lambda body: ModeAsked(what="resolve", why=body.why)),
    "release": Deed(AskRelease, lambda body: ModeAsked(what="release", scope=body.scope, why=body.why), _not_held),
}


def act(facts: RunFacts, name: str, body: Any, who: str) -> Acted | tuple[int, str]:
    """Do it; or the status and the text of why it cannot be done."""
    kind = ACTIONS[name]
    if (problem := kind.problem(facts, body)) is not None:
        return problem
    told = facts.ask(kind.asked(body), who)
    if told.error:
        return 409, told.error
    gate = facts.desk.gate
    return Acted(
        mode=gate.mode().value,
        restricted={scope: f"{mode.value}: {why}" for scope, (mode, why) in gate.restricted().items() if scope},
    )
