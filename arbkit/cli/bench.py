"""``arbkit bench``."""

from __future__ import annotations

import click

from arbkit.cli.loop import loop_factory
from arbkit.cli.output import json_option


@click.command()
@click.argument("name", type=click.Choice(["frame", "peers", "scale", "order", "tick-to-order", "saturate", "floats"]))
@click.option("--frames", type=click.Path(exists=True, dir_okay=False), help="Bench a recording (frame, peers).")
@click.option("--live", is_flag=True, help="With all that a run has around the desk (frame only).")
@json_option
def command(name: str, frames: str | None, live: bool, as_json: bool) -> int:
    """Measure this machine; --json prints one line.

    \b
    frame          from the text of a frame to the decision; --live: from the bytes that the socket gave
    peers          the same frames through cryptofeed and ccxt.pro, where they are installed (make peers)
    scale          a frame on a desk of 3, 12 and 20 venues x 50 symbols; a wake-up with 4 and 120 links
    order          from a decision to both orders handed over, step by step
    tick-to-order  the same from the receipt of a frame, over sockets, under 5,000 messages a second
    saturate       12 venues x 50 symbols over sockets, at half and at twice the rate that one process reads
    floats         ways to read numbers
    """
    if frames is not None and name not in ("frame", "peers"):
        raise click.UsageError("--frames is only for: arbkit bench frame, arbkit bench peers")
    if live and name != "frame":
        raise click.UsageError("--live is only for: arbkit bench frame")
    from arbkit.bench.report import run

    return run(name, loop_factory=loop_factory(), frames=frames, live=live, as_json=as_json)
