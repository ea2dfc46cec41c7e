"""``arbkit bench``."""

from __future__ import annotations

import click

from arbkit.cli.loop import loop_factory
from arbkit.cli.output import json_option


@click.command()
@click.argument("name", type=click.Choice(["frame", "tick-to-order", "floats"]))
@click.option("--frames", type=click.Path(exists=True, dir_okay=False), help="Bench a recording (frame only).")
@json_option
def command(name: str, frames: str | None, as_json: bool) -> int:
    """Measure this machine; --json prints one line."""
    if frames is not None and name != "frame":
        raise click.UsageError("--frames is only for: arbkit bench frame")
    from arbkit.bench.report import run

    return run(name, loop_factory=loop_factory(), frames=frames, as_json=as_json)
