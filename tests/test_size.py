"""The venue packages do not repeat each other. ``make size`` prints the figures."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
SIZE = runpy.run_path(str(ROOT / "tests/size.py"))
MOST_SAME = {"adapter": 0.0133, "dialect": 0.0088}
"""The share of windows of 6 lines of code that stand in another venue too. To be lowered, never raised: what two venues
share belongs in ``arbkit.adapters`` or ``arbkit.sim``."""
MOST_ALIKE = {"adapter": 0.0496, "dialect": 0.0159}
"""The same with the rows of tables, which have one form in any two venues. To be lowered too."""
MOST_LINES = {"arbkit-binance": 1317, "arbkit-bybit": 1210, "arbkit-okx": 1246}
"""Lines of a dialect; the aim is 1,100. To be lowered; a new call of the venue may raise it by its own lines."""

ONE = '''
"""A page about one venue."""
from arbkit.venue import Ask

class Asked:
    """A docstring
    of two lines."""

    def read(self, row):  # a comment
        if row["price"] > 1e3:
            return f"{row['price']} is {self.name!r}"

        return None

TABLE = {1: "a"}
'''
OTHER = """
import msgspec
class Told:
    def take(me, line):
        if line['px'] > 5:
            return f"px {line['px']:>{me.width}}"
        return None
LIST = [1, "a"]
"""


def venue(root: Path, name: str, **files: str) -> None:
    package = root / "plugins" / f"arbkit-{name}" / f"arbkit_{name}"
    package.mkdir(parents=True)
    for file, text in files.items():
        (package / f"{file}.py").write_text(text)


def test_names_texts_and_numbers_are_neutral_and_prose_is_left_out() -> None:
    """The lines as they are compared, written by hand; an f-string is one text on every Python."""
    assert SIZE["neutral"](ONE) == [
        "class N :",
        "def N ( N , N ) :",
        "if N [ S ] > 0 :",
        "return S",
        "return None",
        "N = { 0 : S }",
    ]


def test_only_another_venue_and_the_same_side_count(tmp_path: Path) -> None:
    """Five lines of ONE and OTHER are the same with other names, the sixth is not. Copies within a venue, or in the
    dialect of another, do not count."""
    assert SIZE["neutral"](ONE)[:5] == SIZE["neutral"](OTHER)[:5]
    venue(tmp_path, "one", adapter=ONE, wire=ONE, dialect=ONE)
    venue(tmp_path, "other", adapter=OTHER, dialect=OTHER)
    assert SIZE["share"](tmp_path, "adapter") == 0
    venue(tmp_path, "third", adapter=OTHER, dialect_wire=ONE)
    assert SIZE["share"](tmp_path, "adapter") == 2 / 4
    assert SIZE["share"](tmp_path, "dialect") == 2 / 3


def test_rows_of_tables_are_alike_and_no_code(tmp_path: Path) -> None:
    """Seven fields that are mapped, and seven that are read by calls."""
    rows = "MAP = dict(\n" + "".join(f'    field_{i}="theirs{i}",\n' for i in range(7)) + ")\n"
    code = "if MAP:\n    " + "\n    ".join(f"x{i} = MAP.get('{i}')" for i in range(7)) + "\n"
    for name in ("one", "other"):
        venue(tmp_path, name, adapter=rows, dialect=code)
    assert (SIZE["share"](tmp_path, "adapter"), SIZE["share"](tmp_path, "adapter", code=True)) == (1, 0)
    assert (SIZE["share"](tmp_path, "dialect"), SIZE["share"](tmp_path, "dialect", code=True)) == (1, 1)


def test_the_table_counts_lines_by_side(tmp_path: Path) -> None:
    """Every line of a file counts, prose too."""
    venue(tmp_path, "one", adapter=ONE, dialect=OTHER, dialect_wire=OTHER)
    assert next(line for line in SIZE["report"](tmp_path) if line.startswith("arbkit-one")).split() == [
        "arbkit-one",
        str(ONE.count("\n")),
        str(2 * OTHER.count("\n")),
        "0",
    ]


@pytest.mark.parametrize("side", ["adapter", "dialect"])
def test_venue_packages_do_not_repeat_each_other(side: str) -> None:
    """What two venues would type twice is shared code."""
    code, alike = SIZE["share"](ROOT, side, code=True), SIZE["share"](ROOT, side)
    assert code <= MOST_SAME[side], f"{code:.1%}; run make size"
    assert alike <= MOST_ALIKE[side], f"{alike:.1%}; run make size"


@pytest.mark.parametrize("package", MOST_LINES)
def test_dialects_do_not_grow(package: str) -> None:
    """What a dialect types that is not the venue's own belongs in ``arbkit.sim``."""
    files: Any = SIZE["venues"](ROOT)[package]["dialect"]
    lines = sum(len(file.read_text().splitlines()) for file in files)
    assert lines <= MOST_LINES[package], f"{lines} lines; run make size"
