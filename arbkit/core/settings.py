"""Settings of a strategy: the typed class attributes of a subclass of ``Strategy``.

``only_sell_on: str = "okx"`` is a setting: a public name with a type. A name without a value must be given. A subclass
sets a new default, with or without a type. The constructor, ``[strategy.params]``, a variable and ``--param`` outweigh
it. msgspec converts and checks each value, also the default, by the type with its bounds
(``Annotated[float, Meta(ge=0)]``). Names that begin with ``_`` and ``ClassVar`` are no settings.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from enum import EnumMeta
from inspect import get_annotations
from math import isfinite
from types import SimpleNamespace
from typing import Annotated, Any, ClassVar, TypeAlias, get_args, get_origin, get_type_hints

import msgspec

from arbkit.core.errors import ConfigError

__all__ = ["AtLeast0", "Share", "WrongSettings", "apply", "settings_of", "in_words", "wrong"]

Share: TypeAlias = Annotated[float, msgspec.Meta(ge=0, lt=1)]
"""A fraction: 0.001 = 10 bps."""
AtLeast0: TypeAlias = Annotated[float, msgspec.Meta(ge=0)]

_NOT = object()
_OWN = frozenset({"asks", "due_ns", "executor", "near"})
"""Attributes that arbkit reads, and no settings."""
_LIKE = 0.8
_LISTS = (tuple, list, set, frozenset, Collection, Sequence)
_BUILTIN = (str, int, float, list, tuple, dict, set)


class WrongSettings(ConfigError):
    """All mistakes in the settings of one strategy."""

    def __init__(self, cls: type, mistakes: Mapping[str, str]) -> None:
        self.mistakes = mistakes
        """By the name of the setting, in words. The values are not in it."""
        super().__init__(f"strategy {cls.__name__}: " + "; ".join(f"{name}: {why}" for name, why in mistakes.items()))


def settings_of(cls: type) -> dict[str, Any]:
    """Name and type of each setting. Raises ``ConfigError`` for a type that cannot be read."""
    found: dict[str, Any] = {}
    for base in _bases(cls):
        for name, kind in _annotations(base).items():
            if name.startswith("_") or name in _OWN:
                continue
            kind = _type_of(cls, base, name, kind)
            if kind is not ClassVar:
                found[name] = kind
    return found


def wrong(cls: type, given: Mapping[str, object], also: Collection[str] = ()) -> dict[str, str]:
    """The mistakes in these settings and in the class, by name, without making a strategy. ``also``: other names that
    are known to its constructor."""
    return _read(cls, cls, given, also)[1]


def apply(strategy: object, given: Mapping[str, object]) -> None:
    """Set each setting on the strategy: what is given, else what it has. Raises ``WrongSettings`` with all mistakes."""
    made, mistakes = _read(strategy, type(strategy), given)
    if mistakes:
        raise WrongSettings(type(strategy), mistakes)
    for name, value in made.items():
        setattr(strategy, name, value)


def _read(
    holder: object, cls: type, given: Mapping[str, object], also: Collection[str] = ()
) -> tuple[dict[str, object], dict[str, str]]:
    known = settings_of(cls)
    made: dict[str, object] = {}
    mistakes: dict[str, str] = {}
    for name in given:
        if name not in known:
            mistakes[name] = f"is no setting of {cls.__name__}{_meant(name, [*known, *also])}"
    for name in _unmeant(cls, known):
        near = _meant(name, [*known, *_OWN])
        mistakes[name] = f"is set in the class and is no setting{near} (a name of your own: give it a type, or a _)"
    for name, kind in known.items():
        value = given[name] if name in given else getattr(holder, name, _NOT)
        if value is _NOT:
            mistakes[name] = (
                f"must be set: it has a type and no value (a name that is no setting begins with _: _{name})"
            )
            continue
        try:
            made[name] = _convert(value, kind)
        except (msgspec.ValidationError, ValueError) as error:
            where = "" if name in given else f" (in the class; a name that is no setting begins with _: _{name})"
            mistakes[name] = in_words(error, kind) + where
        except TypeError:
            mistakes[name] = (
                "has a type that cannot be a setting: use text, numbers, lists or tables of them, a Literal, an Enum "
                f"or a Struct (a name that is no setting begins with _: _{name})"
            )
    return made, mistakes


def _convert(value: object, kind: Any) -> object:
    """The value as the type wants it. Text of a variable or a flag stands for any type, one item for a list."""
    plain = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    if isinstance(value, str) and get_origin(plain) in _LISTS:
        value = (value,)
    elif plain is str and type(value) is int:
        value = str(value)
    elif isinstance(plain, type) and not isinstance(value, _BUILTIN) and isinstance(value, plain):
        return value  # of a class of its own, an Enum say
    made = msgspec.convert(value, kind, strict=isinstance(value, bool))
    if isinstance(made, float) and not isfinite(made):
        raise ValueError("must be a number, not nan or inf")
    return tuple(made) if isinstance(made, list) and get_origin(plain) in (Sequence, Collection) else made


def _bases(cls: type) -> list[type]:
    """The classes that can have settings, the base first: not ``Strategy`` itself and what is below it."""
    return [base for base in reversed(cls.__mro__) if base is not object and not vars(base).get("_is_protocol")]


def _annotations(base: type) -> Mapping[str, Any]:
    """Those of this class alone."""
    return get_annotations(base)


def _type_of(cls: type, base: type, name: str, kind: Any) -> Any:
    """The type; an annotation that is text is read where its class stands. ``ClassVar`` for each of these."""
    if isinstance(kind, str):
        if kind.startswith(("ClassVar", "typing.ClassVar")):
            return ClassVar
        space = {**vars(sys.modules.get(base.__module__, msgspec)), **vars(base)}
        holder = SimpleNamespace(__annotations__={name: kind})
        try:
            kind = get_type_hints(holder, space, include_extras=True)[name]
        except Exception as error:
            raise ConfigError(
                f"strategy {cls.__name__}: the type of {name}, {kind}, cannot be read ({type(error).__name__}: "
                f"{error}); import it at the top of the file (a name that is no setting begins with _: _{name})"
            ) from None
    return ClassVar if get_origin(kind) is ClassVar else kind


def _unmeant(cls: type, known: Collection[str]) -> Iterator[str]:
    """Values in the class that look like a setting and are none: misspelt, they would be ignored."""
    names = [*known, *_OWN]
    for base in _bases(cls):
        for name, value in vars(base).items():
            if name.startswith("_") or name in names or callable(value) or hasattr(value, "__get__"):
                continue
            if get_close_matches(name, names, 1, _LIKE):
                yield name


def _meant(name: str, known: Collection[str]) -> str:
    near = get_close_matches(name.lower(), sorted(known), 1, 0.5)
    if near:
        return f", did you mean {near[0]!r}?"
    return f"; known: {', '.join(sorted(known))}" if known else ""


def in_words(error: Exception, kind: Any) -> str:
    """What msgspec says of a value, for a person."""
    choices = [choice for choice in get_args(kind) if isinstance(choice, str)]
    if isinstance(kind, EnumMeta):
        members: Mapping[str, Any] = kind.__members__
        choices = [str(one.value) for one in members.values()]
    if choices:
        return f"must be one of: {', '.join(choices)}"
    text = (
        str(error)
        .partition(" - at ")[0]
        .partition(" value '")[0]
        .replace("`", "")
        .replace("Invalid decimal string", "expected a number")
        .replace(" | null", "")
    )
    for machine, person in _PERSON.items():
        text = re.sub(rf"\b{machine}\b", person, text)
    return text[0].lower() + text[1:]


_PERSON = {
    "str": "text",
    "int": "a whole number",
    "decimal": "a number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
    "null": "nothing",
}
