"""Converts raw keys from file, environment and flags to structs, and collects mistakes with their place (file:line).

``config.load`` uses it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from difflib import get_close_matches
from math import isfinite
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Struct

from arbkit.config.secrets import FORMS, SOURCES, is_reference, source
from arbkit.core.settings import in_words

__all__ = ["Mistake", "Place", "Reader", "find_lines"]

T = TypeVar("T")
_WRONG = object()
"""Marks a value that could not be read. Its mistake is recorded, and the field keeps its default."""


class Place(Struct, frozen=True):
    """The origin of a value."""

    name: str
    """A file, a variable or a flag."""
    line: int = 0

    def __str__(self) -> str:
        return f"{self.name}:{self.line}" if self.line else self.name


class Mistake(Struct, frozen=True):
    """One mistake. It never contains the value, which may be a secret."""

    place: str
    path: str
    text: str
    credentials: bool = False
    order: tuple[bool, str, int, str] = (False, "", 0, "")

    def __str__(self) -> str:
        return f"{self.place}: {self.path}: {self.text}" if self.place else f"{self.path}: {self.text}"


class Reader:
    """Collects raw values by path (later ones override earlier ones), then builds structs and records mistakes."""

    def __init__(self, secrets: Collection[str]) -> None:
        self.mistakes: list[Mistake] = []
        self._secrets = secrets
        self._raw: dict[str, Any] = {}
        self._places: dict[tuple[str, ...], Place] = {}
        self._from_text: set[tuple[str, ...]] = set()

    def file(self, file: Path, raw: dict[str, Any], lines: Mapping[tuple[str, ...], int]) -> None:
        """Add a parsed TOML file and the lines of its keys."""
        self._raw = raw
        self._places[()] = Place(str(file))
        for path, line in lines.items():
            self._places[path] = Place(str(file), line)

    def text(self, path: Sequence[str], text: str, place: Place) -> None:
        """Add a value from a variable: a list or table in TOML syntax, or text that the field's type decodes."""
        value: Any = text
        if text[:1] in ("[", "{"):
            try:
                value = tomllib.loads(f"x = {text}", parse_float=Decimal)["x"]
            except (ValueError, RecursionError):
                self.mistakes.append(_mistake(place, ".".join(path), "is neither plain text nor a TOML list or table"))
                return
        self._set(path, value, place)
        self._from_text.add(tuple(path))

    def value(self, path: Sequence[str], value: Any, place: Place) -> None:
        """Add a value from a flag."""
        self._set(path, value, place)

    def _set(self, path: Sequence[str], value: Any, place: Place) -> None:
        table = self._raw
        for i, key in enumerate(path[:-1]):
            inner = table.setdefault(_same(table, key), {})
            if not isinstance(inner, dict):
                self.mistakes.append(_mistake(place, ".".join(path), f"{'.'.join(path[: i + 1])} is not a table"))
                return
            table = inner
        key = _same(table, path[-1])
        table[key] = value
        self._places[tuple(path)] = place

    def build(self, cls: type[T]) -> T:
        """Build the struct. Wrong fields keep their default and are recorded in ``mistakes``."""
        return self._struct(cls, self._raw, ())

    def wrong(self, path: tuple[str, ...], text: str, *, credentials: bool = False) -> None:
        """Record a mistake at ``path``, unless one is recorded there already."""
        dotted = ".".join(path)
        if all(mistake.path != dotted for mistake in self.mistakes):
            self.mistakes.append(_mistake(self._place(path), dotted, text, credentials))

    def unknown(self, path: tuple[str, ...], known: Collection[str], text: str) -> None:
        """Record an unknown name, with the nearest known one."""
        near = get_close_matches(path[-1].lower(), sorted(known), 1, 0.5)
        if near:
            text += f", did you mean {near[0]!r}?"
        elif known:
            text += f"; known: {', '.join(sorted(known))}"
        self.wrong(path, text)

    def _place(self, path: tuple[str, ...]) -> Place:
        while path and path not in self._places:
            if len(path) == 2 and (*path[:-1], path[-1].lower()) in self._places:  # read as upper case: ``_key``
                return self._places[*path[:-1], path[-1].lower()]
            path = path[:-1]
        return self._places.get(path, Place(""))

    def _struct(self, cls: type[T], raw: object, path: tuple[str, ...]) -> T:
        if not isinstance(raw, dict):
            self.wrong(path, "must be a table")
            return cls()
        fields = get_type_hints(cls)
        made: dict[str, Any] = {}
        for key, value in raw.items():
            here = (*path, key)
            if key not in fields:
                self.unknown(here, fields, "is not a configuration key")
                continue
            made[key] = self._value(fields[key], value, here)
        return cls(**{key: value for key, value in made.items() if value is not _WRONG})

    def _value(self, kind: Any, value: object, path: tuple[str, ...]) -> Any:
        if isinstance(kind, type) and issubclass(kind, Struct):
            return self._struct(kind, value, path)
        if get_origin(kind) is not None and issubclass(_class(kind), Mapping):
            if not isinstance(value, dict):
                self.wrong(path, "must be a table")
                return _WRONG
            inner = get_args(kind)[1]
            items = {self._key(path, key): self._value(inner, item, (*path, key)) for key, item in value.items()}
            return {key: item for key, item in items.items() if item is not _WRONG}
        if path[-1] in self._secrets:
            if not isinstance(value, str) or not (value == "" or is_reference(value)):
                self.wrong(path, _no_reference(value))
                return _WRONG
            return value
        if kind is Any:
            return _plain(_scalar(value) if path in self._from_text else value)
        try:
            made = msgspec.convert(value, kind, strict=path not in self._from_text)
            if isinstance(made, float | Decimal) and not isfinite(made):
                self.wrong(path, "must be a number, not nan or inf")
                return _WRONG
            return made
        except msgspec.ValidationError as error:
            self.wrong(path, in_words(error, kind))
            return _WRONG

    def _key(self, path: tuple[str, ...], key: str) -> str:
        return key.upper() if path[-1] in ("balances", "movable", "same") else key


def _no_reference(value: object) -> str:
    if isinstance(value, str) and source(value) in SOURCES:
        return f"is no reference: write {FORMS}"
    return "contains the secret itself: write a reference instead, as env:NAME, file:PATH or vault:NAME"


def find_lines(text: str) -> dict[tuple[str, ...], int]:
    """Key path -> line number, from a scan of the text, because ``tomllib`` gives no lines. Keys inside inline tables
    are not found."""
    found: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            table = tuple(_keys(header[1]))
            found.setdefault(table, number)
        elif assignment := _ASSIGNMENT.match(line):
            found.setdefault((*table, *_keys(assignment[1])), number)
    return found


_KEY = r"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')"""
_HEADER = re.compile(rf"\s*\[\[?\s*({_KEY}(?:\s*\.\s*{_KEY})*)\s*\]")
_ASSIGNMENT = re.compile(rf"\s*({_KEY}(?:\s*\.\s*{_KEY})*)\s*=")


def _keys(dotted: str) -> Iterable[str]:
    return (key.strip("\"'") for key in re.findall(_KEY, dotted))


def _class(kind: Any) -> type:
    origin = get_origin(kind)
    return origin if isinstance(origin, type) else object


def _same(table: Mapping[str, Any], key: str) -> str:
    """The key with the file's upper and lower case. (Keys from variables are lower case.)"""
    return next((known for known in table if known.lower() == key), key)


def _plain(value: Any) -> Any:
    """Convert ``Decimal`` to float, for parameters of strategies and executors."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def _scalar(value: object) -> object:
    """The text of a variable as a number or boolean, if it is one; else the text."""
    try:
        return tomllib.loads(f"x = {value}", parse_float=Decimal)["x"]
    except (ValueError, RecursionError):
        return value


def _mistake(place: Place, path: str, text: str, credentials: bool = False) -> Mistake:
    return Mistake(str(place), path, text, credentials, (place.line == 0, place.name, place.line, path))
