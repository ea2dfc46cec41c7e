"""What no file may do: read time or entropy outside of the clock, or run what it reads."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CLOCK = ROOT / "arbkit" / "core" / "runtime" / "clock.py"
SOURCES = sorted(
    path
    for folder in ("arbkit", "plugins", "examples", "tests")
    for path in (ROOT / folder).rglob("*.py")
    if ".venv" not in path.parts
)

TIME = frozenset(
    {
        "time.time",
        "time.time_ns",
        "time.monotonic",
        "time.monotonic_ns",
        "time.perf_counter",
        "time.perf_counter_ns",
        "time.clock_gettime",
        "time.clock_gettime_ns",
        "datetime.now",
        "datetime.utcnow",
        "datetime.today",
        "date.today",
        "datetime.datetime.now",
        "datetime.datetime.utcnow",
        "datetime.date.today",
    }
)
ENTROPY = frozenset({"uuid.uuid1", "uuid.uuid4", "uuid4", "uuid1", "os.urandom", "os.getrandom", "random.SystemRandom"})
MODULES = frozenset({"pickle", "cPickle", "shelve", "marshal", "dill", "yaml", "secrets"})
CALLS = frozenset({"eval", "exec", "compile", "__import__", "os.system", "os.popen"})


def name_of(node: ast.expr) -> str:
    """``a.b.c`` of an attribute chain."""
    if isinstance(node, ast.Attribute):
        return f"{name_of(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


def faults(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = getattr(node, "module", None)
            names = [module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            for name in names:
                if name.partition(".")[0] in MODULES:
                    yield node.lineno, f"import {name}"
            if module in ("time", "random", "uuid"):
                for alias in node.names:
                    if f"{module}.{alias.name}" in TIME | ENTROPY or (module == "random" and alias.name != "Random"):
                        yield node.lineno, f"from {module} import {alias.name}"
        elif isinstance(node, ast.Attribute):
            name = name_of(node)
            if name in TIME | ENTROPY or (name.startswith("random.") and name != "random.Random"):
                yield node.lineno, name
        elif isinstance(node, ast.Call):
            name = name_of(node.func)
            if name in CALLS:
                yield node.lineno, name
            if name in ("Random", "random.Random") and not node.args and not node.keywords:
                yield node.lineno, "Random() without a seed"
            for keyword in node.keywords:
                if keyword.arg == "shell" and not (isinstance(keyword.value, ast.Constant) and not keyword.value.value):
                    yield node.lineno, "shell=True"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_hidden_time_entropy_or_code(path: Path) -> None:
    """Time and entropy come through ``core.runtime.clock`` alone; none runs what it read. Tests may measure."""
    if path == CLOCK:
        return
    may_measure = "tests" in path.relative_to(ROOT).parts or path.name.startswith("bench")
    found = [
        f"{path.relative_to(ROOT)}:{line}: {what}"
        for line, what in faults(ast.parse(path.read_text()))
        if not (may_measure and what.startswith(("time.", "from time ")))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "code",
    [
        "import time; time.time()",
        "from time import monotonic_ns",
        "from datetime import datetime; datetime.now()",
        "import random; random.random()",
        "from random import choice",
        "Random()",
        "import uuid; uuid.uuid4()",
        "import os; os.urandom(8)",
        "import secrets",
        "import pickle",
        "from yaml import load",
        "eval('1')",
        "run('ls', shell=True)",
    ],
)
def test_the_lint_sees(code: str) -> None:
    """Each forbidden thing is found."""
    assert list(faults(ast.parse(code)))


@pytest.mark.parametrize("code", ["from random import Random; Random(7)", "import random; random.Random(seed)"])
def test_the_lint_lets_pass(code: str) -> None:
    """Seeded generators are the way."""
    assert not list(faults(ast.parse(code)))
