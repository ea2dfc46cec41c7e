"""The tutorial, step by step as a reader does it, and the size of the recipes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"
BIN = Path(sys.executable).parent
PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)


def blocks(page: str) -> list[str]:
    found: list[str] = PYTHON.findall((DOCS / page).read_text())
    return found


def run(folder: Path, *words: str | Path, env: dict[str, str] | None = None) -> str:
    """What a command printed. It must end with 0."""
    known = {**os.environ, "XDG_STATE_HOME": str(folder / "state"), "HOME": str(folder), **(env or {})}
    done = subprocess.run(words, cwd=folder, env=known, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_tutorial_from_nothing_to_a_run_on_simulated_exchanges(tmp_path: Path) -> None:
    """Both versions of the files, pytest after each, then signed orders over real sockets with what ``arbkit sim``
    printed."""
    for block in blocks("tutorial.md"):
        name = block.partition("\n")[0].removeprefix("# ")
        file = tmp_path / name
        if name == "test_strategy.py" and file.exists():
            block = file.read_text() + block
        file.write_text(block)
        if name == "test_strategy.py":
            tests = block.count("def test_")
            assert f"{tests} passed" in run(tmp_path, BIN / "pytest", "-q", "-p", "no:cacheprovider")

    with subprocess.Popen([BIN / "arbkit", "sim", "binance", "okx"], stdout=subprocess.PIPE, text=True) as simulator:
        try:
            assert simulator.stdout is not None
            printed = ""
            for line in simulator.stdout:
                printed += line
                if line.startswith("admin"):
                    break
            env = dict(re.findall(r"^export (\w+)=(\S+)$", printed, re.MULTILINE))
            head = re.findall(r"```toml\n(.*?)```", (DOCS / "tutorial.md").read_text(), re.DOTALL)[0]
            venues = printed.partition("For arbkit.toml:")[2].partition("\nadmin")[0]
            (tmp_path / "arbkit.toml").write_text(head + venues)
            assert "ok: live, 2 venues" in run(tmp_path, BIN / "arbkit", "config", "check", env=env)
            words = ("run", "strategy:Spread", "--live", "--seconds", "12", "--param", "min_edge=0.0005")
            said = run(tmp_path, BIN / "arbkit", *words, env=env)
        finally:
            simulator.kill()
    assert re.search(r"deals +[1-9]\d* closed", said) or re.search(r'"deal.closed"', said), said


@pytest.mark.parametrize(
    "block",
    [one for one in blocks("recipes.md") if "class " in one],
    ids=lambda one: re.findall(r"class (\w+)", one)[-1],
)
def test_a_recipe_has_at_most_40_lines(block: str) -> None:
    """Of the user's code, blank lines and comments included."""
    assert len(block.splitlines()) <= 40
