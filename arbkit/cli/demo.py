"""``arbkit demo``."""

from __future__ import annotations

import click

from arbkit.cli.loop import loop_factory
from arbkit.cli.output import json_option

USUAL_S = 60.0
WATCHED_S = 600.0


@click.command()
@click.argument("target", metavar="[TARGET]", required=False)
@click.option("--seconds", type=click.FloatRange(min=1), help="How long to trade.  [default: 60, with --dashboard 600]")
@click.option("--seed", type=int, default=1, show_default=True, help="Seed of prices, edges and faults.")
@click.option("--venues", default="", help="These simulated venues, by commas, or `all`; default: three of them.")
@click.option(
    "--strategy",
    type=click.Choice(("spread", "triangular")),
    default="spread",
    show_default=True,
    help="spread: between two venues; triangular: around three pairs of one venue.",
)
@click.option("--capture", type=click.Path(dir_okay=False), help="Write the run's tape here, for arbkit replay.")
@click.option("--dashboard", is_flag=True, help="Show it in the browser too; the link is printed.")
@json_option
def command(
    target: str | None,
    seconds: float | None,
    seed: int,
    venues: str,
    strategy: str,
    capture: str | None,
    dashboard: bool,
    as_json: bool,
) -> int:
    """Trade on simulated venues over real sockets, with faults; then compare the balances of both sides.

    TARGET is your own strategy, as for arbkit run; the venues list BTC-USDT and ETH-USDT.
    """
    from arbkit.app import demo

    names = [name.strip() for name in venues.split(",") if name.strip()]
    return demo.run(
        strategy=target,
        seconds=seconds or (WATCHED_S if dashboard else USUAL_S),
        seed=seed,
        venues=names,
        around=strategy == "triangular",
        capture=capture,
        dashboard=dashboard,
        as_json=as_json,
        loop_factory=loop_factory(),
    )
