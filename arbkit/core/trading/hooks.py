"""The methods that a strategy can have, and the check at the start that each is one that can be called.

``HOOKS`` is the list. ``core.trading.callbacks`` calls them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from inspect import Parameter, isasyncgenfunction, iscoroutinefunction, isgeneratorfunction, signature
from typing import Any

from msgspec import Struct

from arbkit.core.errors import ConfigError
from arbkit.core.protocols import Executor, Strategy
from arbkit.core.settings import apply

__all__ = ["ASKS", "HOOKS", "Hook", "check", "hook_of"]

ASKS = ("top", "depth")
"""What a strategy can need of its books: ``Strategy.asks``."""


class Hook(Struct, frozen=True):
    """One method of a strategy."""

    arguments: tuple[str, ...]
    what: str
    """What it is for, as the rest of a sentence."""
    needs: str = ""
    """Another name without which it would never be called, or for nothing."""

    def line(self, name: str) -> str:
        """How it is written."""
        return f"def {name}({', '.join(('self', *self.arguments))})"


HOOKS: Mapping[str, Hook] = {
    "instruments": Hook(("catalogue",), "that returns the instruments whose books it needs"),
    "decide": Hook(("view", "touched", "now_ns"), "that returns the trades it proposes, () for none"),
    "trades": Hook(("catalogue",), "that returns the instruments whose trades it reads", "on_trade"),
    "on_trade": Hook(("trade", "view", "now_ns"), "that is told each of these trades", "trades"),
    "on_deal": Hook(("deal", "view", "now_ns"), "that is told each change of a deal of its own"),
    "on_timer": Hook(("view", "now_ns"), "that is called when due_ns is reached", "due_ns"),
    "on_start": Hook(("view", "now_ns"), "that is called once, before the first decision"),
    "on_stop": Hook(("view", "now_ns"), "that is called once, when no deals begin any more"),
    "save": Hook((), "that returns its state as bytes", "load"),
    "load": Hook(("state",), "that takes what save() returned in an earlier run", "save"),
    "reasons": Hook(("view", "now_ns"), "that says why it does not trade now"),
}
_REQUIRED = ("instruments", "decide")
_PLAIN = frozenset({"on_trade", "on_deal", "on_timer", "on_start", "on_stop", "save", "load"})
"""Called once for each event: a generator would do nothing."""
_LIKE = 0.85
"""So alike are a name and its misspelling."""


def hook_of(strategy: Strategy, name: str) -> Callable[..., Any] | None:
    """The method of this name, bound; None = the strategy has none."""
    found = getattr(strategy, name, None)
    return found if callable(found) else None


def check(strategy: Strategy) -> None:
    """Raises ``ConfigError`` for a strategy that could never trade, that has a method which would never be called as
    it is, or a wrong setting (of a constructor that does not call that of ``Strategy``)."""
    kind = type(strategy)
    for name in _REQUIRED:
        if getattr(kind, name, None) in (None, getattr(Strategy, name)):
            _refuse(strategy, f"it has no {name}(); write {HOOKS[name].line(name)} {HOOKS[name].what}")
    for name in _unknown(kind):
        bare = {hook.removeprefix("on_"): hook for hook in HOOKS}
        near = [bare[one] for one in get_close_matches(name.lower().removeprefix("on").lstrip("_"), bare, 1)]
        if hasattr(Executor, name):
            _refuse(strategy, f"{name}() is a method of an executor: write it in a class of its own, see executor")
        hint = f"did you mean {HOOKS[near[0]].line(near[0])}?" if near else f"the methods are {', '.join(HOOKS)}"
        _refuse(strategy, f"{name}() is no method that arbkit calls; {hint} (a method of your own: _{name})")
    for name, hook in HOOKS.items():
        if (found := hook_of(strategy, name)) is not None:
            _check_call(strategy, name, hook, found)
            later = hook.needs == "due_ns" and hook_of(strategy, "on_start") is not None
            if hook.needs and not later and getattr(strategy, hook.needs, None) is None:
                _refuse(strategy, f"{name}() needs {_written(hook.needs)} beside it")
    if hasattr(strategy, "due_ns") and hook_of(strategy, "on_timer") is None:
        _refuse(strategy, f"due_ns needs {_written('on_timer')} beside it")
    asks = getattr(strategy, "asks", None)
    if asks is not None and asks not in ASKS:
        near = get_close_matches(str(asks), ASKS, 1)
        _refuse(strategy, f"asks is {asks!r}: it is {' or '.join(map(repr, ASKS))}" + _meant(near))
    if Strategy in kind.__mro__:
        apply(strategy, {})


def _check_call(strategy: Strategy, name: str, hook: Hook, found: Callable[..., Any]) -> None:
    """That it can be called as ``HOOKS`` says, and that the call does something."""
    if iscoroutinefunction(found) or isasyncgenfunction(found):
        _refuse(strategy, f"{name}() is async: nobody waits for it; write {hook.line(name)}")
    if name in _PLAIN and isgeneratorfunction(found):
        _refuse(strategy, f"{name}() has a yield, so a call does nothing; write it without")
    try:
        takes = signature(found)
    except (TypeError, ValueError):
        return  # of another language
    try:
        takes.bind(*hook.arguments)
    except TypeError:
        kinds = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
        got = ", ".join(str(one).partition(":")[0] for one in takes.parameters.values() if one.kind not in kinds)
        _refuse(strategy, f"{name}(self{', ' * bool(got)}{got}) has other arguments; write {hook.line(name)}")


def _unknown(kind: type) -> Iterator[str]:
    """Methods of the class that look like one of ``HOOKS`` and are none."""
    for name in dir(kind):
        if name.startswith("_") or name in HOOKS or not callable(getattr(kind, name, None)):
            continue
        missing = [hook for hook in HOOKS if getattr(kind, hook, None) is None]
        if name.startswith("on_") or get_close_matches(name.lower(), missing, 1, _LIKE):
            yield name


def _written(name: str) -> str:
    if name == "due_ns":
        return "the attribute due_ns, the time in ns of its next call"
    return f"{name}({', '.join(HOOKS[name].arguments)})"


def _meant(near: list[str]) -> str:
    return f", did you mean {near[0]!r}?" if near else ""


def _refuse(strategy: Strategy, text: str) -> None:
    raise ConfigError(f"strategy {type(strategy).__name__}: {text}")
