"""``arbkit config check``."""

from __future__ import annotations

import click

from arbkit.cli import CREDENTIALS, OK, USAGE, settings
from arbkit.cli.output import config_option, json_option
from arbkit.config.load import BadConfig, BadCredentials, wants_live
from arbkit.config.load import schema as config_schema
from arbkit.monitor.terminal import emit, show


@click.group()
def command() -> None:
    """Check a configuration without running it, or describe it."""


@command.command()
@click.option("--live", is_flag=True, help='Check as for a live run; implied by mode = "live".')
@config_option
@json_option
def check(config_file: str | None, live: bool, as_json: bool) -> int:
    """Print all mistakes; exit 2 (3 if only keys are wrong)."""
    try:
        read = settings.load(config_file, live=live or wants_live(config_file), whole=True).config
    except BadConfig as error:
        code = CREDENTIALS if isinstance(error, BadCredentials) else USAGE
        if not as_json:
            raise
        found = [{"where": found.place, "key": found.path, "text": found.text} for found in error.mistakes]
        emit({"ok": False, "mistakes": found})
        return code
    if as_json:
        emit({"ok": True, "mode": read.mode, "venues": sorted(read.venues), "config": read})
        return OK
    for name, venue in sorted(read.venues.items()):
        show(f"{name}: {venue.environment}, account {venue.account}")
    if not read.venues:
        show("no venues yet: add them, as [venues.binance]; arbkit adapters list has their names")
    if not read.strategy.target:
        show("no strategy yet: name it on the command line, or set target in [strategy]")
    venues = f"{len(read.venues)} venue{'' if len(read.venues) == 1 else 's'}"
    show(", ".join([f"ok: {read.mode}", venues, *filter(None, [read.strategy.target])]))
    return OK


@command.command()
def schema() -> int:
    """Print the JSON Schema of arbkit.toml, for editors."""
    emit(config_schema())
    return OK
