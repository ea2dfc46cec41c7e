"""``arbkit alarms``."""

from __future__ import annotations

from collections.abc import Sequence

import click

from arbkit.cli.past import Question, options, print_rows
from arbkit.history import read
from arbkit.history.views import Alarm


@click.command()
@options
def command(asked: Question) -> int:
    """List what an operator must know: alarms, refused keys, failed strategies, modes that breakers have set."""
    with read.open_history(asked.folder) as history:
        print_rows(asked, read.alarms(history, asked.span), ("time", "alarm", "what"), _row, lambda: "no alarms")
    return 0


def _row(alarm: Alarm) -> Sequence[str]:
    fields = {name: value for name, value in alarm.fields.items() if value not in ("", None)}
    text = ", ".join(f"{name} {value}" for name, value in fields.items() if name not in ("why", "problem", "warning"))
    why = "; ".join(str(fields[name]) for name in ("why", "problem", "warning") if name in fields)
    return (str(alarm.at_ns), alarm.event.removeprefix("alarm."), ": ".join(part for part in (text, why) if part))
