"""``arbkit sim``"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from arbkit import plugins
from arbkit.cli.loop import loop_factory
from arbkit.cli.output import emit, json_option, table


@click.command()
@click.argument("venues", nargs=-1, required=True)
@click.option("--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="0 = any free one.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of prices, edges, faults and keys.")
@click.option("--faults", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A fault script (JSON).")
@json_option
def command(venues: tuple[str, ...], port: int, seed: int, faults: Path | None, as_json: bool) -> int:
    """Serve simulated VENUES on this machine, each in its own wire protocol, until stopped."""
    registry = plugins.load(dialects=True)
    dialects = [registry.dialect(venue) for venue in dict.fromkeys(venues)]
    from arbkit.sim import shell
    from arbkit.sim.faults import read_script

    script = read_script(faults.read_bytes()) if faults else []
    announce = emit if as_json else _announce
    return shell.serve(dialects, port=port, seed=seed, faults=script, announce=announce, loop_factory=loop_factory())


def _announce(where: dict[str, Any]) -> None:
    rows = [(venue, name, value or "-") for venue, facts in where["venues"].items() for name, value in facts.items()]
    table(("venue", "what", "value"), rows)
    click.echo(f"\nadmin {where['admin']} (/ledger /orders /faults); Ctrl-C stops")
