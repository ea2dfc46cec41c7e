"""``arbkit orders``."""

from __future__ import annotations

from collections.abc import Sequence

import click

from arbkit.cli.past import Question, nothing, options, print_rows
from arbkit.core.types import plain
from arbkit.history import read
from arbkit.history.views import OrderRow


@click.command()
@click.option("--deal", type=int, help="Only the orders of this deal.")
@options
def command(asked: Question, deal: int | None) -> int:
    """List the orders of a running or stopped desk. An order without a status is open, or its end is not known."""
    columns = ("time", "instrument", "purpose", "side", ">qty", ">limit", ">filled", "status")
    what = "orders" if deal is None else f"orders of a deal {deal}"
    with read.open_history(asked.folder) as history:
        print_rows(
            asked, read.orders(history, asked.span, deal=deal), columns, _row, lambda: nothing(history, asked, what)
        )
    return 0


def _row(order: OrderRow) -> Sequence[str]:
    return (
        str(order.sent_ns),
        order.instrument,
        order.purpose,
        order.side,
        plain(order.qty),
        plain(order.px),
        "?" if order.filled is None else plain(order.filled),
        order.status or "open",
    )
