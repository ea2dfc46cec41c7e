"""``make size``: lines per venue package, and how much code the packages share word for word.

``python tests/size.py [FOLDER]`` measures another checkout, to compare before and after. The code is formatted (``make
format``), so lines compare.

Duplication: the lines of a side (adapter or dialect) without imports, docstrings, comments and blank lines, with
identifiers as ``N``, texts as ``S`` and numbers as ``0``, are cut into windows of 6 lines, one from each line on, in
a file. A window is duplicated if it also stands in the same side of another venue.

A venue is mostly tables: which field of theirs is which of ours, which call has which limit. Rows of tables have the
same form in any two venues, so a window that is nearly all rows (``_is_table``) counts in "same 6 lines", but not in
"of that code".
"""

from __future__ import annotations

import ast
import io
import keyword
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

WINDOW = 6
SIDES = ("adapter", "dialect")
Windows = list[tuple[str, ...]]
_LAYOUT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
_BEGIN = getattr(tokenize, "FSTRING_START", -1)  # from Python 3.12 on an f-string is many tokens
_ROW = re.compile(r"(?:[NS0 .,:=()\[\]{}|*-]*,|[NS0 .=]*[(\[{]|[)\]} ]+)")
"""A line of a table, as it is compared."""
_END = getattr(tokenize, "FSTRING_END", -1)


def sides(plugin: Path) -> dict[str, list[Path]]:
    """The Python files of a venue package by side: adapter, dialect and tests; without those that a compiler made."""
    code = [file for file in sorted(plugin.glob("arbkit_*/**/*.py")) if not file.stem.endswith("_pb2")]
    return {
        "adapter": [file for file in code if not file.name.startswith("dialect")],
        "dialect": [file for file in code if file.name.startswith("dialect")],
        "tests": sorted(plugin.glob("tests/**/*.py")),
    }


def venues(root: Path) -> dict[str, dict[str, list[Path]]]:
    """The sides of each venue package in ``plugins/``, by the package's folder."""
    return {file.parents[1].name: sides(file.parents[1]) for file in sorted(root.glob("plugins/*/arbkit_*/adapter.py"))}


def _left_out(text: str) -> set[int]:
    """The numbers of the lines of imports and docstrings."""
    lines: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import | ast.ImportFrom) or (
            isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        ):
            lines.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return lines


def neutral(text: str) -> list[str]:
    """The lines of a source with names, texts and numbers neutralised."""
    lines: dict[int, list[str]] = {}
    left_out = _left_out(text)
    depth = 0  # of f-strings: an outermost one counts as one text
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if depth == 0 and token.type not in _LAYOUT and token.start[0] not in left_out:
            lines.setdefault(token.start[0], []).append(_word(token))
        depth += (token.type == _BEGIN) - (token.type == _END)
    return [" ".join(words) for _, words in sorted(lines.items())]


def _word(token: tokenize.TokenInfo) -> str:
    if token.type == tokenize.NAME:
        return token.string if keyword.iskeyword(token.string) else "N"
    return {tokenize.STRING: "S", _BEGIN: "S", tokenize.NUMBER: "0"}.get(token.type, token.string)


def windows(files: list[Path]) -> Windows:
    """All windows of some files."""
    found: Windows = []
    for file in files:
        lines = neutral(file.read_text())
        found += [tuple(lines[at : at + WINDOW]) for at in range(len(lines) - WINDOW + 1)]
    return found


def _is_table(window: tuple[str, ...]) -> bool:
    """Whether at most one of its lines is more than names, texts and numbers with punctuation."""
    return sum(_ROW.fullmatch(line) is not None for line in window) >= WINDOW - 1


def duplicated(texts: dict[str, Windows]) -> dict[str, tuple[int, int, int]]:
    """By venue: (windows that another venue has too, those of them that are code, all windows)."""
    known = {name: set(mine) for name, mine in texts.items()}
    counts = {}
    for name, mine in texts.items():
        others = set().union(*(theirs for other, theirs in known.items() if other != name))
        same = [window for window in mine if window in others]
        counts[name] = (len(same), sum(not _is_table(window) for window in same), len(mine))
    return counts


def share(root: Path, side: str, *, code: bool = False) -> float:
    """The duplicated part of the windows of a side, over all venues. ``code``: without those of tables."""
    counts = duplicated({name: windows(found[side]) for name, found in venues(root).items()}).values()
    return sum(one[code] for one in counts) / max(1, sum(one[2] for one in counts))


def report(root: Path) -> Iterator[str]:
    """The lines that are printed."""
    found = venues(root)
    yield f"{'lines':<16}" + "".join(f"{side:>10}" for side in ("adapter", "dialect", "tests"))
    for name, files in found.items():
        counts = [sum(len(file.read_text().splitlines()) for file in side) for side in files.values()]
        yield f"{name:<16}" + "".join(f"{count:>10,}" for count in counts)
    yield ""
    yield f"{f'same {WINDOW} lines':<16}{'adapter':>22}{'of that code':>14}{'dialect':>22}{'of that code':>14}"
    counts = {side: duplicated({name: windows(files[side]) for name, files in found.items()}) for side in SIDES}
    for name in found:
        yield f"{name:<16}" + "".join(_cell(*counts[side][name]) for side in SIDES)
    sums = [[sum(row[at] for row in counts[side].values()) for at in (0, 1, 2)] for side in SIDES]
    yield f"{'all':<16}" + "".join(_cell(*row) for row in sums)


def _cell(same: int, code: int, every: int) -> str:
    return f"{f'{same:,} of {every:,}':>14}{same / max(1, every):>8.1%}{code / max(1, every):>14.1%}"


if __name__ == "__main__":
    print("\n".join(report(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent.parent)))
