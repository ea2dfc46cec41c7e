"""``arbkit top``."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import msgspec

from arbkit.cli import mode
from arbkit.cli.output import config_option, json_option
from arbkit.config.load import load
from arbkit.core.errors import ConfigError
from arbkit.monitor.picture import Glimpse
from arbkit.monitor.terminal import emit


@click.command()
@click.option("--state", "state_folder", type=click.Path(file_okay=False), help="State folder of the run.")
@click.option("--paper", is_flag=True, help="The paper run of this state folder, if a live one runs too.")
@config_option
@json_option
def command(state_folder: str | None, paper: bool, config_file: str | None, as_json: bool) -> int:
    """Watch a running desk: its state, deals, faults and reasons, as on its own terminal. It changes nothing.

    Needs: pip install 'arbkit[top]'. With --json: the state and the last lines, once.
    """
    from arbkit.core.runtime.control import ModeAsked

    root = Path(state_folder) if state_folder else load(config_file).state.path

    def ask(after: int) -> Glimpse:
        asked = msgspec.json.encode(ModeAsked(watch=after)) + b"\n"
        told = mode.ask(root, ("paper",) if paper else ("live", "paper"), asked)
        return msgspec.convert(told.watched, Glimpse)

    if as_json:
        emit(ask(0))
        return 0
    if not sys.stdout.isatty():
        raise ConfigError("arbkit top needs a terminal; in a pipe use arbkit top --json, or arbkit status")
    try:
        from arbkit.monitor.top import Top
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "textual":
            raise
        raise ConfigError("arbkit top needs the package textual: pip install 'arbkit[top]'") from None
    Top(ask, first=ask(0)).run()
    return 0
