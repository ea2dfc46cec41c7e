"""The output of the commands: JSON lines, tables and messages."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import Any

import click
import msgspec

__all__ = ["config_option", "emit", "json_option", "safe", "say", "table"]

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
config_option = click.option(
    "--config",
    "config_file",
    type=click.Path(),
    envvar="ARBKIT_CONFIG",
    help="The configuration file; default ./arbkit.toml.",
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def safe(text: str) -> str:
    """External text with escaped control characters, so that it cannot control the terminal."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def emit(document: Any) -> None:
    """Print one JSON line on stdout."""
    click.echo(msgspec.json.encode(document).decode())


def say(text: str) -> None:
    """Print a message for the user on stderr."""
    click.echo(safe(text), err=True)


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
            drawn.add_row(*(Text(safe(cell)) for cell in row))
        Console().print(drawn)
        return
    cells = [[safe(cell).replace("\n", " ") for cell in row] for row in (columns, *rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    for row in cells:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
