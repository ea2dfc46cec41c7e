"""``arbkit status``."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from arbkit.cli import mode
from arbkit.cli.output import config_option, json_option, table
from arbkit.config.load import load
from arbkit.monitor.terminal import emit


@click.command()
@click.option("--state", "state_folder", type=click.Path(file_okay=False), help="State folder of the run.")
@click.option("--paper", is_flag=True, help="The paper run of this state folder, if a live one runs too.")
@config_option
@json_option
def command(state_folder: str | None, paper: bool, config_file: str | None, as_json: bool) -> int:
    """Show the modes of a running desk, and why each pair is not traded now."""
    from arbkit.core.runtime.control import ModeAsked

    root = Path(state_folder) if state_folder else load(config_file).state.path
    asked = msgspec.json.encode(ModeAsked(idle=True)) + b"\n"
    told = mode.ask(root, ("paper",) if paper else ("live", "paper"), asked)
    if as_json:
        emit(told)
        return 0
    mode.show(told)
    table(("pair", "reason", "text"), [(one.name, one.reason or "none", one.text) for one in told.idle])
    return 0
