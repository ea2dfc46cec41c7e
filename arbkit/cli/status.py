"""``arbkit status``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec

from arbkit.cli import mode
from arbkit.cli.output import table
from arbkit.cli.past import amount, state_options, when, where_is
from arbkit.core.errors import ConfigError, TransportError
from arbkit.monitor.terminal import emit, say, show

_DAY_NS = 86_400_000_000_000


@click.command()
@state_options
def command(state_folder: str | None, paper: bool, config_file: str | None, as_json: bool) -> int:
    """Show the modes of a running desk, why each pair is not traded now, and what it did in the last day.

    Of a desk that does not run (exit code 4) it shows what the history knows.
    """
    from arbkit.core.runtime.control import ModeAsked

    folder = where_is(state_folder, paper, config_file)
    asked = msgspec.json.encode(ModeAsked(idle=True)) + b"\n"
    told = stopped = None
    for kind in ("paper",) if paper else ("live", "paper"):
        try:
            told, folder = mode.ask(folder.parent, (kind,), asked), folder.with_name(kind)
            break
        except TransportError as error:
            stopped = stopped or error
    past = _past(folder)
    if told is None and past is None:
        assert stopped is not None
        raise stopped
    if as_json:
        emit({**({} if told is None else msgspec.to_builtins(told)), "running": told is not None, "history": past})
    else:
        if told is not None:
            mode.show(told)
        if past is not None:
            _show(past, running=told is not None)
        if told is not None:
            table(("pair", "reason", "text"), [(one.name, one.reason or "none", one.text) for one in told.idle])
        elif past is not None and past["reasons"]:
            table(("not traded", "reason"), [(one["name"], one["text"]) for one in past["reasons"]])
    if told is None:
        say(f"arbkit: {stopped}: this is what the history knows")
        return 4
    return 0


def _past(folder: Path) -> dict[str, Any] | None:
    """What the history knows of the last run and the last day; None if there is none."""
    from arbkit.core.runtime.clock import Clock
    from arbkit.history import read
    from arbkit.history.schema import NAME
    from arbkit.history.views import Span

    day = Span(since_ns=Clock().now_ns() - _DAY_NS)
    try:
        with read.open_history(folder) as history:
            runs = read.runs(history, limit=1)
            gains = [row for row in read.gains(history, Span()) if row.marked is not None]
            found = {
                "run": runs[-1] if runs else None,
                "deals": read.deal_sums(history, day),
                "marked": gains[-1] if gains else None,
                "alarms": read.alarms(history, msgspec.structs.replace(day, limit=1000)),
                "reasons": read.reasons(history, day),
            }
    except ConfigError as error:
        if (folder / NAME).exists():
            say(f"arbkit: {error}")
        return None
    told: dict[str, Any] = msgspec.to_builtins(found, builtin_types=(dict,))
    return told | {"alarms": len(told["alarms"])}


def _show(past: dict[str, Any], *, running: bool) -> None:
    from decimal import Decimal

    run = past["run"]
    if run is not None:
        began = f"{run['mode']}, began {when(run['at_ns'])[:19]} UTC"
        if running:
            show(f"run: {began}, at work")
        elif run["ended_ns"] is None:
            show(f"run: {began}; it has no end: the process was killed, or the machine stopped")
        else:
            code = "" if run["exit"] is None else f" with exit code {run['exit']}"
            show(f"run: {began}; ended {when(run['ended_ns'])[:19]}{code}")
    for deals in past["deals"]:
        realised = amount(Decimal(deals["realised"]))
        show(f"last day: {deals['deals']} deals, realised {realised} {deals['asset']}; {past['alarms']} alarms")
    if not past["deals"]:
        show(f"last day: no deals; {past['alarms']} alarms")
    if (marked := past["marked"]) is not None:
        day = when(marked["day_ns"])[:10]
        show(f"gain at present prices: {amount(Decimal(marked['marked']))} {marked['asset']} ({day})")
