"""``arbkit run``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click

from arbkit.app import target
from arbkit.cli import settings
from arbkit.cli.loop import loop_factory
from arbkit.cli.output import config_option, json_option
from arbkit.config.load import Config, VenueConfig
from arbkit.core.errors import ConfigError
from arbkit.core.protocols import Strategy
from arbkit.core.types import plain
from arbkit.monitor.terminal import filled, say


@click.command()
@click.argument("strategy", metavar="TARGET", required=False)
@click.option("--live", is_flag=True, help='Send real orders; needs mode = "live" in the configuration too.')
@click.option("--seconds", type=click.FloatRange(min=0), help="Stop after this time; default: until Ctrl-C.")
@click.option("--metrics-port", type=click.IntRange(0, 65535), help="Serve Prometheus metrics on this loopback port.")
@click.option("--state", "state_folder", type=click.Path(file_okay=False), help="Folder of journal and lock.")
@click.option(
    "--settled", is_flag=True, help="You have settled what earlier runs left: count gains, leftovers and modes anew."
)
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="A setting of the strategy; repeatable.")
@click.option("--capture", type=click.Path(dir_okay=False), help="Write the run's tape here, for arbkit replay.")
@config_option
@json_option
def command(
    strategy: str | None,
    live: bool,
    seconds: float | None,
    metrics_port: int | None,
    state_folder: str | None,
    settled: bool,
    params: Sequence[str],
    capture: str | None,
    config_file: str | None,
    as_json: bool,
) -> int:
    """Run TARGET: module:Class, file.py:Class or a registered name.

    The run is on paper (live books, simulated fills). Live orders need --live and mode = "live" in the configuration.
    """
    flags: dict[str, Any] = {
        "strategy.target": strategy,
        "metrics.port": metrics_port,
        "state.folder": state_folder,
    }
    given = {key: value for key, value in flags.items() if value is not None}
    loaded = settings.load(config_file, given, params=dict(map(_param, params)), live=live, strategy=True)
    config = loaded.config
    if loaded.strategy is None:
        raise ConfigError("no strategy: use arbkit run module:Class, or set target in [strategy]")
    if not config.venues:
        raise ConfigError("no venues: add them to arbkit.toml, as [venues.binance]")
    made = target.make(loaded.strategy, config.strategy)
    text = "\n".join([_banner(config, live), *([] if live else _unknown_moves(made, config))])
    say(filled(text, sys.stderr))
    from arbkit.app.launch import run  # imported late, so that mistakes are reported before loading asyncio and aiohttp

    return run(
        config,
        made,
        exchanges=loaded.exchanges,
        live=live,
        seconds=seconds,
        capture=capture,
        settled=settled,
        as_json=as_json,
        loop_factory=loop_factory(),
    )


def _param(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise click.UsageError(f"--param {text}: write it as NAME=VALUE, for example --param min_edge=0.002")
    return name, value


def _banner(config: Config, live: bool) -> str:
    """The text at the start: mode, venues and limits; on paper also the configured balances, fees and latency."""
    limits = config.limits
    head = _live(config) if live else "PAPER - live books, simulated fills"
    if config.mode == "live" and not live:
        head += ' (mode = "live", but no --live: nothing is sent)'
    lines = [head, f"strategy  {config.strategy.target}"]
    for name, venue in config.venues.items():
        about = f"{venue.environment}, account {venue.account}"
        lines.append(f"venue     {name}: {about if live else f'{about}; {_paper(name, venue)}'}")
    lines.append(
        f"limits    order {limits.max_order_notional}, deal {limits.max_deal_notional}, "
        f"open {limits.max_open_notional} in {limits.max_open_deals} deals, "
        f"stop at a loss of {limits.max_loss_run} {limits.asset}"
    )
    return "\n".join(lines)


def _live(config: Config) -> str:
    """What a live run costs: test networks and simulators have orders, and no money."""
    tests = sorted({venue.environment for venue in config.venues.values()} - {"prod"})
    real = any(venue.environment == "prod" for venue in config.venues.values())
    if not real:
        return f"LIVE - real orders, no real money ({', '.join(tests)})"
    return "LIVE - real orders, real money" + f" (on some venues only: {', '.join(tests)} has none)" * bool(tests)


def _unknown_moves(strategy: Strategy, config: Config) -> list[str]:
    """Without keys no venue tells whether an asset can be moved: what that costs, for a strategy that asks."""
    least, more = getattr(strategy, "min_edge", 0.0), getattr(strategy, "min_edge_immovable", 0.0)
    assets = dict.fromkeys(str(symbol).partition("-")[0] for symbol in getattr(strategy, "symbols", ()))
    unknown = {
        asset: venues
        for asset in assets
        if (venues := [name for name, venue in config.venues.items() if asset not in venue.movable])
    }
    if not unknown or not more > least:
        return []
    asset, venues = next(iter(unknown.items()))
    text = (
        f"movable   not known without keys for {', '.join(unknown)}: a trade needs an edge of {more:.2%} "
        f"(min_edge_immovable), not of {least:.2%} (min_edge).\n"
        f"          Where deposits and withdrawals are open, set movable = {{ {asset} = true }} in [venues.{venues[0]}]"
    )
    return [text]


def _paper(name: str, venue: VenueConfig) -> str:
    """Balances, fee and latency of a paper account, which come from the configuration."""
    held = ", ".join(f"{plain(amount)} {asset}" for asset, amount in venue.balances.items())
    if not held:
        held = f"nothing, so nothing can be traded (balances = {{ USDT = 1000 }} in [venues.{name}])"
    fee = plain(venue.taker_fee * 100)
    return f"configured: holds {held}; taker fee {fee} %; orders take {venue.latency_ms:g} ms"
