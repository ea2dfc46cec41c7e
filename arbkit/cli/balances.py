"""``arbkit balances``."""

from __future__ import annotations

from collections.abc import Sequence

import click

from arbkit.cli.past import Question, amount, nothing, options, print_rows, when
from arbkit.core.types import plain
from arbkit.history import read
from arbkit.history.views import BalanceRow


@click.command()
@options
def command(asked: Question) -> int:
    """List the balances of a running or stopped desk by its own ledger, noted once a minute.

    With --since also what they were then. --symbol BTC-USDT shows BTC and USDT.
    """
    changes = asked.span.since_ns > 0
    columns = ("account", "asset", ">total", *[">change"] * changes, "as of (UTC)")

    def cells(row: BalanceRow) -> Sequence[str]:
        change = "" if row.before is None else amount(row.total - row.before)
        return (row.account, row.asset, plain(row.total), *[change] * changes, when(row.at_ns)[:19])

    with read.open_history(asked.folder) as history:
        print_rows(
            asked,
            read.balances(history, asked.span),
            columns,
            cells,
            lambda: nothing(history, asked, "balances"),
        )
    return 0
