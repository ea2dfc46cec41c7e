"""``arbkit dashboard``."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from arbkit.cli import mode
from arbkit.cli.output import config_option, json_option
from arbkit.config.load import load
from arbkit.core.errors import ConfigError


@click.command()
@click.option("--read", is_flag=True, help="The link may only look: no kill switch, no actions.")
@click.option("--open", "opens", is_flag=True, help="Open the browser of this machine too.")
@click.option("--state", "state_folder", type=click.Path(file_okay=False), help="State folder of the run.")
@click.option("--paper", is_flag=True, help="The paper run of this state folder, if a live one runs too.")
@config_option
@json_option
def command(
    read: bool, opens: bool, state_folder: str | None, paper: bool, config_file: str | None, as_json: bool
) -> int:
    """Make a link to the dashboard of a running desk. It logs one browser in, once, within 15 minutes.

    The desk needs api.port in its configuration. From another machine: ssh -L PORT:127.0.0.1:PORT, then the same link.
    """
    from arbkit.core.runtime.control import ModeAsked

    root = Path(state_folder) if state_folder else load(config_file).state.path
    asked = ModeAsked(link="read" if read else "trade")
    told = mode.ask(root, ("paper",) if paper else ("live", "paper"), msgspec.json.encode(asked) + b"\n")
    if told.error:
        raise ConfigError(told.error)
    # printed as it is: it is a secret, and what the other commands print has none
    click.echo(msgspec.json.encode({"link": told.link}).decode() if as_json else told.link)
    if opens:
        from arbkit.app.browser import open_link

        open_link(told.link)
    return 0
