"""Options that commands share, and tables. What a command prints passes ``monitor.terminal``."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from arbkit.monitor.redactor import safe
from arbkit.monitor.terminal import show

__all__ = ["config_option", "json_option", "table"]

_LEAST_TEXT = 24
"""Columns that the last column of a table needs to be broken into lines."""

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
config_option = click.option(
    "--config",
    "config_file",
    type=click.Path(),
    envvar="ARBKIT_CONFIG",
    help="The configuration file; default ./arbkit.toml.",
)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table. Nothing is cut: on a terminal that is too narrow the last column is broken into lines, and if that
    is not enough each row becomes a block of lines."""
    from arbkit.monitor.header import folded

    cells = [[safe(cell).replace("\n", " ") for cell in row] for row in (columns, *rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    width = os.get_terminal_size(sys.stdout.fileno()).columns if sys.stdout.isatty() else 0
    before = sum(widths[:-1]) + 2 * (len(columns) - 1)
    if width and before + widths[-1] > width and width - before < _LEAST_TEXT:
        label = max(map(len, columns))
        for row in cells[1:]:
            for column, cell in zip(columns, row, strict=True):
                lines = folded(f"{column.ljust(label)}  {cell}".rstrip(), width, " " * (label + 2))
                show("\n".join(lines))
            show("")
        return
    for row in cells:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        show("\n".join(folded(line, width, " " * before)) if width else line)
