"""The linter refuses hidden time, hidden entropy and code made from text."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
RUFF = Path(sys.executable).parent / "ruff"
REFUSED = (
    ("import time; time.time()", "TID251"),
    ("from time import monotonic_ns", "TID251"),
    ("import time as t; t.perf_counter()", "TID251"),
    ("from datetime import datetime; datetime.now()", "TID251"),
    ("import datetime; datetime.date.today()", "TID251"),
    ("import random; random.random()", "TID251"),
    ("from random import choice", "TID251"),
    ("from random import SystemRandom", "TID251"),
    ("import uuid; uuid.uuid4()", "TID251"),
    ("import os; os.urandom(8)", "TID251"),
    ("import secrets", "TID251"),
    ("from secrets import token_hex", "TID251"),
    ("import pickle", "TID251"),
    ("import marshal", "TID251"),
    ("from yaml import load", "TID251"),
    ("eval('1')", "S307"),
    ("exec('1')", "S102"),
    ("import os; os.system('ls')", "S605"),
    ("import os; os.popen('ls')", "S605"),
    ("run('ls', shell=True)", "S604"),
    ("import subprocess; subprocess.run('ls', shell=True)", "S602"),
)
UNSEEDED = frozenset({"Random", "random.Random"})
FROM_TEXT = frozenset({"compile", "__import__"})


def found_by_ruff(path: str, lines: list[str]) -> list[set[str]]:
    """The codes that ruff reports for each line, as if the lines were the file at ``path``."""
    done = subprocess.run(
        [RUFF, "check", "--no-cache", "--output-format", "json", "--stdin-filename", path, "-"],
        cwd=ROOT,
        input="\n".join(lines) + "\n",
        capture_output=True,
        text=True,
        check=False,
    )
    codes: list[set[str]] = [set() for _ in lines]
    for finding in json.loads(done.stdout):
        codes[finding["location"]["row"] - 1].add(finding["code"])
    return codes


@pytest.mark.parametrize(
    "path", ["arbkit/core/x.py", "arbkit/sim/x.py", "plugins/arbkit-okx/arbkit_okx/x.py", "tests/x.py"]
)
def test_the_linter_refuses_time_entropy_and_code_from_text(path: str) -> None:
    """Each forbidden line is reported with its rule, in every part of the tree. Tests are no exception."""
    codes = found_by_ruff(path, [line for line, _ in REFUSED])
    for (line, expected), found in zip(REFUSED, codes, strict=True):
        assert expected in found, line


def test_the_clock_and_seeded_generators_are_allowed() -> None:
    """``core.runtime.clock`` may read the clocks of the system. A generator with a seed is allowed where made-up data
    is the purpose."""
    assert "TID251" not in found_by_ruff("arbkit/core/runtime/clock.py", ["import time; time.time_ns()"])[0]
    for path in ("arbkit/sim/x.py", "tests/x.py"):
        found = found_by_ruff(path, ["import random; random.Random(7)"])[0]
        assert not {code for code in found if code.startswith(("S", "TID"))}


def calls(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """What ruff has no rule for: a generator without a seed, and the builtins that make code from text."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name in UNSEEDED and not node.args and not node.keywords:
                yield node.lineno, f"{name}() without a seed"
            if name in FROM_TEXT:
                yield node.lineno, name


def test_no_generator_without_a_seed_and_no_code_from_text() -> None:
    """Ruff cannot look at the arguments of ``Random()``, and it cannot ban a builtin by its bare name."""
    assert len(list(calls(ast.parse("Random()\nrandom.Random()\ncompile('1', '', 'eval')\n__import__('os')")))) == 4
    assert not list(calls(ast.parse("Random(7)\nrandom.Random(seed)\nre.compile('x')")))
    found = [
        f"{path.relative_to(ROOT)}:{line}: {what}"
        for folder in ("arbkit", "plugins", "examples", "tests")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line, what in calls(ast.parse(path.read_text()))
    ]
    assert not found, "\n".join(found)
