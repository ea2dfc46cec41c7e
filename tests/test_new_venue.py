"""A venue package that is put into ``plugins/`` is checked like the others, and no shared file is edited for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
VENUES = sorted(file.parents[1].name for file in ROOT.glob("plugins/*/arbkit_*/adapter.py"))


class Copy:
    """A copy of the tracked files with the new venue ``zeta``. Nothing else is changed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
        for name in listed.stdout.split("\0"):
            if (ROOT / name).is_file():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, root / name)
        assert self.run(BIN / "arbkit", "new", "adapter", "zeta", "--into", "plugins").returncode == 0
        self.adapter = root / "plugins/arbkit-zeta/arbkit_zeta/adapter.py"

    def run(self, *command: object) -> subprocess.CompletedProcess[str]:
        folders = [self.root, *sorted(self.root.glob("plugins/*"))]
        env = {name: value for name, value in os.environ.items() if not name.startswith(("ARBKIT_", "PYTEST_", "MAKE"))}
        return subprocess.run(
            [str(word) for word in command],
            cwd=self.root,
            env=env | {"PYTHONPATH": ":".join(map(str, folders))},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    return Copy(tmp_path_factory.mktemp("repository"))


@pytest.mark.parametrize("file", [".importlinter", "Makefile", "pyproject.toml"])
def test_no_shared_file_names_a_venue_package(file: str) -> None:
    """A list of venues would have to be edited."""
    text = (ROOT / file).read_text()
    assert VENUES
    assert [name for name in VENUES if name in text or name.replace("-", "_") in text] == []


@pytest.mark.parametrize(
    ("statement", "contract"),
    [
        ("import asyncio", "no loop, no socket"),
        ("import arbkit.core.trading", "stands on the protocols"),
        (f"import {VENUES[0].replace('-', '_')}", "knows no other venue package"),
    ],
)
def test_the_floors_hold_for_it(copy: Copy, statement: str, contract: str) -> None:
    """Its imports are checked: as it is made they are kept, and each forbidden one breaks its contract by name."""
    text = copy.adapter.read_text()
    kept = copy.run(sys.executable, ".ci/floors.py")
    assert kept.returncode == 0, kept.stdout
    copy.adapter.write_text(f"{text}\n{statement}\n")
    broken = copy.run(sys.executable, ".ci/floors.py")
    copy.adapter.write_text(text)
    assert broken.returncode == 1
    assert "1 broken" in broken.stdout
    assert contract in " ".join(broken.stdout.split())
    assert "arbkit_zeta.adapter ->" in broken.stdout


def test_its_types_are_checked(copy: Copy) -> None:
    """mypy, as ``make types`` calls it, takes the package as one of its sources."""
    code = "from mypy.main import process_options; print(*(one.module for one in process_options([])[0]))"
    assert "arbkit_zeta.adapter" in copy.run(sys.executable, "-c", code).stdout.split()


def test_its_tests_and_the_shared_ones_are_collected(copy: Copy) -> None:
    """Its own tests, its page, and the fresh-interpreter test of adapters."""
    done = copy.run(
        sys.executable, "-m", "pytest", "--collect-only", "-q", "plugins/arbkit-zeta", "tests/test_floors.py"
    )
    assert done.returncode == 0, done.stdout
    assert "plugins/arbkit-zeta/tests/test_books.py::test_every_book" in done.stdout
    assert "[arbkit_zeta.adapter]" in done.stdout


def test_it_is_formatted_linted_built_and_measured(copy: Copy) -> None:
    """The linter has nothing to say but the order of imports, which differs inside this repository."""
    assert copy.run(BIN / "ruff", "check", "--no-cache", "--fix", "plugins/arbkit-zeta").returncode == 0
    assert copy.run(BIN / "ruff", "format", "--no-cache", "--check", "plugins/arbkit-zeta").returncode == 0
    assert "arbkit-zeta" in copy.run("make", "-n", "dist").stdout
    assert "arbkit-zeta" in copy.run(sys.executable, "tests/size.py").stdout
