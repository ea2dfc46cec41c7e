"""Checks what the modules of a venue package import: by their source, and in a fresh interpreter."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

__all__ = ["problems"]

LOADED = ("asyncio", "ssl", "socket", "aiohttp", "websockets", "arbkit.core.runtime", "arbkit.sim")
"""What an import of the adapter must not load."""
FORBIDDEN = (
    "aiohttp",
    "asyncio",
    "arbkit.core.runtime",
    "arbkit.sim",
    "arbkit.testing",
    "http",
    "logging",
    "multiprocessing",
    "random",
    "requests",
    "secrets",
    "socket",
    "ssl",
    "subprocess",
    "threading",
    "time",
    "uuid",
    "websockets",
)
"""What no module of an adapter may import, also inside a function."""
JUDGE_FORBIDDEN = ("arbkit.adapters", "arbkit.venue", "arbkit.testing")
"""What no module of a simulated venue may import."""
_PROBE = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
__import__(sys.argv[2])
print(json.dumps([name for name in json.loads(sys.argv[3]) if name in sys.modules]))
"""


def problems(adapter: str, dialect: str = "") -> list[str]:
    """The violations of the module ``adapter``, of the module ``dialect``, and of what they import from their own
    package; [] = none."""
    found = []
    mine = _closure(adapter)
    for module, names in mine.items():
        found += [f"{module} imports {name}" for name in names if _under(name, FORBIDDEN)]
    if dialect:
        theirs = _closure(dialect)
        for module, names in theirs.items():
            found += [f"{module} (simulated venue) imports {name}" for name in names if _under(name, JUDGE_FORBIDDEN)]
        found += [
            f"{module} is imported by the adapter and by the simulated venue" for module in mine if module in theirs
        ]
    return found + [f"importing {adapter} loads {name}" for name in _loaded(adapter)]


def _under(name: str, roots: Sequence[str]) -> bool:
    return any(f"{name}.".startswith(f"{root}.") for root in roots)


def _loaded(module: str) -> list[str]:
    """The names of ``LOADED`` that a fresh interpreter has after importing the module."""
    arguments = [json.dumps([part for part in sys.path if part]), module, json.dumps(LOADED)]
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-I", "-c", _PROBE, *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        return [f"nothing: {done.stderr.strip().splitlines()[-1]}"]
    loaded: list[str] = json.loads(done.stdout)
    return loaded


def _closure(module: str) -> dict[str, list[str]]:
    """The module and all modules of its package that it imports, with the names that each imports. The package's own
    ``__init__`` is left out: it registers both sides."""
    package = module.partition(".")[0]
    waiting, found = [module], {}
    while waiting:
        name = waiting.pop()
        path = _source(name)
        if name in found or path is None:
            continue
        found[name] = list(_imports(path, name))
        waiting += [one for one in found[name] if one.startswith(f"{package}.")]
    return {name: found[name] for name in sorted(found)}


def _source(module: str) -> Path | None:
    """The file of a module; None for what is not a module (a name imported from one), and for a package."""
    try:
        spec = find_spec(module)
    except (ModuleNotFoundError, ValueError):  # ValueError: the main script
        return None
    if spec is None or spec.origin is None or spec.submodule_search_locations is not None:
        return None
    return Path(spec.origin)


def _imports(path: Path, module: str) -> Iterator[str]:
    """The modules, and the names in them, that a file imports, except for types only."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = module.split(".")[: -node.level] if node.level else []
            origin = ".".join([*above, node.module] if node.module else above)
            yield origin
            yield from (f"{origin}.{alias.name}" for alias in node.names)
