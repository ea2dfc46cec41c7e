"""``arbkit init``."""

from __future__ import annotations

from pathlib import Path

import click

from arbkit.app.beginning import begin
from arbkit.app.simulated import PREFERRED
from arbkit.cli.output import json_option
from arbkit.monitor.terminal import emit, say, show
from arbkit.plugins.registry import load


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=".")
@click.option("--venues", default="", help="These venues, by commas; default: two that are installed.")
@json_option
def command(folder: Path, venues: str, as_json: bool) -> int:
    """Write a commented arbkit.toml, a strategy.py and a .gitignore into FOLDER (default: this one).

    A file that is there is never changed.
    """
    registry = load()
    names = [name.strip() for name in venues.split(",") if name.strip()]
    names = names or [*(name for name in PREFERRED if name in registry.exchanges), *sorted(registry.exchanges)][:2]
    written, kept = begin(folder, list(dict.fromkeys(names)), registry)
    if as_json:
        emit({"written": [str(file) for file in written], "kept": [str(file) for file in kept]})
        return 0
    for file in kept:
        say(f"{file} is there already: not changed")
    for file in written:
        show(f"wrote {file}")
    if written:
        enter = "" if folder == Path() else f"  cd {folder}\n"
        show(
            f"\nNext:\n{enter}"
            "  arbkit config check           # every mistake, with its line\n"
            "  arbkit demo strategy:Mine     # your strategy on simulated venues, without network\n"
            "  arbkit run                    # on paper: the venues' live books, simulated fills"
        )
    return 0
