"""``arbkit deals``."""

from __future__ import annotations

from collections.abc import Sequence

import click
import msgspec

from arbkit.cli.past import Question, amount, fold, nothing, options, print_rows, when, width
from arbkit.core.errors import ConfigError
from arbkit.core.types import plain
from arbkit.history import read
from arbkit.history.views import DealRow, FillRow, OrderRow, Span
from arbkit.monitor.terminal import emit, say, show

_WIDE = 100
"""A terminal of so many columns also shows the ids."""
_PARTS = ("slippage", "fees", "latency", "unwind", "leftovers")


@click.command()
@click.argument("number", metavar="[ID|last]", required=False)
@click.option("--split", is_flag=True, help="The parts of the difference between expected and realised.")
@options
def command(asked: Question, number: str | None, split: bool) -> int:
    """List the deals of a running or stopped desk, or show one with its orders: by its id, or the last one.

    expected: the net gain that the strategy saw. realised: what the orders brought, after fees, with leftovers at the
    price when the deal ended. The difference is slippage + fees + latency + unwind + leftovers; positive is better.
    """
    with read.open_history(asked.folder) as history:
        if number is not None:
            return _one(history, number, asked.form == "json")
        rows = read.deals(history, asked.span)
        if split:
            columns = ["time", "deal", ">expected", *(f">{part}" for part in _PARTS), ">realised"]
            print_rows(asked, rows, columns, _split, lambda: nothing(history, asked, "deals"))
        else:
            columns = ["time", "deal", "outcome", ">expected", ">realised", ">ms", ">id"][
                : 7 if width() >= _WIDE else 6
            ]
            print_rows(
                asked, rows, columns, lambda deal: _row(deal)[: len(columns)], lambda: nothing(history, asked, "deals")
            )
        if asked.form == "table" and rows:
            _sums(history, asked, len(rows))
    return 0


def _row(deal: DealRow) -> Sequence[str]:
    ms = "" if deal.closed_ns is None else f"{(deal.closed_ns - deal.opened_ns) / 1e6:.0f}"
    outcome = deal.outcome or "open"
    return (
        str(deal.opened_ns),
        fold(deal.strategy, deal.instruments),
        outcome,
        amount(deal.expected),
        amount(deal.realised),
        ms,
        str(deal.id),
    )


def _split(deal: DealRow) -> Sequence[str]:
    parts = (amount(getattr(deal, part)) for part in _PARTS)
    return (
        str(deal.opened_ns),
        fold(deal.strategy, deal.instruments),
        amount(deal.expected),
        *parts,
        amount(deal.realised),
    )


def _sums(history: read.Past, asked: Question, shown: int) -> None:
    """The sums of all that was asked for, on stderr: the table alone goes to a file."""
    total = 0
    for found in read.deal_sums(history, msgspec.structs.replace(asked.span, limit=0)):
        total += found.deals
        sums = f"expected {amount(found.expected)}, realised {amount(found.realised)} {found.asset}"
        text = f"{found.deals} deals of {asked.folder}: {sums}"
        say(text + (f"; {found.unvalued} without a value" if found.unvalued else ""))
    if total > shown:
        say(f"the newest {shown} of {total} are shown: --limit 0 shows all, --since some")


def _one(history: read.Past, number: str, as_json: bool) -> int:
    if number == "last":
        deal = next(iter(read.deals(history, Span(limit=1))), None)
    elif number.isdecimal():
        deal = read.deal(history, int(number))
    else:
        raise click.UsageError(f"{number!r} is no id of a deal; a deal has a number, or write last")
    if deal is None:
        raise ConfigError(f"there is no deal {number} in {history.path}; arbkit deals --json lists their ids")
    orders = read.orders(history, Span(), deal=deal.id)
    fills = read.fills(history, Span(), deal=deal.id)
    if as_json:
        emit({**msgspec.to_builtins(deal), "orders": orders, "fills": fills})
        return 0
    show(f"deal      {deal.id}: {deal.outcome or 'open'}" + (f" ({deal.why})" if deal.why else ""))
    took = "" if deal.closed_ns is None else f", {(deal.closed_ns - deal.opened_ns) / 1e6:.0f} ms"
    show(f"began     {when(deal.opened_ns)} UTC{took}; strategy {deal.strategy}")
    for order in orders:
        show(f"order     {_order(order)}")
        for fill in fills:
            if fill.cl_ord_id == order.cl_ord_id:
                show(f"  fill    {_fill(fill)}")
    show(f"expected  {amount(deal.expected):>9} {deal.asset}")
    for part in _PARTS:
        show(f"{part:<9} {amount(getattr(deal, part)):>9}")
    show(f"realised  {amount(deal.realised):>9} {deal.asset}")
    return 0


def _order(order: OrderRow) -> str:
    filled = plain(order.filled) if order.filled is not None else "?"
    text = f"{order.purpose} {order.side} {plain(order.qty)} {order.instrument} at {plain(order.px)}: "
    text += f"{order.status or 'open'}, {filled} filled"
    return text + (f"\n          {order.text}" if order.text else "")


def _fill(fill: FillRow) -> str:
    fees = ", ".join(f"{plain(fee)} {asset}" for asset, fee in fill.fees)
    return f"{plain(fill.qty)} at {plain(fill.px)}" + (f", fee {fees}" if fees else "") + f" ({fill.trade_id})"
