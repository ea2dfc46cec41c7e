"""The floors, where import-linter cannot see: fresh interpreters, clocks and randomness, modules left out."""

from __future__ import annotations

import ast
import configparser
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = [*sorted((ROOT / "arbkit").rglob("*.py")), *sorted(ROOT.glob("plugins/*/arbkit_*/**/*.py"))]
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
    "module", ["arbkit", "arbkit.hooks", "arbkit.core.protocols", "arbkit.core.gate", "arbkit.strategies", *adapters()]
)
def test_importing_a_plugin_loads_no_loop_and_no_socket(module: str) -> None:
    """A venue or a strategy costs an import and nothing else: no asyncio, ssl or socket in the process."""
    found = loaded_by(f"import {module}")
    assert not found & set(HEAVY)
    assert "arbkit.core.runtime" not in found


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
            "arbkit.core.errors",
            "arbkit.hooks",
            "arbkit.sim",
            package,
        }
        mine = ("arbkit.sim.", f"{package}.dialect")
        assert {name for name in ours - allowed if not name.startswith(mine)} == set(), module


def test_the_simulator_core_never_loads_what_it_judges() -> None:
    """Matching, ledger, faults and world: no order table, no ledger, no engine of ours, no loop."""
    files = [file.stem for file in sorted((ROOT / "arbkit/sim").glob("*.py")) if file.stem not in ("__init__", "shell")]
    found = loaded_by("import " + ", ".join(f"arbkit.sim.{name}" for name in files))
    ours = {name for name in found if name.startswith("arbkit.") and not name.startswith("arbkit.sim")}
    assert ours <= {"arbkit.core", "arbkit.core.types", "arbkit.core.errors"}
    assert not found & set(HEAVY)


def test_no_module_is_left_out_of_the_floors() -> None:
    """A new module of arbkit must be given a floor in .importlinter."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / ".importlinter")
    named = set(re.findall(r"arbkit[\w.]*", parser["importlinter:contract:floors"]["layers"]))
    there = set()
    for folder in (ROOT / "arbkit", ROOT / "arbkit/core"):
        prefix = ".".join(folder.relative_to(ROOT).parts)
        for path in folder.iterdir():
            if path.suffix == ".py" and path.stem not in ("__init__", "__main__"):
                there.add(f"{prefix}.{path.stem}")
            elif (path / "__init__.py").is_file() and path.name != "core":
                there.add(f"{prefix}.{path.name}")
    assert there - named == set()


CLOCKS = {
    "time": {"time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "sleep"},
    "datetime": {"now", "utcnow", "today"},
    "date": {"today"},
    "os": {"urandom", "getrandom"},
    "uuid": {"uuid1", "uuid4"},
    "secrets": {"*"},
}
"""Readers of time and of chance, by the name they are called on."""
SEEDED = {"Random"}
MEASURED = {"arbkit/bench.py", "arbkit/bench_ticks.py"}
"""Benches measure; they decide nothing."""


def chance_and_time(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, call) of everything that would make two runs differ."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            names = CLOCKS.get(node.value.id, set())
            if node.attr in names or "*" in names:
                yield node.lineno, f"{node.value.id}.{node.attr}"
            if node.value.id == "random" and node.attr not in SEEDED:
                yield node.lineno, f"random.{node.attr}"
        elif isinstance(node, ast.ImportFrom) and node.module in (*CLOCKS, "random"):
            names = CLOCKS.get(node.module, set())
            for alias in node.names:
                if alias.name in names or "*" in names or (node.module == "random" and alias.name not in SEEDED):
                    yield node.lineno, f"from {node.module} import {alias.name}"


def test_time_and_chance_come_through_one_seam() -> None:
    """Only ``core/runtime/clock.py`` reads a clock or draws entropy: everything else is given time and a seed."""
    found = []
    for file in SOURCES:
        name = str(file.relative_to(ROOT))
        if name == "arbkit/core/runtime/clock.py" or name in MEASURED:
            continue
        found += [f"{name}:{line} {call}" for line, call in chance_and_time(ast.parse(file.read_text()))]
    assert found == []


def test_the_seam_test_sees_what_it_looks_for() -> None:
    """The judge of the rule above is itself judged."""
    code = "import time, random\nfrom os import urandom\ntime.time()\nrandom.random()\nrandom.Random(1)\n"
    assert [call for _, call in chance_and_time(ast.parse(code))] == [
        "from os import urandom",
        "time.time",
        "random.random",
    ]
