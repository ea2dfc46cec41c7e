"""``arbkit fills``."""

from __future__ import annotations

from collections.abc import Sequence

import click

from arbkit.cli.past import Question, nothing, options, print_rows
from arbkit.core.types import plain
from arbkit.history import read
from arbkit.history.views import FillRow


@click.command()
@click.option("--deal", type=int, help="Only the fills of this deal.")
@options
def command(asked: Question, deal: int | None) -> int:
    """List the fills of a running or stopped desk, with their fees. A fill of 0 only brings a fee."""
    columns = ("time", "instrument", "side", ">qty", ">price", ">fee", "asset")
    what = "fills" if deal is None else f"fills of a deal {deal}"
    with read.open_history(asked.folder) as history:
        print_rows(
            asked, read.fills(history, asked.span, deal=deal), columns, _row, lambda: nothing(history, asked, what)
        )
    return 0


def _row(fill: FillRow) -> Sequence[str]:
    fees = ", ".join(plain(fee) for _, fee in fill.fees) or "0"
    assets = ", ".join(asset for asset, _ in fill.fees)
    return (str(fill.at_ns), fill.instrument, fill.side, plain(fill.qty), plain(fill.px), fees, assets)
