"""The floors, where import-linter cannot see: fresh interpreters, and modules left out."""

from __future__ import annotations

import configparser
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HEAVY = ("aiohttp", "asyncio", "socket", "ssl", "structlog", "uvloop", "websockets")


def loaded_by(statement: str) -> set[str]:
    """The modules that a fresh interpreter has after ``statement``."""
    code = f"import sys\n{statement}\nprint(*sorted(sys.modules), sep='\\n')"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def adapters() -> Iterator[str]:
    for file in sorted(ROOT.glob("plugins/*/arbkit_*/adapter.py")):
        yield f"{file.parent.name}.adapter"


def dialects() -> Iterator[str]:
    for file in sorted(ROOT.glob("plugins/*/arbkit_*/dialect.py")):
        yield f"{file.parent.name}.dialect"


@pytest.mark.parametrize(
    "module",
    [
        "arbkit",
        "arbkit.plugins.hooks",
        "arbkit.core.protocols",
        "arbkit.core.money.gate",
        "arbkit.strategies",
        *adapters(),
    ],
)
def test_importing_a_plugin_loads_no_loop_and_no_socket(module: str) -> None:
    """A venue or a strategy costs an import and nothing else: no asyncio, ssl or socket in the process."""
    found = loaded_by(f"import {module}")
    assert not found & set(HEAVY)
    assert not {name for name in found if name.startswith(("arbkit.core.runtime", "arbkit.sim", "arbkit.testing"))}


def test_every_public_name_loads_without_a_loop() -> None:
    """``from arbkit import *`` is what a strategy file may do."""
    assert not loaded_by("from arbkit import *") & set(HEAVY)


def test_a_dialect_loads_neither_the_adapter_nor_our_engine() -> None:
    """The judge has not read the defendant's papers: only ``core.types``, ``core.errors`` and ``arbkit.sim``."""
    for module in dialects():
        ours = {name for name in loaded_by(f"import {module}") if name.startswith("arbkit")}
        package = module.partition(".")[0]
        allowed = {
            "arbkit",
            "arbkit.core",
            "arbkit.core.types",
            *(f"arbkit.core.types.{part}" for part in ("commands", "events", "exact", "exchange", "market", "text")),
            "arbkit.core.errors",
            "arbkit.plugins",
            "arbkit.plugins.hooks",
            "arbkit.sim",
            package,
        }
        mine = ("arbkit.sim.", f"{package}.dialect")
        assert {name for name in ours - allowed if not name.startswith(mine)} == set(), module


def test_the_simulator_core_never_loads_what_it_judges() -> None:
    """Matching, ledger, faults and world: no order table, no ledger, no engine of ours, no loop. The shell and its
    certificate are not the core."""
    outer = ("__init__", "shell", "certificate")
    files = [file.stem for file in sorted((ROOT / "arbkit/sim").glob("*.py")) if file.stem not in outer]
    found = loaded_by("import " + ", ".join(f"arbkit.sim.{name}" for name in files))
    ours = {name for name in found if name.startswith("arbkit.") and not name.startswith("arbkit.sim")}
    assert ours <= {
        "arbkit.core",
        "arbkit.core.types",
        *(f"arbkit.core.types.{part}" for part in ("commands", "events", "exact", "exchange", "market", "text")),
        "arbkit.core.errors",
    }
    assert not found & set(HEAVY)


def test_no_module_is_left_out_of_the_floors() -> None:
    """A new module of arbkit must be given a floor in .importlinter."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / ".importlinter")
    named = set(re.findall(r"arbkit[\w.]*", parser["importlinter:contract:floors"]["layers"]))
    there = set()
    for path in sorted((ROOT / "arbkit").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[-1] not in ("__init__", "__main__", "venue") or len(parts) > 2:
            there.add(".".join(parts))
    left_out = {name for name in there if not any(f"{name}.".startswith(f"{room}.") for room in named)}
    assert {name for name in left_out if not name.endswith("__init__")} == set()
