"""``arbkit new strategy`` and ``arbkit new adapter``."""

from __future__ import annotations

from pathlib import Path

import click

from arbkit.app import scaffold
from arbkit.app.installed import installed
from arbkit.monitor.terminal import show

_into = click.option(
    "--into",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=".",
    help="The folder in which the new one is made; default: this folder.",
)


@click.group()
def command() -> None:
    """Make the package of a new strategy or venue: code, tests, README and CI file."""


@command.command(
    epilog="\b\nExample:\n  arbkit new strategy wide-spread\n  cd wide-spread && pip install -e '.[test]' && pytest"
)
@click.argument("name")
@_into
def strategy(name: str, into: Path) -> None:
    """Make the package of a strategy in the folder NAME.

    The strategy works, and its tests pass. After the installation `arbkit run NAME` runs it.
    """
    _make("strategy", name, into)


@command.command(epilog="\b\nExample:\n  arbkit new adapter toy\n  cd arbkit-toy && pip install -e '.[test]' && pytest")
@click.argument("name")
@_into
def adapter(name: str, into: Path) -> None:
    """Make the package of a venue in the folder arbkit-NAME.

    It reads the order books of an invented venue, and its tests pass. Replace the invented protocol by the venue's:
    docs/add-a-venue.md shows it step by step.
    """
    _make("adapter", name, into)


def _make(kind: scaffold.Kind, name: str, into: Path) -> None:
    folder, *files = scaffold.make(kind, name, into, installed())
    for file in files:
        show(str(file))
    show(f"\nNext: cd {folder} && pip install -e '.[test]' && pytest")
