"""docs/add-a-venue.md: a reader who follows it gets what it shows; quoted code is in the files that it names."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from arbkit.testing.conformance import KINDS

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
PAGE = (ROOT / "docs/add-a-venue.md").read_text()
FIRST, COMPLETE = (part for part in re.split(r"^## \d\. ", PAGE, flags=re.MULTILINE)[1:3])
MOST_LINES = 150
"""A venue with books only costs its author no more."""


def blocks(part: str) -> Iterator[tuple[str, str, str]]:
    """The sentence before each block, its language and its text."""
    for found in re.finditer(r"^```(\w+)\n([\s\S]*?)^```$", part, re.MULTILINE):
        before = part[: found.start()].rstrip().rpartition("\n\n")[2]
        yield " ".join(before.split()), found[1], found[2]


def commands(text: str) -> Iterator[tuple[str, list[str]]]:
    """Each command of a console block, and the lines that it prints."""
    for chunk in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, *lines = chunk.splitlines()
        yield command, lines


def replaced(file: str, names: list[str], text: str) -> str:
    """The file with its definitions of ``names`` replaced by those of the text. Each of both must be there once."""

    def found(source: str) -> dict[str, tuple[int, int]]:
        places = {}
        for node in ast.parse(source).body:
            name = node.targets[0].id if isinstance(node, ast.Assign) else getattr(node, "name", "")  # type: ignore[attr-defined]
            places[name] = (node.lineno - 1, node.end_lineno or 0)
        return {name: places[name] for name in names}

    old, new = file.splitlines(), text.splitlines()
    wanted = found(text)
    for name, (begin, end) in sorted(found(file).items(), key=lambda place: -place[1][0]):
        a, b = wanted[name]
        old[begin:end] = new[a:b]
    return "\n".join(old) + "\n"


def alike(shown: list[str], printed: list[str]) -> bool:
    """``...`` stands for any lines. Blanks do not count, nor the numbers of tests and rules, and of seconds."""

    def plain(lines: list[str]) -> list[str]:
        lines = [re.sub(r"[\d.]+", "0", line) if re.search(r"\d (passed|skipped)", line) else line for line in lines]
        return [" ".join(line.split()) for line in lines if line.strip()]

    pattern = "".join(r"(?:.*\n)*" if line == "..." else re.escape(line) + r"\n" for line in plain(shown))
    return re.fullmatch(pattern, "".join(line + "\n" for line in plain(printed))) is not None


class Reader:
    """Somebody who does what the page says, in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.site = folder / "site"
        self.env = {name: value for name, value in os.environ.items() if not name.startswith(("ARBKIT_", "PYTEST_"))}
        self.env |= {
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "PYTHONPATH": str(self.site),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        self.made: dict[str, str] = {}

    def does(self, said: str, language: str, text: str) -> None:
        """Follow one block."""
        if language == "console":
            for command, shown in commands(text):
                printed = self.runs(command)
                if shown or not command.startswith("pip "):
                    assert alike(shown, printed), "\n".join([command, *printed])
        elif change := re.search(r"In `([\w/.]+)`, replace (.*):$", said):
            file = self.folder / change[1]
            file.write_text(replaced(file.read_text(), re.findall(r"`(\w+)`", change[2]), text))
        elif whole := re.fullmatch(r"`([\w/.]+)`:", said):
            self.made[whole[1]] = text
            (self.folder / whole[1]).write_text(text)
        else:
            assert text == "import arbkit.venue as kit\n", f"no file is named for this block: {said}"

    def runs(self, command: str) -> list[str]:
        """What a command prints. ``cd`` changes the folder for those after it, ``pip`` installs without a network."""
        if command.startswith("cd "):
            self.folder /= command.removeprefix("cd ")
            return []
        if command == "pip install -e '.[test]'":
            return self.installs()
        shell = ["sh", "-c", f"{{ {command}; }} 2>&1"]
        done = subprocess.run(
            shell, cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=120, check=False
        )
        return done.stdout.splitlines()

    def installs(self) -> list[str]:
        """As ``pip install -e`` leaves it: the package is known by its metadata, its code is read in this folder."""
        uv = f"{BIN}/uv pip install --quiet --offline --no-deps --no-build-isolation --link-mode=copy"
        subprocess.run([*uv.split(), "--python", sys.executable, "--target", self.site, self.folder], check=True)
        shutil.rmtree(self.site / "arbkit_toy")
        self.env["PYTHONPATH"] = f"{self.site}:{self.folder}"
        return []


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """Has read part 1 and done all of it; each shown output was compared."""
    reader = Reader(tmp_path_factory.mktemp("reader"))
    for block in blocks(FIRST):
        reader.does(*block)
    return reader


def test_the_first_venue_is_made_listed_replayed_and_tested_as_shown(reader: Reader) -> None:
    """Every command of part 1 prints what the page says."""
    assert {"arbkit_toy/tables.py", "arbkit_toy/sockets.py", "arbkit_toy/adapter.py"} <= set(reader.made)


def test_the_first_venue_costs_its_author_at_most_150_lines(reader: Reader) -> None:
    """All lines of the files in the package that the reader writes, with docstrings and blank ones."""
    lines = {name: text.count("\n") for name, text in reader.made.items() if name.startswith("arbkit_toy/")}
    assert sum(lines.values()) <= MOST_LINES, lines
    assert f"books only, in {sum(lines.values())} lines" in PAGE


def test_the_first_venue_is_clean(reader: Reader) -> None:
    """As this repository's own code: formatted, linted, strictly typed."""
    ruff, rules = BIN / "ruff", ROOT / "pyproject.toml"
    for command in (
        f"{ruff} format --no-cache --check --config {rules} .",
        f"{ruff} check --no-cache --config {rules} .",
        f"{BIN / 'mypy'} --strict --cache-dir {os.devnull} arbkit_toy tests",
    ):
        printed = reader.runs(command)
        assert printed[-1].startswith(("All checks passed", "Success")) or "already formatted" in printed[-1], printed


def written(text: str) -> str:
    """Code without its layout."""
    return re.sub(r"\bkit\.|\s|,(?=\s*[)\]}])", "", text)


@pytest.mark.parametrize(
    ("said", "text"), [(said, text) for said, language, text in blocks(COMPLETE) if language == "py"]
)
def test_quoted_code_is_in_its_file(said: str, text: str) -> None:
    """Each piece (``...`` stands between them) of the file that the sentence names."""
    named = re.search(r"From `([\w/.-]+)`:$", said)
    assert named is not None, said
    code = written((ROOT / named[1]).read_text())
    for piece in text.split("...\n"):
        assert written(piece).rstrip(",") in code, piece


def test_every_file_of_the_complete_venue_is_described() -> None:
    """None is left out, and none is invented."""
    plugin = ROOT / "plugins/arbkit-okx"
    described = set(re.findall(r"^\| `([\w.*]+\.py)` \|", COMPLETE, re.MULTILINE))
    files = {file.name for file in plugin.glob("arbkit_okx/*.py")}
    assert {"dialect*.py" if name.startswith("dialect") else name for name in files} == described
    for name in re.findall(r"`(tests/(?:test_|facts)\w+\.py)`", COMPLETE):
        assert (plugin / name).is_file(), name
    tests = {f"tests/{file.name}" for file in plugin.glob("tests/*.py")}
    assert tests <= set(re.findall(r"`(tests/\w+\.py)`", COMPLETE))


def test_names_of_the_kit_are_its_names() -> None:
    """Each name in the table of files that looks like one of ``arbkit.venue``."""
    import arbkit.venue

    table = COMPLETE[: COMPLETE.index("### Hosts")]
    cells = [row.split("|")[3] for row in table.splitlines() if row.startswith("| `")]
    assert {name for cell in cells for name in re.findall(r"`(\w+)`", cell)} <= set(arbkit.venue.__all__)


def test_the_kinds_of_rules_are_those_of_the_kit() -> None:
    """All, in their order."""
    rows = PAGE[PAGE.index("<!-- kinds -->") :].split("\n\n")[0].splitlines()[3:]
    assert [cell.strip() for row in rows for cell in row.split("|") if cell.strip()] == list(KINDS)
