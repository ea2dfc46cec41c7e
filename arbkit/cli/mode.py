"""``arbkit mode``."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from arbkit.cli.output import config_option, json_option, table
from arbkit.config.load import load
from arbkit.core.errors import ConfigError, TransportError
from arbkit.core.types import Mode
from arbkit.monitor.terminal import emit, say

if TYPE_CHECKING:
    from arbkit.core.runtime.control import ModesTold

_PATIENCE_S = 5.0


@click.command()
@click.argument(
    "wanted", metavar="[active|reducing|halted]", required=False, type=click.Choice([m.value for m in Mode])
)
@click.option("--scope", default="", help="Only this venue, or this pair such as binance:BTC-USDT+okx:BTC-USDT.")
@click.option("--why", default="", help="The reason, for the log and the journal.")
@click.option("--state", "state_folder", type=click.Path(file_okay=False), help="State folder of the run.")
@click.option("--paper", is_flag=True, help="The paper run of this state folder, if a live one runs too.")
@config_option
@json_option
def command(
    wanted: str | None,
    scope: str,
    why: str,
    state_folder: str | None,
    paper: bool,
    config_file: str | None,
    as_json: bool,
) -> int:
    """Show or set the mode of a running desk.

    active: it trades. reducing: no new deals, open ones are finished. halted: nothing is sent but cancels and queries.
    It is kept over restarts, until somebody sets active.
    """
    from arbkit.core.runtime.control import ModeAsked

    root = Path(state_folder) if state_folder else load(config_file).state.path
    asked = ModeAsked(mode=None if wanted is None else Mode(wanted), scope=scope, why=why)
    kinds = ("paper",) if paper else ("live", "paper")
    try:
        told = ask(root, kinds, msgspec.json.encode(asked) + b"\n")
    except TransportError as error:
        if asked.mode is None:
            raise
        how = f"a file {root / kinds[0] / 'kill'} halts a run that does not answer, and the next one"
        raise TransportError(f"{error}; {how}") from None
    if told.error:
        raise ConfigError(told.error)
    if as_json:
        emit(told)
    else:
        show(told)
    return 0


def show(told: ModesTold) -> None:
    """Print each scope that is not active."""
    if told.modes:
        rows = [(scope or "all", one.mode.value, one.why) for scope, one in sorted(told.modes.items())]
        table(("scope", "mode", "why"), rows)
    else:
        say("all: active")


def ask(root: Path, kinds: tuple[str, ...], line: bytes) -> ModesTold:
    """The answer of the run in this state folder."""
    from arbkit.core.runtime.control import NAME, ModesTold

    for kind in kinds:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(_PATIENCE_S)
            try:
                client.connect(str(root / kind / NAME))
                client.sendall(line)
                answer = b""
                while not answer.endswith(b"\n") and (piece := client.recv(65536)):
                    answer += piece
                return msgspec.json.decode(answer, type=ModesTold)
            except (FileNotFoundError, ConnectionRefusedError):
                continue
            except (OSError, msgspec.DecodeError) as error:
                raise TransportError(f"the run in {root / kind} does not answer: {error}") from None
    raise TransportError(f"no run answers in {root}")
