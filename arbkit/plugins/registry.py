"""Finds plugins by the entry-point group ``arbkit`` and keeps the classes that they register.

Each entry point is loaded separately. A broken one is listed with its error; the others still work.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from difflib import get_close_matches
from importlib.metadata import EntryPoint
from pathlib import Path
from traceback import extract_tb
from types import ModuleType
from typing import Any

import pluggy
from msgspec import Struct

from arbkit.core.errors import ConfigError, PluginError
from arbkit.plugins import hooks
from arbkit.plugins.distributions import GROUP, Found, found, normal_name

__all__ = ["GROUP", "Plugin", "Registry", "load", "normal_name", "raised_at"]

_VENUE = re.compile(r"[a-z][a-z0-9_]*\Z")
_CORE = "arbkit"
_MACHINERY = re.compile(r"[/\\](importlib|pluggy)[/\\]")


class Plugin(Struct, kw_only=True):
    """One entry point of a distribution, and the result of loading it."""

    name: str
    distribution: str
    version: str
    author: str = ""
    source: str = ""
    location: str = ""
    """Of the distribution; see ``distributions.Found``."""
    module: str
    error: str = ""
    """The error; "" = it was loaded."""
    venues: list[str] = []
    dialects: list[str] = []
    strategies: list[str] = []


class Registry:
    """The registered classes: venues and simulated venues by venue name, strategies by name."""

    def __init__(self) -> None:
        self.plugins: list[Plugin] = []
        self.exchanges: dict[str, type[Any]] = {}
        self.dialects: dict[str, type[Any]] = {}
        self.strategies: dict[str, Callable[..., Any]] = {}
        self.home: dict[str, Plugin] = {}
        """The plugin that registered each venue."""
        self.refused: dict[str, str] = {}
        """Name -> why it is refused (two distributions register it)."""
        self.only: tuple[str, ...] | None = None
        """The distributions that were allowed; None = all."""

    def exchange(self, venue: str) -> type[Any]:
        """The class of ``venue``. Raises ``ConfigError`` with the nearest venue name, or why this one is missing."""
        cls: type[Any] = self._pick(self.exchanges, venue, "venue")
        return cls

    def dialect(self, venue: str) -> type[Any]:
        """The dialect of the simulated ``venue``. Raises as ``exchange`` does."""
        cls: type[Any] = self._pick(self.dialects, venue, "simulated venue")
        return cls

    def strategy(self, name: str) -> Callable[..., Any]:
        """The registered strategy ``name``. Raises as ``exchange`` does."""
        cls: Callable[..., Any] = self._pick(self.strategies, name, "strategy")
        return cls

    def _pick(self, table: dict[str, Any], name: str, noun: str) -> Any:
        found = table.get(name)
        if found is not None:
            return found
        if name in self.refused:
            raise PluginError(f"{noun} {name!r}: {self.refused[name]}")
        text = f"no plugin registers the {noun} {name!r}"
        near = get_close_matches(name, table, 1)
        if near:
            text += f", did you mean {near[0]!r}?"
        elif table:
            text += f"; registered: {', '.join(sorted(table))}"
        broken = [f"{plugin.distribution} ({plugin.error})" for plugin in self.plugins if plugin.error]
        if broken:
            text += f"; broken: {'; '.join(broken)}"
        if self.only is not None:
            text += f"; only the distributions that the config names are loaded: {', '.join(self.only) or 'none'}"
        raise ConfigError(text)


def load(only: Collection[str] | None = None, *, dialects: bool = False) -> Registry:
    """Load the installed plugins, or ``only`` those of the named distributions and arbkit's own.

    ``dialects`` also loads the simulated venues, for ``arbkit sim``, the demo and tests. Raises ``PluginError`` if a
    named distribution is missing.
    """
    registry = Registry()
    wanted = None if only is None else {normal_name(name) for name in only} | {_CORE}
    registry.only = None if only is None else tuple(only)
    claims = _Claims()
    for one in found():
        if wanted is not None and normal_name(one.name) not in wanted:
            continue
        for entry in sorted(one.entries, key=lambda entry: entry.name):
            plugin = _described(one, entry)
            registry.plugins.append(plugin)
            if not one.problem:
                claims.take(plugin, entry, dialects)
    claims.settle(registry)
    if only is not None:
        there = {normal_name(plugin.distribution) for plugin in registry.plugins}
        missing = [name for name in only if normal_name(name) not in there | {_CORE}]
        if missing:
            raise PluginError(f"distributions: not installed or not an arbkit plugin: {', '.join(missing)}")
    return registry


class _Claims:
    """The plugins that registered each name. A name that two plugins register is refused to both."""

    def __init__(self) -> None:
        self.made: dict[str, dict[str, list[tuple[Plugin, Any]]]] = {"exchanges": {}, "dialects": {}, "strategies": {}}

    def take(self, plugin: Plugin, entry: EntryPoint, dialects: bool) -> None:
        """Load one entry point and call its hooks. If it raises, none of its registrations counts."""
        mine: list[tuple[str, str, Any]] = []

        def exchange(cls: type[Any]) -> None:
            venue = _venue_of(cls)
            missing = [name for name in ("links", "session", "route") if not hasattr(cls, name)]
            if missing:
                raise PluginError(f"exchange {cls.__name__} lacks {', '.join(missing)}")
            mine.append(("exchanges", venue, cls))

        def dialect(cls: type[Any]) -> None:
            mine.append(("dialects", _venue_of(cls), cls))

        def strategy(name: str, cls: Callable[..., Any]) -> None:
            if not callable(cls):
                raise PluginError(f"strategy {name!r} is not a class")
            mine.append(("strategies", name, cls))

        try:
            module = entry.load()
            if not isinstance(module, ModuleType):
                raise PluginError(f"the entry point must name a module, not {entry.value!r}")
            manager = pluggy.PluginManager(GROUP)
            manager.add_hookspecs(hooks)
            manager.register(module)
            manager.check_pending()
            manager.hook.register_exchanges(register=exchange)
            manager.hook.register_strategies(register=strategy)
            if dialects:
                manager.hook.register_dialects(register=dialect)
        except (Exception, SystemExit) as error:
            plugin.error = raised_at(error)
            return
        for table, name, cls in mine:
            self.made[table].setdefault(name, []).append((plugin, cls))

    def settle(self, registry: Registry) -> None:
        """Enter each name in the registry if exactly one plugin registered it; refuse it otherwise."""
        for kind, claims in self.made.items():
            table: dict[str, Any] = getattr(registry, kind)
            for name, claimants in claims.items():
                if len(claimants) > 1:
                    who = " and ".join(f"{plugin.distribution} {plugin.version}" for plugin, _ in claimants)
                    why = f"{who} both register it: both are refused, uninstall one"
                    registry.refused[name] = why
                    for plugin, _ in claimants:
                        plugin.error = f"{name}: {why}"
                    continue
                plugin, cls = claimants[0]
                table[name] = cls
                if kind == "exchanges":
                    registry.home[name] = plugin
                    plugin.venues.append(name)
                else:
                    getattr(plugin, kind).append(name)


def _venue_of(cls: type[Any]) -> str:
    if not isinstance(cls, type):
        raise PluginError(f"register needs a class, not {cls!r}")
    venue = getattr(cls, "venue", None)
    if not isinstance(venue, str) or not _VENUE.match(venue):
        raise PluginError(f"{cls.__name__}.venue must be a lower-case name, not {venue!r}")
    return venue


def _described(one: Found, entry: EntryPoint) -> Plugin:
    return Plugin(
        name=entry.name,
        distribution=one.name,
        version=one.version,
        author=one.author,
        source=one.source,
        location=one.location,
        module=entry.value,
        error=one.problem,
    )


def raised_at(error: BaseException) -> str:
    """The exception as text, with the place in the plugin's code: ``ImportError: no module named x (plugin.py:3)``."""
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if isinstance(error, SyntaxError) and error.filename:
        return f"{type(error).__name__}: {error.msg} ({error.filename}:{error.lineno})"
    frames = [frame for frame in extract_tb(error.__traceback__) if not frame.filename.startswith("<")]
    own = str(Path(__file__).parent)
    outside = [
        frame for frame in frames if not frame.filename.startswith(own) and not _MACHINERY.search(frame.filename)
    ]
    if outside:
        text += f" ({outside[-1].filename}:{outside[-1].lineno})"
    return text
