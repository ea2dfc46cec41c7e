"""``make size``: lines per venue package, and how much code the packages share word for word.

``python tests/size.py [FOLDER]`` measures another checkout, to compare before and after. The code is formatted (``make
format``), so lines compare.

Duplication: the lines of a side (adapter or dialect) without imports, docstrings, comments and blank lines, with
identifiers as ``N``, texts as ``S`` and numbers as ``0``, are cut into windows of 6 lines, one from each line on, in
a file. A window is duplicated if it also stands in the same side of another venue.
"""

from __future__ import annotations

import ast
import io
import keyword
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

WINDOW = 6
SIDES = ("adapter", "dialect")
Windows = list[tuple[str, ...]]
_LAYOUT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
_BEGIN = getattr(tokenize, "FSTRING_START", -1)  # from Python 3.12 on an f-string is many tokens
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


def duplicated(texts: dict[str, Windows]) -> dict[str, tuple[int, int]]:
    """By venue: (windows that another venue has too, all windows)."""
    known = {name: set(mine) for name, mine in texts.items()}
    counts = {}
    for name, mine in texts.items():
        others = set().union(*(theirs for other, theirs in known.items() if other != name))
        counts[name] = (sum(window in others for window in mine), len(mine))
    return counts


def share(root: Path, side: str) -> float:
    """The duplicated part of the windows of a side, over all venues."""
    counts = duplicated({name: windows(found[side]) for name, found in venues(root).items()}).values()
    return sum(same for same, _ in counts) / max(1, sum(every for _, every in counts))


def report(root: Path) -> Iterator[str]:
    """The lines that are printed."""
    found = venues(root)
    yield f"{'lines':<16}" + "".join(f"{side:>10}" for side in ("adapter", "dialect", "tests"))
    for name, files in found.items():
        counts = [sum(len(file.read_text().splitlines()) for file in side) for side in files.values()]
        yield f"{name:<16}" + "".join(f"{count:>10,}" for count in counts)
    yield ""
    yield f"{f'same {WINDOW} lines':<16}{'adapter':>22}{'dialect':>22}"
    counts = {side: duplicated({name: windows(files[side]) for name, files in found.items()}) for side in SIDES}
    for name in found:
        yield f"{name:<16}" + "".join(_cell(*counts[side][name]) for side in SIDES)
    sums = [[sum(row[at] for row in counts[side].values()) for at in (0, 1)] for side in SIDES]
    yield f"{'all':<16}" + "".join(_cell(*row) for row in sums)


def _cell(same: int, every: int) -> str:
    return f"{f'{same:,} of {every:,}':>14}{same / max(1, every):>8.1%}"


if __name__ == "__main__":
    print("\n".join(report(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent.parent)))
