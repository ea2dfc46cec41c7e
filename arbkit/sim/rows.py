"""What the rows of all dialects are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from arbkit.core.types import OrdStatus, plain
from arbkit.sim.venue import OrderReport, SimFill, SimOrder

__all__ = ["OrderState", "RowType", "average", "fields", "page", "texts"]

_T = TypeVar("_T")


def fields(names: str, value: Any = "") -> dict[str, Any]:
    """Fields of one value, such as those that are empty on a spot venue: ``fields("lever posSide")``."""
    return dict.fromkeys(names.split(), value)


def texts(given: str) -> dict[str, str]:
    """Fields with a text of their own: ``texts("instType:SPOT lever:")`` has an empty ``lever``."""
    split = (part.partition(":") for part in given.split())
    return {field: value for field, _, value in split}


class RowType:
    """A row type: each field with the fact that it shows, and fields that have always one value.

    ``RowType("orderId=id symbol posSide:net", fields("orderListId", -1))``: ``orderId`` shows the fact ``id``,
    ``symbol`` that of the same name, and ``posSide`` is always the text ``net``. The facts are those of ``Facts``, and
    what the dialect adds to them.
    """

    __slots__ = ("_fixed", "_shown")

    def __init__(self, shown: str, *fixed: Mapping[str, Any]) -> None:
        split = (part.partition("=") for part in shown.split() if ":" not in part)
        self._shown = [(field, fact or field) for field, _, fact in split]
        always = texts(" ".join(part for part in shown.split() if ":" in part))
        self._fixed = {field: value for some in (always, *fixed) for field, value in some.items()}

    def of(self, facts: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        """The row of some facts. ``more``: further fields, or other values."""
        return {**self._fixed, **{field: facts[fact] for field, fact in self._shown}, **more}


class OrderState:
    """An order after a report, or as it is now: the order itself may have changed again since the report."""

    __slots__ = ("cum", "cum_quote", "fills", "ns", "order", "status")

    def __init__(self, order: SimOrder, report: OrderReport | None = None) -> None:
        now = order if report is None else report
        self.order = order
        self.status: OrdStatus = now.status
        self.cum = now.cum
        self.cum_quote = now.cum_quote
        self.ns = order.updated_ns if report is None else report.ns
        self.fills: list[SimFill] = []
        """The fills that make up ``cum``."""
        for fill in order.fills:
            if sum(one.qty for one in self.fills) == self.cum:
                break
            self.fills.append(fill)

    def fees(self) -> dict[str, int]:
        """The fees by asset, in ledger units; negative = rebate."""
        fees: dict[str, int] = {}
        for fill in self.fills:
            fees[fill.fee_asset] = fees.get(fill.fee_asset, 0) + fill.fee
        return fees


def average(quote: int, base: int, digits: int) -> str:
    """The average price of ledger amounts; "" if nothing was traded."""
    return plain(round(Decimal(quote) / base, digits)) if base else ""


def page(
    rows: Sequence[_T], key: Callable[[_T], int], limit: int, below: int = 0, above: int = 0
) -> tuple[list[_T], bool]:
    """One page, newest first: the rows with keys under ``below`` (0 = any) and over ``above``; and whether more
    follow."""
    wanted = sorted((row for row in rows if above < key(row) and (not below or key(row) < below)), key=key)
    return wanted[::-1][:limit], len(wanted) > limit
