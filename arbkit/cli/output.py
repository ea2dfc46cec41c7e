"""Options that commands share, and tables. What a command prints passes ``monitor.terminal``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from arbkit.monitor.redactor import PROCESS, safe
from arbkit.monitor.terminal import show

__all__ = ["config_option", "json_option", "table"]

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
config_option = click.option(
    "--config",
    "config_file",
    type=click.Path(),
    envvar="ARBKIT_CONFIG",
    help="The configuration file; default ./arbkit.toml.",
)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table: formatted on a terminal, with columns padded by blanks elsewhere."""
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        drawn = Table(box=None, pad_edge=False)
        for column in columns:
            drawn.add_column(column)
        for row in rows:
            drawn.add_row(*(Text(safe(PROCESS.known(cell))) for cell in row))
        Console().print(drawn)
        return
    cells = [[safe(cell).replace("\n", " ") for cell in row] for row in (columns, *rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    for row in cells:
        show("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
