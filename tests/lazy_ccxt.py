"""Loads of ccxt only the exchanges that a test names. Import it before ccxt.

``import ccxt.pro`` loads three classes of each of more than a hundred exchanges, which takes every test process several
seconds. This puts packages in the place of ``ccxt``, ``ccxt.async_support`` and ``ccxt.pro`` that have the same
modules and names, and load an exchange when its name is read.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any

PACKAGES = {
    "ccxt": "ccxt.base.exchange",
    "ccxt.async_support": "ccxt.async_support.base.exchange",
    "ccxt.pro": "ccxt.async_support.base.exchange",
}
"""A package of exchanges, and the module of its class ``Exchange``."""


class Package(ModuleType):
    """``ccxt.okx`` is the class ``okx`` of the module ``ccxt.okx``, and an error is one of ``ccxt.base.errors``."""

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_") and find_spec(f"{self.__name__}.{name}") is not None:
            import_module(f"{self.__name__}.{name}")
            return vars(self)[name]
        home = PACKAGES[self.__name__] if name == "Exchange" else "ccxt.base.errors"
        found = None if name.startswith("_") else getattr(import_module(home), name, None)
        if found is None:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}", name=name, obj=self)
        vars(self)[name] = found
        return found

    def __setattr__(self, name: str, value: Any) -> None:
        """The import system calls it when a module of the package is loaded."""
        super().__setattr__(name, vars(value).get(name, value) if isinstance(value, ModuleType) else value)


def _replace() -> None:
    for name in PACKAGES:
        spec = find_spec(name)
        assert spec is not None
        package = module_from_spec(spec)  # not executed: that would load all exchanges
        package.__class__ = Package
        sys.modules[name] = package
        parent, _, last = name.rpartition(".")
        if parent:
            vars(sys.modules[parent])[last] = package


_replace()
