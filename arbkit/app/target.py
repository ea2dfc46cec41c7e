"""Loads the TARGET of ``arbkit run``: a registered name, ``module:Class`` or ``file.py:Class``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping
from difflib import get_close_matches
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from inspect import Parameter, signature
from pathlib import Path
from types import ModuleType
from typing import Any, TypeGuard

from arbkit.config.load import StrategyConfig
from arbkit.core import settings
from arbkit.core.errors import ConfigError
from arbkit.core.protocols import Strategy
from arbkit.core.runtime.files import check_folder, check_unwritable
from arbkit.core.trading.hooks import check
from arbkit.plugins.registry import Registry, raised_at

__all__ = ["load", "make", "wrong"]


def load(target: str, registry: Registry, *, signed: bool = False) -> Callable[..., Any]:
    """The class that ``target`` names. ``signed``: keys are at hand, so a file that others can change is refused before
    any of it runs. Raises ``ConfigError`` with the place of the error."""
    module_name, colon, name = target.rpartition(":")
    if not colon:
        return _registered(target, registry)
    if not module_name or not name:
        raise ConfigError(f"{target}: a target is module:Class, file.py:Class or a registered name")
    module = _module(module_name, target, signed)
    found = getattr(module, name, None)
    where = getattr(module, "__file__", None) or module_name
    if found is None:
        classes = [key for key, value in vars(module).items() if isinstance(value, type)]
        near = get_close_matches(name, classes, 1)
        hint = f", did you mean {near[0]!r}?" if near else ""
        raise ConfigError(f"{target}: {where} has no {name!r}{hint}")
    missing = [method for method in ("instruments", "decide") if not callable(getattr(found, method, None))]
    if not callable(found) or missing:
        raise ConfigError(f"{target}: {name} is not a strategy: it lacks {', '.join(missing) or 'a constructor'}")
    made: Callable[..., Any] = found
    return made


def _registered(target: str, registry: Registry) -> Callable[..., Any]:
    try:
        return registry.strategy(target)
    except ConfigError as error:
        if Path(target).with_suffix(".py").is_file():
            raise ConfigError(f"{target}: name the class in this file, as {target}:Class") from None
        raise error


def make(cls: Callable[..., Any], config: StrategyConfig) -> Strategy:
    """Create the strategy with its params. Raises ``ConfigError`` if the constructor fails."""
    given, arguments = _split(cls, config.params)
    try:
        if given and isinstance(cls, type):  # its own __init__ takes no settings, and can rely on them
            made: Any = object.__new__(cls)
            settings.apply(made, given)
            made.__init__(**arguments)
        else:
            made = cls(**arguments)
        check(made)
    except ConfigError:
        raise
    except Exception as error:
        raise ConfigError(f"strategy {config.target} with params {sorted(config.params)}: {raised_at(error)}") from None
    strategy: Strategy = made
    return strategy


def wrong(cls: Callable[..., Any], config: StrategyConfig) -> Mapping[str, str]:
    """The mistakes in the params of a strategy that can be seen without making it, by name."""
    if not _has_settings(cls):
        return {}
    given, arguments = _split(cls, config.params)
    own = _own_arguments(cls)
    return settings.wrong(cls, {**given, **arguments} if own is None else given, own or ())


def _split(cls: Callable[..., Any], params: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The params that are settings, set before the constructor is called, and those that it takes."""
    own = _own_arguments(cls) if _has_settings(cls) else None
    if own is None:
        return {}, dict(params)
    return {name: value for name, value in params.items() if name not in own}, {
        name: value for name, value in params.items() if name in own
    }


def _has_settings(cls: Callable[..., Any]) -> TypeGuard[type[Strategy]]:
    return Strategy in getattr(cls, "__mro__", ())


def _own_arguments(cls: type) -> Collection[str] | None:
    """The names that the constructor takes; None = all settings (``**settings``)."""
    parameters = signature(cls).parameters.values()
    if any(one.kind is Parameter.VAR_KEYWORD for one in parameters):
        return None
    return [one.name for one in parameters]


def _module(name: str, target: str, signed: bool) -> ModuleType:
    here = Path.cwd()
    file = here / name if name.endswith(".py") else here.joinpath(*name.split(".")).with_suffix(".py")
    # Appended, so that a file like ssl.py in the folder does not shadow the standard library.
    if str(here) not in sys.path:
        sys.path.append(str(here))
    try:
        if file.is_file():
            if signed:
                _check(file)
            return _load_file(file)
        if name.endswith(".py"):
            raise ConfigError(f"{target}: there is no file {file}")
        if signed and (package := here.joinpath(*name.split("."))).is_dir():
            _check(package / "__init__.py")
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise ConfigError(f"{target}: there is no {file} and no module {name!r}") from None
        raise ConfigError(f"{target}: {raised_at(error)}") from None
    except ConfigError:
        raise
    except (Exception, SystemExit) as error:
        raise ConfigError(f"{target}: {raised_at(error)}") from None


def _check(file: Path) -> None:
    """Others can change neither the file nor what it can import from beside it. Raises ``ConfigError``."""
    try:
        check_folder(file.parent)
        for one in sorted(file.parent.glob("*.py"), key=lambda one: one != file):
            with one.open("rb") as opened:
                check_unwritable(opened.fileno(), one)
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from None


def _load_file(file: Path) -> ModuleType:
    name = file.stem
    if name in sys.modules or name in sys.stdlib_module_names:
        name = f"arbkit_target_{name}"
    spec = spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{file}: cannot be imported")
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
