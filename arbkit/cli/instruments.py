"""``arbkit instruments``."""

from __future__ import annotations

from collections.abc import Sequence

import click

from arbkit.cli import OK, USAGE, settings
from arbkit.cli.loop import loop_factory
from arbkit.cli.output import config_option, json_option, table
from arbkit.config.load import credentials
from arbkit.core.errors import ConfigError
from arbkit.monitor.terminal import emit, say


@click.command()
@click.option("--symbol", help="Only this symbol, as BTC-USDT: each instrument, and why it matches or not.")
@click.option("--live", is_flag=True, help="Read with the keys of the configuration: deposits and contracts are known.")
@config_option
@json_option
def command(symbol: str | None, live: bool, config_file: str | None, as_json: bool) -> int:
    """Show which instruments of the configured venues can be traded against each other, and why the rest cannot."""
    loaded = settings.load(config_file, live=live)
    config = loaded.config
    if not config.venues:
        raise ConfigError("no venues: add them to arbkit.toml, as [venues.binance]")
    signers = {name: credentials(name, venue).signer() for name, venue in config.venues.items() if live}
    from arbkit.app import instruments as app  # imported late, so that mistakes are told before asyncio is loaded

    desk, missing = app.read(config, loaded.exchanges, signers, loop_factory())
    for name, why in missing.items():
        say(f"{name} is left out: {why}")
    if symbol is None:
        rows = app.symbols(desk)
        if as_json:
            emit({"symbols": rows, "missing": missing})
            return OK
        table(
            ("symbol", "venues", "tradable on", "why not"),
            [(row.symbol, ", ".join(row.venues), ", ".join(row.tradable) or "-", _first(row.why)) for row in rows],
        )
        good = sum(bool(row.tradable) for row in rows)
        click.echo(
            f"\n{len(rows)} symbols on two venues or more; {good} can be traded, {len(rows) - good} are watched only"
        )
        return OK
    found = app.matches(desk, symbol)
    near = [] if found else desk.catalogue.like(symbol)
    if as_json:
        emit({"symbol": symbol, "instruments": found, "near": near, "missing": missing})
    elif found:
        table(
            ("instrument", "native", "status", "deposit", "withdraw", "tradable against", "why not the others"),
            [
                (
                    one.instrument,
                    one.native,
                    one.status,
                    _open(one.deposit),
                    _open(one.withdraw),
                    ", ".join(one.against) or "-",
                    "; ".join(one.why),
                )
                for one in found
            ],
        )
    else:
        say(f"no venue lists {symbol}" + (f"; did you mean {' or '.join(near)}?" if near else ""))
    return OK if found else USAGE


def _open(known: bool | None) -> str:
    return "?" if known is None else "open" if known else "closed"


def _first(why: Sequence[str]) -> str:
    return (why[0] + f" (and {len(why) - 1} more)" * (len(why) > 1)) if why else ""
