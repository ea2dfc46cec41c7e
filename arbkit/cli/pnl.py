"""``arbkit pnl``."""

from __future__ import annotations

from collections.abc import Sequence

import click

from arbkit.cli.past import Question, amount, options, print_rows, when
from arbkit.history import read
from arbkit.history.views import GainRow


@click.command()
@options
def command(asked: Question) -> int:
    """Show the gain of each day (UTC).

    realised: what the deals brought that ended that day. marked: all gains since they were last settled, with what is
    left of other assets at the present price, at the end of the day; change: of it, since the day before.
    """
    columns = ("day", ">deals", ">realised", ">marked", ">change", "asset")
    with read.open_history(asked.folder) as history:
        print_rows(asked, read.gains(history, asked.span), columns, _row, lambda: "no deals and no gain")
    return 0


def _row(row: GainRow) -> Sequence[str]:
    return (
        when(row.day_ns)[:10],
        str(row.deals),
        amount(row.realised),
        amount(row.marked),
        amount(row.change),
        row.asset,
    )
